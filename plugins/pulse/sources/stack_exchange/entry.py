"""What the config may say of a site or a tag, and how Stack Exchange is asked."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "stack_exchange"
OBSERVES = frozenset({
    "parent_id", "edited_at", "title", "body", "permalink", "author_key", "score", "reply_count", "view_count", "extra",
    "is_accepted_answer",
})  # fmt: skip
_NAME = re.compile(r"(?:([^\s@;/?&]{1,64})@)?([a-z0-9-]+(?:\.[a-z0-9-]+)*)", re.IGNORECASE)


class StackExchangeEntry(LiveEntry):
    """One site, or one tag of a site.

    Attributes:
        name: the site as its API names it (``stackoverflow``, ``meta.superuser``, ``tea.stackexchange.com``), or
            ``tag@site``.
        team_accounts, bot_accounts: ``site/number`` with the number of the account's page: ``stackoverflow/22656``.
    """

    platform: Literal["stack_exchange"]
    source: Literal["stack_exchange"]

    @property
    def observes(self) -> frozenset[str]:
        """What everybody sees there."""
        return OBSERVES

    @property
    def site(self) -> str:
        """The site, as a parameter of the API."""
        return self.community.rpartition("@")[2]

    @property
    def tag(self) -> str | None:
        """The tag; None for the whole site."""
        return self.community.rpartition("@")[0] or None

    @field_validator("name")
    @classmethod
    def _require_site(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("name a site, such as `stackoverflow`, or one tag of it, `python@stackoverflow`")
        return value


class StackExchangePolicy(LivePolicy):
    """How source ``stack_exchange`` treats the API: 300 calls a day without a key, 10,000 with one, 30 a second.

    Attributes:
        max_calls_per_run, sweep_calls_per_run: together they leave some of a day without a key to tries again; with a
            key, raise them.
        url: where it is asked.
    """

    max_calls_per_run: Annotated[int, Field(ge=1, le=1_000_000)] = 250
    sweep_calls_per_run: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    window_s: Annotated[float, Field(gt=0, le=3_600)] = 1.0
    url: str = "https://api.stackexchange.com/2.3"
