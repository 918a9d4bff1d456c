"""Work of one step on all cores of this process: for what gives the interpreter free, as DuckDB, Arrow and kernels do.

Threads see the context variables of whoever asked. Nothing here forks, so it may be used in Airflow's tasks.
"""

import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

# Half of such work holds the interpreter: more than a few wait for each other, and each has its batch in memory.
_WORKERS_MOST_N = 4

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def cores_n() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(items: Sequence[_Item], work: Callable[[Iterator[_Item]], _Result]) -> list[_Result]:
    """Have a worker on each core, four at most, take items out of one row until none is left.

    Args:
        work: done once by each worker, over the items that fall to it; so it may open once what it needs for all.

    Returns:
        What each worker made of its items; nothing where there are no items.

    Raises:
        Exception: what a worker raised first; the others end after the item that they are at.
    """
    row = _Row(items)
    workers_n = min(cores_n(), len(items), _WORKERS_MOST_N)
    if workers_n <= 1:
        return [work(row.taken())] if items else []
    return together(*[lambda: row.until_somebody_fails(work)] * workers_n)


def together(*works: Callable[[], _Result]) -> list[_Result]:
    """Do several things at the same time, and wait for all.

    Raises:
        Exception: what the first of them in order raised, after all ended.
    """
    with ThreadPoolExecutor(len(works), thread_name_prefix="side by side") as pool:
        futures: list[Future[_Result]] = [pool.submit(contextvars.copy_context().run, work) for work in works]
    return [future.result() for future in futures]


class _Row(Generic[_Item]):
    """Items that several threads take from."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()
        self._has_failed = False

    def taken(self) -> Iterator[_Item]:
        while True:
            with self._lock:
                try:
                    if self._has_failed:
                        return
                    item = next(self._items)
                except StopIteration:
                    return
            yield item

    def until_somebody_fails(self, work: Callable[[Iterator[_Item]], _Result]) -> _Result:
        try:
            return work(self.taken())
        except BaseException:
            self._has_failed = True
            raise
