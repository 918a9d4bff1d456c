"""Read-only access for analysts: the published marts, and whether or not anything was published the quality results
and the frozen KPIs.

Each connection opens the published file as it is at that moment and keeps it: a publish in between disturbs nobody.
"""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from glob import escape
from pathlib import Path
from typing import Any, Literal, TextIO

import duckdb

from pulse import quality, warehouse
from pulse.errors import QueryError
from pulse.files import sql_text
from pulse.home import Home
from pulse.kpi import store
from pulse.sentiment import sql_function
from pulse.text import printable

Format = Literal["table", "csv", "json"]
_BATCH_ROWS = 1_000
# A spreadsheet takes a cell that begins so for a formula; some take the full-width forms too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Result:
    """Rows of one query, read as they are asked for."""

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]


def connect(home: Home) -> duckdb.DuckDBPyConnection:
    """A private in-memory database with the views ``marts.*`` (if anything is published), ``quality.*`` and ``kpi.*``.

    Times are shown in UTC; ``sentiment(text)`` judges any text. Files other than those behind the views cannot be read,
    nor anything written.

    Raises:
        QueryError: the published file cannot be opened.
    """
    quality.ensure_tables(home)
    store.ensure_tables(home)
    connection = duckdb.connect(config={"temp_directory": str(home.scratch / "query")})
    try:
        connection.execute("set timezone = 'UTC'")
        published = warehouse.published_file(home)
        if published.exists():
            _attach(connection, published)
        connection.execute("create schema quality")
        for table in quality.TABLES:
            connection.execute(
                f"create view quality.{table} as "
                f"select * from read_parquet({sql_text(quality.glob(home, table))}, hive_partitioning = false)"
            )
        connection.execute("create schema kpi")
        for view, sql in store.views(home).items():
            connection.execute(f"create view kpi.{view} as {sql}")
        sql_function.register(connection)
        # Views name the folder as a pattern: where its name has characters of patterns, that is another text.
        readable = (str(home.quality), str(home.kpi))
        folders = ", ".join(sql_text(name) for folder in readable for name in (folder, escape(folder)))
        connection.execute(f"set allowed_directories = [{folders}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise QueryError(
            "published file", value=str(error), next_step="run `pulse status`; publish again with `pulse rebuild`"
        ) from error
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, published: Path) -> None:
    connection.execute(f"attach {sql_text(published)} as published (read_only)")
    connection.execute("create schema marts")
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'published' and schema_name = 'marts'"
    ).fetchall()
    for (table,) in tables:
        connection.execute(f"create view marts.{table} as select * from published.marts.{table}")


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """Run one statement.

    Raises:
        QueryError: DuckDB refuses it; its message says where.
    """
    try:
        cursor = connection.execute(sql)
    except UnicodeEncodeError as error:
        raise QueryError("query", value=sql, limit="UTF-8 text", next_step="mend the query") from error
    except duckdb.Error as error:
        raise QueryError("query", value=str(error), next_step=_advice(connection, error)) from error
    if cursor is None:  # blanks or a comment; DuckDB runs nothing then
        raise QueryError("query", value="no statement in it", next_step='try `pulse sql "show all tables"`')
    columns = tuple(column[0] for column in cursor.description or ())
    return Result(columns, _batches(cursor))


def _batches(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    try:
        while rows := cursor.fetchmany(_BATCH_ROWS):
            yield rows
    except duckdb.Error as error:
        raise QueryError("query", value=str(error), next_step="mend the query") from error


def _advice(connection: duckdb.DuckDBPyConnection, error: duckdb.Error) -> str:
    has_marts = connection.execute("select count(*) from duckdb_schemas() where schema_name = 'marts'").fetchone()
    if isinstance(error, duckdb.CatalogException) and has_marts == (0,):
        return "nothing is published yet: `make demo`, or `pulse run --day …`"
    return '`pulse sql "show all tables"` lists what is there; docs/data-dictionary.md says what it means'


# ---- writing results -------------------------------------------------------


def write_csv(result: Result, stream: TextIO, *, is_terminal: bool) -> None:
    """Comma-separated, with a header; text that a spreadsheet would run gets a leading apostrophe, numbers do not.

    The people who get such files open them in spreadsheets; whoever needs text to the letter takes JSON. Control
    characters are made visible on a terminal only: a file keeps them.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_csv_cell(name, is_terminal=is_terminal) for name in result.columns])
    for batch in result.batches:
        writer.writerows([[_csv_cell(value, is_terminal=is_terminal) for value in row] for row in batch])


def write_json(result: Result, stream: TextIO) -> None:
    """One array of objects; JSON's own escapes keep control characters away from a terminal."""
    stream.write("[")
    separator = "\n"
    for batch in result.batches:
        for row in batch:
            content = dict(zip(result.columns, map(_plain, row), strict=True))
            stream.write(separator + json.dumps(content, ensure_ascii=True))
            separator = ",\n"
    stream.write("\n]\n")


def rows_for_table(result: Result, *, limit: int) -> tuple[list[list[str]], bool]:
    """Up to ``limit`` rows as printable text, and whether there are more."""
    rows: list[list[str]] = []
    for batch in result.batches:
        for row in batch:
            if len(rows) == limit:
                return rows, True
            rows.append([shown(value) for value in row])
    return rows, False


def shown(value: object) -> str:
    """One cell for a terminal: NULL is told from the empty text, numbers are short, hostile text is made visible."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.4g}" if abs(value) < 1e6 else f"{value:,.0f}"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case _:
            return printable(str(value), max_chars=120)


def _csv_cell(value: object, *, is_terminal: bool) -> object:
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    if isinstance(value, str) and text.startswith(_FORMULA_STARTS):
        text = f"'{text}"
    return printable(text, max_chars=100_000) if is_terminal else text


def _plain(value: object) -> Any:
    """A value as JSON has it; NaN and the infinities, which JSON has not, become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def all_rows(home: Home, sql: str) -> Sequence[tuple[Any, ...]]:
    """All rows of a small query of our own."""
    with connect(home) as connection:
        return [row for batch in run(connection, sql).batches for row in batch]
