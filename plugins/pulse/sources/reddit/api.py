"""Source ``reddit_api``: communities on Reddit, live, through PRAW.

Cannot be seen: awards and views (NULL). Posts and comments that were removed before the first look are left out of
Reddit's listings.
"""

import logging
from collections.abc import Sequence

from pulse.core.errors import DayNotServable, SourceError
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.live.sealing import Statement, listed_looks, load_id_of, seal_load
from pulse.sources.reddit.answers import RedditAnswers, open_answers
from pulse.sources.reddit.entry import RedditApiEntry
from pulse.sources.reddit.extraction import Extraction, Seen
from pulse.sources.reddit.plan import Group, Plan, make_plan

log = logging.getLogger(__name__)


def extract(
    entry: RedditApiEntry, window: Window, context: SourceContext, *, live_entries: Sequence[RedditApiEntry]
) -> Load:
    """Land what Reddit shows of the entry's community for the window, with a plan that is reckoned here.

    Args:
        live_entries: all entries that this window is to be asked for live, in the order of the config.

    Raises:
        ConfigError: the listings do not fit the budget.
        PulseError: see :func:`extract_planned`.
    """
    return extract_planned(entry, window, context, make_plan(live_entries, window, context))


def extract_planned(entry: RedditApiEntry, window: Window, context: SourceContext, plan: Plan) -> Load:
    """Land what Reddit shows of the entry's community for the window.

    The first task of a group asks for all its communities; the others find the pages sealed.

    Args:
        plan: of this window, with the entry in one of its groups.

    Raises:
        DayNotOver: Reddit's own clock stands before the window's end.
        DayNotServable: Reddit's listings no longer reach back to one of the days.
        RateLimited: to be tried again after a wait; the pages so far are kept.
        SourceUnavailable, SourceError, BadCredentials: see :mod:`pulse.sources.reddit.client`.
        ConfigError: no credentials.
        StorageError: landing cannot be written.
    """
    group = plan.group_of(entry)
    with open_answers(context, group.entries, window, for_entry=entry, max_calls_n=group.max_calls_n) as answers:
        load = _extract(entry, window, context, answers, group, plan)
        answers.cache.mark_used(entry)
        return load


def _extract(
    entry: RedditApiEntry, window: Window, context: SourceContext, answers: RedditAnswers, group: Group, plan: Plan
) -> Load:
    load_id = load_id_of(answers.cache, entry, window)
    existing = landing.find(context.home, load_id)
    if existing is not None:
        log.info("reddit_api: %s is sealed already", load_id)
        return existing
    extraction = Extraction(answers, context, group, plan, window)
    seen = extraction.run()[entry.community]
    if seen.refused is not None:
        answers.cache.mark_used(entry)
        raise SourceError(
            f"community r/{entry.name}", value=seen.refused, next_step="take it out of the config, or ask to be let in"
        )
    _require_servable(entry, window, seen)
    statement = Statement(
        looks=listed_looks(entry, window, {"post": seen.posts_since, "comment": seen.comments_since}),
        is_on_time=extraction.is_on_time,
        observation=seen.observation,
        partial_reason=_partial_reason(seen),
        skipped={"not_returned": seen.not_returned_n} if seen.not_returned_n else {},
        keeps_extra=entry.extra_fields,
    )
    return seal_load(answers.cache, entry, window, context, statement)


def _require_servable(entry: RedditApiEntry, window: Window, seen: Seen) -> None:
    """Refuse a window with a day of which not one post can be listed any more."""
    since = seen.posts_since
    if since is not None and since.date() > window.first_day:
        raise DayNotServable(
            f"Reddit's listing of r/{entry.name}",
            value=f"nothing from {window.first_day}, it ends at {since:%Y-%m-%d %H:%M} UTC",
            earliest_day=since.date(),
            next_step="choose later days, or name an archive that holds the earlier ones as `path` of the entry",
        )


def _partial_reason(seen: Seen) -> str:
    parts = []
    if seen.posts_since is not None:
        parts.append(f"Reddit's listing of posts ends at {seen.posts_since:%Y-%m-%d %H:%M} UTC")
    if seen.comments_since is not None:
        share = 1 - seen.unseen_comments_n / seen.counted_comments_n if seen.counted_comments_n else 1.0
        parts.append(
            f"its stream of comments ends at {seen.comments_since:%Y-%m-%d %H:%M} UTC; with threads read one by one, "
            f"{share:.1%} of the counted comments were seen"
        )
    if seen.has_spent_its_calls:
        parts.append("the calls of this run were spent")
    return "; ".join(parts)
