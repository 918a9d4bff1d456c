"""One database for many questions: each has its own tables and settings, and none can spoil it for the next."""

import multiprocessing
from pathlib import Path

import duckdb
import pytest

from pulse.core import memory_database


def test_cursor__sees_no_other_cursor_s_tables_names_and_time_zone():
    with memory_database.cursor() as one, memory_database.cursor() as other:
        one.execute("create temp table mine as select 1")
        one.register("named", one.execute("select 2 as two").to_arrow_table())
        one.execute("set timezone = 'Asia/Tokyo'")
        assert other.execute("select current_setting('TimeZone')").fetchone() == ("UTC",)
        for name in ("mine", "named"):
            with pytest.raises(duckdb.CatalogException):
                other.execute(f"from {name}")


def test_cursor__reads_a_file_again_that_was_replaced(tmp_path: Path):
    file = tmp_path / "rows.parquet"
    seen = []
    for value in (1, 2):
        with memory_database.cursor() as connection:
            connection.execute(f"copy (select {value} as value) to '{file}'")
        with memory_database.cursor() as connection:
            seen += connection.execute("from read_parquet(?)", [str(file)]).fetchall()
    assert seen == [(1,), (2,)]


def test_cursor__a_database_that_failed_for_good_is_not_used_again():
    def fail() -> None:
        with memory_database.cursor():
            raise duckdb.FatalException("database has been invalidated")

    failed = memory_database._database()
    with pytest.raises(duckdb.FatalException):
        fail()
    with memory_database.cursor() as connection:
        assert memory_database._database() is not failed
        assert connection.execute("select 1").fetchone() == (1,)


def _answer(answers: "multiprocessing.Queue[int]") -> None:
    with memory_database.cursor() as connection:
        (rows_n,) = connection.execute("select count(*) from range(1_000_000) where range % 2 = 0").fetchone() or (-1,)
        answers.put(rows_n)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_cursor__a_forked_process_has_a_database_of_its_own():
    with memory_database.cursor() as connection:
        connection.execute("select count(*) from range(1_000_000)")  # the parent's threads are at work
    forking = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[int] = forking.Queue()
    child = forking.Process(target=_answer, args=(answers,))
    child.start()
    assert answers.get(timeout=60) == 500_000
    child.join(timeout=60)
    assert child.exitcode == 0
