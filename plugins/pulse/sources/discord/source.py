"""The ways to Discord."""

from pulse.sources.discord.entry import DiscordExportEntry
from pulse.sources.protocol import Source

DISCORD_EXPORT = Source("discord_export", DiscordExportEntry, "pulse.sources.discord.export")
