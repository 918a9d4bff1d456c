"""Two ways to the same contributions: by archive and by PRAW from the sandbox the rows are the same."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.live_reddit import KEY, Live, live, shortly_after
from fixtures.reddit_lines import rows_of
from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.clock import utc_now
from pulse.core.errors import DayNotServable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import unproven_days
from pulse.sandbox.reddit_data import ArchiveData
from pulse.sandbox.world_archive import write_archives
from pulse.sources.lines.archive import extract
from pulse.sources.reddit.entry import UNOBSERVABLE, RedditArchiveEntry
from support import world_of_seed_7

pytestmark = pytest.mark.integration

# What differs by the route: when and by whom it was seen, and what the API cannot see.
OF_THE_ROUTE = {"observed_at", "source", "load_id", *UNOBSERVABLE}


def by_archive(home: Home, files: Iterable[Path], name: str, days: Iterable[date]) -> dict[str, dict[str, Any]]:
    """Rows of the route by file, by contribution."""
    of_files = RedditArchiveEntry(platform="reddit", name=name, source="reddit_archive", path=tuple(files))
    context = source_context(home, Settings(communities=(of_files,)), utc_now, KEY)
    loads = []
    for day in days:
        with suppress(DayNotServable):  # nobody wrote on that day, and the files alone do not prove it
            loads.append(extract(of_files, Window.one_day(day), context))
    return compared(row for load in loads for row in rows_of(load))


def by_praw(running: Live, name: str, days: Iterable[date]) -> dict[str, dict[str, Any]]:
    """Rows of the live route, each day asked for shortly after its end; every day must be complete."""
    rows = []
    for day in days:
        running.at_end_of(day)
        load = running.extract(day, name)
        assert unproven_days(load) == set()
        of_day = rows_of(load)
        assert {row["observed_at"] for row in of_day} <= {shortly_after(day)}, "now is the platform's"
        rows += of_day
    return compared(rows)


def compared(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for row in rows:
        assert row["contribution_id"] not in found
        found[row["contribution_id"]] = {name: value for name, value in row.items() if name not in OF_THE_ROUTE}
    return found


def test_world__is_the_same_by_archive_and_by_praw(home: Home, tmp_path: Path):
    world = world_of_seed_7(40)
    files = write_archives(world, tmp_path)
    paths = [files.submissions, files.comments]
    days = [world.first_day + timedelta(days=20), world.outage_day]
    names = [
        one.name
        for one in world.communities
        if not one.is_feed_broken and one.opens_at.date() < world.first_day + timedelta(days=1)
    ]
    assert len(names) >= 4
    with live(home, ArchiveData(paths), names, day=days[0]) as running:
        for name in names:
            wanted = by_archive(home, paths, name, days)
            assert wanted
            assert by_praw(running, name, days) == wanted


@pytest.mark.real_data
def test_ufc__is_the_same_by_archive_and_by_praw(home: Home, recorded_data: Path):
    paths = [recorded_data / "reddit_threads_ufc" / name for name in ("submissions.jsonl", "comments.jsonl")]
    window = Window(date(2018, 10, 7), date(2018, 10, 20))
    with live(home, ArchiveData(paths), ["ufc"], day=window.last_day) as running:
        load = running.extract(window)
        assert unproven_days(load) == set()
        found = compared(rows_of(load))
    assert len(found) == 601
    assert found == by_archive(home, paths, "ufc", window.days())


@pytest.mark.real_data
def test_askmen__is_the_same_by_archive_and_by_praw(home: Home, recorded_data: Path):
    paths = [recorded_data / "reddit_pushshift" / "AskMen_submissions_2019-10.zst"]
    days = [date(2019, 10, day) for day in (1, 12, 31)]
    with live(home, ArchiveData(paths), ["AskMen"], day=days[0]) as running:
        found = by_praw(running, "AskMen", days)
    assert len(found) > 1_000
    assert found == by_archive(home, paths, "AskMen", days)
