"""Stack Exchange's API over what people said; synthetic but for the names and forms of fields.

Recorded answers tell those of questions; answers, comments, filters and refusals are from its documentation
(https://api.stackexchange.com/docs, looked up 2026-11-28). Comments have no comments there: what answers a comment
stands under the same post.
"""

import hashlib
import html
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, as_html, number_in

_MOST_ITEMS = 100
# What the filter of the name "default" holds of each type; all else must be asked for.
_DEFAULT = {
    "question": "accepted_answer_id answer_count content_license creation_date is_answered last_activity_date "
    "last_edit_date link owner question_id score tags title view_count",
    "answer": "answer_id content_license creation_date is_accepted last_activity_date last_edit_date owner question_id "
    "score",
    "comment": "comment_id content_license creation_date edited owner post_id score",
}


class StackExchangeDouble:
    """Answers for one site that one talk is on; all of it has one tag."""

    def __init__(self, talk_at: TalkAt, *, most_items_n: int = _MOST_ITEMS, quota_n: int = 300) -> None:
        """A double of one talk.

        Args:
            most_items_n: the most that one question is answered with.
            quota_n: calls of a day.
        """
        self._talk_at = talk_at
        self._most_items_n = most_items_n
        self._quota_n = self._left_n = quota_n
        self._filters: dict[str, str] = {}

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:  # noqa: ARG002
        """What the platform would say at a time."""
        if self._left_n <= 0:
            return _refused(
                502, "throttle_violation", "too many requests from this IP, more requests available in 4711 seconds"
            )
        self._left_n -= 1
        if path == "/filters/create":
            include = params.get("include", "")
            name = "!" + hashlib.sha256(include.encode()).hexdigest()[:20]
            self._filters[name] = include
            return self._wrapped([{"filter": name, "filter_type": "safe", "included_fields": include.split(";")}])
        if not params.get("site"):
            return _refused(400, "bad_parameter", "site is required")
        talk = self._talk_at(now)
        if path == "/info":
            return self._wrapped([{"total_users": talk.members_n, "new_active_users": talk.active_n}])
        found = _Shown(talk, params["site"], params.get("tagged")).at(path)
        if found is None:
            return _refused(404, "no_method", "this method cannot be called this way")
        return self._listed(*found, params)

    def _listed(self, kind: str, things: Sequence[dict[str, Any]], params: Mapping[str, str]) -> Reply:
        order_by = "last_activity_date" if params.get("sort") == "activity" else "creation_date"
        kept = [
            one
            for one in things
            if number_in(params.get("fromdate"), 0) <= one["creation_date"] <= number_in(params.get("todate"), 2**40)
            and number_in(params.get("min"), 0) <= one[order_by] <= number_in(params.get("max"), 2**40)
        ]
        kept.sort(key=lambda one: (one[order_by], one[f"{kind}_id"]), reverse=True)
        page_n = min(number_in(params.get("pagesize"), 30), self._most_items_n)
        page = max(number_in(params.get("page"), 1), 1)
        asked = {*_DEFAULT[kind].split()}
        asked |= {
            name.partition(".")[2]
            for name in self._filters.get(params.get("filter", ""), "").split(";")
            if name.startswith(f"{kind}.")
        }
        told = [{name: value for name, value in one.items() if name in asked} for one in kept]
        return self._wrapped(told[(page - 1) * page_n : page * page_n], has_more=len(told) > page * page_n)

    def _wrapped(self, items: list[dict[str, Any]], *, has_more: bool = False) -> Reply:
        return Reply({
            "items": items, "has_more": has_more, "quota_max": self._quota_n, "quota_remaining": self._left_n,
        })  # fmt: skip


class _Shown:
    """What of a talk is shown, as objects of the API."""

    def __init__(self, talk: Talk, site: str, tag: str | None) -> None:
        self._by_number = talk.by_number
        self._site = site
        self._tag = tag or "leaves"
        self._shown = talk.shown

    def at(self, path: str) -> tuple[str, list[dict[str, Any]]] | None:
        """Kind and things of a path; None where there is no such method."""
        match = re.fullmatch(r"/(questions|answers|comments|posts)(?:/([0-9;]+))?(?:/(answers|comments))?", path)
        if match is None:
            return None
        base, numbers, below = match.groups()
        named = None if numbers is None else {int(one) for one in numbers.split(";") if one}
        if below is None and base != "posts":
            kind = base[:-1]
            return kind, [self._object(kind, one) for one in self._of(kind) if named is None or one.number in named]
        if below is None or named is None:
            return None
        kind = below[:-1]
        return kind, [self._object(kind, one) for one in self._of(kind) if self._post_of(one) in named]

    def _of(self, kind: str) -> list[Said]:
        return [one for one in self._shown if _kind_of(one) == kind]

    def _post_of(self, one: Said) -> int:
        """The post that a comment stands under; of an answer, its question."""
        if one.parent is None or one.parent == one.thread:
            return one.thread
        parent = self._by_number[one.parent]
        return parent.number if _kind_of(parent) == "answer" else self._post_of(parent)

    def _object(self, kind: str, one: Said) -> dict[str, Any]:
        makers: dict[str, Callable[[Said], dict[str, Any]]] = {
            "question": self._question, "answer": self._answer, "comment": self._comment,
        }  # fmt: skip
        created_s = int(one.created_at.timestamp())
        told = {
            "creation_date": created_s, "last_activity_date": created_s, "score": one.score,
            "owner": _owner(one, self._site), "body": as_html(one.body), "content_license": "CC BY-SA 4.0",
        }  # fmt: skip
        if one.edited_at is not None:
            told["last_edit_date"] = int(one.edited_at.timestamp())
        return told | makers[kind](one)

    def _question(self, one: Said) -> dict[str, Any]:
        answers = [other for other in self._of("answer") if other.thread == one.number]
        return {
            "question_id": one.number, "title": html.escape(one.title or "", quote=True), "tags": [self._tag],
            "answer_count": len(answers), "comment_count": one.replies_n, "view_count": 10 * one.number,
            "is_answered": False,
            "last_activity_date": max(int(other.created_at.timestamp()) for other in (one, *answers)),
            "link": f"https://{self._site}.example/questions/{one.number}/its-title",
        }  # fmt: skip

    def _answer(self, one: Said) -> dict[str, Any]:
        return {
            "answer_id": one.number, "question_id": one.thread, "is_accepted": one.number % 2 == 0,
            "comment_count": one.replies_n,
            "link": f"https://{self._site}.example/questions/{one.thread}/its-title/{one.number}#{one.number}",
        }  # fmt: skip

    def _comment(self, one: Said) -> dict[str, Any]:
        post = self._post_of(one)
        return {
            "comment_id": one.number, "post_id": post, "post_type": "question" if post == one.thread else "answer",
            "edited": one.edited_at is not None,
            "link": f"https://{self._site}.example/questions/{one.thread}/its-title#comment{one.number}_{post}",
        }  # fmt: skip


def _kind_of(one: Said) -> str:
    return "question" if one.is_post else "answer" if one.parent == one.thread else "comment"


def _owner(one: Said, site: str) -> dict[str, Any]:
    if one.author_number is None:
        return {"display_name": "user42", "user_type": "does_not_exist"}
    return {
        "user_id": one.author_number, "account_id": one.author_number + 7, "user_type": "registered",
        "display_name": html.escape(one.author or ""), "reputation": 1,
        "link": f"https://{site}.example/users/{one.author_number}/{one.author}",
    }  # fmt: skip


def _refused(number: int, name: str, message: str) -> Reply:
    return Reply({"error_id": number, "error_name": name, "error_message": message}, 400)
