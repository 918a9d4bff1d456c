"""What the config may say of a group or channel on Telegram."""

from collections.abc import Hashable
from typing import ClassVar, Literal

from pydantic import field_validator

from pulse.core.strict import WILDCARD
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.zones import Zone

OBSERVES = frozenset({"parent_id", "edited_at", "body", "author_key", "reactions"})


class TelegramExportEntry(FileEntry):
    """A group or channel of which exports of Telegram Desktop are read.

    Attributes:
        name: the chat's id or its name, exactly as the files have it; rows carry what stands here.
        path: files ``result.json``, one for each export of the chat.
        zone: of the machine that made exports whose times are local ones only; newer exports tell UTC besides.
        team_accounts, bot_accounts: ids as ``from_id`` has them, such as ``user300000000``: names change.
    """

    platform: Literal["telegram"]
    source: Literal["telegram_export"]
    zone: Zone | None = None

    files_module: ClassVar[str] = "pulse.sources.telegram.export"

    @property
    def observes(self) -> frozenset[str]:
        """What an export shows."""
        return OBSERVES

    @property
    def reading(self) -> Hashable:
        """Local times mean what the entry says."""
        return self.files_module, self.zone

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        if value == WILDCARD:
            raise ValueError("each chat needs an entry of its own: `name` is its id or name (limit: no `*`)")
        return value
