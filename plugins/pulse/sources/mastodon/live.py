"""Source ``mastodon``: wired to the live layer."""

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

# What the protocol asks of a source's module.
extract = MASTODON.extract
describe_plan = MASTODON.describe_plan
probe = MASTODON.probe
