"""The data dictionary: what every table and column means, from where each is defined.

Marts and intermediate tables come from the yml beside their SQL, read without dbt; the tables of ``quality`` and
``kpi`` from their schemas and from the meanings below. ``docs/data-dictionary.md`` and the comments in the published
file are this module's output and nothing else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from pulse.core.home import REPOSITORY
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


@dataclass(frozen=True)
class Column:
    """One column: its SQL type, whether it may be NULL, and what it means."""

    name: str
    sql_type: str
    is_nullable: bool
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: what it is about, what one row is, and its columns in order."""

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]

    @property
    def comment(self) -> str:
        """What a database says of it."""
        return f"{self.description} Grain: {self.grain}"


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
        ValueError: a description does not end with its grain, or names a text that does not exist; a column of a
            quality table has no meaning, or a meaning no column.
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
    schemas = {**quality.TABLES, side_tables.PUBLISHED: side_tables.PUBLISHED_SCHEMA}
    return [_described_table(name, schema, *_QUALITY[name]) for name, schema in schemas.items()]


def kpi_tables() -> list[Table]:
    """The views of schema ``kpi``; what the figures mean stands at the mart that they were frozen from."""
    (mart,) = (mart for mart in marts() if mart.name == "fct_kpis_monthly")
    of_mart = {column.name: column.meaning for column in mart.columns}
    tables = []
    for name, (description, grain) in _KPI.items():
        schemas = {**kpi_store.TABLES, kpi_store.KPI_LOST_VERSIONS: kpi_store.LOST_COLUMNS}
        schema = schemas.get(name, kpi_store.TABLES[kpi_store.KPI_MONTHLY])
        meanings = {column: _KPI_COLUMNS.get(column) or of_mart[column] for column in schema.names}
        tables.append(_described_table(name, schema, description, grain, meanings))
    return tables


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


def _described_table(name: str, schema: pa.Schema, description: str, grain: str, meanings: dict[str, str]) -> Table:
    if sorted(meanings) != sorted(schema.names):
        raise ValueError(f"the meanings of {name} do not fit its columns: {sorted(set(meanings) ^ set(schema.names))}")
    columns = []
    for field in schema:
        meaning = meanings[field.name]
        columns.append(Column(field.name, side_tables.sql_type(field.type), "NULL" in meaning, meaning))
    return Table(name, description, grain, tuple(columns))


# ---- writing it down -------------------------------------------------------


def _section(schema: str, introduction: str, tables: Sequence[Table]) -> str:
    lines = [f"## Schema `{schema}`", "", introduction, ""]
    lines += [f"- [{table.name}](#{table.name}): one row per {_short_grain(table.grain)}" for table in tables]
    for table in tables:
        lines += ["", f"### {table.name}", "", table.description, "", f"**Grain:** {table.grain}", ""]
        lines += ["| column | type | NULL | meaning |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{column.name}` | {_cell(column.sql_type)} | {'may be' if column.is_nullable else 'never'} "
            f"| {_cell(column.meaning)} |"
            for column in table.columns
        ]
    return "\n".join(lines) + "\n"


def _short_grain(grain: str) -> str:
    return grain.removeprefix("one row per ").rstrip(".")


def _cell(text: str) -> str:
    """Text inside a table: a pipe would end the cell, and angle brackets would be taken for HTML."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


# ---- what the quality tables mean ------------------------------------------

_RUN = "Run that wrote the row: Airflow's run id, or the one that the command line made up."
_ENTRY = "Entry of the config: platform/community; the community is * for the wildcard."
_RECORDED = "When it was written."

# Description, grain, and meaning by column; a meaning that speaks of NULL says when the column is NULL.
_QUALITY: dict[str, tuple[str, str, dict[str, str]]] = {
    quality.LOAD_OUTCOMES: (
        (
            "What became of each community's day in each run; the latest row of an entry, community and day counts. "
            "A wildcard entry has a row for * and one per community that it brought."
        ),
        "one row per run, config entry, community and day.",
        {
            "run_id": _RUN,
            "load_id": "Load that brought the day; NULL when the extraction failed.",
            "platform": "Platform name, lower case.",
            "entry_id": _ENTRY,
            "community": "Community the row is about; * sums up all that a wildcard brought.",
            "source": "Source module that was asked.",
            "day": "UTC day that was asked for.",
            "outcome": "arrived, empty (listed whole, nothing there), partial (not proven to be whole), failed (the "
            "extraction), quarantined (stopped by gate 1).",
            "contributions_n": "Rows that gate 1 accepted.",
            "quarantined_rows_n": "Records that gate 1 kept out; those of a stopped load lie on its first day.",
            "skipped_n": "Records left out for a documented reason, such as exact repeats; on the load's first day.",
            "api_calls_n": "Calls to the platform; on the load's first day, 0 for archives.",
            "reason": "Why the day is not complete; NULL when it is.",
            "recorded_at": _RECORDED,
        },
    ),
    quality.GATE_RESULTS: (
        "What each rule of a gate found. Gate 2, which checks the marts, has no load.",
        "one row per run, gate, load and rule.",
        {
            "run_id": _RUN,
            "gate": "gate_1 (loads, before raw) or gate_2 (marts, before publishing).",
            "load_id": "Load that was checked; NULL for gate 2.",
            "entry_id": "Entry of the config that the load is of; NULL for gate 2.",
            "rule": "Name of the rule; its reason stands beside its definition in plugins/pulse/gates.",
            "level": "row (a predicate per row), load (a number about the load), mart (rows that must not exist).",
            "severity": "critical, warning or info. Only critical rules keep rows out or stop a load.",
            "checked_n": "Rows that were looked at; NULL where the rule is not about rows, or could not tell.",
            "failed_n": "Rows for which the rule does not hold; NULL where it is not about rows, or could not tell.",
            "value": "The number that was found; NULL if the rule could not tell.",
            "limit_value": "The limit it was held to; NULL where there is none.",
            "is_passed": "Whether the rule holds.",
            "is_waived": "Whether somebody waived the rule for this load.",
            "is_stopping": "Whether the rule stops the load, or the publishing.",
            "message": "The same in one line for a person; holds no text that people wrote.",
            "recorded_at": _RECORDED,
        },
    ),
    quality.QUARANTINED_ROWS: (
        "Records that gate 1 kept out. Their content lies in the quarantine only; see `pulse quarantine show`.",
        "one row per run, quarantined record and rule that it broke.",
        {
            "run_id": _RUN,
            "load_id": "Load that the record came with; NULL for a line that is no load's, for it tells no community "
            "or no day. It stands here once for each content of its file.",
            "entry_id": f"{_ENTRY} NULL for a line that is no load's.",
            "community": "Community of the record; NULL where it does not tell, or tells no day.",
            "day": "Partition day of the record; NULL where it does not tell, or tells no community.",
            "rule": "Rule that the record broke.",
            "reason": "What is wrong with it.",
            "contribution_id": "The contribution; NULL for a record that could not be read at all.",
            "file": "File that the unreadable record stands in; NULL for a readable one.",
            "line_number": "Its line there, from 1; NULL for a readable one.",
            "recorded_at": _RECORDED,
        },
    ),
    side_tables.PUBLISHED: (
        (
            "As of when the published file's own tables of the schemas quality and kpi are. `pulse sql` shows those "
            "tables as they are now; empty there before the first publish."
        ),
        "one row per schema_name and table_name.",
        {
            "schema_name": "quality or kpi.",
            "table_name": "Table of the published file.",
            "state_id": "The published state.",
            "published_at": "When it was published: what came later is not in it.",
            "rows_n": "Rows of the table in it.",
            "files_left_out": "Files that could not be read, in PULSE_HOME, comma-separated; their rows are missing. "
            "NULL where none is.",
        },
    ),
    quality.CREATION_TIME_CLASHES: (
        "Contributions of which loads tell two times of creation, a second or more apart. The earlier one holds.",
        "one row per platform, community, contribution_id, other_created_at and other_load_id.",
        {
            "platform": "Platform name, lower case.",
            "community": "Community of the contribution.",
            "contribution_id": "The contribution.",
            "kept_created_at": "The earliest time that is told: the one that holds.",
            "kept_load_id": "Load that tells it; the first by name where several do.",
            "other_created_at": "Another time that is told.",
            "other_load_id": "Load that tells that one.",
        },
    ),
}


# ---- what the frozen tables mean -------------------------------------------

# Description and grain.
_KPI: dict[str, tuple[str, str]] = {
    kpi_store.KPI_MONTHLY: (
        "Every version of every closed month. A month that is closed again gets a new version if anything differs.",
        "one row per month_start_date, version, platform, community and kpi.",
    ),
    kpi_store.KPI_AS_FIRST_REPORTED: (
        "Each figure as it was reported first, whatever became of it.",
        "one row per month_start_date, platform, community and kpi.",
    ),
    kpi_store.KPI_AS_NOW_KNOWN: (
        "The latest version of each closed month.",
        "one row per month_start_date, platform, community and kpi.",
    ),
    kpi_store.KPI_LOST_VERSIONS: (
        "Frozen versions that cannot be read any more: where one was the first or last, nothing stands in its place.",
        "one row per month_start_date, version and table_name.",
    ),
    kpi_store.KPI_RESTATEMENTS: (
        "What a later version changed of a figure, and why; from or to NULL where only one of the two versions has it.",
        "one row per month_start_date, version, platform, community and kpi that differs from the version before.",
    ),
}
# Columns that the mart does not have.
_KPI_COLUMNS = {
    "version": "Version of the month, from 1.",
    "reported_at": "When the version was frozen.",
    "state_id": "Published state that it was frozen from.",
    "table_name": "kpi_monthly where the figures are lost, kpi_restatements where only what the version changed is.",
    "reason": "What is wrong with the file, or was when it was set aside.",
    "is_set_aside": "Whether it was moved away with `pulse set-aside`.",
    "old_value": "Value in the version before; NULL where it had none.",
    "new_value": "Value in this version; NULL where it has none.",
    "difference": "new_value − old_value; NULL where either is.",
    "changed_columns": "Columns that differ, comma-separated; value where only one of the two versions has the figure.",
    "reasons": "Comma-separated: late_data (contributions, days or looks at them came in, or went, later), deletion "
    "(taken back by people, or accounts gone), new_definition, new_model (of sentiment), earlier_month (only what the "
    "figure is compared with), unknown.",
}
