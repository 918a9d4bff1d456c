"""What the config may say of Hacker News, and how it is asked."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pulse.core.strict import WILDCARD
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "hacker_news"
OBSERVES = frozenset({"parent_id", "title", "body", "url", "permalink", "author_key", "score", "reply_count"})


class HackerNewsEntry(LiveEntry):
    """Hacker News as a whole, or what a query finds there.

    Attributes:
        name: what to call it; there is one Hacker News, so any name will do for the whole.
        query: words that a story or comment must hold; None for all of Hacker News, some 15,000 a day.
    """

    platform: Literal["hacker_news"]
    source: Literal["hacker_news"]
    query: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @property
    def observes(self) -> frozenset[str]:
        """What everybody sees there; points of comments only their authors do."""
        return OBSERVES

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        if value == WILDCARD:
            raise ValueError("give it a name; without `query` it is all of Hacker News (limit: no `*`)")
        return value


class HackerNewsPolicy(LivePolicy):
    """How source ``hacker_news`` treats Algolia's search, which allows 10,000 calls an hour, and Firebase.

    Attributes:
        url, items_url: where they are asked.
        item_calls_per_run: single things that may be looked up for each entry, because a search leaves out what is
            gone and does not say why.
    """

    max_calls_per_run: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    url: str = "https://hn.algolia.com"
    items_url: str = "https://hacker-news.firebaseio.com"
    item_calls_per_run: Annotated[int, Field(ge=0, le=10_000)] = 100
