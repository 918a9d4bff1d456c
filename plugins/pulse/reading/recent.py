"""A community's last day, week, month and year side by side, from the published marts.

Windows end on the last day that was looked at, not today: what nobody looked at is not in them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from pulse.core.errors import QueryError
from pulse.core.home import Home
from pulse.reading import query

WINDOWS_DAYS = (1, 7, 30, 365)


@dataclass(frozen=True)
class Recent:
    """What is known of one window.

    Attributes:
        first_day, last_day: UTC days, both included.
        days_known: days of which something was looked at; days_complete: of which all was. Sums are over what was
            looked at, so they are of fewer days than the window where these are fewer.
        posts, comments, messages: None where nobody looked on any day.
        people: distinct people who wrote; None where no source shows authors, or the platform's terms keep them apart.
        sentiment, sentiment_low, sentiment_high: mean graded score of the texts, in [-1, 1], with a 95 % interval that
            takes texts as drawn one by one; None below two texts.
        scored_n: texts that could be judged.
        answered_24h, answered_24h_low, answered_24h_high: share of posts with a comment by another person within 24 h,
            of those whose day and the next were looked at whole for comments; Wilson's interval.
        posts_asked_n: how many posts that is of.
        removal_share: of contributions, gone when last seen.
    """

    days: int
    first_day: date
    last_day: date
    days_known: int
    days_complete: int
    posts: int | None
    comments: int | None
    messages: int | None
    people: int | None
    scored_n: int
    sentiment: float | None
    sentiment_low: float | None
    sentiment_high: float | None
    posts_asked_n: int
    answered_24h: float | None
    answered_24h_low: float | None
    answered_24h_high: float | None
    removal_share: float | None

    def as_dict(self) -> dict[str, Any]:
        """By name, days as text."""
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(self).items()}


_LAST_DAY = """
    select platform, community, max(contribution_date)
    from marts.fct_community_daily
    where coalesce(posts, comments, messages) is not null
        and (lower(platform || '/' || community) = lower($name) or lower(community) = lower($name))
    group by all order by all
"""
_WINDOWS = """
with windows as (
    select days, cast($last_day as date) - cast(days - 1 as integer) as first_day, cast($last_day as date) as last_day
    from (values (1), (7), (30), (365)) as w (days)
),
counted as (
    select
        days,
        count(coalesce(posts, comments, messages)) as days_known,
        count(*) filter (where is_day_complete) as days_complete,
        sum(posts) as posts, sum(comments) as comments, sum(messages) as messages,
        sum(removed)
        / nullif(sum(coalesce(posts, 0) + coalesce(comments, 0) + coalesce(messages, 0)), 0) as removal_share
    from windows inner join marts.fct_community_daily
        on contribution_date between first_day and last_day and platform = $platform and community = $community
    group by days
),
people as (
    select days, nullif(count(distinct author_key), 0) as people
    from windows inner join marts.fct_contributions
        on contribution_date between first_day and last_day and platform = $platform and community = $community
    where author_role in ('member', 'moderator')
    group by days
),
moods as (
    select
        days, count(sentiment_score) as scored_n, avg(sentiment_score) as mean,
        1.96 * stddev_samp(sentiment_score) / sqrt(count(sentiment_score)) as half
    from windows inner join marts.fct_contributions
        on contribution_date between first_day and last_day and platform = $platform and community = $community
    where author_role in ('member', 'moderator')
    group by days
),
firsts as (
    select post.contribution_id, post.contribution_date, post.created_at, min(reply.created_at) as answered_at
    from marts.fct_contributions as post
    left join marts.fct_contributions as reply
        on post.platform = reply.platform and post.community = reply.community
        and post.contribution_id = reply.thread_id and reply.kind = 'comment'
        and reply.author_role != 'bot' and reply.author_key is distinct from post.author_key
    where post.platform = $platform and post.community = $community and post.kind = 'post'
        and post.author_role in ('member', 'moderator')
    group by all
),
asked as (
    select
        days, count(*) as n,
        count(*) filter (where answered_at <= created_at + interval 24 hour) as k
    from windows
    inner join firsts on firsts.contribution_date between first_day and last_day
    -- Answers came on this day or the next: both have to be known, or a post looks unanswered.
    inner join marts.fct_community_daily as day
        on day.platform = $platform and day.community = $community and day.contribution_date = firsts.contribution_date
        and day.is_comments_complete
    inner join marts.fct_community_daily as next
        on next.platform = $platform and next.community = $community
        and next.contribution_date = firsts.contribution_date + 1 and next.is_comments_complete
    group by days
),
bounded as (
    select
        *, k / n as p, 1.96 * 1.96 as zz,
        1.96 * sqrt((k / n) * (1 - k / n) / n + 1.96 * 1.96 / (4.0 * n * n)) as half
    from asked
)
select
    windows.days, first_day, last_day, coalesce(days_known, 0), coalesce(days_complete, 0), posts, comments, messages,
    people, coalesce(scored_n, 0), mean,
    case when moods.half is not null then greatest(mean - moods.half, -1) end,
    case when moods.half is not null then least(mean + moods.half, 1) end,
    coalesce(n, 0), p,
    case when n > 0 then greatest(0, (p + zz / (2 * n) - bounded.half) / (1 + zz / n)) end,
    case when n > 0 then least(1, (p + zz / (2 * n) + bounded.half) / (1 + zz / n)) end,
    removal_share
from windows
left join counted using (days) left join people using (days) left join moods using (days) left join bounded using (days)
order by windows.days
"""


_TRIED = """
select distinct platform, community from marts.fct_community_daily
where lower($name) in (lower(community), lower(platform || '/' || community)) order by all
"""


def recent(home: Home, name: str) -> tuple[str, list[Recent]]:
    """The windows of a community, and its whole name.

    Args:
        name: ``platform/community``, or the community alone where that is clear; letter case does not matter.

    Raises:
        QueryError: nothing is published, or no community or several have that name.
    """
    with query.connect(home, "marts.fct_community_daily marts.fct_contributions") as connection:
        found = _rows(connection, _LAST_DAY, {"name": name})
        if not found and (tried := _rows(connection, _TRIED, {"name": name})):
            raise QueryError(
                "community", value=f"{tried[0][0]}/{tried[0][1]}: no day of it could be looked at",
                next_step="`pulse status` says why",
            )  # fmt: skip
        if len(found) != 1:
            known = [f"{platform}/{community}" for platform, community, _ in found]
            raise QueryError(
                "community", value=f"{name}: {'no such' if not known else 'several: ' + ', '.join(known)}",
                next_step='`pulse sql "select platform, community from marts.dim_communities"` lists them',
            )  # fmt: skip
        platform, community, last_day = found[0]
        values = {"platform": platform, "community": community, "last_day": last_day}
        return f"{platform}/{community}", [Recent(*row) for row in _rows(connection, _WINDOWS, values)]


def _rows(connection: Any, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        rows: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
    except duckdb.Error as error:
        raise query.translated(query.Result((), iter(()), connection), error) from error
    return rows
