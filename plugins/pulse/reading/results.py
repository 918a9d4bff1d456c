"""The rows of a query, and writing them: as CSV, JSON or Parquet, or as text for a table on a terminal.

Text in them is what people wrote: nothing of it may move a cursor, pass for markup, or run in a spreadsheet.
"""

import csv
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import duckdb

from pulse.core.files import sql_text
from pulse.core.text import printable

# A spreadsheet takes a cell that begins so for a formula, or a command; some take the full-width forms too, and some
# look past what cannot be seen.
_FORMULA_STARTS = ("=", "+", "-", "@", "|", "＝", "＋", "－", "＠")
_CELL_STARTS = ("\t", "\r", "\n")
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True)
class Result:
    """Rows of one query, read as they are asked for.

    Attributes:
        cursor: where they come from, for formats that keep DuckDB's own types.
    """

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]
    cursor: duckdb.DuckDBPyConnection | None = None

    @property
    def is_plan(self) -> bool:
        """Whether it is the answer to EXPLAIN: a drawing of several lines."""
        return self.columns == ("explain_key", "explain_value")

    @property
    def columns_to_show(self) -> int:
        """How many of the columns, from the left, a table for people needs.

        Of DESCRIBE the names and types, since tables here have neither keys nor defaults; of SHOW ALL TABLES where they
        are, since the lists of their columns fill pages.
        """
        needed: dict[tuple[str, ...], int] = {
            ("column_name", "column_type", "null", "key", "default", "extra"): 2,
            ("database", "schema", "name", "column_names", "column_types", "temporary"): 3,
        }
        return needed.get(self.columns, len(self.columns))


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
    """One array of objects; text as it is, but characters that steer a terminal or reverse reading order are escaped.

    Where the stream cannot take every character, all that is not ASCII is escaped. Columns of one name are told apart
    by a number.
    """
    is_ascii = not (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")
    names = _distinct(result.columns)
    stream.write("[")
    separator = "\n"
    for batch in result.batches:
        for row in batch:
            content = dict(zip(names, map(_plain, row), strict=True))
            stream.write(separator + _escaped(json.dumps(content, ensure_ascii=is_ascii)))
            separator = ",\n"
    stream.write("\n]\n")


def write_parquet(result: Result, file: Path) -> None:
    """Parquet with DuckDB's own types.

    Raises:
        duckdb.Error: the query stopped in the middle, or the file cannot be written.
    """
    if result.cursor is None:
        raise ValueError("only the result of a query keeps its types")
    # The database of the query writes no files, so another one does; what it gets are rows, never the statement.
    with duckdb.connect() as writer:
        writer.execute("set timezone = 'UTC'")
        writer.register("rows", result.cursor.to_arrow_reader())
        writer.execute(
            f"copy (select * from rows) to {sql_text(file)} (format parquet, compression zstd, use_tmp_file false)"
        )


def rows_for_table(result: Result, *, limit: int) -> tuple[list[list[str]], bool]:
    """Up to ``limit`` rows as printable text, and whether there are more."""
    rows: list[list[str]] = []
    for batch in result.batches:
        for row in batch:
            if len(rows) == limit:
                return rows, True
            rows.append([shown(value) for value in row])
    return rows, False


def plan_lines(result: Result) -> list[str]:
    """The lines of an EXPLAIN, each printable."""
    values = [str(row[-1]) for batch in result.batches for row in batch]
    return [printable(line).rstrip() for value in values for line in value.split("\n")]


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
    if isinstance(value, str) and _is_formula(text):
        text = f"'{text}"
    return printable(text, max_chars=100_000) if is_terminal else text


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet may run it: by its first character that can be seen, or by a leading tab or line end."""
    if text.startswith(_CELL_STARTS):
        return True
    first = next((char for char in text if not char.isspace() and unicodedata.category(char)[0] not in "CZ"), "")
    return first in _FORMULA_STARTS


def _distinct(columns: Sequence[str]) -> list[str]:
    """The names, each later one of the same name with a number that no other has."""
    names: list[str] = []
    for column in columns:
        name, number = column, 0
        while name in names or (number and name in columns):
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return names


_ESCAPED = re.compile(r"[^\x20-\x7e]")


def _escaped(document: str) -> str:
    """A JSON document with what must not reach a terminal as JSON's own escapes; it means the same."""
    return document if document.isascii() and document.isprintable() else _ESCAPED.sub(_escape, document)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if unicodedata.category(char) not in _ESCAPED_CATEGORIES:
        return char
    return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"


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
