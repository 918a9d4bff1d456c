"""What happened to each load and each rule, as Parquet that analysts can query whether or not a day was published.

Tables under ``PULSE_HOME/quality``, one file per writer and load: files are only ever added or replaced whole,
so readers need no lock. No original text is in them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from pulse.core import parquet
from pulse.core.files import sql_text
from pulse.core.home import Home, path_value

_TIME = pa.timestamp("us", tz="UTC")

LOAD_OUTCOMES = "load_outcomes"
GATE_RESULTS = "gate_results"
QUARANTINED_ROWS = "quarantined_rows"
CREATION_TIME_CLASHES = "creation_time_clashes"

TABLES: dict[str, pa.Schema] = {
    # Grain: run, config entry, community, day. A wildcard entry has a row for `*` and one per community it brought.
    LOAD_OUTCOMES: pa.schema(
        [
            ("run_id", pa.string()),
            ("load_id", pa.string()),
            ("platform", pa.string()),
            ("entry_id", pa.string()),
            ("community", pa.string()),
            ("source", pa.string()),
            ("day", pa.date32()),
            ("outcome", pa.string()),
            ("contributions_n", pa.int64()),
            ("quarantined_rows_n", pa.int64()),
            ("skipped_n", pa.int64()),
            ("api_calls_n", pa.int64()),
            ("reason", pa.string()),
            ("recorded_at", _TIME),
        ]
    ),
    # Grain: run, gate, load, rule. The gate on the marts has no load.
    GATE_RESULTS: pa.schema(
        [
            ("run_id", pa.string()),
            ("gate", pa.string()),
            ("load_id", pa.string()),
            ("entry_id", pa.string()),
            ("rule", pa.string()),
            ("level", pa.string()),
            ("severity", pa.string()),
            ("checked_n", pa.int64()),
            ("failed_n", pa.int64()),
            ("value", pa.float64()),
            ("limit_value", pa.float64()),
            ("is_passed", pa.bool_()),
            ("is_waived", pa.bool_()),
            ("is_stopping", pa.bool_()),
            ("message", pa.string()),
            ("recorded_at", _TIME),
        ]
    ),
    # Grain: one quarantined record and the rule it broke.
    QUARANTINED_ROWS: pa.schema(
        [
            ("run_id", pa.string()),
            ("load_id", pa.string()),
            ("entry_id", pa.string()),
            ("community", pa.string()),
            ("day", pa.date32()),
            ("rule", pa.string()),
            ("reason", pa.string()),
            ("contribution_id", pa.string()),
            ("file", pa.string()),
            ("line_number", pa.int64()),
            ("recorded_at", _TIME),
        ]
    ),
    # Grain: contribution, and a time of creation that does not hold, by the load that tells it. As of the last build.
    CREATION_TIME_CLASHES: pa.schema(
        [
            ("platform", pa.string()),
            ("community", pa.string()),
            ("contribution_id", pa.string()),
            ("kept_created_at", _TIME),
            ("kept_load_id", pa.string()),
            ("other_created_at", _TIME),
            ("other_load_id", pa.string()),
        ]
    ),
}


def append(home: Home, table: str, rows: Iterable[Mapping[str, Any]], *, stem: str) -> Path:
    """Write rows as one file of a table; a file of the same stem is replaced, so that a rerun repeats nothing.

    Args:
        stem: unique per writer and load, any text: ``{run_id}-{load_id}``.

    Raises:
        StorageError: disk full or not writable.
        KeyError: a row has a column that the table does not know.
    """
    schema = TABLES[table]
    records = [dict(row) for row in rows]
    unknown = {name for record in records for name in record} - set(schema.names)
    if unknown:
        raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
    return _write(home, table, pa.Table.from_pylist(records, schema=schema), stem)


def append_table(home: Home, table: str, content: pa.Table, *, stem: str) -> Path:
    """The same for many rows that are an Arrow table already; columns are put in order and cast."""
    return _write(home, table, content.select(TABLES[table].names).cast(TABLES[table]), stem)


def exists(home: Home, table: str, stem: str) -> bool:
    """Whether a writer of that stem has written already."""
    return (home.quality / table / f"{path_value(stem)}.parquet").exists()


def ensure_tables(home: Home) -> None:
    """Give each table a typed file without rows, so that it can be read before anything happened."""
    for table, schema in TABLES.items():
        file = home.quality / table / "_empty.parquet"
        if not file.exists() or parquet.fault_of(file, is_deep=True) is not None:
            _write(home, table, schema.empty_table(), "_empty")


def file_of(home: Home, table: str, stem: str) -> Path:
    """The file of a table that a writer writes under that stem."""
    return home.quality / table / f"{path_value(stem)}.parquet"


def glob(home: Home, table: str) -> str:
    """What to hand to DuckDB's ``read_parquet`` for the whole table."""
    return f"{escape(str(home.quality / table))}/*.parquet"


def files(home: Home, table: str) -> list[Path]:
    """All files of a table, whole or not, in order; the one without rows among them."""
    return sorted((home.quality / table).glob("*.parquet"))


def damaged_files(home: Home, table: str, *, is_deep: bool = False) -> list[Path]:
    """Files of a table that cannot be read, in order."""
    return [file for file in files(home, table) if parquet.fault_of(file, is_deep=is_deep)]


def readable_rows(home: Home, table: str, *, is_deep: bool = False) -> str:
    """What to select from for the whole table in DuckDB: a damaged file is left out, where :func:`glob` would fail.

    Args:
        is_deep: find damage by reading every value, not by the ends of files alone.
    """
    damaged = damaged_files(home, table, is_deep=is_deep)
    if not damaged:
        return f"read_parquet({sql_text(glob(home, table))}, hive_partitioning = false)"
    names = ", ".join(sql_text(file) for file in files(home, table) if file not in damaged)
    if not names:
        columns = (f"cast(null as {_duckdb_type(field.type)}) as {field.name}" for field in TABLES[table])
        return f"(select {', '.join(columns)} where false)"
    return f"read_parquet([{names}], hive_partitioning = false)"


def _duckdb_type(kind: pa.DataType) -> str:
    names = {pa.string(): "varchar", pa.date32(): "date", _TIME: "timestamptz", pa.bool_(): "boolean"}
    return names.get(kind) or ("double" if pa.types.is_floating(kind) else "bigint")


def written_before(home: Home, older_than: datetime) -> list[Path]:
    """Files of gate results and quarantined rows, and Data Docs sites, last written before a time.

    Outcomes of loads stay: the marts' completeness is counted from them.
    """
    tables = (GATE_RESULTS, QUARANTINED_ROWS)
    files = [file for table in tables for file in (home.quality / table).glob("*.parquet") if file.stem != "_empty"]
    found = [*files, *(home.quality / "data_docs").glob("[!_]*")]  # _static serves all sites
    return sorted(path for path in found if path.stat().st_mtime < older_than.timestamp())


def _write(home: Home, table: str, content: pa.Table, stem: str) -> Path:
    final = file_of(home, table, stem)
    parquet.write(final, content, compression="zstd")
    return final
