"""Which questions Hacker News is asked, and what the answers mean.

Algolia's search gives a thousand hits to a question, newest first, so a day is read from its end backwards, each
question beginning at the second where the one before ended. Days of any year can be asked for, which is also how
contributions are looked at again: a thousand to a call. What a search leaves out is dead or deleted, or not indexed:
Firebase tells, one thing to a call.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from pulse.core.contract import Kind
from pulse.core.text import words_in
from pulse.sources.hacker_news.entry import HackerNewsEntry, HackerNewsPolicy
from pulse.sources.html_text import text_of
from pulse.sources.live.extraction import Asking, Due, Members, Reached, back_from
from pulse.sources.live.fields import BadRecord, Fields, required
from pulse.sources.live.http import Endpoint, JsonAnswer
from pulse.sources.live.items import Item, Understood, understood
from pulse.sources.live.paging import Progress
from pulse.sources.live.refusals import wrong_shape
from pulse.sources.live.response_cache import SealedPage

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 1
SERVICE = "Hacker News"
MOST_HITS = 1_000
_TAGS = "(story,comment,poll)"
_HIT_FIELDS = words_in(
    "objectID created_at created_at_i updated_at author title url story_text comment_text points num_comments "
    "parent_id story_id story_title story_url children _tags _highlightResult relevancy_score"
)
_ITEM_FIELDS = words_in("id by deleted type time text dead parent poll kids url score title parts descendants")


class HackerNewsReader:
    """Reads one entry; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: HackerNewsEntry) -> None:
        self._entry = entry

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All stories and comments of the window."""
        reached = self._read(asking, asking.start_at, asking.end_at)
        return {"post": reached, "comment": reached}

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """By the days they were written on; then, one by one, those that the search did not give."""
        wanted = {one.contribution_id: one for one in due}
        for _, of_day in groupby(due, key=lambda one: one.created_at.date()):
            times = [one.created_at for one in of_day]
            wanted = self._without_shown(asking, wanted, min(times), max(times) + timedelta(seconds=1))
        policy = asking.context.policy(HackerNewsPolicy)
        not_found_n = 0
        if wanted:
            items = asking.open(Endpoint(SERVICE, policy.items_url))
            for one in list(wanted.values())[: policy.item_calls_per_run]:
                path = f"/v0/item/{int(one.contribution_id)}.json"
                page = asking.page(path, {}, partial(self._item, due=one), api=items)
                not_found_n += not page.ids
            not_found_n += max(len(wanted) - policy.item_calls_per_run, 0)
        return not_found_n

    def members(self, asking: Asking) -> Members | None:  # noqa: ARG002
        """Hacker News does not count them."""
        return None

    def _without_shown(
        self, asking: Asking, wanted: dict[str, Due], start_at: datetime, end_at: datetime
    ) -> dict[str, Due]:
        shown: set[str] = set()
        self._read(asking, start_at, end_at, shown)
        return {one_id: one for one_id, one in wanted.items() if one_id not in shown}

    def _read(self, asking: Asking, start_at: datetime, end_at: datetime, shown: set[str] | None = None) -> Reached:
        first_s, last_s = int(start_at.timestamp()), int(end_at.timestamp()) - 1

        def ask(cursor: str | None, progress: Progress) -> SealedPage:
            until_s = last_s if cursor is None else int(cursor)
            params: dict[str, str | int] = {
                "tags": _TAGS, "hitsPerPage": MOST_HITS,
                "numericFilters": f"created_at_i>={first_s},created_at_i<={until_s}",
            }  # fmt: skip
            if self._entry.query is not None:
                params |= {"query": self._entry.query, "typoTolerance": "false"}
            page = asking.page("/api/v1/search_by_date", params, partial(self._hits, until_s=until_s, known=progress))
            if shown is not None:
                shown.update(page.ids)
            return page

        return back_from(asking, f"{SERVICE}'s search", ask, start_at)

    def _hits(self, answer: JsonAnswer, *, until_s: int, known: Progress) -> tuple[Understood, str | None]:
        document = answer.document
        hits = document.get("hits") if isinstance(document, dict) else None
        if not isinstance(hits, list):
            raise wrong_shape(f"{SERVICE}'s search", expected="an object with `hits`", service=SERVICE)
        community = self._entry.community
        found = understood(hits, self._hit, community=community, known_fields=_HIT_FIELDS, id_field="objectID")
        per_page = document.get("hitsPerPage")
        is_full = len(hits) >= min(MOST_HITS, per_page if isinstance(per_page, int) and per_page > 0 else MOST_HITS)
        # The second at the border is asked for again, for more than one thing may have been written in it.
        after = None
        if is_full and found.oldest_s is not None:
            after = str(
                min(int(found.oldest_s), until_s - 1) if int(found.oldest_s) >= until_s else int(found.oldest_s)
            )
        new = [one for one in found.ids if one not in set(known.ids)]
        known.require_new(f"{SERVICE}'s search", new, after)
        return found, after

    def _hit(self, fields: Fields) -> Item:
        told_tags = fields.items("_tags") or []
        hit_id = required(fields.name("objectID"), "objectID")
        is_comment = "comment" in told_tags
        return Item(
            id=hit_id,
            kind="comment" if is_comment else "post",
            community=self._entry.community,
            created_at=required(fields.seconds("created_at_i"), "created_at_i"),
            thread_id=required(fields.name("story_id"), "story_id") if is_comment else hit_id,
            parent_id=required(fields.name("parent_id"), "parent_id") if is_comment else None,
            title=None if is_comment else fields.text("title"),
            body=_plain(fields.text("comment_text" if is_comment else "story_text")),
            url=None if is_comment else fields.text("url"),
            permalink=f"https://news.ycombinator.com/item?id={hit_id}",
            author=fields.text("author"),
            score=None if is_comment else fields.whole("points"),
            reply_count=None if is_comment else fields.whole("num_comments"),
        )

    def _item(self, answer: JsonAnswer, *, due: Due) -> tuple[Understood, str | None]:
        """One thing of Firebase; null where it never was, or is gone without a trace."""
        things: list[Any] = [] if answer.document is None else [answer.document]

        def understand(fields: Fields) -> Item:
            item_id = required(fields.name("id"), "id")
            if item_id != due.contribution_id:
                raise BadRecord("another_id")
            removal = "by_author" if fields.flag("deleted") else "by_moderator" if fields.flag("dead") else "none"
            return Item(
                id=item_id,
                kind="post" if due.is_post else "comment",
                community=self._entry.community,
                created_at=fields.seconds("time") or due.created_at,
                thread_id=due.thread_id,
                parent_id=None if due.is_post else fields.name("parent"),
                title=fields.text("title") if due.is_post else None,
                body=_plain(fields.text("text")),
                url=fields.text("url") if due.is_post else None,
                permalink=f"https://news.ycombinator.com/item?id={item_id}",
                author=fields.text("by"),
                score=fields.whole("score") if due.is_post else None,
                reply_count=fields.whole("descendants") if due.is_post else None,
                removal=removal,  # type: ignore[arg-type]
            )

        return understood(things, understand, community=self._entry.community, known_fields=_ITEM_FIELDS), None


def _plain(html: str | None) -> str | None:
    return None if html is None else text_of(html)
