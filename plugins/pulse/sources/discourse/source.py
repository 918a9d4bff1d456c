"""The way to forums of Discourse."""

from pulse.sources.discourse.credentials import DiscourseCredentials
from pulse.sources.discourse.entry import SOURCE, DiscourseEntry, DiscoursePolicy
from pulse.sources.protocol import Source

DISCOURSE = Source(
    SOURCE,
    DiscourseEntry,
    "pulse.sources.discourse.live",
    is_live=True,
    policy=DiscoursePolicy,
    credentials=DiscourseCredentials,
)
