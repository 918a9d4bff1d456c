"""The key of a forum that shows itself only to who is logged in."""

from dataclasses import dataclass
from typing import ClassVar

from pulse.core.credentials import Credentials, given
from pulse.core.errors import ConfigError


@dataclass(frozen=True)
class DiscourseCredentials(Credentials):
    """An API key of one forum, and the account that it reads as.

    Attributes:
        url: the forum that the key is of; it is sent nowhere else.

    Raises:
        ConfigError: something is missing. Shows no value.
    """

    api_key: str = given("API key", place="password", is_secret=True)
    api_username: str = given("Account name", place="login", description="Whom the key reads as.")
    url: str = given("URL", place="host", description="https://forum.example, the forum that the key is of", default="")

    service: ClassVar[str] = "Discourse"
    section: ClassVar[str] = "DISCOURSE"
    key_field: ClassVar[str] = "api_key"
    is_optional: ClassVar[bool] = True
    how: ClassVar[str] = (
        "PULSE_DISCOURSE_API_KEY, PULSE_DISCOURSE_API_USERNAME and PULSE_DISCOURSE_URL; public forums need no key"
    )
    way_to_get: ClassVar[str] = (
        "an administrator of the forum makes a read-only key under Admin, API; public forums need none "
        "(docs/sources/discourse.md)"
    )

    def __post_init__(self) -> None:
        for label, value in (("API key", self.api_key), ("account name", self.api_username), ("URL", self.url)):
            if not value:
                raise ConfigError(f"Discourse {label}", value="not given", next_step=f"set {self.how}")

    @property
    def grant(self) -> str:
        """Which kind of access this is, in words."""
        return "API key of one forum"

    @property
    def asked_url(self) -> str:
        """The forum."""
        return self.url

    @classmethod
    def own_url(cls) -> str:
        """There are many forums."""
        return cls.service

    def headers_for(self, address: str) -> dict[str, str]:
        """What is sent to the forum at an address.

        Raises:
            ConfigError: the key is another forum's.
        """
        if address.lower() != self.url.lower():
            raise ConfigError(
                "Discourse API key", value=f"is of {self.url}", limit=f"the key of {address}",
                next_step="give the key of that forum, or take `needs_key` from the entry if it is public",
            )  # fmt: skip
        return {"Api-Key": self.api_key, "Api-Username": self.api_username}
