"""What ``pulse status`` and ``pulse doctor`` say, as JSON for programs. Names of keys stay; new ones may be added.

Texts are as they are stored, and every character outside of ASCII is escaped: no terminal misreads them. Days are
``YYYY-MM-DD``, times ISO 8601 in UTC, what is not known is ``null``.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulse.cli.doctor import Finding
    from pulse.reading.status import EntryStatus, Status


def status_document(status: "Status") -> str:
    """Everything that ``pulse status`` shows, and what it counts in full."""
    return _json(
        {
            "published_state": status.state_id,
            "pending_dates_n": status.pending_dates_n,
            "writer_pid": status.writer_pid,
            "entries": [_entry(entry) for entry in status.entries],
            "stopped_loads": [
                {"load_id": load.load_id, "entry_id": load.entry_id, "window": load.window, "reasons": load.reasons,
                 "records_n": load.records_n, "kept_at": load.kept_at}
                for load in status.stopped_loads
            ],
            "kept_files": [
                {"file_name": kept.file_name, "is_stopped": kept.is_stopped, "reasons": dict(kept.reasons),
                 "records_n": kept.records_n, "kept_at": kept.kept_at}
                for kept in status.kept_files
            ],
            "damaged": [
                {"file": found.file, "fault": found.fault, "way_back": found.way_back, "loss": found.loss}
                for found in status.damaged
            ],
            "set_aside": [
                {"file": aside.file, "moved_to": aside.moved_to, "fault": aside.fault, "loss": aside.loss,
                 "set_aside_at": aside.set_aside_at}
                for aside in status.set_aside
            ],
        }
    )  # fmt: skip


def _entry(entry: "EntryStatus") -> Mapping[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "day": entry.day,
        "outcome": entry.outcome,
        "contributions_n": entry.contributions_n,
        "reason": entry.reason,
        "complete_days_n": entry.complete_days_n,
        "tried_days_n": entry.tried_days_n,
        "never_run_days_n": entry.never_run_days_n,
        "never_run": [{"first_day": first, "last_day": last} for first, last in entry.never_run],
    }


def doctor_document(findings: Iterable["Finding"]) -> str:
    """Each check; ``level`` is ok, warn or fail, and that of all is the worst. ``next_step`` is empty if it is well."""
    found = list(findings)
    levels = {finding.level for finding in found}
    return _json(
        {
            "level": next((level for level in ("fail", "warn") if level in levels), "ok"),
            "checks": [
                {"check": one.check, "level": one.level, "found": one.found, "next_step": one.next_step}
                for one in found
            ],
        }
    )


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=True, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, date):  # datetime is one
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in the document")
