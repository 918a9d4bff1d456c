"""Runs of a DAG in this process, with ``dag.test()`` over SQLite: no service, and visible in Airflow's UI afterwards.

The first run of a process pays for Airflow's imports and start-up (some ten seconds); each further one about a second
plus its work. It fires no other DAG.
"""

import gc
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

from pulse.core.errors import PulseError
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.core.window import Window
from pulse.orchestration import environment, run_names

Progress = Callable[[str], None]
# What a red tile says is said by the step that made it, or stops nothing.
_WEIGHTS = {"load": 1, "model": 1, "result_file": 1, "extract": 1}

# Objects made between collections of the youngest, and how many of those between collections of older ones.
_GC_THRESHOLDS = (50_000, 20, 100)


@dataclass(frozen=True)
class TaskResult:
    """One task instance.

    Attributes:
        label: the mapped tile's label, or the task's id.
        wall_s: time it took, seconds.
        reason: what it failed with, in one line; None where it did not, or nothing was said.
    """

    task_id: str
    label: str
    state: str
    wall_s: float
    reason: str | None = None


@dataclass(frozen=True)
class RunResult:
    """One finished run of a DAG.

    Attributes:
        is_success: whether it came to its end: whatever nothing else waits for was done. A run of days has published
            then, a run of a month has told of it.
        log_file: what Airflow and the tasks printed.
    """

    dag_id: str
    run_id: str
    is_success: bool
    tasks: tuple[TaskResult, ...]
    log_file: Path

    def failed(self) -> list[TaskResult]:
        """Tasks that failed by themselves, in the order they ran."""
        return [task for task in self.tasks if task.state == "failed"]

    def failed_by_weight(self) -> list[TaskResult]:
        """The same, the one that the run failed of last.

        A tile tells of one community, file or model, and others go on; `gate_marts` and `promote` run whatever became
        of those before, and fail then because there is nothing to go on with.
        """
        return sorted(self.failed(), key=lambda task: _WEIGHTS.get(task.task_id, 2 if not _is_echo(task) else 0))


def _is_echo(task: TaskResult) -> bool:
    return task.reason is not None and "gave no result" in task.reason


def prepare(home: Home) -> None:
    """Make Airflow ready in this process: environment, imports, an up-to-date metadata database.

    Raises:
        ConfigError: Airflow was imported for another home.
    """
    environment.apply_for_embedded_runs(home)
    # Airflow, dbt and Great Expectations make a million objects that stay to the end. Looking for garbage as often as
    # Python does by itself took a tenth of a run.
    gc.set_threshold(*_GC_THRESHOLDS)
    with _output_to(home.airflow / "logs" / "embedded" / "prepare.log"):
        bring_database_up_to_date()


def bring_database_up_to_date() -> None:
    """Make or upgrade Airflow's database, unless it is as this version wants it. Airflow's environment must be set."""
    from airflow.utils.db import check_migrations, initdb

    try:
        check_migrations(0)
    except Exception:  # noqa: BLE001  (whatever is wrong with the schema, making or upgrading it is the answer)
        initdb()


def run_dag(
    home: Home,
    dag_id: str,
    *,
    logical_date: datetime,
    params: Mapping[str, Any],
    progress: Progress | None = None,
) -> RunResult:
    """Run a DAG to its end.

    Args:
        logical_date: tells runs apart in Airflow, and stands there as their start. The days come from the parameters.
        params: the run's parameters.
        progress: called with each line that the pipeline logs.

    Raises:
        ConfigError: see :func:`prepare`.
    """
    prepare(home)
    log_file = home.airflow / "logs" / "embedded" / f"{dag_id}-{logical_date:%Y%m%dT%H%M%S}.log"
    covers = run_names.covered(dag_id, params)
    with listening(progress), _output_to(log_file), _hearing_failures() as reasons:
        from pulse.orchestration import task_logs

        dag = _dag(dag_id)
        dag.deadline = None  # dag.test() of 3.3 cannot run a DAG that has one; nobody waits for a run in this process
        with task_logs.shown_in_airflow(), _run_id_says(covers), _speaking_one_version():
            run = dag.test(logical_date=logical_date, run_conf=dict(params))
        tasks = _tasks(run, reasons)
        _note(run, covers)
    # The state alone is not enough: a run without tasks is a success to Airflow.
    last = {task.task_id for task in dag.tasks if not task.downstream_task_ids}
    is_at_its_end = last <= {task.task_id for task in tasks if task.state == "success"}
    return RunResult(dag_id, run.run_id, is_at_its_end and str(run.state) == "success", tasks, log_file)


def run_day(home: Home, day: date, *, started_at: datetime, progress: Progress | None = None) -> RunResult:
    """One day through ``community_daily``."""
    params = {"day": day.isoformat()}
    return run_dag(home, "community_daily", logical_date=started_at, params=params, progress=progress)


def run_window(home: Home, window: Window, *, started_at: datetime, progress: Progress | None = None) -> RunResult:
    """A window of days through ``community_backfill``."""
    params = {"from_day": window.first_day.isoformat(), "to_day": window.last_day.isoformat()}
    return run_dag(home, "community_backfill", logical_date=started_at, params=params, progress=progress)


def run_month(home: Home, month: Month, *, started_at: datetime, progress: Progress | None = None) -> RunResult:
    """A month through ``kpi_monthly``."""
    return run_dag(home, "kpi_monthly", logical_date=started_at, params={"month": str(month)}, progress=progress)


def _dag(dag_id: str) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    from pulse.core.errors import BuildFailed
    from pulse.core.home import REPOSITORY

    bag = DagBag(dag_folder=str(REPOSITORY / "dags" / f"{dag_id}.py"))
    if bag.import_errors:
        file, trace = next(iter(bag.import_errors.items()))
        raise BuildFailed(f"DAG file {file}", value=trace.strip().splitlines()[-1], next_step="mend the file")
    return bag.dags[dag_id]


@contextmanager
def _hearing_failures() -> Iterator[dict[tuple[str, int], str]]:
    """What tasks of runs in this process fail with, by task and tile; of several tries the last."""
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    from pulse.core.text import printable

    reasons: dict[tuple[str, int], str] = {}

    class Listener:
        @hookimpl
        def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:  # pluggy gives what is asked for
            ours = str(error) if isinstance(error, PulseError) else f"{type(error).__name__}: {error}"
            said = ours if isinstance(error, BaseException) else str(error)
            reasons[task_instance.task_id, task_instance.map_index] = printable(_masked(said), max_chars=1_000)

    listener, manager = Listener(), get_listener_manager()
    manager.add_listener(listener)
    try:
        yield reasons
    finally:
        manager.pm.unregister(listener)


@contextmanager
def _run_id_says(covers: str | None) -> Iterator[None]:
    """Have runs of ``dag.test()`` named after what they cover too; it offers no way to say so."""
    from unittest.mock import patch

    from airflow.models.dagrun import DagRun

    usual = DagRun.generate_run_id

    def with_days(**facts: Any) -> str:
        kind, separator, moment = str(usual(**facts)).partition("__")
        said = "" if covers is None else covers.replace(" ", "_") + "__"
        return f"{kind}{separator}{said}{moment}"

    with patch.object(DagRun, "generate_run_id", staticmethod(with_days)):
        yield


@contextmanager
def _speaking_one_version() -> Iterator[None]:
    """Have the API that tasks ask in this process made for the version they speak, and not for the nine before it too.

    That made routes and models for all of them: a tenth of the first run of a process.
    """
    from copy import copy
    from unittest.mock import patch

    from cadwyn import HeadVersion, Version, VersionBundle, applications
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    usual = applications.generate_versioned_routers

    def of_newest(router: Any, *, versions: Any, **options: Any) -> Any:
        newest = copy(router)
        newest.routes = [route for route in router.routes if _DELETED_ROUTE_TAG not in getattr(route, "tags", ())]
        version = Version(versions.versions[0].value)
        bundle = VersionBundle(HeadVersion(), version, api_version_var=versions.api_version_var)
        return usual(newest, versions=bundle, **options)

    with patch.object(applications, "generate_versioned_routers", of_newest):
        yield


def _note(run: Any, covers: str | None) -> None:
    """What the scheduler notes of its runs, see ``listeners.py``."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        stored = session.get(DagRun, run.id)
        if stored is not None and covers:
            stored.note = covers


def _tasks(run: Any, reasons: Mapping[tuple[str, int], str]) -> tuple[TaskResult, ...]:
    instances = sorted(
        run.get_task_instances(), key=lambda ti: (ti.start_date is None, ti.start_date, ti.task_id, ti.map_index)
    )
    return tuple(
        TaskResult(
            ti.task_id,
            str(getattr(ti, "rendered_map_index", None) or ti.task_id),
            str(ti.state),
            float(ti.duration or 0.0),
            reasons.get((ti.task_id, ti.map_index)) if str(ti.state) == "failed" else None,
        )
        for ti in instances
    )


@contextmanager
def listening(progress: Progress | None) -> Iterator[None]:
    """Hand the lines that the pipeline logs to the caller; nobody else sees them meanwhile."""
    logger = logging.getLogger("pulse")
    before = logger.level, logger.propagate
    handler = _Lines(progress) if progress else logging.NullHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _masked(text: str) -> str:
    """The text without what Airflow was told to mask: it filters a worker's output, not what this process prints."""
    airflow_log = sys.modules.get("airflow.sdk.log")
    return text if airflow_log is None else str(airflow_log.redact(text))


class _Lines(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the line on, without secrets."""
        self._progress(_masked(record.getMessage()))


class _Output(io.TextIOBase):
    """Stands in for the standard streams while a run lasts.

    Loggers of Airflow keep the stream that they were made with for the life of the process, so it is one object that is
    never closed; between runs it drops what it is given.
    """

    target: TextIO | None = None

    def write(self, text: str, /) -> int:
        """Pass the text on to the run's file, without secrets."""
        if self.target is not None:
            self.target.write(_masked(text))
        return len(text)

    def flush(self) -> None:
        """Flush the run's file."""
        if self.target is not None:
            self.target.flush()

    def writable(self) -> bool:
        """Always."""
        return True


_OUTPUT = _Output()


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    """Send what Airflow and its libraries print to a file: through Python's streams, and through those below them.

    Handlers of the caller have a stream of their own, see :func:`console_stream`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        file.open("a", encoding="utf-8", errors="backslashreplace", buffering=1) as target,
        warnings.catch_warnings(),
        _descriptors_to(target),
        redirect_stdout(_OUTPUT),
        redirect_stderr(_OUTPUT),
    ):
        warnings.simplefilter("ignore")
        _OUTPUT.target = target
        try:
            yield
        finally:
            _OUTPUT.target = None


@contextmanager
def _descriptors_to(target: TextIO) -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        for number in kept:
            os.dup2(target.fileno(), number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


def console_stream() -> TextIO:
    """Standard output as it is now, for progress while :func:`run_dag` sends the usual one to a file."""
    return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
