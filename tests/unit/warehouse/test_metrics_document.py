"""docs/metrics.md defines every figure of the marts, and names only what is there."""

import re
from functools import cache
from pathlib import Path

import pytest

from pulse.core.home import REPOSITORY
from pulse.lake import kpi_store
from pulse.warehouse import dictionary

DOCUMENT = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", DOCUMENT, flags=re.DOTALL | re.MULTILINE))
LINES = ("Definition", "Formula", "Model", "Test", "Source", "Limits")
TABLES = dictionary.marts()
MARTS = {table.name: {column.name for column in table.columns} for table in TABLES}
FROZEN = {
    kpi_store.KPI_MONTHLY, kpi_store.KPI_RESTATEMENTS, kpi_store.KPI_AS_FIRST_REPORTED, kpi_store.KPI_AS_NOW_KNOWN,
    kpi_store.KPI_LOST_VERSIONS,
}  # fmt: skip
MODELS = REPOSITORY / "dbt_project" / "models"
# Figures of marts in these folders are formulas; what lies beside them is counted, not computed.
FOLDERS = ("audience", "content", "engagement", "impact", "listening", "people", "promotions", "sentiment")
NO_FORMULA = re.compile(
    r"(platform|community|model_id|currency|caveat|place|score|sentiment_score|observed_age_h|communities_arrived_share)$"
)


@cache
def line_of(entry: str, name: str) -> str:
    """What an entry says under one of its headings."""
    found = re.search(rf"^- \*\*{name}\*\* (.+?)(?=^- \*\*|\Z)", ENTRIES[entry], flags=re.DOTALL | re.MULTILINE)
    assert found, f"{entry} has no {name}"
    return found[1]


def written_tests() -> set[str]:
    """Names of all unit tests of dbt and of Python."""
    yml = "\n".join(file.read_text(encoding="utf-8") for file in MODELS.rglob("*.yml"))
    python = "\n".join(file.read_text(encoding="utf-8") for file in Path(REPOSITORY / "tests").rglob("test_*.py"))
    named = re.findall(r"^  - name: (\w+)$", yml, flags=re.MULTILINE)
    return {*named, *re.findall(r"^def (test_\w+)", python, flags=re.MULTILINE)}


WRITTEN_TESTS = written_tests()


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry__says_all_there_is_to_say(entry: str):
    for name in LINES:
        assert len(line_of(entry, name).split()) >= 1, name


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry__names_models_columns_and_tests_that_are_there(entry: str):
    named = re.findall(r"`(\w+)(?:\.(\w+))?`", line_of(entry, "Model"))
    assert named
    for model, column in named:
        if model == "kpi":
            assert column in {"", *FROZEN}, column
        elif column and model in MARTS:
            assert column in MARTS[model], f"{model}.{column}"
        elif column or model.startswith(("fct_", "int_", "dim_")):
            assert list(MODELS.rglob(f"{model}.sql")), model
    tests = re.findall(r"`([\w./]+)(?:::(\w+))?`", line_of(entry, "Test"))
    assert tests, "a formula without a test"
    for place, test in tests:
        assert (REPOSITORY / place).is_file() if "/" in place else place in WRITTEN_TESTS, place
        assert not test or test in WRITTEN_TESTS, test


def figures() -> list[tuple[str, str]]:
    """Computed columns of the marts: numbers with a fraction, and bounds apart, which stand with what they bound."""
    return [
        (table.name, column.name)
        for table in TABLES
        if next(MODELS.rglob(f"{table.name}.sql")).parent.name in FOLDERS
        for column in table.columns
        if column.duckdb_type == "double"
        and not column.name.endswith(("_low", "_high"))
        and not NO_FORMULA.fullmatch(column.name)
    ]


@cache
def models_of_all_entries() -> str:
    return "\n".join(line_of(entry, "Model") for entry in ENTRIES)


@pytest.mark.parametrize(("table", "column"), figures())
def test_figure__has_an_entry(table: str, column: str):
    assert re.search(rf"`(\w*\.)?{column}…?`", models_of_all_entries()), (
        f"{table}.{column} is in no entry of docs/metrics.md"
    )


def test_kpi__each_has_an_entry():
    macro = (REPOSITORY / "dbt_project" / "macros" / "kpis.sql").read_text(encoding="utf-8")
    names = re.findall(r"'kpi': '(\w+)'", macro)
    assert len(names) >= 14
    for name in names:
        assert f"`{name}`" in DOCUMENT, name
