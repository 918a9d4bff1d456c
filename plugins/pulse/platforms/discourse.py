"""Discourse, the software of many forums: a community is one forum, named by its host, and its categories are channels.

A contribution's id is its topic and its number there, as in the forum's own addresses: what answers what is told by
numbers, and a topic's first post is number 1. A forum knows persons by names without case; a name goes with its host.
Each forum has terms of its own, and none that we know allows it (those of https://meta.discourse.org/tos say nothing of
it, looked up 2026-11-28): persons are not ranked.
"""

from pulse.platforms.platform import Platform

_TOPIC = "[0-9]{1,12}"

DISCOURSE = Platform(
    name="discourse",
    kinds=("post", "comment"),
    ignores_case=True,
    id_patterns={"post": f"{_TOPIC}/1", "comment": f"{_TOPIC}/[0-9]{{1,9}}"},
    thread_id_pattern=f"{_TOPIC}/1",
    longest_title_chars=500,
)
