"""What Airflow calls in each of its processes when a run or a task begins: readable names, readable errors.

``plugins/community_pulse.py`` registers this module. Airflow logs what goes wrong here and goes on.
"""

import sys
from typing import Any

import structlog
from airflow.listeners import hookimpl

from pulse.core.errors import PulseError
from pulse.orchestration import run_names

_TASK_FAILED = "Task failed with exception"  # what Airflow's task runner logs, with a traceback below it


@hookimpl
def on_dag_run_running(dag_run: Any) -> None:
    """Note beside a run of ours what it covers; a note that somebody wrote stays."""
    covers = run_names.covered_by_run(dag_run)
    if covers and not dag_run.note:
        dag_run.note = covers


@hookimpl
def on_task_instance_running() -> None:
    """Have this task's process show our errors as one line."""
    show_own_errors_in_one_line()


def show_own_errors_in_one_line() -> None:
    """From now on, Airflow's log in this process has our errors' own words, without a traceback; others keep theirs.

    Ours say what happened, to what, and what to do next; where in the code they were raised helps nobody on call. The
    error itself stays what it is, so the retry policy and callbacks see it whole.
    """
    # The list that is in use: loggers that exist already hold it too.
    processors = structlog.get_config()["processors"]
    if own_errors_in_one_line not in processors:
        processors.insert(0, own_errors_in_one_line)


def own_errors_in_one_line(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A step of structlog: an entry about one of our errors becomes the error's line."""
    error = error_of(event.get("exc_info"))
    if isinstance(error, PulseError):
        del event["exc_info"]
        what = str(event.get("event", ""))
        event["event"] = str(error) if what == _TASK_FAILED else f"{what}: {error}"
    return event


def error_of(exc_info: Any) -> BaseException | None:
    """The exception of a log entry, however it was handed over; None if it has none."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if len(exc_info) > 1 else None
    return sys.exc_info()[1] if exc_info else None
