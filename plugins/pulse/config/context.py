"""What the config says, as sources are given it."""

from collections.abc import Callable

from pulse.config.settings import Settings
from pulse.core.clock import Clock
from pulse.core.credentials import Credentials, from_environment
from pulse.core.home import Home
from pulse.sources.context import SourceContext


def source_context(
    home: Home,
    settings: Settings,
    clock: Clock,
    author_key: bytes,
    ask_credentials: Callable[[type[Credentials]], Credentials] = from_environment,
) -> SourceContext:
    """The context of all sources of a config."""
    return SourceContext(home, settings.communities, clock, author_key, settings.policies(), ask_credentials)
