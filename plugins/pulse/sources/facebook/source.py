"""The ways to Facebook Groups."""

from pulse.sources.facebook.entry import FacebookDownloadEntry
from pulse.sources.protocol import Source

FACEBOOK_DOWNLOAD = Source("facebook_download", FacebookDownloadEntry, "pulse.sources.facebook.download")
