"""The way to Mastodon."""

from pulse.sources.mastodon.entry import SOURCE, MastodonEntry, MastodonPolicy
from pulse.sources.protocol import Source

MASTODON = Source(SOURCE, MastodonEntry, "pulse.sources.mastodon.live", is_live=True, policy=MastodonPolicy)
