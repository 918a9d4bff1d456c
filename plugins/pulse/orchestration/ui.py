"""Airflow's own UI over this home: its four processes as our children, bound to 127.0.0.1, stopped with us.

``airflow standalone`` would leave its children behind when it is ended, so they are started and stopped here, by pid.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulse.errors import PulseError, StorageError
from pulse.files import write_bytes
from pulse.home import Home
from pulse.orchestration import environment

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
_USER = "admin"
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
    port = port or _free_port()
    _require_free(port)
    variables = _variables(home, port)
    logs = home.airflow / "logs" / "ui"
    logs.mkdir(parents=True, exist_ok=True)
    say("preparing Airflow's database …")
    _migrate(variables, logs)
    password = _password(home)
    with _stop_on_signals(), _children(variables, logs) as children:
        say(f"starting {', '.join(COMPONENTS)}; the first start takes a minute …")
        _wait_until_healthy(port, children, logs)
        say(f"Airflow is at http://127.0.0.1:{port}  user {_USER}  password {password}")
        say("DAGs are paused: switch one on to have it scheduled. Ctrl-C stops everything.")
        _watch(children, logs)


def _variables(home: Home, port: int) -> dict[str, str]:
    """The environment of the children. Log servers get free ports, so that two homes can be served at once."""
    secret = _secret(home)
    return {
        **os.environ,
        **environment.variables(home, port=port),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_file(home)),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret,
        "AIRFLOW__API__SECRET_KEY": secret,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
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


def _migrate(variables: dict[str, str], logs: Path) -> None:
    with (logs / "migrate.log").open("wb") as log:
        done = subprocess.run(_command("db", "migrate"), env=variables, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise UiFailed(
            "airflow db migrate", value=f"exit status {done.returncode}", next_step=f"read {logs / 'migrate.log'}"
        )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


@contextmanager
def _children(variables: dict[str, str], logs: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Start the processes, each leading a group of its own; stop every group at the end, whatever happens."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for component in COMPONENTS:
            with (logs / f"{component}.log").open("wb") as log:
                children[component] = subprocess.Popen(
                    _command(component), env=variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StorageError(
                f"port {port}", value=error.strerror, next_step="choose another: `pulse ui --port 8081`, or 0 for any"
            ) from error
