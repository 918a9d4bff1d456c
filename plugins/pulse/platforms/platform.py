"""What can be said of a platform."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pulse.core.contract import KINDS
from pulse.platforms.terms import Terms


def whole_links(pattern: str) -> Callable[[str], str | None]:
    """A :attr:`Platform.plain_link` for permalinks that may be shown as they are if they look so (whole, ASCII)."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda permalink: permalink if compiled.fullmatch(permalink) else None


@dataclass(frozen=True)
class Platform:
    """Facts that rules need. The defaults are those of a platform of which nothing is known: careful ones.

    Attributes:
        name: as in the contract's column ``platform``; lower case.
        kinds: which of the contract's kinds people write there.
        chat_kinds: which of them are written as chat: in bursts by few, and often without a text of their own.
        ignores_case: whether two spellings of a community's or an account's name that differ in case alone are one.
        opened_on: nothing was written there before.
        id_patterns: by kind, how a full id looks (RE2, the whole id); kinds without one take any.
        thread_id_pattern: how the id of a thread looks that a comment stands in; None takes any.
        longest_title_chars, longest_body_chars: more than the platform lets anybody write is a fault of a mapping.
        least_score: the score that everything begins with, if all zeros show a column that is not one; None where zero
            is usual.
        scored_kinds: of which kinds it shows scores, if it shows any.
        notice_sql: given a text as a DuckDB expression, one for whether the text is the platform's own notice in place
            of one that is gone.
        permalink_community_prefix: what stands before the community's name in a permalink, and a slash behind it; None
            where a permalink names none.
        plain_permalink: a pattern, and what to make of it (as for ``re.sub``): the full address of a contribution, with
            its id and without the title that a permalink may hold. None where permalinks are full and made of ids.
        community_prefix_pattern: what people write before a community's name, and is none of it.
        has_profiles: whether a community may be one account's own page, whose name is a person's.
        ids_shared_within: where the same id in two communities is the same contribution: on all of the platform, or on
            one ``host`` (what stands behind the ``@`` of a community's name, or all of it). None where a contribution
            stands in one community alone, or nobody knows: then each community's counts by itself.
        plain_link: makes of a permalink an address that leads to the contribution and spells neither words nor an
            account, or None of others. Without it nobody is sent there: no address is such, or what is written is for
            members.
        terms: what they say of those who listen.
    """

    name: str
    kinds: tuple[str, ...] = KINDS
    chat_kinds: tuple[str, ...] = ("message",)
    ignores_case: bool = False
    opened_on: date = date(1990, 1, 1)
    id_patterns: Mapping[str, str] = field(default_factory=dict)
    thread_id_pattern: str | None = None
    longest_title_chars: int = 2_000
    longest_body_chars: int = 200_000
    least_score: int | None = None
    scored_kinds: tuple[str, ...] = KINDS
    notice_sql: Callable[[str], str] | None = None
    permalink_community_prefix: str | None = None
    plain_permalink: tuple[str, str] | None = None
    community_prefix_pattern: str | None = None
    has_profiles: bool = False
    ids_shared_within: Literal["platform", "host"] | None = None
    plain_link: Callable[[str], str | None] | None = None
    terms: Terms = field(default_factory=Terms)
