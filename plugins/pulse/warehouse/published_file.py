"""What a published file holds beside the marts: the tables of ``quality`` and ``kpi``, and what every column means.

Whoever opens the file with another program than `pulse sql` has nothing but the file.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import no_rows_sql
from pulse.core.text import printable
from pulse.lake import kpi_store, side_tables
from pulse.lake.side_tables import KPI, PUBLISHED, QUALITY, Damage, Source
from pulse.warehouse import dictionary

log = logging.getLogger(__name__)


def complete(draft: Path, home: Home, *, state_id: str, published_at: datetime) -> None:
    """Write the tables beside the marts into a file that nobody reads yet, in place of older copies, and all comments.

    A Parquet file that cannot be read is left out, with a warning, and named in ``quality.published``.

    Raises:
        duckdb.Error: the file cannot be written.
    """
    left_out: dict[Source, tuple[Damage, ...]] = {}
    is_written = False
    while not is_written:
        # DuckDB may give up a database over what it reads: begin again without the damaged files.
        with duckdb.connect(str(draft)) as connection:
            connection.execute("set timezone = 'UTC'")
            try:
                _write_tables(connection, home, left_out)
                is_written = True
            except side_tables.DamageFound as found:
                left_out[found.source] = (*left_out.get(found.source, ()), *found.damages)
            else:
                _write_facts(connection, home, left_out, state_id, published_at)
                _write_comments(connection)
                connection.execute("checkpoint")
    for damages in left_out.values():
        for damage in damages:
            log.warning(
                "publish: left out %s, which cannot be read: %s. Next: `pulse doctor`",
                printable(str(damage.file)),
                printable(damage.reason.split("\n")[0], max_chars=300),
            )


def frozen_files(home: Home) -> list[str]:
    """What is frozen, to tell whether a published file holds it: every file of schema ``kpi`` with its size."""
    sources = [Source(KPI, name, table.columns) for name, table in kpi_store.TABLES.items()]
    files = [file for source in sources for file in source.files(home) if file.name.startswith("v")]
    return [f"{file.relative_to(home.kpi)} {file.stat().st_size}" for file in files]


# ---- tables ----------------------------------------------------------------


def _write_tables(
    connection: duckdb.DuckDBPyConnection, home: Home, left_out: Mapping[Source, tuple[Damage, ...]]
) -> None:
    for schema in (KPI, QUALITY):
        connection.execute(f"drop schema if exists {schema} cascade")
        connection.execute(f"create schema {schema}")
    for table in side_tables.tables():
        side_tables.create(connection, home, table, left_out)


def _write_facts(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    left_out: Mapping[Source, tuple[Damage, ...]],
    state_id: str,
    published_at: datetime,
) -> None:
    """The table that says as of when the others are."""
    name = f"{QUALITY}.{PUBLISHED}"
    connection.execute(f"create table {name} as {no_rows_sql(side_tables.PUBLISHED_TABLE.columns)}")
    for table in side_tables.tables():
        files = sorted(
            str(damage.file.relative_to(home.root)) for source in table.sources for damage in left_out.get(source, ())
        )
        connection.execute(
            f"insert into {name} select ?, ?, ?, ?, count(*), ? from {table.name}",
            [table.schema, table.table, state_id, published_at.astimezone(UTC), ", ".join(files) or None],
        )


# ---- comments --------------------------------------------------------------


# What is said of a column of an intermediate table that neither its yml nor a mart explains.
_INTERNAL_COLUMN = "Internal: see the SQL of this model; it may change with any version."


def _write_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Say of each table and column what it means, as the data dictionary does, unless the file says it already.

    A copy of a published file says it of all that was not written again.
    """
    comments = dictionary.comments()
    statements: dict[tuple[str, str], list[str]] = {}
    for schema, table, kind, before in connection.execute(
        "select schema_name, table_name, 'table', comment from duckdb_tables() "
        "where database_name = current_database() and not internal union all "
        "select schema_name, view_name, 'view', comment from duckdb_views() "
        "where database_name = current_database() and not internal order by all"
    ).fetchall():
        if f"{schema}.{table}" not in comments:
            log.warning("publish: nothing says what %s.%s means", schema, table)
        elif comments[f"{schema}.{table}"][0] != before:
            comment = sql_text(comments[f"{schema}.{table}"][0])
            statements.setdefault((schema, table), []).append(f'comment on {kind} {schema}."{table}" is {comment}')
    for schema, table, name, before in connection.execute(
        "select schema_name, table_name, column_name, comment from duckdb_columns() "
        "where database_name = current_database() and not internal order by schema_name, table_name, column_index"
    ).fetchall():
        if f"{schema}.{table}" not in comments:
            continue
        of_columns = comments[f"{schema}.{table}"][1]
        meaning = of_columns.get(name, _INTERNAL_COLUMN if schema == "intermediate" else None)
        if meaning is not None and meaning != before:
            said = f'comment on column {schema}."{table}"."{name}" is {sql_text(meaning)}'
            statements.setdefault((schema, table), []).append(said)
    # Most of a thousand statements by themselves is asking for them and planning them; and each comment goes through
    # those of its transaction before it.
    connection.execute("pragma disable_optimizer")
    for of_table in statements.values():
        connection.execute("; ".join(["begin", *of_table, "commit"]))
    connection.execute("pragma enable_optimizer")
