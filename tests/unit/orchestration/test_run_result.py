"""What a person reads last of a run that failed."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from pulse.cli.console import show_run
from pulse.core.home import REPOSITORY
from pulse.orchestration.embedded import RunResult, TaskResult

NO_RESULT = "run: task build gave no result. Next: read the log of build and clear it"


def told(*tasks: TaskResult, is_success: bool = False) -> list[str]:
    """The lines that are printed."""
    screen = io.StringIO()
    result = RunResult("community_daily", "run", is_success, tasks, Path("/nowhere/run.log"))
    show_run(Console(file=screen, width=500), result)
    return screen.getvalue().splitlines()


def red(task_id: str, reason: str | None, label: str | None = None) -> TaskResult:
    return TaskResult(task_id, label or task_id, "failed", 0.1, reason)


@pytest.mark.parametrize(
    ("tasks", "last"),
    [
        ([red("build", "file x: cut off. Next: y"), red("gate_marts", NO_RESULT)], "build: file x: cut off. Next: y"),
        ([red("extract", "no archive", "reddit/tea"), red("promote", "disk full")], "promote: disk full"),
        (
            [
                red("extract", "a", "reddit/tea"),
                red("load", "b", "reddit/tea: failed"),
                red("publish", "0 of 1 arrived"),
            ],
            "publish: 0 of 1 arrived",
        ),
        (
            [red("model", "c", "fct_x: error"), red("gate_marts", "1 of 9 nodes failed")],
            "gate_marts: 1 of 9 nodes failed",
        ),
        ([red("freeze", "nothing is published")], "freeze: nothing is published"),
        ([red("extract", "no archive", "reddit/tea")], "extract (reddit/tea): no archive"),
        ([red("build", None)], "build: failed without a word; read /nowhere/run.log"),
    ],
)
def test_show_run__the_last_line_is_what_the_run_failed_of(tasks: list[TaskResult], last: str):
    assert told(*tasks)[-1] == last


def test_show_run__reasons_are_text_never_markup_nor_escapes():
    lines = told(red("build", "[red]x[/] \x1b[31m\n\u202e"))
    assert lines[-1] == "build: [red]x[/] \\x1b[31m\\x0a\\u{202e}"


def test_interrupt__ends_a_long_command_at_once_even_while_a_thread_waits_for_ever():
    code = """
import os, signal, threading, time
from pulse.cli import app
with app._ending_at_ctrl_c():
    threading.Thread(target=time.sleep, args=(300,)).start()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(300)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=REPOSITORY, check=False
    )
    assert done.returncode == 130
    assert done.stderr.strip().count("\n") == 0
    assert "stopped by Ctrl-C" in done.stderr
    assert done.stdout == ""
