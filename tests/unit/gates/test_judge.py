"""The judge of all gates: who must agree with whom, and what is said where nobody can tell."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from pulse.core.home import Home
from pulse.gates import judge
from pulse.gates.mart_rules import MartRule
from pulse.gates.rules import LoadRule, RowRule
from pulse.gates.runner import Answer
from pulse.lake import quality

NUMBER = LoadRule("share", "facts.share", "why", minimum=0.0, maximum=0.5)
OF_ROWS = RowRule("kind_is_known", "true", "why")
QUERY = MartRule("adds_up", "marts.fct", "select 1", "why", severity="warning")
GOOD = Answer("rule", is_success=True, unexpected_n=0)
BAD = Answer("rule", is_success=False, unexpected_n=3)


@pytest.mark.parametrize(
    ("answer", "failed_n", "word"),
    [
        (GOOD, 0, None),
        (BAD, 3, None),
        (None, 0, "no answer"),
        (replace(GOOD, broken="no context"), 0, "no context"),
        (GOOD, 3, "the answer 0 contradicts the count 3"),
        (BAD, 0, "the answer 3 contradicts the count 0"),
        (BAD, 2, "the answer 3 contradicts the count 2"),
        (replace(BAD, is_success=True), 3, "the answer 3 contradicts the count 3"),
        (Answer("rule", is_success=True), 0, "the answer None contradicts the count 0"),
    ],
)
def test_doubt__unless_answer_and_count_are_the_same(answer: Answer | None, failed_n: int, word: str | None):
    assert judge.doubt(answer, failed_n=failed_n) == word


@pytest.mark.parametrize(
    ("answer", "value", "word"),
    [
        (GOOD, 0.5, None),
        (BAD, 0.6, None),
        (BAD, -0.1, None),
        (None, 0.1, "no answer"),
        (BAD, 0.1, "the answer contradicts the number 0.1"),
        (GOOD, 0.6, "the answer contradicts the number 0.6"),
        (GOOD, float("nan"), "the answer contradicts the number nan"),
    ],
)
def test_doubt_number__unless_answer_and_limits_are_the_same(answer: Answer | None, value: float, word: str | None):
    assert judge.doubt_number(answer, NUMBER, value, 0.5) == word


@pytest.mark.parametrize(
    ("value", "doubt", "why"),
    [(None, None, "its number is NULL"), (float("nan"), None, "its number is NULL"), (0.1, "no answer", "no answer")],
)
def test_number__of_which_nobody_can_tell_stops_whatever_was_waived(value: float | None, doubt: str | None, why: str):
    rule = replace(NUMBER, severity="info")
    result = judge.of_number(rule, value, 0.5, doubt=doubt, rows_n=60, is_waived=True)
    assert (result.is_stopping, result.is_waived, result.message) == (True, False, f"share: could not tell: {why}")
    assert (result.finding.severity, result.finding.value, result.finding.limit) == ("critical", "unknown", "none")


@pytest.mark.parametrize(
    ("changes", "is_waived", "is_stopping"),
    [({}, False, True), ({}, True, False), ({"severity": "warning"}, False, False)],
)
def test_number__outside_its_limits_stops_if_it_is_critical_and_not_waived(
    changes: dict[str, Any], is_waived: bool, is_stopping: bool
):
    rule = replace(NUMBER, **changes)
    result = judge.of_number(rule, 0.75, 0.5, doubt=None, rows_n=60, is_waived=is_waived, cause=" (60 rows)")
    assert (result.is_passed, result.is_stopping) == (False, is_stopping)
    assert result.message == "share: 0.75 is outside the limit 0.5 (60 rows)"
    found = (judge.stopped_by([result]), judge.warnings([result]))
    assert found == (((result.finding,), ()) if is_stopping else ((), (result.finding,)))


def test_rows__against_a_rule_are_no_finding_about_the_whole():
    result = judge.of_rows(OF_ROWS, 3, 60, doubt=None)
    assert (result.is_passed, result.failed_n, result.message) == (False, 3, "kind_is_known: 3 of 60 rows")
    assert (judge.stopped_by([result]), judge.warnings([result])) == ((), ())
    assert judge.of_rows(OF_ROWS, 0, 60, doubt="no answer").is_stopping


@pytest.mark.parametrize(
    ("answer", "is_passed", "is_stopping", "message"),
    [
        (Answer("r", is_success=True, observed=0), True, False, "adds_up: holds"),
        (Answer("r", is_success=False, observed=12_345), False, False, "adds_up: 12345 rows that must not exist"),
        (None, False, True, "adds_up: could not tell: no answer"),
        (Answer("r", is_success=False, broken="no mart"), False, True, "adds_up: could not tell: no mart"),
        (
            Answer("r", is_success=True, observed=2), False, True,
            "adds_up: could not tell: the answer contradicts its own count 2",
        ),
        (
            Answer("r", is_success=True), False, True,
            "adds_up: could not tell: the answer contradicts its own count None",
        ),
    ],
)  # fmt: skip
def test_query__holds_if_it_finds_no_row(answer: Answer | None, is_passed: bool, is_stopping: bool, message: str):
    result = judge.of_query(QUERY, answer)
    assert (result.is_passed, result.is_stopping, result.message) == (is_passed, is_stopping, message)
    assert result.severity == "warning"
    assert result.finding.severity == ("critical" if is_stopping else "warning")
    assert (result.finding.value, result.finding.limit) in {
        ("unknown", "0 rows"), ("0 rows", "0 rows"), ("12345 rows", "0 rows"),
    }  # fmt: skip


def test_record__writes_every_column_and_replaces_what_the_same_run_wrote(home: Home):
    quality.ensure_tables(home)
    found = [judge.of_rows(OF_ROWS, 3, 60, doubt=None), judge.of_differences("schema_matches", ["a", "b"])]
    for results in (found[1:], found):
        judge.record(
            home, "gate_1", results, run_id="run", recorded_at=datetime(2026, 11, 1, tzinfo=UTC), load_id="load",
            entry_id="reddit/tea",
        )  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        stored = connection.execute(
            "select * exclude (recorded_at) from read_parquet(?)", [quality.glob(home, quality.GATE_RESULTS)]
        ).fetchall()
    about = ("run", "gate_1", "load", "reddit/tea")
    assert stored == [
        (*about, "kind_is_known", "row", "critical", 60, 3, 3.0, 0.0, False, False, False,
         "kind_is_known: 3 of 60 rows"),
        (*about, "schema_matches", "load", "critical", 0, None, 2.0, 0.0, False, False, True, "schema_matches: a; b"),
    ]  # fmt: skip
