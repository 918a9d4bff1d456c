"""Today: what is known of each community's days, problems first; and one day, with its reason and what was kept out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from pulse.core.text import printable
from pulse.page import kept
from pulse.page.snapshot import Snapshot
from pulse.showing import figures

DAYS_N = 35
MONTHS_N = 12
PAGE_N = 50


@dataclass(frozen=True)
class State:
    """What is known of a day, as it is shown: a sign of its own, so that colour is never the only one."""

    sign: str
    label: str
    meaning: str
    is_problem: bool = False


STATES: Mapping[str, State] = {
    "arrived": State("●", "arrived", "looked at from midnight to midnight"),
    "empty": State("○", "arrived, nothing written", "looked at from midnight to midnight, and there was nothing"),
    "silent": State("◌", "silent everywhere", "the whole source showed nothing; probably an outage", is_problem=True),
    "partial": State("◐", "partial", "looked at in part, or not proven to be whole", is_problem=True),
    "stopped": State("✕", "stopped", "the extraction failed, or gate 1 stopped the load", is_problem=True),
    "never_seen": State("?", "never seen", "nothing ever matched the name in the config", is_problem=True),
    "unknown": State("·", "unknown", "nobody looked", is_problem=True),
}
# How much each weighs when problems come first: what somebody can mend before what nobody tried.
_WEIGHTS = {"stopped": 1_000, "never_seen": 400, "partial": 100, "silent": 40, "unknown": 10}
_WEIGHT_SQL = (
    "case state " + " ".join(f"when '{state}' then {weight}" for state, weight in _WEIGHTS.items()) + " else 0 end"
)

# The latest day counts most: who opens the page asks about it.
_RANKED = f"""
    with chosen as (
        select * from day_states
        where day between $first and $last
            and ($text = '' or contains(lower(platform || '/' || community), $text))
    ),
    ranked as (
        select platform, community,
            sum({_WEIGHT_SQL}) + 100 * coalesce(sum({_WEIGHT_SQL}) filter (where day = $last), 0)
                + {_WEIGHTS["unknown"]} * ($days_n - count(*)) as weight
        from chosen group by platform, community
    )
"""


def calendar(snapshot: Snapshot, *, text: str, page: int, last: date | None) -> dict[str, Any]:
    """The days before one, by community: what the template shows.

    Args:
        text: part of a name; empty for all.
        page: from 1.
        last: the last day to show; None for the last that there is.
    """
    shown: dict[str, Any] = {"text": text, "page": page, "last": last or snapshot.last_day, "states": STATES}
    if snapshot.last_day is None:
        return {
            **shown,
            "days": [],
            "rows": [],
            "total_n": 0,
            "pages_n": 1,
            "counts": {},
            "before": None,
            "after": None,
        }
    end = last or snapshot.last_day
    days = [end - timedelta(days=DAYS_N - 1 - at) for at in range(DAYS_N)]
    asked = {"first": days[0], "last": end, "text": text.casefold(), "days_n": DAYS_N}
    names = snapshot.rows(
        f"{_RANKED} select platform, community from ranked order by weight desc, platform, community", asked
    )
    of_page = names[(page - 1) * PAGE_N : page * PAGE_N]
    states = snapshot.rows(
        "select platform, community, day, state from day_states where day between $first and $last "
        "and list_contains($names, platform || '/' || community)",
        {"first": days[0], "last": end, "names": [f"{row['platform']}/{row['community']}" for row in of_page]},
    )
    by_name: dict[tuple[str, str], dict[date, str]] = {}
    for row in states:
        by_name.setdefault((row["platform"], row["community"]), {})[row["day"]] = row["state"]
    counts = snapshot.rows(
        "select state, count(*) as n from day_states where day = $last "
        "and ($text = '' or contains(lower(platform || '/' || community), $text)) group by state",
        {"last": end, "text": asked["text"]},
    )
    return {
        **shown,
        "days": days,
        "rows": [
            (row["platform"], row["community"], _cells(row, days, by_name[row["platform"], row["community"]]))
            for row in of_page
        ],
        "total_n": len(names),
        "pages_n": -(-len(names) // PAGE_N) or 1,
        "counts": {row["state"]: row["n"] for row in counts},
        "before": end - timedelta(days=DAYS_N) if snapshot.first_day and days[0] > snapshot.first_day else None,
        "after": min(end + timedelta(days=DAYS_N), snapshot.last_day) if end < snapshot.last_day else None,
    }


def _cells(row: Mapping[str, Any], days: Sequence[date], states: Mapping[date, str]) -> Markup:
    """The cells of one community."""
    links = day_links(row["platform"], row["community"], [(day, states.get(day, "unknown")) for day in days])
    return Markup("".join(f"<td>{one}</td>" for one in links))  # noqa: S704  (made of links that are safe)


def day_links(platform: str, community: str, states: Iterable[tuple[date, str]]) -> list[Markup]:
    """The sign of each day, leading to it. Made here, since a page has thousands and a template takes longer."""
    address = escape(urlencode({"platform": platform, "community": community}))
    links = []
    for day, state in states:
        told = STATES.get(state, STATES["unknown"])
        links.append(
            f'<a class="day {escape(state)}" href="day?{address}&amp;day={day}" aria-label="{day.day} '
            f'{figures.month_of(day)}: {told.label}">{told.sign}</a>'
        )
    return [Markup(link) for link in links]  # noqa: S704  (address and state are escaped, all else is ours)


def year(snapshot: Snapshot, *, text: str, page: int) -> dict[str, Any]:
    """The same by month, for the year up to the last day: how many days of each were looked at whole."""
    shown: dict[str, Any] = {"text": text, "page": page, "last": snapshot.last_day}
    if snapshot.last_day is None:
        return {**shown, "months": [], "rows": [], "total_n": 0, "pages_n": 1}
    last = snapshot.last_day
    months = [_month_before(last, MONTHS_N - 1 - at) for at in range(MONTHS_N)]
    names = snapshot.rows(
        "select platform, community from month_states where month >= $first "
        "and ($text = '' or contains(lower(platform || '/' || community), $text)) "
        "group by all order by sum(whole_n), platform, community",
        {"first": months[0], "text": text.casefold()},
    )
    of_page = [(row["platform"], row["community"]) for row in names[(page - 1) * PAGE_N : page * PAGE_N]]
    found = snapshot.rows(
        "select * from month_states where month >= $first and list_contains($names, platform || '/' || community)",
        {"first": months[0], "names": ["/".join(name) for name in of_page]},
    )
    by_name: dict[tuple[str, str], dict[date, Mapping[str, Any]]] = {}
    for row in found:
        by_name.setdefault((row["platform"], row["community"]), {})[row["month"]] = row
    return {
        **shown,
        "months": months,
        "rows": [(*name, [_month_cell(by_name[name].get(month), month, last) for month in months]) for name in of_page],
        "total_n": len(names),
        "pages_n": -(-len(names) // PAGE_N) or 1,
    }


def _month_cell(row: Mapping[str, Any] | None, month: date, last: date) -> dict[str, Any]:
    end = min(_next_month(month) - timedelta(days=1), last)
    days_n = (end - month).days + 1
    whole_n = row["whole_n"] if row else 0
    return {
        "end": end, "whole_n": whole_n, "days_n": days_n, "stopped_n": row["stopped_n"] if row else 0,
        "is_whole": whole_n == days_n, "share": round(100 * whole_n / days_n),
    }  # fmt: skip


def _month_before(day: date, n: int) -> date:
    months = day.year * 12 + day.month - 1 - n
    return date(months // 12, months % 12 + 1, 1)


def _next_month(month: date) -> date:
    return _month_before(month, -1)


def one_day(snapshot: Snapshot, platform: str, community: str, day: date) -> dict[str, Any] | None:
    """A community's day: its state and reason, what each run said, what was kept out. None where nobody knows it."""
    asked = {"platform": platform, "community": community, "day": day}
    where = "platform = $platform and community = $community and day = $day"
    found = snapshot.rows(f"select * from day_states where {where}", asked)
    known = found or snapshot.rows(
        "select 1 as n from day_states where platform = $platform and community = $community limit 1",
        {"platform": platform, "community": community},
    )
    if not known:
        return None
    outcomes = snapshot.rows(
        f"select * from quality.load_outcomes where {where} order by recorded_at desc limit 20", asked
    )
    loads = [row["load_id"] for row in outcomes if row["load_id"]]
    row = found[0] if found else {"state": "unknown", "reason": None, "load_id": None, "run_id": None}
    return {
        "row": row,
        "state": STATES.get(row["state"], STATES["unknown"]),
        "state_name": row["state"],
        "platform": platform,
        "community": community,
        "day": day,
        "previous": day - timedelta(days=1),
        "next": day + timedelta(days=1),
        "outcomes": outcomes,
        "findings": [{**row, "why": kept.reason_of(row["rule"])} for row in findings_of(snapshot, loads)],
        "stopped_load": row["load_id"] if row["state"] == "stopped" else None,
        "is_published": not row.get("is_newer", False),
        "name": printable(f"{platform}/{community}", max_chars=120),
    }


def findings_of(snapshot: Snapshot, load_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The rules that these loads broke, those that stopped first."""
    if not load_ids:
        return []
    return snapshot.rows(
        "select * from findings where list_contains($loads, load_id) "
        "order by is_stopping desc, recorded_at desc, rule limit 100",
        {"loads": list(load_ids)},
    )
