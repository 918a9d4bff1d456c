"""Arctic Shift's API over what people said in one community; synthetic.

There are no recorded answers. Paths, parameters and limits are from its documentation, the forms of fields from its
statistics of them, and what its second look changes from its explanation of files
(https://github.com/ArthurHeitmann/arctic_shift, looked up 2026-11-28).
"""

import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pulse.sandbox.talk import Reply, Said, TalkAt, number_in

_MOST_FOUND = 1_000
_MOST_NAMED = 500
_FIRST_LOOK = timedelta(seconds=9)
_SECOND_LOOK = timedelta(hours=36)
_DIGITS = string.digits + string.ascii_lowercase
_REMOVAL_TYPES = {"by_author": "deleted", "by_moderator": "removed"}


def full_id(said: Said) -> str:
    """Reddit's full id of something said."""
    return f"{'t3' if said.is_post else 't1'}_{_in_base36(said.number)}"


class ArcticShiftDouble:
    """Answers for one community that one talk is on."""

    def __init__(self, talk_at: TalkAt, *, community: str = "tea", most_found_n: int = _MOST_FOUND) -> None:
        """A double of one talk.

        Args:
            most_found_n: the most that one search is answered with.
        """
        self._talk_at = talk_at
        self._community = community
        self._most_found_n = most_found_n

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:  # noqa: ARG002
        """What the archive would say at a time."""
        is_here = params.get("subreddit", "").lower() == self._community
        if path == "/api/subreddits/search":
            return Reply({"data": [{"display_name": self._community}] if is_here else []})
        if path not in {f"/api/{name}/{what}" for name in ("posts", "comments") for what in ("search", "ids")}:
            return Reply({"data": None, "error": "Not found"}, 404)
        said = [one for one in self._talk_at(now).said if one.is_post == path.startswith("/api/posts/")]
        if path.endswith("/ids"):
            named = params.get("ids", "").split(",")
            if len(named) > _MOST_NAMED:
                return Reply({"data": None, "error": "Too many ids"}, 400)
            found = [one for one in said if _in_base36(one.number) in named]
        else:
            after_s, before_s = number_in(params.get("after"), 0), number_in(params.get("before"), 2**40)
            found = [one for one in said if is_here and after_s < int(one.created_at.timestamp()) < before_s]
            found = (found if params.get("sort") == "asc" else found[::-1])[: self._most_found_n]
        return Reply({"data": [self._record(one, now) for one in found]})

    def _record(self, one: Said, now: datetime) -> dict[str, Any]:
        """One thing: as it was written, and with the counts and the removal of the second look once that was."""
        is_seen_again = now - one.created_at >= _SECOND_LOOK
        told: dict[str, Any] = {
            "id": _in_base36(one.number), "subreddit": self._community, "author": one.author or "[deleted]",
            "created_utc": int(one.created_at.timestamp()), "edited": False, "distinguished": None,
            "retrieved_on": int((one.created_at + _FIRST_LOOK).timestamp()), "score": one.score if is_seen_again else 1,
        }  # fmt: skip
        if is_seen_again:
            told["_meta"] = {"retrieved_2nd_on": int((one.created_at + _SECOND_LOOK).timestamp())}
            if one.removal != "none":
                told["_meta"] |= {"was_deleted_later": True, "removal_type": _REMOVAL_TYPES[one.removal]}
        text = _encoded(one.body if one.body is not None else "as it was before it was taken down")
        if one.is_post:
            link = f"/r/{self._community}/comments/{told['id']}/its_title/"
            return told | {
                "title": _encoded(one.title or "as it was before"), "selftext": text, "permalink": link,
                "url": one.link_url or f"https://www.reddit.com{link}", "upvote_ratio": 0.5 if is_seen_again else 1,
                "num_comments": one.replies_n if is_seen_again else 0, "num_crossposts": 0, "removed_by_category": None,
            }  # fmt: skip
        parent = "t3" if one.parent == one.thread else "t1"
        return told | {
            "body": text, "link_id": f"t3_{_in_base36(one.thread)}",
            "parent_id": f"{parent}_{_in_base36(one.parent or 0)}",
            "permalink": f"/r/{self._community}/comments/{_in_base36(one.thread)}/its_title/{told['id']}/",
        }  # fmt: skip


def _encoded(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _in_base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
