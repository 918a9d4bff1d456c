"""What goes in time, and what a run in progress keeps."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fixtures import reddit_lines
from fixtures.live_reddit import BUSY_DAY, entry, live
from pulse.config.settings import Retention
from pulse.core.errors import SourceUnavailable
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.platforms.entry import CommunityEntry
from pulse.sandbox.faults import Fault
from pulse.sandbox.reddit_data import ArchiveData
from pulse.sources import registry
from pulse.sources.live.caches import cache_lock, caches_folder
from pulse.sources.protocol import Source
from pulse.steps import retention
from pulse.steps.retention import Pruned

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def written(path: Path, *, age: timedelta) -> Path:
    """A file last written so long ago; the folders that it needed as well."""
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("12345")
    for one in (path, *missing):
        os.utime(one, ((NOW - age).timestamp(),) * 2)
    return path


def prune(home: Home, *, is_dry_run: bool = False) -> dict[str, Pruned]:
    return {one.kind: one for one in retention.prune(home, Retention(), clock=lambda: NOW, is_dry_run=is_dry_run)}


def still_there(paths: Iterable[Path]) -> list[bool]:
    return [path.exists() for path in paths]


def test_prune__scratch_of_killed_runs_goes_after_a_day(home: Home):
    old = [
        written(home.scratch / "answers-20261004" / "stretch.ndjson", age=25 * HOUR),
        written(home.scratch / "staging-ab" / "0" / "spill" / "x.tmp", age=25 * HOUR),
        written(home.scratch / "gate-12.duckdb", age=25 * HOUR),
    ]
    in_use = written(home.scratch / "gate-34" / "gate.duckdb", age=25 * HOUR)
    touched = written(in_use.parent / "spill" / "y.tmp", age=23 * HOUR)
    assert prune(home, is_dry_run=True)["scratch"] == Pruned("scratch", 1, 3, 15)
    assert all(still_there(old))
    assert prune(home)["scratch"].items_n == 3
    assert not any(still_there(old))
    assert still_there([in_use, touched]) == [True, True]
    assert home.scratch.is_dir()


def test_prune__drafts_that_killed_runs_never_put_into_place_go_after_a_day(home: Home):
    folders = (home.root, home.landing / "failures" / "run", home.scores / "model_id=a" / "day=2026-10-05",
               home.quality / "load_outcomes", home.warehouse / "pending")  # fmt: skip
    old = [written(folder / ".x.json.4711.tmp", age=25 * HOUR) for folder in folders]
    old.append(written(home.scores / ".draft-4711.tmp", age=25 * HOUR))
    kept = [
        written(home.quality / "load_outcomes" / ".y.parquet.4712.tmp", age=23 * HOUR),
        written(home.quality / "load_outcomes" / "x.4711.tmp", age=25 * HOUR),
        written(home.warehouse / "community_pulse.duckdb", age=25 * HOUR),
        written(home.airflow / ".airflow.cfg.4711.tmp", age=25 * HOUR),
        written(home.dbt / ".manifest.json.4711.tmp", age=25 * HOUR),
    ]
    assert prune(home)["scratch"].items_n == len(old)
    assert not any(still_there(old))
    assert all(still_there(kept))


@pytest.mark.parametrize("source", ["reddit_api", "mastodon_api"])
def test_prune__answers_of_an_extraction_go_when_nobody_would_resume_it(
    home: Home, source: str, monkeypatch: pytest.MonkeyPatch
):
    """Of every live source of the registry, one that has just been added included."""
    added = Source("mastodon_api", CommunityEntry, "pulse.sources.mastodon.source", is_live=True)
    monkeypatch.setitem(registry.SOURCES, added.name, added)
    caches = caches_folder(home, source)
    spent = written(caches / "spent" / "page.json", age=7 * HOUR)
    held = written(caches / "held" / "page.json", age=7 * HOUR)
    begun_long_ago = written(caches / "slow" / "started.json", age=7 * HOUR)
    written(begun_long_ago.with_name("page.json"), age=1 * HOUR)
    with exclusive(home, cache_lock(source, "held")):
        assert prune(home, is_dry_run=True)["unfinished extractions"] == Pruned("unfinished extractions", 0.25, 1, 5)
        assert spent.exists()
        assert prune(home)["unfinished extractions"].items_n == 1
    assert still_there([spent.parent, held, begun_long_ago]) == [False, True, True]
    assert prune(home)["unfinished extractions"].items_n == 1, "once nobody holds it"


def test_prune__what_listens_heard_stays_until_a_load_was_made_of_it_and_a_day_more(home: Home):
    caches = caches_folder(home, "reddit_api")
    waiting = written(caches / "listens-20261020-a" / "x" / "page.json", age=13 * 24 * HOUR)
    forgotten = written(caches / "listens-20261001-b" / "x" / "page.json", age=15 * 24 * HOUR)
    taken = written(caches / "listens-20261019-c" / "x" / "page.json", age=30 * HOUR)
    written(taken.parents[1] / "taken.json", age=25 * HOUR)
    os.utime(taken.parents[1], ((NOW - 25 * HOUR).timestamp(),) * 2)
    taken_lately = written(caches / "listens-20261020-d" / "x" / "page.json", age=30 * HOUR)
    written(taken_lately.parents[1] / "taken.json", age=23 * HOUR)
    os.utime(taken_lately.parents[1], ((NOW - 23 * HOUR).timestamp(),) * 2)
    with exclusive(home, cache_lock("reddit_api", "listens-20261001-b")):
        assert prune(home)["listens"].items_n == 1
        assert forgotten.exists(), "somebody holds it"
    assert prune(home)["listens"].items_n == 1
    assert still_there([waiting, forgotten, taken, taken_lately]) == [True, False, False, True]


def test_prune__an_extraction_in_progress_holds_the_lock_that_keeps_its_answers(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """At each answer of the real source everything it has so far is made to look old, and pruned."""
    data = ArchiveData([reddit_lines.write(tmp_path / "tea.ndjson", [reddit_lines.post("a", subreddit="Tea")])])
    pruned_n: list[int] = []

    def aged() -> datetime:
        for path in caches_folder(home, "reddit_api").rglob("*"):
            os.utime(path, (0, 0))
        pruned_n.append(prune(home)["unfinished extractions"].items_n)
        return NOW

    with live(home, data, [entry("Tea")], day=BUSY_DAY) as running:
        running.server.add_fault(Fault("503", nth=2, times=100))
        with monkeypatch.context() as patched:
            patched.setattr("pulse.sources.live.budget.CallBudget.note", lambda *_: aged())
            with pytest.raises(SourceUnavailable):
                running.extract(BUSY_DAY)
    assert len(pruned_n) > 1
    assert set(pruned_n) == {0}
    aged()
    assert pruned_n[-1] == 1


def test_prune__landing_quarantine_and_quality_go_after_their_days(home: Home):
    old = [
        written(home.landing / "loads" / "reddit_archive-tea", age=timedelta(days=15)),
        written(home.landing / "failures" / "run", age=timedelta(days=15)),
        written(home.landing / "plans" / "reddit_api-20261020-20261020-x.json", age=timedelta(days=15)),
        written(home.quality / "gate_results" / "x.parquet", age=timedelta(days=401)),
    ]
    kept = [
        written(home.landing / "loads" / "reddit_archive-mate", age=timedelta(days=13)),
        written(home.quality / "load_outcomes" / "x.parquet", age=timedelta(days=4_000)),
        written(home.raw / "contributions" / "x.parquet", age=timedelta(days=4_000)),
    ]
    found = prune(home)
    assert (found["landing"].items_n, found["quality"].items_n, found["quarantine"].items_n) == (3, 1, 0)
    assert not any(still_there(old))
    assert all(still_there(kept))
