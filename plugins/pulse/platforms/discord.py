"""Discord: a community is a server, and its channels are the contract's ``channel``.

Names change and repeat, so a person is the account's id.
"""

from datetime import UTC, date, datetime, timedelta

from pulse.platforms.platform import Platform
from pulse.platforms.terms import Terms

# An id is a snowflake: milliseconds since 2015 in its upper bits.
_SNOWFLAKE = "[0-9]{15,20}"

DISCORD = Platform(
    name="discord",
    kinds=("post", "comment", "message"),
    # What stands in a thread is written like what stands in a channel.
    chat_kinds=("comment", "message"),
    opened_on=date(2015, 1, 1),
    # CSV exports tell no ids: theirs are made of other columns, and say so.
    id_patterns={"post": _SNOWFLAKE, "comment": _SNOWFLAKE, "message": f"{_SNOWFLAKE}|made_[0-9a-f]{{32}}"},
    thread_id_pattern=_SNOWFLAKE,
    terms=Terms(
        addresses=("https://support-dev.discord.com/hc/en-us/articles/8563934450327",),
        looked_up_on=date(2026, 11, 28),
        may_train=False,
        remark="No profiles of users, their identities or relationships; data is used for the stated function alone, "
        "encrypted at rest, and deleted promptly when a user or Discord asks.",
    ),
)

# All whose accounts were deleted before 2023 have this one in common, which is no person.
DELETED_ACCOUNT = "456226577798135808"
_SNOWFLAKES_SINCE = datetime(2015, 1, 1, tzinfo=UTC)
_OTHER_BITS = 22


def snowflake_at(at: datetime) -> int:
    """The least id of what is made at a time or later."""
    return ((at - _SNOWFLAKES_SINCE) // timedelta(milliseconds=1)) << _OTHER_BITS


def snowflake_time(snowflake: int) -> datetime:
    """When the thing of that id was made, UTC, to the millisecond."""
    return _SNOWFLAKES_SINCE + timedelta(milliseconds=snowflake >> _OTHER_BITS)
