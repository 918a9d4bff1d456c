"""The ways to Slack."""

from pulse.sources.protocol import Source
from pulse.sources.recognition import FileForm
from pulse.sources.slack.entry import SlackExportEntry

SLACK_EXPORT = Source(
    "slack_export",
    SlackExportEntry,
    "pulse.sources.slack.export",
    files=(FileForm(rb"(?m)^(?:[^/\n]+/)?channels\.json$", is_zip=True),),
)
