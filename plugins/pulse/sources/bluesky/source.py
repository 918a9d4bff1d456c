"""The way to Bluesky."""

from pulse.sources.bluesky.entry import SOURCE, BlueskyEntry, BlueskyPolicy
from pulse.sources.protocol import Source
from pulse.sources.recognition import Address

BLUESKY = Source(
    SOURCE,
    BlueskyEntry,
    "pulse.sources.bluesky.live",
    is_live=True,
    policy=BlueskyPolicy,
    days="those that the feed still lists, newest first",
    addresses=(
        Address(
            r"bsky\.app/profile/(?P<maker>[^/?]+)/feed/(?P<feed>[^/?]+)",
            {"name": "{feed}", "feed": "at://{maker}/app.bsky.feed.generator/{feed}"},
        ),
    ),
)
