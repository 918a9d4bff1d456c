"""What the config says, as sources are given it."""

from collections.abc import Callable

from pulse.config.settings import Settings
from pulse.core.clock import Clock
from pulse.core.home import Home
from pulse.sources.context import SourceContext
from pulse.sources.reddit.credentials import RedditCredentials, required_from_environment


def source_context(
    home: Home,
    settings: Settings,
    clock: Clock,
    author_key: bytes,
    reddit_credentials: Callable[[], RedditCredentials] = required_from_environment,
) -> SourceContext:
    """The context of all sources of a config."""
    return SourceContext(
        home, settings.communities, clock, author_key, settings.reddit_api, reddit_credentials=reddit_credentials
    )
