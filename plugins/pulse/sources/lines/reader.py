"""One chunk of an archive into DuckDB rows, and the lines that give no row.

Good lines are only ever read by DuckDB. See :mod:`pulse.sources.lines.staging` for the order of the looks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pulse.core.files import sql_name, sql_text
from pulse.core.text import printable
from pulse.sources.lines import ndjson
from pulse.sources.lines.mapping import Mapping
from pulse.sources.lines.ndjson import Chunk, Fault, Record, examine
from pulse.sources.lines.screen import Lines, suspicious

_SMALL_BYTES = 256 * 1024
_SAMPLED_LINES = 500
_SAMPLED_BYTES = 4 * 1024 * 1024
MAX_UNKNOWN_KEYS = 200


@dataclass(frozen=True)
class BadLine:
    """A line that gave no row.

    Attributes:
        line: its beginning, at most ``ndjson.KEPT_LINE_BYTES``.
        community, created_s: what the line itself tells of them, else None. What stands beside it proves nothing.
        lines_n: how many lines this stands for (blank lines are only counted).
    """

    line_number: int
    fault: str
    detail: str
    line: bytes
    community: str | None = None
    created_s: float | None = None
    lines_n: int = 1


class ChunkReader:
    """Reads one chunk into the views ``identified`` and ``parsed`` of the connection.

    Columns: those of the mapping's ``identified_sql`` and ``understood_sql``, and ``line_number``. Lines that gave no
    row are in :attr:`bad_lines`.

    Attributes:
        unknown_keys: how often each field that nobody knows occurs among the chunk's first records.
        unknown_keys_sampled_n: how many records were looked at for that.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        mapping: Mapping,
        *,
        samples_keys: bool = True,
    ) -> None:
        """A reader over one connection.

        Args:
            scratch: an existing folder for a file of its own.
            mapping: what the records mean; the views may hold a form of its key.
            samples_keys: whether to look for unknown fields; not where the caller has the records parsed.
        """
        self._connection = connection
        self._samples_keys = samples_keys
        self._mapping = mapping
        self._file = scratch / "stretch.ndjson"
        columns = mapping.raw_columns()
        self._columns_sql = "{" + ", ".join(f"{sql_text(name)}: '{kind}'" for name, kind in columns.items()) + "}"
        self._empty_sql = ", ".join(f"cast(null as {kind}) as {sql_name(name)}" for name, kind in columns.items())
        self._selects: list[str] = []
        self._tables: list[str] = []
        self.bad_lines: list[BadLine] = []
        self.unknown_keys: dict[str, int] = {}
        self.unknown_keys_sampled_n = 0

    def read(self, chunk: Chunk) -> None:
        """Replace the views and the attributes by what this chunk holds."""
        self.close()
        self.bad_lines = []
        lines = Lines(chunk.data, chunk.ends)
        self._count_blank(lines, chunk.first_line)
        lines = self._without_bad(lines, suspicious(lines), chunk.first_line)
        if self._samples_keys:
            self._sample_keys(lines)
        self._read_stretch(lines, chunk.first_line, is_cleaned=False)
        self._create_views()

    def close(self) -> None:
        """Drop the chunk's rows."""
        for view in ("parsed", "identified"):
            self._connection.execute(f"drop view if exists {view}")
        for table in self._tables:
            self._connection.execute(f"drop table {table}")
        self._selects, self._tables = [], []

    def _create_views(self) -> None:
        selects = self._selects or [f"select {self._empty_sql}, cast(0 as bigint) as line_number where false"]
        rows_sql = " union all ".join(selects)
        self._connection.execute(f"create temp view identified as {self._mapping.identified_sql(rows_sql)}")
        self._connection.execute(f"create temp view parsed as {self._mapping.understood_sql(rows_sql)}")

    # ---- the slow look -----------------------------------------------------

    def _without_bad(self, lines: Lines, indexes: Iterable[int], first_line: int) -> Lines:
        """Look at some lines slowly; the bad ones are noted and blanked, so that line numbers stay."""
        changed: bytearray | None = None
        for index in indexes:
            start, end = int(lines.starts[index]), int(lines.ends[index])
            if self._is_bad(lines.line(index), first_line + index):
                changed = changed if changed is not None else bytearray(lines.data)
                changed[start:end] = b" " * (end - start)
        return Lines(bytes(changed)) if changed is not None else lines

    def _is_bad(self, line: bytes, line_number: int) -> bool:
        found = examine(line, self._mapping.check_record)
        if isinstance(found, Fault):
            self._note_bad(line, line_number, found)
        return isinstance(found, Fault)

    def _note_bad(self, line: bytes, line_number: int, fault: Fault) -> None:
        community, created_s = self._mapping.place_of(fault.record or Record())
        kept = line[: ndjson.KEPT_LINE_BYTES] if fault.name != ndjson.NOT_SPEECH else b""
        detail = printable(fault.detail, max_chars=200)
        self.bad_lines.append(BadLine(line_number, fault.name, detail, kept, community, created_s))

    def _count_blank(self, lines: Lines, first_line: int) -> None:
        """Blank lines are a documented skip; they are counted on one row for the whole chunk."""
        blank_n = len(lines) - len(lines.filled)
        if blank_n:
            self.bad_lines.append(BadLine(first_line, "blank_line", "", b"", lines_n=blank_n))

    # ---- the bulk reader ---------------------------------------------------

    def _read_stretch(self, lines: Lines, first_line: int, *, is_cleaned: bool) -> None:
        """Read strictly; what DuckDB refuses is halved until the slow look can afford it, and cleaned by it.

        Where DuckDB refuses what the slow look found good, halving goes on: a line that it refuses alone is bad.
        """
        if not len(lines.filled) or self._read_strictly(lines, first_line):
            return
        if not is_cleaned and (len(lines.data) <= _SMALL_BYTES or len(lines) == 1):
            cleaned = self._without_bad(lines, range(len(lines)), first_line)
            self._read_stretch(cleaned, first_line, is_cleaned=True)
        elif len(lines) == 1:
            self._note_bad(lines.line(0), first_line, Fault("unreadable", "refused by the bulk reader"))
        else:
            half = len(lines) // 2
            middle = int(lines.starts[half])
            self._read_stretch(Lines(lines.data[:middle]), first_line, is_cleaned=is_cleaned)
            self._read_stretch(Lines(lines.data[middle:]), first_line + half, is_cleaned=is_cleaned)

    def _read_strictly(self, lines: Lines, first_line: int) -> bool:
        """Read a stretch whole, or not at all. Returns whether DuckDB took every line that holds something."""
        self._write(lines.data)
        table = f"stretch_{len(self._selects)}"
        try:
            self._connection.execute(
                f"create or replace temp table {table} as select * from read_json({sql_text(self._file)}, "
                f"format = 'newline_delimited', columns = {self._columns_sql}, hive_partitioning = false, "
                f"maximum_object_size = {_object_bytes(lines)})"
            )
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException):
            return False
        except duckdb.OutOfMemoryException:
            # Parsed JSON takes up to 16 times the room of dense text, for some 2,000 lines at once; half may fit.
            if len(lines) == 1:
                raise
            return False
        rows_n, odd = self._connection.execute(
            f"select count(*), list(rowid) filter (where {self._mapping.needs_slow_look_sql()}) from {table}"
        ).fetchall()[0]
        if rows_n != len(lines.filled):
            self._connection.execute(f"drop table {table}")
            return False
        self._tables.append(table)
        self._look_at_odd_rows(table, sorted(odd or []), lines, first_line)
        self._selects.append(self._numbered(table, lines, first_line))
        return True

    def _look_at_odd_rows(self, table: str, rows: list[int], lines: Lines, first_line: int) -> None:
        bad = []
        for row in rows:
            index = int(lines.filled[row])
            if self._is_bad(lines.line(index), first_line + index):
                bad.append(row)
        if bad:
            self._connection.execute(f"delete from {table} where list_contains($bad, rowid)", {"bad": bad})

    def _numbered(self, table: str, lines: Lines, first_line: int) -> str:
        """Select the rows with their line numbers: the row's place among the lines that hold something."""
        if len(lines.filled) == len(lines):
            return f"select *, rowid + {first_line} as line_number from {table}"
        numbers = pa.table({"place": np.arange(len(lines.filled)), "line_number": lines.filled + first_line})
        name = f"numbers_{len(self._selects)}"
        self._connection.register("arriving_numbers", numbers)
        self._connection.execute(f"create or replace temp table {name} as select * from arriving_numbers")
        self._connection.unregister("arriving_numbers")
        self._tables.append(name)
        return f"select {table}.*, {name}.line_number from {table} join {name} on {table}.rowid = {name}.place"

    def _write(self, data: bytes) -> None:
        """Hand over to DuckDB, in the same blocks again and again: new ones cost as much as parsing some of it."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(data)
            file.truncate()

    # ---- looking for drift -------------------------------------------------

    def _sample_keys(self, lines: Lines) -> None:
        self.unknown_keys, self.unknown_keys_sampled_n = {}, 0
        sampled_n = min(int(np.searchsorted(lines.ends, _SAMPLED_BYTES)), _SAMPLED_LINES)
        if not sampled_n:
            return
        self._write(lines.data[: int(lines.ends[sampled_n - 1])])
        try:
            rows = self._connection.execute(
                f"""
                with sampled as materialized (
                    select record from read_json({sql_text(self._file)}, format = 'newline_delimited',
                        records = 'false', columns = {{'record': 'JSON'}}, ignore_errors = true,
                        hive_partitioning = false, maximum_object_size = {_object_bytes(lines)})
                    where record is not null
                ), counted as (
                    select key, count(*) as records_n
                    from (select unnest(json_keys(record)) as key from sampled where json_type(record) = 'OBJECT')
                    where not list_contains($known, key)
                    group by key order by records_n desc, key limit {MAX_UNKNOWN_KEYS}
                )
                select null, count(*) from sampled
                union all
                select key, records_n from counted
                """,
                {"known": sorted(self._mapping.known_fields)},
            ).fetchall()
        except duckdb.InvalidInputException:
            return  # a sample of broken lines tells nothing; the lines themselves are dealt with elsewhere
        self.unknown_keys_sampled_n = next(count for key, count in rows if key is None)
        self.unknown_keys = {printable(key, max_chars=100): count for key, count in rows if key is not None}


def _object_bytes(lines: Lines) -> int:
    """DuckDB reads through two buffers of this size: small ones stay in the cache, and are used again."""
    longest = int((lines.ends - lines.starts).max(initial=0))
    return max(2 * longest, _SMALL_BYTES)
