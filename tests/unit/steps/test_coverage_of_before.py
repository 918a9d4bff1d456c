"""Homes that a version without coverage filled: what is derived of each kind of day, and what is said of the rest."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.reddit_lines import DAY, KEY, NOON_S, comment, context, entry, post, write
from home_of_before import MANIFEST_KEYS, make_home_of_before
from pulse.cli import doctor
from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core import coverage
from pulse.core.files import read_json
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates import quarantine
from pulse.lake import outcomes, quality, raw
from pulse.lake.landing import Load, coverage_of, find
from pulse.reading import status
from pulse.sources.lines.archive import extract
from pulse.sources.reddit.entry import RedditApiEntry, RedditArchiveEntry, RedditEntry
from pulse.steps import coverage_of_before
from support import contribution, sealed_load

WEEK = Window(DAY, DAY + timedelta(days=6))
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> date:
    """The days of the week, from 0."""
    return DAY + timedelta(days=number)


def records(first: int, days_n: int, *, kind: str = "post", name: str = "Tea", tag: str = "") -> list[dict[str, Any]]:
    """Eight posts, or comments, on each day."""
    start_s = NOON_S - 43_200
    make = post if kind == "post" else comment
    return [
        make(f"{tag}{number}x{part}", subreddit=name, created_utc=start_s + number * 86_400 + part * 10_800 + 600)
        for number in range(first, first + days_n)
        for part in range(8)
    ]


def arrive(home: Home, load: Load, of: RedditEntry, *, at: datetime = LATER - timedelta(days=1)) -> None:
    quality.ensure_tables(home)
    raw.promote(home, load)
    rows = outcomes.arrival_rows(home, of, load, run_id=load.load_id, recorded_at=at)
    outcomes.record(home, rows, stem=load.load_id)


def load_of_before(
    home: Home, of: RedditArchiveEntry, *, known: Collection[int], window: Window = WEEK
) -> Mapping[str, Collection[date]]:
    """Load a window as the version before did: it called these days complete."""
    load = extract(of, window, context(home, of))
    arrive(home, load, of)
    complete = {of.entry_id: [day(number) for number in known]}
    make_home_of_before(home, complete)
    return complete


def derive(home: Home, *entries: RedditEntry) -> coverage_of_before.Derived:
    settings = Settings(communities=entries)
    found = coverage_of_before.derive_once(home, settings, source_context(home, settings, lambda: LATER, KEY))
    assert found is not None
    return found


def known(home: Home, kind: str, community: str = "tea") -> list[int]:
    """Days of the week of which something is proven in raw."""
    raw.ensure_empty_file(home)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select distinct day from read_parquet(?, hive_partitioning = false) "
            "where kind = ? and community = ? and looked_from is not null order by day",
            [raw.coverage_glob(home), kind, community],
        ).fetchall()
    return [(found - DAY).days for (found,) in rows]


def test_home_of_before__has_no_word_of_coverage(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", records(0, 7)))
    load_of_before(home, tea, known=range(7))
    assert not (home.raw / "coverage").exists()
    (manifest,) = (home.landing / "loads").glob("*/load.json")
    assert set(read_json(manifest)) == MANIFEST_KEYS
    assert sorted(file.name for file in manifest.parent.iterdir()) == ["bad_lines.parquet", "load.json", "rows"]
    assert find(home, manifest.parent.name), "this version opens it"


def test_derive__days_that_nothing_was_known_of_lose_nothing(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", records(0, 5)))
    load_of_before(home, tea, known=range(5))
    found = derive(home, tea)
    assert (found.derived_n, found.to_load_again) == ({"reddit/tea": 5}, {})


def test_derive__stray_day_is_named_until_a_load_speaks_of_it(home: Home, tmp_path: Path):
    stray = records(6, 1)[:1]
    tea = entry(write(tmp_path / "RS", [*records(0, 3), *stray]))
    load_of_before(home, tea, known=range(7))
    assert coverage_of_before.not_derived_yet(home) == {"reddit/tea": 7}
    found = derive(home, tea)
    assert known(home, "post") == [0, 1, 2]
    days = tuple(map(day, (3, 4, 5, 6)))
    assert found.to_load_again == coverage_of_before.still_to_load_again(home) == {"reddit/tea": days}
    assert coverage_of_before.not_derived_yet(home) == {}
    (said,) = status.status_of(home, Settings(communities=(tea,))).entries
    assert (said.outcome, said.complete_days_n, said.tried_days_n) == ("partial", 3, 7)
    arrive(home, extract(tea, Window(day(3), day(6)), context(home, tea)), tea)
    assert coverage_of_before.still_to_load_again(home) == {}, "what can be known of them is known"


def test_derive__files_that_grew_since_prove_no_day_that_raw_lacks(home: Home, tmp_path: Path):
    path = tmp_path / "RS"
    tea = entry(write(path, records(0, 4)[:-4]))
    load_of_before(home, tea, known=range(4))
    path.unlink()
    write(path, records(0, 7))
    found = derive(home, tea)
    assert known(home, "post") == [0, 1, 2], "or the days after would be empty"
    assert found.to_load_again == {"reddit/tea": (day(3),)}


def test_derive__a_name_that_nothing_bears_is_not_loaded_again(home: Home, tmp_path: Path):
    tee = entry(write(tmp_path / "RS", records(0, 7)), name="tee")
    load_of_before(home, tee, known=range(7))
    found = derive(home, tee)
    assert (found.derived_n, found.to_load_again) == ({}, {})


def test_derive__wildcard_speaks_for_no_community_with_an_entry_of_its_own(home: Home, tmp_path: Path):
    path = write(tmp_path / "RS", [*records(0, 7), *records(0, 7, name="Milk", tag="m")])
    rest, milk = entry(path, name="*"), entry(path, name="milk")
    arrive(home, extract(rest, WEEK, context(home, rest, milk)), rest)
    make_home_of_before(home, {"reddit/*": list(WEEK.days())})
    derive(home, rest, milk)
    assert known(home, "post") == list(range(7))
    assert known(home, "post", "milk") == []


def test_derive__days_whose_outcomes_are_too_old_to_be_kept(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", records(0, 7)))
    load_of_before(home, tea, known=range(7))
    for file in quality.files(home, quality.LOAD_OUTCOMES):
        file.unlink()
    assert derive(home, tea).derived_n == {"reddit/tea": 7}
    assert known(home, "post") == list(range(7))


@pytest.mark.parametrize("later", ["failed", "partial"])
def test_derive__what_a_live_source_saw_stays_seen_whatever_came_of_a_rerun(home: Home, later: str):
    tea = RedditApiEntry(platform="reddit", name="tea", source="reddit_api")
    live = {"source": "reddit_api", "is_replayable": False, "window": Window.one_day(DAY)}
    row = contribution(created_at=datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC), source="reddit_api")
    arrive(home, sealed_load(home, [row], load_id="reddit_api-a", **live), tea)
    if later == "partial":
        facts = {"incomplete_days": (DAY,), "partial_reason": "the calls of this run were spent"}
        again = sealed_load(home, [row], load_id="reddit_api-b", **live, **facts)
        arrive(home, again, tea, at=LATER)
    else:
        rows = outcomes.absence_rows(
            tea, Window.one_day(DAY), run_id="b", load_id=None, outcome="failed", quarantined_rows_n=0,
            reason="banned", recorded_at=LATER,
        )  # fmt: skip
        outcomes.record(home, rows, stem="b")
    for file in (home.raw / "coverage").rglob("*.parquet"):
        file.unlink()
    assert derive(home, tea).to_load_again == {}
    assert (known(home, "post"), known(home, "comment")) == ([0], [0])
    (said,) = status.status_of(home, Settings(communities=(tea,))).entries
    assert said.outcome == later, "what became of the rerun is still said"


def test_derive__asks_for_everything_to_be_built_if_there_was_anything(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", records(0, 7)))
    load_of_before(home, tea, known=range(7))
    for note in (home.warehouse / "pending").glob("*.json"):
        note.unlink()
    derive(home, tea)
    assert [raw.asks_for_everything(note) for note in raw.pending_dates(home)] == [True]
    empty = Home(tmp_path / "other").create()
    derive(empty, tea)
    assert raw.pending_dates(empty) == {}


def test_load_of_before__released_now_proves_what_its_own_rows_span(home: Home, tmp_path: Path):
    stray = records(6, 1)[:1]
    tea = entry(write(tmp_path / "RS", [*records(0, 3), *stray]))
    load = extract(tea, WEEK, context(home, tea))
    quarantine.keep_load(home, load, {"quarantined_share": "too many"})
    make_home_of_before(home, {"reddit/tea": list(WEEK.days())})
    released = quarantine.release(
        home, load.load_id, waive=frozenset({"quarantined_share"}), reason="it is right", clock=lambda: LATER
    )
    looks = coverage_of(released)
    assert coverage.whole_days(looks, community="tea", kinds=["post"]) == {day(0), day(1), day(2)}
    assert coverage.whole_days(looks, community="tea", kinds=["comment"]) == set(), "it holds none"
    assert {look.day for look in looks} == set(WEEK.days())


def test_doctor__names_what_to_do_before_and_after(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "RS", [*records(0, 3), *records(6, 1)[:1]])
    config = tmp_path / "communities.yml"
    config.write_text("communities:\n  - {platform: reddit, name: tea, source: reddit_archive, path: RS}\n")
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    tea = entry(tmp_path / "RS")
    load_of_before(home, tea, known=range(7))

    def said() -> list[str]:
        return [f"{one.found} {one.next_step}" for one in doctor.examine(home) if one.check == "coverage"]

    (before,) = said()
    assert "7 days of 1 entries" in before
    assert "pulse rebuild" in before
    derive(home, tea)
    (after,) = said()
    assert f"pulse backfill --from {day(3)} --to {day(6)}" in after


def test_derive__takes_the_names_of_profiles_out_of_the_outcomes(home: Home, tmp_path: Path):
    rest = entry(write(tmp_path / "RS", records(0, 7)), name="*")
    load = sealed_load(
        home,
        [contribution(community="u_jane_doe"), contribution("t3_b", community="u_0123456789abcdef")],
        community="*",
        load_id="reddit_archive-reddit-x",
    )
    arrive(home, load, rest)
    for file in (home.raw / "coverage").rglob("*.parquet"):
        file.unlink()
    assert coverage_of_before.profiles_kept_by_name(home) == 1
    derive(home, rest)
    with duckdb.connect() as connection:
        names = connection.execute(
            "select distinct community from read_parquet(?) order by all", [quality.glob(home, quality.LOAD_OUTCOMES)]
        ).fetchall()
    assert names == [("*",), ("u_0123456789abcdef",)]
