"""One extraction of a live source, from its plan to its sealed load; what a source adds is a :class:`Reader`.

The same for every platform that is asked one community at a time: the response cache and its budget, the clock of the
platform, which contributions are due to be seen again, what was looked at, the community itself, the load.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from pulse.core.contract import CommunityObservation, Kind, Removal
from pulse.core.errors import CallsSpent, ConfigError, DayNotOver, DayNotServable, SourceError
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import Load
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.lines.mapping import Mapping as RecordMapping
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.http import Endpoint, JsonAnswer, JsonApi, open_api
from pulse.sources.live.items import Item, ItemMapping, Understood
from pulse.sources.live.known import REMEMBERED_DAYS, create_due, create_known, forget_seen_by_listens
from pulse.sources.live.listen_store import Stretch, reached_with
from pulse.sources.live.listening import Heard, open_listen
from pulse.sources.live.paging import Listing, Progress
from pulse.sources.live.policy import LivePolicy
from pulse.sources.live.question import Params
from pulse.sources.live.refusals import is_refusal
from pulse.sources.live.response_cache import Page, ResponseCache, SealedPage, open_response_cache
from pulse.sources.live.run_plan import Costs, plan_of_entry, plan_of_run
from pulse.sources.live.sealing import Statement, listed_looks, load_id_of, seal_load

log = logging.getLogger(__name__)

# A later run is about the past: it does not say what is so today.
_ON_TIME = timedelta(hours=24)
# Where every source of this layer is asked instead of its platform: a sandbox on this machine.
SANDBOX_VARIABLE = "PULSE_SANDBOX_URL"
_OBSERVED_AT, _REFUSED = "observed_at", "refused"


@dataclass(frozen=True)
class Due:
    """A contribution that raw knows and that is due to be seen again; fields as in the contract."""

    contribution_id: str
    is_post: bool
    thread_id: str
    created_at: datetime
    parent_id: str | None = None
    channel: str | None = None

    def gone(self, entry: CommunityEntry, by: Removal) -> Item:
        """What is left to say of it where the platform has it no more."""
        return Item(
            id=self.contribution_id, kind="post" if self.is_post else "comment", community=entry.community,
            channel=self.channel, created_at=self.created_at, thread_id=self.thread_id, parent_id=self.parent_id,
            removal=by,
        )  # fmt: skip


@dataclass(frozen=True)
class Reached:
    """How far a window was read, for one kind.

    Attributes:
        since: when the oldest thing was created that the listing came to; None if all was read that was asked for.
        reason: why not all was read.
        until: of a listing that is read from the window's beginning on, when the newest thing was created that it came
            to; None if it was read to the window's end.
    """

    since: datetime | None = None
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Members:
    """How large a community is; None where it cannot be seen."""

    members_n: int | None
    active_n: int | None = None


class Reader(Protocol):
    """What a source knows of its platform: which questions to ask, and what the answers mean."""

    def read_window(self, asking: "Asking") -> Mapping[Kind, Reached]:
        """Ask for all that was created in the window; the pages hold it then.

        Returns:
            For each kind of the entry, how far it was read.

        Raises:
            DayNotServable: the platform cannot show the window's first day any more.
            PulseError: what asking raises.
        """

    def look_again(self, asking: "Asking", due: Sequence[Due]) -> int:
        """Ask for contributions again; returns how many of them the platform did not give.

        Raises:
            CallsSpent: the budget ended before all were asked for.
            PulseError: what else asking raises.
        """

    def members(self, asking: "Asking") -> Members | None:
        """Ask how large the community is; None where the platform does not say."""


@dataclass(frozen=True)
class LiveSource:
    """A source as this module needs it.

    Attributes:
        service: who is asked, as people call it.
        entry, policy: its classes of the config.
        mapping_version: raised whenever the source makes something else of the same records.
        endpoint: where an entry is asked, under the policy.
        client: who asks, as the platform counts calls.
        reader: of one entry.
        counts_settle_after: how old a contribution must be for the platform to show its counts.
        is_relay: it tells what it saw earlier, and when, instead of what is so now.
        question: path and query of the cheapest call that tells whether an entry can be had.
        mapping: what its records mean, if they are not made of items: of an entry, with the key that hashes authors.
    """

    name: str
    service: str
    entry: type[CommunityEntry]
    policy: type[LivePolicy]
    mapping_version: int
    costs: Costs
    endpoint: Callable[[Any, SourceContext], Endpoint]
    reader: Callable[[Any], Reader]
    question: Callable[[Any], tuple[str, Params]]
    client: Callable[[SourceContext], str] = lambda _: "this machine"
    mapping: Callable[[Any, SourceContext], RecordMapping] | None = None
    counts_settle_after: timedelta = timedelta(0)
    is_relay: bool = False

    def mapping_of(self, entry: CommunityEntry, context: SourceContext) -> RecordMapping:
        """What the records of an entry mean."""
        if self.mapping is not None:
            return self.mapping(entry, context)
        return ItemMapping(
            self.name, entry.platform, entry.observes, context.author_key, "extra" in entry.observes,
            self.mapping_version,
        )  # fmt: skip

    def entries(self, context: SourceContext) -> list[CommunityEntry]:
        """Those of the config that this source serves."""
        return [entry for entry in context.entries if isinstance(entry, self.entry)]

    def extract(self, entry: CommunityEntry, window: Window, context: SourceContext) -> list[Load]:
        """See :func:`extract`."""
        return extract(self, entry, window, context)

    def listen(self, entry: LiveEntry, at: datetime, context: SourceContext) -> Heard:
        """See :func:`listen`."""
        return listen(self, entry, at, context)

    def describe_plan(self, window: Window, context: SourceContext) -> list[str]:
        """See :func:`describe_plan`."""
        return describe_plan(self, window, context)

    def probe(self, entry: CommunityEntry, context: SourceContext) -> str:
        """See :func:`probe`."""
        return probe(self, entry, context)


@dataclass
class Asking:
    """What a reader asks with: every answer is sealed, and asked for once.

    Attributes:
        now: the platform's own time at the first answer; the window is over by then, unless this is a listen.
        listens_since: of a listen, from where on nothing was read yet; None of an extraction, which reads whole days.
        heard_sql: gives the rows that listens of the window's days heard so far, as SQL reads them.
    """

    entry: CommunityEntry
    window: Window
    context: SourceContext
    cache: ResponseCache
    policy: LivePolicy
    heard_sql: Callable[[], str]
    api: JsonApi
    _client: str
    _held: ExitStack = field(repr=False)
    now: datetime | None = None
    listens_since: datetime | None = None

    @property
    def start_at(self) -> datetime:
        """From when on to read: the window's beginning, or where an earlier listen ended."""
        return self.listens_since or self.window.start_at

    @property
    def end_at(self) -> datetime:
        """To when to read; of a listen this lies ahead."""
        return self.window.end_at

    def page(
        self,
        path: str,
        params: Params,
        parse: Callable[[JsonAnswer], tuple[Understood, str | None]],
        *,
        api: JsonApi | None = None,
        notes: Callable[[JsonAnswer], Mapping[str, Any]] | None = None,
        may_refuse: bool = False,
        asked_with: Params | None = None,
    ) -> SealedPage:
        """The records of one answer.

        Args:
            params: what is asked, as it is sealed with the answer; no clear name may stand here.
            asked_with: what the platform is really asked with, where that would name somebody; ``params`` tell one such
                question from another.
            parse: takes the answer apart, into records and the cursor to go on from; it raises
                :func:`pulse.sources.live.refusals.wrong_shape` for an answer of another form, which is asked for again.
            api: another than the entry's own.
            notes: what else to seal of the answer; no clear name may stand there.
            may_refuse: a refusal is an answer too: an empty page that says so (:func:`is_refused`).

        Raises:
            DayNotOver: the platform's own clock stands before the window's end.
            PulseError: see :meth:`pulse.sources.live.http.JsonApi.get`.
        """

        def told(answer: JsonAnswer) -> Page:
            self._require_over(answer.answered_at)
            found, after = parse(answer)
            return Page(
                found.records, found.ids, answer.answered_at, after, found.oldest_s, notes(answer) if notes else {}
            )

        query = params if asked_with is None else asked_with

        def fetch() -> Page:
            try:
                return (api or self.api).get(path, query, told)
            except SourceError as error:
                if not (may_refuse and is_refusal(error)):
                    raise
                return Page((), (), self.now or self.context.clock(), notes={_REFUSED: True})

        page = self.cache.page(path, params, fetch)
        self.now = self.now or page.observed_at
        return page

    def document(
        self,
        path: str,
        params: Params,
        parse: Callable[[JsonAnswer], Mapping[str, Any]],
        *,
        api: JsonApi | None = None,
        may_refuse: bool = False,
    ) -> dict[str, Any]:
        """What ``parse`` makes of an answer without records, as JSON takes it; empty for a refusal that may be.

        Args and errors as for :meth:`page`.
        """

        def told(answer: JsonAnswer) -> dict[str, Any]:
            self._require_over(answer.answered_at)
            return {**parse(answer), _OBSERVED_AT: answer.answered_at.isoformat()}

        def fetch() -> dict[str, Any]:
            try:
                return (api or self.api).get(path, params, told)
            except SourceError as error:
                if not (may_refuse and is_refusal(error)):
                    raise
                return {_REFUSED: True}

        content = self.cache.document(path, params, fetch)
        if content.get(_REFUSED):
            return {}
        self.now = self.now or datetime.fromisoformat(content[_OBSERVED_AT])
        return content

    def open(self, endpoint: Endpoint) -> JsonApi:
        """Another address of the same platform, under the same budget; closed with the extraction."""
        led = led_to_sandbox(endpoint, self.cache.source, self.entry)
        api = open_api(self.context.home, led, self.policy, client=self._client, on_call=self.cache.budget.take)
        self._held.callback(api.close)
        return api

    def walk_back(self, listing: Listing, until: datetime) -> Reached:
        """Read a listing, newest first, back to a time.

        Raises:
            PulseError: what its pages raise.
        """
        oldest_s: float | None = None
        for page in listing:
            if page.oldest_s is not None:
                oldest_s = page.oldest_s if oldest_s is None else min(oldest_s, page.oldest_s)
            if oldest_s is not None and oldest_s < until.timestamp():
                return Reached()
        if listing.cut_off is None:
            return Reached()
        since = self.window.end_at if oldest_s is None else datetime.fromtimestamp(oldest_s, UTC)
        return Reached(since, listing.cut_off)

    def _require_over(self, answered_at: datetime) -> None:
        if self.listens_since is None and answered_at < self.window.end_at:
            raise DayNotOver(
                f"{self.window} of {self.entry.entry_id}",
                value=f"{answered_at:%Y-%m-%d %H:%M} UTC by the platform's clock",
                limit=f"after {self.window.end_at:%Y-%m-%d %H:%M} UTC", next_step="run it once the day is over",
            )  # fmt: skip


def is_refused(page: SealedPage) -> bool:
    """Whether it stands for a refusal."""
    return bool(page.notes.get(_REFUSED))


def back_from(
    asking: Asking, what: str, ask: Callable[[str | None, Progress], SealedPage], until: datetime, **options: Any
) -> Reached:
    """Read a listing of an entry, newest first, from cursor to cursor back to a time.

    Args:
        what: the listing, as people would name it.
        ask: gives the page after a cursor; see :class:`pulse.sources.live.paging.Listing`.
    """
    reached = asking.walk_back(Listing(ask, **options), until)
    return Reached(reached.since, f"{what}: {reached.reason}") if reached.reason else reached


def extract(source: LiveSource, entry: CommunityEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land what the platform shows of the entry's community for the window; see ``Extraction`` of the protocol."""
    policy = context.policy(source.policy)
    plan = plan_of_entry(source.name, entry, source.entries(context), window, context, policy, source.costs)
    cache = open_response_cache(
        context, [entry], window, source.mapping_of(entry, context), for_entry=entry, max_calls_n=plan.max_calls_n,
        service=source.service,
    )  # fmt: skip
    with cache as opened, _asking(source, entry, window, context, opened) as asking:
        load_id = load_id_of(asking.cache, entry, window)
        load = landing.find(context.home, load_id)
        if load is None:
            load = _extract(source, asking, plan.ages_d)
        else:
            log.info("%s: %s is sealed already", source.name, load_id)
        asking.cache.mark_taken(entry.community)
        asking.cache.mark_used(entry)
        return [load]


def listen(source: LiveSource, entry: LiveEntry, at: datetime, context: SourceContext) -> Heard:
    """Read what was written since the last listen, and look at what is a day old; makes no load.

    See ``Extraction`` of the protocol.
    """
    with open_listen(
        context, source.entries(context), entry, at, source.mapping_of(entry, context), context.policy(source.policy),
        service=source.service,
    ) as opened:  # fmt: skip
        if opened.is_done:
            return opened.nothing_new()
        since = opened.since(*entry.kinds)
        asked = _asking(
            source, entry, opened.window, context, opened.cache, listens_since=since, heard_sql=opened.heard_sql
        )
        with asked as asking:
            reader = source.reader(entry)
            reached = reader.read_window(asking)
            now = asking.now or context.clock()
            due = [Due(*row) for row in opened.due(now)]
            try:
                reader.look_again(asking, due)
            except CallsSpent as error:
                log.warning("%s: %s", source.name, error)
        # What is read from its beginning on is known as far as it was read.
        told: dict[str, tuple[datetime | None, datetime]] = {
            kind: (one.since, now if one.until is None else one.until) for kind, one in reached.items()
        }
        return opened.finish(told, due_n=len(due))


def describe_plan(source: LiveSource, window: Window, context: SourceContext) -> list[str]:
    """What the window will ask the platform for; see ``Extraction`` of the protocol."""
    entries = source.entries(context)
    if not entries:
        return []
    plans = plan_of_run(source.name, entries, window, context, context.policy(source.policy), source.costs).values()
    window_n, again_n = sum(one.window_calls_n for one in plans), sum(one.again_calls_n for one in plans)
    ages = ", ".join(map(str, next(iter(plans)).ages_d)) or "no"
    limit_n = context.policy(source.policy).max_calls_per_run
    line = (
        f"{source.name}: {len(entries)} communities, about {window_n + again_n} calls of {limit_n}: {window_n} for the "
        f"window, {again_n} to look again at ages of {ages} days"
    )
    return [line]


def probe(source: LiveSource, entry: CommunityEntry, context: SourceContext) -> str:
    """One polite question, outside any budget; see ``Extraction`` of the protocol."""
    path, params = source.question(entry)
    api = open_api(
        context.home,
        led_to_sandbox(source.endpoint(entry, context), source.name, entry),
        context.policy(source.policy),
        client=source.client(context),
        on_call=lambda: None,
    )
    with closing(api):
        answered_at = api.get(path, params, lambda answer: answer.answered_at)
    return f"{source.service} answers; its clock says {answered_at:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _asking(
    source: LiveSource, entry: CommunityEntry, window: Window, context: SourceContext, cache: ResponseCache,
    *, listens_since: datetime | None = None, heard_sql: Callable[[], str] | None = None,
) -> Iterator[Asking]:  # fmt: skip
    policy = _policy_of(source, context)
    endpoint = led_to_sandbox(source.endpoint(entry, context), source.name, entry)
    client = source.client(context)
    with ExitStack() as held:
        api = open_api(context.home, endpoint, policy, client=client, on_call=cache.budget.take)
        held.callback(api.close)
        yield Asking(
            entry, window, context, cache, policy, heard_sql or cache.listened_rows_sql, api, client, held,
            listens_since=listens_since,
        )  # fmt: skip


def _policy_of(source: LiveSource, context: SourceContext) -> LivePolicy:
    """The source's policy; a sandbox of our own need not be spared."""
    policy = context.policy(source.policy)
    if not os.environ.get(SANDBOX_VARIABLE, "").strip():
        return policy
    return policy.model_copy(update={"calls_per_window": 1_000_000, "window_s": 1.0})


def led_to_sandbox(endpoint: Endpoint, source: str, entry: CommunityEntry) -> Endpoint:
    """The same endpoint, at the sandbox if there is one.

    Raises:
        ConfigError: the variable names no server on this machine.
    """
    sandbox_url = os.environ.get(SANDBOX_VARIABLE, "").strip().rstrip("/")
    if not sandbox_url:
        return endpoint
    led = replace(endpoint, url=f"{sandbox_url}/{source}/{quote(entry.community, safe='')}")
    if not led.is_local:
        raise ConfigError(
            SANDBOX_VARIABLE, value="another machine", limit="a sandbox on this one",
            next_step="unset it, or start `pulse sandbox serve` and take the address it prints",
        )  # fmt: skip
    return led


def _extract(source: LiveSource, asking: Asking, ages_d: Sequence[int]) -> Load:
    entry, window, context, cache = asking.entry, asking.window, asking.context, asking.cache
    reader = source.reader(entry)
    reached = _with_listens(reader.read_window(asking), cache.stretches(entry.community), window)
    _require_servable(source, entry, window, reached, cache)
    now = asking.now or context.clock()
    is_on_time = now - window.end_at < _ON_TIME
    members, not_returned_n, spent, gone = None, 0, "", []
    if is_on_time or cache.has_listened(entry.community):
        create_known(cache.connection, context.home, [entry], since=window.first_day - timedelta(days=REMEMBERED_DAYS))
    if is_on_time:
        create_due(cache.connection, ages_d, window.end_at)
        forget_seen_by_listens(cache.connection, cache.listened_rows_sql(), window.end_at)
        try:
            not_returned_n = reader.look_again(
                asking, [*_no_longer_shown(cache, entry, window), *_due_of(cache, window)]
            )
            gone = [one.contribution_id for one in _no_longer_shown(cache, entry, window)]
            members = reader.members(asking)
        except CallsSpent:
            spent = "the calls of this run were spent"
    reasons = dict.fromkeys(one.reason for one in reached.values() if one.reason)
    statement = Statement(
        looks=listed_looks(
            entry,
            window,
            {kind: one.since for kind, one in reached.items()},
            until={kind: one.until for kind, one in reached.items()},
            listened=cache.stretches(entry.community),
        ),
        is_on_time=is_on_time,
        observation=None if members is None else _observation(source, entry, members, now),
        partial_reason="; ".join([*reasons, spent] if spent else reasons),
        skipped={"not_returned": not_returned_n} if not_returned_n else {},
        keeps_extra="extra" in entry.observes,
        counts_settle_after=source.counts_settle_after,
        is_relay=source.is_relay,
        gone=gone,
    )
    return seal_load(cache, entry, window, context, statement)


def _with_listens(
    reached: Mapping[Kind, Reached], stretches: Mapping[str, Sequence[Stretch]], window: Window
) -> dict[Kind, Reached]:
    """How far the window was read, by its own listings and by listens before that join them."""
    found = {}
    for kind, one in reached.items():
        since = reached_with(one.since, window.end_at, stretches.get(kind, ()), window.start_at)
        is_whole = since is None and one.until is None
        found[kind] = Reached() if is_whole else replace(one, since=since)
    return found


def _no_longer_shown(cache: ResponseCache, entry: CommunityEntry, window: Window) -> list[Due]:
    """What listens heard of the window and no answer of the extraction shows, youngest first.

    What its author deleted stays deleted and is left in peace.
    """
    if not cache.has_listened(entry.community):
        return []
    rows = cache.connection.execute(
        f"""
        select contribution_id, kind = 'post', thread_id, created_at
        from {cache.listened_rows_sql()}
        where community = $community and created_at >= $start_at and created_at < $end_at
            and contribution_id not in (select contribution_id from {cache.own_rows_sql()})
        qualify row_number() over (partition by contribution_id order by observed_at desc, line_number) = 1
            and removal <> 'by_author'
        order by created_at desc, contribution_id
        """,
        {"community": entry.community, "start_at": window.start_at, "end_at": window.end_at},
    ).fetchall()
    return [Due(*row) for row in rows]


def _due_of(cache: ResponseCache, window: Window) -> list[Due]:
    """What is due and was not shown with the window, oldest last: where calls end, the youngest have been seen."""
    rows = cache.connection.execute(
        """
        select due.contribution_id, known.is_post, known.thread_id, due.created_at, known.parent_id, known.channel
        from due join known using (contribution_id)
        where due.created_at < $start_at
        order by due.created_at desc, due.contribution_id
        """,
        {"start_at": window.start_at},
    ).fetchall()
    return [Due(*row) for row in rows]


def _observation(source: LiveSource, entry: CommunityEntry, members: Members, now: datetime) -> CommunityObservation:
    return CommunityObservation(
        entry.platform, entry.community, now, members.members_n, members.active_n, source.name, load_id=""
    )


def _require_servable(
    source: LiveSource, entry: CommunityEntry, window: Window, reached: Mapping[Kind, Reached], cache: ResponseCache
) -> None:
    """Refuse a window with a day of which nothing of any kind could be listed any more, nor was heard before."""
    if any(start.date() == window.first_day for read in cache.stretches(entry.community).values() for start, _ in read):
        return
    if not reached or any(one.since is None for one in reached.values()):
        return
    earliest = min(one.since for one in reached.values() if one.since is not None)
    if earliest.date() > window.first_day:
        raise DayNotServable(
            f"{source.service} of {entry.entry_id}",
            value=f"nothing from {window.first_day}, it ends at {earliest:%Y-%m-%d %H:%M} UTC",
            earliest_day=earliest.date(),
            next_step="choose later days",
        )
