"""YouTube: a community is what people write below the videos of a channel; a video is the thread of its comments.

Only comments are people's; videos are the channel's own. Which way a table of comments came nobody can tell, so what
binds its API holds for all: what it gave is asked for again, or deleted, within 30 days.
"""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.terms import Terms

YOUTUBE = Platform(
    name="youtube",
    kinds=("post", "comment"),
    opened_on=date(2005, 4, 23),
    terms=Terms(
        addresses=(
            "https://developers.google.com/youtube/terms/developer-policies",
            "https://github.com/tjrgg/simple-youtube-api/issues/62",
        ),
        looked_up_on=date(2026, 11, 29),
        keep_text_days=30,
        remark="Public data of its API is asked for again or deleted after 30 days (policy III.E.4, as YouTube told "
        "the author of the second document; of the first, the beginning was read).",
    ),
)
