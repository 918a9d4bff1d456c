"""Reading what a report tells: the frozen rows that are handed over, and the published marts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from functools import cached_property
from math import isfinite
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from pulse.core.month import Month
from pulse.platforms.registry import platform_named
from pulse.reports.contents import (
    ALL,
    CHARTED_N,
    Community,
    Day,
    DaysKnown,
    Excerpt,
    GoodPost,
    Heatmap,
    Impact,
    Kpi,
    LostVersion,
    Mood,
    Newcomers,
    Participation,
    Point,
    Profile,
    Report,
    Restatement,
    RoleMove,
    Side,
    Slot,
    Turn,
)
from pulse.reports.listening import Listened
from pulse.reports.marts import OF_MONTH, Marts, community_of, items

Rows: TypeAlias = pa.Table | Sequence[Mapping[str, Any]]

WEEKS_N = 13
MONTHS_N = 13
TURNS_N = 8
EXCERPTS_N = 2  # on each side of a turn
POSTS_N = 8
IMPACTS_N = 12

# Of a day: nothing ever matched the name, whether what was looked at says so or the run.
_IS_NEVER_SEEN = "(coalesce(is_never_seen, false) or outcome is not distinct from 'never_seen')"


def read(
    connection: duckdb.DuckDBPyConnection,
    month: Month,
    kpis: Rows,
    restatements: Rows = (),
    lost: Sequence[LostVersion] = (),
    *,
    only: Community | None = None,
    has_quotes: bool = False,
    time_zone: str = "UTC",
) -> Report:
    """All that the report of a month tells.

    Args:
        connection: has the published marts as schema ``marts``; what is not there is left out of the report.
        kpis: the frozen rows of the month's latest version.
        restatements: what its later versions changed, all of them.
        lost: versions of which a file cannot be read any more.
        only: the one community that the report is about; None for all.
        time_zone: the IANA time zone in which it tells hours.
        has_quotes: whether it may hold what people wrote, on platforms whose terms allow it. Without, no text is read.
    """
    marts, listened = _Told(connection, month, only), Listened(connection, month, only)
    never_seen = marts.never_seen
    by_community: dict[Community, dict[str, Kpi]] = defaultdict(dict)
    for kpi in sorted(map(_kpi, dicts(kpis)), key=lambda kpi: (kpi.of, kpi.kpi)):
        if kpi.of not in never_seen and (only is None or kpi.of == only):
            by_community[kpi.of][kpi.kpi] = kpi
    communities = _by_activity(by_community)
    charted = communities[:CHARTED_N]
    return Report(
        month=month,
        only=only,
        time_zone=time_zone,
        kpis=dict(by_community),
        communities=communities,
        restatements=tuple(
            change for change in map(_restatement, dicts(restatements)) if only is None or change.of == only
        ),
        lost=tuple(sorted(lost, key=lambda one: (one.version, not one.is_of_figures))),
        days=marts.days(),
        days_known=marts.days_known(),
        never_seen=never_seen,
        reply_age_h=marts.reply_age_h(),
        contributors_weekly=marts.weekly("fct_community_weekly", "contributors", charted),
        monthly=marts.monthly(),
        moods=marts.moods(),
        sentiment_weekly=marts.weekly("fct_sentiment_weekly", "net_sentiment", charted, has_bounds=True),
        turns=marts.turns(has_quotes=has_quotes),
        heatmaps=marts.heatmaps(charted),
        good_posts=marts.good_posts(has_quotes=has_quotes),
        participation=marts.participation(),
        role_moves=marts.role_moves(),
        newcomers=marts.newcomers(),
        profiles=marts.profiles(),
        impacts=marts.impacts(),
        actions=listened.actions(),
        needs=listened.needs(),
        topics=listened.topics(),
        brands=listened.brands(),
        crowds=listened.crowds(),
        pitches=listened.pitches(),
        receptions=listened.receptions(),
        events=listened.events(),
        own_communities=listened.own_communities(),
        forms=listened.forms(),
        thread_turns=listened.thread_turns(),
    )


# ---- what is handed over ---------------------------------------------------


def dicts(rows: Rows) -> Iterator[Mapping[str, Any]]:
    """The rows by name, whichever way they came; what is no number (NaN, an infinity) is not known."""
    for row in rows.to_pylist() if isinstance(rows, pa.Table) else rows:
        yield {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}


def _kpi(row: Mapping[str, Any]) -> Kpi:
    """A frozen row; columns that came after it was frozen are None."""
    facts: dict[str, Any] = {field.name: row.get(field.name) for field in fields(Kpi) if field.name != "of"}
    return Kpi(of=community_of(row), **{**facts, "is_compared": "change" in row})


def _restatement(row: Mapping[str, Any]) -> Restatement:
    return Restatement(
        of=community_of(row),
        kpi=row["kpi"],
        version=row["version"],
        reported_at=row["reported_at"],
        old_value=row["old_value"],
        new_value=row["new_value"],
        reasons=tuple(reason for reason in (row["reasons"] or "").split(",") if reason),
    )


def _side(row: Mapping[str, Any], side: str) -> Side:
    return Side(
        net=row[f"net_{side}"],
        low=row[f"net_{side}_low"],
        high=row[f"net_{side}_high"],
        voices_n=row[f"voices_{side}_n"],
        people_n=row[f"people_{side}_n"],
    )


def _by_activity(kpis: Mapping[Community, Mapping[str, Kpi]]) -> tuple[Community, ...]:
    """The communities, those where most was written first."""

    def written(of: Community) -> float:
        return sum(kpis[of][name].value or 0 for name in ("posts", "comments", "messages") if name in kpis[of])

    return tuple(sorted((of for of in kpis if of != ALL), key=lambda of: (-written(of), of)))


# ---- what the marts tell ---------------------------------------------------


class _Told(Marts):
    """What the marts tell of communities and their people."""

    def days(self) -> tuple[Day, ...]:
        """All days of the month; none where nothing is published."""
        if not self.has("fct_community_daily"):
            return ()
        rows = self.rows(
            f"""
            select contribution_date as day, sum(posts) as posts, sum(comments) as comments,
                count(outcome) as communities_n, count_if(is_day_complete) as complete_n,
                count_if(is_silent_everywhere) as silent_n
            from marts.fct_community_daily
            where contribution_date between $first and $last and {self.in_scope()}
                and not {_IS_NEVER_SEEN}
            group by contribution_date
            """
        )
        known = {row["day"]: Day(**row) for row in rows}
        return tuple(known.get(day, Day(day, None, None, 0, 0)) for day in self.month.window.days())

    def days_known(self) -> Mapping[Community, DaysKnown]:
        """What is known of each day of the month, by community; a day without a row is one that nobody looked at."""
        if not self.has("fct_community_daily"):
            return {}
        rows = self.rows(
            f"""
            select platform, community, contribution_date as day, posts is not null as has_posts,
                comments is not null as has_comments, messages is not null as has_messages,
                case
                    when is_silent_everywhere then 'silent'
                    when is_day_complete and coalesce(posts, 0) + coalesce(comments, 0) + coalesce(messages, 0) = 0
                        then 'empty'
                    when is_day_complete then 'whole'
                    when posts is not null or comments is not null or messages is not null then 'partial'
                    when outcome in ('failed', 'quarantined') then 'failed'
                    else 'unknown'
                end as state
            from marts.fct_community_daily
            where contribution_date between $first and $last and {self.in_scope()}
            order by platform, community, day
            """
        )
        by_community: dict[Community, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_community[community_of(row)].append(row)
        return {of: self._days_known(found) for of, found in by_community.items() if of not in self.never_seen}

    def _days_known(self, rows: Sequence[Mapping[str, Any]]) -> DaysKnown:
        states = {row["day"]: row["state"] for row in rows}
        return DaysKnown(
            states={day: states.get(day, "unknown") for day in self.month.window.days()},
            posts_n=sum(row["has_posts"] for row in rows),
            comments_n=sum(row["has_comments"] for row in rows),
            messages_n=sum(row["has_messages"] for row in rows),
        )

    @cached_property
    def never_seen(self) -> tuple[Community, ...]:
        """Names that were looked for in the month and that nothing ever matched."""
        if not self.has("fct_community_daily"):
            return ()
        rows = self.rows(
            f"""
            select platform, community from marts.fct_community_daily
            where contribution_date between $first and $last and {self.in_scope()}
            group by platform, community
            having bool_and({_IS_NEVER_SEEN})
            order by platform, community
            """
        )
        return tuple(map(community_of, rows))

    def reply_age_h(self) -> Mapping[Community, float | None]:
        """How old posts were when the platform's count of their replies was last seen, in hours."""
        if not self.has("fct_community_monthly"):
            return {}
        rows = self.rows(
            f"select platform, community, platform_replies_age_h from marts.fct_community_monthly where {OF_MONTH}"
        )
        return {community_of(row): row["platform_replies_age_h"] for row in rows}

    def weekly(
        self, mart: str, column: str, charted: Sequence[Community], *, has_bounds: bool = False
    ) -> Mapping[Community, tuple[Point, ...]] | None:
        """One column by week for some communities, up to the last week that begins in the month."""
        if not self.has(mart):
            return None
        bounds = f"{column}_low as low, {column}_high as high" if has_bounds else "null as low, null as high"
        rows = self.rows(
            f"""
            select platform, community, week_start_date as day, {column} as value, {bounds}, is_period_complete
            from marts.{mart} where week_start_date between $from_week and $last
            """,
            from_week=self.month.last_day - timedelta(weeks=WEEKS_N),
        )
        found: dict[Community, list[Point]] = {of: [] for of in charted}
        for row in sorted(rows, key=lambda row: row["day"]):
            if community_of(row) in found:
                points = found[community_of(row)]
                points.append(Point(row["day"], row["value"], row["low"], row["high"], row["is_period_complete"]))
        return {of: tuple(points) for of, points in found.items()}

    def monthly(self) -> Mapping[str, tuple[Point, ...]] | None:
        """Figures of everything together, or of the one community, by month up to this one."""
        if not self.has("fct_community_monthly"):
            return None
        of_all = "platform = '*' and community = '*'"
        rows = self.rows(
            f"""
            select month_start_date as day, is_period_complete, posts, comments, contributors, new_contributors,
                response_rate_24h, response_rate_24h_low, response_rate_24h_high
            from marts.fct_community_monthly
            where {of_all if self.only is None else self.in_scope()} and month_start_date between $from_month and $first
            order by month_start_date
            """,
            from_month=self.month.first_day - timedelta(days=31 * MONTHS_N),
        )[-MONTHS_N:]
        return {
            name: tuple(
                Point(row["day"], row[name], row.get(f"{name}_low"), row.get(f"{name}_high"), row["is_period_complete"])
                for row in rows
            )
            for name in ("comments", "contributors", "new_contributors", "response_rate_24h")
        }

    def moods(self) -> tuple[Mood, ...] | None:
        """How the month's judged texts divide, in each community and all together."""
        if not self.has("fct_sentiment_monthly"):
            return None
        rows = self.rows(
            f"""
            select platform, community, positive_n, neutral_n, negative_n, unscorable_share
            from marts.fct_sentiment_monthly where {OF_MONTH} and scored_n > 0 and {self.in_scope()}
            order by scored_n desc, platform, community
            """
        )
        return tuple(
            Mood(community_of(row), row["positive_n"], row["neutral_n"], row["negative_n"], row["unscorable_share"])
            for row in rows
        )

    def turns(self, *, has_quotes: bool) -> tuple[Turn, ...] | None:
        """The steepest turns of the month, each with what shows it, in the order of days."""
        if not self.has("fct_sentiment_turns", "fct_sentiment_turn_evidence", "fct_contributions"):
            return None
        rows = self.rows(
            f"""
            select *, row_number() over (order by abs(z) desc, turn_date, platform, community) as place
            from marts.fct_sentiment_turns where turn_date between $first and $last and {self.in_scope()}
            qualify place <= {TURNS_N} order by turn_date, platform, community
            """
        )
        excerpts = self._excerpts(has_quotes=has_quotes)
        return tuple(
            Turn(
                of=community_of(row),
                day=row["turn_date"],
                direction=row["direction"],
                days_n=row["days_n"],
                before=_side(row, "before"),
                after=_side(row, "after"),
                caveat=row["caveat"],
                excerpts=tuple(excerpts[community_of(row), row["turn_date"]]),
            )
            for row in rows
        )

    def _excerpts(self, *, has_quotes: bool) -> Mapping[tuple[Community, date], list[Excerpt]]:
        rows = self.rows(
            f"""
            -- A month's page rests on nothing that was written after it, though a turn near its end does.
            select evidence.platform, evidence.community, turn_date, side, place, contribution_id,
                contributions.contribution_date as day, kind, {_text(has_quotes)} as text,
                contributions.sentiment_label, permalink
            from marts.fct_sentiment_turn_evidence as evidence
            inner join marts.fct_contributions as contributions using (platform, community, contribution_id)
            where turn_date between $first and $last and contributions.contribution_date <= $last
                and {self.in_scope("evidence")} and (trim(title) <> '' or trim(body) <> '')
            qualify row_number() over (
                partition by evidence.platform, evidence.community, turn_date, side order by place
            ) <= {EXCERPTS_N}
            order by evidence.platform, evidence.community, turn_date, side = 'after', place
            """
        )
        found: dict[tuple[Community, date], list[Excerpt]] = defaultdict(list)
        for row in rows:
            found[community_of(row), row["turn_date"]].append(
                Excerpt(
                    contribution_id=row["contribution_id"],
                    side=row["side"],
                    day=row["day"],
                    kind=row["kind"],
                    text=row["text"] if _may_quote(row["platform"]) else None,
                    sentiment_label=row["sentiment_label"],
                    permalink=row["permalink"],
                )
            )
        return found

    def heatmaps(self, charted: Sequence[Community]) -> tuple[Heatmap, ...] | None:
        """The week of each charted community."""
        if not self.has("fct_posting_heatmap"):
            return None
        by_community: dict[Community, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows("select * from marts.fct_posting_heatmap order by weekday, hour_utc"):
            by_community[community_of(row)].append(row)
        names = [field.name for field in fields(Slot)]
        return tuple(
            Heatmap(
                of=of,
                first_day=by_community[of][0]["window_start_date"],
                last_day=by_community[of][0]["window_end_date"],
                age_label=by_community[of][0]["age_label"],
                slots=tuple(Slot(**{name: row[name] for name in names}) for row in by_community[of]),
            )
            for of in charted
            if of in by_community
        )

    def good_posts(self, *, has_quotes: bool) -> tuple[GoodPost, ...] | None:
        """The posts that did best for their community: few peers prove little, so the lower bound decides."""
        if not self.has("fct_post_performance", "fct_contributions"):
            return None
        rows = self.rows(
            f"""
            select platform, community, contribution_id, posts.contribution_date as day,
                {"title" if has_quotes else "cast(null as varchar) as title"}, permalink, posts.score,
                posts.reply_count, age_label, score_percentile_low, peers_n
            from marts.fct_post_performance as posts
            inner join marts.fct_contributions as contributions using (platform, community, contribution_id)
            where {OF_MONTH} and score_percentile_low is not null and trim(contributions.title) <> ''
                and author_role not in ('bot', 'team') and {self.in_scope()}
            order by score_percentile_low desc, posts.score desc, platform, community, contribution_id
            limit {POSTS_N}
            """
        )
        return items(
            GoodPost, ({**row, "title": row["title"] if _may_quote(row["platform"]) else None} for row in rows)
        )

    def participation(self) -> tuple[Participation, ...] | None:
        """How evenly each community's month is carried."""
        if not self.has("fct_participation_monthly"):
            return None
        return items(
            Participation,
            self.rows(f"select * from marts.fct_participation_monthly where {OF_MONTH} and {self.in_scope()}"),
        )

    def role_moves(self) -> tuple[RoleMove, ...] | None:
        """Moves between roles from the month before, of all communities; none where that month is not known."""
        if not self.has("fct_role_moves_monthly"):
            return None
        rows = self.rows(
            f"""
            select from_role, to_role, cast(sum(contributors) as bigint) as contributors
            from marts.fct_role_moves_monthly where {OF_MONTH} and {self.in_scope()}
            group by from_role, to_role
            """
        )
        return tuple(RoleMove(**row) for row in rows)

    def newcomers(self) -> tuple[Newcomers, ...] | None:
        """What became of the newcomers of the month before."""
        if not self.has("fct_retention_cohorts"):
            return None
        return items(
            Newcomers,
            self.rows(
                f"select * from marts.fct_retention_cohorts where {OF_MONTH} and age_months = 1 "
                f"and (cohort_n > 0 or is_left_censored) and {self.in_scope()}"
            ),
        )

    def profiles(self) -> tuple[Profile, ...] | None:
        """What kind each community is."""
        if not self.has("fct_community_profile_monthly"):
            return None
        return items(
            Profile,
            self.rows(f"select * from marts.fct_community_profile_monthly where {OF_MONTH} and {self.in_scope()}"),
        )

    def impacts(self) -> tuple[Impact, ...] | None:
        """The clearest associations with business results, one lag of each pair."""
        if not self.has("fct_business_impact"):
            return None
        rows = self.rows(
            f"""
            select * from marts.fct_business_impact where is_strongest_lag and {self.in_scope()}
            order by is_beyond_chance desc, abs(correlation) desc, platform, community, kpi, result, currency
            limit {IMPACTS_N}
            """
        )
        return items(Impact, rows)


def _may_quote(platform: str) -> bool:
    return platform_named(platform).terms.may_quote


def _text(has_quotes: bool) -> str:
    """What somebody wrote, as an SQL expression; NULL where nothing may be quoted, so that no text is even read."""
    if not has_quotes:
        return "cast(null as varchar)"
    return "concat_ws(' · ', nullif(trim(title), ''), nullif(trim(body), ''))"
