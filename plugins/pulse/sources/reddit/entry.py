"""What the config may say of communities on Reddit, and how the live source treats Reddit."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from pulse.core.contract import OBSERVABLE
from pulse.core.strict import Share
from pulse.platforms.profiles import account_in
from pulse.sources.lines.entry import FileEntry
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "reddit_api"

# Reddit's own limits are 3 to 21; a few older names are shorter or longer.
_SUBREDDIT_NAME = re.compile(r"[A-Za-z0-9_]{2,24}")


# Through the API: Reddit gives 0 and empty lists for awards, and views to moderators only.
UNOBSERVABLE = ("award_count", "view_count", "reactions")


def require_subreddit(name: str) -> str:
    """The name, if a community of that name can be asked for.

    Raises:
        ValueError: it cannot.
    """
    if not _SUBREDDIT_NAME.fullmatch(name):
        raise ValueError(f"not a community that can be asked for: {name!r} (limit: 2 to 24 of A-Z a-z 0-9 _)")
    if account_in(name) is not None:
        raise ValueError("an account's own page is not asked for live, only read from archives (reddit_archive)")
    return name


class RedditEntry(FileEntry):
    """A community on Reddit.

    Attributes:
        path: Pushshift or Arctic Shift files.
        bot_accounts: Reddit's own moderator among them, unless the config names others.
    """

    platform: Literal["reddit"]
    bot_accounts: tuple[str, ...] = ("AutoModerator",)

    files_module: ClassVar[str] = "pulse.sources.reddit.archive"

    @property
    def observes(self) -> frozenset[str]:
        """All but what Reddit does not have."""
        return self.files_observe

    @property
    def files_observe(self) -> frozenset[str]:
        """What archives show."""
        return OBSERVABLE - {"channel", "is_accepted_answer", "reactions"}


class RedditArchiveEntry(RedditEntry):
    """A community read from archive files alone."""

    source: Literal["reddit_archive"]


class RedditApiEntry(RedditEntry, LiveEntry):
    """A community asked for live, through Reddit's API.

    Attributes:
        path: archive files of its past, if there are any: windows that lie within what they span are read from them.
    """

    source: Literal["reddit_api"]
    path: tuple[Path, ...] = ()

    @property
    def observes(self) -> frozenset[str]:
        """All but what Reddit does not have, or does not show through its API."""
        return super().observes - {*UNOBSERVABLE}

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        return require_subreddit(value)


class RedditApiPolicy(LivePolicy):
    """How source ``reddit_api`` treats Reddit, which allows 100 calls a minute.

    The planner leaves the oldest looks out first when the calls of a run do not suffice.

    Attributes:
        late_days: how far back listings are read behind the day, for posts that a filter held back.
        min_comments_seen_share: where the stream of comments did not reach back to the day's beginning, threads are
            read one by one, largest gap first, until this share of the counted comments was seen.
    """

    late_days: Annotated[int, Field(ge=0, le=30)] = 7
    min_comments_seen_share: Share = 0.85
