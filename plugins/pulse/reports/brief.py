"""The report in a few lines, for what is sent: mail, Slack and a picture. Counts and links; nothing that people wrote.

Names of communities stand in it, which the config has; words of topics, titles, quotes and people do not.
"""

from dataclasses import dataclass

from pulse.core.text import printable
from pulse.reports import acting, completeness, five, telling
from pulse.reports.contents import Report
from pulse.showing import figures

ACTIONS_N = 4


@dataclass(frozen=True)
class Line:
    """One thing to do: the title with its community, the figures behind it, and where to read."""

    title: str
    why: str
    links: tuple[str, ...]


@dataclass(frozen=True)
class Brief:
    """What is sent.

    Attributes:
        scope: how many communities, and how many of the month's days are known.
        compared: with what the figures are compared; empty without figures.
        notice: what is not known; empty where nothing is missing.
        page: where the whole report is; None where the config does not say.
    """

    title: str
    scope: str
    actions: tuple[Line, ...]
    more_n: int
    figures: tuple[five.Figure, ...]
    compared: str
    notice: str
    page: str | None


def brief(report: Report, page: str | None) -> Brief:
    """The report in a few lines."""
    told = acting.told(report)
    return Brief(
        title=title(report),
        scope=scope(report),
        actions=tuple(
            Line(" · ".join(filter(None, (one.title, one.where))), one.why, one.links) for one in told[:ACTIONS_N]
        ),
        more_n=max(0, len(told) - ACTIONS_N),
        figures=tuple(five.chosen(report)),
        compared=compared(report),
        notice=completeness.in_short(report),
        page=page,
    )


def title(report: Report) -> str:
    """``Communities in October 2026``; one community by its name."""
    who = "Communities" if report.only is None else telling.name(report.only)
    return f"{who} in {figures.month_name(report.month.first_day)}"


def compared(report: Report) -> str:
    """With what the figures are compared."""
    if not any(telling.change_of(kpi)[0] is not None for kpi in report.headline.values()):
        return "There is no month before to compare with."
    return f"Against {figures.month_of(telling.months_before(report.month.first_day, 1))}, like days with like days."


def scope(report: Report) -> str:
    """``7 communities on discord and reddit``."""
    platforms = sorted({of.platform for of in report.communities})
    where = figures.listed([printable(platform.replace("_", " "), max_chars=60).capitalize() for platform in platforms])
    several = figures.counted(len(report.communities), "community", "communities")
    return f"{several} on {where}" if where else several
