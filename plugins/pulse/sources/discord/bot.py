"""What the config may say of a server that a bot reads, how Discord is asked, and with what."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pulse.core.credentials import LOCAL_HOSTS, Credentials, given
from pulse.core.errors import ConfigError
from pulse.sources.discord.entry import OBSERVES
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.policy import LivePolicy

SOURCE = "discord_bot"
DISCORD_URL = "https://discord.com/api/v10"
# An export does not count replies; the API does, for forum posts.
BOT_OBSERVES = OBSERVES | {"reply_count"}


class DiscordBotEntry(LiveEntry):
    """A server that a bot was invited to.

    Attributes:
        name: the server's id (Discord's developer mode copies it); rows carry it.
        leave_out: ids of channels and forums that are not read, nor their threads.
        team_accounts, bot_accounts: ids of accounts: names change and repeat.
    """

    platform: Literal["discord"]
    source: Literal["discord_bot"]
    leave_out: tuple[str, ...] = ()

    @property
    def observes(self) -> frozenset[str]:
        """What a bot sees."""
        return BOT_OBSERVES

    @field_validator("name")
    @classmethod
    def _require_id(cls, value: str) -> str:
        return _snowflake(value)

    @field_validator("leave_out", "team_accounts", "bot_accounts")
    @classmethod
    def _require_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_snowflake, value))


def _snowflake(value: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise ValueError(f"{value!r} is no id of Discord's (limit: up to 20 digits; developer mode copies ids)")
    return value


class DiscordBotPolicy(LivePolicy):
    """How source ``discord_bot`` treats Discord, which allows a bot 50 calls a second and tells the rest in headers.

    Attributes:
        most_refused_channels: a bot may be shut out of channels; of more than so many it asks no further, because
            Discord bars addresses that are refused 10,000 times in ten minutes.
    """

    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    window_s: Annotated[float, Field(gt=0, le=3_600)] = 1.0
    most_refused_channels: Annotated[int, Field(ge=0, le=1_000)] = 200


@dataclass(frozen=True)
class DiscordCredentials(Credentials):
    """One bot.

    Attributes:
        url: where it asks; anything but Discord itself must be on this machine.

    Raises:
        ConfigError: no token, or one that cannot be sent. Does not show it.
    """

    token: str = given(
        "Bot token", place="password", description="Developer Portal, your application, Bot, Reset Token",
        is_secret=True,
    )  # fmt: skip
    url: str = given("URL", place="host", description=f"{DISCORD_URL}, or a local sandbox", default=DISCORD_URL)

    service: ClassVar[str] = "Discord"
    section: ClassVar[str] = "DISCORD"
    key_field: ClassVar[str] = "token"
    how: ClassVar[str] = "PULSE_DISCORD_TOKEN; exports (source discord_export) need none"
    way_to_get: ClassVar[str] = (
        "docs/sources/discord_bot.md: an application with a bot, https://discord.com/developers/applications, that the "
        "server's owners invited. Without one, exports work: source discord_export"
    )

    def __post_init__(self) -> None:
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise ConfigError(
                "token of the Discord bot", value="missing, or with a blank or a character that cannot be sent",
                limit="the token as the Developer Portal shows it, without `Bot `", next_step="copy it again",
            )  # fmt: skip
        if self.url != DISCORD_URL and urlsplit(self.url).hostname not in LOCAL_HOSTS:
            raise ConfigError(
                "URL of Discord", value="neither Discord's own nor on this machine", limit=DISCORD_URL,
                next_step="leave it empty: a token goes nowhere else",
            )  # fmt: skip

    @property
    def asked_url(self) -> str:
        """The server that is asked, if it is not Discord's own."""
        return "" if self.url == DISCORD_URL else self.url
