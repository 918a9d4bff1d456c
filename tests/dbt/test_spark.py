"""Spark builds what DuckDB builds: all tables of a small home with what engines could disagree about, in another zone.

Needs `requirements/spark.txt` and Java; `make test-spark` installs both.
"""

import os
import random
import select
import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import spark_homes
from pulse.core.files import sql_text
from pulse.reading import query
from pulse.warehouse import build_folders, builds
from pulse.warehouse.engines.spark import SparkEngine
from spark_homes import SETTINGS

# On a busy machine whole builds on Spark take longer than other tests may.
pytestmark = [pytest.mark.integration, pytest.mark.spark, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    spark_homes.skip_without_spark()


class Built:
    """The same home built by both engines."""

    def __init__(self, on_duckdb: Any, on_spark: Any) -> None:
        self.on_duckdb = on_duckdb
        self.on_spark = on_spark


@pytest.fixture(scope="module")
def built(installed: None, shared_lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("spark")
    other = spark_homes.built_on_both(shared_lab, folder, days=range(0, 42, 3), spark=SETTINGS)
    return Built(shared_lab, other)


def test_tables__are_those_of_duckdb(built: Built):
    spark_homes.assert_same_tables(built.on_duckdb, built.on_spark, least_n=100, least_filled_n=55)


def test_build__writes_nothing_outside_its_home(built: Built):
    # The home's name has a comma, at which Spark parts lists of folders.
    root = built.on_spark.home.root
    assert [*root.parent.iterdir()] == [root]


def test_publish__shows_views_that_readers_can_read_and_nothing_else_of_the_build(built: Built):
    home = built.on_spark.home
    state = built.on_spark.publish()
    assert state.file.stat().st_size < 10_000_000
    assert posts_n(home) > 50
    with duckdb.connect(str(state.file), read_only=True) as published:
        said = "select comment from duckdb_views() where view_name = 'fct_contributions'"
        assert "one row per" in str(published.execute(said).fetchone()).lower()
    (folder,) = build_folders.builds_folder(home).iterdir()
    with pytest.raises(duckdb.PermissionException):
        query.connect(home).execute(f"from read_parquet({sql_text(folder / 'staging/int_observations/*.parquet')})")
    # Nothing changed since: nothing is built.
    assert builds.build(home, settings=built.on_spark.settings).is_nothing_new


def test_partial_build__has_what_duckdb_builds(built: Built):
    spark_homes.built_further(built.on_duckdb, built.on_spark, day=42)
    spark_homes.assert_same_tables(built.on_duckdb, built.on_spark, least_n=100, least_filled_n=55)
    built.on_spark.publish()


def test_build__killed_in_the_middle_leaves_readers_what_they_had(built: Built, tmp_path: Path):
    home = built.on_spark.home
    before = builds.published_state(home)
    assert before is not None
    folders = {*build_folders.builds_folder(home).iterdir()}
    # No part of it can be made any more, so everything is.
    folder = build_folders.folder_of_state(home, before.state_id)
    assert folder is not None
    next(folder.glob("intermediate/int_questions/*.parquet")).unlink()
    rows = spark_homes.written(random.Random(45), 45, "tea")  # noqa: S311  (made-up rows)
    built.on_spark.bring(built.on_spark.archive(45, rows))
    killed = built.on_spark.run(f"""
from logging.handlers import RotatingFileHandler
write = RotatingFileHandler.handle
def handle(self, record):
    if "OK" in record.getMessage() and "int_contributions_latest" in record.getMessage():
        from pyspark import SparkContext
        pathlib.Path({str(tmp_path / "java")!r}).write_text(str(SparkContext._gateway.proc.pid))
        die()
    write(self, record)
RotatingFileHandler.handle = handle
builds.build(home, settings=settings)
""")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "files of the last build are missing, so everything will be built" in killed.stderr
    assert has_ended(int((tmp_path / "java").read_text()))
    assert builds.published_state(home) == before
    assert posts_n(home) > 50
    (left,) = {*build_folders.builds_folder(home).iterdir()} - folders
    assert [*(left / "intermediate" / "int_contributions_latest").glob("*.parquet")]
    # What the killed build left goes with the next, and what readers saw with the next publish; on either engine.
    built.on_spark.settings = built.on_spark.settings.model_copy(update={"engine": "duckdb"})
    built.on_spark.build(has_data_tests=False)
    assert {*build_folders.builds_folder(home).iterdir()} == folders
    built.on_spark.publish(keep_states_n=1)
    assert {*build_folders.builds_folder(home).iterdir()} == set()
    assert posts_n(home) > 50


def posts_n(home: Any) -> int:
    ((rows_n,),) = query.connect(home).execute("select count(*) from marts.fct_contributions").fetchall()
    return int(rows_n)


def has_ended(pid: int, *, most_s: int = 60) -> bool:
    """Whether a process ends; it is waited for."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(most_s * 1000))
    finally:
        os.close(descriptor)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_unit_tests__all_pass(tmp_path: Path, unit_tests_of: Any):
    results = unit_tests_of(SparkEngine(SETTINGS, tmp_path / "build"))
    assert [f"{result.label}: {result.message}" for result in results if not result.is_ok] == []
    assert sum(result.resource_type == "unit_test" for result in results) > 280
