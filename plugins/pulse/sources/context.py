"""What a source is given besides its entry and window."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pulse.config.settings import Settings
from pulse.core.clock import Clock
from pulse.core.home import Home
from pulse.sources.reddit_credentials import RedditCredentials, required_from_environment


@dataclass(frozen=True)
class SourceContext:
    """Home, configuration, clock, the key that pseudonymises authors, and where credentials are to be had.

    Attributes:
        author_key: secret; kept out of ``repr`` so that it cannot reach a log.
        reddit_credentials: asked by the source that needs them, when it needs them; nobody else has to have any.
    """

    home: Home
    settings: Settings
    clock: Clock
    author_key: bytes = field(repr=False)
    reddit_credentials: Callable[[], RedditCredentials] = field(default=required_from_environment, repr=False)
