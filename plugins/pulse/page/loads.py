"""Loads and gates: what each rule found, who broke it, how it went before; and one load, with all of its rules."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pulse.core.home import Home
from pulse.page import drawing, kept
from pulse.page.snapshot import Snapshot
from pulse.page.today import findings_of

PAGE_N = 50
_TREND_N = 30
_TREND_DAYS_N = 35
_SPREAD = timedelta(hours=1)  # the rules of one check are recorded together
# As the gates name the sites of Data Docs after runs (pulse.gates.runner).
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def found(snapshot: Snapshot, *, text: str, run: str, gate: str, page: int, is_all: bool) -> dict[str, Any]:
    """Rules that were broken, latest first; or all checks of loads.

    Args:
        text: part of an entry, a load or a rule.
        run: id of a run; empty for all.
        gate: gate_1, gate_2 or empty for both.
        is_all: show every check, not what was broken alone.
    """
    asked = {"text": text.casefold(), "run": run, "gate": gate, "limit": PAGE_N, "offset": (page - 1) * PAGE_N}
    where = "($run = '' or run_id = $run) and ($gate = '' or gate = $gate)"
    of_all = f"{where} and ($text = '' or contains(lower(concat_ws(' ', entry_id, load_id)), $text))"
    of_findings = f"{where} and ($text = '' or contains(lower(concat_ws(' ', entry_id, load_id, rule)), $text))"
    table, condition = ("checks", of_all) if is_all else ("findings", of_findings)
    parameters = {name: value for name, value in asked.items() if name in {"text", "run", "gate"}}
    total_n = snapshot.rows(f"select count(*) as n from {table} where {condition}", parameters)[0]["n"]
    rows = snapshot.rows(
        f"select * from {table} where {condition} order by recorded_at desc, check_id desc limit $limit offset $offset",
        asked,
    )
    return {
        "rows": rows if is_all else [row | {"why": kept.reason_of(row["rule"])} for row in rows],
        "total_n": total_n, "pages_n": -(-total_n // PAGE_N) or 1, "page": page, "text": text, "run": run,
        "gate": gate, "is_all": is_all,
    }  # fmt: skip


def rules(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Each rule: how often it was checked and broken, and how many broke it each day of the last weeks."""
    rows = snapshot.rows("select * from rules order by failed_n > 0 desc, gate, rule")
    latest = max((row["recorded_at"] for row in rows), default=None)
    if latest is None:
        return []
    days = [latest.date() - timedelta(days=_TREND_DAYS_N - 1 - at) for at in range(_TREND_DAYS_N)]
    counts = snapshot.rows(
        "select gate, rule, cast(recorded_at as date) as day, count(*) as n from findings "
        "where cast(recorded_at as date) >= $first group by all",
        {"first": days[0]},
    )
    broken: dict[tuple[str, str], dict[date, int]] = {}
    for row in counts:
        broken.setdefault((row["gate"], row["rule"]), {})[row["day"]] = row["n"]
    return [{**row, "trend": _trend(broken.get((row["gate"], row["rule"]), {}), days)} for row in rows]


def _trend(of_day: Mapping[date, int], days: Sequence[date]) -> Any:
    return drawing.trend([of_day.get(day, 0) for day in days]) if of_day else ""


def one_load(snapshot: Snapshot, home: Home, load_id: str) -> dict[str, Any] | None:
    """All rules of a load's latest check, with what was kept out of it; None where nobody knows it."""
    outcomes = snapshot.rows(
        "select * from day_states where load_id = $load order by day desc, community limit 100", {"load": load_id}
    )
    checks = snapshot.rows("select * from checks where load_id = $load order by recorded_at desc", {"load": load_id})
    if not outcomes and not checks:
        return None
    check = checks[0] if checks else None
    return {
        "load_id": load_id,
        "check": check,
        "checks": checks,
        "entry_id": (check or outcomes[0])["entry_id"],
        "run_id": (check or outcomes[0])["run_id"],
        "results": _results(snapshot, check) if check else [],
        "outcomes": outcomes,
        "is_stopped": any(row["state"] == "stopped" for row in outcomes),
        "waiver": kept.waiver_of(home, load_id),
        "kept": kept.records(snapshot, load_id),
        "waivable": kept.waivable([row["rule"] for row in findings_of(snapshot, [load_id])]),
        "docs": docs_site(home, check) if check else None,
        "is_quarantine_readable": kept.is_readable(home),
    }


def marts_check(snapshot: Snapshot, home: Home, run_id: str) -> dict[str, Any] | None:
    """What gate 2 found of the marts in a run; None where it did not check any."""
    checks = snapshot.rows(
        "select * from checks where run_id = $run and gate = 'gate_2' order by recorded_at desc", {"run": run_id}
    )
    if not checks:
        return None
    check = checks[0]
    return {"check": check, "run_id": run_id, "results": _results(snapshot, check), "docs": docs_site(home, check)}


def _results(snapshot: Snapshot, check: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules of one check, broken ones first; each with its values in the checks of the same entry before."""
    before = snapshot.rows(
        f"select recorded_at from checks where gate = $gate and entry_id is not distinct from $entry "
        f"and check_id <= $check order by check_id desc limit {_TREND_N}",
        {"gate": check["gate"], "entry": check["entry_id"], "check": check["check_id"]},
    )
    # Runs write in order of time, so the times tell which blocks of millions of rows need not be read at all.
    values = snapshot.rows(
        """
        select rule, list(value order by recorded_at) as of_checks
        from quality.gate_results
        where recorded_at between $first and $last and entry_id is not distinct from $entry and gate = $gate
        group by rule
        """,
        {
            "gate": check["gate"],
            "entry": check["entry_id"],
            "first": before[-1]["recorded_at"] - _SPREAD,
            "last": check["recorded_at"],
        },
    )
    before_by_rule = {row["rule"]: row["of_checks"][-_TREND_N:] for row in values}
    own = snapshot.rows(
        """
        select rule, level, severity, checked_n, failed_n, value, limit_value, is_passed, is_waived, is_stopping,
            message, run_id, load_id, recorded_at
        from quality.gate_results
        where recorded_at between $first and $last and run_id = $run and gate = $gate
            and load_id is not distinct from $load and entry_id is not distinct from $entry
        order by recorded_at
        """,
        {
            "gate": check["gate"],
            "entry": check["entry_id"],
            "run": check["run_id"],
            "load": check["load_id"],
            "first": check["recorded_at"] - _SPREAD,
            "last": check["recorded_at"],
        },
    )
    own.sort(key=lambda row: (row["is_passed"], not row["is_stopping"], row["rule"]))
    return [
        {
            **row,
            "trend": drawing.trend(before_by_rule[row["rule"]]),
            "columns": kept.columns_of(row["rule"]),
            "why": kept.reason_of(row["rule"]),
        }
        for row in own
    ]


def docs_site(home: Home, check: Mapping[str, Any]) -> str | None:
    """Name of the Data Docs site of a check; None where it was pruned, or never built."""
    name = check["run_id"] if check["gate"] == "gate_1" else f"{check['run_id']}-marts"
    site = _NO_FILE_NAME.sub("-", name)[:150]
    return site if (home.quality / "data_docs" / site / "index.html").is_file() else None
