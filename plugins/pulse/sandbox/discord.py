"""Discord as a bot reads it: one server with a channel for talk and a forum. Synthetic; forms are its documentation's.

(https://docs.discord.com/developers/resources/message and /channel.) What opens a thread in the talk is a message or a
forum post here, by whether somebody asked; answers to a message stand in the channel, those to a post in its thread.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pulse.platforms.discord import snowflake_at
from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, number_in

TOKEN = "pulse-sandbox-secret"  # noqa: S105  (of the sandbox)
SERVER_ID = "700000000000000001"
_TALK_ID, _FORUM_ID, _CLOSED_ID = "700000000000000101", "700000000000000102", "700000000000000103"
_MOST_MESSAGES = 100


class DiscordDouble:
    """Answers as ``/api/v10`` does."""

    def __init__(
        self,
        talk_at: TalkAt,
        *,
        is_asked: Callable[[Said], bool] = lambda one: one.number % 2 == 0,
        most_messages_n: int = _MOST_MESSAGES,
        flags: int = 1 << 18,
        server_id: str = SERVER_ID,
    ) -> None:
        """A server of one talk.

        Args:
            is_asked: of what opens a thread, whether it stands in the forum.
            flags: of the bot's application.
        """
        self._talk_at = talk_at
        self._is_asked = is_asked
        self._most_messages_n = most_messages_n
        self._flags = flags
        self._server_id = server_id

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:
        """What the platform would say at a time."""
        given = {name.lower(): value for name, value in headers.items()}.get("authorization")
        if given != f"Bot {TOKEN}":
            return Reply({"message": "401: Unauthorized", "code": 0}, 401)
        return self._answer(path, params, self._talk_at(now))

    def _answer(self, path: str, params: Mapping[str, str], talk: Talk) -> Reply:
        of_server = f"/guilds/{self._server_id}"
        counts = {"approximate_member_count": talk.members_n, "approximate_presence_count": talk.active_n}
        plain: dict[str, Callable[[], Any]] = {
            "/applications/@me": lambda: {"id": "700000000000000009", "name": "listener", "flags": self._flags},
            of_server: lambda: {"id": self._server_id, "name": "Shutter Attic Darkroom"} | counts,
            f"{of_server}/channels": lambda: self._channels(talk),
            f"{of_server}/threads/active": lambda: {"threads": [self._thread(one, talk) for one in self._posts(talk)]},
        }
        if path in plain:
            return Reply(plain[path]())
        if re.fullmatch(r"/channels/\d+/threads/archived/public", path):
            return Reply({"threads": [], "members": [], "has_more": False})
        one_message = re.fullmatch(r"/channels/(\d+)/messages/(\d+)", path)
        if one_message is not None:
            return self._one_message(one_message[1], one_message[2], talk)
        messages = re.fullmatch(r"/channels/(\d+)/messages", path)
        if messages is None:
            return Reply({"message": "404: Not Found", "code": 0}, 404)
        if messages[1] == _CLOSED_ID:
            return Reply({"message": "Missing Access", "code": 50001}, 403)
        return Reply(self._messages(messages[1], talk, params))

    def _posts(self, talk: Talk) -> Iterator[Said]:
        return (one for one in talk.shown if one.is_post and self._is_asked(one))

    def _stands_in(self, one: Said, talk: Talk) -> str:
        """The channel or thread that it is in."""
        opener = talk.by_number.get(one.thread)
        in_forum = opener is not None and opener.removal == "none" and self._is_asked(opener)
        return message_id(opener) if in_forum and opener is not None else _TALK_ID

    def _channels(self, talk: Talk) -> list[dict[str, Any]]:
        in_talk = [one for one in talk.shown if self._stands_in(one, talk) == _TALK_ID]
        last = max((int(message_id(one)) for one in in_talk), default=None)
        newest_post = next(self._posts(talk), None)
        return [
            {"id": _TALK_ID, "type": 0, "name": "general", "last_message_id": None if last is None else str(last)},
            {
                "id": _FORUM_ID, "type": 15, "name": "help", "available_tags": [{"id": "1", "name": "open"}],
                "last_message_id": None if newest_post is None else message_id(newest_post),
            },
            {"id": _CLOSED_ID, "type": 0, "name": "staff", "last_message_id": str(1 << 62)},
            {"id": "700000000000000104", "type": 4, "name": "a category"},
        ]  # fmt: skip

    def _thread(self, post: Said, talk: Talk) -> dict[str, Any]:
        inside = [one for one in talk.shown if one.thread == post.number]
        return {
            "id": message_id(post), "type": 11, "parent_id": _FORUM_ID, "guild_id": self._server_id, "name": post.title,
            "last_message_id": str(max(int(message_id(one)) for one in inside)), "message_count": len(inside) - 1,
            "applied_tags": ["1"],
            "thread_metadata": {"archived": False, "archive_timestamp": post.created_at.isoformat(), "locked": False},
        }  # fmt: skip

    def _one_message(self, place_id: str, asked_id: str, talk: Talk) -> Reply:
        for one in talk.shown:
            if message_id(one) == asked_id and self._stands_in(one, talk) == place_id:
                return Reply(_message(one, talk, place_id))
        return Reply({"message": "Unknown Message", "code": 10008}, 404)

    def _messages(self, place_id: str, talk: Talk, params: Mapping[str, str]) -> list[dict[str, Any]]:
        before = number_in(params.get("before"), 1 << 63)
        limit = min(number_in(params.get("limit"), 50), self._most_messages_n)
        inside = (one for one in talk.shown if self._stands_in(one, talk) == place_id)
        ordered = sorted((one for one in inside if int(message_id(one)) < before), key=_id_of, reverse=True)
        return [_message(one, talk, place_id) for one in ordered[:limit]]


def message_id(one: Said) -> str:
    """Its snowflake; the number tells apart what was said in one millisecond."""
    return str(snowflake_at(one.created_at) + one.number % (1 << 22))


def _id_of(one: Said) -> int:
    return int(message_id(one))


def _message(one: Said, talk: Talk, place_id: str) -> dict[str, Any]:
    answered = talk.by_number.get(one.parent) if one.parent is not None else None
    author = {"id": str(500_000_000_000_000_000 + (one.author_number or 0)), "username": one.author, "bot": one.is_bot}
    message: dict[str, Any] = {
        "id": message_id(one), "channel_id": place_id, "type": 0 if answered is None else 19,
        "content": one.body or "", "timestamp": one.created_at.isoformat(), "author": author,
        "edited_timestamp": one.edited_at.isoformat() if one.edited_at else None, "pinned": False, "attachments": [],
        "embeds": [], "mentions": [], "mention_roles": [], "mention_everyone": False, "tts": False, "flags": 0,
        "components": [],
    }  # fmt: skip
    if one.title is not None and place_id == _TALK_ID:
        message["content"] = f"{one.title}\n{one.body or ''}".strip()
    if one.score > 0:
        details = {"burst": 0, "normal": one.score}
        message["reactions"] = [{"emoji": {"id": None, "name": "👍"}, "count": one.score, "count_details": details}]
    if answered is not None:
        message["message_reference"] = {"type": 0, "message_id": message_id(answered), "channel_id": place_id}
    return message
