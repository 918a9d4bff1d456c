"""One figure in words: its value or why there is none, how it changed, how sure it is, what stands against it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pulse.reports import figures, words
from pulse.reports.contents import ALL, Community, Kpi
from pulse.text import printable

_NAME_CHARS = 60
# Which of several caveats explains best that there is no figure.
_REASONS = {
    "not_observable": "the platform does not show it to us",
    "small_n": "too few cases to tell",
    "left_censored": "our history begins too late to know",
    "several_currencies": "it was imported in several currencies, which make no sum",
    "late_only": "first seen long after it was written",
    "incomplete": "days are missing",
}
# What the codes cannot say of one KPI alone.
_REASONS_OF_KPI = {
    "median_first_response_h": "fewer than half of the posts were answered",
    "member_growth": "member numbers were not seen near both ends of the month",
}


@dataclass(frozen=True)
class Card:
    """One figure as the page shows it.

    Attributes:
        value: None where there is none; ``reason`` says why then.
        tone: good, bad, even where the direction is neither, none without a change.
        change: against the month before; ``year`` against the same month a year before.
        certainty: the interval, and what it says about the change; None without one.
        caveats: what stands against the figure, in words.
    """

    kpi: str
    label: str
    value: str | None
    reason: str | None
    change: str | None
    tone: str
    year: str | None
    certainty: str | None
    caveats: tuple[str, ...]


def name(of: Community, *, with_platform: bool = False) -> str:
    """A community's name, made safe to look at; it still has to be escaped."""
    if of == ALL:
        return "All communities together"
    shown = printable(of.name, max_chars=_NAME_CHARS) or "(no name)"
    return f"{printable(of.platform, max_chars=_NAME_CHARS)}/{shown}" if with_platform else shown


def card(kpi: Kpi, month: date) -> Card:
    """A figure told in full, for the month that begins on ``month``."""
    told = words.of_kpi(kpi.kpi, kpi.unit)
    is_known = kpi.value is not None
    return Card(
        kpi=kpi.kpi,
        label=told.label,
        value=value_text(kpi),
        reason=None if is_known else reason(kpi),
        change=_change(kpi, month) if is_known else None,
        tone=_tone(kpi, told.better) if kpi.change_month_before is not None else "none",
        year=_year_change(kpi, month) if is_known else None,
        certainty=_certainty(kpi, month) if is_known else None,
        caveats=tuple(_caveat(code, kpi) for code in kpi.caveats) if is_known else (),
    )


def value_text(kpi: Kpi) -> str | None:
    """The value with its unit; None where there is none."""
    if kpi.value is None:
        return None
    return figures.figure(kpi.value, words.of_kpi(kpi.kpi, kpi.unit).kind, kpi.unit)


def reason(kpi: Kpi) -> str:
    """Why a figure has no value."""
    if "small_n" in kpi.caveats:
        return _REASONS["small_n"] + (f" (n = {kpi.n:,})" if kpi.n is not None else "")
    if kpi.kpi in _REASONS_OF_KPI:
        return _REASONS_OF_KPI[kpi.kpi]
    return next((text for code, text in _REASONS.items() if code in kpi.caveats), "it was not seen in this month")


def short_reason(kpi: Kpi | None) -> str:
    """The same in two words, for a cell of a table."""
    if kpi is not None and "small_n" in kpi.caveats:
        return "too few"
    if kpi is not None and "left_censored" in kpi.caveats:
        return "too early"
    return "not visible"


def change_text(kpi: Kpi) -> str | None:
    """The change against the month before as one figure; None where there is nothing to compare."""
    if kpi.value is None or kpi.change_month_before is None:
        return None
    return _step(kpi, kpi.change_month_before, kpi.change_month_before_share)


def _step(kpi: Kpi, change: float, share: float | None) -> str:
    """Counts change by a share of what was, everything else by a difference."""
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    if kind in {"count", "ratio", "money"} and share is not None:
        return figures.percent_change(share)
    return figures.difference(change, kind, kpi.unit)


def _change(kpi: Kpi, month: date) -> str:
    before = figures.month_of(months_before(month, 1))
    told = change_text(kpi)
    if told is None:
        return f"no {before} to compare with"
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    was = "" if kpi.value_month_before is None else figures.figure(kpi.value_month_before, kind, kpi.unit)
    return f"{told} on {before}" + (f" ({was})" if was else "")


def _year_change(kpi: Kpi, month: date) -> str | None:
    if kpi.change_year_before is None:
        return None
    told = _step(kpi, kpi.change_year_before, kpi.change_year_before_share)
    return f"{told} on {figures.month_name(months_before(month, 12))}"


def _certainty(kpi: Kpi, month: date) -> str | None:
    if kpi.value_low is None or kpi.value_high is None:
        return None
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    low, high = (figures.figure(bound, kind, kpi.unit) for bound in (kpi.value_low, kpi.value_high))
    told = f"likely between {low} and {high}"
    if kpi.value_month_before is None:
        return told
    before = figures.month_of(months_before(month, 1))
    if kpi.value_low <= kpi.value_month_before <= kpi.value_high:
        return f"{told}; {before} lies in it, so the change may be chance"
    return f"{told}; {before} lies outside it"


def _tone(kpi: Kpi, better: words.Better) -> str:
    """Good or bad only where the direction says so and the month before lies outside the interval."""
    change, before = kpi.change_month_before, kpi.value_month_before
    if better == "neither" or not change or before is None or kpi.value_low is None or kpi.value_high is None:
        return "even"
    if kpi.value_low <= before <= kpi.value_high:
        return "even"
    return "good" if (change > 0) == (better == "higher") else "bad"


def _caveat(code: str, kpi: Kpi) -> str:
    text = words.caveat_text(code)
    if code == "incomplete" and kpi.days_n and kpi.days_complete_n:
        return f"{text}, {kpi.days_complete_n} of {kpi.days_n} are complete"
    return text


def months_before(month: date, n: int) -> date:
    """The first day of the month so many months earlier."""
    months = month.year * 12 + month.month - 1 - n
    return date(months // 12, months % 12 + 1, 1)


def lacking(kpis: Iterable[Kpi]) -> list[tuple[str, str]]:
    """Figures without a value, each with its reason: label and reason."""
    return [(words.of_kpi(kpi.kpi, kpi.unit).label, reason(kpi)) for kpi in kpis if kpi.value is None]
