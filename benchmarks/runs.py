"""Whole runs of a day: what Airflow adds to the work, what a run holds in memory, three hundred communities at once.

The work itself is the pipeline's steps called one after the other in one process, without Airflow.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, in_own_process, measured

if TYPE_CHECKING:
    from pulse.orchestration.embedded import RunResult

FIRST_DAY = date(2026, 6, 1)
# Of each community: a quiet day has some dozens of contributions.
ROWS_A_DAY = 40
# No task of the large run may take more than this share of its wall time.
LIMIT_SHARE = 0.5
_TRIGGERED_RUNS_N = 3
_POLL_S = 0.25


def run(folder: Path, communities_n: int) -> list[str]:
    """Measure what needs no service; returns lines to show."""
    alone = in_own_process("benchmarks.runs:steps_alone", str(folder))
    embedded = in_own_process("benchmarks.runs:embedded_day", str(folder))
    lines = [
        "## A daily run with no data (one community; its archive proves that the day was empty)",
        "",
        "| run | wall s | CPU s | peak MB of the process tree |",
        "| --- | --- | --- | --- |",
        f"| its steps alone | {_in_columns(alone)} |",
        f"| `dag.test()` | {_in_columns(embedded)} |",
        "",
        f"Airflow's share: {embedded.wall_s - alone.wall_s:.2f} s.",
        "",
    ]
    return lines + _many(folder, communities_n)


def run_local_executor(folder: Path) -> list[str]:
    """The same day on LocalExecutor, with the scheduler, API server and DAG processor that ``pulse ui`` starts."""
    alone = in_own_process("benchmarks.runs:steps_alone", str(folder))
    with tempfile.TemporaryDirectory(dir=folder) as root:
        walls_s = _triggered(Path(root))
    middle_s = median(walls_s)
    told = ", ".join(f"{wall_s:.1f}" for wall_s in walls_s)
    return [
        "## A daily run with no data on LocalExecutor",
        "",
        f"From trigger to end: {told} s; its steps alone: {alone.wall_s:.2f} s.",
        f"Airflow's share: {middle_s - alone.wall_s:.1f} s.",
    ]


def _in_columns(cost: Cost) -> str:
    return f"{cost.wall_s:.2f} | {cost.cpu_s:.2f} | {cost.peak_mb:.0f}"


# ---- a day with no data ------------------------------------------------------


def steps_alone(folder: str) -> Cost:
    """The steps of a second empty day, after a first has paid for imports and for building everything."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        _prepare(Path(root), communities_n=1, rows_a_day=1, days=(1,), last_day=4)
        _run_steps(FIRST_DAY + timedelta(days=1))
        with measured() as cost:
            _run_steps(FIRST_DAY + timedelta(days=2))
    return cost()


def embedded_day(folder: str) -> Cost:
    """The same through ``community_daily`` in this process."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        _prepare(Path(root), communities_n=1, rows_a_day=1, days=(1,), last_day=4)
        _run_embedded(FIRST_DAY + timedelta(days=1))
        with measured() as cost:
            _run_embedded(FIRST_DAY + timedelta(days=2))
    return cost()


def _run_steps(day: date) -> None:
    from pulse.core.window import Window
    from pulse.steps.pipeline import Pipeline

    pipeline, window, run_id = Pipeline.from_environment(), Window.one_day(day), f"run-{day}"
    entry_ids = pipeline.plan(window)
    load_ids = [load_id for entry_id in entry_ids for load_id in pipeline.extract(entry_id, window, run_id=run_id)]
    verdicts = pipeline.gate_loads(window, entry_ids, load_ids, run_id=run_id)
    pipeline.promote(verdicts, run_id=run_id)
    pipeline.score(verdicts)
    pipeline.require_built(pipeline.build())
    pipeline.publish(window, verdicts, pipeline.gate_marts(run_id=run_id))


def _run_embedded(day: date) -> "RunResult":
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.orchestration import embedded

    result = embedded.run_day(Home.from_environment(), day, started_at=utc_now())
    if not result.is_success:
        raise SystemExit(f"the run did not publish: {result.failed()}, {result.log_file.read_text()[-2_000:]}")
    return result


def _prepare(root: Path, *, communities_n: int, rows_a_day: int, days: tuple[int, ...], last_day: int) -> None:
    """An archive with rows on some of its days, its config, and the environment for this process and its children.

    Args:
        days: numbers of the days that have rows, from 1.
        last_day: number of the day of the archive's last line, which is of a community that nobody asked for.
    """
    from pulse.core.home import Home

    archive = root / "archive.ndjson"
    with archive.open("w", encoding="utf-8") as file:
        for day in days:
            for record in _records(communities_n, rows_a_day, FIRST_DAY + timedelta(days=day - 1)):
                file.write(json.dumps(record) + "\n")
        end_s = (
            int(datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC).timestamp()) + last_day * 86_400
        )
        file.write(json.dumps(_post("end", "elsewhere", "w", end_s - 1)) + "\n")
    names = "".join(
        f"  - {{platform: reddit, name: c{number:03d}, source: reddit_archive, path: {archive.name}}}\n"
        for number in range(communities_n)
    )
    (root / "config.yml").write_text(f"communities:\n{names}", encoding="utf-8")
    os.environ |= {
        "PULSE_HOME": str(root / "home"),
        "PULSE_CONFIG": str(root / "config.yml"),
        "PULSE_AUTHOR_KEY": "key-for-benchmarks-only",
    }
    Home.from_environment().create()


def _records(communities_n: int, rows_a_day: int, day: date) -> list[dict[str, object]]:
    """Posts of each community, evenly over the day, in order of time."""
    start_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return [
        _post(
            f"{day:%j}x{number}x{row}", f"c{number:03d}", f"w{(row * 7 + number) % 997}", start_s + row * 2_000 + number
        )
        for row in range(rows_a_day)
        for number in range(communities_n)
    ]


def _post(post_id: str, community: str, author: str, created_s: int) -> dict[str, object]:
    return {
        "id": post_id, "subreddit": community, "author": author, "title": f"About {post_id}",
        "selftext": "I love this, it works well and everybody is kind", "created_utc": created_s,
        "retrieved_on": created_s + 3_000_000, "score": 1 + created_s % 23, "num_comments": 0,
    }  # fmt: skip


# ---- three hundred communities -----------------------------------------------


def _many(folder: Path, communities_n: int) -> list[str]:
    told = folder / "tasks.json"
    cost = in_own_process("benchmarks.runs:many_communities", str(folder), communities_n, str(told))
    tasks: dict[str, list[float]] = json.loads(told.read_text(encoding="ascii"))
    between_s = cost.wall_s - sum(map(sum, tasks.values()))
    lines = [
        f"## {communities_n} communities of {ROWS_A_DAY} contributions in one daily run, embedded",
        "",
        f"Wall {cost.wall_s:.0f} s, CPU {cost.cpu_s:.0f} s, at most {cost.peak_mb:.0f} MB.",
        "The day before is in raw, and its run has paid for imports.",
        "",
        f"| task | tiles | wall s | share (limit {LIMIT_SHARE:.0%}) | longest tile, s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, walls_s in tasks.items():
        wall_s = sum(walls_s)
        lines.append(f"| {name} | {len(walls_s)} | {wall_s:.1f} | {wall_s / cost.wall_s:.0%} | {max(walls_s):.2f} |")
    return [*lines, f"| between tasks | | {between_s:.1f} | {between_s / cost.wall_s:.0%} | |"]


def many_communities(folder: str, communities_n: int, told: str) -> Cost:
    """A daily run over many communities, after another; writes the wall seconds of each tile by task to ``told``."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        _prepare(Path(root), communities_n=communities_n, rows_a_day=ROWS_A_DAY, days=(1, 2), last_day=3)
        _run_embedded(FIRST_DAY)
        with measured() as cost:
            result = _run_embedded(FIRST_DAY + timedelta(days=1))
    tasks: dict[str, list[float]] = {}
    for task in result.tasks:
        tasks.setdefault(task.task_id, []).append(task.wall_s)
    Path(told).write_text(json.dumps(tasks), encoding="ascii")
    return cost()


# ---- LocalExecutor -----------------------------------------------------------


def _triggered(root: Path) -> list[float]:
    """Wall seconds from trigger to end of empty days on LocalExecutor, the first after another that paid for the rest.

    ``community_backfill`` over one day has the tasks of ``community_daily`` and no schedule of its own.
    """
    _prepare(root, communities_n=1, rows_a_day=1, days=(1,), last_day=2 + _TRIGGERED_RUNS_N)
    with subprocess.Popen(
        [sys.executable, "-m", "pulse.cli.app", "ui", "--port", "0"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as server:  # fmt: skip
        try:
            airflow = _Airflow(*_address_of(server))
            airflow.ask("PATCH", "dags/community_backfill", {"is_paused": False})
            return [airflow.run(FIRST_DAY + timedelta(days=1 + number)) for number in range(1 + _TRIGGERED_RUNS_N)][1:]
        finally:
            server.send_signal(signal.SIGTERM)


def _address_of(server: "subprocess.Popen[str]") -> tuple[str, str, str]:
    """Address, user and password, as the command tells them."""
    lines = []
    for line in server.stdout or ():
        lines.append(line)
        if found := re.search(r"Airflow is at (http://127\.0\.0\.1:\d+)  user (\S+)  password (\S+)", line):
            return found[1], found[2], found[3]
    raise SystemExit("".join(lines))


class _Airflow:
    """Airflow's public API."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self._headers = {"Content-Type": "application/json"}
        self._address = address
        token = self._open("POST", f"{address}/auth/token", {"username": user, "password": password})["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """Its answer; a DAG that the processor has not read yet is waited for."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return self._open(method, f"{self._address}/api/v2/{path}", content)
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)

    def run(self, day: date) -> float:
        """Trigger a day and wait for its end; returns the seconds between."""
        started_s = time.perf_counter()
        conf = {"from_day": day.isoformat(), "to_day": day.isoformat()}
        run = self.ask("POST", "dags/community_backfill/dagRuns", {"logical_date": None, "conf": conf})
        while run["state"] not in {"success", "failed"}:
            time.sleep(_POLL_S)
            run = self.ask("GET", f"dags/community_backfill/dagRuns/{run['dag_run_id']}")
        if run["state"] != "success":
            raise SystemExit(f"the run of {day} failed; see {os.environ['PULSE_HOME']}/airflow/logs")
        return time.perf_counter() - started_s

    def _open(self, method: str, url: str, content: dict[str, Any] | None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(url, data=data, headers=self._headers, method=method)  # noqa: S310  (ours)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
