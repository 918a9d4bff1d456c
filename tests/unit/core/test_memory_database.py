"""One database for many questions: each has its own tables and settings, and none can spoil it for the next."""

import multiprocessing
import os
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


def _kept_n() -> int:
    return sum(map(len, memory_database._free.values()))


def _numbers_of(spill: Path, *, rows_n: int = 1_000) -> int:
    with memory_database.workbench(spill, memory_limit="20MB", threads_n=1) as connection:
        connection.execute(
            "create temp table mine as select range, md5(range::varchar) as text from range(?)", [rows_n]
        )
        ((sum_,),) = connection.execute("select sum(range)::bigint from (from mine order by text)").fetchall()
        return int(sum_)


def test_workbench__is_empty_again_for_who_comes_next_and_stays_open(tmp_path: Path):
    for _ in range(3):
        assert _numbers_of(tmp_path / "spill") == 499_500
    kept_n = _kept_n()
    assert _numbers_of(tmp_path / "elsewhere") == 499_500
    assert _kept_n() == kept_n
    with memory_database.workbench(tmp_path / "spill", memory_limit="20MB", threads_n=1) as connection:
        assert _kept_n() == kept_n - 1
        assert connection.execute("show all tables").fetchall() == []
        assert connection.execute("select current_setting('TimeZone')").fetchone() == ("UTC",)


def test_workbench__two_at_once_do_not_share_one(tmp_path: Path):
    with (
        memory_database.workbench(tmp_path / "one") as one,
        memory_database.workbench(tmp_path / "other") as other,
    ):
        one.execute("create table mine as select 1")
        assert other.execute("show all tables").fetchall() == []


def test_workbench__spills_where_it_was_told_and_leaves_nothing_there(tmp_path: Path):
    places = [tmp_path / "one", tmp_path / "other"]
    seen = set()
    for place in places:
        with memory_database.workbench(place, memory_limit="20MB", threads_n=1) as connection:
            connection.execute("create temp table mine as select md5(range::varchar) as text from range(1_000_000)")
            seen.update(file.parent for file in place.iterdir())
        assert not place.exists() or not any(place.iterdir())
    assert seen == {*places}


@pytest.mark.parametrize("leftover", ["create table mine as select 1", "create view mine as select 1"])
def test_workbench__what_is_left_in_it_ends_it(tmp_path: Path, leftover: str):
    for _ in range(2):
        with memory_database.workbench(tmp_path, memory_limit="30MB") as connection:
            connection.execute(leftover)
    assert not memory_database._free[(os.getpid(), "30MB", None)]


def test_workbench__work_that_failed_ends_it(tmp_path: Path):
    with pytest.raises(duckdb.CatalogException), memory_database.workbench(tmp_path, memory_limit="40MB") as connection:
        connection.execute("from nothing_of_this_name")
    assert not memory_database._free[(os.getpid(), "40MB", None)]
