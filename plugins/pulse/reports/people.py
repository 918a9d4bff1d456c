"""Who takes part: how many carry a month, who came back, who helps; nobody is named or ranked."""

from collections.abc import Iterable, Mapping
from typing import Any

from pulse.core.text import printable
from pulse.reports import layout, telling, unread
from pulse.reports.contents import Community, Crowd, Newcomers, Participation, Profile, Report
from pulse.showing import figures

_ORIGINS = {
    "core": "Core",
    "regular": "Regular",
    "casual": "Casual",
    "absent": "Paused",
    "new": "Not here yet",
}
_FOLDED_N = 5  # rows of a table that is unfolded first, and then unfolded again
_GOALS = {"core": "Core now", "regular": "Regular now", "casual": "Casual now", "absent": "Not active now"}


def section(report: Report) -> dict[str, Any] | None:
    """What the page tells; None where nothing is known of who took part."""
    found = {part.of: part for part in report.participation or ()}
    newcomers = {group.of: group for group in report.newcomers or ()}
    rows = [
        (telling.name(of), *_carried(found[of]), _came_back(newcomers.get(of)))
        for of in report.communities
        if of in found
    ]
    columns = ("Community", "People", "Half of all is written by", "Of last month's newcomers, wrote again")
    table = layout.folded(columns, rows)
    if table is None:
        return None
    return {
        "table": table,
        "note": unread.now(report).note(),
        "crowds": _crowds(report.crowds),
        "roles": layout.folded(
            ("Community", "Core", "Regular", "Casual"), list(_roles(report, found)), shown_n=_FOLDED_N
        ),
        "moves": _moves(report),
        "kinds": _kinds(report),
    }


def _carried(part: Participation) -> tuple[str, str]:
    if part.contributors is None:
        return layout.UNKNOWN, layout.UNKNOWN
    half = part.half_activity_contributors
    return layout.count(part.contributors), "too few" if half is None else figures.counted(half, "person", "people")


def _came_back(group: Newcomers | None) -> str:
    if group is None:
        return "–"
    if group.cohort_n is None:
        return "too early"
    if group.retention_rate is None:
        return f"too few of {group.cohort_n:,}"
    return f"{figures.whole_percent(group.retention_rate)} of {group.cohort_n:,}"


def _crowds(crowds: Iterable[Crowd]) -> list[str]:
    """How many speak for a brand, and how many help, as sentences."""
    found = list(crowds)
    told = [
        f"{figures.counted(one.people_n, 'person speaks', 'people speak')} well of "
        f"{printable(one.brand or 'a brand', max_chars=60)} in {telling.name(one.of)}, unpaid."
        for one in found
        if one.what == "advocate"
    ]
    helpers = [one for one in found if one.what == "helper"]
    if helpers:
        n = sum(one.people_n for one in helpers)
        where = telling.names([one.of for one in helpers])
        told.append(
            f"{figures.counted(n, 'person answers', 'people answer')} again and again what others open, in {where}."
        )
    return told


def _roles(report: Report, found: Mapping[Community, Participation]) -> Iterable[tuple[str, ...]]:
    for of in report.communities:
        if of in found and found[of].core_n is not None:
            yield (
                telling.name(of),
                *(layout.count(n) for n in (found[of].core_n, found[of].regular_n, found[of].casual_n)),
            )


def _moves(report: Report) -> layout.Table | None:
    counted = {(move.from_role, move.to_role): move.contributors for move in report.role_moves or ()}
    if not any(counted.values()):
        return None
    rows = [(label, *(_moved_n(counted, origin, goal) for goal in _GOALS)) for origin, label in _ORIGINS.items()]
    return layout.folded(("Last month", *_GOALS.values()), rows, shown_n=len(rows), keeps_all=True)


def _moved_n(counted: Mapping[tuple[str, str], int | None], origin: str, goal: str) -> str:
    """People who made a move; that nobody did, or that it cannot be, is a dash."""
    if (origin, goal) not in counted:
        return "–"
    n = counted[origin, goal]
    return "too early" if n is None else layout.count(n)


def _kinds(report: Report) -> layout.Table | None:
    found = {profile.of: profile for profile in report.profiles or ()}
    unread_now = unread.now(report)
    rows = [
        (
            telling.name(of),
            *_kind(found[of], is_answered_known=unread_now.only(of) is None and not _is_chat(report, of)),
        )
        for of in report.communities
        if of in found
    ]
    columns = ("Community", "Size", "Each writes", "Belonging", "To newcomers", "Newcomers answered", "Others")
    return layout.folded(columns, rows, shown_n=_FOLDED_N, texts=(1, 2, 3, 4))


def _is_chat(report: Report, of: Community) -> bool:
    known = report.days_known.get(of)
    return known is not None and known.messages_n > 0 and not known.posts_n and not known.comments_n


def _kind(profile: Profile, *, is_answered_known: bool) -> tuple[str, ...]:
    labels = (profile.size_label, profile.intensity_label, profile.belonging_label, profile.openness_label)
    if not is_answered_known:
        rates = ("not read", "not read")
    elif profile.newcomer_posts_n is None:  # nobody can be called new yet
        rates = ("too early", "too early")
    else:
        rates = (layout.share(profile.newcomer_response_rate_24h), layout.share(profile.other_response_rate_24h))
    return (*(label or "not known" for label in labels), *rates)
