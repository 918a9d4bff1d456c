"""The ways to Reddit."""

from pulse.sources.protocol import Source
from pulse.sources.reddit.arctic_shift_entry import ArcticShiftEntry, ArcticShiftPolicy
from pulse.sources.reddit.credentials import RedditCredentials
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy, RedditArchiveEntry

REDDIT_ARCHIVE = Source("reddit_archive", RedditArchiveEntry, "pulse.sources.reddit.archive")
REDDIT_API = Source(
    "reddit_api",
    RedditApiEntry,
    "pulse.sources.reddit.route",
    is_live=True,
    policy=RedditApiPolicy,
    credentials=RedditCredentials,
)
ARCTIC_SHIFT = Source(
    "arctic_shift", ArcticShiftEntry, "pulse.sources.reddit.arctic_shift", is_live=True, policy=ArcticShiftPolicy
)
