"""What the config may say of communities on Lemmy, and how their instances are asked."""

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "lemmy"
OBSERVES = frozenset({
    "parent_id", "edited_at", "title", "body", "url", "permalink", "author_key", "score", "upvote_ratio", "reply_count",
})  # fmt: skip
_NAME = re.compile(r"[a-z0-9_]{1,255}@[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?", re.IGNORECASE)


class LemmyEntry(LiveEntry):
    """One community.

    Attributes:
        name: with its home instance: ``asklemmy@lemmy.ml``.
        url: where it is asked, if that is not ``https://`` and its instance.
        team_accounts, bot_accounts: names of accounts, with their instance where that is another than the community's.
    """

    platform: Literal["lemmy"]
    source: Literal["lemmy"]
    url: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @property
    def observes(self) -> frozenset[str]:
        """What everybody sees there."""
        return OBSERVES

    @property
    def local_name(self) -> str:
        """Its name as its own instance calls it."""
        return self.name.partition("@")[0]

    @property
    def instance(self) -> str:
        """Its home."""
        return self.name.partition("@")[2]

    @field_validator("name")
    @classmethod
    def _require_home(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"not a community with its home: {value!r} (limit: as in asklemmy@lemmy.ml)")
        return value

    @field_validator("team_accounts", "bot_accounts")
    @classmethod
    def _with_instance(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        home = str(info.data.get("name", "")).partition("@")[2]
        return tuple(account if "@" in account else f"{account}@{home}" for account in value)


class LemmyPolicy(LivePolicy):
    """How source ``lemmy`` treats each instance, which by default answers 180 questions a minute.

    Attributes:
        item_calls_per_run: single things that may be looked up for each entry, because listings leave out posts that
            are gone and do not say why.
    """

    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 60
    item_calls_per_run: Annotated[int, Field(ge=0, le=10_000)] = 100
