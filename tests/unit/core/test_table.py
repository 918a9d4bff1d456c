"""One description of a table: files, databases and people are told the same."""

import pytest

from pulse.core import contract
from pulse.core.contract import Column
from pulse.core.table import arrow_schema, select_list, shown_type
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
    rows = ask(contract.no_rows_sql(columns)).to_arrow_table()
    assert arrow_schema(columns).equals(rows.schema)
    described = ask(f"describe {contract.no_rows_sql(columns)}").fetchall()
    assert [(column.name, shown_type(column).replace(" ", "")) for column in columns] == [
        (name, kind.lower().replace(" ", "")) for name, kind, *_ in described
    ]


def test_columns__of_a_type_that_nothing_needs_are_refused():
    with pytest.raises(KeyError, match="GEOMETRY"):
        arrow_schema([Column("place", "GEOMETRY", True, "where")])


def test_select_list__casts_what_is_given_and_takes_the_rest_by_name():
    columns = (Column("a", "BIGINT", False, "a"), Column("b", "VARCHAR", True, "b"))
    assert ask(f"select {select_list(columns, {'a': '1 + 1'})} from (select 7 as b)").fetchall() == [(2, "7")]
