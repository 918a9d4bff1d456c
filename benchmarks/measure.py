"""Running one piece of work in a process of its own, and what it took: imports and set-up are left out."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """What a piece of work took.

    Attributes:
        wall_s, cpu_s: seconds; CPU of this process and its ended children.
        peak_mb: largest resident memory of this process and those below it seen while it ran, MB, set-up included.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


@contextmanager
def measured() -> Iterator[Callable[[], Cost]]:
    """Measure a block; call what it yields afterwards."""
    peak = _Peak()
    costs: list[Cost] = []
    wall_s, cpu_s = time.perf_counter(), _cpu_s()
    with peak:
        yield lambda: costs[0]
    costs.append(Cost(time.perf_counter() - wall_s, _cpu_s() - cpu_s, peak.mb))


def in_own_process(function: str, *arguments: object, repeat: int = 1) -> Cost:
    """Call ``module:function`` with JSON arguments in a fresh interpreter; it returns a :class:`Cost`.

    The median of ``repeat`` runs by wall time.
    """
    costs = []
    for _ in range(repeat):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.measure", function, json.dumps(arguments)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parents[1],
        )
        costs.append(Cost(**json.loads(done.stdout.splitlines()[-1])))
    middle = median(cost.wall_s for cost in costs)
    return min(costs, key=lambda cost: abs(cost.wall_s - middle))


class _Peak:
    """Samples resident memory, without pages of files that are only mapped."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.mb = 0.0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.mb = max(self.mb, sum(map(_resident_bytes, _tree(os.getpid()))) / 1e6)
            if self._stop.wait(0.02):
                return


def _tree(pid: int) -> Iterator[int]:
    """The process and all below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # gone meanwhile
            for child in children.read_text().split():
                yield from _tree(int(child))


def _resident_bytes(pid: int) -> int:
    try:
        resident, shared = (int(part) for part in Path(f"/proc/{pid}/statm").read_text().split()[1:3])
    except OSError:
        return 0
    return (resident - shared) * _PAGE_BYTES


def _cpu_s() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _main() -> None:
    import importlib

    module, name = sys.argv[1].split(":")
    cost = getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))
    print(json.dumps(asdict(cost)))


if __name__ == "__main__":
    _main()
