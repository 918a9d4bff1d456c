"""Contract rows of a staged chunk as Parquet, in little time: packed lightly, for they are read soon and thrown away.

Column ``text_sha256`` is NULL: what selects rows for a load derives it.

Most columns of the contract are the same for all rows of a file, for a source cannot see them. They are found by what
the select list says, and neither made nor packed row by row. Arrow writes the rest, in half the time of DuckDB's copy.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import parquet
from pulse.core.files import sql_name
from pulse.platforms.entry import CommunityEntry
from pulse.sources.lines.rows import account_role_sql

_TEXT_HASH = "text_sha256"
# As DuckDB has them; a chunk is one or some.
_ROW_GROUP_ROWS = 122_880
# Looking for equal values in these takes time and finds few.
_MOSTLY_DISTINCT = frozenset({"contribution_id", "title", "body", "url", "permalink", "extra", "line_number"})


@dataclass(frozen=True)
class Layout:
    """The columns of a select list, and ``line_number``.

    Attributes:
        names: in order.
        constants: those that are the same for all rows, each as an array of one value.
    """

    names: list[str]
    constants: dict[str, pa.Array]

    def varying_sql(self) -> str:
        """Select list of the others, over the columns."""
        return ", ".join(sql_name(name) for name in self.names if name not in self.constants)


def layout_of(connection: duckdb.DuckDBPyConnection, contract_select: str, rows_sql: str) -> Layout:
    """What a mapping's select list gives.

    Args:
        rows_sql: what the list is selected from.
    """
    row = connection.execute(
        f"select {contract_select}, line_number from (select 1) left join (from ({rows_sql}) where false) on true"
    ).to_arrow_table()
    [(parsed,)] = connection.execute("select json_serialize_sql($sql)", {"sql": f"select {contract_select}"}).fetchall()
    items = json.loads(parsed)["statements"][0]["node"]["select_list"]
    names = row.schema.names
    found = {
        name: row[name].combine_chunks()
        for name, item in zip(names[:-1], items, strict=True)
        if _is_constant(item) and name != _TEXT_HASH
    }
    return Layout(names, found | {_TEXT_HASH: pa.nulls(1, pa.string())})


def write_parsed(
    connection: duckdb.DuckDBPyConnection,
    contract_select: str,
    file: Path,
    *,
    entries: Sequence[CommunityEntry],
    communities: Collection[str] | None,
) -> None:
    """Write what view ``parsed`` holds as contract columns and ``line_number``; flushed.

    Args:
        connection, contract_select, entries: as for :func:`pulse.sources.lines.rows.write_rows`.
        communities: the only ones to keep; None keeps all.
    """
    role, values = account_role_sql(entries)
    rows = f"select *, {role} as account_role from parsed"
    layout = layout_of(connection, contract_select, "select *, cast(null as varchar) as account_role from parsed")
    if communities is not None:
        values |= {"wanted": list(communities)}
        rows += " where list_contains($wanted, community_name)"
    batches = connection.execute(
        f"select {layout.varying_sql()} from (select {contract_select}, line_number from ({rows}))", values
    ).to_arrow_reader(_ROW_GROUP_ROWS)
    write(file, layout, batches.schema, (pa.Table.from_batches([batch]) for batch in batches))


def write(file: Path, layout: Layout, varying: pa.Schema, pieces: Iterable[pa.Table]) -> None:
    """Write rows as the layout says; flushed.

    Args:
        varying: the schema of the pieces: the columns that are no constants.

    Raises:
        StorageError: the disk is full or not writable. What stood there stays.
    """
    types = {name: _written_type(value) for name, value in layout.constants.items()}
    schema = pa.schema([(name, types.get(name) or varying.field(name).type) for name in layout.names])
    with (
        parquet.draft_of(file) as draft,
        # Without Arrow's own schema: readers see the types of Parquet, as in a file that DuckDB wrote.
        pq.ParquetWriter(
            draft,
            schema,
            compression="lz4",
            use_dictionary=[name for name in layout.names if name not in _MOSTLY_DISTINCT],
            store_schema=False,
        ) as writer,
    ):
        for piece in pieces:
            columns = [
                _repeated(layout.constants[name], piece.num_rows) if name in layout.constants else piece[name]
                for name in layout.names
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=_ROW_GROUP_ROWS)


def _is_constant(item: object) -> bool:
    """Whether an expression, as DuckDB parsed it, is made of literals, casts and lists of them alone."""
    if isinstance(item, list):
        return all(map(_is_constant, item))
    if not isinstance(item, dict):
        return True
    kind = item.get("class")
    if kind == "FUNCTION" and item["function_name"] != "list_value":
        return False
    return kind in (None, "CONSTANT", "CAST", "FUNCTION") and all(map(_is_constant, item.values()))


def _written_type(constant: pa.Array) -> pa.DataType:
    """A text that is the same everywhere is written by its place in a dictionary of one."""
    is_text = pa.types.is_string(constant.type) and not constant.null_count
    return pa.dictionary(pa.int32(), constant.type) if is_text else constant.type


def _repeated(constant: pa.Array, rows_n: int) -> pa.Array:
    if constant.null_count:
        return pa.nulls(rows_n, constant.type)
    places = pa.array(np.zeros(rows_n, dtype=np.int32))
    if pa.types.is_dictionary(_written_type(constant)):
        return pa.DictionaryArray.from_arrays(places, constant)
    return constant.take(places)
