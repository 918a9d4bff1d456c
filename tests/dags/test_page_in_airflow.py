"""The page as Airflow mounts it: its users and rights are Airflow's, and a release is a run of a DAG."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import page_samples as samples
from page_samples import STOPPED_LOAD
from pulse.core.home import REPOSITORY, Home
from pulse.orchestration import embedded, notify, page_links

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Something published, beside the one Airflow that a process can have."""
    embedded.prepare(Home(airflow_home))
    with pytest.MonkeyPatch.context() as patch:
        found = samples.published_home(tmp_path_factory.mktemp("page") / "home")
        patch.setenv("PULSE_HOME", str(found.root))
        yield found


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Any]:
    """Airflow's own user management, and the page mounted beside it."""
    from airflow.api_fastapi.app import init_auth_manager
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from pulse.orchestration.page_in_airflow import LazyPage

    app = FastAPI()
    init_auth_manager(app)
    app.mount(page_links.PREFIX, LazyPage())
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
        yield client


def token_of(role: str) -> str:
    """What Airflow gives somebody with that role who logged in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return str(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=f"a {role}", role=role)))


def page(server: Any, path: str, role: str) -> Any:
    return server.get(f"{page_links.PREFIX}/{path}", headers={"Cookie": f"_token={token_of(role)}"})


def ask_release(server: Any, role: str) -> Any:
    csrf = page(server, "query", role).text.split('name="csrf" value="')[1].split('"')[0]
    form = {"csrf": csrf, "load_id": STOPPED_LOAD, "waive": "quarantined_share", "reason": "looked at it"}
    return server.post(
        f"{page_links.PREFIX}/release", data=form, headers={"Cookie": f"_token={token_of(role)}"}
    )  # fmt: skip


def test_page__asks_airflow_who_is_there(server: Any):
    from pulse.orchestration.page_in_airflow import make

    for route in make().routes:
        for method in sorted(route.methods):
            path = f"{page_links.PREFIX}{route.path.replace('{', '').replace('}', '').replace(':path', '')}"
            assert server.request(method, path).status_code == 401, f"{method} {path}"
    assert server.get(f"{page_links.PREFIX}/", headers={"Cookie": "_token=forged"}).status_code in {401, 403}
    assert page(server, "", "viewer").status_code == 200
    bearer = {"Authorization": f"Bearer {token_of('viewer')}"}
    assert server.get(f"{page_links.PREFIX}/", headers=bearer).status_code == 200
    for document in ("docs", "redoc", "openapi.json"):
        assert page(server, document, "admin").status_code == 404


def test_viewer__can_look_and_not_release(server: Any):
    assert "<dialog" not in page(server, f"load?id={STOPPED_LOAD}", "viewer").text
    assert page(server, f"lines?load={STOPPED_LOAD}", "viewer").status_code == 403
    assert ask_release(server, "viewer").status_code == 403
    assert "<dialog" in page(server, f"load?id={STOPPED_LOAD}", "user").text


def test_release__of_dags_that_airflow_has_not_read_says_so(server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(page_links, "RELEASE_DAG", "not_read_yet")
    refused = ask_release(server, "user")
    assert refused.status_code == 503
    assert "not_read_yet" in refused.text


def test_release__is_a_run_that_names_who_asked(server: Any):
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    serialize(page_links.RELEASE_DAG)
    asked = ask_release(server, "user")
    assert asked.status_code == 303
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.dag_id == page_links.RELEASE_DAG)).one()
        assert run.triggering_user_name == "a user"
        assert run.conf == {"load_id": STOPPED_LOAD, "waive": ["quarantined_share"], "reason": "looked at it"}
        run_id = run.run_id
    shown = page(server, asked.headers["location"], "user").text
    assert page_links.path_of_run(page_links.RELEASE_DAG, run_id) in shown


def serialize(dag_id: str) -> None:
    """As the DAG processor does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=str(REPOSITORY / "dags" / f"{dag_id}.py"), bundle_path=REPOSITORY / "dags")
    sync_bag_to_db(bag, "dags-folder", None)


def test_release__hands_the_pipeline_what_was_asked(monkeypatch: pytest.MonkeyPatch, airflow_home: Path):
    from pulse.orchestration import releasing
    from pulse.steps.pipeline import Pipeline

    handed: dict[str, Any] = {}

    def release(self: Any, load_id: str, **facts: Any) -> str:
        handed.update(facts, load_id=load_id)
        return "state"

    monkeypatch.setattr(Pipeline, "release", release)
    monkeypatch.setattr(Pipeline, "from_environment", classmethod(lambda cls, **_: object.__new__(cls)))
    context = {
        "params": {"load_id": "a", "waive": ["quarantined_share"], "reason": "why"}, "run_id": "run",
        "dag_run": SimpleNamespace(triggering_user_name="Ada"),
    }  # fmt: skip
    monkeypatch.setattr(releasing, "get_current_context", lambda: context)
    assert releasing.release.function() == "state"
    assert handed == {
        "load_id": "a", "waive": frozenset({"quarantined_share"}), "reason": "why", "run_id": "run",
        "released_by": "Ada",
    }  # fmt: skip


def test_task__leads_to_what_its_run_loaded(airflow_home: Path):
    from airflow import plugins_manager

    (link,) = [one for one in plugins_manager.get_global_operator_extra_links() if one.name == "Community Pulse"]
    key = SimpleNamespace(dag_id="community_daily", run_id="manual__2026-10-05__x+y")
    address = link.get_link(None, ti_key=key)
    assert address.endswith("/plugin/community-pulse/pulse/loads?run=manual__2026-10-05__x%2By&all=1")
    assert link.get_link(None, ti_key=SimpleNamespace(dag_id="somebody_elses", run_id="x")) == ""
    (view,) = [one for one in plugins_manager.get_plugin_info() if one["name"] == "community_pulse_page"]
    assert view["external_views"][0]["href"] == "pulse/"


def test_alert__leads_to_the_page(airflow_home: Path):
    url = notify.run_url("community_daily", "manual__2026-10-05__x+y")
    alert = notify.Alert("load_stopped", "reddit/tea", "one_author_share", "0.7", "0.5", "too much", url)
    assert notify.page_url(alert) == page_links.of_run("community_daily", "manual__2026-10-05__x+y")
    assert notify.page_url(notify.Alert("month_closed", "2026-10", None, None, None, "", "")).endswith("/pulse/today")


def test_plugin__costs_other_processes_nothing(airflow_home: Path):
    """Every process of Airflow loads it; the application is for the API server alone."""
    code = (
        "import sys; import airflow.sdk; before = set(sys.modules); import pulse_plugin; "
        "print([name for name in ('fastapi', 'duckdb', 'jinja2.loaders', 'pulse.page', 'pyarrow') "
        "if name in set(sys.modules) - before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "plugins"}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
