"""DuckDB: the default. dbt builds the working file itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from pulse.core.home import Home
from pulse.warehouse.engines import Input


class DuckDBEngine:
    """Builds the file that gate 2 and readers get; raw stays where it lies."""

    name: ClassVar[str] = "duckdb"
    writes_folders: ClassVar[bool] = False

    @contextmanager
    def dbt_environment(self, home: Home, database: Path, inputs: Sequence[Input]) -> Iterator[Mapping[str, str]]:
        """Where the file and the sources are; the file is free again afterwards."""
        try:
            yield {
                "PULSE_WAREHOUSE_FILE": str(database),
                "PULSE_WAREHOUSE_SPILL": str(home.scratch),
            } | {f"PULSE_RAW_{source.table.upper()}": as_template(source.reader) for source in inputs}
        finally:
            _close_connections()

    def fixture(self, sql: str) -> str:
        """As they are."""
        return sql

    def deliver(self, database: Path) -> None:
        """Nothing: dbt wrote it."""


def as_template(reader: str) -> str:
    """dbt-duckdb passes what a source is read by through ``str.format_map``."""
    return reader.replace("{", "{{").replace("}", "}}")


def _close_connections() -> None:
    """dbt-duckdb keeps its connection for the next run of the process; the file must be free for gate 2."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV  # noqa: SLF001  (the only handle there is)
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()
