"""Telegram: a community is a group or channel; everything there is a message, which may answer another.

A message's id is a number within its chat. Its terms forbid scraping (https://telegram.org/tos, by a description of
2026; the page itself was not read); exports are its own app's. Whether persons may be ranked is not known, so the
careful default holds: no table or page does.
"""

from datetime import date

from pulse.platforms.platform import Platform

TELEGRAM = Platform(
    name="telegram",
    kinds=("message",),
    opened_on=date(2013, 8, 14),
    id_patterns={"message": "[0-9]{1,20}_[0-9]{1,20}"},
)
