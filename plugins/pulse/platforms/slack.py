"""Slack: a community is a workspace, its public channels are the contract's ``channel``, and replies stand in threads.

A message is known by its channel and its time.
"""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.terms import Terms

_ID = "[A-Z0-9]{3,30}_[0-9]{9,11}[.][0-9]{6}"

SLACK = Platform(
    name="slack",
    kinds=("comment", "message"),
    chat_kinds=("comment", "message"),
    opened_on=date(2013, 8, 12),
    id_patterns={"comment": _ID, "message": _ID},
    thread_id_pattern=_ID,
    terms=Terms(
        addresses=("https://slack.com/trust/data-management",),
        looked_up_on=date(2026, 11, 28),
        remark="What members write belongs to the workspace's owner, whose admins may export public channels.",
    ),
)
