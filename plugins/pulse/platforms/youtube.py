"""YouTube: a community is what people write below the videos of a channel; a video is the thread of its comments.

Only comments are people's; videos are the channel's own. Its developer policies
(https://developers.google.com/youtube/terms/developer-policies) bind whoever asks the API; whether they let persons be
ranked was not read there, so the careful default holds: no table or page does.
"""

from datetime import date

from pulse.platforms.platform import Platform

YOUTUBE = Platform(name="youtube", kinds=("post", "comment"), opened_on=date(2005, 4, 23))
