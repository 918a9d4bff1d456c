"""What became of each community's day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pulse import outcomes, quality
from pulse.home import Home
from pulse.settings import RedditArchiveEntry
from pulse.window import Window
from support import NOON, contribution, sealed_load

DAY = NOON.date()
TWO_DAYS = Window(DAY, DAY + timedelta(days=1))
RECORDED_AT = datetime(2026, 11, 5, tzinfo=UTC)


def entry(name: str = "tea") -> RedditArchiveEntry:
    return RedditArchiveEntry(platform="reddit", name=name, source="reddit_archive", path=(Path("x"),))


@pytest.fixture(autouse=True)
def tables(home: Home) -> None:
    quality.ensure_tables(home)


def test_arrival_rows__day_without_rows_is_empty_only_if_proven(home: Home):
    load = sealed_load(home, [contribution()], window=TWO_DAYS)
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [(row["day"], row["outcome"], row["contributions_n"]) for row in rows] == [
        (DAY, "arrived", 1),
        (TWO_DAYS.last_day, "empty", 0),
    ]
    load = sealed_load(home, [contribution()], window=TWO_DAYS, incomplete_days=tuple(TWO_DAYS.days()))
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [row["outcome"] for row in rows] == ["partial", "partial"]


def test_arrival_rows__wildcard_has_its_communities_and_their_sum(home: Home):
    given = [
        contribution("t3_a", community="a"),
        contribution("t3_b", community="b"),
        contribution("t1_b", community="b"),
    ]
    load = sealed_load(home, given, community="*")
    rows = outcomes.arrival_rows(home, entry("*"), load, run_id="r", recorded_at=RECORDED_AT)
    assert {row["community"]: row["contributions_n"] for row in rows} == {"*": 3, "a": 1, "b": 2}
    assert {row["entry_id"] for row in rows} == {"reddit/*"}


def test_arrival_rows__quarantined_records_count_once_however_many_rules_they_broke(home: Home):
    load = sealed_load(home, [contribution()])
    broken = {"run_id": "r", "load_id": load.load_id, "community": "tea", "day": DAY, "contribution_id": "t3_z"}
    quality.append(
        home, quality.QUARANTINED_ROWS, [broken | {"rule": "one"}, broken | {"rule": "two"}], stem=f"r-{load.load_id}"
    )
    (row,) = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert row["quarantined_rows_n"] == 1


def test_absence_rows__every_day_of_the_window_with_the_reason():
    rows = outcomes.absence_rows(
        entry(),
        TWO_DAYS,
        run_id="r",
        load_id=None,
        outcome="failed",
        quarantined_rows_n=0,
        reason="no such host",
        recorded_at=RECORDED_AT,
    )
    assert [(row["day"], row["outcome"], row["reason"]) for row in rows] == [
        (day, "failed", "no such host") for day in TWO_DAYS.days()
    ]


def test_append__unknown_column_is_refused_and_same_stem_replaces(home: Home):
    with pytest.raises(KeyError, match="colour"):
        quality.append(home, quality.LOAD_OUTCOMES, [{"colour": "red"}], stem="x")
    first = quality.append(home, quality.LOAD_OUTCOMES, [{"run_id": "1"}], stem="../x")
    assert quality.append(home, quality.LOAD_OUTCOMES, [{"run_id": "2"}], stem="../x") == first
    assert first.parent == home.quality / quality.LOAD_OUTCOMES
