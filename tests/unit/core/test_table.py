"""One description of a table: files, databases and people are told the same."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import damaging
from pulse.core import contract, parquet
from pulse.core.errors import StorageError
from pulse.core.files import sql_text
from pulse.core.table import Column, arrow_schema, no_rows_sql, select_list, shown_type
from pulse.imports.contract import COLUMNS as OF_RESULTS
from pulse.lake import kpi_store, quality, side_tables
from support import ask

DESCRIBED = {
    "contributions": contract.COLUMNS,
    "communities": contract.COMMUNITY_COLUMNS,
    "coverage": contract.COVERAGE_COLUMNS,
    "business_results": OF_RESULTS,
    "published": side_tables.PUBLISHED_TABLE.columns,
} | {name: table.columns for name, table in (quality.TABLES | kpi_store.SHOWN).items()}


@pytest.mark.parametrize("table", DESCRIBED)
def test_columns__have_the_type_in_files_that_duckdb_gives_them(table: str):
    columns = DESCRIBED[table]
    rows = ask(no_rows_sql(columns)).to_arrow_table()
    assert arrow_schema(columns).equals(rows.schema)
    described = ask(f"describe {no_rows_sql(columns)}").fetchall()
    assert [(column.name, shown_type(column).replace(" ", "")) for column in columns] == [
        (name, kind.lower().replace(" ", "")) for name, kind, *_ in described
    ]


def test_columns__of_a_type_that_nothing_needs_are_refused():
    with pytest.raises(KeyError, match="GEOMETRY"):
        arrow_schema([Column("place", "GEOMETRY", True, "where")])


def test_select_list__casts_what_is_given_and_takes_the_rest_by_name():
    columns = (Column("a", "BIGINT", False, "a"), Column("b", "VARCHAR", True, "b"))
    assert ask(f"select {select_list(columns, {'a': '1 + 1'})} from (select 7 as b)").fetchall() == [(2, "7")]


@pytest.mark.parametrize("table", DESCRIBED)
def test_file_without_rows__has_the_types_and_is_replaced_where_it_is_damaged_or_of_before(table: str, tmp_path: Path):
    columns, file = DESCRIBED[table], tmp_path / "folder" / "_empty.parquet"
    parquet.ensure_empty_file(file, columns[1:])
    for hurt in (lambda: None, lambda: damaging.empty(file), lambda: damaging.replace_by_a_folder(file)):
        hurt()
        parquet.ensure_empty_file(file, columns)
        found = ask(f"describe from read_parquet({sql_text(file)}, hive_partitioning = false)").fetchall()
        assert found == ask(f"describe {no_rows_sql(columns)}").fetchall()
    written_ns = file.stat().st_mtime_ns
    parquet.ensure_empty_file(file, columns)
    assert file.stat().st_mtime_ns == written_ns
    assert [path.name for path in file.parent.iterdir()] == ["_empty.parquet"]


def test_draft__that_cannot_be_finished_leaves_what_was_there(tmp_path: Path):
    file = tmp_path / "table.parquet"
    with duckdb.connect() as connection:
        parquet.write_query(connection, "select 1 as a", file, facts={"name": "it's"})

    def fail() -> None:
        with parquet.draft_of(file) as draft:
            draft.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"table\.parquet"):
        fail()
    assert ask(f"from {sql_text(file)}").fetchall() == [(1,)]
    assert pq.read_metadata(file).metadata[b"name"] == b"it's"
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]
