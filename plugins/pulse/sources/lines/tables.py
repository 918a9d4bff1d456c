"""CSV, TSV, JSON arrays and Parquet as rows of text, by DuckDB, in their order and in chunks.

A row of a CSV that cannot be told apart from its neighbours (cells too many or too few, a quote left open, bytes of
another encoding) becomes a line that says so, behind the good ones.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pulse.core import memory_database
from pulse.core.errors import ArchiveUnreadable, ConfigError
from pulse.core.files import sql_name, sql_text
from pulse.core.text import printable
from pulse.sources.lines.documents import cut
from pulse.sources.lines.ndjson import (
    DECOMPRESSION_ERRORS,
    MAX_LINE_BYTES,
    Chunk,
    LineTooLong,
    TableChunk,
    changed_while_read,
    compression_of,
    decompressed,
    fingerprint_of,
    refuse_foreign,
)

Format = Literal["csv", "tsv", "json", "parquet"]
# Field of a row that stands for one that could not be read; NULL in all others.
FAULT_FIELD = "pulse:fault"
_HEADER_BYTES = 1 << 20
# Stays near the core with what is made of it.
_QUOTES_BYTES = 1 << 18
# Where a chunk ends depends on these and on the rows alone: chunks that are sealed are found again by their first row.
_BLOCK_ROWS = 10_000
_CHUNK_ROWS = 100_000
_CHUNK_BYTES = 64 * 1024 * 1024
_REFUSALS = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException, duckdb.BinderException)


@dataclass(frozen=True)
class TableFile:
    """One table and how it is written.

    Attributes:
        delimiter: between the cells of CSV and TSV.
        encoding: of CSV and TSV, in DuckDB's words.
        mapped_by: where the config names columns, for messages.
    """

    path: Path
    format: Format
    mapped_by: str
    delimiter: str = ","
    encoding: str = "utf-8"

    def header(self) -> list[str]:
        """The names in the first row of CSV and TSV, as they stand there.

        Raises:
            ArchiveUnreadable: there is none, a name stands twice, or the file cannot be unpacked.
        """
        codec = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        try:
            _refuse_foreign_table(self)
            with decompressed(self.path) as stream:
                start = b""
                while len(start) < _HEADER_BYTES and (piece := stream.read(_HEADER_BYTES)):
                    start += piece
            text = start.decode(codec, errors="replace")
            names = next(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter), [])
        except (*DECOMPRESSION_ERRORS, csv.Error) as error:
            raise self.unreadable(getattr(error, "strerror", None) or str(error)) from error
        if not any(name.strip() for name in names):
            raise self.unreadable("no header: its first line is empty")
        # Programs that end each line with a delimiter make a column without a name.
        names = [name or f"column {number}" for number, name in enumerate(names, start=1)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise self.unreadable(f"column {printable(', '.join(repeated), max_chars=200)} stands twice")
        return names

    def chunks(self, columns: Sequence[str], scratch: Path) -> Iterator[TableChunk | Chunk | LineTooLong]:
        """The rows with those columns, as text, and ``FAULT_FIELD``; last what could not be taken for a row.

        Raises:
            ArchiveUnreadable: the file cannot be read as what it is said to be.
            ConfigError: it has no such column.
            SourceUnavailable: it changed while it was read.
        """
        before = fingerprint_of(self.path)
        folder = scratch / "table"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        try:
            plain = self._plain_file(folder)
            with memory_database.workbench(folder / "spill", threads_n=1) as connection:
                rows_n = 0
                for table in _cut(self._batches(connection, plain, columns)):
                    yield TableChunk(rows_n + 1, table)
                    rows_n += table.num_rows
                if self.format in ("csv", "tsv"):
                    yield from _as_lines([*_rejects(connection), *self._cut_off_row(plain)], rows_n + 1)
        except _REFUSALS as error:
            raise self.unreadable(_without_address(error, folder)) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if fingerprint_of(self.path) != before:
            raise changed_while_read(self.path)

    def unreadable(self, why: str) -> ArchiveUnreadable:
        """The error for a file that is not what it is said to be."""
        return ArchiveUnreadable(
            f"table {self.path}",
            value=printable(why, max_chars=300),
            limit=f"a whole {self.format} file",
            next_step="check what the file is, and its format, delimiter and encoding; nothing of it was taken",
        )

    def _plain_file(self, folder: Path) -> Path:
        """The file under a name that is no pattern, unpacked: DuckDB looks for ``[1]`` and ``*`` in names."""
        plain = folder / f"rows.{self.format}"
        try:
            _refuse_foreign_table(self)
            if compression_of(self.path) == "uncompressed":
                plain.symlink_to(self.path.absolute())
            else:
                with decompressed(self.path) as stream, plain.open("wb") as file:
                    shutil.copyfileobj(stream, file, 4 * 1024 * 1024)
        except DECOMPRESSION_ERRORS as error:
            raise self.unreadable(getattr(error, "strerror", None) or str(error)) from error
        return plain

    def _cut_off_row(self, plain: Path) -> Iterator[dict[str, str]]:
        """A last row that ends within a quote: DuckDB neither gives nor rejects it."""
        if not _has_odd_quotes(plain):
            return
        with plain.open(encoding=self.encoding, errors="replace", newline="") as file:
            try:
                for _ in csv.reader(file, delimiter=self.delimiter, strict=True):
                    pass
            except csv.Error:
                yield {FAULT_FIELD: "the file ends within a quote, or a quote in it is out of place"}

    def _batches(
        self, connection: duckdb.DuckDBPyConnection, plain: Path, columns: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        rows, held = self._rows_sql(connection, plain, columns)
        missing = [name for name in columns if name not in held]
        if missing:
            raise ConfigError(
                self.mapped_by,
                value=f"no column {printable(', '.join(missing), max_chars=200)} in {printable(self.path.name)}",
                limit=f"its columns: {printable(', '.join(held), max_chars=600)}",
                next_step="mend the names in the config, or the delimiter if these are no columns",
            )
        selected = [f"cast({sql_name(name)} as varchar) as {sql_name(name)}" for name in columns]
        selected.append(f"cast(null as varchar) as {sql_name(FAULT_FIELD)}")
        yield from connection.execute(f"select {', '.join(selected)} from {rows}").to_arrow_reader(_BLOCK_ROWS)

    def _rows_sql(
        self, connection: duckdb.DuckDBPyConnection, plain: Path, columns: Sequence[str]
    ) -> tuple[str, list[str]]:
        """What DuckDB reads the file by, and the columns that it has."""
        match self.format:
            case "parquet":
                rows = f"read_parquet({sql_text(plain)}, hive_partitioning = false)"
                return rows, [row[0] for row in connection.execute(f"describe select * from {rows}").fetchall()]
            case "json":
                # An object need not have every name: what none has shows in the rows' own faults.
                types = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in columns)
                rows = (
                    f"read_json({sql_text(plain)}, format = 'array', columns = {{{types}}}, "
                    f"hive_partitioning = false, maximum_object_size = {MAX_LINE_BYTES}, compression = 'uncompressed')"
                )
                return rows, list(columns)
            case _:
                held = self.header()
                types = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in held)
                rows = (
                    f"read_csv({sql_text(plain)}, columns = {{{types}}}, header = true, auto_detect = false, "
                    f"delim = {sql_text(self.delimiter)}, quote = '\"', escape = '\"', strict_mode = true, "
                    f"encoding = '{self.encoding}', compression = 'none', parallel = false, "
                    f"max_line_size = {MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0, "
                    "hive_partitioning = false)"
                )
                return rows, held


def _refuse_foreign_table(file: TableFile) -> None:
    """Name what a file is that is no table.

    Raises:
        ArchiveUnreadable: it is packed in a way that is not known, or no table at all.
        OSError: it cannot be opened.
    """
    if file.format != "parquet" and file.encoding != "utf-16":
        refuse_foreign(file.path, limit=f"a {file.format} file: plain, gzip or Zstandard")


def _cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Rows in chunks that end at the same rows whatever the sizes of the batches."""
    waiting: list[pa.RecordBatch] = []
    blocks: list[pa.Table] = []
    blocks_bytes = waiting_n = 0
    for batch in batches:
        waiting.append(batch)
        waiting_n += batch.num_rows
        while waiting_n >= _BLOCK_ROWS:
            gathered = pa.Table.from_batches(waiting)
            blocks.append(gathered.slice(0, _BLOCK_ROWS))
            blocks_bytes += _text_bytes(blocks[-1])
            waiting = gathered.slice(_BLOCK_ROWS).to_batches()
            waiting_n -= _BLOCK_ROWS
            if blocks_bytes >= _CHUNK_BYTES or len(blocks) * _BLOCK_ROWS >= _CHUNK_ROWS:
                yield pa.concat_tables(blocks)
                blocks, blocks_bytes = [], 0
    if waiting_n:
        blocks.append(pa.Table.from_batches(waiting))
    if blocks:
        yield pa.concat_tables(blocks)


def _text_bytes(table: pa.Table) -> int:
    return sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in table.columns)


def _rejects(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, str]]:
    """What DuckDB could not take for a row, each line of the file once."""
    rejects = connection.execute(
        "select line, first(error_type), left(first(csv_line), 2000) from reject_errors group by line order by line"
    ).fetchall()
    for line, fault, text in rejects:
        # The line itself goes with it, for whoever looks at what was kept out.
        yield {FAULT_FIELD: f"line {line} of the file: {fault.lower()}", "pulse:line": text}


def _as_lines(faults: Iterable[dict[str, str]], first_line: int) -> Iterator[Chunk | LineTooLong]:
    yield from cut((json.dumps(fault).encode() for fault in faults), chunk_bytes=_CHUNK_BYTES, first_line=first_line)


def _has_odd_quotes(path: Path) -> bool:
    """Whether a quote was left open, or stands in a cell that has none around it."""
    quotes_n = 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_QUOTES_BYTES):
            # Faster than bytes.count, which stops at each.
            quotes_n += int(np.count_nonzero(np.frombuffer(piece, dtype=np.uint8) == ord('"')))
    return quotes_n % 2 == 1


def _without_address(error: duckdb.Error, folder: Path) -> str:
    """What DuckDB says, in one line, without where the file lay meanwhile."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return first.replace(str(folder), "").replace('"/rows.', '"rows.')
