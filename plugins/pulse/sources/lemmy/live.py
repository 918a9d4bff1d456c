"""Source ``lemmy``: wired to the live layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pulse.sources.context import SourceContext
from pulse.sources.lemmy.entry import SOURCE, LemmyEntry, LemmyPolicy
from pulse.sources.lemmy.reading import MAPPING_VERSION, MOST_ITEMS, SERVICE, LemmyReader, endpoint_of
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.look_up import LookUp
from pulse.sources.live.run_plan import Costs

LEMMY = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=LemmyEntry,
    policy=LemmyPolicy,
    mapping_version=MAPPING_VERSION,
    # Looking again reads a month of listings, of which four days in thirty are due: so few of fifty items of a page.
    costs=Costs(fixed_n=2, page_items=MOST_ITEMS, again_items=6, listings_n=2),
    endpoint=lambda entry, _: endpoint_of(entry),
    reader=LemmyReader,
    question=lambda _: ("/api/v3/site", {}),
)

# What the protocol asks of a source's module.
extract = LEMMY.extract
listen = LEMMY.listen
describe_plan = LEMMY.describe_plan
probe = LEMMY.probe


@contextmanager
def look_up(entry: LemmyEntry, context: SourceContext, on_call: Callable[[], None]) -> Iterator[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.lemmy.look_up import open_lemmy  # which knows this module

    with open_lemmy(entry, context, on_call) as asking:
        yield asking
