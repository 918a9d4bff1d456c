"""The ways to Discord."""

from pulse.sources.discord.bot import SOURCE, DiscordBotEntry, DiscordBotPolicy, DiscordCredentials
from pulse.sources.discord.entry import DiscordExportEntry
from pulse.sources.protocol import Source

DISCORD_EXPORT = Source("discord_export", DiscordExportEntry, "pulse.sources.discord.export")
DISCORD_BOT = Source(
    SOURCE,
    DiscordBotEntry,
    "pulse.sources.discord.bot_live",
    is_live=True,
    policy=DiscordBotPolicy,
    credentials=DiscordCredentials,
)
