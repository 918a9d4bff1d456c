"""One chunk of a table into contract rows, in one pass over its cells, and the rows that cannot be used."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pulse.core.files import sql_name
from pulse.core.text import printable
from pulse.platforms.entry import CommunityEntry
from pulse.sources.lines import ndjson, staged_rows
from pulse.sources.lines.cells import cells_of
from pulse.sources.lines.mapping import TableMapping
from pulse.sources.lines.ndjson import TableChunk
from pulse.sources.lines.reader import BadLine
from pulse.sources.lines.rows import account_role_sql

# Beside the columns of the contract, none of which has such a name.
_FAULT, _AUTHOR, _COMMUNITY = "pulse:fault", "pulse:author", "pulse:community"
_CREATED_S, _SEEN_S = "pulse:created_s", "pulse:seen_s"
_KEY = "author_key"


class TableReader:
    """Reads one chunk, and says of its rows what view ``identified`` of the connection needs for counting them.

    Columns of the view: ``kind``, ``community_name``, ``created_s`` and ``seen_s``.

    Args:
        connection: one that keeps the order of rows: of one thread.
        entries: who is listed, as for :func:`pulse.sources.lines.rows.write_rows`.
        observed_fallback_s: when a row was seen that does not say so, seconds since 1970.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        mapping: TableMapping,
        *,
        entries: Sequence[CommunityEntry],
        observed_fallback_s: float,
    ) -> None:
        self._connection = connection
        self._mapping = mapping
        self._entries = entries
        self._observed_fallback_s = observed_fallback_s

    def read(self, chunk: TableChunk) -> None:
        """Make the rows, and the view."""
        mapping = self._mapping.knowing(cells_of(chunk.table))
        numbered = f"select *, {chunk.first_line} + row_number() over () - 1 as line_number from arriving_rows"
        self._connection.register("arriving_rows", chunk.table)
        try:
            self._rows, faulty = self._made(mapping, mapping.identified_sql(numbered))
        finally:
            self._connection.unregister("arriving_rows")
        self.bad_lines = _bad_lines(faulty, chunk)
        identified = self._rows.select(["kind", _COMMUNITY, _CREATED_S, _SEEN_S])
        names = ["kind", "community_name", "created_s", "seen_s"]
        self._connection.register("identified", identified.rename_columns(names))

    def write_rows(self, file: Path, *, communities: Collection[str] | None) -> None:
        """Write the rows as a staged chunk; flushed.

        Args:
            communities: the only ones to keep; None keeps all.
        """
        rows = self._rows
        if communities is not None:
            is_wanted = pc.is_in(rows[_COMMUNITY], value_set=pa.array(list(communities), pa.string()))
            rows = rows if pc.all(is_wanted).as_py() else rows.filter(is_wanted)
        if _KEY not in self._layout.constants:
            rows = rows.append_column(_KEY, self._author_keys(rows[_AUTHOR].combine_chunks()))
        staged_rows.write(file, self._layout, rows.schema, [rows])

    def close(self) -> None:
        """Let go of the rows."""
        self._connection.unregister("identified")
        del self._rows

    def _made(self, mapping: TableMapping, identified_sql: str) -> tuple[pa.Table, pa.Table]:
        """The good rows, and the faulty ones; columns as of :meth:`_selected`."""
        try:
            made = self._selected(mapping, identified_sql)
        except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException):
            # What a faulty row says need not fit into the contract's types: it must be out of the way first.
            self._connection.execute(f"create or replace temp table made as {identified_sql}")
            made = self._selected(mapping, "from made where fault is null")
            faulty = self._connection.execute(
                f'select line_number, fault as "{_FAULT}", community_name as "{_COMMUNITY}", '
                f'created_s as "{_CREATED_S}" from made where fault is not null order by line_number'
            ).to_arrow_table()
            self._connection.execute("drop table made")
            return made, faulty
        is_faulty = pc.is_valid(made[_FAULT])
        return (
            (made.filter(pc.invert(is_faulty)), made.filter(is_faulty))
            if pc.any(is_faulty).as_py()
            else (made, made.slice(0, 0))
        )

    def _selected(self, mapping: TableMapping, identified_sql: str) -> pa.Table:
        """The columns of the contract that are no constants, but for the author's key, and what is reckoned beside."""
        fallback_s = self._observed_fallback_s
        select = mapping.contract_select(role_sql="account_role", observed_fallback_s=fallback_s)
        role, values = account_role_sql(self._entries)
        identified = f"select *, cast(null as varchar) as {_KEY} from ({identified_sql})"
        self._layout = staged_rows.layout_of(
            self._connection, select, f"select *, cast(null as varchar) as account_role from ({identified})"
        )
        reckoned = {
            _FAULT: "fault",
            _AUTHOR: "author_name",
            _COMMUNITY: "community_name",
            _CREATED_S: "created_s",
            _SEEN_S: mapping.seen_at_sql(fallback_s),
        }
        beside = ", ".join(f'{sql} as "{name}"' for name, sql in reckoned.items())
        # The key is added from the names, and the kind is counted even where it is a constant.
        varying = [name for name in self._layout.names if name not in self._layout.constants and name != _KEY]
        chosen = dict.fromkeys([*varying, "kind", *reckoned])
        return self._connection.execute(
            f"select {', '.join(map(sql_name, chosen))} from (select {select}, line_number, {beside} "
            f"from (select *, {role} as account_role from ({identified})))",
            values,
        ).to_arrow_table()

    def _author_keys(self, names: pa.StringArray) -> pa.DictionaryArray:
        """Each account is hashed once: hashing takes most of the time."""
        encoded = names.dictionary_encode()
        self._connection.register("arriving_names", pa.table({"name": encoded.dictionary}))
        try:
            keys = self._connection.execute(
                f"select {self._mapping.author_key_sql('name')} as key from arriving_names"
            ).to_arrow_table()
        finally:
            self._connection.unregister("arriving_names")
        return pa.DictionaryArray.from_arrays(encoded.indices, keys["key"].combine_chunks())


def _bad_lines(faulty: pa.Table, chunk: TableChunk) -> list[BadLine]:
    """The rows that cannot be used, each with its cells."""
    cells = chunk.table.take(pc.subtract(faulty["line_number"], chunk.first_line)).to_pylist()
    found = []
    for row, line in zip(
        faulty.select(["line_number", _FAULT, _COMMUNITY, _CREATED_S]).to_pylist(), cells, strict=True
    ):
        name, _, detail = row[_FAULT].partition(": ")
        kept = json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass")[: ndjson.KEPT_LINE_BYTES]
        found.append(
            BadLine(
                row["line_number"],
                name,
                printable(detail, max_chars=200),
                kept if name != ndjson.NOT_SPEECH else b"",
                row[_COMMUNITY],
                row[_CREATED_S],
            )
        )
    return found
