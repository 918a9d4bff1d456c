"""Source ``mastodon``: wired to the live layer."""

from collections.abc import Sequence

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
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


def extract(entry: MastodonEntry, window: Window, context: SourceContext) -> list[Load]:
    """See :func:`pulse.sources.live.extraction.extract`."""
    return extraction.extract(MASTODON, entry, window, context)


def describe_plan(window: Window, context: SourceContext) -> Sequence[str]:
    """See :func:`pulse.sources.live.extraction.describe_plan`."""
    return extraction.describe_plan(MASTODON, window, context)


def probe(entry: MastodonEntry, context: SourceContext) -> str:
    """See :func:`pulse.sources.live.extraction.probe`."""
    return extraction.probe(MASTODON, entry, context)
