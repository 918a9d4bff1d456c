"""What the config may say of a community that is read from Arctic Shift, and how that archive is asked."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pulse.core.contract import OBSERVABLE
from pulse.platforms.entry import CommunityEntry
from pulse.sources.live.policy import LivePolicy
from pulse.sources.reddit.entry import UNOBSERVABLE, require_subreddit

SOURCE = "arctic_shift"


class ArcticShiftEntry(CommunityEntry):
    """A community on Reddit, as the archive Arctic Shift has it.

    Attributes:
        bot_accounts: Reddit's own moderator among them, unless the config names others.
        extra_fields: whether further fields of Reddit are kept in ``extra``.
    """

    platform: Literal["reddit"]
    source: Literal["arctic_shift"]
    bot_accounts: tuple[str, ...] = ("AutoModerator",)
    extra_fields: bool = False

    @property
    def observes(self) -> frozenset[str]:
        """What Reddit's API shows, which is where the archive has it from."""
        return OBSERVABLE - {"channel", "is_accepted_answer", *UNOBSERVABLE}

    @field_validator("name")
    @classmethod
    def _require_subreddit(cls, value: str) -> str:
        return require_subreddit(value)


class ArcticShiftPolicy(LivePolicy):
    """How source ``arctic_shift`` treats the archive, which is free and asks to be considerate.

    Attributes:
        url: where it is asked.
    """

    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    window_s: Annotated[float, Field(gt=0, le=3_600)] = 1.0
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    url: str = "https://arctic-shift.photon-reddit.com"
