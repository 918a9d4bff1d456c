"""What a source is given besides its entry and window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pulse.core.clock import Clock
from pulse.core.credentials import Credentials, from_environment
from pulse.core.home import Home
from pulse.core.strict import Strict
from pulse.platforms.entry import CommunityEntry

Policy = TypeVar("Policy", bound=Strict)
Kind = TypeVar("Kind", bound=Credentials)


@dataclass(frozen=True)
class SourceContext:
    """Home, entries, clock, the key that pseudonymises authors, the source's policy, and where credentials are.

    Attributes:
        entries: all of the config, of every source and platform: neighbours share files, budgets and listings.
        author_key: secret; kept out of ``repr`` so that it cannot reach a log.
        policies: how sources treat their platforms, by the class of the policy; each asks for its own.
        ask_credentials: asked by the source that needs them, when it needs them; nobody else has to have any.
    """

    home: Home
    entries: tuple[CommunityEntry, ...]
    clock: Clock
    author_key: bytes = field(repr=False)
    policies: Mapping[type[Strict], Strict] = field(default_factory=dict)
    ask_credentials: Callable[[type[Credentials]], Credentials] = field(default=from_environment, repr=False)

    def policy(self, kind: type[Policy]) -> Policy:
        """The source's policy; its defaults where the config says nothing."""
        found = self.policies.get(kind)
        return found if isinstance(found, kind) else kind()

    def credentials(self, kind: type[Kind]) -> Kind:
        """What the source is asked with.

        Raises:
            ConfigError: there are none, or they cannot be used.
        """
        found = self.ask_credentials(kind)
        if not isinstance(found, kind):
            raise TypeError(f"credentials of {type(found).__name__} for {kind.__name__}")
        return found
