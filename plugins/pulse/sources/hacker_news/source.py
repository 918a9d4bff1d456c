"""The way to Hacker News."""

from pulse.sources.hacker_news.entry import SOURCE, HackerNewsEntry, HackerNewsPolicy
from pulse.sources.protocol import Source

HACKER_NEWS = Source(SOURCE, HackerNewsEntry, "pulse.sources.hacker_news.live", is_live=True, policy=HackerNewsPolicy)
