"""Airflow's API as a person uses it: log in, trigger a run, look how it goes. And waiting for what takes time."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Found = TypeVar("Found")
STARTED_WITHIN_S = 300.0
_POLL_S = 0.25
_ENDED = frozenset({"success", "failed"})


def until(
    look: Callable[[], Found | None], *, within_s: float, what: str, while_waiting: Callable[[], None] = lambda: None
) -> Found:
    """What ``look`` finds, once it finds something.

    Args:
        while_waiting: called after each look in vain; may raise to give up.

    Raises:
        TimeoutError: nothing was found in time; says what was waited for.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        while_waiting()
        time.sleep(_POLL_S)
    raise TimeoutError(f"waited {within_s:g} s for {what}")


@dataclass
class Api:
    """One API server on this machine.

    Attributes:
        password: of the user ``admin``.
        while_waiting: called while something is waited for; may raise to give up.
    """

    port: int
    password: str
    while_waiting: Callable[[], None] = lambda: None
    token: str | None = None

    def log_in(self) -> None:
        """Once it answers."""

        def token() -> str | None:
            try:
                return str(
                    self.call("POST", "/auth/token", {"username": "admin", "password": self.password})["access_token"]
                )
            except (urllib.error.URLError, ConnectionError):
                return None

        self.token = self._until(token, STARTED_WITHIN_S, "the API to answer")

    def wait_for_dags(self, *dag_ids: str) -> None:
        """Until they are parsed, and whoever may trigger them can."""

        def is_known() -> bool | None:
            return set(dag_ids) <= {dag["dag_id"] for dag in self.call("GET", "/api/v2/dags")["dags"]} or None

        self._until(is_known, STARTED_WITHIN_S, "the DAGs to be parsed")

    def unpause(self, dag_id: str) -> None:
        """Let its runs start."""
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, **conf: str) -> "Run":
        """Start a run by hand, with parameters."""
        answer = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return Run(self, dag_id, str(answer["dag_run_id"]))

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request.

        Raises:
            urllib.error.URLError: no answer, or one that refuses.
        """
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _until(self, look: Callable[[], Found | None], within_s: float, what: str) -> Found:
        return until(look, within_s=within_s, what=what, while_waiting=self.while_waiting)


@dataclass(frozen=True)
class Run:
    """A run of a DAG."""

    api: Api
    dag_id: str
    run_id: str

    def end(self, *, within_s: float) -> str:
        """How it ended: ``success`` or ``failed``."""

        def state() -> str | None:
            found = str(self.api.call("GET", self._path)["state"])
            return found if found in _ENDED else None

        return self.api._until(state, within_s, f"the end of {self.run_id}")

    def wait_until_running(self, task_id: str, *, within_s: float) -> None:
        """Until a worker has begun with the task."""

        def is_running() -> bool | None:
            return any(task["task_id"] == task_id and task["state"] == "running" for task in self.tasks()) or None

        self.api._until(is_running, within_s, f"{task_id} to run")

    def tasks(self) -> list[dict[str, Any]]:
        """Task instances as they are now: the last try of each."""
        found = self.api.call("GET", f"{self._path}/taskInstances?limit=100")
        assert found["total_entries"] == len(found["task_instances"]), "there are more than one page"
        instances: list[dict[str, Any]] = found["task_instances"]
        return instances

    def tries(self, task_id: str) -> list[dict[str, Any]]:
        """All tries of a task that is not mapped, in order."""
        found: list[dict[str, Any]] = self.api.call("GET", f"{self._path}/taskInstances/{task_id}/tries")[
            "task_instances"
        ]
        return sorted(found, key=lambda tried: int(tried["try_number"]))

    @property
    def _path(self) -> str:
        return f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}"
