"""When to post: parts of the day in the time zone of the config, by weekday.

Hours of the week are moved to the zone by its offset on the month's last day; an hour that a zone of half hours cuts
goes by its beginning. Whether a part does better is told from its hours together, each weighed by how sure it is (a
mean of logarithms with inverse variances, as in a meta-analysis of fixed effects), and only where it is beyond chance
among all 28 parts of a week (Bonferroni).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import exp, log
from typing import Any

from pulse.reports import charts, layout, telling, zones
from pulse.reports.contents import Heatmap, Report, Slot
from pulse.showing import figures

PARTS = ("night", "morning", "afternoon", "evening")  # six hours each, from midnight
CHARTS_N = 3
_Z_OF_BOUNDS = 1.96
_Z_OF_28 = 3.12  # two-sided 5 % among 28
_MINUTES_A_WEEK = 7 * 24 * 60


@dataclass(frozen=True)
class Part:
    """A part of a weekday; Monday is 1.

    Attributes:
        part: 0 to 3, see ``PARTS``.
        vs_usual: how many times the usual score posts get, where enough hours tell; 1 is as usual.
        is_better: whether that is clearly more.
    """

    weekday: int
    part: int
    posts: int
    vs_usual: float | None
    is_better: bool

    @property
    def name(self) -> str:
        """``Monday evening``."""
        return f"{figures.WEEKDAYS[self.weekday - 1]} {PARTS[self.part]}"


def section(report: Report) -> dict[str, Any] | None:
    """What the page tells; None where too little was posted, or the marts do not have it."""
    offset = zones.offset_at(report)
    by_heatmap = [(heatmap, parts(heatmap.slots, offset)) for heatmap in report.heatmaps or ()]
    known = [(heatmap, found) for heatmap, found in by_heatmap if any(part.posts for part in found)]
    if not known:
        return None
    rows = [(telling.name(heatmap.of), busiest(found), better(found)) for heatmap, found in known]
    panels = [_panel(heatmap, found) for heatmap, found in known]
    ages = {age for heatmap, _ in known if (age := heatmap.age_label)}
    return {
        "table": layout.folded(
            ("Community", "Most is posted", "Posts score best, against the usual"), rows, texts=(1, 2)
        ),
        "panels": panels[:CHARTS_N],
        "more_panels": panels[CHARTS_N:],
        "zone": zones.name(report.time_zone, offset),
        "span": _span(heatmap for heatmap, _ in known),
        "has_scores": bool(ages),
        "is_any_better": any(part.is_better for _, found in known for part in found),
    }


def parts(slots: Iterable[Slot], offset: timedelta) -> list[Part]:
    """The 28 parts of the week, from Monday night on."""
    shift = round(offset.total_seconds() / 60)
    by_part: dict[tuple[int, int], list[Slot]] = {(day, part): [] for day in range(1, 8) for part in range(4)}
    for slot in slots:
        minute = ((slot.weekday - 1) * 1440 + slot.hour_utc * 60 + shift) % _MINUTES_A_WEEK
        by_part[minute // 1440 + 1, minute % 1440 // 360].append(slot)
    return [_part(day, part, found) for (day, part), found in by_part.items()]


def _part(weekday: int, part: int, slots: list[Slot]) -> Part:
    weights: list[tuple[float, float]] = []
    for slot in slots:
        value, low, high = slot.score_vs_usual, slot.score_vs_usual_low, slot.score_vs_usual_high
        if value and low and high and high > low > 0:
            error = (log(high) - log(low)) / (2 * _Z_OF_BOUNDS)
            weights.append((1 / error**2, log(value)))
    total = sum(weight for weight, _ in weights)
    mean = sum(weight * value for weight, value in weights) / total if total else None
    return Part(
        weekday,
        part,
        sum(slot.posts or 0 for slot in slots),
        None if mean is None else exp(mean),
        mean is not None and mean - _Z_OF_28 / total**0.5 > 0,
    )


def busiest(found: Iterable[Part]) -> str:
    """The parts in which most is posted, in words; nothing where nothing is."""
    ordered = sorted((part for part in found if part.posts), key=lambda part: (-part.posts, part.weekday, part.part))
    return ", ".join(part.name for part in ordered[:2])


def better(found: Iterable[Part]) -> str:
    """The part in which posts most clearly do better, and how many times the usual score they get; or a dash."""
    parts_known = [part for part in found if part.vs_usual is not None]
    if not parts_known:
        return "–"
    ordered = sorted(
        (part for part in parts_known if part.is_better), key=lambda part: (-(part.vs_usual or 0), part.weekday)
    )
    return f"{ordered[0].name}, {layout.times(ordered[0].vs_usual)}" if ordered else "–"


def _panel(heatmap: Heatmap, found: list[Part]) -> layout.Panel:
    return layout.Panel(
        title=telling.name(heatmap.of),
        chart=charts.week(found),
        label=f"Posts by weekday and part of the day, most on {busiest(found)}",
    )


def _span(heatmaps: Iterable[Heatmap]) -> str:
    days = [(heatmap.first_day, heatmap.last_day) for heatmap in heatmaps]
    first, last = min(day for day, _ in days), max(day for _, day in days)
    return f"{figures.short_day(first)} to {figures.short_day(last)}"
