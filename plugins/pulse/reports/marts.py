"""Asking the published marts: which are there, and their rows of the report's month and communities."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any, TypeVar

import duckdb

from pulse.core.month import Month
from pulse.reports.contents import Community

_Item = TypeVar("_Item")

OF_MONTH = "month_start_date = $first"


class Marts:
    """The published marts, for the report of one month.

    Attributes:
        month: what ``$first`` and ``$last`` stand for in a statement: its first and last day.
        only: the one community that the report is about; None for all.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, month: Month, only: Community | None) -> None:
        self.month = month
        self.only = only
        self._connection = connection

    def has(self, *names: str) -> bool:
        """Whether all of these are published."""
        return self._names.issuperset(names)

    @cached_property
    def _names(self) -> frozenset[str]:
        rows = self._connection.execute("select table_name from information_schema.tables where table_schema = 'marts'")
        return frozenset(name for (name,) in rows.fetchall())

    def in_scope(self, table: str = "") -> str:
        """A condition: the row is of a community that the report is about."""
        if self.only is None:
            return "true"
        prefix = f"{table}." if table else ""
        return f"({prefix}platform = $platform and {prefix}community = $community)"

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows by name."""
        known = {"first": self.month.first_day, "last": self.month.last_day, **parameters}
        if self.only is not None:
            known |= {"platform": self.only.platform, "community": self.only.name}
        cursor = self._connection.execute(sql, {name: value for name, value in known.items() if f"${name}" in sql})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def community_of(row: Mapping[str, Any]) -> Community:
    """Whose row it is."""
    return Community(row["platform"], row["community"])


def items(kind: type[_Item], rows: Iterable[Mapping[str, Any]]) -> tuple[_Item, ...]:
    """One item of a dataclass for each row: ``of`` from platform and community, all else by the name of its column."""
    names = [field.name for field in fields(kind) if field.name != "of"]  # type: ignore[arg-type]
    return tuple(kind(of=community_of(row), **{name: row[name] for name in names}) for row in rows)  # type: ignore[call-arg]
