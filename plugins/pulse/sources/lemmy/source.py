"""The way to communities on Lemmy."""

from pulse.sources.lemmy.entry import SOURCE, LemmyEntry, LemmyPolicy
from pulse.sources.protocol import Source
from pulse.sources.recognition import Address

LEMMY = Source(
    SOURCE,
    LemmyEntry,
    "pulse.sources.lemmy.live",
    is_live=True,
    policy=LemmyPolicy,
    days="any, as far back as the instance lists",
    addresses=(
        Address(r"[^/?]+/c/(?P<community>\w+)@(?P<home>[^/?]+)(?:\?.*)?", {"name": "{community}@{home}"}),
        Address(r"(?P<home>[^/?]+)/c/(?P<community>\w+)(?:\?.*)?", {"name": "{community}@{home}"}, is_any_host=True),
        Address(r"!?(?P<community>\w+)@(?P<home>[^/?@]+\.[^/?@]+)", {"name": "{community}@{home}"}),
    ),
)
