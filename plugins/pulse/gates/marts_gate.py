"""Gate 2: the built marts as a whole, before anybody reads them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pulse.core.clock import Clock
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.gates import runner
from pulse.gates.mart_rules import MART_RULES, MartRule
from pulse.gates.rules import Finding
from pulse.gates.runner import Answer, Batch, Check
from pulse.lake import quality

log = logging.getLogger(__name__)

GATE = "gate_2"


@dataclass(frozen=True)
class MartsVerdict:
    """What gate 2 decided: ``stopped_by`` is empty if the marts may be published."""

    rules_n: int
    stopped_by: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def is_passed(self) -> bool:
        """Whether the marts may be published."""
        return not self.stopped_by


def check_marts(
    database: Path,
    *,
    home: Home,
    run_id: str,
    clock: Clock,
    contribution_dates: Sequence[date] | None,
    sentiment_model_id: str,
    rules: Sequence[MartRule] = MART_RULES,
) -> MartsVerdict:
    """Run the rules over a warehouse file that nobody else holds open; it is opened read-only.

    Args:
        contribution_dates: the dates that the build touched; None checks every date.
        sentiment_model_id: the model whose scores are in the marts.

    Side effects: results in ``quality``, Data Docs beside them.

    Raises:
        StorageError: the results cannot be written.
    """
    batches = _batches(rules, contribution_dates, sentiment_model_id)
    answers = runner.run(database, batches, home=home, docs=f"{run_id}-marts", has_examples=True)
    by_rule = {name: answer for of_batch in answers.values() for name, answer in of_batch.items()}
    findings = [_finding(rule, by_rule.get(rule.name)) for rule in rules]
    stopped = tuple(found for found in findings if found is not None and found.severity == "critical")
    if not rules:
        stopped = (_cannot_tell("marts_have_rules", "there is no rule to hold them to"),)
    quality.append(
        home,
        quality.GATE_RESULTS,
        [_row(rule, by_rule.get(rule.name), run_id, clock) for rule in rules],
        stem=f"{run_id}-{GATE}",
    )
    warnings = tuple(found for found in findings if found is not None and found.severity != "critical")
    return MartsVerdict(len(rules), stopped, warnings)


def _batches(rules: Sequence[MartRule], contribution_dates: Sequence[date] | None, model_id: str) -> list[Batch]:
    """One batch per mart, with the rules that are about it."""
    tables = dict.fromkeys(rule.table for rule in rules)
    return [
        Batch(
            f"{GATE}-{table}",
            table,
            [_check(rule, contribution_dates, model_id) for rule in rules if rule.table == table],
        )
        for table in tables
    ]


def _check(rule: MartRule, contribution_dates: Sequence[date] | None, model_id: str) -> Check:
    return Check(
        rule.name,
        "UnexpectedRowsExpectation",
        {"unexpected_rows_query": _query(rule, contribution_dates, model_id)},
        severity=rule.severity,
        description=f"{rule.name}: {rule.reason}",
    )


def _query(rule: MartRule, contribution_dates: Sequence[date] | None, model_id: str) -> str:
    """The rule's query with its conditions filled in; Great Expectations puts the table in the place of ``{batch}``."""
    affected, partitions = ("true", "true") if contribution_dates is None else ("false", "false")
    if contribution_dates:
        days = ", ".join(f"date '{day.isoformat()}'" for day in contribution_dates)
        affected = f"contribution_date in ({days})"
        # No observation lies in a partition before its date of creation.
        partitions = f"partition_day >= date '{min(contribution_dates).isoformat()}'"
    query = rule.query.replace("{affected}", affected).replace("{affected_partitions}", partitions)
    return f"with mart as (select * from {{batch}}) {query.strip().replace('{model_id}', model_id)}"


def _finding(rule: MartRule, answer: Answer | None) -> Finding | None:
    if answer is None or answer.broken:
        return _cannot_tell(rule.name, (answer.broken if answer else None) or "no answer")
    if answer.is_success:
        return None
    return Finding(
        rule.name,
        severity=rule.severity,
        value=f"{answer.observed} rows",
        limit="0 rows",
        message=_message(rule, answer),
    )


def _cannot_tell(rule: str, why: str) -> Finding:
    return Finding(rule, "critical", "unknown", "0 rows", f"{rule}: could not tell: {why}")


def _message(rule: MartRule, answer: Answer) -> str:
    first = f"; first: {printable(answer.example, max_chars=200)}" if answer.example else ""
    return f"{rule.name}: {answer.observed} rows that must not exist{first}"


def _row(rule: MartRule, answer: Answer | None, run_id: str, clock: Clock) -> dict[str, object]:
    finding = _finding(rule, answer)
    can_tell = answer is not None and not answer.broken and isinstance(answer.observed, int)
    failed_n = int(answer.observed) if can_tell and answer is not None and isinstance(answer.observed, int) else None
    return {
        "run_id": run_id,
        "gate": GATE,
        "load_id": None,
        "entry_id": None,
        "rule": rule.name,
        "level": rule.level,
        "severity": rule.severity,
        "checked_n": None,
        "failed_n": failed_n,
        "value": None if failed_n is None else float(failed_n),
        "limit_value": 0.0,
        "is_passed": finding is None,
        "is_waived": False,
        "is_stopping": finding is not None and finding.severity == "critical",
        "message": f"{rule.name}: holds" if finding is None else finding.message,
        "recorded_at": clock(),
    }
