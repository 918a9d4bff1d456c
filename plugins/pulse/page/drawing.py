"""Small charts as SVG, drawn without a library: a view has milliseconds for all of its charts together.

They hold numbers and words of ours only. Colours are the style sheet's, by class, so they follow light and dark.
"""

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from pulse.showing import figures

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 150, 44, 20, 8


def bars(days: Sequence[date], series: Sequence[tuple[str, Sequence[float | None]]]) -> Markup:
    """Bars by day, the series stacked from the first up; a day without any value is a gap on grey.

    Args:
        series: class and values of each, one value a day.
    """
    totals = [_sum([values[at] for _, values in series]) for at in range(len(days))]
    most = max((total for total in totals if total is not None), default=0) or 1
    step = (_WIDTH - _LEFT) / max(len(days), 1)
    width = max(step * 0.8, 1)
    parts = [_grid(0, most)]
    for at, total in enumerate(totals):
        left = _LEFT + at * step
        if total is None:
            parts.append(f'<path class="gap" d="M{left:.1f} {_TOP}h{step:.1f}v{_plot()}h-{step:.1f}z"/>')
            continue
        top = float(_HEIGHT - _BOTTOM)
        for name, values in series:
            height = _plot() * (values[at] or 0) / most
            if height > 0:
                top -= height
                parts.append(f'<path class="{name}" d="M{left:.1f} {top:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"/>')
    return _svg([*parts, *_day_labels(days, step)])


def line(
    days: Sequence[date], values: Sequence[float | None], low: Sequence[float | None], high: Sequence[float | None]
) -> Markup:
    """A line with its interval as a band; an unknown value is a gap."""
    known = [value for values_of in (values, low, high) for value in values_of if value is not None]
    if not known:
        return _svg([])
    bottom, top = min(0.0, *known), max(0.0, *known)
    span = (top - bottom) or 1.0
    step = (_WIDTH - _LEFT) / max(len(days), 1)

    def y(value: float) -> float:
        return _TOP + _plot() * (top - value) / span

    def x(at: int) -> float:
        return _LEFT + (at + 0.5) * step

    parts = [_grid(bottom, top), f'<path class="zero" d="M{_LEFT} {y(0):.1f}H{_WIDTH}"/>']
    for at, value in enumerate(values):
        at_low, at_high = low[at], high[at]
        if at_low is not None and at_high is not None:
            parts.append(f'<path class="range" d="M{x(at):.1f} {y(at_low):.1f}V{y(at_high):.1f}"/>')
        if value is None:
            continue
        before = values[at - 1] if at else None
        if before is not None:
            parts.append(f'<path class="line" d="M{x(at - 1):.1f} {y(before):.1f}L{x(at):.1f} {y(value):.1f}"/>')
        parts.append(f'<circle class="dot" cx="{x(at):.1f}" cy="{y(value):.1f}" r="2.6"/>')
    return _svg([*parts, *_day_labels(days, step)])


def week(strengths: Sequence[tuple[int, int, float, bool]]) -> Markup:
    """Weekday by hour: how much, from 0 to 1, as strength; a ring where it is clearly better than usual.

    Args:
        strengths: ISO weekday, hour, strength, whether it is better.
    """
    cell, left, top = 24, 44, 4
    parts = [
        f'<rect class="cell" x="{left + hour * cell}" y="{top + (weekday - 1) * 18}" width="{cell - 2}" height="16" '
        f'fill-opacity="{0.04 + 0.96 * strength:.2f}"/>'
        + (
            f'<circle class="ring" cx="{left + hour * cell + 11}" cy="{top + (weekday - 1) * 18 + 8}" r="4.5"/>'
            if is_better
            else ""
        )
        for weekday, hour, strength, is_better in strengths
    ]
    parts += [
        f'<text x="{left - 6}" y="{top + at * 18 + 12}" text-anchor="end">{name[:3]}</text>'
        for at, name in enumerate(figures.WEEKDAYS)
    ]
    parts += [f'<text x="{left + hour * cell}" y="{top + 7 * 18 + 12}">{hour}</text>' for hour in (0, 6, 12, 18)]
    return _svg(parts, width=left + 24 * cell, height=top + 7 * 18 + 18)


def trend(values: Sequence[float | None]) -> Markup:
    """A line without axes, as high as a line of text; the last value has a dot."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    points = [
        (2 + 92 * at / max(len(values) - 1, 1), 16 - 12 * (value - low) / span if high > low else 10.0)
        for at, value in enumerate(values)
        if value is not None
    ]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return _svg(
        [f'<polyline class="line" points="{drawn}"/>', f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'],
        width=96, height=20, name="trend",
    )  # fmt: skip


# ---- parts -----------------------------------------------------------------


def _plot() -> int:
    return _HEIGHT - _BOTTOM - _TOP


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _grid(bottom: float, top: float) -> str:
    """Lines at the ends, with their values."""

    def label(value: float, y: float) -> str:
        text = figures.figure(value, "count") if abs(value) >= 10 else f"{value:g}"[:5].replace("-", "−")
        named = f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{text}</text>'
        return f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH}"/>{named}'

    return label(top, _TOP) + label(bottom, _HEIGHT - _BOTTOM)


def _day_labels(days: Sequence[date], step: float) -> list[str]:
    every = max(1, -(-len(days) // 6))
    return [
        f'<text x="{_LEFT + at * step:.1f}" y="{_HEIGHT - 5}">{day.day} {figures.month_of(day)[:3]}</text>'
        for at, day in enumerate(days)
        if at % every == 0
    ]


def _svg(parts: Sequence[str], *, width: int = _WIDTH, height: int = _HEIGHT, name: str = "chart") -> Markup:
    return Markup(  # noqa: S704  (numbers and words of ours)
        f'<svg class="{name}" viewBox="0 0 {width} {height}" aria-hidden="true" focusable="false">'
        f"{''.join(parts)}</svg>"
    )
