"""What gate 1 kept out: rule, column and reason for everybody; the original line for who may release.

A line is shown with control characters made visible and names masked: whoever decides about a release looks at its
shape, and needs nobody's name for that.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pulse.core.contract import COLUMN_NAMES
from pulse.core.errors import PulseError
from pulse.core.files import read_json
from pulse.core.home import Home, path_value
from pulse.core.text import printable
from pulse.gates import quarantine
from pulse.gates.mart_rules import MART_RULES, MartRule
from pulse.gates.rules import LOAD_RULES, ROW_RULES, WAIVABLE_RULES, LoadRule, RowRule
from pulse.page.snapshot import Snapshot

SHOWN_N = 50
_LINE_CHARS = 600
_NAME_CHARS = 4  # a shorter one is a word, or part of many
MASK = "▒▒▒"
# Members of records that name or address somebody, on any platform that we read.
_NAMING = re.compile(
    r'("(?:[a-z_]*(?:author|user|name|nick|nickname|handle|acct|sender|actor|member|mail|phone|avatar|flair|profile)'
    r'[a-z_]*|from|by|did)"\s*:\s*)("(?:[^"\\]|\\.)*"?|\d+)',
    re.IGNORECASE,
)
# Of the same, what says nothing of anybody: the community, and what a client calls itself.
_NAMING_NOBODY = re.compile(r'^"(?:subreddit|community|channel|guild|server|forum|display)[a-z_]*"', re.IGNORECASE)
_IN_TEXT = re.compile(
    r"(?<![\w/])/?u(?:ser)?/[\w-]{2,}|(?<![\w@])@[\w.-]+(?:@[\w.-]+\w)?|[\w.+-]+@[\w-]+\.[\w.-]+\w|<@!?\d+>"
)


@dataclass(frozen=True)
class Lines:
    """Original lines of a load, or why there are none to see."""

    lines: tuple[tuple[str, str, str, str], ...] = ()
    why_none: str = ""


def is_readable(home: Home) -> bool:
    """Whether this service may look into the quarantine at all."""
    return os.access(home.quarantine, os.R_OK | os.X_OK)


def records(snapshot: Snapshot, load_id: str, *, limit: int = SHOWN_N) -> dict[str, Any]:
    """Records kept out of a load, without any text of theirs, and how many each rule kept."""
    rows = snapshot.rows(
        "select distinct rule, reason, community, day, contribution_id, file, line_number "
        "from quality.quarantined_rows where load_id = $load order by rule, day, line_number, contribution_id "
        "limit $limit",
        {"load": load_id, "limit": limit},
    )
    counts = snapshot.rows(
        "select rule, count(distinct (contribution_id, file, line_number)) as n from quality.quarantined_rows "
        "where load_id = $load group by rule order by n desc",
        {"load": load_id},
    )
    return {"rows": [{**row, "columns": columns_of(row["rule"])} for row in rows], "counts": counts}


@cache
def columns_of(rule: str) -> str:
    """Which of the contract's columns a row rule is about; empty where it is about none."""
    predicate = next((one.predicate for one in ROW_RULES if one.name == rule), "")
    words = set(re.findall(r"\w+", predicate))
    return ", ".join(name for name in COLUMN_NAMES if name in words)


@cache
def reason_of(rule: str) -> str:
    """Why the rule is there; empty for one that is no rule of ours any more."""
    rules: list[RowRule | LoadRule | MartRule] = [*ROW_RULES, *LOAD_RULES, *MART_RULES]
    return next((one.reason for one in rules if one.name == rule), "")


def waivable(rules: list[str]) -> list[str]:
    """Of these rules, those that a release may do without."""
    return sorted(set(rules) & WAIVABLE_RULES)


def waiver_of(home: Home, load_id: str) -> Mapping[str, Any] | None:
    """Who released a load, when, why, and without which rules; None where nobody did, or this service cannot tell."""
    file = home.quarantine / "waivers" / f"{path_value(load_id)}.json"
    try:
        found = read_json(file) if file.is_file() else None
    except (OSError, PulseError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    at = found.get("waived_at")
    return {
        "rules": [str(rule) for rule in found.get("rules", ())],
        "reason": str(found.get("reason", "")),
        "by": found.get("waived_by"),
        "at": datetime.fromisoformat(at) if at else None,
    }


def lines(home: Home, load_id: str) -> Lines:
    """The original lines of what was kept out of a load, masked."""
    if not is_readable(home):
        return Lines(why_none=_not_here(home))
    try:
        found = quarantine.kept_records(home, load_id, limit=SHOWN_N)
    except PulseError as error:
        return Lines(why_none=str(error))
    except OSError as error:
        return Lines(why_none=f"{_not_here(home)} ({error.strerror})")
    return Lines(tuple((place, day, fault, masked(line)) for place, day, fault, line in found))


def _not_here(home: Home) -> str:
    return (
        f"This service cannot read {home.quarantine}: `pulse quarantine show LOAD` shows the lines where the runs run."
    )


def masked(line: str) -> str:
    """A line as it may be shown: no control characters, no names."""
    shown = printable(line, max_chars=_LINE_CHARS)
    names = {found[2].strip('"') for found in _NAMING.finditer(shown) if not _NAMING_NOBODY.match(found[1])}
    shown = _NAMING.sub(_mask_member, shown)
    for name in sorted((name for name in names if len(name) >= _NAME_CHARS), key=len, reverse=True):
        shown = shown.replace(name, MASK)  # also where another member, or the text itself, says it
    return _IN_TEXT.sub(MASK, shown)


def _mask_member(found: re.Match[str]) -> str:
    return found[0] if _NAMING_NOBODY.match(found[1]) else f'{found[1]}"{MASK}"'
