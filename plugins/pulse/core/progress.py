"""How far a long step is, for whoever watches this process, as a terminal does; where nobody does, it costs nothing.

A step says what it counts and how many there are, and knows nothing of who watches, or how it is shown. As with
logging there is one watcher for the process: tasks of Airflow, which embedded runs start in this process, hand nothing
down to steps.
"""

from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from pulse.core import side_by_side

_Item = TypeVar("_Item")


class Meter(Protocol):
    """One step while it lasts. May be called from any thread."""

    def advance(self, n: int = 1) -> None:
        """So many more are done."""

    def expect(self, total_n: int) -> None:
        """There are so many in all, as is known only now."""


class Watcher(Protocol):
    """Who watches. Its errors are the step's: it must not have any."""

    def step(self, what: str, unit: str, total_n: int | None) -> AbstractContextManager[Meter]:
        """A step that begins, and ends with the context; others may go on at the same time.

        Args:
            what: what is done, in a word or two; printable text.
            unit: what is counted, in the plural; ``bytes`` are shown as MB.
            total_n: how many there are; None where nobody knows.
        """


class _Nobody:
    def advance(self, n: int = 1) -> None:
        pass

    def expect(self, total_n: int) -> None:
        pass


NOBODY: Meter = _Nobody()
_watcher: Watcher | None = None


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Have steps of this process tell this watcher, and nobody else, how far they are."""
    global _watcher  # noqa: PLW0603  (one for the process, see the module)
    before, _watcher = _watcher, watcher
    try:
        yield
    finally:
        _watcher = before


@contextmanager
def counting(what: str, unit: str, total_n: int | None = None) -> Iterator[Meter]:
    """A step of something that is counted; see :meth:`Watcher.step`. Of nothing at all there is nothing to tell."""
    if _watcher is None or total_n == 0:
        yield NOBODY
    else:
        with _watcher.step(what, unit, total_n) as meter:
            yield meter


def over(items: Iterable[_Item], what: str, unit: str, total_n: int | None = None) -> Iterator[_Item]:
    """The items one after the other; each counts when the next one is asked for.

    Args:
        total_n: how many they are, where the items cannot say.
    """
    known_n = len(items) if total_n is None and isinstance(items, Sized) else total_n
    with counting(what, unit, known_n) as meter:
        for item in items:
            side_by_side.end_if_given_up()
            yield item
            meter.advance()
