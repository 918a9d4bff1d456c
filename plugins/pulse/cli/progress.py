"""How far a long step is, for whoever waits: a bar with rate and time left on a terminal, else a line now and then."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from pulse.core.progress import Meter, watched

# What takes less is done before anybody wonders, and a log of a night is not to be filled with it.
LINE_EVERY_S = 10.0


@contextmanager
def shown(console: Console, say: Callable[[str], None]) -> Iterator[None]:
    """Show how far steps are, on this console.

    Args:
        say: prints a line where the console is no terminal; lines of others may stand between.
    """
    watcher = Bars(console) if console.is_terminal and not console.is_dumb_terminal else Lines(say)
    with watched(watcher):
        yield


def figures(done_n: float, total_n: float | None, unit: str, elapsed_s: float) -> str:
    """How many of how many, how fast, and how long it takes at that rate: ``120 of 520 days, 12.3/s, 33 s left``."""
    rate = done_n / elapsed_s if elapsed_s > 0 else 0.0
    shown_rate = f"{_amount(rate, unit, digits=1)}/s"
    if total_n is None:
        return f"{_amount(done_n, unit)} {_name(unit)}, {shown_rate}"
    share = f"{_amount(done_n, unit)} of {_amount(total_n, unit)} {_name(unit)}"
    if not rate:
        return share
    return f"{share}, {shown_rate}, {_duration(max(total_n - done_n, 0) / rate)} left"


def _name(unit: str) -> str:
    return "MB" if unit == "bytes" else unit


def _amount(amount: float, unit: str, *, digits: int = 0) -> str:
    if unit == "bytes":
        return f"{amount / 1e6:,.1f}"
    return f"{amount:,.{digits}f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


# ---- terminal --------------------------------------------------------------


class Bars:
    """A bar for each step that goes on, below the lines that are printed meanwhile; gone with its step."""

    def __init__(self, console: Console) -> None:
        # Standard streams stay as they are: embedded runs send them elsewhere, and write to them at the same time.
        self._bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), _Figures(), console=console,
            transient=True, refresh_per_second=4, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._steps_n = 0
        self._lock = threading.Lock()

    @contextmanager
    def step(self, what: str, unit: str, total_n: int | None) -> Iterator[Meter]:
        """See :class:`pulse.core.progress.Watcher`."""
        with self._lock:
            if not self._steps_n:
                self._bars.start()
                # Bars hide it, and whoever is killed leaves it hidden.
                self._bars.console.show_cursor()
            self._steps_n += 1
        task_id = self._bars.add_task(what, total=total_n, unit=unit)
        self._bars.refresh()
        try:
            yield _Bar(self._bars, task_id)
        finally:
            self._bars.refresh()  # else a short step ends unseen
            self._bars.remove_task(task_id)
            with self._lock:
                self._steps_n -= 1
                if not self._steps_n:
                    self._bars.stop()


class _Bar:
    def __init__(self, bars: Progress, task_id: TaskID) -> None:
        self._bars, self._task_id = bars, task_id

    def advance(self, n: int = 1) -> None:
        self._bars.advance(self._task_id, n)

    def expect(self, total_n: int) -> None:
        self._bars.update(self._task_id, total=total_n)


class _Figures(ProgressColumn):
    def render(self, task: Task) -> Text:
        """The figures of one step."""
        return Text(figures(task.completed, task.total, task.fields["unit"], task.elapsed or 0.0))


# ---- no terminal -----------------------------------------------------------


class Lines:
    """A line for a step that takes longer than ``LINE_EVERY_S``, and after it no more than one in that time."""

    def __init__(self, say: Callable[[str], None], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock_s = say, clock_s

    @contextmanager
    def step(self, what: str, unit: str, total_n: int | None) -> Iterator[Meter]:
        """See :class:`pulse.core.progress.Watcher`."""
        yield _Line(what, unit, total_n, self._say, self._clock_s)


class _Line:
    def __init__(
        self, what: str, unit: str, total_n: int | None, say: Callable[[str], None], clock_s: Callable[[], float]
    ) -> None:
        self._what, self._unit, self._total_n, self._say, self._clock_s = what, unit, total_n, say, clock_s
        self._done_n = 0
        self._began_s = self._said_s = clock_s()
        self._lock = threading.Lock()

    def advance(self, n: int = 1) -> None:
        with self._lock:
            self._done_n += n
            now_s = self._clock_s()
            if now_s - self._said_s < LINE_EVERY_S:
                return
            self._said_s = now_s
            line = figures(self._done_n, self._total_n, self._unit, now_s - self._began_s)
        self._say(f"{self._what}: {line}")

    def expect(self, total_n: int) -> None:
        self._total_n = total_n
