"""Source ``discord_bot``: wired to the live layer."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.sources.context import SourceContext
from pulse.sources.discord.bot import SOURCE, DiscordBotEntry, DiscordBotPolicy, DiscordCredentials
from pulse.sources.discord.bot_reading import MAPPING_VERSION, PAGE_MESSAGES, SERVICE, DiscordBotReader
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
from pulse.sources.live.listening import Heard
from pulse.sources.live.look_up import LookUp, open_look_up
from pulse.sources.live.run_plan import Costs


def _endpoint(_: DiscordBotEntry, context: SourceContext) -> Endpoint:
    credentials = context.credentials(DiscordCredentials)
    return Endpoint(
        SERVICE,
        credentials.url,
        credentials_hint="reset the token in the Developer Portal, and give it as PULSE_DISCORD_TOKEN",
        headers={"Authorization": f"Bot {credentials.token}"},
    )


def _client(context: SourceContext) -> str:
    """One pace for each bot; its token is not shown by it."""
    token = context.credentials(DiscordCredentials).token
    return f"bot {hashlib.sha256(token.encode()).hexdigest()[:12]}"


DISCORD_BOT = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=DiscordBotEntry,
    policy=DiscordBotPolicy,
    mapping_version=MAPPING_VERSION,
    # The application, the server, its channels and its active threads; then a page at least for each lively channel.
    costs=Costs(fixed_n=4, page_items=PAGE_MESSAGES, again_items=PAGE_MESSAGES, listings_n=20),
    endpoint=_endpoint,
    reader=DiscordBotReader,
    question=lambda entry: (f"/guilds/{entry.name}", {"with_counts": "true"}),
    client=_client,
)


def extract(entry: DiscordBotEntry, window: Window, context: SourceContext) -> list[Load]:
    """See :func:`pulse.sources.live.extraction.extract`."""
    return extraction.extract(DISCORD_BOT, entry, window, context)


def listen(entry: DiscordBotEntry, at: datetime, context: SourceContext) -> Heard:
    """See :func:`pulse.sources.live.extraction.listen`."""
    return extraction.listen(DISCORD_BOT, entry, at, context)


def describe_plan(window: Window, context: SourceContext) -> Sequence[str]:
    """See :func:`pulse.sources.live.extraction.describe_plan`."""
    return extraction.describe_plan(DISCORD_BOT, window, context)


def probe(entry: DiscordBotEntry, context: SourceContext) -> str:
    """See :func:`pulse.sources.live.extraction.probe`."""
    return extraction.probe(DISCORD_BOT, entry, context)


def look_up(
    entry: DiscordBotEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.discord.bot_look_up import QUESTIONS  # which knows this module

    return open_look_up(DISCORD_BOT, QUESTIONS, entry, context, on_call)
