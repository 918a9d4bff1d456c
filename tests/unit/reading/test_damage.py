"""Damaged files: found and named, made again where that is possible, set aside where it is not."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import damaging
from pulse.config.settings import Retention, Settings
from pulse.core import parquet
from pulse.core.errors import ConfigError, DamagedFile
from pulse.core.home import Home
from pulse.core.progress import watched
from pulse.core.window import Window
from pulse.imports import store as imports
from pulse.lake import landing, outcomes, quality, raw
from pulse.lake.landing import Load
from pulse.reading import damage, status
from pulse.sources.reddit.entry import RedditApiEntry
from pulse.steps import retention
from pulse.texts import get_scorer, score_partitions, unjudged_partitions
from pulse.texts import store as scores
from support import NOON, Recorder, ask, community_observation, contribution, sealed_load

DAY = NOON.date()
NEXT_DAY = DAY + timedelta(days=1)
LIVE: dict[str, Any] = {"is_replayable": False, "source": "reddit_api"}
Damaging = Callable[[Path], None]
any_damage = pytest.mark.parametrize("hurt", damaging.ALL.values(), ids=damaging.ALL)
plain_damage = pytest.mark.parametrize("hurt", damaging.PLAIN.values(), ids=damaging.PLAIN)


def now() -> datetime:
    return datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def rows_in_raw(home: Home) -> list[tuple[Any, ...]]:
    """All that raw holds of contributions."""
    return ask(
        "select * from read_parquet(?, hive_partitioning = false) order by all", [raw.contributions_glob(home)]
    ).fetchall()


def many(prefix: str, *, day: date = DAY, **changes: Any) -> list[dict[str, Any]]:
    """Enough rows for a file that has an inside."""
    at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
    return [
        contribution(
            f"{prefix}{number}",
            created_at=at + timedelta(minutes=number),
            body=f"Fine {hashlib.sha256(str(number).encode()).hexdigest()}",
            **changes,
        )
        for number in range(200)
    ]


def file_of(home: Home, load: Load, day: date = DAY) -> Path:
    return home.contributions_dir("reddit", "tea", day) / f"{load.load_id}.parquet"


def fingerprints(home: Home) -> dict[str, str]:
    """Every file of the home, by content."""
    return {
        str(file.relative_to(home.root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in home.root.rglob("*")
        if file.is_file()
    }


# ---- what is damage --------------------------------------------------------


@any_damage
def test_fault_of__is_found_by_reading(home: Home, hurt: Damaging):
    load = sealed_load(home, many("t3_"))
    raw.promote(home, load)
    file = file_of(home, load)
    assert parquet.fault_of(file, is_deep=True) is None
    hurt(file)
    assert parquet.fault_of(file, is_deep=True)
    assert (parquet.fault_of(file) is None) == (hurt is damaging.write_over_inside)


def test_fault_of__never_waits_for_a_pipe(tmp_path: Path):
    import os

    os.mkfifo(tmp_path / "x.parquet")
    assert parquet.fault_of(tmp_path / "x.parquet") == "no regular file"


# ---- raw: what can be made again -------------------------------------------


@any_damage
def test_heal__a_live_load_is_replayed_from_landing(home: Home, hurt: Damaging):
    load = sealed_load(
        home, many("t3_", source="reddit_api"), load_id="reddit_api-one", communities=[community_observation()], **LIVE
    )
    raw.promote(home, load)
    before = rows_in_raw(home)
    (observed,) = (home.raw / "communities").glob("platform=*/**/*.parquet")
    for note in raw.pending_dates(home):
        note.unlink()
    hurt(file_of(home, load))
    hurt(observed)
    assert raw.heal(home, is_deep=True) == ()
    assert rows_in_raw(home) == before
    assert parquet.fault_of(observed, is_deep=True) is None
    assert [days for days in raw.pending_dates(home).values() if days] == [(DAY,)], "its date is to be built again"


def test_heal__writes_nothing_but_what_was_damaged(home: Home):
    """The rest of a load may have been replaced by a later one."""
    window = Window(DAY, NEXT_DAY)
    first = sealed_load(home, [*many("t3_a"), *many("t3_b", day=NEXT_DAY)], load_id="reddit_archive-one", window=window)
    raw.promote(home, first)
    second = sealed_load(
        home, many("t3_c", day=NEXT_DAY), load_id="reddit_archive-two", window=Window.one_day(NEXT_DAY)
    )
    raw.promote(home, second)
    before = rows_in_raw(home)
    damaging.cut_to_half(file_of(home, first))
    assert raw.heal(home) == ()
    assert rows_in_raw(home) == before


def test_heal__adds_to_the_dates_that_wait_already(home: Home):
    """A promotion that no publish has seen yet is not forgotten for a smaller one of the same load."""
    window = Window(DAY, NEXT_DAY)
    load = sealed_load(
        home, [*many("t3_a"), *many("t3_b", day=NEXT_DAY)], load_id="reddit_api-one", window=window, **LIVE
    )
    raw.promote(home, load)
    damaging.empty(file_of(home, load))
    raw.heal(home)
    assert list(raw.pending_dates(home).values()) == [(DAY, NEXT_DAY)]


def test_heal__says_what_is_left(home: Home):
    load = sealed_load(home, many("t3_"), load_id="reddit_api-one", **LIVE)
    raw.promote(home, load)
    damaging.remove(load.folder)
    damaging.cut_to_half(file_of(home, load))
    assert raw.heal(home) == (file_of(home, load),)
    error = raw.damage_error(home, [file_of(home, load)])
    assert "pulse set-aside raw/contributions/" in error.next_step
    assert "cannot be made again" in error.next_step


@any_damage
def test_promote__the_rerun_replaces_a_damaged_file_of_an_archive(home: Home, hurt: Damaging):
    """The same input gives the same load: its file is there, and is no good."""
    load = sealed_load(home, many("t3_"))
    raw.promote(home, load)
    before = rows_in_raw(home)
    hurt(file_of(home, load))
    assert raw.promote(home, load).contribution_dates == (DAY,)
    assert rows_in_raw(home) == before


@any_damage
def test_promote__does_not_need_to_read_what_leaves(home: Home, hurt: Damaging):
    window = Window(DAY, NEXT_DAY)
    rows = [*many("t3_a"), *many("t3_b", day=NEXT_DAY)]
    first = sealed_load(home, rows, load_id="reddit_archive-one", window=window)
    raw.promote(home, first)
    hurt(file_of(home, first, NEXT_DAY))
    second = sealed_load(home, many("t3_c"), load_id="reddit_archive-two", window=window)
    promotion = raw.promote(home, second)
    assert promotion.contribution_dates == (DAY, NEXT_DAY), "the dates of what cannot be read are those of its day"
    assert len(rows_in_raw(home)) == 200
    assert not file_of(home, first, NEXT_DAY).exists()


@any_damage
def test_promote__another_day_goes_on_although_one_is_damaged(home: Home, hurt: Damaging):
    first = sealed_load(home, many("t3_a", source="reddit_api"), load_id="reddit_api-one", **LIVE)
    raw.promote(home, first)
    hurt(file_of(home, first))
    gone = contribution("t3_x", created_at=NOON + timedelta(days=1), removal="by_author", body=None, title=None)
    later = sealed_load(
        home, [gone | {"source": "reddit_api"}], load_id="reddit_api-two", window=Window.one_day(NEXT_DAY), **LIVE
    )
    assert raw.promote(home, later).rows_n == 1


@any_damage
def test_heal__tombstones_are_made_again_from_the_rows(home: Home, hurt: Damaging):
    seen = contribution("t3_x", source="reddit_api")
    gone = seen | {"removal": "by_author", "title": None, "body": None, "observed_at": NOON + timedelta(days=40)}
    raw.promote(home, sealed_load(home, [gone], load_id="reddit_api-two", **LIVE))
    (tombstones,) = (home.raw / "tombstones").rglob("*.parquet")
    before = pa.table(duckdb.sql(f"from '{tombstones}'").to_arrow_table())
    hurt(tombstones)
    assert raw.heal(home, is_deep=True) == ()
    assert pa.table(duckdb.sql(f"from '{tombstones}'").to_arrow_table()) == before
    raw.promote(home, sealed_load(home, [seen], load_id="reddit_archive-one"))
    assert {row[9] for row in rows_in_raw(home)} == {None}, "and an archive brings nothing back"


@any_damage
@pytest.mark.parametrize("table", ["contributions", "communities"])
def test_files_without_rows__are_written_again(home: Home, hurt: Damaging, table: str):
    raw.ensure_empty_file(home)
    quality.ensure_tables(home)
    scores.ensure_empty_file(home)
    empties = [home.raw / table / "_empty.parquet", home.scores / "_empty.parquet"]
    empties += [home.quality / name / "_empty.parquet" for name in quality.TABLES]
    for file in empties:
        hurt(file)
    raw.ensure_empty_file(home)
    quality.ensure_tables(home)
    scores.ensure_empty_file(home)
    assert parquet.whole(empties, is_deep=True) == empties


@plain_damage
def test_notes__one_that_cannot_be_read_asks_for_everything(home: Home, hurt: Damaging):
    raw.promote(home, sealed_load(home, many("t3_")))
    (note,) = raw.pending_dates(home)
    assert not raw.asks_for_everything(note)
    hurt(note)
    assert raw.pending_dates(home) == {note: ()}
    assert raw.asks_for_everything(note)


# ---- scores ----------------------------------------------------------------


@any_damage
def test_scores__are_made_again(home: Home, hurt: Damaging):
    load = sealed_load(home, many("t3_"))
    raw.promote(home, load)
    scorer = get_scorer("vader")
    score_partitions(home, scorer, [("reddit", "tea", DAY)])
    (file,) = [file for file in home.scores.rglob("*.parquet") if file.name != "_empty.parquet"]
    before = file.read_bytes()
    hurt(file)
    assert scores.drop_damaged(home, is_deep=True) == [file]
    assert unjudged_partitions(home, scorer.model_id) == [("reddit", "tea", DAY)]
    assert score_partitions(home, scorer, [("reddit", "tea", DAY)]).texts_scored_n == 200
    assert file.read_bytes() == before


@any_damage
def test_scores__a_damaged_partition_of_raw_is_left_for_later(home: Home, hurt: Damaging):
    loads = [
        sealed_load(home, many("t3_a"), load_id="reddit_api-one", **LIVE),
        sealed_load(
            home, many("t3_b", day=NEXT_DAY), load_id="reddit_api-two", window=Window.one_day(NEXT_DAY), **LIVE
        ),
    ]
    for load in loads:
        raw.promote(home, load)
    hurt(file_of(home, loads[0]))
    scorer = get_scorer("vader")
    assert unjudged_partitions(home, scorer.model_id) == [("reddit", "tea", NEXT_DAY)]
    counts = score_partitions(home, scorer, [("reddit", "tea", day) for day in (DAY, NEXT_DAY)])
    assert counts.texts_scored_n == 200
    raw.heal(home, is_deep=True)
    assert unjudged_partitions(home, scorer.model_id) == [("reddit", "tea", DAY)]


# ---- outcomes and results of gates -----------------------------------------


def record(home: Home, load: Load, *, run_id: str = "run") -> None:
    """An outcome of the load's community on each day of its window."""
    quality.ensure_tables(home)
    rows = [
        {
            "run_id": run_id, "load_id": load.load_id, "platform": "reddit", "entry_id": "reddit/tea",
            "community": "tea", "source": load.manifest.source, "day": day, "outcome": "arrived",
            "contributions_n": 200, "recorded_at": NOON,
        }
        for day in load.manifest.window.days()
    ]  # fmt: skip
    outcomes.record(home, rows, stem=f"{run_id}-arrived")


def outcomes_in(home: Home) -> list[tuple[Any, ...]]:
    rows = quality.readable_rows(home, quality.LOAD_OUTCOMES, is_deep=True)
    return ask(f"select day, outcome, contributions_n, reason from {rows} order by recorded_at").fetchall()


@any_damage
def test_outcomes__go_on_although_one_file_is_damaged(home: Home, hurt: Damaging):
    load = sealed_load(home, many("t3_"))
    record(home, load, run_id="one")
    record(home, load, run_id="two")
    (file,) = (home.quality / quality.LOAD_OUTCOMES).glob("one*.parquet")
    hurt(file)
    record(home, load, run_id="three")
    assert len(outcomes_in(home)) == 2


def test_readable_rows__of_a_table_without_a_whole_file_are_none(home: Home):
    for table in quality.TABLES:
        quality.ensure_tables(home)
        damaging.empty(home.quality / table / "_empty.parquet")
        found = ask(f"select * from {quality.readable_rows(home, table)}")
        assert [column[0] for column in found.description] == quality.TABLES[table].names
        assert found.fetchall() == []


@any_damage
def test_status__works_and_names_the_file(home: Home, hurt: Damaging):
    load = sealed_load(home, many("t3_"), load_id="reddit_api-one", **LIVE)
    record(home, load, run_id="one")
    record(home, load, run_id="two")
    (file,) = (home.quality / quality.LOAD_OUTCOMES).glob("one*.parquet")
    hurt(file)
    settings = Settings(communities=(RedditApiEntry(platform="reddit", name="tea", source="reddit_api"),))
    current = status.status_of(home, settings)
    assert [(entry.outcome, entry.tried_days_n) for entry in current.entries] == [("arrived", 1)]
    if hurt is not damaging.write_over_inside:
        assert [found.file for found in current.damaged] == [file]
        assert "pulse set-aside quality/load_outcomes/" in current.damaged[0].way_back


def test_status__writes_nothing(home: Home):
    before = fingerprints(home)
    settings = Settings(communities=(RedditApiEntry(platform="reddit", name="tea", source="reddit_api"),))
    status.status_of(home, settings)
    assert fingerprints(home) == before, "a full disk would fail it"


# ---- setting aside ---------------------------------------------------------


@pytest.fixture
def lost(home: Home) -> Path:
    """A live load's file of raw, damaged, of which landing has nothing any more."""
    load = sealed_load(home, many("t3_", source="reddit_api"), load_id="reddit_api-one", **LIVE)
    raw.promote(home, load)
    record(home, load)
    for note in raw.pending_dates(home):
        note.unlink()
    damaging.remove(load.folder)
    damaging.cut_to_half(file_of(home, load))
    return file_of(home, load)


def test_set_aside__says_what_is_lost_before_anything_moves(home: Home, lost: Path):
    before = fingerprints(home)
    found = damage.require(home, lost)
    assert found.loss == "all that load reddit_api-one brought of tea on 2026-10-05: unknown until loaded again"
    assert fingerprints(home) == before


def test_set_aside__moves_the_file_and_makes_its_day_unknown(home: Home, lost: Path):
    content = lost.read_bytes()
    done = damage.set_aside(home, damage.require(home, lost.relative_to(home.root)), clock=now)
    assert not lost.exists()
    assert done.moved_to == home.root / "damaged" / lost.relative_to(home.root)
    assert done.moved_to.read_bytes() == content
    assert (home.root / "damaged").stat().st_mode & 0o777 == 0o700, "it may hold what people wrote"
    day, outcome, contributions_n, reason = outcomes_in(home)[-1]
    assert (day, outcome, contributions_n) == (DAY, "failed", 0)
    assert "set aside" in reason
    assert any(map(raw.asks_for_everything, raw.pending_dates(home))), "marts must not keep what raw lost"
    assert damage.find(home, is_deep=True) == []
    assert [(one.file, one.moved_to) for one in damage.set_aside_before(home)] == [(lost, done.moved_to)]


COVERAGE = (
    "platform VARCHAR, community VARCHAR, day DATE, kind VARCHAR, looked_from TIMESTAMPTZ, looked_to TIMESTAMPTZ, "
    "proof VARCHAR, counted_n BIGINT, except_communities VARCHAR[], source VARCHAR, load_id VARCHAR, "
    "contract_version INTEGER"
)


def write_coverage(home: Home, load_id: str, days: list[date]) -> Path:
    file = home.raw / "coverage" / "platform=reddit" / "community=tea" / f"{load_id}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"create table coverage ({COVERAGE})")
        for day in days:
            for kind in ("post", "comment"):
                connection.execute(
                    "insert into coverage (platform, community, day, kind, proof, load_id) "
                    "values ('reddit', 'tea', ?, ?, 'listed', ?)",
                    [day, kind, load_id],
                )
        connection.table("coverage").write_parquet(str(file))
    return file


def covered_days(file: Path) -> list[date]:
    rows = ask("select distinct day from read_parquet(?) order by 1", [str(file)]).fetchall()
    return [day for (day,) in rows]


def test_set_aside__the_coverage_of_a_live_load_loses_the_day_and_those_before(home: Home, lost: Path):
    """Late posts of earlier days lie in the file of the day that found them."""
    file = write_coverage(home, "reddit_api-one", [DAY - timedelta(days=1), DAY, NEXT_DAY])
    damage.set_aside(home, damage.require(home, lost), clock=now)
    assert covered_days(file) == [NEXT_DAY]


def test_set_aside__the_coverage_of_an_archive_loses_the_day_alone(home: Home):
    rows = [*many("t3_a"), *many("t3_b", day=NEXT_DAY)]
    load = sealed_load(home, rows, window=Window(DAY, NEXT_DAY))
    raw.promote(home, load)
    file = write_coverage(home, load.load_id, [DAY, NEXT_DAY])
    damaging.remove(load.folder)
    damaging.empty(file_of(home, load, NEXT_DAY))
    damage.set_aside(home, damage.require(home, file_of(home, load, NEXT_DAY)), clock=now)
    assert covered_days(file) == [DAY]


def test_set_aside__again_takes_another_name(home: Home, lost: Path):
    first = damage.set_aside(home, damage.require(home, lost), clock=now)
    lost.write_bytes(b"damaged again")
    second = damage.set_aside(home, damage.require(home, lost), clock=now)
    assert first.moved_to != second.moved_to
    assert len(damage.set_aside_before(home)) == 2


def test_prune__takes_what_was_set_aside_and_leaves_the_note(home: Home, lost: Path):
    done = damage.set_aside(home, damage.require(home, lost), clock=now)
    retention.prune(home, Retention(), clock=lambda: now() + timedelta(days=29))
    assert done.moved_to.exists()
    retention.prune(home, Retention(), clock=lambda: now() + timedelta(days=31))
    assert not done.moved_to.exists(), "it may hold what people took back since"
    assert [one.file for one in damage.set_aside_before(home)] == [lost]


def test_set_aside__refuses_what_is_whole_heals_by_itself_or_lies_elsewhere(home: Home, lost: Path, tmp_path: Path):
    window = Window.one_day(NEXT_DAY)
    load = sealed_load(home, many("t3_z", day=NEXT_DAY), load_id="reddit_archive-z", window=window)
    raw.promote(home, load)
    score_partitions(home, get_scorer("vader"), [("reddit", "tea", NEXT_DAY)])
    (judged,) = [file for file in home.scores.rglob("*.parquet") if file.name != "_empty.parquet"]
    damaging.cut_to_half(judged)
    (tmp_path / "outside.parquet").write_bytes(b"x")
    for file in (
        file_of(home, load, NEXT_DAY),
        judged,
        tmp_path / "outside.parquet",
        home.root / "no" / "such.parquet",
    ):
        with pytest.raises(ConfigError, match="file to set aside"):
            damage.require(home, file)


@any_damage
def test_set_aside__results_of_gates_and_outcomes(home: Home, hurt: Damaging):
    load = sealed_load(home, many("t3_"))
    record(home, load, run_id="one")
    (file,) = (home.quality / quality.LOAD_OUTCOMES).glob("one*.parquet")
    hurt(file)
    damage.set_aside(home, damage.require(home, file), clock=now)
    assert quality.damaged_files(home, quality.LOAD_OUTCOMES, is_deep=True) == []
    assert any(map(raw.asks_for_everything, raw.pending_dates(home)))


@any_damage
def test_find__names_every_damaged_file_of_raw_and_scores(home: Home, hurt: Damaging):
    load = sealed_load(home, many("t3_"))
    raw.promote(home, load)
    score_partitions(home, get_scorer("vader"), [("reddit", "tea", DAY)])
    (judged,) = [file for file in home.scores.rglob("*.parquet") if file.name != "_empty.parquet"]
    imports.ensure_empty_file(home)
    assert damage.find(home, is_deep=True) == []
    hurt(judged)
    hurt(file_of(home, load))
    recorder = Recorder()
    with watched(recorder):
        found = {one.file: one for one in damage.find(home, is_deep=True)}
    raw_files_n, judged_files_n = (len(list(folder.rglob("*.parquet"))) for folder in (home.raw, home.scores))
    assert ["reading raw", "files", raw_files_n, raw_files_n, True] in recorder.steps
    assert ["reading scores", "files", judged_files_n, judged_files_n, True] in recorder.steps
    assert set(found) == {judged, file_of(home, load)}
    assert found[judged].loss is None
    assert "pulse rebuild" in found[file_of(home, load)].way_back


def test_damage_error__names_the_file_and_the_command(home: Home):
    load = sealed_load(home, many("t3_"))
    raw.promote(home, load)
    damaging.remove(load.folder)
    damaging.cut_to_half(file_of(home, load))
    error = raw.damage_error(home, [file_of(home, load)])
    assert isinstance(error, DamagedFile)
    assert str(file_of(home, load)) in str(error)
    assert f"`pulse run --day {DAY}`" in error.next_step
    assert landing.find(home, load.load_id) is None
