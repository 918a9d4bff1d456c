"""`pulse mcp` asked by the SDK's own client, over standard input and output; its communities are hostile."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

import page_samples as samples
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.reading import answers, mcp_server
from report_samples import NAUGHTY
from support import pulse

pytestmark = pytest.mark.integration

READS = {"list_tables", "describe_table", "run_sql", "get_kpis", "get_actions", "get_evidence"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return samples.published_home(tmp_path_factory.mktemp("assistant") / "home")


def asked(home: Home, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    """What a client is answered by `pulse mcp`, a process of its own."""
    program = StdioServerParameters(
        command=sys.executable, args=["-m", "pulse.cli", "mcp"], env={**os.environ, "PULSE_HOME": str(home.root)}
    )

    async def talk() -> Any:
        async with Client(program) as client:
            return await ask(client)

    return asyncio.run(talk())


def told(home: Home, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The documents that tools answer, or a text where one refuses."""

    async def ask(client: Client) -> list[Any]:
        results = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [one.content[0].text if one.is_error else json.loads(one.content[0].text) for one in results]

    return asyncio.run(_in_process(home, ask))


async def _in_process(home: Home, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async with Client(mcp_server.server(home)) as client:
        return await ask(client)


def test_client__sees_tools_that_only_read_and_asks_one_over_stdio(published: Home):
    async def ask(client: Client) -> Any:
        return await client.list_tools(), await client.call_tool("get_kpis", {"month": "2026-10", "community": "tea"})

    listed, answered = asked(published, ask)
    assert {tool.name for tool in listed.tools} == READS
    assert all(tool.annotations.read_only_hint and not tool.annotations.open_world_hint for tool in listed.tools)
    assert all(tool.description for tool in listed.tools)
    document = json.loads(answered.content[0].text)
    assert {row["community"] for row in document["data"]} == {"tea"}


def test_kpis__are_the_frozen_ones_and_each_says_how_whole_it_is(published: Home):
    (answer,) = told(published, ("get_kpis", {"month": "2026-10"}))
    assert {row["community"] for row in answer["data"]} == {"*", "tea", NAUGHTY[0]}
    for row in answer["data"]:
        assert row["frozen_version"] == 2
        assert {"value", "value_low", "value_high", "completeness", "days_complete_n", "days_n", "caveat"} <= set(row)
    (known,) = answer["rests_on"]["tables"]
    assert known["table"] == "kpi.kpi_as_now_known"
    assert known["first"] == known["last"] == "2026-10-01"


def test_kpis_of_an_open_month__are_those_of_the_mart(published: Home):
    (answer,) = told(published, ("get_kpis", {"month": "2026-11"}))
    assert [one["table"] for one in answer["rests_on"]["tables"]] == ["marts.fct_kpis_monthly"]


def test_rows_of_sql__name_the_marts_that_were_read_and_the_days_these_know(published: Home):
    sql = "select community, count(*) as days_n, avg(1.5) as half from marts.fct_community_daily group by 1 order by 1"
    (answer,) = told(published, ("run_sql", {"statement": sql}))
    of_tea = next(row for row in answer["data"] if row["community"] == "tea")
    assert of_tea == {"community": "tea", "days_n": 31, "half": 1.5}
    (known,) = answer["rests_on"]["tables"]
    assert (known["table"], known["date_column"]) == ("marts.fct_community_daily", "contribution_date")
    assert (known["first"], known["last"]) == ("2026-10-01", "2026-10-31")
    rests_on = answer["rests_on"]
    assert rests_on["community_days_n"] == 31 * len(samples.COMMUNITIES)
    assert 0 < rests_on["whole_community_days_n"] < rests_on["community_days_n"]


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to '/tmp/out.csv'",
        "select * from read_csv('/etc/passwd')",
        "create table t as select 1",
        "select 1; select 2",
        "attach 'x.duckdb'",
    ],
)
def test_sql_that_does_more_than_read__is_refused_as_pulse_sql_refuses_it(
    published: Home, statement: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PULSE_HOME", str(published.root))
    (answer,) = told(published, ("run_sql", {"statement": statement}))
    by_command = pulse("sql", statement)
    assert by_command.exit_code == 2
    refusal = by_command.stderr.removeprefix("pulse: ").split(". Next:")[0].split(" (limit")[0].strip()
    assert refusal in answer


def test_what_people_wrote__comes_as_data_without_control_characters(published: Home):
    sql = "select distinct community from marts.fct_community_daily"
    for answer in told(published, ("run_sql", {"statement": sql}), ("get_kpis", {"month": "2026-10"})):
        assert answer["notice"] == answers.NOTICE
        assert NAUGHTY[0] in {row["community"] for row in answer["data"]}
        cells = [str(cell) for row in answer["data"] for cell in row.values()]
        assert not [cell for cell in cells if any(ord(character) < 32 or character == "\u202e" for character in cell)]


def test_actions_and_evidence__are_asked_by_month_and_id(published: Home):
    with samples.writable(published) as connection:
        ids = connection.execute("select contribution_id from marts.fct_contributions limit 2").fetchall()
    actions, evidence = told(
        published,
        ("get_actions", {"month": "2026-10"}),
        ("get_evidence", {"contribution_ids": [one for (one,) in ids] + ["t3_gone"]}),
    )
    assert [one["table"] for one in actions["rests_on"]["tables"]] == ["marts.fct_actions_monthly"]
    assert {row["contribution_id"] for row in evidence["data"]} == {one for (one,) in ids}
    for row in actions["data"]:
        assert {"figure", "figure_low", "n", "days_complete_n", "days_n", "caveat"} <= set(row)


def test_dictionary__says_what_each_table_and_column_is(published: Home):
    tables, columns, unknown = told(
        published,
        ("list_tables", {}),
        ("describe_table", {"table": "fct_community_daily"}),
        ("describe_table", {"table": "raw.contributions"}),
    )
    assert {"marts.fct_community_daily", "kpi.kpi_monthly", "quality.gate_results"} <= {
        row["table"] for row in tables["data"]
    }
    assert {"contribution_date", "posts"} <= {row["column"] for row in columns["data"]}
    assert "Next: ask list_tables" in unknown


def test_marts_that_are_views_over_files__are_told_like_tables(tmp_path: Path):
    home = samples.published_home(tmp_path / "home")
    with samples.writable(home) as connection:
        connection.execute("alter table marts.fct_community_daily rename to days_of_files")
        connection.execute("create view marts.fct_community_daily as select * from marts.days_of_files")
    tables, days = told(
        home, ("list_tables", {}), ("run_sql", {"statement": "select count(*) as n from marts.fct_community_daily"})
    )
    assert "marts.fct_community_daily" in {row["table"] for row in tables["data"]}
    (known,) = days["rests_on"]["tables"]
    assert known["last"] == "2026-10-31"


def test_month_that_is_none__and_a_home_without_marts_are_told_plainly(published: Home, tmp_path: Path):
    (wrong,) = told(published, ("get_kpis", {"month": "last month"}))
    assert "YYYY-MM" in wrong
    (empty,) = told(Home(tmp_path / "home").create(), ("get_actions", {"month": "2026-10"}))
    assert "nothing is published yet" in empty


def test_without_the_sdk__the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    with pytest.raises(ConfigError, match=r"community-pulse\[mcp\]"):
        mcp_server.server(Home(tmp_path / "home").create())
    result = pulse("mcp")
    assert result.exit_code == 2
    assert "not installed" in result.stderr
