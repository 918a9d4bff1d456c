"""The frozen store: what was told of each closed month, as Parquet files that are only ever added.

    kpi/kpi_monthly/month=2026-10/v0001.parquet        the figures of one closing
    kpi/kpi_restatements/month=2026-10/v0002.parquet   what that version changed, and why

It holds aggregates only, no rebuild touches it, and no retention prunes it. The file of figures is the last one that a
closing writes and makes it count: changes without it are of a closing that was killed, and readers leave them out.

A version whose figures cannot be read any more is **lost**: it stands in ``kpi.kpi_lost_versions``, no later closing
takes its number, and what was told first, or last, of its month is unknown rather than what another version says. Once
it is set aside, ``v0001.lost.json`` stands for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import parquet
from pulse.core.errors import ConfigError, DamagedFile, StorageError
from pulse.core.files import read_json, sql_text, write_json
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.core.table import Column, Table, no_rows_sql, select_list

_EMPTY = "_empty.parquet"
# The same rows give the same bytes, so that nothing is left to what the library does by itself.
_AS_EVER: dict[str, Any] = {
    "version": "2.6", "data_page_version": "1.0", "compression": "zstd", "compression_level": 3,
    "use_dictionary": True, "write_statistics": True, "store_schema": False,
}  # fmt: skip
# Ends the name of what stands for a version that was set aside.
_LOST = ".lost.json"

KPI_MONTHLY = "kpi_monthly"
KPI_RESTATEMENTS = "kpi_restatements"
KPI_AS_FIRST_REPORTED = "kpi_as_first_reported"
KPI_AS_NOW_KNOWN = "kpi_as_now_known"
KPI_LOST_VERSIONS = "kpi_lost_versions"

# What tells one figure of a month from another.
KEY = ("platform", "community", "kpi")
# Columns of the closing; all others are those of the mart `fct_kpis_monthly`.
OF_CLOSING = ("version", "reported_at", "state_id")
# In place of a meaning: that of the mart's column of the same name.
AS_IN_MART = ""


def _of_mart(name: str, duckdb_type: str) -> Column:
    """A column that means what it does in the mart that figures are frozen from; its yml says what."""
    return Column(name, duckdb_type, True, AS_IN_MART)


_VERSION = Column("version", "BIGINT", False, "Version of the month, from 1.")
_REPORTED_AT = Column("reported_at", "TIMESTAMPTZ", False, "When the version was frozen.")
_STATE_ID = Column("state_id", "VARCHAR", False, "Published state that it was frozen from.")
_MONTHLY = Table(
    KPI_MONTHLY,
    "Every version of every closed month. A month that is closed again gets a new version if anything differs.",
    "one row per month_start_date, version, platform, community and kpi.",
    (
        _of_mart("month_start_date", "DATE"),
        _VERSION,
        _REPORTED_AT,
        _STATE_ID,
        _of_mart("platform", "VARCHAR"),
        _of_mart("community", "VARCHAR"),
        _of_mart("kpi", "VARCHAR"),
        _of_mart("value", "DOUBLE"),
        _of_mart("n", "BIGINT"),
        _of_mart("value_low", "DOUBLE"),
        _of_mart("value_high", "DOUBLE"),
        _of_mart("unit", "VARCHAR"),
        _of_mart("days_n", "BIGINT"),
        _of_mart("days_complete_n", "BIGINT"),
        _of_mart("completeness", "DOUBLE"),
        _of_mart("caveat", "VARCHAR"),
        _of_mart("value_month_before", "DOUBLE"),
        _of_mart("change_month_before", "DOUBLE"),
        _of_mart("change_month_before_share", "DOUBLE"),
        _of_mart("value_year_before", "DOUBLE"),
        _of_mart("change_year_before", "DOUBLE"),
        _of_mart("change_year_before_share", "DOUBLE"),
        _of_mart("change", "DOUBLE"),
        _of_mart("change_low", "DOUBLE"),
        _of_mart("change_high", "DOUBLE"),
        _of_mart("is_change_clear", "BOOLEAN"),
        _of_mart("change_share", "DOUBLE"),
        _of_mart("history_days_n", "BIGINT"),
        _of_mart("definition_version", "BIGINT"),
        _of_mart("sentiment_model_id", "VARCHAR"),
        _of_mart("contributions_n", "BIGINT"),
        _of_mart("erased_n", "BIGINT"),
        _of_mart("last_observed_at", "TIMESTAMPTZ"),
    ),
)
_RESTATEMENTS = Table(
    KPI_RESTATEMENTS,
    "What a later version changed of a figure, and why; from or to NULL where only one of the two versions has it.",
    "one row per month_start_date, version, platform, community and kpi that differs from the version before.",
    (
        _of_mart("month_start_date", "DATE"),
        _VERSION,
        _REPORTED_AT,
        _STATE_ID,
        _of_mart("platform", "VARCHAR"),
        _of_mart("community", "VARCHAR"),
        _of_mart("kpi", "VARCHAR"),
        Column("old_value", "DOUBLE", True, "Value in the version before; NULL where it had none."),
        Column("new_value", "DOUBLE", True, "Value in this version; NULL where it has none."),
        Column("difference", "DOUBLE", True, "new_value − old_value; NULL where either is."),
        Column(
            "changed_columns", "VARCHAR", False,
            "Columns that differ, comma-separated; value where only one of the two versions has the figure.",
        ),
        Column(
            "reasons", "VARCHAR", False,
            "Comma-separated: late_data (contributions, days or looks at them came in, or went, later), deletion "
            "(taken back by people, or accounts gone), new_definition, new_model (of sentiment), earlier_month (only "
            "what the figure is compared with), unknown.",
        ),
    ),
)  # fmt: skip
_LOST_VERSIONS = Table(
    KPI_LOST_VERSIONS,
    "Frozen versions that cannot be read any more: where one was the first or last, nothing stands in its place.",
    "one row per month_start_date, version and table_name.",
    (
        _of_mart("month_start_date", "DATE"),
        _VERSION,
        Column(
            "table_name", "VARCHAR", False,
            "kpi_monthly where the figures are lost, kpi_restatements where only what the version changed is.",
        ),
        Column("reason", "VARCHAR", False, "What is wrong with the file, or was when it was set aside."),
        Column("is_set_aside", "BOOLEAN", False, "Whether it was moved away with `pulse set-aside`."),
    ),
)  # fmt: skip
_EACH_ONCE = "one row per month_start_date, platform, community and kpi."

# What is kept in files.
TABLES: dict[str, Table] = {table.name: table for table in (_MONTHLY, _RESTATEMENTS)}
# What readers see: these and what is made of them (:func:`views`).
SHOWN: dict[str, Table] = {
    table.name: table
    for table in (
        _MONTHLY,
        Table(
            KPI_AS_FIRST_REPORTED,
            "Each figure as it was reported first, whatever became of it.",
            _EACH_ONCE,
            _MONTHLY.columns,
        ),
        Table(KPI_AS_NOW_KNOWN, "The latest version of each closed month.", _EACH_ONCE, _MONTHLY.columns),
        _LOST_VERSIONS,
        _RESTATEMENTS,
    )
}
FIGURES = tuple(name for name in _MONTHLY.names if name not in OF_CLOSING)

Row = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class LostVersion:
    """A version of a month that was frozen and of which a table cannot be read any more.

    Attributes:
        table: ``kpi_monthly`` where its figures are lost; ``kpi_restatements`` where only what it changed is.
        file: the damaged file, or where it lay before it was set aside.
        is_set_aside: whether it was, see :mod:`pulse.reading.damage`.
    """

    month: Month
    version: int
    table: str
    file: Path
    reason: str
    is_set_aside: bool


def versions(home: Home, month: Month) -> list[int]:
    """The versions of a month whose figures can be read, oldest first."""
    return [number for number in _numbers(home, KPI_MONTHLY, month) if _is_readable(home, KPI_MONTHLY, month, number)]


def lost_versions(home: Home, month: Month | None = None, *, is_deep: bool = True) -> list[LostVersion]:
    """What was frozen and cannot be read any more, of one month or of all; oldest first.

    Args:
        is_deep: read every value, not the ends of files alone.
    """
    months = [month] if month is not None else _months(home)
    return sorted(lost for table in TABLES for one in months for lost in _lost(home, table, one, is_deep=is_deep))


def next_version(home: Home, month: Month) -> int:
    """The number of the next version: higher than any that was ever frozen, lost ones included."""
    lost = [lost.version for lost in lost_versions(home, month) if lost.table == KPI_MONTHLY]
    return max([0, *_numbers(home, KPI_MONTHLY, month), *lost]) + 1


def figures(home: Home, month: Month, version: int) -> list[dict[str, Any]]:
    """The rows of one version; columns that came after it was frozen are missing.

    Raises:
        StorageError: the file cannot be read.
    """
    return _read(_file(home, KPI_MONTHLY, month, version))


def restatements(home: Home, month: Month) -> list[dict[str, Any]]:
    """What later versions of a month changed, oldest first; less what is lost (:func:`lost_versions`)."""
    numbers = set(versions(home, month)).intersection(_numbers(home, KPI_RESTATEMENTS, month))
    readable = [number for number in sorted(numbers) if _is_readable(home, KPI_RESTATEMENTS, month, number)]
    return [row for number in readable for row in _read(_file(home, KPI_RESTATEMENTS, month, number))]


def mark_lost(file: Path, reason: str) -> None:
    """Leave a note in place of a frozen file that was moved away.

    Raises:
        StorageError: disk full or not writable.
    """
    write_json(file.with_name(f"{file.stem}{_LOST}"), {"reason": reason})


def add_version(home: Home, month: Month, version: int, figures: Sequence[Row], restatements: Sequence[Row]) -> None:
    """Freeze a version: what it changed first, then the figures, which make it count.

    The same rows give the same bytes. Only whoever holds the lock of the store may call this.

    Raises:
        StorageError: the version is there already, or the disk is full or not writable.
    """
    target = _file(home, KPI_MONTHLY, month, version)
    if target.exists():
        raise StorageError(f"file {target}", value="is there already", next_step="close the month again")
    changes = _file(home, KPI_RESTATEMENTS, month, version)
    if restatements or changes.exists():  # what a killed closing left must not pass for what this one changed
        _write(changes, KPI_RESTATEMENTS, restatements)
    _write(target, KPI_MONTHLY, figures)


def ensure_tables(home: Home) -> None:
    """Give each table a typed file without rows, so that it can be read before any month is closed."""
    for name, table in TABLES.items():
        parquet.ensure_empty_file(home.kpi / name / _EMPTY, table.columns, **_AS_EVER)


# ---- views -----------------------------------------------------------------


def views(relation: Callable[[str], str]) -> dict[str, str]:
    """What schema ``kpi`` shows: a query by name, each on those before it.

    Where a lost version was the first that told a figure, or the last of its month, nothing stands in its place.

    Args:
        relation: what to select the rows of a table's files from, by the table's name; for ``kpi_lost_versions``
            :func:`lost_query`.
    """
    first = f"row_number() over (partition by month_start_date, {', '.join(KEY)} order by version)"
    latest = "dense_rank() over (partition by month_start_date order by version desc)"
    lost = f"select month_start_date, version from kpi.{KPI_LOST_VERSIONS} where table_name = '{KPI_MONTHLY}'"
    return {
        KPI_LOST_VERSIONS: f"select * from {relation(KPI_LOST_VERSIONS)}",
        KPI_MONTHLY: f"select * from {relation(KPI_MONTHLY)}",
        KPI_AS_FIRST_REPORTED: f"select * from (select * from kpi.{KPI_MONTHLY} qualify {first} = 1) as told "
        f"where not exists (from ({lost}) as lost where lost.month_start_date = told.month_start_date "
        "and lost.version < told.version)",
        KPI_AS_NOW_KNOWN: f"select * from (select * from kpi.{KPI_MONTHLY} qualify {latest} = 1) as told "
        f"where not exists (from ({lost}) as lost where lost.month_start_date = told.month_start_date "
        "and lost.version > told.version)",
        KPI_RESTATEMENTS: f"select * from {relation(KPI_RESTATEMENTS)} "
        "where (month_start_date, version) in (select (month_start_date, version) from kpi.kpi_monthly)",
    }


def lost_query(home: Home) -> str:
    """A query for the versions that were frozen and cannot be read any more. Grain: month, version, table."""
    found = ", ".join(
        f"(date '{lost.month.first_day}', {lost.version}, {sql_text(lost.table)}, {sql_text(lost.reason)}, "
        f"{lost.is_set_aside})"
        for lost in lost_versions(home, is_deep=False)
    )
    columns = _LOST_VERSIONS.columns
    if not found:
        return no_rows_sql(columns)
    return f"select {select_list(columns)} from (values {found}) as lost({', '.join(_LOST_VERSIONS.names)})"


# ---- files -----------------------------------------------------------------


def _folder(home: Home, table: str, month: Month) -> Path:
    return home.kpi / table / f"month={month}"


def _file(home: Home, table: str, month: Month, version: int) -> Path:
    return _folder(home, table, month) / f"v{version:04d}.parquet"


def _months(home: Home) -> list[Month]:
    """Months of which anything was frozen."""
    found = set()
    for folder in home.kpi.glob("*/month=*"):
        try:
            found.add(Month.parse(folder.name.removeprefix("month=")))
        except ConfigError:  # a folder of somebody else
            continue
    return sorted(found)


def _numbers(home: Home, table: str, month: Month) -> list[int]:
    """Versions of which a file lies there, whole or not."""
    stems = (file.stem.removeprefix("v") for file in _folder(home, table, month).glob("v*.parquet"))
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())


def _is_readable(home: Home, table: str, month: Month, version: int) -> bool:
    return parquet.fault_of(_file(home, table, month, version), is_deep=True) is None


def _lost(home: Home, table: str, month: Month, *, is_deep: bool) -> Iterator[LostVersion]:
    numbers = _numbers(home, table, month)
    for number in numbers:
        file = _file(home, table, month, number)
        fault = parquet.fault_of(file, is_deep=is_deep)
        if fault is not None:
            yield LostVersion(month, number, table, file, fault, is_set_aside=False)
    notes = {}
    for note in _folder(home, table, month).glob(f"v*{_LOST}"):
        stem = note.name.removesuffix(_LOST).removeprefix("v")
        if stem.isascii() and stem.isdigit() and int(stem) not in numbers:
            notes[int(stem)] = note
    for number, note in notes.items():
        try:
            reason = str(read_json(note)["reason"])
        except (StorageError, KeyError, TypeError):
            reason = "set aside"
        yield LostVersion(month, number, table, _file(home, table, month, number), reason, is_set_aside=True)
    if table == KPI_MONTHLY:
        for number in set(range(1, max(numbers, default=0))).difference(numbers, notes):
            file = _file(home, table, month, number)
            yield LostVersion(month, number, table, file, "the file is gone", is_set_aside=False)


def _write(file: Path, table: str, rows: Sequence[Row]) -> None:
    content = pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[table].arrow_schema)
    parquet.write(file, content, **_AS_EVER)


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        # As a file of its own: pyarrow would take the folder's name for a column of a data set.
        with file.open("rb") as opened:
            rows: list[dict[str, Any]] = pq.read_table(opened).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DamagedFile(
            f"file {file}",
            value=parquet.fault_of(file, is_deep=True) or str(error),
            next_step="restore it from its backup; without one, `pulse set-aside` says what is lost and goes on",
        ) from error
    return rows
