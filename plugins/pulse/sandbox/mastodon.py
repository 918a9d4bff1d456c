"""An instance of Mastodon on which one talk is held; synthetic but for the names and forms of fields.

Recorded answers of version 4.6 tell the forms; that a question by ids leaves out what is gone is from the software's
documentation (https://docs.joinmastodon.org/methods/statuses/, looked up 2026-11-28).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, as_html, number_in

_MOST_STATUSES = 40
_MOST_AT_ONCE = 20


class MastodonDouble:
    """All of the talk is under one tag; who answers whom stands everywhere, as on the instance itself."""

    def __init__(
        self, talk_at: TalkAt, *, most_statuses_n: int = _MOST_STATUSES, gives_many: bool = True,
        closed_by: int | None = None,
    ) -> None:  # fmt: skip
        """A double of one talk.

        Args:
            most_statuses_n: the most that a timeline is answered with.
            gives_many: whether statuses can be asked for by several ids (since 4.3).
            closed_by: the status by which timelines are refused to guests; None if they are not.
        """
        self._talk_at = talk_at
        self._most_statuses_n = most_statuses_n
        self._gives_many = gives_many
        self._closed_by = closed_by

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:  # noqa: ARG002
        """What the instance would say at a time; several ids come joined by commas."""
        talk = self._talk_at(now)
        shown = {status_id(one): one for one in talk.shown}
        one_status = re.fullmatch(r"/api/v1/statuses/(\d+)", path)
        if path.startswith("/api/v1/timelines/"):
            return self._timeline(talk, shown, params)
        if path == "/api/v1/statuses" and self._gives_many:
            wanted = [int(one) for one in params.get("id[]", "").split(",") if one][:_MOST_AT_ONCE]
            return Reply([_status(shown[one], talk) for one in wanted if one in shown])
        if one_status is not None and int(one_status[1]) in shown:
            return Reply(_status(shown[int(one_status[1])], talk))
        if path == "/api/v1/instance":
            return Reply({"uri": "tea.example", "version": "4.6.4", "stats": {"user_count": talk.members_n}})
        return Reply({"error": "Record not found"}, 404)

    def _timeline(self, talk: Talk, shown: Mapping[int, Said], params: Mapping[str, str]) -> Reply:
        if self._closed_by is not None:
            return Reply({"error": "This method requires an authenticated user"}, self._closed_by)
        most_n = min(number_in(params.get("limit"), 20), self._most_statuses_n)
        above, below = number_in(params.get("min_id"), -1), number_in(params.get("max_id"), 2**63)
        ids = sorted((one for one in shown if above < one < below), reverse=True)
        page = ids[-most_n:] if above >= 0 else ids[:most_n]
        return Reply([_status(shown[one], talk) for one in page])


def status_id(one: Said) -> int:
    """A snowflake: milliseconds since 1970, then what tells those of one millisecond apart."""
    return (round(one.created_at.timestamp() * 1000) << 16) + one.number % 65_536


def _status(one: Said, talk: Talk) -> dict[str, Any]:
    parent = None if one.parent is None else talk.by_number.get(one.parent)
    text = "\n\n".join(part for part in (one.title, one.body) if part)
    return {
        "id": str(status_id(one)), "created_at": _iso(one.created_at),
        "in_reply_to_id": None if parent is None else str(status_id(parent)),
        "in_reply_to_account_id": None, "sensitive": False, "spoiler_text": "", "visibility": "public",
        "language": None, "uri": "https://tea.example/ap/users/1/statuses/1", "url": "https://tea.example/@x/1",
        "replies_count": one.replies_n, "reblogs_count": one.score // 2, "favourites_count": one.score,
        "edited_at": None if one.edited_at is None else _iso(one.edited_at), "content": as_html(text),
        "reblog": None, "media_attachments": [], "mentions": [], "emojis": [], "poll": None,
        "account": {"id": str(one.author_number), "acct": one.author, "bot": one.is_bot},
        "tags": [{"name": "tea", "url": "https://tea.example/tags/tea"}],
        "card": None if one.link_url is None else {"url": one.link_url, "type": "link"},
    }  # fmt: skip


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
