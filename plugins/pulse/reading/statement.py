"""Running a user's statement: in a process of its own, that is ended at 30 seconds or 1 GB, two at once on a machine.

What the statement says stays between the browser and that process: it stands in no log.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pulse.core.errors import QueryError
from pulse.core.home import Home

SECONDS = 30.0
MEMORY_BYTES = 1_000_000_000
AT_ONCE_N = 2
MAX_CHARS = 20_000
ROWS_N = 500
_LOOK_EVERY_S = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Format = Literal["table", "csv", "parquet"]


@dataclass(frozen=True)
class Answer:
    """What became of a statement.

    Attributes:
        content: ``columns``, ``rows``, ``numeric`` and ``has_more`` of a table, or the ``plan`` of an EXPLAIN.
        file: the rows as a file, in a folder that the caller removes; None for a table.
        wall_s: how long it took.
    """

    content: dict[str, Any]
    file: Path | None
    wall_s: float


def run(
    home: Home, sql: str, output_format: Format, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES
) -> Answer:
    """Run one statement that only reads.

    Raises:
        QueryError: it does more than read, DuckDB refuses it, it took too long or too much, or two run already.
    """
    if len(sql) > MAX_CHARS:
        raise QueryError("query", value=f"{len(sql)} characters", limit=MAX_CHARS, next_step="ask for less at once")
    with _turn():
        folder = Path(tempfile.mkdtemp(prefix="pulse-query-"))
        is_kept = False
        try:
            answer = _ask(home, sql, output_format, folder / f"rows.{output_format}", seconds, memory_bytes)
            is_kept = answer.file is not None
            return answer
        finally:
            if not is_kept:
                shutil.rmtree(folder, ignore_errors=True)


def _ask(home: Home, sql: str, output_format: Format, file: Path, seconds: float, memory_bytes: int) -> Answer:
    asked = {"home": str(home.root), "sql": sql, "format": output_format, "limit": ROWS_N, "file": str(file)}
    began_at = time.monotonic()
    # A session of its own: nothing that it might start outlives it.
    with subprocess.Popen(
        [sys.executable, "-m", "pulse.reading.statement_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True, env=_environment(home),
    ) as process:  # fmt: skip
        watch = _Watch(process, deadline_s=began_at + seconds, memory_bytes=memory_bytes)
        watch.start()
        try:
            told, _ = process.communicate(json.dumps(asked).encode())
        finally:
            watch.is_over.set()
            watch.join()
            for spill in home.scratch.glob(f"query-{process.pid}-*"):
                shutil.rmtree(spill, ignore_errors=True)
    if watch.reason is not None:
        value, limit = watch.reason
        raise QueryError("query", value=value, limit=limit, next_step="ask for less: fewer days, columns or joins")
    try:
        answer = json.loads(told)
    except ValueError:
        raise QueryError(
            "query", value=f"its process ended with status {process.returncode}", next_step="run `pulse doctor`"
        ) from None
    if "error" in answer:
        raise QueryError(
            answer["error"], value="\n".join(answer["lines"]), limit=answer["limit"], next_step=answer["next_step"]
        )
    return Answer(answer, file if output_format != "table" else None, time.monotonic() - began_at)


def _environment(home: Home) -> dict[str, str]:
    """What the process may know of this one's environment, in which there are secrets."""
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PULSE_HOME": str(home.root),
        "PYTHONUTF8": "1",
    }


class _Watch(threading.Thread):
    """Ends a process that takes too long or too much memory.

    Attributes:
        reason: what it took and what it might have; None where it ended by itself.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", *, deadline_s: float, memory_bytes: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._began_at_s = time.monotonic()
        self.is_over = threading.Event()
        self.reason: tuple[str, str] | None = None

    def run(self) -> None:
        """Look at it again and again."""
        while not self.is_over.wait(_LOOK_EVERY_S):
            resident_bytes = _resident_bytes(self._process.pid)
            if time.monotonic() > self._deadline_s:
                self.reason = ("stopped", f"{self._deadline_s - self._began_at_s:.0f} s")
            elif resident_bytes > self._memory_bytes:
                self.reason = ("stopped", f"{self._memory_bytes / 1e9:g} GB of memory")
            if self.reason is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()
                return


def _resident_bytes(pid: int) -> int:
    """Memory that the process holds; 0 where it is gone, or the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


@contextmanager
def _turn() -> Iterator[None]:
    """One of the turns that all processes of this user share on this machine.

    Raises:
        QueryError: all are taken.
    """
    folder = Path(tempfile.gettempdir()) / f"community-pulse-queries-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise QueryError("query", value=f"{folder} is somebody else's", next_step="remove that folder")
    for number in range(AT_ONCE_N):
        with (folder / f"{number}.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield
            return
    raise QueryError(
        "query", value=f"{AT_ONCE_N} queries run already", limit=f"{AT_ONCE_N} at once",
        next_step="try again in some seconds",
    )  # fmt: skip
