"""What one run asks Reddit for, over all entries of the config: reckoned in task ``plan``, read in each ``extract``.

A plan belongs to a window, the names of the entries, and the policy: its file is called after them. It rests, beside
these, on the days that archives do not prove and on what raw has from before them. That is no part of the file's name:
to know it of all entries takes a look at some forty folders for each, and every extraction would pay for all. So the
plan says of each entry for which days it is asked, and has a stamp of the raw files that it read. Task ``plan`` holds
all of them against what is there, an extraction those of its own entry. Where they differ, the plan is made anew.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pulse.core.errors import ConfigError
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive
from pulse.sources.live.known import raw_stamp
from pulse.sources.live.listen_store import calls_of_listens
from pulse.sources.live.plans import sealed_plan
from pulse.sources.reddit.entry import SOURCE, RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.plan import Group, Plan, make_plan

# To be raised whenever the same raw, config and window would give another plan.
_VERSION = 2


@dataclass(frozen=True)
class Asked:
    """Days that some entries are asked for, and how.

    Attributes:
        plan: or the error that says why there is none.
    """

    window: Window
    plan: Plan | ConfigError

    def require_plan(self) -> Plan:
        """The plan.

        Raises:
            ConfigError: not even the listings fit the budget.
        """
        if isinstance(self.plan, ConfigError):
            raise self.plan
        return self.plan


def plans_of_run(window: Window, context: SourceContext) -> list[Asked]:
    """All that the run asks for, one item per stretch of days; none where archives prove everything.

    Side effects: seals it in landing, unless it is sealed and rests on what is there.

    Raises:
        LockBusy, SourceError, StorageError: see :func:`pulse.sources.live.plans.sealed_plan` and
            :func:`pulse.sources.lines.archive.open_archives`.
    """
    entries = _entries(context)
    windows = {entry.entry_id: window_to_ask(entry, window, context) for entry in entries}
    if not any(windows.values()):
        return []
    rests_on = {entry.entry_id: _rests_on(entry, windows[entry.entry_id], context) for entry in entries}
    content = sealed_plan(
        context.home,
        SOURCE,
        window,
        _config(context),
        is_current=lambda content: content["rests_on"] == rests_on,
        make=lambda: _reckon(window, context),
    )
    return [_asked_from_json(document, context) for document in content["asked"]]


def plan_for(entry: RedditApiEntry, asked: Window, window: Window, context: SourceContext) -> Plan:
    """The plan that an entry belongs to; the same for all entries that are asked for the same days.

    Args:
        asked: the days that the entry is to be asked for, see :func:`window_to_ask`.
        window: the run's.

    Raises:
        ConfigError: not even the listings fit the budget.
        LockBusy, SourceError, StorageError: as for :func:`plans_of_run`.
    """
    rests_on = _rests_on(entry, asked, context)
    content = sealed_plan(
        context.home,
        SOURCE,
        window,
        _config(context),
        is_current=lambda content: content["rests_on"].get(entry.entry_id) == rests_on,
        make=lambda: _reckon(window, context),
    )
    document = next((document for document in content["asked"] if document["days"] == _days(asked)), None)
    if document is None:  # the entry's archives have come to prove other days while this was read
        return make_plan([entry], asked, context)
    return _asked_from_json(document, context).require_plan()


def window_to_ask(entry: RedditApiEntry, window: Window, context: SourceContext) -> Window | None:
    """From the first to the last day that the entry's archives do not prove; None if they prove all.

    One window, because a listing is read from now backwards: days in between cost nothing more.
    """
    if not entry.path:
        return window
    proven = archive.open_archives(entry, context).whole_days(window)
    unproven = [day for day in window.days() if day not in proven]
    return Window(unproven[0], unproven[-1]) if unproven else None


def _entries(context: SourceContext) -> list[RedditApiEntry]:
    return [entry for entry in context.entries if isinstance(entry, RedditApiEntry)]


def _config(context: SourceContext) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "entries": [entry.entry_id for entry in _entries(context)],
        "policy": context.policy(RedditApiPolicy).model_dump(mode="json"),
    }


def _rests_on(entry: RedditApiEntry, asked: Window | None, context: SourceContext) -> list[Any]:
    """What a plan holds of an entry besides the config: the days to ask for, and a digest of what raw has before and
    how many calls listens made.
    """
    if asked is None:
        return [None, None]
    listened_n = calls_of_listens(context.home, SOURCE, entry, asked)
    stamp = f"{listened_n} {raw_stamp(context.home, entry, before=asked.first_day)}"
    return [_days(asked), hashlib.sha256(stamp.encode("utf-8", "surrogatepass")).hexdigest()[:20]]


def _reckon(window: Window, context: SourceContext) -> dict[str, Any]:
    """What each entry rests on is noted before raw is read: what changes meanwhile is found by whoever looks next."""
    windows = [(entry, window_to_ask(entry, window, context)) for entry in _entries(context)]
    rests_on = {entry.entry_id: _rests_on(entry, asked, context) for entry, asked in windows}
    found = []
    for asked in dict.fromkeys(asked for _, asked in windows if asked is not None):
        plan: Plan | ConfigError
        try:
            plan = make_plan([entry for entry, of_entry in windows if of_entry == asked], asked, context)
        except ConfigError as error:
            plan = error
        found.append(_as_json(Asked(asked, plan)))
    return {"rests_on": rests_on, "asked": found}


def _days(window: Window) -> list[str]:
    return [window.first_day.isoformat(), window.last_day.isoformat()]


def _as_json(asked: Asked) -> dict[str, Any]:
    if isinstance(asked.plan, ConfigError):
        facts = {name: getattr(asked.plan, name) for name in ("thing", "value", "limit", "next_step")}
        return {"days": _days(asked.window), "refused": facts}
    groups = [
        {
            "entries": [entry.entry_id for entry in group.entries],
            "listing_calls_n": group.listing_calls_n,
            "again_calls_n": group.again_calls_n,
            "max_calls_n": group.max_calls_n,
        }
        for group in asked.plan.groups
    ]
    return {
        "days": _days(asked.window),
        "groups": groups,
        "ages_d": list(asked.plan.ages_d),
        "max_calls_n": asked.plan.max_calls_n,
    }


def _asked_from_json(document: Mapping[str, Any], context: SourceContext) -> Asked:
    window = Window(*map(date.fromisoformat, document["days"]))
    if "refused" in document:
        facts = dict(document["refused"])
        return Asked(window, ConfigError(facts.pop("thing"), **facts))
    by_id = {entry.entry_id: entry for entry in _entries(context)}
    groups = tuple(
        Group(
            tuple(by_id[entry_id] for entry_id in group["entries"]),
            group["listing_calls_n"],
            group["again_calls_n"],
            group["max_calls_n"],
        )
        for group in document["groups"]
    )
    return Asked(window, Plan(groups, tuple(document["ages_d"]), document["max_calls_n"]))
