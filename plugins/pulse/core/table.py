"""A table of ours, described once, beside whoever writes it: what it is about, what one row is, what a column means.

From the description come the Arrow schema that its files have, the types that DuckDB shows, and what the data
dictionary and the comments of the published file say. The contract describes its records by the same columns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Tables and views of all databases that are attached: a published file may hold either (see ``Spark.publish``).
RELATIONS_SQL = (
    "(select database_name, schema_name, table_name, table_oid, comment, internal from duckdb_tables() union all "
    "select database_name, schema_name, view_name, view_oid, comment, internal from duckdb_views())"
)

# Types that DuckDB shows under another name than they are declared by.
_SHOWN = {"timestamptz": "timestamp with time zone"}


@dataclass(frozen=True)
class Column:
    """One column: its DuckDB type, whether it may be NULL, and what it means."""

    name: str
    duckdb_type: str
    is_nullable: bool
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table; its columns are in order.

    Attributes:
        grain: ``one row per …``, a sentence.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    @property
    def comment(self) -> str:
        """What a database says of it."""
        return f"{self.description} Grain: {self.grain}"

    @cached_property
    def arrow_schema(self) -> "pa.Schema":
        """The schema that its files have."""
        return arrow_schema(self.columns)


def arrow_schema(columns: Iterable[Column]) -> "pa.Schema":
    """The Arrow schema of columns. All may be NULL there: rows of a file may lack what others have.

    Raises:
        KeyError: a type that nothing here has needed so far.
    """
    import pyarrow as pa

    types = {
        "BIGINT": pa.int64(), "BIGINT[]": pa.list_(pa.int64()), "INTEGER[]": pa.list_(pa.int32()),
        "BOOLEAN": pa.bool_(), "DATE": pa.date32(), "DECIMAL(18, 4)": pa.decimal128(18, 4),
        "DOUBLE": pa.float64(), "INTEGER": pa.int32(), "MAP(VARCHAR, BIGINT)": pa.map_(pa.string(), pa.int64()),
        "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"), "VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()),
    }  # fmt: skip
    return pa.schema([(column.name, types[column.duckdb_type]) for column in columns])


def definitions(columns: Iterable[Column]) -> str:
    """Column definitions, for ``create table``."""
    return ", ".join(
        f"{column.name} {column.duckdb_type}{'' if column.is_nullable else ' not null'}" for column in columns
    )


def no_rows_sql(columns: Iterable[Column]) -> str:
    """A select of the columns that gives no row."""
    nulls = ", ".join(f"cast(null as {column.duckdb_type}) as {column.name}" for column in columns)
    return f"select {nulls} where false"


def select_list(columns: Iterable[Column], expressions: Mapping[str, str] = MappingProxyType({})) -> str:
    """Every column in order and cast to its type.

    Args:
        expressions: SQL by column name; other columns are taken by their own name.
    """
    return ", ".join(
        f"cast({expressions.get(column.name, column.name)} as {column.duckdb_type}) as {column.name}"
        for column in columns
    )


def shown_type(column: Column) -> str:
    """The column's type as people read it."""
    shown = column.duckdb_type.lower()
    return _SHOWN.get(shown, shown)
