"""The made-up people on other platforms: a group whose posts somebody saved as a table, a server exported as a chat.

Made of a world of their own, so that nobody says the same in two places: the posts of one community become the group,
the threads of another the chat, where each comment answers a message.
"""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pulse.core.files import write_bytes
from pulse.sandbox.world import World
from pulse.sandbox.world_model import Contribution, author_at, body_at, comments_at, is_gone_at, score_at, title_at

GROUP_OF, SERVER_OF = "crumbclub", "inkandnib"
GROUP_FILE = "group_sunday_bakers.csv"
SERVER_NAME, SERVER_ID = "Ink and Nib Lounge", "600000000000000001"
_CHANNELS = {"general": "600000000000000101", "help": "600000000000000102"}
_GROUP_COLUMNS = ("post_id", "posted", "author", "message", "likes", "loves", "comments")
_SNOWFLAKES_SINCE = datetime(2015, 1, 1, tzinfo=UTC)


def write_elsewhere(world: World, out: Path, *, seen_at: datetime) -> None:
    """Write both under ``out``, as they stand at a time; files that are there are replaced.

    Args:
        seen_at: when somebody saved the table and exported the server. What was taken down by then is in neither.

    Raises:
        StorageError: ``out`` cannot be written.
    """
    shown = [
        one
        for one in world.contributions
        if one.appears_at <= seen_at and not is_gone_at(one, seen_at) and not one.is_orphan
    ]
    posts = [one for one in shown if one.community.name == GROUP_OF and one.is_post]
    write_bytes(out / GROUP_FILE, _table(posts, seen_at))
    talk = [one for one in shown if one.community.name == SERVER_OF]
    for channel, channel_id in _CHANNELS.items():
        write_bytes(out / f"{SERVER_NAME} - {channel} [{channel_id}].json", _export(talk, channel, seen_at))


def _table(posts: Iterable[Contribution], at: datetime) -> bytes:
    """A CSV as people's tools write it; the time is UTC and does not say so."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_GROUP_COLUMNS)
    for post in posts:
        likes = max(score_at(post, at), 0)
        writer.writerow(
            [
                f"600_{post.full_id[3:]}",
                f"{post.created_at:%Y-%m-%d %H:%M:%S}",
                author_at(post, at) or "",
                _text(post, at),
                likes - likes // 4,
                likes // 4,
                comments_at(post, at),
            ]
        )
    return text.getvalue().encode()


def _export(talk: list[Contribution], channel: str, at: datetime) -> bytes:
    """One channel in the shape of DiscordChatExporter's JSON; questions are asked in a channel of their own."""
    channel_of = {one.full_id: "help" if one.ask is not None else "general" for one in talk if one.is_post}
    ids = {one.full_id: _snowflake(one.created_at, number) for number, one in enumerate(talk)}
    messages = [_message(one, ids, at) for one in talk if channel_of.get(one.thread_id) == channel]
    document = {
        "guild": {"id": SERVER_ID, "name": SERVER_NAME},
        "channel": {"id": _CHANNELS[channel], "type": "GuildTextChat", "name": channel, "topic": None},
        "dateRange": {"after": None, "before": None},
        "exportedAt": at.isoformat(),
        "messages": messages,
        "messageCount": len(messages),
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _message(one: Contribution, ids: dict[str, str], at: datetime) -> dict[str, Any]:
    parent = ids.get(one.parent_id) if one.parent_id else None
    score = score_at(one, at)
    message: dict[str, Any] = {
        "id": ids[one.full_id],
        "type": "Reply" if parent else "Default",
        "timestamp": one.created_at.isoformat(),
        "timestampEdited": one.edit.at.isoformat() if one.edit is not None and one.edit.at <= at else None,
        "isPinned": one.is_stickied,
        "content": _text(one, at),
        "author": {
            "id": _snowflake(_SNOWFLAKES_SINCE + timedelta(days=400), int(one.author.full_id[3:], 36)),
            "name": one.author.name,
            "isBot": one.role == "bot",
        },
        "attachments": [],
        "reactions": [{"emoji": {"id": "", "name": "👍"}, "count": score}] if score > 0 else [],
    }
    if parent:
        message["reference"] = {"messageId": parent, "channelId": None, "guildId": None}
    return message


def _snowflake(at: datetime, number: int) -> str:
    """An id of that time; the number tells ids of one time apart, and fits into what an id has left for it."""
    return str((int((at - _SNOWFLAKES_SINCE).total_seconds() * 1_000) << 22) + number % (1 << 22))


def _text(one: Contribution, at: datetime) -> str:
    return "\n".join(part for part in (title_at(one, at), body_at(one, at)) if part)
