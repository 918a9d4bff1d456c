"""Source ``bluesky``: wired to the live layer."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.bluesky.entry import SOURCE, BlueskyEntry, BlueskyPolicy
from pulse.sources.bluesky.reading import MAPPING_VERSION, MOST_FEED_POSTS, MOST_POSTS, SERVICE, BlueskyReader
from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
from pulse.sources.live.look_up import LookUp, open_look_up
from pulse.sources.live.run_plan import Costs

BLUESKY = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=BlueskyEntry,
    policy=BlueskyPolicy,
    mapping_version=MAPPING_VERSION,
    costs=Costs(fixed_n=0, page_items=MOST_FEED_POSTS, again_items=MOST_POSTS),
    # A post that is gone is answered with 400 and an error of that name.
    endpoint=lambda _, context: Endpoint(
        SERVICE, context.policy(BlueskyPolicy).url, answer_statuses=frozenset({400})
    ),
    reader=BlueskyReader,
    question=lambda entry: ("/xrpc/app.bsky.feed.getFeed", {"feed": entry.feed, "limit": 1}),
)  # fmt: skip

# What the protocol asks of a source's module.
extract = BLUESKY.extract
describe_plan = BLUESKY.describe_plan
probe = BLUESKY.probe


def look_up(entry: BlueskyEntry, context: SourceContext, on_call: Callable[[], None]) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.bluesky.look_up import questions_with  # which knows this module

    return open_look_up(BLUESKY, questions_with(context.author_key), entry, context, on_call)
