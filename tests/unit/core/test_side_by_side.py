"""Work on all cores: nothing is left out or done twice, and what fails is raised."""

import contextvars
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse.core import side_by_side


@pytest.mark.parametrize("items_n", [0, 1, 2, 1_000])
def test_spread__each_item_falls_to_one_worker(items_n: int):
    made = side_by_side.spread(range(items_n), list)
    assert sorted(item for mine in made for item in mine) == list(range(items_n))
    assert len(made) == min(items_n, side_by_side.cores_n(), 4)


needs_cores = pytest.mark.skipif(side_by_side.cores_n() < 2, reason="one core: there is one worker")


@needs_cores
def test_spread__workers_are_at_work_at_the_same_time():
    both = threading.Barrier(2, timeout=30)

    def meet(mine: Iterator[int]) -> int:
        return sum(both.wait() >= 0 for _ in mine)

    assert side_by_side.spread([1, 2], meet) == [1, 1]


def test_spread__what_a_worker_raises_ends_the_others_and_is_raised():
    done = []

    def work(mine: Iterator[int]) -> None:
        for item in mine:
            if item == 3:
                raise OSError("disk full")
            done.append(item)

    with pytest.raises(OSError, match="disk full"):
        side_by_side.spread(range(100_000), work)
    assert len(done) < 100_000


@needs_cores
def test_together__sees_the_callers_context_and_waits_for_all():
    asked = contextvars.ContextVar("asked", default="")
    asked.set("here")
    ended = threading.Event()

    def fail() -> str:
        raise ValueError("no")

    def end() -> str:
        ended.set()
        return asked.get()

    assert side_by_side.together(end, asked.get) == ["here", "here"]
    ended.clear()
    with pytest.raises(ValueError, match="no"):
        side_by_side.together(fail, end)
    assert ended.is_set()


@needs_cores
def test_together__is_given_up_by_ctrl_c_and_loops_end_where_they_look(tmp_path: Path):
    """In a process of its own, whose end waits for its threads."""
    script = tmp_path / "counting.py"
    script.write_text(
        "import sys, time\n"
        "from pulse.core import progress, side_by_side\n"
        "def count():\n"
        "    for n in progress.over(range(10_000), 'counting', 'numbers'):\n"
        "        time.sleep(0.01)\n"
        "        if n == 5: print('counting', flush=True)\n"
        "try: side_by_side.together(count, count)\n"
        "except KeyboardInterrupt: sys.exit(130)\n"
    )
    # Whoever starts the tests in the background has them ignore it.
    begins = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); exec(open(sys.argv[1]).read())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", begins, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")


def test_together__on_one_core_is_one_after_the_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(side_by_side, "cores_n", lambda: 1)
    assert side_by_side.together(threading.get_ident, threading.get_ident) == [threading.get_ident()] * 2
