"""Paging as Reddit does it: a listing is a window of about a thousand names; a page is a piece of it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from pulse.sandbox.reddit_catalogue import Item

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
_FULL_ID = re.compile(r"t[0-9]_[0-9a-z]+", re.IGNORECASE)


@dataclass(frozen=True)
class PageQuery:
    """Which page is asked for; ``count`` is how many things the asker has seen on earlier pages."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    before: str | None = None
    count: int = 0

    @classmethod
    def from_params(cls, params: dict[str, str]) -> "PageQuery":
        """What the query of a request says. What cannot be read is taken as not said, as Reddit does."""
        return cls(
            limit=clamped(params.get("limit"), default=DEFAULT_LIMIT, most=MAX_LIMIT),
            after=_full_id(params.get("after")),
            before=_full_id(params.get("before")),
            count=clamped(params.get("count"), default=0, most=10**6, least=0),
        )


@dataclass(frozen=True)
class Page:
    """A piece of a listing, and the names by which its neighbours are asked for; None where nothing is left."""

    items: Sequence[Item]
    after: str | None
    before: str | None


def page_of(newest_first: Iterable[Item], query: PageQuery, *, window_n: int) -> Page:
    """The page that follows ``after``, or that precedes ``before``, within the first ``window_n`` items.

    A name that is not in the window gives an empty page, whether it was deleted or has sunk too deep.
    """
    window = list(islice(newest_first, window_n))
    if query.after is not None:
        return _following(_behind(window, query.after), query)
    if query.before is not None:
        return _preceding(_behind(window[::-1], query.before), query)
    return _following(window, query)


def _following(rest: Sequence[Item], query: PageQuery) -> Page:
    items = rest[: query.limit]
    has_earlier = bool(items) and query.after is not None and query.count > 0
    return Page(
        items=items,
        after=items[-1].full_id if len(rest) > len(items) else None,
        before=items[0].full_id if has_earlier else None,
    )


def _preceding(rest: Sequence[Item], query: PageQuery) -> Page:
    """``rest`` runs from the oldest to the newest."""
    items = rest[: query.limit][::-1]
    return Page(
        items=items,
        after=items[-1].full_id if items and query.count > 0 else None,
        before=items[0].full_id if len(rest) > len(items) else None,
    )


def _behind(items: Sequence[Item], full_id: str) -> Sequence[Item]:
    position = next((number for number, item in enumerate(items) if item.full_id == full_id), None)
    return () if position is None else items[position + 1 :]


def clamped(text: str | None, *, default: int, most: int, least: int = 1) -> int:
    """A whole number between the limits; the default where none is told."""
    try:
        return min(most, max(least, int(text or "")))
    except ValueError:
        return default


def _full_id(text: str | None) -> str | None:
    return text.lower() if text and _FULL_ID.fullmatch(text) else None
