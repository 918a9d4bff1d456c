"""What the config may say of a workspace on Slack."""

from collections.abc import Hashable
from typing import ClassVar, Literal

from pydantic import field_validator

from pulse.core.strict import WILDCARD
from pulse.sources.lines.entry import FileEntry

OBSERVES = frozenset({"parent_id", "edited_at", "body", "author_key", "reply_count", "reactions", "channel"})


class SlackExportEntry(FileEntry):
    """A workspace of which exports are read.

    Attributes:
        name: whatever the workspace is to be called: an export does not name it.
        path: zip files as Slack makes them.
        team_accounts, bot_accounts: ids of members, such as ``U024BE7LH``: names change.
    """

    platform: Literal["slack"]
    source: Literal["slack_export"]

    files_module: ClassVar[str] = "pulse.sources.slack.export"

    @property
    def observes(self) -> frozenset[str]:
        """What an export shows."""
        return OBSERVES

    @property
    def reading(self) -> Hashable:
        """What is read of a file is the entry's own."""
        return self.files_module, self.community

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        if value == WILDCARD:
            raise ValueError("each workspace needs an entry of its own: exports do not name theirs (limit: no `*`)")
        return value
