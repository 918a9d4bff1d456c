"""What Airflow learns of us as a provider package: a connection type and a form for each set of credentials.

Airflow finds :func:`get_provider_info` through the entry point ``apache_airflow_provider`` of ``pyproject.toml``, in
every process that it starts: this module imports nothing of weight.
"""

from typing import Any

from pulse.core.credentials import Credentials, Given
from pulse.lake.credentials import LakeCredentials
from pulse.sources.registry import credential_kinds

# Fields of Airflow's form that no kind of ours uses, unless one says so.
_UNUSED_PLACES = ("schema", "port")


def kinds() -> tuple[type[Credentials], ...]:
    """All that connections may hold: what sources are asked with, and the store of a lake."""
    return (*credential_kinds(), LakeCredentials)


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "community-pulse",
        "name": "Community Pulse",
        "description": "Listens to communities every day and turns their posts and comments into marts.",
        "connection-types": [_connection_type(kind) for kind in kinds()],
    }


def connection_type(kind: type[Credentials]) -> str:
    """Airflow's name for connections that hold such credentials."""
    return kind.section.lower()


def hook_name(kind: type[Credentials]) -> str:
    """What Airflow's list of connection types shows."""
    return f"{kind.service} (Community Pulse)"


def hook_class(kind: type[Credentials]) -> str:
    """Name of the class in :mod:`pulse.orchestration.hooks` that gives them out."""
    return f"{kind.__name__.removesuffix('Credentials')}Hook"


def _connection_type(kind: type[Credentials]) -> dict[str, Any]:
    fields = kind.fields()
    own = {one.place: one for one in fields.values() if one.place != "extra"}
    return {
        "connection-type": connection_type(kind),
        "hook-class-name": f"pulse.orchestration.hooks.{hook_class(kind)}",
        "hook-name": hook_name(kind),
        "conn-fields": {name: _field(one) for name, one in fields.items() if one.place == "extra"},
        "ui-field-behaviour": {
            "hidden-fields": [
                *_UNUSED_PLACES,
                *(place for place in ("login", "password", "host") if place not in own),
            ],
            "relabeling": {place: one.label for place, one in own.items()},
            "placeholders": {place: one.description for place, one in own.items() if one.description},
        },
    }


def _field(one: Given) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if one.is_secret:
        schema["format"] = "password"
    return {"label": one.label, "description": one.description, "schema": schema}
