"""Airflow's own UI over this home: its four processes as our children, bound to 127.0.0.1, stopped with us.

``airflow standalone`` would leave its children behind when it is ended, so they are started and stopped here, by pid.
The API server is the only one that listens. Airflow's log servers would listen on every address; logs lie on this disk.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from pulse.config.settings import load_settings
from pulse.core.clock import utc_now
from pulse.core.credentials import Credentials
from pulse.core.errors import PulseError, StorageError
from pulse.core.files import read_json, write_bytes
from pulse.core.home import Home
from pulse.orchestration import environment, ui_notice
from pulse.sources.registry import SOURCES

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
_USER = "admin"
_NOBODYS_PORT = "1"
_HEALTHY_WITHIN_S = 240.0
_STOP_WITHIN_S = 20.0
_POLL_S = 0.5


class UiFailed(PulseError):
    """A process of Airflow ended, or did not become healthy in time. Its log says why."""


def serve(home: Home, *, port: int, say: Callable[[str], None]) -> None:
    """Run Airflow until this process is told to stop (Ctrl-C or SIGTERM); then stop what was started.

    Args:
        port: of the UI; 0 chooses a free one.
        say: called with lines for the person who waits.

    Raises:
        UiFailed: a process ended by itself, or nothing was healthy within four minutes.
    """
    logs = home.airflow / "logs" / "ui"
    logs.mkdir(parents=True, exist_ok=True)
    with _stop_on_signals(), _reserved(port) as own_port:
        variables = _variables(home, own_port)
        say("preparing Airflow's database …")
        found = _prepare_database(home, variables, logs)
        for line in _notice(home, found):
            say(line)
        password = _password(home)
        with _children(variables, logs) as children:
            say(f"starting {', '.join(COMPONENTS)}; the first start takes a minute …")
            _wait_until_healthy(own_port, children, logs)
            say(f"Airflow is at http://127.0.0.1:{own_port}  user {_USER}  password {password}")
            is_on = ", ".join(found["switched_on"]) or "none"
            say(f"DAGs that are switched on: {is_on}. The others wait for you. Ctrl-C stops everything.")
            _watch(children, logs)


def _notice(home: Home, found: Mapping[str, Any]) -> list[str]:
    try:
        communities = load_settings(home=home).communities
    except PulseError as error:
        return [f"the configuration cannot be used, and every run would fail: {error}"]
    is_switched_on = ui_notice.DAILY in found["switched_on"]
    yesterday = utc_now().date() - timedelta(days=1)
    used = {entry.source for entry in communities}
    credentials = {
        source.name: _credentials(source.credentials, found)
        for source in SOURCES.values()
        if source.name in used and source.credentials is not None
    }
    return ui_notice.lines(communities, credentials, day=yesterday, is_switched_on=is_switched_on)


def _credentials(kind: type[Credentials], found: Mapping[str, Any]) -> ui_notice.Credentials:
    """What tasks will find, in the order in which they look: the environment, then the connection."""
    try:
        given = kind.from_environment()
    except PulseError as error:
        return ui_notice.Credentials("the environment", fault=str(error))
    if given is not None:
        return ui_notice.Credentials(f"the environment ({given.grant})", given.asked_url)
    place, stored = f"Airflow's connection {kind.connection_id()}", found["connections"].get(kind.section)
    if stored is None:
        return ui_notice.Credentials(None)
    if "error" in stored:
        return ui_notice.Credentials(place, fault=stored["error"])
    return ui_notice.Credentials(f"{place} ({stored['grant']})", stored["url"])


def _variables(home: Home, port: int) -> dict[str, str]:
    """The environment of the children."""
    secret = _secret(home)
    return {
        **os.environ,
        **environment.variables(home, port=port),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_file(home)),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret,
        "AIRFLOW__API__SECRET_KEY": secret,
        # While a task runs, Airflow asks its log server too, with a token. There is none, and at this port nobody but
        # root could put one.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": _NOBODYS_PORT,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": _NOBODYS_PORT,
        # Children must not be slowed by what speeds up nothing here.
        "PYTHONDONTWRITEBYTECODE": "",
    }


def _passwords_file(home: Home) -> Path:
    return home.airflow / "ui_passwords.json"


def _password(home: Home) -> str:
    """The admin's password, made on the first start; readable by the owner only."""
    file = _passwords_file(home)
    if not file.exists():
        content = json.dumps({_USER: secrets.token_urlsafe(12)}).encode()
        write_bytes(file, content, mode=0o600)
    return str(json.loads(file.read_bytes())[_USER])


def _secret(home: Home) -> str:
    file = home.airflow / "ui_secret"
    if not file.exists():
        write_bytes(file, secrets.token_hex(32).encode(), mode=0o600)
    return file.read_text(encoding="ascii")


def _prepare_database(home: Home, variables: dict[str, str], logs: Path) -> dict[str, Any]:
    """Bring it up to date; returns what :mod:`pulse.orchestration.ui_database` found there.

    After a demo the daily DAG is switched off: its config asks Reddit for communities that exist in the sandbox alone.
    """
    to_pause = [ui_notice.DAILY] if (home.root / "demo").is_dir() else []
    answer = logs / "database.json"
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pulse.orchestration.ui_database", str(answer), *to_pause]
    with (logs / "migrate.log").open("wb") as log:
        done = subprocess.run(command, env=variables, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise UiFailed(
            "Airflow's database", value=f"exit status {done.returncode}", next_step=f"read {logs / 'migrate.log'}"
        )
    return dict(read_json(answer))


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


@contextmanager
def _children(variables: dict[str, str], logs: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Start the processes, each leading a group of its own; stop every group at the end, whatever happens."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for component, options in COMPONENTS.items():
            with (logs / f"{component}.log").open("wb") as log:
                children[component] = subprocess.Popen(
                    _command(component, *options), env=variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
        yield children
    finally:
        _stop(children)


def _stop(children: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for child in children.values():
        _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_WITHIN_S
    for child in children.values():
        try:
            child.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            continue
    for child in children.values():
        # Also where the leader is gone: workers of its group may not be.
        _signal_group(child, signal.SIGKILL)
        child.wait()


def _signal_group(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


def _wait_until_healthy(port: int, children: dict[str, "subprocess.Popen[bytes]"], logs: Path) -> None:
    deadline = time.monotonic() + _HEALTHY_WITHIN_S
    while time.monotonic() < deadline:
        _require_alive(children, logs)
        if _is_healthy(port):
            return
        time.sleep(_POLL_S)
    raise UiFailed(
        "Airflow", value="not healthy", limit=f"within {_HEALTHY_WITHIN_S:g} s", next_step=f"read the logs in {logs}"
    )


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return False
    return all(health.get(part, {}).get("status") == "healthy" for part in ("metadatabase", "scheduler"))


def _watch(children: dict[str, "subprocess.Popen[bytes]"], logs: Path) -> None:
    while True:
        _require_alive(children, logs)
        time.sleep(_POLL_S)


def _require_alive(children: dict[str, "subprocess.Popen[bytes]"], logs: Path) -> None:
    for component, child in children.items():
        if child.poll() is not None:
            raise UiFailed(
                f"airflow {component}",
                value=f"ended with status {child.returncode}",
                next_step=f"read {logs / f'{component}.log'}",
            )


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Turn SIGTERM into the same orderly end as Ctrl-C."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _reserved(port: int) -> Iterator[int]:
    """Keep a port for the API server until it is there: another `pulse ui` that looks for a free one takes another.

    Args:
        port: 0 chooses a free one.

    Raises:
        StorageError: somebody listens there.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", port))
        except OSError as error:
            raise StorageError(
                f"port {port}", value=error.strerror, next_step="choose another: `pulse ui --port 8081`, or 0 for any"
            ) from error
        own_port = int(held.getsockname()[1])
        if sys.platform != "linux":
            held.close()  # only Linux lets the server listen where another socket is bound and does not listen
        yield own_port
