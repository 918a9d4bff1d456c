"""The process's own DuckDB in memory, for questions about files.

To open a database takes some ten milliseconds, to get a cursor of an open one none that count.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_opening = threading.Lock()
_databases: dict[int, duckdb.DuckDBPyConnection] = {}


@contextmanager
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to it for one short question, in UTC; threads may each have one.

    Create temporary tables and views only: they and registered names end with the cursor, anything else would stay for
    all. It has one thread, for short questions are answered sooner so; work that needs more, or a limit
    of memory, opens a database of its own.
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
            # What a file holds is read from it each time: somebody may write it again between two questions.
            _databases[process] = duckdb.connect(config={"threads": "1", "enable_external_file_cache": "false"})
        return _databases[process]
