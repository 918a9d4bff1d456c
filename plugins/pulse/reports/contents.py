"""What a month's report is about: the frozen KPIs, and what the published marts tell beside them.

Everything here is as in the store: numbers unrounded, None for what cannot be seen, names and texts as people wrote
them. How it is told is the business of :mod:`pulse.reports.page`.

The KPIs are those that were frozen. The rest is read from the marts at the moment of writing, so the texts of a
contribution that was taken back are in no report that is built afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pulse.core.month import Month

CHARTED_N = 6  # communities that get charts of their own: the most active ones
FEWEST_CASES = 10  # people below which words of a topic stand in no report

DayState = Literal["whole", "empty", "silent", "partial", "failed", "unknown"]


@dataclass(frozen=True, order=True)
class Community:
    """A community by its true name, or all of them together."""

    platform: str
    name: str


ALL = Community("*", "*")


@dataclass(frozen=True)
class Kpi:
    """One frozen figure; see ``marts.fct_kpis_monthly`` for each column.

    ``is_compared`` is whether it was frozen with a comparison of like with like (``change`` and what belongs to it);
    months frozen before there was one have only the plain difference.
    """

    of: Community
    kpi: str
    value: float | None
    n: int | None
    value_low: float | None
    value_high: float | None
    unit: str | None
    days_n: int | None
    days_complete_n: int | None
    caveat: str | None
    value_month_before: float | None
    change_month_before: float | None
    change_month_before_share: float | None
    value_year_before: float | None
    change_year_before: float | None
    change_year_before_share: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    is_change_clear: bool | None
    change_share: float | None
    is_compared: bool
    definition_version: int | None
    sentiment_model_id: str | None
    version: int
    reported_at: datetime
    state_id: str

    @property
    def caveats(self) -> tuple[str, ...]:
        """Its caveat codes."""
        return tuple(code for code in (self.caveat or "").split(",") if code)


@dataclass(frozen=True)
class Restatement:
    """What one later version changed of a figure."""

    of: Community
    kpi: str
    version: int
    reported_at: datetime
    old_value: float | None
    new_value: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class LostVersion:
    """A version of the month that was frozen and of which a file cannot be read any more.

    ``is_of_figures`` is False where only the file of what it changed is lost, and its figures are there.
    """

    version: int
    is_of_figures: bool
    is_set_aside: bool


@dataclass(frozen=True)
class Day:
    """One day of all communities together; counts are None where no community could be read.

    ``communities_n`` are those that were tried, names that nothing ever matched left out; ``silent_n`` of them showed
    nothing because their whole source did not.
    """

    day: date
    posts: int | None
    comments: int | None
    communities_n: int
    complete_n: int
    silent_n: int = 0


@dataclass(frozen=True)
class DaysKnown:
    """What is known of each day of a community's month.

    Attributes:
        states: of every day of the month. ``whole``: looked at from end to end; ``empty``: the same, and nothing was
            written; ``silent``: the same, but its whole source showed nothing anywhere; ``partial``: looked at in
            part; ``failed``: what a run brought was damaged or stopped; ``unknown``: nobody looked.
        posts_n: days of which some part was looked at for posts; ``comments_n`` for comments, ``messages_n`` for
            messages.
    """

    states: Mapping[date, DayState]
    posts_n: int
    comments_n: int
    messages_n: int = 0

    def of(self, *states: DayState) -> tuple[date, ...]:
        """The days in one of these states, in order."""
        return tuple(day for day in sorted(self.states) if self.states[day] in states)

    @property
    def missing(self) -> tuple[date, ...]:
        """The days that are not known from end to end."""
        return self.of("partial", "failed", "unknown")


@dataclass(frozen=True)
class Point:
    """One value of a series, at its first day; the bounds are None where it has no interval."""

    day: date
    value: float | None
    low: float | None = None
    high: float | None = None
    is_complete: bool = True


@dataclass(frozen=True)
class Mood:
    """How the judged texts of a community's month divide."""

    of: Community
    positive_n: int
    neutral_n: int
    negative_n: int
    unscorable_share: float | None

    @property
    def scored_n(self) -> int:
        """Texts that were judged."""
        return self.positive_n + self.neutral_n + self.negative_n


@dataclass(frozen=True)
class Evidence:
    """A contribution to read, which is published as not taken back; ``permalink`` is hostile."""

    contribution_id: str
    permalink: str | None


@dataclass(frozen=True)
class Excerpt:
    """A contribution that shows a turn; ``permalink`` is hostile, and so is ``text``: None where nothing is quoted."""

    contribution_id: str
    side: str
    day: date
    kind: str
    text: str | None
    sentiment_label: str | None
    permalink: str | None


@dataclass(frozen=True)
class Side:
    """The mood on one side of a turn: each person once a day, over so many voices."""

    net: float
    low: float | None
    high: float | None
    voices_n: int
    people_n: int


@dataclass(frozen=True)
class Turn:
    """A day on which the mood of a community turned, ``up`` or ``down``."""

    of: Community
    day: date
    direction: str
    days_n: int
    before: Side
    after: Side
    caveat: str | None
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True)
class Slot:
    """An hour of the week, UTC; Monday is 1. ``score_vs_usual`` is 1 where posts do as usual at the heatmap's age."""

    weekday: int
    hour_utc: int
    posts: int
    scores_n: int
    score_vs_usual: float | None
    score_vs_usual_low: float | None
    score_vs_usual_high: float | None


@dataclass(frozen=True)
class Heatmap:
    """The week of a community over the last days of its data."""

    of: Community
    first_day: date
    last_day: date
    age_label: str | None
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class GoodPost:
    """A post that did well among those of its community and month at the same age.

    ``permalink`` is hostile, and so is ``title``: None where nothing is quoted.
    """

    of: Community
    contribution_id: str
    day: date
    title: str | None
    permalink: str | None
    score: int | None
    reply_count: int | None
    age_label: str
    score_percentile_low: float
    peers_n: int


@dataclass(frozen=True)
class Participation:
    """How evenly a community's month is carried, and by how many in which role."""

    of: Community
    contributors: int | None
    half_activity_contributors: int | None
    core_n: int | None
    regular_n: int | None
    casual_n: int | None


@dataclass(frozen=True)
class RoleMove:
    """How many people went from one role in the month before to another, each counted once per community.

    None where history begins too late to tell who is new from who came back.
    """

    from_role: str
    to_role: str
    contributors: int | None


@dataclass(frozen=True)
class Newcomers:
    """People who were new in a community in the month before, and how many of them wrote again in this one.

    None where history begins too late to tell who was new.
    """

    of: Community
    cohort_n: int | None
    retention_rate: float | None


@dataclass(frozen=True)
class Profile:
    """What kind of community it is; the rule behind each label is in ``marts.fct_community_profile_monthly``."""

    of: Community
    size_label: str | None
    intensity_label: str | None
    belonging_label: str | None
    openness_label: str | None
    newcomer_posts_n: int | None
    newcomer_response_rate_24h: float | None
    other_response_rate_24h: float | None


@dataclass(frozen=True)
class Impact:
    """One engagement figure against one business result, at the lag at which they go together most."""

    of: Community
    kpi: str
    result: str
    currency: str | None
    lag_days: int
    correlation: float
    is_beyond_chance: bool


@dataclass(frozen=True)
class Action:
    """What one rule says to do for a community; ``subject`` may hold words that people wrote.

    Attributes:
        place: 1 for what to do first in its community.
        figure: how large it is, by the rule; see ``marts.fct_actions_monthly``.
        n: cases behind it.
        evidence: what to read, the most telling first.
    """

    of: Community
    place: int
    rule: str
    subject: str | None
    figure: float | None
    figure_low: float | None
    figure_high: float | None
    n: int | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Need:
    """How many people voice a need, on all topics where ``label`` is None; hostile words otherwise.

    None where it cannot be told. ``judged_n`` are the texts of the community that could be judged for needs.
    """

    of: Community
    need: str
    label: str | None
    people_n: int | None
    growth: float | None
    growth_low: float | None
    growth_high: float | None
    is_clear: bool | None
    judged_n: int | None


@dataclass(frozen=True)
class Topic:
    """What a community wrote about; ``label`` are hostile words of its texts."""

    of: Community
    label: str
    people: int
    people_share: float | None
    growth: float | None
    growth_low: float | None
    growth_high: float | None
    is_growing: bool | None


@dataclass(frozen=True)
class Brand:
    """How much people of the report's communities speak of a brand, each person counted once; None where not known."""

    brand: str
    is_ours: bool
    people_n: int | None
    aware_share: float | None
    share_of_voice: float | None
    share_of_voice_low: float | None
    share_of_voice_high: float | None
    good_n: int | None
    told_n: int | None


@dataclass(frozen=True)
class Crowd:
    """How many people of a community are something: ``advocate`` of a brand, ``helper``; nobody is named."""

    of: Community
    what: str
    brand: str | None
    people_n: int


@dataclass(frozen=True)
class Pitch:
    """What the team wrote in a community; None where nobody looked."""

    of: Community
    team_n: int | None
    helps_n: int | None
    people_helped_n: int | None
    pitches_n: int | None
    removed_n: int | None


@dataclass(frozen=True)
class Reception:
    """How promotions by the ``team`` or by ``people`` are taken; ``reception`` is None where no difference is clear."""

    of: Community
    promoter: str
    posts_n: int
    replies_scored_n: int | None
    reception: str | None


@dataclass(frozen=True)
class Event:
    """An offer or a launch, and what was written after it against communities without one.

    ``change_share`` is None where ``refusal`` says why nothing can be told.
    """

    of: Community
    event_kind: str
    event: str
    event_date: date
    change_share: float | None
    is_clear_rise: bool | None
    refusal: str | None


@dataclass(frozen=True)
class OwnCommunity:
    """How a community of our own does; None where it cannot be told."""

    of: Community
    members_n: int | None
    members_change_n: int | None
    posts_by_people_n: int | None
    answered_by_team_share: float | None
    median_team_answer_h: float | None


@dataclass(frozen=True)
class Form:
    """Posts of a form that clearly do better or worse than the others of their community and month."""

    of: Community
    dimension: str
    form: str
    metric: str
    posts_n: int
    vs_usual: float
    vs_usual_low: float
    vs_usual_high: float


@dataclass(frozen=True)
class ThreadTurn:
    """A thread whose mood turned, ``up`` or ``down``."""

    of: Community
    day: date
    direction: str
    people_before_n: int
    people_after_n: int
    evidence: Evidence | None


@dataclass(frozen=True)
class Report:
    """All that one report tells, of all communities or of ``only`` one, with hours of ``time_zone``.

    A section is None, or empty, where the published marts do not have what it needs.

    Names that nothing ever matched are in ``never_seen`` and nowhere else. ``reply_age_h`` is how old the posts of a
    community were when their replies were last counted, in hours (the median).
    """

    month: Month
    only: Community | None
    time_zone: str
    kpis: Mapping[Community, Mapping[str, Kpi]]
    communities: tuple[Community, ...]
    restatements: tuple[Restatement, ...]
    lost: tuple[LostVersion, ...]
    days: tuple[Day, ...]
    days_known: Mapping[Community, DaysKnown]
    never_seen: tuple[Community, ...]
    reply_age_h: Mapping[Community, float | None]
    contributors_weekly: Mapping[Community, tuple[Point, ...]] | None
    monthly: Mapping[str, tuple[Point, ...]] | None
    moods: tuple[Mood, ...] | None
    sentiment_weekly: Mapping[Community, tuple[Point, ...]] | None
    turns: tuple[Turn, ...] | None
    heatmaps: tuple[Heatmap, ...] | None
    good_posts: tuple[GoodPost, ...] | None
    participation: tuple[Participation, ...] | None
    role_moves: tuple[RoleMove, ...] | None
    newcomers: tuple[Newcomers, ...] | None
    profiles: tuple[Profile, ...] | None
    impacts: tuple[Impact, ...] | None
    actions: tuple[Action, ...]
    needs: tuple[Need, ...]
    topics: tuple[Topic, ...]
    brands: tuple[Brand, ...]
    crowds: tuple[Crowd, ...]
    pitches: tuple[Pitch, ...]
    receptions: tuple[Reception, ...]
    events: tuple[Event, ...]
    own_communities: tuple[OwnCommunity, ...]
    forms: tuple[Form, ...]
    thread_turns: tuple[ThreadTurn, ...]

    @property
    def headline(self) -> Mapping[str, Kpi]:
        """The figures of everything together; of the one community where there is one only."""
        if self.only is not None:
            return self.kpis.get(self.only, {})
        if ALL in self.kpis:
            return self.kpis[ALL]
        return self.kpis[self.communities[0]] if len(self.communities) == 1 else {}

    @property
    def charted(self) -> tuple[Community, ...]:
        """The communities that get charts of their own."""
        return self.communities[:CHARTED_N]

    @property
    def missing_days(self) -> Mapping[Community, tuple[date, ...]]:
        """Days that are not known from end to end, of the communities that have any."""
        return {of: known.missing for of, known in self.days_known.items() if known.missing}

    @property
    def silent_days(self) -> tuple[date, ...]:
        """Days on which a whole source showed nothing anywhere."""
        return tuple(sorted({day for known in self.days_known.values() for day in known.of("silent")}))

    @property
    def days_silent_in_all(self) -> tuple[date, ...]:
        """Those of them on which no other community showed anything either: all together are silent on no other day."""
        spoke = {day for known in self.days_known.values() for day in known.of("whole", "empty", "partial")}
        return tuple(day for day in self.silent_days if day not in spoke)

    @property
    def version(self) -> int:
        """How often the month was closed with another result."""
        return max((kpi.version for of in self.kpis.values() for kpi in of.values()), default=1)
