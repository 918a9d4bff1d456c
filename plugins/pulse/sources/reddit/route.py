"""Source ``reddit_api``: days that an entry's archives prove are read from them, Reddit is asked for the others."""

import logging
from contextlib import closing
from datetime import datetime

from pulse.core.errors import DayNotServable
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.lines import archive
from pulse.sources.live.listening import Heard
from pulse.sources.reddit import run_plan
from pulse.sources.reddit.entry import SOURCE, RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.look_up import look_up

__all__ = ["describe_plan", "extract", "look_up", "probe"]

log = logging.getLogger(__name__)


def extract(entry: RedditApiEntry, window: Window, context: SourceContext) -> list[Load]:
    """Read from the entry's archives what they hold, and ask Reddit for the days that they do not prove.

    Where Reddit cannot serve such a day, what the archives hold of it stands by itself: the day is partial.

    Raises:
        SourceError, ConfigError, StorageError: see :func:`pulse.sources.reddit.api.extract`.
    """
    from pulse.sources.reddit import api  # PRAW comes with it

    loads: list[Load] = []
    if entry.path and archive.open_archives(entry, context).holds_any_of(window):
        loads.append(archive.extract(entry, window, context))
    asked = run_plan.window_to_ask(entry, window, context)
    if asked is None:
        return loads
    try:
        plan = run_plan.plan_for(entry, asked, window, context)
        return [*loads, api.extract_planned(entry, asked, context, plan)]
    except DayNotServable as error:
        if not loads:
            raise
        log.warning("reddit_api: %s; the archive's rows stand by themselves there", error)
        if error.earliest_day is None or error.earliest_day > asked.last_day:
            return loads
        servable = Window(max(error.earliest_day, asked.first_day), asked.last_day)
        if servable == asked:
            return loads
        try:
            return [*loads, api.extract(entry, servable, context, live_entries=[entry])]
        except DayNotServable:  # the listing's end moved on while it was read
            return loads


def listen(entry: RedditApiEntry, at: datetime, context: SourceContext) -> Heard:
    """Ask Reddit within the day, whatever archives hold; see :func:`pulse.sources.reddit.api.listen`."""
    from pulse.sources.reddit import api  # PRAW comes with it

    return api.listen(entry, at, context)


def probe(entry: RedditApiEntry, context: SourceContext) -> str:
    """Ask what the community says of itself: one call, besides one for a token."""
    from pulse.sources.reddit.client import RedditClient  # PRAW comes with it
    from pulse.sources.reddit.credentials import RedditCredentials
    from pulse.sources.reddit.pages import community_facts

    credentials, policy = context.credentials(RedditCredentials), context.policy(RedditApiPolicy)
    with closing(RedditClient(context.home, credentials, policy, on_call=lambda: None)) as client:
        answer = client.get(f"/r/{entry.name}/about", {}, community_facts)
    return f"Reddit answers; its clock says {answer.observed_at:%Y-%m-%d %H:%M} UTC"


def describe_plan(window: Window, context: SourceContext) -> list[str]:
    """What the window will ask Reddit for, one line per stretch of days.

    Side effects: seals the plan, which each extraction of the run reads (:mod:`pulse.sources.reddit.run_plan`).

    Raises:
        ConfigError: the calls do not fit the budget.
        LockBusy, SourceError, StorageError: see :func:`pulse.sources.reddit.run_plan.plans_of_run`.
    """
    lines = []
    for asked in run_plan.plans_of_run(window, context):
        days = "" if asked.window == window else f"; for {asked.window}, which archives do not prove"
        lines.append(f"{SOURCE}: {asked.require_plan()}{days}")
    return lines
