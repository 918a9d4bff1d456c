"""Communities: the list, and one page each: activity, mood, what is talked about, who takes part, when to post.

A section is shown where its mart is published and has rows of the community.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pulse.page import brands, drawing, mart_tables
from pulse.page.snapshot import Snapshot
from pulse.page.today import STATES
from pulse.showing import figures

PAGE_N = 50
_ACTIVITY_DAYS_N = 90
_WEEKS_N = 26
_COMPLETE_DAYS_N = 365
# Marts beside those with a drawing of their own: heading, mart, what to order by, and the columns to show. A mart that
# is not published has no section; where no columns are named, all are shown that tell figures.
_TABLES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Topics", "marts.fct_topics_monthly", "month_start_date desc, contributions desc", ()),
    ("Words", "marts.fct_keywords_monthly", "month_start_date desc, place", ()),
    ("Needs", "marts.fct_needs_monthly", "month_start_date desc, contributions desc", ()),
    (
        "Wishes, complaints, questions", "marts.fct_text_kinds_monthly", "month_start_date desc, corrected_share desc",
        ("month_start_date", "kind", "flagged_n", "judged_n", "corrected_share", "corrected_share_low",
         "corrected_share_high", "caveat"),
    ),
    (
        "Threads that turned", "marts.fct_thread_turns", "contribution_date desc",
        ("contribution_date", "title", "direction", "people_before_n", "net_before", "people_after_n", "net_after",
         "caveat"),
    ),
    (
        "What works", "marts.fct_content_performance", "month_start_date desc, is_clear desc, vs_usual desc",
        ("month_start_date", "dimension", "form", "metric", "posts_n", "vs_usual", "vs_usual_low", "vs_usual_high",
         "is_clear", "caveat"),
    ),
    ("Brands", "marts.fct_share_of_voice", "month_start_date desc, share_of_voice desc", brands.SHARE_COLUMNS),
    (
        "People by role", "marts.fct_participation_monthly", "month_start_date desc",
        ("month_start_date", "contributors", "core_n", "regular_n", "casual_n", "top_1_share", "lurker_share",
         "caveat"),
    ),
    (
        "Who helps", "marts.fct_helpers_monthly", "month_start_date desc, place",
        ("month_start_date", "place", "people_helped_n", "answers_n", "answers_thanked_n", "thanked_share",
         "median_answer_h", "caveat"),
    ),
    (
        "Who is listened to", "marts.fct_influencers_monthly", "month_start_date desc, place",
        ("month_start_date", "place", "is_established", "repliers_n", "established_repliers_n", "caveat"),
    ),
    (
        "Newcomers who came back", "marts.fct_retention_cohorts", "cohort_month_start_date desc, age_months",
        ("cohort_month_start_date", "age_months", "cohort_n", "active_n", "retention_rate", "retention_rate_low",
         "retention_rate_high", "caveat"),
    ),
    (
        "People shared with others", "marts.fct_community_overlap", "window_end_date desc, shared_n desc",
        ("other_platform", "other_community", "shared_n", "shared_share", "lift", "lift_low", "lift_high",
         "is_clearly_above_expected", "caveat"),
    ),
)  # fmt: skip
_TABLE_ROWS_N = 12


def listed(snapshot: Snapshot, *, text: str, page: int) -> dict[str, Any]:
    """All communities by how much was written in the last weeks, with what is known of their days."""
    asked: dict[str, Any] = {"text": text.casefold()}
    if snapshot.last_day is None:
        return {"rows": [], "total_n": 0, "pages_n": 1, "page": page, "text": text}
    asked |= {"first": snapshot.last_day - timedelta(days=27)}
    rows = snapshot.rows(
        """
        select platform, community, max(day) as last_day, sum(posts) as posts, sum(comments) as comments,
            sum(messages) as messages, count(*) filter (where state in ('arrived', 'empty')) as whole_n,
            count(*) as days_n
        from day_states
        where day >= $first and ($text = '' or contains(lower(platform || '/' || community), $text))
        group by platform, community
        order by coalesce(sum(posts), 0) + coalesce(sum(comments), 0) + coalesce(sum(messages), 0) desc,
            platform, community
        """,
        asked,
    )
    return {
        "rows": rows[(page - 1) * PAGE_N : page * PAGE_N], "total_n": len(rows), "page": page, "text": text,
        "pages_n": -(-len(rows) // PAGE_N) or 1,
    }  # fmt: skip


def one(snapshot: Snapshot, platform: str, community: str) -> dict[str, Any] | None:
    """Everything of one community; None where nothing is known of it."""
    of = {"platform": platform, "community": community}
    if snapshot.last_day is None:
        return None
    first = snapshot.last_day - timedelta(days=_COMPLETE_DAYS_N - 1)
    days = snapshot.rows(
        "select day, state, posts, comments, messages, contributors, reason from day_states "
        "where platform = $platform and community = $community and day >= $first order by day",
        {**of, "first": first},
    )
    if not days:
        return None
    return {
        "platform": platform,
        "community": community,
        "activity": _activity(days, snapshot.last_day),
        "mood": _mood(snapshot, of),
        "when": _when(snapshot, of),
        "tables": [
            table
            for heading, mart, order, columns in _TABLES
            if (
                table := mart_tables.read(
                    snapshot, heading, mart, columns, order=order.split(", "), of=of, limit=_TABLE_ROWS_N
                )
            )
        ],
        "months": _completeness(days),
        "states": STATES,
        "totals": _totals(days[-28:]),
    }


def _totals(days: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The last 28 days in a few figures; what cannot be seen is left out."""
    found = [
        (label, figures.figure(sum(known), "count"))
        for kind, label in (("posts", "Posts"), ("comments", "Comments"), ("messages", "Messages"))
        if (known := [day[kind] for day in days if day[kind] is not None]) and (kind != "messages" or sum(known))
    ]
    whole_n = sum(day["state"] in {"arrived", "empty"} for day in days)
    return [*found, ("Whole days", f"{whole_n} of {len(days)}")]


def _activity(rows: Sequence[Mapping[str, Any]], last: date) -> dict[str, Any]:
    by_day = {row["day"]: row for row in rows}
    days = [last - timedelta(days=_ACTIVITY_DAYS_N - 1 - at) for at in range(_ACTIVITY_DAYS_N)]
    kinds = [kind for kind in ("comments", "posts", "messages") if any(row[kind] for row in rows)]
    classes = {"comments": "bar-1", "posts": "bar-2", "messages": "bar-1"}
    series = [(classes[kind], [by_day.get(day, {}).get(kind) for day in days]) for kind in kinds]
    return {
        "chart": drawing.bars(days, series) if kinds else "",
        "legend": [(classes[kind], kind) for kind in kinds],
        "rows": [row for row in reversed(rows) if row["day"] >= days[0]],
        "kinds": kinds,
    }


def _mood(snapshot: Snapshot, of: Mapping[str, Any]) -> dict[str, Any] | None:
    if not snapshot.has("marts.fct_sentiment_weekly"):
        return None
    rows = snapshot.rows(
        "select week_start_date as week, net_sentiment, net_sentiment_low, net_sentiment_high, scored_n, caveat "
        "from marts.fct_sentiment_weekly where platform = $platform and community = $community "
        f"order by week_start_date desc limit {_WEEKS_N}",
        of,
    )[::-1]
    if not any(row["net_sentiment"] is not None for row in rows):
        return None

    def points(name: str) -> list[float | None]:
        return [None if row[name] is None else 100 * row[name] for row in rows]

    chart = drawing.line(
        [row["week"] for row in rows],
        points("net_sentiment"),
        points("net_sentiment_low"),
        points("net_sentiment_high"),
    )
    return {"chart": chart, "rows": rows[::-1]}


def _when(snapshot: Snapshot, of: Mapping[str, Any]) -> dict[str, Any] | None:
    if not snapshot.has("marts.fct_posting_heatmap"):
        return None
    rows = snapshot.rows(
        "select weekday, hour_utc, posts, score_vs_usual, score_vs_usual_low, window_start_date, window_end_date "
        "from marts.fct_posting_heatmap where platform = $platform and community = $community order by all",
        of,
    )
    most = max((row["posts"] or 0 for row in rows), default=0)
    if not most:
        return None
    slots = [
        (row["weekday"], row["hour_utc"], (row["posts"] or 0) / most, (row["score_vs_usual_low"] or 0) > 1)
        for row in rows
    ]
    best = sorted((row for row in rows if (row["score_vs_usual_low"] or 0) > 1), key=lambda row: -row["score_vs_usual"])
    busiest = sorted(rows, key=lambda row: -(row["posts"] or 0))[:5]
    return {
        "chart": drawing.week(slots),
        "first": rows[0]["window_start_date"],
        "last": rows[0]["window_end_date"],
        "best": [_hour(row) for row in best[:5]],
        "busiest": [_hour(row) for row in busiest],
    }


def _hour(row: Mapping[str, Any]) -> str:
    return f"{figures.WEEKDAYS[row['weekday'] - 1]} {row['hour_utc']:02d}:00"


def _completeness(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Its days by month, the latest month first."""
    months: dict[date, dict[int, str]] = {}
    for row in rows:
        months.setdefault(row["day"].replace(day=1), {})[row["day"].day] = row["state"]
    return [
        {"month": month, "days": days, "whole_n": sum(state in {"arrived", "empty"} for state in days.values())}
        for month, days in sorted(months.items(), reverse=True)
    ]
