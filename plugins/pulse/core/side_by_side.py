"""Work of one step on all cores of this process: for what gives the interpreter free, as DuckDB, Arrow and kernels do.

Threads see the context variables of whoever asked. Nothing here forks, so it may be used in Airflow's tasks.
"""

import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Sequence
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
        Exception: what a worker raised; the others end after the item that they are at.
    """
    row = _Row(items)
    workers_n = min(cores_n(), len(items), _WORKERS_MOST_N)
    if workers_n <= 1:
        return [work(row.taken())] if items else []
    return together(*[lambda: row.until_somebody_fails(work)] * workers_n)


def together(*works: Callable[[], _Result]) -> list[_Result]:
    """Do several things at the same time, and wait for all; one after the other where there is one core.

    Ctrl-C ends the wait, and each of them where it looks next whether somebody still waits.

    Raises:
        Exception: what the first of them in order raised, after all ended.
    """
    if cores_n() == 1:
        return [work() for work in works]
    is_given_up = threading.Event()
    doing = [_Doing(work, is_given_up) for work in works]
    for one in doing:
        one.thread.start()
    try:
        for one in doing:
            one.has_ended.wait()  # a join that Ctrl-C ends would count the thread as gone, and the process leave it
    except BaseException:
        is_given_up.set()
        raise
    return [one.result() for one in doing]


def end_if_given_up() -> None:
    """End a work that nobody waits for any more; for long loops (:func:`pulse.core.progress.over` does it).

    Raises:
        KeyboardInterrupt: nobody does.
    """
    is_given_up = _is_given_up.get()
    if is_given_up is not None and is_given_up.is_set():
        raise KeyboardInterrupt


_is_given_up: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("is_given_up", default=None)


class _Doing(Generic[_Result]):
    """A work in a thread of its own."""

    def __init__(self, work: Callable[[], _Result], is_given_up: threading.Event) -> None:
        self._work = work
        self._made: list[_Result] = []
        self._raised: BaseException | None = None
        self.has_ended = threading.Event()
        context = contextvars.copy_context()
        context.run(_is_given_up.set, is_given_up)
        self.thread = threading.Thread(target=context.run, args=(self._do,), name="side by side")

    def _do(self) -> None:
        try:
            self._made.append(self._work())
        except BaseException as error:  # noqa: BLE001  (it is raised where somebody waits)
            self._raised = error
        finally:
            self.has_ended.set()

    def result(self) -> _Result:
        if self._raised is not None:
            raise self._raised
        return self._made[0]


class _Row(Generic[_Item]):
    """Items that several threads take from."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()
        self._has_failed = False

    def taken(self) -> Iterator[_Item]:
        while True:
            end_if_given_up()
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
