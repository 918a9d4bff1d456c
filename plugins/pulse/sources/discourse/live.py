"""Source ``discourse``: wired to the live layer."""

from collections.abc import Sequence

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.discourse.entry import SOURCE, DiscourseEntry, DiscoursePolicy
from pulse.sources.discourse.reading import MAPPING_VERSION, SERVICE, DiscourseReader, endpoint_of
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.run_plan import Costs

DISCOURSE = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=DiscourseEntry,
    policy=DiscoursePolicy,
    mapping_version=MAPPING_VERSION,
    # Categories, members, and the newest topics; a topic that is looked at again shows twenty posts at best.
    costs=Costs(fixed_n=3, page_items=50, again_items=20),
    endpoint=endpoint_of,
    reader=DiscourseReader,
    question=lambda _: ("/about.json", {}),
)


def extract(entry: DiscourseEntry, window: Window, context: SourceContext) -> list[Load]:
    """See :func:`pulse.sources.live.extraction.extract`."""
    return extraction.extract(DISCOURSE, entry, window, context)


def describe_plan(window: Window, context: SourceContext) -> Sequence[str]:
    """See :func:`pulse.sources.live.extraction.describe_plan`."""
    return extraction.describe_plan(DISCOURSE, window, context)


def probe(entry: DiscourseEntry, context: SourceContext) -> str:
    """See :func:`pulse.sources.live.extraction.probe`."""
    return extraction.probe(DISCOURSE, entry, context)
