"""The ways to Telegram."""

from pulse.sources.protocol import Source
from pulse.sources.recognition import FileForm
from pulse.sources.telegram.entry import TelegramExportEntry

TELEGRAM_EXPORT = Source(
    "telegram_export",
    TelegramExportEntry,
    "pulse.sources.telegram.export",
    files=(
        FileForm(
            rb'"type"\s*:\s*"(?:private|public)_(?:supergroup|group|channel)"',
            rb'"type"\s*:\s*"(?:private|public)_(?:supergroup|group|channel)"\s*,\s*"id"\s*:\s*(\d+)',
        ),
    ),
)
