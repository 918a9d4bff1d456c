"""The process's own DuckDBs in memory: one for questions about files, and some for work that may need room.

To open a database takes some ten milliseconds, to get a cursor of an open one none that count. So they stay open.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

_opening = threading.Lock()
_databases: dict[int, duckdb.DuckDBPyConnection] = {}
_free: dict[tuple[int, str, int | None], list[duckdb.DuckDBPyConnection]] = defaultdict(list)
_KEPT_N = 2  # of each kind; work that goes side by side has one for each core

# What a file holds is read from it each time: somebody may write it again between two questions, or erase it.
_NOTHING_REMEMBERED: dict[str, str | bool | int | float | list[str]] = {"enable_external_file_cache": "false"}


@contextmanager
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for one short question, in UTC; threads may each have one.

    Create temporary tables and views only: they and registered names end with the cursor, anything else would stay for
    all. It has one thread, for short questions are answered sooner so; for work that needs more, or a limit of memory,
    there is :func:`workbench`.
    """
    with _database().cursor() as connection:
        connection.execute("set timezone = 'UTC'")
        try:
            yield connection
        except (duckdb.FatalException, duckdb.InternalException):
            # Nothing that is asked of such a database is answered any more.
            with _opening:
                _databases.pop(os.getpid(), None)
            raise


def _database() -> duckdb.DuckDBPyConnection:
    """The database of this process.

    A forked one makes its own, for its parent's threads are not there, and leaves the parent's open: to close it would
    wait for them.
    """
    with _opening:
        process = os.getpid()
        if process not in _databases:
            _databases[process] = duckdb.connect(config={"threads": "1"} | _NOTHING_REMEMBERED)
        return _databases[process]


@contextmanager
def workbench(
    spill: Path, *, memory_limit: str = "1GB", threads_n: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database that nobody else uses meanwhile, empty, in UTC.

    What is created or registered in it is gone afterwards, and so is what was spilled.

    Args:
        spill: folder for what does not fit; made when it is needed.
        memory_limit: of the database, in DuckDB's words.
        threads_n: as many as there are cores by default.
    """
    # A forked process takes none of its parent's, as in :func:`_database`.
    kind = (os.getpid(), memory_limit, threads_n)
    with _opening:
        database = _free[kind].pop() if _free[kind] else None
    if database is None:
        threads = {} if threads_n is None else {"threads": str(threads_n)}
        database = duckdb.connect(config={"memory_limit": memory_limit} | threads | _NOTHING_REMEMBERED)
    is_as_new = False
    try:
        with database.cursor() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute("set temp_directory = $spill", {"spill": str(spill)})
            yield connection
        is_as_new = True
    finally:
        with _opening:
            if is_as_new and _is_as_new(database) and len(_free[kind]) < _KEPT_N:
                _free[kind].append(database)
                database = None
        if database is not None:
            database.close()


def _is_as_new(database: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing was left in it, and nothing spilled: its place for that cannot be changed any more."""
    with suppress(duckdb.Error), database.cursor() as connection:
        connection.execute("set temp_directory = ''")
        left = "select 1 from duckdb_tables() union all select 1 from duckdb_views() where not internal"
        return connection.execute(left).fetchone() is None
    return False
