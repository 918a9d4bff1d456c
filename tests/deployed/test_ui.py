"""Airflow as `pulse ui` starts it: on 127.0.0.1 behind a login, and gone with all its processes when told to.

What a person sees there: runs by their day, a reason in the log of a red tile, and nothing that starts by itself.
"""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.deployed


def ask(url: str, *, token: str | None = None, content: dict[str, Any] | None = None, method: str | None = None) -> Any:
    request = urllib.request.Request(url, data=json.dumps(content).encode() if content else None, method=method)
    request.add_header("Content-Type", "application/json")
    request.add_header("Accept", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def descendants(pid: int) -> set[int]:
    """All processes below one, from the kernel's own list."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        children = Path(f"/proc/{todo[0]}/task/{todo.pop(0)}/children")
        if children.exists():
            below = {int(child) for child in children.read_text().split()}
            todo += below - found
            found |= below
    return found


def listening(pids: set[int]) -> list[str]:
    """Every TCP address that one of the processes listens on, from the kernel's own tables: as ``127.0.0.1:8080``."""
    sockets = set()
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(str(file.readlink()))
    found = []
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                packed = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
                found.append(f"{socket.inet_ntop(family, packed)}:{int(port, 16)}")
    return found


def test_listening__sees_every_family(tmp_path: Path):
    """The check below would pass on nothing if it could not see."""
    with socket.create_server(("0.0.0.0", 0)) as four, socket.create_server(("::1", 0), family=socket.AF_INET6) as six:  # noqa: S104
        assert set(listening({os.getpid()})) >= {f"0.0.0.0:{four.getsockname()[1]}", f"::1:{six.getsockname()[1]}"}


DAY = "2019-10-05"
RECORD = '{"id": "a%d", "subreddit": "tea", "author": "x", "title": "t", "selftext": "", "created_utc": 1570276800}\n'
CONFIG = """
communities:
  - {platform: reddit, name: tea, source: reddit_archive, path: tea.ndjson}
  - {platform: reddit, name: mate, source: reddit_api}
"""


def run_beforehand(folder: Path, environment: dict[str, str]) -> None:
    """A day in one process, as `make demo` runs it, of which one community fails: it has no credentials."""
    (folder / "tea.ndjson").write_text("".join(RECORD % number for number in range(3)))
    (folder / "config.yml").write_text(CONFIG)
    command = [sys.executable, "-m", "pulse.cli", "run", "--day", DAY]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    with sqlite3.connect(folder / "home" / "airflow" / "airflow.db") as metadata:
        metadata.execute("update dag set is_paused = 0 where dag_id = 'community_daily'")
    (folder / "home" / "demo").mkdir()


def wait_for(url: str, token: str, state: str) -> dict[str, Any]:
    """The task instance once it has that state."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = ask(url, token=token)
        if found["state"] == state:
            return dict(found)
        time.sleep(1)
    pytest.fail(f"{url} is {found['state']}")


def log_of(task: str, token: str, *, query: str = "") -> list[dict[str, Any]]:
    """A task's log as the UI shows it, without the heading that says where it lies."""
    content = ask(f"{task}/logs/1{query}", token=token)["content"]
    return [entry for entry in content if "level" in entry]


def test_ui__serves_behind_a_login_and_leaves_nothing_behind(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = {name: value for name, value in environment.items() if not name.startswith(("PULSE", "PYTEST"))}
    environment |= {"PULSE_HOME": str(tmp_path / "home"), "PULSE_CONFIG": str(tmp_path / "config.yml")}
    environment |= {"PYTHONUNBUFFERED": "1", "PULSE_RETRY_DELAY_S": "0"}
    run_beforehand(tmp_path, environment)
    server = subprocess.Popen(
        [sys.executable, "-m", "pulse.cli", "ui", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        lines = []
        for line in server.stdout:
            lines.append(line)
            if found := re.search(r"Airflow is at (http://127\.0\.0\.1:\d+)  user (\S+)  password (\S+)", line):
                break
        else:
            pytest.fail("".join(lines))
        address, user, password = found.groups()
        said = "".join(lines)
        assert "community_daily is paused" in said, "after a demo it is switched off"
        assert "WITHOUT CREDENTIALS, so these would fail: 1 entry: reddit/mate" in said
        assert "pulse sandbox serve" in said
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(f"{address}/api/v2/dags")
        assert refused.value.code == 401
        token = ask(f"{address}/auth/token", content={"username": user, "password": password})["access_token"]
        assert ask(f"{address}/api/v2/version", token=token)["version"].startswith("3.3")
        forms = ask(f"{address}/ui/connections/hook_meta", token=token)
        (form,) = [form for form in forms if form["connection_type"] == "reddit"]
        assert "user_agent" in form["extra_fields"]
        extra = json.dumps({"user_agent": "linux:pulse:0.1", "refresh_token": "1234-refresh-token"})
        connection = {"connection_id": "reddit_default", "conn_type": "reddit", "login": "abc123", "extra": extra}
        ask(f"{address}/api/v2/connections", token=token, content=connection | {"password": "s3cr3t-of-the-app"})
        shown = json.dumps(ask(f"{address}/api/v2/connections/reddit_default", token=token))
        assert "linux:pulse:0.1" in shown
        database = (tmp_path / "home" / "airflow" / "airflow.db").read_bytes()
        for secret in ("s3cr3t-of-the-app", "1234-refresh-token"):
            assert secret not in shown
            assert secret.encode() not in database, "stored as plain text"
        dags = ask(f"{address}/api/v2/dags", token=token)["dags"]
        assert {dag["dag_id"]: dag["is_paused"] for dag in dags} == {
            **dict.fromkeys(
                ("community_daily", "community_backfill", "community_listen", "kpi_monthly", "privacy_sweep"), True
            ),
            "quarantine_release": False,
        }
        check_page(address, token)
        check_run_beforehand(address, token)
        check_run_of_the_scheduler(address, token)
        processes = descendants(server.pid)
        assert len(processes) >= 4
        assert listening({server.pid, *processes}) == [address.removeprefix("http://")]
        for file in ("ui_passwords.json", "ui_secret"):
            assert (tmp_path / "home" / "airflow" / file).stat().st_mode & 0o077 == 0
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
        assert "stopped" in server.stdout.read()
        assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def check_page(address: str, token: str) -> None:
    """Our page is in the navigation, behind the same login, and shows what the run beforehand came to."""
    (plugin,) = [
        one for one in ask(f"{address}/api/v2/plugins?limit=100", token=token)["plugins"] if one["external_views"]
    ]
    assert plugin["external_views"][0]["href"] == "pulse/"
    for path in ("pulse/", "pulse/loads", "pulse/docs", "pulse/openapi.json"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            page(address, path)
        assert refused.value.code == (401 if path in {"pulse/", "pulse/loads"} else 404), path
    with pytest.raises(urllib.error.HTTPError) as hidden:
        page(address, "pulse/docs", token)
    assert hidden.value.code == 404
    assert "tea" in page(address, "pulse/", token)
    day = page(address, f"pulse/day?platform=reddit&community=mate&day={DAY}", token)
    links = re.findall(r'data-airflow href="([^"]+)"', day)
    assert [link for link in links if link.startswith("/dags/community_daily/runs/manual__2019-10-05")]


def page(address: str, path: str, token: str | None = None) -> str:
    """A page as a browser gets it in Airflow's frame: with the cookie of the login."""
    request = urllib.request.Request(f"{address}/{path}")
    if token:
        request.add_header("Cookie", f"_token={token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.read().decode())


def check_run_beforehand(address: str, token: str) -> None:
    """The run in one process names its day, and its red tile says why, in Airflow's own words for both."""
    (run,) = ask(f"{address}/api/v2/dags/community_daily/dagRuns", token=token)["dag_runs"]
    assert run["dag_run_id"].startswith(f"manual__{DAY}__")
    assert run["note"] == DAY
    (shown,) = ask(f"{address}/ui/grid/runs/community_daily", token=token)
    assert shown["has_note"]
    tasks = f"{address}/api/v2/dags/community_daily/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
    instances = ask(f"{tasks}?limit=100", token=token)["task_instances"]
    states = {(instance["task_id"], instance["map_index"]): instance["state"] for instance in instances}
    assert states["load", 1] == "failed"
    assert "skipped" not in states.values()
    (entry,) = log_of(f"{tasks}/load", token, query="?map_index=1")
    assert entry["level"] == "error"
    assert entry["event"].startswith("load of reddit/mate: ")
    assert "Next: " in entry["event"]
    assert "error_detail" not in entry


def check_run_of_the_scheduler(address: str, token: str) -> None:
    """The same for a run that somebody started in the UI, and that fails at once: its day still runs."""
    dag = f"{address}/api/v2/dags/community_backfill"
    ask(dag, token=token, content={"is_paused": False}, method="PATCH")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    content = {"logical_date": None, "conf": {"from_day": today, "to_day": today}}
    run_id = ask(f"{dag}/dagRuns", token=token, content=content)["dag_run_id"]
    task = f"{dag}/dagRuns/{quote(run_id)}/taskInstances/plan"
    wait_for(task, token, "failed")
    assert ask(f"{dag}/dagRuns/{quote(run_id)}", token=token)["note"] == today
    (error,) = [entry for entry in log_of(task, token) if entry["level"] == "error"]
    assert error["event"].startswith(f"day {today}: ")
    assert "error_detail" not in error
