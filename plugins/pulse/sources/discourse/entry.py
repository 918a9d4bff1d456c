"""What the config may say of forums on Discourse, and how they are asked."""

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "discourse"
OBSERVES = frozenset({
    "parent_id", "edited_at", "title", "body", "permalink", "author_key", "score", "reply_count", "view_count",
    "reactions", "channel", "is_accepted_answer",
})  # fmt: skip
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?(/[a-z0-9_-][a-z0-9._-]*)*", re.IGNORECASE)


class DiscourseEntry(LiveEntry):
    """One forum.

    Attributes:
        name: its host, with the path behind it if it lies under one: ``meta.discourse.org``, ``example.org/forum``.
        url: where it is asked, if that is not ``https://`` and its name.
        needs_key: whether it shows itself only to who is logged in; it is asked with the key of the credentials then.
        team_accounts, bot_accounts: names of accounts there.
    """

    platform: Literal["discourse"]
    source: Literal["discourse"]
    url: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    needs_key: bool = False

    @property
    def observes(self) -> frozenset[str]:
        """What a forum shows; reactions where its plugin is on."""
        return OBSERVES

    @property
    def address(self) -> str:
        """Where it is asked, without a slash at the end."""
        return (self.url or f"https://{self.name}").rstrip("/")

    @field_validator("name")
    @classmethod
    def _require_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError(f"not a forum's host: {value!r} (limit: as in meta.discourse.org, without https://)")
        return value

    @field_validator("team_accounts", "bot_accounts")
    @classmethod
    def _of_this_forum(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """The same name on another forum is another person."""
        host = info.data.get("name", "")
        return tuple(account if "@" in account else account_at(account, host) for account in value)


class DiscoursePolicy(LivePolicy):
    """How source ``discourse`` treats each forum, which by default allows 200 calls a minute, and 60 with a key.

    Attributes:
        topic_pages_per_run: pages of 30 topics that may be read for views and tags, newest topics first; what lies
            further back has none.
    """

    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 60
    topic_pages_per_run: Annotated[int, Field(ge=0, le=100)] = 10


def account_at(account: str, host: str) -> str:
    """An account as this source tells persons of all forums apart."""
    return f"{account}@{host}"
