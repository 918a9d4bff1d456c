"""From an entry of the config to the source that serves it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.listening import Heard, is_due
from pulse.sources.live.look_up import LookUp
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES, live_sources


def extract(entry: CommunityEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land one entry's window through its source; at least one load.

    Raises:
        SourceError, ConfigError, StorageError: see :meth:`pulse.sources.protocol.Extraction.extract`.
    """
    source = SOURCES[entry.source]
    return list(source.implementation().extract(entry, window, _context_of(source, context)))


def due_listens(context: SourceContext, at: datetime) -> list[LiveEntry]:
    """Entries whose last listen is as long ago at a time as the config says, in its order."""
    return [entry for entry in context.entries if isinstance(entry, LiveEntry) and is_due(context.home, entry, at)]


def listen(entry: LiveEntry, at: datetime, context: SourceContext) -> Heard:
    """Ask an entry's platform within the day.

    Raises:
        SourceError, ConfigError, StorageError: see :meth:`pulse.sources.protocol.Extraction.listen`.
    """
    source = SOURCES[entry.source]
    return source.implementation().listen(entry, at, _context_of(source, context))


def describe_plan(window: Window, context: SourceContext) -> list[str]:
    """What the window will ask of platforms, in lines.

    Raises:
        ConfigError: the calls do not fit a budget.
    """
    used = {entry.source for entry in context.entries}
    return [
        line
        for source in live_sources()
        if source.name in used
        for line in source.implementation().describe_plan(window, _context_of(source, context))
    ]


def probe(entry: CommunityEntry, context: SourceContext) -> str:
    """Ask the platform of a live entry one question; returns what it said, in words.

    Raises:
        SourceError, ConfigError: see :meth:`pulse.sources.protocol.Extraction.probe`.
    """
    source = SOURCES[entry.source]
    return source.implementation().probe(entry, _context_of(source, context))


def look_up(
    entry: CommunityEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp] | None:
    """A way to ask the entry's platform by id whether contributions are still there; None where there is none.

    Args:
        on_call: called before every request; whatever it raises stops the call.

    Raises:
        ConfigError: credentials are missing; when it is opened.
    """
    source = SOURCES[entry.source]
    found = getattr(source.implementation(), "look_up", None) if source.is_live else None
    return None if found is None else found(entry, _context_of(source, context), on_call)


def _context_of(source: Source, context: SourceContext) -> SourceContext:
    """The same without what concerns other sources only: a source sees its own policy."""
    return replace(context, policies={kind: one for kind, one in context.policies.items() if kind is source.policy})
