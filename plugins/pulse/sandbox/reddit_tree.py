"""Comment trees as Reddit cuts them: the best first up to a limit, stubs for the rest, ten levels deep.

A comment whose parent cannot be seen (an orphan: the parent is older than the data, or was lost) hangs from the post
with its own ``parent_id``. Orphans come in the first answer even beyond its limit: a client that knows no parent to
hang them from could not take them later.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pulse.sandbox.reddit_catalogue import Item
from pulse.sandbox.reddit_data import RedditData
from pulse.sandbox.reddit_things import Thing, ThingMaker, continue_thing, more_thing

DEFAULT_LIMIT = 200
MAX_LIMIT = 500
# Levels that one answer shows.
MAX_DEPTH = 10
# Comments that one answer of morechildren shows.
MORE_CHILDREN_LIMIT = 100
# Comments above the one asked for, at most.
MAX_CONTEXT = 8


@dataclass(frozen=True)
class Cut:
    """What of a tree is shown.

    Attributes:
        limit: comments at most.
        depth: levels at most. Below a lesser depth than ``MAX_DEPTH`` stand stubs with children; below that one stand
            stubs that lead on to a thread of its own.
        has_replies: whether anything below the first level is shown or told of.
    """

    limit: int = DEFAULT_LIMIT
    depth: int = MAX_DEPTH
    sort: str = "confidence"
    has_replies: bool = True


class Tree:
    """The comments of one thread that can be seen at one time."""

    def __init__(self, data: RedditData, thread_id: str, now: datetime) -> None:
        now_s = now.timestamp()
        self._data = data
        self._now = now
        self._things = ThingMaker(data, now)
        self._thread_id = thread_id
        self._items = {item.full_id: item for item in data.catalogue.comments_of(thread_id) if item.appears_s <= now_s}
        self._replies: dict[str, list[Item]] = {}
        for item in self._items.values():
            self._replies.setdefault(self._hangs_from(item), []).append(item)

    def __contains__(self, full_id: str) -> bool:
        return full_id in self._items

    def forest(self, cut: Cut) -> list[Thing]:
        """All of the thread."""
        roots = self._replies.get(self._thread_id, [])
        orphans = {item.full_id for item in roots if item.parent_id != self._thread_id}
        return self._written(roots, self._chosen(roots, cut, always=orphans), cut, parent_id=self._thread_id, depth=0)

    def below(self, full_id: str, cut: Cut, *, context: int) -> list[Thing]:
        """One comment with what hangs from it, inside up to ``context`` of the comments that it hangs from.

        Of these only the line that leads to it is shown, as on Reddit. Depths count from the first that is shown.
        """
        focus = self._items[full_id]
        line = self._ancestors(focus)[: min(context, MAX_CONTEXT)]
        shown = self._chosen([focus], cut, always={full_id})
        things = self._written([focus], shown, cut, parent_id=self._hangs_from(focus), depth=len(line))
        for number, ancestor in enumerate(line, start=1):
            things = [self._things.in_tree(ancestor, depth=len(line) - number, replies=things)]
        return things

    def more(self, children: Iterable[str], *, sort: str, has_replies: bool) -> list[Thing]:
        """What stands behind a stub: comments, flat, each after its parent, and stubs for what is left out."""
        cut = Cut(limit=MORE_CHILDREN_LIMIT, sort=sort, has_replies=has_replies)
        wanted = {full_id: self._items[full_id] for full_id in children if full_id in self._items}
        roots = [item for item in wanted.values() if not any(one.full_id in wanted for one in self._ancestors(item))]
        shown = self._chosen(roots, cut)
        siblings: dict[str, list[Item]] = {}
        for item in roots:
            siblings.setdefault(self._hangs_from(item), []).append(item)
        flat: list[Thing] = []
        for parent_id, items in siblings.items():
            depth = len(self._ancestors(items[0]))
            flat += _flattened(self._written(items, shown, cut, parent_id=parent_id, depth=depth))
        return flat

    def _hangs_from(self, item: Item) -> str:
        parent_id = item.parent_id
        is_known = parent_id in self._items and parent_id != item.full_id
        return parent_id if parent_id is not None and is_known else self._thread_id

    def _ancestors(self, item: Item) -> list[Item]:
        """Comments that it hangs from, the nearest first."""
        line: dict[str, Item] = {}
        parent = self._items.get(self._hangs_from(item))
        # A damaged file may hang comments in a circle.
        while parent is not None and parent.full_id not in line and parent is not item:
            line[parent.full_id] = parent
            parent = self._items.get(self._hangs_from(parent))
        return list(line.values())

    def _chosen(self, roots: Iterable[Item], cut: Cut, *, always: Collection[str] = ()) -> set[str]:
        """Ids of what is shown: again and again the best of what has its parent shown, up to the limit."""
        waiting = [(self._rank(item, cut.sort), 0, item.full_id) for item in roots]
        heapq.heapify(waiting)
        shown = set(always)
        while waiting and len(shown) < cut.limit:
            _, level, full_id = heapq.heappop(waiting)
            shown.add(full_id)
            if cut.has_replies and level + 1 < cut.depth:
                for reply in self._replies.get(full_id, ()):
                    heapq.heappush(waiting, (self._rank(reply, cut.sort), level + 1, reply.full_id))
        return shown

    def _written(
        self,
        siblings: Sequence[Item],
        shown: Collection[str],
        cut: Cut,
        *,
        parent_id: str,
        depth: int,
        level: int = 0,
    ) -> list[Thing]:
        """Things of one level with what is below them; ``level`` counts from the top of this answer."""
        ordered = sorted(siblings, key=lambda item: self._rank(item, cut.sort))
        things = []
        for item in ordered:
            if item.full_id in shown:
                replies = self._written_replies(item, shown, cut, depth=depth + 1, level=level + 1)
                things.append(self._things.in_tree(item, depth=depth, replies=replies))
        left = [item for item in ordered if item.full_id not in shown]
        return [*things, self._stub(left, parent_id=parent_id, depth=depth)] if left else things

    def _written_replies(
        self, item: Item, shown: Collection[str], cut: Cut, *, depth: int, level: int
    ) -> Sequence[Thing]:
        replies = self._replies.get(item.full_id)
        if not replies or not cut.has_replies:
            return ()
        if level >= MAX_DEPTH:
            return [continue_thing(parent_id=item.full_id, depth=depth)]
        return self._written(replies, shown, cut, parent_id=item.full_id, depth=depth, level=level)

    def _stub(self, left: Sequence[Item], *, parent_id: str, depth: int) -> Thing:
        children = [item.full_id.removeprefix("t1_") for item in left]
        count = sum(1 for item in left for _ in self._with_all_below(item))
        return more_thing(parent_id=parent_id, depth=depth, children=children, count=count)

    def _with_all_below(self, item: Item) -> Iterator[Item]:
        waiting = [item]
        seen = {item.full_id}
        while waiting:
            one = waiting.pop()
            yield one
            replies = [reply for reply in self._replies.get(one.full_id, ()) if reply.full_id not in seen]
            seen.update(reply.full_id for reply in replies)
            waiting += replies

    def _rank(self, item: Item, sort: str) -> tuple[float, float]:
        """Smaller comes first; sorts that are not known here come as the default, the best first."""
        if sort == "old":
            return item.created_s, 0.0
        if sort == "new":
            return -item.created_s, 0.0
        return -float(self._data.score(item, self._now)), item.created_s


def _flattened(things: Iterable[Thing]) -> Iterator[Thing]:
    for thing in things:
        replies = thing["data"].get("replies")
        yield {"kind": thing["kind"], "data": thing["data"] | {"replies": ""}} if replies else thing
        if replies:
            yield from _flattened(replies["data"]["children"])
