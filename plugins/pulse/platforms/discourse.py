"""Discourse, the software of many forums: a community is one forum, named by its host, and its categories are channels.

A contribution's id is its topic and its number there, as in the forum's own addresses: what answers what is told by
numbers, and a topic's first post is number 1. A forum knows persons by names without case; a name goes with its host.
"""

from datetime import date

from pulse.platforms.platform import Platform, whole_links
from pulse.platforms.terms import Terms

_TOPIC = "[0-9]{1,12}"

DISCOURSE = Platform(
    name="discourse",
    kinds=("post", "comment"),
    ignores_case=True,
    id_patterns={"post": f"{_TOPIC}/1", "comment": f"{_TOPIC}/[0-9]{{1,9}}"},
    thread_id_pattern=f"{_TOPIC}/1",
    longest_title_chars=500,
    plain_link=whole_links("https://[a-z0-9.-]{1,253}/t/[0-9]{1,12}/[0-9]{1,9}"),
    terms=Terms(
        addresses=("https://meta.discourse.org/tos",),
        looked_up_on=date(2026, 11, 28),
        remark="Each forum has terms of its own: read those of the forum that you listen to.",
    ),
)
