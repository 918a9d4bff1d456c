"""What is planted: the calendar of the world and the habits of each community."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pulse.sandbox.world_text import THEMES, Mood, Theme

MIN_DAYS_N = 14
_WEEKLY = 7

MoodShares = dict[Mood, float]


@dataclass(frozen=True)
class Calendar:
    """The days of the world and what happens on them. All UTC.

    The planted days stand at fixed shares of the span, so that they scale with it; by default they are 2026-07-06
    (outage), 2026-07-21 (sentiment turns), 2026-07-17 (a community opens) and 2026-08-01 on (a community goes quiet).
    """

    first_day: date
    days_n: int

    @property
    def last_day(self) -> date:
        """The last day on which anything is written."""
        return self.first_day + timedelta(days=self.days_n - 1)

    @property
    def start_at(self) -> datetime:
        """First instant inside."""
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC)

    @property
    def end_at(self) -> datetime:
        """First instant after."""
        return self.start_at + timedelta(days=self.days_n)

    @property
    def outage_day(self) -> date:
        """The day on which the whole platform is down: nothing is written anywhere."""
        return self.day_at(0.385)

    @property
    def turn_day(self) -> date:
        """The day from which on people feel otherwise, where a plan has moods for after."""
        return self.day_at(0.55)

    @property
    def opening_day(self) -> date:
        """The first day of a community that is new."""
        return self.day_at(0.5)

    @property
    def fading_day(self) -> date:
        """The first day on which a community that fades is quiet."""
        return self.day_at(0.667)

    def day_at(self, share: float) -> date:
        """The day at that share of the span."""
        return self.first_day + timedelta(days=int(self.days_n * share))


@dataclass(frozen=True)
class Welcome:
    """How a community treats the post of somebody who has never written there before.

    Attributes:
        reply_share: how many of those posts somebody makes a point of answering.
        reply_after_h: median time until then.
        moods: of those answers.
        attention: factor on the chance of further comments.
        removed_share: how many moderators take down.
        return_share: how many newcomers write again in the weeks after.
    """

    reply_share: float
    reply_after_h: float
    moods: MoodShares
    attention: float
    removed_share: float
    return_share: float


@dataclass(frozen=True)
class Plan:
    """The habits of one community.

    Attributes:
        number: part of its id.
        contributions_per_day: aimed at, without what bots, the team and returning newcomers add.
        utc_offset_h: where most of its people live; shifts the rhythm of the day.
        weekdays: factor on the volume from Monday to Sunday.
        regulars_n: people who were there before the world began; their activity falls like Zipf's law.
        moods: shares by mood. moods_after: the shares from the calendar's ``turn_day`` on; None for no turn.
        removed_share: of contributions, taken down by moderators (newcomers' posts: see ``welcome``).
        team_account: speaks for the brand; None where there is none.
        is_new: opens on the calendar's ``opening_day``. is_fading: nearly falls silent from ``fading_day`` on.
    """

    theme: Theme
    name: str
    number: int
    members_n: int
    members_per_day: float
    contributions_per_day: float
    utc_offset_h: int
    weekdays: tuple[float, float, float, float, float, float, float]
    regulars_n: int
    moods: MoodShares
    welcome: Welcome
    moods_after: MoodShares | None = None
    removed_share: float = 0.012
    team_account: str | None = None
    bot_accounts: tuple[str, ...] = ("AutoModerator",)
    is_new: bool = False
    is_fading: bool = False
    is_feed_broken: bool = False

    def opens_on(self, calendar: Calendar) -> date:
        """Its first day."""
        return calendar.opening_day if self.is_new else calendar.first_day

    def is_silent_on(self, day: date, calendar: Calendar) -> bool:
        """Whether nothing at all is written: the outage, and two days of each week once a community fades."""
        if day == calendar.outage_day:
            return True
        return self.is_fading and day >= calendar.fading_day and (day - calendar.fading_day).days % _WEEKLY in {2, 5}

    def rate_on(self, day: date, calendar: Calendar) -> float:
        """Contributions aimed at on that day."""
        rate = self.contributions_per_day * self.weekdays[day.weekday()]
        if self.is_fading and day >= calendar.fading_day:
            return rate * 0.12
        if self.is_new:  # word gets around
            return rate * min(1.0, 0.35 + 0.03 * (day - calendar.opening_day).days)
        return rate

    def moods_on(self, day: date, calendar: Calendar) -> MoodShares:
        """Shares by mood on that day."""
        return self.moods_after if self.moods_after and day >= calendar.turn_day else self.moods


def _shares(positive: float, neutral: float, negative: float) -> MoodShares:
    return {"positive": positive, "neutral": neutral, "negative": negative}


_USUAL = Welcome(0.55, 5.0, _shares(0.45, 0.40, 0.15), 1.0, 0.04, 0.35)
_WARM = Welcome(0.94, 0.8, _shares(0.80, 0.17, 0.03), 1.0, 0.01, 0.65)
_COLD = Welcome(0.35, 16.0, _shares(0.08, 0.27, 0.65), 0.06, 0.22, 0.10)

_WORKDAYS = (1.08, 1.06, 1.04, 1.02, 0.98, 0.88, 0.94)
_WEEKENDS = (0.90, 0.88, 0.92, 0.94, 0.98, 1.20, 1.18)

PLANS: tuple[Plan, ...] = (
    # The brand's own community: large, with a team that answers; the mood turns on a known day.
    Plan(
        theme=THEMES["tea kettles"],
        name="EmberwellTea",
        number=31_415_926,
        members_n=48_210,
        members_per_day=61.0,
        contributions_per_day=104.0,
        utc_offset_h=-5,
        weekdays=_WORKDAYS,
        regulars_n=110,
        moods=_shares(0.46, 0.40, 0.14),
        moods_after=_shares(0.16, 0.36, 0.48),
        welcome=_USUAL,
        team_account="Emberwell_Team",
        bot_accounts=("AutoModerator", "teatimer-bot"),
    ),
    # A name that needs care: upper-case letters and underscores.
    Plan(
        theme=THEMES["trail running shoes"],
        name="Trail_Feet_UL",
        number=27_182_818,
        members_n=91_377,
        members_per_day=44.0,
        contributions_per_day=78.0,
        utc_offset_h=-7,
        weekdays=_WEEKENDS,
        regulars_n=140,
        moods=_shares(0.36, 0.46, 0.18),
        welcome=_USUAL,
    ),
    # Newcomers are welcome here …
    Plan(
        theme=THEMES["home baking"],
        name="crumbclub",
        number=16_180_339,
        members_n=27_655,
        members_per_day=38.0,
        contributions_per_day=58.0,
        utc_offset_h=1,
        weekdays=_WEEKENDS,
        regulars_n=70,
        moods=_shares(0.50, 0.40, 0.10),
        welcome=_WARM,
    ),
    # … and here they are not.
    Plan(
        theme=THEMES["film cameras"],
        name="ShutterAttic",
        number=14_142_135,
        members_n=35_902,
        members_per_day=9.0,
        contributions_per_day=44.0,
        utc_offset_h=0,
        weekdays=_WORKDAYS,
        regulars_n=60,
        moods=_shares(0.30, 0.46, 0.24),
        welcome=_COLD,
        removed_share=0.03,
    ),
    # Talks less and less, with days on which nothing is said.
    Plan(
        theme=THEMES["fountain pens"],
        name="inkandnib",
        number=17_320_508,
        members_n=12_040,
        members_per_day=2.0,
        contributions_per_day=21.0,
        utc_offset_h=1,
        weekdays=_WORKDAYS,
        regulars_n=35,
        moods=_shares(0.38, 0.50, 0.12),
        welcome=_USUAL,
        is_fading=True,
    ),
    # Opens midway.
    Plan(
        theme=THEMES["balcony gardening"],
        name="BalconyGreens",
        number=98_696_044,
        members_n=310,
        members_per_day=55.0,
        contributions_per_day=46.0,
        utc_offset_h=2,
        weekdays=_WEEKENDS,
        regulars_n=25,
        moods=_shares(0.44, 0.44, 0.12),
        welcome=_WARM,
        is_new=True,
    ),
    # Its feed comes through a proxy that damages it.
    Plan(
        theme=THEMES["bicycle lamps"],
        name="NightRideLamps",
        number=22_360_679,
        members_n=8_811,
        members_per_day=5.0,
        contributions_per_day=24.0,
        utc_offset_h=0,
        weekdays=_WORKDAYS,
        regulars_n=40,
        moods=_shares(0.34, 0.46, 0.20),
        welcome=_USUAL,
        is_feed_broken=True,
    ),
)
