"""Records that a source has put into the words of the contract already, one by one: exports of some thousand files.

A source reads its documents record by record and hands over a :class:`Prepared` for each; what it does not hand over is
never written anywhere. All else (lines, staging, SQL, accounts) is the same for all such sources.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pulse.core.contract import OBSERVABLE, projection
from pulse.platforms.names import author_key_sql
from pulse.platforms.registry import platform_named
from pulse.sources.lines import documents
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import Chunk, Fault, LineTooLong, Record, TableChunk

_LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
# No count on any platform comes near.
_LARGEST_COUNT = 10**15
_COLUMNS = {
    "community": "VARCHAR",
    "id": "VARCHAR",
    "kind": "VARCHAR",
    "thread_id": "VARCHAR",
    "parent_id": "VARCHAR",
    "created_us": "BIGINT",
    "edited_us": "BIGINT",
    "seen_us": "BIGINT",
    "title": "VARCHAR",
    "body": "VARCHAR",
    "channel": "VARCHAR",
    "author": "VARCHAR",
    "is_bot": "BOOLEAN",
    "score": "BIGINT",
    "reply_count": "BIGINT",
    "reactions": "MAP(VARCHAR, BIGINT)",
    "fault": "VARCHAR",
    "detail": "VARCHAR",
}


@dataclass(frozen=True)
class Prepared:
    """One record in the words of the contract. Times are microseconds since 1970, UTC.

    Attributes:
        community: as rows carry it.
        author: the account; only a keyed hash of it is kept.
        seen_us: when it was exported; None where the file does not say.
        fault: why it gives no row; ``ndjson.NOT_SPEECH`` for a notice of the platform. Then ``detail`` says more, and
            quotes nothing that people wrote.
        unknown_keys: keys of the record that nobody knows, without their values.
    """

    community: str | None
    id: str | None = None
    kind: str = "message"
    thread_id: str | None = None
    parent_id: str | None = None
    created_us: int | None = None
    edited_us: int | None = None
    seen_us: int | None = None
    title: str | None = None
    body: str | None = None
    channel: str | None = None
    author: str | None = None
    is_bot: bool = False
    score: int | None = None
    reply_count: int | None = None
    reactions: dict[str, int] | None = None
    fault: str | None = None
    detail: str | None = None
    unknown_keys: tuple[str, ...] = ()

    def line(self) -> dict[str, object]:
        """As it is written; without anybody's words where it gives no row for want of speech."""
        fields = asdict(self)
        unknown = fields.pop("unknown_keys")
        return {key: None for key in unknown if key not in fields} | fields


def checked(record: Prepared, *, earliest_s: float) -> Prepared:
    """The same, with the fault that makes it unusable if it has none yet: no id, no time, one that cannot be."""
    if record.fault is not None:
        return record
    if not record.id:
        return replace(record, fault="missing_id", detail="")
    if record.created_us is None:
        return replace(record, fault="not_a_time", detail="the time is missing, or is none")
    if not earliest_s <= record.created_us / 1e6 <= _LATEST_S:
        return replace(record, fault="not_a_time", detail="before the platform was there, or after 2100")
    counts = (record.score, record.reply_count, *(record.reactions or {}).values())
    if any(count is not None and abs(count) > _LARGEST_COUNT for count in counts):
        return replace(record, fault="not_a_number", detail="a count beyond all counts", reactions=None, score=None)
    return record


Reading = Callable[[Path], Iterator["Prepared | FileStatement"]]


@dataclass(frozen=True)
class PreparedMapping:
    """The meaning of prepared records; see :class:`pulse.sources.lines.mapping.Mapping`.

    Attributes:
        version: raised whenever what a source prepares changes.
        author_key: key material.
        observes: the contract's observable columns that the source can see.
        record_limit: what a record must be, in words.
        read: gives a file's records in order, and at last what the file says of itself, if it does.
    """

    platform: str
    source: str
    version: int
    author_key: bytes = field(repr=False)
    observes: frozenset[str]
    record_limit: str
    read: Reading = field(repr=False)

    known_fields = frozenset(_COLUMNS)

    def chunks(
        self,
        path: Path,
        *,
        chunk_bytes: int,
        scratch: Path,  # noqa: ARG002
    ) -> Iterator[Chunk | LineTooLong | TableChunk | FileStatement]:
        """One line for each record, and what the file says of itself."""
        opened = platform_named(self.platform).opened_on
        earliest_s = datetime(opened.year, opened.month, opened.day, tzinfo=UTC).timestamp()
        statements: list[FileStatement] = []

        def lines() -> Iterable[bytes]:
            for item in self.read(path):
                if isinstance(item, FileStatement):
                    statements.append(item)
                else:
                    yield documents.as_line(checked(item, earliest_s=earliest_s).line())

        yield from documents.cut(lines(), chunk_bytes=chunk_bytes)
        yield from statements

    def raw_columns(self) -> dict[str, str]:
        """See :class:`Prepared`."""
        return _COLUMNS

    def needs_slow_look_sql(self) -> str:
        """What was found when the record was prepared."""
        return "fault is not null"

    def check_record(self, record: Record) -> Fault | None:
        """The same for one record."""
        fault = record.get("fault")
        return None if fault is None else Fault(str(fault), str(record.get("detail") or ""))

    def place_of(self, record: Record) -> tuple[str | None, float | None]:
        """Community and time of creation."""
        community, created_us = record.get("community"), record.get("created_us")
        is_told = isinstance(community, str) and record.get("fault") != "not_a_time"
        return community if isinstance(community, str) else None, created_us / 1e6 if is_told and created_us else None

    def identified_sql(self, rows_sql: str) -> str:
        """All is there already."""
        return f"""
            select *, created_us / 1e6 as created_s, community as community_name, author as author_name
            from ({rows_sql})
        """

    def understood_sql(self, rows_sql: str) -> str:
        """The same."""
        return self.identified_sql(rows_sql)

    def seen_at_sql(self, fallback_s: float) -> str:
        """When the file says that it was made."""
        return f"coalesce(seen_us / 1e6, {fallback_s!r})"

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """See :class:`pulse.sources.lines.mapping.Mapping`."""
        fallback_us = round(observed_fallback_s * 1e6)
        return projection(
            overrides={
                "platform": f"'{self.platform}'",
                "community": "community_name",
                "contribution_id": "id",
                "thread_id": "coalesce(thread_id, id)",
                "created_at": "make_timestamptz(created_us)",
                "edited_at": "make_timestamptz(edited_us)",
                "observed_at": f"make_timestamptz(greatest(created_us, coalesce(seen_us, {fallback_us})))",
                "title": "nullif(title, '')",
                "body": "nullif(body, '')",
                "tags": "[]",
                "author_key": author_key_sql(self.author_key, self.platform, "nullif(author, '')"),
                "author_role": f"case when is_bot then 'bot' else coalesce({role_sql}, 'member') end",
                "removal": "'none'",
                "source": f"'{self.source}'",
                "load_id": "''",
            }
            | dict.fromkeys(OBSERVABLE - self.observes, "null")
        )


def microseconds(seconds: object) -> int | None:
    """Seconds since 1970, as JSON or text says them, as microseconds; None where that is no number."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str):
        return None
    try:
        found = round(float(seconds) * 1e6)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 2**62 else None
