"""Telegram: a community is a group or channel; everything there is a message, which may answer another.

A message's id is a number within its chat. The terms forbid profiles of members made from what is read there, so no
table or page ranks persons (https://core.telegram.org/api/terms, looked up 2026-11-28).
"""

from datetime import date

from pulse.platforms.platform import Platform

TELEGRAM = Platform(
    name="telegram",
    kinds=("message",),
    opened_on=date(2013, 8, 14),
    id_patterns={"message": "[0-9]{1,20}_[0-9]{1,20}"},
)
