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
        tone: of a clear change good, bad, or even where the direction is neither; open where the change could be chance
            or nothing says; none without a change.
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
        tone=_tone(kpi, told.better) if change_of(kpi)[0] is not None else "none",
        year=_year_change(kpi, month) if is_known else None,
        certainty=_certainty(kpi) if is_known else None,
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
    change, share = change_of(kpi)
    return None if kpi.value is None or change is None else _step(kpi, change, share)


def change_of(kpi: Kpi) -> tuple[float | None, float | None]:
    """The change against the month before, in the figure's unit and as a share; like with like where frozen so."""
    if kpi.is_compared:
        return kpi.change, kpi.change_share
    return kpi.change_month_before, kpi.change_month_before_share


def verdict(kpi: Kpi) -> str | None:
    """Whether the change is more than chance, in words that follow it; None where nothing says."""
    if kpi.is_change_clear is None:
        return None
    return "and clearly so" if kpi.is_change_clear else "which could be chance"


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
        return f"no {before} to compare with" if kpi.value_month_before is None else f"{before} cannot be compared"
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    was = "" if kpi.value_month_before is None else figures.figure(kpi.value_month_before, kind, kpi.unit)
    is_plain = kpi.change_month_before is None or told == _step(
        kpi, kpi.change_month_before, kpi.change_month_before_share
    )
    return f"{told}{'' if is_plain else ', day for day,'} on {before}" + (f" ({was})" if was else "")


def _year_change(kpi: Kpi, month: date) -> str | None:
    if kpi.change_year_before is None:
        return None
    told = _step(kpi, kpi.change_year_before, kpi.change_year_before_share)
    return f"{told} on {figures.month_name(months_before(month, 12))}"


def _certainty(kpi: Kpi) -> str | None:
    parts = []
    if kpi.value_low is not None and kpi.value_high is not None:
        kind = words.of_kpi(kpi.kpi, kpi.unit).kind
        low, high = (figures.figure(bound, kind, kpi.unit) for bound in (kpi.value_low, kpi.value_high))
        parts.append(f"likely between {low} and {high}")
    if kpi.is_change_clear is not None and kpi.change is not None:
        direction = "up" if kpi.change > 0 else "down"
        parts.append(f"{direction}, and clearly so" if kpi.is_change_clear else "the change could be chance")
    return "; ".join(parts) or None


def _tone(kpi: Kpi, better: words.Better) -> str:
    """Good or bad only where the change is clear and one direction is the better one."""
    if not kpi.is_change_clear or kpi.change is None:
        return "open"
    if better == "neither":
        return "even"
    return "good" if (kpi.change > 0) == (better == "higher") else "bad"


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
