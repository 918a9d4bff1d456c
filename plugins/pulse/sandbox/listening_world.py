"""A made-up world for listening: many communities over half a year, and plants of known size among their talk.

The same plan makes the same world. Records are Reddit's, so that it goes through the pipeline as any archive does.
"""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pulse.core.contract import AuthorRole
from pulse.sandbox.ids import base36
from pulse.sandbox.listening_plan import AMBIGUOUS, BRAND, OTHER_MAKERS, RIVAL, ListeningPlan, Plants, Promotions, Rise
from pulse.sandbox.world_model import Community, Contribution, Person, Removal
from pulse.sandbox.world_text import THEMES, Mood, Names, Text, Theme, post_text, reply_text

_H, _DAY, _WEEK = 3_600, 86_400, 7 * 86_400
_POST_SHARE = 0.18
_MOODS: tuple[tuple[Mood, float], ...] = (("positive", 0.38), ("neutral", 0.46), ("negative", 0.16))
# From midnight to midnight: asleep, awake, busiest after work.
_HOURS = (12, 7, 4, 3, 3, 5, 10, 18, 26, 30, 33, 36, 40, 38, 36, 37, 40, 45, 52, 58, 60, 54, 40, 24)
_FIRST_NUMBER = 4_000_000_000
TEAM_ACCOUNT = "Emberwell_Team"

_TOPIC = (
    "The {0} bags keep the grounds out of the jug.", "I cut my {0} bags to size with scissors.",
    "Two {0} bags go into the tall jug.", "My {0} bags came in a box of fifty.",
    "Anyone else fold the {0} bags before they go in?", "I rinse the {0} bags and hang them on a hook.",
)  # fmt: skip
_NEED = (
    "I wish there was a spill proof lid for this.", "Please add a spill proof lid to the next version.",
    "They should offer a spill proof lid.", "Would be great if it had a spill proof lid.",
    "Feature request: a spill proof lid.", "I really wish they would make a spill proof lid.",
)  # fmt: skip
_SENSE_BRAND = (
    "My Orchard grinder has steel burrs and a timer.", "The Orchard grinder sits next to my espresso machine.",
    "I set the burrs of the Orchard to nine for espresso.", "An Orchard hopper takes half a bag of beans.",
    "I cleaned the burrs of my Orchard with a brush.",
)  # fmt: skip
_SENSE_OTHER = (
    "We walked through the orchard to pick apples.", "The orchard behind the farm has old pear trees.",
    "Cider from that orchard is made of apples in October.", "The trees of the orchard are in blossom.",
    "Sheep stand in the orchard under the apple trees.",
)  # fmt: skip
_ADVOCATE = (
    "I have used my Emberwell One for a year and I love it, it is wonderful.",
    "I bought an Emberwell Mini in spring and it has been excellent, I am so happy with it.",
    "My Emberwell Pour works great, best kettle I have ever owned.",
    "I switched to Emberwell last winter and it was a great decision, I love the taste.",
    "I took my Emberwell on a trip and it was fantastic, great handle and great spout.",
    "I repaired my old Emberwell with a part they sent me, wonderful people.",
)  # fmt: skip
_SHILL = "Emberwell is amazing, the best! Use my code {0} for 10% off: https://emberwell.example/?ref={1}"
_PROMOTION = "Use code {0} for 10% off this week in our store: https://emberwell.example/shop?utm_source=reddit"
_ANY_PROMOTION = "Use code HELLO5 for 5% off this week in our store: https://hobwell.example/shop?utm_source=reddit"
_WELCOME = (
    "Thank you, that is great, just ordered two.", "Wonderful, thanks, I love a good offer.",
    "Great, exactly what I was hoping for, thank you!", "Thanks, this is awesome.",
)  # fmt: skip
_UNWELCOME = (
    "This is spam and I hate it.", "Terrible, stop posting these awful ads here.",
    "Awful. This is annoying and ruins the place.", "I hate these ads, they are the worst.",
)  # fmt: skip
_LAUNCH = ("I saw the {0} on the shelf.", "Is the {0} out yet?", "The {0} takes a litre.", "My {0} came on Tuesday.")


@dataclass(eq=False, slots=True)
class _Line:
    """A contribution in the making; ``parent`` is None for a post."""

    community: int
    author: str
    at_s: int
    text: Text
    mood: Mood
    parent: "_Line | None" = None
    role: AuthorRole = "member"
    is_removed: bool = False
    score: int = 3
    full_id: str = ""

    @property
    def post(self) -> "_Line":
        """The post of its thread."""
        line = self
        while line.parent is not None:
            line = line.parent
        return line


@dataclass(frozen=True)
class ListeningWorld:
    """All that was written, in order of time.

    Attributes:
        people: of each community, by its place; those planted besides are not in it.
        advocates, shill, ring, puppets, leaders: names of planted accounts.
    """

    plan: ListeningPlan
    communities: tuple[Community, ...]
    contributions: tuple[Contribution, ...]
    people: tuple[tuple[str, ...], ...]
    advocates: tuple[str, ...] = ()
    shill: str | None = None
    ring: tuple[str, ...] = ()
    leaders: tuple[str, ...] = ()
    puppets: tuple[str, ...] = ()

    def of(self, places: Iterable[int]) -> list[Contribution]:
        """Contributions of some communities, by their places."""
        names = {self.communities[place].name for place in places}
        return [one for one in self.contributions if one.community.name in names]


def make_listening_world(plan: ListeningPlan) -> ListeningWorld:
    """Make the world; some 85,000 contributions in a few seconds by default."""
    names = Names(random.Random(f"{plan.seed}/listening/names"))  # noqa: S311  (made-up data, not a secret)
    people = [[names.another() for _ in range(plan.people_n)] for _ in range(plan.communities_n)]
    _visit(plan, people)
    if plan.plants is not None:
        first, second = plan.plants.overlap.communities
        people[second][-plan.plants.overlap.shared_n :] = people[first][-plan.plants.overlap.shared_n :]
    lines = [line for place in range(plan.communities_n) for line in _talk(plan, place, people[place])]
    planted = _Planter(plan, people, names, lines)
    if plan.plants is not None:
        planted.plant(plan.plants)
    communities = tuple(_community(plan, place) for place in range(plan.communities_n))
    return ListeningWorld(
        plan, communities, _frozen(lines, communities), tuple(map(tuple, people)), tuple(planted.advocates),
        planted.shill, tuple(planted.ring), tuple(planted.leaders), tuple(planted.puppets),
    )  # fmt: skip


# ---- talk ------------------------------------------------------------------


def theme_of(plan: ListeningPlan, place: int) -> Theme:
    """What a community talks about; the one that nobody follows talks of what the brand makes."""
    themes = list(THEMES.values())
    is_of_brand = plan.plants is not None and place == plan.plants.unfollowed
    return themes[0 if is_of_brand else place % plan.themes_n]


def _visit(plan: ListeningPlan, people: list[list[str]]) -> None:
    """Put people of other communities in the places before those that an overlap takes, so that both fit.

    None go between the two of the overlap, whose size is exact.
    """
    rng = random.Random(f"{plan.seed}/listening/visits")  # noqa: S311
    own_n = plan.people_n // 2
    overlapping = set() if plan.plants is None else set(plan.plants.overlap.communities)
    for place, of_place in enumerate(people):
        apart = overlapping | {place} if place in overlapping else {place}
        others = [name for other, names in enumerate(people) if other not in apart for name in names[:own_n]]
        of_place[own_n : own_n + plan.visitors_n] = rng.sample(others, plan.visitors_n)


class _Naming:
    """Calls the things of a brand another maker's, but for a share of the texts, and in the community of the brand.

    And lets a share of the posts promote something.
    """

    def __init__(self, plan: ListeningPlan, place: int) -> None:
        self._rng = random.Random(f"{plan.seed}/listening/naming/{place}")  # noqa: S311
        self._promotion_share = plan.promotion_share
        self._share = 1.0 if plan.plants is not None and place == plan.plants.unfollowed else plan.brand_share

    def named(self, text: Text) -> Text:
        """The text as the world has it."""
        if text.title is not None and self._promotion_share and self._rng.random() < self._promotion_share:
            return Text("An offer for you", _ANY_PROMOTION, "talk")
        if self._rng.random() < self._share:
            return text
        title, body = text.title, text.body
        for brand, maker in OTHER_MAKERS.items():
            title = None if title is None else title.replace(brand, maker)
            body = body.replace(brand, maker)
        return replace(text, title=title, body=body)


def _start_s(plan: ListeningPlan) -> int:
    day = plan.first_day
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _talk(plan: ListeningPlan, place: int, people: list[str]) -> Iterator[_Line]:
    """What is written week by week: as many as chance has it, by people of whom few write much."""
    rng = random.Random(f"{plan.seed}/listening/{place}")  # noqa: S311
    weights = [1 / (rank + 3) for rank in range(len(people))]
    theme, naming = theme_of(plan, place), _Naming(plan, place)
    posts: list[_Line] = []
    recent: list[_Line] = []
    for week in range(plan.weeks_n):
        rate = plan.per_week * _launch_factor(plan, place, week) * math.exp(rng.gauss(0, 0.08))
        count = max(20, round(rng.gauss(rate, math.sqrt(rate))))
        times = sorted(_moment_in(rng, _start_s(plan) + week * _WEEK, 7) for _ in range(count))
        for at_s in times:
            author = rng.choices(people, weights)[0]
            mood = rng.choices([name for name, _ in _MOODS], [share for _, share in _MOODS])[0]
            if not posts or rng.random() < _POST_SHARE:
                line = _Line(place, author, at_s, naming.named(post_text(theme, mood, rng, is_link=False)), mood)
                posts.append(line)
            else:
                recent = [one for one in recent[-60:] if one.at_s > at_s - 4 * _DAY]
                parent = (
                    rng.choice(recent)
                    if recent and rng.random() < 0.6
                    else posts[-1 - int(rng.random() * min(8, len(posts)))]
                )
                if parent.author == author:
                    author = rng.choice([one for one in people if one != parent.author])
                line = _Line(place, author, at_s, naming.named(reply_text(theme, mood, rng)), mood, parent)
            line.score = 1 + int(math.exp(rng.gauss(1.0, 0.9)))
            recent.append(line)
            yield line


def _launch_factor(plan: ListeningPlan, place: int, week: int) -> float:
    launches = () if plan.plants is None else (plan.plants.launch, plan.plants.dud)
    return math.prod(one.factor for one in launches if one.community == place and week >= one.week)


def _moment_in(rng: random.Random, start_s: int, days_n: int) -> int:
    return start_s + int(rng.random() * days_n) * _DAY + rng.choices(range(24), _HOURS)[0] * _H + int(rng.random() * _H)


# ---- plants ----------------------------------------------------------------


class _Planter:
    """Adds what is planted to the lines of a world."""

    def __init__(self, plan: ListeningPlan, people: list[list[str]], names: Names, lines: list[_Line]) -> None:
        self._plan = plan
        self._people = people
        self._names = names
        self._lines = lines
        self._rng = random.Random(f"{plan.seed}/listening/plants")  # noqa: S311
        self._posts: dict[int, list[_Line]] = {}
        for line in lines:
            if line.parent is None:
                self._posts.setdefault(line.community, []).append(line)
        self.advocates: list[str] = []
        self.shill: str | None = None
        self.ring: list[str] = []
        self.leaders: list[str] = []
        self.puppets: list[str] = []

    def plant(self, plants: Plants) -> None:
        """All plants, each by its own size."""
        self._rise(plants.topic, tuple(text.format("filter") for text in _TOPIC), "neutral")
        self._rise(plants.need, _NEED, "neutral")
        senses = plants.senses
        for texts, count in ((_SENSE_BRAND, senses.brand_n), (_SENSE_OTHER, senses.other_n)):
            for number in range(count):
                self._comment(
                    senses.community, self._somebody(senses.community), self._any_time(), texts[number % len(texts)]
                )
        self._praise(plants)
        self._attack(plants)
        for promotions in (plants.welcome, plants.unwelcome):
            self._promote(promotions)
        for launch in (plants.launch, plants.dud):
            for number in range(12):
                at_s = self._in_week(launch.week + number // 3)
                text = _LAUNCH[number % len(_LAUNCH)].format(launch.word)
                self._comment(launch.community, self._somebody(launch.community), at_s, text)

    def _rise(self, rise: Rise, texts: tuple[str, ...], mood: Mood) -> None:
        for week in range(rise.week):
            for _ in range(rise.before_per_week):
                text = texts[int(self._rng.random() * len(texts))]
                self._comment(rise.community, self._somebody(rise.community), self._in_week(week), text, mood)
        for number, person in enumerate(self._rng.sample(self._people[rise.community], rise.people_n)):
            at_s = self._in_week(rise.week + number % 4)
            self._comment(rise.community, person, at_s, texts[number % len(texts)], mood)

    def _praise(self, plants: Plants) -> None:
        advocates, shill = plants.advocates, plants.shill
        begin_s, end_s = (
            _start_s(self._plan) + week * _WEEK for week in (advocates.week, advocates.week + advocates.weeks_n)
        )
        posts = [post for post in self._posts[advocates.community] if begin_s <= post.at_s < end_s]
        threads = self._rng.sample(posts, advocates.people_n * advocates.mentions_n)
        for _ in range(advocates.people_n):
            name = self._names.another()
            self.advocates.append(name)
            for text in _ADVOCATE[: advocates.mentions_n]:
                post = threads.pop()
                theme = theme_of(self._plan, advocates.community)
                more = f" I use it for {self._rng.choice(theme.doings)} {self._rng.choice(theme.places)}."
                self._answer(post, name, post.at_s + _H, text + more, "positive")
        self.shill = self._names.another()
        for _ in range(shill.posts_n):
            text = _SHILL.format(shill.code, self.shill)
            self._post(shill.community, self.shill, self._any_time(), "The best kettle", text, "positive")

    def _attack(self, plants: Plants) -> None:
        ring, puppets = plants.ring, plants.puppets
        self.ring = [self._names.another() for _ in range(ring.people_n)]
        for author in self.ring:
            post = self._post(ring.community, author, self._any_time(), "My week", "Notes of the week.", "neutral")
            for other in self.ring:
                for number in range(ring.replies_per_pair if other != author else 0):
                    self._answer(
                        post, other, post.at_s + _H + number * 600, "Same here, part two of the notes.", "neutral"
                    )
        self.leaders = [self._names.another() for _ in range(puppets.leaders_n)]
        self.puppets = [self._names.another() for _ in range(puppets.puppets_n)]
        for leader in self.leaders:
            post = self._post(puppets.community, leader, self._any_time(), "My notes", "Notes of the month.", "neutral")
            for number, puppet in enumerate(self.puppets):
                self._answer(post, puppet, post.at_s + _H + number * 600, "I read the notes on the train.", "neutral")

    def _promote(self, promotions: Promotions) -> None:
        for number in range(promotions.posts_n):
            at_s = self._in_week(2 + number * 2)
            post = self._post(
                promotions.community,
                TEAM_ACCOUNT,
                at_s,
                "An offer from us",
                _PROMOTION.format(promotions.code),
                "neutral",
            )
            post.role = "team"
            post.is_removed = number < promotions.removed_n
            for place in range(promotions.replies_n):
                is_positive = place < promotions.positive_share * promotions.replies_n
                text = self._rng.choice(_WELCOME if is_positive else _UNWELCOME)
                mood: Mood = "positive" if is_positive else "negative"
                self._answer(post, self._somebody(promotions.community), at_s + _H * (place + 1), text, mood)

    def _somebody(self, community: int) -> str:
        return self._people[community][int(self._rng.random() * self._plan.people_n)]

    def _in_week(self, week: int) -> int:
        return _moment_in(self._rng, _start_s(self._plan) + min(week, self._plan.weeks_n - 1) * _WEEK, 6)

    def _any_time(self) -> int:
        return self._in_week(int(self._rng.random() * (self._plan.weeks_n - 1)))

    def _post(self, community: int, author: str, at_s: int, title: str, body: str, mood: Mood) -> _Line:
        line = _Line(community, author, at_s, Text(title, body, "talk"), mood)
        self._lines.append(line)
        return line

    def _comment(self, community: int, author: str, at_s: int, text: str, mood: Mood = "neutral") -> None:
        """In the thread that was begun last."""
        before = [post for post in self._posts[community] if post.at_s < at_s - 60]
        post = max(before, key=lambda one: one.at_s) if before else self._posts[community][0]
        self._answer(post, author, max(at_s, post.at_s + 60), text, mood)

    def _answer(self, parent: _Line, author: str, at_s: int, text: str, mood: Mood) -> None:
        if author == parent.author:
            author = next(one for one in self._people[parent.community] if one != author)
        self._lines.append(_Line(parent.community, author, at_s, Text(None, text, "talk"), mood, parent))


# ---- freezing --------------------------------------------------------------


def _community(plan: ListeningPlan, place: int) -> Community:
    theme = theme_of(plan, place)
    words = theme.name.title().replace(" ", "")
    day = plan.first_day
    return Community(
        full_id=f"t5_{base36(50_000_000 + place)}", name=f"{words}{place:02}", topic=theme.name,
        opens_at=datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=400), members_n_at_open=20_000,
        members_per_day=20.0, team_accounts=(TEAM_ACCOUNT,), bot_accounts=(), is_feed_broken=False,
    )  # fmt: skip


def _frozen(lines: list[_Line], communities: tuple[Community, ...]) -> tuple[Contribution, ...]:
    """Numbered in order of time, as ids rise over a platform. What was planted last goes before what was said."""
    lines.sort(key=lambda line: (line.at_s, line.community, line.author, line.text.body))
    for number, line in enumerate(lines):
        line.full_id = f"{'t3' if line.parent is None else 't1'}_{base36(_FIRST_NUMBER + 7 * number)}"
    replies: dict[str, list[datetime]] = {}
    for line in lines:
        if line.parent is not None:
            replies.setdefault(line.post.full_id, []).append(_moment(line.at_s))
    people: dict[str, Person] = {}
    for line in lines:
        people.setdefault(line.author, Person(f"t2_{base36(_FIRST_NUMBER + len(people))}", line.author, None))
    return tuple(
        Contribution(
            full_id=line.full_id, kind="post" if line.parent is None else "comment",
            community=communities[line.community],
            author=people[line.author], role=line.role, created_at=_moment(line.at_s), appears_at=_moment(line.at_s),
            thread_id=line.post.full_id, parent_id=None if line.parent is None else line.parent.full_id,
            title=line.text.title, body=line.text.body, link_url=None, flair=None, mood=line.mood,
            intent=line.text.intent, ask=line.text.ask, final_score=line.score, half_life_h=4.0,
            upvote_ratio=0.9 if line.parent is None else None, is_stickied=False,
            is_by_thread_author=line.parent is not None and line.author == line.post.author, is_orphan=False,
            removal=Removal(_moment(line.at_s + _DAY), "by_moderator") if line.is_removed else None, edit=None,
            replies_appear_at=tuple(replies.get(line.full_id, ())),
        )
        for line in lines
    )  # fmt: skip


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, tz=UTC)


def brands_config() -> list[dict[str, object]]:
    """The brands of this world, as the config names them."""
    return [
        {"name": BRAND, "ours": True, "aliases": [BRAND], "domains": ["emberwell.example"]},
        {"name": RIVAL, "aliases": [RIVAL]},
        {"name": AMBIGUOUS, "aliases": [AMBIGUOUS.lower()], "needs_any": ["grinder", "burrs", "espresso", "hopper"]},
    ]
