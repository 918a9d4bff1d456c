"""The way to communities on Lemmy."""

from pulse.sources.lemmy.entry import SOURCE, LemmyEntry, LemmyPolicy
from pulse.sources.protocol import Source

LEMMY = Source(SOURCE, LemmyEntry, "pulse.sources.lemmy.live", is_live=True, policy=LemmyPolicy)
