"""Credentials through Airflow for real: which way wins, what a run shows of them, and how it waits for the source."""

import itertools
import json
import os
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.live_reddit import BUSY_DAY, busy_archive, shortly_after
from pulse.core import errors
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.orchestration import embedded
from pulse.sandbox.server import SandboxServer
from pulse.sources.reddit.credentials import RedditCredentials
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds

pytestmark = pytest.mark.integration

USER_AGENT = "linux:community-pulse:0.1 (by /u/emberwell)"
SECRET, PASSWORD = "s3cr3t/+of-the-app", "pass word+of/it"
EXTRA = json.dumps({"user_agent": USER_AGENT, "username": "emberwell", "password": PASSWORD})
STORED = RedditCredentials(
    client_id="abc123", client_secret=SECRET, user_agent=USER_AGENT, username="emberwell", password=PASSWORD,
    url="http://127.0.0.1:8099",
)  # fmt: skip
CONFIG = "communities:\n" + "".join(
    f"  - {{platform: reddit, name: {name}, source: reddit_archive, path: x.ndjson}}\n"
    for name in ("patient", "faulty", "refused")
)


@pytest.fixture
def own_home(airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own for the pipeline's data, over the one Airflow that a process can have."""
    home = Home(tmp_path / "home")
    home.__dict__["airflow"] = Home(airflow_home).airflow
    (tmp_path / "x.ndjson").touch()
    (tmp_path / "config.yml").write_text(CONFIG)
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "config.yml"))
    monkeypatch.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
    for name in [name for name in os.environ if name.startswith("PULSE_REDDIT_")]:
        monkeypatch.delenv(name)
    return home.create()


@pytest.fixture
def store(own_home: Home) -> Iterator[Callable[..., None]]:
    """Puts a connection into Airflow's database, until the test ends."""
    embedded.prepare(own_home)
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    made: list[str] = []

    def add(conn_id: str = "reddit_default", **fields: Any) -> None:
        made.append(conn_id)
        with create_session() as session:
            session.add(Connection(conn_id=conn_id, conn_type="reddit", **fields))

    yield add
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(made)).delete()


def run_with(extract: Callable[[Pipeline, str], str], home: Home, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A daily run whose extractions are done by the given function."""

    def extract_instead(self: Pipeline, entry_id: str, window: Any, *, run_id: str) -> str:
        return extract(self, entry_id)

    monkeypatch.setattr(Pipeline, "extract", extract_instead)
    return embedded.run_day(home, utc_now().date().replace(year=2020, day=1), started_at=utc_now())


def assert_nowhere(home: Home, secrets: tuple[str, ...]) -> None:
    """None of the secrets is in any file of the home or of Airflow's, nor in its database outside the connections."""
    for folder in (home.root, home.airflow):
        for file in folder.rglob("*"):
            if file.name == "airflow.db":
                with closing(sqlite3.connect(file)) as database:
                    lines = [line for line in database.iterdump() if 'INTO "connection"' not in line]
                content = "\n".join(lines).encode()
            else:
                content = file.read_bytes() if file.is_file() else b""
            assert not [secret for secret in secrets if secret.encode() in content], file


@pytest.mark.slow
def test_a_run__waits_for_the_source_retries_faults_and_shows_no_secret(
    own_home: Home, store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    store(login="abc123", password=SECRET, host="http://127.0.0.1:8099/", extra=EXTRA)
    limited, fault = errors.RateLimited("reddit", retry_after_s=1), ConnectionError(f"reset by {PASSWORD}")
    script: dict[str, list[Exception]] = {
        "reddit/patient": [limited] * 5 + [fault] * 3,
        "reddit/faulty": [limited, fault, fault, limited, fault, fault],
        "reddit/refused": [errors.BadCredentials("reddit", value=f"for {SECRET}", next_step="check them")],
    }
    starts: dict[str, list[float]] = defaultdict(list)
    given: list[RedditCredentials] = []

    def extract(pipeline: Pipeline, entry_id: str) -> str:
        starts[entry_id].append(time.monotonic())
        given.append(pipeline.ask_credentials(RedditCredentials))
        sys.stdout.write(f"printed {' '.join(given[-1].secrets())}\n")
        if script[entry_id]:
            raise script[entry_id].pop(0)
        raise errors.SourceError(f"all tries of {entry_id}", value=PASSWORD, next_step="nothing")

    run = run_with(extract, own_home, monkeypatch)
    assert {name: len(tries) for name, tries in starts.items()} == {
        "reddit/patient": 9, "reddit/faulty": 6, "reddit/refused": 1,
    }  # fmt: skip
    waits_s = [after - before for before, after in itertools.pairwise(starts["reddit/patient"])]
    assert min(waits_s[:5]) >= 1
    assert Counter(task.state for task in run.tasks if task.task_id == "extract") == {"failed": 3}
    assert set(map(repr, given)) == {repr(STORED)}
    assert given[0] == STORED
    assert "printed *** ***" in run.log_file.read_text()
    assert_nowhere(own_home, STORED.secrets())


@pytest.mark.slow
def test_a_live_run__through_a_stored_connection_publishes_and_shows_no_secret_and_no_token(
    own_home: Home, store: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "config.yml").write_text("communities:\n  - {platform: reddit, name: Tea, source: reddit_api}\n")
    data = busy_archive(tmp_path / "tea.ndjson", posts_n=20, comments_n=300, hidden_n=10)
    with SandboxServer(data, now=shortly_after(BUSY_DAY)) as sandbox:
        account = {"user_agent": USER_AGENT, "username": sandbox.username, "password": sandbox.password}
        store(login=sandbox.client_id, password=sandbox.client_secret, host=sandbox.url, extra=json.dumps(account))
        store("reddit_wrong", login=sandbox.client_id, password=SECRET, host=sandbox.url, extra=EXTRA)
        run = embedded.run_day(own_home, BUSY_DAY, started_at=utc_now())
        assert run.is_success, run.log_file.read_text()[-3000:]
        monkeypatch.setenv("PULSE_REDDIT_CONNECTION", "reddit_wrong")
        lines: list[str] = []
        refused = embedded.run_day(own_home, BUSY_DAY, started_at=utc_now(), progress=lines.append)
        asked_n = len(sandbox.token_calls)
        secrets = (sandbox.client_secret, sandbox.password, *sandbox.tokens_given())
    assert not refused.is_success
    assert [task.label for task in refused.failed()][:1] == ["reddit/tea"]
    assert asked_n == 2, "a wrong secret is not tried again"
    assert "401 when asked for a token" in refused.log_file.read_text()
    with duckdb.connect(str(builds.published_file(own_home)), read_only=True) as published:
        assert published.execute("select count(*) from marts.fct_contributions").fetchone() == (320,)
    assert len(secrets) == 3
    assert_nowhere(own_home, (*secrets, *STORED.secrets()))


# ---- which way ---------------------------------------------------------------


def credentials_of_a_task(monkeypatch: pytest.MonkeyPatch, connection: Any) -> RedditCredentials:
    """What a task gets while Airflow answers with that connection, or with an error."""
    from pulse.orchestration import connections

    def get(conn_id: str) -> Any:
        if isinstance(connection, Exception):
            raise connection
        return connection

    monkeypatch.setattr(connections.Connection, "get", get)
    return connections.credentials_of_task(RedditCredentials)


def connection(**fields: Any) -> Any:
    from airflow.sdk import Connection

    return Connection(conn_id="reddit_default", conn_type="reddit", **fields)


def test_credentials__the_environment_wins_and_nothing_is_mixed(own_home: Home, monkeypatch: pytest.MonkeyPatch):
    stored = connection(login="abc123", password=SECRET, extra=EXTRA)
    assert credentials_of_a_task(monkeypatch, stored).username == "emberwell"
    monkeypatch.setenv("PULSE_REDDIT_CLIENT_ID", "nearer")
    monkeypatch.setenv("PULSE_REDDIT_USER_AGENT", USER_AGENT)
    never_asked = AssertionError("the connection was asked")
    assert credentials_of_a_task(monkeypatch, never_asked) == RedditCredentials("nearer", "", USER_AGENT)


def test_credentials__neither_way(own_home: Home, monkeypatch: pytest.MonkeyPatch):
    from airflow.sdk.exceptions import AirflowNotFoundException

    monkeypatch.setenv("PULSE_REDDIT_CONNECTION", "reddit_tea")
    with pytest.raises(errors.ConfigError, match="connection reddit_tea, or set PULSE_REDDIT_CLIENT_ID"):
        credentials_of_a_task(monkeypatch, AirflowNotFoundException("none"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": SECRET, "extra": EXTRA}, "Airflow connection reddit_default: Reddit client id: not given"),
        ({"login": "abc123", "password": SECRET}, "Reddit user agent: not given"),
        ({"login": "abc123", "extra": json.dumps([PASSWORD])}, "Reddit user agent: not given"),
        ({"login": "abc123", "extra": f"{{{PASSWORD}"}, "Reddit user agent: not given"),
        ({"login": "abc123", "password": SECRET, "extra": EXTRA, "host": "evil.example"}, "Reddit URL: evil.example"),
    ],
)
def test_connection__that_cannot_be_used_is_named(
    own_home: Home,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, str],
    message: str,
):
    with pytest.raises(errors.ConfigError, match=message) as refused:
        credentials_of_a_task(monkeypatch, connection(**fields))
    for secret in (SECRET, PASSWORD):
        assert secret not in str(refused.value) + caplog.text


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://www.reddit.com"),
        ({"host": "old.reddit.com"}, "https://old.reddit.com"),
        ({"host": "http://localhost:8099/"}, "http://localhost:8099"),
        ({"host": "localhost", "schema": "http", "port": 8099}, "http://localhost:8099"),
    ],
)
def test_connection__the_host_as_people_write_it(own_home: Home, fields: dict[str, Any], url: str):
    from pulse.orchestration import connections

    stored = connection(login="abc123", extra=EXTRA, password=SECRET, **fields)
    assert connections.of_connection(RedditCredentials, stored).url == url


def test_connection__written_as_a_uri_in_the_environment(
    own_home: Home, store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    """Airflow's own way for deployments that keep connections out of its database; `pulse doctor` finds it too."""
    from pulse.cli.doctor import _stored_in_airflow

    assert _stored_in_airflow(RedditCredentials, own_home) is None
    monkeypatch.setenv(
        "AIRFLOW_CONN_REDDIT_DEFAULT", "reddit://abc123:s3cr3t%2F%2Bof-the-app@?user_agent=linux%3Apulse%3A0.1"
    )
    found = _stored_in_airflow(RedditCredentials, own_home)
    assert found == RedditCredentials("abc123", SECRET, "linux:pulse:0.1")


def test_doctor__finds_the_stored_connection(own_home: Home, store: Callable[..., None]):
    from pulse.cli.doctor import _stored_in_airflow

    store(login="abc123", password=SECRET, host="http://127.0.0.1:8099/", extra=EXTRA)
    assert _stored_in_airflow(RedditCredentials, own_home) == STORED


# ---- Airflow's form ----------------------------------------------------------


def test_provider__airflow_shows_the_fields_and_hides_the_secret_ones(own_home: Home):
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "reddit"]
    assert form.hook_name == "Reddit (Community Pulse)"
    fields = {name: field["schema"] for name, field in form.extra_fields.items()}
    assert set(fields) == {"user_agent", "username", "password", "refresh_token"}
    assert {name for name, schema in fields.items() if schema.get("format") == "password"} == {
        "password", "refresh_token",
    }  # fmt: skip
    assert form.standard_fields.password.title == "Client secret"
    assert form.standard_fields.port.hidden


def test_provider__airflow_takes_its_description_and_its_class(own_home: Home):
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    from pulse.orchestration.hooks import RedditHook
    from pulse.orchestration.provider import get_provider_info

    known = ProvidersManager().providers["community-pulse"].data
    assert known["connection-types"] == get_provider_info()["connection-types"]
    hook = ProvidersManagerTaskRuntime().hooks["reddit"]
    assert hook is not None
    assert hook.hook_class_name == f"{RedditHook.__module__}.RedditHook"
    assert hook.connection_id_attribute_name == "reddit_conn_id"


def test_provider__its_class_gives_the_credentials(own_home: Home, monkeypatch: pytest.MonkeyPatch):
    from pulse.orchestration.hooks import RedditHook

    stored = connection(login="abc123", password=SECRET, host="http://127.0.0.1:8099", extra=EXTRA)
    monkeypatch.setattr(RedditHook, "get_connection", lambda *_: stored)
    assert RedditHook().get_conn() == STORED
    assert RedditHook.default_conn_name == "reddit_default"
