"""Damage of compacted days: found and named, made again load by load, set aside where that cannot be."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import damaging
from pulse.core import coverage
from pulse.core.home import Home
from pulse.lake import compacted, compaction, landing, outcomes, quality, raw
from pulse.reading import damage
from support import NOON, ask, contribution, sealed_load

DAY = NOON.date()
# For a run of that day all is settled, whenever it came.
THROUGH = date(2100, 1, 1)
LIVE: dict[str, Any] = {"is_replayable": False, "source": "reddit_api"}
any_damage = pytest.mark.parametrize("hurt", damaging.ALL.values(), ids=damaging.ALL)


def now() -> datetime:
    return datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def many(name: str, **changes: Any) -> list[dict[str, Any]]:
    """Enough rows for a file that has an inside."""
    return [
        contribution(f"t3_{name}{number}", body=os.urandom(40).hex(), community=name, **changes)
        for number in range(200)
    ]


@pytest.fixture
def packed(home: Home) -> Home:
    """A day of an archive and of a live source, compacted, of which landing has both loads."""
    raw.promote(home, sealed_load(home, many("tea"), load_id="reddit_archive-one", community="tea"))
    rows = many("mate", source="reddit_api")
    raw.promote(home, sealed_load(home, rows, load_id="reddit_api-one", community="mate", **LIVE))
    quality.ensure_tables(home)
    facts = {"run_id": "run", "platform": "reddit", "day": DAY, "outcome": "arrived", "recorded_at": NOON}
    said = [
        facts | {"load_id": load_id, "community": name, "entry_id": f"reddit/{name}", "source": load_id[:-4]}
        for load_id, name in (("reddit_archive-one", "tea"), ("reddit_api-one", "mate"))
    ]
    outcomes.record(home, [row | {"contributions_n": 200} for row in said], stem="run-arrived")
    for note in raw.pending_dates(home):
        note.unlink()
    assert compaction.compact(home, through=THROUGH).days_n == 2
    return home


def rows_in_raw(home: Home) -> list[tuple[Any, ...]]:
    return ask(
        "select * from read_parquet(?, hive_partitioning = false) order by all", [raw.contributions_glob(home)]
    ).fetchall()


@any_damage
def test_heal__makes_a_compacted_day_again_from_landing(packed: Home, hurt: Callable[[Path], None]):
    file = raw.compacted_file(packed, "reddit", DAY)
    before = rows_in_raw(packed)
    hurt(file)
    assert [one.file for one in damage.find(packed, is_deep=True)] == [file]
    assert raw.can_be_replayed(packed, file)
    assert raw.way_back(packed, file) == "`pulse rebuild` makes it again"
    assert raw.heal(packed, is_deep=True) == ()
    raw.ensure_empty_file(packed)
    assert rows_in_raw(packed) == before
    assert {day for days in raw.pending_dates(packed).values() for day in days} == {DAY}


@any_damage
def test_promote__a_rerun_brings_again_what_an_archive_had_in_it(packed: Home, hurt: Callable[[Path], None]):
    file = raw.compacted_file(packed, "reddit", DAY)
    hurt(file)
    raw.promote(packed, sealed_load(packed, many("tea"), load_id="reddit_archive-two", community="tea"))
    assert compacted.contents(file) == (compacted.Held("mate", "reddit_api-one", 200),)
    small = raw.partition_files(packed, raw.Partition("reddit", "tea", DAY))
    assert [one.name for one in small] == ["reddit_archive-two.parquet"]
    assert raw.damaged_files(packed, is_deep=True) == [file]


@any_damage
def test_set_aside__says_what_is_lost_of_each_load(packed: Home, hurt: Callable[[Path], None]):
    file = raw.compacted_file(packed, "reddit", DAY)
    hurt(file)
    for load_id in ("reddit_archive-one", "reddit_api-one"):
        damaging.remove(packed.landing / "loads" / load_id)
    assert raw.heal(packed, is_deep=True) == (file,)
    found = damage.require(packed, file)
    assert found.loss == (
        f"what 2 loads brought to the contributions of 2 communities on {DAY}, 400 rows: unknown until loaded again"
    )
    assert "it cannot be made again, or not all of it: `pulse set-aside raw/" in found.way_back
    done = damage.set_aside(packed, found, clock=now)
    assert done.moved_to.exists()
    assert damage.find(packed, is_deep=True) == []
    assert not file.parent.exists() or list(file.parent.iterdir()) == []
    rows = quality.readable_rows(packed, quality.LOAD_OUTCOMES, is_deep=True)
    latest = f"select community, arg_max(outcome, recorded_at), arg_max(load_id, recorded_at) from {rows} group by 1"
    assert sorted(ask(latest).fetchall()) == [
        ("mate", "failed", "reddit_api-one"), ("tea", "failed", "reddit_archive-one"),
    ]  # fmt: skip
    assert days_looked_at(packed) == set()
    assert any(map(raw.asks_for_everything, raw.pending_dates(packed)))


def days_looked_at(home: Home) -> set[date]:
    return {look.day for file in home.raw.glob("coverage/platform=*/*/*.parquet") for look in coverage.read(file)}


def test_rows_that_are_gone_are_damage_and_can_be_set_aside(packed: Home):
    file = raw.compacted_file(packed, "reddit", DAY)
    file.unlink()
    for load_id in ("reddit_archive-one", "reddit_api-one"):
        damaging.remove(packed.landing / "loads" / load_id)
    assert raw.damaged_files(packed) == [file]
    damage.set_aside(packed, damage.require(packed, file), clock=now)
    assert raw.damaged_files(packed) == []


def test_set_aside__of_compacted_coverage_makes_everything_be_built(packed: Home):
    (file,) = packed.raw.glob(f"coverage/*/{compacted.FOLDER}/*/*.parquet")
    damaging.cut_to_half(file)
    for load_id in ("reddit_archive-one", "reddit_api-one"):
        damaging.remove(packed.landing / "loads" / load_id)
    found = damage.require(packed, file)
    assert "coverage of 2 communities on 2026-10" in (found.loss or "")
    damage.set_aside(packed, found, clock=now)
    assert raw.damaged_files(packed) == []
    assert any(map(raw.asks_for_everything, raw.pending_dates(packed)))


def test_landing__has_what_is_made_again_for_a_week_after_the_day_is_settled():
    from pulse.config.settings import Retention

    assert Retention().landing_days >= 2 * compaction.SETTLED_AFTER_DAYS
    assert landing.is_replayable("reddit_archive-x")
