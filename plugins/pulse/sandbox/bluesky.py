"""Bluesky's public API over what people said, as one feed; synthetic but for the names and forms of fields.

Recorded answers tell those, and snapshots of its server how nodes of a thread look that are gone. That a deleted answer
is left out, that a post that is gone is answered with 400, and the limits are from its documentation
(https://docs.bsky.app/docs/api, looked up 2026-11-28).
"""

import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, number_in

_MOST_POSTS = 100
_MOST_NAMED = 25
_ALPHABET = "234567" + string.ascii_lowercase


def uri_of(said: Said) -> str:
    """The address of something said: its author's account, and a key."""
    return f"at://{_account(said)}/app.bsky.feed.post/{_in_base32(said.number, 13)}"


class BlueskyDouble:
    """Answers for the public API; the feed shows all posts, newest first."""

    def __init__(self, talk_at: TalkAt, *, most_posts_n: int = _MOST_POSTS, most_depth_n: int = 1_000) -> None:
        """A double of one talk.

        Args:
            most_posts_n: the most that one question about the feed is answered with.
            most_depth_n: how deep threads are shown at most.
        """
        self._talk_at = talk_at
        self._most_posts_n = most_posts_n
        self._most_depth_n = most_depth_n

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:  # noqa: ARG002
        """What the platform would say at a time; several ``uris`` stand with commas between."""
        talk = self._talk_at(now)
        by_uri = {uri_of(one): one for one in talk.shown}
        match path.removeprefix("/xrpc/app.bsky.feed."):
            case "getFeed":
                return self._feed(talk, params)
            case "getPosts":
                named = [uri for uri in params.get("uris", "").split(",") if uri]
                if not 0 < len(named) <= _MOST_NAMED:
                    return Reply({"error": "InvalidRequest", "message": "uris must have 1 to 25 items"}, 400)
                return Reply({"posts": [_post(by_uri[uri], talk) for uri in named if uri in by_uri]})
            case "getPostThread":
                root = by_uri.get(params.get("uri", ""))
                if root is None:
                    return Reply({"error": "NotFound", "message": f"Post not found: {params.get('uri')}"}, 400)
                depth_n = min(number_in(params.get("depth"), 6), self._most_depth_n)
                return Reply({"thread": _node(root, talk, depth_n)})
        return Reply({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, 501)

    def _feed(self, talk: Talk, params: Mapping[str, str]) -> Reply:
        if not params.get("feed"):
            return Reply({"error": "InvalidRequest", "message": "Params must have the property feed"}, 400)
        posts = [one for one in talk.shown if one.is_post]
        at, limit_n = number_in(params.get("cursor"), 0), min(number_in(params.get("limit"), 50), self._most_posts_n)
        shown = [{"post": _post(one, talk)} for one in posts[at : at + limit_n]]
        more = {"cursor": str(at + limit_n)} if at + limit_n < len(posts) else {}
        return Reply({"feed": shown, **more})


def _post(one: Said, talk: Talk) -> dict[str, Any]:
    record: dict[str, Any] = {
        "$type": "app.bsky.feed.post", "createdAt": _time(one.created_at), "langs": ["en"], "text": one.body or "",
    }  # fmt: skip
    if one.parent is not None:
        record["reply"] = {
            name: {"cid": f"bafy{number}", "uri": uri_of(talk.by_number[number])}
            for name, number in (("root", one.thread), ("parent", one.parent))
        }
    if one.link_url is not None:
        card = {"uri": one.link_url, "title": "", "description": ""}
        record["embed"] = {"$type": "app.bsky.embed.external", "external": card}
    return {
        "uri": uri_of(one), "cid": f"bafy{one.number}", "record": record, "labels": [],
        "author": {"did": _account(one), "handle": f"{one.author}.test", "displayName": one.author, "labels": []},
        "replyCount": len(_replies(one, talk)), "repostCount": one.number % 3, "likeCount": one.score,
        "quoteCount": one.number % 2, "bookmarkCount": 0,
        "indexedAt": _time(one.created_at + timedelta(milliseconds=400)),
    }  # fmt: skip


def _node(one: Said, talk: Talk, depth_n: int) -> dict[str, Any]:
    node: dict[str, Any] = {"$type": "app.bsky.feed.defs#threadViewPost", "post": _post(one, talk), "threadContext": {}}
    if depth_n > 0:
        node["replies"] = [_node(reply, talk, depth_n - 1) for reply in _replies(one, talk)]
    return node


def _replies(one: Said, talk: Talk) -> list[Said]:
    return [other for other in talk.shown if other.parent == one.number]


def _account(one: Said) -> str:
    return f"did:plc:{_in_base32(one.author_number or 0, 24)}"


def _in_base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
