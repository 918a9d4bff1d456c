"""The command line as people and scripts use it: what it shows, its formats, its exit status."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.cli.app import app
from pulse.core.home import Home
from pulse.gates import quarantine
from pulse.warehouse import builds
from support import pulse

pytestmark = pytest.mark.integration


def commands(typer_app: Any = app) -> list[list[str]]:
    found = [[command.name or command.callback.__name__.replace("_", "-")] for command in typer_app.registered_commands]
    return found + [[group.name] for group in typer_app.registered_groups]


@pytest.fixture
def no_config(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "absent.yml"))
    return home


@pytest.fixture
def own_copy(in_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The world's home, copied, for tests that change it."""
    root = tmp_path / "copy"
    shutil.copytree(in_world.home.root, root, ignore=shutil.ignore_patterns("airflow"))
    monkeypatch.setenv("PULSE_HOME", str(root))
    return Home(root)


# ---- help ------------------------------------------------------------------


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help__every_command_explains_itself(command: list[str]):
    result = pulse(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert "Example" in result.stdout or "COMMAND" in result.stdout


def test_installed_command__answers_without_heavy_libraries():
    heavy = ("airflow", "dbt", "great_expectations", "duckdb")
    code = f"import sys; from pulse.cli import app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- wrong use -------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run", "--day", "yesterday"], 2, "a day as YYYY-MM-DD"),
        (["run", "--day", "2999-01-01"], 2, "the day must be over"),
        (["backfill", "--from", "2026-06-02", "--to", "2026-06-01"], 2, "swap --from and --to"),
        (["backfill", "--from", "2020-01-01", "--to", "2026-06-01"], 2, "366 days"),
        (["status"], 2, "absent.yml"),
        (["quarantine", "show", "../../etc"], 1, "no records of load"),
        (["quarantine", "release", "x", "--waive", "no_such_rule"], 2, "no_such_rule"),
        (["sql", "select * from marts.fct_threads"], 2, "nothing is published yet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use__is_one_line_with_the_next_step(
    no_config: Home, arguments: list[str], status: int, words: str, request: pytest.FixtureRequest
):
    if "release" in arguments:
        request.getfixturevalue("in_world")
    result = pulse(*arguments)
    assert result.exit_code == status, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert words in result.stderr
    assert "Next: " in result.stderr
    assert result.stderr.startswith("pulse: ")


def test_hostile_arguments__never_reach_the_terminal_raw(no_config: Home):
    for arguments in (["run", "--day", "\x1b[31m2026"], ["quarantine", "show", "a\x1b]0;owned\x07\nb"]):
        result = pulse(*arguments)
        assert result.exit_code
        assert "\x1b" not in result.output
        assert "\x07" not in result.output


# ---- looking ---------------------------------------------------------------


def test_status__says_what_is_published_and_why_something_is_missing(in_world: Any):
    result = pulse("status")
    assert result.exit_code == 0, result.output
    state = builds.published_state(in_world.home)
    assert state is not None
    assert state.state_id in result.stdout
    for words in ("reddit/emberwelltea", "arrived", "reddit/nightridelamps", "quarantined", "reddit/nowhere", "failed"):
        assert words in result.stdout, words
    assert "stopped loads in quarantine" in result.stdout


def test_doctor__finds_a_good_installation_and_a_missing_config(in_world: Any, monkeypatch: pytest.MonkeyPatch):
    result = pulse("doctor")
    assert result.exit_code == 0, result.output
    assert "apache-airflow 3.3" in result.stdout
    assert "fail" not in result.stdout
    monkeypatch.setenv("PULSE_CONFIG", "/nowhere/communities.yml")
    result = pulse("doctor")
    assert result.exit_code == 1
    assert "/nowhere/communities.yml" in result.stdout
    assert "Next: create it" in result.stdout


def test_set_aside__says_what_is_lost_asks_and_moves(own_copy: Home):
    home = own_copy
    file = home.kpi / "kpi_monthly" / "month=2026-06" / "v0001.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"garbage")
    name = str(file.relative_to(home.root))
    for command in (["status"], ["sql", "select count(*) from marts.fct_threads"]):
        result = pulse(*command)
        assert result.exit_code == 0, result.output
    assert name in pulse("status").stdout
    found = pulse("doctor", "--deep")
    assert found.exit_code == 1
    assert f"pulse set-aside {name}" in found.stdout
    result = pulse("set-aside", name, stdin="n\n")
    assert result.exit_code == 1
    assert "Lost by setting it aside: month 2026-06, version 1" in result.stdout
    assert file.exists()
    assert pulse("set-aside", name, "--yes").exit_code == 0
    assert not file.exists()
    assert (home.root / "damaged" / name).read_bytes() == b"garbage"
    assert pulse("doctor", "--deep").exit_code == 0
    assert "set aside" in pulse("status").stdout
    refused = pulse("set-aside", name)
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1


def test_sql__formats_say_the_same(in_world: Any):
    query = (
        "select community, contribution_date, posts, removal_share from marts.fct_community_daily "
        "where community in ('emberwelltea', 'nowhere') and contribution_date < '2026-06-03' order by all"
    )
    as_json = json.loads(pulse("sql", query, "--format", "json").stdout)
    assert len(as_json) == 4
    assert as_json[0]["contribution_date"] == "2026-06-01"
    assert as_json[3] | {"contribution_date": ""} == {
        "community": "nowhere", "contribution_date": "", "posts": None, "removal_share": None,
    }  # fmt: skip
    as_csv = list(csv.DictReader(io.StringIO(pulse("sql", query, "--format", "csv").stdout)))
    assert [row["posts"] for row in as_csv[:2]] == [str(row["posts"]) for row in as_json[:2]]
    assert as_csv[3]["posts"] == ""
    table = pulse("sql", "-", stdin=query).stdout
    assert "NULL" in table
    assert "emberwelltea" in table


def test_sql__quality_can_be_asked_before_anything_was_published(no_config: Home):
    assert json.loads(pulse("sql", "select * from quality.gate_results", "--format", "json").stdout) == []


def test_sql__original_lines_are_not_within_reach(in_world: Any):
    columns = pulse("sql", "describe quality.quarantined_rows", "--format", "json").stdout
    assert '"line"' not in columns
    secret = in_world.home.quarantine / "rows"
    for query in (
        f"select * from read_parquet('{secret}/*/bad_lines.parquet')",
        "select * from read_csv('/etc/passwd')",
        f"copy (select 1) to '{in_world.home.root}/x.csv'",
        f"attach '{in_world.home.root}/y.duckdb'",
        "insert into published.marts.dim_communities select * from published.marts.dim_communities",
        "set enable_external_access = true",
    ):
        result = pulse("sql", query)
        assert result.exit_code == 2, query
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("output_format", ["table", "csv", "json"])
def test_sql__hostile_text_is_harmless_in_every_format(no_config: Home, output_format: str):
    query = r"""select '=cmd|'' /C calc''!A0' as formula, chr(27) || '[2J' as clear, '[red]markup[/red]' as markup,
        chr(8238) || 'x' as reversed, -5 as number"""
    shown = pulse("sql", query, "--format", output_format).stdout
    if output_format == "csv":
        (row,) = csv.DictReader(io.StringIO(shown))
        assert row["formula"].startswith("'=")
        assert row["number"] == "-5"
    else:
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[red]markup[/red]" in shown


def test_sql__a_long_table_says_that_there_is_more(in_world: Any):
    shown = pulse("sql", "select contribution_id from marts.fct_contributions", "--limit", "3").stdout
    assert "only the first 3 rows" in shown


# ---- quarantine ------------------------------------------------------------


def test_quarantine__list_and_show_tell_what_is_wrong(in_world: Any):
    listed = pulse("quarantine", "list").stdout
    assert "unplaced_lines_share" in listed
    load = quarantine.stopped_loads(in_world.home)[0]
    shown = pulse("quarantine", "show", load.load_id).stdout
    assert "stopped by unplaced_lines_share" in shown
    assert "missing_created_utc" in shown
    assert "\x1b" not in shown


def test_quarantine__released_load_is_published_and_stays_released_on_rerun(own_copy: Home):
    load = quarantine.stopped_loads(own_copy)[0]
    refused = pulse("quarantine", "release", load.load_id, "--waive", "one_author_share")
    assert refused.exit_code == 1
    assert "unplaced_lines_share" in refused.stderr
    result = pulse("quarantine", "release", load.load_id, "--waive", "unplaced_lines_share", "--reason", "proxy")
    assert result.exit_code == 0, result.output
    assert "released and published" in result.output
    query = (
        "select sum(posts + comments) as written, bool_and(is_day_complete) as complete "
        "from marts.fct_community_daily where community = 'nightridelamps' and posts is not null"
    )
    (row,) = json.loads(pulse("sql", query, "--format", "json").stdout)
    assert row["written"] > 100
    assert load.load_id not in {other.load_id for other in quarantine.stopped_loads(own_copy)}
    waived = "select distinct rule from quality.gate_results where is_waived and not is_passed"
    assert json.loads(pulse("sql", waived, "--format", "json").stdout) == [{"rule": "unplaced_lines_share"}]


def test_rebuild__gives_the_same_marts(own_copy: Home):
    def content() -> list[Any]:
        with duckdb.connect(str(builds.published_file(own_copy)), read_only=True) as connection:
            return connection.execute("select * from marts.fct_community_daily order by all").fetchall()

    before = content()
    result = pulse("rebuild")
    assert result.exit_code == 0, result.output
    assert content() == before


def test_prune__says_first_and_removes_then(own_copy: Home):
    import os

    old = next((own_copy.quarantine / "loads").iterdir())
    os.utime(old, (0, 0))
    assert "quarantine: would remove 1 items older than 30 days" in pulse("prune", "--dry-run").stdout
    assert old.exists()
    assert "quarantine: removed 1 items" in pulse("prune").stdout
    assert not old.exists()
    assert "quarantine: removed 0 items" in pulse("prune").stdout


def test_sandbox_world__writes_files_and_says_what_to_type(tmp_path: Path):
    result = pulse("sandbox", "world", "--out", str(tmp_path / "w"), "--days", "14", "--seed", "3")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "w" / "truth.json").is_file()
    assert "pulse backfill --from 2026-06-01 --to 2026-06-14" in result.stdout
