"""What the config may say of a feed, and how Bluesky is asked."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pulse.core.strict import WILDCARD
from pulse.platforms.entry import CommunityEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "bluesky"
OBSERVES = frozenset({"parent_id", "body", "url", "author_key", "score", "reply_count", "share_count", "extra"})
_FEED = re.compile(r"at://[^/\s?#]{1,300}/app\.bsky\.feed\.generator/[A-Za-z0-9._:~-]{1,200}")


class BlueskyEntry(CommunityEntry):
    """One feed.

    Attributes:
        name: what to call it; the feed's own address names whoever made it.
        feed: its address, ``at://…/app.bsky.feed.generator/…``; its posts must come newest first.
        team_accounts, bot_accounts: accounts as ``did:…``: handles change.
    """

    platform: Literal["bluesky"]
    source: Literal["bluesky"]
    feed: str

    @property
    def observes(self) -> frozenset[str]:
        """What everybody sees there."""
        return OBSERVES

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        if value == WILDCARD or value.startswith(("at://", "did:", "@")):
            raise ValueError("give it a name of your own, which names nobody (limit: no `*`, at://…, did:… or @…)")
        return value

    @field_validator("feed")
    @classmethod
    def _require_feed(cls, value: str) -> str:
        if not _FEED.fullmatch(value):
            raise ValueError(
                "give a feed's address, at://…/app.bsky.feed.generator/… (limit: an account's own posts are no "
                "community, and are not read)"
            )
        return value


class BlueskyPolicy(LivePolicy):
    """How source ``bluesky`` treats the public API, which allows 3,000 calls in 300 s.

    Attributes:
        url: where it is asked.
        thread_days: of posts of so many days before a window, answers are read too; one call for each that has some.
    """

    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    url: str = "https://public.api.bsky.app"
    thread_days: Annotated[int, Field(ge=0, le=37)] = 7
