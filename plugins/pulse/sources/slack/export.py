"""Source ``slack_export``: zip files that Slack makes of a workspace.

Shape (exports of 2015 to 2026)::

    channels.json   [{"id": "C024BE7LR", "name": "general", …}, …]      public channels
    users.json      [{"id": "U024BE7LH", "is_bot": false, …}, …]
    general/2015-06-05.json   [{"type": "message", "user", "text", "ts", "thread_ts", "subtype", …}, …]

Addresses of files carry tokens that open them (``?t=xoxe-…``): files are not read, and tokens in texts are taken out
before anything is written. Names of members stay in the file.
"""

import html
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pulse.core.errors import ArchiveUnreadable
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.slack import SLACK
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive, documents, ndjson
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import ByteStream
from pulse.sources.lines.prepared import Prepared, PreparedMapping
from pulse.sources.lines.zipped import Zip, opened_zip
from pulse.sources.slack.entry import OBSERVES, SlackExportEntry

SOURCE = "slack_export"
VERSION = 2
_TS = re.compile(r"[0-9]{9,11}\.[0-9]{6}", re.ASCII)
_DAY_FILE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.json", re.ASCII)
_SPEECH = frozenset(
    {None, "bot_message", "me_message", "file_share", "file_comment", "thread_broadcast", "reply_broadcast"}
)
# What Slack writes itself. All that begin so are: channel_join, group_topic, …
_NOTICE_BEGINNINGS = ("channel_", "group_", "mpim_", "bot_add", "bot_remove", "bot_enable", "bot_disable", "pinned_",
                      "unpinned_", "reminder_",
                      "huddle_", "sh_room_", "app_conversation_", "bookmark_", "canvas_", "list_record_")  # fmt: skip
_NOTICES = frozenset(
    {
        "tombstone", "ekm_access_denied", "joiner_notification", "assistant_app_thread", "slackbot_response",
        "document_mention", "file_mention", "message_replied",
    }
)  # fmt: skip
_TOKEN = re.compile(r"([?&](?:t|token)=)?xox[a-z]{1,2}-[A-Za-z0-9._%-]+", re.IGNORECASE)
_MENTION = re.compile(r"<@([A-Z0-9]+)\|[^>]*>")
_KNOWN_KEYS = frozenset(
    {
        "type", "subtype", "user", "text", "ts", "thread_ts", "parent_user_id", "reply_count", "reply_users_count",
        "reply_users", "replies", "latest_reply", "is_locked", "subscribed", "last_read", "edited", "reactions",
        "file", "files", "upload", "display_as_bot", "attachments", "blocks", "user_profile", "user_team",
        "source_team", "team", "client_msg_id", "bot_id", "bot_profile", "app_id", "username", "icons", "comment",
        "is_intro", "purpose", "topic", "inviter", "members", "old_name", "name", "item_type", "item", "root",
        "pinned_to", "pinned_info", "x_files", "metadata", "hidden", "permalink", "channel", "room",
        "no_notifications", "bot_link", "is_starred", "saved",
    }
)  # fmt: skip


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> PreparedMapping:  # noqa: ARG001
    """What the messages of an export mean to the entry."""
    return PreparedMapping(
        platform=SLACK.name,
        source=SOURCE,
        version=VERSION,
        author_key=author_key,
        observes=OBSERVES,
        record_limit="a message with ts",
        read=partial(_read, community=entries[0].community),
    )


def extract(entry: SlackExportEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land the workspace's messages that were written in the window: one load.

    Raises:
        ConfigError, DayNotServable, SourceError, LockBusy, StorageError: see
            :func:`pulse.sources.lines.archive.extract`.
    """
    return [archive.extract(entry, window, context)]


def _read(path: Path, *, community: str) -> Iterator[Prepared | FileStatement]:
    """The messages of all public channels, and that the file speaks for the workspace.

    Raises:
        ArchiveUnreadable: it is no export of Slack, or damaged.
    """
    lacking = []
    with opened_zip(path) as members:
        root = _root(path, members)
        channels = _by_id(path, members, f"{root}channels.json", "name")
        ids = {name: channel_id for channel_id, name in channels.items() if isinstance(name, str)}
        users = f"{root}users.json"
        bots = {one for one, is_bot in _by_id(path, members, users, "is_bot").items() if is_bot is True}
        private = _private_folders(path, members, root)
        unnamed: set[str] = set()
        for name in members.names:
            place = PurePosixPath(name.removeprefix(root))
            channel = str(place.parent)
            if not name.startswith(root) or not _DAY_FILE.fullmatch(place.name) or channel in private:
                continue
            if channel not in ids:
                unnamed.add(channel)
                continue
            opened = partial(_opened, members, name)
            if documents.arrays_of(path, opened=opened) != ("",):
                lacking.append(f"{place}: no list of messages")
                continue
            records = documents.Records(path, array="", opened=opened)
            for message in records:
                yield _prepared(message, community, channel, ids[channel], bots)
            if records.is_cut_off:
                lacking.append(f"{place}: cut off")
    if unnamed:  # their names are not told: they may be those of persons
        lacking.insert(0, f"{len(unnamed):,} folders of no channel in channels.json left out")
    yield FileStatement(
        community=community,
        part="workspace",
        kinds=SLACK.kinds,
        first_s=None,
        end_s=None,
        partial_reason="; ".join(lacking[:5]) or None,
        spans_records=True,
    )


def _opened(members: Zip, name: str) -> AbstractContextManager[ByteStream]:
    return members.opened(name)


def _root(path: Path, members: Zip) -> str:
    """The folder of the export within the zip file, with its slash; some programs put one around it."""
    found = sorted((name for name in members.names if PurePosixPath(name).name == "channels.json"), key=len)
    if not found:
        raise ArchiveUnreadable(
            f"archive {path}",
            value="no channels.json in it",
            limit="a zip file as Slack makes it: channels.json, users.json, and a folder for each channel",
            next_step="export the workspace again, or take the file out of `path`",
        )
    return found[0].removesuffix("channels.json")


def _private_folders(path: Path, members: Zip, root: str) -> set[str]:
    """Folders of what is no public channel: private ones by their names, conversations by their ids."""
    groups = _by_id(path, members, f"{root}groups.json", "name")
    talks = [_by_id(path, members, f"{root}{kind}.json", "name") for kind in ("dms", "mpims")]
    return {name for one in (groups, *talks) for pair in one.items() for name in pair if isinstance(name, str)}


def _by_id(path: Path, members: Zip, name: str, key: str) -> dict[str, Any]:
    """One value of each object of a list, by the objects' ids; nothing where there is no such list."""
    if name not in members.names:
        return {}
    records = documents.Records(path, array="", opened=partial(_opened, members, name))
    return {item["id"]: item.get(key) for item in records if isinstance(item, dict) and isinstance(item.get("id"), str)}


def _prepared(message: object, community: str, channel: str, channel_id: str, bots: set[str]) -> Prepared:
    if not isinstance(message, dict):
        return Prepared(None, fault="not_an_object", detail=type(message).__name__)
    ts, thread_ts, subtype = (message.get(key) for key in ("ts", "thread_ts", "subtype"))
    created_us = _microseconds(ts)
    fault = _fault(message, ts, subtype)
    if fault is not None:
        return Prepared(community, created_us=created_us, fault=fault.name, detail=fault.detail)
    is_reply = _microseconds(thread_ts) is not None and thread_ts != ts
    root = f"{channel_id}_{thread_ts}" if is_reply else None
    author, body = _said(message, subtype)
    counted = message.get("reply_count")
    return Prepared(
        community,
        id=f"{channel_id}_{ts}",
        kind="comment" if is_reply else "message",
        thread_id=root,
        parent_id=root,
        created_us=created_us,
        edited_us=_microseconds(_dict(message.get("edited")).get("ts")),
        body=body,
        channel=channel,
        author=author,
        is_bot="bot_id" in message or subtype == "bot_message" or author in bots or author == "USLACKBOT",
        reply_count=counted if isinstance(counted, int) and not isinstance(counted, bool) else None,
        reactions=_reactions(message.get("reactions")),
        unknown_keys=tuple(key for key in message if key not in _KNOWN_KEYS),
    )


def _fault(message: dict[str, Any], ts: object, subtype: object) -> ndjson.Fault | None:
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        return ndjson.Fault("not_a_time", "ts is missing, or no time with six digits behind the point")
    for key in ("subtype", "text"):
        if not isinstance(message.get(key), str | None):
            return ndjson.Fault("not_text", key)
    if message.get("type") == "message" and subtype in _SPEECH:
        return None
    if subtype in _NOTICES or str(subtype).startswith(_NOTICE_BEGINNINGS):
        return ndjson.Fault(ndjson.NOT_SPEECH, f"subtype {str(subtype)[:40]}")
    return ndjson.Fault("unknown_type", f"{str(message.get('type'))[:40]!r}, subtype {str(subtype)[:40]!r}")


def _said(message: dict[str, Any], subtype: object) -> tuple[str | None, str | None]:
    """Who said what. Old exports wrap a file's comment into words of Slack's own, with an address in them."""
    author, text = message.get("user"), message.get("text")
    if subtype == "file_comment":
        comment = _dict(message.get("comment"))
        author, text = comment.get("user"), comment.get("comment")
    elif subtype == "file_share" and "file" in message:
        text = _dict(_dict(message["file"]).get("initial_comment")).get("comment")
    author = author if isinstance(author, str) else message.get("bot_id")
    return author if isinstance(author, str) else None, _readable(text) if isinstance(text, str) else None


def _readable(text: str) -> str | None:
    """The text as it was written: without names behind mentions, without tokens, and without Slack's escapes."""
    return html.unescape(_TOKEN.sub(r"\1", _MENTION.sub(r"<@\1>", text))) or None


def _reactions(value: object) -> dict[str, int]:
    """Count by name; who reacted is not kept."""
    counts: dict[str, int] = {}
    for reaction in value if isinstance(value, list) else ():
        name, count = (_dict(reaction).get(key) for key in ("name", "count"))
        if isinstance(name, str) and isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            counts[name[:100]] = counts.get(name[:100], 0) + count
    return counts


def _microseconds(ts: object) -> int | None:
    """``1433526372.000002``: seconds and a number that makes it unique within its channel."""
    return int(ts.replace(".", "")) if isinstance(ts, str) and _TS.fullmatch(ts) else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
