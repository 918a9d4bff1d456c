"""Source ``telegram_export``: ``result.json`` as Telegram Desktop writes it of one group or channel.

Shape (exports of 2019 to 2026)::

    {"name": "Tea", "type": "public_supergroup", "id": 1234567890, "messages": [
      {"id": 17, "type": "message", "date": "2024-05-01T12:00:00", "date_unixtime": "1714561200", "from": "…",
       "from_id": "user300000000", "reply_to_message_id": 12, "text": "…" or ["…", {"type": "link", "text": "…"}, …],
       "reactions": [{"type": "emoji", "count": 3, "emoji": "👍", "recent": […]}]}, …]}

Names of members, files and who reacted stay in the file.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pulse.core.errors import ArchiveUnreadable
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.telegram import TELEGRAM
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive, documents, ndjson
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.prepared import Prepared, PreparedMapping, microseconds
from pulse.sources.lines.zones import offset_minutes
from pulse.sources.telegram.entry import OBSERVES, TelegramExportEntry

SOURCE = "telegram_export"
VERSION = 2
MESSAGES = "messages"
# Exports of before 2022 write accounts and chats as one number each: the kind above 32 bits, the id below.
_OLD_USER, _OLD_CHAT = 1 << 32, 2 << 32
_TYPES = frozenset(
    {"private_group", "private_supergroup", "private_channel", "public_group", "public_supergroup", "public_channel"}
)
_KNOWN_KEYS = frozenset(
    {
        "id", "type", "date", "date_unixtime", "edited", "edited_unixtime", "from", "from_id", "text",
        "text_entities", "reply_to_message_id", "reply_to_peer_id", "forwarded_from", "forwarded_from_id",
        "saved_from", "via_bot", "author", "reactions", "actor", "actor_id", "action", "photo", "photo_file_size",
        "file", "file_name", "file_size", "thumbnail", "thumbnail_file_size", "media_type", "mime_type", "width",
        "height", "duration_seconds", "sticker_emoji", "poll", "performer", "title", "contact_information",
        "location_information", "inline_bot_buttons", "members", "message_id", "inviter",
        "self_destruct_period_seconds", "media_spoiler", "emoticon", "game_title", "place_name", "address",
        "live_location_period_seconds", "contact_vcard", "contact_vcard_file_size",
    }
)  # fmt: skip


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> PreparedMapping:  # noqa: ARG001
    """What the messages of an export mean to these entries."""
    first = entries[0]
    if not isinstance(first, TelegramExportEntry):
        raise TypeError(type(first).__name__)
    names = frozenset(entry.community for entry in entries)
    return PreparedMapping(
        platform=TELEGRAM.name,
        source=SOURCE,
        version=VERSION,
        author_key=author_key,
        observes=OBSERVES,
        record_limit="a message with id and date_unixtime, or a date where the entry says its zone",
        read=partial(_read, names=names, zone=_zone(first.zone)),
    )


def extract(entry: TelegramExportEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land the chat's messages that were written in the window: one load.

    Raises:
        ConfigError, DayNotServable, SourceError, LockBusy, StorageError: see
            :func:`pulse.sources.lines.archive.extract`.
    """
    return [archive.extract(entry, window, context)]


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    minutes = offset_minutes(name)
    return ZoneInfo(name) if minutes is None else timezone(timedelta(minutes=minutes))


def _read(path: Path, *, names: frozenset[str], zone: tzinfo | None) -> Iterator[Prepared | FileStatement]:
    """The messages, and that the file speaks for the chat.

    Raises:
        ArchiveUnreadable: it is no such export, one of a whole account, or one of a conversation between persons.
    """
    head = documents.read_head(path, array=MESSAGES)
    chat_id, name = head.facts.get("id"), head.facts.get("name")
    if isinstance(chat_id, float) and chat_id.is_integer():
        chat_id = int(chat_id)
    if not head.has_array or not isinstance(chat_id, int) or isinstance(chat_id, bool):
        raise ArchiveUnreadable(
            f"archive {path}",
            value="no export of one chat of Telegram",
            limit="JSON with `name`, `type`, `id` and `messages`; not of a whole account, which holds private chats",
            next_step="export the group or channel by itself, as JSON, or take the file out of `path`",
        )
    if head.facts.get("type") not in _TYPES:
        raise ArchiveUnreadable(
            f"archive {path}",
            value="an export of a conversation between persons, or of another kind of chat",
            limit="groups and channels: what persons write to each other is no community",
            next_step="take the file out of `path`",
        )
    own_name = name if isinstance(name, str) and name else str(chat_id)
    community = str(chat_id) if str(chat_id) in names else own_name
    records = documents.Records(path, array=MESSAGES)
    messages_n = 0
    for message in records:
        messages_n += 1
        yield _prepared(message, community, abs(chat_id) % _OLD_CHAT, zone)
    yield FileStatement(
        community=community,
        part="chat",
        kinds=TELEGRAM.kinds,
        first_s=None,
        end_s=None,
        partial_reason=f"export cut off, {messages_n:,} messages kept" if records.is_cut_off else None,
        spans_records=True,
    )


def _prepared(message: object, community: str, chat_id: int, zone: tzinfo | None) -> Prepared:
    if not isinstance(message, dict):
        return Prepared(None, fault="not_an_object", detail=type(message).__name__)
    created_us = _time_us(message, "date", zone)
    fault = _fault(message, created_us, zone)
    if fault is not None:
        return Prepared(community, created_us=created_us, fault=fault.name, detail=fault.detail)
    is_forward = "forwarded_from" in message or "saved_from" in message
    return Prepared(
        community,
        id=f"{chat_id}_{message['id']}",
        parent_id=_parent(message, chat_id),
        created_us=created_us,
        edited_us=_time_us(message, "edited", zone) or None,
        # A forward's words are another's.
        body=None if is_forward else _text(message.get("text")),
        author=_account(message.get("from_id")),
        reactions=_reactions(message.get("reactions")),
        unknown_keys=tuple(key for key in message if key not in _KNOWN_KEYS),
    )


def _account(value: object) -> str | None:
    """``user300000000``; older exports have a number that means the same account."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value if isinstance(value, str) else None
    return f"channel{value - _OLD_CHAT}" if value >= _OLD_CHAT else f"user{value % _OLD_USER}"


def _fault(message: dict[str, Any], created_us: int | None, zone: tzinfo | None) -> ndjson.Fault | None:
    if not isinstance(message.get("id"), int) or isinstance(message["id"], bool):
        return ndjson.Fault("missing_id", "id is no whole number")
    kind = message.get("type")
    if created_us is None and kind != "unsupported":
        is_local = zone is None and "date_unixtime" not in message and isinstance(message.get("date"), str)
        why = "date has no zone, and the entry says none" if is_local else "date_unixtime and date tell none"
        return ndjson.Fault("not_a_time", why)
    if kind == "service":
        return ndjson.Fault(ndjson.NOT_SPEECH, "type service")
    if kind != "message":
        is_known = kind == "unsupported"  # of which the file has the number alone
        return ndjson.Fault(
            "unknown_type", "Telegram Desktop could not export it" if is_known else "limit: message or service"
        )
    if not isinstance(message.get("text"), str | list | None):
        return ndjson.Fault("not_text", "text")
    return None


def _time_us(message: dict[str, Any], key: str, zone: tzinfo | None) -> int | None:
    """``date_unixtime`` where it is there; older exports have the time of the machine that made them only."""
    found = message.get(f"{key}_unixtime")
    if found is not None:
        return microseconds(found)
    local = message.get(key)
    if zone is None or not isinstance(local, str):
        return None
    try:
        return microseconds(datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def _parent(message: dict[str, Any], chat_id: int) -> str | None:
    """The message that this one answers, if it stands in the same chat."""
    answered, peer = message.get("reply_to_message_id"), message.get("reply_to_peer_id")
    is_here = peer is None or str(peer).endswith(str(chat_id))
    return f"{chat_id}_{answered}" if is_here and isinstance(answered, int) and not isinstance(answered, bool) else None


def _text(value: object) -> str | None:
    """A text, or its pieces: plain ones, and objects for links, mentions and what is set in bold."""
    pieces = value if isinstance(value, list) else [value]
    texts = [piece.get("text") if isinstance(piece, dict) else piece for piece in pieces]
    return "".join(text for text in texts if isinstance(text, str)) or None


def _reactions(value: object) -> dict[str, int]:
    """Count by emoji; a custom one by the id of its picture. Who reacted is not kept."""
    counts: dict[str, int] = {}
    for reaction in value if isinstance(value, list) else ():
        if not isinstance(reaction, dict):
            continue
        name = reaction.get("emoji") or reaction.get("document_id") or reaction.get("type")
        count = reaction.get("count")
        if isinstance(name, str) and isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            counts[name[:100]] = counts.get(name[:100], 0) + count
    return counts
