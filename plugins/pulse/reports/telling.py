"""One figure in words: its value or why there is none, how it changed, how sure it is, what stands against it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pulse.core.text import printable
from pulse.reports.contents import ALL, Community, Kpi
from pulse.showing import figures, words

_NAME_CHARS = 60
NAMED_N = 3  # communities that a sentence names; more are counted
# Which of several caveats explains best that there is no figure.
_REASONS = {
    "not_observable": "the platform does not show it to us",
    "small_n": "too few cases to tell",
    "left_censored": "our history begins too late to know",
    "authors_not_observed": "nobody can see who wrote it",
    "several_currencies": "it was imported in several currencies, which make no sum",
    "late_only": "first seen long after it was written",
    "incomplete": "days are missing",
}
# What the codes cannot say of one KPI alone.
_REASONS_OF_KPI = {
    "member_growth": "member numbers were not seen near both ends of the month",
}
# Figures per day, which leave out days on which a whole source showed nothing.
_PER_DAY = {"stickiness"}


@dataclass(frozen=True)
class Beside:
    """What the marts know that stands beside frozen figures of the same community.

    Attributes:
        silent_days: days on which a whole source showed nothing anywhere.
        reply_age_h: how old posts were when their replies were counted, in hours.
        is_one_kind: whether posts alone, or comments alone, were read everywhere.
    """

    silent_days: tuple[date, ...] = ()
    reply_age_h: float | None = None
    is_one_kind: bool = False


@dataclass(frozen=True)
class Card:
    """One known figure as the page shows it.

    Attributes:
        value: with its unit.
        tone: of a clear change good, bad, or even where the direction is neither; open where the change could be chance
            or nothing says; none without a change.
        year: against the same month a year before; None without one.
        caveats: what stands against the figure, in words.
    """

    value: str
    tone: str
    year: str | None
    caveats: tuple[str, ...]


def name(of: Community, *, with_platform: bool = False) -> str:
    """A community's name, made safe to look at; it still has to be escaped."""
    if of == ALL:
        return "All communities together"
    shown = printable(of.name, max_chars=_NAME_CHARS) or "(no name)"
    return f"{printable(of.platform, max_chars=_NAME_CHARS)}/{shown}" if with_platform else shown


def names(of: Sequence[Community]) -> str:
    """Communities in a sentence: by name up to three, more by their number."""
    if len(of) > NAMED_N:
        return figures.counted(len(of), "community", "communities")
    return figures.listed([name(one) for one in of])


def card(kpi: Kpi, month: date, beside: Beside = Beside()) -> Card:
    """A figure that has a value told in full, for the month that begins on ``month``."""
    return Card(
        value=value_text(kpi) or "",
        tone=_tone(kpi, words.of_kpi(kpi.kpi, kpi.unit).better) if change_of(kpi)[0] is not None else "none",
        year=_year_change(kpi, month),
        caveats=tuple(filter(None, (_caveat(code, kpi, beside) for code in kpi.caveats))),
    )


def value_text(kpi: Kpi) -> str | None:
    """The value with its unit; None where there is none."""
    if kpi.value is None:
        return None
    return figures.figure(kpi.value, words.of_kpi(kpi.kpi, kpi.unit).kind, kpi.unit)


def reason(kpi: Kpi) -> str:
    """Why a figure has no value."""
    if "small_n" in kpi.caveats:
        return _REASONS["small_n"] + (f", {kpi.n:,} of them" if kpi.n is not None else "")
    if unread_code(kpi):
        return words.caveat_text(unread_code(kpi))
    if kpi.kpi in _REASONS_OF_KPI:
        return _REASONS_OF_KPI[kpi.kpi]
    if kpi.kpi == "median_first_response_h" and kpi.n:
        return "fewer than half of the posts were answered"
    return next((text for code, text in _REASONS.items() if code in kpi.caveats), "it was not seen in this month")


def unread_code(kpi: Kpi) -> str:
    """The caveat that says which kind was not read, if it is why a figure has no value; else nothing."""
    if kpi.value is not None or "small_n" in kpi.caveats:
        return ""
    codes = [f"{kind}_not_read" for kind in words.of_kpi(kpi.kpi, kpi.unit).kinds]
    return next((code for code in codes if code in kpi.caveats), "")


def short_reason(kpi: Kpi | None) -> str:
    """The same in two words, for a cell of a table."""
    if kpi is not None and unread_code(kpi):
        return "not read"
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


def _step(kpi: Kpi, change: float, share: float | None) -> str:
    """Counts change by a share of what was, everything else by a difference."""
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    if kind in {"count", "ratio", "money"} and share is not None:
        return figures.percent_change(share)
    return figures.difference(change, kind, kpi.unit)


def _year_change(kpi: Kpi, month: date) -> str | None:
    if kpi.change_year_before is None:
        return None
    told = _step(kpi, kpi.change_year_before, kpi.change_year_before_share)
    return f"{told} on {figures.month_name(months_before(month, 12))}"


def _tone(kpi: Kpi, better: words.Better) -> str:
    """Good or bad only where the change is clear and one direction is the better one."""
    if not kpi.is_change_clear or kpi.change is None:
        return "open"
    if better == "neither":
        return "even"
    return "good" if (kpi.change > 0) == (better == "higher") else "bad"


def reply_rate(kpi: Kpi, beside: Beside) -> str | None:
    """How many replies a post has, and how old it was then: the platform's count grows for days."""
    if kpi.kpi != "platform_replies" or kpi.value is None or not kpi.n:
        return None
    age = "" if beside.reply_age_h is None else f", seen about {figures.span(beside.reply_age_h)} after writing"
    return f"{figures.figure(kpi.value / kpi.n, 'ratio')} per post{age}"


def _caveat(code: str, kpi: Kpi, beside: Beside) -> str | None:
    """What stands against one figure; None where it is said once for all of them."""
    text = words.caveat_text(code)
    if code == "incomplete" and kpi.days_n and kpi.days_complete_n:
        return f"{text}, {kpi.days_complete_n} of {kpi.days_n} are complete"
    if code == "silent_everywhere":
        return _without_silent_days(beside) if kpi.kpi in _PER_DAY else None
    if code.endswith("_not_read"):
        return _of_what_was_read(code.removesuffix("_not_read"), kpi, beside)
    return text


def _without_silent_days(beside: Beside) -> str:
    if not beside.silent_days:
        return words.caveat_text("silent_everywhere")
    return f"{figures.days_in_words(beside.silent_days)} left out: nothing was shown anywhere"


def _of_what_was_read(unread: str, kpi: Kpi, beside: Beside) -> str:
    """Of which kind a figure is where the other was not read; in the row of all that is so in some communities."""
    if words.of_kpi(kpi.kpi, kpi.unit).kinds:
        return f"only of communities whose {unread} were read"
    other = "posts" if unread == "comments" else "comments"
    where = "where" if kpi.of == ALL and not beside.is_one_kind else "since"
    return f"of {other} alone, {where} {unread} were not read"


def months_before(month: date, n: int) -> date:
    """The first day of the month so many months earlier."""
    months = month.year * 12 + month.month - 1 - n
    return date(months // 12, months % 12 + 1, 1)


def lacking(kpis: Iterable[Kpi], label: Callable[[Kpi], str]) -> list[tuple[list[str], str]]:
    """Figures without a value by their reason, each reason once: labels and reason."""
    labels: dict[str, list[str]] = {}
    for kpi in kpis:
        if kpi.value is None:
            labels.setdefault(reason(kpi), []).append(label(kpi))
    return [(of_reason, told) for told, of_reason in labels.items()]
