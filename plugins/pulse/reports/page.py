"""The page: sections, panels and tables from what a report tells, put into the template.

The template escapes everything; what is markup already are the charts and the style sheet, both ours. Texts and names
that people wrote pass :func:`pulse.core.text.printable` besides, so that nothing hides in them or turns the reading
order.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

from pulse.core.text import printable
from pulse.reports import charts, completeness, telling, unread
from pulse.reports.contents import (
    ALL,
    Community,
    Day,
    Heatmap,
    Impact,
    Kpi,
    Participation,
    Point,
    Profile,
    Report,
    Slot,
    Turn,
)
from pulse.showing import colours, figures, words

SHOWN_N = 12  # communities in the short table
_EXCERPT_CHARS = 280
_TITLE_CHARS = 120
_SHARED_N = 3  # cards from which on a caveat is said once for all of them
_RESTATED_N = 40
_FOLDER = Path(__file__).parent

_COLUMNS = (
    ("posts", "Posts"),
    ("comments", "Comments"),
    ("contributors", "Contributors"),
    ("new_contributors", "New"),
    ("response_rate_24h", "Answered in 24 h"),
    ("median_first_response_h", "First answer"),
    ("net_sentiment", "Net sentiment"),
)
_MONTHLY: tuple[tuple[str, str, words.Kind], ...] = (
    ("comments", "Comments", "count"),
    ("contributors", "Contributors", "count"),
    ("new_contributors", "New contributors", "count"),
    ("response_rate_24h", "Posts answered within 24 hours", "share"),
)
# Beside the comments where they were not read of some community.
_PLATFORM_COLUMN = (("platform_replies", "Replies, platform's count"),)
# Where some community has a chat.
_CHAT_COLUMN = (("messages", "Messages"),)
_ORIGINS = {
    "core": "Core",
    "regular": "Regular",
    "casual": "Casual",
    "absent": "Paused",
    "new": "Not here yet",
}
_DRIVERS = {"comments": "Many comments", "net_sentiment": "A good mood"}
_GOALS = {"core": "Core now", "regular": "Regular now", "casual": "Casual now", "absent": "Not active now"}
REASONS = {
    "late_data": "data came late",
    "deletion": "people took contributions back",
    "new_definition": "the figure is defined anew",
    "new_model": "another sentiment model judged",
    "earlier_month": "the month it is compared with changed",
    "unknown": "for no reason that we keep track of",
}


@dataclass(frozen=True)
class Table:
    """Rows of texts; the first cell names the row, and columns in ``numeric`` (from 0) are aligned as numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | Markup, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Panel:
    """A chart under its title, with the same numbers as a table to unfold."""

    title: str
    chart: Markup
    label: str
    table: Table
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TurnView:
    """A turning point in words."""

    title: str
    community: str
    direction: str
    sentence: str
    caveats: tuple[str, ...]
    sides: tuple[tuple[str, tuple[Mapping[str, Any], ...]], ...]


def render(report: Report, *, built_at: datetime, run_url: str | None = None) -> str:
    """The whole page.

    Args:
        built_at: aware time that the page names as the moment of its making.
        run_url: the orchestrator's page about the run; left out where it is no web address.
    """
    style = colours.css() + (_FOLDER / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            style=Markup(style),  # noqa: S704  (a file of ours)
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            **_head(report, built_at, run_url),
            **_headlines(report),
            engagement=_engagement(report),
            mood=_mood(report),
            posting=_posting(report),
            people=_people(report),
            business=_business(report),
            communities=_communities(report),
            completeness=_completeness(report),
            restated=_restated(report),
            definitions=_definitions(report),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def web_address(address: str | None) -> str | None:
    """The address if a click on it opens a web page and nothing else; None otherwise."""
    if not address or printable(address, max_chars=2_000) != address or " " in address:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.hostname else None


# ---- head ------------------------------------------------------------------


def _head(report: Report, built_at: datetime, run_url: str | None) -> dict[str, Any]:
    month = report.month.first_day
    some = next(iter(report.headline.values()), None) or _any_kpi(report)
    return {
        "month": figures.month_name(month),
        "month_id": str(report.month),
        "summary": _summary(report),
        "notices": [*([] if some else ["No figures were frozen for this month."]), *completeness.notices(report)],
        "scope": _scope(report),
        "scope_n": len(report.communities),
        "version": report.version,
        "state_id": some.state_id if some else "",
        "reported_at": _moment(some.reported_at) if some else "",
        "built_at": _moment(built_at),
        "run_url": web_address(run_url),
        "models": sorted({kpi.sentiment_model_id for kpi in _all_kpis(report) if kpi.sentiment_model_id}),
        "definition_versions": sorted(
            {
                (words.of_kpi(kpi.kpi, kpi.unit).label, kpi.definition_version)
                for kpi in _all_kpis(report)
                if kpi.definition_version is not None and kpi.definition_version > 1
            }
        ),
    }


def _all_kpis(report: Report) -> Iterable[Kpi]:
    return (kpi for of in report.kpis.values() for kpi in of.values())


def _any_kpi(report: Report) -> Kpi | None:
    return next(iter(_all_kpis(report)), None)


def _moment(moment: datetime) -> str:
    return f"{figures.short_day(moment.date())} {moment.year}, {moment:%H:%M} UTC"


def _scope(report: Report) -> str:
    platforms = sorted({of.platform for of in report.communities})
    where = figures.listed([printable(platform, max_chars=60) for platform in platforms])
    several = figures.counted(len(report.communities), "community", "communities")
    return f"{several} on {where}" if where else several


def _summary(report: Report) -> list[str]:
    """The month in a few sentences, each from figures that are there."""
    month = report.month.first_day
    told = {name: telling.card(kpi, month) for name, kpi in report.headline.items() if kpi.value is not None}
    unread_kinds = unread.frozen(report)
    found = [*_written(report, told, unread_kinds), *unread.summary(report)]
    if "contributors" in told:
        sentence = f"{told['contributors'].value} people{_moved(report, 'contributors')} {_took_part(unread_kinds)}"
        if "new_contributors" in told:
            sentence += f", {told['new_contributors'].value} of them for the first time"
        found.append(f"{sentence}.")
    if "response_rate_24h" in told:
        where = "Where both were read, " if unread_kinds else ""
        sentence = f"{where}{told['response_rate_24h'].value} of posts got an answer within a day"
        if "median_first_response_h" in told:
            sentence += f", half of all posts within {told['median_first_response_h'].value}"
        found.append(f"{sentence}.")
    if "net_sentiment" in told:
        card = told["net_sentiment"]
        certainty = f" ({card.certainty})" if card.certainty else ""
        found.append(f"Net sentiment was {card.value} on a scale from −100 to +100{certainty}.")
    found += [
        f"The mood in {telling.name(turn.of)} turned for the {'better' if turn.direction == 'up' else 'worse'} on "
        f"{figures.short_day(turn.day)}."
        for turn in report.turns or ()
    ][:3]
    return found


def _written(report: Report, told: Mapping[str, telling.Card], unread_kinds: unread.Unread) -> list[str]:
    """How much was written; a kind that was read in some communities only comes last and says so."""
    parts = [
        f"{told[kind].value} {kind}{_moved(report, kind)}"
        f"{' where they were read' if unread_kinds.is_partly(kind) else ''}"
        for kind in sorted(unread.KINDS, key=unread_kinds.is_partly)
        if kind in told
    ]
    if "messages" in told:
        parts.append(f"{told['messages'].value} messages{_moved(report, 'messages')}")
    return [f"People wrote {figures.listed(parts)}."] if parts else []


def _took_part(unread_kinds: unread.Unread) -> str:
    if "comments" in unread_kinds.everywhere:
        return "wrote posts"
    if "posts" in unread_kinds.everywhere:
        return "wrote comments"
    return "took part, as far as was read" if unread_kinds else "took part"


def _moved(report: Report, name: str) -> str:
    kpi = report.headline[name]
    _, share = telling.change_of(kpi)
    if share is None:
        return ""
    before = figures.month_of(telling.months_before(report.month.first_day, 1))
    verdict = telling.verdict(kpi)
    return f" ({figures.up_or_down(share)} on {before}{f', {verdict}' if verdict else ''})"


# ---- headline figures ------------------------------------------------------


def _headlines(report: Report) -> dict[str, Any]:
    kpis = sorted(report.headline.values(), key=_place)
    # Where nothing can be compared, it is said once and not on each card.
    is_compared = any(telling.change_of(kpi)[0] is not None for kpi in kpis)
    beside = _beside(report)
    cards = {kpi.kpi: telling.card(kpi, report.month.first_day, beside) for kpi in kpis if kpi.value is not None}
    shared = _shared_caveats(cards.values())
    for name, card in cards.items():
        own = tuple(caveat for caveat in card.caveats if caveat not in shared)
        cards[name] = replace(card, caveats=own, change=card.change if is_compared else None)
    return {
        "is_compared": is_compared,
        "groups": _groups(kpis, cards, unread.frozen(report)),
        "shared_caveats": shared.items(),
        "lacking": telling.lacking(kpi for kpi in kpis if not telling.unread_code(kpi)),
    }


def _groups(
    kpis: Sequence[Kpi], cards: Mapping[str, telling.Card], unread_kinds: unread.Unread
) -> list[tuple[str, list[telling.Card], unread.UnreadCard | None]]:
    """The cards by group, each group with what of it cannot be told because a kind was not read."""
    found = []
    for group in get_args(words.Group):
        of_group = [kpi for kpi in kpis if words.of_kpi(kpi.kpi, kpi.unit).group == group]
        told = [cards[kpi.kpi] for kpi in of_group if kpi.kpi in cards]
        untold = unread.card(unread_kinds, of_group)
        if told or untold:
            found.append((group, told, untold))
    return found


def _beside(report: Report) -> telling.Beside:
    some = next(iter(report.headline.values()), None)
    return telling.Beside(
        silent_days=report.days_silent_in_all,
        reply_age_h=report.reply_age_h.get(some.of) if some else None,
        is_one_kind=bool(unread.frozen(report).everywhere),
    )


def _shared_caveats(cards: Collection[telling.Card]) -> dict[str, str]:
    """Caveats that stand on so many cards that they are said once instead: of which figures each is said."""
    counted = Counter(caveat for card in cards for caveat in card.caveats)
    return {caveat: _of_which(caveat, cards) for caveat, n in counted.items() if n >= _SHARED_N}


def _of_which(caveat: str, cards: Iterable[telling.Card]) -> str:
    labels: dict[bool, list[str]] = {True: [], False: []}
    for card in cards:
        labels[caveat in card.caveats].append(card.label)
    if len(labels[False]) >= len(labels[True]):
        return figures.listed(labels[True])
    return "All of these figures" + (f" but {figures.listed(labels[False])}" if labels[False] else "")


def _place(kpi: Kpi) -> tuple[int, str]:
    """Where a figure stands among others: in the order of the words, unknown ones at the end."""
    names = list(words.KPIS)
    return (names.index(kpi.kpi) if kpi.kpi in words.KPIS else len(names), kpi.kpi)


# ---- engagement ------------------------------------------------------------


def _engagement(report: Report) -> dict[str, Any]:
    unread_now = unread.now(report)
    panels = [_days_panel(report)] if report.days else []
    for name, title, kind in _MONTHLY:
        points = (report.monthly or {}).get(name, ())
        if sum(point.value is not None for point in points) > 1:
            note = unread_now.sentences(words.of_kpi(name, None).kinds)
            panels.append(_line_panel(title, points, kind, is_monthly=True, note=note))
    weekly = [
        _line_panel(telling.name(of), points, "count", note=_who_wrote(unread_now.only(of)))
        for of, points in (report.contributors_weekly or {}).items()
        if sum(point.value is not None for point in points) > 1
    ]
    return {"panels": panels, "weekly": weekly, "more": len(report.communities) - len(weekly)}


def _who_wrote(only: words.CountedKind | None) -> str:
    return f"people who wrote{f' {only}' if only else ''}, by week"


def _days_panel(report: Report) -> Panel:
    # A kind that nobody read has no column, no colour and no word in the title: an empty one would look like zero.
    kinds = [kind for kind in unread.KINDS[::-1] if kind not in unread.now(report).everywhere]
    rows = tuple(
        (figures.short_day(day.day), *(_count(getattr(day, kind)) for kind in kinds), _arrived(day))
        for day in report.days
    )
    return Panel(
        title=f"{figures.listed(kinds).capitalize()} by day",
        chart=charts.days(report.days),
        label=f"Bars of {figures.listed(kinds[::-1])} by day",
        table=Table(
            ("Day", *(kind.capitalize() for kind in kinds), "Communities complete"),
            rows,
            frozenset(range(1, 1 + len(kinds))),
        ),
        note=_days_note(report),
        legend=tuple((key, kind) for key, kind in (("1", "comments"), ("2", "posts")) if kind in kinds),
    )


def _arrived(day: Day) -> str:
    if not day.communities_n:
        return "none tried"
    silent = f", {day.silent_n} silent everywhere" if day.silent_n else ""
    return f"{day.complete_n} of {day.communities_n}{silent}"


def _days_note(report: Report) -> str:
    """What the chart cannot say by itself."""
    found = [unread.now(report).sentences()]
    if report.silent_days:
        found.append(f"Dashed line: silent everywhere ({figures.days_in_words(report.silent_days)}).")
    best = max((day.complete_n for day in report.days), default=0)
    if any(day.complete_n < best for day in report.days):
        found.append("Days on grey lack a community that arrived on others.")
    return " ".join(filter(None, found))


def _line_panel(
    title: str,
    points: Sequence[Point],
    kind: words.Kind,
    *,
    note: str = "",
    is_monthly: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Panel:
    has_bounds = any(point.low is not None for point in points)
    columns = ("Month" if is_monthly else "Week from", title if is_monthly else "Value")
    rows = tuple(
        (
            figures.month_name(point.day) if is_monthly else f"{figures.short_day(point.day)} {point.day.year}",
            _figure(point.value, kind),
            *((_range(point, kind),) if has_bounds else ()),
            "whole" if point.is_complete else "days missing",
        )
        for point in points
    )
    return Panel(
        title=title,
        chart=charts.line(points, kind, is_monthly=is_monthly, low=low, high=high),
        label=f"Line of {'monthly' if is_monthly else 'weekly'} values{' with their intervals' if has_bounds else ''}",
        table=Table((*columns, *(("Likely between",) if has_bounds else ()), "Data"), rows, frozenset({1})),
        note=note,
    )


# ---- mood ------------------------------------------------------------------


def _mood(report: Report) -> dict[str, Any]:
    weekly = {
        of: points
        for of, points in (report.sentiment_weekly or {}).items()
        if sum(point.value is not None for point in points) > 1
    }
    bounds = [bound for points in weekly.values() for point in points for bound in (point.low, point.high)]
    known = [bound for bound in bounds if bound is not None]
    low, high = (min(known), max(known)) if known else (None, None)
    panels = [
        _line_panel(telling.name(of), points, "points", note="net sentiment by week", low=low, high=high)
        for of, points in weekly.items()
    ]
    return {
        "panels": panels,
        "shares": [_mood_row(report, of) for of in (ALL, *report.communities) if _has_mood(report, of)][:SHOWN_N],
        "note": unread.now(report).note() if report.moods else "",
        "turns": None if report.turns is None else [_turn(turn) for turn in report.turns],
    }


def _has_mood(report: Report, of: Community) -> bool:
    return any(mood.of == of for mood in report.moods or ())


def _mood_row(report: Report, of: Community) -> dict[str, Any]:
    mood = next(mood for mood in report.moods or () if mood.of == of)
    kpi = report.kpis.get(of, {}).get("net_sentiment")
    parts = [part / mood.scored_n for part in (mood.positive_n, mood.neutral_n, mood.negative_n)]
    return {
        "name": telling.name(of),
        "parts": [(round(100 * part, 1), figures.whole_percent(part)) for part in parts],
        "scored": figures.counted(mood.scored_n, "text"),
        "net": telling.value_text(kpi) or telling.short_reason(kpi) if kpi else "not visible",
        "range": _kpi_range(kpi),
    }


def _turn(turn: Turn) -> TurnView:
    def side(label: str, at: Any) -> str:
        return (
            f"{figures.figure(at.net, 'points')} {label} (likely {_range(at, 'points')}; "
            f"{figures.counted(at.people_n, 'person', 'people')})"
        )

    half = turn.days_n // 2
    sentence = (
        f"Net sentiment went from {side(f'in the {half} days before', turn.before)} "
        f"to {side(f'in the {half} days from then on', turn.after)}."
    )
    sides = tuple(
        (label, tuple(_excerpt(one) for one in turn.excerpts if one.side == key))
        for key, label in (("before", "Before"), ("after", "After"))
    )
    return TurnView(
        title=figures.long_day(turn.day),
        community=telling.name(turn.of),
        direction=turn.direction,
        sentence=sentence,
        caveats=tuple(words.caveat_text(code) for code in (turn.caveat or "").split(",") if code),
        sides=tuple((label, found) for label, found in sides if found),
    )


def _excerpt(excerpt: Any) -> Mapping[str, Any]:
    text = " ".join(excerpt.text.split())
    cut = text if len(text) <= _EXCERPT_CHARS else text[:_EXCERPT_CHARS].rsplit(" ", 1)[0] + " …"
    return {
        "text": printable(cut),
        "what": f"{excerpt.sentiment_label or 'unjudged'} {excerpt.kind}, {figures.short_day(excerpt.day)}",
        "link": web_address(excerpt.permalink),
    }


# ---- when to post ----------------------------------------------------------


def _posting(report: Report) -> dict[str, Any]:
    panels = []
    for heatmap in report.heatmaps or ():
        if not any(slot.posts for slot in heatmap.slots):
            continue
        best = sorted(
            (slot for slot in heatmap.slots if slot.score_vs_usual_low is not None and slot.score_vs_usual_low > 1),
            key=lambda slot: (-(slot.score_vs_usual or 0), slot.weekday, slot.hour_utc),
        )
        busiest = sorted(heatmap.slots, key=lambda slot: (-slot.posts, slot.weekday, slot.hour_utc))
        rows = tuple(
            (
                _hour(slot.weekday, slot.hour_utc),
                _count(slot.posts),
                f"{slot.score_vs_usual:.1f}" if slot.score_vs_usual is not None else "too few",
                f"{slot.score_vs_usual_low:.1f} to {slot.score_vs_usual_high:.1f}"
                if slot.score_vs_usual_low is not None and slot.score_vs_usual_high is not None
                else "–",
            )
            for slot in [*best, *(slot for slot in busiest if slot not in best)][:10]
        )
        panels.append(
            Panel(
                title=telling.name(heatmap.of),
                chart=charts.week(heatmap.slots),
                label="Posts by weekday and hour",
                table=Table(("Hour, UTC", "Posts", "Score, times the usual", "Likely"), rows, frozenset({1, 2, 3})),
                note=_best_hours(best, busiest, heatmap),
            )
        )
    posts = None
    if report.good_posts is not None:
        posts = [
            {
                "title": printable(" ".join(post.title.split()), max_chars=_TITLE_CHARS),
                "link": web_address(post.permalink),
                "community": telling.name(post.of),
                "day": figures.short_day(post.day),
                "score": _count(post.score),
                "replies": _count(post.reply_count),
                "better": f"{100 * post.score_percentile_low:.1f} % of {post.peers_n:,}",
                "age": words.age_text(post.age_label),
            }
            for post in report.good_posts
        ]
    return {"panels": panels, "is_known": report.heatmaps is not None, "posts": posts}


def _best_hours(best: Sequence[Slot], busiest: Sequence[Slot], heatmap: Heatmap) -> str:
    def listed(slots: Sequence[Slot]) -> str:
        return ", ".join(_hour(slot.weekday, slot.hour_utc) for slot in slots[:3])

    if best:
        better = f"Better than usual: {listed(best)}"
    elif any(slot.score_vs_usual is not None for slot in busiest):
        better = "No hour does clearly better than usual"
    else:
        better = "No hour has enough posts to tell whether it does better"
    span = f"{figures.short_day(heatmap.first_day)} to {figures.short_day(heatmap.last_day)}"
    age = words.age_text(heatmap.age_label)
    return f"Most posts: {listed(busiest)}. {better} ({span}{f'; scores after {age}' if age else ''})."


def _hour(weekday: int, hour_utc: int) -> str:
    return f"{figures.WEEKDAYS[weekday - 1]} {hour_utc:02d}:00"


# ---- people ----------------------------------------------------------------


def _people(report: Report) -> dict[str, Any]:
    return {
        "most": f", the {SHOWN_N} most active communities" if len(report.communities) > SHOWN_N else "",
        "participation": _participation(report),
        "moves": _moves(report),
        "newcomers": _newcomers(report),
        "profiles": _profiles(report),
        "note": unread.now(report).note() if report.participation else "",
        "is_known": report.participation is not None,
    }


def _participation(report: Report) -> Table | None:
    found = {part.of: part for part in report.participation or ()}
    rows = tuple((telling.name(of), *_carried(found[of])) for of in report.communities if of in found)
    columns = (
        "Community", "Contributors", "Top 1 % write", "Next 9 %", "The rest", "Half is by", "Core", "Regular", "Casual",
        "Gini",
    )  # fmt: skip
    return Table(columns, rows[:SHOWN_N], frozenset(range(1, len(columns)))) if rows else None


def _carried(part: Participation) -> tuple[str, ...]:
    if part.contributors is None:
        return ("not visible",) * 9
    return (
        _count(part.contributors),
        *(_share(share) for share in (part.top_1_share, part.next_9_share, part.rest_share)),
        "too few" if part.half_activity_contributors is None else _people_n(part.half_activity_contributors),
        *(_count(n) for n in (part.core_n, part.regular_n, part.casual_n)),
        "too few" if part.gini is None else f"{part.gini:.2f}",
    )


def _moves(report: Report) -> Table | None:
    counted = {(move.from_role, move.to_role): move.contributors for move in report.role_moves or ()}
    if not any(counted.values()):
        return None
    rows = tuple((label, *(_moved_n(counted, origin, goal) for goal in _GOALS)) for origin, label in _ORIGINS.items())
    return Table(("Last month", *_GOALS.values()), rows, frozenset(range(1, len(_GOALS) + 1)))


def _moved_n(counted: Mapping[tuple[str, str], int | None], origin: str, goal: str) -> str:
    """People who made a move; that nobody did, or that it cannot be, is a dash."""
    if (origin, goal) not in counted:
        return "–"
    n = counted[origin, goal]
    return "too early" if n is None else _count(n)


def _newcomers(report: Report) -> Table | None:
    found = {group.of: group for group in report.newcomers or ()}
    rows = tuple(
        (
            telling.name(of),
            *(
                ("too early",) * 2
                if group.cohort_n is None
                else (_people_n(group.cohort_n), _share(group.retention_rate))
            ),
            _bounds(group.retention_rate_low, group.retention_rate_high, "share"),
        )
        for of, group in ((of, found[of]) for of in report.communities if of in found)
    )
    columns = ("Community", "Newcomers last month", "Wrote again this month", "Likely")
    return Table(columns, rows[:SHOWN_N], frozenset({1, 2, 3})) if rows else None


def _profiles(report: Report) -> Table | None:
    found = {profile.of: profile for profile in report.profiles or ()}
    unread_now = unread.now(report)
    rows = tuple(
        (
            telling.name(of),
            *_kind(found[of], is_answered_known=unread_now.only(of) is None and not _is_chat(report, of)),
        )
        for of in report.communities
        if of in found
    )
    columns = (
        "Community", "Size", "Intensity", "Belonging", "To newcomers", "Newcomers' posts answered", "Others'",
        "Difference, likely",
    )  # fmt: skip
    return Table(columns, rows[:SHOWN_N], frozenset({5, 6, 7})) if rows else None


def _is_chat(report: Report, of: Community) -> bool:
    known = report.days_known.get(of)
    return known is not None and known.messages_n > 0 and not known.posts_n and not known.comments_n


def _kind(profile: Profile, *, is_answered_known: bool) -> tuple[str, ...]:
    labels = (profile.size_label, profile.intensity_label, profile.belonging_label, profile.openness_label)
    difference = "–"
    if profile.openness_low is not None and profile.openness_high is not None:
        low, high = (figures.plus(f"{100 * bound:.0f}") for bound in (profile.openness_low, profile.openness_high))
        difference = f"{low} to {high} points"
    if not is_answered_known:
        rates = ("not read", "not read")
    elif profile.newcomer_posts_n is None:  # nobody can be called new yet
        rates = ("too early", "too early")
    else:
        rates = (_share(profile.newcomer_response_rate_24h), _share(profile.other_response_rate_24h))
    return (*(label or "not known" for label in labels), *rates, difference)


def _people_n(n: int) -> str:
    return figures.counted(n, "person", "people")


def _share(share: float | None) -> str:
    return "too few" if share is None else figures.whole_percent(share)


# ---- business --------------------------------------------------------------


def _business(report: Report) -> dict[str, Any]:
    rows = tuple(
        (
            telling.name(impact.of),
            _DRIVERS.get(impact.kpi) or words.of_kpi(impact.kpi, None).label,
            words.of_kpi(impact.result, None).label + (f", {impact.currency}" if impact.currency else ""),
            "on the same day" if not impact.lag_days else f"{figures.counted(impact.lag_days, 'day')} later",
            figures.correlation(impact.correlation),
            "–"
            if impact.correlation_low is None or impact.correlation_high is None
            else f"{figures.correlation(impact.correlation_low)} to {figures.correlation(impact.correlation_high)}",
            _what_it_says(impact),
        )
        for impact in report.impacts or ()
    )
    columns = ("Community", "Days with", "and", "Results", "Correlation", "Likely", "What it says")
    has_results = any(
        kpi.value is not None for kpi in report.headline.values() if words.of_kpi(kpi.kpi, kpi.unit).group == "Business"
    )
    return {
        "impacts": Table(columns, rows, frozenset({4, 5})) if rows else None,
        "why": "The results of this month are imported, but on too few days to compare them with."
        if has_results
        else "No visits, leads, sales or revenue were imported for this month; docs/imports.md says how.",
    }


def _what_it_says(impact: Impact) -> str:
    if not impact.is_beyond_chance:
        return "may well be chance"
    return "go up together" if impact.correlation > 0 else "one goes up as the other goes down"


# ---- communities -----------------------------------------------------------


def _communities(report: Report) -> dict[str, Any]:
    has_platforms = len({of.platform for of in report.communities}) > 1
    beside = _PLATFORM_COLUMN if unread.frozen(report).subject("comments") else ()
    has_chat = any("messages" in kpis and kpis["messages"].value is not None for kpis in report.kpis.values())
    chat = _CHAT_COLUMN if has_chat else ()
    shown = [*_COLUMNS[:2], *beside, *chat, *_COLUMNS[2:]]
    rows = tuple(
        (telling.name(of, with_platform=has_platforms), *(_cell(report.kpis[of].get(kpi)) for kpi, _ in shown))
        for of in report.communities
    )
    columns = ("Community", *(label for _, label in shown))
    numeric = frozenset(range(1, len(columns)))
    return {
        "shown": Table(columns, rows[:SHOWN_N], numeric),
        "rest": Table(columns, rows[SHOWN_N:], numeric) if len(rows) > SHOWN_N else None,
        "n": len(rows),
    }


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
    codes = sorted({code for kpi in _all_kpis(report) for code in kpi.caveats})
    return {
        "whole_n": sum(not known.missing for known in report.days_known.values()),
        "n": len(report.days_known),
        "days_n": report.month.last_day.day,
        "legend": completeness.legend(report),
        "strips": strips[:SHOWN_N],
        "more": strips[SHOWN_N:],
        "caveats": [(code, words.caveat_text(code), _caveat_count(report, code)) for code in codes],
    }


def _caveat_count(report: Report, code: str) -> str:
    return figures.counted(sum(code in kpi.caveats for kpi in _all_kpis(report)), "figure")


# ---- restatements ----------------------------------------------------------


def _restated(report: Report) -> dict[str, Any] | None:
    if report.version <= 1:
        return None
    changes = [change for change in report.restatements if change.old_value != change.new_value]
    changes.sort(key=lambda change: (change.of != ALL, change.of, change.kpi, change.version))
    rows = []
    for change in changes[:_RESTATED_N]:
        unit = _unit(report, change.of, change.kpi)
        told = words.of_kpi(change.kpi, unit)
        rows.append(
            (
                told.label,
                telling.name(change.of),
                _figure(change.old_value, told.kind, unit),
                _figure(change.new_value, told.kind, unit),
                ", ".join(REASONS.get(reason, reason) for reason in change.reasons),
                f"version {change.version}, {figures.short_day(change.reported_at.date())}",
            )
        )
    columns = ("Figure", "Community", "Before", "Now", "Why", "Since")
    return {
        "table": Table(columns, tuple(rows), frozenset({2, 3})) if rows else None,
        "n": len(changes),
        "shown_n": len(rows),
        "lost": completeness.lost_changes(report),
        "comparisons_n": len(report.restatements) - len(changes),
        "comparisons": figures.counted(
            len(report.restatements) - len(changes), "figure kept its value", "figures kept their value"
        ),
    }


def _unit(report: Report, of: Community, kpi: str) -> str | None:
    found = report.kpis.get(of, {}).get(kpi)
    return found.unit if found else None


# ---- definitions -----------------------------------------------------------


def _definitions(report: Report) -> list[tuple[str, words.KpiWords]]:
    some = {kpi.kpi: kpi for kpi in _all_kpis(report)}
    return [(kpi.kpi, words.of_kpi(kpi.kpi, kpi.unit)) for kpi in sorted(some.values(), key=_place)]


# ---- cells -----------------------------------------------------------------


def _count(value: int | None) -> str:
    return "not visible" if value is None else figures.figure(value, "count")


def _figure(value: float | None, kind: words.Kind, unit: str | None = None) -> str:
    return "not visible" if value is None else figures.figure(value, kind, unit)


def _range(at: Any, kind: words.Kind) -> str:
    return _bounds(at.low, at.high, kind)


def _bounds(low: float | None, high: float | None, kind: words.Kind) -> str:
    if low is None or high is None:
        return "–"
    return f"{figures.figure(low, kind)} to {figures.figure(high, kind)}"


def _kpi_range(kpi: Kpi | None) -> str:
    if kpi is None or kpi.value_low is None or kpi.value_high is None:
        return ""
    kind = words.of_kpi(kpi.kpi, kpi.unit).kind
    return f"{figures.figure(kpi.value_low, kind)} to {figures.figure(kpi.value_high, kind)}"
