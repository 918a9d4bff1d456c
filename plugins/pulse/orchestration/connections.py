"""Credentials inside Airflow: from the environment, or from a connection; masked in logs either way.

The environment wins, and then nobody is asked for a connection. It is the nearer of the two: who sets it for one
process, such as a run against a local sandbox, must not be sent to Reddit by what the deployment has stored. They are
never mixed. To use the connection, leave ``PULSE_REDDIT_CLIENT_ID`` unset.
"""

import logging

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from pulse.core.errors import ConfigError
from pulse.sources.reddit.credentials import (
    REDDIT_URL,
    RedditCredentials,
    connection_id,
    from_environment,
    required,
)

log = logging.getLogger(__name__)


def reddit_credentials() -> RedditCredentials:
    """The credentials that a task uses; which way they came is logged, and their secrets are masked from here on.

    Raises:
        ConfigError: there are none, or they cannot be used.
    """
    found, place = from_environment(), "the environment"
    if found is None:
        found, place = _from_connection(), f"connection {connection_id()}"
    credentials = required(found)
    for secret in credentials.secrets():
        mask_secret(secret)
    log.info("reddit credentials: from %s, %s", place, credentials.grant)
    return credentials


def _from_connection() -> RedditCredentials | None:
    try:
        connection = Connection.get(connection_id())
    except AirflowNotFoundException:
        return None
    return _named(connection)


def stored_reddit_credentials() -> RedditCredentials | None:
    """What the connection holds, for a process that is no task of Airflow's; None if there is no such connection.

    Raises:
        ConfigError: see :class:`RedditCredentials`.
    """
    from airflow.models.connection import Connection as StoredConnection

    try:
        connection = StoredConnection.get_connection_from_secrets(connection_id())
    except AirflowNotFoundException:
        return None
    return _named(connection)


def _named(connection: Connection) -> RedditCredentials:
    try:
        return of_connection(connection)
    except ConfigError as error:
        raise ConfigError(
            f"Airflow connection {connection.conn_id}: {error.thing}", value=error.value, limit=error.limit,
            next_step=error.next_step,
        ) from None  # fmt: skip


def of_connection(connection: Connection) -> RedditCredentials:
    """The credentials that a connection holds; ``provider.py`` says which field is which in Airflow's form.

    Raises:
        ConfigError: see :class:`RedditCredentials`.
    """
    extra = connection.extra_dejson
    fields = extra if isinstance(extra, dict) else {}
    return RedditCredentials(
        client_id=_text(connection.login),
        client_secret=_text(connection.password),
        user_agent=_text(fields.get("user_agent")),
        username=_text(fields.get("username")),
        # A password is the one value that may begin or end with a space.
        password=str(fields.get("password") or ""),
        refresh_token=_text(fields.get("refresh_token")),
        url=_url(connection),
    )


def _text(value: object) -> str:
    return str(value or "").strip()


def _url(connection: Connection) -> str:
    """The host field holds a whole URL; a bare host, as in a connection that was written as a URI, gets https."""
    host = _text(connection.host).rstrip("/")
    if not host:
        return REDDIT_URL
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    return f"{url}:{connection.port}" if connection.port else url
