"""Numbers, days and spans of time as people read them. None is never a number here: callers say why it is missing."""

from collections.abc import Sequence
from datetime import date

from pulse.showing.words import Kind

SPACE = "\u00a0"  # a figure and its unit stay on one line
_MINUS = "−"

# Not from the calendar module: its names follow the process's locale.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def figure(value: float, kind: Kind, unit: str | None = None) -> str:
    """A value with its unit: ``12,345``, ``34 %``, ``+12``, ``2 h 15 min``, ``3.4``, ``1,250 EUR``."""
    match kind:
        case "count":
            return _signed(f"{value:,.0f}")
        case "share":
            return _signed(_short(100 * value, whole_from=20)) + f"{SPACE}%"
        case "points":
            return plus(_short(100 * value))
        case "hours":
            return span(value)
        case "money":
            return _signed(f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}") + f"{SPACE}{unit or ''}".rstrip()
        case "ratio":
            return _signed(_short(value))


def whole_percent(share: float) -> str:
    """``34 %``, for columns in which decimals would only be in the way."""
    return f"{100 * share:.0f}{SPACE}%"


def difference(value: float, kind: Kind, unit: str | None = None) -> str:
    """A change, always with its sign; shares change by points."""
    match kind:
        case "share" | "points":
            return f"{plus(_short(100 * value))}{SPACE}points"
        case "hours":
            if round(60 * value) == 0:
                return f"±0{SPACE}min"
            return f"{'+' if value > 0 else _MINUS}{span(abs(value))}"
        case _:
            return plus(figure(value, kind, unit))


def percent_change(share: float) -> str:
    """A change as a share of what was before: ``+8 %``; from three times on ``×3.2``, which reads better."""
    if share >= 2:
        return f"×{_short(1 + share)}"
    return f"{plus(_short(100 * share))}{SPACE}%"


def up_or_down(share: float) -> str:
    """The same in words: ``up 8 %``, ``down 3 %``, ``unchanged``, ``up 3.2 times``."""
    if share >= 2:
        return f"up {_short(1 + share)} times"
    told = _short(abs(100 * share))
    if told == "0":
        return "unchanged"
    return f"{'up' if share > 0 else 'down'} {told}{SPACE}%"


def span(hours: float) -> str:
    """A span of time in the unit that fits."""
    if hours < 0:
        return _MINUS + span(-hours)
    minutes = round(60 * hours)
    if minutes < 1:
        return f"under 1{SPACE}min"
    if minutes < 60:
        return f"{minutes}{SPACE}min"
    if hours < 10 and minutes % 60:
        return f"{minutes // 60}{SPACE}h{SPACE}{minutes % 60}{SPACE}min"
    if hours < 48:
        return f"{round(hours)}{SPACE}h"
    return f"{hours / 24:.1f}{SPACE}days"


def plus(text: str) -> str:
    """The same with a sign: ``+`` before what has none, ``±`` before nothing."""
    text = _signed(text)
    if text.startswith(_MINUS):
        return text
    return ("+" if any(char in "123456789" for char in text) else "±") + text


def month_of(day: date) -> str:
    """The month's name alone."""
    return MONTHS[day.month - 1]


def month_name(day: date) -> str:
    """``October 2026``."""
    return f"{month_of(day)} {day.year}"


def short_day(day: date) -> str:
    """``5 October``."""
    return f"{day.day}{SPACE}{month_of(day)}"


def long_day(day: date) -> str:
    """``Monday, 5 October 2026``."""
    return f"{WEEKDAYS[day.weekday()]}, {short_day(day)} {day.year}"


def days_in_words(days: list[date] | tuple[date, ...]) -> str:
    """Days of one month, runs of them drawn together: ``3, 7 to 9 and 14 October``."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and (day - runs[-1][1]).days == 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    parts = [f"{first.day}" if first == last else f"{first.day} to {last.day}" for first, last in runs]
    return f"{listed(parts)} {month_of(runs[-1][1])}" if parts else ""


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def correlation(value: float) -> str:
    """From −1.00 to +1.00."""
    return plus(f"{value:.2f}")


def counted(n: int, one: str, many: str | None = None) -> str:
    """``1 day``, ``1,204 days``."""
    return f"{n:,}{SPACE}{one if n == 1 else many or one + 's'}"


def _short(value: float, *, whole_from: float = 10) -> str:
    """One decimal below ``whole_from``, none above; never a minus zero."""
    text = f"{value:,.1f}" if abs(round(value, 1)) < whole_from else f"{value:,.0f}"
    return "0" if text in {"-0.0", "0.0"} else text


def _signed(text: str) -> str:
    """With the minus sign of print; minus zero is zero."""
    if text.startswith("-"):
        return _MINUS + text[1:] if any(char in "123456789" for char in text) else text[1:]
    return text
