"""Which questions Discord is asked, and what the answers mean.

Channels and threads are asked one by one, newest first from the window's end, and only those whose last message is not
older than the window: ids tell times. Any day that is still there can be read so, which is also how contributions are
looked at again, a hundred to a call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from pulse.core.contract import Kind
from pulse.core.errors import ConfigError, SourceError
from pulse.core.text import words_in
from pulse.platforms.discord import DELETED_ACCOUNT, snowflake_at
from pulse.sources.discord.bot import DiscordBotEntry, DiscordBotPolicy
from pulse.sources.live.extraction import Asking, Due, Members, Reached, back_from, is_refused
from pulse.sources.live.fields import BadRecord, Fields, required
from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.items import Item, NotSpeech, Understood, understood
from pulse.sources.live.paging import Progress
from pulse.sources.live.refusals import wrong_shape
from pulse.sources.live.response_cache import SealedPage

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 1
SERVICE = "Discord"
PAGE_MESSAGES = 100
# Discord's numbers for kinds of channels (docs.discord.com, Channel Types). Voice and stage channels have a text chat.
_FORUMS = frozenset({15, 16})
_WITH_MESSAGES = frozenset({0, 2, 5, 13})
_WITH_THREADS = frozenset({0, 5}) | _FORUMS
# Kinds of messages: said, and answered; commands are speech where a program answers in words.
_SPEECH, _REPLY = frozenset({0, 19}), 19
_COMMANDS = frozenset({20, 23})
_FORWARD = 1
# Flags of an application that may read what messages say, the second while it serves fewer than a hundred servers.
_MAY_READ_CONTENT = 1 << 18 | 1 << 19
_MESSAGE_FIELDS = words_in(
    "id channel_id guild_id author member content timestamp edited_timestamp tts mention_everyone mentions "
    "mention_roles mention_channels attachments embeds reactions nonce pinned webhook_id type activity "
    "application application_id flags message_reference message_snapshots referenced_message interaction "
    "interaction_metadata thread components sticker_items stickers position role_subscription_data resolved poll "
    "call"
)


@dataclass(frozen=True)
class _Place:
    """A channel, a thread or a forum post, as it is asked for.

    Attributes:
        channel: as rows carry it; a thread's is the one that it hangs from.
        last_message_id: of the newest message there was; None if there is none.
        title, tags, replies_n: of a forum post.
    """

    place_id: str
    channel: str
    last_message_id: int | None
    is_thread: bool = False
    is_forum_post: bool = False
    title: str | None = None
    tags: Sequence[str] = ()
    replies_n: int | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return ("post", "comment") if self.is_thread else ("message",)

    def may_hold(self, since: datetime) -> bool:
        return self.last_message_id is not None and self.last_message_id >= snowflake_at(since)


class DiscordBotReader:
    """Reads one server; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: DiscordBotEntry) -> None:
        self._entry = entry
        self._refused: set[str] = set()

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All messages of the window, of every channel and thread that the bot may read."""
        self._require_content(asking)
        self._guild(asking)
        return self._read(asking, asking.start_at, asking.end_at)

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """By the days they were written on."""
        shown: set[str] = set()
        for _, of_day in groupby(due, key=lambda one: one.created_at.date()):
            times = [one.created_at for one in of_day]
            self._read(asking, min(times), max(times) + timedelta(milliseconds=1), shown)
        return sum(one.contribution_id not in shown for one in due)

    def members(self, asking: Asking) -> Members | None:
        """As Discord counts them, approximately: who belongs to the server, and who is online."""
        guild = self._guild(asking)
        return Members(guild["members_n"], guild["online_n"])

    # ---- the server ----------------------------------------------------------

    def _require_content(self, asking: Asking) -> None:
        """Refuse a bot that is shown messages without what they say."""

        def parse(answer: JsonAnswer) -> dict[str, Any]:
            return {"flags": _object(answer, "Discord's application").get("flags", 0)}

        flags = asking.document("/applications/@me", {}, parse)["flags"]
        if isinstance(flags, int) and not flags & _MAY_READ_CONTENT:
            raise ConfigError(
                "bot at Discord", value="is shown messages without their text",
                next_step="switch on Message Content Intent: https://discord.com/developers/applications, your "
                "application, Bot, Privileged Gateway Intents",
            )  # fmt: skip

    def _guild(self, asking: Asking) -> dict[str, Any]:
        def parse(answer: JsonAnswer) -> dict[str, Any]:
            facts = _object(answer, "Discord's server")
            numbers = (facts.get("approximate_member_count"), facts.get("approximate_presence_count"))
            members_n, online_n = (one if isinstance(one, int) and 0 <= one < 10**9 else None for one in numbers)
            return {"members_n": members_n, "online_n": online_n}

        return asking.document(f"/guilds/{self._entry.name}", {"with_counts": "true"}, parse)

    def _places(self, asking: Asking, since: datetime) -> Iterator[_Place]:
        """Channels and threads with a message at a time or later, in the order that Discord lists them."""
        channels = asking.document(f"/guilds/{self._entry.name}/channels", {}, _channels)["channels"]
        by_id = {one["id"]: one for one in channels if one["id"] not in self._entry.leave_out}
        for one in by_id.values():
            if one["type"] in _WITH_MESSAGES:
                yield _Place(one["id"], _label(one), _number(one["last_message_id"]))
        active = asking.document(f"/guilds/{self._entry.name}/threads/active", {}, _threads)["threads"]
        threads = {one["id"]: one for one in active}
        for one in by_id.values():
            if one["type"] in _WITH_THREADS:
                threads |= {thread["id"]: thread for thread in self._archived(asking, one["id"], since)}
        for thread in threads.values():
            parent = by_id.get(thread["parent_id"])
            if parent is not None:
                yield _thread_place(thread, parent)

    def _archived(self, asking: Asking, channel_id: str, since: datetime) -> Iterator[dict[str, Any]]:
        """Threads that were archived at a time or later; none was written to after that."""
        path, params = f"/channels/{channel_id}/threads/archived/public", {"limit": 100}
        while True:
            found = asking.document(path, params, _threads, may_refuse=True)
            if not found:
                self._note_refusal(asking, channel_id)
                return
            yield from found["threads"]
            earliest = min((one["archived_at"] for one in found["threads"] if one["archived_at"]), default=None)
            if not found["has_more"] or earliest is None or datetime.fromisoformat(earliest) < since:
                return
            if params.get("before") == earliest:
                return  # it leads nowhere; what was archived before is older still
            params = {"limit": 100, "before": earliest}

    def _note_refusal(self, asking: Asking, place_id: str) -> None:
        """A channel that the bot may not read, or that is gone, is none of the community that it listens to.

        Raises:
            SourceError: there are too many.
        """
        self._refused.add(place_id)
        limit = asking.context.policy(DiscordBotPolicy).most_refused_channels
        if len(self._refused) > limit:
            raise SourceError(
                f"Discord server {self._entry.name}", value=f"refuses {len(self._refused)} channels", limit=limit,
                next_step="give the bot View Channels and Read Message History, or name them in leave_out",
            )  # fmt: skip

    # ---- messages ------------------------------------------------------------

    def _read(
        self, asking: Asking, start_at: datetime, end_at: datetime, shown: set[str] | None = None
    ) -> Mapping[Kind, Reached]:
        reached: dict[Kind, Reached] = {"post": Reached(), "comment": Reached(), "message": Reached()}
        for place in self._places(asking, start_at):
            if not place.may_hold(start_at) or int(place.place_id) >= snowflake_at(end_at):
                continue
            of_place = self._read_place(asking, place, start_at, end_at, shown)
            for kind in place.kinds:
                if of_place.since is not None and of_place.since > (reached[kind].since or start_at):
                    reached[kind] = of_place
        return reached

    def _read_place(
        self, asking: Asking, place: _Place, start_at: datetime, end_at: datetime, shown: set[str] | None
    ) -> Reached:
        def ask(cursor: str | None, progress: Progress) -> SealedPage:
            before = cursor or str(snowflake_at(end_at))
            page = asking.page(
                f"/channels/{place.place_id}/messages", {"limit": PAGE_MESSAGES, "before": before},
                partial(self._messages, place=place, progress=progress), may_refuse=True,
            )  # fmt: skip
            if is_refused(page):
                self._note_refusal(asking, place.place_id)
            if shown is not None:
                shown.update(page.ids)
            return page

        return back_from(asking, f"channel {place.channel}", ask, start_at)

    def _messages(self, answer: JsonAnswer, *, place: _Place, progress: Progress) -> tuple[Understood, str | None]:
        messages = answer.document
        if not isinstance(messages, list):
            raise wrong_shape("Discord's messages", expected="a list", service=SERVICE)
        found = understood(
            messages, partial(self._message, place=place), community=self._entry.community, known_fields=_MESSAGE_FIELDS
        )
        ids = [int(one) for one in found.ids if one.isdigit()]
        after = str(min(ids)) if ids and len(messages) >= PAGE_MESSAGES else None
        progress.require_new(f"Discord's channel {place.channel}", found.ids, after)
        return found, after

    def _message(self, fields: Fields, *, place: _Place) -> Item:
        message_id = required(fields.text("id"), "id")
        created_at = required(fields.time("timestamp"), "timestamp")
        kind, content = required(fields.whole("type"), "type"), fields.text("content")
        if not (kind in _SPEECH or (kind in _COMMANDS and content)):
            raise NotSpeech(created_at)
        author = required(fields.inside("author"), "author")
        is_opener = place.is_forum_post and message_id == place.place_id
        answered = _answered(fields, kind, place)
        is_bot = author.flag("bot") or fields.name("webhook_id") is not None
        author_id = author.text("id")
        return Item(
            id=message_id,
            kind="post" if is_opener else "comment" if place.is_thread else "message",
            community=self._entry.community,
            channel=place.channel,
            created_at=created_at,
            edited_at=fields.time("edited_timestamp"),
            thread_id=place.place_id if place.is_thread else message_id,
            parent_id=None if is_opener else answered or (place.place_id if place.is_thread else None),
            title=place.title if is_opener else None,
            body=content or _poll_question(fields),
            permalink=f"https://discord.com/channels/{self._entry.name}/{place.place_id}/{message_id}",
            tags=place.tags if is_opener else (),
            author=None if author_id == DELETED_ACCOUNT else author_id,
            role="bot" if is_bot else None,
            reply_count=place.replies_n if is_opener else None,
            reactions=_reactions(fields),
            extra={"isPinned": fields.flag("pinned") is True, "type": str(kind)},
        )


def _answered(fields: Fields, kind: int, place: _Place) -> str | None:
    """The message that this one answers; forwards and answers into other channels answer none here."""
    reference = fields.inside("message_reference")
    if kind != _REPLY or reference is None or reference.whole("type") == _FORWARD:
        return None
    is_here = reference.name("channel_id") in (None, place.place_id)
    return reference.name("message_id") if is_here else None


def _poll_question(fields: Fields) -> str | None:
    poll = fields.inside("poll")
    question = poll.inside("question") if poll is not None else None
    return question.text("text") if question is not None else None


def _reactions(fields: Fields) -> dict[str, int]:
    """Count by emoji, the paid "super" ones included: itself, or the name of a server's own."""
    counts: dict[str, int] = {}
    for thing in fields.items("reactions") or ():
        reaction = Fields(thing, "reaction")
        emoji = required(reaction.inside("emoji"), "emoji")
        name = (emoji.text("name") or emoji.name("id") or "?")[:100]
        count = required(reaction.whole("count"), "count")
        if not 0 <= count < 10**9:
            raise BadRecord("number_out_of_range", "count of a reaction")
        counts[name] = counts.get(name, 0) + count
    return counts


# ---- channels and threads, as they are sealed ---------------------------------


def _object(answer: JsonAnswer, what: str) -> Mapping[str, Any]:
    if not isinstance(answer.document, Mapping) or "id" not in answer.document:
        raise wrong_shape(what, expected="an object with `id`", service=SERVICE)
    return answer.document


def _channels(answer: JsonAnswer) -> dict[str, Any]:
    if not isinstance(answer.document, list):
        raise wrong_shape("Discord's channels", expected="a list", service=SERVICE)
    return {"channels": [_channel(one) for one in answer.document]}


def _channel(document: object) -> dict[str, Any]:
    try:
        fields = Fields(document, "channel")
        tags = [Fields(one, "tag") for one in fields.items("available_tags") or ()]
        return {
            "id": _id(fields, "id"), "type": required(fields.whole("type"), "type"), "name": fields.text("name") or "",
            "last_message_id": fields.text("last_message_id"),
            "tags": {_id(tag, "id"): tag.text("name") or "" for tag in tags},
        }  # fmt: skip
    except BadRecord as error:
        raise wrong_shape("Discord's channels", expected="channels with id and type", service=SERVICE) from error


def _threads(answer: JsonAnswer) -> dict[str, Any]:
    document = answer.document
    threads = document.get("threads") if isinstance(document, Mapping) else None
    if not isinstance(threads, list):
        raise wrong_shape("Discord's threads", expected="an object with `threads`", service=SERVICE)
    return {"threads": [_thread(one) for one in threads], "has_more": document.get("has_more") is True}


def _thread(document: object) -> dict[str, Any]:
    try:
        fields = Fields(document, "thread")
        facts = fields.inside("thread_metadata")
        archived_at = facts.time("archive_timestamp") if facts is not None else None
        return {
            "id": _id(fields, "id"), "parent_id": fields.text("parent_id"), "name": fields.text("name") or "",
            "last_message_id": fields.text("last_message_id"),
            "replies_n": fields.whole("message_count"),
            "tags": [str(one) for one in fields.items("applied_tags") or ()],
            "archived_at": archived_at.isoformat() if archived_at else None,
        }  # fmt: skip
    except BadRecord as error:
        raise wrong_shape("Discord's threads", expected="threads with id", service=SERVICE) from error


def _id(fields: Fields, name: str) -> str:
    """An id that may stand in a path."""
    found = required(fields.text(name), name)
    if not (found.isascii() and found.isdigit() and len(found) <= 20):
        raise BadRecord("not_an_id", found[:40])
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _label(channel: Mapping[str, Any]) -> str:
    """A channel as rows carry it: names repeat on a server, so the id's last four digits stand behind them."""
    return f"{channel['name'] or 'channel'}-{channel['id'][-4:]}"


def _thread_place(thread: Mapping[str, Any], parent: Mapping[str, Any]) -> _Place:
    """Its last message is at least as young as itself, if Discord does not say which it is."""
    last_id = _number(thread["last_message_id"])
    is_forum_post = parent["type"] in _FORUMS
    return _Place(
        thread["id"],
        _label(parent),
        max(last_id or 0, int(thread["id"])),
        is_thread=True,
        is_forum_post=is_forum_post,
        title=thread["name"] or None,
        tags=[parent["tags"][one] for one in thread["tags"] if parent["tags"].get(one)] if is_forum_post else (),
        replies_n=thread["replies_n"] if is_forum_post else None,
    )
