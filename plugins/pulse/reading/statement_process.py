"""One statement of a user, in this process and no other: ``python -m pulse.reading.statement_process``.

It reads a JSON document from standard input (``home``, ``sql``, ``format``, ``limit``, ``file``), writes the rows into
the file, and says in JSON on standard output how it went. Whoever started it ends it when it takes too long or too
much; DuckDB itself gives up before that where it can. The statement is in no argument, no environment and no log.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from pulse.core.errors import PulseError, QueryError
from pulse.core.home import Home
from pulse.reading import query, results

# DuckDB spills before the process as a whole is ended over its memory.
_SETTINGS: dict[str, str | int] = {"threads": 2, "memory_limit": "512MB", "max_temp_directory_size": "2GB"}
_MAX_FILE_BYTES = 512 * 1024 * 1024
_CELL_CHARS = 400


def main() -> None:
    """Run it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_FILE_BYTES * 8, _MAX_FILE_BYTES * 8))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    try:
        answer = _run(asked)
    except QueryError as error:
        answer = {"error": error.thing, "lines": error.lines, "limit": error.limit, "next_step": error.next_step}
    except PulseError as error:
        answer = {"error": error.thing, "lines": [str(error)], "limit": None, "next_step": error.next_step}
    except OSError as error:
        answer = {
            "error": "result", "lines": [str(error.strerror)], "limit": f"{_MAX_FILE_BYTES // 2**20} MB",
            "next_step": "ask for fewer rows or columns",
        }  # fmt: skip
    json.dump(answer, sys.stdout)


def _run(asked: dict[str, Any]) -> dict[str, Any]:
    home, file = Home(Path(asked["home"])), Path(asked["file"])
    with query.connect(home, asked["sql"], settings=_SETTINGS) as connection:
        result = query.run(connection, asked["sql"])
        if asked["format"] == "csv":
            with file.open("w", encoding="utf-8", newline="") as stream:
                results.write_csv(result, stream, is_terminal=False)
        elif asked["format"] == "parquet":
            results.write_parquet(result, file)
        else:
            return _table(result, limit=int(asked["limit"]))
    return {"is_written": True}


def _table(result: results.Result, *, limit: int) -> dict[str, Any]:
    """The first rows as text, and which columns hold numbers."""
    if result.is_plan:
        return {"plan": results.plan_lines(result)}
    rows: list[list[str | None]] = []
    numeric = [True] * len(result.columns)
    has_more = False
    for batch in result.batches:
        for row in batch:
            if len(rows) == limit:
                has_more = True
                break
            numeric = [
                was and (value is None or (isinstance(value, int | float) and not isinstance(value, bool)))
                for was, value in zip(numeric, row, strict=True)
            ]
            rows.append([None if value is None else results.shown(value)[:_CELL_CHARS] for value in row])
        if has_more:
            break
    return {"columns": list(result.columns), "rows": rows, "numeric": numeric, "has_more": has_more}


if __name__ == "__main__":
    main()
