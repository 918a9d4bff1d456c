"""The page without Airflow: who may read it, that nothing can be released, and a process that serves it."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

import page_samples as samples
from page_samples import STOPPED_LOAD
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.page import serving
from pulse.page.serving import PROOF_HEADER, PROOF_VARIABLE, Proxy

PROOF = "nobody knows but the proxy, " * 2
LOGIN = "X-Forwarded-User"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return samples.published_home(tmp_path_factory.mktemp("serving") / "home")


@pytest.fixture
def here(published: Home) -> TestClient:
    return TestClient(serving.app_for(published, None), base_url="http://127.0.0.1:8090")


@pytest.fixture
def behind(published: Home) -> TestClient:
    return TestClient(serving.app_for(published, Proxy(LOGIN, PROOF)), base_url="https://pulse.example")


def test_somebody_on_this_machine__reads_every_view(here: TestClient):
    for view in ("/", "/loads", "/communities", "/months", "/brands", "/query"):
        assert here.get(view).status_code == 200


def test_name_of_another_site_that_leads_here__is_refused(published: Home):
    client = TestClient(serving.app_for(published, None), base_url="http://rebound.example:8090")
    assert client.get("/").status_code == 400


def test_nothing__can_be_released_and_no_original_line_is_shown(here: TestClient):
    page = here.get(f"/load?id={STOPPED_LOAD}").text
    token = re.search(r'name="csrf" value="([^"]+)"', here.get("/query").text)
    assert token is not None
    answer = here.post("/release", data={"csrf": token[1], "load": STOPPED_LOAD, "reason": "because"})
    assert answer.status_code in {403, 404, 405}
    lines = here.get(f"/lines?load={STOPPED_LOAD}")
    assert samples.SOMEBODY not in page + lines.text
    assert "alert(9)" not in page + lines.text


def test_every_route_behind_a_proxy__asks_for_its_secret_and_a_name(behind: TestClient):
    routes = [route for route in behind.app.routes if isinstance(route, APIRoute)]  # type: ignore[attr-defined]
    assert len(routes) > 10
    for headers in ({}, {LOGIN: "ada"}, {LOGIN: "ada", PROOF_HEADER: "guess"}, {PROOF_HEADER: PROOF}):
        for route in routes:
            path = re.sub(r"\{[^}]*\}", "x", route.path)
            method = "POST" if "POST" in route.methods else "GET"
            assert behind.request(method, path, headers=headers).status_code == 401, (path, headers)


def test_whom_the_proxy_names__reads_and_asks(behind: TestClient):
    headers = {LOGIN: "ada", PROOF_HEADER: PROOF}
    page = behind.get("/query", headers=headers)
    assert page.status_code == 200
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token is not None
    asked = {"csrf": token[1], "sql": "select 40 + 2 as answer", "format": "table"}
    assert "42" in behind.post("/query", data=asked, headers=headers).text
    others = {LOGIN: "grace", PROOF_HEADER: PROOF}
    assert behind.post("/query", data=asked, headers=others).status_code == 403


@pytest.mark.parametrize(("header", "secret"), [(LOGIN, ""), (LOGIN, "short"), ("no header", PROOF)])
def test_proxy_without_a_secret_or_a_header__is_refused_before_anything_is_served(
    header: str, secret: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(PROOF_VARIABLE, secret)
    with pytest.raises(ConfigError) as refused:
        Proxy.from_environment(header)
    assert not secret or secret not in str(refused.value)


def test_command__serves_until_it_is_told_to_stop(published: Home):
    command = [sys.executable, "-m", "pulse.cli", "serve", "--port", "0"]
    environment = {"PULSE_HOME": str(published.root), "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        try:
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address) as answer:
                assert answer.status == 200
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode in {0, 130}


def test_port_that_is_taken__is_said(published: Home):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="a free port"):
        serving.serve(published, port=taken.getsockname()[1], proxy=None, say=lambda _: None)
