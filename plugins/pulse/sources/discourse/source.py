"""The way to forums of Discourse."""

from pulse.sources.discourse.credentials import DiscourseCredentials
from pulse.sources.discourse.entry import SOURCE, DiscourseEntry, DiscoursePolicy
from pulse.sources.protocol import Source
from pulse.sources.recognition import Address

DISCOURSE = Source(
    SOURCE,
    DiscourseEntry,
    "pulse.sources.discourse.live",
    is_live=True,
    policy=DiscoursePolicy,
    credentials=DiscourseCredentials,
    days="any, as far back as the forum goes",
    addresses=(
        Address(
            r"(?P<host>[^/?]+)(?P<folder>(?:/[a-z0-9_-]+)*?)/(?:latest|top|new|categories|t/.*|c/.*/\d+|tag/.*|tags|posts)(?:\?.*)?",
            {"name": "{host}{folder}"},
            is_any_host=True,
        ),
        Address(r"(?P<host>[^/?]+\.[^/?]+)", {"name": "{host}"}, is_any_host=True),
    ),
)
