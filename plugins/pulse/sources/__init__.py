"""Sources: one module per platform and route. A source asks, maps to the contract and seals a load; nothing else.

A source knows the contract, its own config entry and landing; it knows neither gates nor the warehouse.
"""

from pulse.landing import Load
from pulse.settings import CommunityEntry, RedditArchiveEntry
from pulse.sources.context import SourceContext
from pulse.window import Window

__all__ = ["SourceContext", "extract"]


def extract(entry: CommunityEntry, window: Window, context: SourceContext) -> Load:
    """Land one entry's window through the source that the entry names.

    Raises:
        SourceError: the source cannot give the window; ``retry_helps`` tells whether waiting does.
        DayNotServable: the source cannot serve that day (any more).
        StorageError: landing cannot be written.
    """
    match entry:
        case RedditArchiveEntry():
            from pulse.sources import reddit_archive

            return reddit_archive.extract(entry, window, context)
        case _:  # pragma: no cover - settings know no other source
            raise AssertionError(entry.source)
