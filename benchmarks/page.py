"""Views of the page inside Airflow: CPU of the server for each, over a published year of many communities.

The published file is made up, with the tables and types that the marts' own contracts name. Views are asked for warm,
in this process, without a network: what is measured is the server's work, all of its threads together.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import duckdb

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pulse.core.home import Home
    from pulse.core.table import Table

LIMIT_MS = 50.0
_TIMES_N = 20
_WARM_N = 3
_LAST_DAY = date(2026, 10, 31)
_RULES_N = 45  # what gate 1 says of each load
_ROWS_A_MONTH_N = 10  # of needs, topics, words and the like, for each community
_AT = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)

# Columns that views look at; the others are filled by their type.
_DAY = "date '{first}' + cast(d as integer)"


def run(folder: Path, communities_n: int, days_n: int) -> list[str]:
    """Measure each view; returns lines to show."""
    home = published_home(folder / f"page-{communities_n}-{days_n}", communities_n, days_n)
    began_s = time.process_time()
    app = _app(home)
    asyncio.run(_status(app, "/months"))
    cold_s = time.process_time() - began_s
    lines = [
        f"## The page at {communities_n} communities × {days_n} days, CPU ms a view, warm, median of {_TIMES_N}",
        "",
        f"| view | CPU ms | kB | within {LIMIT_MS:.0f} ms |",
        "| --- | --- | --- | --- |",
    ]
    for name, path in _views(days_n):
        cost_ms, size_bytes = asyncio.run(_measured(app, path))
        lines.append(f"| {name} | {cost_ms:.1f} | {size_bytes / 1e3:.0f} | {'yes' if cost_ms <= LIMIT_MS else 'no'} |")
    return [*lines, "", f"Once after each publish, before the first view: {cold_s:.1f} s of CPU."]


def _views(days_n: int) -> Iterator[tuple[str, str]]:
    load = f"load-7-{days_n - 1}"
    community = "platform=reddit&community=community_7"
    yield "Today", "/"
    yield "Today, page 3", "/today?page=3"
    yield "Today, a name", "/today?q=community_12"
    yield "A year by month", "/year"
    yield "A day", f"/day?{community}&day={_LAST_DAY}"
    yield "Loads and gates", "/loads"
    yield "All checks", "/loads?all=1"
    yield "Rules", "/rules"
    yield "A load", f"/load?id={load}"
    yield "Check of the marts", f"/marts-check?run={quote(f'run-{days_n - 1}')}"
    yield "Communities", "/communities"
    yield "A community", f"/community?{community}"
    yield "Months", "/months"
    yield "A month", f"/month?month={_LAST_DAY:%Y-%m}"
    yield "Brands", "/brands"


# ---- asking ------------------------------------------------------------------


def _app(home: "Home") -> "FastAPI":
    from pulse.page.access import Access, User
    from pulse.page.app import create_app

    user = User("1", "somebody", may_release=True)
    return create_app(home, Access(lambda: user, b"for a measurement"))


async def _measured(app: "FastAPI", path: str) -> tuple[float, int]:
    """Milliseconds of CPU in the middle of all times, and the size of the answer."""
    costs, size_bytes = [], 0
    for number in range(_WARM_N + _TIMES_N):
        began_s = time.process_time()
        status, size_bytes = await _status(app, path)
        cost_ms = 1_000 * (time.process_time() - began_s)
        assert status == 200, f"{path}: {status}"
        if number >= _WARM_N:
            costs.append(cost_ms)
    return median(costs), size_bytes


async def _status(app: "FastAPI", path: str) -> tuple[int, int]:
    """Ask as a server does: status and bytes of the answer."""
    route, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": route, "raw_path": route.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    status, size_bytes = 0, 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, size_bytes
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            size_bytes += len(message.get("body", b""))

    await app(scope, receive, send)
    return status, size_bytes


# ---- making ------------------------------------------------------------------


def published_home(folder: Path, communities_n: int, days_n: int) -> "Home":
    """A home with nothing but a published file; kept for the next time."""
    from pulse.core.home import Home

    home = Home(folder)
    if home.published_file.exists():
        return home
    home.create()
    draft = home.published / "draft.duckdb"
    draft.unlink(missing_ok=True)
    with duckdb.connect(str(draft)) as connection:
        connection.execute("set timezone = 'UTC'")
        for schema in ("marts", "quality", "kpi"):
            connection.execute(f"create schema {schema}")
        first = _LAST_DAY - timedelta(days=days_n - 1)
        grid = f"range({communities_n}) as of_c(c), range({days_n}) as of_d(d)"
        _fill_marts(connection, grid, first, communities_n, days_n)
        _fill_quality(connection, grid, first, days_n)
        _fill_kpi(connection, communities_n)
        connection.execute(
            "create table quality.published as select 'quality' as schema_name, 'load_outcomes' as table_name, "
            "'20261101T010000000000Z' as state_id, $at as published_at, 0::bigint as rows_n, "
            "cast(null as varchar) as files_left_out",
            {"at": _AT},
        )
        connection.execute("checkpoint")
    draft.rename(home.published_file)
    return home


def _fill_marts(connection: duckdb.DuckDBPyConnection, grid: str, first: date, communities_n: int, days_n: int) -> None:
    from pulse.warehouse import dictionary

    marts = {table.name: table for table in dictionary.marts()}
    day = _DAY.format(first=first)
    weeks = f"range({communities_n}) as of_c(c), range({days_n // 7}) as of_d(d)"
    hours = f"range({communities_n}) as of_c(c), range(168) as of_d(d)"
    months = f"range({communities_n}) as of_c(c), range({max(days_n // 30, 1)}) as of_d(d)"
    month = f"cast(date_trunc('month', date '{_LAST_DAY}') as date) - to_months(cast(d as integer))"
    _fill(
        connection, marts["fct_community_daily"], grid,
        {
            "contribution_date": day,
            "is_day_complete": "hash(c, d) % 50 <> 0",
            "is_silent_everywhere": "false",
            "is_never_seen": "false",
            "outcome": "'arrived'",
        },
    )  # fmt: skip
    _fill(
        connection,
        marts["fct_sentiment_weekly"],
        weeks,
        {"week_start_date": f"date '{first}' + cast(7 * d as integer)"},
    )
    _fill(
        connection, marts["fct_posting_heatmap"], hours,
        {"weekday": "1 + d // 24", "hour_utc": "d % 24", "window_start_date": f"date '{first}'",
         "window_end_date": f"date '{_LAST_DAY}'"},
    )  # fmt: skip
    of_month = {"month_start_date": f"cast({month} as date)", "cohort_month_start_date": f"cast({month} as date)"}
    for name in ("fct_participation_monthly", "fct_retention_cohorts"):
        _fill(connection, marts[name], months, of_month)
    several = (
        f"(select c, d, w from range({communities_n}) as of_c(c), range({max(days_n // 30, 1)}) as of_d(d), "
        f"range({_ROWS_A_MONTH_N}) as of_w(w))"
    )
    texts = {name: f"'{name} ' || w" for name in ("need", "label", "word", "title", "thread_id", "form", "brand")}
    of_several = {**of_month, **texts, "dimension": "'format'", "metric": "'score'", "place": "1 + w"}
    for name in (
        "fct_needs_monthly", "fct_topics_monthly", "fct_keywords_monthly", "fct_thread_turns",
        "fct_content_performance", "fct_share_of_voice", "fct_helpers_monthly", "fct_influencers_monthly",
    ):  # fmt: skip
        _fill(connection, marts[name], several, of_several)
    _fill(connection, marts["fct_community_overlap"], several, {"other_community": "'community_' || (c + w + 1)"})


def _fill_quality(connection: duckdb.DuckDBPyConnection, grid: str, first: date, days_n: int) -> None:
    from pulse.lake import quality

    day = _DAY.format(first=first)
    at = f"timestamptz '{first} 01:00:00+00' + to_days(1 + cast(d as integer))"
    load = {
        "run_id": "'run-' || d", "load_id": "'load-' || c || '-' || d", "entry_id": "'reddit/community_' || c",
        "recorded_at": at,
    }  # fmt: skip
    _fill(
        connection, quality.TABLES[quality.LOAD_OUTCOMES], grid,
        {**load, "day": day, "source": "'reddit_api'",
         "outcome": "case when hash(c, d) % 50 <> 0 then 'arrived' when c % 2 = 0 then 'quarantined' "
         "else 'partial' end"},
        schema="quality",
    )  # fmt: skip
    results = {
        "gate": "'gate_1'", "rule": "'rule_' || r", "level": "'row'", "severity": "'critical'",
        "is_passed": "hash(c, d, r) % 900 <> 0", "is_waived": "false", "is_stopping": "hash(c, d, r) % 900 = 0",
        "message": "'rule_' || r || ': is what it is'",
    }  # fmt: skip
    table = quality.TABLES[quality.GATE_RESULTS]
    # In the order in which runs write them.
    rules = f"(select * from {grid}, range({_RULES_N}) as of_r(r) order by d, c, r)"
    _fill(connection, table, rules, {**load, **results}, schema="quality")
    of_marts = {
        **results, "run_id": "'run-' || d", "gate": "'gate_2'", "load_id": "null", "entry_id": "null",
        "recorded_at": at, "is_passed": "true", "is_stopping": "false",
    }  # fmt: skip
    marts_rules = f"(select 0 as c, * from range({days_n}) as of_d(d), range({_RULES_N}) as of_r(r))"
    connection.execute(f"insert into quality.gate_results {_select(table, marts_rules, of_marts)}")
    _fill(
        connection, quality.TABLES[quality.QUARANTINED_ROWS], f"(select * from {grid} where hash(c, d) % 20 = 0)",
        {**load, "day": day, "rule": "'score_is_plausible'", "reason": "'the rule does not hold'",
         "contribution_id": "'t3_' || c || d", "line_number": "null", "file": "null"},
        schema="quality",
    )  # fmt: skip


def _fill_kpi(connection: duckdb.DuckDBPyConnection, communities_n: int) -> None:
    from pulse.lake import kpi_store
    from pulse.showing import words

    names = ", ".join(f"'{name}'" for name in words.KPIS)
    frm = f"(select * from range(-1, {communities_n}) as of_c(c), range(12) as of_d(d), unnest([{names}]) as of_k(k))"
    month = f"cast(date_trunc('month', date '{_LAST_DAY}') - to_months(cast(d as integer)) as date)"
    of = {
        "month_start_date": month, "version": "1", "reported_at": f"timestamptz '{_AT}'", "kpi": "k",
        "platform": "case when c < 0 then '*' else 'reddit' end", "unit": "'count'",
        "community": "case when c < 0 then '*' else 'community_' || c end", "caveat": "null",
    }  # fmt: skip
    for name in (kpi_store.KPI_MONTHLY, kpi_store.KPI_AS_NOW_KNOWN):
        _fill(connection, kpi_store.SHOWN[name], frm, of, schema="kpi")
    for name in (kpi_store.KPI_RESTATEMENTS, kpi_store.KPI_LOST_VERSIONS):
        _fill(connection, kpi_store.SHOWN[name], f"(select * from {frm} limit 0)", {}, schema="kpi")


def _fill(
    connection: duckdb.DuckDBPyConnection, table: "Table", rows: str, columns: dict[str, str], *, schema: str = "marts"
) -> None:
    connection.execute(f'create table {schema}."{table.name}" as {_select(table, rows, columns)}')


def _select(table: "Table", rows: str, columns: dict[str, str]) -> str:
    by_type = {
        "DOUBLE": "(hash(c, d) % 1000) / 1000.0", "BIGINT": "hash(c, d) % 100", "BOOLEAN": "true",
        "DATE": f"date '{_LAST_DAY}'", "TIMESTAMPTZ": f"timestamptz '{_AT}'",
    }  # fmt: skip
    known = {"platform": "'reddit'", "community": "'community_' || c", **columns}
    chosen = ", ".join(
        f"cast({known.get(column.name, by_type.get(column.duckdb_type.upper(), 'null'))} as {column.duckdb_type}) "
        f'as "{column.name}"'
        for column in table.columns
    )
    return f"select {chosen} from {rows}"
