"""One chunk of an archive into DuckDB rows, and the lines that give no row.

Good lines are only ever read by DuckDB. See :mod:`pulse.sources.archive_staging` for the order of the looks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import pyarrow as pa

from pulse.contract import canonical_name, canonical_name_sql
from pulse.files import sql_text
from pulse.sources import reddit
from pulse.sources.ndjson import MAX_LINE_BYTES, Chunk, Fault, examine, is_number
from pulse.text import printable

_SMALL_BYTES = 256 * 1024
_SAMPLED_LINES = 500
_MAX_UNKNOWN_KEYS = 200
# What the bulk reader forgives and JSON does not: a comma before a closing bracket.
_SUSPICIOUS = (b",}", b", }", b",]", b", ]")
_WHITESPACE = b" \t\r"


@dataclass(frozen=True)
class BadLine:
    """A line that gave no row.

    Attributes:
        community, created_s: whom to charge it to, if the line itself tells; else None until its neighbours are asked.
        lines_n: how many lines this stands for (blank lines are only counted).
    """

    line_number: int
    fault: str
    detail: str
    line: bytes
    community: str | None = None
    created_s: float | None = None
    lines_n: int = 1


class _Lines:
    """Where the lines of a stretch of bytes begin and end, and which hold something."""

    def __init__(self, data: bytes) -> None:
        array = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(array == ord("\n"))
        if not data.endswith(b"\n"):
            ends = np.append(ends, len(data))
        self.starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        self.ends = ends
        self.filled = np.flatnonzero(~self._blank(data, array))

    def _blank(self, data: bytes, array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        lengths = self.ends - self.starts
        blank = lengths == 0
        inside = np.minimum(self.starts, max(len(array) - 1, 0))
        begins_white = np.isin(array[inside], list(_WHITESPACE)) & ~blank if len(array) else blank
        for index in np.flatnonzero(begins_white):
            blank[index] = not data[self.starts[index] : self.ends[index]].strip(_WHITESPACE)
        return cast("np.ndarray[Any, Any]", blank)

    def __len__(self) -> int:
        return len(self.ends)


class ChunkReader:
    """Reads one chunk into the view ``parsed`` of the connection.

    Columns of ``parsed``: the fields of :func:`pulse.sources.reddit.raw_columns`, ``line_number``, ``community_name``
    and ``author_name`` (both canonical). Lines that gave no row are in :attr:`bad_lines`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path, *, with_extra: bool) -> None:
        self._connection = connection
        self._file = scratch / "stretch.ndjson"
        columns = reddit.raw_columns(with_extra=with_extra)
        self._columns_sql = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"
        self._empty_sql = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in columns.items())
        self._selects: list[str] = []
        self._tables_n = 0
        self.bad_lines: list[BadLine] = []

    def read(self, chunk: Chunk) -> None:
        """Replace ``parsed`` by this chunk's rows and :attr:`bad_lines` by its bad lines."""
        self._drop_tables()
        self.bad_lines = []
        data = self._without_suspicious(chunk)
        self._read_stretch(data, chunk.first_line)
        self._count_blank(chunk)
        self._create_view()

    def close(self) -> None:
        """Drop the chunk's rows."""
        self._drop_tables()
        self._file.unlink(missing_ok=True)

    def _drop_tables(self) -> None:
        self._connection.execute("drop view if exists parsed")
        for number in range(self._tables_n):
            self._connection.execute(f"drop table if exists stretch_{number}")
            self._connection.execute(f"drop table if exists numbers_{number}")
        self._selects, self._tables_n = [], 0

    def _create_view(self) -> None:
        selects = self._selects or [f"select {self._empty_sql}, cast(0 as bigint) as line_number where false"]
        self._connection.execute(
            f"""
            create view parsed as
            select *,
                   {canonical_name_sql(reddit.PLATFORM, "subreddit")} as community_name,
                   {canonical_name_sql(reddit.PLATFORM, "author")} as author_name
            from ({" union all ".join(selects)})
            """
        )

    # ---- the slow look -----------------------------------------------------

    def _without_suspicious(self, chunk: Chunk) -> bytes:
        """Blank out lines with a byte pattern that the bulk reader forgives, if the slow look finds them bad."""
        numbers = sorted({number for pattern in _SUSPICIOUS for number in _lines_with(chunk.data, pattern)})
        if not numbers:
            return chunk.data
        lines = _Lines(chunk.data)
        return self._blank_bad(chunk.data, lines, numbers, chunk.first_line)

    def _blank_bad(self, data: bytes, lines: _Lines, indexes: "Iterator[int] | list[int]", first_line: int) -> bytes:
        """Look at some lines slowly; the bad ones are noted and blanked, so that line numbers stay."""
        changed: bytearray | None = None
        for index in indexes:
            start, end = int(lines.starts[index]), int(lines.ends[index])
            if self._is_bad(data[start:end], first_line + index):
                changed = changed if changed is not None else bytearray(data)
                changed[start:end] = b" " * (end - start)
        return bytes(changed) if changed is not None else data

    def _is_bad(self, line: bytes, line_number: int) -> bool:
        found = examine(line, reddit.check_record)
        if isinstance(found, Fault):
            self.bad_lines.append(_bad_line(line_number, line, found))
        return isinstance(found, Fault)

    def _count_blank(self, chunk: Chunk) -> None:
        """Blank lines are a documented skip; they are counted on one row for the whole chunk."""
        lines = _Lines(chunk.data)
        blank_n = len(lines) - len(lines.filled)
        if blank_n:
            self.bad_lines.append(BadLine(chunk.first_line, "blank_line", "", b"", lines_n=blank_n))

    # ---- the bulk reader ---------------------------------------------------

    def _read_stretch(self, data: bytes, first_line: int) -> None:
        """Read strictly; what DuckDB refuses is halved until the slow look can afford it."""
        lines = _Lines(data)
        if not len(lines.filled):
            return
        if self._read_strictly(data, lines, first_line):
            return
        if len(data) > _SMALL_BYTES and len(lines) > 1:
            middle = int(lines.starts[len(lines) // 2])
            self._read_stretch(data[:middle], first_line)
            self._read_stretch(data[middle:], first_line + len(lines) // 2)
            return
        cleaned = self._blank_bad(data, lines, list(range(len(lines))), first_line)
        cleaned_lines = _Lines(cleaned)
        if len(cleaned_lines.filled) and not self._read_strictly(cleaned, cleaned_lines, first_line):
            self._read_one_by_one(cleaned, cleaned_lines, first_line)

    def _read_one_by_one(self, data: bytes, lines: _Lines, first_line: int) -> None:
        """Last resort where the two readers disagree: the line that DuckDB alone refuses is bad, for its reason."""
        for index in lines.filled:
            line = data[int(lines.starts[index]) : int(lines.ends[index])]
            try:
                refused = (
                    "" if self._read_strictly(line, _Lines(line), first_line + int(index)) else "by the bulk reader"
                )
            except duckdb.Error as error:
                refused = type(error).__name__
            if refused:
                self.bad_lines.append(_bad_line(first_line + int(index), line, Fault("unreadable", refused)))

    def _read_strictly(self, data: bytes, lines: _Lines, first_line: int) -> bool:
        """Read a stretch whole, or not at all. Returns whether DuckDB took every line that holds something."""
        self._file.write_bytes(data)
        table = f"stretch_{self._tables_n}"
        self._connection.execute(f"drop table if exists {table}")
        try:
            self._connection.execute(
                f"create table {table} as select * from read_json({sql_text(self._file)}, "
                f"format = 'newline_delimited', columns = {self._columns_sql}, hive_partitioning = false, "
                f"maximum_object_size = {MAX_LINE_BYTES * 2})"
            )
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException):
            return False
        count = self._connection.execute(f"select count(*) from {table}").fetchone()
        if count != (len(lines.filled),):
            self._connection.execute(f"drop table {table}")
            return False
        self._look_at_odd_rows(table, data, lines, first_line)
        self._selects.append(self._numbered(table, lines, first_line))
        self._tables_n += 1
        return True

    def _look_at_odd_rows(self, table: str, data: bytes, lines: _Lines, first_line: int) -> None:
        odd = self._connection.execute(
            f"select rowid from {table} where {reddit.needs_slow_look_sql()} order by rowid"
        ).fetchall()
        bad = []
        for (row,) in odd:
            index = int(lines.filled[row])
            if self._is_bad(data[int(lines.starts[index]) : int(lines.ends[index])], first_line + index):
                bad.append(row)
        if bad:
            self._connection.execute(f"delete from {table} where list_contains($bad, rowid)", {"bad": bad})

    def _numbered(self, table: str, lines: _Lines, first_line: int) -> str:
        """Select the rows with their line numbers: the row's place among the lines that hold something."""
        if len(lines.filled) == len(lines):
            return f"select *, rowid + {first_line} as line_number from {table}"
        numbers = pa.table({"place": np.arange(len(lines.filled)), "line_number": lines.filled + first_line})
        name = f"numbers_{self._tables_n}"
        self._connection.register("arriving_numbers", numbers)
        self._connection.execute(f"create or replace table {name} as select * from arriving_numbers")
        self._connection.unregister("arriving_numbers")
        return f"select {table}.*, {name}.line_number from {table} join {name} on {table}.rowid = {name}.place"

    # ---- looking for drift -------------------------------------------------

    def sample_keys(self, chunk: Chunk) -> tuple[dict[str, int], int]:
        """Names of fields that nobody knows, with how often they occur, among the chunk's first lines; and how many."""
        end = 0
        for _ in range(_SAMPLED_LINES):
            following = chunk.data.find(b"\n", end)
            if following < 0:
                end = len(chunk.data)
                break
            end = following + 1
        self._file.write_bytes(chunk.data[:end])
        source = (
            f"read_json({sql_text(self._file)}, format = 'newline_delimited', records = 'false', "
            f"columns = {{'record': 'JSON'}}, ignore_errors = true, hive_partitioning = false, "
            f"maximum_object_size = {MAX_LINE_BYTES * 2})"
        )
        try:
            sampled = self._connection.execute(f"select count(*) from {source} where record is not null").fetchone()
            rows = self._connection.execute(
                f"select key, count(*) from (select unnest(json_keys(record)) as key from {source} "
                "where json_type(record) = 'OBJECT') where not list_contains($known, key) "
                f"group by key order by count(*) desc, key limit {_MAX_UNKNOWN_KEYS}",
                {"known": sorted(reddit.KNOWN_FIELDS)},
            ).fetchall()
        except duckdb.Error:
            return {}, 0  # a sample of broken lines tells nothing; the lines themselves are dealt with elsewhere
        return {printable(key, max_chars=100): count for key, count in rows}, int(sampled[0]) if sampled else 0


def _lines_with(data: bytes, pattern: bytes) -> Iterator[int]:
    """Indexes of the lines that hold the pattern."""
    position, counted_to, line = data.find(pattern), 0, 0
    while position >= 0:
        line += data.count(b"\n", counted_to, position)
        counted_to = position
        yield line
        following = data.find(b"\n", position)
        position = data.find(pattern, following) if following >= 0 else -1


def _bad_line(line_number: int, line: bytes, fault: Fault) -> BadLine:
    community, created_s = _told_by(line)
    return BadLine(line_number, fault.name, printable(fault.detail, max_chars=200), line, community, created_s)


def _told_by(line: bytes) -> tuple[str | None, float | None]:
    """Community and time of a line that is an object in spite of its fault."""
    record: dict[str, Any] = {}

    def keep(parsed: dict[str, Any]) -> None:
        """Find nothing wrong; only listen."""
        record.update(parsed)

    examine(line, keep)
    subreddit, created = record.get("subreddit"), record.get("created_utc")
    community = canonical_name(reddit.PLATFORM, subreddit) if isinstance(subreddit, str) and subreddit else None
    created_s = float(created) if created is not None and is_number(created) else None
    is_possible = created_s is not None and reddit.EARLIEST_S <= created_s <= reddit.LATEST_S
    return community, created_s if is_possible else None
