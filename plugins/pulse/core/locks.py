"""Operating-system file locks: one writer at a time, whoever started it.

Airflow's pools only order its own queue; a lock here also holds against a second command line or ``dag.test()``. The
kernel drops it when the holder dies, so a killed run leaves no stale lock.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pulse.core.errors import LockBusy
from pulse.core.files import storage_error
from pulse.core.home import Home

WAREHOUSE_LOCK = "warehouse"
KPI_LOCK = "kpi"
ALERTS_LOCK = "alerts"
_POLL_S = 0.1
# How often the pid of a holder is looked for within the time of one poll.
_LOOKS_N = 20


@contextmanager
def exclusive(home: Home, name: str, *, timeout_s: float = 600.0) -> Iterator[None]:
    """Hold the lock ``name`` of this home; not re-entrant.

    Args:
        timeout_s: how long to wait for another holder; 0 tries once.

    Raises:
        LockBusy: still held after ``timeout_s``; names the holder's pid.
        StorageError: the lock's file cannot be written.
    """
    path = home.locks / f"{name}.lock"
    descriptor = _opened(path)
    try:
        _wait_for(descriptor, path, timeout_s)
        try:
            _write_pid(descriptor, path)
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder_pid(home: Home, name: str) -> int | None:
    """Process id of whoever holds the lock now; None when it is free."""
    path = home.locks / f"{name}.lock"
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_of_holder(path)
    else:
        return None
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise storage_error(path, error) from error


def _write_pid(descriptor: int, path: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise storage_error(path, error) from error


def _wait_for(descriptor: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise LockBusy(f"lock {path}", holder_pid=_pid_of_holder(path), waited_s=timeout_s) from error
            time.sleep(_POLL_S)
        else:
            return


def _pid_of_holder(path: Path) -> int | None:
    """The pid in the file of a lock that is held.

    Between taking a lock and writing the pid, the file is empty or names a holder that was killed: it is looked at
    again then. A holder on another machine, or in another container, is never found alive here and named all the same.
    """
    for _ in range(_LOOKS_N):
        pid = _written_pid(path)
        if pid is not None and _is_alive(pid):
            return pid
        time.sleep(_POLL_S / _LOOKS_N)
    return _written_pid(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _written_pid(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
