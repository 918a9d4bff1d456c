"""What every entry has whose platform is asked."""

from typing import Annotated

from pydantic import Field

from pulse.platforms.entry import CommunityEntry


class LiveEntry(CommunityEntry):
    """A community that a live source asks for.

    Attributes:
        listen_every_h: how often the community is asked within the day, in hours, beside the daily run; None for not at
            all. For communities that write more in a day than the platform lists, and for observations at an age of
            24 h. Listens take calls of their own: see ``max_calls_per_run`` of the source.
    """

    listen_every_h: Annotated[int, Field(ge=1, le=12)] | None = None
