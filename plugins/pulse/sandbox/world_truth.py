"""What is known to be true of a made-up world, in the terms of the marts.

Everything is as seen at one age of each contribution (:attr:`Truth.observed_after_h`), the way an archive shows it.
Days are UTC days of creation, months are ``YYYY-MM``. Bots and the team are no contributors; nor is an account whose
name is gone by then. All counts are whole numbers of what the words say.

``truth.json`` is :func:`to_document`: the dataclasses below as objects, field by field under the same names, with days
as ``YYYY-MM-DD`` and times as ``YYYY-MM-DDTHH:MM:SS+00:00``.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from pulse.platforms.names import canonical_name
from pulse.sandbox.world_model import (
    Community,
    Contribution,
    author_at,
    comments_at,
    is_gone_at,
    is_visible_at,
    mood_at,
    score_at,
)
from pulse.sandbox.world_plan import Calendar, MoodShares, Plan
from pulse.sandbox.world_text import Mood

_LEADERS_N = 5
_DAY_H = 24
_RETURN_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class DayTruth:
    """One community on one day; days on which the community exists and nothing was written are there with zeros.

    Attributes:
        contributors: distinct people. new_contributors: of them, those seen in this community for the first time.
        removed: of posts and comments, gone when observed.
        score_sum: over posts and comments. reply_count_sum: comments as the platform counts them, over the posts.
        positive_n, neutral_n, negative_n: planted sentiment of what is left to read, without bots and team.
    """

    posts: int
    comments: int
    contributors: int
    new_contributors: int
    removed: int
    score_sum: int
    reply_count_sum: int
    positive_n: int
    neutral_n: int
    negative_n: int


@dataclass(frozen=True)
class Leader:
    """A contributor and how much they wrote in a month."""

    author: str
    contributions: int


@dataclass(frozen=True)
class SentimentTurn:
    """From ``day`` on, the shares planted by mood are others."""

    day: date
    before: MoodShares
    after: MoodShares


@dataclass(frozen=True)
class NewcomersTruth:
    """How a community treated those who wrote there for the first time in that month.

    In the first month everybody is new. Answers are comments by somebody else who is no bot.

    Attributes:
        newcomers: people. first_posts: of them, those whose first contribution was a post.
        first_posts_answered_24h: of these posts, answered within 24 hours.
        first_answer_h: median hours until the first answer, over the answered; None if none was.
        first_posts_removed: of these posts, taken down by moderators when observed.
        answers_positive, answers_neutral, answers_negative: direct answers to these posts, by planted sentiment,
            without the team's.
        returned_30d: newcomers who wrote again on another day within 30 days.
    """

    newcomers: int
    first_posts: int
    first_posts_answered_24h: int
    first_answer_h: float | None
    first_posts_removed: int
    answers_positive: int
    answers_neutral: int
    answers_negative: int
    returned_30d: int


@dataclass(frozen=True)
class CommunityTruth:
    """All that is known of one community.

    Attributes:
        name: as the platform writes it. community: as the marts write it.
        first_day: the day it opens. goes_quiet_on: from that day on little is written; None if it does not.
        is_feed_broken: its load must be stopped, so that nothing of it may be in the marts.
        quiet_days: days since it opened on which nothing was written in it, the outage apart.
        days: by day, from ``first_day`` to the last of the world.
        leaders: the five who wrote most, by month; on equal counts the name that sorts first. (Marts know keys, not
            names, and may order equals otherwise: compare the counts.)
        requests: how often each thing was asked for, by month; without bots and team.
    """

    name: str
    community: str
    topic: str
    first_day: date
    goes_quiet_on: date | None
    is_feed_broken: bool
    team_accounts: tuple[str, ...]
    bot_accounts: tuple[str, ...]
    planted_moods: MoodShares
    sentiment_turn: SentimentTurn | None
    quiet_days: tuple[date, ...]
    days: dict[date, DayTruth]
    leaders: dict[str, tuple[Leader, ...]]
    newcomers: dict[str, NewcomersTruth]
    requests: dict[str, dict[str, int]]


@dataclass(frozen=True)
class GoneTruth:
    """A contribution whose text is taken away at ``at``, whether or not it was observed before."""

    contribution_id: str
    community: str
    at: datetime
    by: str


@dataclass(frozen=True)
class LateTruth:
    """A contribution that a filter held back: written at ``created_at``, listed from ``appears_at`` on."""

    contribution_id: str
    community: str
    created_at: datetime
    appears_at: datetime


@dataclass(frozen=True)
class Truth:
    """The truth of a world.

    Attributes:
        observed_after_h: the age, in hours, at which every contribution was looked at.
        outage_day: nothing was written anywhere.
        communities: by name as the marts write it.
        gone, late: in order of creation. accounts_deleted: by name, when.
        post_growth: by id of a post: final score, and the hours in which its score halves the distance to it.
    """

    seed: int
    first_day: date
    last_day: date
    observed_after_h: float
    outage_day: date
    communities: dict[str, CommunityTruth]
    gone: tuple[GoneTruth, ...]
    late: tuple[LateTruth, ...]
    accounts_deleted: dict[str, datetime]
    post_growth: dict[str, tuple[int, float]]


def truth_of(
    *,
    seed: int,
    calendar: Calendar,
    plans: Sequence[Plan],
    communities: Sequence[Community],
    contributions: Sequence[Contribution],
    observed_after: timedelta,
) -> Truth:
    """Read the truth off the finished world.

    Args:
        plans, communities: in the same order.
        contributions: all of the world, by ``created_at``.
        observed_after: age at which everything is looked at; what has not appeared by then is left out.
    """
    by_community: dict[str, list[Contribution]] = defaultdict(list)
    for contribution in contributions:
        if is_visible_at(contribution, contribution.created_at + observed_after):
            by_community[contribution.community.name].append(contribution)
    truths = (
        _community_truth(plan, community, calendar, by_community[community.name], observed_after)
        for plan, community in zip(plans, communities, strict=True)
    )
    return Truth(
        seed=seed,
        first_day=calendar.first_day,
        last_day=calendar.last_day,
        observed_after_h=observed_after / timedelta(hours=1),
        outage_day=calendar.outage_day,
        communities={truth.community: truth for truth in truths},
        gone=tuple(_gone(contributions)),
        late=tuple(_late(contributions)),
        accounts_deleted={
            name: at
            for name, at in sorted({(c.author.name, c.author.account_deleted_at) for c in contributions}, key=str)
            if at is not None
        },
        post_growth={c.full_id: (c.final_score, c.half_life_h) for c in contributions if c.is_post},
    )


def to_document(truth: Truth) -> dict[str, Any]:
    """The truth as JSON can hold it."""
    document: dict[str, Any] = _plain(asdict(truth))
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _gone(contributions: Iterable[Contribution]) -> Iterable[GoneTruth]:
    for contribution in contributions:
        if contribution.removal is not None:
            name = _mart_name(contribution.community)
            yield GoneTruth(contribution.full_id, name, contribution.removal.at, contribution.removal.by)


def _late(contributions: Iterable[Contribution]) -> Iterable[LateTruth]:
    for contribution in contributions:
        if contribution.appears_at > contribution.created_at:
            name = _mart_name(contribution.community)
            yield LateTruth(contribution.full_id, name, contribution.created_at, contribution.appears_at)


def _mart_name(community: Community) -> str:
    return canonical_name("reddit", community.name)


def _month(contribution: Contribution) -> str:
    return f"{contribution.created_at:%Y-%m}"


# ---- one community ---------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """A contribution as observed; ``contributor`` is None for bots, team and names that are gone."""

    contribution: Contribution
    day: date
    month: str
    at: datetime
    contributor: str | None
    is_by_people: bool
    mood: Mood | None


def _seen(contribution: Contribution, observed_after: timedelta) -> _Seen:
    at = contribution.created_at + observed_after
    is_by_people = contribution.role in {"member", "moderator"}
    return _Seen(
        contribution,
        contribution.created_at.date(),
        _month(contribution),
        at,
        author_at(contribution, at) if is_by_people else None,
        is_by_people,
        mood_at(contribution, at) if is_by_people else None,
    )


def _community_truth(
    plan: Plan,
    community: Community,
    calendar: Calendar,
    contributions: Sequence[Contribution],
    observed_after: timedelta,
) -> CommunityTruth:
    seen = [_seen(contribution, observed_after) for contribution in contributions]
    first_seen = _first_contributions(seen)
    days = _days(plan, calendar, seen, first_seen)
    turn = SentimentTurn(calendar.turn_day, plan.moods, plan.moods_after) if plan.moods_after else None
    return CommunityTruth(
        name=community.name,
        community=_mart_name(community),
        topic=community.topic,
        first_day=plan.opens_on(calendar),
        goes_quiet_on=calendar.fading_day if plan.is_fading else None,
        is_feed_broken=community.is_feed_broken,
        team_accounts=community.team_accounts,
        bot_accounts=community.bot_accounts,
        planted_moods=plan.moods,
        sentiment_turn=turn,
        quiet_days=tuple(
            day for day, of_day in days.items() if not of_day.posts + of_day.comments and day != calendar.outage_day
        ),
        days=days,
        leaders=_leaders(seen),
        newcomers=_newcomers(seen, first_seen),
        requests=_requests(seen),
    )


def _first_contributions(seen: Iterable[_Seen]) -> dict[str, _Seen]:
    first: dict[str, _Seen] = {}
    for one in seen:
        if one.contributor is not None:
            first.setdefault(one.contributor, one)
    return first


def _days(plan: Plan, calendar: Calendar, seen: Iterable[_Seen], first_seen: dict[str, _Seen]) -> dict[date, DayTruth]:
    by_day: dict[date, list[_Seen]] = defaultdict(list)
    for one in seen:
        by_day[one.day].append(one)
    new_by_day = Counter(first.day for first in first_seen.values())
    day = plan.opens_on(calendar)
    days: dict[date, DayTruth] = {}
    while day <= calendar.last_day:
        days[day] = _day(by_day[day], new_by_day[day])
        day += timedelta(days=1)
    return days


def _day(seen: Sequence[_Seen], new_contributors: int) -> DayTruth:
    posts = [one for one in seen if one.contribution.is_post]
    moods = Counter(one.mood for one in seen)
    return DayTruth(
        posts=len(posts),
        comments=len(seen) - len(posts),
        contributors=len({one.contributor for one in seen if one.contributor is not None}),
        new_contributors=new_contributors,
        removed=sum(is_gone_at(one.contribution, one.at) for one in seen),
        score_sum=sum(score_at(one.contribution, one.at) for one in seen),
        reply_count_sum=sum(comments_at(one.contribution, one.at) for one in posts),
        positive_n=moods["positive"],
        neutral_n=moods["neutral"],
        negative_n=moods["negative"],
    )


def _leaders(seen: Iterable[_Seen]) -> dict[str, tuple[Leader, ...]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        if one.contributor is not None:
            counts[one.month][one.contributor] += 1
    return {
        month: tuple(
            Leader(author, written)
            for author, written in sorted(of_month.items(), key=lambda item: (-item[1], item[0]))[:_LEADERS_N]
        )
        for month, of_month in sorted(counts.items())
    }


def _requests(seen: Iterable[_Seen]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        is_readable = not is_gone_at(one.contribution, one.at)
        if one.contribution.ask is not None and one.is_by_people and is_readable:
            counts[one.month][one.contribution.ask] += 1
    return {month: dict(sorted(of_month.items())) for month, of_month in sorted(counts.items())}


# ---- newcomers -------------------------------------------------------------


def _newcomers(seen: Sequence[_Seen], first_seen: dict[str, _Seen]) -> dict[str, NewcomersTruth]:
    by_month: dict[str, dict[str, _Seen]] = defaultdict(dict)
    for name, first in first_seen.items():
        by_month[first.month][name] = first
    answers: dict[str, list[_Seen]] = defaultdict(list)
    dates: dict[str, list[date]] = defaultdict(list)
    for one in seen:
        if not one.contribution.is_post and one.contribution.role != "bot":
            answers[one.contribution.thread_id].append(one)
        if one.contributor is not None:
            dates[one.contributor].append(one.day)
    return {
        month: _newcomers_of_month(list(firsts.values()), answers, lambda name: dates[name])
        for month, firsts in sorted(by_month.items())
    }


def _newcomers_of_month(
    firsts: Sequence[_Seen], answers: dict[str, list[_Seen]], dates_of: Callable[[str], Sequence[date]]
) -> NewcomersTruth:
    posts = [first for first in firsts if first.contribution.is_post]
    waits_h = [wait for post in posts if (wait := _first_answer_h(post, answers)) is not None]
    moods = Counter(
        answer.mood
        for post in posts
        for answer in _by_others(post, answers)
        if answer.contribution.parent_id == post.contribution.full_id
    )
    return NewcomersTruth(
        newcomers=len(firsts),
        first_posts=len(posts),
        first_posts_answered_24h=sum(wait <= _DAY_H for wait in waits_h),
        first_answer_h=round(median(waits_h), 3) if waits_h else None,
        first_posts_removed=sum(is_gone_at(post.contribution, post.at) for post in posts),
        answers_positive=moods["positive"],
        answers_neutral=moods["neutral"],
        answers_negative=moods["negative"],
        returned_30d=sum(_came_back(first, dates_of(str(first.contributor))) for first in firsts),
    )


def _by_others(post: _Seen, answers: dict[str, list[_Seen]]) -> Iterable[_Seen]:
    author = post.contribution.author
    return (answer for answer in answers[post.contribution.full_id] if answer.contribution.author is not author)


def _first_answer_h(post: _Seen, answers: dict[str, list[_Seen]]) -> float | None:
    first = next(iter(_by_others(post, answers)), None)
    if first is None:
        return None
    return (first.contribution.created_at - post.contribution.created_at) / timedelta(hours=1)


def _came_back(first: _Seen, dates: Sequence[date]) -> bool:
    """Whether there is a later day within the limit; ``dates`` is in order."""
    place = bisect_left(dates, first.day + timedelta(days=1))
    return place < len(dates) and dates[place] <= first.day + _RETURN_WITHIN
