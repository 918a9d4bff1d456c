"""What Stack Exchange's API may be asked with: the key of an application."""

from dataclasses import dataclass
from typing import ClassVar

from pulse.core.credentials import Credentials, given
from pulse.core.errors import ConfigError

_REGISTER_URL = "https://stackapps.com/apps/oauth/register"


@dataclass(frozen=True)
class StackExchangeCredentials(Credentials):
    """One application's key, which counts its calls: 10,000 a day in place of 300. Empty where there is none.

    Raises:
        ConfigError: it holds a character that no key has. Does not show it.
    """

    key: str = given(
        "Key", place="password", description="Of an application at stackapps.com.", is_secret=True, default=""
    )

    service: ClassVar[str] = "Stack Exchange"
    section: ClassVar[str] = "STACK_EXCHANGE"
    key_field: ClassVar[str] = "key"
    is_optional: ClassVar[bool] = True
    how: ClassVar[str] = "PULSE_STACK_EXCHANGE_KEY"
    way_to_get: ClassVar[str] = f"300 calls a day need no key; a free one for 10,000 is made at {_REGISTER_URL}"

    def __post_init__(self) -> None:
        if not all(char.isascii() and char.isprintable() and not char.isspace() for char in self.key):
            raise ConfigError(
                "Stack Exchange key", value="holds a character that cannot be part of it",
                limit="printable ASCII without spaces", next_step="copy it again, without what surrounds it",
            )  # fmt: skip

    @property
    def grant(self) -> str:
        """Which kind of access this asks for, in words."""
        return "application's key" if self.key else "no key"
