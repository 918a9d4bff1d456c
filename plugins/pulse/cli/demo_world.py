"""The demo's made-up world in a process of its own: made and served there, while this one starts Airflow.

The two speak in lines of JSON: the process tells what it wrote and where it answers, and is told what time it is in the
sandbox. It ends when nobody listens any more.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

from pulse.core.errors import BuildFailed
from pulse.core.window import Window

SEED = 7
PAST = Window(date(2026, 6, 1), date(2026, 7, 31))
DAYS = (date(2026, 8, 1), date(2026, 8, 2))
_STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Served:
    """A sandbox that answers.

    Attributes:
        lines: what there is, to be told to a person.
        environment: variables that lead to it.
    """

    url: str
    lines: tuple[str, ...]
    environment: dict[str, str]


class DemoWorld:
    """The process; see :func:`started`."""

    def __init__(self, process: "subprocess.Popen[str]", told: IO[str], tells: IO[str]) -> None:
        self._process = process
        self._told = told
        self._tells = tells

    def served(self) -> Served:
        """Wait until the world is written and the sandbox answers; asked once.

        Raises:
            BuildFailed: the process ended before; what it said stands above.
        """
        told = self._answer()
        return Served(told["url"], tuple(told["lines"]), told["environment"])

    def set_now(self, now: datetime) -> datetime:
        """Let it be another time in the sandbox, which gives it as it is there.

        Raises:
            BuildFailed: the process ended before.
        """
        with suppress(BrokenPipeError):  # what is read next says that it ended
            self._told.write(f"{now.isoformat()}\n")
            self._told.flush()
        return datetime.fromisoformat(self._answer()["now"])

    def _answer(self) -> dict[str, Any]:
        line = self._tells.readline()
        if not line:
            raise BuildFailed(
                "the demo's sandbox", value=f"its process ended with {self._process.wait()}",
                next_step="read what it said, and begin again",
            )  # fmt: skip
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def started(folder: Path) -> Iterator[DemoWorld]:
    """Start the process; it is gone when the context ends.

    Args:
        folder: where archives and tables of the past are written.
    """
    command = [sys.executable, "-m", __name__, str(folder)]
    # In a session of its own: Ctrl-C is for the demo, and the end of what it reads for this.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        told, tells = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        try:
            yield DemoWorld(process, told, tells)
        finally:
            with suppress(BrokenPipeError):
                told.close()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def shortly_after(day: date) -> datetime:
    """Half an hour into the next day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, minutes=30)


# ---- in the process ------------------------------------------------------------


def _serve(folder: Path) -> None:
    """Make and write the world, answer, and set the clock until there is nothing more to read."""
    from pulse.sandbox import world, world_archive, world_elsewhere
    from pulse.sandbox.reddit_data import WorldData
    from pulse.sandbox.server import SandboxServer
    from pulse.sandbox.world_doubles import doubles_of_the_demo

    made = world.make_world(seed=SEED)
    files = world_archive.write_archives(made, folder, last_day=PAST.last_day)
    # People elsewhere are others, so that nobody is in two places.
    elsewhere = world.make_world(seed=SEED + 1, days_n=(DAYS[-1] - PAST.first_day).days + 1)
    world_elsewhere.write_elsewhere(elsewhere, folder, seen_at=shortly_after(DAYS[-1]))
    lines = (
        f"{files.communities_n} communities, seed {SEED}",
        f"archives up to {PAST.last_day}: {files.posts_n} posts, {files.comments_n} comments",
        "a group's posts as a table, and a chat server's channels as exports",
        f"one damaged feed: {files.broken_unusable_n} of {files.broken_lines_n} lines unusable",
    )
    others = doubles_of_the_demo(elsewhere)
    with SandboxServer(WorldData(made), now=shortly_after(PAST.last_day), others=others) as sandbox:
        _tell({"url": sandbox.url, "lines": lines, "environment": sandbox.environment()})
        for line in sys.stdin:
            sandbox.set_now(datetime.fromisoformat(line.strip()))
            _tell({"now": sandbox.now.isoformat()})


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
