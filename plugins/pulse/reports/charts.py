"""Charts as SVG, by Altair and the Vega inside vl-convert: no browser, no network, the same bytes for the same numbers.

A chart holds numbers, days and words of our own, nothing that people wrote: names of communities stand in the page
beside it, where they are escaped, so there is no chart to inject anything into. Colours are the page's CSS variables,
which follow light and dark, and texts take the page's font. A chart is as wide as a phone, and the page lays out as
many beside each other as there is room for.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Protocol

import altair as alt
import vl_convert
from markupsafe import Markup

from pulse.reports.contents import Day, Point
from pulse.showing import figures
from pulse.showing.words import Kind

WIDTH_PX = 340
_HEIGHT_PX = 150
# One that vl-convert brings along, so that texts are measured alike on every machine.
_MEASURING_FONT = "Liberation Sans"
_DAY = "utcyearmonthdate(day):T"
_SCALE = {"share": 100.0, "points": 100.0}
_PARTS = ("night", "morning", "afternoon", "evening")
_UNITS = {"share": "%", "hours": "hours", "points": "points"}
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": _MEASURING_FONT,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelFlush": False,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False, "tickCount": 4},
}
# Written for a browser that builds a page around the chart; here the page says what it is.
_NOT_NEEDED = re.compile(r' (?:font-family|class|role|aria-[a-z]+|pointer-events|xmlns:xlink|version)="[^"]*"')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")


def days(of_month: Sequence[Day]) -> Markup:
    """Posts and comments by day, stacked; days on which less arrived than on others stand on grey.

    A dashed line stands on days on which a whole source showed nothing: their zeros are no calm.
    """
    values = [
        {"day": day.day.isoformat(), "kind": kind, "written": written, "order": order}
        for day in of_month
        for order, (kind, written) in enumerate((("comments", day.comments), ("posts", day.posts)))
        if written is not None
    ]
    bars = (
        alt.Chart(_data(values))
        .mark_bar()
        .encode(
            x=_days_axis(of_month),
            y=alt.Y("written:Q", title=None, stack="zero"),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=["comments", "posts"], range=["var(--series-1)", "var(--series-2)"]),
                legend=None,
            ),
            order="order:Q",
        )
    )
    best = max((day.complete_n for day in of_month), default=0)
    incomplete = [{"day": day.day.isoformat()} for day in of_month if day.complete_n < best]
    silent = [{"day": day.day.isoformat()} for day in of_month if day.silent_n]
    return _svg(alt.layer(_shaded(incomplete, of_month), bars, *([_dashed(silent, of_month)] if silent else [])))


def line(
    points: Sequence[Point],
    kind: Kind,
    *,
    unit: str | None = None,
    low: float | None = None,
    high: float | None = None,
    is_monthly: bool = False,
) -> Markup:
    """A series with its interval; an incomplete period is a hollow dot, an unknown value a gap.

    Args:
        low, high: what the axis spans at least, so that charts beside each other can be compared.
        is_monthly: the days are first days of months.
    """
    scale = _SCALE.get(kind, 1.0)
    values = [
        {
            "day": point.day.isoformat(),
            "value": _times(point.value, scale),
            "low": _times(point.low, scale),
            "high": _times(point.high, scale),
            "whole": point.is_complete,
        }
        for point in points
    ]
    y_scale = alt.Scale(zero=kind != "points", nice=True)
    if low is not None and high is not None:
        y_scale = alt.Scale(domain=[low * scale, high * scale], nice=True, zero=kind != "points")
    labels = _time_labels([point.day for point in points], is_monthly=is_monthly)
    base = alt.Chart(_data(values)).encode(
        x=alt.X("day:T", scale=alt.Scale(type="utc", padding=8), title=None, axis=labels)
    )
    y = alt.Y("value:Q", title=unit or _UNITS.get(kind), scale=y_scale)
    layers = [
        base.mark_area(color="var(--series-1)", opacity=0.2).encode(y=alt.Y("low:Q", title=None), y2="high:Q"),
        base.mark_line(color="var(--series-1)", strokeWidth=2).encode(y=y),
        base.transform_filter("datum.whole")
        .mark_point(color="var(--series-1)", fill="var(--series-1)", size=30, opacity=1)
        .encode(y=y),
        base.transform_filter("!datum.whole")
        .mark_point(color="var(--series-1)", fill="var(--surface)", size=30, opacity=1)
        .encode(y=y),
    ]
    if kind == "points":
        zero = alt.Chart(_data([{"zero": 0}])).mark_rule(color="var(--muted)", strokeDash=[3, 3]).encode(y="zero:Q")
        layers.insert(0, zero)
    if not any(point.low is not None for point in points):
        del layers[-4]
    return _svg(alt.layer(*layers))


class PartOfWeek(Protocol):
    """A part of a weekday: Monday is 1, and parts of six hours are 0 to 3 from midnight."""

    @property
    def weekday(self) -> int:
        """Monday is 1."""

    @property
    def part(self) -> int:
        """0 for the night, 3 for the evening."""

    @property
    def posts(self) -> int:
        """How many were written."""

    @property
    def is_better(self) -> bool:
        """Whether posts clearly do better than usual."""


def week(of_week: Sequence[PartOfWeek]) -> Markup:
    """How much is written by weekday and part of the day; a ring marks where posts clearly do better than usual."""
    most = max((part.posts for part in of_week), default=0)
    values = [
        {
            "day": figures.WEEKDAYS[part.weekday - 1][:3],
            "part": _PARTS[part.part],
            "strength": part.posts / most if most else 0,
            "better": part.is_better,
        }
        for part in of_week
    ]
    base = alt.Chart(_data(values)).encode(
        x=alt.X(
            "part:N", title=None, sort=list(_PARTS),
            axis=alt.Axis(labelAngle=0, domain=False, ticks=False, orient="top"),
        ),
        y=alt.Y(
            "day:N", title=None, sort=[name[:3] for name in figures.WEEKDAYS], axis=alt.Axis(domain=False, ticks=False)
        ),
    )  # fmt: skip
    cells = base.mark_rect(fill="var(--series-1)", stroke="var(--surface)", strokeWidth=2).encode(
        fillOpacity=alt.FillOpacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
    )
    rings = base.transform_filter("datum.better").mark_point(
        shape="circle", size=60, stroke="var(--series-2)", fill="var(--surface)", strokeWidth=3, opacity=1
    )
    return _svg(alt.layer(cells, rings), height=_HEIGHT_PX)


# ---- parts -----------------------------------------------------------------


def _data(values: Iterable[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(values))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _days_axis(of_month: Sequence[Day]) -> alt.X:
    return alt.X(_DAY, scale=alt.Scale(type="utc"), title=None, axis=_time_labels([day.day for day in of_month]))


def _time_labels(known: Sequence[date], *, is_monthly: bool = False) -> alt.Axis:
    """Labels at up to five of the days that the data has."""
    step = max(1, -(-len(known) // 5))
    labelled = [{"year": day.year, "month": day.month, "date": day.day, "utc": True} for day in known[::step]]
    return alt.Axis(format="%b %y" if is_monthly else "%-d %b", values=labelled, labelAngle=0)


def _shaded(values: list[dict[str, Any]], of_month: Sequence[Day]) -> alt.Chart:
    shades: alt.Chart = alt.Chart(_data(values)).mark_rect(color="var(--shade)").encode(x=_days_axis(of_month))
    return shades


def _dashed(values: list[dict[str, Any]], of_month: Sequence[Day]) -> alt.Chart:
    lines: alt.Chart = (
        alt.Chart(_data(values))
        .mark_rule(color="var(--ink)", strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x=_days_axis(of_month).bandPosition(0.5))
    )
    return lines


def _svg(chart: alt.LayerChart | alt.FacetChart, *, height: int = _HEIGHT_PX) -> Markup:
    sized = chart.properties(
        width=WIDTH_PX, height=height, autosize=alt.AutoSizeParams(type="fit", contains="padding"), padding=2
    )
    # Altair would hold each chart against Vega-Lite's whole schema, which takes as long as to draw it. The tests do.
    spec = sized.to_dict(validate=False)
    spec["config"] = _CONFIG
    # No address is allowed: a chart that asked for one would fail instead of going out.
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=_vega_lite(), allowed_base_urls=[])
    short = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), drawn)
    bare = _NOT_NEEDED.sub("", short)
    return Markup(bare.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S704  (drawn from our own numbers)


def _vega_lite() -> str:
    """The version that Altair writes, as vl-convert names it."""
    return ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
