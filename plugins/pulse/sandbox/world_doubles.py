"""Every platform of the live layer over one made-up world: what `pulse sandbox serve` shows beside Reddit."""

import zlib
from collections import Counter
from collections.abc import Callable

from pulse.sandbox.arctic_shift import ArcticShiftDouble
from pulse.sandbox.bluesky import BlueskyDouble
from pulse.sandbox.discord import SERVER_ID, DiscordDouble
from pulse.sandbox.discourse import DiscourseDouble
from pulse.sandbox.hacker_news import HackerNewsDouble
from pulse.sandbox.lemmy import LemmyDouble
from pulse.sandbox.mastodon import MastodonDouble
from pulse.sandbox.other_platforms import Double, Doubles
from pulse.sandbox.stack_exchange import StackExchangeDouble
from pulse.sandbox.talk import TalkAt, talk_of
from pulse.sandbox.world import World

# By source: the double of a talk, for a community of that name.
_MAKERS: dict[str, Callable[[TalkAt, str], Double]] = {
    "arctic_shift": lambda talk_at, name: ArcticShiftDouble(talk_at, community=name),
    "bluesky": lambda talk_at, _: BlueskyDouble(talk_at),
    "discord_bot": lambda talk_at, name: DiscordDouble(talk_at, server_id=name),
    "discourse": lambda talk_at, _: DiscourseDouble(talk_at),
    "hacker_news": lambda talk_at, _: HackerNewsDouble(talk_at),
    "lemmy": lambda talk_at, _: LemmyDouble(talk_at),
    "mastodon": lambda talk_at, _: MastodonDouble(talk_at),
    "stack_exchange": lambda talk_at, _: StackExchangeDouble(talk_at),
}


class WorldDoubles:
    """Whatever is asked for is there: the world's community of that name, or a lively one, always the same."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names = {one.name.lower(): one.name for one in world.communities}
        said = Counter(one.community.name for one in world.contributions)
        self._lively = [name for name, _ in said.most_common(max(len(said) // 2, 1))]
        self._made: dict[tuple[str, str], Double] = {}

    def get(self, key: tuple[str, str]) -> Double | None:
        """The double of a source's community; None of a source that has none."""
        source, community = key
        make = _MAKERS.get(source)
        if make is None:
            return None
        if key not in self._made:
            other = self._lively[zlib.crc32(community.encode()) % len(self._lively)]
            self._made[key] = make(talk_of(self._world, self._names.get(community.lower(), other)), community)
        return self._made[key]


def doubles_of_the_demo(world: World) -> Doubles:
    """A Discord server and a forum, as ``config/communities.yml`` names them, of two communities of a world."""
    forum = DiscourseDouble(talk_of(world, "BalconyGreens"))
    server = DiscordDouble(talk_of(world, "ShutterAttic"), is_asked=lambda one: one.number % 40 == 0)
    return {("discord_bot", SERVER_ID): server, ("discourse", "forum.emberwell.example"): forum}
