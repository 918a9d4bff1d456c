"""Builds of an engine that writes Parquet: a folder each under ``warehouse/builds``, and DuckDB files of views over it.

A folder is written by one build and never again. Gate 2 and readers open a DuckDB file as ever, in which each table is
a view of the folder's files, under its absolute path. A folder stays as long as a published state, or the working file,
is made of it: a marker in it names each such state, written before readers are pointed to the state.
"""

import shutil
from collections.abc import Iterator
from glob import escape as glob_escape
from pathlib import Path

import duckdb

from pulse.core.files import fsync_folder, sql_text, storage_error
from pulse.core.home import Home

# What readers get; what lies in other folders of a build is between dbt and gate 2.
READ_SCHEMAS = ("intermediate", "marts")
_MARKERS = "states"


def builds_folder(home: Home) -> Path:
    """Where the builds lie."""
    return home.warehouse / "builds"


def readable_folders(home: Home) -> list[Path]:
    """What readers' views may reach, of all builds."""
    return [folder / schema for folder in _folders(home) for schema in READ_SCHEMAS]


def write_views(folder: Path, database: Path) -> None:
    """Make a view of each table of a build in a DuckDB file, in place of what stands there under that name.

    Raises:
        duckdb.Error: the file cannot be written.
    """
    with duckdb.connect(str(database)) as connection:
        for schema in ("staging", *READ_SCHEMAS):
            connection.execute(f"create schema if not exists {schema}")
            for table in sorted(path for path in (folder / schema).glob("*") if path.is_dir()):
                files = f"{glob_escape(str(table))}/*.parquet"
                connection.execute(
                    f'create or replace view {schema}."{table.name}" as '
                    f"select * from read_parquet({sql_text(files)}, hive_partitioning = false)"
                )


def write_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make a table of each view, in a file that must need nothing else."""
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() "
        "where database_name = current_database() and not internal and list_contains($schemas, schema_name)",
        {"schemas": READ_SCHEMAS},
    ).fetchall()
    for schema, view in views:
        connection.execute(f'alter view {schema}."{view}" rename to "{view}__files"')
        connection.execute(f'create table {schema}."{view}" as select * from {schema}."{view}__files"')
        connection.execute(f'drop view {schema}."{view}__files"')


def mark(folder: Path | None, state_id: str) -> None:
    """Note that a published state is made of a build, before readers can see it.

    Raises:
        StorageError: it cannot be written.
    """
    if folder is None:
        return
    markers = folder / _MARKERS
    try:
        markers.mkdir(exist_ok=True)
        (markers / state_id).touch()
        fsync_folder(markers)
    except OSError as error:
        raise storage_error(markers, error) from error


def folder_of_state(home: Home, state_id: str) -> Path | None:
    """The build that a published state is made of; None where the state holds its tables itself."""
    return next((folder for folder in _folders(home) if (folder / _MARKERS / state_id).exists()), None)


def remove_unused(home: Home, *, kept: Path | None) -> None:
    """Remove builds of which no state is there any more, but for one.

    Raises:
        OSError: one cannot be removed.
    """
    states = {file.stem for file in (home.published / "states").glob("*.duckdb")}
    for folder in _folders(home):
        of_folder = {marker.name for marker in (folder / _MARKERS).glob("*")}
        if folder != kept and not of_folder & states:
            shutil.rmtree(folder)


def _folders(home: Home) -> Iterator[Path]:
    return (path for path in sorted(builds_folder(home).glob("*")) if path.is_dir())
