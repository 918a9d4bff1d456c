"""The platforms that have a file of their own."""

import re

from pulse.platforms.bluesky import BLUESKY
from pulse.platforms.discord import DISCORD
from pulse.platforms.discourse import DISCOURSE
from pulse.platforms.facebook_groups import FACEBOOK_GROUPS
from pulse.platforms.hacker_news import HACKER_NEWS
from pulse.platforms.lemmy import LEMMY
from pulse.platforms.mastodon import MASTODON
from pulse.platforms.platform import Platform
from pulse.platforms.reddit import REDDIT
from pulse.platforms.slack import SLACK
from pulse.platforms.stack_exchange import STACK_EXCHANGE
from pulse.platforms.telegram import TELEGRAM
from pulse.platforms.youtube import YOUTUBE

PLATFORMS: dict[str, Platform] = {
    one.name: one
    for one in (
        BLUESKY,
        DISCORD,
        DISCOURSE,
        FACEBOOK_GROUPS,
        HACKER_NEWS,
        LEMMY,
        MASTODON,
        REDDIT,
        SLACK,
        STACK_EXCHANGE,
        TELEGRAM,
        YOUTUBE,
    )
}
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def platform_named(name: str) -> Platform:
    """What is known of a platform; careful defaults where it has no file."""
    return PLATFORMS.get(name) or Platform(name)
