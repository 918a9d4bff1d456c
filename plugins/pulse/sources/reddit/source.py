"""The ways to Reddit."""

from pulse.sources.protocol import Source
from pulse.sources.recognition import Address, FileForm
from pulse.sources.reddit.arctic_shift_entry import ArcticShiftEntry, ArcticShiftPolicy
from pulse.sources.reddit.credentials import RedditCredentials
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy, RedditArchiveEntry

_ADDRESSES = (
    Address(r"(?:(?:old|new|sh|np|i)\.)?reddit\.com/r/(?P<name>\w{2,24})(?:[/?].*)?"),
    Address(r"/?r/(?P<name>\w{2,24})"),
)

REDDIT_ARCHIVE = Source(
    "reddit_archive",
    RedditArchiveEntry,
    "pulse.sources.reddit.archive",
    files=(FileForm(rb'"subreddit"\s*:\s*"', rb'"subreddit"\s*:\s*"(\w{2,24})"'),),
)
REDDIT_API = Source(
    "reddit_api",
    RedditApiEntry,
    "pulse.sources.reddit.route",
    is_live=True,
    policy=RedditApiPolicy,
    credentials=RedditCredentials,
    days="from the day before you begin: listings hold 1,000 things; earlier days from archive files beside it",
    addresses=_ADDRESSES,
)
ARCTIC_SHIFT = Source(
    "arctic_shift",
    ArcticShiftEntry,
    "pulse.sources.reddit.arctic_shift",
    is_live=True,
    policy=ArcticShiftPolicy,
    days="any since 2005; counts of the last day and a half are still young",
    addresses=_ADDRESSES,
)
