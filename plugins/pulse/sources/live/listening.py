"""Listening within the day: asking a live source between two daily runs.

A listen reads what was written since the listen before asked, or since the day's beginning, and looks at what is about
24 h old and would have no observation of that age. It makes no load and changes nothing but its own folder
(:mod:`pulse.sources.live.listen_store`); the daily run takes what is there. So a listen that was missed, late, killed
or run twice leaves at most a stretch that nobody read, and the listing of the next one, or of the daily run, reaches
over it where the platform still shows it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pulse.core.home import Home
from pulse.core.window import Window
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.lines.mapping import Mapping as RecordMapping
from pulse.sources.live.budget import CallBudget
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.known import DAY_AGE_H, create_due_at_a_day, create_known
from pulse.sources.live.listen_store import (
    Listen,
    ListenStore,
    calls_of_listens,
    last_listen_at,
    lock_of,
    store_of,
    within,
)
from pulse.sources.live.policy import LivePolicy
from pulse.sources.live.response_cache import ResponseCache, held_for_asking, opened_cache, rows_of_stores_sql

log = logging.getLogger(__name__)

# The share of ``max_calls_per_run`` that the listens of a day may make together. The rest is left to the daily run.
SHARE_OF_LISTENS = 0.5
# Listings are a little behind: what was written shortly before the last listen asked may be shown only now.
_OVERLAP = timedelta(minutes=2)


@dataclass(frozen=True)
class Heard:
    """What a listen brought, for logs and tasks.

    Attributes:
        calls_n: calls that it made, its tries that were killed included.
        shown_n: records that the platform showed.
        due_n: contributions that were due to be looked at again.
        unread: by kind, how long before the listen nothing was read, in hours; kinds without such a gap are left out.
    """

    calls_n: int
    shown_n: int
    due_n: int
    unread: Mapping[str, float]


def is_due(home: Home, entry: LiveEntry, at: datetime) -> bool:
    """Whether the last listen of an entry, of that day or the day before, is as long ago as the config says."""
    if entry.listen_every_h is None:
        return False
    day = at.astimezone(UTC).date()
    last_at = last_listen_at(home, entry.source, entry, (day - timedelta(days=1), day))
    return last_at is None or at - last_at >= timedelta(hours=entry.listen_every_h)


def calls_of_day(home: Home, source: str, entries: Iterable[CommunityEntry], window: Window) -> int:
    """Calls that listens of the window's days made for all entries of a source: the daily run has so many less."""
    return sum(calls_of_listens(home, source, entry, window) for entry in entries)


@dataclass
class OpenListen:
    """One listen, while its store is held.

    Attributes:
        window: the day that it belongs to.
        cache: its sealed answers; those of other listens are not among them.
        is_done: whether it came to its end before, or a load was made of its day meanwhile.
    """

    entry: LiveEntry
    at: datetime
    window: Window
    cache: ResponseCache
    is_done: bool
    _context: SourceContext
    _store: ListenStore
    _stores: Sequence[ListenStore]

    def since(self, *kinds: str) -> datetime:
        """From when on nothing of some kinds was read yet, with a little overlap."""
        return max(min(map(self._read_to, kinds)) - _OVERLAP, self.window.start_at)

    def heard_sql(self) -> str:
        """Rows of the listens before it, of its day and the day before, as SQL reads them."""
        return rows_of_stores_sql(self._stores)

    def due(self, now: datetime) -> list[tuple[Any, ...]]:
        """What is about a day old and was not seen at that age: id, whether it is a post, thread, creation; oldest
        first, for it will not be that young again.

        It is due at 24 h less half of the time to the next listen, so that it is seen nearest to that age; what a
        missed listen left out is due as long as it counts as 24 h.
        """
        connection, home = self.cache.connection, self._context.home
        since = (now - timedelta(hours=DAY_AGE_H[1])).date()
        create_known(connection, home, [self.entry], since=since)
        connection.execute(
            f"""
            create or replace temp table known as
            select * from (
                from known
                union all by name
                select community, contribution_id, kind = 'post' as is_post, thread_id, created_at, observed_at,
                    reply_count, removal
                from {self.heard_sql()} where community = $community
            )
            qualify row_number() over (partition by contribution_id order by observed_at desc) = 1
            """,
            {"community": self.entry.community},
        )
        create_due_at_a_day(connection, now, earliest_h=24 - (self.entry.listen_every_h or 0) / 2)
        return connection.execute("from due order by created_at, contribution_id").fetchall()

    def finish(self, reached: Mapping[str, tuple[datetime | None, datetime]], *, due_n: int) -> Heard:
        """Note what was read.

        Args:
            reached: by kind, how far back the listing came, None if as far as it was asked, and up to when it read.
        """
        stretches, unread = {}, {}
        for kind, (since, until) in reached.items():
            read_to = self._read_to(kind)
            start = read_to if since is None else since
            for stretch in within((start, until), self.window):
                stretches[kind] = stretch
            if start > read_to:
                unread[kind] = (start - read_to) / timedelta(hours=1)
        self._store.finish(Listen(self.at, stretches))
        return Heard(self.cache.budget.calls().total(), self.cache.records_n(), due_n, unread)

    def nothing_new(self) -> Heard:
        """What a listen that was done before brings."""
        return Heard(self.cache.budget.calls().total(), self.cache.records_n(), 0, {})

    def _read_to(self, kind: str) -> datetime:
        read = (listen.stretches[kind][1] for listen in self._store.listens() if kind in listen.stretches)
        return max(read, default=self.window.start_at)


@contextmanager
def open_listen(
    context: SourceContext,
    entries: Sequence[CommunityEntry],
    entry: LiveEntry,
    at: datetime,
    mapping: RecordMapping,
    policy: LivePolicy,
    *,
    service: str,
) -> Iterator[OpenListen]:
    """The listen of an entry that was due at a time, whose store is held meanwhile.

    Args:
        entries: all of the source; those that listen share its calls evenly.
        at: aware; its UTC day is the one that is listened to.

    Raises:
        RateLimited: another task listens to the entry, or its daily run takes what was heard.
        StorageError: landing cannot be written.
    """
    day = at.astimezone(UTC).date()
    store, before = (
        store_of(context.home, mapping, entry, one, author_key=context.author_key)
        for one in (day, day - timedelta(days=1))
    )
    folder = store.folder_at(at)
    listening_n = sum(isinstance(one, LiveEntry) and one.listen_every_h is not None for one in entries)
    of_day = int(policy.max_calls_per_run * SHARE_OF_LISTENS / max(listening_n, 1))
    with held_for_asking(context.home, [lock_of(mapping.source, entry, day)], communities_n=1):
        window = Window.one_day(day)
        budget = CallBudget(
            folder, [entry], limit_n=max(of_day - store.calls_n(besides=folder), 0), service=service,
            setting=f"{mapping.source}.max_calls_per_run",
        )  # fmt: skip
        is_done = store.is_taken or store.is_finished(at)
        if not is_done:
            folder.mkdir(parents=True, exist_ok=True)
        with opened_cache(context, [entry], folder, f"answers-{store.folder.name}", mapping, budget) as cache:
            yield OpenListen(entry, at, window, cache, is_done, context, store, (before, store))
