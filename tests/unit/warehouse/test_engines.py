"""What is decided around engines without starting any: what they need, what they may be told, and folders of builds."""

import errno
import os
import subprocess
import sys
from glob import escape
from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from pulse.config.spark import HELD, Spark
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.warehouse import build_folders
from pulse.warehouse.engines import java, spark
from pulse.warehouse.engines.spark import SparkEngine, spark_type


def test_engines__import_nothing_of_spark():
    code = (
        "import sys, pulse.warehouse.builds; "
        "sys.exit(' '.join(name for name in sys.modules if name.split('.')[0] in ('pyspark', 'py4j')) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


# ---- what it needs -----------------------------------------------------------


def a_java(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("version", ["17", "17.0.21.1", "21.0.2", "25-ea"])
def test_java_home__is_the_one_that_is_named(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "jdk", version)))
    assert java.java_home() == tmp_path / "jdk"


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22"])
def test_java_home__that_is_too_old_is_refused_by_name(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "jdk", version)))
    with pytest.raises(ConfigError, match=r"jdk \(version 1+\).*Java 17 or newer.*openjdk-17-jre-headless"):
        java.java_home()


def test_java_home__is_looked_for_on_the_path_then_where_debian_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "old" / "bin"))
    monkeypatch.setattr(java, "_FOLDER", tmp_path / "jvm")
    a_java(tmp_path / "old", "11.0.22")
    with pytest.raises(ConfigError, match="no Java to run it on"):
        java.java_home()
    a_java(tmp_path / "jvm" / "java-17", "17.0.1")
    assert java.java_home() == tmp_path / "jvm" / "java-17"


def test_require_installed__names_the_packages_and_how_to_get_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spark, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pyspark, dbt\.adapters\.spark.*requirements/spark\.txt"):
        spark.require_installed()


# ---- what it may be told -----------------------------------------------------


def test_settings__may_be_anything_of_spark_but_what_decides_what_comes_out():
    assert Spark.model_validate({"settings": {"spark.executor.memory": "6g"}}).settings == {
        "spark.executor.memory": "6g"
    }
    for name in (*HELD, "driver.memory"):
        with pytest.raises(ValidationError, match=name):
            Spark.model_validate({"settings": {name: "x"}})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("VARCHAR", "string"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("DECIMAL(18,4)", "decimal(18,4)"),
        ("BIGINT[]", "array<bigint>"),
        ("MAP(VARCHAR, BIGINT)", "map<string, bigint>"),
    ],
)
def test_spark_type__names_what_raw_has(kind: str, expected: str):
    assert spark_type(kind) == expected


def test_fixture__names_types_and_lists_as_spark_does_and_leaves_jinja_alone(tmp_path: Path):
    written = (
        "{% for a in ['x', 'y'] %}select timestamptz '2026-10-05 00:00:00+00' as t, cast([] as varchar[]) as n, "
        "['mate', 'tea'] as l, cast(null as varchar) as v, {{ rows[1] }} as r{% endfor %}"
    )
    assert SparkEngine(Spark(), tmp_path).fixture(written) == (
        "{% for a in ['x', 'y'] %}select timestamp '2026-10-05 00:00:00+00' as t, cast(array() as array<string>) as n, "
        "array('mate', 'tea') as l, cast(null as string) as v, {{ rows[1] }} as r{% endfor %}"
    )


# ---- folders of builds -------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "it's [a] home*").create()


def a_build(home: Home, name: str) -> Path:
    folder = build_folders.builds_folder(home) / name
    for schema, table in (("marts", "fct_tea"), ("intermediate", "int_tea"), ("staging", "int_observations")):
        write_rows(folder / schema / table / "part-0.parquet", "select 1 as n union all select 2")
    return folder


def write_rows(file: Path, sql: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(sql).write_parquet(str(file))


def rows_of(folder: Path) -> list[int]:
    read = [duckdb.read_parquet(escape(str(file))).fetchall() for file in folder.glob("*.parquet")]
    return sorted(n for rows in read for (n,) in rows)


def a_state(home: Home, state_id: str, folder: Path) -> None:
    (home.published / "states").mkdir(exist_ok=True)
    build_folders.mark(folder, state_id)
    (home.published / "states" / f"{state_id}.duckdb").touch()


def test_write_views__gives_a_file_that_reads_the_build(home: Home, tmp_path: Path):
    database = tmp_path / "working.duckdb"
    build_folders.write_views(a_build(home, "one"), database)
    with duckdb.connect(str(database)) as connection:
        assert connection.execute("select sum(n) from marts.fct_tea").fetchone() == (3,)
        assert connection.execute("select sum(n) from staging.int_observations").fetchone() == (3,)


def test_complete__takes_over_the_files_in_which_nothing_was_deleted(home: Home):
    last, folder = a_build(home, "last"), build_folders.builds_folder(home) / "next"
    write_rows(last / "marts" / "fct_tea" / "part-1.parquet", "select 3 as n")
    build_folders.complete(last, last=None)
    # Of the table of marts one file is touched: 1 was deleted, 2 is kept, 4 is new; the other table is made whole.
    write_rows(folder / "parts" / "marts.fct_tea" / "touched" / "a.parquet", "select 'part-0.parquet' as file_name")
    write_rows(folder / "parts" / "marts.fct_tea" / "kept" / "b.parquet", "select 2 as n")
    write_rows(folder / "marts" / "fct_tea" / "c.parquet", "select 4 as n")
    write_rows(folder / "intermediate" / "int_tea" / "d.parquet", "select 5 as n")
    build_folders.complete(folder, last=last)
    assert rows_of(folder / "marts" / "fct_tea") == [2, 3, 4]
    assert rows_of(folder / "intermediate" / "int_tea") == [5]
    assert (folder / "marts" / "fct_tea" / "part-1.parquet").stat().st_nlink == 2
    assert build_folders.whole(home, "next") == folder
    assert not (folder / "parts").exists()
    # Each can go without the other.
    build_folders.remove_unused(home, kept=folder)
    assert not last.exists()
    assert rows_of(folder / "marts" / "fct_tea") == [2, 3, 4]


def test_complete__copies_where_the_disk_has_no_links(home: Home, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    last, folder = a_build(home, "last"), build_folders.builds_folder(home) / "next"
    write_rows(folder / "parts" / "marts.fct_tea" / "touched" / "a.parquet", "select 'none' as file_name limit 0")
    write_rows(folder / "parts" / "marts.fct_tea" / "kept" / "b.parquet", "select 2 as n limit 0")
    write_rows(folder / "marts" / "fct_tea" / "c.parquet", "select 4 as n")
    build_folders.complete(folder, last=last)
    assert rows_of(folder / "marts" / "fct_tea") == [1, 2, 4]
    assert (folder / "marts" / "fct_tea" / "part-0.parquet").stat().st_nlink == 1


@pytest.mark.parametrize("damage", ["no list", "a file gone", "a file cut", "no folder"])
def test_whole__is_no_build_of_which_anything_is_missing(damage: str, home: Home):
    folder = a_build(home, "one")
    file = folder / "marts" / "fct_tea" / "part-0.parquet"
    if damage != "no list":
        build_folders.complete(folder, last=None)
        assert build_folders.whole(home, "one") == folder
    if damage == "a file gone":
        file.unlink()
    elif damage == "a file cut":
        file.write_bytes(file.read_bytes()[:-1])
    assert build_folders.whole(home, "another" if damage == "no folder" else "one") is None
    assert build_folders.whole(home, None) is None


def test_begin__leaves_nothing_of_an_attempt(home: Home):
    folder = a_build(home, "one")
    build_folders.begin(folder)
    assert [*folder.iterdir()] == []


def test_write_tables__gives_a_file_that_needs_nothing_else(home: Home, tmp_path: Path):
    database = tmp_path / "working.duckdb"
    folder = a_build(home, "one")
    build_folders.write_views(folder, database)
    with duckdb.connect(str(database)) as connection:
        connection.execute("drop schema staging cascade")
        build_folders.write_tables(connection)
        for file in folder.rglob("*.parquet"):
            file.unlink()
        assert connection.execute("select sum(n) from marts.fct_tea").fetchone() == (3,)
        assert connection.execute("select sum(n) from intermediate.int_tea").fetchone() == (3,)
        assert connection.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)


def test_remove_unused__keeps_what_a_state_or_the_working_file_is_made_of(home: Home):
    old, published, working = (a_build(home, name) for name in ("old", "published", "working"))
    a_state(home, "20261005T000000000000Z", old)
    a_state(home, "20261006T000000000000Z", published)
    assert build_folders.folder_of_state(home, "20261006T000000000000Z") == published
    build_folders.remove_unused(home, kept=working)
    assert {*build_folders.builds_folder(home).iterdir()} == {old, published, working}
    (home.published / "states" / "20261005T000000000000Z.duckdb").unlink()
    build_folders.remove_unused(home, kept=working)
    assert {*build_folders.builds_folder(home).iterdir()} == {published, working}
    build_folders.remove_unused(home, kept=None)
    assert {*build_folders.builds_folder(home).iterdir()} == {published}


def test_readable_folders__leave_out_what_is_between_dbt_and_gate_2(home: Home):
    folder = a_build(home, "one")
    assert build_folders.readable_folders(home) == [folder / "intermediate", folder / "marts"]
