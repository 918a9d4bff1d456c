"""What the fields of an exported message mean in the contract."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pulse.core.contract import OBSERVABLE, projection
from pulse.platforms.names import author_key_sql
from pulse.sources.discord import document
from pulse.sources.discord.entry import OBSERVES
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import Chunk, Fault, LineTooLong, Record

PLATFORM = "discord"
# Raised whenever the mapping changes what rows come out, so that staged archives are read again.
MAPPING_VERSION = 1

# Of the lines that :mod:`pulse.sources.discord.document` makes. Those in camel case are the export's own; times are
# microseconds since 1970.
COLUMNS = {
    "community": "VARCHAR",
    "guild_id": "VARCHAR",
    "channel_id": "VARCHAR",
    "channel": "VARCHAR",
    "thread_title": "VARCHAR",
    "is_thread": "BOOLEAN",
    "exported_us": "BIGINT",
    "id": "VARCHAR",
    "type": "VARCHAR",
    "created_us": "BIGINT",
    "edited_us": "BIGINT",
    "content": "VARCHAR",
    "author_id": "VARCHAR",
    "is_bot": "BOOLEAN",
    "parent_id": "VARCHAR",
    "reactions": "MAP(VARCHAR, BIGINT)",
    "isPinned": "BOOLEAN",
    "is_odd": "BOOLEAN",
}


@dataclass(frozen=True)
class DiscordMapping:
    """The meaning of exported messages; see :class:`pulse.sources.lines.mapping.Mapping`.

    Attributes:
        author_key: key material.
        communities: servers by what the config calls them.
        with_extra: whether to keep ``isPinned`` and ``type``.
    """

    source: str
    author_key: bytes = field(repr=False)
    communities: tuple[str, ...]
    with_extra: bool

    version = MAPPING_VERSION
    known_fields = document.MESSAGE_KEYS | frozenset(COLUMNS)
    record_limit = "a message with id, type and a timestamp with its zone"

    def chunks(
        self,
        path: Path,
        *,
        chunk_bytes: int,
        scratch: Path,  # noqa: ARG002
    ) -> Iterator[Chunk | LineTooLong | FileStatement]:
        """One line for each message, and what the export says of itself."""
        return document.open_export(path, self.communities).chunks(chunk_bytes=chunk_bytes)

    def raw_columns(self) -> dict[str, str]:
        """See ``COLUMNS``."""
        return COLUMNS

    def needs_slow_look_sql(self) -> str:
        """What :func:`pulse.sources.discord.document.check_record` found when the line was made."""
        return "coalesce(is_odd, true)"

    def check_record(self, record: Record) -> Fault | None:
        """See :func:`pulse.sources.discord.document.check_record`."""
        return document.check_record(record)

    def place_of(self, record: Record) -> tuple[str | None, float | None]:
        """Community and time of creation."""
        community, created_at = record.get("community"), document.time_in(record.get("timestamp"))
        return community if isinstance(community, str) else None, created_at.timestamp() if created_at else None

    def identified_sql(self, rows_sql: str) -> str:
        """A thread's messages are comments, and one that bears the thread's own id is the post that opened it.

        Only a forum's post does: a thread under a channel bears the id of the message that it began at, which stands
        in that channel.
        """
        return f"""
            select *,
                   case when not is_thread then 'message' when id = channel_id then 'post' else 'comment' end as kind,
                   created_us / 1e6 as created_s,
                   community as community_name,
                   author_id as author_name
            from ({rows_sql})
        """

    def understood_sql(self, rows_sql: str) -> str:
        """See :meth:`identified_sql`."""
        return self.identified_sql(rows_sql)

    def seen_at_sql(self, fallback_s: float) -> str:
        """When the file was exported."""
        return f"coalesce(exported_us / 1e6, {fallback_s!r})"

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """See :class:`pulse.sources.lines.mapping.Mapping`."""
        fallback_us = round(observed_fallback_s * 1e6)
        extra = "json_object('isPinned', \"isPinned\", 'type', \"type\")"
        return projection(
            overrides={
                "platform": f"'{PLATFORM}'",
                "community": "community_name",
                "contribution_id": "id",
                "thread_id": "case when is_thread then channel_id else id end",
                "parent_id": "case kind when 'post' then null when 'comment' then coalesce(parent_id, channel_id) "
                "else parent_id end",
                "created_at": "make_timestamptz(created_us)",
                "edited_at": "make_timestamptz(edited_us)",
                "observed_at": f"make_timestamptz(greatest(created_us, coalesce(exported_us, {fallback_us})))",
                "title": "case when kind = 'post' then nullif(thread_title, '') end",
                "body": "nullif(content, '')",
                "permalink": "'https://discord.com/channels/' || guild_id || '/' || channel_id || '/' || id",
                "tags": "[]",
                "author_key": author_key_sql(self.author_key, PLATFORM, "nullif(author_id, '')"),
                "author_role": f"case when is_bot then 'bot' else coalesce({role_sql}, 'member') end",
                "removal": "'none'",
                "source": f"'{self.source}'",
                "load_id": "''",
                "extra": extra if self.with_extra else "null",
            }
            | dict.fromkeys(OBSERVABLE - OBSERVES, "null")
        )
