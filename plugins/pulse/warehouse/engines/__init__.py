"""What runs dbt's SQL: DuckDB in one file, or Spark into a folder for each build. Either way readers open DuckDB."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from pulse.core.home import Home


@dataclass(frozen=True)
class Input:
    """A source table of dbt.

    Attributes:
        schema: of dbt's source, ``raw`` or ``listening``.
        pattern: glob of its files; files that begin with ``_`` are there so that there is one, and hold no rows.
        reader: what DuckDB selects from.
    """

    schema: str
    table: str
    pattern: str
    reader: str


class Engine(Protocol):
    """One way to run dbt's SQL.

    Attributes:
        name: as in the config; also the target of dbt's profile, and of the macros that differ.
        writes_folders: a build is a folder of its own, and the working file is made of views over it
            (:mod:`pulse.warehouse.build_folders`); otherwise dbt writes the working file itself.
    """

    name: ClassVar[str]
    writes_folders: ClassVar[bool]

    def dbt_environment(
        self, home: Home, database: Path, inputs: Sequence[Input]
    ) -> AbstractContextManager[Mapping[str, str]]:
        """Have everything ready that dbt needs, for as long as the context lasts; gives the variables it is told by.

        Args:
            database: the DuckDB file to build.

        Raises:
            ConfigError: the engine is not installed.
        """
        ...

    def fixture(self, sql: str) -> str:
        """Rows of a unit test, which are written as DuckDB names types and lists, as this engine does."""
        ...

    def deliver(self, database: Path) -> None:
        """Make a build that ended well readable as ``database``, if it is not already.

        Raises:
            StorageError: it cannot be written.
        """
        ...
