"""What the config may say of Mastodon, and how instances are asked."""

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "mastodon"
OBSERVES = frozenset({
    "parent_id", "edited_at", "body", "url", "permalink", "author_key", "score", "reply_count", "share_count",
})  # fmt: skip
_NAME = re.compile(r"(?:#(?P<tag>\w{1,200})@)?(?P<instance>[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?)", re.IGNORECASE)


class MastodonEntry(LiveEntry):
    """A tag on an instance, or an instance.

    Attributes:
        name: ``#tea@mastodon.social``: what that instance knows under a tag, of its own people and of others;
            ``mastodon.social``: what its own people say in public.
        url: where it is asked, if that is not ``https://`` and its instance.
        team_accounts, bot_accounts: names of accounts, with their instance where that is another.
    """

    platform: Literal["mastodon"]
    source: Literal["mastodon"]
    url: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @property
    def observes(self) -> frozenset[str]:
        """What everybody sees there; nothing has a title, and counts are those that the instance knows."""
        return OBSERVES

    @property
    def tag(self) -> str | None:
        """Without its sign; None for an instance."""
        return _parts_of(self.name)[0]

    @property
    def instance(self) -> str:
        """Who is asked."""
        return _parts_of(self.name)[1]

    @field_validator("name")
    @classmethod
    def _require_instance(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(
                f"not a tag on an instance: {value!r} (limit: as in #tea@mastodon.social or mastodon.social)"
            )
        return value

    @field_validator("team_accounts", "bot_accounts")
    @classmethod
    def _with_instance(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        instance = _parts_of(info.data.get("name", ""))[1]
        return tuple(account if "@" in account else account_at(account, instance) for account in value)


class MastodonPolicy(LivePolicy):
    """How source ``mastodon`` treats each instance, which by default answers 300 questions in five minutes.

    Attributes:
        item_calls_per_run: statuses that may be looked up one by one for each entry, where an instance does not give
            twenty at once (before 4.3).
    """

    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 250
    window_s: Annotated[float, Field(gt=0, le=3_600)] = 300.0
    item_calls_per_run: Annotated[int, Field(ge=0, le=10_000)] = 100


def account_at(account: str, instance: str) -> str:
    """An account in the way in which all instances tell persons apart."""
    return f"{account}@{instance}"


def _parts_of(name: str) -> tuple[str | None, str]:
    match = _NAME.fullmatch(name)
    return (match["tag"], match["instance"]) if match else (None, "")
