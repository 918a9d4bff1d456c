"""What Airflow learns of us as a provider package: the connection type ``reddit`` and the fields of its form.

Airflow finds :func:`get_provider_info` through the entry point ``apache_airflow_provider`` of ``pyproject.toml``, in
every process that it starts: this module imports nothing of weight.
"""

from typing import Any

CONNECTION_TYPE = "reddit"
HOOK_NAME = "Reddit (Community Pulse)"


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "community-pulse",
        "name": "Community Pulse",
        "description": "Listens to communities every day and turns their posts and comments into marts.",
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "pulse.orchestration.reddit_hook.RedditHook",
                "hook-name": HOOK_NAME,
                "conn-fields": {
                    "user_agent": _field("User agent", "platform:application:version (by /u/your-name)"),
                    "username": _field("Account name", "Only with a password. Not needed for public communities."),
                    "password": _field("Account password", "Of an application of type script.", is_secret=True),
                    "refresh_token": _field("Refresh token", "In place of name and password.", is_secret=True),
                },
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {"login": "Client id", "password": "Client secret", "host": "URL"},
                    "placeholders": {"host": "https://www.reddit.com, or a local sandbox"},
                },
            }
        ],
    }


def _field(label: str, description: str, *, is_secret: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if is_secret:
        schema["format"] = "password"
    return {"label": label, "description": description, "schema": schema}
