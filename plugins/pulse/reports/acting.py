"""What to do, and why: the actions of the month in sentences, each from one rule, the most urgent first.

Where the marts hold no actions, what is clear among the figures and the turns of the mood takes their place.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from pulse.core.text import printable
from pulse.reports import layout, telling, zones
from pulse.reports.contents import FEWEST_CASES, Action, Evidence, Report, Turn
from pulse.showing import figures, words

SHOWN_N = 5
_WIDE = 10  # times the lower bound, from which on a range tells no more than its least
_RULES = ("answer_unanswered", "mood_turned", "need_grew", "thank_advocate", "topic_rose", "post_this_kind")
# What a need is called when people voice it: of several, and as a request that waits.
_NEED_TITLES = {
    "wish": "Hear what more people wish for",
    "complaint": "Look into what more people complain about",
    "recommendation_request": "Recommend something: more people ask",
    "support_request": "Help: more people ask for it",
}


@dataclass(frozen=True)
class Told:
    """One thing to do.

    Attributes:
        title: what to do, without anything that people wrote.
        topic: words of a topic that it is about, which people wrote; None without.
        why: the figures behind it, in plain words.
        where: the community; nothing where the report is about it alone.
        links: what to read for it.
    """

    title: str
    topic: str | None
    why: str
    where: str
    links: tuple[str, ...]


def told(report: Report) -> list[Told]:
    """All there is to do, the most urgent first; communities take turns."""
    if report.actions:
        found = [_told(report, group) for group in _grouped(report)]
    else:
        found = [_of_turn(turn) for turn in report.turns or ()]
    return found if report.only is None else [replace(one, where="") for one in found]


def form_words(report: Report, dimension: str, form: str) -> str:
    """What posts of a form are called: ``pictures``, ``posts on a Monday``; hours in the report's time zone."""
    found = re.fullmatch(r"(\d\d)_to_(\d\d)_utc", form)
    if dimension == "day_part" and found is not None:
        return f"posts from {zones.hours(report, int(found[1]), int(found[2]))}"
    return printable(words.form_text(dimension, form), max_chars=80)


def _words_of(code: str) -> str:
    return printable(code.replace("_", " "), max_chars=60)


def _grouped(report: Report) -> list[list[Action]]:
    """Actions that are one thing to do, as thanking several people; in the order in which to do them.

    The rules take turns: the first of each rule, then the second of each. Within a rule the community whose own list
    has it first comes first, then the more active one.
    """
    activity = {of: at for at, of in enumerate(report.communities)}
    groups: dict[tuple[object, ...], list[Action]] = {}
    for action in report.actions:
        subject = None if action.rule == "answer_unanswered" else action.subject
        groups.setdefault((action.of, action.rule, subject), []).append(action)

    def of_rule(rule: str) -> list[list[Action]]:
        found = [group for group in groups.values() if group[0].rule == rule]
        return sorted(
            found,
            key=lambda group: (min(a.place for a in group), activity.get(group[0].of, len(activity)), group[0].of),
        )

    rules = dict.fromkeys((*_RULES, *sorted({action.rule for action in report.actions})))
    ordered = [(turn, group) for rule in rules for turn, group in enumerate(of_rule(rule))]
    return [group for _, group in sorted(ordered, key=itemgetter(0))]


def _told(report: Report, group: Sequence[Action]) -> Told:
    first = group[0]
    if first.rule == "mood_turned":
        title, topic, why = _mood(first, _turn_of(report, first))
    elif first.rule == "thank_advocate":
        title, topic, why = _thanks(group, _advocates_n(report, group))
    elif first.rule == "post_this_kind":
        title, topic, why = _form(report, first)
    else:
        tell = _BY_RULE.get(first.rule, _unknown)
        title, topic, why = tell(group)
    evidence = [one for action in group for one in action.evidence]
    return Told(title, topic, why, telling.name(first.of), layout.addresses(first.of, _once(evidence))[:3])


def _turn_of(report: Report, action: Action) -> Turn | None:
    """The turn of the mood that an action is about."""
    is_up = action.subject == "up"
    return next(
        (turn for turn in report.turns or () if turn.of == action.of and (turn.direction == "up") == is_up), None
    )


def _once(evidence: Iterable[Evidence]) -> list[Evidence]:
    return list({one.contribution_id: one for one in evidence}.values())


def _unanswered(group: Sequence[Action]) -> tuple[str, None, str]:
    n, asked_n = (
        sum(round(value or 0) for value in values) for values in ([a.figure for a in group], [a.n for a in group])
    )
    kinds = figures.listed([f"{round(a.figure or 0):,} {_request(a)}" for a in group]) if len(group) > 1 else ""
    title = f"Answer {figures.counted(n, 'question')} that nobody answered"
    waited = f"Of {asked_n:,} that we were asked, {n:,} had no answer when the month ended"
    return title, None, f"{waited}: {kinds}." if kinds else f"{waited}."


def _request(action: Action) -> str:
    name = words.NEEDS.get(action.subject or "", _words_of(action.subject or "requests"))
    return name.replace("requests for", "request for").removesuffix("s") if round(action.figure or 0) == 1 else name


def _mood(action: Action, turn: Turn | None) -> tuple[str, None, str]:
    is_up = action.subject == "up"
    on = f" on {figures.short_day(turn.day)}" if turn else ""
    likely = _likely(action, scale=100, absolute=True)
    change = f"{abs(100 * action.figure):.0f} points{on}{likely}" if action.figure is not None else f"clearly{on}"
    return _mood_title(is_up=is_up), None, f"It {'rose' if is_up else 'fell'} by {change}."


def _mood_title(*, is_up: bool) -> str:
    return "Do again what lifted the mood" if is_up else "Find out what spoiled the mood, and say something"


def _need(group: Sequence[Action]) -> tuple[str, str | None, str]:
    action = group[0]
    need, _, topic = (action.subject or "").partition(": ")
    title = _NEED_TITLES.get(need, f"Look into what more people voice: {_words_of(need)}")
    why = f"{_people(action)} voice it, {_times(action)} as many as in the three months before."
    return title, _words(topic, action.n), why


def _thanks(group: Sequence[Action], people_n: int) -> tuple[str, None, str]:
    brand = printable(group[0].subject or "us", max_chars=60)
    who = "somebody who speaks" if people_n == 1 else f"{people_n} people who speak"
    each = "They" if people_n == 1 else "Each"
    return f"Thank {who} well of {brand}, unpaid", None, f"{each} told good things at first hand, on several days."


def _advocates_n(report: Report, group: Sequence[Action]) -> int:
    """How many people there are to thank; a community's list of actions may hold only some of them."""
    first = group[0]
    known = (
        one.people_n for one in report.crowds if (one.of, one.what, one.brand) == (first.of, "advocate", first.subject)
    )
    return max(next(known, 0), len(group))


def _topic(group: Sequence[Action]) -> tuple[str, str | None, str]:
    action = group[0]
    why = f"{_people(action)} wrote of it, {_times(action)} the share of before."
    return "Join a talk that grows", _words(action.subject, action.n), why


def _form(report: Report, action: Action) -> tuple[str, None, str]:
    dimension, _, form = (action.subject or "").partition(": ")
    why = f"They get {_times(action)} what other posts there get; {action.n or 0:,} were seen."
    return f"Post more {form_words(report, dimension, form)}", None, why


def _unknown(group: Sequence[Action]) -> tuple[str, None, str]:
    action = group[0]
    n = "" if action.n is None else f" ({figures.counted(action.n, 'case')})"
    return f"Look into this: {_words_of(action.rule)}{n}", None, ""


_BY_RULE: dict[str, Callable[[Sequence[Action]], tuple[str, str | None, str]]] = {
    "answer_unanswered": _unanswered,
    "need_grew": _need,
    "topic_rose": _topic,
}


def _of_turn(turn: Turn) -> Told:
    """The turn of a mood as something to do, where no rule says so."""
    is_up = turn.direction == "up"
    title = _mood_title(is_up=is_up)
    step = f"{abs(100 * (turn.after.net - turn.before.net)):.0f} points on {figures.short_day(turn.day)}"
    evidence = [Evidence(one.contribution_id, one.permalink) for one in turn.excerpts if one.side == "after"]
    why = f"It {'rose' if is_up else 'fell'} by {step}."
    return Told(title, None, why, telling.name(turn.of), layout.addresses(turn.of, evidence)[:3])


def _people(action: Action) -> str:
    return "More people" if action.n is None else figures.counted(action.n, "person", "people")


def _times(action: Action) -> str:
    """How many times; only its least where the most is out of all proportion."""
    low, high = action.figure_low, action.figure_high
    if low and high and high > _WIDE * low:
        return f"at least {layout.times(low)}"
    return f"{layout.times(action.figure)}{_likely(action)}"


def _words(topic: str | None, people_n: int | None) -> str | None:
    """Words of a topic, unless so few wrote on it that they may be one person's."""
    if not topic or (people_n or 0) < FEWEST_CASES:
        return None
    return printable(topic, max_chars=60)


def _likely(action: Action, *, scale: float = 1, absolute: bool = False) -> str:
    if action.figure_low is None or action.figure_high is None:
        return ""
    ends = [scale * action.figure_low, scale * action.figure_high]
    low, high = sorted(map(abs, ends) if absolute else ends)
    return f" (likely {figures.figure(low, 'ratio')} to {figures.figure(high, 'ratio')})"
