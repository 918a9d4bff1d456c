"""How the calls of a run are shared among the communities of one source, reckoned once and sealed beside landing.

A plan rests on the configuration and on what raw knows from before the window, so a run that is repeated comes to the
same one. Each entry is asked by itself; how many things fit into one call is what a source says of its platform.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulse.core.errors import ConfigError
from pulse.core.window import Window
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.live.known import AGES_D, Expected, count_due, expected_of, raw_stamp
from pulse.sources.live.listen_store import calls_of_listens
from pulse.sources.live.listening import calls_of_day
from pulse.sources.live.plans import sealed_plan
from pulse.sources.live.policy import LivePolicy

# To be raised whenever the same raw, config and window would give another plan.
_VERSION = 2
# A community that nobody knows yet is taken for one of so many contributions a day.
_UNKNOWN_PER_DAY_N = 200.0


@dataclass(frozen=True)
class Costs:
    """What a platform's calls bring, at most.

    Attributes:
        fixed_n: calls for the community itself, whatever it holds.
        page_items: contributions in one call for a window.
        again_items: contributions in one call that looks again.
        listings_n: listings that a window is read from; each ends with a page that is not full.
    """

    fixed_n: int
    page_items: int
    again_items: int
    listings_n: int = 1


@dataclass(frozen=True)
class EntryPlan:
    """The calls for one entry.

    Attributes:
        window_calls_n: expected for the window.
        again_calls_n: expected for looks again.
        max_calls_n: what may be spent in all.
        ages_d: ages in days at which contributions are looked at again; the highest go first where calls are few.
    """

    window_calls_n: int
    again_calls_n: int
    max_calls_n: int
    ages_d: tuple[int, ...]


def plan_of_run(
    source: str, entries: Sequence[CommunityEntry], window: Window, context: SourceContext, policy: LivePolicy,
    costs: Costs,
) -> dict[str, EntryPlan]:  # fmt: skip
    """The plan of each entry, by its id.

    Side effects: seals it in landing, unless it is sealed and rests on what raw has.

    Raises:
        ConfigError: not even the windows fit the budget.
        LockBusy, StorageError: see :func:`pulse.sources.live.plans.sealed_plan`.
    """
    stamps = {entry.entry_id: _stamp(entry, window, context) for entry in entries}
    content = _sealed(
        source, entries, window, context, policy, costs, is_current=lambda content: content["rests_on"] == stamps
    )
    return {entry_id: _from_json(document) for entry_id, document in content["plans"].items()}


def plan_of_entry(
    source: str, entry: CommunityEntry, entries: Sequence[CommunityEntry], window: Window, context: SourceContext,
    policy: LivePolicy, costs: Costs,
) -> EntryPlan:  # fmt: skip
    """The plan of one entry, which is held against what raw has of that entry alone.

    Raises:
        ConfigError, LockBusy, StorageError: see :func:`plan_of_run`.
    """
    stamp = _stamp(entry, window, context)
    content = _sealed(
        source, entries, window, context, policy, costs,
        is_current=lambda content: content["rests_on"].get(entry.entry_id) == stamp,
    )  # fmt: skip
    return _from_json(content["plans"][entry.entry_id])


def _sealed(
    source: str, entries: Sequence[CommunityEntry], window: Window, context: SourceContext, policy: LivePolicy,
    costs: Costs, *, is_current: Callable[[dict[str, Any]], bool],
) -> dict[str, Any]:  # fmt: skip
    return sealed_plan(
        context.home, source, window, _config(entries, policy), is_current=is_current,
        make=lambda: _reckon(source, entries, window, context, policy, costs),
    )  # fmt: skip


def _config(entries: Sequence[CommunityEntry], policy: LivePolicy) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "entries": [entry.entry_id for entry in entries],
        "policy": policy.model_dump(mode="json"),
    }


def _stamp(entry: CommunityEntry, window: Window, context: SourceContext) -> str:
    listened_n = calls_of_listens(context.home, entry.source, entry, window)
    stamp = f"{listened_n} {raw_stamp(context.home, entry, before=window.first_day)}"
    return hashlib.sha256(stamp.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _reckon(
    source: str, entries: Sequence[CommunityEntry], window: Window, context: SourceContext, policy: LivePolicy,
    costs: Costs,
) -> dict[str, Any]:  # fmt: skip
    """What raw has is noted before it is read: what changes meanwhile is found by whoever looks next."""
    stamps = {entry.entry_id: _stamp(entry, window, context) for entry in entries}
    usual = expected_of(context.home, entries, before=window.first_day)
    due_n = count_due(context.home, entries, before=window.first_day, now=window.end_at)
    of_window = {
        entry.entry_id: costs.fixed_n
        + math.floor(_per_day(usual[entry.entry_id]) * window.days_n / costs.page_items)
        + costs.listings_n
        for entry in entries
    }
    limit_n = max(policy.max_calls_per_run - calls_of_day(context.home, source, entries, window), 0)
    if sum(of_window.values()) > limit_n:
        raise ConfigError(
            f"{source}.max_calls_per_run for {window}",
            value=f"{sum(of_window.values())} calls for the windows of {len(entries)} communities",
            limit=limit_n,
            next_step="raise it, or listen to fewer communities",
        )
    ages_d: tuple[int, ...] = AGES_D
    while ages_d and sum(of_window.values()) + _again(entries, due_n, ages_d, costs) > limit_n:
        ages_d = ages_d[:-1]
    again = {entry.entry_id: _again([entry], due_n, ages_d, costs) for entry in entries}
    left_n = limit_n - sum(of_window.values()) - sum(again.values())
    weights = {entry.entry_id: 1 + _per_day(usual[entry.entry_id]) for entry in entries}
    plans = {
        entry_id: {
            "window_calls_n": of_window[entry_id],
            "again_calls_n": again[entry_id],
            "max_calls_n": of_window[entry_id] + again[entry_id] + int(left_n * weight / sum(weights.values())),
            "ages_d": list(ages_d),
        }
        for entry_id, weight in weights.items()
    }
    return {"rests_on": stamps, "plans": plans}


def _per_day(known: Expected | None) -> float:
    return _UNKNOWN_PER_DAY_N if known is None else known.posts_n + known.comments_n


def _again(
    entries: Sequence[CommunityEntry], due_n: Mapping[tuple[str, int], int], ages_d: Sequence[int], costs: Costs
) -> int:
    of_entries = (sum(due_n.get((entry.community, age), 0) for age in ages_d) for entry in entries)
    return sum(math.ceil(count / costs.again_items) for count in of_entries)


def _from_json(document: Mapping[str, Any]) -> EntryPlan:
    return EntryPlan(**{**document, "ages_d": tuple(document["ages_d"])})
