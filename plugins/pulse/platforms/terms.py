"""What a platform's terms say of those who listen: stated with its source and the day it was looked up.

A summary for engineers, not advice of a lawyer: read the addresses before you listen for money, and for persons in the
European Union ask whoever is responsible for data protection.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Terms:
    """Defaults are those of a platform whose terms nobody has read: careful ones.

    Attributes:
        addresses: of the documents that say so; empty where none was read.
        looked_up_on: when they were read.
        may_rank_persons: whether a table or a page may show which persons lead.
        may_quote: whether a page may show what somebody wrote, word by word, without their name.
        delete_within_h: hours within which a deletion upstream must reach what was kept; None if no number is stated.
        keep_text_days: days that texts may be kept after the platform, or a file of it, last showed them; None if no
            number is stated.
        attribution: what must stand beside a text that is shown; empty if nothing.
        may_train: whether texts may train a model; None where the terms are silent.
        remark: what else to know, one sentence.
    """

    addresses: tuple[str, ...] = ()
    looked_up_on: date | None = None
    may_rank_persons: bool = False
    may_quote: bool = False
    delete_within_h: int | None = None
    keep_text_days: int | None = None
    attribution: str = ""
    may_train: bool | None = None
    remark: str = ""
