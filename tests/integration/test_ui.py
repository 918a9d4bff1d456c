"""Airflow as `pulse ui` starts it: on 127.0.0.1 behind a login, and gone with all its processes when told to."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def ask(url: str, *, token: str | None = None, content: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(url, data=json.dumps(content).encode() if content else None)
    request.add_header("Content-Type", "application/json")
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


def test_ui__serves_behind_a_login_and_leaves_nothing_behind(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {"PULSE_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
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
        processes = descendants(server.pid)
        assert len(processes) >= 4
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
