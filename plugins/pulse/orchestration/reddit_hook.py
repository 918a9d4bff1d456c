"""The class that Airflow asks for beside a connection type. Our tasks go through ``connections.py``."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from pulse.orchestration import provider

if TYPE_CHECKING:
    from pulse.sources.reddit.credentials import RedditCredentials


class RedditHook(BaseHook):  # type: ignore[misc]
    """Credentials of one connection of type ``reddit``, for DAGs of others.

    Args:
        reddit_conn_id: the connection.
    """

    conn_type = provider.CONNECTION_TYPE
    conn_name_attr = "reddit_conn_id"
    default_conn_name = "reddit_default"
    hook_name = provider.HOOK_NAME

    def __init__(self, reddit_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reddit_conn_id = reddit_conn_id

    def get_conn(self) -> "RedditCredentials":
        """The credentials that the connection holds.

        Raises:
            ConfigError: they cannot be used.
            AirflowNotFoundException: no such connection.
        """
        from pulse.orchestration.connections import of_connection

        return of_connection(self.get_connection(self.reddit_conn_id))
