"""Source ``discord_bot``: wired to the live layer."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.context import SourceContext
from pulse.sources.discord.bot import SOURCE, DiscordBotEntry, DiscordBotPolicy, DiscordCredentials
from pulse.sources.discord.bot_reading import MAPPING_VERSION, PAGE_MESSAGES, SERVICE, DiscordBotReader
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
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

# What the protocol asks of a source's module.
extract = DISCORD_BOT.extract
listen = DISCORD_BOT.listen
describe_plan = DISCORD_BOT.describe_plan
probe = DISCORD_BOT.probe


def look_up(
    entry: DiscordBotEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.discord.bot_look_up import QUESTIONS  # which knows this module

    return open_look_up(DISCORD_BOT, QUESTIONS, entry, context, on_call)
