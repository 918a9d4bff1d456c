"""Promotions: what the team gave and asked for, how it was taken, what offers and launches did, our own communities."""

from typing import Any

from pulse.core.text import printable
from pulse.reports import telling
from pulse.reports.contents import Event, OwnCommunity, Pitch, Reception, Report
from pulse.showing import figures

_SHOWN_N = 3
_REFUSALS = {
    "too_few_weeks_before": "too few weeks before it are known",
    "too_few_weeks_after": "too few weeks after it are known",
    "too_few_controls": "too few communities without one to compare with",
    "trend_before_differs": "the community went its own way before it already",
}
_TAKEN = {
    "well_taken": "better than other posts, and clearly so",
    "badly_taken": "worse than other posts, and clearly so",
}


def section(report: Report) -> dict[str, Any] | None:
    """Sentences; None where nobody of ours wrote, promoted or offered anything."""
    told = [
        *map(_pitch, report.pitches),
        *map(_reception, report.receptions),
        *map(_event, (event for event in report.events if event.change_share is not None)),
        *filter(None, map(_own, report.own_communities)),
    ]
    untold = list(map(_event, (event for event in report.events if event.change_share is None)))
    if not told and not untold:
        return None
    return {"told": told[:_SHOWN_N] or untold[:_SHOWN_N], "more": [*told[_SHOWN_N:], *(untold if told else ())]}


def _pitch(pitch: Pitch) -> str:
    helps = f"{pitch.helps_n or 0:,} times to help {figures.counted(pitch.people_helped_n or 0, 'person', 'people')}"
    pitches = "never to promote" if not pitch.pitches_n else f"{pitch.pitches_n:,} times to promote"
    removed = f"; moderators took {pitch.removed_n:,} down" if pitch.removed_n else ""
    return f"In {telling.name(pitch.of)} our team wrote {pitch.team_n or 0:,} times: {helps}, {pitches}{removed}."


def _reception(reception: Reception) -> str:
    who = "Our team's" if reception.promoter == "team" else "People's"
    posts = figures.counted(reception.posts_n, "promotion")
    taken = _TAKEN.get(reception.reception or "", "no differently from other posts, as far as can be told")
    n = figures.counted(reception.replies_scored_n or 0, "reply", "replies")
    return f"{who} {posts} in {telling.name(reception.of)}: taken {taken} ({n})."


def _event(event: Event) -> str:
    what = "offer" if event.event_kind == "offer" else "launch"
    name = printable(event.event, max_chars=60)
    start = f"{name} ({what} of {figures.short_day(event.event_date)}) in {telling.name(event.of)}"
    if event.change_share is None:
        why = _REFUSALS.get(event.refusal or "", "too little is known")
        return f"{start}: what it did cannot be told, for {why}."
    step = f"{figures.up_or_down(event.change_share)} against communities without one"
    return f"{start}: writing went {step}, {'and clearly so' if event.is_clear_rise else 'could be chance'}."


def _own(own: OwnCommunity) -> str:
    parts = []
    if own.members_n is not None:
        change = "" if own.members_change_n is None else f" ({figures.plus(f'{own.members_change_n:,}')} in the month)"
        parts.append(f"{own.members_n:,} members{change}")
    if own.answered_by_team_share is not None:
        answered = figures.whole_percent(own.answered_by_team_share)
        hours = own.median_team_answer_h
        within = "" if hours is None else f", half of them within {figures.span(hours)}"
        parts.append(f"our team answered {answered} of {own.posts_by_people_n or 0:,} posts{within}")
    return f"{telling.name(own.of)}, our own: {', '.join(parts)}." if parts else ""
