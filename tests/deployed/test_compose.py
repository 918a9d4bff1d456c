"""docker-compose.yml for real: a month and a day on CeleryExecutor, two containers killed, backup and restore."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployed.api import Api, Run
from deployed.compose_project import SERVICES, Project
from deployed.conftest import DAY_AFTER, MONTH, run_undisturbed
from faults.harness import differences
from pulse.core.home import Home

pytestmark = [pytest.mark.deployed, pytest.mark.timeout(2400)]

HOME = "/var/lib/pulse"
PUBLISHED = f"{HOME}/published/community_pulse.duckdb"


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell a figure at the end of the test run."""
    started_s = time.monotonic()
    return lambda what: record_property(
        "measured", f"{what}; {time.monotonic() - started_s:.0f} s since the test began"
    )


def read(project: Project, path: str) -> bytes:
    """A file of the volume that all workers share."""
    return project.compose("exec", "-T", "warehouse", "cat", path)


def test_up__every_service_is_healthy_and_runs_as_an_ordinary_user(composed: Project, measured: Any):
    composed.up()
    measured(f"up, {len(SERVICES)} services healthy")
    assert composed.compose("exec", "-T", "worker", "id", "--user").decode().strip() == "10001"
    measured(f"memory when nothing runs: {composed.memory()}")


def test_month__two_containers_are_killed_in_the_middle_and_the_run_goes_on(composed: Project, measured: Any):
    api = composed.api
    api.log_in()
    api.wait_for_dags("community_backfill", "community_daily")
    api.unpause("community_backfill")
    first_day, last_day = MONTH.first_day.isoformat(), MONTH.last_day.isoformat()
    run = api.trigger("community_backfill", from_day=first_day, to_day=last_day)
    for task_id, service in (("gate_loads", "worker"), ("build", "warehouse")):
        run.wait_until_running(task_id, within_s=300)
        composed.kill(service)
        measured(f"{service} killed while {task_id} ran")
    assert run.end(within_s=600) == "success"
    measured(f"{MONTH}: done; memory {composed.memory()}")
    for task_id, service in (("gate_loads", "worker"), ("build", "warehouse")):
        assert [tried["state"] for tried in run.tries(task_id)] == ["failed", "success"]
        assert composed.restarts(service) == 1
    require_queues(composed, run)


def test_day__runs_through_after_it(composed: Project, measured: Any):
    api = composed.api
    api.log_in()
    api.unpause("community_daily")
    run = api.trigger("community_daily", day=DAY_AFTER.isoformat())
    assert run.end(within_s=300) == "success"
    measured(f"{DAY_AFTER}: done")
    require_queues(composed, run)


def require_queues(project: Project, run: Run) -> None:
    """What has the warehouse queue was done in that container, all else in the other."""
    hosts = {(task["queue"], task["hostname"]) for task in run.tasks() if task["hostname"]}
    assert hosts == {("warehouse", project.hostname("warehouse")), ("default", project.hostname("worker"))}


def test_marts__are_those_of_undisturbed_embedded_runs(composed: Project, airflow_home: Path, tmp_path: Path):
    found = tmp_path / "found.duckdb"
    found.write_bytes(read(composed, PUBLISHED))
    config = tmp_path / "listen.yml"
    given = (composed.folder / "config" / "communities.yml").read_text()
    config.write_text(given.replace("/archives", str(composed.folder / "archives")))
    home = Home(airflow_home)
    key = read(composed, f"{HOME}/author.key").decode()
    run_undisturbed(home, config, author_key=key, window=MONTH, day=DAY_AFTER)
    assert differences(found, home.published / "community_pulse.duckdb") == []


def test_backup__restored_into_new_volumes_gives_the_same_marts_runs_and_connections(
    composed: Project, tmp_path: Path, measured: Any
):
    api, in_api, in_database = composed.api, ("exec", "-T", "api-server"), ("exec", "-T", "postgres")
    connection = (
        "airflow",
        "connections",
        "add",
        "kept",
        "--conn-type",
        "http",
        "--conn-password",
        "password-of-a-connection",
    )
    composed.compose(*in_api, *connection)
    api.log_in()
    runs = runs_of(api)
    before, after = tmp_path / "before.duckdb", tmp_path / "after.duckdb"
    before.write_bytes(read(composed, PUBLISHED))

    composed.compose("stop", "worker", "warehouse")
    metadata = composed.compose(*in_database, "pg_dump", "--username", "airflow", "--format", "custom", "airflow")
    in_home = ("run", "--rm", "--no-deps", "-T", "warehouse")
    key = composed.compose(*in_home, "cat", f"{HOME}/author.key")
    files = composed.compose(*in_home, "tar", "-C", HOME, "-c", "raw", "scores", "quality", "quarantine")
    measured(f"backup: {len(metadata):,} bytes of metadata, {len(files):,} of files")
    composed.down()
    composed.up("postgres")
    composed.compose(*in_database, "pg_restore", "--username", "airflow", "--dbname", "airflow", given=metadata)
    composed.compose(*in_home, "sh", "-c", f"umask 077; cat > {HOME}/author.key", given=key)
    composed.compose(*in_home, "tar", "-C", HOME, "-x", given=files)
    composed.up()
    composed.compose("exec", "-T", "warehouse", "pulse", "rebuild")
    measured("restored and built again")

    after.write_bytes(read(composed, PUBLISHED))
    assert differences(after, before) == []
    api.log_in()
    assert runs_of(api) == runs
    assert len(runs) == 2
    shown = composed.compose(*in_api, "airflow", "connections", "get", "kept", "--output", "json")
    assert json.loads(shown)[0]["password"] == "password-of-a-connection"


def runs_of(api: Api) -> list[tuple[str, str]]:
    """Id and state of every run."""
    return sorted((run["dag_run_id"], run["state"]) for run in api.call("GET", "/api/v2/dags/~/dagRuns")["dag_runs"])
