"""What the config may say of communities on Discord."""

from collections.abc import Hashable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import field_validator

from pulse.core.strict import WILDCARD, Strict
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.patterns import OneGroup
from pulse.sources.lines.zones import Zone

# No scores, awards, views or shares are there, and replies are not counted.
OBSERVES = frozenset(
    {"parent_id", "edited_at", "title", "body", "permalink", "author_key", "reactions", "channel", "extra"}
)
CSV_OBSERVES = frozenset({"body", "author_key", "reactions", "channel"})
_PACKED = (".zst", ".gz")


class CsvExports(Strict):
    """What CSV exports do not say themselves.

    Attributes:
        zone: of the machine that made them, for their times have none.
        channel: a pattern with one group, searched in a file's path; the group holds the channel's name.
    """

    zone: Zone
    channel: OneGroup


class DiscordExportEntry(FileEntry):
    """A server of which files of DiscordChatExporter are read.

    Attributes:
        name: the server's id or its name, exactly as the files have it; rows carry what stands here. A name may change
            and is not unique: where it did or is not, the id tells servers apart.
        path: exports, one for each channel, thread and forum post: JSON, or CSV.
        csv: what CSV exports do not say; needed where there are any. Their rows are of the server ``name``.
        team_accounts, bot_accounts: ids of accounts: names change and repeat.
    """

    platform: Literal["discord"]
    source: Literal["discord_export"]

    csv: CsvExports | None = None

    files_module: ClassVar[str] = "pulse.sources.discord.export"

    @property
    def observes(self) -> frozenset[str]:
        """What an export shows."""
        return CSV_OBSERVES if self.path and all(is_csv(path) for path in self.path) else OBSERVES

    @property
    def reading(self) -> Hashable:
        """CSV exports do not name their server: what is read of them is the entry's own."""
        return self.files_module if self.csv is None else (self.files_module, self.csv, self.community)

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


def is_csv(path: Path) -> bool:
    """Whether a file's name says that it is a CSV."""
    endings = [ending.lower() for ending in path.suffixes if ending.lower() not in _PACKED]
    return endings[-1:] == [".csv"]
