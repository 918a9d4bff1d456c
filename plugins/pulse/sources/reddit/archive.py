"""Source ``reddit_archive``: Pushshift and Arctic Shift files of submissions and comments, as they are."""

from collections.abc import Sequence
from pathlib import Path

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive
from pulse.sources.lines.entry import FileEntry
from pulse.sources.reddit.entry import RedditEntry
from pulse.sources.reddit.mapping import RedditMapping

SOURCE = "reddit_archive"


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> RedditMapping:  # noqa: ARG001
    """What the records of a file mean that these entries read."""
    return RedditMapping(
        source=SOURCE,
        author_key=author_key,
        is_encoded=True,
        with_extra=any(entry.extra_fields for entry in entries),
    )


def extract(entry: RedditEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land the entry's contributions that were created in the window: one load.

    Raises:
        ConfigError, DayNotServable, SourceError, LockBusy, StorageError: see
            :func:`pulse.sources.lines.archive.extract`.
    """
    return [archive.extract(entry, window, context)]
