"""Lemmy: a community is `name@instance`, asked at home, where all its posts, comments and votes come together.

Ids are numbers of the home instance, and posts and comments count apart, so each goes with its kind, as in addresses
there. Persons are `name@instance`. Instances have terms of their own, and the software states none for reading
(https://join-lemmy.org/docs/, looked up 2026-11-28): persons are not ranked.
"""

from datetime import date

from pulse.platforms.platform import Platform

LEMMY = Platform(
    name="lemmy",
    kinds=("post", "comment"),
    ignores_case=True,
    opened_on=date(2019, 2, 1),
    id_patterns={"post": "post/[0-9]{1,12}", "comment": "comment/[0-9]{1,12}"},
    thread_id_pattern="post/[0-9]{1,12}",
    longest_title_chars=400,
)
