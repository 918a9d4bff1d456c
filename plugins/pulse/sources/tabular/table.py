"""Source ``tabular``: files whose columns the config maps to the contract."""

from collections.abc import Sequence
from pathlib import Path

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive
from pulse.sources.lines.entry import FileEntry
from pulse.sources.tabular.entry import TabularEntry
from pulse.sources.tabular.mapping import TabularMapping

SOURCE = TabularMapping.source


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> TabularMapping:
    """What the columns of the file mean; entries that share it map it alike."""
    first = entries[0]
    if not isinstance(first, TabularEntry):
        raise TypeError(type(first).__name__)
    return TabularMapping(first, author_key, path)


def extract(entry: TabularEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land the entry's rows that were created in the window: one load.

    Raises:
        ConfigError, DayNotServable, SourceError, LockBusy, StorageError: see
            :func:`pulse.sources.lines.archive.extract`.
    """
    return [archive.extract(entry, window, context)]
