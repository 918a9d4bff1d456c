"""Source ``hacker_news``: wired to the live layer."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.context import SourceContext
from pulse.sources.hacker_news.entry import SOURCE, HackerNewsEntry, HackerNewsPolicy
from pulse.sources.hacker_news.reading import MAPPING_VERSION, MOST_HITS, SERVICE, HackerNewsReader
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
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

# What the protocol asks of a source's module.
extract = HACKER_NEWS.extract
listen = HACKER_NEWS.listen
describe_plan = HACKER_NEWS.describe_plan
probe = HACKER_NEWS.probe


def look_up(
    entry: HackerNewsEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.hacker_news.look_up import QUESTIONS  # which knows this module

    return open_look_up(HACKER_NEWS, QUESTIONS, entry, context, on_call)
