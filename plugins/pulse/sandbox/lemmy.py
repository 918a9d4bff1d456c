"""An instance of Lemmy with one community; synthetic but for the names and forms of fields.

Recorded answers tell the forms of version 3; those of version 4, of refusals and of what is gone are from the
software's documentation and source (https://github.com/LemmyNet/lemmy, looked up 2026-11-28).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pulse.sandbox.talk import Reply, Said, Talk, TalkAt, number_in

_MOST_ITEMS = 50
_COMMUNITY_ID = 7
_ELSEWHERE = "elsewhere.example"


class LemmyDouble:
    """Answers in version 3 as 0.19 does, or in version 4 as 1.0; posts and comments have numbers of one row here."""

    def __init__(
        self, talk_at: TalkAt, *, most_items_n: int = _MOST_ITEMS, version: int = 4, pinned: Sequence[int] = ()
    ) -> None:
        """A double of one talk.

        Args:
            most_items_n: the most that one page holds.
            version: of the API; the other one is not known.
            pinned: numbers of posts that head the listing.
        """
        self._talk_at = talk_at
        self._most_items_n = most_items_n
        self._version = version
        self._pinned = pinned

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:  # noqa: ARG002
        """What the instance would say at a time."""
        talk = self._talk_at(now)
        prefix = f"/api/v{self._version}"
        answers = {
            f"{prefix}/community": self._community,
            f"{prefix}/post/list": self._posts,
            f"{prefix}/comment/list": self._comments,
            f"{prefix}/post": self._post,
            f"{prefix}/comment": self._comment,
        }
        if path == "/api/v3/site":  # which both versions have
            return Reply({"site_view": {"site": {"name": "tea.example"}}, "version": f"{self._version}"})
        return answers[path](talk, params) if path in answers else Reply({"error": "unknown", "message": ""}, 404)

    def _community(self, talk: Talk, _: Mapping[str, str]) -> Reply:
        counts = {"subscribers": talk.members_n, "users_active_day": talk.active_n}
        community: dict[str, Any] = {"id": _COMMUNITY_ID, "name": "tea", "local": True, "removed": False}
        view: dict[str, Any] = (
            {"community": community | counts} if self._version == 4 else {"community": community, "counts": counts}
        )
        return Reply({"community_view": view, "moderators": []})

    def _posts(self, talk: Talk, params: Mapping[str, str]) -> Reply:
        posts = [one for one in talk.shown if one.is_post]
        first = [one for one in posts if one.number in self._pinned]
        return self._page("posts", [*first, *(one for one in posts if one not in first)], params, talk)

    def _comments(self, talk: Talk, params: Mapping[str, str]) -> Reply:
        post_id = number_in(params.get("post_id"), 0)
        comments = [one for one in reversed(talk.said) if not one.is_post and post_id in {0, one.thread}]
        return self._page("comments", comments, params, talk)

    def _page(self, name: str, things: Sequence[Said], params: Mapping[str, str], talk: Talk) -> Reply:
        most_n = min(number_in(params.get("limit"), 10), self._most_items_n)
        if self._version == 3:
            begin = (number_in(params.get("page"), 1) - 1) * most_n
            return Reply({name: [self._view(one, talk) for one in things[begin : begin + most_n]]})
        begin = number_in(params.get("page_cursor", "").removeprefix("at"), 0)
        document: dict[str, Any] = {"items": [self._view(one, talk) for one in things[begin : begin + most_n]]}
        if begin + most_n < len(things):
            document["next_page"] = f"at{begin + most_n}"
        return Reply(document)

    def _post(self, talk: Talk, params: Mapping[str, str]) -> Reply:
        found = talk.by_number.get(number_in(params.get("id"), 0))
        if found is None or not found.is_post or found.removal != "none":
            error = "not_found" if self._version == 4 else "couldnt_find_post"
            return Reply({"error": error}, 404 if self._version == 4 else 400)
        return Reply({"post_view": self._view(found, talk)})

    def _comment(self, talk: Talk, params: Mapping[str, str]) -> Reply:
        found = talk.by_number.get(number_in(params.get("id"), 0))
        if found is None or found.is_post:
            return Reply({"error": "not_found"}, 404)
        return Reply({"comment_view": self._view(found, talk)})

    def _view(self, one: Said, talk: Talk) -> dict[str, Any]:
        is_new = self._version == 4
        counts = {"score": one.score, "upvotes": one.score + one.number % 3, "downvotes": one.number % 3}
        counts |= {"comments": one.replies_n} if one.is_post else {"child_count": one.replies_n}
        post = self._flags(talk.by_number[one.thread]) | {"id": one.thread}
        view: dict[str, Any] = {
            "creator": {
                "id": one.author_number or 0, "name": one.author or "", "deleted": one.author is None,
                "ap_id" if is_new else "actor_id": f"https://{_ELSEWHERE}/u/x", "bot_account": one.is_bot,
            },
            "community": {"id": _COMMUNITY_ID, "name": "tea"}, "creator_is_moderator": False, "creator_is_admin": False,
            "post": post,
        }  # fmt: skip
        if one.is_post:
            post |= {"name": one.title or "", "body": one.body, "featured_community": one.number in self._pinned}
            post |= {"url": one.link_url} if one.link_url else {}
        else:
            view["comment"] = self._flags(one) | {
                "id": one.number, "post_id": one.thread, "content": one.body or "", "path": _path_to(one, talk)
            }  # fmt: skip
        if is_new:
            view["post" if one.is_post else "comment"] |= counts
            return view | {"tags": []}
        return view | {"counts": counts}

    def _flags(self, one: Said) -> dict[str, Any]:
        published, updated = ("published_at", "updated_at") if self._version == 4 else ("published", "updated")
        facts = {
            published: self._time(one.created_at), "deleted": one.removal == "by_author",
            "removed": one.removal == "by_moderator",
        }  # fmt: skip
        return facts if one.edited_at is None else facts | {updated: self._time(one.edited_at)}

    def _time(self, at: datetime) -> str:
        """Version 3 before 0.19 told no zone, and no fraction where there is none."""
        text = at.replace(tzinfo=None).isoformat()
        return f"{text}Z" if self._version == 4 else text


def _path_to(one: Said, talk: Talk) -> str:
    above = [one]
    while above[0].parent not in {None, one.thread}:
        above.insert(0, talk.by_number[above[0].parent or 0])
    return ".".join(["0", *(str(each.number) for each in above)])
