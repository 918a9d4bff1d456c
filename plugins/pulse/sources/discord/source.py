"""The ways to Discord."""

from pulse.sources.discord.bot import SOURCE, DiscordBotEntry, DiscordBotPolicy, DiscordCredentials
from pulse.sources.discord.entry import DiscordExportEntry
from pulse.sources.protocol import Source
from pulse.sources.recognition import Address, FileForm

DISCORD_EXPORT = Source(
    "discord_export",
    DiscordExportEntry,
    "pulse.sources.discord.export",
    files=(
        FileForm(rb'"guild"\s*:\s*\{', rb'"guild"\s*:\s*\{\s*"id"\s*:\s*"(\d+)"'),
        FileForm(
            rb"^(?:\xef\xbb\xbf)?\"?AuthorID\"?,\"?Author\"?,\"?Date\"?,",
            needs="csv={zone: …, channel: …}, which CSV exports do not tell (docs/sources/discord_export.md)",
        ),
    ),
)
DISCORD_BOT = Source(
    SOURCE,
    DiscordBotEntry,
    "pulse.sources.discord.bot_live",
    is_live=True,
    policy=DiscordBotPolicy,
    credentials=DiscordCredentials,
    days="any, as long as its messages are still there",
    addresses=(Address(r"discord\.com/channels/(?P<name>\d+)(?:/.*)?"),),
)
