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

Rows: TypeAlias = pa.Table | Sequence[Mapping[str, Any]]

WEEKS_N = 13
MONTHS_N = 13
TURNS_N = 8
EXCERPTS_N = 2  # on each side of a turn
POSTS_N = 8
IMPACTS_N = 12

_OF_MONTH = "month_start_date = $first"
# Of a day: nothing ever matched the name, whether what was looked at says so or the run.
_IS_NEVER_SEEN = "(coalesce(is_never_seen, false) or outcome is not distinct from 'never_seen')"


def read(
    connection: duckdb.DuckDBPyConnection,
    month: Month,
    kpis: Rows,
    restatements: Rows = (),
    lost: Sequence[LostVersion] = (),
) -> Report:
    """All that the report of a month tells.

    Args:
        connection: has the published marts as schema ``marts``; what is not there is left out of the report.
        kpis: the frozen rows of the month's latest version.
        restatements: what its later versions changed, all of them.
        lost: versions of which a file cannot be read any more.
    """
    marts = _Marts(connection, month)
    never_seen = marts.never_seen
    by_community: dict[Community, dict[str, Kpi]] = defaultdict(dict)
    for kpi in sorted(map(_kpi, dicts(kpis)), key=lambda kpi: (kpi.of, kpi.kpi)):
        if kpi.of not in never_seen:
            by_community[kpi.of][kpi.kpi] = kpi
    communities = _by_activity(by_community)
    charted = communities[:CHARTED_N]
    return Report(
        month=month,
        kpis=dict(by_community),
        communities=communities,
        restatements=tuple(map(_restatement, dicts(restatements))),
        lost=tuple(sorted(lost, key=lambda one: (one.version, not one.is_of_figures))),
        days=marts.days(),
        days_known=marts.days_known(),
        never_seen=never_seen,
        reply_age_h=marts.reply_age_h(),
        contributors_weekly=marts.weekly("fct_community_weekly", "contributors", charted),
        monthly=marts.monthly(),
        moods=marts.moods(),
        sentiment_weekly=marts.weekly("fct_sentiment_weekly", "net_sentiment", charted, has_bounds=True),
        turns=marts.turns(),
        heatmaps=marts.heatmaps(charted),
        good_posts=marts.good_posts(),
        participation=marts.participation(),
        role_moves=marts.role_moves(),
        newcomers=marts.newcomers(),
        profiles=marts.profiles(),
        impacts=marts.impacts(),
    )


# ---- what is handed over ---------------------------------------------------


def dicts(rows: Rows) -> Iterator[Mapping[str, Any]]:
    """The rows by name, whichever way they came; what is no number (NaN, an infinity) is not known."""
    for row in rows.to_pylist() if isinstance(rows, pa.Table) else rows:
        yield {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}


def _kpi(row: Mapping[str, Any]) -> Kpi:
    """A frozen row; columns that came after it was frozen are None."""
    facts: dict[str, Any] = {field.name: row.get(field.name) for field in fields(Kpi) if field.name != "of"}
    return Kpi(of=_community(row), **{**facts, "is_compared": "change" in row})


def _restatement(row: Mapping[str, Any]) -> Restatement:
    return Restatement(
        of=_community(row),
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


def _community(row: Mapping[str, Any]) -> Community:
    return Community(row["platform"], row["community"])


def _by_activity(kpis: Mapping[Community, Mapping[str, Kpi]]) -> tuple[Community, ...]:
    """The communities, those where most was written first."""

    def written(of: Community) -> float:
        return sum(kpis[of][name].value or 0 for name in ("posts", "comments", "messages") if name in kpis[of])

    return tuple(sorted((of for of in kpis if of != ALL), key=lambda of: (-written(of), of)))


# ---- what the marts tell ---------------------------------------------------


class _Marts:
    """Questions to the published marts about one month."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, month: Month) -> None:
        self._connection = connection
        self._month = month
        found = connection.execute("select table_name from information_schema.tables where table_schema = 'marts'")
        self._names = {name for (name,) in found.fetchall()}

    def days(self) -> tuple[Day, ...]:
        """All days of the month; none where nothing is published."""
        if "fct_community_daily" not in self._names:
            return ()
        rows = self._rows(
            f"""
            select contribution_date as day, sum(posts) as posts, sum(comments) as comments,
                count(outcome) as communities_n, count_if(is_day_complete) as complete_n,
                count_if(is_silent_everywhere) as silent_n
            from marts.fct_community_daily
            where contribution_date between $first and $last
                and not {_IS_NEVER_SEEN}
            group by contribution_date
            """
        )
        known = {row["day"]: Day(**row) for row in rows}
        return tuple(known.get(day, Day(day, None, None, 0, 0)) for day in self._month.window.days())

    def days_known(self) -> Mapping[Community, DaysKnown]:
        """What is known of each day of the month, by community; a day without a row is one that nobody looked at."""
        if "fct_community_daily" not in self._names:
            return {}
        rows = self._rows(
            """
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
            where contribution_date between $first and $last
            order by platform, community, day
            """
        )
        by_community: dict[Community, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_community[_community(row)].append(row)
        return {of: self._days_known(found) for of, found in by_community.items() if of not in self.never_seen}

    def _days_known(self, rows: Sequence[Mapping[str, Any]]) -> DaysKnown:
        states = {row["day"]: row["state"] for row in rows}
        return DaysKnown(
            states={day: states.get(day, "unknown") for day in self._month.window.days()},
            posts_n=sum(row["has_posts"] for row in rows),
            comments_n=sum(row["has_comments"] for row in rows),
            messages_n=sum(row["has_messages"] for row in rows),
        )

    @cached_property
    def never_seen(self) -> tuple[Community, ...]:
        """Names that were looked for in the month and that nothing ever matched."""
        if "fct_community_daily" not in self._names:
            return ()
        rows = self._rows(
            f"""
            select platform, community from marts.fct_community_daily
            where contribution_date between $first and $last
            group by platform, community
            having bool_and({_IS_NEVER_SEEN})
            order by platform, community
            """
        )
        return tuple(map(_community, rows))

    def reply_age_h(self) -> Mapping[Community, float | None]:
        """How old posts were when the platform's count of their replies was last seen, in hours."""
        if "fct_community_monthly" not in self._names:
            return {}
        rows = self._rows(
            f"select platform, community, platform_replies_age_h from marts.fct_community_monthly where {_OF_MONTH}"
        )
        return {_community(row): row["platform_replies_age_h"] for row in rows}

    def weekly(
        self, mart: str, column: str, charted: Sequence[Community], *, has_bounds: bool = False
    ) -> Mapping[Community, tuple[Point, ...]] | None:
        """One column by week for some communities, up to the last week that begins in the month."""
        if mart not in self._names:
            return None
        bounds = f"{column}_low as low, {column}_high as high" if has_bounds else "null as low, null as high"
        rows = self._rows(
            f"""
            select platform, community, week_start_date as day, {column} as value, {bounds}, is_period_complete
            from marts.{mart} where week_start_date between $from_week and $last
            """,
            from_week=self._month.last_day - timedelta(weeks=WEEKS_N),
        )
        found: dict[Community, list[Point]] = {of: [] for of in charted}
        for row in sorted(rows, key=lambda row: row["day"]):
            if _community(row) in found:
                points = found[_community(row)]
                points.append(Point(row["day"], row["value"], row["low"], row["high"], row["is_period_complete"]))
        return {of: tuple(points) for of, points in found.items()}

    def monthly(self) -> Mapping[str, tuple[Point, ...]] | None:
        """Figures of everything together, by month up to this one."""
        if "fct_community_monthly" not in self._names:
            return None
        rows = self._rows(
            """
            select month_start_date as day, is_period_complete, posts, comments, contributors, new_contributors,
                response_rate_24h, response_rate_24h_low, response_rate_24h_high
            from marts.fct_community_monthly
            where platform = '*' and community = '*' and month_start_date between $from_month and $first
            order by month_start_date
            """,
            from_month=self._month.first_day - timedelta(days=31 * MONTHS_N),
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
        if "fct_sentiment_monthly" not in self._names:
            return None
        rows = self._rows(
            f"""
            select platform, community, positive_n, neutral_n, negative_n, unscorable_share
            from marts.fct_sentiment_monthly where {_OF_MONTH} and scored_n > 0
            order by scored_n desc, platform, community
            """
        )
        return tuple(
            Mood(_community(row), row["positive_n"], row["neutral_n"], row["negative_n"], row["unscorable_share"])
            for row in rows
        )

    def turns(self) -> tuple[Turn, ...] | None:
        """The steepest turns of the month, each with what shows it, in the order of days."""
        if not {"fct_sentiment_turns", "fct_sentiment_turn_evidence"} <= self._names:
            return None
        rows = self._rows(
            f"""
            select *, row_number() over (order by abs(z) desc, turn_date, platform, community) as place
            from marts.fct_sentiment_turns where turn_date between $first and $last
            qualify place <= {TURNS_N} order by turn_date, platform, community
            """
        )
        excerpts = self._excerpts()
        return tuple(
            Turn(
                of=_community(row),
                day=row["turn_date"],
                direction=row["direction"],
                days_n=row["days_n"],
                before=_side(row, "before"),
                after=_side(row, "after"),
                caveat=row["caveat"],
                excerpts=tuple(excerpts[_community(row), row["turn_date"]]),
            )
            for row in rows
        )

    def _excerpts(self) -> Mapping[tuple[Community, date], list[Excerpt]]:
        rows = self._rows(
            f"""
            -- A month's page quotes nothing that was written after it, though a turn near its end rests on it.
            select evidence.platform, evidence.community, turn_date, side, place, contribution_id,
                contributions.contribution_date as day, kind, title, body, contributions.sentiment_label, permalink
            from marts.fct_sentiment_turn_evidence as evidence
            inner join marts.fct_contributions as contributions using (platform, community, contribution_id)
            where turn_date between $first and $last and contributions.contribution_date <= $last
            qualify row_number() over (
                partition by evidence.platform, evidence.community, turn_date, side order by place
            ) <= {EXCERPTS_N}
            order by evidence.platform, evidence.community, turn_date, side = 'after', place
            """
        )
        found: dict[tuple[Community, date], list[Excerpt]] = defaultdict(list)
        for row in rows:
            text = " · ".join(part for part in (row["title"], row["body"]) if part and part.strip())
            if text:
                found[_community(row), row["turn_date"]].append(
                    Excerpt(
                        contribution_id=row["contribution_id"],
                        side=row["side"],
                        day=row["day"],
                        kind=row["kind"],
                        text=text,
                        sentiment_label=row["sentiment_label"],
                        permalink=row["permalink"],
                    )
                )
        return found

    def heatmaps(self, charted: Sequence[Community]) -> tuple[Heatmap, ...] | None:
        """The week of each charted community."""
        if "fct_posting_heatmap" not in self._names:
            return None
        by_community: dict[Community, list[dict[str, Any]]] = defaultdict(list)
        for row in self._rows("select * from marts.fct_posting_heatmap order by weekday, hour_utc"):
            by_community[_community(row)].append(row)
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

    def good_posts(self) -> tuple[GoodPost, ...] | None:
        """The posts that did best for their community: few peers prove little, so the lower bound decides."""
        if "fct_post_performance" not in self._names:
            return None
        rows = self._rows(
            f"""
            select platform, community, contribution_id, posts.contribution_date as day, title, permalink, posts.score,
                posts.reply_count, age_label, score_percentile_low, peers_n
            from marts.fct_post_performance as posts
            inner join marts.fct_contributions as contributions using (platform, community, contribution_id)
            where {_OF_MONTH} and score_percentile_low is not null and trim(title) <> ''
                and author_role not in ('bot', 'team')
            order by score_percentile_low desc, posts.score desc, platform, community, contribution_id
            limit {POSTS_N}
            """
        )
        return tuple(
            GoodPost(_community(row), **{name: row[name] for name in row if name not in {"platform", "community"}})
            for row in rows
        )

    def participation(self) -> tuple[Participation, ...] | None:
        """How evenly each community's month is carried."""
        if "fct_participation_monthly" not in self._names:
            return None
        rows = self._rows(f"select * from marts.fct_participation_monthly where {_OF_MONTH}")
        names = [field.name for field in fields(Participation) if field.name != "of"]
        return tuple(Participation(_community(row), **{name: row[name] for name in names}) for row in rows)

    def role_moves(self) -> tuple[RoleMove, ...] | None:
        """Moves between roles from the month before, of all communities; none where that month is not known."""
        if "fct_role_moves_monthly" not in self._names:
            return None
        rows = self._rows(
            f"""
            select from_role, to_role, cast(sum(contributors) as bigint) as contributors
            from marts.fct_role_moves_monthly where {_OF_MONTH}
            group by from_role, to_role
            """
        )
        return tuple(RoleMove(**row) for row in rows)

    def newcomers(self) -> tuple[Newcomers, ...] | None:
        """What became of the newcomers of the month before."""
        if "fct_retention_cohorts" not in self._names:
            return None
        rows = self._rows(
            f"select * from marts.fct_retention_cohorts where {_OF_MONTH} and age_months = 1 "
            "and (cohort_n > 0 or is_left_censored)"
        )
        names = [field.name for field in fields(Newcomers) if field.name != "of"]
        return tuple(Newcomers(_community(row), **{name: row[name] for name in names}) for row in rows)

    def profiles(self) -> tuple[Profile, ...] | None:
        """What kind each community is."""
        if "fct_community_profile_monthly" not in self._names:
            return None
        rows = self._rows(f"select * from marts.fct_community_profile_monthly where {_OF_MONTH}")
        names = [field.name for field in fields(Profile) if field.name != "of"]
        return tuple(Profile(_community(row), **{name: row[name] for name in names}) for row in rows)

    def impacts(self) -> tuple[Impact, ...] | None:
        """The clearest associations with business results, one lag of each pair."""
        if "fct_business_impact" not in self._names:
            return None
        rows = self._rows(
            f"""
            select * from marts.fct_business_impact where is_strongest_lag
            order by is_beyond_chance desc, abs(correlation) desc, platform, community, kpi, result, currency
            limit {IMPACTS_N}
            """
        )
        names = [field.name for field in fields(Impact) if field.name != "of"]
        return tuple(Impact(_community(row), **{name: row[name] for name in names}) for row in rows)

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows by name; ``$first`` and ``$last`` are the days the month begins and ends."""
        known = {"first": self._month.first_day, "last": self._month.last_day, **parameters}
        cursor = self._connection.execute(sql, {name: value for name, value in known.items() if f"${name}" in sql})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
