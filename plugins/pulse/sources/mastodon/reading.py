"""Which questions an instance is asked, and what the answers mean.

A timeline gives forty statuses to a question; ids are milliseconds, so any day is asked for by its first and last id.
It is read forwards: a status says what it answers and not in which thread, so what it answers must be known by then,
from the pages before, or from raw. Where it is not, the answered status stands for the thread.

What is due is asked for twenty at a time. An instance leaves out what is not there any more and does not say who took
it away: that is a tombstone by its author.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from pulse.core.contract import Kind
from pulse.core.errors import SourceError
from pulse.core.text import words_in
from pulse.sources.html_text import text_of
from pulse.sources.live.extraction import Asking, Due, Members, Reached
from pulse.sources.live.fields import Fields, required
from pulse.sources.live.http import Endpoint, JsonAnswer, JsonApi
from pulse.sources.live.items import Item, NotSpeech, Understood, understood
from pulse.sources.live.known import REMEMBERED_DAYS, create_known
from pulse.sources.live.paging import Listing, Progress
from pulse.sources.live.refusals import refusal, wrong_shape
from pulse.sources.live.response_cache import SealedPage
from pulse.sources.mastodon.entry import MastodonEntry, MastodonPolicy, account_at

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 1
SERVICE = "Mastodon"
MOST_STATUSES = 40
MOST_AT_ONCE = 20
_ID_BITS = 16
PUBLIC = "public"
_FIELDS = words_in(
    "id created_at in_reply_to_id in_reply_to_account_id sensitive spoiler_text visibility language uri url "
    "replies_count reblogs_count favourites_count quotes_count edited_at favourited reblogged muted bookmarked pinned "
    "content filtered reblog application account media_attachments mentions tags emojis card poll quote quote_id "
    "quote_approval tagged_collections local_only text reactions"
)


class MastodonReader:
    """Reads one entry; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: MastodonEntry) -> None:
        self._entry = entry

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All statuses of the window that the instance knows, oldest first."""
        path, params = self._timeline()
        first, end = _first_id(asking.start_at), _first_id(asking.end_at)
        threads = self._known_threads(asking)

        def ask(cursor: str | None, _: Progress) -> SealedPage:
            min_id = first - 1 if cursor is None else int(cursor)
            question = {**params, "limit": MOST_STATUSES, "min_id": str(min_id), "max_id": str(end)}
            parse = partial(self._page, threads=threads, min_id=min_id)
            page = asking.page(path, question, parse, notes=lambda _: {"threads": {**threads.of_page}})
            threads.known |= page.notes["threads"]
            return page

        listing = Listing(ask)
        last, is_stuck = first - 1, False
        for page in listing:
            is_stuck = page.after is None and bool(page.ids)
            last = last if page.after is None else int(page.after)
            if last >= end:
                break
        reason = "an answer without a usable id" if is_stuck else listing.cut_off
        reached = Reached()
        if reason is not None:
            reached = Reached(reason=f"{self._entry.name}: {reason}", until=_time_of(last))
        return {"post": reached, "comment": reached}

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """Twenty at once; one by one, as many as the policy lets, where the instance cannot."""
        if not due:
            return 0
        api = asking.open(replace(endpoint_of(self._entry), answer_statuses=frozenset({404, 405})))
        seen_n = 0
        for begin in range(0, len(due), MOST_AT_ONCE):
            by_id = {one.contribution_id: one for one in due[begin : begin + MOST_AT_ONCE]}
            page = asking.page(
                "/api/v1/statuses", {"id[]": list(by_id)}, partial(self._some, due=by_id), api=api,
                notes=lambda answer: {"status": answer.status},
            )  # fmt: skip
            if page.notes["status"] != 200:
                return self._one_by_one(asking, api, due)
            seen_n += len(page.ids)
        return len(due) - seen_n

    def members(self, asking: Asking) -> Members | None:
        """Accounts of an instance; nobody belongs to a tag."""
        if self._entry.tag is not None:
            return None

        def users(answer: JsonAnswer) -> dict[str, Any]:
            stats = answer.document.get("stats") if isinstance(answer.document, dict) else None
            if not isinstance(stats, dict):
                raise wrong_shape(f"what {self._entry.instance} says of itself", expected="`stats`", service=SERVICE)
            count = stats.get("user_count")
            return {"users_n": count if isinstance(count, int) and count >= 0 else None}

        return Members(asking.document("/api/v1/instance", {}, users)["users_n"])

    # ---- the timeline ------------------------------------------------------

    def _timeline(self) -> tuple[str, dict[str, str | int]]:
        if self._entry.tag is None:
            return "/api/v1/timelines/public", {"local": "true"}
        return f"/api/v1/timelines/tag/{quote(self._entry.tag, safe='')}", {}

    def _known_threads(self, asking: Asking) -> "_Threads":
        """Threads of what raw has from before the window, and of what listens heard of it."""
        connection, window = asking.cache.connection, asking.window
        since = window.first_day - timedelta(days=REMEMBERED_DAYS)
        create_known(connection, asking.context.home, [self._entry], since=since, before=window.first_day)
        rows = connection.execute(
            f"""
            select contribution_id, thread_id from known
            union
            select contribution_id, thread_id from {asking.heard_sql()} where community = $community
            """,
            {"community": self._entry.community},
        ).fetchall()
        return _Threads(dict(rows))

    def _page(self, answer: JsonAnswer, *, threads: "_Threads", min_id: int) -> tuple[Understood, str | None]:
        """Oldest first, so that what is answered comes before its answers."""
        if answer.status != 200:
            raise self._closed(answer)
        statuses = self._public(answer, f"timeline of {self._entry.name}")
        ids = [number for number in map(_number_in, statuses) if number is not None]
        if statuses and not any(isinstance(one, dict) for one in statuses):
            raise wrong_shape(f"timeline of {self._entry.name}", expected="a list of statuses", service=SERVICE)
        threads.of_page = {}
        found = self._understood(sorted(statuses, key=lambda one: _number_in(one) or 0), threads)
        later = [one for one in ids if one > min_id]
        return found, str(max(later)) if later else None

    def _closed(self, answer: JsonAnswer) -> SourceError:
        return SourceError(
            f"timeline of {self._entry.name}", value=f"HTTP {answer.status}: shown only to who is logged in there",
            next_step="choose another instance that lets guests read, or take it out of the config",
        )  # fmt: skip

    # ---- single statuses ---------------------------------------------------

    def _some(self, answer: JsonAnswer, *, due: Mapping[str, Due]) -> tuple[Understood, None]:
        """What an instance gives of those that were asked for; what it leaves out is gone."""
        if answer.status != 200:
            return self._understood((), _Threads({})), None
        statuses = self._public(answer, f"statuses of {self._entry.instance}")
        told = {str(_number_in(one)) for one in statuses}
        gone = [_Gone(one) for one_id, one in due.items() if one_id not in told]
        return self._understood([*statuses, *gone], _Threads(_threads_of(due))), None

    def _one_by_one(self, asking: Asking, api: JsonApi, due: Sequence[Due]) -> int:
        limit_n = asking.context.policy(MastodonPolicy).item_calls_per_run
        seen_n = 0
        for one in due[:limit_n]:
            parse = partial(self._one, due=one)
            seen_n += len(asking.page(f"/api/v1/statuses/{int(one.contribution_id)}", {}, parse, api=api).ids)
        return len(due) - seen_n

    def _one(self, answer: JsonAnswer, *, due: Due) -> tuple[Understood, None]:
        by_id = {due.contribution_id: due}
        if answer.status == 405:
            raise refusal(SERVICE, "/api/v1/statuses", 405, reason="", credentials="")
        if answer.status == 404:
            return self._understood([_Gone(due)], _Threads({})), None
        if str(_number_in(answer.document)) != due.contribution_id:
            raise wrong_shape(f"a status of {self._entry.instance}", expected="the one asked for", service=SERVICE)
        return self._understood(_of_public([answer.document]), _Threads(_threads_of(by_id))), None

    # ---- a status ----------------------------------------------------------

    def _public(self, answer: JsonAnswer, what: str) -> list[Any]:
        if not isinstance(answer.document, list):
            raise wrong_shape(what, expected="a list of statuses", service=SERVICE)
        return _of_public(answer.document)

    def _understood(self, statuses: Sequence[object], threads: "_Threads") -> Understood:
        return understood(
            statuses, partial(self._status, threads=threads), community=self._entry.community,
            known_fields=_FIELDS,
        )  # fmt: skip

    def _status(self, fields: Fields, *, threads: "_Threads") -> Item:
        if isinstance(fields.document, _Gone):
            return fields.document.due.gone(self._entry, "by_author")
        created_at = required(fields.time("created_at"), "created_at")
        if fields.inside("reblog") is not None:
            raise NotSpeech(created_at)
        status_id, parent_id = required(fields.name("id"), "id"), fields.name("in_reply_to_id")
        warning, content = fields.text("spoiler_text"), text_of(fields.text("content") or "")
        card = fields.inside("card")
        account = fields.inside("account")
        return Item(
            id=status_id,
            kind="post" if parent_id is None else "comment",
            community=self._entry.community,
            created_at=created_at,
            edited_at=fields.time("edited_at"),
            thread_id=threads.of(status_id, parent_id),
            parent_id=parent_id,
            body=f"{warning}\n\n{content}".strip() if warning else content,
            url=None if card is None else card.text("url"),
            permalink=f"https://{self._entry.instance}/statuses/{status_id}",
            tags=[name for tag in fields.items("tags") or () if (name := Fields(tag).text("name"))],
            author=None if account is None else self._author(account),
            role="bot" if account is not None and account.flag("bot") else None,
            score=fields.whole("favourites_count"),
            reply_count=fields.whole("replies_count"),
            share_count=fields.whole("reblogs_count"),
        )

    def _author(self, account: Fields) -> str | None:
        """With the instance; those of the instance itself are told without it."""
        name = account.text("acct")
        return account_at(name, self._entry.instance) if name and "@" not in name else name


class _Gone(dict[str, Any]):
    """In place of a status that is not there any more."""

    def __init__(self, due: Due) -> None:
        super().__init__(id=due.contribution_id)
        self.due = due


class _Threads:
    """The thread of each known status.

    Attributes:
        known: of all pages so far, and of raw.
        of_page: of the page that is being taken apart.
    """

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        self.of_page: dict[str, str] = {}

    def of(self, status_id: str, parent_id: str | None) -> str:
        """That of what it answers; the answered status itself where nothing is known of it."""
        found = self.known.get(status_id)
        if found is None:
            found = status_id if parent_id is None else self._above(parent_id)
        self.of_page[status_id] = found
        return found

    def _above(self, parent_id: str) -> str:
        return self.of_page.get(parent_id) or self.known.get(parent_id) or parent_id


def endpoint_of(entry: MastodonEntry) -> Endpoint:
    """The instance; 422 is how it says, in some versions, that its timelines are not for guests."""
    return Endpoint(
        SERVICE, (entry.url or f"https://{entry.instance}").rstrip("/"), answer_statuses=frozenset({422}),
        credentials_hint="choose another instance: this one shows its timelines only to who is logged in there",
    )  # fmt: skip


def _first_id(at: datetime) -> int:
    """The first id that can be given at a time."""
    return round(at.timestamp() * 1000) << _ID_BITS


def _time_of(status_id: int) -> datetime:
    return datetime.fromtimestamp((status_id >> _ID_BITS) / 1000, UTC)


def _number_in(status: object) -> int | None:
    told = status.get("id") if isinstance(status, Mapping) else None
    is_number = isinstance(told, str) and told.isascii() and told.isdigit() and len(told) <= 20
    return int(told) if is_number and isinstance(told, str) else None


def _of_public(statuses: Sequence[Any]) -> list[Any]:
    """Without what is told to be for fewer than all: it is not even counted."""
    return [one for one in statuses if not isinstance(one, dict) or one.get("visibility", PUBLIC) == PUBLIC]


def _threads_of(due: Mapping[str, Due]) -> dict[str, str]:
    return {one_id: one.thread_id for one_id, one in due.items()}
