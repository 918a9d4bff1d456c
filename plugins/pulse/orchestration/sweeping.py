"""The tasks of the sweep, and their order.

    entries → look_up (a tile per entry) → erase → report

Each entry is asked about by itself: a tile is red if its platform fails, or if its sweep stopped until somebody
confirms; the others go on. `erase` builds and publishes only if something is gone. `report` is the only last task, so a
run is green exactly if all that is gone is erased.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule, get_current_context, task

from pulse.orchestration.flow import WAREHOUSE_QUEUE
from pulse.orchestration.retries import RATE_LIMIT_RETRIES, RETRIES, RetryByErrorType

if TYPE_CHECKING:
    from pulse.steps.pipeline import Pipeline

# Platforms ask those who look up to wait, as they do those who extract.
_LOOK_UP_ARGS: dict[str, Any] = {
    "retries": RETRIES + RATE_LIMIT_RETRIES,
    "retry_policy": RetryByErrorType(rate_limit_retries=RATE_LIMIT_RETRIES),
}


def wire() -> Any:
    """Arrange all tasks; returns the last."""
    swept = look_up.expand(entry_id=entries())
    erased = erase()
    swept >> erased
    return report(swept, erased)


@task
def entries() -> list[str]:
    """Ids of all entries of the config."""
    return [entry.entry_id for entry in _pipeline().settings.communities]


@task(map_index_template="{{ label }}", **_LOOK_UP_ARGS)
def look_up(entry_id: str) -> str:
    """Ask about one entry's contributions; says in one line what was found. Alerts if the sweep stopped."""
    from pulse.core.errors import SourceError
    from pulse.core.text import printable
    from pulse.orchestration.notify import Alert, send
    from pulse.steps.sweeping import sweep_entry

    get_current_context()["label"] = printable(entry_id, max_chars=200)
    pipeline = _pipeline()
    swept = sweep_entry(pipeline, entry_id)
    if swept.stopped is not None:
        error = SourceError(
            f"sweep of {entry_id}", value=swept.stopped,
            next_step=f"look into it; nothing was erased, and `pulse sweep --confirm {entry_id}` lets it go on",
        )  # fmt: skip
        send(Alert.of_error("sweep_stopped", error, run_url=_run_url()), pipeline.settings)
        raise error
    return swept.line


@task(trigger_rule=TriggerRule.ALL_DONE, queue=WAREHOUSE_QUEUE)
def erase() -> list[str]:
    """Erase what is gone, everywhere, and publish without it; lines of the proof."""
    from pulse.steps.erasing import lines_of
    from pulse.steps.sweeping import erase_gone

    proofs = erase_gone(_pipeline(), run_id=str(get_current_context()["run_id"]))
    return [line for proof in proofs for line in lines_of(proof)]


@task(trigger_rule=TriggerRule.ALL_DONE)
def report(swept: Sequence[str] | None, erased: list[str] | None) -> list[str]:
    """What was found and erased, in lines; counts and ids only."""
    from pulse.core.errors import GateBroken

    if erased is None:
        raise GateBroken("sweep", value="what is gone was not erased", next_step="read the log of erase and clear it")
    return [*(line for line in swept or () if line), *erased]


def _pipeline() -> "Pipeline":
    from pulse.orchestration.connections import credentials_of_task
    from pulse.steps.pipeline import Pipeline

    return Pipeline.from_environment(ask_credentials=credentials_of_task)


def _run_url() -> str:
    from pulse.orchestration.notify import run_url

    run = get_current_context()["dag_run"]
    return run_url(run.dag_id, run.run_id)
