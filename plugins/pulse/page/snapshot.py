"""What the views read: the published file as it is, and what gates and loads said since.

Both are copied or attached into one database in memory, which no statement of a user reaches. The published file has
the tables of ``quality`` as of its publish; a load that was stopped later stands in newer Parquet files beside it, and
the page is there to show exactly those. What all views need of many rows is worked out once, when either changes.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from glob import escape
from pathlib import Path
from typing import Any

import duckdb

from pulse.core import parquet
from pulse.core.errors import QueryError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import RELATIONS_SQL, no_rows_sql, select_list
from pulse.lake import quality

# Views ask small things, and look for a community among many: filters and columns have to reach the scan. All other
# optimizers of DuckDB take longer to think than such a query takes to run.
_OPTIMIZERS_KEPT = frozenset(
    {"expression_rewriter", "filter_pullup", "filter_pushdown", "unused_columns", "top_n", "build_side_probe_side"}
)
# A run writes hundreds of files a minute: it is not read again for each.
_READ_AGAIN_AFTER_S = 5.0
# The file's own time and the state's are not of one clock: what lies this much before is read again, and counts once.
_OVERLAP_S = 600.0
_TABLES = (quality.LOAD_OUTCOMES, quality.GATE_RESULTS, quality.QUARANTINED_ROWS)

Row = Mapping[str, Any]
Mark = tuple[tuple[int, ...], tuple[int, ...]]

_DAYS = """
    create table day_states as
    with latest as (
        select * from quality.load_outcomes
        qualify row_number() over (partition by platform, community, day order by recorded_at desc, run_id desc) = 1
    ),
    joined as (
        select
            coalesce(made.platform, latest.platform) as platform,
            coalesce(made.community, latest.community) as community,
            coalesce(made.contribution_date, latest.day) as day,
            made.platform is null or coalesce(latest.recorded_at > $published_at, false) as is_newer,
            latest.outcome as recorded,
            made.* exclude (platform, community, contribution_date),
            latest.reason, latest.run_id, latest.load_id, latest.entry_id, latest.source, latest.recorded_at,
            latest.contributions_n, latest.quarantined_rows_n, latest.skipped_n
        from {made} as made
        full join latest on made.platform = latest.platform and made.community = latest.community
            and made.contribution_date = latest.day
    )
    select platform, community, day,
        case
            when is_newer then case
                when recorded in ('failed', 'quarantined') then 'stopped' else coalesce(recorded, 'unknown')
            end
            when is_day_complete and is_silent_everywhere then 'silent'
            when is_day_complete and coalesce(posts, 0) + coalesce(comments, 0) + coalesce(messages, 0) = 0 then 'empty'
            when is_day_complete then 'arrived'
            when recorded in ('failed', 'quarantined') then 'stopped'
            when is_never_seen or recorded = 'never_seen' then 'never_seen'
            when recorded = 'partial' or looked_h > 0 then 'partial'
            else 'unknown'
        end as state,
        is_newer, posts, comments, messages, contributors, recorded, reason, run_id, load_id, entry_id, source,
        recorded_at, contributions_n, quarantined_rows_n, skipped_n
    from joined
    order by day, platform, community
"""
_MADE = """(
    select platform, community, contribution_date, posts, comments, messages, contributors, is_day_complete,
        is_silent_everywhere, is_never_seen,
        coalesce(posts_looked_h, 0) + coalesce(comments_looked_h, 0) + coalesce(messages_looked_h, 0) as looked_h
    from marts.fct_community_daily
)"""
_NOTHING_MADE = """(
    select cast(null as varchar) as platform, cast(null as varchar) as community, cast(null as date) as
        contribution_date, cast(null as bigint) as posts, cast(null as bigint) as comments,
        cast(null as bigint) as messages, cast(null as bigint) as contributors, false as is_day_complete,
        false as is_silent_everywhere, false as is_never_seen, 0.0 as looked_h
    where false
)"""
# The same rows again for what asks by community: one community's lie together here, and spread over all days above.
_OF_COMMUNITY = """
    create table community_days as
    select platform, community, day, state, posts, comments, messages, contributors, reason
    from day_states order by platform, community, day;

    create table month_states as
    select platform, community, cast(date_trunc('month', day) as date) as month,
        count(*) filter (where state in ('arrived', 'empty')) as whole_n,
        count(*) filter (where state = 'stopped') as stopped_n
    from day_states group by all
"""
# Results by load and by rule: a year of 300 communities has millions of them, and a view asks for a few.
_GATES = """
    create table checks as
    select row_number() over (order by max(recorded_at), run_id, gate, load_id) as check_id,
        run_id, gate, load_id, any_value(entry_id) as entry_id, max(recorded_at) as recorded_at, count(*) as rules_n,
        count(*) filter (where not is_passed) as failed_n, bool_or(is_stopping) as is_stopped,
        bool_or(is_waived) as is_waived
    from quality.gate_results group by run_id, gate, load_id;

    create table findings as
    select checks.check_id, results.* from quality.gate_results as results
    join checks on checks.run_id = results.run_id and checks.gate = results.gate
        and checks.load_id is not distinct from results.load_id
    where not results.is_passed or results.is_stopping
    order by check_id;

    create table rules as
    select gate, rule, any_value(level) as level, arg_max(severity, recorded_at) as severity, count(*) as checks_n,
        count(*) filter (where not is_passed) as failed_n, max(recorded_at) filter (where not is_passed) as failed_at,
        arg_max(value, recorded_at) as value, arg_max(limit_value, recorded_at) as limit_value,
        max(recorded_at) as recorded_at
    from quality.gate_results group by gate, rule;
"""


@dataclass(frozen=True)
class Snapshot:
    """What there is to show at one time.

    Attributes:
        state_id: the published state; None where nothing is published.
        published_at: when it was published.
        first_day, last_day: of all days that a run tried or the marts know; None where there are none.
        tables: what can be read, as ``schema.table``, each with its columns in order.
        damage: why the published file cannot be read; None where it can.
    """

    connection: duckdb.DuckDBPyConnection
    mark: Mark
    state_id: str | None
    published_at: datetime | None
    first_day: date | None
    last_day: date | None
    tables: Mapping[str, tuple[str, ...]]
    damage: str | None = None
    _cursors: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of a query of ours, by column name.

        Raises:
            QueryError: the published file is of another version, or damaged.
        """
        try:
            found = self._cursor().execute(sql, parameters or {})
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error as error:
            raise _unreadable(str(error)) from error

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """This thread's; to make one takes a quarter of the time of a small question."""
        if not hasattr(self._cursors, "own"):
            self._cursors.own = self.connection.cursor()
        own: duckdb.DuckDBPyConnection = self._cursors.own
        return own

    def has(self, *tables: str) -> bool:
        """Whether all of these can be read."""
        return self.tables.keys() >= {*tables}

    def column_names(self, table: str) -> Sequence[str]:
        """The columns of a table, in order; none where it cannot be read."""
        return self.tables.get(table, ())

    def has_rows(self, table: str) -> bool:
        """Whether a table is there and holds anything."""
        return self.has(table) and bool(self.rows(f"select 1 from {table} limit 1"))


class Snapshots:
    """The latest snapshot of a home, opened again when something changed. Safe to ask from several threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._current: Snapshot | None = None
        self._opened_at_s = 0.0

    def latest(self) -> Snapshot:
        """What there is now; results of a run that still writes are some seconds old.

        Raises:
            QueryError: the published file is of another version.
        """
        with self._lock:
            mark = _mark(self._home)
            current = self._current
            if current is not None and current.mark[0] == mark[0]:
                is_recent = time.monotonic() - self._opened_at_s < _READ_AGAIN_AFTER_S
                if current.mark == mark or is_recent:
                    return current
            self._current = opened(self._home, mark)
            self._opened_at_s = time.monotonic()
            return self._current


def _mark(home: Home) -> Mark:
    """What changes when the published file is replaced, or a file is written into or taken out of a table."""
    try:
        found = home.published_file.stat()
        file = (found.st_ino, found.st_mtime_ns, found.st_size)
    except OSError:
        file = (0, 0, 0)
    return file, tuple(_folder_time_ns(home.quality / table) for table in _TABLES)


def _folder_time_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def opened(home: Home, mark: Mark) -> Snapshot:
    """Read what there is.

    Raises:
        QueryError: the published file is of another version.
    """
    connection = duckdb.connect(
        config={
            "threads": 1,  # views are small, and share the server with Airflow's own
            "memory_limit": "2GB",
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("set global timezone = 'UTC'")
    damage = _attach(connection, home.published_file)
    tables = _views(connection)
    state_id, published_at = _published(connection, tables)
    since_s = 0.0
    if published_at is not None:
        since_s = min(published_at.timestamp(), home.published_file.stat().st_mtime) - _OVERLAP_S
    for table in _TABLES:
        _add_newer(connection, home, table, since_s, is_published=f"quality.{table}" in tables)
    try:
        made = _MADE if "marts.fct_community_daily" in tables else _NOTHING_MADE
        connection.execute(_DAYS.format(made=made), {"published_at": published_at})
        connection.execute(_OF_COMMUNITY)
        connection.execute(_GATES)
        first_day, last_day = connection.execute("select min(day), max(day) from day_states").fetchall()[0]
    except duckdb.Error as error:
        raise _unreadable(str(error)) from error
    columns = _columns(connection)
    others = [name for (name,) in connection.execute("select name from duckdb_optimizers()").fetchall()]
    connection.execute(f"set global disabled_optimizers = '{','.join({*others} - _OPTIMIZERS_KEPT)}'")
    return Snapshot(connection, mark, state_id, published_at, first_day, last_day, columns, damage)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """The columns of each table that a view asks; looked up once, since every look reads the whole catalog."""
    found = connection.execute(
        "select schema_name || '.' || table_name, list(column_name order by column_index) from duckdb_columns() "
        "where database_name = current_database() and schema_name in ('marts', 'kpi', 'quality') group by 1"
    ).fetchall()
    return {table: tuple(names) for table, names in found}


def _attach(connection: duckdb.DuckDBPyConnection, published: Path) -> str | None:
    """Attach the published file where there is one; gives what is wrong with it."""
    for schema in ("marts", "kpi", "quality"):
        connection.execute(f"create schema {schema}")
    if not published.exists():
        return None
    try:
        connection.execute(f"attach {sql_text(published)} as published (read_only)")
    except duckdb.Error as error:
        return str(error).split("\n")[0]
    return None


def _views(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """A view of each published table; those that newer files are added to come later. Gives all names."""
    found = connection.execute(
        f"select schema_name, table_name from {RELATIONS_SQL} "
        "where database_name = 'published' and schema_name in ('marts', 'kpi', 'quality')"
    ).fetchall()
    for schema, table in found:
        if f"{schema}.{table}" not in {f"quality.{name}" for name in _TABLES}:
            connection.execute(f'create view {schema}."{table}" as from published.{schema}."{table}"')
    return {f"{schema}.{table}" for schema, table in found}


def _published(connection: duckdb.DuckDBPyConnection, tables: set[str]) -> tuple[str | None, datetime | None]:
    if "quality.published" not in tables:
        return None, None
    found = connection.execute("select state_id, published_at from quality.published limit 1").fetchone()
    return (found[0], found[1]) if found else (None, None)


# ---- what came since the publish --------------------------------------------

# Which rows a newer file takes the place of.
_KEYS = {
    quality.LOAD_OUTCOMES: ("run_id", "entry_id", "community", "day"),
    quality.GATE_RESULTS: ("run_id", "gate", "load_id"),
    quality.QUARANTINED_ROWS: ("run_id", "load_id", "file"),
}


def _add_newer(
    connection: duckdb.DuckDBPyConnection, home: Home, table: str, since_s: float, *, is_published: bool
) -> None:
    """Make ``quality.<table>``: the published rows, and those of files written since, each once."""
    columns = quality.TABLES[table].columns
    newer = parquet.read_what_can_be(
        _written_since(home.quality / table, since_s), lambda files: _arrow(connection, table, files)
    )
    connection.execute(f"create table newer_{table} as {no_rows_sql(columns)}")
    if newer is not None:
        connection.register("arrived", newer)
        connection.execute(f"insert into newer_{table} by name select * from arrived")
        connection.unregister("arrived")
    if not is_published:
        connection.execute(f"create view quality.{table} as from newer_{table}")
        return
    same = " and ".join(f"before.{name} is not distinct from newer.{name}" for name in _KEYS[table])
    connection.execute(f"create view quality.{table} as from newer_{table} union all by name {_before(table, same)}")


def _before(table: str, same: str) -> str:
    columns = select_list(quality.TABLES[table].columns)
    return f"select {columns} from published.quality.{table} as before anti join newer_{table} as newer on {same}"


def _arrow(connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[Path]) -> Any:
    """The rows of these files; None where there are no files."""
    if not files:
        return None
    columns = quality.TABLES[table].columns
    # DuckDB takes each name for a pattern; a column that a file of an earlier version lacks is NULL.
    names = ", ".join(sql_text(escape(str(file))) for file in files)
    reader = f"read_parquet([{names}], hive_partitioning = false, union_by_name = true)"
    with connection.cursor() as cursor:
        return cursor.execute(
            f"select {select_list(columns)} from ({no_rows_sql(columns)} union all by name select * from {reader})"
        ).to_arrow_table()


def _written_since(folder: Path, since_s: float) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if entry.name.endswith(".parquet")
                and not entry.name.startswith((".", "_"))
                and entry.stat().st_mtime >= since_s
            )
    except OSError:
        return []


def _unreadable(reason: str) -> QueryError:
    return QueryError(
        "published file", value=reason.split("\n", maxsplit=1)[0],
        next_step="`pulse rebuild` publishes it anew with this version; `pulse doctor` says what is damaged",
    )  # fmt: skip
