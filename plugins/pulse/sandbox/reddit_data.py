"""What the sandbox serves: the made-up world, or the records of archive files. Everything is a function of now.

A data source knows where contributions stand (:mod:`pulse.sandbox.reddit_catalogue`) and gives the record of each as
it is at a given time. How Reddit wraps a record into an answer is :mod:`pulse.sandbox.reddit_things`.
"""

import json
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, get_args

from pulse.platforms.names import canonical_name
from pulse.sandbox.ids import base36
from pulse.sandbox.reddit_catalogue import Catalogue, Item
from pulse.sandbox.world import World
from pulse.sandbox.world_model import is_gone_at, members_at, score_at
from pulse.sandbox.world_record import record
from pulse.sources.lines.ndjson import LineTooLong, number_in, read_chunks
from pulse.sources.reddit.mapping import EARLIEST_S, LATEST_S, PLATFORM

Counts = Literal["as_recorded", "growing"]
# By then a growing count has reached what the archive says.
GROWN_AFTER_S = 30 * 86_400
# What an archive notes about itself; an API answer has none of it.
ARCHIVE_FIELDS = frozenset({"retrieved_on", "retrieved_utc", "_meta"})
_GONE_BODIES = frozenset({"[removed]", "[deleted]", "[deleted by user]"})
_GROWTH_EXPONENT = 0.2


@dataclass(frozen=True)
class CommunityFacts:
    """A community at a given time.

    Attributes:
        name: as the platform writes it.
        members_n, active_n: None where the data cannot tell.
        created_s: seconds since 1970.
    """

    full_id: str
    name: str
    topic: str
    created_s: float
    members_n: int | None
    active_n: int | None


class RedditData(Protocol):
    """What a server needs to know of the platform behind it."""

    @property
    def catalogue(self) -> Catalogue:
        """Where everything stands."""
        ...

    def community(self, name: str, now: datetime) -> CommunityFacts | None:
        """The community of that name, in any case, or of that full id; None when there is none by then."""
        ...

    def record(self, item: Item, now: datetime) -> dict[str, Any]:
        """Reddit's fields of a contribution as they are by then; a new dictionary each time."""
        ...

    def score(self, item: Item, now: datetime) -> int:
        """Upvotes net of downvotes, as in its record."""
        ...

    def is_removed(self, item: Item, now: datetime) -> bool:
        """Whether its text has been taken away, by its author or by moderators."""
        ...


# ---- the made-up world -----------------------------------------------------


class WorldData:
    """A world as the platform shows it: posts appear, counts grow, texts go on their day."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._communities = {canonical_name(PLATFORM, one.name): one for one in world.communities}
        self._communities |= {one.full_id: one for one in world.communities}
        self._catalogue = Catalogue(
            Item(
                full_id=one.full_id,
                community=canonical_name(PLATFORM, one.community.name),
                created_s=one.created_at.timestamp(),
                appears_s=one.appears_at.timestamp(),
                thread_id=one.thread_id,
                parent_id=one.parent_id,
            )
            for one in world.contributions
        )

    @property
    def catalogue(self) -> Catalogue:
        """Where everything stands."""
        return self._catalogue

    def community(self, name: str, now: datetime) -> CommunityFacts | None:
        """The community of that name or full id; None before it opens."""
        found = self._communities.get(canonical_name(PLATFORM, name))
        if found is None or found.opens_at > now:
            return None
        members_n = members_at(found, now)
        return CommunityFacts(
            full_id=found.full_id,
            name=found.name,
            topic=found.topic,
            created_s=found.opens_at.timestamp(),
            members_n=members_n,
            active_n=_active_n(found.name, members_n, now),
        )

    def record(self, item: Item, now: datetime) -> dict[str, Any]:
        """Reddit's fields of a contribution by then."""
        made = record(self._world.by_id[item.full_id], now)
        return {name: value for name, value in made.items() if name not in ARCHIVE_FIELDS}

    def score(self, item: Item, now: datetime) -> int:
        """Upvotes net of downvotes by then."""
        return score_at(self._world.by_id[item.full_id], now)

    def is_removed(self, item: Item, now: datetime) -> bool:
        """Whether its text is gone by then."""
        return is_gone_at(self._world.by_id[item.full_id], now)


def _active_n(name: str, members_n: int, now: datetime) -> int:
    """Between 2 and 6 in a thousand members, another number each hour, the same in every process."""
    hour = int(now.timestamp()) // 3_600
    return 1 + members_n * (2_000 + zlib.crc32(f"{name}/{hour}".encode()) % 4_000) // 1_000_000


# ---- archive files ---------------------------------------------------------


class _Recorded(NamedTuple):
    item: Item
    record: dict[str, Any]


class ArchiveData:
    """Records of Pushshift and Arctic Shift files, visible from the time they were written.

    Attributes:
        skipped: lines that are no usable record, and further copies of a record, by reason.
        records_n: records that are served.
    """

    def __init__(self, paths: Iterable[Path | str], *, counts: Counts = "as_recorded") -> None:
        """Read the files into memory; some 2 s for 13,000 posts of 86 fields.

        Args:
            paths: plain, gzip or Zstandard files of one JSON object per line; of copies the one seen last is kept.
            counts: ``as_recorded`` as the files say, at any age; ``growing`` from 1 (score) and 0 (comments that the
                files do not have) at creation to what the files say at 30 days.

        Raises:
            ValueError: an unknown way of counting.
            ArchiveUnreadable: a file cannot be opened, is cut off, or is packed in an unknown way.
        """
        if counts not in get_args(Counts):
            raise ValueError(f"counts {counts!r} (limit: {', '.join(get_args(Counts))}). Next: choose one of them")
        self._is_growing = counts == "growing"
        self.skipped: Counter[str] = Counter()
        self._recorded: dict[str, _Recorded] = {}
        for path in paths:
            self._read(Path(path))
        self._catalogue = Catalogue(recorded.item for recorded in self._recorded.values())
        self._communities = _communities_of(self._recorded.values())
        self._commented_s = _appearances(self._recorded.values())

    @property
    def records_n(self) -> int:
        """How many records are served."""
        return len(self._recorded)

    @property
    def catalogue(self) -> Catalogue:
        """Where everything stands."""
        return self._catalogue

    def community(self, name: str, now: datetime) -> CommunityFacts | None:
        """The community of that name or full id; None before its first record."""
        found = self._communities.get(canonical_name(PLATFORM, name))
        if found is None or found.first_s > now.timestamp():
            return None
        known_n = bisect_right(found.member_counts, (now.timestamp(), float("inf")))
        return CommunityFacts(
            full_id=found.full_id,
            name=found.name,
            topic="",
            created_s=found.first_s,
            members_n=int(found.member_counts[known_n - 1][1]) if known_n else None,
            active_n=None,
        )

    def record(self, item: Item, now: datetime) -> dict[str, Any]:
        """The fields of the file, less what an archive notes about itself; links as full ids, counts by then."""
        recorded = self._recorded[item.full_id].record
        made = {name: value for name, value in recorded.items() if name not in ARCHIVE_FIELDS}
        if not item.is_post:
            made |= {"link_id": item.thread_id, "parent_id": item.parent_id}
        if self._is_growing:
            made |= self._grown_counts(item, recorded, now)
        return made

    def score(self, item: Item, now: datetime) -> int:
        """Upvotes net of downvotes by then; 0 where the file has none."""
        score = _score_in(self._recorded[item.full_id].record)
        if score is None:
            return 0
        return _grown(1, score, now.timestamp() - item.created_s) if self._is_growing else score

    def is_removed(self, item: Item, now: datetime) -> bool:  # noqa: ARG002  (an archive does not say when)
        """Whether its text was gone when the archive saw it; it counts as gone at any time."""
        recorded = self._recorded[item.full_id].record
        body = recorded.get("selftext" if item.is_post else "body")
        return body in _GONE_BODIES or bool(recorded.get("removed_by_category"))

    def _grown_counts(self, item: Item, recorded: dict[str, Any], now: datetime) -> dict[str, Any]:
        counts: dict[str, Any] = {}
        if _score_in(recorded) is not None:
            counts["score"] = self.score(item, now)
            counts |= {"ups": counts["score"]} if "ups" in recorded else {}
        comments_n = number_in(recorded.get("num_comments"))
        if item.is_post and comments_n is not None:
            appearances = self._commented_s.get(item.full_id, ())
            rest = int(comments_n) - len(appearances)
            visible_n = bisect_right(appearances, now.timestamp())
            counts["num_comments"] = max(0, visible_n + _grown(0, rest, now.timestamp() - item.created_s))
        return counts

    def _read(self, path: Path) -> None:
        for chunk in read_chunks(path):
            if isinstance(chunk, LineTooLong):
                self.skipped["line_too_long"] += 1
                continue
            for line in chunk.data.split(b"\n"):
                if line.strip():
                    self._take(line)

    def _take(self, line: bytes) -> None:
        recorded = _parsed(line)
        if isinstance(recorded, str):
            self.skipped[recorded] += 1
            return
        earlier = self._recorded.get(recorded.item.full_id)
        if earlier is not None:
            self.skipped["duplicate_record"] += 1
        if earlier is None or _seen_s(recorded.record) > _seen_s(earlier.record):
            self._recorded[recorded.item.full_id] = recorded


class _NotJson(ValueError):
    """NaN and infinity: Python would read them, JSON has them not."""


def _refuse_constant(name: str) -> None:
    raise _NotJson(name)


def _parsed(line: bytes) -> _Recorded | str:
    """The record of a line, or why it is unusable."""
    try:
        fields = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return "not_json"
    if not isinstance(fields, dict):
        return "not_an_object"
    number, community = fields.get("id"), fields.get("subreddit")
    created_s = number_in(fields.get("created_utc"))
    if not isinstance(number, str) or not number or not isinstance(community, str) or not community:
        return "no_id_or_community"
    if created_s is None or not EARLIEST_S <= created_s <= LATEST_S:
        return "no_time"
    is_post = fields.get("title") is not None
    link = fields.get("link_id")
    if not is_post and not (isinstance(link, str) and link):
        return "neither_post_nor_comment"
    fields = _unescaped(fields)
    full_id = ("t3_" if is_post else "t1_") + number
    thread_id = full_id if is_post else _prefixed(str(link), "t3_")
    item = Item(
        full_id=full_id,
        community=canonical_name(PLATFORM, community),
        created_s=created_s,
        appears_s=created_s,
        thread_id=thread_id,
        parent_id=None if is_post else _parent_id(fields.get("parent_id")) or thread_id,
    )
    return _Recorded(item, fields)


def _unescaped(value: Any) -> Any:
    """A record of an archive without the entities that Reddit wrote for &, < and >; they come back where asked for."""
    if isinstance(value, str):
        return value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if isinstance(value, dict):
        return {name: _unescaped(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_unescaped(one) for one in value]
    return value


def _seen_s(fields: dict[str, Any]) -> float:
    """When the archive saw it; 0 where it does not say."""
    return max(number_in(fields.get(name)) or 0.0 for name in ("retrieved_on", "retrieved_utc"))


def _prefixed(text: str, prefix: str) -> str:
    return text if text.startswith(prefix) else prefix + text


def _parent_id(told: object) -> str | None:
    """The parent's full id as :func:`pulse.sources.reddit.mapping.RedditMapping.contract_select` understands it.

    Some years give it as a number, which a table program may have made 123.0: Reddit's ids are numbers in base 36.
    """
    if told is None or told == "" or isinstance(told, bool | dict | list):
        return None
    text = str(told)
    if text[:1] == "t" and text[1:2].isdigit() and text[2:3] == "_":
        return text
    digits = text.removesuffix(".0")
    return f"t1_{base36(int(digits))}" if digits.isdecimal() and len(digits) <= 18 else f"t1_{text}"


def _score_in(recorded: dict[str, Any]) -> int | None:
    score = number_in(recorded.get("score"))
    if score is None:
        score = number_in(recorded.get("ups"))
    return None if score is None else round(score)


def _grown(start: int, end: int, age_s: float) -> int:
    """A count on its way from ``start`` to ``end``: half way after a day, three quarters after a week.

    It never goes back, and arrives at 30 days of age, not before.
    """
    share = min(1.0, max(0.0, age_s / GROWN_AFTER_S)) ** _GROWTH_EXPONENT
    return start + int((end - start) * share)


@dataclass(frozen=True)
class _ArchivedCommunity:
    """A community as far as its records tell; ``member_counts`` are (seen at, members) in order of time."""

    full_id: str
    name: str
    first_s: float
    member_counts: Sequence[tuple[float, float]]


def _communities_of(recorded: Iterable[_Recorded]) -> dict[str, _ArchivedCommunity]:
    """Communities by canonical name, and by full id."""
    by_name: dict[str, list[_Recorded]] = {}
    for one in recorded:
        by_name.setdefault(one.item.community, []).append(one)
    made: dict[str, _ArchivedCommunity] = {}
    for name, members in by_name.items():
        told_id = next((one.record["subreddit_id"] for one in members if one.record.get("subreddit_id")), None)
        community = _ArchivedCommunity(
            full_id=str(told_id) if told_id else f"t5_{base36(zlib.crc32(name.encode()))}",
            name=members[0].record["subreddit"],
            first_s=min(one.item.created_s for one in members),
            member_counts=sorted(_member_counts(members)),
        )
        made |= {name: community, canonical_name(PLATFORM, community.full_id): community}
    return made


def _member_counts(recorded: Iterable[_Recorded]) -> Iterator[tuple[float, float]]:
    for one in recorded:
        members_n = number_in(one.record.get("subreddit_subscribers"))
        if members_n is not None:
            yield one.item.created_s, members_n


def _appearances(recorded: Iterable[_Recorded]) -> dict[str, list[float]]:
    """When the comments of each thread were written, in order."""
    made: dict[str, list[float]] = {}
    for one in recorded:
        if not one.item.is_post:
            made.setdefault(one.item.thread_id, []).append(one.item.created_s)
    return {thread_id: sorted(times) for thread_id, times in made.items()}
