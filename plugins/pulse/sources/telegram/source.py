"""The ways to Telegram."""

from pulse.sources.protocol import Source
from pulse.sources.telegram.entry import TelegramExportEntry

TELEGRAM_EXPORT = Source("telegram_export", TelegramExportEntry, "pulse.sources.telegram.export")
