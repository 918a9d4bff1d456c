"""docker-compose.yml as compose reads it: services with their environment and command, variables filled in."""

import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pulse.core.home import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"
# `$$`, or `${NAME}` with `:-default` or `:?message`.
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<rest>[^}]*))?\})")


class NotSet(Exception):
    """A variable that must be set is not, as compose says before it starts anything."""


@dataclass(frozen=True)
class Service:
    """What one service runs; ``facts`` is all that the file says of it."""

    environment: dict[str, str]
    command: list[str]
    facts: dict[str, Any]


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """All services by name.

    Raises:
        NotSet: a secret is missing.
    """
    content = _filled(yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"], variables)
    return {
        name: Service(dict(facts.get("environment", {})), _command(facts.get("command", [])), facts)
        for name, facts in content.items()
    }


def secrets_as_made() -> dict[str, str]:
    """Values for all that `.env.example` leaves empty, as `make env` writes them."""
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    names = [line.removesuffix("=") for line in lines if line.endswith("=") and not line.startswith("#")]
    assert "AIRFLOW_FERNET_KEY" in names
    return {name: f"{secrets.token_urlsafe(32)}=" for name in names}


def _command(given: str | list[str]) -> list[str]:
    return shlex.split(given) if isinstance(given, str) else given


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    return _VARIABLE.sub(lambda found: _one(found, variables), value) if isinstance(value, str) else value


def _one(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    given = variables.get(found["name"], "")
    if not given and found["how"] == "?":
        raise NotSet(f"{found['name']} {found['rest']}")
    return given or found["rest"] or ""
