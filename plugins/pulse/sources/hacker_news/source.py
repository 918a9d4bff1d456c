"""The way to Hacker News."""

from pulse.sources.hacker_news.entry import SOURCE, HackerNewsEntry, HackerNewsPolicy
from pulse.sources.protocol import Source
from pulse.sources.recognition import Address

HACKER_NEWS = Source(
    SOURCE,
    HackerNewsEntry,
    "pulse.sources.hacker_news.live",
    is_live=True,
    policy=HackerNewsPolicy,
    days="any since 2006",
    addresses=(
        Address(
            r"hn\.algolia\.com/?\?(?:.*&)?q(?:uery)?=(?P<query>[^&]+)(?:&.*)?", {"name": "{query}", "query": "{query}"}
        ),
        Address(r"news\.ycombinator\.com(?:/.*)?", {"name": "hacker_news"}),
    ),
)
