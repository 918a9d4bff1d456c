"""The log of each task of a run in this process, written where Airflow's UI looks for it.

A worker writes them under Airflow; ``dag.test()`` only prints. So the same lines go to the file that Airflow's own
template names: what the pipeline says, warnings of all others, and how the task failed.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from airflow.listeners import hookimpl

from pulse.orchestration.listeners import error_of

_AS_DICTS = structlog.tracebacks.ExceptionDictTransformer(use_rich=False, show_locals=False)
# Speaks for the process beside the task, whose words are in no task's log on a worker either. It calls the end of a
# list of results an error.
_SUPERVISOR = "airflow.sdk.api.client"
_UNWANTED = frozenset({"exc_info", "stack_info", "positional_args", "_record", "_from_structlog"})


@contextmanager
def shown_in_airflow() -> Iterator[None]:
    """Write the logs of the tasks that run meanwhile. Tasks run one at a time here.

    Side effects: a handler of Python's logging and a step of structlog, both taken away again.
    """
    from airflow.sdk.listener import get_listener_manager

    logs = _TaskLogs()
    handler = _Records(logs)
    loggers = (logging.getLogger(), logging.getLogger("pulse"))  # ours does not propagate while a run lasts
    processors = structlog.get_config()["processors"]
    listeners = get_listener_manager()
    listeners.add_listener(logs)
    # Last before the renderer: whatever was added to the entry is there, and nothing is text yet.
    processors.insert(len(processors) - 1, logs.entry)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        processors.remove(logs.entry)
        listeners.pm.unregister(logs)
        logs.close()


class _TaskLogs:
    """The file of the task that runs now; nothing is written between tasks, nor once the disk refuses."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Begin the file of this try."""
        from airflow.sdk.log import init_log_file
        from airflow.utils.helpers import log_filename_template_renderer

        self.close()
        path = init_log_file(log_filename_template_renderer()(ti=task_instance))
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)

    @hookimpl
    def on_task_instance_success(self) -> None:
        """End it."""
        self.close()

    @hookimpl
    def on_task_instance_failed(self) -> None:
        """End it: the failure was logged before."""
        self.close()

    @hookimpl
    def on_task_instance_skipped(self) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, entry: dict[str, Any], error: BaseException | None = None) -> None:
        """One line, as a worker would have written it, without secrets; with the traceback of an error."""
        if self._file is None:
            return
        from airflow.sdk.log import redact

        if error is not None:
            entry["error_detail"] = _AS_DICTS((type(error), error, error.__traceback__))
        try:
            self._file.write(json.dumps(redact(entry), default=str, ensure_ascii=False) + "\n")
        except OSError:
            self.close()  # a log that cannot be written must not fail the run

    def entry(self, _logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        """A step of structlog, through which Airflow logs: keeps a copy of the entry."""
        if event.get("logger") == _SUPERVISOR:
            return event
        shown = {
            "timestamp": event.get("timestamp") or _now(),
            "level": event.get("level", method),
            "event": event.get("event"),
            **{name: value for name, value in event.items() if name not in _UNWANTED},
        }
        self.write(shown, error_of(event.get("exc_info")))
        return event


class _Records(logging.Handler):
    """Python's logging, through which we and most libraries log."""

    def __init__(self, logs: _TaskLogs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line."""
        entry = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        self._logs.write(entry, error_of(record.exc_info))


def _now() -> str:
    return datetime.now(UTC).isoformat()
