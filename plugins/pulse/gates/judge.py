"""One judge for all gates: a rule holds if a count says so, and Great Expectations says the same.

A gate brings its own tables and facts: what is to be checked in them, and what it counted there itself. Here the checks
are run, each answer is held against the count, and what came of a rule takes one form: a result, its row in
``quality.gate_results``, and a finding where the rule is broken.

A gate that cannot tell stops. No answer, a broken one, one that contradicts the count, and a number that is NULL: each
is critical whatever the rule's own severity, and no waiver lifts it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any

from pulse.core.home import Home
from pulse.core.text import printable
from pulse.gates import runner
from pulse.gates.mart_rules import MartRule
from pulse.gates.rules import Finding, Level, LoadRule, RowRule, Severity
from pulse.gates.runner import Answer, Batch, Check
from pulse.lake import quality

Rule = RowRule | LoadRule | MartRule


@dataclass(frozen=True)
class Result:
    """What came of one rule; fields as in ``quality.gate_results``.

    Attributes:
        value: the number that was found; None if nobody can tell.
        is_stopping: whether the rule stops the whole; rows that break a row rule are only kept out.
    """

    rule: str
    level: Level
    severity: Severity
    checked_n: int | None
    failed_n: int | None
    value: float | None
    limit_value: float | None
    is_passed: bool
    is_waived: bool
    is_stopping: bool
    message: str

    @property
    def finding(self) -> Finding:
        """The same for whoever is told why something was stopped."""
        value, limit = f"{self.value or 0:.4g}", "none" if self.limit_value is None else f"{self.limit_value:g}"
        if self.level == "mart":  # such rows are told to the last one
            value, limit = f"{self.failed_n} rows", "0 rows"
        return Finding(
            self.rule,
            severity="critical" if self.is_stopping or self.severity == "critical" else "warning",
            value="unknown" if self.value is None else value,
            limit=limit,
            message=self.message,
        )


# ---- asking ----------------------------------------------------------------


def check(rule: Rule, expectation: str, arguments: Mapping[str, Any]) -> Check:
    """A rule as Great Expectations is asked about it."""
    return Check(rule.name, expectation, arguments, severity=rule.severity, description=f"{rule.name}: {rule.reason}")


def check_booleans(rule: Rule) -> Check:
    """Ask whether the column that has the rule's name is true in every row."""
    return check(rule, "ExpectColumnValuesToBeInSet", {"column": rule.name, "value_set": [True]})


def ask(
    database: Path, batches: Sequence[Batch], *, home: Home, docs: str, has_examples: bool = False
) -> dict[str, Answer]:
    """What Great Expectations answers, by rule; arguments as for :func:`pulse.gates.runner.run`.

    No batch may be about a table without rows: no rows are a success there.
    """
    answers = runner.run(database, batches, home=home, docs=docs, has_examples=has_examples)
    return {rule: answer for of_batch in answers.values() for rule, answer in of_batch.items()}


# ---- holding answers against counts ----------------------------------------


def missing(answer: Answer | None) -> str | None:
    """Why there is no answer to rely on; None where there is one."""
    return "no answer" if answer is None else answer.broken or None


def doubt(answer: Answer | None, *, failed_n: int, counted_over: str = "") -> str | None:
    """Why nobody can tell about a rule that so many rows were counted against; None where the answer is the same.

    Args:
        counted_over: what was counted together, in words, where that is more than what is judged.
    """
    if answer is None or missing(answer):
        return missing(answer)
    if answer.unexpected_n != failed_n or answer.is_success != (failed_n == 0):
        return f"the answer {answer.unexpected_n} contradicts the count {failed_n}{counted_over}"
    return None


def doubt_number(answer: Answer | None, rule: LoadRule, value: float | None, limit: float | None) -> str | None:
    """The same for an answer about one number."""
    if answer is None or missing(answer):
        return missing(answer)
    if value is not None and answer.is_success != is_within(rule, value, limit):
        return f"the answer contradicts the number {value:g}"
    return None


def is_within(rule: LoadRule, value: float | None, limit: float | None) -> bool:
    """Whether a number lies within the rule's limits; NULL and NaN do not.

    Args:
        limit: the largest value that is accepted, here and now; None for none.
    """
    if value is None or isnan(value):
        return False
    return (rule.minimum is None or value >= rule.minimum) and (limit is None or value <= limit)


# ---- results ---------------------------------------------------------------


def cannot_tell(rule: str, level: Level, why: str) -> Result:
    """Silence is not a pass: it stops, and no waiver can lift it."""
    return Result(
        rule, level, "critical", checked_n=0, failed_n=None, value=None, limit_value=None, is_passed=False,
        is_waived=False, is_stopping=True, message=f"{rule}: could not tell: {why}",
    )  # fmt: skip


def of_differences(rule: str, differences: Sequence[str], *, failed_n: int | None = None) -> Result:
    """What is judged is not in the form that the rules are about: none of them can be held against it.

    Args:
        differences: from that form, in words; at least one.
    """
    shown = "; ".join(differences[:3]) + (f"; and {len(differences) - 3} more" if len(differences) > 3 else "")
    return Result(
        rule, "load", "critical", checked_n=0, failed_n=failed_n, value=float(len(differences)), limit_value=0.0,
        is_passed=False, is_waived=False, is_stopping=True, message=f"{rule}: {printable(shown, max_chars=500)}",
    )  # fmt: skip


def of_number(
    rule: LoadRule, value: float | None, limit: float | None, *, doubt: str | None, rows_n: int,
    is_waived: bool = False, cause: str = "",
) -> Result:  # fmt: skip
    """A number about the whole, and whether it lies within its limits.

    Args:
        doubt: why nobody can tell; None where the answer and the count agree.
        cause: what the message ends with where the number is outside its limits.
    """
    if doubt or value is None or isnan(value):
        return cannot_tell(rule.name, rule.level, doubt or "its number is NULL")
    is_passed = is_within(rule, value, limit)
    shown_limit = "none" if limit is None else f"{limit:g}"
    said = f", limit {shown_limit}" if is_passed else f" is outside the limit {shown_limit}{cause}"
    return Result(
        rule.name, rule.level, rule.severity, checked_n=rows_n, failed_n=None, value=value, limit_value=limit,
        is_passed=is_passed, is_waived=is_waived,
        is_stopping=not is_passed and rule.severity == "critical" and not is_waived,
        message=f"{rule.name}: {value:.4g}{said}",
    )  # fmt: skip


def of_rows(
    rule: RowRule, failed_n: int, rows_n: int, *, doubt: str | None, is_waived: bool = False, noun: str = "rows"
) -> Result:
    """How many of the rows are against a rule about each of them; those are kept out one by one."""
    if doubt:
        return cannot_tell(rule.name, rule.level, doubt)
    return Result(
        rule.name, rule.level, rule.severity, checked_n=rows_n, failed_n=failed_n, value=float(failed_n),
        limit_value=0.0, is_passed=failed_n == 0, is_waived=is_waived, is_stopping=False,
        message=f"{rule.name}: {failed_n} of {rows_n} {noun}",
    )  # fmt: skip


def of_query(rule: MartRule, answer: Answer | None) -> Result:
    """How many rows a query finds that must not exist. Great Expectations counts them; nobody else runs the query."""
    failed_n = answer.observed if answer is not None and isinstance(answer.observed, int) else None
    why = missing(answer)
    if not why and answer is not None and (failed_n is None or answer.is_success != (failed_n == 0)):
        why = f"the answer contradicts its own count {answer.observed}"
    if answer is None or failed_n is None or why:
        unknown = cannot_tell(rule.name, rule.level, why or "no answer")
        return replace(unknown, severity=rule.severity, checked_n=None, limit_value=0.0)
    first = f"; first: {printable(answer.example, max_chars=200)}" if answer.example else ""
    said = (
        "holds" if answer.is_success else f"{failed_n} {'row' if failed_n == 1 else 'rows'} that must not exist{first}"
    )
    return Result(
        rule.name, rule.level, rule.severity, checked_n=None, failed_n=failed_n, value=float(failed_n), limit_value=0.0,
        is_passed=answer.is_success, is_waived=False,
        is_stopping=not answer.is_success and rule.severity == "critical", message=f"{rule.name}: {said}",
    )  # fmt: skip


# ---- concluding ------------------------------------------------------------


def stopped_by(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Why the whole goes no further; empty if it may."""
    return tuple(result.finding for result in results if result.is_stopping)


def warnings(results: Iterable[Result]) -> tuple[Finding, ...]:
    """What is wrong with the whole and does not stop it."""
    return tuple(
        result.finding
        for result in results
        if not result.is_passed and not result.is_stopping and result.level != "row"
    )


def record(
    home: Home, gate: str, results: Iterable[Result], *, run_id: str, recorded_at: datetime,
    load_id: str | None = None, entry_id: str | None = None,
) -> None:  # fmt: skip
    """Write what a gate found in a run, of one load or file if it has a name; a rerun replaces it.

    Side effects: one file in ``quality.gate_results``.

    Raises:
        StorageError: it cannot be written.
    """
    about: dict[str, object] = {"run_id": run_id, "gate": gate, "load_id": load_id, "entry_id": entry_id}
    rows = [about | asdict(result) | {"recorded_at": recorded_at} for result in results]
    stem = f"{run_id}-{gate}" + ("" if load_id is None else f"-{load_id}")
    quality.append(home, quality.GATE_RESULTS, rows, stem=stem)
