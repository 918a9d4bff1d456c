"""One JSON file of DiscordChatExporter: the facts at its head, its messages as lines, and what it says of itself.

Shape (versions 2.2 to 2.47, by files of 2018 to 2026)::

    {"guild": {"id", "name"}, "channel": {"id", "type", "categoryId", "category", "name"},
     "dateRange": {"after", "before"}, "exportedAt", "messages": [{…}, …], "messageCount"}

A line holds what the contract needs of a message, and nothing else: names, nicknames, avatars, addresses of attachments
(which carry signatures) and who reacted stay in the file. Keys that nobody knows are kept without their values, so that
drift shows.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pulse.core.contract import KINDS
from pulse.core.errors import ArchiveUnreadable
from pulse.platforms.discord import DELETED_ACCOUNT, DISCORD, snowflake_time
from pulse.sources.lines import documents, ndjson
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import Fault, Record

MESSAGES = "messages"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = datetime(DISCORD.opened_on.year, DISCORD.opened_on.month, DISCORD.opened_on.day, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ID = re.compile(r"\d{1,20}", re.ASCII)
_COUNT = re.compile(rb'"messageCount"\s*:\s*(\d{1,15})\s*\}\s*\Z')

# Discord's types 10 to 12; the exporter writes a number where it has no name.
_THREAD_TYPES = frozenset({"GuildNewsThread", "GuildPublicThread", "GuildPrivateThread", "10", "11", "12"})
# A conversation of two people or a few is no community.
_DIRECT_TYPES = frozenset({"DirectTextChat", "DirectGroupTextChat", "1", "3"})

_SPEECH = frozenset({"Default", "Reply", "0", "19"})
# A program's answer to a command: speech if it says something. Most have embeds only.
_COMMANDS = frozenset({"ChatInputCommand", "ContextMenuCommand", "20", "23"})
_NOTICES = frozenset(
    {
        "RecipientAdd", "RecipientRemove", "Call", "ChannelNameChange", "ChannelIconChange", "ChannelPinnedMessage",
        "GuildMemberJoin", "ThreadCreated",
    }
)  # fmt: skip

# Of a message, whether or not a line holds them.
MESSAGE_KEYS = frozenset(
    {
        "id", "type", "timestamp", "timestampEdited", "callEndedTimestamp", "isPinned", "content", "author",
        "attachments", "embeds", "stickers", "reactions", "mentions", "inlineEmojis", "reference", "forwardedMessage",
        "interaction",
    }
)  # fmt: skip
_TEXT_FIELDS = ("id", "type", "timestamp", "timestampEdited", "content", "author_id", "parent_id")


def time_in(value: object) -> datetime | None:
    """A time with its zone, in UTC; None where it is none, or none that can be on Discord.

    The exporter writes local times with their offset, and fractions of up to seven digits; beyond six they are cut.
    """
    return _time_of(value) if isinstance(value, str) else None


@lru_cache(maxsize=8)  # a message's time is looked at four times
def _time_of(value: str) -> datetime | None:
    if not _TIME.fullmatch(value):
        return None
    try:
        found = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if _EARLIEST <= found <= _LATEST else None


@dataclass(frozen=True)
class Export:
    """One file. Open it with :func:`open_export`.

    Attributes:
        community: the server as rows carry it.
    """

    path: Path
    facts: dict[str, documents.Scalar]
    has_messages: bool
    community: str

    def chunks(self, *, chunk_bytes: int) -> Iterator[ndjson.Chunk | ndjson.LineTooLong | FileStatement]:
        """Lines of :data:`pulse.sources.discord.mapping.COLUMNS`, and at the end what the file says of itself.

        Raises:
            ArchiveUnreadable, SourceUnavailable: see :class:`pulse.sources.lines.documents.Records`.
        """
        records = documents.Records(self.path, array=MESSAGES)
        read = _Read()
        if self.has_messages:
            lines = (documents.as_line(self._line(read.seen(message))) for message in records)
            yield from documents.cut(lines, chunk_bytes=chunk_bytes)
        yield self._statement(read, _gap(records, read.messages_n, has_messages=self.has_messages))

    # ---- what stands at the head -----------------------------------------------

    def _fact(self, name: str) -> str:
        value = self.facts.get(name)
        return value if isinstance(value, str) else ""

    @cached_property
    def is_thread(self) -> bool:
        """Whether it holds a thread or a forum's post, which the exporter takes for a channel."""
        return self._fact("channel.type") in _THREAD_TYPES

    @cached_property
    def channel(self) -> str:
        """The channel as rows carry it; a thread's is the one that it hangs from.

        Names repeat on a server, so the id's last four digits stand behind them.
        """
        # Of a thread, `category` is the channel or forum.
        of_parent = self.is_thread and self._fact("channel.categoryId")
        name, channel_id = ("channel.category", "channel.categoryId") if of_parent else ("channel.name", "channel.id")
        return f"{self._fact(name) or 'channel'}-{self._fact(channel_id)[-4:]}"

    @cached_property
    def exported_at(self) -> datetime | None:
        """When it was made; older exports do not say it."""
        return time_in(self.facts.get("exportedAt"))

    @cached_property
    def _head_fields(self) -> dict[str, Any]:
        return {
            "community": self.community,
            "guild_id": self._fact("guild.id"),
            "channel_id": self._fact("channel.id"),
            "channel": self.channel,
            "thread_title": self._fact("channel.name") if self.is_thread else None,
            "is_thread": self.is_thread,
            "exported_us": _microseconds(self.exported_at),
        }

    # ---- one message -------------------------------------------------------------

    def _line(self, message: object) -> object:
        if not isinstance(message, dict):
            return message  # which the slow look calls no object
        author = message.get("author")
        author = author if isinstance(author, dict) else {}
        record = self._head_fields | {
            "id": message.get("id"),
            "type": message.get("type"),
            "timestamp": message.get("timestamp"),
            "timestampEdited": message.get("timestampEdited"),
            "created_us": _microseconds(time_in(message.get("timestamp"))),
            "edited_us": _microseconds(time_in(message.get("timestampEdited"))),
            # A forward's words are another's: its own content is empty, and `forwardedMessage` is not read.
            "content": message.get("content"),
            "author_id": None if _is_gone(author) else author.get("id"),
            "is_bot": author.get("isBot") is True,
            "parent_id": self._parent_of(message),
            "reactions": _reaction_counts(message.get("reactions")),
            "isPinned": message.get("isPinned") is True,
        }
        record |= {key: None for key in message if key not in MESSAGE_KEYS and key not in record}
        record["is_odd"] = check_record(Record(record)) is not None
        return record

    def _parent_of(self, message: dict[str, Any]) -> object:
        """The message that this one answers. Forwards, pins and followed channels refer to others, answering none."""
        reference = message.get("reference")
        if not isinstance(reference, dict) or reference.get("type") == "Forward":
            return None
        is_same_channel = reference.get("channelId") in (None, self._fact("channel.id"))
        return reference.get("messageId") if is_same_channel and message.get("type") in _SPEECH else None

    # ---- what it says of itself -----------------------------------------------------

    def _statement(self, read: "_Read", gap: "str | None") -> FileStatement:
        """The stretch of which it lists all: from its beginning, or the server's, to its end, or when it was made.

        One that was cut off reaches as far as it was written; the exporter writes the oldest message first, and newer
        versions the newest if they are asked to.
        """
        first = time_in(self.facts.get("dateRange.after"))
        first_s = first.timestamp() if first else self._server_opened_s
        ends = [time_in(self.facts.get("dateRange.before")), self.exported_at or read.latest_at]
        end_s = min(end.timestamp() for end in ends if end) if ends[1] else None
        if gap is not None:
            reached_s = read.last_at.timestamp() if read.last_at else None
            if read.order == "oldest first":
                end_s = reached_s
            elif read.order == "newest first":
                first_s = reached_s
            else:
                first_s = end_s = None
        kinds = {"post", "comment"} if self.is_thread else {"message"}
        return FileStatement(
            community=self.community,
            part=self._fact("channel.id"),
            kinds=tuple(kind for kind in KINDS if kind in kinds),
            first_s=first_s,
            end_s=end_s,
            partial_reason=gap,
        )

    @property
    def _server_opened_s(self) -> float | None:
        """Before the server there was, nothing was written on it."""
        guild_id = int(self._fact("guild.id"))
        return snowflake_time(guild_id).timestamp() if guild_id else None


def open_export(path: Path, names: Collection[str]) -> Export:
    """Read the head of a file.

    Args:
        names: servers by what the config calls them, ids or names; where none is this file's, it has its own name.

    Raises:
        ArchiveUnreadable: the file is no such export, or one of a conversation between persons.
        SourceUnavailable: the file changed while it was read.
    """
    head = documents.read_head(path, array=MESSAGES)
    guild, channel = (head.facts.get(f"{name}.id") for name in ("guild", "channel"))
    if not all(isinstance(found, str) and _ID.fullmatch(found) for found in (guild, channel)):
        raise ArchiveUnreadable(
            f"archive {path}",
            value="no export of DiscordChatExporter, or one that ends before it names server and channel",
            limit="JSON with `guild`, `channel` and `messages`",
            next_step="export the channel as JSON, or take the file out of `path`",
        )
    if guild == "0" or head.facts.get("channel.type") in _DIRECT_TYPES:
        raise ArchiveUnreadable(
            f"archive {path}",
            value="an export of direct messages",
            limit="channels and threads of a server: what persons write to each other is no community",
            next_step="take the file out of `path`",
        )
    guild_id, name = str(guild), head.facts.get("guild.name")
    own_name = name if isinstance(name, str) and name else guild_id
    community = guild_id if guild_id in names else own_name
    return Export(path, head.facts, head.has_array, community)


class _Read:
    """What was seen of the messages on the way.

    Attributes:
        last_at: time of the last one in the file.
        latest_at: latest time of all.
    """

    def __init__(self) -> None:
        self.messages_n = 0
        self.last_at: datetime | None = None
        self.latest_at: datetime | None = None
        self._last_id: int | None = None
        self._rises = self._falls = False

    def seen(self, message: Any) -> Any:
        """Note one, and hand it on."""
        self.messages_n += 1
        if isinstance(message, dict):
            written_at = time_in(message.get("timestamp"))
            self.last_at = written_at or self.last_at
            self.latest_at = max((at for at in (written_at, self.latest_at) if at), default=None)
            found = message.get("id")
            if isinstance(found, str) and _ID.fullmatch(found):
                number = int(found)
                if self._last_id is not None:
                    self._rises |= number > self._last_id
                    self._falls |= number < self._last_id
                self._last_id = number
        return message

    @property
    def order(self) -> str:
        """In which order the messages stand, by their ids; that of the exporter where they do not show it."""
        if self._rises and self._falls:
            return "none"
        return "newest first" if self._falls else "oldest first"


def _gap(records: documents.Records, messages_n: int, *, has_messages: bool) -> str | None:
    """What the file lacks, in words."""
    if records.is_cut_off or not has_messages:
        return f"export cut off, {messages_n:,} messages kept"
    counted = _COUNT.search(records.tail)
    if counted and int(counted[1]) != messages_n:
        return f"export says {int(counted[1]):,} messages and holds {messages_n:,}"
    return None


def _microseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _is_gone(author: dict[str, Any]) -> bool:
    """Whether the account was deleted: then all who were share one name, and one id or none."""
    is_placeholder = author.get("name") == "Deleted User" and author.get("discriminator") == "0000"
    return author.get("id") == DELETED_ACCOUNT or (is_placeholder and author.get("isBot") is not True)


def _reaction_counts(reactions: object) -> object:
    """Count by emoji: itself, or the name of a server's own. The list of who reacted is cut short at times.

    None where the export does not list reactions; what cannot be read comes back as it is.
    """
    if reactions is None:
        return None
    counts: dict[str, int] = {}
    try:
        for reaction in reactions:  # type: ignore[attr-defined]
            emoji, count = reaction["emoji"], reaction["count"]
            name = emoji.get("name") or emoji.get("code")
            if not isinstance(name, str) or not isinstance(count, int) or not 0 <= count < 10**9:
                return "unreadable"
            name = name[:100]
            counts[name] = counts.get(name, 0) + count
    except (TypeError, KeyError, AttributeError):
        return "unreadable"
    return counts


def check_record(record: Record) -> Fault | None:
    """What makes a line of a message unusable, or None; see :class:`pulse.sources.lines.mapping.Mapping`."""
    for name in _TEXT_FIELDS:
        value = record.get(name)
        if value is not None and not isinstance(value, str):
            return Fault("not_text", f"{name} is {type(value).__name__}")
    if not record.get("id"):
        return Fault("missing_id")
    if record.get("timestamp") is None:
        return Fault("missing_timestamp")
    for name in ("timestamp", "timestampEdited"):
        if record.get(name) is not None and time_in(record[name]) is None:
            return Fault("not_a_time", f"{name} is {str(record[name])[:40]!r}")
    if not isinstance(record.get("reactions"), dict | None):
        return Fault("reactions_unreadable", "limit: a list with emoji and count")
    return _check_type(record)


def _check_type(record: Record) -> Fault | None:
    """Notices are left out; a type by a name that nobody knows may be anything."""
    kind = record.get("type")
    if kind in _SPEECH or (kind in _COMMANDS and record.get("content")):
        return None
    if kind is not None and (kind in _COMMANDS or kind in _NOTICES or _ID.fullmatch(kind)):
        return Fault(ndjson.NOT_SPEECH, f"type {kind}")
    return Fault("unknown_type", f"type is {str(kind)[:40]!r}")
