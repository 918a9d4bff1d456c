"""A made-up world: several communities over months, and what is true of them.

The same seed makes the same world, in any process and on any day: nothing here reads the clock, a hash, or the order
of a set. What can be seen of it at a given time is in :mod:`pulse.sandbox.world_model`, its truth in
:mod:`pulse.sandbox.world_truth`, what is planted in :mod:`pulse.sandbox.world_plan`.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from operator import attrgetter

from pulse.sandbox.ids import base36
from pulse.sandbox.world_draft import Account, CommunityMaker, Draft
from pulse.sandbox.world_model import Community, Contribution, Person
from pulse.sandbox.world_plan import MIN_DAYS_N, PLANS, Calendar, Plan
from pulse.sandbox.world_text import Names
from pulse.sandbox.world_truth import Truth, truth_of

# By then nothing grows any more, and nearly all that will be removed is gone.
OBSERVED_AFTER = timedelta(days=30)
# Reddit counts its ids up over the whole site; these are near where it stood in summer 2026.
_FIRST_POST_NUMBER = 3_720_000_000
_FIRST_COMMENT_NUMBER = 52_600_000_000
_FIRST_PERSON_NUMBER = 1_900_000_000_000
_ACCOUNT_DELETED_SHARE = 0.05


@dataclass(frozen=True)
class World:
    """All that exists between two days.

    Attributes:
        first_day, last_day: UTC days between which everything was written, both included.
        outage_day: the day on which nothing was written anywhere.
        people: accounts that wrote at least once, bots and team included.
        contributions: of all communities, by ``created_at``.
        truth: as seen ``OBSERVED_AFTER`` each contribution's creation.
    """

    seed: int
    first_day: date
    last_day: date
    outage_day: date
    communities: tuple[Community, ...]
    people: tuple[Person, ...] = field(repr=False)
    contributions: tuple[Contribution, ...] = field(repr=False)
    truth: Truth = field(repr=False)

    @cached_property
    def by_id(self) -> dict[str, Contribution]:
        """Contributions by full id."""
        return {contribution.full_id: contribution for contribution in self.contributions}

    @cached_property
    def posts_by_community(self) -> dict[str, tuple[Contribution, ...]]:
        """Posts of each community in order of creation, by the community's name as the platform writes it."""
        posts: dict[str, list[Contribution]] = {community.name: [] for community in self.communities}
        for contribution in self.contributions:
            if contribution.is_post:
                posts[contribution.community.name].append(contribution)
        return {name: tuple(of_community) for name, of_community in posts.items()}

    @cached_property
    def comments_by_thread(self) -> dict[str, tuple[Contribution, ...]]:
        """Comments of each thread in order of creation, by the post's full id; threads older than the world too."""
        comments: dict[str, list[Contribution]] = {}
        for contribution in self.contributions:
            if not contribution.is_post:
                comments.setdefault(contribution.thread_id, []).append(contribution)
        return {thread_id: tuple(of_thread) for thread_id, of_thread in comments.items()}

    def truth_observed(self, after: timedelta) -> Truth:
        """The truth as seen at another age of each contribution."""
        if after == OBSERVED_AFTER:
            return self.truth
        return truth_of(
            seed=self.seed,
            calendar=Calendar(self.first_day, (self.last_day - self.first_day).days + 1),
            plans=PLANS,
            communities=self.communities,
            contributions=self.contributions,
            observed_after=after,
        )


def make_world(*, seed: int, first_day: date = date(2026, 6, 1), days_n: int = 92) -> World:
    """Make the world; by default some 30,000 contributions in a few seconds.

    Raises:
        ValueError: ``days_n`` is below ``MIN_DAYS_N``: the planted days would fall together.
    """
    if days_n < MIN_DAYS_N:
        raise ValueError(f"a world of {days_n} days; limit: at least {MIN_DAYS_N}; next: ask for more days")
    calendar = Calendar(first_day, days_n)
    drafts, accounts = _drafts_and_accounts(seed, calendar)
    rng = random.Random(f"{seed}/platform")  # noqa: S311  (made-up data, not a secret)
    communities = tuple(_community(plan, calendar) for plan in PLANS)
    people = _people(accounts, rng)
    contributions = _Numbering(rng, {community.name: community for community in communities}, people).number(drafts)
    truth = truth_of(
        seed=seed,
        calendar=calendar,
        plans=PLANS,
        communities=communities,
        contributions=contributions,
        observed_after=OBSERVED_AFTER,
    )
    return World(
        seed=seed,
        first_day=calendar.first_day,
        last_day=calendar.last_day,
        outage_day=calendar.outage_day,
        communities=communities,
        people=tuple(people.values()),
        contributions=contributions,
        truth=truth,
    )


def _drafts_and_accounts(seed: int, calendar: Calendar) -> tuple[list[Draft], list[Account]]:
    """What is written, by time, and who wrote it, in order of first making."""
    names = Names(random.Random(f"{seed}/names"))  # noqa: S311
    drafts: list[Draft] = []
    newcomers: list[Account] = []
    for plan in PLANS:
        rng = random.Random(f"{seed}/{plan.name}")  # noqa: S311
        maker = CommunityMaker(plan, calendar, rng=rng, names=names, others=list(newcomers))
        drafts += maker.make()
        newcomers += maker.newcomers
    drafts.sort(key=attrgetter("created_s"))
    accounts = list(dict.fromkeys(draft.author for draft in drafts))
    return drafts, accounts


def _community(plan: Plan, calendar: Calendar) -> Community:
    opens_on = plan.opens_on(calendar)
    return Community(
        full_id=f"t5_{base36(plan.number)}",
        name=plan.name,
        topic=plan.theme.name,
        opens_at=datetime(opens_on.year, opens_on.month, opens_on.day, tzinfo=UTC),
        members_n_at_open=plan.members_n,
        members_per_day=plan.members_per_day,
        team_accounts=(plan.team_account,) if plan.team_account else (),
        bot_accounts=plan.bot_accounts,
        is_feed_broken=plan.is_feed_broken,
    )


def _people(accounts: Sequence[Account], rng: random.Random) -> dict[str, Person]:
    """People by name. Some delete their account some time after they wrote last; regulars hardly ever."""
    people: dict[str, Person] = {}
    number = _FIRST_PERSON_NUMBER
    for account in accounts:
        number += 1 + int(rng.random() * 90_000)
        chance, wait_h = rng.random(), -math.log(1 - rng.random()) * 24 * 12
        share = (
            0.0 if account.is_fixed else _ACCOUNT_DELETED_SHARE / 10 if account.is_regular else _ACCOUNT_DELETED_SHARE
        )
        deleted_at = _moment(account.last_s + 60 + int(wait_h * 3_600)) if chance < share else None
        people[account.name] = Person(f"t2_{base36(number)}", account.name, deleted_at)
    return people


class _Numbering:
    """Gives drafts their ids, which rise with time over the whole platform, and freezes them."""

    def __init__(self, rng: random.Random, communities: dict[str, Community], people: dict[str, Person]) -> None:
        self._rng = rng
        self._communities = communities
        self._people = people
        self._post_number = _FIRST_POST_NUMBER
        self._comment_number = _FIRST_COMMENT_NUMBER

    def number(self, drafts: Sequence[Draft]) -> tuple[Contribution, ...]:
        """Contributions in the order of the drafts; drafts come by time, so parents have their id first."""
        for draft in drafts:
            draft.full_id = self._next_post_id() if draft.is_post else self._next_comment_id()
        return tuple(self._frozen(draft) for draft in drafts)

    def _next_post_id(self) -> str:
        self._post_number += 2 + int(self._rng.random() * 4_000)
        return f"t3_{base36(self._post_number)}"

    def _next_comment_id(self) -> str:
        self._comment_number += 2 + int(self._rng.random() * 40_000)
        return f"t1_{base36(self._comment_number)}"

    def _frozen(self, draft: Draft) -> Contribution:
        thread_id, parent_id = self._place(draft)
        return Contribution(
            full_id=draft.full_id,
            kind="post" if draft.is_post else "comment",
            community=self._communities[draft.plan.name],
            author=self._people[draft.author.name],
            role=draft.role,
            created_at=_moment(draft.created_s),
            appears_at=_moment(draft.appears_s),
            thread_id=thread_id,
            parent_id=parent_id,
            title=draft.text.title,
            body=draft.text.body,
            link_url=_link(draft),
            flair=draft.flair,
            mood=draft.mood,
            intent=draft.text.intent,
            ask=draft.text.ask,
            final_score=draft.final_score,
            half_life_h=draft.half_life_h,
            upvote_ratio=draft.upvote_ratio,
            is_stickied=draft.is_stickied,
            is_by_thread_author=draft.post is not None and draft.author is draft.post.author,
            is_orphan=draft.is_orphan,
            removal=draft.removal,
            edit=draft.edit,
            replies_appear_at=tuple(_moment(at_s) for at_s in sorted(comment.appears_s for comment in draft.comments)),
        )

    def _place(self, draft: Draft) -> tuple[str, str | None]:
        """Ids of the thread and the parent; those of orphans lead to what nobody has."""
        if draft.is_post:
            return draft.full_id, None
        if draft.parent is not None:
            return (draft.post or draft.parent).full_id, draft.parent.full_id
        if draft.post is not None:  # ids are at least two apart, so the one before is nobody's
            return draft.post.full_id, f"t1_{base36(int(draft.full_id[3:], 36) - 1)}"
        old_thread_id = f"t3_{base36(_FIRST_POST_NUMBER - 1 - int(self._rng.random() * 300))}"
        if self._rng.random() < 0.5:
            return old_thread_id, old_thread_id
        return old_thread_id, f"t1_{base36(_FIRST_COMMENT_NUMBER - 1 - int(self._rng.random() * 10**6))}"


def _link(draft: Draft) -> str | None:
    return None if draft.link_number is None else f"https://pictures.example/{base36(draft.link_number)}.jpg"


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, tz=UTC)
