"""Work that Ctrl-C ends at once, even while a library looks neither up nor back."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """Somebody pressed Ctrl-C.

    Attributes:
        is_stopped: whether the work has ended since. If not, only the end of the process ends it.
    """

    def __init__(self, *, is_stopped: bool) -> None:
        super().__init__("interrupted")
        self.is_stopped = is_stopped


def interruptible(work: Callable[[], T], *, stop: Callable[[], None], grace_s: float = 0.5) -> T:
    """Do the work beside this thread, which only waits and so can be interrupted at any moment.

    Args:
        stop: asks the work to end; called after Ctrl-C, from this thread.
        grace_s: how long it may take to end then.

    Raises:
        Interrupted: Ctrl-C came before the work was done.
        Exception: whatever the work raises.
    """
    outcome: list[tuple[bool, Any]] = []
    is_over = threading.Event()

    def do() -> None:
        try:
            outcome.append((True, work()))
        except BaseException as error:  # noqa: BLE001  (it is raised again where somebody waits for it)
            outcome.append((False, error))
        finally:
            is_over.set()

    threading.Thread(target=do, name="pulse-work", daemon=True).start()
    try:
        is_over.wait()
    except KeyboardInterrupt:
        is_stopped = False
        try:
            stop()
            is_stopped = is_over.wait(grace_s)
        except KeyboardInterrupt:  # pressed again: no more patience
            pass
        raise Interrupted(is_stopped=is_stopped) from None
    is_done, value = outcome[0]
    if not is_done:
        raise value
    return value  # type: ignore[no-any-return]
