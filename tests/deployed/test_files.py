"""What docker-compose.yml, .env.example and the locked requirements promise, read from the files alone."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deployed import compose_file
from pulse.core.home import REPOSITORY

DATABASES = {"postgres", "redis"}
WORKERS = {"worker", "warehouse"}
SPARK = {"spark-master", "spark-worker"}


@pytest.fixture
def secrets() -> dict[str, str]:
    return compose_file.secrets_as_made()


def test_compose__refuses_to_start_without_any_one_secret(secrets: dict[str, str]):
    assert len(secrets) == 6
    compose_file.services(secrets)
    for name in secrets:
        with pytest.raises(compose_file.NotSet, match=f"{name} is not set, run `make env`"):
            compose_file.services(secrets | {name: ""})


def test_compose__publishes_one_port_and_only_to_this_machine(secrets: dict[str, str]):
    services = compose_file.services(secrets)
    published = {name: service.facts["ports"] for name, service in services.items() if "ports" in service.facts}
    assert published == {"api-server": ["127.0.0.1:8080:8080"]}


def test_compose__workers_get_the_password_of_the_broker_and_no_other_secret(secrets: dict[str, str]):
    services = compose_file.services(secrets)
    for name in WORKERS:
        known = {secret for secret, value in secrets.items() if value in " ".join(services[name].environment.values())}
        assert known == {"REDIS_PASSWORD"}


def test_compose__what_goes_on_has_a_health_check_and_restarts(secrets: dict[str, str]):
    services = compose_file.services(secrets)
    assert len(services) == 11
    for name, service in services.items():
        assert (name == "init") is ("healthcheck" not in service.facts)
        assert service.facts["restart"] == ("no" if name == "init" else "unless-stopped")
        assert name in DATABASES or service.facts["cap_drop"] == ["ALL"]


def test_compose__one_worker_of_one_process_serves_the_warehouse_queue(secrets: dict[str, str]):
    services = compose_file.services(secrets)
    commands = {name: " ".join(services[name].command) for name in WORKERS}
    assert "--queues warehouse --concurrency 1" in commands["warehouse"]
    assert "--queues default " in commands["worker"]


def test_compose__spark_starts_only_when_asked_for_sees_the_same_home_and_knows_no_secret(secrets: dict[str, str]):
    services = compose_file.services(secrets)
    assert {name for name, service in services.items() if service.facts.get("profiles") == ["spark"]} == SPARK
    assert {name for name, service in services.items() if "profiles" in service.facts} == SPARK
    for name in SPARK:
        facts = services[name].facts
        assert {facts[key] == services["warehouse"].facts[key] for key in ("image", "volumes")} == {True}
        assert not any(value in str(facts) for value in secrets.values())
        assert set(facts.get("depends_on", {})) <= SPARK
    # The master listens where workers, and the config of docs/scale.md, look for it.
    command = services["spark-master"].command
    host, port = (command[command.index(option) + 1] for option in ("--host", "--port"))
    assert host in SPARK
    assert services["spark-worker"].command[-1] == f"spark://{host}:{port}"
    assert f"master: spark://{host}:{port}" in (REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8")


def test_compose__is_no_newer_than_what_compose_v1_reads():
    content = compose_file.FILE.read_text(encoding="utf-8")
    assert not re.search(r"^(name|version|include):|\$\{\w+:[-?][^}]*\$", content, re.MULTILINE)


def test_env__is_made_once_with_random_secrets_for_the_owner_only(tmp_path: Path):
    for name in ("Makefile", ".env.example"):
        shutil.copy2(REPOSITORY / name, tmp_path)
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        shutil.copytree(tmp_path, folder, ignore=shutil.ignore_patterns("a", "b"))
        subprocess.run(["make", "env"], cwd=folder, check=True, capture_output=True)
        assert (folder / ".env").stat().st_mode & 0o777 == 0o600
        made.append((folder / ".env").read_text())
    values = [re.findall(r"^[A-Z_]+=([\w-]{43}=)$", text, re.MULTILINE) for text in made]
    assert len({value for of_one in values for value in of_one}) == 2 * 6
    again = subprocess.run(["make", "env"], cwd=tmp_path / "a", check=False, capture_output=True, text=True)
    assert again.returncode != 0
    assert "there is a .env" in again.stderr
    assert (tmp_path / "a" / ".env").read_text() == made[0]


def test_requirements__the_deployed_form_has_the_versions_that_are_tested():
    pins = {
        name: set(re.findall(r"^[\w.\[\]-]+==[^ ]+", (REPOSITORY / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("runtime.txt", "deploy.txt")
    }
    assert len(pins["runtime.txt"]) > 100
    assert pins["runtime.txt"] <= pins["deploy.txt"]
