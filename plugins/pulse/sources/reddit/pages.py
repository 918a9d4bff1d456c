"""What an answer of Reddit's API holds: records, where to go on, and what it left out. Knows no network and no disk.

Records are as Reddit gives them, nested replies taken out, with the time of observation added where archives have it
(``retrieved_on``), so that the one mapping of :mod:`pulse.sources.reddit.mapping` reads both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pulse.core.errors import SourceUnavailable
from pulse.sources.lines.ndjson import number_in
from pulse.sources.live.refusals import wrong_shape
from pulse.sources.reddit.mapping import EARLIEST_S, LATEST_S

# More people than there are; what is larger is no count.
_LARGEST_COUNT = 10**11
CONTRIBUTION_KINDS = frozenset({"t1", "t3"})


@dataclass(frozen=True)
class Stub:
    """A place in a comment tree where Reddit left comments out.

    Attributes:
        parent_id: full id of what they answer.
        children: ids without prefix of some of them, to be asked for by name; empty where the thread goes on on a page
            of its own.
    """

    parent_id: str
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """One answer.

    Attributes:
        records: posts and comments, in the order of the answer.
        after: full id to go on from; None at the end.
    """

    records: list[dict[str, Any]]
    after: str | None = None
    stubs: tuple[Stub, ...] = ()

    @property
    def ids(self) -> list[str]:
        """Full ids of the records, in order."""
        return [str(record.get("name")) for record in self.records]

    @property
    def oldest_s(self) -> float | None:
        """When the oldest record was created, seconds since 1970; None where none tells a possible time."""
        times = (number_in(record.get("created_utc")) for record in self.records)
        return min((time for time in times if time is not None and EARLIEST_S <= time <= LATEST_S), default=None)


@dataclass(frozen=True)
class CommunityFacts:
    """What a community says of itself; None where it does not."""

    name: str
    members_n: int | None
    active_n: int | None


def listing_page(content: object, observed_at: datetime) -> Page:
    """A page of a listing: new posts, new comments, or things asked for by id.

    Raises:
        SourceUnavailable: the answer is no listing.
    """
    data = _listing(content)
    after = data.get("after")
    records = [_record(thing, observed_at) for thing in _things(data) if _kind(thing) in CONTRIBUTION_KINDS]
    return Page(records, after if isinstance(after, str) else None)


def tree_page(content: object, observed_at: datetime) -> Page:
    """A post and its comments, laid flat.

    Raises:
        SourceUnavailable: the answer is no thread.
    """
    if not isinstance(content, list) or len(content) != 2:
        raise _wrong_shape("a thread")
    post, comments = (_listing(part) for part in content)
    found = _Flat(observed_at)
    found.take(_things(post))
    found.take(_things(comments))
    return Page(found.records, stubs=tuple(found.stubs))


def more_children_page(content: object, observed_at: datetime) -> Page:
    """Comments asked for by id, which come flat.

    Raises:
        SourceUnavailable: the answer is none to such a question, or tells of an error.
    """
    answer = content.get("json") if isinstance(content, dict) else None
    data = answer.get("data") if isinstance(answer, dict) else None
    things = data.get("things") if isinstance(data, dict) else None
    if not isinstance(things, list):
        raise _wrong_shape("comments")
    found = _Flat(observed_at)
    found.take(things)
    return Page(found.records, stubs=tuple(found.stubs))


def community_facts(content: object, observed_at: datetime) -> CommunityFacts:  # noqa: ARG001  (as all parsers)
    """What `about` says of a community.

    Raises:
        SourceUnavailable: the answer is about no community.
    """
    data = content.get("data") if isinstance(content, dict) and content.get("kind") == "t5" else None
    name = data.get("display_name") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(name, str):
        raise _wrong_shape("a community")
    active = data.get("active_user_count")
    return CommunityFacts(
        name, _count(data.get("subscribers")), _count(data.get("accounts_active") if active is None else active)
    )


# ---- what a sealed page keeps of stubs -------------------------------------


def stub_notes(stubs: Sequence[Stub]) -> dict[str, Any]:
    """Stubs, to be sealed beside a page."""
    return {"stubs": [[stub.parent_id, list(stub.children)] for stub in stubs]}


def stubs_in(notes: Mapping[str, Any]) -> list[Stub]:
    """The stubs that were sealed beside a page."""
    return [Stub(parent_id, tuple(children)) for parent_id, children in notes["stubs"]]


# ---- taking apart ----------------------------------------------------------


_END = object()


@dataclass
class _Flat:
    """Records and stubs of a forest, whatever its depth."""

    observed_at: datetime
    records: list[dict[str, Any]] = field(default_factory=list)
    stubs: list[Stub] = field(default_factory=list)

    def take(self, things: Iterable[object]) -> None:
        """Add things and all that hangs from them, in reading order."""
        open_levels: list[Iterator[object]] = [iter(things)]
        while open_levels:
            thing = next(open_levels[-1], _END)
            if thing is _END:
                open_levels.pop()
            elif _kind(thing) == "more":
                self._add_stub(thing)
            elif _kind(thing) in CONTRIBUTION_KINDS:
                record = _record(thing, self.observed_at)
                replies = record.pop("replies", None)
                self.records.append(record)
                if isinstance(replies, dict):
                    open_levels.append(iter(_things(_listing(replies))))

    def _add_stub(self, thing: object) -> None:
        data = _data(thing)
        children = data.get("children")
        parent_id = data.get("parent_id")
        if isinstance(parent_id, str) and isinstance(children, list):
            self.stubs.append(Stub(parent_id, tuple(child for child in children if isinstance(child, str))))


def _listing(content: object) -> dict[str, Any]:
    data = content.get("data") if isinstance(content, dict) and content.get("kind") == "Listing" else None
    things = data.get("children") if isinstance(data, dict) else None
    if (
        not isinstance(data, dict)
        or not isinstance(things, list)
        or not all(isinstance(thing, dict) for thing in things)
    ):
        raise _wrong_shape("a listing of things")
    return data


def _things(listing: dict[str, Any]) -> list[object]:
    return list(listing["children"])


def _record(thing: object, observed_at: datetime) -> dict[str, Any]:
    record = dict(_data(thing))
    record["retrieved_on"] = int(observed_at.timestamp())
    return record


def _kind(thing: object) -> str | None:
    kind = thing.get("kind") if isinstance(thing, dict) else None
    return kind if isinstance(kind, str) else None


def _data(thing: object) -> dict[str, Any]:
    data = thing.get("data") if isinstance(thing, dict) else None
    if not isinstance(data, dict):
        raise _wrong_shape("a thing with data")
    return data


def _count(value: object) -> int | None:
    number = number_in(value)
    return round(number) if number is not None and 0 <= number <= _LARGEST_COUNT else None


def _wrong_shape(expected: str) -> SourceUnavailable:
    return wrong_shape("Reddit's answer", expected=expected, service="Reddit")
