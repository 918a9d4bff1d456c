"""A forum of Discourse; synthetic but for the names and forms of fields.

Recorded answers tell the forms of posts, topics and reactions; those of ``about.json``, ``site.json``, of refusals and
of what is gone are from the software's source (https://github.com/discourse/discourse, looked up 2026-11-28).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, as_html, number_in

_MOST_POSTS = 50
_TOPIC_POSTS = 20
_BEFORE_NUMBER = 5
_CATEGORIES = ({"id": 1, "name": "General"}, {"id": 2, "name": "Brewing", "parent_category_id": 1})
# What `before=N` means, by generation of the software: below N; N and below; N and the 49 ids below it.
Before = Literal["below", "up_to", "fifty_ids"]


class DiscourseDouble:
    """One forum. A topic's id is its first post's; its numbers count from there, so some are never given."""

    def __init__(
        self, talk_at: TalkAt, *, most_posts_n: int = _MOST_POSTS, before: Before = "below", key: str | None = None
    ) -> None:
        """A double of one talk.

        Args:
            most_posts_n: posts and topics in one answer at most.
            before: what ``before`` means there.
            key: without it nothing is shown; None shows everything to everybody.
        """
        self._talk_at = talk_at
        self._most_posts_n = most_posts_n
        self._before = before
        self._key = key

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:
        """What the forum would say at a time."""
        if (
            self._key is not None
            and {name.lower(): value for name, value in headers.items()}.get("api-key") != self._key
        ):
            return Reply(
                {"errors": ["You need to be logged in to do that."], "error_type": "not_logged_in"}, 403
            )  # fmt: skip
        talk = self._talk_at(now)
        topic = re.fullmatch(r"/t/(\d+)(?:/(\d+))?\.json", path)
        post = re.fullmatch(r"/posts/by_number/(\d+)/(\d+)\.json", path)
        if topic is not None:
            return self._topic(talk, int(topic[1]), int(topic[2] or 1))
        if post is not None:
            found = talk.by_number.get(int(post[1]) + int(post[2]) - 1)
            return _not_found() if found is None or _is_gone(found, talk) else Reply(_post(found, talk))
        answers: dict[str, Callable[[], Any]] = {
            "/posts.json": lambda: {"latest_posts": self._latest_posts(talk, params)},
            "/latest.json": lambda: self._latest_topics(talk, params),
            "/site.json": lambda: {"categories": [{"slug": "x", "color": "x"} | one for one in _CATEGORIES]},
            "/about.json": lambda: {
                "about": {
                    "title": "A forum", "version": "3.5.0",
                    "stats": {"users_count": talk.members_n, "active_users_last_day": talk.active_n},
                }
            },
        }  # fmt: skip
        return Reply(answers[path]()) if path in answers else _not_found()

    def _latest_posts(self, talk: Talk, params: Mapping[str, str]) -> list[dict[str, Any]]:
        before = number_in(params.get("before"), 0)
        posts = [one for one in reversed(talk.said) if not _is_gone(one, talk)]
        if before and self._before == "below":
            posts = [one for one in posts if one.number < before]
        elif before:
            lowest = before - _MOST_POSTS if self._before == "fifty_ids" else -1
            posts = [one for one in posts if lowest < one.number <= before]
        return [
            _post(one, talk) | {"topic_title": _topic_title(one, talk), "topic_html_title": _topic_title(one, talk)}
            for one in posts[: self._most_posts_n]
        ]

    def _latest_topics(self, talk: Talk, params: Mapping[str, str]) -> dict[str, Any]:
        topics = [one for one in reversed(talk.said) if one.is_post and not _is_gone(one, talk)]
        begin = number_in(params.get("page"), 0) * self._most_posts_n
        return {
            "users": [],
            "topic_list": {"topics": [_topic_facts(one) for one in topics[begin : begin + self._most_posts_n]]},
        }

    def _topic(self, talk: Talk, topic_id: int, number: int) -> Reply:
        first = talk.by_number.get(topic_id)
        if first is None or not first.is_post or _is_gone(first, talk):
            return _not_found()
        posts = [one for one in talk.said if one.thread == topic_id and not _is_gone(one, talk)]
        shown = _around(posts, topic_id + number - 1, min(_TOPIC_POSTS, max(self._most_posts_n, _BEFORE_NUMBER + 1)))
        return Reply(
            _topic_facts(first)
            | {"post_stream": {"posts": [_post(one, talk) for one in shown], "stream": [one.number for one in posts]}}
        )


def _around(posts: Sequence[Said], number: int, most_n: int) -> Sequence[Said]:
    """Posts from a few before a number on; the first ones where it is among them."""
    at = next((place for place, one in enumerate(posts) if one.number >= number), len(posts))
    begin = 0 if number == posts[0].number else max(at - _BEFORE_NUMBER, 0)
    return posts[begin : begin + most_n]


def _is_gone(one: Said, talk: Talk) -> bool:
    """Whether moderators deleted it, or the topic that it stands in."""
    first = talk.by_number.get(one.thread)
    return "by_moderator" in {one.removal, "none" if first is None else first.removal}


def _not_found() -> Reply:
    return Reply({"errors": ["The requested URL or resource could not be found."], "error_type": "not_found"}, 404)


def _topic_title(one: Said, talk: Talk) -> str | None:
    first = talk.by_number.get(one.thread)
    return None if first is None else first.title


def _category_id(topic_id: int) -> int:
    return 1 + topic_id % 2


def _topic_facts(first: Said) -> dict[str, Any]:
    return {
        "id": first.number, "title": first.title, "fancy_title": first.title, "slug": "topic",
        "posts_count": first.replies_n + 1, "created_at": _iso(first.created_at), "views": first.score * 10 + 1,
        "category_id": _category_id(first.number), "tags": ["tea"] if first.number % 2 else [{"id": 1, "name": "pot"}],
        "like_count": first.score, "archetype": "regular",
    }  # fmt: skip


def _post(one: Said, talk: Talk) -> dict[str, Any]:
    parent = None if one.parent in {None, one.thread} else one.parent
    is_deleted = one.removal == "by_author"
    first = talk.by_number.get(one.thread)
    return {
        "id": one.number, "username": one.author or "system", "name": "", "user_id": one.author_number or -1,
        "created_at": _iso(one.created_at), "updated_at": _iso(one.edited_at or one.created_at),
        "version": 1 if one.edited_at is None else 2,
        "cooked": "<p>(post deleted by author)</p>" if is_deleted else as_html(one.body or ""),
        "post_number": one.number - one.thread + 1, "post_type": 1, "topic_id": one.thread, "topic_slug": "topic",
        "category_id": _category_id(one.thread), "reply_count": one.replies_n,
        "posts_count": None if first is None else first.replies_n + 1,
        "reply_to_post_number": None if parent is None else parent - one.thread + 1,
        "actions_summary": [{"id": 2, "count": one.score}] if one.score else [],
        "reactions": [{"id": "heart", "type": "emoji", "count": one.score}] if one.score else [],
        "moderator": False, "admin": False, "staff": False, "hidden": False, "deleted_at": None,
        "user_deleted": is_deleted, "accepted_answer": one.number % 2 == 0 and not one.is_post,
    }  # fmt: skip


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
