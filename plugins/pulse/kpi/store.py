"""The frozen store: what was told of each closed month, as Parquet files that are only ever added.

    kpi/kpi_monthly/month=2026-10/v0001.parquet        the figures of one closing
    kpi/kpi_restatements/month=2026-10/v0002.parquet   what that version changed, and why

It holds aggregates only, no rebuild touches it, and no retention prunes it. The file of figures is the last one that a
closing writes and makes it count: changes without it are of a closing that was killed, and readers leave them out.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pulse.errors import StorageError
from pulse.files import storage_error, write_bytes
from pulse.home import Home
from pulse.kpi.month import Month

_TIME = pa.timestamp("us", tz="UTC")
_EMPTY = "_empty.parquet"

KPI_MONTHLY = "kpi_monthly"
KPI_RESTATEMENTS = "kpi_restatements"
KPI_AS_FIRST_REPORTED = "kpi_as_first_reported"
KPI_AS_NOW_KNOWN = "kpi_as_now_known"

# What tells one figure of a month from another.
KEY = ("platform", "community", "kpi")
# Columns of the closing; all others are those of the mart `fct_kpis_monthly`.
OF_CLOSING = ("version", "reported_at", "state_id")

TABLES: dict[str, pa.Schema] = {
    # Grain: month, version, platform, community, KPI.
    KPI_MONTHLY: pa.schema(
        [
            ("month_start_date", pa.date32()),
            ("version", pa.int64()),
            ("reported_at", _TIME),
            ("state_id", pa.string()),
            ("platform", pa.string()),
            ("community", pa.string()),
            ("kpi", pa.string()),
            ("value", pa.float64()),
            ("n", pa.int64()),
            ("value_low", pa.float64()),
            ("value_high", pa.float64()),
            ("unit", pa.string()),
            ("days_n", pa.int64()),
            ("days_complete_n", pa.int64()),
            ("completeness", pa.float64()),
            ("caveat", pa.string()),
            ("value_month_before", pa.float64()),
            ("change_month_before", pa.float64()),
            ("change_month_before_share", pa.float64()),
            ("value_year_before", pa.float64()),
            ("change_year_before", pa.float64()),
            ("change_year_before_share", pa.float64()),
            ("definition_version", pa.int64()),
            ("sentiment_model_id", pa.string()),
            ("contributions_n", pa.int64()),
            ("erased_n", pa.int64()),
            ("last_observed_at", _TIME),
        ]
    ),
    # Grain: month, version, platform, community, KPI; a version that changed nothing of a figure has no row for it.
    KPI_RESTATEMENTS: pa.schema(
        [
            ("month_start_date", pa.date32()),
            ("version", pa.int64()),
            ("reported_at", _TIME),
            ("state_id", pa.string()),
            ("platform", pa.string()),
            ("community", pa.string()),
            ("kpi", pa.string()),
            ("old_value", pa.float64()),
            ("new_value", pa.float64()),
            ("difference", pa.float64()),
            ("changed_columns", pa.string()),
            ("reasons", pa.string()),
        ]
    ),
}
FIGURES = tuple(name for name in TABLES[KPI_MONTHLY].names if name not in OF_CLOSING)

Row = Mapping[str, Any]


def versions(home: Home, month: Month) -> list[int]:
    """The versions that were frozen of a month, oldest first."""
    return sorted(int(file.stem.removeprefix("v")) for file in _folder(home, KPI_MONTHLY, month).glob("v*.parquet"))


def figures(home: Home, month: Month, version: int) -> list[dict[str, Any]]:
    """The rows of one version; columns that came after it was frozen are missing.

    Raises:
        StorageError: the file cannot be read.
    """
    return _read(_file(home, KPI_MONTHLY, month, version))


def restatements(home: Home, month: Month) -> list[dict[str, Any]]:
    """What later versions of a month changed, oldest first.

    Raises:
        StorageError: a file cannot be read.
    """
    files = [_file(home, KPI_RESTATEMENTS, month, version) for version in versions(home, month)]
    return [row for file in files if file.exists() for row in _read(file)]


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
    for table in TABLES:
        file = home.kpi / table / _EMPTY
        if not file.exists():
            _write(file, table, [])


# ---- views -----------------------------------------------------------------


def views(relation: Callable[[str], str]) -> dict[str, str]:
    """What schema ``kpi`` shows: a query by name, each on those before it.

    Args:
        relation: what to select the rows of a table's files from, by the table's name.
    """
    first = f"row_number() over (partition by month_start_date, {', '.join(KEY)} order by version)"
    latest = "dense_rank() over (partition by month_start_date order by version desc)"
    return {
        KPI_MONTHLY: f"select * from {relation(KPI_MONTHLY)}",
        KPI_AS_FIRST_REPORTED: f"select * from kpi.{KPI_MONTHLY} qualify {first} = 1",
        KPI_AS_NOW_KNOWN: f"select * from kpi.{KPI_MONTHLY} qualify {latest} = 1",
        KPI_RESTATEMENTS: f"select * from {relation(KPI_RESTATEMENTS)} "
        "where (month_start_date, version) in (select (month_start_date, version) from kpi.kpi_monthly)",
    }


# ---- files -----------------------------------------------------------------


def _folder(home: Home, table: str, month: Month) -> Path:
    return home.kpi / table / f"month={month}"


def _file(home: Home, table: str, month: Month, version: int) -> Path:
    return _folder(home, table, month) / f"v{version:04d}.parquet"


def _write(file: Path, table: str, rows: Sequence[Row]) -> None:
    content = pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[table])
    buffer = pa.BufferOutputStream()
    pq.write_table(
        content, buffer, version="2.6", data_page_version="1.0", compression="zstd", compression_level=3,
        use_dictionary=True, write_statistics=True, store_schema=False,
    )  # fmt: skip
    write_bytes(file, buffer.getvalue().to_pybytes())


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        # As a file of its own: pyarrow would take the folder's name for a column of a data set.
        with file.open("rb") as opened:
            rows: list[dict[str, Any]] = pq.read_table(opened).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise storage_error(file, error) from error
    return rows
