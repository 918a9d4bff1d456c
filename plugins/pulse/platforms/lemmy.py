"""Lemmy: a community is `name@instance`, asked at home, where all its posts, comments and votes come together.

Ids are numbers of the home instance, and posts and comments count apart, so each goes with its kind, as in addresses
there. Persons are `name@instance`.
"""

from datetime import date

from pulse.platforms.platform import Platform, whole_links
from pulse.platforms.terms import Terms

LEMMY = Platform(
    name="lemmy",
    kinds=("post", "comment"),
    ignores_case=True,
    opened_on=date(2019, 2, 1),
    id_patterns={"post": "post/[0-9]{1,12}", "comment": "comment/[0-9]{1,12}"},
    thread_id_pattern="post/[0-9]{1,12}",
    longest_title_chars=400,
    plain_link=whole_links("https://[a-z0-9.-]{1,253}/(?:post|comment)/[0-9]{1,12}"),
    terms=Terms(
        addresses=("https://join-lemmy.org/docs/",),
        looked_up_on=date(2026, 11, 28),
        remark="Instances have terms of their own; the software states none for reading.",
    ),
)
