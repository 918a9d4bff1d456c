"""The data dictionary: what every table and column means, from where each is defined.

Marts and intermediate tables come from the yml beside their SQL, read without dbt; the tables of ``quality`` and
``kpi`` from their descriptions beside what writes them. ``docs/data-dictionary.md`` and the comments in the published
file are this module's output and nothing else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pulse.core.home import REPOSITORY
from pulse.core.table import Column, Table, shown_type
from pulse.lake import kpi_store, quality, side_tables

_MODELS = REPOSITORY / "dbt_project" / "models"
_DOC_BLOCK = re.compile(r"\{%\s*docs\s+(\w+)\s*%\}(.*?)\{%\s*enddocs\s*%\}", re.DOTALL)
_DOC_CALL = re.compile(r"\{\{\s*doc\('(\w+)'\)\s*\}\}")

_INTERNAL = "Internal: a step between raw and the marts, kept to build on; it may change with any version."

_INTRODUCTION = """\
# Data dictionary

Written by `pulse dev data-dictionary` from the dbt project and the tables beside it; edit there, not here.

- NULL means "this cannot be seen", 0 means zero.
- Times end in `_at`, days in `_date`; both are UTC. Marts are dated by `contribution_date`, the day of writing, and
  sizes of communities by `observation_date`, the day of looking.
- `<count>_observed_n` says how many contributions a sum of `<count>` is over.
- Sums and counts show the latest observation; `fct_engagement_at_age` compares contributions at the same age.
- The published file carries all of this as comments on its tables and columns: `from duckdb_columns()`. Its schema
  `intermediate` is internal: what the next build goes on from, without any promise.
"""


def document_path() -> Path:
    """Where the document lies in the repository."""
    return REPOSITORY / "docs" / "data-dictionary.md"


def is_current() -> bool:
    """Whether the document is there and says what the code says."""
    path = document_path()
    return path.is_file() and path.read_text(encoding="utf-8") == render()


def render() -> str:
    """The whole document.

    Raises:
        ValueError: a description does not end with its grain, or names a text that does not exist.
        KeyError: a column of a frozen table has no meaning.
    """
    sections = [
        _section("marts", "What people read; replaced as a whole at each publish.", marts()),
        _section(
            "quality",
            "What happened to each load and rule. `pulse sql` shows it as it is now, whether or not anything was "
            "published; the published file has it as of `quality.published`.",
            quality_tables(),
        ),
        _section(
            "kpi",
            "What was told of closed months; never rebuilt. `marts.fct_kpis_monthly` would be told now. `pulse sql` "
            "shows it as it is now; the published file has it too, and freezing a month publishes again.",
            kpi_tables(),
        ),
    ]
    return "\n".join([_INTRODUCTION, *sections])


# ---- where tables are defined ----------------------------------------------


def marts() -> list[Table]:
    """The marts by name, from the yml beside their SQL."""
    texts = _shared_texts()
    files = sorted((_MODELS / "marts").rglob("[!_]*.yml"), key=lambda file: file.stem)
    return [_mart(model, texts) for file in files for model in _models(file)]


Comments = Mapping[str, tuple[str, Mapping[str, str]]]


def comments() -> Comments:
    """What a published file says of each table, ``schema.table``, and of its columns by name.

    Intermediate tables are internal: whoever reads their SQL knows their columns. Where the yml does not explain one,
    it means what the marts say of that name, if they agree.
    """
    texts = sorted(file for kind in ("yml", "md") for file in _MODELS.rglob(f"*.{kind}"))
    return _comments(tuple((file, file.stat().st_mtime_ns) for file in texts))


@cache  # a process that publishes, as by closing months, does so again
def _comments(_texts: tuple[tuple[Path, int], ...]) -> Comments:
    all_marts = marts()
    schemas = {"marts": all_marts, side_tables.QUALITY: quality_tables(), side_tables.KPI: kpi_tables()}
    said = {
        f"{schema}.{table.name}": (table.comment, {column.name: column.meaning for column in table.columns})
        for schema, tables in schemas.items()
        for table in tables
    }
    texts, shared = _shared_texts(), _shared_meanings(all_marts)
    for file in sorted((_MODELS / "intermediate").rglob("[!_]*.yml")):
        for model in _models(file):
            own = {column["name"]: _resolved(column["description"], texts) for column in model.get("columns", [])}
            comment = f"{_INTERNAL} {_resolved(model['description'], texts)}"
            said[f"intermediate.{model['name']}"] = (comment, {**shared, **own})
    return said


def _shared_meanings(tables: Sequence[Table]) -> dict[str, str]:
    """What a column's name means in all tables that have such a column; names that they disagree on are left out."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for column in table.columns:
            found.setdefault(column.name, set()).add(column.meaning)
    return {name: meanings.pop() for name, meanings in found.items() if len(meanings) == 1}


def quality_tables() -> list[Table]:
    """The tables of schema ``quality``."""
    return [*quality.TABLES.values(), side_tables.PUBLISHED_TABLE]


def kpi_tables() -> list[Table]:
    """The views of schema ``kpi``; what the figures mean stands at the mart that they were frozen from."""
    (mart,) = (mart for mart in marts() if mart.name == "fct_kpis_monthly")
    of_mart = {column.name: column for column in mart.columns}

    def described(column: Column) -> Column:
        if column.meaning != kpi_store.AS_IN_MART:
            return column
        meant = of_mart[column.name]
        return replace(column, is_nullable="NULL" in meant.meaning, meaning=meant.meaning)

    return [replace(table, columns=tuple(map(described, table.columns))) for table in kpi_store.SHOWN.values()]


def _models(file: Path) -> tuple[dict[str, Any], ...]:
    """The models of a yml, to be read only."""
    return _parsed_models(file, file.stat().st_mtime_ns)


@cache
def _parsed_models(file: Path, _changed_ns: int) -> tuple[dict[str, Any], ...]:
    # Marts are asked for twice, and all models together take a second. libyaml takes a fifth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = file.read_text(encoding="utf-8")
    return tuple(yaml.load(text, Loader=loader).get("models", []))  # noqa: S506  (both are safe)


def _shared_texts() -> dict[str, str]:
    """Texts that several columns share, by name (dbt's doc blocks)."""
    return {
        name: " ".join(text.split())
        for file in sorted(_MODELS.rglob("*.md"))
        for name, text in _DOC_BLOCK.findall(file.read_text(encoding="utf-8"))
    }


def _mart(model: dict[str, Any], texts: dict[str, str]) -> Table:
    description, grain = _split_grain(model["name"], _resolved(model["description"], texts))
    columns = tuple(
        Column(
            column["name"],
            column["data_type"],
            {"type": "not_null"} not in column.get("constraints", []),
            _resolved(column["description"], texts),
        )
        for column in model["columns"]
    )
    return Table(model["name"], description, grain, columns)


def _resolved(text: str, texts: dict[str, str]) -> str:
    """The text on one line, shared texts filled in."""

    def filled(call: re.Match[str]) -> str:
        if call[1] not in texts:
            raise ValueError(f"doc block {call[1]} is not in any .md file under {_MODELS}")
        return texts[call[1]]

    return " ".join(_DOC_CALL.sub(filled, text).split())


def _split_grain(name: str, text: str) -> tuple[str, str]:
    description, mark, grain = text.rpartition("Grain: ")
    if not mark:
        raise ValueError(f"the description of {name} does not end with 'Grain: …'")
    return description.strip(), grain.strip()


# ---- writing it down -------------------------------------------------------


def _section(schema: str, introduction: str, tables: Sequence[Table]) -> str:
    lines = [f"## Schema `{schema}`", "", introduction, ""]
    lines += [f"- [{table.name}](#{table.name}): one row per {_short_grain(table.grain)}" for table in tables]
    for table in tables:
        lines += ["", f"### {table.name}", "", table.description, "", f"**Grain:** {table.grain}", ""]
        lines += ["| column | type | NULL | meaning |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{column.name}` | {_cell(shown_type(column))} | {'may be' if column.is_nullable else 'never'} "
            f"| {_cell(column.meaning)} |"
            for column in table.columns
        ]
    return "\n".join(lines) + "\n"


def _short_grain(grain: str) -> str:
    return grain.removeprefix("one row per ").rstrip(".")


def _cell(text: str) -> str:
    """Text inside a table: a pipe would end the cell, and angle brackets would be taken for HTML."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
