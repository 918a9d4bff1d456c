"""What a live source makes of each record of an answer, and how that becomes rows of the contract.

An answer has a hundred records or so, in memory already; a source takes each apart into an :class:`Item`, whose fields
are the contract's. From there all go one way: into lines that the response cache turns into rows, with the author's
name hashed in the same step, and what could not be understood kept whole for quarantine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pulse.core.contract import OBSERVABLE, AuthorRole, Kind, Removal, projection
from pulse.core.text import printable
from pulse.platforms.names import author_key_sql, canonical_name_sql
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import NOT_SPEECH, Chunk, Fault, LineTooLong, Record
from pulse.sources.live.fields import BadRecord, Fields, required

# Raised whenever what comes out of the same items changes, so that answers of before are asked for again.
_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)

# Of the lines that items become; times are microseconds since 1970.
_COLUMNS = {
    "item_id": "VARCHAR",
    "kind": "VARCHAR",
    "community": "VARCHAR",
    "channel": "VARCHAR",
    "thread_id": "VARCHAR",
    "parent_id": "VARCHAR",
    "created_us": "BIGINT",
    "edited_us": "BIGINT",
    "title": "VARCHAR",
    "body": "VARCHAR",
    "url": "VARCHAR",
    "permalink": "VARCHAR",
    "tags": "VARCHAR[]",
    "author": "VARCHAR",
    "role": "VARCHAR",
    "score": "BIGINT",
    "upvote_ratio": "DOUBLE",
    "reply_count": "BIGINT",
    "award_count": "BIGINT",
    "view_count": "BIGINT",
    "share_count": "BIGINT",
    "reactions": "MAP(VARCHAR, BIGINT)",
    "removal": "VARCHAR",
    "is_accepted_answer": "BOOLEAN",
    "extra": "JSON",
    "fault": "VARCHAR",
}
_BESIDE = frozenset({"detail", "told"})


@dataclass(frozen=True, kw_only=True)
class Item:
    """One contribution as an answer shows it; fields as in the contract.

    Attributes:
        thread_id: of a post and of a message, its own.
        author: name or account id, as the platform tells persons apart; hashed before it reaches the disk.
        role: None for a member, unless the config lists the account.
        title, body: plain text.
    """

    id: str
    kind: Kind
    community: str
    created_at: datetime
    thread_id: str
    parent_id: str | None = None
    channel: str | None = None
    edited_at: datetime | None = None
    title: str | None = None
    body: str | None = None
    url: str | None = None
    permalink: str | None = None
    tags: Sequence[str] = ()
    author: str | None = field(default=None, repr=False)
    role: AuthorRole | None = None
    score: int | None = None
    upvote_ratio: float | None = None
    reply_count: int | None = None
    award_count: int | None = None
    view_count: int | None = None
    share_count: int | None = None
    reactions: Mapping[str, int] | None = None
    removal: Removal = "none"
    is_accepted_answer: bool | None = None
    extra: Mapping[str, Any] | None = None


class NotSpeech(BadRecord):
    """A whole record that is nothing anybody said here: who joined, a boost. Counted, and left out."""

    def __init__(self, created_at: datetime | None) -> None:
        super().__init__(NOT_SPEECH)
        self.created_at = created_at


@dataclass(frozen=True)
class Understood:
    """The records of one answer, as the response cache takes them.

    Attributes:
        ids: by which a listing knows what it has shown; of every record.
        oldest_s, newest_s: when the oldest and the newest usable record were created, seconds since 1970.
    """

    records: list[dict[str, Any]]
    ids: list[str]
    oldest_s: float | None
    newest_s: float | None


def understood(
    things: Iterable[object],
    understand: Callable[[Fields], Item],
    *,
    community: str,
    known_fields: frozenset[str],
    id_field: str = "id",
) -> Understood:
    """Take the records of an answer apart.

    Args:
        understand: makes an item of one record; raises :class:`BadRecord`.
        community: to whose quarantine unusable records go.
        known_fields: names of a record's fields that are no surprise; others are counted by name.
        id_field: which field of a record is its id, for those that cannot be used.
    """
    records, ids, times = [], [], []
    for number, thing in enumerate(things):
        try:
            fields = Fields(thing)
            item = understand(fields)
            line = _line_of(item)
        except BadRecord as error:
            told_id = thing.get(id_field) if isinstance(thing, Mapping) else None
            ids.append(str(told_id) if isinstance(told_id, str | int) else f"?{number}")
            records.append(_unusable(thing, error, community))
            continue
        ids.append(item.id)
        times.append(item.created_at.timestamp())
        surprises = (name for name in fields.document if isinstance(name, str) and name not in known_fields)
        records.append(dict.fromkeys(_as_unknown(name) for name in surprises) | line)
    return Understood(records, ids, min(times, default=None), max(times, default=None))


def _as_unknown(name: str) -> str:
    """A name that no column of ours has."""
    return name if name not in _COLUMNS else f"{name} (of the record)"


def _line_of(item: Item) -> dict[str, Any]:
    if not _EPOCH < item.created_at < _LATEST:
        raise BadRecord("created_at_out_of_range", item.created_at.isoformat())
    return {
        "item_id": required(item.id, "id"), "kind": item.kind, "community": item.community, "channel": item.channel,
        "thread_id": required(item.thread_id, "thread_id"), "parent_id": item.parent_id,
        "created_us": _microseconds(item.created_at),
        "edited_us": None if item.edited_at is None else _microseconds(item.edited_at),
        "title": item.title, "body": item.body, "url": item.url, "permalink": item.permalink, "tags": list(item.tags),
        "author": item.author, "role": item.role, "score": item.score, "upvote_ratio": item.upvote_ratio,
        "reply_count": item.reply_count, "award_count": item.award_count, "view_count": item.view_count,
        "share_count": item.share_count, "reactions": None if item.reactions is None else dict(item.reactions),
        "removal": item.removal, "is_accepted_answer": item.is_accepted_answer,
        "extra": item.extra and dict(item.extra), "fault": None,
    }  # fmt: skip


def _unusable(thing: object, error: BadRecord, community: str) -> dict[str, Any]:
    created_at = error.created_at if isinstance(error, NotSpeech) else None
    return {
        "fault": error.fault, "detail": printable(error.detail, max_chars=200), "community": community,
        "created_us": None if created_at is None else _microseconds(created_at), "told": thing,
    }  # fmt: skip


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class ItemMapping:
    """The meaning of such lines; see :class:`pulse.sources.lines.mapping.Mapping`.

    Attributes:
        observes: columns of the contract that the source can see; all other observable ones are NULL.
        author_key: key material.
        source_version: of what the source makes of its platform's records.
    """

    source: str
    platform: str
    observes: frozenset[str]
    author_key: bytes = field(repr=False)
    with_extra: bool
    source_version: int

    known_fields = frozenset(_COLUMNS) | _BESIDE
    record_limit = "a record that the source understands"

    @property
    def version(self) -> int:
        """Of both: what the source makes of records, and what becomes of items here."""
        return _VERSION * 1_000 + self.source_version

    def chunks(self, path: Path, *, chunk_bytes: int, scratch: Path) -> Iterator[Chunk | LineTooLong | FileStatement]:
        """Items come from answers, never from a file."""
        raise NotImplementedError

    def raw_columns(self) -> dict[str, str]:
        """See ``_COLUMNS``."""
        return _COLUMNS

    def needs_slow_look_sql(self) -> str:
        """What was found when the line was made."""
        return "fault is not null"

    def check_record(self, record: Record) -> Fault | None:
        """The fault that was found when the line was made."""
        fault = record.get("fault")
        return Fault(fault, str(record.get("detail", ""))) if isinstance(fault, str) else None

    def place_of(self, record: Record) -> tuple[str | None, float | None]:
        """Community and time of creation; numbers reach this as floats."""
        community, created_us = record.get("community"), record.get("created_us")
        return (
            community if isinstance(community, str) else None,
            created_us / 1e6 if isinstance(created_us, float | int) else None,
        )

    def identified_sql(self, rows_sql: str) -> str:
        """See :class:`pulse.sources.lines.mapping.Mapping`."""
        name = canonical_name_sql(self.platform, "author")
        return (
            "select *, community as community_name, created_us / 1e6 as created_s, "
            f"{name} as author_name from ({rows_sql})"
        )

    def understood_sql(self, rows_sql: str) -> str:
        """See :meth:`identified_sql`."""
        return self.identified_sql(rows_sql)

    def seen_at_sql(self, fallback_s: float) -> str:
        """All of an answer was seen when it was given."""
        return repr(fallback_s)

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """See :class:`pulse.sources.lines.mapping.Mapping`."""
        observed_us = round(observed_fallback_s * 1e6)
        kept = "case when removal = 'none' then {} end"
        return projection(
            overrides={
                "platform": f"'{self.platform}'",
                "community": "community_name",
                "contribution_id": "item_id",
                "created_at": "make_timestamptz(created_us)",
                "edited_at": "make_timestamptz(edited_us)",
                # Where a platform's clocks differ, nothing was seen before it was written all the same.
                "observed_at": f"make_timestamptz(greatest(created_us, {observed_us}))",
                "title": kept.format("nullif(title, '')"),
                "body": kept.format("nullif(body, '')"),
                "url": kept.format("nullif(url, '')"),
                "permalink": kept.format("nullif(permalink, '')"),
                "tags": "case when removal = 'none' then coalesce(tags, []) else [] end",
                "author_key": author_key_sql(self.author_key, self.platform, "nullif(author, '')"),
                "author_role": f"coalesce({role_sql}, role, 'member')",
                "source": f"'{self.source}'",
                "load_id": "''",
                "extra": kept.format("extra") if self.with_extra else "null",
            }
            | dict.fromkeys(OBSERVABLE - self.observes, "null")
        )
