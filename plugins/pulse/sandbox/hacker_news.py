"""Hacker News as Algolia's search and Firebase show it; synthetic but for the names and forms of fields.

Recorded answers tell those; that a search leaves out what is gone, and what Firebase says of it, is from its
documentation (https://github.com/HackerNews/API).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, as_html, number_in

_MOST_HITS = 1_000
_BOUND = re.compile(r"created_at_i(>=|<=|<|>)(\d+)")


class HackerNewsDouble:
    """Answers for both addresses; paths tell which is meant."""

    def __init__(self, talk_at: TalkAt, *, most_hits_n: int = _MOST_HITS) -> None:
        """A double of one talk.

        Args:
            most_hits_n: the most that one question is answered with.
        """
        self._talk_at = talk_at
        self._most_hits_n = most_hits_n

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:  # noqa: ARG002
        """What the platform would say at a time."""
        talk = self._talk_at(now)
        if path == "/api/v1/search_by_date":
            return Reply(self._search(talk, params))
        item = re.fullmatch(r"/v0/item/(\d+)\.json", path)
        if item is None:
            return Reply({"status": 404, "error": "Not Found"}, 404)
        found = talk.by_number.get(int(item[1]))
        return Reply(None if found is None else _item(found))

    def _search(self, talk: Talk, params: Mapping[str, str]) -> dict[str, Any]:
        bounds = _BOUND.findall(params.get("numericFilters", ""))
        words = params.get("query", "").lower().split()
        hits = [
            _hit(one, talk)
            for one in talk.shown
            if all(_is_within(int(one.created_at.timestamp()), sign, int(bound)) for sign, bound in bounds)
            and all(word in f"{one.title or ''} {one.body or ''}".lower() for word in words)
        ]
        per_page = min(number_in(params.get("hitsPerPage"), 20), self._most_hits_n)
        return {
            "hits": hits[:per_page], "nbHits": len(hits), "page": 0, "hitsPerPage": per_page,
            "nbPages": -(-min(len(hits), self._most_hits_n) // per_page), "exhaustiveNbHits": True,
            "query": params.get("query", ""), "params": "", "processingTimeMS": 1,
        }  # fmt: skip


def _is_within(created_s: int, sign: str, bound: int) -> bool:
    return {">=": created_s >= bound, "<=": created_s <= bound, "<": created_s < bound, ">": created_s > bound}[sign]


def _hit(one: Said, talk: Talk) -> dict[str, Any]:
    story = talk.by_number.get(one.thread)
    kind = "story" if one.is_post else "comment"
    return {
        "created_at": f"{one.created_at:%Y-%m-%dT%H:%M:%S.000Z}", "created_at_i": int(one.created_at.timestamp()),
        "title": one.title if one.is_post else None, "url": one.link_url if one.is_post else None,
        "author": one.author, "points": one.score if one.is_post else None,
        "story_text": as_html(one.body) if one.is_post else None,
        "comment_text": None if one.is_post else as_html(one.body),
        "num_comments": one.replies_n if one.is_post else None,
        "story_id": None if one.is_post else one.thread,
        "story_title": None if one.is_post or story is None else story.title,
        "story_url": None, "parent_id": one.parent,
        "_tags": [kind, f"author_{one.author}", f"story_{one.thread}"], "objectID": str(one.number),
        "_highlightResult": {},
    }  # fmt: skip


def _item(one: Said) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": one.number, "type": "story" if one.is_post else "comment", "time": int(one.created_at.timestamp()),
    }  # fmt: skip
    if one.parent is not None:
        facts["parent"] = one.parent
    if one.removal == "by_author":
        return facts | {"deleted": True}
    facts |= {"by": one.author, "text": as_html(one.body or "")}
    if one.removal == "by_moderator":
        facts["dead"] = True
    if one.is_post:
        facts |= {"title": one.title, "score": one.score, "descendants": one.replies_n}
    return facts
