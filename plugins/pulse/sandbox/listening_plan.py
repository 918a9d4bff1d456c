"""What is planted in the world of listening, with sizes. Written before the marts that have to find it.

Counts are exact; weeks are counted from the world's first, from 0. A plant below its smallest size need not be found.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

WEEKS_N = 26
COMMUNITIES_N = 25
BRAND, RIVAL, AMBIGUOUS = "Emberwell", "Fernline", "Orchard"
# What talk calls the things of the brands where it does not name them.
OTHER_MAKERS = {BRAND: "Hobwell", RIVAL: "Marlbrook"}


@dataclass(frozen=True)
class Overlap:
    """People of one community who write in another as well.

    Attributes:
        smallest_n: 12 were asked for before the mart was there; of 15 more than visitors bring, the excess over what is
            usual was clear in one world and not in another.
    """

    communities: tuple[int, int] = (0, 1)
    shared_n: int = 30
    smallest_n: int = 20


@dataclass(frozen=True)
class Rise:
    """Something that few people of a community spoke of, and then many.

    Attributes:
        week: first week of the rise; it lasts four.
        smallest_n: 15 and 12 people were asked for before the marts were there, as if nothing else were looked at. Of
            some thousands of words in a month, and hundreds of needs, chance alone brings such rises, so that no mart
            could find these and be silent where nothing is planted. Some seventeen people of a month wish for something
            anyway: of a need 30 more were found in one world and missed in another.
    """

    community: int
    before_per_week: int
    people_n: int
    smallest_n: int
    week: int = 17


@dataclass(frozen=True)
class Senses:
    """A brand's name that is a common word: so many mentions of each sense."""

    community: int = 4
    brand_n: int = 40
    other_n: int = 40


@dataclass(frozen=True)
class Advocates:
    """People who praise the brand of their own experience, each time on another day and in another thread.

    Attributes:
        mentions_n: within twelve weeks, for what is told in 90 days counts: six over half a year are three in 90 days,
            of which Wilson's lower bound of the good ones is below a half. So the smallest that can be found is four.
    """

    community: int = 0
    people_n: int = 3
    mentions_n: int = 6
    smallest_mentions_n: int = 4
    week: int = 8
    weeks_n: int = 12


@dataclass(frozen=True)
class Shill:
    """One account that praises the brand with a code."""

    community: int = 0
    posts_n: int = 8
    code: str = "EMBER10"


@dataclass(frozen=True)
class Ring:
    """Accounts that answer each other, and nobody else."""

    community: int = 5
    people_n: int = 10
    replies_per_pair: int = 6


@dataclass(frozen=True)
class Puppets:
    """Throwaway accounts that each answer the leaders once."""

    community: int = 6
    leaders_n: int = 2
    puppets_n: int = 60


@dataclass(frozen=True)
class Promotions:
    """Posts of the team with a code, and how they are answered."""

    community: int
    code: str
    positive_share: float
    removed_n: int
    posts_n: int = 10
    replies_n: int = 8
    smallest_posts_n: int = 5


@dataclass(frozen=True)
class Launch:
    """A product that comes out, and the factor on the volume of its community from that week on."""

    community: int
    name: str
    word: str
    factor: float
    week: int = 18
    smallest_factor: float = 1.3


@dataclass(frozen=True)
class Plants:
    """All of them. The last community is not followed: it talks of what the brand makes, and names it."""

    overlap: Overlap = Overlap()
    topic: Rise = Rise(community=2, before_per_week=1, people_n=40, smallest_n=24)
    need: Rise = Rise(community=3, before_per_week=1, people_n=40, smallest_n=34)
    senses: Senses = Senses()
    advocates: Advocates = Advocates()
    shill: Shill = Shill()
    ring: Ring = Ring()
    puppets: Puppets = Puppets()
    welcome: Promotions = Promotions(community=7, code="TEA10", positive_share=0.85, removed_n=0)
    unwelcome: Promotions = Promotions(community=8, code="TEA20", positive_share=0.1, removed_n=5)
    launch: Launch = Launch(community=9, name="Cold brew", word="cold brew jug", factor=1.6)
    dud: Launch = Launch(community=10, name="Travel mug", word="travel mug", factor=1.0)
    unfollowed: int = COMMUNITIES_N - 1

    @classmethod
    def smallest(cls) -> "Plants":
        """Each as small as it still has to be found."""
        plants = cls()
        return replace(
            plants,
            overlap=replace(plants.overlap, shared_n=plants.overlap.smallest_n),
            topic=replace(plants.topic, people_n=plants.topic.smallest_n),
            need=replace(plants.need, people_n=plants.need.smallest_n),
            launch=replace(plants.launch, factor=plants.launch.smallest_factor),
            welcome=replace(plants.welcome, posts_n=plants.welcome.smallest_posts_n),
            unwelcome=replace(plants.unwelcome, posts_n=plants.unwelcome.smallest_posts_n, removed_n=0),
            advocates=replace(plants.advocates, mentions_n=plants.advocates.smallest_mentions_n),
        )


@dataclass(frozen=True)
class ListeningPlan:
    """A world of listening.

    Attributes:
        first_day: a Monday.
        per_week: contributions a week and community aimed at; people_n: who write there.
        visitors_n: of these, people of another community, drawn by chance for each; without any, nobody could say how
            many shared people are usual.
        brand_share: of the texts on things of a brand, those that name it: where people talk of one brand all day, as
            in a forum of its maker, many praise it again and again with nothing planted.
        promotion_share: of the posts of talk, those that promote something, answered as any other is.
        themes_n: what communities talk about, one after the other; 1 for a world in which none differs from another.
        plants: None for a world in which nothing is planted.
    """

    seed: int
    first_day: date = date(2026, 1, 5)
    weeks_n: int = WEEKS_N
    communities_n: int = COMMUNITIES_N
    per_week: int = 130
    people_n: int = 120
    visitors_n: int = 12
    brand_share: float = 0.01
    promotion_share: float = 0.0
    themes_n: int = 7
    plants: Plants | None = field(default_factory=Plants)

    @classmethod
    def unplanted(cls, seed: int) -> "ListeningPlan":
        """A world in which there is nothing to find: no plant, and no community that differs from another.

        There is all that could be mistaken for a find: a brand that is named, promotions that are answered.
        """
        return cls(seed, themes_n=1, promotion_share=0.05, plants=None)

    @property
    def last_day(self) -> date:
        """Last day on which anything is written."""
        return self.first_day + timedelta(weeks=self.weeks_n) - timedelta(days=1)

    def week_day(self, week: int) -> date:
        """First day of a week, from 0."""
        return self.first_day + timedelta(weeks=week)
