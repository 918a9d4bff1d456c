"""The data dictionary: current, complete, and safe to read as Markdown."""

import re

import pytest

from pulse.lake import kpi_store, quality
from pulse.warehouse import dictionary

TABLES = [*dictionary.marts(), *dictionary.quality_tables(), *dictionary.kpi_tables()]


def test_document__is_current():
    assert dictionary.is_current(), "run `pulse dev data-dictionary`"


def test_document__has_every_mart_and_table_with_every_column():
    text = dictionary.render()
    marts = {file.stem for file in (dictionary.REPOSITORY / "dbt_project" / "models" / "marts").rglob("*.sql")}
    assert marts, "a document about nothing would pass"
    assert {table.name for table in TABLES} == marts | set(quality.TABLES) | {"published"} | set(kpi_store.views(str))
    for table in TABLES:
        rows = re.findall(
            r"^\| `(\w+)` \|", text.split(f"### {table.name}\n")[1].split("\n### ")[0], flags=re.MULTILINE
        )
        assert rows == [column.name for column in table.columns]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_table__says_what_a_row_is_and_when_a_column_is_null(table: dictionary.Table):
    assert table.description
    assert table.grain.startswith("one row per ")
    for column in table.columns:
        assert column.meaning.endswith("."), column.name
        assert ("NULL" in column.meaning) == column.is_nullable, column.name


def test_document__holds_no_template_and_every_row_has_four_cells():
    for line in dictionary.render().splitlines():
        assert "{{" not in line
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5, line


def test_cell__keeps_text_inside_the_table():
    assert dictionary._cell(r"a | b \ <b>") == r"a \| b \\ &lt;b>"


def test_shared_text__that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="doc block nowhere"):
        dictionary._resolved("{{ doc('nowhere') }}", {})


def test_grain__that_is_missing_is_refused():
    with pytest.raises(ValueError, match="fct_x does not end with"):
        dictionary._split_grain("fct_x", "What it is.")
