"""A SQLAlchemy dialect that makes Great Expectations work on DuckDB, read-only.

Great Expectations fetches results after it closed the connection; SQLAlchemy rolls back on close, and DuckDB drops the
pending result then. On a read-only connection there is nothing to roll back, so the three transaction calls do nothing.
It also takes the dialect's name for the form of regular expressions: it is shown PostgreSQL's, whose ``~`` searches,
and the compiler turns that into DuckDB's search (DuckDB's own ``~`` is a full match).

Leans on internals of SQLAlchemy, duckdb-engine and Great Expectations; the versions are locked, and
tests/integration/test_gate_dialect.py guards it.
"""

from typing import Any

import duckdb_engine
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.dialects.postgresql.base import PGCompiler


class GateCompiler(PGCompiler):
    """PostgreSQL's SQL with DuckDB's regular expression search."""

    def visit_custom_op_binary(self, element: Any, operator: Any, **options: Any) -> str:
        """Write ``a ~ b`` as ``regexp_matches(a, b)``; leave other operators alone."""
        if operator.opstring not in {"~", "!~"}:
            return str(super().visit_custom_op_binary(element, operator, **options))  # type: ignore[no-untyped-call]
        search = f"regexp_matches({self.process(element.left, **options)}, {self.process(element.right, **options)})"
        return search if operator.opstring == "~" else f"not {search}"


class GateDialect(duckdb_engine.Dialect):  # type: ignore[misc]
    """For read-only connections only: it neither commits nor rolls back."""

    supports_statement_cache = False
    statement_compiler = GateCompiler

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.dialect = postgresql.dialect  # on the instance: on the class SQLAlchemy would ask for psycopg

    def do_begin(self, _connection: Any) -> None:
        """Nothing to begin."""

    def do_rollback(self, _connection: Any) -> None:
        """Nothing to undo, and a result may still be wanted."""

    def do_commit(self, _connection: Any) -> None:
        """Nothing to keep."""


def register() -> None:
    """Make ``duckdb://`` mean this dialect in this process."""
    registry.impls.pop("duckdb", None)
    registry.register("duckdb", __name__, GateDialect.__name__)
