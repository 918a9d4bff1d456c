"""How complete a month is: what is known of each day of each community, and what is missing of the whole.

A community's days are a strip of cells. Each state has a shape of its own, so colour is never the only sign, and the
same is said in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pulse.reports import telling
from pulse.reports.contents import DaysKnown, DayState, Report
from pulse.showing import figures

# In the order of the legend, and of what is said of each community.
STATES: dict[DayState, str] = {
    "whole": "looked at from end to end",
    "empty": "the same, and nothing was written",
    "silent": "silent everywhere, probably an outage",
    "partial": "looked at in part",
    "failed": "damaged or stopped on arrival",
    "unknown": "nobody looked",
}
# What follows a number of days.
_SHORT: dict[DayState, str] = {
    "whole": "whole",
    "silent": "silent everywhere",
    "partial": "in part",
    "failed": "damaged or stopped on arrival",
    "unknown": "that nobody looked at",
}


@dataclass(frozen=True)
class Strip:
    """The days of one community: the state of each, and in words."""

    name: str
    states: tuple[DayState, ...]
    told: str
    is_whole: bool


def strips(report: Report) -> list[Strip]:
    """The days of each community, the most active first."""
    place = {of: at for at, of in enumerate(report.communities)}
    ordered = sorted(report.days_known, key=lambda of: (place.get(of, len(place)), of))
    return [_strip(telling.name(of), report.days_known[of]) for of in ordered]


def _strip(name: str, known: DaysKnown) -> Strip:
    states = tuple(known.states[day] for day in sorted(known.states))
    return Strip(name, states, told(known), is_whole=not known.missing and known.posts_n == known.comments_n)


def legend(report: Report) -> list[tuple[DayState, str]]:
    """The states that the month has, each in words."""
    present = {state for known in report.days_known.values() for state in known.states.values()}
    return [(state, text) for state, text in STATES.items() if state in present]


def told(known: DaysKnown) -> str:
    """How many days are in which state, with the dates of all that are not plainly whole."""
    parts: list[str] = []
    for state in STATES:
        days = known.of(state)
        if days:
            is_all = len(days) == len(known.states)
            n = f"all {len(days)} days" if is_all else str(len(days)) if parts else figures.counted(len(days), "day")
            dates = "" if is_all or state == "whole" else f" ({figures.days_in_words(days)})"
            parts.append(f"{n} {_SHORT.get(state) or _nothing_written(known)}{dates}")
    return f"{', '.join(parts)}{_kinds(known)}"


def _nothing_written(known: DaysKnown) -> str:
    if known.messages_n and not known.posts_n and not known.comments_n:
        return "without a message"
    if not known.comments_n:
        return "without a post"
    return "without a post or comment" if known.posts_n else "without a comment"


def _kinds(known: DaysKnown) -> str:
    """Which kind was looked at on fewer days than the other."""
    if known.posts_n == known.comments_n:
        return ""
    kind, n = ("comments", known.comments_n) if known.comments_n < known.posts_n else ("posts", known.posts_n)
    days = f"read on {figures.counted(n, 'day')} only" if n else "not read"
    return f"; {kind} were {days}"


# ---- what is missing of the whole ------------------------------------------


def notices(report: Report) -> list[str]:
    """What a reader has to know before the figures, each once."""
    untried = [day.day for day in report.days if not day.communities_n] if report.communities else []
    told = (
        _untried(untried),
        _lacking(report, untried),
        _silence(report),
        _never_seen(report),
        _later_version(report),
        _lost_versions(report),
    )
    return [notice for notice in told if notice]


def in_short(report: Report) -> str:
    """What is not known, in one sentence for what is sent; empty where nothing is missing."""
    untried = [day.day for day in report.days if not day.communities_n] if report.communities else []
    told = (
        f"no run has brought {figures.days_in_words(tuple(untried))}" if untried else "",
        _who_lacks(report, untried),
        f"probably an outage on {figures.days_in_words(report.silent_days)}" if report.silent_days else "",
        f"{figures.counted(len(report.never_seen), 'name')} of the config matched nothing" if report.never_seen else "",
    )
    known = "; ".join(filter(None, told))
    if known:
        return f"Not everything is known: {known}."
    return "The report says what is not known." if notices(report) else ""


def _untried(days: Sequence[date]) -> str:
    if not days:
        return ""
    return (
        f"The month is not complete: no run has brought {figures.days_in_words(tuple(days))}. "
        "Once they are there, closing the month again makes a new version."
    )


def _lacking(report: Report, untried: Sequence[date]) -> str:
    who = _who_lacks(report, untried)
    if not who:
        return ""
    return f"Not everything is known: {who}. Counts are likely too low."


def _who_lacks(report: Report, untried: Sequence[date]) -> str:
    """Who lacks how many of the days that a run tried; by name up to three."""
    missing = {of: [day for day in days if day not in untried] for of, days in report.missing_days.items()}
    lacking = sorted(((of, days) for of, days in missing.items() if days), key=lambda item: (-len(item[1]), item[0]))
    if len(lacking) > telling.NAMED_N:
        return f"{figures.counted(len(lacking), 'community', 'communities')} lack days of the month"
    return ", ".join(f"{telling.name(of)} lacks {figures.counted(len(days), 'day')}" for of, days in lacking)


def _silence(report: Report) -> str:
    days = report.silent_days
    if not days:
        return ""
    is_one = len(days) == 1
    silent_n = sum(bool(known.of("silent")) for known in report.days_known.values())
    return (
        f"Silent everywhere on {figures.long_day(days[0]) if is_one else figures.days_in_words(days)}: "
        f"{figures.counted(silent_n, 'community', 'communities')} of one source showed nothing at all, though much is "
        "usual. That is probably an outage, not a calm. Counts keep the zeros; figures per day leave "
        f"{'this day' if is_one else f'these {len(days)} days'} out."
    )


def _never_seen(report: Report) -> str:
    if not report.never_seen:
        return ""
    names = figures.listed([telling.name(of) for of in report.never_seen])
    is_one = len(report.never_seen) == 1
    return (
        f"Never seen: nothing ever matched {names}. {'It is' if is_one else 'They are'} in no figure of this page; "
        f"check how the {'name is' if is_one else 'names are'} written in the config."
    )


def _later_version(report: Report) -> str:
    if report.version == 1 or any(one.is_of_figures for one in report.lost):
        return ""
    return (
        f"This is version {report.version} of the month: it was closed again after figures had changed. "
        "“What changed since it was first reported” says which, by how much and why."
    )


def _lost_versions(report: Report) -> str:
    lost = [one for one in report.lost if one.is_of_figures]
    if not lost:
        return ""
    aside = " and was set aside" if all(one.is_set_aside for one in lost) else ""
    is_last_shown = lost[-1].version < report.version
    later = "" if is_last_shown else f", not the last one: `pulse report {report.month} --again` makes one that holds"
    return (
        f"{_are_missing([one.version for one in lost])}: what was frozen then is damaged{aside}, so nobody can tell "
        f"what it said. This page shows version {report.version}{later}."
    )


def lost_changes(report: Report) -> str:
    """That not all of what changed between versions can be told; nothing where it can."""
    figures_lost = [one.version for one in report.lost if one.is_of_figures]
    if figures_lost:
        return f"{_are_missing(figures_lost)}: what changed with it cannot be told."
    changes_lost = [str(one.version) for one in report.lost]
    return f"What version {figures.listed(changes_lost)} changed is missing and cannot be told." if changes_lost else ""


def _are_missing(versions: Sequence[int]) -> str:
    numbers = figures.listed([str(version) for version in versions])
    what, verb = ("Versions", "are") if len(versions) > 1 else ("Version", "is")
    return f"{what} {numbers} of this month {verb} missing"
