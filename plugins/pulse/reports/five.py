"""The month in five figures, in plain words; all others in a table to unfold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from string import ascii_lowercase
from typing import Any

from markupsafe import Markup

from pulse.reports import charts, layout, telling, unread
from pulse.reports.contents import ALL, Community, Day, Kpi, Point, Report
from pulse.showing import figures, plain, words

_FIVE_N = 5
# One of each line, the first that is known; what is still free goes to the last ones.
_CHOICES: tuple[tuple[str, ...], ...] = (
    ("contributors",),
    ("comments", "messages", "posts"),
    ("response_rate_24h", "chat_response_rate_24h"),
    ("net_sentiment",),
    ("new_contributors", "posts", "messages"),
)
_SPARE = ("posts", "messages", "conversations", "likes", "stickiness", "revenue", "visits")
_MIN_POINTS = 3  # two points are no course
_MONTHLY: tuple[tuple[str, str, words.Kind], ...] = (
    ("contributors", "People who took part", "count"),
    ("comments", "Comments", "count"),
    ("new_contributors", "People who wrote for the first time", "count"),
    ("response_rate_24h", "Posts answered within a day", "share"),
)


@dataclass(frozen=True)
class Figure:
    """One of the five.

    Attributes:
        value: with its unit.
        change: against the month before, in words; None where there is none.
        tone: good, bad or even for a clear change; open where it could be chance; none without a change.
    """

    kpi: str
    label: str
    value: str
    change: str | None
    tone: str


def chosen(report: Report) -> list[Figure]:
    """The five figures of the month, those that are known."""
    known = {name: kpi for name, kpi in report.headline.items() if kpi.value is not None and name in words.KPIS}
    found: list[str] = []
    for choice in _CHOICES:
        found += [name for name in choice if name in known and name not in found][:1]
    found += [name for name in (*_SPARE, *words.KPIS) if name in known and name not in found]
    return [_figure(known[name], report.month.first_day) for name in found[:_FIVE_N]]


def _figure(kpi: Kpi, month: date) -> Figure:
    card = telling.card(kpi, month)
    return Figure(kpi.kpi, label(kpi), card.value, _plain_change(kpi, month), card.tone)


def label(kpi: Kpi) -> str:
    """What the report calls a figure."""
    return plain.label_of(kpi.kpi, words.of_kpi(kpi.kpi, kpi.unit).label)


def _plain_change(kpi: Kpi, month: date) -> str | None:
    """``up 8 %, and clearly so``; that nothing can be compared, where that is so."""
    change, share = telling.change_of(kpi)
    before = figures.month_of(telling.months_before(month, 1))
    if change is None:
        return None if kpi.value_month_before is None else f"{before} cannot be compared"
    return f"{step(kpi, change, share)}{verdict(kpi)}"


def step(kpi: Kpi, change: float, share: float | None) -> str:
    """A change in words: ``up 8 %``, ``down 2.1 points``, ``unchanged``."""
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    if kind in {"count", "ratio", "money"} and share is not None:
        return figures.up_or_down(share)
    size = figures.difference(abs(change), kind, kpi.unit).lstrip("+±")
    return (
        "unchanged"
        if size.startswith("0") and not any(d in size for d in "123456789")
        else (f"{'up' if change > 0 else 'down'} {size}")
    )


def verdict(kpi: Kpi) -> str:
    """What follows the change: ``, and clearly so``, ``, could be chance``; nothing where nothing says."""
    if kpi.is_change_clear is None:
        return ""
    return ", and clearly so" if kpi.is_change_clear else ", could be chance"


# ---- all of them ------------------------------------------------------------


@dataclass(frozen=True)
class AllFigures:
    """Every figure of the month: a table, what its marks stand for, and what has no value by the reason."""

    table: layout.Table | None
    marks: tuple[tuple[str, str], ...]
    lacking: tuple[tuple[str, str], ...]


def everything(report: Report) -> AllFigures:
    """The table of all figures; each caveat is said once below it, and stands in it as a letter."""
    kpis = sorted(report.headline.values(), key=place)
    beside = _beside(report)
    cards = {kpi.kpi: telling.card(kpi, report.month.first_day, beside) for kpi in kpis if kpi.value is not None}
    caveats = list(dict.fromkeys(caveat for card in cards.values() for caveat in card.caveats))
    letters = dict(zip(caveats, ascii_lowercase, strict=False))
    rows = [_row(kpi, cards[kpi.kpi], letters, beside) for kpi in kpis if kpi.kpi in cards]
    before = figures.month_of(telling.months_before(report.month.first_day, 1))
    columns = ("Figure", "Value", f"Against {before}", "Likely between", "A year before")
    lacking = ((", ".join(labels), why) for labels, why in telling.lacking(kpis, label))
    return AllFigures(
        layout.folded(columns, rows, shown_n=len(rows)),
        tuple((letter, caveat) for caveat, letter in letters.items()),
        tuple(lacking),
    )


def _row(kpi: Kpi, card: telling.Card, letters: Mapping[str, str], beside: telling.Beside) -> tuple[str | Markup, ...]:
    marks = " ".join(letters[caveat] for caveat in card.caveats if caveat in letters)
    moved: str | Markup = telling.change_text(kpi) or "–"
    if kpi.is_change_clear:
        moved = Markup("<strong>{}</strong>").format(moved)
    likely = layout.bounds(kpi.value_low, kpi.value_high, words.of_kpi(kpi.kpi, kpi.unit).kind)
    likely = telling.reply_rate(kpi, beside) or likely
    return (label(kpi) + (f" [{marks}]" if marks else ""), card.value, moved, likely, card.year or "–")


def place(kpi: Kpi) -> tuple[int, str]:
    """Where a figure stands among others: in the order of the words, unknown ones at the end."""
    names = list(words.KPIS)
    return (names.index(kpi.kpi) if kpi.kpi in words.KPIS else len(names), kpi.kpi)


def _beside(report: Report) -> telling.Beside:
    some = next(iter(report.headline.values()), None)
    return telling.Beside(
        silent_days=report.days_silent_in_all,
        reply_age_h=report.reply_age_h.get(some.of) if some else None,
        is_one_kind=bool(unread.frozen(report).everywhere),
    )


# ---- over time --------------------------------------------------------------


def days_panel(report: Report) -> layout.Panel | None:
    """Posts and comments by day; None where nothing is published of the days."""
    kinds = [kind for kind in unread.KINDS[::-1] if kind not in unread.now(report).everywhere]
    kinds = [kind for kind in kinds if any(getattr(day, kind) is not None for day in report.days)]
    if not kinds:
        return None
    name = f"{figures.listed(kinds).capitalize()} by day"
    best = max(report.days, key=lambda day: sum(getattr(day, kind) or 0 for kind in kinds))
    total = sum(getattr(best, kind) or 0 for kind in kinds)
    return layout.Panel(
        title=name,
        chart=charts.days(report.days),
        label=f"Bars of {figures.listed(kinds[::-1])} by day; most on {figures.short_day(best.day)}: {total:,}",
        series=layout.Series(name, _scope_of(report), tuple(_day_values(day, kinds) for day in report.days)),
        note=_days_note(report),
        legend=tuple((key, kind) for key, kind in (("1", "comments"), ("2", "posts")) if kind in kinds),
    )


def _day_values(day: Day, kinds: Sequence[str]) -> tuple[Any, ...]:
    known = [getattr(day, kind) for kind in kinds if getattr(day, kind) is not None]
    return (day.day, sum(known) if known else None, None, None, day.complete_n == day.communities_n > 0)


def _days_note(report: Report) -> str:
    """What the chart cannot say by itself."""
    found = []
    if report.silent_days:
        found.append(f"Dashed line: silent everywhere ({figures.days_in_words(report.silent_days)}).")
    best = max((day.complete_n for day in report.days), default=0)
    if any(day.complete_n < best for day in report.days):
        found.append("On grey, a community is lacking.")
    return " ".join(found)


def _scope_of(report: Report) -> Community:
    return report.only or ALL


def monthly_panels(report: Report) -> list[layout.Panel]:
    """Figures of everything together by month, where there are enough months for a course."""
    found = []
    for name, title, kind in _MONTHLY:
        points = (report.monthly or {}).get(name, ())
        if _known_n(points) >= _MIN_POINTS:
            found.append(line_panel(title, points, kind, of=_scope_of(report), is_monthly=True))
    return found


def weekly_panels(report: Report) -> list[layout.Panel]:
    """People who took part by week, of the most active communities."""
    return [
        line_panel(telling.name(of), points, "count", of=of, chart="people by week", note="People by week.")
        for of, points in (report.contributors_weekly or {}).items()
        if _known_n(points) >= _MIN_POINTS
    ]


def line_panel(
    title: str,
    points: Sequence[Point],
    kind: words.Kind,
    *,
    of: Community,
    chart: str | None = None,
    note: str = "",
    is_monthly: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> layout.Panel:
    """A line with its interval; ``chart`` is what it shows where the title is a community's name."""
    known = [point for point in points if point.value is not None]
    first, last = (layout.figure(point.value, kind) for point in (known[0], known[-1]))
    return layout.Panel(
        title=title,
        chart=charts.line(points, kind, is_monthly=is_monthly, low=low, high=high),
        label=f"Line by {'month' if is_monthly else 'week'}, from {first} to {last}",
        series=layout.Series(chart or title, of, tuple((p.day, p.value, p.low, p.high, p.is_complete) for p in points)),
        note=note,
    )


def _known_n(points: Sequence[Point]) -> int:
    return sum(point.value is not None for point in points)
