"""Which questions Stack Exchange is asked, and what the answers mean.

Of a site, what was written on a day can be listed, whatever day it was: questions, answers and comments, each newest
first, a hundred to a call. Each call begins at the second where the one before ended, for pages that are numbered end
at the 25th without a key, and move when something is deleted.

Of a tag, only questions can be listed. So its window is all questions that were asked, answered or edited since it
began (the platform's own order of activity), their answers, and the comments below both. A comment alone is no
activity: under a question that was otherwise left alone it is not seen, and is no part of what a tag means here.

Which fields are answered is said by a filter, which the API makes of a list of names, once a run. The same list always
gives the same filter. Deleted things are not shown, nor is it said that they were there.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pulse.core.contract import Kind
from pulse.core.errors import CallsSpent
from pulse.core.text import words_in
from pulse.sources.html_text import text_of
from pulse.sources.live.extraction import Asking, Due, Members, Reached, back_from
from pulse.sources.live.fields import BadRecord, Fields, required
from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.items import Item, Understood, understood
from pulse.sources.live.paging import Progress
from pulse.sources.live.refusals import wrong_shape
from pulse.sources.live.response_cache import SealedPage
from pulse.sources.stack_exchange.entry import StackExchangeEntry

log = logging.getLogger(__name__)

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 2
SERVICE = "Stack Exchange"
MOST_ITEMS = 100
_FEW_CALLS_SHARE = 0.1
# Beside what answers hold anyway.
_FILTER_FIELDS = (
    "question.body", "question.comment_count", "question.content_license",
    "answer.body", "answer.comment_count", "answer.content_license", "answer.link",
    "comment.body", "comment.content_license", "comment.link", "comment.post_type",
)  # fmt: skip
_POST_FIELDS = words_in(
    "body comment_count community_owned_date content_license creation_date down_vote_count last_activity_date "
    "last_edit_date last_editor link locked_date owner posted_by_collectives score share_link tags title up_vote_count"
)
_QUESTION_FIELDS = _POST_FIELDS | words_in(
    "accepted_answer_id answer_count bounty_amount bounty_closes_date close_vote_count closed_date closed_details "
    "closed_reason collectives delete_vote_count favorite_count is_answered migrated_from migrated_to notice "
    "protected_date question_id reopen_vote_count view_count"
)
_ANSWER_FIELDS = _POST_FIELDS | words_in("answer_id awarded_bounty_amount is_accepted question_id recommendations")
_COMMENT_FIELDS = words_in(
    "body comment_id content_license creation_date edited link owner post_id post_type reply_to_user score"
)
_SITE_ADDRESS = re.compile(r"(https?://[a-z0-9.-]{1,200})/(?:questions/([0-9]{1,12})(?:/|#|$))?", re.IGNORECASE)


@dataclass(frozen=True)
class _Listing:
    """What is listed, and what its answers hold.

    Attributes:
        since_param, until_param: which parameters bound it, both inclusive, in seconds since 1970.
        time_field: what it is ordered by.
    """

    path: str
    understand: Callable[[Fields], Item]
    known_fields: frozenset[str]
    id_field: str
    sort: str = "creation"
    since_param: str = "fromdate"
    until_param: str = "todate"
    time_field: str = "creation_date"


class StackExchangeReader:
    """Reads one entry; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: StackExchangeEntry) -> None:
        self._entry = entry
        # Which question the posts stand under that this run has seen.
        self._question_of: dict[str, str] = {}

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All that was written on a site in the window, or under the questions of a tag that were active in it."""
        start_at, end_at = asking.start_at, asking.end_at
        if self._entry.tag is not None:
            return self._read_tag(asking, start_at, end_at)
        questions, _ = self._read(asking, self._questions("/questions"), start_at, end_at)
        answers, _ = self._read_more(asking, [self._answers("/answers")], start_at, end_at)
        comments, _ = self._read_more(asking, [self._comments("/comments")], start_at, end_at)
        return {"post": questions, "comment": _less_of(answers, comments)}

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """By their numbers, a hundred to a call; what was deleted is left out of the answer."""
        for one in due:
            if one.is_post:
                self._question_of[one.contribution_id[1:]] = one.contribution_id[1:]
            elif one.contribution_id[0] == "a":
                self._question_of[one.contribution_id[1:]] = one.thread_id[1:]
        shown: set[str] = set()
        for listing, name in (
            (self._questions, "questions"),
            (self._answers, "answers"),
            (self._comments, "comments"),
        ):
            numbers = [one.contribution_id[1:] for one in due if one.contribution_id[0] == name[0]]
            for batch in _batches(numbers):
                _, ids = self._read(asking, listing(f"/{name}/{batch}"), None, None)
                shown.update(ids)
        return len({one.contribution_id for one in due} - shown)

    def members(self, asking: Asking) -> Members | None:
        """The accounts of a site; a tag has none."""
        if self._entry.tag is not None:
            return None
        told = asking.document("/info", {"site": self._entry.site}, self._accounts)
        return Members(told["total_users"])

    # ---- a tag -------------------------------------------------------------

    def _read_tag(self, asking: Asking, start_at: datetime, end_at: datetime) -> Mapping[Kind, Reached]:
        active = replace(
            self._questions("/questions"), sort="activity", since_param="min", until_param="max",
            time_field="last_activity_date",
        )  # fmt: skip
        questions, question_ids = self._read(asking, active, start_at, None)
        if asking.now is not None and not questions.reason:
            # What became active while pages were read has moved from those to come to those that were read.
            moved, moved_ids = self._read_more(asking, [active], asking.now, None)
            question_ids = list(dict.fromkeys([*question_ids, *moved_ids]))
            questions = _less_of(questions, moved)
        numbers = [one[1:] for one in question_ids]
        answers, answer_ids = self._read_more(
            asking, [self._answers(f"/questions/{batch}/answers") for batch in _batches(numbers)], None, end_at
        )
        numbers += [one[1:] for one in answer_ids]
        comments, _ = self._read_more(
            asking, [self._comments(f"/posts/{batch}/comments") for batch in _batches(numbers)], start_at, end_at
        )
        below = _less_of(answers, comments)
        # Listed by questions, they have no time since which all were read, if some were not.
        if below.reason:
            below = Reached(end_at, below.reason)
        return {"post": questions, "comment": _less_of(questions, below)}

    # ---- asking ------------------------------------------------------------

    def _read_more(
        self, asking: Asking, listings: Sequence[_Listing], start_at: datetime | None, end_at: datetime | None
    ) -> tuple[Reached, list[str]]:
        """Listings that follow others: where no call is left for them, what was read before is kept."""
        reached = Reached()
        ids: list[str] = []
        for listing in listings:
            try:
                one, of_one = self._read(asking, listing, start_at, end_at)
            except CallsSpent:
                return Reached(asking.window.end_at, "the calls of this run were spent"), ids
            reached = _less_of(reached, one)
            ids += of_one
        return reached, ids

    def _read(
        self, asking: Asking, listing: _Listing, start_at: datetime | None, end_at: datetime | None
    ) -> tuple[Reached, list[str]]:
        """One listing between two times, and the ids of what it held."""
        filter_id = asking.document("/filters/create", {"include": ";".join(_FILTER_FIELDS)}, _filter_in)["filter"]
        ids: dict[str, None] = {}

        def ask(cursor: str | None, progress: Progress) -> SealedPage:
            until, _, page_number = (cursor or ":1").partition(":")
            until_s = int(until) if until else None if end_at is None else int(end_at.timestamp())
            params: dict[str, str | int] = {
                "site": self._entry.site, "filter": filter_id, "pagesize": MOST_ITEMS, "page": int(page_number),
                "order": "desc", "sort": listing.sort,
            }  # fmt: skip
            if self._entry.tag is not None and listing.path == "/questions":
                params["tagged"] = self._entry.tag
            if start_at is not None:
                params[listing.since_param] = int(start_at.timestamp())
            if until_s is not None:
                params[listing.until_param] = until_s
            parse = partial(
                self._things, listing=listing, until_s=until_s, page_number=int(page_number), known=progress
            )
            page = asking.page(listing.path, params, parse, notes=_questions_of_posts)
            self._question_of |= page.notes["questions"]
            ids.update(dict.fromkeys(page.ids))
            return page

        until = datetime.fromtimestamp(0, UTC) if start_at is None else start_at
        return back_from(asking, f"{SERVICE} at {_shown(listing.path)}", ask, until), list(ids)

    def _things(
        self, answer: JsonAnswer, *, listing: _Listing, until_s: int | None, page_number: int, known: Progress
    ) -> tuple[Understood, str | None]:
        document = answer.document
        things = document.get("items") if isinstance(document, dict) else None
        if not isinstance(things, list) or not isinstance(document.get("has_more"), bool):
            raise wrong_shape(_shown(listing.path), expected="an object with `items` and `has_more`", service=SERVICE)
        _watch_quota(document)
        self._question_of |= _questions_of_posts(answer)["questions"]
        found = understood(
            things, listing.understand, community=self._entry.community, known_fields=listing.known_fields,
            id_field=listing.id_field,
        )  # fmt: skip
        times = [
            one[listing.time_field]
            for one in things
            if isinstance(one, dict) and type(one.get(listing.time_field)) is int and one[listing.time_field] >= 0
        ]
        oldest_s = min(times, default=None)
        after = None
        if document["has_more"]:
            if not things:
                raise wrong_shape(_shown(listing.path), expected="things, where there are more", service=SERVICE)
            # Where all of a page is of one second, or tells none, its next page; a second more, so that it does not
            # matter whether bounds are inclusive.
            if oldest_s is not None and (until_s is None or oldest_s + 1 < until_s):
                after = f"{oldest_s + 1}:1"
            else:
                after = f"{'' if until_s is None else until_s}:{page_number + 1}"
        new = [one for one in found.ids if one not in set(known.ids)]
        known.require_new(f"{SERVICE} at {_shown(listing.path)}", new, after)
        return replace(found, oldest_s=oldest_s), after

    def _accounts(self, answer: JsonAnswer) -> dict[str, Any]:
        try:
            (info,) = answer.document["items"]
            return {"total_users": Fields(info).whole("total_users")}
        except (TypeError, KeyError, ValueError, BadRecord):
            raise wrong_shape(f"{SERVICE} at /info", expected="one item with `total_users`", service=SERVICE) from None

    # ---- what things mean --------------------------------------------------

    def _questions(self, path: str) -> _Listing:
        return _Listing(path, self._question, _QUESTION_FIELDS, "question_id")

    def _answers(self, path: str) -> _Listing:
        return _Listing(path, self._answer, _ANSWER_FIELDS, "answer_id")

    def _comments(self, path: str) -> _Listing:
        return _Listing(path, self._comment, _COMMENT_FIELDS, "comment_id")

    def _question(self, fields: Fields) -> Item:
        number = required(fields.name("question_id"), "question_id")
        site, _ = _site_and_question(fields)
        return Item(
            id=f"q{number}",
            kind="post",
            thread_id=f"q{number}",
            title=_plain(fields.text("title")),
            permalink=site and f"{site}/questions/{number}",
            tags=[tag for tag in fields.items("tags") or () if isinstance(tag, str)],
            reply_count=fields.whole("answer_count"),
            view_count=fields.whole("view_count"),
            edited_at=fields.seconds("last_edit_date"),
            extra=_extra(fields),
            **self._of_all(fields),
        )

    def _answer(self, fields: Fields) -> Item:
        number = required(fields.name("answer_id"), "answer_id")
        question = required(fields.name("question_id"), "question_id")
        site, _ = _site_and_question(fields)
        return Item(
            id=f"a{number}",
            kind="comment",
            thread_id=f"q{question}",
            parent_id=f"q{question}",
            permalink=site and f"{site}/a/{number}",
            reply_count=fields.whole("comment_count"),
            edited_at=fields.seconds("last_edit_date"),
            is_accepted_answer=fields.flag("is_accepted"),
            extra=_extra(fields),
            **self._of_all(fields),
        )

    def _comment(self, fields: Fields) -> Item:
        number = required(fields.name("comment_id"), "comment_id")
        post = required(fields.name("post_id"), "post_id")
        site, question = _site_and_question(fields)
        if fields.text("post_type") == "question":
            question = post
        question = self._question_of.get(post) or question
        if question is None:
            raise BadRecord("unknown_question", f"of post {post}")
        return Item(
            id=f"c{number}",
            kind="comment",
            thread_id=f"q{question}",
            parent_id=f"q{post}" if post == question else f"a{post}",
            permalink=site and f"{site}/questions/{question}#comment{number}_{post}",
            extra=_extra(fields),
            **self._of_all(fields),
        )

    def _of_all(self, fields: Fields) -> dict[str, Any]:
        owner = fields.inside("owner")
        # Whose account is gone still has the name that it had, or a number in its place.
        number = None if owner is None else owner.name("user_id")
        return {
            "community": self._entry.community,
            "created_at": required(fields.seconds("creation_date"), "creation_date"),
            "body": _plain(fields.text("body")),
            "author": None if number is None else f"{self._entry.site}/{number}",
            "role": "moderator" if owner is not None and owner.text("user_type") == "moderator" else None,
            "score": fields.whole("score"),
        }


def _filter_in(answer: JsonAnswer) -> dict[str, Any]:
    try:
        (made,) = answer.document["items"]
        return {"filter": required(Fields(made).text("filter"), "filter")}
    except (TypeError, KeyError, ValueError, BadRecord):
        raise wrong_shape(f"{SERVICE} at /filters/create", expected="one item with `filter`", service=SERVICE) from None


def _questions_of_posts(answer: JsonAnswer) -> dict[str, Any]:
    """The questions that the posts of an answer stand under, by number: comments do not tell it of answers."""
    told = {
        str(one.get("answer_id", one["question_id"])): str(one["question_id"])
        for one in answer.document["items"]
        if isinstance(one, dict) and isinstance(one.get("question_id"), int)
    }
    return {"questions": told}


def _watch_quota(document: Mapping[str, Any]) -> None:
    """Say when a day's calls come to their end, which others on this machine may have used too."""
    left_n, most_n = document.get("quota_remaining"), document.get("quota_max")
    if isinstance(left_n, int) and isinstance(most_n, int) and left_n < most_n * _FEW_CALLS_SHARE:
        log.warning("%s: %d of %d calls are left for today", SERVICE, left_n, most_n)


def _site_and_question(fields: Fields) -> tuple[str | None, str | None]:
    """The site's address, and the number of the question that an address on it leads to; titles in it are left out."""
    match = _SITE_ADDRESS.match(fields.text("link") or "")
    return (match[1], match[2]) if match else (None, None)


def _extra(fields: Fields) -> dict[str, Any]:
    licence = fields.text("content_license")
    return {} if licence is None else {"licence": licence}


def _less_of(one: Reached, other: Reached) -> Reached:
    """What both have read."""
    since = max((each.since for each in (one, other) if each.since is not None), default=None)
    reasons = dict.fromkeys(each.reason for each in (one, other) if each.reason)
    return Reached(since, "; ".join(reasons))


def _batches(numbers: Sequence[str]) -> Iterator[str]:
    """A hundred numbers each, as a path takes them."""
    unique = list(dict.fromkeys(numbers))
    return (";".join(unique[at : at + MOST_ITEMS]) for at in range(0, len(unique), MOST_ITEMS))


def _shown(path: str) -> str:
    """A path without the hundred numbers in it."""
    return re.sub(r"[0-9]+;[0-9;]*", "…", path)


def _plain(html: str | None) -> str | None:
    return None if html is None else text_of(html)
