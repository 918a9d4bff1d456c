"""A sweep in a process of its own, which may kill itself before one of the changes that it makes to files."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from fixtures.live_stage import LIMITS
from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.sources.hacker_news.entry import HackerNewsEntry, HackerNewsPolicy
from pulse.steps import sweeping
from pulse.steps.pipeline import Pipeline

_CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir"})


def pipeline_of(root: Path, url: str, now: datetime) -> Pipeline:
    """A home that listens to the double of Hacker News at an address."""
    entry = HackerNewsEntry(platform="hacker_news", name="tea", source="hacker_news")
    settings = Settings(communities=(entry,), hacker_news=HackerNewsPolicy(url=url, items_url=url, **LIMITS))
    return Pipeline(Home(root), settings, lambda: now)


def changes_n(root: Path, url: str, now: datetime, told: Path) -> int:
    """Sweep to the end; how many changes it made to files."""
    exit_code = _run(root, url, now, None, told)
    assert exit_code == 0, exit_code
    return int(told.read_text())


def sweep_killed(root: Path, url: str, now: datetime, *, before: int, told: Path) -> None:
    """Sweep, and be killed before the change of that number, from 0."""
    exit_code = _run(root, url, now, before, told)
    assert exit_code == -signal.SIGKILL, exit_code


def _run(root: Path, url: str, now: datetime, before: int | None, told: Path) -> int | None:
    process = get_context("spawn").Process(target=_sweep, args=(root, url, now, before, told))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the sweep did not end within two minutes"
    return process.exitcode


def _sweep(root: Path, url: str, now: datetime, before: int | None, told: Path) -> None:
    counted = _kill_before(root, before)
    sweeping.sweep(pipeline_of(root, url, now), run_id="x")
    told.write_text(str(counted()))


def _kill_before(root: Path, number: int | None) -> Callable[[], int]:
    count = 0

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _CHANGES and str(arguments[0]).startswith(str(root)):
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

    sys.addaudithook(hear)
    return lambda: count
