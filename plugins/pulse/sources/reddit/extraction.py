"""Asking Reddit for a window of days, frugally: listings first, single threads only where they are known to have gaps.

Works over a cache of sealed pages: run again, it asks the same questions in the same order and finds the answers that
came before. Order: the communities themselves; new posts; new comments of the whole community; looks again at earlier
contributions, in hundreds, and at what only listens within the day had heard; threads with gaps, the largest first.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

from pulse.core.contract import CommunityObservation
from pulse.core.errors import CallsSpent, DayNotOver, SourceError
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.live.known import REMEMBERED_DAYS, create_due, create_known_once, forget_seen_by_listens
from pulse.sources.live.listen_store import reached_with
from pulse.sources.live.paging import Listing, Progress
from pulse.sources.live.refusals import is_refusal
from pulse.sources.live.response_cache import SealedPage
from pulse.sources.reddit.answers import RedditAnswers
from pulse.sources.reddit.entry import SOURCE, RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.pages import Page, Stub, listing_page, more_children_page, stubs_in, tree_page
from pulse.sources.reddit.plan import PAGE_ITEMS, Group, Plan

log = logging.getLogger(__name__)

Kind = Literal["new", "comments"]
# A listing that ends after so many things was cut off by Reddit (at about 1,000), not by the community's beginning.
CUT_OFF_ITEMS = 900
_MOST_PAGES = 12
# A later run is about the past: it does not say what is so today.
_ON_TIME = timedelta(hours=24)
_OTHER_CURSORS_N = 3
LARGEST_TREE = 500


@dataclass
class Seen:
    """What the extraction can say of one community.

    Attributes:
        refused: why Reddit would not tell anything; None otherwise.
        observation: the community itself; None when the run is late.
        posts_since, comments_since: how far back the listing reached, together with what listens had read; None when it
            was read to its end, or as far as was asked.
        is_stream_cut_off: whether the listing of comments by itself came less far.
        unseen_comments_n, counted_comments_n: of the threads seen: comments that Reddit counts and nobody showed, and
            all it counts.
        not_returned_n: asked for by id and not given back.
    """

    refused: str | None = None
    observation: CommunityObservation | None = None
    posts_since: datetime | None = None
    comments_since: datetime | None = None
    is_stream_cut_off: bool = False
    unseen_comments_n: int = 0
    counted_comments_n: int = 0
    not_returned_n: int = 0
    has_spent_its_calls: bool = False


@dataclass(frozen=True)
class ReadBack:
    """A listing that was read.

    Attributes:
        since: how far back it came; None when it reached the time that was asked for, or its own end.
        asked_at: when its first page was given.
        spent: the error of the budget, if that is why it came no further.
    """

    since: datetime | None
    asked_at: datetime
    spent: CallsSpent | None = None


@dataclass
class _Gap:
    """A thread of which comments are missing."""

    community: str
    thread_id: str
    missing_n: int


class Extraction:
    """One pass over one group."""

    def __init__(
        self, answers: RedditAnswers, context: SourceContext, group: Group, plan: Plan, window: Window
    ) -> None:
        self._answers = answers
        self._context = context
        self._group = group
        self._plan = plan
        self._window = window
        self._policy = context.policy(RedditApiPolicy)
        self._by_name = {entry.community: entry for entry in group.entries}
        self._seen = {entry.community: Seen() for entry in group.entries}
        self._now = window.end_at

    def run(self) -> dict[str, Seen]:
        """Ask for everything; returns what can be said of each community, by its name as rows carry it.

        Raises:
            DayNotOver: Reddit's own clock stands before the window's end.
            SourceError: nothing could be had, or a call failed; what was sealed stays.
            StorageError: landing cannot be written.
        """
        self._ask_communities()
        self._list("new", self._readable(), self._window.start_at - self._late)
        self._list("comments", self._readable(), self._window.start_at)
        self._join_listens()
        if not self._readable():
            return self._seen
        self._look_again()
        self._fill_gaps()
        return self._seen

    def _readable(self) -> list[str]:
        return [name for name, seen in self._seen.items() if seen.refused is None]

    @property
    def is_on_time(self) -> bool:
        """Whether the platform shows what was so when the window ended, or soon after."""
        return self._now < self._window.end_at + _ON_TIME

    @property
    def _late(self) -> timedelta:
        return timedelta(days=self._policy.late_days if self.is_on_time else 0)

    # ---- the communities themselves ----------------------------------------

    def _ask_communities(self) -> None:
        told = {name: self._answers.about(entry) for name, entry in self._by_name.items()}
        self._now = max((one.observed_at for one in told.values() if one.facts), default=self._now)
        if self._now < self._window.end_at:
            raise DayNotOver(
                f"day {self._window.last_day.isoformat()}",
                value=f"Reddit's clock says {self._now:%Y-%m-%d %H:%M} UTC",
                limit="the day must be over",
                next_step=f"run again after {self._window.end_at:%Y-%m-%d %H:%M} UTC",
            )
        for name, one in told.items():
            self._seen[name].refused = one.refused
            if one.facts and self.is_on_time:
                self._seen[name].observation = CommunityObservation(
                    "reddit", name, one.observed_at, one.facts.members_n, one.facts.active_n, SOURCE, load_id=""
                )

    # ---- listings ----------------------------------------------------------

    def _list(self, kind: Kind, members: Sequence[str], until: datetime) -> None:
        """Read a listing of some communities back to a time; one that is cut off before it, in halves again."""
        if not members:
            return
        try:
            since = self._read_listing(kind, members, until)
        except SourceError as error:
            if not is_refusal(error):
                raise
            if len(members) == 1:
                self._seen[members[0]].refused = f"{error.thing}: {error.value}"
                return
            since = datetime.max.replace(tzinfo=UTC)  # one of them spoils it for all
        if since is None or len(members) == 1:
            for name in members:
                setattr(self._seen[name], "posts_since" if kind == "new" else "comments_since", since)
            return
        half = len(members) // 2
        self._list(kind, members[:half], until)
        self._list(kind, members[half:], until)

    def _read_listing(self, kind: Kind, members: Sequence[str], until: datetime) -> datetime | None:
        """Page back; returns None when the listing reached the time or its own end, else how far it came."""
        read = read_back(self._answers, [self._by_name[name] for name in members], kind, until)
        if read.spent is not None:
            self._note_spent(members)
        return read.since

    def _join_listens(self) -> None:
        """Where listens within the day read what the listings no longer reach, they reach as far together."""
        start_at, end_at = self._window.start_at, self._window.end_at
        for name, seen in self._seen.items():
            heard = self._answers.cache.stretches(name)
            seen.is_stream_cut_off = seen.comments_since is not None
            seen.posts_since = reached_with(seen.posts_since, end_at, heard.get("post", ()), start_at)
            seen.comments_since = reached_with(seen.comments_since, end_at, heard.get("comment", ()), start_at)

    # ---- looks again -------------------------------------------------------

    def _look_again(self) -> None:
        """Ask for what is due by its id, unless the listings showed it; table ``due`` names it all."""
        since = self._window.first_day - timedelta(days=REMEMBERED_DAYS)
        cache = self._answers.cache
        kept = cache.file_beside("known.parquet")
        create_known_once(cache.connection, self._context.home, self._group.entries, kept, since=since)
        ages_d = self._plan.ages_d if self.is_on_time else ()
        create_due(cache.connection, ages_d, self._now)
        forget_seen_by_listens(cache.connection, cache.listened_rows_sql(), self._now)
        rows = cache.connection.execute(
            f"""
            select community, contribution_id from due
            where contribution_id not in (select contribution_id from {cache.own_rows_sql()})
            order by community, created_at desc, contribution_id
            """
        ).fetchall()
        wanted = [*rows, *(self._heard_only() if self.is_on_time else [])]
        due = [(community, full_id) for community, full_id in wanted if self._seen[community].refused is None]
        for start in range(0, len(due), PAGE_ITEMS):
            batch = due[start : start + PAGE_ITEMS]
            try:
                returned = look_at(self._answers, [full_id for _, full_id in batch])
            except CallsSpent:
                self._note_spent({community for community, _ in due[start:]})
                break
            for community, full_id in batch:
                self._seen[community].not_returned_n += full_id not in returned

    def _heard_only(self) -> list[tuple[str, str]]:
        """Community and id of what listens heard of the window and the listings do not show: it sank too deep, or is
        gone. What its author deleted stays deleted and is left in peace.
        """
        cache = self._answers.cache
        return cache.connection.execute(
            f"""
            select community, contribution_id
            from {cache.listened_rows_sql()}
            where created_at >= $start_at and created_at < $end_at and list_contains($members, community)
                and contribution_id not in (select contribution_id from {cache.own_rows_sql()})
            qualify row_number() over (partition by contribution_id order by observed_at desc, line_number) = 1
                and removal <> 'by_author'
            order by community, created_at desc, contribution_id
            """,
            {"start_at": self._window.start_at, "end_at": self._window.end_at, "members": list(self._by_name)},
        ).fetchall()

    # ---- threads with gaps -------------------------------------------------

    def _fill_gaps(self) -> None:
        """Read threads of which comments are missing, as far as the group's calls allow."""
        gaps = self._gaps()
        known = self._known_comments(gaps)
        counted = self._counted()
        for name, seen in self._seen.items():
            own = [gap for gap in gaps if gap.community == name]
            seen.unseen_comments_n = sum(gap.missing_n for gap in own)
            seen.counted_comments_n = counted.get(name, 0)
            tolerated = 0.0
            if seen.is_stream_cut_off:
                tolerated = (1 - self._policy.min_comments_seen_share) * seen.counted_comments_n
            for gap in own:
                if seen.unseen_comments_n <= tolerated or seen.has_spent_its_calls:
                    break
                seen.unseen_comments_n -= min(self._read_thread(gap, known[gap.thread_id]), gap.missing_n)

    def _note_spent(self, names: Iterable[str]) -> None:
        for name in names:
            self._seen[name].has_spent_its_calls = True

    def _read_thread(self, gap: _Gap, known: set[str]) -> int:
        """Read a thread until nothing is missing or it has no more to give; returns how many comments were new.

        A thread that Reddit refuses to show, as one thread among many, keeps its gap.

        Args:
            known: ids of its comments that anybody has shown; those found are added.
        """
        before_n = len(known)
        try:
            self._read_into(known, gap, before_n + gap.missing_n)
        except CallsSpent:
            self._note_spent([gap.community])
        except SourceError as error:
            if not is_refusal(error):
                raise
            log.warning("reddit_api: thread %s: %s", printable(gap.thread_id), error)
        return len(known) - before_n

    def _read_into(self, known: set[str], gap: _Gap, enough_n: int) -> None:
        """Add the ids of the thread's comments, until there are enough."""
        thread = gap.thread_id.removeprefix("t3_")
        page = self._answers.page(
            f"/comments/{thread}", {"limit": LARGEST_TREE, "sort": "new"}, tree_page, community=gap.community
        )
        known.update(full_id for full_id in page.ids if full_id.startswith("t1_"))
        stubs = _Stubs(stubs_in(page.notes))
        while len(known) < enough_n:
            question = stubs.next_question(thread, known)
            if question is None:
                break
            path, params = question
            parse = more_children_page if path.endswith("morechildren") else tree_page
            page = self._answers.page(path, params, parse, community=gap.community)
            before_n = len(known)
            known.update(full_id for full_id in page.ids if full_id.startswith("t1_"))
            stubs.take(page, brought_n=len(known) - before_n)

    def _known_comments(self, gaps: Sequence[_Gap]) -> dict[str, set[str]]:
        """Comments that anybody has shown, by thread."""
        rows = self._answers.cache.connection.execute(
            f"""
            select thread_id, list(contribution_id)
            from (
                select thread_id, contribution_id from {self._answers.cache.rows_sql()} where kind = 'comment'
                union
                select thread_id, contribution_id from known where not is_post
            )
            where list_contains($threads, thread_id)
            group by thread_id
            """,
            {"threads": [gap.thread_id for gap in gaps]},
        ).fetchall()
        return {gap.thread_id: set() for gap in gaps} | {thread_id: set(ids) for thread_id, ids in rows}

    def _counted(self) -> dict[str, int]:
        """Comments of each community that Reddit counts since raw last looked: all of new posts, and what known ones
        gained.
        """
        rows = self._answers.cache.connection.execute(
            f"""
            select posts.community,
                cast(coalesce(sum(greatest(posts.reply_count - coalesce(known.reply_count, 0), 0)), 0) as bigint)
            from ({_LATEST_POSTS.format(rows=self._answers.cache.rows_sql())}) as posts
            left join known on known.contribution_id = posts.contribution_id
            where known.contribution_id is not null or posts.created_at >= $earliest
            group by posts.community
            """,
            {"earliest": self._earliest_new_post},
        ).fetchall()
        return dict(rows)

    @property
    def _earliest_new_post(self) -> datetime:
        """Of a post that nobody knows, old comments are missing as well; one of the day before has mostly new ones."""
        return self._window.start_at - timedelta(days=1)

    def _gaps(self) -> list[_Gap]:
        """Threads that Reddit counts more comments of than anybody has shown, largest gap first.

        What was missing already when raw last saw the post stays out: Reddit counts removed comments for ever. Where
        the stream of comments reached back, only threads that raw knows can have a gap: comments that appeared late.
        """
        cut_off = [name for name, seen in self._seen.items() if seen.comments_since is not None]
        shown = self._answers.cache.rows_sql()
        rows = self._answers.cache.connection.execute(
            f"""
            with posts as ({_LATEST_POSTS.format(rows=shown)}),
            comments as (
                select thread_id, contribution_id, min(created_at) as created_at
                from (
                    select thread_id, contribution_id, created_at from {shown} where kind = 'comment'
                    union all
                    select thread_id, contribution_id, created_at from known where not is_post
                )
                group by all
            ),
            counted as (
                select posts.community, posts.contribution_id as thread_id, posts.created_at,
                    known.contribution_id is not null as is_known,
                    posts.reply_count - count(comments.contribution_id) as missing_n,
                    coalesce(
                        any_value(known.reply_count)
                        - count(comments.contribution_id) filter (where comments.created_at <= known.observed_at),
                        0
                    ) as missed_before_n
                from posts
                left join known on known.contribution_id = posts.contribution_id
                left join comments on comments.thread_id = posts.contribution_id
                group by posts.community, posts.contribution_id, posts.created_at, posts.reply_count,
                    known.contribution_id
            )
            select community, thread_id, missing_n - greatest(missed_before_n, 0) as gap_n
            from counted
            where missing_n > greatest(missed_before_n, 0)
                and (is_known or (list_contains($cut_off, community) and created_at >= $earliest))
            order by gap_n desc, created_at desc, thread_id
            """,
            {"cut_off": cut_off, "earliest": self._earliest_new_post},
        ).fetchall()
        return [_Gap(*row) for row in rows]


def read_back(answers: RedditAnswers, entries: Sequence[RedditApiEntry], kind: Kind, until: datetime) -> ReadBack:
    """Page a listing of communities back to a time, or its end.

    Raises:
        CallsSpent: not even the first page could be asked for.
        SourceError, StorageError: see :meth:`pulse.sources.reddit.answers.RedditAnswers.page`.
    """
    path = f"/r/{'+'.join(entry.name for entry in entries)}/{kind}"
    community = entries[0].community if len(entries) == 1 else None

    def ask(cursor: str | None, progress: Progress) -> SealedPage:
        params: dict[str, str | int] = {"limit": PAGE_ITEMS}
        if cursor:
            params |= {"after": cursor, "count": len(progress.ids)}
        parse = partial(_new_page, path=path, progress=progress)
        return answers.page(path, params, parse, community=community)

    listing = Listing(ask, other_cursors=_last_things, most_pages_n=_MOST_PAGES)
    oldest: datetime | None = None
    asked_at = until
    for number, page in enumerate(listing):
        if number == 0:
            asked_at = page.observed_at
        if page.oldest_s is not None:
            oldest = datetime.fromtimestamp(page.oldest_s, tz=UTC)
        if oldest is not None and oldest < until:
            return ReadBack(None, asked_at)
        if page.after is None:
            is_cut_off = len(listing.progress.ids) >= CUT_OFF_ITEMS or (number > 0 and not page.ids)
            return ReadBack(oldest if is_cut_off else None, asked_at)
    if listing.spent is not None and oldest is None:
        raise listing.spent
    return ReadBack(oldest, asked_at, listing.spent)


def look_at(answers: RedditAnswers, full_ids: Sequence[str], *, community: str | None = None) -> set[str]:
    """Ask for contributions by their ids, a hundred to a call; returns the ids of those that Reddit gave.

    Raises:
        CallsSpent: no call is left.
        SourceError, StorageError: see :meth:`pulse.sources.reddit.answers.RedditAnswers.page`.
    """
    returned: set[str] = set()
    for start in range(0, len(full_ids), PAGE_ITEMS):
        batch = full_ids[start : start + PAGE_ITEMS]
        page = answers.page("/api/info", {"id": ",".join(batch)}, listing_page, community=community)
        returned.update(page.ids)
    return returned


_LATEST_POSTS = (
    "select community, contribution_id, created_at, observed_at, reply_count from {rows} where kind = 'post' "
    "qualify row_number() over (partition by contribution_id order by observed_at desc) = 1"
)


@dataclass
class _Stubs:
    """What a thread left out so far.

    Attributes:
        asked: comments and branches that were asked for. Reddit names some that it does not give, again and again.
        last_asked: the comments of the last question.
    """

    open: list[Stub] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    last_asked: list[str] = field(default_factory=list)

    def take(self, page: SealedPage, *, brought_n: int) -> None:
        """Add what an answer left out. An answer has room for a hundred, those below them included: what did not fit
        may be asked for again, if the answer brought anything.
        """
        self.open += stubs_in(page.notes)
        if brought_n:
            self.asked.difference_update(self.last_asked)

    def next_question(self, thread: str, known: set[str]) -> tuple[str, dict[str, str | int]] | None:
        """A hundred of the left-out comments by id, or a branch that goes on elsewhere; None when nothing is left."""
        children = dict.fromkeys(child for stub in self.open for child in stub.children)
        wanted = [child for child in children if f"t1_{child}" not in known and child not in self.asked][:PAGE_ITEMS]
        if wanted:
            self.asked.update(wanted)
            self.last_asked = wanted
            return "/api/morechildren", {
                "api_type": "json", "link_id": f"t3_{thread}", "children": ",".join(wanted), "sort": "new",
            }  # fmt: skip
        branches = (stub.parent_id for stub in self.open if not stub.children)
        branch = next((parent_id for parent_id in branches if parent_id not in self.asked), None)
        if branch is None:
            return None
        self.asked.add(branch)
        self.last_asked = []
        return f"/comments/{thread}/_/{branch.removeprefix('t1_')}", {"limit": LARGEST_TREE, "sort": "new"}


def _last_things(cursor: str, ids: Sequence[str]) -> list[str]:
    """Cursors in place of one that is gone, which gives an empty page, or a wrong one, which gives the same again."""
    return [full_id for full_id in reversed(ids) if full_id != cursor][:_OTHER_CURSORS_N]


def _new_page(content: object, observed_at: datetime, *, path: str, progress: Progress) -> Page:
    """A listing's page, if it brings anything that the pages before did not.

    Its cursor may lead back all the same: then what comes after the last things seen is asked for.
    """
    page = listing_page(content, observed_at)
    progress.require_new(f"Reddit's listing {path}", page.ids, after=None)
    return page
