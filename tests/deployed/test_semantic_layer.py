"""Each KPI as MetricFlow answers it, in an environment of its own, held against the mart: `make test-semantic`."""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pulse.core.home import REPOSITORY, Home
from pulse.warehouse import transform

pytestmark = pytest.mark.deployed

PROGRAMS = REPOSITORY / ".venv" / "semantic" / "bin"
Figures = dict[tuple[str, date, str], float]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dbt project, parsed where MetricFlow looks for it."""
    if not (PROGRAMS / "mf").exists():
        pytest.skip("MetricFlow is not installed: `make test-semantic` does it")
    folder = tmp_path_factory.mktemp("semantic") / "project"
    shutil.copytree(transform.DBT_PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
    return folder


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marts of the demo."""
    home = Home(tmp_path_factory.mktemp("demo") / "home")
    hidden = ("AIRFLOW", "PULSE", "PYTEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    subprocess.run(
        [sys.executable, "-m", "pulse.cli", "demo"], env=environment | {"PULSE_HOME": str(home.root)}, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return home.published_file


def environment(project: Path, database: Path) -> dict[str, str]:
    models = "\n".join(file.read_text() for file in project.rglob("*.yml"))
    places = dict.fromkeys(re.findall(r"PULSE_RAW_[A-Z_]+", models), "nowhere")
    return {
        **os.environ, **places, "PULSE_WAREHOUSE_FILE": str(database), "DBT_PROFILES_DIR": str(project),
        "DBT_PROJECT_DIR": str(project), "DO_NOT_TRACK": "1",
    }  # fmt: skip


def metrics(project: Path) -> list[str]:
    text = (project / "models" / "marts" / "kpi" / "_kpi__semantic.yml").read_text()
    names = re.findall(r"^  - name: (\w+)$", text.split("\nmetrics:")[1], re.MULTILINE)
    return [name for name in names if not name.endswith(("_met_sum", "_cases_sum"))]


def asked(project: Path, database: Path) -> Figures:
    """What MetricFlow answers, by metric, month and community."""
    where = environment(project, database)
    parsed = [str(PROGRAMS / "dbt"), "parse", "--quiet", "--vars", '{"sentiment_model_id": "none"}']
    subprocess.run(parsed, cwd=project, env=where, check=True, capture_output=True)
    file = project / "answer.csv"
    query = ["query", "--metrics", ",".join(metrics(project)), "--group-by", "metric_time__month,community"]
    subprocess.run(
        [str(PROGRAMS / "mf"), *query, "--csv", str(file)], cwd=project, env=where, check=True, capture_output=True
    )
    return dict(_figures(file))


def _figures(file: Path) -> Iterator[tuple[tuple[str, date, str], float]]:
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            month, community = date.fromisoformat(row.pop("metric_time__month")[:10]), row.pop("community")
            for metric, cell in row.items():
                if cell:
                    yield (metric, month, community), float(cell)


def test_every_metric__is_the_kpi_of_its_name(project: Path, database: Path):
    answered = asked(project, database)
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select kpi, month_start_date, platform || '/' || community, value from marts.fct_kpis_monthly "
            "where community <> '*' and value is not null"
        ).fetchall()
    told: Figures = {(kpi, month, community): value for kpi, month, community, value in rows}
    assert len(told) > 100
    assert {kpi for kpi, _, _ in told} <= set(metrics(project))
    assert answered.keys() >= told.keys()
    assert {key: answered[key] for key in told} == pytest.approx(told, rel=1e-9, abs=1e-9)
    # What the mart does not tell, as where nothing was read, no tool tells from here either.
    more = {key: value for key, value in answered.items() if key not in told and value != 0}
    assert not more
