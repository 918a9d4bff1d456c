"""Which questions Bluesky is asked, and what the answers mean.

A feed is read from its newest post back until a page is older than the window, a hundred posts to a call. It must come
in order of time: of a feed that ranks its posts otherwise, no day can be told. A feed that ends sooner proves no more
than it shows, for feeds keep days, not years.

Answers are not listed by time anywhere. They are read thread by thread: of the window's posts, and of those that the
feed shows of some days before (``thread_days``). An answer to an older post is no part of what a feed means here.

The time of a post is the earlier of what its author says (``createdAt``) and of when the server saw it (``indexedAt``),
which is what Bluesky sorts by: a claim can put a post into the past, never into the future.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from pulse.core.contract import Kind
from pulse.core.errors import CallsSpent, SourceError
from pulse.core.text import words_in
from pulse.sources.bluesky.entry import BlueskyEntry, BlueskyPolicy
from pulse.sources.bluesky.ids import PostIds, account_of
from pulse.sources.live.extraction import Asking, Due, Members, Reached
from pulse.sources.live.fields import BadRecord, Fields, required
from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.items import Item, NotSpeech, Understood, understood
from pulse.sources.live.paging import Listing, Progress
from pulse.sources.live.refusals import refusal, wrong_shape
from pulse.sources.live.response_cache import SealedPage

log = logging.getLogger(__name__)

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 1
SERVICE = "Bluesky"
MOST_FEED_POSTS = 100
MOST_POSTS = 25
_FEED_PATH = "/xrpc/app.bsky.feed.getFeed"
_POSTS_PATH = "/xrpc/app.bsky.feed.getPosts"
_THREAD_PATH = "/xrpc/app.bsky.feed.getPostThread"
# Of a thousand at most; an answer is an object in an object, and parsers end somewhere. What is deeper is asked for.
_DEPTH = 100
# A thread whose end is never shown is left after so many questions.
_MOST_PARTS = 100
# Times of posts next to each other differ by delays; one pinned or delayed post does not make a feed unordered.
_DELAY_S = 3_600
_UNORDERED_SHARE = 0.1
# The platform counts answers that it does not show: of blocked and hidden accounts. More are a thread that was cut.
_UNSHOWN_SHARE = 0.1
_NOT_WITHOUT_LOGIN = "!no-unauthenticated"
_POST_FIELDS = words_in(
    "uri cid author record embed bookmarkCount replyCount repostCount likeCount quoteCount indexedAt viewer labels "
    "threadgate debug reason reply feedContext reqId"
)
# Addresses that name somebody: pages of accounts, and hosts that are a handle.
_OF_SOMEBODY = re.compile(r"https?://(?:[^/]*bsky\.app/profile/|[^/]*\.bsky\.social(?:/|$)|[^/]*/@)", re.IGNORECASE)


class BlueskyReader:
    """Reads one entry; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: BlueskyEntry) -> None:
        self._entry = entry
        self._unshown_n = self._shown_n = 0

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """The feed's posts of the window, and the answers to them and to those of some days before."""
        ids = PostIds(asking.context.author_key)
        posts, answered, cut_off = self._read_feed(asking, ids)
        try:
            for root in answered:
                self._read_thread(asking, ids, root)
        except CallsSpent:
            cut_off = "the calls of this run were spent"
        told_n = self._shown_n + self._unshown_n
        if self._unshown_n > _UNSHOWN_SHARE * told_n:
            cut_off = cut_off or f"{SERVICE} did not show {self._unshown_n} of {told_n} answers"
        return {"post": posts, "comment": Reached(asking.window.end_at, cut_off) if cut_off else posts}

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """By their addresses, 25 to a call; what is gone is left out of the answer."""
        ids = PostIds(asking.context.author_key)
        shown: set[str] = set()
        for page in self._posts(asking, ids, [one.contribution_id for one in due]):
            shown.update(page.ids)
        return len({one.contribution_id for one in due} - shown)

    def members(self, asking: Asking) -> Members | None:  # noqa: ARG002
        """A feed has none."""
        return None

    # ---- the feed ----------------------------------------------------------

    def _read_feed(self, asking: Asking, ids: PostIds) -> tuple[Reached, list[str], str]:
        """How far it was read; posts that somebody answered; and why not all of those were found that could be."""
        start_s = asking.window.start_at.timestamp()
        threads_since = asking.window.start_at - timedelta(days=asking.context.policy(BlueskyPolicy).thread_days)

        def ask(cursor: str | None, progress: Progress) -> SealedPage:
            params: dict[str, str | int] = {"limit": MOST_FEED_POSTS, **({} if cursor is None else {"cursor": cursor})}
            # The address of a feed names whoever made it.
            return asking.page(
                _FEED_PATH, params, partial(self._feed, ids=ids, known=progress),
                notes=partial(self._notes_of_feed, ids, threads_since, asking.window.end_at),
                asked_with={**params, "feed": self._entry.feed},
            )  # fmt: skip

        listing = Listing(ask)
        answered: dict[str, None] = {}
        rises_n, pairs_n, since_s = 0, 0, None
        for page in listing:
            answered |= dict.fromkeys(page.notes["answered"])
            rises_n, pairs_n = rises_n + page.notes["rises"], pairs_n + page.notes["pairs"]
            if rises_n > max(1.0, _UNORDERED_SHARE * pairs_n):
                raise SourceError(
                    f"{SERVICE}'s feed of {self._entry.entry_id}", value="is not in order of time",
                    limit="newest first: of another feed no day can be told",
                    next_step="choose a feed that shows the newest first",
                )  # fmt: skip
            if page.notes["until_s"] is None:
                continue
            since_s = page.notes["since_s"] if since_s is None else min(since_s, page.notes["since_s"])
            if page.notes["until_s"] < threads_since.timestamp():
                break
        if since_s is None:
            raise SourceError(
                f"{SERVICE}'s feed of {self._entry.entry_id}", value="shows no post that can be used",
                next_step="open it in the app: if it shows posts there, what it answers has changed",
            )  # fmt: skip
        if since_s < start_s:
            return Reached(), list(answered), listing.cut_off or ""
        reason = f"{SERVICE}'s feed: {listing.cut_off or 'it shows no more'}"
        return Reached(datetime.fromtimestamp(since_s, UTC), reason), list(answered), listing.cut_off or ""

    def _feed(self, answer: JsonAnswer, *, ids: PostIds, known: Progress) -> tuple[Understood, str | None]:
        things = _list_in(answer, "feed", _FEED_PATH)
        found = self._understood([_flat(one) for one in things], ids)
        after = answer.document.get("cursor")
        if not things or not isinstance(after, str | None):
            after = None
        if not things and not known.ids:
            raise wrong_shape(f"{SERVICE}'s feed", expected="at least one post", service=SERVICE)
        known.require_new(f"{SERVICE}'s feed", [one for one in found.ids if one not in set(known.ids)], after)
        return found, after or None

    def _notes_of_feed(self, ids: PostIds, since: datetime, until: datetime, answer: JsonAnswer) -> dict[str, Any]:
        """What resuming needs of a page: posts of some time that somebody answered, and whether it is in order.

        Pinned posts stand where they are whatever their time; a repost stands where it was made.
        """
        answered: list[str] = []
        times: list[float] = []
        for one in answer.document["feed"]:
            try:
                fields = Fields(_flat(one))
                reason = fields.inside("reason")
                if reason is not None and _is_repost(reason):
                    times.append(required(reason.time("indexedAt"), "indexedAt").timestamp())
                    continue
                item = self._post(fields, ids)
                if reason is None:
                    times.append(required(fields.time("indexedAt"), "indexedAt").timestamp())
                if item.kind == "post" and item.reply_count and since <= item.created_at < until:
                    answered.append(item.id)
            except BadRecord:
                continue
        rises = sum(after > before + _DELAY_S for before, after in pairwise(times))
        return {
            "answered": answered, "rises": rises, "pairs": max(len(times) - 1, 0), "until_s": max(times, default=None),
            "since_s": min(times, default=None),
        }  # fmt: skip

    # ---- posts by their addresses ------------------------------------------

    def _posts(self, asking: Asking, ids: PostIds, post_ids: Sequence[str]) -> Iterator[SealedPage]:
        addresses = {post_id: uri for post_id in post_ids if (uri := ids.uri_of(post_id)) is not None}
        named = list(addresses)
        for at in range(0, len(named), MOST_POSTS):
            batch = named[at : at + MOST_POSTS]

            def parse(answer: JsonAnswer) -> tuple[Understood, str | None]:
                return self._understood(_list_in(answer, "posts", _POSTS_PATH), ids), None

            yield asking.page(
                _POSTS_PATH, {"ids": batch}, parse, asked_with={"uris": [addresses[one] for one in batch]}
            )

    # ---- threads -----------------------------------------------------------

    def _read_thread(self, asking: Asking, ids: PostIds, root: str) -> None:
        """All answers below a post that are shown; parts of it that are left out are asked for by themselves."""
        waiting, asked = [root], {root}
        while waiting and len(asked) <= _MOST_PARTS:
            post_id = waiting.pop(0)
            page = asking.page(
                _THREAD_PATH, {"id": post_id, "depth": _DEPTH, "parentHeight": 0}, partial(self._thread, ids=ids),
                notes=partial(_notes_of_thread, ids),
                asked_with={"uri": ids.uri_of(post_id) or "", "depth": _DEPTH, "parentHeight": 0},
            )  # fmt: skip
            self._unshown_n += page.notes["unshown"]
            self._shown_n += page.notes["shown"]
            new = [one for one in page.notes["left_out"] if one not in asked]
            asked.update(new)
            waiting += new

    def _thread(self, answer: JsonAnswer, *, ids: PostIds) -> tuple[Understood, str | None]:
        return self._understood([_post_in(node) for node in _nodes(answer)], ids), None

    # ---- what things mean --------------------------------------------------

    def _understood(self, things: Sequence[Any], ids: PostIds) -> Understood:
        return understood(
            things, partial(self._post_or_none, ids=ids), community=self._entry.community, known_fields=_POST_FIELDS,
            id_field="cid",
        )  # fmt: skip

    def _post_or_none(self, fields: Fields, ids: PostIds) -> Item:
        """A post that was written here: no repost, nothing that is gone or hidden from us."""
        if fields.flag("notFound") or fields.flag("blocked"):
            raise NotSpeech(None)
        reason = fields.inside("reason")
        if reason is not None and _is_repost(reason):
            raise NotSpeech(reason.time("indexedAt"))
        author = fields.inside("author")
        if author is not None and _NOT_WITHOUT_LOGIN in _labels(author):
            raise NotSpeech(fields.time("indexedAt"))
        return self._post(fields, ids)

    def _post(self, fields: Fields, ids: PostIds) -> Item:
        uri = required(fields.text("uri"), "uri")
        record = required(fields.inside("record"), "record")
        seen_at = required(fields.time("indexedAt"), "indexedAt")
        try:
            claimed_at = record.time("createdAt")
        except BadRecord:  # a claim, and none that can be read
            claimed_at = None
        reply = record.inside("reply")
        post_id = ids.id_of(uri)
        return Item(
            id=post_id,
            kind="post" if reply is None else "comment",
            community=self._entry.community,
            created_at=seen_at if claimed_at is None else min(claimed_at, seen_at),
            thread_id=post_id if reply is None else _id_in(reply, "root", ids),
            parent_id=None if reply is None else _id_in(reply, "parent", ids),
            body=record.text("text"),
            url=_link_in(record),
            tags=[tag for tag in record.items("tags") or () if isinstance(tag, str)],
            author=account_of(uri),
            score=fields.whole("likeCount"),
            reply_count=fields.whole("replyCount"),
            share_count=_sum(fields.whole("repostCount"), fields.whole("quoteCount")),
            extra=_extra(fields, record),
        )


def _list_in(answer: JsonAnswer, name: str, path: str) -> list[Any]:
    _require_answer(answer, path)
    found = answer.document.get(name) if isinstance(answer.document, dict) else None
    if not isinstance(found, list):
        raise wrong_shape(f"{SERVICE} at {path}", expected=f"an object with `{name}`", service=SERVICE)
    return found


def _require_answer(answer: JsonAnswer, path: str) -> None:
    """Refusals have status 400, as has the word that a post is gone; what they say may name somebody."""
    if answer.status != 200:
        name = answer.document.get("error") if isinstance(answer.document, dict) else None
        reason = name if isinstance(name, str) and re.fullmatch("[A-Za-z]{1,60}", name) else ""
        raise refusal(SERVICE, path, answer.status, reason=reason, credentials="")


def _flat(thing: Any) -> Any:
    """What a feed shows of one post: the post, and why it is there."""
    if not isinstance(thing, dict) or not isinstance(thing.get("post"), dict):
        return thing
    return thing["post"] | ({"reason": thing["reason"]} if thing.get("reason") is not None else {})


def _is_repost(reason: Fields) -> bool:
    return (reason.text("$type") or "").endswith("#reasonRepost")


def _nodes(answer: JsonAnswer) -> list[Any]:
    """All of a thread, in any depth, what is gone included; a post that is gone itself is one node."""
    document = answer.document
    if answer.status == 400 and isinstance(document, dict) and document.get("error") == "NotFound":
        return [{"notFound": True}]
    _require_answer(answer, _THREAD_PATH)
    root = document.get("thread") if isinstance(document, dict) else None
    if not isinstance(root, dict):
        raise wrong_shape(f"{SERVICE} at {_THREAD_PATH}", expected="an object with `thread`", service=SERVICE)
    nodes, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        replies = node.get("replies") if isinstance(node, dict) else None
        waiting += replies if isinstance(replies, list) else []
    return nodes


def _post_in(node: Any) -> Any:
    return node["post"] if isinstance(node, dict) and isinstance(node.get("post"), dict) else node


def _notes_of_thread(ids: PostIds, answer: JsonAnswer) -> dict[str, Any]:
    """How many answers are shown and how many are counted and not shown; and the posts whose answers were left out."""
    nodes = _nodes(answer)
    left_out: list[str] = []
    unshown_n = 0
    for node in nodes:
        try:
            post = Fields(_post_in(node))
            told_n = post.whole("replyCount") or 0
            replies = node.get("replies")
            if isinstance(replies, list):
                unshown_n += max(told_n - len(replies), 0)
            elif told_n:
                left_out.append(ids.id_of(post.text("uri") or ""))
        except BadRecord:
            continue
    return {"shown": len(nodes) - 1, "unshown": unshown_n, "left_out": left_out}


def _id_in(reply: Fields, name: str, ids: PostIds) -> str:
    reference = required(reply.inside(name), name)
    return ids.id_of(required(reference.text("uri"), f"{name}_uri"))


def _link_in(record: Fields) -> str | None:
    """What a post links to by its card, unless that is somebody's page."""
    embed = record.inside("embed")
    media = None if embed is None else embed.inside("media")
    for one in (embed, media):
        card = None if one is None or not isinstance(one.document.get("external"), Mapping) else one.inside("external")
        link = None if card is None else card.text("uri")
        if link:
            return None if _OF_SOMEBODY.match(link) else link
    return None


def _labels(fields: Fields) -> list[str]:
    found = fields.document.get("labels")
    values = (one.get("val") for one in found if isinstance(one, dict)) if isinstance(found, list) else ()
    return sorted({value for value in values if isinstance(value, str) and len(value) <= 128})


def _extra(fields: Fields, record: Fields) -> dict[str, Any]:
    langs = [one for one in record.items("langs") or () if isinstance(one, str) and len(one) <= 35]
    facts = {"langs": langs, "labels": _labels(fields)}
    return {name: value for name, value in facts.items() if value}


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
