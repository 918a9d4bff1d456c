"""`pulse sql` over a small home made by hand: what it runs, what it refuses, and that nothing changes a file."""

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.core.errors import QueryError
from pulse.core.files import write_json
from pulse.core.home import Home
from pulse.kpi import Month
from pulse.lake import kpi_store, quality
from pulse.reading import query, read_only
from support import pulse

pytestmark = pytest.mark.integration

AT = datetime(2018, 11, 2, tzinfo=UTC)
OCTOBER = Month(date(2018, 10, 1))
UNSPOKEN = "nobody-may-read-this"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one published mart, one result of a gate, one frozen figure and a Data Docs page."""
    home = Home(tmp_path_factory.mktemp("written")).create()
    state = home.published / "states" / "20181102T000000000000Z.duckdb"
    state.parent.mkdir()
    with duckdb.connect(str(state)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.dim_communities as select * from (values ('ufc', 601), ('tea', 12)) t(community, posts)"
        )
    write_json(home.published / "state.json", {"state_id": state.stem, "identity": None})
    for table in quality.TABLES:
        quality.append(home, table, [], stem="0")
    quality.append(
        home,
        quality.GATE_RESULTS,
        [{"run_id": "r", "rule": "rows_n", "is_stopping": False, "message": "fine"}],
        stem="0",
    )
    figure = dict.fromkeys(kpi_store.TABLES[kpi_store.KPI_MONTHLY].names) | {
        "month_start_date": OCTOBER.first_day, "version": 1, "reported_at": AT, "platform": "reddit",
        "community": "ufc", "kpi": "contributors", "value": 234.0,
    }  # fmt: skip
    kpi_store.add_version(home, OCTOBER, 1, [figure], [])
    docs = home.quality / "data_docs" / "RUN" / "index.html"
    docs.parent.mkdir(parents=True)
    docs.write_text("<p>fine</p>")
    return home


@pytest.fixture
def filled(home: Home, written: Home) -> Home:
    """The same in the test's own home, with a key, and a link to it where a table's files lie."""
    shutil.copytree(written.root, home.root, dirs_exist_ok=True)
    os.link(home.published / "states" / "20181102T000000000000Z.duckdb", home.published_file)
    home.author_key_file.write_text(UNSPOKEN)
    (home.quality / "gate_results" / "link.csv").symlink_to(home.author_key_file)
    pulse("sql", "select 1")  # whatever a first query makes is made before anything is compared
    return home


def rows(statement: str) -> list[dict[str, Any]]:
    result = pulse("sql", statement, "--format", "json")
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))


def hashes(home: Home) -> dict[str, str]:
    """Every file and folder under the home, with its content."""
    found = {}
    for path in sorted(home.root.rglob("*")):
        content = path.read_bytes() if path.is_file() else b"folder"
        found[str(path.relative_to(home.root))] = hashlib.sha256(content).hexdigest()
    assert len(found) > 20
    return found


# ---- reads -----------------------------------------------------------------

READS = [
    "select 1",
    "SELECT 1;",
    " ; select 1 ; ; -- and no more",
    "/* a comment; with one */ select ';' as a, $$ ; copy $$ as b, 'it''s; x' as c -- ; drop",
    "with a as (select 1 as x) select * from a",
    "with recursive a as (select 1 as x union all select x + 1 from a where x < 3) from a",
    "from marts.dim_communities",
    "FROM marts.dim_communities SELECT community",
    "(select 1) union all (select 2)",
    "values (1, 'a'), (2, 'b')",
    "table marts.dim_communities",
    "pivot marts.dim_communities on community using sum(posts)",
    "pivot marts.dim_communities on community in ('ufc') using sum(posts)",
    "from (pivot marts.dim_communities on community using sum(posts))",
    "with p as (pivot marts.dim_communities on community using sum(posts)) select ufc from p",
    "unpivot (select 1 as a, 2 as b) on a, b",
    "summarize marts.dim_communities",
    "summarize select * from kpi.kpi_monthly",
    "describe marts.dim_communities",
    "desc kpi.kpi_as_now_known",
    "describe select 1",
    "show tables",
    "show all tables",
    "show databases",
    "explain select * from marts.dim_communities",
    "explain analyze select count(*) from marts.dim_communities",
    "explain (analyze, format json) (select 1)",
    "explain (select 1)",
    "explain pivot marts.dim_communities on community using sum(posts)",
    "explain analyze pivot marts.dim_communities on community using sum(posts)",
    "select * from duckdb_tables()",
    "select * from duckdb_settings()",
    "select * from information_schema.columns",
    "select * from pragma_table_info('marts.dim_communities')",
    "select 'copy', 'read_csv(' as query, 1 as glob, 2 as checkpoint",
    "select list_transform([1, 2], lambda x: x + 1), unnest([1, 2]), range(3)",
    "\ufeffselect 1",
    "select\u00a01",
    "select sentiment('not bad at all').label",
]


@pytest.mark.parametrize("statement", READS)
def test_read__runs_and_changes_nothing(filled: Home, statement: str):
    before = hashes(filled)
    result = pulse("sql", statement, "--format", "json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)) > 0 or statement == "show tables"  # of the schema main, which has none
    assert hashes(filled) == before


def test_pivot__that_finds_out_its_columns_gives_them(filled: Home):
    assert rows("pivot marts.dim_communities on community using sum(posts)") == [{"tea": 12, "ufc": 601}]


def test_schemas__show_what_is_published_and_what_is_there_now(filled: Home):
    assert rows("select community from marts.dim_communities order by all") == [
        {"community": "tea"}, {"community": "ufc"},
    ]  # fmt: skip
    assert rows("select value from kpi.kpi_as_first_reported") == [{"value": 234.0}]
    assert rows("select rule, message from quality.gate_results") == [{"rule": "rows_n", "message": "fine"}]
    quality.append(filled, quality.GATE_RESULTS, [{"rule": "later"}], stem="1")
    assert rows('select count(*) as n from "quality" . "gate_results"') == [{"n": 2}]
    assert {row["name"] for row in rows("show all tables")} >= {
        "dim_communities", "load_outcomes", "kpi_monthly", "kpi_restatements", "published",
    }  # fmt: skip


def test_table__that_a_statement_does_not_name_is_never_shown_as_empty(filled: Home):
    with (
        query.connect(filled, "show all tables") as connection,
        pytest.raises(QueryError, match=r"quality\.gate_results.*name the table"),
    ):
        list(query.run(connection, "select count(*) from quality.gate_results").batches)


def test_columns__of_files_from_before_or_after_are_the_declared_ones(filled: Home):
    with duckdb.connect() as other:
        other.execute(
            "copy (select 'old' as rule, 'x' as unknown) "
            f"to '{filled.quality}/gate_results/old.parquet' (format parquet)"
        )
    assert rows("select rule, gate from quality.gate_results where rule = 'old'") == [{"rule": "old", "gate": None}]
    assert set(rows("select * from quality.gate_results")[0]) == set(quality.TABLES[quality.GATE_RESULTS].names)


# ---- everything else -------------------------------------------------------

V1 = "{h}/kpi/kpi_monthly/month=2018-10/v0001.parquet"
FORBIDDEN = [
    # What once wrote under quality and kpi.
    (
        "copy (select * replace (case when kpi='contributors' then 9999 else value end as value) from "
        f"read_parquet('{V1}')) to '{V1}' (format parquet)"
    ),
    "copy (select 1 as a, 2 as b) to '{h}/kpi/kpi_monthly' (format parquet, partition_by (a), overwrite true)",
    (
        "copy (select * replace (true as is_stopping, 'FORGED' as message, 'reddit/victim' as entry_id) from "
        "quality.gate_results limit 1) to '{h}/quality/gate_results/0.parquet' (format parquet)"
    ),
    "copy (select 'x' as a) to '{h}/quality/gate_results/_0.parquet' (format parquet)",
    (
        "copy (select '<script>alert(1)</script>' as a) to '{h}/quality/data_docs/RUN/index.html' "
        "(format csv, header false, quote '')"
    ),
    "attach '{h}/quality/x.duckdb'",
    "export database '{h}/kpi/exp'",
    # What DuckDB lets pass although it reads no files.
    "copy (select 1) to '{h}/published/community_pulse.duckdb'",
    "copy (select 1) to '{h}/published/community_pulse.duckdb.wal'",
    "from enable_logging('QueryLog', storage = 'file', storage_config = {{'path': '{h}/scratch'}})",
    "call enable_logging('QueryLog', storage = 'file', storage_path = '{h}/scratch')",
    "select * from read_blob('{h}/published/community_pulse.duckdb')",
    "select * from read_text('{h}/published/community_pulse.duckdb')",
    # Other spellings.
    "/* select */ CoPy (select 1) to '{h}/a.csv'",
    "-- select\n copy (select 1) to '{h}/a.csv'",
    "copy(select 1)to'{h}/a.csv'",
    "copy marts.dim_communities to '{h}/a.parquet'",
    "copy marts.dim_communities from '{h}/quality/gate_results/link.csv'",
    "copy (from (pivot marts.dim_communities on community using sum(posts))) to '{h}/a.csv'",
    "copy from database published to memory",
    "explain copy (select 1) to '{h}/a.csv'",
    "explain analyze copy (select 1) to '{h}/a.csv'",
    "EXPLAIN (ANALYZE) copy (select 1) to '{h}/a.csv'",
    "explain (analyze, format json) export database '{h}/b'",
    "explain analyze create table a as select 1",
    "explain analyze verbose copy (select 1) to '{h}/a.csv'",
    "explain explain select 1",
    "explain",
    "with a as (select 1) insert into published.marts.dim_communities select 'x', 1",
    "with p as (pivot marts.dim_communities on community using sum(posts)) insert into x from p",
    "with a as (insert into published.marts.dim_communities values ('x', 1) returning *) from a",
    "insert into published.marts.dim_communities values ('x', 1)",
    "update published.marts.dim_communities set posts = 1",
    "delete from published.marts.dim_communities",
    "truncate published.marts.dim_communities",
    "merge into published.marts.dim_communities using (select 1) on true when matched then delete",
    "create table a as select 1",
    "create or replace temp view a as select 1",
    "create macro f() as table select * from read_text('/etc/hostname')",
    "create schema x",
    "create sequence s",
    "create type t as enum ('a')",
    "create secret s (type s3)",
    "create persistent secret s (type s3)",
    "alter table published.marts.dim_communities add column y int",
    "drop view marts.dim_communities",
    "comment on table marts.dim_communities is 'x'",
    "attach ':memory:' as m",
    "attach if not exists '{h}/published/community_pulse.duckdb' as p (read_only)",
    "detach published",
    "use published",
    "set enable_external_access = true",
    "set global allowed_directories = ['/']",
    "set variable a = 1",
    "reset enable_external_access",
    "pragma enable_profiling",
    "pragma profiling_output = '{h}/profile.json'",
    "pragma table_info('marts.dim_communities')",
    "pragma import_database('{h}/kpi')",
    "import database '{h}/kpi'",
    "install httpfs",
    "force install httpfs from '{h}'",
    "load '{h}/x.duckdb_extension'",
    "update extensions",
    "call pragma_version()",
    "call force_checkpoint('published')",
    "prepare p as select 1",
    "execute p",
    "deallocate p",
    "begin",
    "begin transaction read only",
    "commit",
    "rollback",
    "checkpoint",
    "force checkpoint published",
    "vacuum",
    "analyze",
    "do $$ begin end $$",
    "select 1 into x",
    "kill 1",
    "lock table marts.dim_communities",
    # More than one.
    "select 1; select 2",
    "select 1; copy (select 1) to '{h}/a.csv'",
    "copy (select 1) to '{h}/a.csv'; select 1",
    "pivot marts.dim_communities on community using sum(posts); create table x(a int)",
    "create table x(a int); pivot marts.dim_communities on community using sum(posts)",
    "pivot marts.dim_communities on community using sum(posts); pivot range(3) on range using count(*)",
    # Functions that open files, run text, or change something.
    "select * from read_csv('/etc/hostname')",
    "select * from '/etc/hostname'",
    "from '{h}/quality/gate_results/0.parquet'",
    f"from '{V1}'",
    f"from read_parquet('{V1}')",
    f"from parquet_scan('{V1}')",
    f"from parquet_metadata('{V1}')",
    f"from parquet_schema('{V1}')",
    "from sniff_csv('/etc/hostname')",
    "from glob('{h}/*')",
    "from \"glob\" /* here */ ('{h}/*')",
    "from system.main.glob('{h}/**')",
    "from read_text('{h}/author.key')",
    "from read_text('{h}/quality/../author.key')",
    "from read_text('{h}/quality/gate_results/link.csv')",
    "from read_json('{h}/published/state.json')",
    "from read_duckdb('{h}/published/community_pulse.duckdb', table_name = 'dim_communities')",
    "select getenv('HOME')",
    "from query('select 1')",
    "from query('from read_' || 'text(''/etc/hostname'')')",
    "from\u00a0query('select 1')",
    "from query_table('marts.dim_communities')",
    "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "from force_checkpoint('published')",
    "select * from checkpoint()",
    "from duckdb_secrets()",
    "select write_log('x')",
    "describe from read_text('{h}/author.key')",
    "summarize from read_text('{h}/author.key')",
    "explain analyze from enable_logging('QueryLog')",
    "with a as (from enable_logging('QueryLog')) select 1",
    "select (select count(*) from glob('{h}/*'))",
    # No statement.
    "",
    " ; ;",
    "-- nothing",
    "select 1 \x00 ; copy (select 1) to '{h}/a.csv'",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_all_else__is_refused_and_changes_no_byte(filled: Home, tmp_path: Path, statement: str):
    before = hashes(filled)
    # By standard input: what begins with a comment would be taken for an option.
    result = pulse("sql", "-", "--format", "json", stdin=statement.format(h=filled.root))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("pulse: ")
    assert "Next: " in result.stderr
    assert UNSPOKEN not in result.output
    assert hashes(filled) == before
    assert not (tmp_path / "a.csv").exists()


def test_more_than_one_statement__is_said_so(filled: Home):
    assert "2 statements (limit: one statement)" in pulse("sql", "select 1; select 2").stderr


def test_another_kind_of_statement__is_named_with_what_is_possible(filled: Home):
    stderr = pulse("sql", "create table a(x int)").stderr
    assert "CREATE, which `pulse sql` does not run" in stderr
    assert "SELECT" in stderr
    assert stderr.count("\n") == 1


def test_lock_down__holds_without_looking_at_the_statement(filled: Home):
    """The first defence alone: what no check of statements stopped."""
    with query.connect(filled) as connection:
        for statement in (
            f"copy (select 1) to '{filled.quality}/x.csv'",
            f"copy (select 1) to '{filled.kpi}/kpi_monthly/month=2018-10/v0001.parquet' (format parquet)",
            f"attach '{filled.quality}/x.duckdb'",
            f"export database '{filled.kpi}/exp'",
            f"from read_text('{filled.author_key_file}')",
            f"from glob('{filled.root}/*')",
            "set enable_external_access = true",
            "set lock_configuration = false",
            "insert into published.marts.dim_communities values ('x', 1)",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement).fetchall()


def test_functions__of_this_duckdb_are_all_judged():
    """A new version may bring a function that opens files: it has to be looked at before it is let in."""
    with duckdb.connect() as connection:
        tables = connection.execute(
            "select distinct function_name from duckdb_functions() where function_type in ('table', 'table_macro')"
        ).fetchall()
        scalars = connection.execute(
            "select distinct function_name from duckdb_functions() where has_side_effects and function_type = 'scalar'"
        ).fetchall()
    known = read_only.TABLE_FUNCTIONS | set(read_only.REFUSED_FUNCTIONS)
    assert {name for (name,) in tables} <= known
    # Drawn by lot, read from the session, or waiting; none of them outlives the statement.
    harmless = {
        "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "random", "setseed", "error", "stats", "sleep_ms", "currval",
        "nextval", "current_connection_id", "current_query", "current_query_id", "current_transaction_id",
    }  # fmt: skip
    assert {name for (name,) in scalars} <= harmless | set(read_only.REFUSED_FUNCTIONS)
    assert not read_only.TABLE_FUNCTIONS & set(read_only.REFUSED_FUNCTIONS)


# ---- damage ----------------------------------------------------------------


def damage(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


def test_damaged_kpi_file__is_missing_by_name_and_takes_nothing_else_with_it(filled: Home):
    damage(filled.kpi / "kpi_monthly" / "month=2018-10" / "v0001.parquet")
    assert len(rows("from marts.dim_communities")) == 2
    assert len(rows("from quality.gate_results")) == 1
    assert "kpi_as_now_known" in pulse("sql", "show all tables", "--format", "csv").stdout
    for table in ("kpi_monthly", "kpi_as_first_reported", "kpi_as_now_known"):
        assert rows(f"select count(*) as n from kpi.{table}") == [{"n": 0}]
    assert rows("select version, table_name, is_set_aside from kpi.kpi_lost_versions") == [
        {"version": 1, "table_name": "kpi_monthly", "is_set_aside": False}
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"garbage" * 100])
def test_damaged_quality_file__is_named_to_who_asks_for_it(filled: Home, content: bytes):
    file = filled.quality / "gate_results" / "other.parquet"
    file.write_bytes(content)
    assert rows("select count(*) as n from quality.load_outcomes") == [{"n": 0}]
    assert rows("select value from kpi.kpi_monthly") == [{"value": 234.0}]
    result = pulse("sql", "select rule from quality.gate_results")
    assert result.exit_code == 2
    assert str(file) in result.stderr


@pytest.mark.parametrize("content", [b"", b"garbage" * 10_000])
def test_damaged_published_file__is_named_and_the_rest_can_be_read(filled: Home, content: bytes):
    filled.published_file.write_bytes(content)
    assert rows("select value from kpi.kpi_monthly") == [{"value": 234.0}]
    assert rows("select 1 as a") == [{"a": 1}]
    result = pulse("sql", "from marts.dim_communities")
    assert result.exit_code == 2
    assert f"published file {filled.published_file}" in result.stderr
    assert "pulse rebuild" in result.stderr


def test_damage_within_the_published_file__is_named(filled: Home):
    with duckdb.connect(str(filled.published_file)) as connection:
        connection.execute("create table marts.fct_large as select range as a, hash(range) as b from range(300000)")
    content = bytearray(filled.published_file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300_000] = os.urandom(300_000)
    filled.published_file.write_bytes(content)
    result = pulse("sql", "select sum(hash(b)) from marts.fct_large")
    assert result.exit_code == 2, result.output
    assert f"published file {filled.published_file}" in result.stderr
    assert "Stack Trace" not in result.stderr


# ---- formats ---------------------------------------------------------------


def test_json__keeps_letters_and_escapes_what_steers_a_terminal(filled: Home):
    letters = "日本語 ünï 🙂 العربية"
    shown = pulse(
        "sql",
        f"select '{letters}' as a, chr(8238) || chr(27) || chr(127) || chr(155) || chr(8232) as b",
        "--format",
        "json",
    ).stdout
    assert letters in shown
    assert "\\u202e\\u001b\\u007f\\u009b\\u2028" in shown
    assert json.loads(shown) == [{"a": letters, "b": "\u202e\x1b\x7f\x9b\u2028"}]


def test_json__keeps_columns_of_one_name(filled: Home):
    assert rows("select 1 as a, 2 as a, 3 as a_1, 4 as a") == [{"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", " =1+1", "\t=1+1", "\u00a0\u3000=1", "\u200b=1", "\ufeff=1", "\x00=1", "\x1b=1", "|=cmd",
        "+1", "-1", "@SUM(A1)", "＝1", "\n=1",
    ],
)  # fmt: skip
def test_csv__no_text_runs_in_a_spreadsheet(filled: Home, text: str):
    codes = " || ".join(f"chr({ord(char)})" for char in text)
    stdout = pulse("sql", f"select {codes} as a, -5 as b, -1.5::decimal(3,1) as c", "--format", "csv").stdout
    ((cell, *numbers),) = list(csv.reader(io.StringIO(stdout, newline="")))[1:]
    assert cell == f"'{text}"
    assert numbers == ["-5", "-1.5"]


def test_csv__other_text_stays_as_it_is(filled: Home):
    stdout = pulse(
        "sql", "select ' plain' as a, 'a=b' as b, '''quoted' as c, '% of posts' as d", "--format", "csv"
    ).stdout
    assert list(csv.reader(io.StringIO(stdout)))[1] == [" plain", "a=b", "'quoted", "% of posts"]


def test_table__that_is_too_wide_becomes_records(filled: Home):
    wide = "select " + ", ".join(f"repeat('x', 30) as column_{number}" for number in range(10))
    lines = pulse("sql", wide + " from range(2)").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[1:3]] == [["column_0", "x" * 30], ["column_1", "x" * 30]]
    assert len(lines) == 2 * 11
    assert "┃" in pulse("sql", "select 1 as a, 2 as b").stdout


def test_listings__fit_a_terminal(filled: Home):
    listed = pulse("sql", "show all tables").stdout.splitlines()
    assert max(map(len, listed)) <= 80
    assert len(listed) < 20
    described = pulse("sql", "describe kpi.kpi_monthly").stdout.splitlines()
    assert len(described) == len(kpi_store.TABLES[kpi_store.KPI_MONTHLY].names) + 4
    assert rows("describe kpi.kpi_monthly")[0]["null"] == "YES", "other formats give all"


def test_explain__draws_its_plan_in_lines(filled: Home):
    stdout = pulse("sql", "explain select * from marts.dim_communities").stdout
    assert "dim_communities" in stdout
    assert "\\x0a" not in stdout
    assert len(stdout.splitlines()) > 5


def test_error__has_real_lines_and_nothing_that_steers_a_terminal(filled: Home):
    stderr = pulse("sql", "select 1,\n nowhere from marts.dim_communities").stderr
    assert "\\x0a" not in stderr
    lines = stderr.splitlines()
    assert lines[0].startswith("pulse: query: Binder Error")
    assert all(line.startswith("  ") for line in lines[1:])
    pointed = next(number for number, line in enumerate(lines) if line.strip() == "^")
    assert lines[pointed - 1][lines[pointed].index("^") :].startswith("nowhere")
    forged = pulse(
        "sql", "select cast('x' || chr(10) || 'pulse: all is well' || chr(27) || chr(8238) as integer)"
    ).stderr
    assert not any(line.startswith("pulse: all") for line in forged.splitlines())
    assert "\x1b" not in forged
    assert "\u202e" not in forged


# ---- files -----------------------------------------------------------------


@pytest.mark.parametrize("output_format", ["table", "csv", "json", "parquet"])
def test_output__appears_whole_in_each_format(filled: Home, tmp_path: Path, output_format: str):
    target = tmp_path / "out" / f"rows.{output_format}"
    target.parent.mkdir()
    result = pulse(
        "sql", "select community, posts from marts.dim_communities order by 1", "--format", output_format, "--output",
        str(target),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert str(target) in result.stderr
    assert list(target.parent.iterdir()) == [target]
    if output_format == "parquet":
        with duckdb.connect() as connection:
            found = connection.execute("select * from read_parquet(?)", [str(target)]).fetchall()
        assert found == [("tea", 12), ("ufc", 601)]
    else:
        assert "601" in target.read_text(encoding="utf-8")


def test_parquet__keeps_types_and_takes_more_than_fits_one_batch(filled: Home, tmp_path: Path):
    target = tmp_path / "rows.parquet"
    statement = (
        "select range as a, range::decimal(12,2) as b, timestamptz '2018-10-01 00:00:00+02' as c, [1] as d "
        "from range(300000)"
    )
    assert pulse("sql", statement, "--format", "parquet", "--output", str(target)).exit_code == 0
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        rows_of = f"from read_parquet('{target}')"
        kinds = connection.execute(f"select column_type from (describe {rows_of})").fetchall()
        assert [kind for (kind,) in kinds] == ["BIGINT", "DECIMAL(12,2)", "TIMESTAMP WITH TIME ZONE", "INTEGER[]"]
        found = connection.execute(f"select count(*), max(c)::varchar {rows_of}").fetchone()
        assert found == (300_000, "2018-09-30 22:00:00+00")


def test_parquet__without_a_file_is_refused(filled: Home):
    result = pulse("sql", "select 1", "--format", "parquet")
    assert result.exit_code == 2
    assert "--output FILE" in result.stderr


def places_in_home(filled: Home, tmp_path: Path) -> Iterator[Path]:
    yield filled.root / "x.csv"
    yield filled.kpi / "kpi_monthly" / "month=2018-10" / "v0001.parquet"
    yield filled.quality / "data_docs" / "RUN" / "index.html"
    yield filled.root / "landing" / ".." / "author.key"
    (tmp_path / "link").symlink_to(filled.quality)
    yield tmp_path / "link" / "x.csv"
    (tmp_path / "file").symlink_to(filled.author_key_file)
    yield tmp_path / "file"
    (tmp_path / "dangling").symlink_to(filled.kpi / "new.csv")
    yield tmp_path / "dangling"
    yield Path(os.path.relpath(filled.root / "x.csv"))
    yield Path(f"/proc/self/root{filled.root}/x.csv")


def test_output__never_lies_under_the_home(filled: Home, tmp_path: Path):
    before = hashes(filled)
    for place in places_in_home(filled, tmp_path):
        for more in ((), ("--force",)):
            result = pulse("sql", "select 1", "--format", "csv", "--output", str(place), *more)
            assert result.exit_code == 2, place
            assert "PULSE_HOME" in result.stderr
    assert hashes(filled) == before


def test_output__replaces_a_file_only_when_told_to(filled: Home, tmp_path: Path):
    target = tmp_path / "rows.csv"
    target.write_text("mine")
    refused = pulse("sql", "select 1 as a", "--format", "csv", "--output", str(target))
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert target.read_text() == "mine"
    assert pulse("sql", "select 1 as a", "--format", "csv", "--output", str(target), "--force").exit_code == 0
    assert target.read_text() == "a\n1\n"


@pytest.mark.parametrize("output_format", ["csv", "parquet"])
def test_output__of_a_query_that_fails_leaves_what_was_there(filled: Home, tmp_path: Path, output_format: str):
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "rows"
    target.write_text("mine")
    failing = "select case when range = 200000 then error('stop') else 'x' end as a from range(200001)"
    result = pulse("sql", failing, "--format", output_format, "--output", str(target), "--force")
    assert result.exit_code == 2, result.output
    assert "stop" in result.stderr
    assert target.read_text() == "mine"
    assert list(folder.iterdir()) == [target]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_failure__that_duckdb_takes_for_an_interrupt_is_told_by_its_cause_unless_somebody_stopped_it(
    filled: Home, is_stopped: bool
):
    failing = "select case when range = 200000 then error('the cause') else 'x' end as a from range(200001)"
    # Where two threads fail at once, DuckDB gives this error for the one or the other.
    interrupted = duckdb.InterruptException("INTERRUPT Error: Interrupted!")
    with query.connect(filled, failing) as connection:
        result = query.run(connection, failing)
        if is_stopped:
            query.stop(connection)
        said = str(query.translated(result, interrupted))
    assert ("the cause" in said) is not is_stopped
    assert ("Interrupted" in said) is is_stopped


@pytest.mark.parametrize("place", ["", "/dev/null", "nowhere/x.csv", "x" * 5_000])
def test_output__that_is_no_place_for_a_file_is_refused_in_one_line(filled: Home, place: str):
    result = pulse("sql", "select 1", "--format", "csv", "--output", place, "--force")
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1


# ---- Ctrl-C and start ------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "select count(*) from range(1000000000000) where range % 7 = 3",
        "select count(*) from range(1000000000000) a, range(1000000) b",
        "select * from range(1000000000)",
        "-",
    ],
)
def test_ctrl_c__ends_at_once_in_one_line(filled: Home, tmp_path: Path, statement: str):
    target = tmp_path / "rows.csv"
    command = [sys.executable, "-m", "pulse.cli", "sql", statement, "--format", "csv", "--output", str(target)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, preexec_fn=heeds_ctrl_c,  # noqa: PLW1509
    ) as running:  # fmt: skip
        wait_until_busy(running, is_busy=statement != "-")
        running.send_signal(signal.SIGINT)
        started_s = time.monotonic()
        try:
            status = running.wait(timeout=60)
        finally:
            running.kill()
        waited_s = time.monotonic() - started_s
        assert running.stdin is not None
        assert running.stderr is not None
        assert running.stderr.read() == "pulse: interrupted\n"
    assert status == 130
    assert waited_s < 30, "it ended with its query"
    assert list(tmp_path.glob("*rows*")) == list(tmp_path.glob(".pulse-*")) == []
    assert list(filled.scratch.glob("query-*")) == []


def heeds_ctrl_c() -> None:
    """As in a terminal: what a shell starts in the background ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until_busy(running: "subprocess.Popen[str]", *, is_busy: bool) -> None:
    """Until it has used more processor time than its start takes, or sits waiting for its statement."""
    deadline = time.monotonic() + 60
    ticks = os.sysconf("SC_CLK_TCK")
    while time.monotonic() < deadline:
        fields = Path(f"/proc/{running.pid}/stat").read_text().rsplit(")", 1)[1].split()
        used_s = (int(fields[11]) + int(fields[12])) / ticks
        threads_n = int(fields[17])
        if (is_busy and used_s > 0.8) or (not is_busy and threads_n > 1 and used_s > 0.1):
            time.sleep(0.1)
            return
        time.sleep(0.05)
    raise AssertionError("it never came to run its query")


def test_start__of_a_plain_query_leaves_heavy_libraries_alone(filled: Home):
    code = (
        "import sys, typer.testing; from pulse.cli.app import app; "
        "query = 'select community from marts.dim_communities order by 1 desc'; "
        "done = typer.testing.CliRunner().invoke(app, ['sql', query]); "
        "assert done.exit_code == 0, done.output; "
        "print([m for m in ('pyarrow', 'pandas', 'numpy', 'yaml', 'airflow', 'dbt') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
