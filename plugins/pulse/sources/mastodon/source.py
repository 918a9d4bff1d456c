"""The way to Mastodon."""

from pulse.sources.mastodon.entry import SOURCE, MastodonEntry, MastodonPolicy
from pulse.sources.protocol import Source
from pulse.sources.recognition import Address

MASTODON = Source(
    SOURCE,
    MastodonEntry,
    "pulse.sources.mastodon.live",
    is_live=True,
    policy=MastodonPolicy,
    days="those that the instance still keeps and lists",
    addresses=(
        Address(r"(?P<instance>[^/?]+)/tags/(?P<tag>\w+)", {"name": "#{tag}@{instance}"}, is_any_host=True),
        Address(
            r"(?P<instance>[^/?]+\.[^/?]+)(?:/public(?:/local)?|/explore)?", {"name": "{instance}"}, is_any_host=True
        ),
    ),
)
