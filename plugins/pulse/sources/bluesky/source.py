"""The way to Bluesky."""

from pulse.sources.bluesky.entry import SOURCE, BlueskyEntry, BlueskyPolicy
from pulse.sources.protocol import Source

BLUESKY = Source(SOURCE, BlueskyEntry, "pulse.sources.bluesky.live", is_live=True, policy=BlueskyPolicy)
