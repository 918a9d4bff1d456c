"""Where contributions stand: by id, by community and time, by thread. What they say is none of its business."""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pulse.platforms.names import canonical_name
from pulse.sources.reddit.mapping import PLATFORM

ListingKind = Literal["posts", "comments"]


@dataclass(frozen=True, slots=True)
class Item:
    """A contribution's place.

    Attributes:
        full_id, thread_id, parent_id: ``t3_…`` or ``t1_…``; a post names itself as its thread and has no parent.
        community: as :func:`~pulse.platforms.names.canonical_name` writes it.
        created_s: seconds since 1970, as the platform tells them.
        appears_s: from when on it is listed; not before ``created_s``.
    """

    full_id: str
    community: str
    created_s: float
    appears_s: float
    thread_id: str
    parent_id: str | None

    @property
    def is_post(self) -> bool:
        """Whether it opens a thread."""
        return self.parent_id is None


class Catalogue:
    """Items, found in about the time that the answer takes to write. Nothing in it changes."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._by_id = {item.full_id: item for item in items}
        self._listings: dict[tuple[str, ListingKind], list[Item]] = {}
        self._comments: dict[str, list[Item]] = {}
        for item in sorted(self._by_id.values(), key=newest_last):
            self._listings.setdefault((item.community, "posts" if item.is_post else "comments"), []).append(item)
            if not item.is_post:
                self._comments.setdefault(item.thread_id, []).append(item)
        self._created = {key: [item.created_s for item in items] for key, items in self._listings.items()}

    def get(self, full_id: str) -> Item | None:
        """The item of that full id, whether or not it can be seen yet."""
        return self._by_id.get(full_id)

    def last_at(self) -> datetime:
        """When the last of them appeared; with nothing in it, the year 1970."""
        return datetime.fromtimestamp(max((item.appears_s for item in self._by_id.values()), default=0.0), tz=UTC)

    def all_posts(self) -> Iterator[Item]:
        """Every post, whether or not it can be seen yet."""
        return (item for item in self._by_id.values() if item.is_post)

    def newest_first(self, communities: Iterable[str], kind: ListingKind, now_s: float) -> Iterator[Item]:
        """What is listed by then in these communities together, newest first, ties by id; lazily."""
        keys = [(canonical_name(PLATFORM, name), kind) for name in communities]
        listings = [self._listed(key, now_s) for key in keys if key in self._listings]
        return heapq.merge(*listings, key=newest_last, reverse=True)

    def comments_of(self, thread_id: str) -> Sequence[Item]:
        """Comments of a thread in order of creation, whether or not they can be seen yet."""
        return self._comments.get(thread_id, ())

    def _listed(self, key: tuple[str, ListingKind], now_s: float) -> Iterator[Item]:
        items = self._listings[key]
        for position in range(bisect_right(self._created[key], now_s) - 1, -1, -1):
            if items[position].appears_s <= now_s:
                yield items[position]


def newest_last(item: Item) -> tuple[float, int, str]:
    """Order in time; of the same second, in the order in which Reddit counts its ids up."""
    number = item.full_id[3:]
    return item.created_s, len(number), number
