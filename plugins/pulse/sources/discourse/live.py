"""Source ``discourse``: wired to the live layer."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.context import SourceContext
from pulse.sources.discourse.entry import SOURCE, DiscourseEntry, DiscoursePolicy
from pulse.sources.discourse.reading import MAPPING_VERSION, SERVICE, DiscourseReader, endpoint_of
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.look_up import LookUp, open_look_up
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

# What the protocol asks of a source's module.
extract = DISCOURSE.extract
listen = DISCOURSE.listen
describe_plan = DISCOURSE.describe_plan
probe = DISCOURSE.probe


def look_up(
    entry: DiscourseEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.discourse.look_up import QUESTIONS  # which knows this module

    return open_look_up(DISCOURSE, QUESTIONS, entry, context, on_call)
