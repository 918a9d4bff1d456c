"""Credentials inside Airflow: from the environment, or from a connection; masked in logs either way.

The environment wins, and then nobody is asked for a connection. It is the nearer of the two: who sets it for one
process, such as a run against a local sandbox, must not be sent to Reddit by what the deployment has stored. They are
never mixed. To use the connection, leave the variable of the key field
(``PULSE_REDDIT_CLIENT_ID``) unset.
"""

import logging
from typing import TypeVar

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from pulse.core.credentials import Credentials
from pulse.core.errors import ConfigError

log = logging.getLogger(__name__)

Kind = TypeVar("Kind", bound=Credentials)


def credentials_of_task(kind: type[Kind]) -> Kind:
    """The credentials that a task uses; which way they came is logged, and their secrets are masked from here on.

    Raises:
        ConfigError: there are none, or they cannot be used.
    """
    found, place = kind.from_environment(), "the environment"
    if found is None:
        found, place = _from_connection(kind), f"connection {kind.connection_id()}"
    credentials = kind.require(found)
    for secret in credentials.secrets():
        mask_secret(secret)
    log.info("%s credentials: from %s, %s", kind.service, place, credentials.grant)
    return credentials


def _from_connection(kind: type[Kind]) -> Kind | None:
    try:
        connection = Connection.get(kind.connection_id())
    except AirflowNotFoundException:
        return None
    return _named(kind, connection)


def stored_credentials(kind: type[Kind]) -> Kind | None:
    """What the connection holds, for a process that is no task of Airflow's; None if there is no such connection.

    Raises:
        ConfigError: they cannot be used.
    """
    from airflow.models.connection import Connection as StoredConnection

    try:
        connection = StoredConnection.get_connection_from_secrets(kind.connection_id())
    except AirflowNotFoundException:
        return None
    return _named(kind, connection)


def _named(kind: type[Kind], connection: Connection) -> Kind:
    try:
        return of_connection(kind, connection)
    except ConfigError as error:
        raise ConfigError(
            f"Airflow connection {connection.conn_id}: {error.thing}", value=error.value, limit=error.limit,
            next_step=error.next_step,
        ) from None  # fmt: skip


def of_connection(kind: type[Kind], connection: Connection) -> Kind:
    """The credentials that a connection holds; the fields of the kind say which is where in Airflow's form.

    Raises:
        ConfigError: they cannot be used.
    """
    extra = connection.extra_dejson
    own = {"login": connection.login, "password": connection.password, "host": _url(connection)}
    more = extra if isinstance(extra, dict) else {}
    return kind.of({name: (own | {"extra": more.get(name)})[one.place] for name, one in kind.fields().items()})


def _url(connection: Connection) -> str:
    """The host field holds a whole URL; a bare host, as in a connection that was written as a URI, gets https."""
    host = str(connection.host or "").strip().rstrip("/")
    if not host:
        return ""
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    return f"{url}:{connection.port}" if connection.port else url
