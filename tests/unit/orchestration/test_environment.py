"""Whether Airflow could know a connection, without starting it."""

import os

import pytest

from pulse.cli import doctor
from pulse.core.home import Home
from pulse.orchestration import environment
from pulse.sources.reddit.credentials import RedditCredentials


@pytest.fixture(autouse=True)
def _no_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)


def test_connections__of_a_home_that_airflow_never_ran_on_are_not_looked_for(home: Home):
    assert doctor._stored_in_airflow(RedditCredentials, home) is None
    assert "AIRFLOW_HOME" not in os.environ
    assert not home.airflow.exists() or not any(home.airflow.iterdir())


@pytest.mark.parametrize("name", ["AIRFLOW_CONN_REDDIT_DEFAULT", "AIRFLOW__SECRETS__BACKEND", "AIRFLOW_CONFIG"])
def test_connections__may_be_where_the_environment_tells_airflow_something(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str
):
    assert not environment.may_hold_connections(home)
    monkeypatch.setenv(name, "something")
    assert environment.may_hold_connections(home)


def test_connections__may_be_where_airflow_ran(home: Home):
    home.airflow.mkdir(parents=True, exist_ok=True)
    (home.airflow / "airflow.db").touch()
    assert environment.may_hold_connections(home)
