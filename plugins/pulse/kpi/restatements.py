"""What a later closing changed of a month, and why, told from the inputs that are frozen with each figure.

- ``new_definition``: the KPI's definition has another version, or one of the two closings did not know the KPI.
- ``new_model``: another model judged texts.
- ``late_data``: contributions arrived or vanished, a day was completed, or contributions were looked at again, within
  the month; for figures that are not made of contributions (members, imported results) any change of their own.
- ``deletion``: contributions were taken back by their authors or moderators, or accounts are gone.
- ``earlier_month``: nothing of the month itself changed, but of the month, or the year, that it is compared with.
- ``unknown``: none of these; a list of bots, team accounts or brands may have changed, or a model without
  a new version.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from pulse.lake.kpi_store import FIGURES, KEY, Row

LATE_DATA = "late_data"
DELETION = "deletion"
NEW_DEFINITION = "new_definition"
NEW_MODEL = "new_model"
EARLIER_MONTH = "earlier_month"
UNKNOWN = "unknown"
REASONS = (DELETION, EARLIER_MONTH, LATE_DATA, NEW_DEFINITION, NEW_MODEL, UNKNOWN)

# Sums of fractions come out in the order in which threads are done: their last digits are not news.
TOLERANCE = 1e-9
_COMPARISONS = frozenset(
    name for name in FIGURES if name.endswith(("_before", "_before_share")) or "change" in name.split("_")
)
# What a figure was made of: tells why it changed, and is no change by itself.
_INPUTS = ("contributions_n", "erased_n", "last_observed_at", "history_days_n")
_TOLD = tuple(name for name in FIGURES if name not in {*KEY, *_INPUTS})


def restated(old: Sequence[Row], new: Sequence[Row]) -> list[dict[str, Any]]:
    """One row per figure that differs between two closings of a month, in the order of their keys.

    A figure that only one of them has is a change from or to NULL. Fractions that differ by no more than a
    thousandth of a millionth of themselves are the same.
    """
    before, now = _by_key(old), _by_key(new)
    known_before, known_now = {row["kpi"] for row in old}, {row["kpi"] for row in new}
    found = []
    for key in sorted({*before, *now}):
        of_before, of_now = before.get(key), now.get(key)
        changed = list(_changed_columns(of_before, of_now))
        if changed:
            is_known_to_both = key[-1] in known_before and key[-1] in known_now
            found.append(
                {
                    **dict(zip(KEY, key, strict=True)),
                    "old_value": of_before and of_before["value"],
                    "new_value": of_now and of_now["value"],
                    "difference": _difference(of_before, of_now),
                    "changed_columns": ",".join(changed),
                    "reasons": ",".join(sorted(_reasons(of_before, of_now, changed, is_known_to_both))),
                }
            )
    return found


def _by_key(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
    return {tuple(row[name] for name in KEY): row for row in rows}


def _changed_columns(old: Row | None, new: Row | None) -> Iterator[str]:
    """Names of what is told and differs; a column that an earlier version of this package did not keep says nothing."""
    if old is None or new is None:
        yield "value"
    else:
        yield from (name for name in _TOLD if name in old and not _is_same(old[name], new[name]))


def _is_same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=1e-12) or (math.isnan(old) and math.isnan(new))
    return bool(old == new)


def _difference(old: Row | None, new: Row | None) -> float | None:
    if old is None or new is None or old["value"] is None or new["value"] is None:
        return None
    return float(new["value"] - old["value"])


def _reasons(old: Row | None, new: Row | None, changed: Sequence[str], is_known_to_both: bool) -> set[str]:
    is_of_contributions = any(row is not None and row.get("contributions_n") is not None for row in (old, new))
    if old is None or new is None:
        # A community that had nothing in the month before, or has nothing now; imported results come and go by row.
        return {LATE_DATA} if is_known_to_both or not is_of_contributions else {NEW_DEFINITION}
    if _COMPARISONS.issuperset(changed):
        return {EARLIER_MONTH}
    found = set()
    if "definition_version" in changed:
        found.add(NEW_DEFINITION)
    if "sentiment_model_id" in changed:
        found.add(NEW_MODEL)
    has_moved = any(not _is_same(old.get(name), new[name]) for name in ("contributions_n", "last_observed_at"))
    if "days_complete_n" in changed or has_moved or not (is_of_contributions or found):
        found.add(LATE_DATA)
    if (new["erased_n"] or 0) > (old.get("erased_n") or 0):
        found.add(DELETION)
    return found or {UNKNOWN}
