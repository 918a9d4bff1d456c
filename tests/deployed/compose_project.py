"""docker-compose.yml brought up for real, under a project name of its own, from a copy of what the image needs.

Images come from where they can be had: those that ``BASE_IMAGE``, ``POSTGRES_IMAGE`` and ``REDIS_IMAGE`` name, or else
from Debian's packages (``debootstrap``, as root), without any registry of images. A Docker daemon that answers is used;
where none does, root starts one with all its data in the project's folder, and it ends with the project.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deployed.api import Api, until
from deployed.compose_file import secrets_as_made
from deployed.ports import free_ports
from pulse.core.home import REPOSITORY

AIRFLOW_SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "warehouse")
SERVICES = ("postgres", "redis", *AIRFLOW_SERVICES)
_COPIED = (
    ".dockerignore", ".env.example", "Dockerfile", "LICENSE", "README.md", "config", "dags", "dbt_project",
    "docker-compose.yml", "plugins", "pyproject.toml", "requirements",
)  # fmt: skip
_BASE, _DATABASES, _IMAGE = "community-pulse-test-base", "community-pulse-test-databases", "community-pulse-test"
# The made-up world ends long ago: no run but those that are triggered.
_OVERRIDE = """
services:
  scheduler:
    environment:
      AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE: "False"
"""
_HEALTHY_WITHIN_S = 400.0


@dataclass
class Project:
    """The services of one compose project.

    Attributes:
        folder: the copy that compose works in; its `config` and `archives` are what the workers read.
    """

    folder: Path
    name: str
    port: int
    environment: dict[str, str]
    variables: dict[str, str]

    @property
    def api(self) -> Api:
        """Airflow's API, not yet logged in."""
        return Api(self.port, self.variables["AIRFLOW_ADMIN_PASSWORD"])

    def compose(self, *arguments: str, given: bytes | None = None) -> bytes:
        """What a command of compose printed.

        Args:
            given: standard input.
        """
        command = [*_compose_program(), "--project-name", self.name, "--file", "docker-compose.yml",
                   "--file", "override.yml", *arguments]  # fmt: skip
        return _run(command, cwd=self.folder, env=self.environment, given=given)

    def up(self, *services: str) -> None:
        """Start these services, by default all, and wait until they are healthy."""
        self.compose("up", "--detach", *services)
        for service in services or SERVICES:
            until(partial(self._is_healthy, service), within_s=_HEALTHY_WITHIN_S, what=f"{service} to be healthy")

    def kill(self, service: str) -> None:
        """End a container's first process as a crash would, so that Docker starts the container again."""
        os.kill(int(self._inspect(service)["State"]["Pid"]), signal.SIGKILL)

    def restarts(self, service: str) -> int:
        """How often Docker started the container again."""
        return int(self._inspect(service)["RestartCount"])

    def hostname(self, service: str) -> str:
        """What the container calls itself; Airflow notes it for each task."""
        return str(self._inspect(service)["Config"]["Hostname"])

    def memory(self) -> dict[str, str]:
        """Memory in use now, by service."""
        listed = _run(["docker", "stats", "--no-stream", "--format", "{{json .}}"], env=self.environment)
        by_name = {line["Name"]: line["MemUsage"].split(" / ")[0] for line in map(json.loads, listed.splitlines())}
        return {service: by_name[self._inspect(service)["Name"].lstrip("/")] for service in SERVICES}

    def down(self) -> None:
        """Stop and remove everything, with its volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def _is_healthy(self, service: str) -> bool | None:
        return self._inspect(service)["State"]["Health"]["Status"] == "healthy" or None

    def _inspect(self, service: str) -> dict[str, Any]:
        (container,) = self.compose("ps", "--quiet", service).decode().split()
        found: list[dict[str, Any]] = json.loads(_run(["docker", "inspect", container], env=self.environment))
        return found[0]


@contextmanager
def project(root: Path) -> Iterator[Project]:
    """A project whose image is built and that runs nothing yet; all of it is taken down at the end.

    Args:
        root: an empty folder.
    """
    with ExitStack() as at_end:
        environment = dict(os.environ) | {"DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")}
        environment |= at_end.enter_context(_daemon(root))
        images = _images(root, environment)
        folder = root / "checkout"
        _copy_checkout(folder)
        (port,) = free_ports(1)
        variables = secrets_as_made() | images | {
            "PULSE_IMAGE": _IMAGE,
            "PULSE_PORT": str(port),
            "PULSE_BASE_URL": f"http://127.0.0.1:{port}",
            "PULSE_ARCHIVES": "./archives",
            "PULSE_RETRY_DELAY_S": "1",
            "TASK_HEARTBEAT_TIMEOUT_S": "20",
        }  # fmt: skip
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        (folder / "override.yml").write_text(_OVERRIDE)
        (folder / "archives").mkdir()
        _build(folder, environment, base=images["BASE_IMAGE"])
        made = Project(folder, f"pulse-test-{os.getpid()}", port, environment, variables)
        at_end.callback(made.down)
        yield made


def _copy_checkout(folder: Path) -> None:
    """What the image is built from, and the files that compose reads."""
    folder.mkdir()
    for name in _COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
        else:
            shutil.copy2(source, folder / name)


def _build(folder: Path, environment: dict[str, str], *, base: str) -> None:
    """Build as compose would, but on this machine's network, and trusting what this machine's pip trusts."""
    trusted = os.environ.get("PIP_CERT")
    if trusted:
        (folder / "certificates").mkdir()
        shutil.copy2(trusted, folder / "certificates" / "of-this-machine.crt")
    options = ["--network", "host", "--build-arg", f"BASE_IMAGE={base}"]
    options += ["--build-arg", f"PIP_OPTIONS={os.environ.get('PIP_OPTIONS', '')}", "--tag", _IMAGE]
    _run(["docker", "build", *options, "."], cwd=folder, env=environment)


# ---- where images come from --------------------------------------------------


def _images(root: Path, environment: dict[str, str]) -> dict[str, str]:
    """Names of the base and of the databases' images; made from Debian's packages unless they are given."""
    names = ("BASE_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE")
    if all(os.environ.get(name) for name in names):
        return {name: os.environ[name] for name in names}
    if not _has_image(_BASE, environment):
        _import_base(root / "rootfs", environment)
    arguments = ["--build-arg", f"BASE_IMAGE={_BASE}", "--tag", _DATABASES, str(Path(__file__).parent / "debian")]
    _run(["docker", "build", *arguments], env=environment)
    return {"BASE_IMAGE": _BASE, "POSTGRES_IMAGE": _DATABASES, "REDIS_IMAGE": _DATABASES}


def _has_image(name: str, environment: dict[str, str]) -> bool:
    return bool(_run(["docker", "images", "--quiet", name], env=environment).strip())


def _import_base(rootfs: Path, environment: dict[str, str]) -> None:
    packages = "ca-certificates,python3,python3-venv,postgresql,redis-server"
    _run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(rootfs)], env=environment)
    try:
        with subprocess.Popen(["tar", "--directory", rootfs, "--create", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run(
                ["docker", "import", "-", _BASE], env=environment, stdin=packed.stdout, check=True, capture_output=True
            )
    finally:
        shutil.rmtree(rootfs)


# ---- programs ----------------------------------------------------------------


@contextmanager
def _daemon(root: Path) -> Iterator[dict[str, str]]:
    """The environment that leads to a Docker daemon."""
    if _answers(dict(os.environ)):
        yield {}
        return
    assert os.geteuid() == 0, "no Docker daemon answers, and only root can start one"
    assert shutil.which("dockerd"), "no Docker daemon answers, and there is none: `make system-packages-docker`"
    folder = root / "docker"
    folder.mkdir()
    there = {"DOCKER_HOST": f"unix://{folder}/docker.sock"}
    folders = {"data-root": folder / "data", "exec-root": folder / "exec", "pidfile": folder / "pid"}
    command = ["dockerd", "--host", there["DOCKER_HOST"], *(f"--{name}={path}" for name, path in folders.items())]
    with (root / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: _answers(os.environ | there) or None, within_s=60, what="the Docker daemon to answer")
        yield there
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
        _unmount_below(folder)


def _unmount_below(folder: Path) -> None:
    """Let go of what the daemon mounted and left: the network namespaces of its containers keep a folder busy."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    # Blanks in names are written as octal numbers; a temporary folder has none.
    mounted = [Path(line.split()[4]) for line in lines]
    for path in sorted((path for path in mounted if path.is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", str(path)], check=False, capture_output=True)


def _answers(environment: dict[str, str]) -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], env=environment, check=False, capture_output=True).returncode == 0


def _compose_program() -> list[str]:
    """Compose v2 where it is, else v1; or what ``COMPOSE`` says."""
    if os.environ.get("COMPOSE"):
        return shlex.split(os.environ["COMPOSE"])
    has_v2 = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
    return ["docker", "compose"] if has_v2 else ["docker-compose"]


def _run(command: list[str], *, env: dict[str, str], cwd: Path | None = None, given: bytes | None = None) -> bytes:
    stdin: dict[str, Any] = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, **stdin)
    said = f"{done.stdout[-2000:].decode(errors='replace')}\n{done.stderr[-4000:].decode(errors='replace')}"
    assert done.returncode == 0, f"{shlex.join(command)}: {said}"
    return done.stdout
