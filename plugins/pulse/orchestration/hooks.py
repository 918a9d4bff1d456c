"""The classes that Airflow asks for beside connection types, one for each kind. Tasks use ``connections.py``.

``RedditHook(reddit_conn_id="reddit_default").get_conn()`` gives the credentials of one connection to DAGs of others.
"""

from typing import Any

from airflow.sdk import BaseHook

from pulse.core.credentials import Credentials
from pulse.orchestration import provider


class _CredentialsHook(BaseHook):  # type: ignore[misc]
    """Credentials of one connection."""

    credentials: type[Credentials]

    def __init__(self, *args: str, **kwargs: Any) -> None:
        super().__init__()
        self._conn_id = args[0] if args else kwargs.pop(self.conn_name_attr, self.default_conn_name)
        setattr(self, self.conn_name_attr, self._conn_id)

    def get_conn(self) -> Credentials:
        """The credentials that the connection holds.

        Raises:
            ConfigError: they cannot be used.
            AirflowNotFoundException: no such connection.
        """
        from pulse.orchestration.connections import of_connection

        return of_connection(self.credentials, self.get_connection(self._conn_id))


def _hook(kind: type[Credentials]) -> type[_CredentialsHook]:
    conn_type = provider.connection_type(kind)
    return type(
        provider.hook_class(kind),
        (_CredentialsHook,),
        {
            "__doc__": f"Credentials of one connection of type ``{conn_type}``.",
            "__module__": __name__,
            "credentials": kind,
            "conn_type": conn_type,
            "conn_name_attr": f"{conn_type}_conn_id",
            "default_conn_name": kind.default_connection_id(),
            "hook_name": provider.hook_name(kind),
        },
    )


globals().update({provider.hook_class(kind): _hook(kind) for kind in provider.kinds()})
