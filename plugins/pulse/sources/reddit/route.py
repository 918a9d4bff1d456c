"""Source ``reddit_api``: days that an entry's archives prove are read from them, Reddit is asked for the others."""

import logging

from pulse.core.errors import DayNotServable
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive
from pulse.sources.reddit import plan
from pulse.sources.reddit.entry import RedditApiEntry

log = logging.getLogger(__name__)


def extract(entry: RedditApiEntry, window: Window, context: SourceContext) -> list[Load]:
    """Read from the entry's archives what they hold, and ask Reddit for the days that they do not prove.

    Where Reddit cannot serve such a day, what the archives hold of it stands by itself: the day is partial.

    Raises:
        SourceError, ConfigError, StorageError: see :func:`pulse.sources.reddit.api.extract`.
    """
    from pulse.sources.reddit import api  # PRAW comes with it

    loads: list[Load] = []
    if entry.path and archive.open_archives(entry, context).holds_any_of(window):
        loads.append(archive.extract(entry, window, context))
    asked = _window_to_ask(entry, window, context)
    if asked is None:
        return loads
    together = [other for other, of_other in _live_windows(window, context) if of_other == asked]
    try:
        return [*loads, api.extract(entry, asked, context, live_entries=together)]
    except DayNotServable as error:
        if not loads:
            raise
        log.warning("reddit_api: %s; the archive's rows stand by themselves there", error)
        if error.earliest_day is None or error.earliest_day > asked.last_day:
            return loads
        servable = Window(max(error.earliest_day, asked.first_day), asked.last_day)
        if servable == asked:
            return loads
        try:
            return [*loads, api.extract(entry, servable, context, live_entries=[entry])]
        except DayNotServable:  # the listing's end moved on while it was read
            return loads


def describe_plan(window: Window, context: SourceContext) -> list[str]:
    """What the window will ask Reddit for, one line per stretch of days.

    Raises:
        ConfigError: the calls do not fit the budget.
    """
    live = _live_windows(window, context)
    if not live:
        return []
    lines = []
    for asked in dict.fromkeys(of_entry for _, of_entry in live):
        entries = [entry for entry, of_entry in live if of_entry == asked]
        days = "" if asked == window else f"; for {asked}, which archives do not prove"
        lines.append(f"reddit_api: {plan.make_plan(entries, asked, context)}{days}")
    return lines


def _live_windows(window: Window, context: SourceContext) -> list[tuple[RedditApiEntry, Window]]:
    """Entries that are to be asked for live, with the days to ask for, in the order of the config."""
    asked = [
        (entry, _window_to_ask(entry, window, context))
        for entry in context.entries
        if isinstance(entry, RedditApiEntry)
    ]
    return [(entry, of_entry) for entry, of_entry in asked if of_entry is not None]


def _window_to_ask(entry: RedditApiEntry, window: Window, context: SourceContext) -> Window | None:
    """From the first to the last day that the entry's archives do not prove; None if they prove all.

    One window, because a listing is read from now backwards: days in between cost nothing more.
    """
    if not entry.path:
        return window
    proven = archive.open_archives(entry, context).whole_days(window)
    unproven = [day for day in window.days() if day not in proven]
    return Window(unproven[0], unproven[-1]) if unproven else None
