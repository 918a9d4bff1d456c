"""The page as Airflow mounts it: its users are Airflow's, its rights too, and a release is a run of a DAG.

The application is made at the first request, not when a plugin is loaded: every process of Airflow loads plugins, and
only the API server ever shows the page.
"""

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

from pulse.orchestration import page_links

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pulse.page.access import ReleaseRequest, RunLinks


class LazyPage:
    """An ASGI application that imports and makes the real one when somebody asks for the first time."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand over to the page."""
        if self._app is None:
            self._app = make()
        await self._app(scope, receive, send)


def make() -> "FastAPI":
    """The page over ``PULSE_HOME``.

    Raises:
        ConfigError: ``PULSE_HOME`` cannot be used.
    """
    from airflow.api_fastapi.core_api.security import GetUserDep, requires_authenticated
    from fastapi import Depends

    from pulse.core.home import Home
    from pulse.page.access import Access, User
    from pulse.page.app import create_app

    def current_user(user: GetUserDep, _: Annotated[None, Depends(requires_authenticated())]) -> User:
        return User(str(user.get_id()), str(user.get_name()), may_release=_may_edit_runs(user))

    access = Access(current_user, _secret(), ask_release=_ask_release, links=_links)
    return create_app(Home.from_environment(), access)


def _may_edit_runs(user: Any) -> bool:
    """Whether Airflow lets the user start and change runs of the DAG that releases."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

    manager = get_auth_manager()
    return all(
        manager.is_authorized_dag(
            method=method, access_entity=DagAccessEntity.RUN, details=DagDetails(id=page_links.RELEASE_DAG), user=user
        )
        for method in ("POST", "PUT")
    )


def _secret() -> bytes:
    """Signs forms in every process of the API server; made of Airflow's own secret, and not that itself."""
    from airflow.configuration import conf

    return hashlib.sha256(
        b"community pulse page\0" + str(conf.get_mandatory_value("api", "secret_key")).encode()
    ).digest()


def _ask_release(asked: "ReleaseRequest") -> str:
    """Start a run of the DAG that releases; gives its path in Airflow's UI.

    Raises:
        ConfigError: the DAG is not there.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagNotFound
    from airflow.utils.types import DagRunTriggeredByType

    from pulse.core.errors import ConfigError

    conf = {"load_id": asked.load_id, "waive": list(asked.waived), "reason": asked.reason}
    try:
        run = trigger_dag(
            page_links.RELEASE_DAG, conf=conf, triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=asked.asked_by,
        )  # fmt: skip
    except DagNotFound as error:
        raise ConfigError(
            f"DAG {page_links.RELEASE_DAG}", value="not there",
            next_step="wait until Airflow has read the DAGs, or see `airflow dags list-import-errors`",
        ) from error  # fmt: skip
    return page_links.path_of_run(page_links.RELEASE_DAG, run.run_id)


_TASKS = ("load", "extract", "listen")


def _links(run_id: str, entry_id: str | None) -> "RunLinks | None":
    """Where Airflow shows a run, and in it the tile of an entry; None for a run that Airflow does not know."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from pulse.core.text import printable
    from pulse.page.access import RunLinks

    with create_session() as session:
        dag_id = session.scalar(
            select(DagRun.dag_id).where(DagRun.run_id == run_id, DagRun.dag_id.in_(sorted(page_links.DAG_IDS))).limit(1)
        )
        if dag_id is None:
            return None
        run = page_links.path_of_run(dag_id, run_id)
        if entry_id is None:
            return RunLinks(run)
        label = printable(entry_id, max_chars=200)
        tiles = session.execute(
            select(TaskInstance.task_id, TaskInstance.map_index).where(
                TaskInstance.dag_id == dag_id,
                TaskInstance.run_id == run_id,
                TaskInstance.task_id.in_(_TASKS),
                TaskInstance.rendered_map_index.in_([label]) | TaskInstance.rendered_map_index.startswith(f"{label}:"),
            )
        ).all()
    if not tiles:
        return RunLinks(run)
    task_id, map_index = min(tiles, key=lambda tile: _TASKS.index(tile[0]))
    return RunLinks(run, f"{run}/tasks/{task_id}/mapped/{map_index}")
