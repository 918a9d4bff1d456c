"""The key of a lake on S3 through Airflow for real: the form, the stored connection, and what logs show of it."""

import json
import os
from pathlib import Path

import pytest

from pulse.core import errors
from pulse.core.home import Home
from pulse.lake.credentials import LakeCredentials
from pulse.orchestration import embedded

pytestmark = pytest.mark.integration

SECRET, TOKEN = "s3cr3t/+of-the-bucket", "t0ken/of-a-session"
STORED = LakeCredentials("AKIA1", SECRET, TOKEN, "eu-north-1", "http://127.0.0.1:8333")


@pytest.fixture
def airflow(airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home over the one Airflow that a process can have, in an environment without keys."""
    home = Home(tmp_path / "home")
    home.__dict__["airflow"] = Home(airflow_home).airflow
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    embedded.prepare(home.create())
    return home


def test_form__shows_the_fields_and_hides_the_secret_ones(airflow: Home):
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "lake"]
    assert form.hook_name == "S3 (Community Pulse)"
    hidden = {name for name, one in form.extra_fields.items() if one["schema"].get("format") == "password"}
    assert (set(form.extra_fields), hidden) == ({"session_token", "region"}, {"session_token"})
    assert form.standard_fields.password.title == "Secret access key"
    assert form.standard_fields.host.title == "Endpoint"


def test_stored__is_found_by_doctor(airflow: Home):
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    from pulse.cli.doctor import _stored_in_airflow

    assert _stored_in_airflow(LakeCredentials, airflow) is None
    extra = json.dumps({"session_token": TOKEN, "region": "eu-north-1"})
    fields = {"login": "AKIA1", "password": SECRET, "host": "http://127.0.0.1:8333/", "extra": extra}
    with create_session() as session:
        session.add(Connection(conn_id="lake_default", conn_type="lake", **fields))
    try:
        assert _stored_in_airflow(LakeCredentials, airflow) == STORED
    finally:
        with create_session() as session:
            session.query(Connection).filter(Connection.conn_id == "lake_default").delete()


def test_task__is_given_the_key_of_the_connection_and_logs_show_no_secret(
    airflow: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    from airflow.sdk._shared.secrets_masker import redact

    from pulse.orchestration.connections import credentials_of_task
    from pulse.orchestration.hooks import LakeHook

    with pytest.raises(errors.ConfigError, match="Airflow connection lake_default, or set AWS_ACCESS_KEY_ID and"):
        credentials_of_task(LakeCredentials)
    stored = {
        "conn_type": "lake", "login": "AKIA1", "password": SECRET, "host": "http://127.0.0.1:8333/",
        "extra": {"session_token": TOKEN, "region": "eu-north-1"},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_LAKE_DEFAULT", json.dumps(stored))
    assert LakeHook().get_conn() == STORED
    caplog.set_level("INFO")
    assert credentials_of_task(LakeCredentials) == STORED
    assert "S3 credentials: from connection lake_default, a key that ends" in caplog.text
    assert redact(f"as {SECRET} and {TOKEN}") == "as *** and ***"
    assert not any(secret in repr(STORED) + caplog.text for secret in (SECRET, TOKEN))


def test_environment__wins_and_nothing_is_mixed(airflow: Home, monkeypatch: pytest.MonkeyPatch):
    from pulse.orchestration.connections import credentials_of_task

    monkeypatch.setenv("AIRFLOW_CONN_LAKE_DEFAULT", json.dumps({"conn_type": "lake", "login": "AKIA1"}))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nearer")
    with pytest.raises(errors.ConfigError, match="S3 secret access key: not given"):
        credentials_of_task(LakeCredentials)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert credentials_of_task(LakeCredentials) == LakeCredentials("nearer", SECRET)


@pytest.mark.parametrize("url", ["s3.example.org", "https://key:wrong@s3.example.org", "https://s3.example.org/path"])
def test_endpoint__that_is_more_or_less_than_a_server_is_refused_and_not_shown(url: str):
    with pytest.raises(errors.ConfigError, match="S3 endpoint: is no address") as refused:
        LakeCredentials("AKIA1", SECRET, endpoint_url=url)
    assert "example" not in str(refused.value).split("limit")[0]
