"""Source ``hacker_news``: wired to the live layer."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.hacker_news.entry import SOURCE, HackerNewsEntry, HackerNewsPolicy
from pulse.sources.hacker_news.reading import MAPPING_VERSION, MOST_HITS, SERVICE, HackerNewsReader
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
from pulse.sources.live.listening import Heard
from pulse.sources.live.look_up import LookUp, open_look_up
from pulse.sources.live.run_plan import Costs

HACKER_NEWS = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=HackerNewsEntry,
    policy=HackerNewsPolicy,
    mapping_version=MAPPING_VERSION,
    costs=Costs(fixed_n=0, page_items=MOST_HITS, again_items=MOST_HITS),
    endpoint=lambda _, context: Endpoint(SERVICE, context.policy(HackerNewsPolicy).url),
    reader=HackerNewsReader,
    question=lambda _: ("/api/v1/search_by_date", {"tags": "story", "hitsPerPage": 1}),
)


def extract(entry: HackerNewsEntry, window: Window, context: SourceContext) -> list[Load]:
    """See :func:`pulse.sources.live.extraction.extract`."""
    return extraction.extract(HACKER_NEWS, entry, window, context)


def listen(entry: HackerNewsEntry, at: datetime, context: SourceContext) -> Heard:
    """See :func:`pulse.sources.live.extraction.listen`."""
    return extraction.listen(HACKER_NEWS, entry, at, context)


def describe_plan(window: Window, context: SourceContext) -> Sequence[str]:
    """See :func:`pulse.sources.live.extraction.describe_plan`."""
    return extraction.describe_plan(HACKER_NEWS, window, context)


def probe(entry: HackerNewsEntry, context: SourceContext) -> str:
    """See :func:`pulse.sources.live.extraction.probe`."""
    return extraction.probe(HACKER_NEWS, entry, context)


def look_up(
    entry: HackerNewsEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.hacker_news.look_up import QUESTIONS  # which knows this module

    return open_look_up(HACKER_NEWS, QUESTIONS, entry, context, on_call)
