"""Discord: a community is a server, and its channels are the contract's ``channel``.

Names change and repeat, so a person is the account's id. Its developer policy forbids profiling of users, so no table
or page ranks them (https://support-dev.discord.com/hc/en-us/articles/8563934450327, looked up 2026-11-28).
"""

from datetime import date

from pulse.platforms.platform import Platform

# An id is a snowflake: milliseconds since 2015 in its upper bits.
_SNOWFLAKE = "[0-9]{15,20}"

DISCORD = Platform(
    name="discord",
    kinds=("post", "comment", "message"),
    # What stands in a thread is written like what stands in a channel.
    chat_kinds=("comment", "message"),
    opened_on=date(2015, 1, 1),
    id_patterns={"post": _SNOWFLAKE, "comment": _SNOWFLAKE, "message": _SNOWFLAKE},
    thread_id_pattern=_SNOWFLAKE,
)
