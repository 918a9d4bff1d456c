"""Gate 2: the built marts as a whole, before anybody reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pulse.core.clock import Clock
from pulse.core.home import Home
from pulse.gates import judge
from pulse.gates.mart_rules import MART_RULES, MartRule
from pulse.gates.rules import Finding
from pulse.gates.runner import Batch, Check

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
    answers = judge.ask(database, batches, home=home, docs=f"{run_id}-marts", has_examples=True)
    results = [judge.of_query(rule, answers.get(rule.name)) for rule in rules]
    judge.record(home, GATE, results, run_id=run_id, recorded_at=clock())
    if not rules:
        results = [judge.cannot_tell("marts_have_rules", "mart", "there is no rule to hold them to")]
    return MartsVerdict(len(rules), judge.stopped_by(results), judge.warnings(results))


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
    query = _query(rule, contribution_dates, model_id)
    return judge.check(rule, "UnexpectedRowsExpectation", {"unexpected_rows_query": query})


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
