"""Compares what two versions of the code publish from the same archives and config.

    python -m benchmarks.compare_published BEFORE.duckdb AFTER.duckdb

Every table of the marts that the first file has must be in the second with the same rows, as far as columns that both
have go; ids of loads and times of recording are left out, for they are of the run. Columns and tables that came since
are named. Exits with 1 where anything differs.
"""

import sys
from pathlib import Path

import duckdb

from pulse.core.files import sql_text

# Of the run, not of what was read.
OF_THE_RUN = frozenset({"load_id", "last_load_id", "recorded_at", "run_id", "contract_version", "published_at"})
SCHEMA = "marts"


def main(before: Path, after: Path) -> int:
    """Print a line per table; returns how many differ."""
    with duckdb.connect() as connection:
        for name, file in (("before", before), ("after", after)):
            connection.execute(f"attach {sql_text(file)} as {name} (read_only)")
        tables = {name: _tables(connection, name) for name in ("before", "after")}
        differing_n = 0
        for table in sorted(tables["before"]):
            differing_n += _compare(connection, table, tables["before"][table], tables["after"].get(table))
        added = sorted(tables["after"].keys() - tables["before"].keys())
        print(f"tables that came since: {', '.join(added) or 'none'}")
        print(f"{len(tables['before'])} tables, {differing_n} differ")
    return differing_n


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    rows = connection.execute(
        "select table_name, list(column_name order by column_index) from duckdb_columns() "
        "where database_name = ? and schema_name = ? group by table_name",
        [database, SCHEMA],
    ).fetchall()
    return dict(rows)


def _compare(connection: duckdb.DuckDBPyConnection, table: str, before: list[str], after: list[str] | None) -> bool:
    if after is None:
        print(f"{table}: is gone")
        return True
    gone = [name for name in before if name not in after]
    columns = [name for name in before if name in after and name not in OF_THE_RUN]
    selected = ", ".join(f'"{name}"' for name in columns)
    counts = [
        connection.execute(
            f"select count(*) from (select {selected} from {one}.{SCHEMA}.{table} "
            f"except all select {selected} from {other}.{SCHEMA}.{table})"
        ).fetchall()[0][0]
        for one, other in (("before", "after"), ("after", "before"))
    ]
    rows_n = connection.execute(f"select count(*) from before.{SCHEMA}.{table}").fetchall()[0][0]
    added = [name for name in after if name not in before]
    is_equal = not any(counts) and not gone
    told = "equal" if is_equal else f"DIFFERS: {counts[0]} rows of before, {counts[1]} of after; gone: {gone}"
    print(f"{table}: {rows_n} rows, {len(columns)} columns {told}; added: {', '.join(added) or 'none'}")
    return not is_equal


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]), Path(sys.argv[2])), 1))
