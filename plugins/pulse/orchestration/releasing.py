"""The one task of a release: the steps of a run for one stopped load, with named rules waived."""

from typing import Any

from airflow.sdk import get_current_context, task

from pulse.orchestration.flow import WAREHOUSE_QUEUE


def wire() -> Any:
    """The task."""
    return release()


@task(queue=WAREHOUSE_QUEUE)
def release() -> str:
    """Let the load through; gives the id of the published state."""
    from pulse.orchestration.connections import credentials_of_task
    from pulse.steps.pipeline import Pipeline

    context = get_current_context()
    params, run = context["params"], context["dag_run"]
    return Pipeline.from_environment(ask_credentials=credentials_of_task).release(
        str(params["load_id"]),
        waive=frozenset(map(str, params["waive"])),
        reason=str(params["reason"]),
        run_id=str(context["run_id"]),
        released_by=getattr(run, "triggering_user_name", None),
    )
