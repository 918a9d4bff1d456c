"""Source ``lemmy``: wired to the live layer."""

from collections.abc import Sequence

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.lemmy.entry import SOURCE, LemmyEntry, LemmyPolicy
from pulse.sources.lemmy.reading import MAPPING_VERSION, MOST_ITEMS, SERVICE, LemmyReader, endpoint_of
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
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


def extract(entry: LemmyEntry, window: Window, context: SourceContext) -> list[Load]:
    """See :func:`pulse.sources.live.extraction.extract`."""
    return extraction.extract(LEMMY, entry, window, context)


def describe_plan(window: Window, context: SourceContext) -> Sequence[str]:
    """See :func:`pulse.sources.live.extraction.describe_plan`."""
    return extraction.describe_plan(LEMMY, window, context)


def probe(entry: LemmyEntry, context: SourceContext) -> str:
    """See :func:`pulse.sources.live.extraction.probe`."""
    return extraction.probe(LEMMY, entry, context)
