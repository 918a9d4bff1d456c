"""Business results in raw: one Parquet file per imported file, replaced whole; ``raw/business_results``."""

import glob
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pulse.core import parquet
from pulse.core.contract import Column, no_rows_sql
from pulse.core.files import fsync_file, fsync_folder, sql_text, storage_error
from pulse.core.home import Home, path_value
from pulse.imports.contract import COLUMNS


def results_glob(home: Home) -> str:
    """What to hand to DuckDB's ``read_parquet`` for all results, the typed empty file included.

    Files of earlier versions lack columns: read them with ``union_by_name``.
    """
    return f"{glob.escape(str(_folder(home)))}/*.parquet"


def readable_files(home: Home) -> list[Path]:
    """The files of results that can be read, the typed empty one included; damaged ones are left out."""
    return parquet.whole(sorted(_folder(home).glob("*.parquet")), is_deep=True)


def remove_damaged(home: Home, file_name: str) -> None:
    """Remove the results of a file that is about to be imported again, if they cannot be read."""
    target = results_file(home, file_name)
    if target.is_dir():
        shutil.rmtree(target)
    elif target.exists() and parquet.fault_of(target, is_deep=True):
        target.unlink()


def ensure_empty_file(home: Home) -> None:
    """Give the results a typed file without rows, so that all columns can be read before any were imported.

    One of an earlier version of the contract is replaced.
    """
    file = _folder(home) / "_empty.parquet"
    if file.is_dir():
        shutil.rmtree(file)
    is_whole = file.exists() and not parquet.fault_of(file, is_deep=True)
    if not is_whole or pq.read_schema(file).names != [column.name for column in COLUMNS]:
        with duckdb.connect() as connection:
            write(connection, no_rows_sql(COLUMNS), file)


def results_file(home: Home, file_name: str) -> Path:
    """Where the results of a file lie, or would lie."""
    return _folder(home) / f"{path_value(file_name)}.parquet"


def imported(home: Home) -> Mapping[str, str]:
    """The content that is in raw of each imported file: load id by file name; less what cannot be read any more."""
    names = ("file_name", "load_id")
    found = {}
    for file in readable_files(home):
        facts = {key.decode(): value.decode() for key, value in (pq.read_metadata(file).metadata or {}).items()}
        if all(name in facts for name in names):
            found[facts["file_name"]] = facts["load_id"]
    return found


def write(
    connection: duckdb.DuckDBPyConnection, query: str, target: Path, *, facts: Mapping[str, str] | None = None
) -> None:
    """Write the rows of a query as one file, which appears whole or not at all.

    Args:
        facts: kept in the file's own metadata.

    Raises:
        StorageError: disk full or not writable; a file that was there stays.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    kept = ", ".join(f"{name}: {sql_text(value)}" for name, value in (facts or {}).items())
    options = f"format parquet, compression zstd{f', kv_metadata {{{kept}}}' if kept else ''}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(f"copy ({query}) to {sql_text(draft)} ({options})")
        fsync_file(draft)
        draft.replace(target)
        fsync_folder(target.parent)
    except (OSError, duckdb.IOException) as error:
        draft.unlink(missing_ok=True)
        raise storage_error(target, error) from error


def select_list(columns: Mapping[str, str]) -> str:
    """Every column of the contract in order and cast to its type, from SQL expressions by name."""

    def cast(column: Column) -> str:
        return f"cast({columns.get(column.name, column.name)} as {column.duckdb_type}) as {column.name}"

    return ", ".join(map(cast, COLUMNS))


def _folder(home: Home) -> Path:
    return home.raw / "business_results"
