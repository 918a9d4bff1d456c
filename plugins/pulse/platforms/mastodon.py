"""Mastodon: a community is a tag as one instance sees it, `#tag@instance`, or an instance's own public timeline.

Ids are snowflakes of the instance that is asked: milliseconds since 1970 in their upper bits. Persons are
`name@instance`.
"""

from datetime import date

from pulse.platforms.platform import Platform, whole_links
from pulse.platforms.terms import Terms

_SNOWFLAKE = "[0-9]{1,20}"

MASTODON = Platform(
    name="mastodon",
    kinds=("post", "comment"),
    ignores_case=True,
    opened_on=date(2016, 3, 16),
    id_patterns={"post": _SNOWFLAKE, "comment": _SNOWFLAKE},
    thread_id_pattern=_SNOWFLAKE,
    ids_shared_within="host",
    plain_link=whole_links("https://[a-z0-9.-]{1,253}/statuses/[0-9]{1,20}"),
    terms=Terms(
        addresses=("https://joinmastodon.org/covenant",),
        looked_up_on=date(2026, 11, 28),
        remark="Instances have terms of their own; the covenant for servers says nothing of reading.",
    ),
)
