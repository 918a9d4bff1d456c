"""Bluesky: a community is a feed, and what answers its posts.

The platform's own address of a post spells its author's account, so ids are that address in a cipher under this
installation's key (:mod:`pulse.sources.bluesky.ids`), and there are no permalinks.
"""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.terms import Terms

_ID = "[0-9A-Za-z_-]{40,1000}"

# A post has 300 characters, which may be made of many more code points.
BLUESKY = Platform(
    name="bluesky",
    kinds=("post", "comment"),
    opened_on=date(2022, 1, 1),
    id_patterns={"post": _ID, "comment": _ID},
    thread_id_pattern=_ID,
    longest_body_chars=10_000,
    ids_shared_within="platform",
    terms=Terms(
        addresses=("https://bsky.social/about/support/tos", "https://docs.bsky.app/docs/support/developer-guidelines"),
        looked_up_on=date(2026, 11, 28),
        remark="Deleted posts have to go on request; neither document allows a ranking of persons.",
    ),
)
