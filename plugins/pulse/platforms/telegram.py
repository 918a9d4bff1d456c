"""Telegram: a community is a group or channel; everything there is a message, which may answer another.

A message's id is a number within its chat.
"""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.terms import Terms

TELEGRAM = Platform(
    name="telegram",
    kinds=("message",),
    opened_on=date(2013, 8, 14),
    id_patterns={"message": "[0-9]{1,20}_[0-9]{1,20}"},
    terms=Terms(
        addresses=(
            "https://core.telegram.org/api/terms",
            "https://conductatlas.com/platform/telegram/telegram-terms-of-service/ai-scraping-and-data-scraping-prohibition/",
        ),
        looked_up_on=date(2026, 11, 29),
        may_train=False,
        remark="Its terms forbid scraping, for training too (by a description of them, the second document); those of "
        "its API ask clients to guard privacy. What its own app exports is read.",
    ),
)
