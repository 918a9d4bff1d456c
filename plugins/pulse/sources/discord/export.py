"""Source ``discord_export``: JSON files of DiscordChatExporter, as they are; each holds one channel or thread."""

from collections.abc import Sequence
from pathlib import Path

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.discord.entry import DiscordExportEntry
from pulse.sources.discord.mapping import DiscordMapping
from pulse.sources.lines import archive
from pulse.sources.lines.entry import FileEntry

SOURCE = "discord_export"


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> DiscordMapping:  # noqa: ARG001
    """What the records of a file mean that these entries read."""
    return DiscordMapping(
        source=SOURCE,
        author_key=author_key,
        communities=tuple(sorted(entry.community for entry in entries)),
        with_extra=any(entry.extra_fields for entry in entries),
    )


def extract(entry: DiscordExportEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land the entry's contributions that were created in the window: one load.

    Raises:
        ConfigError, DayNotServable, SourceError, LockBusy, StorageError: see
            :func:`pulse.sources.lines.archive.extract`.
    """
    return [archive.extract(entry, window, context)]
