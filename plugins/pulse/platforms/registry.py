"""The platforms that have a file of their own."""

import re

from pulse.platforms.bluesky import BLUESKY
from pulse.platforms.discord import DISCORD
from pulse.platforms.facebook_groups import FACEBOOK_GROUPS
from pulse.platforms.hacker_news import HACKER_NEWS
from pulse.platforms.platform import Platform
from pulse.platforms.reddit import REDDIT
from pulse.platforms.stack_exchange import STACK_EXCHANGE

PLATFORMS: dict[str, Platform] = {
    one.name: one for one in (BLUESKY, DISCORD, FACEBOOK_GROUPS, HACKER_NEWS, REDDIT, STACK_EXCHANGE)
}
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def platform_named(name: str) -> Platform:
    """What is known of a platform; careful defaults where it has no file."""
    return PLATFORMS.get(name) or Platform(name)
