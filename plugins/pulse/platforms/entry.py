"""What every entry of the config has, whatever its source."""

from pydantic import Field

from pulse.core.strict import WILDCARD, Share, Strict
from pulse.platforms.names import canonical_name
from pulse.platforms.registry import platform_named


class CommunityEntry(Strict):
    """One community to listen to, whatever its source.

    Attributes:
        platform: lower-case platform name.
        name: community name on that platform; ``*`` takes every community that no other entry names, but no profiles.
            A profile that is named itself has a pseudonym here once the configuration is loaded.
        max_quarantined_share: gate 1 stops a load when more than this share of its records is unusable.
        team_accounts: account names that speak for the brand; role ``team``.
        bot_accounts: account names that are programs; role ``bot``.
    """

    platform: str
    name: str = Field(min_length=1, max_length=1_000)
    source: str
    max_quarantined_share: Share = 0.05
    team_accounts: tuple[str, ...] = ()
    bot_accounts: tuple[str, ...] = ()

    @property
    def community(self) -> str:
        """The name as rows carry it."""
        return canonical_name(self.platform, self.name)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What people write there: the contract's kinds that its platform has."""
        return platform_named(self.platform).kinds

    @property
    def observes(self) -> frozenset[str]:
        """Which of the contract's observable columns its source can see of it; every other is NULL in all rows."""
        raise NotImplementedError

    @property
    def has_profiles(self) -> bool:
        """Whether a community on its platform may be one account's own page."""
        return platform_named(self.platform).has_profiles

    @property
    def is_wildcard(self) -> bool:
        """Whether this entry takes all communities that no other entry names."""
        return self.name == WILDCARD

    @property
    def entry_id(self) -> str:
        """Unique in a config: ``platform/community``."""
        return f"{self.platform}/{self.community}"
