"""The tables beside the marts, schemas ``quality`` and ``kpi``: read from their Parquet files into a DuckDB database.

Queries read them as they are now; publishing writes them into the published file. A file that cannot be read is found
by name; what becomes of its table is for the caller to say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from glob import escape
from pathlib import Path
from types import MappingProxyType

import duckdb

from pulse.core import memory_database
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import Column, no_rows_sql, select_list
from pulse.core.table import Table as DescribedTable
from pulse.lake import kpi_store, quality

QUALITY = "quality"
KPI = "kpi"

# What the published file says about its tables beside the marts.
PUBLISHED = "published"
PUBLISHED_TABLE = DescribedTable(
    PUBLISHED,
    "As of when the published file's own tables of the schemas quality and kpi are. `pulse sql` shows those "
    "tables as they are now; empty there before the first publish.",
    "one row per schema_name and table_name.",
    (
        Column("schema_name", "VARCHAR", False, "quality or kpi."),
        Column("table_name", "VARCHAR", False, "Table of the published file."),
        Column("state_id", "VARCHAR", False, "The published state."),
        Column("published_at", "TIMESTAMPTZ", False, "When it was published: what came later is not in it."),
        Column("rows_n", "BIGINT", False, "Rows of the table in it."),
        Column(
            "files_left_out", "VARCHAR", True,
            "Files that could not be read, in PULSE_HOME, comma-separated; their rows are missing. "
            "NULL where none is.",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Parquet files that hold the rows of one table."""

    schema: str
    table: str
    columns: tuple[Column, ...]

    def files(self, home: Home) -> list[Path]:
        """The files there are; a writer's draft is none."""
        folder = (home.quality if self.schema == QUALITY else home.kpi) / self.table
        return sorted(file for file in folder.rglob("*.parquet") if not file.name.startswith("."))


@dataclass(frozen=True)
class Table:
    """One table that readers see.

    Attributes:
        columns: its columns and types.
        sources: the files that it is made of; none of them may be damaged for the table to be right.
    """

    schema: str
    table: str
    columns: tuple[Column, ...]
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """As SQL names it."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Damage:
    """A file that cannot be read, and what DuckDB says about it."""

    file: Path
    reason: str


class DamageFound(Exception):
    """Some of a source's files cannot be read; the connection that met them may be of no more use."""

    def __init__(self, source: Source, damages: tuple[Damage, ...]) -> None:
        super().__init__(source, damages)
        self.source = source
        self.damages = damages


@cache
def tables() -> tuple[Table, ...]:
    """All tables beside the marts, each after those that it is made of."""
    of_quality = (Source(QUALITY, name, table.columns) for name, table in quality.TABLES.items())
    monthly, restatements = (Source(KPI, name, table.columns) for name, table in kpi_store.TABLES.items())
    # What is lost is told without reading it, and the others look there.
    made_of = {kpi_store.KPI_LOST_VERSIONS: (), kpi_store.KPI_RESTATEMENTS: (monthly, restatements)}
    return (
        *(Table(QUALITY, source.table, source.columns, (source,)) for source in of_quality),
        *(
            Table(KPI, name, kpi_store.SHOWN[name].columns, made_of.get(name, (monthly,)))
            for name in kpi_store.views(str)
        ),
    )


def opened(
    start: Callable[[], duckdb.DuckDBPyConnection],
    home: Home,
    *,
    is_wanted: Callable[[Table], bool],
    message: Callable[[Table, Path | None, str], str],
) -> duckdb.DuckDBPyConnection:
    """A database with both schemas; a table that is not wanted, or has a damaged file, is a view that only complains.

    Of the frozen months only the damaged version is missing: it stands in ``kpi.kpi_lost_versions``.

    Args:
        start: makes a database without the schemas. It is called again after each damage that is found, because DuckDB
            may give up a database over it.
        message: what such a view complains: of the table, the damaged file and why; no file where it is not wanted.
    """
    damaged: dict[Source, tuple[Damage, ...]] = {}
    while True:
        connection = start()
        try:
            for schema in (QUALITY, KPI):
                connection.execute(f"create schema {schema}")
            for table in tables():
                damages = [damage for source in table.sources for damage in damaged.get(source, ())]
                if damages and table.schema == KPI:
                    # Other months do not need the file; `kpi_lost_versions` names what is missing.
                    create(connection, home, table, damaged)
                elif damages:
                    _create_unreadable(connection, table, message(table, damages[0].file, damages[0].reason))
                elif is_wanted(table):
                    create(connection, home, table)
                else:
                    _create_unreadable(connection, table, message(table, None, ""))
        except DamageFound as found:
            connection.close()
            damaged[found.source] = found.damages
        except BaseException:
            connection.close()
            raise
        else:
            return connection


def create(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    table: Table,
    left_out: Mapping[Source, Sequence[Damage]] = MappingProxyType({}),
) -> None:
    """Make the table, and fill it from its files but for those that are left out; its schema must be there.

    Raises:
        DamageFound: one of the other files cannot be read.
    """
    while True:
        files = {source: _without(source.files(home), left_out.get(source, ())) for source in table.sources}
        try:
            connection.execute(f"create table {table.name} as {_query(home, table, files)}")
        except duckdb.Error:
            for source in table.sources:
                if damages := tuple(_damages(source, files[source])):
                    raise DamageFound(source, damages) from None
            if all(file.exists() for of_source in files.values() for file in of_source):
                raise
            # Retention took a file away after it was listed: what is there now counts.
        else:
            return


def _create_unreadable(connection: duckdb.DuckDBPyConnection, table: Table, message: str) -> None:
    """Make a view with the table's columns that answers whoever reads it with an error of this text."""
    columns = ", ".join(f"cast(null as {column.duckdb_type}) as {column.name}" for column in table.columns)
    connection.execute(
        f"create view {table.name} as select {columns} "
        f"from (select error({sql_text(message)}) as message) where message is null"
    )


# ---- reading files ---------------------------------------------------------


def _query(home: Home, table: Table, files: Mapping[Source, Sequence[Path]]) -> str:
    if table.table == kpi_store.KPI_LOST_VERSIONS:
        return kpi_store.lost_query(home)
    if table.schema == QUALITY:
        ((source, of_source),) = files.items()
        return _selection(source, of_source)
    of_name = {source.table: f"({_selection(source, of_source)})" for source, of_source in files.items()}
    relation: Callable[[str], str] = lambda name: of_name.get(name, "")  # noqa: E731  (a view asks for its own only)
    return kpi_store.views(relation)[table.table]


def _selection(source: Source, files: Sequence[Path]) -> str:
    """The rows of these files with the declared columns and types.

    A column that a file lacks is NULL; a column that nobody declared is left out.
    """
    rows = no_rows_sql(source.columns)
    if files:
        # DuckDB takes each name for a pattern.
        names = ", ".join(sql_text(escape(str(file))) for file in files)
        reader = f"read_parquet([{names}], hive_partitioning = false, union_by_name = true)"
        rows = f"{rows} union all by name select * from {reader}"
    return f"select {select_list(source.columns)} from ({rows})"


def _damages(source: Source, files: Sequence[Path]) -> Iterator[Damage]:
    """Of these files those that are there and cannot be read from end to end: one by one, since all at once failed."""
    for file in files:
        # A database of its own: what a damaged file does to it ends with it.
        with memory_database.cursor() as aside:
            try:
                aside.execute(f"select bit_xor(hash(row)) from ({_selection(source, [file])}) as row").fetchall()
            except duckdb.Error as error:
                if file.exists():
                    yield Damage(file, str(error))


def _without(files: Sequence[Path], damages: Sequence[Damage]) -> list[Path]:
    damaged = {damage.file for damage in damages}
    return [file for file in files if file not in damaged]
