"""The plan of a run of source ``reddit_api``: who is asked together, and whether the calls fit the budget.

It depends on the configuration and on what raw knows from before the window alone, so a run that is repeated comes to
the same plan. Within a run it is reckoned once (:mod:`pulse.sources.reddit.run_plan`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulse.core.errors import ConfigError
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.live.known import AGES_D, Expected, count_due, expected_of
from pulse.sources.live.listening import calls_of_day
from pulse.sources.reddit.entry import SOURCE, RedditApiEntry, RedditApiPolicy

PAGE_ITEMS = 100
# Reddit ends a listing after about so many things.
_LISTED_ITEMS = 1_000
# Half of that leaves room for a day twice as lively as usual.
_SHARED_LISTING_ITEMS = 500
# The names of all members stand in one address.
_MAX_MEMBERS = 50


@dataclass(frozen=True)
class Group:
    """Communities that are asked for together, in the order of the config.

    Attributes:
        listing_calls_n: calls expected for the listings of posts and comments, and for the communities themselves.
        again_calls_n: calls for looks again, with the ages of the plan, and at what listens heard.
        max_calls_n: what the group may spend in all.
    """

    entries: tuple[RedditApiEntry, ...]
    listing_calls_n: int
    again_calls_n: int
    max_calls_n: int


@dataclass(frozen=True)
class Plan:
    """What a run will ask Reddit for.

    Attributes:
        ages_d: the ages, in days, at which contributions are looked at again in this run; the highest go first when the
            budget is small.
        max_calls_n: of the policy, less the calls that listens of these days made.
    """

    groups: tuple[Group, ...]
    ages_d: tuple[int, ...]
    max_calls_n: int

    @property
    def calls_n(self) -> int:
        """Calls expected, without those for threads that turn out to have gaps."""
        return sum(group.listing_calls_n + group.again_calls_n for group in self.groups)

    def group_of(self, entry: RedditApiEntry) -> Group:
        """The group that an entry belongs to."""
        return next(group for group in self.groups if entry.entry_id in {one.entry_id for one in group.entries})

    def __str__(self) -> str:
        entries_n = sum(len(group.entries) for group in self.groups)
        listings_n = sum(group.listing_calls_n for group in self.groups)
        return (
            f"{entries_n} communities in {len(self.groups)} groups, about {self.calls_n} calls of {self.max_calls_n}: "
            f"{listings_n} for listings, {self.calls_n - listings_n} to look again at ages of "
            f"{', '.join(map(str, self.ages_d)) or 'no'} days; the rest is for threads with gaps"
        )


def make_plan(entries: Sequence[RedditApiEntry], window: Window, context: SourceContext) -> Plan:
    """Plan a window for the entries that are to be asked for live.

    Raises:
        ConfigError: not even the listings fit the budget.
    """
    policy = context.policy(RedditApiPolicy)
    usual = expected_of(context.home, entries, before=window.first_day)
    members = _grouped(entries, usual, policy)
    listing_n = [_listing_calls_n(of_group, usual, window, policy) for of_group in members]
    limit_n = max(policy.max_calls_per_run - calls_of_day(context.home, SOURCE, entries, window), 0)
    if sum(listing_n) > limit_n:
        raise ConfigError(
            f"reddit_api.max_calls_per_run for {window}",
            value=f"{sum(listing_n)} calls for the listings of {len(entries)} communities",
            limit=limit_n,
            next_step="raise it, or listen to fewer communities with this client",
        )
    due_n = count_due(context.home, entries, before=window.first_day, now=window.end_at)
    heard_n = [_heard_pages(of_group, usual, window) for of_group in members]
    ages_d: tuple[int, ...] = AGES_D
    while ages_d and sum(listing_n) + sum(heard_n) + sum(_pages(one, due_n, ages_d) for one in members) > limit_n:
        ages_d = ages_d[:-1]
    again_n = [heard + _pages(of_group, due_n, ages_d) for of_group, heard in zip(members, heard_n, strict=True)]
    left_n = max(limit_n - sum(listing_n) - sum(again_n), 0)
    weights = [1 + sum(_comments_n(usual[entry.entry_id]) for entry in of_group) for of_group in members]
    groups = tuple(
        Group(of_group, first_n, more_n, first_n + more_n + int(left_n * weight / sum(weights)))
        for of_group, first_n, more_n, weight in zip(members, listing_n, again_n, weights, strict=True)
    )
    return Plan(groups, ages_d, limit_n)


def _grouped(
    entries: Sequence[RedditApiEntry], usual: Mapping[str, Expected | None], policy: RedditApiPolicy
) -> list[tuple[RedditApiEntry, ...]]:
    """Quiet communities share listings, a lively one is asked for alone.

    A community that nobody knows yet is taken for one that fills a page: if it is not, its group is asked in halves.
    """
    groups: list[tuple[RedditApiEntry, ...]] = []
    shared: list[RedditApiEntry] = []
    posts_n = comments_n = 0.0
    for entry in entries:
        known = usual[entry.entry_id]
        own_posts_n = PAGE_ITEMS if known is None else known.posts_n * (policy.late_days + 1)
        own_comments_n = _comments_n(known)
        if max(own_posts_n, own_comments_n) > _SHARED_LISTING_ITEMS:
            groups.append((entry,))
            continue
        is_full = max(posts_n + own_posts_n, comments_n + own_comments_n) > _SHARED_LISTING_ITEMS
        if shared and (is_full or len(shared) == _MAX_MEMBERS):
            groups.append(tuple(shared))
            shared, posts_n, comments_n = [], 0.0, 0.0
        shared.append(entry)
        posts_n, comments_n = posts_n + own_posts_n, comments_n + own_comments_n
    return [*groups, tuple(shared)] if shared else groups


def _listing_calls_n(
    of_group: Sequence[RedditApiEntry],
    usual: Mapping[str, Expected | None],
    window: Window,
    policy: RedditApiPolicy,
) -> int:
    """Calls for about, new posts and new comments; a community that nobody knows counts as one page of each a day."""
    days_n = window.days_n + policy.late_days
    posts_n = sum(_posts_n(usual[entry.entry_id]) * days_n for entry in of_group)
    comments_n = sum(_comments_n(usual[entry.entry_id]) * window.days_n for entry in of_group)
    most_n = _LISTED_ITEMS // PAGE_ITEMS
    posts_pages_n = min(most_n, math.floor(posts_n / PAGE_ITEMS) + 1)
    comments_pages_n = min(most_n, math.floor(comments_n / PAGE_ITEMS) + 1)
    return len(of_group) + posts_pages_n + comments_pages_n


def _heard_pages(of_group: Sequence[RedditApiEntry], usual: Mapping[str, Expected | None], window: Window) -> int:
    """Calls for what only listens within the day heard, to be seen as it is at the day's end."""
    heard = (
        _comments_n(usual[entry.entry_id]) * window.days_n - _LISTED_ITEMS
        for entry in of_group
        if entry.listen_every_h is not None
    )
    return math.ceil(sum(max(count, 0.0) for count in heard) / PAGE_ITEMS)


def _posts_n(known: Expected | None) -> float:
    return 0.0 if known is None else known.posts_n


def _comments_n(known: Expected | None) -> float:
    return float(PAGE_ITEMS) if known is None else known.comments_n


def _pages(of_group: Sequence[RedditApiEntry], due_n: Mapping[tuple[str, int], int], ages_d: Sequence[int]) -> int:
    return math.ceil(sum(due_n.get((entry.community, age), 0) for entry in of_group for age in ages_d) / PAGE_ITEMS)
