"""Bluesky: a community is a feed, and what answers its posts.

The platform's own address of a post spells its author's account, so ids are that address in a cipher under this
installation's key (:mod:`pulse.sources.bluesky.ids`), and there are no permalinks. Deleted posts have to go on request
(https://bsky.social/about/support/tos and https://docs.bsky.app/docs/support/developer-guidelines, looked up
2026-11-28); neither allows a ranking of persons.
"""

from datetime import date

from pulse.platforms.platform import Platform

_ID = "[0-9A-Za-z_-]{40,1000}"

# A post has 300 characters, which may be made of many more code points.
BLUESKY = Platform(
    name="bluesky",
    kinds=("post", "comment"),
    opened_on=date(2022, 1, 1),
    id_patterns={"post": _ID, "comment": _ID},
    thread_id_pattern=_ID,
    longest_body_chars=10_000,
)
