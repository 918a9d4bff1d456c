"""Source ``reddit_api``: communities on Reddit, live, through PRAW.

Cannot be seen: awards and views (NULL). Posts and comments that were removed before the first look are left out of
Reddit's listings.
"""

import logging
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from pulse.core.errors import CallsSpent, DayNotServable, SourceError
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.live.listen_store import Stretch
from pulse.sources.live.listening import Heard, open_listen
from pulse.sources.live.sealing import Statement, listed_looks, load_id_of, seal_load
from pulse.sources.reddit.answers import RedditAnswers, mapping_of, open_answers
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.extraction import Extraction, Seen, look_at, read_back
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
        answers.cache.mark_taken(entry.community)
        answers.cache.mark_used(entry)
        return load


def listen(entry: RedditApiEntry, at: datetime, context: SourceContext) -> Heard:
    """Read what was posted since the last listen, and look at what is a day old; makes no load.

    A community that listens is asked by itself, whoever shares its listings in the daily run.

    Args:
        at: when the listen was due; its UTC day is the one that is listened to.

    Raises:
        CallsSpent: the day's calls for listens are spent.
        PulseError: as :func:`extract_planned`, but no day is refused.
    """
    entries = [one for one in context.entries if isinstance(one, RedditApiEntry)]
    policy = context.policy(RedditApiPolicy)
    with open_listen(context, entries, entry, at, mapping_of([entry], context), policy, service="Reddit") as opened:
        if opened.is_done:
            return opened.nothing_new()
        with closing(RedditAnswers(context, opened.cache)) as answers:
            posts = read_back(answers, [entry], "new", opened.since("post"))
            comments = read_back(answers, [entry], "comments", opened.since("comment"))
            due = opened.due(comments.asked_at)
            try:
                look_at(answers, [full_id for full_id, *_ in due], community=entry.community)
            except CallsSpent as error:
                log.warning("reddit_api: %s", error)
            reached = {"post": (posts.since, posts.asked_at), "comment": (comments.since, comments.asked_at)}
            return opened.finish(reached, due_n=len(due))


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
    listened = answers.cache.stretches(entry.community)
    _require_servable(entry, window, seen, listened.get("post", ()))
    statement = Statement(
        looks=listed_looks(
            entry, window, {"post": seen.posts_since, "comment": seen.comments_since}, listened=listened
        ),
        is_on_time=extraction.is_on_time,
        observation=seen.observation,
        partial_reason=_partial_reason(seen),
        skipped={"not_returned": seen.not_returned_n} if seen.not_returned_n else {},
        keeps_extra=entry.extra_fields,
    )
    return seal_load(answers.cache, entry, window, context, statement)


def _require_servable(entry: RedditApiEntry, window: Window, seen: Seen, listened: Sequence[Stretch]) -> None:
    """Refuse a window with a day of which not one post can be listed any more, nor was heard before."""
    since = seen.posts_since
    if any(start.date() == window.first_day for start, _ in listened):
        return
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
