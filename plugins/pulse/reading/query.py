"""Read-only access for analysts: the published marts, and whether or not anything was published the quality results
and the frozen KPIs as they are now.

Each connection opens the published file as it is at that moment and keeps it: a publish in between disturbs nobody.
What does not need a damaged file can be read without it.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import duckdb

from pulse.core.errors import QueryError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import RELATIONS_SQL
from pulse.reading import read_only
from pulse.reading.results import Result, rows_for_table, shown, write_csv, write_json, write_parquet
from pulse.warehouse import build_folders

if TYPE_CHECKING:
    from pulse.lake.side_tables import Table

__all__ = [
    "Result", "all_rows", "connect", "rows_for_table", "run", "shown", "spill_folder", "stop", "translated",
    "write_csv", "write_json", "write_parquet",
]  # fmt: skip

_BATCH_ROWS = 1_000
# What a killed query left behind of large sorts and joins goes after a day.
_SPILL_KEPT_S = 86_400.0
# Without any of these words a statement can neither see the schemas beside the marts nor list what there is: it does
# not wait for them.
_BESIDE = re.compile(
    r"\b(?:quality|kpi|show|describe|information_schema|(?:duckdb|pragma|pg|sqlite)_\w+)\b|(?:\A|\()\W*desc\b"
)
_TEXT_FUNCTIONS = re.compile(r"\b(?:sentiment|needs|duckdb_functions)\b")
_UNREADABLE = re.compile(r"pulse-unreadable: (.*?) \| (.*?) \| (.*)", re.DOTALL)
_INTERRUPTED = "INTERRUPT Error"
_REBUILD = "`pulse rebuild` makes it again from raw; quality and kpi can be read meanwhile"


@dataclass(frozen=True)
class _Published:
    """The published file behind a connection, and why it cannot be opened; None where it can."""

    file: Path
    damage: str | None


@dataclass
class _Asked:
    """The statement that a connection runs, and whether somebody stopped it."""

    statement: duckdb.Statement
    is_stopped: bool = False


# By connection: only a statement that needs a damaged published file has to say so.
_published_of: "WeakKeyDictionary[duckdb.DuckDBPyConnection, _Published]" = WeakKeyDictionary()
_asked_of: "WeakKeyDictionary[duckdb.DuckDBPyConnection, _Asked]" = WeakKeyDictionary()


def connect(
    home: Home, sql: str | None = None, *, settings: Mapping[str, str | int] = MappingProxyType({})
) -> duckdb.DuckDBPyConnection:
    """A private in-memory database with the views ``marts.*`` (if anything is published), ``quality.*`` and ``kpi.*``.

    Times are shown in UTC; ``sentiment(text)`` judges any text. No file can be read, nor anything changed, by what
    :func:`run` runs. A table of which a file is damaged says so to whoever reads it, and so does a published file.

    Args:
        sql: the statement it is for, or a text that names what it is for: what that cannot see is not prepared. None
            prepares everything.
        settings: of DuckDB, for who has less of the machine than all of it: ``threads``, ``memory_limit``.

    Raises:
        QueryError: the published file is damaged, and is needed; or DuckDB cannot start.
    """
    text = None if sql is None else sql.casefold()
    try:
        if text is not None and not _BESIDE.search(text):
            connection = _started(home, settings)
        else:
            from pulse.lake import side_tables

            connection = side_tables.opened(
                lambda: _started(home, settings),
                home,
                is_wanted=lambda table: _is_wanted(table, text),
                message=_unreadable,
            )
            _show_what_is_published(connection)
        damage = _published_of[connection].damage
        if damage is not None and (text is None or "marts" in text):
            raise _published_damaged(home.published_file, damage)
        if text is None or _TEXT_FUNCTIONS.search(text):
            from pulse.texts import sql_function

            sql_function.register(connection)
        # What is published may be views over a build's files.
        if folders := build_folders.readable_folders(home):
            names = (sql_text(name) for folder in folders for name in dict.fromkeys((str(folder), escape(str(folder)))))
            connection.execute(f"set allowed_directories = [{', '.join(names)}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error as error:
        raise QueryError("query", value=str(error), next_step="run `pulse doctor`") from error
    return connection


def _started(home: Home, settings: Mapping[str, str | int]) -> duckdb.DuckDBPyConnection:
    """A database with the marts, still open to files."""
    _remove_old_spills(home)
    connection = duckdb.connect(
        config={
            "temp_directory": str(spill_folder(home)),
            "python_enable_replacements": False,  # a name in SQL is no variable of this program
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            **settings,
        }
    )
    connection.execute("set timezone = 'UTC'")
    file, damage = home.published_file, None
    if file.exists():
        try:
            _attach(connection, file)
        except duckdb.Error as error:
            damage = str(error).split("\n")[0]
    _published_of[connection] = _Published(file, damage)
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, published: Path) -> None:
    connection.execute(f"attach {sql_text(published)} as published (read_only)")
    tables = connection.execute(
        f"select table_name from {RELATIONS_SQL} where database_name = 'published' and schema_name = 'marts'"
    ).fetchall()
    connection.execute("create schema marts")
    for (table,) in tables:
        connection.execute(f"create view marts.{table} as select * from published.marts.{table}")


def _show_what_is_published(connection: duckdb.DuckDBPyConnection) -> None:
    """The table of the published file that says as of when its copies of the tables beside the marts are."""
    from pulse.core.table import no_rows_sql
    from pulse.lake import side_tables

    name = f"{side_tables.QUALITY}.{side_tables.PUBLISHED}"
    found = connection.execute(
        "select count(*) from duckdb_tables() "
        "where database_name = 'published' and schema_name || '.' || table_name = $name",
        {"name": name},
    )
    is_there = found.fetchone() == (1,)
    rows = f"from published.{name}" if is_there else no_rows_sql(side_tables.PUBLISHED_TABLE.columns)
    connection.execute(f"create view {name} as {rows}")


def _is_wanted(table: "Table", text: str | None) -> bool:
    """Whether a statement may name it; small tables that others are made of always."""
    return text is None or (table.schema in text and (table.schema == "kpi" or table.table in text))


def _unreadable(table: "Table", file: Path | None, reason: str) -> str:
    """What the view in place of a damaged table answers, for :func:`_translated` to take apart."""
    if file is None:
        return f"pulse-unreadable: {table.name} | not read for this statement | name the table in the statement"
    return (
        f"pulse-unreadable: {table.name} | {file}: {reason} | "
        'run `pulse doctor`; docs/operations.md, "A file is damaged", says how it is made again or set aside'
    )


# ---- running ---------------------------------------------------------------


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """Run one statement that only reads.

    Raises:
        QueryError: it is another kind of statement, or more than one, or DuckDB refuses it; its message says where.
    """
    try:
        *before, last = read_only.statements(connection, sql)
        for statement in before:
            connection.execute(statement)
        _asked_of[connection] = _Asked(last)
        cursor = connection.execute(last)
    except duckdb.Error as error:
        raise _translated(connection, error) from error
    columns = tuple(column[0] for column in cursor.description or ())
    return Result(columns, _batches(cursor), cursor)


def stop(connection: duckdb.DuckDBPyConnection) -> None:
    """Ask what the connection runs to end. DuckDB looks for that between its steps only."""
    if asked := _asked_of.get(connection):
        asked.is_stopped = True
    connection.interrupt()


def _batches(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    try:
        while rows := cursor.fetchmany(_BATCH_ROWS):
            yield rows
    except duckdb.Error as error:
        raise _translated(cursor, error) from error


def translated(result: Result, error: duckdb.Error) -> QueryError:
    """What stopped somebody who reads a result."""
    if result.cursor is None:
        return QueryError("query", value=str(error), next_step="mend the query")
    return _translated(result.cursor, error)


def _cause(connection: duckdb.DuckDBPyConnection, error: duckdb.Error) -> duckdb.Error:
    """What went wrong, where DuckDB says of a statement that nobody stopped only that it was interrupted.

    Where one thread of a statement fails, the others are interrupted, and now and then their error is the one that a
    reader of the rows gets (DuckDB 1.5, on a busy machine 3 of 100). Run again with all rows at once, it says its own.
    """
    asked = _asked_of.get(connection)
    if asked is None or asked.is_stopped or _INTERRUPTED not in str(error):
        return error
    try:
        again = connection.sql(asked.statement)
        if again is not None:
            again.execute()
    except duckdb.Error as cause:
        return cause
    return error


def _translated(connection: duckdb.DuckDBPyConnection, error: duckdb.Error) -> QueryError:
    error = _cause(connection, error)
    message = str(error).split("\nStack Trace")[0]
    if isinstance(error, duckdb.InvalidInputException) and (found := _UNREADABLE.search(message)):
        return QueryError(found[1], value=found[2], next_step=found[3])
    published = _published_of.get(connection)
    if published is not None and isinstance(error, duckdb.CatalogException):
        if published.damage is not None:
            return _published_damaged(published.file, published.damage)
        if not published.file.exists():
            return QueryError(
                "query",
                value=message.split("\n")[0],
                next_step="nothing is published yet: `make demo`, or `pulse run --day …`",
            )
    if isinstance(error, duckdb.InternalException | duckdb.FatalException | duckdb.SerializationException) or (
        isinstance(error, duckdb.IOException) and "Corrupt database file" in message
    ):
        file = "" if published is None else f" {published.file}"
        return QueryError(f"published file{file}", value=message, next_step=f"if it stays so, {_REBUILD}")
    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        return QueryError("query", value=message, next_step="ask for less at once, or free space under PULSE_HOME")
    return QueryError(
        "query",
        value=message,
        next_step='`pulse sql "show all tables"` lists what is there; docs/data-dictionary.md says what it means',
    )


def _published_damaged(file: Path, reason: str) -> QueryError:
    return QueryError(f"published file {file}", value=reason, next_step=_REBUILD)


def all_rows(home: Home, sql: str) -> Sequence[tuple[Any, ...]]:
    """All rows of a small query of our own."""
    with connect(home, sql) as connection:
        return [row for batch in run(connection, sql).batches for row in batch]


# ---- where large queries spill ---------------------------------------------

_SPILL_NAME = f"query-{os.getpid()}-{secrets.token_hex(4)}"


def spill_folder(home: Home) -> Path:
    """Where the queries of this process put what does not fit into memory; DuckDB makes and removes it.

    Each process has its own: DuckDB gives the files in it the same names everywhere.
    """
    return home.scratch / _SPILL_NAME


def _remove_old_spills(home: Home) -> None:
    for folder in home.scratch.glob("query-*"):
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - _SPILL_KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)
