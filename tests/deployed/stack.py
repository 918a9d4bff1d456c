"""The services of docker-compose.yml as plain processes of this machine: PostgreSQL, Redis, Airflow, two workers.

Commands and environment are those of the compose file; only names of hosts, ports and folders differ. Each service
leads a session of its own, so that it can be killed or stopped with all that it started, and nothing else. Ports are
free ones of 127.0.0.1, all files are under one folder, and PostgreSQL, which refuses root, runs as its own account.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from deployed import compose_file
from deployed.api import STARTED_WITHIN_S, Api, until
from deployed.ports import free_ports
from pulse.core.files import write_bytes
from pulse.core.home import REPOSITORY, Home

# The environment of requirements/deploy.txt, made by `make test-celery`.
BIN = Path(os.environ.get("PULSE_DEPLOYED_BIN", REPOSITORY / ".venv" / "deployed" / "bin")).absolute()
AIRFLOW = ("api-server", "scheduler", "dag-processor")
WORKERS = ("worker", "warehouse")
_POLL_S = 0.25
_STOP_WITHIN_S = 10.0


@dataclass
class Stack:
    """Everything that runs.

    Attributes:
        root: folder of all files; logs of services are ``<service>.log``.
        home: the ``PULSE_HOME`` that all workers share.
    """

    root: Path
    home: Home
    variables: dict[str, str]
    ports: dict[str, int]
    environment: dict[str, str]
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @cached_property
    def api(self) -> Api:
        """Airflow's API."""
        return Api(self.ports["api-server"], self.variables["AIRFLOW_ADMIN_PASSWORD"], self.require_alive)

    # ---- processes ---------------------------------------------------------

    def start(self, service: str) -> None:
        """Start one of Airflow's services; what it prints is added to its log."""
        self._spawn(service, self._command(service), self._environment(service))

    def kill(self, service: str) -> None:
        """As ``kill -9`` on all processes of a service, and gone they are."""
        process = self.running.pop(service)
        _signal_session(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End every service, in order; what has not ended in time is killed."""
        order = [name for name in (*WORKERS, *AIRFLOW, "redis", "postgres") if name in self.running]
        for name in order:
            # A terminal's interrupt: PostgreSQL waits for its clients when it is told to terminate.
            self.running[name].send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            if name in {*WORKERS, *AIRFLOW}:
                continue
            _wait(self.running[name])
        for name in order:
            _wait(self.running[name])
            self.kill(name)

    def log(self, service: str) -> str:
        """What a service printed, over all its lives."""
        return (self.root / f"{service}.log").read_text(encoding="utf-8", errors="replace")

    def _command(self, service: str) -> list[str]:
        return compose_file.services(self.variables)[service].command

    def _environment(self, service: str) -> dict[str, str]:
        given = compose_file.services(self.variables)[service].environment
        return self.environment | {name: self._here(value) for name, value in given.items()} | self._own_ports()

    def _here(self, value: str) -> str:
        """A value of the compose file, with this machine's addresses and folders."""
        for there, here in (
            ("@postgres:5432/", f"@127.0.0.1:{self.ports['postgres']}/"),
            ("@redis:6379/", f"@127.0.0.1:{self.ports['redis']}/"),
            ("http://api-server:8080/", f"http://127.0.0.1:{self.ports['api-server']}/"),
            ("/var/lib/pulse/", f"{self.home.root}/"),
        ):
            value = value.replace(there, here)
        return value

    def _own_ports(self) -> dict[str, str]:
        """Containers have ports of their own; processes of one machine must not meet."""
        return {
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler"]),
        }

    def _spawn(self, service: str, command: list[str], environment: Mapping[str, str], **options: Any) -> None:
        with (self.root / f"{service}.log").open("ab") as log:
            self.running[service] = subprocess.Popen(
                command, env=dict(environment), stdout=log, stderr=log, start_new_session=True,
                cwd=self.root, **({"stdin": subprocess.DEVNULL} | options),
            )  # fmt: skip

    # ---- databases ---------------------------------------------------------

    def start_postgres(self) -> None:
        """A cluster of its own under the folder; durability is not what is tested."""
        folder = self.root / "postgres"
        folder.mkdir()
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")
        programs = postgres_programs()
        password = self.root / "postgres.password"
        write_bytes(password, self.variables["POSTGRES_PASSWORD"].encode(), mode=0o600)
        if account:
            shutil.chown(password, "postgres", "postgres")
        subprocess.run(
            [programs / "initdb", "--pgdata", folder / "data", "--username", "airflow", "--pwfile", password,
             "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"],
            check=True, capture_output=True, cwd=folder, **account,
        )  # fmt: skip
        settings = {"listen_addresses": "127.0.0.1", "port": self.ports["postgres"], "fsync": "off",
                    "unix_socket_directories": folder}  # fmt: skip
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._spawn(
            "postgres", [str(programs / "postgres"), "-D", str(folder / "data"), *options], os.environ, **account
        )
        self._wait_for_port("postgres")
        self._psql("postgres", "create database airflow")

    def start_redis(self) -> None:
        """Settings by standard input: a password on the command line could be seen by everybody."""
        folder = self.root / "redis"
        folder.mkdir()
        settings = (
            f"bind 127.0.0.1\nport {self.ports['redis']}\ndir {folder}\nappendonly yes\n"
            f"requirepass {self.variables['REDIS_PASSWORD']}\n"
        )
        self._spawn("redis", ["redis-server", "-"], os.environ, stdin=subprocess.PIPE)
        pipe = self.running["redis"].stdin
        assert pipe is not None
        pipe.write(settings.encode())
        pipe.close()
        self._wait_for_port("redis")

    def _psql(self, database: str, sql: str) -> str:
        connection = {"PGHOST": "127.0.0.1", "PGPORT": str(self.ports["postgres"]), "PGUSER": "airflow",
                      "PGPASSWORD": self.variables["POSTGRES_PASSWORD"], "PGDATABASE": database}  # fmt: skip
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql]
        return subprocess.run(
            command, env=os.environ | connection, check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def executor_ids(self) -> dict[str, tuple[str, str]]:
        """Task and queue of all tries so far, by the id under which Celery handed them out."""
        rows: list[dict[str, str]] = json.loads(
            self._psql(
                "airflow",
                "select coalesce(json_agg(found), '[]') from (select task_id, queue, external_executor_id from "
                "task_instance union all select task_id, queue, external_executor_id from task_instance_history) "
                "as found where external_executor_id is not null",
            )
        )
        return {row["external_executor_id"]: (row["task_id"], row["queue"]) for row in rows}

    # ---- waiting -----------------------------------------------------------

    def _wait_for_port(self, service: str) -> None:
        def is_open() -> bool | None:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.ports[service])) == 0 or None

        self._until(is_open, f"{service} to listen")
        if service == "postgres":
            # It listens before it takes connections.
            self._until(self._takes_connections, "PostgreSQL to be ready")

    def _takes_connections(self) -> bool | None:
        try:
            return bool(self._psql("postgres", "select 1"))
        except subprocess.CalledProcessError:
            return None

    def _until(self, look: Callable[[], bool | None], what: str) -> None:
        until(look, within_s=STARTED_WITHIN_S, what=what, while_waiting=self.require_alive)

    def require_alive(self) -> None:
        """Insist that no service has ended by itself."""
        for name, process in self.running.items():
            assert not _has_ended(process), f"{name} ended by itself: {self.log(name)[-3000:]}"


@contextmanager
def stack(root: Path, *, config: Path, author_key: str) -> Iterator[Stack]:
    """All services but the two workers, with an empty home; everything is stopped at the end, whatever happens.

    Args:
        root: an empty folder that other accounts of the machine may pass through.
        config: the communities.
    """
    made = _stack(root, config, author_key)
    try:
        made.start_postgres()
        made.start_redis()
        _initialise(made)
        for service in AIRFLOW:
            made.start(service)
        yield made
    finally:
        made.stop()


def _stack(root: Path, config: Path, author_key: str) -> Stack:
    (root / "airflow").mkdir()
    (root / "airflow" / "airflow.cfg").touch()
    home = Home(root / "home").create()
    ports = dict(zip(("postgres", "redis", "api-server", "scheduler"), free_ports(4), strict=True))
    variables = compose_file.secrets_as_made() | {
        "TASK_HEARTBEAT_TIMEOUT_S": "10",
        "PULSE_RETRY_DELAY_S": "1",
        "PULSE_BASE_URL": f"http://127.0.0.1:{ports['api-server']}",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PULSE_", "PYTEST"))}
    environment = kept | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUTF8": "1",
        "PULSE_HOME": str(home.root),
        "PULSE_CONFIG": str(config),
        "PULSE_AUTHOR_KEY": author_key,
        "AIRFLOW_HOME": str(root / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # No run but those that are triggered: the made-up world knows nothing of yesterday.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    }
    return Stack(root, home, variables, ports, environment)


def _initialise(made: Stack) -> None:
    """What the service `init` does."""
    command = made._command("init")
    with (made.root / "init.log").open("wb") as log:
        done = subprocess.run(command, env=made._environment("init"), stdout=log, stderr=log, check=False, timeout=300)
    assert done.returncode == 0, made.log("init")[-3000:]


def postgres_programs() -> Path:
    """The newest of Debian's versions that is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    assert folders, "no PostgreSQL in /usr/lib/postgresql: `make system-packages` installs it"
    return folders[-1]


def _wait(process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _STOP_WITHIN_S
    while time.monotonic() < deadline and not _has_ended(process):
        time.sleep(_POLL_S)


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Without reaping it: its number must stay its own until all of its session is gone."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_session(leader: int, number: signal.Signals) -> None:
    """Signal all processes of a session: Airflow gives each task a process group of its own within it."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            session = int((folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[3])
            if session == leader:
                os.kill(int(folder.name), number)
        except (FileNotFoundError, ProcessLookupError):
            continue
