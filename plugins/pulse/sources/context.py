"""What a source is given besides its entry and window."""

from dataclasses import dataclass, field

from pulse.clock import Clock
from pulse.home import Home
from pulse.settings import Settings


@dataclass(frozen=True)
class SourceContext:
    """Home, configuration, clock, and the key that pseudonymises authors.

    Attributes:
        author_key: secret; kept out of ``repr`` so that it cannot reach a log.
    """

    home: Home
    settings: Settings
    clock: Clock
    author_key: bytes = field(repr=False)
