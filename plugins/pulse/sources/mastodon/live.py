"""Source ``mastodon``: wired to the live layer."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.look_up import LookUp, open_look_up
from pulse.sources.live.run_plan import Costs
from pulse.sources.mastodon.entry import SOURCE, MastodonEntry, MastodonPolicy
from pulse.sources.mastodon.reading import (
    MAPPING_VERSION,
    MOST_AT_ONCE,
    MOST_STATUSES,
    SERVICE,
    MastodonReader,
    endpoint_of,
)

MASTODON = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=MastodonEntry,
    policy=MastodonPolicy,
    mapping_version=MAPPING_VERSION,
    costs=Costs(fixed_n=1, page_items=MOST_STATUSES, again_items=MOST_AT_ONCE),
    endpoint=lambda entry, _: endpoint_of(entry),
    reader=MastodonReader,
    question=lambda _: ("/api/v1/timelines/public", {"local": "true", "limit": 1}),
)

# What the protocol asks of a source's module.
extract = MASTODON.extract
listen = MASTODON.listen
describe_plan = MASTODON.describe_plan
probe = MASTODON.probe


def look_up(
    entry: MastodonEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.mastodon.look_up import QUESTIONS  # which knows this module

    return open_look_up(MASTODON, QUESTIONS, entry, context, on_call)
