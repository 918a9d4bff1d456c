"""Builds of an engine that writes Parquet: a folder each under ``warehouse/builds``, and DuckDB files of views over it.

A folder is written by one build and never again. Gate 2 and readers open a DuckDB file as ever, in which each table is
a view of the folder's files, under its absolute path. A folder stays as long as a published state, or the working file,
is made of it: a marker in it names each such state, written before readers are pointed to the state.

A partial build goes on from the last one: files of tables in which it deletes nothing get another name in its folder
(a hard link, or a copy where the disk has none), so each folder can be read and removed without any other. The list of
a folder's files, written last, says that it is whole.
"""

import os
import shutil
from collections.abc import Iterator
from glob import escape as glob_escape
from pathlib import Path

import duckdb

from pulse.core.errors import StorageError
from pulse.core.files import fsync_folder, read_json, sql_text, storage_error, write_json
from pulse.core.home import Home

# What readers get; what lies in other folders of a build is between dbt and gate 2.
READ_SCHEMAS = ("intermediate", "marts")
_SCHEMAS = ("staging", *READ_SCHEMAS)
_MARKERS = "states"
_FILES = "files.json"  # size in bytes of each file of its tables
_PARTS = "parts"  # what a partial build keeps of the last one, before the folder is made whole


def builds_folder(home: Home) -> Path:
    """Where the builds lie."""
    return home.warehouse / "builds"


def readable_folders(home: Home) -> list[Path]:
    """What readers' views may reach, of all builds."""
    return [folder / schema for folder in _folders(home) for schema in READ_SCHEMAS]


def begin(folder: Path) -> None:
    """Make an empty folder for a build; what an attempt left there goes.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def complete(folder: Path, *, last: Path | None) -> None:
    """Give a build that ended well what it takes over from the last one, and the list that says that it is whole.

    For each table of which some dates were made, ``parts/<schema>.<table>`` has the names of the last build's files in
    which rows were deleted (``touched``), and what is left of these (``kept``).

    Raises:
        StorageError: it cannot be written.
    """
    parts = folder / _PARTS
    try:
        if last is not None:
            for part in parts.iterdir():
                table = part.name.replace(".", "/", 1)
                _take_over(part, last / table, folder / table)
            shutil.rmtree(parts)
        files = [file for schema, table in tables(folder) for file in (folder / schema / table).glob("*.parquet")]
        write_json(folder / _FILES, {str(file.relative_to(folder)): file.stat().st_size for file in sorted(files)})
    except OSError as error:
        raise storage_error(folder, error) from error


def _take_over(part: Path, before: Path, table: Path) -> None:
    touched = _file_names(part / "touched")
    for file in before.glob("*.parquet"):
        if file.name not in touched:
            _link(file, table / file.name)
    for file in (part / "kept").glob("*.parquet"):
        file.rename(table / file.name)


def _file_names(folder: Path) -> set[str]:
    pattern = f"{glob_escape(str(folder))}/*.parquet"
    with duckdb.connect() as connection:
        reader = f"read_parquet({sql_text(pattern)}, hive_partitioning = false)"
        return {str(name) for (name,) in connection.execute(f"select file_name from {reader}").fetchall()}


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # a disk without them
        shutil.copyfile(file, target)


def whole(home: Home, name: str | None) -> Path | None:
    """The folder of a build, if all of its files are there; None where one is missing or of another size."""
    if name is None:
        return None
    folder = builds_folder(home) / name
    try:
        files = read_json(folder / _FILES)
        is_whole = all((folder / file).stat().st_size == size for file, size in files.items())
    except (StorageError, OSError, AttributeError, TypeError):
        return None
    return folder if is_whole else None


def tables(folder: Path) -> list[tuple[str, str]]:
    """Schema and name of each table of a build."""
    return [
        (schema, table.name) for schema in _SCHEMAS for table in sorted((folder / schema).glob("*")) if table.is_dir()
    ]


def write_views(folder: Path, database: Path) -> None:
    """Make a view of each table of a build in a DuckDB file, in place of what stands there under that name.

    Raises:
        duckdb.Error: the file cannot be written.
    """
    with duckdb.connect(str(database)) as connection:
        for schema in _SCHEMAS:
            connection.execute(f"create schema if not exists {schema}")
        for schema, table in tables(folder):
            files = f"{glob_escape(str(folder / schema / table))}/*.parquet"
            connection.execute(
                f'create or replace view {schema}."{table}" as '
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
