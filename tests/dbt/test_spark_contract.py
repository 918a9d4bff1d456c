"""What a mart's contract promises is held on Spark, whose tables keep no such rule, as DuckDB holds it.

Needs `requirements/spark.txt` and Java; `make test-spark` installs both.
"""

import shutil
from pathlib import Path

import pytest

import spark_homes
from pulse.core.home import Home
from pulse.warehouse import transform
from pulse.warehouse.engines import Engine
from pulse.warehouse.engines.duckdb import DuckDBEngine
from pulse.warehouse.engines.spark import SparkEngine

pytestmark = [pytest.mark.integration, pytest.mark.spark]

# Marts by name: what stands for `author` and `score` in the second of two rows.
MARTS = {
    "fct_kept": ("'mate'", "cast(null as double)"),
    "fct_null": ("cast(null as {{ dbt.type_string() }})", "cast(2 as double)"),
    "fct_text": ("'mate'", "'two'"),
}
CONTRACT = """\
models:
  - name: {name}
    columns:
      - {{name: author, data_type: varchar, constraints: [{{type: not_null}}]}}
      - {{name: score, data_type: double}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's macros and settings, with these marts in place of its models."""
    folder = tmp_path / "project"
    shutil.copytree(transform.DBT_PROJECT, folder, ignore=shutil.ignore_patterns("models", "target", "logs"))
    marts = folder / "models" / "marts"
    marts.mkdir(parents=True)
    for name, (author, score) in MARTS.items():
        sql = f"select 'tea' as author, cast(1 as double) as score union all select {author}, {score}"
        (marts / f"{name}.sql").write_text(sql)
        (marts / f"{name}.yml").write_text(CONTRACT.format(name=name))
    monkeypatch.setattr(transform, "DBT_PROJECT", folder)


def test_contract__is_held_on_both_engines(project: None, home: Home, tmp_path: Path):
    spark_homes.skip_without_spark()
    transform.ensure_inputs(home)
    messages = {}
    engines: tuple[Engine, ...] = (DuckDBEngine(), SparkEngine(spark_homes.SETTINGS, tmp_path / "build"))
    for engine in engines:
        nodes = transform.run(home, tmp_path / "working.duckdb", ["run"], {"sentiment_model_id": "none"}, engine=engine)
        assert {node.label: node.is_ok for node in nodes} == {"fct_kept": True, "fct_null": False, "fct_text": False}
        messages[engine.name] = {node.label: node.message for node in nodes}
    assert "NULL in marts.fct_null.author" in messages["spark"]["fct_null"]
    assert "NOT NULL constraint failed" in messages["duckdb"]["fct_null"]
    for of_engine in messages.values():
        assert "contract" in of_engine["fct_text"]
