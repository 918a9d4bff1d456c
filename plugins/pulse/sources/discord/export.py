"""Source ``discord_export``: files of DiscordChatExporter, as they are; each holds one channel or thread."""

from collections.abc import Sequence
from pathlib import Path

from pulse.core.errors import ConfigError
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.discord.csv_mapping import csv_mapping
from pulse.sources.discord.entry import DiscordExportEntry, is_csv
from pulse.sources.discord.mapping import DiscordMapping
from pulse.sources.lines import archive
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.mapping import Mapping

SOURCE = "discord_export"


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> Mapping:
    """What the records of a file mean that these entries read.

    Raises:
        ConfigError: the file is a CSV, and the entry does not say what it lacks.
    """
    first = entries[0]
    if is_csv(path):
        if not isinstance(first, DiscordExportEntry) or first.csv is None:
            raise ConfigError(
                f"csv of {first.entry_id}",
                value=f"missing, and {printable(path.name)} is a CSV, which tells neither zone nor channel",
                limit="csv: {zone: …, channel: …}",
                next_step="give it (docs/sources/discord_export.md), or export as JSON, which tells both",
            )
        return csv_mapping(SOURCE, author_key, first.community, first.csv, path, entry_id=first.entry_id)
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
