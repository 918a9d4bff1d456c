"""What a terminal shows of a long step, on a real one; and what is printed where there is none."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulse.cli import app
from pulse.cli.progress import LINE_EVERY_S, Lines, figures
from pulse.core.home import Home
from pulse.core.progress import counting, watched
from pulse.lake import raw
from pulse.orchestration.embedded import RunResult
from support import Watch

TEXTS_N = 40


@pytest.mark.parametrize(
    ("done", "total", "unit", "elapsed_s", "expected"),
    [
        (120, 520, "days", 9.76, "120 of 520 days, 12.3/s, 33 s left"),
        (0, 520, "days", 3.0, "0 of 520 days"),
        (50, None, "calls", 100.0, "50 calls, 0.5/s"),
        (1_500_000, 7_500_000, "bytes", 1.0, "1.5 of 7.5 MB, 1.5/s, 4 s left"),
        (1, 100, "files", 60.0, "1 of 100 files, 0.0/s, 1 h 39 min left"),
        (30, 100, "files", 60.0, "30 of 100 files, 0.5/s, 2 min 20 s left"),
        (7, 5, "nodes", 1.0, "7 of 5 nodes, 7.0/s, 0 s left"),
    ],
)
def test_figures__are_how_many_how_fast_and_how_long(
    done: float, total: float | None, unit: str, elapsed_s: float, expected: str
):
    assert figures(done, total, unit, elapsed_s) == expected


def test_lines__come_now_and_then_and_not_of_short_steps():
    said: list[str] = []
    watch = Watch(1_000.0)
    with watched(Lines(said.append, lambda: watch.now_s)):
        with counting("compacting", "days", 100) as meter:
            for second in range(1, 26):
                watch.at(second)
                meter.advance(2)
        with counting("pruning", "items", 3) as meter:
            watch.at(25 + LINE_EVERY_S - 1)
            meter.advance(3)
    assert said == [
        "compacting: 20 of 100 days, 2.0/s, 40 s left",
        "compacting: 40 of 100 days, 2.0/s, 30 s left",
    ]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "texts.csv"
    file.write_text("text\n" + "What a lovely day\n" * TEXTS_N, encoding="utf-8")
    return file


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pulse.cli", *map(str, arguments)]


def on_a_terminal(arguments: list[str]) -> str:
    """What a program writes to a terminal, 120 characters wide."""
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(arguments, stdin=follower, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                piece = os.read(leader, 65_536)
            except OSError:  # as Linux says that nobody writes any more
                break
            if not piece:
                break
            written += piece
        os.close(leader)
    assert process.returncode == 0, written
    return written.decode()


def test_bar__is_on_a_terminal_with_its_figures_and_gone_at_the_end(texts: Path):
    written = on_a_terminal(command("score", texts))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert re.search(rf"judging texts ━+ {TEXTS_N} of {TEXTS_N} texts, [\d,.]+/s, 0 s left", plain)
    assert "\x1b[2K" in written[written.rindex("judging texts") :], "its line is emptied before the result"
    assert f"{TEXTS_N} texts judged by" in plain
    hidden, shown = written.rindex("\x1b[?25l"), written.rindex("\x1b[?25h")
    assert shown > hidden, "the cursor is there"
    bar = written.index("judging texts")
    assert "\x1b[?25h" in written[written.index("\x1b[?25l") : bar], "also for who kills it while a bar is drawn"


def test_no_terminal__gets_the_result_alone_where_it_is_quick(texts: Path):
    done = subprocess.run(command("score", texts), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "judging" not in done.stdout
    assert f"{TEXTS_N} texts judged by" in done.stdout


@pytest.mark.parametrize("quiet", [True, False])
def test_run__shows_nothing_when_it_is_to_be_quiet(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "tea.ndjson").touch()
    entry = "{platform: reddit, name: tea, source: reddit_archive, path: tea.ndjson}"
    (tmp_path / "config.yml").write_text(f"communities:\n  - {entry}\n")
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "config.yml"))
    monkeypatch.setattr("pulse.cli.progress.LINE_EVERY_S", 0.0)

    def start(*_: object) -> RunResult:
        with counting("building", "nodes", 2) as meter:
            meter.advance()
        return RunResult("community_daily", "manual", is_success=True, tasks=(), log_file=tmp_path / "log")

    app._run(start, quiet=quiet)
    assert ("building: 1 of 2 nodes" in capfd.readouterr().out) is not quiet


def test_doctor__says_how_far_it_is_beside_its_findings(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setattr("pulse.cli.progress.LINE_EVERY_S", 0.0)
    raw.ensure_empty_file(home)
    shown = CliRunner().invoke(app.app, ["doctor", "--deep"])
    files_n = len(list(home.raw.rglob("*.parquet")))
    assert f"reading raw: {files_n} of {files_n} files" in shown.stderr
    assert "reading raw" not in shown.stdout
