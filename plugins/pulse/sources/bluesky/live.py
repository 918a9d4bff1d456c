"""Source ``bluesky``: wired to the live layer."""

from collections.abc import Sequence

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.bluesky.entry import SOURCE, BlueskyEntry, BlueskyPolicy
from pulse.sources.bluesky.reading import MAPPING_VERSION, MOST_FEED_POSTS, MOST_POSTS, SERVICE, BlueskyReader
from pulse.sources.context import SourceContext
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
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


def extract(entry: BlueskyEntry, window: Window, context: SourceContext) -> list[Load]:
    """See :func:`pulse.sources.live.extraction.extract`."""
    return extraction.extract(BLUESKY, entry, window, context)


def describe_plan(window: Window, context: SourceContext) -> Sequence[str]:
    """See :func:`pulse.sources.live.extraction.describe_plan`."""
    return extraction.describe_plan(BLUESKY, window, context)


def probe(entry: BlueskyEntry, context: SourceContext) -> str:
    """See :func:`pulse.sources.live.extraction.probe`."""
    return extraction.probe(BLUESKY, entry, context)
