"""A made-up month to report on: frozen rows, and marts in memory with the columns that their contracts name.

Tables are made from the yml beside the models, so a column that is renamed there breaks the report's tests.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Any

import duckdb
import pyarrow as pa

from pulse.core.month import Month
from pulse.lake.kpi_store import KPI_MONTHLY, TABLES
from pulse.reports.contents import FEWEST_CASES
from pulse.warehouse import dictionary

MONTH = Month(date(2026, 10, 1))
BUILT_AT = datetime(2026, 11, 1, 0, 40, tzinfo=UTC)
REPORTED_AT = datetime(2026, 11, 1, 0, 35, tzinfo=UTC)
STATE_ID = "20261101T003012345678Z"

# What people, or somebody who means harm, call a community or write into a text.
NAUGHTY = (
    "<script>alert('a')</script>",
    '"><img src=x onerror=alert(1)>',
    "</text></svg><svg onload=alert(1)>",
    "]]></style><script>alert(2)</script>",
    "datum.value){{7*7}}{% raw %}${7*7}",
    "=cmd|' /C calc'!A0",
    "gepj.exe\u202egnp.\u2066 \x1b[31m \x00 \u200b end",
    "مرحبا بالعالم",
    "&lt;b&gt; &amp; <!-- --> ' \" `",
)


# Words of a topic, and a brand, as somebody who means harm would have them; and whoever must be named nowhere.
TOPIC = "<b>kettle</b>, \u202elid, {{7*7}}"
BRAND = "Ember<i>well</i>"
AUTHOR = "key-of-a-person-"


def kpi_row(kpi: str, value: float | None, *, community: str = "tea", **changes: Any) -> dict[str, Any]:
    """One frozen row; ``community="*"`` is all together."""
    row: dict[str, Any] = dict.fromkeys(TABLES[KPI_MONTHLY].names)
    row |= {
        "month_start_date": MONTH.first_day,
        "version": 1,
        "reported_at": REPORTED_AT,
        "state_id": STATE_ID,
        "platform": "*" if community == "*" else "reddit",
        "community": community,
        "kpi": kpi,
        "value": value,
        "unit": "count",
        "days_n": 31,
        "days_complete_n": 31,
        "completeness": 1.0,
        "definition_version": 1,
        "contributions_n": 1_000,
        "erased_n": 3,
        "last_observed_at": REPORTED_AT - timedelta(hours=1),
    }
    return row | changes


def kpi_rows(community: str = "tea", *, size: float = 1.0) -> list[dict[str, Any]]:
    """All KPIs of one community: with and without interval, change and value."""

    def changed(before: float, now: float, *, is_clear: bool | None = None) -> dict[str, Any]:
        return {
            "value_month_before": before,
            "change_month_before": now - before,
            "change_month_before_share": (now - before) / before,
            "change": now - before,
            "change_share": (now - before) / before,
            "is_change_clear": is_clear,
        }

    def counted(name: str, value: float, before: float) -> dict[str, Any]:
        value, before = round(value * size), round(before * size)
        bounds = {"value_low": 0.95 * value, "value_high": 1.05 * value}
        return kpi_row(name, value, community=community, **bounds, **changed(before, value, is_clear=name == "posts"))

    def row(name: str, value: float | None, **changes: Any) -> dict[str, Any]:
        return kpi_row(name, value, community=community, **changes)

    return [
        counted("posts", 1_608, 1_431),
        counted("comments", 9_323, 8_764),
        counted("conversations", 1_377, 1_260),
        counted("likes", 48_211, 51_102),
        counted("contributors", 1_204, 1_118),
        row("new_contributors", round(312 * size), caveat="left_censored"),
        counted("returning_contributors", 892, 860),
        row("awards", None, n=0, caveat="not_observable"),
        row("reactions", None, n=0, caveat="not_observable"),
        row("stickiness", 0.124, n=1_204, value_low=0.119, value_high=0.129, unit="share", **changed(0.128, 0.124)),
        row("engagement_per_contributor", 23.4, n=1_204, value_low=20.1, value_high=26.7, unit="per contributor"),
        row("member_growth", None, unit="share", caveat="not_observable"),
        row(
            "response_rate_24h", 0.86, n=1_590, value_low=0.842, value_high=0.876, unit="share",
            **changed(0.81, 0.86, is_clear=True),
        ),
        row(
            "median_first_response_h", 0.58, n=1_590, value_low=0.52, value_high=0.66, unit="hours",
            **changed(0.75, 0.58),
        ),
        row(
            "net_sentiment", 0.142, n=9_204, value_low=0.126, value_high=0.158, unit="net",
            sentiment_model_id="lexicon-and-model-1", caveat="incomplete", days_complete_n=30,
            **changed(0.231, 0.142),
        ),
        row("visits", 41_200, days_complete_n=20, caveat="incomplete"),
        row("revenue", None, unit=None, caveat="several_currencies"),
    ]  # fmt: skip


def marts(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> duckdb.DuckDBPyConnection:
    """A database with every mart that the project has, empty but for these rows."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute("create schema marts")
    for statement in _tables():
        connection.execute(statement)
    for name, of_table in rows.items():
        columns = list(dict.fromkeys(column for row in of_table for column in row))
        connection.register("rows", pa.table({column: [row.get(column) for row in of_table] for column in columns}))
        connection.execute(f"insert into marts.{name} by name select * from rows")
        connection.unregister("rows")
    return connection


@cache
def _tables() -> tuple[str, ...]:
    return tuple(
        f"create table marts.{table.name} ({', '.join(f'{one.name} {one.duckdb_type}' for one in table.columns)})"
        for table in dictionary.marts()
    )


def month_of_marts(
    communities: Sequence[str],
    *,
    quote: str = "The kettle broke again, and nobody answers me.",
    only: Sequence[str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Marts about these communities, the largest first: a dip of the mood, an outage on the tenth, all there is.

    ``only`` names the marts to fill; each chart costs a tenth of a second.
    """
    days = list(MONTH.window.days())
    weeks = [date(2026, 7, 27) + timedelta(weeks=week) for week in range(13)]
    rows: dict[str, list[dict[str, Any]]] = {
        "fct_community_daily": [row for at, of in enumerate(communities) for row in _days(of, at, days)],
        "fct_community_weekly": [
            _of(of) | {"week_start_date": week, "contributors": _wave(at, place, 200), "is_period_complete": True}
            for at, of in enumerate(communities)
            for place, week in enumerate(weeks)
        ],
        "fct_sentiment_weekly": [
            _of(of) | {"week_start_date": week, "is_period_complete": place != 9} | _net(0.3 - place / 50)
            for of in communities
            for place, week in enumerate(weeks)
        ],
        "fct_community_monthly": [
            {
                "platform": "*", "community": "*", "month_start_date": date(2026, month, 1), "posts": 1_000 + month,
                "comments": 8_000 + 100 * month, "contributors": 900 + 30 * month, "new_contributors": 300,
                "response_rate_24h": 0.8, "response_rate_24h_low": 0.78, "response_rate_24h_high": 0.82,
                "is_period_complete": month != 8,
            }
            for month in range(5, 11)
        ],
        "fct_sentiment_monthly": [
            _of(of) | {
                "month_start_date": MONTH.first_day, "scored_n": 900, "positive_n": 400, "neutral_n": 300,
                "negative_n": 200, "unscorable_share": 0.02,
            }
            for of in ("*", *communities)
        ],
        "fct_posting_heatmap": [
            _of(of) | {
                "weekday": weekday, "hour_utc": hour, "window_start_date": date(2026, 8, 3),
                "window_end_date": date(2026, 10, 31), "posts": _wave(hour, weekday, 9), "scores_n": 20,
                "age_label": "36h",
                "score_vs_usual": 1.4, "score_vs_usual_low": 1.1 if (weekday, hour) == (2, 19) else 0.8,
                "score_vs_usual_high": 1.7,
            }
            for of in communities
            for weekday in range(1, 8)
            for hour in range(24)
        ],
    }  # fmt: skip
    rows |= _turn(communities[0], quote) | _people(communities) | _business(communities[0])
    rows |= _listening(communities, quote) | _promotions(communities)
    return marts({name: of_table for name, of_table in rows.items() if only is None or name in only})


def _people(communities: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    month = {"month_start_date": MONTH.first_day}
    moves = {("core", "core"): 40, ("core", "absent"): 6, ("casual", "core"): 3, ("new", "casual"): 120}
    return {
        "fct_participation_monthly": [
            _of(of) | month | {
                "contributors": 388, "half_activity_contributors": 17, "core_n": 69, "regular_n": 154, "casual_n": 165,
            }
            for of in communities
        ],
        "fct_role_moves_monthly": [
            _of(of) | month | {"from_role": origin, "to_role": goal, "contributors": n}
            for of in communities
            for (origin, goal), n in moves.items()
        ],
        "fct_retention_cohorts": [
            _of(of) | month | {
                "age_months": 1, "cohort_n": 80, "retention_rate": 0.25, "retention_rate_low": 0.168,
                "retention_rate_high": 0.355, "is_left_censored": False,
            }
            for of in communities
        ],
        "fct_community_profile_monthly": [
            _of(of) | month | {
                "size_label": "small", "intensity_label": "steady", "belonging_label": "close",
                "openness_label": "closed", "newcomer_posts_n": 60, "newcomer_response_rate_24h": 0.55,
                "other_response_rate_24h": 0.86, "openness": -0.31, "openness_low": -0.44, "openness_high": -0.18,
            }
            for of in communities
        ],
    }  # fmt: skip


def _business(community: str) -> dict[str, list[dict[str, Any]]]:
    pair = _of(community) | {"kpi": "comments", "days_complete_n": 80, "effective_n": 41.5, "is_strongest_lag": True}
    return {
        "fct_business_impact": [
            pair | {
                "result": "revenue", "currency": "EUR", "lag_days": 3, "correlation": 0.52, "correlation_low": 0.26,
                "correlation_high": 0.71, "is_beyond_chance": True,
            },
            pair | {
                "result": "visits", "currency": None, "lag_days": 0, "correlation": -0.08, "correlation_low": -0.37,
                "correlation_high": 0.23, "is_beyond_chance": False,
            },
        ]
    }  # fmt: skip


def _listening(communities: Sequence[str], quote: str) -> dict[str, list[dict[str, Any]]]:
    """What to do, needs, topics and brands; words of topics and brands mean as much harm as all that people write."""
    month = {"month_start_date": MONTH.first_day}
    growth = {"growth": 3.4, "growth_low": 1.9, "growth_high": 6.1}
    first = _of(communities[0]) | month
    rules = (
        ("answer_unanswered", "question", 17.0, None, None, 137, "t3_a t1_after1 t1_gone"),
        ("answer_unanswered", "recommendation_request", 1.0, None, None, 9, None),
        ("mood_turned", "down", -0.29, -0.36, -0.22, 1_560, "t1_after1"),
        ("need_grew", f"complaint: {TOPIC}", 3.4, 1.9, 6.1, 37, "t1_after2"),
        ("thank_advocate", BRAND, 0.8, 0.6, 0.9, 20, "t1_before1"),
        ("thank_advocate", BRAND, 0.7, 0.5, 0.8, 30, None),
        ("topic_rose", TOPIC, 27.0, 1.7, 454.0, 15, None),
        ("post_this_kind", "shown_as: picture", 1.6, 1.2, 2.1, 44, "t3_a"),
    )
    brands = [_of(of) | month | {"brand": brand, "is_ours": brand == BRAND, "people_n": 258, "share_of_voice": 0.58,
                                 "share_of_voice_low": 0.53, "share_of_voice_high": 0.62}
              for of in ("*", *communities) for brand in (BRAND, "Other")]  # fmt: skip
    keys = ("platform", "community", "month_start_date", "brand", "is_ours")
    return {
        "fct_actions_monthly": [
            first | {"place": place, "rule": rule, "subject": subject, "figure": figure, "figure_low": low,
                     "figure_high": high, "n": n, "evidence_ids": ids}
            for place, (rule, subject, figure, low, high, n, ids) in enumerate(rules, start=1)
        ],
        "fct_needs_monthly": [
            _of(of) | month | {
                "need": need, "topic_id": topic, "label": None if topic is None else TOPIC, "people_n": 37 - place,
                "is_clear": place == 0, "judged_n": 900, **growth,
            }
            for of in communities
            for place, (need, topic) in enumerate((("complaint", None), ("complaint", 3), ("wish", None)))
        ],
        "fct_topics_monthly": [
            _of(of) | month | {"topic_id": at, "label": TOPIC, "people": people, "people_share": 0.2,
                               "is_growing": at == 1, **growth}
            for of in communities
            for at, people in ((1, 79), (2, FEWEST_CASES - 1))
        ],
        "fct_share_of_voice": brands,
        "fct_brand_awareness_monthly": [
            {key: row[key] for key in (*keys, "people_n")} | {"aware_share": 0.15} for row in brands
        ],
        "fct_user_generated_content": [
            {key: row[key] for key in keys} | {"good_n": 27, "told_n": 57} for row in brands
        ],
        "fct_advocates_monthly": [
            first | {"brand": BRAND, "is_ours": True, "author_key": f"{AUTHOR}{at}"} for at in range(6)
        ],
        "fct_helpers_monthly": [first | {"place": at, "author_key": f"{AUTHOR}{at}"} for at in range(1, 9)],
    }  # fmt: skip


def _promotions(communities: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    month = {"month_start_date": MONTH.first_day}
    first = _of(communities[0])
    return {
        "fct_value_to_pitch": [first | month | {"team_n": 113, "helps_n": 108, "people_helped_n": 70, "pitches_n": 5,
                                                "removed_n": 2}],
        "fct_promotion_reception": [first | month | {"promoter": "team", "posts_n": 5, "replies_scored_n": 41,
                                                     "reception": "badly_taken"}],
        "fct_event_effects": [
            first | {"event_kind": "launch", "event": "Cold brew", "event_date": date(2026, 10, 10),
                     "change_share": 0.18, "is_clear_rise": True},
            first | {"event_kind": "offer", "event": "Tea week", "event_date": date(2026, 9, 1),
                     "refusal": "too_few_controls"},
        ],
        "fct_own_communities_monthly": [first | month | {
            "members_n": 52_054, "members_change_n": 611, "posts_by_people_n": 518, "answered_by_team_share": 0.21,
            "median_team_answer_h": 8.5,
        }],
        "fct_content_performance": [first | month | {
            "dimension": "shown_as", "form": "picture", "metric": metric, "posts_n": 44, "vs_usual": 1.6,
            "vs_usual_low": low, "vs_usual_high": 2.1, "is_clear": True,
        } for metric, low in (("score", 1.2), ("replies", 1.1))],
        "fct_thread_turns": [first | month | {
            "thread_id": "t3_a", "contribution_date": date(2026, 10, 14), "turn_contribution_id": "t1_after1",
            "direction": "down", "people_before_n": 31, "people_after_n": 22, "p_value": 0.001,
        }],
    }  # fmt: skip


def _of(community: str) -> dict[str, Any]:
    return {"platform": "*" if community == "*" else "reddit", "community": community}


def _wave(at: int, place: int, height: float) -> int:
    return round(height * (1.2 + math.sin((place + at) / 2)) / (1 + at / 4))


def _net(value: float) -> dict[str, float]:
    return {"net_sentiment": value, "net_sentiment_low": value - 0.05, "net_sentiment_high": value + 0.05}


def _days(community: str, at: int, days: Iterable[date]) -> Iterable[dict[str, Any]]:
    for place, day in enumerate(days):
        is_lost = place == 9 and at < 2
        yield _of(community) | {
            "contribution_date": day,
            "posts": None if is_lost else _wave(at, place, 12),
            "comments": None if is_lost else _wave(at, place, 80),
            "is_day_complete": not is_lost,
            "outcome": "failed" if is_lost else "arrived",
        }


def _turn(community: str, quote: str) -> dict[str, list[dict[str, Any]]]:
    day = date(2026, 10, 14)
    contributions = [
        _of(community) | {
            "contribution_id": f"t1_{side}{place}", "kind": "comment", "thread_id": "t3_a",
            "contribution_date": day + timedelta(days=-2 if side == "before" else 2), "body": f"{quote} {place}",
            "permalink": "https://example.org/t/11/1" if place == 1 else "javascript:alert(1)",
            "sentiment_label": "positive" if side == "before" else "negative",
        }
        for side in ("before", "after")
        for place in (1, 2)
    ]  # fmt: skip
    post = _of(community) | {
        "contribution_id": "t3_a", "kind": "post", "contribution_date": day, "title": quote,
        "permalink": "/r/tea/comments/a0/my_words_in_an_address/", "author_role": "member", "score": 120,
        "reply_count": 44,
    }  # fmt: skip
    return {
        "fct_contributions": [*contributions, post],
        "fct_sentiment_turns": [
            _of(community) | {
                "turn_date": day, "direction": "down", "z": -6.1, "days_n": 14, "net_before": 0.31,
                "net_before_low": 0.27, "net_before_high": 0.35, "voices_before_n": 800, "people_before_n": 420,
                "net_after": 0.02, "net_after_low": -0.03, "net_after_high": 0.07, "voices_after_n": 760,
                "people_after_n": 400, "caveat": "incomplete",
            }
        ],
        "fct_sentiment_turn_evidence": [
            _of(community) | {
                "turn_date": day, "side": row["contribution_id"][3:-1], "place": int(row["contribution_id"][-1]),
                "contribution_id": row["contribution_id"],
            }
            for row in contributions
        ],
        "fct_post_performance": [
            _of(community) | {
                "contribution_id": "t3_a", "contribution_date": day, "month_start_date": MONTH.first_day, "score": 120,
                "reply_count": 44, "score_percentile": 0.98, "score_percentile_low": 0.9, "peers_n": 140,
                "age_label": "36h",
            }
        ],
    }  # fmt: skip


# ---- the page, taken apart ----------------------------------------------------

_VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Parsed(HTMLParser):
    """A page as a browser takes it apart."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, text: str) -> None:
        if self.open_tags[-1:] != ["style"]:
            self.texts.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def parsed(html: str) -> Parsed:
    """A page whose tags close in order."""
    found = Parsed()
    found.feed(html)
    found.close()
    assert not found.open_tags
    return found
