"""Communities: the list, and one page each: activity, mood, what is talked about, who takes part, when to post.

A section is shown where its mart is published and has rows of the community.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from pulse.page import brands, drawing, mart_tables
from pulse.page.snapshot import Snapshot
from pulse.page.today import STATES, day_links
from pulse.reports import posting
from pulse.reports.contents import Slot
from pulse.showing import figures

PAGE_N = 50
_ACTIVITY_DAYS_N = 90
_WEEKS_N = 26
_COMPLETE_DAYS_N = 365


@dataclass(frozen=True)
class _Section:
    """A table of the community.

    Attributes:
        is_of_month: of the latest month that is over; else of all months, the latest first.
        only, leaves_out: see :func:`mart_tables.read`.
    """

    heading: str
    mart: str
    order: tuple[str, ...]
    columns: mart_tables.Columns
    is_of_month: bool = True
    only: str = "true"
    leaves_out: tuple[str, ...] = ()


# Beside what has a drawing of its own. A mart that is not published has no section.
_SECTIONS = (
    _Section(
        "Needs", "marts.fct_needs_monthly", ("people_n desc", "need", "label"),
        (("need", "What people voice"), ("label", "About"), ("people_n", "People"),
         ("people_share", "Of all who wrote"), ("contributions", "Texts"), ("growth", "Against before"),
         ("is_clear", "The change"), ("caveat", "Beware")),
    ),
    _Section(
        "Topics", "marts.fct_topics_monthly", ("people desc", "label"),
        (("label", "Topic, by its words"), ("people", "People"), ("people_share", "Of all who wrote"),
         ("contributions", "Texts"), ("growth", "Against before"), ("is_growing", "The change"), ("caveat", "Beware")),
    ),
    _Section(
        "Words that are typical here", "marts.fct_keywords_monthly", ("place",),
        (("word", "Word"), ("authors_n", "People here"), ("authors_share", "Of all who wrote"),
         ("authors_others_n", "People in other communities"), ("caveat", "Beware")),
        only="is_typical",
    ),
    _Section(
        "Threads that turned", "marts.fct_thread_turns", ("contribution_date desc", "thread_id"),
        (("title", "Thread"), ("contribution_date", "Posted on"), ("net_before", "Mood before"),
         ("people_before_n", "People before"), ("net_after", "Mood after"), ("people_after_n", "People after"),
         ("caveat", "Beware")),
    ),
    _Section(
        "What works", "marts.fct_content_performance", ("is_clear desc", "vs_usual desc", "form", "metric"),
        (("form", "Kind of post"), ("metric", "What it gets"), ("vs_usual", "Times what others get"),
         ("is_clear", "The difference"), ("posts_n", "Posts"), ("caveat", "Beware")),
        only="vs_usual is not null",
    ),
    _Section(
        "Brands", "marts.fct_share_of_voice", ("month_start_date desc", "people_n desc", "brand"),
        brands.SHARE_COLUMNS, is_of_month=False,
    ),
    _Section(
        "People by role", "marts.fct_participation_monthly", ("month_start_date desc",),
        (("month_start_date", "Month"), ("contributors", "People who wrote"), ("core_n", "Core"),
         ("regular_n", "Regular"), ("casual_n", "Now and then"), ("top_1_share", "Written by the busiest 1 %"),
         ("caveat", "Beware")),
        is_of_month=False, leaves_out=("not_observable",),
    ),
    _Section(
        "Who helps", "marts.fct_helpers_monthly", ("place",),
        (("place", "Place"), ("people_helped_n", "People helped"), ("answers_n", "Answers"),
         ("answers_thanked_n", "Thanked for"), ("median_answer_h", "Half of the answers within"), ("caveat", "Beware")),
        leaves_out=("small_n",),
    ),
    _Section(
        "Who is listened to", "marts.fct_influencers_monthly", ("place",),
        (("place", "Place"), ("repliers_n", "People who reply"),
         ("established_repliers_n", "Of them, here for long"), ("caveat", "Beware")),
    ),
    _Section(
        "Newcomers who came back", "marts.fct_retention_cohorts", ("cohort_month_start_date desc", "age_months"),
        (("cohort_month_start_date", "Came in"), ("age_months", "Months later"), ("cohort_n", "Newcomers"),
         ("active_n", "Wrote then"), ("retention_rate", "Share"), ("caveat", "Beware")),
        is_of_month=False, only="age_months > 0",
    ),
    _Section(
        "People shared with others", "marts.fct_community_overlap", ("window_end_date desc", "shared_n desc"),
        (("other_community", "Community"), ("shared_n", "People in both"), ("shared_share", "Of all of both"),
         ("lift", "Times what chance brings"), ("caveat", "Beware")),
        is_of_month=False, only="shared_n is not null",
    ),
)  # fmt: skip
_TABLE_ROWS_N = 8
_SLOT_COLUMNS = tuple(field.name for field in fields(Slot))


def listed(snapshot: Snapshot, *, text: str, page: int) -> dict[str, Any]:
    """All communities by how much was written in the last weeks, with what is known of their days."""
    asked: dict[str, Any] = {"text": text.casefold()}
    if snapshot.last_day is None:
        return {"rows": [], "total_n": 0, "pages_n": 1, "page": page, "text": text}
    asked |= {"first": snapshot.last_day - timedelta(days=27)}
    rows = snapshot.rows(
        """
        select platform, community,
            max(day) filter (where state in ('arrived', 'empty', 'silent', 'partial')) as last_day,
            sum(posts) as posts, sum(comments) as comments,
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
        "select day, state, posts, comments, messages, contributors, reason from community_days "
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
        "tables": [table for section in _SECTIONS if (table := _table(snapshot, section, of))],
        "months": _completeness(platform, community, days),
        "states": STATES,
        "totals": _totals(days[-28:]),
    }


def _table(snapshot: Snapshot, section: _Section, of: Mapping[str, Any]) -> mart_tables.Table | None:
    """A section's table; of the running month where nothing is known of the one before."""

    def read(heading: str, month: Mapping[str, Any]) -> mart_tables.Table | None:
        return mart_tables.read(
            snapshot, heading, section.mart, section.columns, order=section.order, of={**of, **month},
            only=section.only, leaves_out=section.leaves_out, limit=_TABLE_ROWS_N,
        )  # fmt: skip

    last = snapshot.last_day
    if not section.is_of_month or last is None:
        return read(section.heading, {})
    running = last.replace(day=1)
    over = running if (last + timedelta(days=1)).day == 1 else (running - timedelta(days=1)).replace(day=1)
    return next(
        (
            table
            for month in dict.fromkeys((over, running))
            if (table := read(f"{section.heading}, {figures.month_name(month)}", {"month_start_date": month}))
        ),
        None,
    )


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
        f"select {', '.join(_SLOT_COLUMNS)}, window_start_date, window_end_date "
        "from marts.fct_posting_heatmap where platform = $platform and community = $community order by all",
        of,
    )
    most = max((row["posts"] or 0 for row in rows), default=0)
    if not most:
        return None
    slots = [Slot(**{name: row[name] for name in _SLOT_COLUMNS}) for row in rows]
    parts = posting.parts(slots, timedelta(0))
    better = {(part.weekday, part.part) for part in parts if part.is_better}
    strengths = [
        (slot.weekday, slot.hour_utc, (slot.posts or 0) / most, (slot.weekday, slot.hour_utc // 6) in better)
        for slot in slots
    ]
    return {
        "chart": drawing.week(strengths),
        "first": rows[0]["window_start_date"],
        "last": rows[0]["window_end_date"],
        "better": posting.better(parts) if better else "",
        "busiest": posting.busiest(parts),
    }


def _completeness(platform: str, community: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Its days by month, the latest month first."""
    months: dict[date, list[tuple[date, str]]] = {}
    for row in rows:
        months.setdefault(row["day"].replace(day=1), []).append((row["day"], row["state"]))
    return [
        {
            "month": month,
            "links": day_links(platform, community, days),
            "days_n": len(days),
            "whole_n": sum(state in {"arrived", "empty"} for _, state in days),
        }
        for month, days in sorted(months.items(), reverse=True)
    ]
