"""Gate 1: each load apart, before anything of it enters raw.

Order: judge the rows and count in one scan per load (:mod:`load_tables`), let Great Expectations answer for every rule
over all loads together (:mod:`runner`), conclude with suspicion, then separate: broken rows to quarantine and the rest
accepted, or the whole load to quarantine. What was found is written per load before the verdict is returned.

Which load broke a rule is what was counted for it; that all of them together broke it as often is what Great
Expectations says. Where the two differ, nobody can tell, and no load of the run passes.
"""

import hashlib
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from pathlib import Path

import duckdb

from pulse.config.settings import Settings
from pulse.core.clock import Clock
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.gates import load_tables, quarantine, runner
from pulse.gates.load_tables import LoadTables
from pulse.gates.rules import (
    LOAD_RULES,
    MAX_UNPLACED_SHARE,
    ONE_CREATION_TIME,
    ROW_RULES,
    UNPLACED_LIMIT,
    Finding,
    LoadRule,
    RowRule,
)
from pulse.gates.runner import Answer, Batch, Check
from pulse.gates.volume import History, VolumeBands
from pulse.lake import quality
from pulse.lake.landing import Load
from pulse.platforms.entry import CommunityEntry

log = logging.getLogger(__name__)

GATE = "gate_1"
# Not a rule of the lists: what is said of a load that could not be looked at at all.
CAN_BE_CHECKED = "load_can_be_checked"


@dataclass(frozen=True)
class LoadVerdict:
    """What gate 1 decided about one load.

    Attributes:
        rows_n: rows the source gave. ``accepted_n`` of them may enter raw if the load passed.
        quarantined_n: records kept out one by one: broken rows and unreadable lines.
        stopped_by: critical findings about the load as a whole; empty if it passed.
        warnings: findings that do not stop it.
    """

    load_id: str
    entry_id: str
    rows_n: int
    accepted_n: int
    quarantined_n: int
    stopped_by: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def is_passed(self) -> bool:
        """Whether the load may go on to raw."""
        return not self.stopped_by


@dataclass(frozen=True)
class _Prepared:
    """A load with its tables, or with the reason why there are none."""

    load: Load
    waived: frozenset[str]
    limits: Mapping[str, float | None]
    bands: VolumeBands
    tables: LoadTables | None
    rejected_file: Path
    fault: str | None = None


@dataclass(frozen=True)
class _Result:
    """One rule's outcome on one load, as it is stored."""

    rule: str
    level: str
    severity: str
    checked_n: int
    failed_n: int | None
    value: float | None
    limit: float | None
    is_passed: bool
    is_waived: bool
    is_stopping: bool
    message: str


def check_loads(
    loads: Sequence[Load], *, home: Home, settings: Settings, run_id: str, clock: Clock
) -> list[LoadVerdict]:
    """Gate loads apart; one verdict each, in the same order. Can be repeated.

    Side effects: broken rows and stopped loads go to quarantine, results to ``quality``, Data Docs beside them.

    Raises:
        StorageError: scratch, quarantine or quality cannot be written. No load has passed then.
    """
    scratch = home.scratch / f"gate-{hashlib.sha256(run_id.encode()).hexdigest()[:16]}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, mode=0o700)
        database = scratch / "gate.duckdb"
        checked_at = clock()
        prepared = _prepare_all(database, loads, home=home, settings=settings, checked_at=checked_at)
        answers = runner.run(database, _batches(_judged(prepared)), home=home, docs=run_id)
        doubts = _doubts(prepared, {rule: answer for of_batch in answers.values() for rule, answer in of_batch.items()})
        return [_conclude(item, doubts, home=home, run_id=run_id, recorded_at=checked_at) for item in prepared]
    except (OSError, duckdb.IOException) as error:
        raise storage_error(scratch, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


# ---- preparing -------------------------------------------------------------


def _prepare_all(
    database: Path, loads: Sequence[Load], *, home: Home, settings: Settings, checked_at: datetime
) -> list[_Prepared]:
    spill = str(database.parent / "spill")
    with duckdb.connect(str(database), config={"memory_limit": "2GB", "temp_directory": spill}) as connection:
        connection.execute("set timezone = 'UTC'")
        load_tables.create_judged(connection)
        history = History(connection, home, loads)
        prepared = [
            _prepare(
                connection,
                load,
                history,
                settings.entry(load.manifest.entry_id),
                home=home,
                number=number,
                rejected_file=database.with_name(f"rejected-{number:04d}.parquet"),
                checked_at=checked_at,
            )
            for number, load in enumerate(loads)
        ]
        connection.execute("checkpoint")
        return prepared


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    load: Load,
    history: History,
    entry: CommunityEntry,
    *,
    home: Home,
    number: int,
    rejected_file: Path,
    checked_at: datetime,
) -> _Prepared:
    waived = frozenset(load.manifest.waived_rules) | quarantine.waivers_of(home, load.load_id)
    limits = {rule.name: _limit(rule, entry.max_quarantined_share) for rule in LOAD_RULES}
    tables, fault, bands = None, None, VolumeBands()
    try:
        bands = history.bands(load)
        tables = load_tables.build(
            connection,
            load,
            number=number,
            max_quarantined_share=entry.max_quarantined_share,
            bands=bands,
            waived=waived,
            checked_at=checked_at,
        )
        load_tables.write_rejected(connection, tables, waived, rejected_file)
        if not tables.schema_differences:
            load_tables.add_judged(connection, load.load_id, tables, limits)
    except duckdb.Error as error:
        tables = None
        fault = f"{type(error).__name__}: {printable(str(error), max_chars=300)}"
    return _Prepared(load, waived, limits, bands, tables, rejected_file, fault)


def _judged(prepared: Sequence[_Prepared]) -> list[tuple[_Prepared, LoadTables]]:
    """The loads that rules were held against: those that could be read, with the contract's columns."""
    return [(item, item.tables) for item in prepared if item.tables and not item.tables.schema_differences]


def _batches(judged: Sequence[tuple[_Prepared, LoadTables]]) -> list[Batch]:
    """What Great Expectations is asked; rows only if there are any, for it calls no rows a success."""
    batches = []
    if judged:
        batches.append(Batch(f"{GATE}-loads", load_tables.LOADS_JUDGED, [_check(rule) for rule in LOAD_RULES]))
    if any(tables.rows_n for _, tables in judged):
        batches.append(Batch(f"{GATE}-rows", load_tables.ROWS_JUDGED, [_check(rule) for rule in ROW_RULES]))
    return batches


def _check(rule: LoadRule | RowRule) -> Check:
    return Check(
        rule.name,
        "ExpectColumnValuesToBeInSet",
        {"column": rule.name, "value_set": [True]},
        severity=rule.severity,
        description=f"{rule.name}: {rule.reason}",
    )


def _limit(rule: LoadRule, max_quarantined_share: float) -> float | None:
    if rule.maximum == UNPLACED_LIMIT:
        return max(MAX_UNPLACED_SHARE, max_quarantined_share)
    return max_quarantined_share if isinstance(rule.maximum, str) else rule.maximum


def _doubts(prepared: Sequence[_Prepared], answers: Mapping[str, Answer]) -> dict[str, str]:
    """Why nobody can tell, by rule: the rules to which there is no answer, or another than what was counted."""
    counted: Counter[str] = Counter()
    for item, tables in _judged(prepared):
        counted.update({rule.name: not _holds(rule, item, tables) for rule in LOAD_RULES})
        counted.update(tables.failed_by_rule)
    doubts = {}
    for name in [*(rule.name for rule in LOAD_RULES), *(rule.name for rule in ROW_RULES)]:
        answer, failed_n = answers.get(name), counted[name]
        if answer is None or answer.broken:
            doubts[name] = (answer.broken if answer else None) or "no answer"
        elif answer.unexpected_n != failed_n or answer.is_success != (failed_n == 0):
            doubts[name] = f"the answer {answer.unexpected_n} contradicts the count {failed_n} over all loads"
    return doubts


def _holds(rule: LoadRule, item: _Prepared, tables: LoadTables) -> bool:
    """Whether the load's number lies within the rule's limits; NULL and NaN do not."""
    value, maximum = tables.numbers.get(rule.name), item.limits[rule.name]
    if value is None:
        return False
    return (rule.minimum is None or value >= rule.minimum) and (maximum is None or value <= maximum)


# ---- concluding ------------------------------------------------------------


def _conclude(
    item: _Prepared, doubts: Mapping[str, str], *, home: Home, run_id: str, recorded_at: datetime
) -> LoadVerdict:
    results = _results(item, doubts)
    stopped = tuple(_finding(result) for result in results if result.is_stopping)
    warnings = tuple(
        _finding(result)
        for result in results
        if not result.is_passed and not result.is_stopping and result.level == "load"
    )
    load, tables = item.load, item.tables
    rejected_n = tables.rows_n - tables.accepted_n if tables else 0
    quarantine.keep_records(home, load, item.rejected_file, run_id=run_id, recorded_at=recorded_at)
    quarantine.keep_unplaced(home, load, run_id=run_id, recorded_at=recorded_at)
    if stopped:
        quarantine.keep_load(home, load, {finding.rule: finding.message for finding in stopped})
    quality.append(
        home, quality.GATE_RESULTS, [_row(result, item.load, run_id, recorded_at) for result in results],
        stem=f"{run_id}-{GATE}-{load.load_id}",
    )  # fmt: skip
    return LoadVerdict(
        load.load_id,
        load.manifest.entry_id,
        rows_n=tables.rows_n if tables else load.manifest.rows_n,
        accepted_n=tables.accepted_n if tables else 0,
        quarantined_n=rejected_n + load.manifest.bad_lines_n,
        stopped_by=stopped,
        warnings=warnings,
    )


def _results(item: _Prepared, doubts: Mapping[str, str]) -> list[_Result]:
    if item.tables is None:
        return [_cannot_tell(CAN_BE_CHECKED, "load", item.fault or "its tables could not be made")]
    if item.tables.schema_differences:
        return [_schema_result(item.tables)]
    results = [_load_result(rule, item, item.tables, doubts.get(rule.name)) for rule in LOAD_RULES]
    if item.tables.rows_n:
        results += [_row_result(rule, item, item.tables, doubts.get(rule.name)) for rule in ROW_RULES]
    return results


def _cannot_tell(rule: str, level: str, why: str) -> _Result:
    """A gate that cannot tell stops: silence is not a pass, and no waiver can lift it."""
    return _Result(
        rule, level, "critical", checked_n=0, failed_n=None, value=None, limit=None, is_passed=False,
        is_waived=False, is_stopping=True, message=f"{rule}: could not tell: {why}",
    )  # fmt: skip


def _schema_result(tables: LoadTables) -> _Result:
    differences = tables.schema_differences
    shown = "; ".join(differences[:3]) + (f"; and {len(differences) - 3} more" if len(differences) > 3 else "")
    return _Result(
        "schema_matches", "load", "critical", checked_n=0, failed_n=len(differences), value=float(len(differences)),
        limit=0.0, is_passed=False, is_waived=False, is_stopping=True,
        message=f"schema_matches: {printable(shown, max_chars=500)}",
    )  # fmt: skip


def _load_result(rule: LoadRule, item: _Prepared, tables: LoadTables, doubt: str | None) -> _Result:
    value = tables.numbers.get(rule.name)
    if doubt or value is None or isnan(value):
        return _cannot_tell(rule.name, "load", doubt or "its number is NULL")
    limit, is_passed = item.limits[rule.name], _holds(rule, item, tables)
    is_waived = rule.name in item.waived
    return _Result(
        rule.name, "load", rule.severity, checked_n=tables.rows_n, failed_n=None, value=value, limit=limit,
        is_passed=is_passed, is_waived=is_waived,
        is_stopping=not is_passed and rule.severity == "critical" and not is_waived,
        message=_load_message(rule, item, value, limit, is_passed=is_passed),
    )  # fmt: skip


def _load_message(rule: LoadRule, item: _Prepared, value: float, limit: float | None, *, is_passed: bool) -> str:
    shown_limit = "none" if limit is None else f"{limit:g}"
    if is_passed:
        return f"{rule.name}: {value:.4g}, limit {shown_limit}"
    days = {"volume_days_out_of_band": item.bands.below, "volume_days_above_band": item.bands.above}.get(rule.name, ())
    named = "; ".join(f"{day}: {n} where {usual:g} are usual" for day, n, usual in days[:3])
    named = named or _why(rule, item)
    return f"{rule.name}: {value:.4g} is outside the limit {shown_limit}" + (f" ({named})" if named else "")


def _why(rule: LoadRule, item: _Prepared) -> str:
    """What lies behind a share: the row rules that most rows broke, or the files and their lines."""
    manifest, tables = item.load.manifest, item.tables
    if rule.name == "quarantined_share" and tables is not None:
        deciding = [one.name for one in load_tables.deciding_rules(item.waived) if one.name != ONE_CREATION_TIME]
        broken = sorted(((tables.failed_by_rule[name], name) for name in deciding), reverse=True)
        return "; ".join(f"{name}: {rows_n} rows" for rows_n, name in broken[:3] if rows_n)
    if rule.name == "unplaced_lines_share":
        worst = sorted(manifest.files, key=lambda account: account.unplaced_share, reverse=True)[:2]
        return "; ".join(f"{one.file}: {one.unplaced_n} of {one.lines_n} lines" for one in worst if one.unplaced_n)
    if rule.name == "contradicting_times_share" and tables is not None:
        return f"{ONE_CREATION_TIME}: {tables.failed_by_rule[ONE_CREATION_TIME]} of {tables.rows_n} rows"
    if rule.name == "lines_add_up":
        return "; ".join(f"{one.file}: {one.unaccounted_n} lines" for one in manifest.files if one.unaccounted_n)
    return ""


def _row_result(rule: RowRule, item: _Prepared, tables: LoadTables, doubt: str | None) -> _Result:
    if doubt:
        return _cannot_tell(rule.name, "row", doubt)
    failed_n = tables.failed_by_rule[rule.name]
    return _Result(
        rule.name, "row", rule.severity, checked_n=tables.rows_n, failed_n=failed_n, value=float(failed_n), limit=0.0,
        is_passed=failed_n == 0, is_waived=rule.name in item.waived, is_stopping=False,
        message=f"{rule.name}: {failed_n} of {tables.rows_n} rows",
    )  # fmt: skip


def _finding(result: _Result) -> Finding:
    return Finding(
        result.rule,
        severity="critical" if result.is_stopping or result.severity == "critical" else "warning",
        value="unknown" if result.value is None else f"{result.value:.4g}",
        limit="none" if result.limit is None else f"{result.limit:g}",
        message=result.message,
    )


def _row(result: _Result, load: Load, run_id: str, recorded_at: datetime) -> dict[str, object]:
    return {
        "run_id": run_id,
        "gate": GATE,
        "load_id": load.load_id,
        "entry_id": load.manifest.entry_id,
        "rule": result.rule,
        "level": result.level,
        "severity": result.severity,
        "checked_n": result.checked_n,
        "failed_n": result.failed_n,
        "value": result.value,
        "limit_value": result.limit,
        "is_passed": result.is_passed,
        "is_waived": result.is_waived,
        "is_stopping": result.is_stopping,
        "message": result.message,
        "recorded_at": recorded_at,
    }
