"""Gate 1: each load apart, before anything of it enters raw.

Order: judge the rows and count in one scan per load (:mod:`load_tables`), let Great Expectations answer for every rule
over all loads together and hold its answers against the counts (:mod:`judge`), then separate: broken rows to quarantine
and the rest accepted, or the whole load to quarantine. What was found is written per load before the verdict is
returned.

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
from pathlib import Path

import duckdb

from pulse.config.settings import Settings
from pulse.core import progress
from pulse.core.clock import Clock
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.gates import judge, load_tables, quarantine
from pulse.gates.judge import Result
from pulse.gates.load_tables import LoadTables
from pulse.gates.rules import (
    LOAD_RULES,
    MAX_UNPLACED_SHARE,
    ONE_CREATION_TIME,
    ROW_RULES,
    UNPLACED_LIMIT,
    Finding,
    LoadRule,
)
from pulse.gates.runner import Answer, Batch
from pulse.gates.volume import History, VolumeBands
from pulse.lake.landing import Load
from pulse.platforms.entry import CommunityEntry

log = logging.getLogger(__name__)

GATE = "gate_1"
# Not a rule of the lists: what is said of a load that could not be looked at at all.
CAN_BE_CHECKED = "load_can_be_checked"
# DuckDB gives each thread 122,880 rows at a time.
_FEW_ROWS = 100_000


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
        doubts = _doubts(prepared, judge.ask(database, _batches(_judged(prepared)), home=home, docs=run_id))
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
        if sum(load.manifest.rows_n for load in loads) < _FEW_ROWS:
            connection.execute("set threads = 1")  # to share out so few rows takes longer than to count them
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
            for number, load in enumerate(progress.over(loads, "checking loads", "loads"))
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
    asked = []
    if judged:
        asked.append(Batch(f"{GATE}-loads", load_tables.LOADS_JUDGED, list(map(judge.check_booleans, LOAD_RULES))))
    if any(tables.rows_n for _, tables in judged):
        asked.append(Batch(f"{GATE}-rows", load_tables.ROWS_JUDGED, list(map(judge.check_booleans, ROW_RULES))))
    return asked


def _limit(rule: LoadRule, max_quarantined_share: float) -> float | None:
    if rule.maximum == UNPLACED_LIMIT:
        return max(MAX_UNPLACED_SHARE, max_quarantined_share)
    return max_quarantined_share if isinstance(rule.maximum, str) else rule.maximum


def _doubts(prepared: Sequence[_Prepared], answers: Mapping[str, Answer]) -> dict[str, str | None]:
    """Why nobody can tell, by rule; None where the answer is what was counted over all loads."""
    counted: Counter[str] = Counter()
    for item, tables in _judged(prepared):
        counted.update(
            {
                rule.name: not judge.is_within(rule, tables.numbers.get(rule.name), item.limits[rule.name])
                for rule in LOAD_RULES
            }
        )
        counted.update(tables.failed_by_rule)
    names = [*(rule.name for rule in LOAD_RULES), *(rule.name for rule in ROW_RULES)]
    return {
        name: judge.doubt(answers.get(name), failed_n=counted[name], counted_over=" over all loads") for name in names
    }


# ---- concluding ------------------------------------------------------------


def _conclude(
    item: _Prepared, doubts: Mapping[str, str | None], *, home: Home, run_id: str, recorded_at: datetime
) -> LoadVerdict:
    results = _results(item, doubts)
    stopped = judge.stopped_by(results)
    load, tables = item.load, item.tables
    rejected_n = tables.rows_n - tables.accepted_n if tables else 0
    quarantine.keep_records(home, load, item.rejected_file, run_id=run_id, recorded_at=recorded_at)
    quarantine.keep_unplaced(home, load, run_id=run_id, recorded_at=recorded_at)
    if stopped:
        quarantine.keep_load(home, load, {finding.rule: finding.message for finding in stopped})
    entry_id = load.manifest.entry_id
    judge.record(
        home, GATE, results, run_id=run_id, recorded_at=recorded_at, load_id=load.load_id, entry_id=entry_id
    )  # fmt: skip
    return LoadVerdict(
        load.load_id,
        entry_id,
        rows_n=tables.rows_n if tables else load.manifest.rows_n,
        accepted_n=tables.accepted_n if tables else 0,
        quarantined_n=rejected_n + load.manifest.bad_lines_n,
        stopped_by=stopped,
        warnings=judge.warnings(results),
    )


def _results(item: _Prepared, doubts: Mapping[str, str | None]) -> list[Result]:
    tables = item.tables
    if tables is None:
        return [judge.cannot_tell(CAN_BE_CHECKED, "load", item.fault or "its tables could not be made")]
    if tables.schema_differences:
        differences = tables.schema_differences
        return [judge.of_differences("schema_matches", differences, failed_n=len(differences))]
    results = [
        judge.of_number(
            rule, tables.numbers.get(rule.name), item.limits[rule.name], doubt=doubts[rule.name], rows_n=tables.rows_n,
            is_waived=rule.name in item.waived, cause=_cause(rule, item, tables),
        )
        for rule in LOAD_RULES
    ]  # fmt: skip
    if tables.rows_n:
        results += [
            judge.of_rows(
                rule, tables.failed_by_rule[rule.name], tables.rows_n, doubt=doubts[rule.name],
                is_waived=rule.name in item.waived,
            )
            for rule in ROW_RULES
        ]  # fmt: skip
    return results


def _cause(rule: LoadRule, item: _Prepared, tables: LoadTables) -> str:
    """What a message says of a number outside its limits, in brackets: the days, or what lies behind a share."""
    days = {"volume_days_out_of_band": item.bands.below, "volume_days_above_band": item.bands.above}.get(rule.name, ())
    named = "; ".join(f"{day}: {n} where {usual:g} are usual" for day, n, usual in days[:3])
    named = named or _behind_share(rule, item, tables)
    return f" ({named})" if named else ""


def _behind_share(rule: LoadRule, item: _Prepared, tables: LoadTables) -> str:
    """The row rules that most rows broke, or the files and their lines."""
    manifest = item.load.manifest
    if rule.name == "quarantined_share":
        deciding = [one.name for one in load_tables.deciding_rules(item.waived) if one.name != ONE_CREATION_TIME]
        broken = sorted(((tables.failed_by_rule[name], name) for name in deciding), reverse=True)
        return "; ".join(f"{name}: {rows_n} rows" for rows_n, name in broken[:3] if rows_n)
    if rule.name == "unplaced_lines_share":
        worst = sorted(manifest.files, key=lambda account: account.unplaced_share, reverse=True)[:2]
        return "; ".join(f"{one.file}: {one.unplaced_n} of {one.lines_n} lines" for one in worst if one.unplaced_n)
    if rule.name == "contradicting_times_share":
        return f"{ONE_CREATION_TIME}: {tables.failed_by_rule[ONE_CREATION_TIME]} of {tables.rows_n} rows"
    if rule.name == "lines_add_up":
        return "; ".join(f"{one.file}: {one.unaccounted_n} lines" for one in manifest.files if one.unaccounted_n)
    return ""
