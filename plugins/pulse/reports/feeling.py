"""How people feel: how the month's texts divide, the mood week by week, and where it turned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulse.core.text import printable
from pulse.reports import five, layout, telling, unread
from pulse.reports.contents import ALL, Community, Excerpt, Kpi, Mood, Report, Turn
from pulse.reports.links import permalink
from pulse.showing import figures, words

CHARTS_N = 3  # seen at once
_EXCERPT_CHARS = 280
_MIN_POINTS = 3
_TURNS_N = 2


@dataclass(frozen=True)
class MoodRow:
    """How the texts of a community divide.

    Attributes:
        widths: of positive, neutral and negative texts in whole percent, together 100.
        told: the same in words.
    """

    name: str
    net: str
    change: str
    is_clear: bool
    widths: tuple[int, int, int]
    told: str
    scored: str


@dataclass(frozen=True)
class TurnView:
    """A day on which the mood turned, in words.

    Attributes:
        sides: what was written before and after; with quotes where the page may have them.
    """

    community: str
    day: str
    direction: str
    sentence: str
    links: tuple[str, ...]
    sides: tuple[tuple[str, tuple[Mapping[str, Any], ...]], ...]


def section(report: Report) -> dict[str, Any] | None:
    """What the page tells; None where nothing was judged."""
    panels = _panels(report)
    rows = [row for of in (ALL, *report.communities) if (row := _row(report, of)) is not None]
    turns = [_turn(turn) for turn in report.turns or ()]
    threads = [_thread(one) for one in report.thread_turns]
    if not rows and not panels and not turns:
        return None
    return {
        "rows": rows[: layout.SHOWN_N + 1],
        "rest": rows[layout.SHOWN_N + 1 :],
        "has_change": any(row.change != "–" for row in rows),
        "note": unread.now(report).note() if report.moods else "",
        "panels": panels[:CHARTS_N],
        "more_panels": panels[CHARTS_N:],
        "turns": turns[:_TURNS_N],
        "more_turns": turns[_TURNS_N:],
        "is_turn_known": report.turns is not None,
        "threads": threads,
        "has_quotes": any(turn.sides for turn in turns),
    }


def _panels(report: Report) -> list[layout.Panel]:
    weekly = {
        of: points
        for of, points in (report.sentiment_weekly or {}).items()
        if sum(point.value is not None for point in points) >= _MIN_POINTS
    }
    bounds = [bound for points in weekly.values() for point in points for bound in (point.low, point.high)]
    known = [bound for bound in bounds if bound is not None]
    low, high = (min(known), max(known)) if known else (None, None)
    return [
        five.line_panel(telling.name(of), points, "points", of=of, chart="mood by week", low=low, high=high)
        for of, points in weekly.items()
    ]


def _row(report: Report, of: Community) -> MoodRow | None:
    mood = next((mood for mood in report.moods or () if mood.of == of), None)
    if mood is None:
        return None
    kpi = report.kpis.get(of, {}).get("net_sentiment")
    widths = _widths(mood)
    parts = [f"{width} % {name}" for width, name in zip(widths, ("positive", "neutral", "negative"), strict=True)]
    return MoodRow(
        name=telling.name(of),
        net=(telling.value_text(kpi) or telling.short_reason(kpi)) if kpi else layout.UNKNOWN,
        change=_change(kpi),
        is_clear=bool(kpi and kpi.is_change_clear),
        widths=widths,
        told=", ".join(parts),
        scored=f"{mood.scored_n:,}",
    )


def _widths(mood: Mood) -> tuple[int, int, int]:
    positive, negative = (round(100 * n / mood.scored_n) for n in (mood.positive_n, mood.negative_n))
    negative = min(negative, 100 - positive)
    return positive, 100 - positive - negative, negative


def _change(kpi: Kpi | None) -> str:
    return (telling.change_text(kpi) if kpi else None) or "–"


# ---- turns ------------------------------------------------------------------


def _turn(turn: Turn) -> TurnView:
    before, after = (
        f"{figures.figure(side.net, 'points')} ({figures.counted(side.people_n, 'person', 'people')})"
        for side in (turn.before, turn.after)
    )
    caveats = [words.caveat_text(code) for code in (turn.caveat or "").split(",") if code]
    beware = f" Beware: {figures.listed(caveats)}." if caveats else ""
    sides = tuple(
        (label, tuple(_quote(turn.of, one) for one in turn.excerpts if one.side == key and one.text))
        for key, label in (("before", "Before"), ("after", "From then on"))
    )
    found = (permalink(turn.of.platform, one.permalink) for one in turn.excerpts if one.side == "after")
    return TurnView(
        community=telling.name(turn.of),
        day=figures.long_day(turn.day),
        direction=turn.direction,
        sentence=f"from {before} in the {turn.days_n // 2} days before to {after} in those from then on.{beware}",
        links=tuple(address for address in found if address),
        sides=tuple((label, quotes) for label, quotes in sides if quotes),
    )


def _quote(of: Community, excerpt: Excerpt) -> Mapping[str, Any]:
    text = " ".join((excerpt.text or "").split())
    cut = text if len(text) <= _EXCERPT_CHARS else text[:_EXCERPT_CHARS].rsplit(" ", 1)[0] + " …"
    return {
        "text": printable(cut),
        "what": f"{excerpt.sentiment_label or 'unjudged'} {excerpt.kind}, {figures.short_day(excerpt.day)}",
        "link": permalink(of.platform, excerpt.permalink),
    }


def _thread(turn: Any) -> Mapping[str, Any]:
    people = turn.people_before_n + turn.people_after_n
    return {
        "community": telling.name(turn.of),
        "told": f"a thread of {figures.short_day(turn.day)} with {figures.counted(people, 'person', 'people')} turned "
        f"for the {'better' if turn.direction == 'up' else 'worse'}",
        "links": layout.addresses(turn.of, [turn.evidence] if turn.evidence else []),
    }
