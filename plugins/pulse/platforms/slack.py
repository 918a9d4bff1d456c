"""Slack: a community is a workspace, its public channels are the contract's ``channel``, and replies stand in threads.

A message is known by its channel and its time. What members write belongs to the workspace's owner, whose admins may
export public channels (https://slack.com/trust/data-management, looked up 2026-11-28). Whether persons may be ranked is
not said there, so the careful default holds: no table or page does.
"""

from datetime import date

from pulse.platforms.platform import Platform

_ID = "[A-Z0-9]{3,30}_[0-9]{9,11}[.][0-9]{6}"

SLACK = Platform(
    name="slack",
    kinds=("comment", "message"),
    chat_kinds=("comment", "message"),
    opened_on=date(2013, 8, 12),
    id_patterns={"comment": _ID, "message": _ID},
    thread_id_pattern=_ID,
)
