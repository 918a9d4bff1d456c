"""The sources there are. One line each; nothing else of the house lists them."""

from pulse.core.credentials import Credentials
from pulse.sources.bluesky.source import BLUESKY
from pulse.sources.discord.source import DISCORD_BOT, DISCORD_EXPORT
from pulse.sources.discourse.source import DISCOURSE
from pulse.sources.facebook.source import FACEBOOK_DOWNLOAD
from pulse.sources.hacker_news.source import HACKER_NEWS
from pulse.sources.lemmy.source import LEMMY
from pulse.sources.mastodon.source import MASTODON
from pulse.sources.protocol import Source
from pulse.sources.reddit.source import ARCTIC_SHIFT, REDDIT_API, REDDIT_ARCHIVE
from pulse.sources.slack.source import SLACK_EXPORT
from pulse.sources.stack_exchange.source import STACK_EXCHANGE
from pulse.sources.tabular.source import TABULAR
from pulse.sources.telegram.source import TELEGRAM_EXPORT

SOURCES: dict[str, Source] = {
    one.name: one
    for one in (
        ARCTIC_SHIFT,
        BLUESKY,
        DISCORD_BOT,
        DISCORD_EXPORT,
        DISCOURSE,
        FACEBOOK_DOWNLOAD,
        HACKER_NEWS,
        LEMMY,
        MASTODON,
        REDDIT_API,
        REDDIT_ARCHIVE,
        SLACK_EXPORT,
        STACK_EXCHANGE,
        TABULAR,
        TELEGRAM_EXPORT,
    )
}


def live_sources() -> tuple[Source, ...]:
    """Those that ask a platform."""
    return tuple(one for one in SOURCES.values() if one.is_live)


def credential_kinds() -> tuple[type[Credentials], ...]:
    """The kinds of credentials that some source is asked with, each once."""
    return tuple(dict.fromkeys(one.credentials for one in SOURCES.values() if one.credentials is not None))
