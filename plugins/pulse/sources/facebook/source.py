"""The ways to Facebook Groups."""

from pulse.sources.facebook.entry import FacebookDownloadEntry
from pulse.sources.protocol import Source
from pulse.sources.recognition import FileForm

FACEBOOK_DOWNLOAD = Source(
    "facebook_download",
    FacebookDownloadEntry,
    "pulse.sources.facebook.download",
    files=(
        FileForm(
            rb"(?m)groups/(?:group_posts|your_posts_in_groups|your_comments_in_groups|group_comments)", is_zip=True
        ),
        FileForm(rb'"(?:group_posts_v2|group_comments_v2|group_posts|group_comments)"\s*:'),
    ),
)
