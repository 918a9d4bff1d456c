"""Great Expectations on DuckDB through our dialect, and what the runner makes of it. One test per known trap."""

from pathlib import Path

import duckdb
import pytest

from pulse.core.home import Home
from pulse.core.progress import watched
from pulse.gates import runner
from pulse.gates.runner import Answer, Batch, Check
from support import Recorder

pytestmark = pytest.mark.integration


def check(rule: str, expectation: str, **arguments: object) -> Check:
    return Check(rule, expectation, arguments, severity="critical", description=rule)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with a table of odd values, an empty one, and one whose only column is NULL throughout."""
    file = tmp_path / "odd 100%.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "create table odd as select * from (values (1, 'abc', 1.0, true), (2, 'xbz', 'nan'::double, false), "
            "(3, null, 2.0, true)) as odd(number, word, ratio, is_good)"
        )
        connection.execute("create table nothing as select * from odd where false")
        connection.execute("create table unknown as select null::double as value")
        connection.execute("create schema marts")
        connection.execute("create table marts.fct_odd as select * from odd")
    return file


def run(database: Path, home: Home, table: str, *checks: Check) -> dict[str, Answer]:
    return runner.run(database, [Batch("batch", table, checks)], home=home, docs=None, has_examples=True)["batch"]


def test_dialect__regular_expressions_search_instead_of_matching_whole(database: Path, home: Home):
    answers = run(
        database,
        home,
        "odd",
        check("has_b", "ExpectColumnValuesToMatchRegex", column="word", regex="b"),
        check("has_no_x", "ExpectColumnValuesToNotMatchRegex", column="word", regex="x"),
    )
    assert answers["has_b"] == Answer("has_b", is_success=True, unexpected_n=0)
    assert answers["has_no_x"].unexpected_n == 1


def test_dialect__counts_bad_rows_and_reads_tables_in_schemas(database: Path, home: Home):
    answers = run(
        database,
        home,
        "marts.fct_odd",
        check("good", "ExpectColumnValuesToBeInSet", column="is_good", value_set=[True]),
        check("bounded", "ExpectColumnMaxToBeBetween", column="number", max_value=3),
        check(
            "no_two",
            "UnexpectedRowsExpectation",
            unexpected_rows_query="with mart as (select * from {batch}) select number from mart where number = 2",
        ),
    )
    assert (answers["good"].is_success, answers["good"].unexpected_n) == (False, 1)
    assert answers["bounded"].is_success
    assert (answers["no_two"].is_success, answers["no_two"].observed) == (False, 1)
    assert answers["no_two"].example == "number 2"


def test_run__counts_rules_table_by_table_and_documents_all_tables(database: Path, home: Home):
    good = check("good", "ExpectColumnValuesToBeInSet", column="is_good", value_set=[True])
    bounded = check("bounded", "ExpectColumnMaxToBeBetween", column="number", max_value=3)
    recorder = Recorder()
    with watched(recorder):
        answers = runner.run(
            database,
            [Batch("one", "odd", [good, bounded]), Batch("two", "marts.fct_odd", [bounded])],
            home=home,
            docs="r",
        )
    assert recorder.steps == [["holding rules against tables", "rules", 3, 3, True]]
    assert {batch: {rule: answer.is_success for rule, answer in of.items()} for batch, of in answers.items()} == {
        "one": {"good": False, "bounded": True},
        "two": {"bounded": True},
    }
    pages = (home.quality / "data_docs" / "r" / "validations").rglob("*.html")
    assert {page.relative_to(home.quality / "data_docs" / "r" / "validations").parts[0] for page in pages} == {
        "one",
        "two",
    }


def test_run__lets_go_of_the_file(database: Path, home: Home):
    run(database, home, "odd", check("bounded", "ExpectColumnMaxToBeBetween", column="number", max_value=3))
    with duckdb.connect(str(database)) as writer:
        writer.execute("insert into odd values (4, 'd', 1.0, true)")


def test_run__batch_without_checks_gives_no_answers(database: Path, home: Home):
    assert run(database, home, "odd") == {}


def test_run__no_rows_and_null_only_columns_do_not_pass_as_numbers(database: Path, home: Home):
    limit = check("limit", "ExpectColumnMaxToBeBetween", column="ratio", max_value=10)
    assert not run(database, home, "nothing", limit)["limit"].is_success
    limit = check("limit", "ExpectColumnMaxToBeBetween", column="value", max_value=10)
    assert not run(database, home, "unknown", limit)["limit"].is_success


def test_run__nan_is_beyond_every_limit(database: Path, home: Home):
    limit = check("limit", "ExpectColumnMaxToBeBetween", column="ratio", max_value=10)
    assert not run(database, home, "odd", limit)["limit"].is_success


def test_run__an_expectation_that_raises_is_broken_and_the_others_are_answered(database: Path, home: Home):
    answers = run(
        database,
        home,
        "odd",
        check("absent", "ExpectColumnMaxToBeBetween", column="no_such_column", max_value=1),
        check("typed", "ExpectColumnValuesToBeOfType", column="number", type_="INTEGER"),
        check("bounded", "ExpectColumnMaxToBeBetween", column="number", max_value=3),
    )
    assert answers["absent"].broken
    assert answers["typed"].broken
    assert answers["bounded"] == Answer("bounded", is_success=True, observed=3)


@pytest.mark.parametrize("table", ["no_such_table", "no_such_schema.odd"])
def test_run__missing_table_breaks_every_answer(database: Path, home: Home, table: str):
    answers = run(database, home, table, check("a", "ExpectColumnMaxToBeBetween", column="number", max_value=3))
    assert answers["a"].broken
    assert not answers["a"].is_success


def test_run__unknown_expectation_breaks_every_answer_of_the_run(database: Path, home: Home):
    answers = run(
        database, home, "odd",
        check("a", "ExpectColumnMaxToBeBetween", column="number", max_value=3), check("b", "ExpectMiracles"),
    )  # fmt: skip
    assert answers["a"].broken
    assert answers["b"].broken


def test_run__file_that_is_none_breaks_every_answer(tmp_path: Path, home: Home):
    answers = run(tmp_path / "absent.duckdb", home, "odd", check("a", "ExpectColumnMaxToBeBetween", column="n"))
    assert answers["a"].broken


def test_run__two_results_for_one_rule_are_no_answer(database: Path, home: Home):
    answers = run(
        database,
        home,
        "odd",
        check("twice", "ExpectColumnMaxToBeBetween", column="number", max_value=3),
        check("twice", "ExpectColumnMaxToBeBetween", column="number", max_value=2),
    )
    assert answers["twice"].broken == "2 results for one rule"


def test_answers__fewer_results_than_rules(database: Path, home: Home):
    asked = check("asked", "ExpectColumnMaxToBeBetween", column="number", max_value=3)
    forgotten = check("forgotten", "ExpectColumnMaxToBeBetween", column="number", max_value=3)
    results = runner._validate(database, [Batch("batch", "odd", [asked])], home=home, docs=None, result_format="BASIC")
    answers = runner._answers(Batch("batch", "odd", [asked, forgotten]), results["batch"])
    assert answers["asked"].is_success
    assert answers["forgotten"].broken == "0 results for one rule"


def test_run__docs_are_built_and_its_own_lines_stay_out_of_the_log(
    database: Path, home: Home, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    caplog.set_level("DEBUG")
    batch = Batch("a load: rows", "odd", [check("bounded", "ExpectColumnMaxToBeBetween", column="number", max_value=3)])
    runner.run(database, [batch], home=home, docs="run-1")
    runner.run(database, [batch], home=home, docs="run-1")
    runner.run(database, [batch], home=home, docs="run-2")
    for run_docs in ("run-1", "run-2"):
        assert (home.quality / "data_docs" / run_docs / "index.html").is_file()
        assert list((home.quality / "data_docs" / run_docs / "validations").rglob("*.html"))
        assert list((home.quality / "data_docs" / run_docs / "static" / "styles").glob("*.css"))
    assert not [record for record in caplog.records if record.name.startswith(("great_expectations", "sqlalchemy"))]
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == ""
