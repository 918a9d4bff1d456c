"""CSV, TSV, JSON arrays and Parquet as lines of JSON, by DuckDB: the rest of the house reads lines.

A row of a CSV that cannot be told apart from its neighbours (cells too many or too few, a quote left open, bytes of
another encoding) becomes a line that says so, behind the good ones.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pulse.core.errors import ArchiveUnreadable, ConfigError
from pulse.core.files import sql_name, sql_text
from pulse.core.text import printable
from pulse.sources.lines.ndjson import (
    DECOMPRESSION_ERRORS,
    MAX_LINE_BYTES,
    changed_while_read,
    compression_of,
    decompressed,
    fingerprint_of,
)
from pulse.sources.tabular.entry import TabularEntry

# Field of a line that stands for a row that could not be read.
FAULT_FIELD = "pulse:fault"
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json",
            ".parquet": "parquet"}  # fmt: skip
_PACKED = (".zst", ".gz")
_HEADER_BYTES = 1 << 20
_REFUSALS = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException, duckdb.BinderException)


def format_of(path: Path, entry: TabularEntry) -> str:
    """How the file is written: as the config says, or by its name.

    Raises:
        ConfigError: neither tells.
    """
    if entry.table.format is not None:
        return entry.table.format
    endings = [ending.lower() for ending in path.suffixes if ending.lower() not in _PACKED]
    found = _ENDINGS.get(endings[-1]) if endings else None
    if found is None:
        raise ConfigError(
            f"table.format of {entry.entry_id}",
            value=f"not given, and the name {printable(path.name)} does not tell",
            limit="csv, tsv, ndjson, json or parquet",
            next_step="give it",
        )
    return found


@contextmanager
def transcoded(path: Path, entry: TabularEntry, form: str, columns: Sequence[str], scratch: Path) -> Iterator[Path]:
    """The file's rows as lines of JSON, in their order, with those columns only; gone at the end.

    Raises:
        ArchiveUnreadable: the file cannot be read as what it is said to be.
        ConfigError: it has no such column.
    """
    before = fingerprint_of(path)
    folder = scratch / "transcoded"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    lines = folder / "rows.ndjson"
    try:
        with duckdb.connect(
            config={"threads": "1", "memory_limit": "1GB", "temp_directory": str(folder / "spill")}
        ) as connection:
            connection.execute("set timezone = 'UTC'")
            _write(connection, path, entry, form, [name for name in columns if name != FAULT_FIELD], lines)
        if fingerprint_of(path) != before:
            raise changed_while_read(path)
        yield lines
    except _REFUSALS as error:
        raise _unreadable(path, form, str(error).splitlines()[0]) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    entry: TabularEntry,
    form: str,
    columns: Sequence[str],
    lines: Path,
) -> None:
    match form:
        case "parquet":
            rows = f"read_parquet({sql_text(path)}, hive_partitioning = false)"
            held = [row[0] for row in connection.execute(f"describe select * from {rows}").fetchall()]
        case "json":
            # An object need not have every name: what none has shows in the rows' own faults.
            types = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in columns)
            rows = (
                f"read_json({sql_text(path)}, format = 'array', columns = {{{types}}}, hive_partitioning = false, "
                f"maximum_object_size = {MAX_LINE_BYTES}, compression = '{compression_of(path)}')"
            )
            held = list(columns)
        case _:
            held = _header(path, entry, form)
            rows = _csv_sql(path, entry, form, held)
    missing = [name for name in columns if name not in held]
    if missing:
        raise ConfigError(
            f"table.columns of {entry.entry_id}",
            value=f"no column {printable(', '.join(missing), max_chars=200)} in {printable(path.name)}",
            limit=f"its columns: {printable(', '.join(held), max_chars=600)}",
            next_step="mend the names in the config, or the delimiter if these are no columns",
        )
    selected = ", ".join(f"cast({sql_name(name)} as varchar) as {sql_name(name)}" for name in columns)
    connection.execute(f"copy (select {selected} from {rows}) to {sql_text(lines)} (format json)")
    if form in ("csv", "tsv"):
        _append_rejects(connection, lines)


def _csv_sql(path: Path, entry: TabularEntry, form: str, held: Sequence[str]) -> str:
    types = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in held)
    return (
        f"read_csv({sql_text(path)}, columns = {{{types}}}, header = true, auto_detect = false, "
        f"delim = {sql_text(_delimiter(entry, form))}, quote = '\"', escape = '\"', strict_mode = true, "
        f"encoding = '{entry.table.encoding}', compression = '{compression_of(path)}', parallel = false, "
        f"max_line_size = {MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0, hive_partitioning = false)"
    )


def _append_rejects(connection: duckdb.DuckDBPyConnection, lines: Path) -> None:
    """What DuckDB could not take for a row, each line of the file once."""
    rejects = connection.execute(
        "select line, first(error_type), left(first(csv_line), 2000) from reject_errors group by line order by line"
    ).fetchall()
    with lines.open("a", encoding="utf-8") as file:
        for line, fault, text in rejects:
            # The line itself goes with it, for whoever looks at what was kept out.
            told = {FAULT_FIELD: f"line {line} of the file: {fault.lower()}", "pulse:line": text}
            file.write(json.dumps(told) + "\n")


def _delimiter(entry: TabularEntry, form: str) -> str:
    return entry.table.delimiter or ("\t" if form == "tsv" else ",")


def _header(path: Path, entry: TabularEntry, form: str) -> list[str]:
    """The names in the first row.

    Raises:
        ArchiveUnreadable: there is none, or a name stands twice.
    """
    try:
        with decompressed(path) as stream:
            start = b""
            while len(start) < _HEADER_BYTES and (piece := stream.read(_HEADER_BYTES)):
                start += piece
        text = start.decode("utf-8-sig" if entry.table.encoding == "utf-8" else entry.table.encoding, errors="replace")
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(entry, form)), [])
    except (*DECOMPRESSION_ERRORS, csv.Error) as error:
        raise _unreadable(path, form, str(error)) from error
    if not any(names):
        raise _unreadable(path, form, "no header: its first line is empty")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _unreadable(path, form, f"column {printable(', '.join(repeated), max_chars=200)} stands twice")
    return names


def _unreadable(path: Path, form: str, why: str) -> ArchiveUnreadable:
    return ArchiveUnreadable(
        f"table {path}",
        value=printable(why, max_chars=300),
        limit=f"a whole {form} file",
        next_step="check what the file is, and table.format, delimiter and encoding; nothing of it was taken",
    )
