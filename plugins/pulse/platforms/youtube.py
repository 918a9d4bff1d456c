"""YouTube: a community is what people write below the videos of a channel; a video is the thread of its comments.

Only comments are people's; videos are the channel's own. The developer policies limit how long data may stay and forbid
to tell who stands behind an account, so no table or page ranks persons
(https://developers.google.com/youtube/terms/developer-policies, looked up 2026-11-28).
"""

from datetime import date

from pulse.platforms.platform import Platform

YOUTUBE = Platform(name="youtube", kinds=("post", "comment"), opened_on=date(2005, 4, 23))
