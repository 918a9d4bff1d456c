"""What the config may say of communities on Discord."""

from typing import ClassVar, Literal

from pydantic import field_validator

from pulse.core.strict import WILDCARD
from pulse.sources.lines.entry import FileEntry

# No scores, awards, views or shares are there, and replies are not counted.
OBSERVES = frozenset(
    {"parent_id", "edited_at", "title", "body", "permalink", "author_key", "reactions", "channel", "extra"}
)


class DiscordExportEntry(FileEntry):
    """A server of which files of DiscordChatExporter are read.

    Attributes:
        name: the server's id or its name, exactly as the files have it; rows carry what stands here. A name may change
            and is not unique: where it did or is not, the id tells servers apart.
        path: JSON exports, one for each channel, thread and forum post.
        team_accounts, bot_accounts: ids of accounts: names change and repeat.
    """

    platform: Literal["discord"]
    source: Literal["discord_export"]

    files_module: ClassVar[str] = "pulse.sources.discord.export"

    @property
    def observes(self) -> frozenset[str]:
        """What an export shows."""
        return OBSERVES

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        if value == WILDCARD:
            raise ValueError("each server needs an entry of its own: `name` is its id or name (limit: no `*`)")
        return value

    @field_validator("team_accounts", "bot_accounts")
    @classmethod
    def _refuse_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for account in value:
            if not (account.isascii() and account.isdigit()):
                raise ValueError(
                    f"{account!r} is no account id (limit: digits, as `author.id` in an export has them; a name may "
                    "change)"
                )
        return value
