"""What a source is given besides its entry and window."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pulse.core.clock import Clock
from pulse.core.home import Home
from pulse.platforms.entry import CommunityEntry
from pulse.sources.reddit.credentials import RedditCredentials, required_from_environment
from pulse.sources.reddit.entry import RedditApiPolicy


@dataclass(frozen=True)
class SourceContext:
    """Home, entries, clock, the key that pseudonymises authors, and where credentials are to be had.

    Attributes:
        entries: all of the config, of every source and platform: neighbours share files, budgets and listings.
        reddit_api: how the live source treats Reddit.
        author_key: secret; kept out of ``repr`` so that it cannot reach a log.
        reddit_credentials: asked by the source that needs them, when it needs them; nobody else has to have any.
    """

    home: Home
    entries: tuple[CommunityEntry, ...]
    clock: Clock
    author_key: bytes = field(repr=False)
    reddit_api: RedditApiPolicy = field(default_factory=RedditApiPolicy)
    reddit_credentials: Callable[[], RedditCredentials] = field(default=required_from_environment, repr=False)
