"""The dbt project: its unit tests pass, and it keeps the rules of the house."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulse.gates.rules import ROW_RULES
from pulse.warehouse import transform

MODELS = transform.DBT_PROJECT / "models"
SQL_FILES = sorted(MODELS.rglob("*.sql"))
LAYERS = ("staging", "intermediate", "marts")
# DuckDB's own, or with another meaning elsewhere: belongs into a dispatching macro (macros/engines.sql).
NOT_PORTABLE = (
    r"::", r"\bepoch\w*\(", r"\btimezone\(", r"\bstrftime\(", r"\bregexp_\w+\(", r"\blist_\w+\(", r"\bstruct_\w+\(",
    r"\bread_\w+\(", r"\barg_m(ax|in)\(", r"\bmax_by\(", r"\bany_value\(", r"\bqualify\b", r"\b(group|order) by all\b",
    r"\bas varchar\)", r"\bexclude\s*\(", r"\bfilter\s*\(", r"\basof\b", r"\bpivot\b", r"\[",
)  # fmt: skip


@cache
def described(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def model_of(sql: Path) -> dict[str, Any]:
    """The model's entry in the yml beside it."""
    (model,) = described(sql.with_suffix(".yml"))["models"]
    return dict(model)


def layer_of(sql: Path) -> str:
    return sql.relative_to(MODELS).parts[0]


def code_of(sql: Path) -> str:
    """The SQL without comments."""
    text = re.sub(r"\{#.*?#\}", "", sql.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"--.*", "", text)


def each(*layers: str) -> Any:
    files = [file for file in SQL_FILES if layer_of(file) in layers]
    assert files, "no model found: the tests below would pass on nothing"
    return pytest.mark.parametrize("sql", files, ids=[file.stem for file in files])


@pytest.mark.integration
def test_unit_tests__all_pass(unit_test_run: Any):
    results = unit_test_run.results
    assert [f"{result.label}: {result.message}" for result in results if not result.is_ok] == []
    ran = {result.label for result in results if result.resource_type == "unit_test"}
    written = {test["name"] for sql in SQL_FILES for test in described(sql.with_suffix(".yml")).get("unit_tests", [])}
    assert ran == written


@each(*LAYERS)
def test_model__has_a_yml_of_its_name_beside_it_and_a_description_that_ends_with_its_grain(sql: Path):
    model = model_of(sql)
    assert model["name"] == sql.stem
    last_sentence = re.split(r"(?<=\.)\s+", model["description"].strip())[-1]
    assert re.fullmatch(r"Grain: one row per [^.]+\.", last_sentence), last_sentence


def test_models__no_yml_stands_without_its_model():
    named = {file.stem for file in MODELS.rglob("*.yml") if not file.name.startswith("_")}
    assert named == {file.stem for file in SQL_FILES}


@each(*LAYERS)
def test_model__reads_only_its_own_layer_and_those_below(sql: Path):
    layers = {file.stem: LAYERS.index(layer_of(file)) for file in SQL_FILES}
    read = re.findall(r"\bref\('(\w+)'\)", code_of(sql))
    assert [name for name in read if layers[name] > layers[sql.stem]] == []
    if layer_of(sql) != "staging":
        assert "source(" not in code_of(sql), "only staging reads a source"
        assert read
    else:
        assert read == [], "staging reads a source and nothing else"


@each(*LAYERS)
def test_model__is_portable_sql(sql: Path):
    # What stands between {{ }} and {% %} is Jinja, not SQL.
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", code_of(sql), flags=re.DOTALL)
    assert [pattern for pattern in NOT_PORTABLE if re.search(pattern, text)] == []


@each("marts")
def test_mart__has_a_contract_that_describes_every_column(sql: Path):
    for column in model_of(sql)["columns"]:
        assert column.get("description"), column["name"]
        assert column.get("data_type"), column["name"]
        types = [constraint["type"] for constraint in column.get("constraints", [])]
        assert types in ([], ["not_null"]), column["name"]
    # dbt compares names and types with the SQL when it builds, for the whole folder.
    project = described(transform.DBT_PROJECT / "dbt_project.yml")
    assert project["models"]["community_pulse"]["marts"]["+contract"] == {"enforced": True}
    assert "contract" not in code_of(sql)


@each("marts")
def test_mart__has_a_key_test_unit_tests_and_an_exposure(sql: Path):
    model, document = model_of(sql), described(sql.with_suffix(".yml"))
    assert [test for test in model["data_tests"] if "unique_key" in test]
    assert document["unit_tests"]
    assert {test["model"] for test in document["unit_tests"]} == {sql.stem}
    exposures = [exposure for file in sql.parent.glob("_*__exposures.yml") for exposure in described(file)["exposures"]]
    assert f"ref('{sql.stem}')" in [name for exposure in exposures for name in exposure["depends_on"]]


@each("intermediate")
def test_intermediate__has_unit_tests(sql: Path):
    assert described(sql.with_suffix(".yml"))["unit_tests"]


def test_model__incremental_ones_delete_what_they_build_again():
    for sql in SQL_FILES:
        code = code_of(sql)
        if "materialized='incremental'" in code:
            assert "delete_affected_" in code, sql.stem
            assert "on_schema_change" not in code, sql.stem
    models = yaml.safe_load((transform.DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["models"]
    shared = models["community_pulse"]
    assert (shared["+incremental_strategy"], shared["+on_schema_change"]) == ("append", "fail")


def test_partition_pruning__rests_on_a_rule_of_gate_1():
    (rule,) = (rule for rule in ROW_RULES if rule.name == "created_inside_its_partition")
    assert rule.severity == "critical"
    assert rule.name in (transform.DBT_PROJECT / "macros" / "affected.sql").read_text(encoding="utf-8")


def test_warehouse__import_stays_light():
    code = "import sys, pulse.warehouse.builds; print(sorted({'dbt', 'vaderSentiment', 'airflow'} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ended.stdout.strip() == "[]"


def test_profile__what_dbt_sets_again_for_each_thread_can_be_set_again():
    profile = yaml.safe_load((transform.DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    target = profile["community_pulse"]["outputs"]["duckdb"]
    assert set(target["settings"]) == {"TimeZone"}, "DuckDB refuses another spill folder once something was spilled"
    assert set(target["config_options"]) == {"memory_limit", "temp_directory", "preserve_insertion_order"}


def test_semantic_layer__has_a_metric_for_each_kpi_and_no_other():
    kpis = re.findall(r"'kpi': '(\w+)'", (transform.DBT_PROJECT / "macros" / "kpis.sql").read_text(encoding="utf-8"))
    metrics = described(MODELS / "marts" / "kpi" / "_kpi__semantic.yml")["metrics"]
    parts = {
        metric["type_params"][side]
        for metric in metrics
        if metric["type"] == "ratio"
        for side in ("numerator", "denominator")
    }
    assert sorted(metric["name"] for metric in metrics if metric["name"] not in parts) == sorted(kpis)
