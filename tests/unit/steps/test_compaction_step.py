"""What a run and ``pulse prune`` compact, and that neither is stopped by it."""

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.core.window import Window
from pulse.lake import compacted, compaction, raw
from pulse.sources.reddit.entry import RedditApiEntry
from pulse.steps import retention
from pulse.steps.pipeline import Pipeline
from pulse.steps.retention import Pruned
from pulse.texts import get_scorer, score_partitions, unjudged_partitions
from pulse.warehouse import builds
from support import NOON, ask, contribution, pulse, sealed_load

DAYS_N, AT_ONCE_N = 5, 3
FIRST_DAY = NOON.date()
# For a run of that day all is settled, whenever it came.
LONG_AFTER = date(2100, 1, 1)


@pytest.fixture
def filled(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Days of two communities, judged; a run compacts some of them at once."""
    monkeypatch.setattr(retention, "_DAYS_AT_ONCE", AT_ONCE_N)
    for name in ("tea", "mate"):
        rows = [
            contribution(f"t3_{name}{number}", created_at=NOON + timedelta(days=number), community=name)
            for number in range(DAYS_N)
        ]
        window = Window(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS_N - 1))
        raw.promote(home, sealed_load(home, rows, load_id=f"reddit_archive-{name}", community=name, window=window))
    for note in raw.pending_dates(home):
        note.unlink()
    scorer = get_scorer("vader")
    score_partitions(home, scorer, unjudged_partitions(home, scorer.model_id))
    return home


def small_files(folder: Path) -> int:
    return len([file for file in folder.rglob("day=*/*.parquet") if not compacted.is_compacted(file)])


def test_compact__a_run_compacts_some_days_at_once_and_the_next_the_rest(filled: Home):
    retention.compact(filled, through=LONG_AFTER, is_run=True)
    assert small_files(filled.raw) == 2 * (DAYS_N - AT_ONCE_N)
    retention.compact(filled, through=LONG_AFTER, is_run=True)
    assert small_files(filled.raw) == small_files(filled.scores) == 0


def test_compact__by_hand_everything_after_it_was_said(filled: Home):
    said = retention.compact(filled, through=LONG_AFTER, is_run=False, is_dry_run=True)
    assert small_files(filled.raw) == 2 * DAYS_N
    done = retention.compact(filled, through=LONG_AFTER, is_run=False)
    assert (said.items_n, done.items_n) == (4 * DAYS_N + 2, 4 * DAYS_N + 2)
    assert done.freed_bytes > 0
    assert small_files(filled.raw) == small_files(filled.scores) == 0
    again = retention.compact(filled, through=LONG_AFTER, is_run=False)
    assert again == Pruned("small files of settled days", 7, 0, 0)


def test_compact__scores_of_a_day_with_texts_that_nobody_judged_stay(filled: Home):
    """They would look as if the whole day were judged."""
    model_id = get_scorer("vader").model_id
    (file,) = filled.scores_dir(model_id, "reddit", "tea", FIRST_DAY).glob("*.parquet")
    file.unlink()
    file.parent.rmdir()
    more = contribution("t3_cocoa", community="cocoa")
    raw.promote(filled, sealed_load(filled, [more], load_id="reddit_archive-cocoa", community="cocoa"))
    for note in raw.pending_dates(filled):
        note.unlink()
    retention.compact(filled, through=LONG_AFTER, is_run=False)
    assert unjudged_partitions(filled, model_id) == [("reddit", None, FIRST_DAY)]
    score_partitions(filled, get_scorer("vader"), unjudged_partitions(filled, model_id))
    assert unjudged_partitions(filled, model_id) == []
    retention.compact(filled, through=LONG_AFTER, is_run=False)
    assert small_files(filled.scores) == 0


def test_scores__a_rerun_of_a_compacted_day_judges_what_is_new_only(filled: Home):
    retention.compact(filled, through=LONG_AFTER, is_run=False)
    rows = [contribution("t3_tea0"), contribution("t3_new", body="Something new")]
    raw.promote(filled, sealed_load(filled, rows, load_id="reddit_archive-again", community="tea"))
    scorer = get_scorer("vader")
    assert unjudged_partitions(filled, scorer.model_id) == [], "something of the community is judged"
    counts = score_partitions(filled, scorer, [("reddit", "tea", FIRST_DAY)])
    assert (counts.texts_scored_n, counts.already_scored_n) == (1, 1)


def test_scores__compacted_twice_after_a_kill_between_are_there_once(filled: Home, monkeypatch: pytest.MonkeyPatch):
    builds.compact(filled, through=LONG_AFTER, most_n=1)
    model_id = get_scorer("vader").model_id
    target = compacted.file_of(filled.model_scores_dir(model_id), "reddit", FIRST_DAY + timedelta(days=1))
    original = Path.unlink

    def killed(self: Path, *arguments: Any, **options: Any) -> None:
        if self.is_relative_to(filled.scores):
            raise KeyboardInterrupt
        original(self, *arguments, **options)

    with monkeypatch.context() as changed:
        changed.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            builds.compact(filled, through=LONG_AFTER, most_n=2)
    assert target.exists()
    assert small_files(filled.scores) == 2 * (DAYS_N - 1)
    builds.compact(filled, through=LONG_AFTER)
    assert small_files(filled.scores) == 0
    rows_n = sum(len(compacted_rows(file)) for file in filled.scores.rglob("compacted.parquet"))
    assert rows_n == 2 * DAYS_N


def compacted_rows(file: Path) -> list[Any]:
    return ask(f"from read_parquet('{file}', hive_partitioning = false)").fetchall()


# ---- a run -----------------------------------------------------------------------


def pipeline_over(home: Home) -> Pipeline:
    entry = RedditApiEntry(platform="reddit", name="tea", source="reddit_api")
    settings = Settings(communities=(entry,), sentiment_model="vader")
    return Pipeline(home, settings, lambda: datetime(2026, 11, 20, tzinfo=UTC))


def test_run__compacts_for_its_own_day_whatever_the_clock_says(filled: Home):
    pipeline = pipeline_over(filled)
    pipeline._compact(Window.one_day(FIRST_DAY + timedelta(days=DAYS_N)))
    assert small_files(filled.raw) == 2 * DAYS_N, "the files came just now"
    pipeline._compact(Window.one_day(LONG_AFTER))
    assert small_files(filled.raw) == 2 * (DAYS_N - AT_ONCE_N)


def test_run__is_not_red_because_compaction_cannot_go_on(
    filled: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    compact = builds.compact
    monkeypatch.setattr(builds, "compact", lambda *given, **options: compact(*given, **options, timeout_s=0))
    with exclusive(filled, WAREHOUSE_LOCK), caplog.at_level(logging.WARNING):
        pipeline_over(filled)._compact(Window.one_day(LONG_AFTER))
    assert "compaction: left to a later run: lock" in caplog.text
    assert small_files(filled.raw) == 2 * DAYS_N


def test_prune__says_how_many_small_files_go(filled: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = tmp_path / "communities.yml"
    config.write_text("communities: [{platform: reddit, name: tea, source: reddit_api}]\n")
    monkeypatch.setenv("PULSE_HOME", str(filled.root))
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    monkeypatch.setattr(compaction, "settled_before", lambda _: LONG_AFTER)
    small_n = 4 * DAYS_N + 2
    assert f"small files of settled days: would remove {small_n} items" in pulse("prune", "--dry-run").stdout
    assert f"small files of settled days: removed {small_n} items older than 7 days" in pulse("prune").stdout
    assert small_files(filled.raw) == 0
