"""The page: what its sections tell, put into the template.

The template escapes everything; what is markup already are the charts and the style sheet, both ours. Texts and names
that people wrote pass :func:`pulse.core.text.printable` besides, so that nothing hides in them or turns the reading
order.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from pulse.reports import (
    acting,
    asking,
    brief,
    completeness,
    feeling,
    files,
    five,
    layout,
    people,
    posting,
    promoting,
    telling,
    unread,
    working,
)
from pulse.reports.contents import ALL, Kpi, Report
from pulse.reports.links import public_address
from pulse.reports.templates import FOLDER, environment
from pulse.showing import colours, figures, plain, words

_RESTATED_N = 40
_OVER_TIME_SHOWN_N = 2
_CAVEATS_N = 6
_ALL_SHOWN_N = 7
_COLUMNS = (
    ("posts", "Posts"),
    ("comments", "Comments"),
    ("contributors", "People"),
    ("response_rate_24h", "Answered in a day"),
    ("net_sentiment", "Mood"),
)
# Beside the comments where they were not read of some community.
_PLATFORM_COLUMN = (("platform_replies", "Replies, platform's count"),)
# Where some community has a chat.
_CHAT_COLUMN = (("messages", "Messages"),)
REASONS = {
    "late_data": "data came late",
    "deletion": "people took contributions back",
    "new_definition": "the figure is defined anew",
    "new_model": "another model judged the texts",
    "earlier_month": "the month it is compared with changed",
    "unknown": "for no reason that we keep track of",
}
# What is left out where nothing is known of it, as one line says at the end.
_SECTIONS = {
    "feeling": "how people feel",
    "needs": "what people ask for",
    "topics": "what people talk about",
    "brands": "brands",
    "people": "who takes part",
    "promotions": "promotions",
    "working": "what worked",
    "posting": "when to post",
}


@dataclass(frozen=True)
class Sections:
    """What the page tells, each section made once: drawing its charts takes most of a report's time.

    Attributes:
        over_time: charts of the whole, or of communities; the first few are seen at once.
        named: sections by name; None where nothing is known.
    """

    days: layout.Panel | None
    over_time: list[layout.Panel]
    named: Mapping[str, Any]


def sections_of(report: Report) -> Sections:
    """All sections that have charts or can be missing."""
    return Sections(
        five.days_panel(report),
        [*five.monthly_panels(report), *five.weekly_panels(report)],
        {
            "feeling": feeling.section(report),
            "needs": asking.needs(report),
            "topics": asking.topics(report),
            "brands": asking.brands(report),
            "people": people.section(report),
            "promotions": promoting.section(report),
            "working": working.section(report),
            "posting": posting.section(report),
        },
    )


def render(report: Report, sections: Sections, *, built_at: datetime, run_url: str | None = None) -> str:
    """The whole page.

    Args:
        built_at: aware time that the page names as the moment of its making.
        run_url: the orchestrator's page about the run; left out where it is no address that others can open.
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            style=Markup(style),  # noqa: S704  (files of ours)
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            **_head(report, built_at, run_url),
            actions=acting.told(report),
            actions_shown_n=acting.SHOWN_N,
            five=five.chosen(report),
            all_figures=five.everything(report),
            days=sections.days,
            over_time=sections.over_time,
            over_time_shown_n=_OVER_TIME_SHOWN_N,
            **sections.named,
            communities=_communities(report),
            completeness=_completeness(report),
            left_out=figures.listed([name for key, name in _SECTIONS.items() if not sections.named[key]]),
            restated=_restated(report),
            definitions=_definitions(report),
        )
    )


def _style() -> str:
    """The colours, the style sheet, and a width for each whole percent, since the page may have no style attributes."""
    widths = "".join(f".w{percent} {{ width: {percent}%; }}\n" for percent in range(101))
    return colours.css() + (FOLDER / "page.css").read_text(encoding="utf-8") + widths


def chart_numbers(sections: Sections) -> bytes:
    """The numbers behind the charts as CSV, a row for each day, week or month of each."""
    feelings = sections.named["feeling"] or {"panels": [], "more_panels": []}
    days = [] if sections.days is None else [sections.days]
    panels: list[layout.Panel] = [*days, *sections.over_time, *feelings["panels"], *feelings["more_panels"]]
    rows = [
        (panel.series.chart, panel.series.of.platform, panel.series.of.name, *point)
        for panel in panels
        if panel.series is not None
        for point in panel.series.points
    ]
    columns = ("chart", "platform", "community", "first_day", "value", "value_low", "value_high", "is_complete")
    return files.as_csv(columns, rows)


# ---- head ------------------------------------------------------------------


def _head(report: Report, built_at: datetime, run_url: str | None) -> dict[str, Any]:
    some = next(iter(report.headline.values()), None) or _any_kpi(report)
    return {
        "title": brief.title(report),
        "month_before": figures.month_of(telling.months_before(report.month.first_day, 1)),
        "compared": brief.compared(report),
        "summary": unread.summary(report),
        "notices": [*([] if some else ["No figures were frozen for this month."]), *completeness.notices(report)],
        "scope": brief.scope(report),
        "scope_n": len(report.communities),
        "is_of_one": report.only is not None,
        "command": _command(report),
        "version": report.version,
        "state_id": some.state_id if some else "",
        "reported_at": _moment(some.reported_at) if some else "",
        "built_at": _moment(built_at),
        "run_url": public_address(run_url),
        "models": sorted({kpi.sentiment_model_id for kpi in _all_kpis(report) if kpi.sentiment_model_id}),
    }


def _command(report: Report) -> str:
    only = "" if report.only is None else f" --community '{report.only.platform}/{telling.name(report.only)}'"
    return f"pulse report {report.month}{only}"


def _all_kpis(report: Report) -> Iterable[Kpi]:
    return (kpi for of in report.kpis.values() for kpi in of.values())


def _any_kpi(report: Report) -> Kpi | None:
    return next(iter(_all_kpis(report)), None)


def _moment(moment: datetime) -> str:
    return f"{figures.short_day(moment.date())} {moment.year}, {moment:%H:%M} UTC"


# ---- communities -----------------------------------------------------------


def _communities(report: Report) -> layout.Table | None:
    """All communities beside each other; None where there is one alone, which is told above."""
    if report.only is not None:
        return None
    has_platforms = len({of.platform for of in report.communities}) > 1
    beside = _PLATFORM_COLUMN if unread.frozen(report).subject("comments") else ()
    has_chat = any("messages" in kpis and kpis["messages"].value is not None for kpis in report.kpis.values())
    chat = _CHAT_COLUMN if has_chat else ()
    shown = [*_COLUMNS[:2], *beside, *chat, *_COLUMNS[2:]]
    rows = [
        (telling.name(of, with_platform=has_platforms), *(_cell(report.kpis[of].get(kpi)) for kpi, _ in shown))
        for of in report.communities
    ]
    return layout.folded(("Community", *(label for _, label in shown)), rows, shown_n=_ALL_SHOWN_N, keeps_all=True)


def _cell(kpi: Kpi | None) -> str | Markup:
    value = telling.value_text(kpi) if kpi else None
    if kpi is None or value is None:
        return Markup('<span class="none">{}</span>').format(telling.short_reason(kpi))
    change = telling.change_text(kpi)
    step = "step clear" if kpi.is_change_clear else "step"
    return Markup('{} <span class="{}">{}</span>').format(value, step, change) if change else value


# ---- completeness ----------------------------------------------------------


def _completeness(report: Report) -> dict[str, Any]:
    strips = completeness.strips(report)
    counted = Counter(code for kpi in _all_kpis(report) for code in kpi.caveats)
    codes = sorted(counted, key=lambda code: (-counted[code], code))
    return {
        "whole_n": sum(not known.missing for known in report.days_known.values()),
        "n": len(report.days_known),
        "days_n": report.month.last_day.day,
        "legend": completeness.legend(report),
        "strips": strips[:12],
        "more": strips[12:],
        "told": _told_in_words(strips),
        "caveats": [(words.caveat_text(code), figures.counted(counted[code], "figure")) for code in codes][:_CAVEATS_N],
    }


def _told_in_words(strips: list[completeness.Strip]) -> list[Mapping[str, str]]:
    """The days of each community in words; those that are told alike, as all that are whole, together."""
    by_words: dict[str, list[str]] = {}
    for strip in strips:
        by_words.setdefault(strip.told, []).append(strip.name)
    return [{"name": figures.listed(names), "told": told} for told, names in by_words.items()]


# ---- restatements ----------------------------------------------------------


def _restated(report: Report) -> dict[str, Any] | None:
    if report.version <= 1:
        return None
    changes = [change for change in report.restatements if change.old_value != change.new_value]
    changes.sort(key=lambda change: (change.of != ALL, change.of, change.kpi, change.version))
    rows = []
    for change in changes[:_RESTATED_N]:
        unit = _unit(report, change)
        told = words.of_kpi(change.kpi, unit)
        rows.append(
            (
                plain.label_of(change.kpi, told.label),
                telling.name(change.of),
                layout.figure(change.old_value, told.kind, unit),
                layout.figure(change.new_value, told.kind, unit),
                ", ".join(REASONS.get(reason, reason) for reason in change.reasons),
                f"version {change.version}, {figures.short_day(change.reported_at.date())}",
            )
        )
    columns = ("Figure", "Community", "Before", "Now", "Why", "Since")
    return {
        "table": layout.folded(columns, rows, shown_n=5),
        "n": len(changes),
        "shown_n": len(rows),
        "lost": completeness.lost_changes(report),
        "comparisons_n": len(report.restatements) - len(changes),
        "comparisons": figures.counted(
            len(report.restatements) - len(changes), "figure kept its value", "figures kept their value"
        ),
    }


def _unit(report: Report, change: Any) -> str | None:
    found = report.kpis.get(change.of, {}).get(change.kpi)
    return found.unit if found else None


# ---- definitions -----------------------------------------------------------


def _definitions(report: Report) -> list[Mapping[str, str]]:
    """What those figures mean that do not say it by their names: shares, rates and times."""
    shown: dict[str, Kpi] = {kpi.kpi: kpi for kpi in report.headline.values() if kpi.value is not None}
    return [
        {
            "kpi": kpi.kpi,
            "label": five.label(kpi),
            "meaning": words.of_kpi(kpi.kpi, kpi.unit).meaning,
            "version": str(kpi.definition_version) if (kpi.definition_version or 1) > 1 else "",
        }
        for kpi in sorted(shown.values(), key=five.place)
        if kpi.kpi in words.KPIS and words.KPIS[kpi.kpi].kind not in {"count", "money"}
    ]
