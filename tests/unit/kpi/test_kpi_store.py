"""Closing months: what is frozen stays as it is, and what changes later is told with its reason."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import damaging
from pulse import kpi
from pulse.core.errors import ConfigError, DamagedFile, DayNotOver, LockBusy, NothingPublished, StorageError
from pulse.core.files import write_json
from pulse.core.home import Home
from pulse.core.locks import KPI_LOCK, exclusive
from pulse.core.progress import watched
from pulse.kpi import Month, closing, restatements
from pulse.lake import kpi_store
from pulse.reading import damage, query
from support import Recorder

OCTOBER = Month(date(2026, 10, 1))
AFTER = datetime(2026, 11, 2, tzinfo=UTC)
SEEN_AT = datetime(2026, 10, 31, 23, tzinfo=UTC)
TYPES = {
    pa.string(): "varchar", pa.int64(): "bigint", pa.float64(): "double", pa.date32(): "date",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}  # fmt: skip


def figure(name: str = "contributors", *, community: str = "tea", **changes: Any) -> dict[str, Any]:
    """A complete figure of October, made of 50 contributions."""
    row: dict[str, Any] = dict.fromkeys(kpi_store.FIGURES)
    row |= {
        "month_start_date": OCTOBER.first_day, "platform": "reddit", "community": community, "kpi": name, "value": 12.0,
        "n": 12, "unit": "count", "days_n": 31, "days_complete_n": 31, "completeness": 1.0, "definition_version": 1,
        "contributions_n": 50, "erased_n": 1, "last_observed_at": SEEN_AT,
    }  # fmt: skip
    return row | changes


MOOD = figure("net_sentiment", value=0.25, n=40, unit="net", sentiment_model_id="pulse-1")
VISITS = figure("visits", value=300.0, contributions_n=None, erased_n=None, last_observed_at=None)


def publish(
    home: Home, figures: Sequence[dict[str, Any]], *, days: Sequence[date] | None = None, number: int = 1
) -> str:
    """Publish a state that holds these figures and has seen these days, by default all of October."""
    state_id = f"20261101T00000000000{number}Z"
    file = home.published / "states" / f"{state_id}.duckdb"
    file.parent.mkdir(parents=True, exist_ok=True)
    days = OCTOBER.window.days() if days is None else days
    file.write_bytes(_published_file(tuple(tuple(row.items()) for row in figures), tuple(days)))
    write_json(home.published / "state.json", {"state_id": state_id, "identity": None})
    return state_id


@cache
def _published_file(figures: tuple[tuple[tuple[str, Any], ...], ...], days: tuple[date, ...]) -> bytes:
    """A published file; the same figures are published again and again here."""
    schema = kpi_store.TABLES[kpi_store.KPI_MONTHLY].arrow_schema
    columns = ", ".join(f"{name} {TYPES[schema.field(name).type]}" for name in kpi_store.FIGURES)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "published.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(
                "create schema marts; "
                f"create table marts.fct_kpis_monthly ({columns}); "
                "create table marts.fct_community_daily (contribution_date date, outcome varchar)"
            )
            rows = [{name: dict(row)[name] for name in kpi_store.FIGURES} for row in reversed(figures)]
            connection.register(
                "arriving", pa.Table.from_pylist(rows, schema=pa.schema(map(schema.field, kpi_store.FIGURES)))
            )
            connection.execute("insert into marts.fct_kpis_monthly by name from arriving")
            connection.execute(
                "insert into marts.fct_community_daily select unnest($days), 'arrived'", {"days": list(days)}
            )
        return file.read_bytes()


def close(home: Home, figures: Sequence[dict[str, Any]], *, at: datetime = AFTER, **published: Any) -> kpi.Closed:
    """Publish the figures and close October."""
    publish(home, figures, **published)
    return kpi.close_month(home, OCTOBER, clock=lambda: at)


def freeze(home: Home, figures: Sequence[dict[str, Any]], **published: Any) -> kpi.Closed:
    """The same without handing it to readers: where a test is about what is frozen, or was frozen before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closing, "_publish", lambda *_, **__: None)
        return close(home, figures, **published)


def frozen_files(home: Home) -> dict[str, bytes]:
    """All that is frozen, by file; drafts of others included."""
    return {str(file.relative_to(home.kpi)): file.read_bytes() for file in home.kpi.rglob("*") if file.is_file()}


def shown(home: Home, sql: str) -> list[tuple[Any, ...]]:
    return list(query.all_rows(home, sql))


# ---- the month -------------------------------------------------------------


def test_month__knows_its_days():
    assert Month.parse("2028-02").last_day == date(2028, 2, 29)
    assert Month.parse("2026-12").window.days_n == 31
    assert str(Month.parse("2026-10")) == "2026-10"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "0000-01", "2026-1", "october", "2026-10-01", "", "２０２６-10"]
)
def test_month__what_is_none_is_refused_in_one_line(text: str):
    with pytest.raises(ConfigError, match="a month as YYYY-MM"):
        Month.parse(text)


def test_close__refuses_a_month_that_is_not_over(home: Home):
    publish(home, [figure()])
    with pytest.raises(DayNotOver, match="2026-11-01 00:00"):
        kpi.close_month(home, OCTOBER, clock=lambda: datetime(2026, 10, 31, 23, 59, tzinfo=UTC))
    assert kpi.close_month(home, OCTOBER, clock=lambda: datetime(2026, 11, 1, tzinfo=UTC)).version == 1


# ---- the first closing -----------------------------------------------------


def test_close__freezes_what_is_published_with_when_and_from_which_state(home: Home):
    state_id = publish(home, [figure(), MOOD, figure(community="*", platform="*")])
    state_file = home.published / "states" / f"{state_id}.duckdb"
    published_bytes, recorder = state_file.stat().st_size, Recorder()
    with watched(recorder):
        closed = kpi.close_month(home, OCTOBER, clock=lambda: AFTER)
    assert recorder.steps == [
        ["closing 2026-10", "steps", 3, 3, True],
        ["copying for readers", "bytes", published_bytes, published_bytes, True],
    ]
    assert (closed.version, closed.is_new, closed.figures_n, closed.communities_n) == (1, True, 3, 1)
    rows = kpi_store.figures(home, OCTOBER, 1)
    assert [(row["community"], row["kpi"]) for row in rows] == [
        ("*", "contributors"), ("tea", "contributors"), ("tea", "net_sentiment"),
    ]  # fmt: skip
    assert rows[2] == MOOD | {"version": 1, "reported_at": AFTER, "state_id": state_id}


def test_close__of_an_incomplete_month_names_the_missing_days(home: Home, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", logger="pulse")
    seen = [day for day in OCTOBER.window.days() if day.day not in {3, 5, 6, 31}]
    closed = close(home, [figure(days_complete_n=20)], days=seen)
    assert [day.day for day in closed.missing_days] == [3, 5, 6, 31]
    assert "days missing: 2026-10-03, 2026-10-05 to 2026-10-06, 2026-10-31" in closed.message
    assert closed.message in caplog.text
    assert "reddit/tea: 20 of 31 days are complete" in caplog.text


def test_close__without_figures_says_what_to_run(home: Home):
    with pytest.raises(NothingPublished, match="nothing is published yet"):
        kpi.close_month(home, OCTOBER, clock=lambda: AFTER)
    with pytest.raises(NothingPublished, match="pulse backfill --from 2026-10-01 --to 2026-10-31"):
        close(home, [figure(month_start_date=date(2026, 9, 1))])
    with duckdb.connect(str(home.published / "states" / "20261101T000000000001Z.duckdb")) as connection:
        connection.execute("drop table marts.fct_kpis_monthly")
    with pytest.raises(NothingPublished, match="pulse rebuild"):
        kpi.close_month(home, OCTOBER, clock=lambda: AFTER)
    assert not list(home.kpi.rglob("v*"))


# ---- closing again ---------------------------------------------------------


def test_close__again_without_a_change_writes_nothing(home: Home):
    freeze(home, [figure(), MOOD])
    before = frozen_files(home)
    # Another state, another time, another order, and the last digit of a sum that other threads added up.
    again = freeze(home, [MOOD | {"value": 0.25 + 1e-15}, figure()], at=AFTER + timedelta(days=9), number=2)
    assert (again.version, again.is_new, again.restatements_n) == (1, False, 0)
    assert frozen_files(home) == before
    assert "nothing has changed" in again.message


def test_close__what_a_figure_was_made_of_is_no_change_by_itself(home: Home):
    freeze(home, [figure()])
    assert not freeze(home, [figure(erased_n=2, contributions_n=51)], number=2).is_new


def test_close__the_same_rows_give_the_same_bytes_in_whatever_order_they_come(home: Home, tmp_path: Path):
    other = Home(tmp_path / "other").create()
    freeze(home, [figure(), MOOD])
    freeze(home, [figure(value=1.0), MOOD | {"value": 0.5}], number=2)
    freeze(other, [MOOD, figure()])
    freeze(other, [MOOD | {"value": 0.5}, figure(value=1.0)], number=2)
    assert len(frozen_files(home)) == 3
    assert frozen_files(home) == frozen_files(other)


CHANGES = {
    "days arrive late": (figure(days_complete_n=30), figure(value=14.0, contributions_n=60), "late_data"),
    "a day is completed without anything new": (figure(days_complete_n=30), figure(), "late_data"),
    "seen again within the month": (figure("likes"), figure("likes", value=99.0, last_observed_at=AFTER), "late_data"),
    "an account is gone": (figure(), figure(value=11.0, erased_n=2), "deletion"),
    "late and deleted": (figure(), figure(value=13.0, contributions_n=60, erased_n=4), "deletion,late_data"),
    "another definition": (figure(), figure(value=9.0, definition_version=2), "new_definition"),
    "another definition of the same value": (figure(), figure(definition_version=2), "new_definition"),
    "another model": (MOOD, MOOD | {"value": 0.1, "sentiment_model_id": "pulse-2"}, "new_model"),
    "an import": (VISITS, VISITS | {"value": 310.0}, "late_data"),
    "an import under another definition": (VISITS, VISITS | {"value": 3.0, "definition_version": 2}, "new_definition"),
    "the month before changed": (figure(), figure(value_month_before=9.0, change_month_before=3.0), "earlier_month"),
    "nothing that is recorded": (figure(), figure(value=7.0), "unknown"),
    "put back": (figure(erased_n=3), figure(value=13.0, erased_n=1), "unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "reasons"), CHANGES.values(), ids=CHANGES)
def test_close__a_change_makes_a_version_with_its_reason_and_the_first_report_stays(
    home: Home, before: dict[str, Any], after: dict[str, Any], reasons: str
):
    other = figure("posts", value=3.0)
    freeze(home, [before, other])
    first = frozen_files(home)
    closed = freeze(home, [after, other], at=AFTER + timedelta(days=9), number=2)
    assert (closed.version, closed.is_new, closed.restatements_n) == (2, True, 1)
    (change,) = kpi_store.restatements(home, OCTOBER)
    assert (change["version"], change["kpi"], change["community"]) == (2, before["kpi"], "tea")
    assert (change["old_value"], change["new_value"]) == (before["value"], after["value"])
    assert change["difference"] == after["value"] - before["value"]
    assert change["reasons"] == reasons
    assert set(reasons.split(",")) <= set(restatements.REASONS)
    assert first.items() <= frozen_files(home).items(), "what was frozen before must stay byte for byte"


def test_close__a_figure_that_comes_or_goes_is_a_change_from_or_to_null(home: Home):
    freeze(home, [figure(), figure(community="gone")])
    freeze(home, [figure(), figure(community="late"), figure("brand_new", value=1.0), VISITS], number=2)
    changes = {
        (row["community"], row["kpi"]): (row["old_value"], row["new_value"], row["difference"], row["reasons"])
        for row in kpi_store.restatements(home, OCTOBER)
    }
    assert changes == {
        ("gone", "contributors"): (12.0, None, None, "late_data"),
        ("late", "contributors"): (None, 12.0, None, "late_data"),
        ("tea", "brand_new"): (None, 1.0, None, "new_definition"),
        ("tea", "visits"): (None, 300.0, None, "late_data"),
    }


def test_close__names_the_columns_that_differ(home: Home):
    freeze(home, [figure()])
    freeze(home, [figure(n=13, caveat="incomplete", completeness=0.5)], number=2)
    (change,) = kpi_store.restatements(home, OCTOBER)
    assert change["changed_columns"].split(",") == ["n", "completeness", "caveat"]


def test_close__a_column_that_came_after_a_version_says_nothing_about_it(home: Home):
    freeze(home, [figure()])
    file = home.kpi / "kpi_monthly" / "month=2026-10" / "v0001.parquet"
    with file.open("rb") as opened:
        content = pq.read_table(opened)
    pq.write_table(content.drop_columns(["change_year_before_share"]), file)
    assert not freeze(home, [figure(change_year_before_share=0.5)], number=2).is_new
    assert shown(home, "select kpi, change_year_before_share from kpi.kpi_as_now_known") == [("contributors", None)]


def test_close__a_month_frozen_before_changes_were_judged_shows_none_and_stays(home: Home):
    freeze(home, [figure()])
    file = home.kpi / "kpi_monthly" / "month=2026-10" / "v0001.parquet"
    with file.open("rb") as opened:
        content = pq.read_table(opened)
    judged = ["change", "change_low", "change_high", "is_change_clear", "change_share", "history_days_n"]
    pq.write_table(content.drop_columns(judged), file)
    before = frozen_files(home)
    now = figure(change=3.0, change_low=1.0, change_high=5.0, is_change_clear=True, change_share=0.3, history_days_n=60)
    assert not freeze(home, [now], number=2).is_new
    assert frozen_files(home) == before
    found = shown(home, f"select kpi, {', '.join(judged)} from kpi.kpi_monthly")
    assert found == [("contributors", *[None] * len(judged))]


def test_close__a_longer_history_is_no_change_by_itself_and_another_comparison_is_one_of_the_month_before(home: Home):
    freeze(home, [figure(change=3.0, is_change_clear=False, history_days_n=60)])
    assert not freeze(home, [figure(change=3.0, is_change_clear=False, history_days_n=90)], number=2).is_new
    assert freeze(home, [figure(change=4.0, is_change_clear=True, history_days_n=90)], number=3).is_new
    (change,) = kpi_store.restatements(home, OCTOBER)
    assert (change["reasons"], change["changed_columns"]) == ("earlier_month", "change,is_change_clear")


# ---- asking ----------------------------------------------------------------


def test_views__are_there_before_anything_is_closed_or_published(home: Home):
    for view in ("kpi_monthly", "kpi_as_first_reported", "kpi_as_now_known", "kpi_restatements"):
        assert shown(home, f"select count(*) from kpi.{view}") == [(0,)]


def test_views__tell_what_was_reported_first_from_what_is_known_now(home: Home):
    freeze(home, [figure(), figure(community="gone")])
    close(home, [figure(value=13.0), figure(community="late", value=2.0)], number=2)
    columns = "community, version, value"
    assert shown(home, f"select {columns} from kpi.kpi_as_first_reported order by all") == [
        ("gone", 1, 12.0), ("late", 2, 2.0), ("tea", 1, 12.0),
    ]  # fmt: skip
    assert shown(home, f"select {columns} from kpi.kpi_as_now_known order by all") == [
        ("late", 2, 2.0), ("tea", 2, 13.0),
    ]  # fmt: skip
    assert shown(home, "select count(*), count(distinct version) from kpi.kpi_monthly") == [(4, 2)]
    assert shown(home, "select community, difference from kpi.kpi_restatements order by all") == [
        ("gone", None), ("late", None), ("tea", 1.0),
    ]  # fmt: skip


def test_views__work_in_a_folder_that_patterns_and_sql_could_stumble_over(tmp_path: Path):
    home = Home(tmp_path / "it's {a} [b]* home, month=2020-01").create()
    freeze(home, [figure()])
    close(home, [figure(value=13.0)], number=2)
    assert shown(home, "select month_start_date, value from kpi.kpi_as_now_known") == [(OCTOBER.first_day, 13.0)]
    assert shown(home, "select reasons from kpi.kpi_restatements") == [("unknown",)]


# ---- kills, locks, disks ---------------------------------------------------


def run_apart(home: Home, code: str) -> subprocess.CompletedProcess[str]:
    """Code in a process of its own, which closes October unless it dies before."""
    prelude = f"""
import os, pathlib, signal, sys
from datetime import date, datetime
from pulse import kpi
from pulse.lake import kpi_store
from pulse.core.home import Home
def close():
    closed = kpi.close_month(Home(pathlib.Path({str(home.root)!r})), kpi.Month(date(2026, 10, 1)),
        clock=lambda: datetime.fromisoformat({AFTER.isoformat()!r}))
    sys.stdout.write(f"{{closed.version}} {{closed.is_new}}\\n")  # at once: threads share the stream
def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", prelude + code], env=environment, capture_output=True, text=True, check=False
    )


def test_close__killed_between_its_files_shows_nothing_and_the_next_one_heals(home: Home):
    freeze(home, [figure()])
    publish(home, [figure(value=11.0, erased_n=2)], number=2)
    killed = run_apart(
        home,
        "write = kpi_store._write\n"
        "kpi_store._write = lambda f, t, r: die() if t == 'kpi_monthly' else write(f, t, r)\nclose()",
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (home.kpi / "kpi_restatements" / "month=2026-10" / "v0002.parquet").exists(), "killed too early to show it"
    assert shown(home, "select count(*) from kpi.kpi_restatements") == [(0,)]
    assert kpi_store.restatements(home, OCTOBER) == []
    # Meanwhile something else has changed: what the killed closing left must not be told of this one.
    assert close(home, [figure(value=20.0, contributions_n=90)], number=3).version == 2
    assert shown(home, "select new_value, reasons from kpi.kpi_restatements") == [(20.0, "late_data")]


def test_close__killed_before_the_rename_leaves_nothing_that_counts(home: Home):
    publish(home, [figure()])
    killed = run_apart(home, "pathlib.Path.replace = die\nclose()")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert kpi_store.versions(home, OCTOBER) == []
    assert shown(home, "select count(*) from kpi.kpi_monthly") == [(0,)]
    assert kpi.close_month(home, OCTOBER, clock=lambda: AFTER).version == 1


def test_close__two_at_once_freeze_it_once(home: Home):
    publish(home, [figure()])
    code = "import threading\nclosers = [threading.Thread(target=close) for _ in range(4)]\n"
    ended = run_apart(home, code + "[one.start() for one in closers]\n[one.join() for one in closers]")
    assert ended.stderr == ""
    assert sorted(ended.stdout.splitlines()) == ["1 False", "1 False", "1 False", "1 True"]
    assert kpi_store.versions(home, OCTOBER) == [1]


def test_close__waits_for_another_and_then_names_it(home: Home):
    publish(home, [figure()])
    with exclusive(home, KPI_LOCK), pytest.raises(LockBusy, match=f"process {os.getpid()}"):
        kpi.close_month(home, OCTOBER, clock=lambda: AFTER, timeout_s=0)


def test_close__needs_no_lock_of_the_warehouse(home: Home):
    publish(home, [figure()])
    with exclusive(home, "warehouse"):
        assert kpi.close_month(home, OCTOBER, clock=lambda: AFTER, timeout_s=0).is_new


def test_add_version__never_replaces_one(home: Home):
    freeze(home, [figure()])
    before = frozen_files(home)
    with pytest.raises(StorageError, match="is there already"):
        kpi_store.add_version(home, OCTOBER, 1, [], [])
    assert frozen_files(home) == before


any_damage = pytest.mark.parametrize("hurt", damaging.ALL.values(), ids=damaging.ALL)


def version_file(home: Home, version: int, table: str = kpi_store.KPI_MONTHLY) -> Path:
    return home.kpi / table / "month=2026-10" / f"v{version:04d}.parquet"


@any_damage
def test_lost__a_new_version_never_takes_the_number_and_says_what_is_missing(home: Home, hurt: Any):
    freeze(home, [figure()])
    hurt(version_file(home, 1))
    with pytest.raises(DamagedFile, match=r"v0001\.parquet"):
        kpi_store.figures(home, OCTOBER, 1)
    closed = close(home, [figure()], number=2)
    assert (closed.version, closed.is_new, closed.restatements_n) == (2, True, 0)
    assert "frozen as version 2; versions missing: 1 (" in closed.message
    assert str(version_file(home, 1)) in closed.message
    assert kpi_store.versions(home, OCTOBER) == [2]


@any_damage
def test_lost__set_aside_keeps_its_number_for_ever(home: Home, hurt: Any):
    freeze(home, [figure()])
    hurt(version_file(home, 1))
    found = damage.require(home, version_file(home, 1))
    assert found.loss is not None
    assert "month 2026-10, version 1" in found.loss
    assert [one.file for one in damage.find(home)] == [version_file(home, 1)]
    damage.set_aside(home, found, clock=lambda: AFTER)
    assert damage.find(home, is_deep=True) == []
    assert [lost.is_set_aside for lost in kpi_store.lost_versions(home, OCTOBER)] == [True]
    assert close(home, [figure()], number=2).version == 2


def test_lost__of_two_the_other_stays_and_nothing_takes_the_place_of_what_was_told_first_or_last(home: Home):
    for number, value in enumerate((1.0, 2.0, 3.0), start=1):
        freeze(home, [figure(value=value)], number=number)
    damaging.cut_to_half(version_file(home, 3))
    assert kpi_store.versions(home, OCTOBER) == [1, 2]
    assert shown(home, "select value from kpi.kpi_as_now_known") == [], "what holds now is not known"
    assert shown(home, "select value from kpi.kpi_as_first_reported") == [(1.0,)]
    damaging.empty(version_file(home, 1))
    assert shown(home, "select value from kpi.kpi_as_first_reported") == []
    assert shown(home, "select version, value from kpi.kpi_monthly") == [(2, 2.0)]
    columns = "version, table_name, is_set_aside"
    assert shown(home, f"select {columns} from kpi.kpi_lost_versions order by 1") == [
        (1, "kpi_monthly", False), (3, "kpi_monthly", False),
    ]  # fmt: skip
    closed = close(home, [figure(value=2.0)], number=4)
    assert (closed.version, closed.is_new) == (4, True), "the same as version 2, but what held was version 3"
    assert shown(home, "select version, value from kpi.kpi_as_now_known") == [(4, 2.0)]


def test_lost__a_version_that_is_gone_without_a_word_is_seen_by_the_gap(home: Home):
    for number in (1, 2):
        close(home, [figure(value=float(number))], number=number)
    version_file(home, 1).unlink()
    assert [(lost.version, lost.reason) for lost in kpi_store.lost_versions(home)] == [(1, "the file is gone")]
    damage.set_aside(home, damage.require(home, version_file(home, 1)), clock=lambda: AFTER)
    assert damage.find(home) == []


@any_damage
def test_lost__what_a_version_changed_is_another_file(home: Home, hurt: Any):
    for number in (1, 2):
        freeze(home, [figure(value=float(number))], number=number)
    hurt(version_file(home, 2, kpi_store.KPI_RESTATEMENTS))
    assert kpi_store.restatements(home, OCTOBER) == []
    assert kpi_store.versions(home, OCTOBER) == [1, 2]
    assert close(home, [figure(value=3.0)], number=3).version == 3
    assert [row["version"] for row in kpi_store.restatements(home, OCTOBER)] == [3]


@any_damage
def test_lost__the_file_without_rows_is_written_again(home: Home, hurt: Any):
    kpi_store.ensure_tables(home)
    hurt(home.kpi / kpi_store.KPI_MONTHLY / "_empty.parquet")
    kpi_store.ensure_tables(home)
    assert shown(home, "select * from kpi.kpi_monthly") == []
