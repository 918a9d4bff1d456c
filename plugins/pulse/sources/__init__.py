"""Sources: one module per platform and route. A source asks, maps to the contract and seals a load; nothing else.

A source knows the contract, its own config entry and landing; a live one also what raw holds of its community. It knows
neither gates nor the warehouse.
"""

from pulse.landing import Load
from pulse.settings import CommunityEntry, RedditApiEntry, RedditArchiveEntry
from pulse.sources.context import SourceContext
from pulse.window import Window

__all__ = ["SourceContext", "describe_plan", "extract"]


def extract(entry: CommunityEntry, window: Window, context: SourceContext) -> Load:
    """Land one entry's window through the source that the entry names.

    Raises:
        SourceError: the source cannot give the window; ``retry_helps`` tells whether waiting does.
        DayNotServable: the source cannot serve that day (any more).
        ConfigError: credentials are missing, or the calls do not fit the budget.
        StorageError: landing cannot be written.
    """
    match entry:
        case RedditArchiveEntry():
            from pulse.sources import reddit_archive

            return reddit_archive.extract(entry, window, context)
        case RedditApiEntry():
            from pulse.sources import reddit_api, reddit_archive

            if reddit_archive.spans(entry, window, context):
                return reddit_archive.extract(entry, window, context)
            return reddit_api.extract(entry, window, context, live_entries=_live_entries(window, context))
        case _:  # pragma: no cover - settings know no other source
            raise AssertionError(entry.source)


def describe_plan(window: Window, context: SourceContext) -> list[str]:
    """What the window will ask of platforms, one line per live source.

    Raises:
        ConfigError: the calls do not fit the budget.
    """
    live = _live_entries(window, context)
    if not live:
        return []
    from pulse.sources import reddit_plan

    return [f"reddit_api: {reddit_plan.make_plan(live, window, context)}"]


def _live_entries(window: Window, context: SourceContext) -> list[RedditApiEntry]:
    """Entries that this window is to be asked for live, in the order of the config."""
    from pulse.sources import reddit_archive

    return [
        entry
        for entry in context.settings.communities
        if isinstance(entry, RedditApiEntry) and not reddit_archive.spans(entry, window, context)
    ]
