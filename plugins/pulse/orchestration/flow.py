"""The tasks of a run and their order, once for all DAGs.

    plan → extract (one per entry) → gate_loads → load (a tile per entry) → promote → score → words → build
         → model (a tile per folder of models, and one per node that failed) → gate_marts → publish → digest
    plan → import_results → build, and result_file (a tile per file) → gate_marts

Within the day, apart from these: due_listens → listen (one per entry that is due). It publishes nothing.

One community failing does not stop the others: gate 1 waits for all extractions however they ended, and `promote` for
all tiles. `digest` is the only last task and fails for nothing that it does, so a run is green exactly if it published.
Tasks hand over ids and counts.

Deployed on several workers, tasks that write raw, scores, the warehouse or what is published have a queue of their own.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import Asset, TriggerRule, get_current_context, task

from pulse.orchestration.retries import RATE_LIMIT_RETRIES, RETRIES, RETRY_DELAY, RetryByErrorType

if TYPE_CHECKING:
    from pulse.core.window import Window
    from pulse.steps.pipeline import EntryVerdict, Pipeline

MARTS = Asset("community_pulse_marts")
DEFAULT_ARGS = {"retries": RETRIES, "retry_delay": RETRY_DELAY, "retry_policy": RetryByErrorType()}
# What DAGs of days share. They start earlier than any archive: Airflow skips the tasks of days before.
DAYS: dict[str, Any] = {
    "start_date": pendulum.datetime(2005, 1, 1, tz="UTC"),
    "catchup": False,
    "max_active_runs": 1,  # DuckDB takes one writing process at a time
    "default_args": DEFAULT_ARGS,
    "tags": ["community-pulse"],
}
# Only a source is asked by others to wait.
_EXTRACT_ARGS: dict[str, Any] = {
    "retries": RETRIES + RATE_LIMIT_RETRIES,
    "retry_policy": RetryByErrorType(rate_limit_retries=RATE_LIMIT_RETRIES),
}
# One worker of one process serves it where Celery runs the tasks, so that those who would wait for the warehouse lock
# wait in the queue instead and keep no worker. Other executors take no notice of queues.
WAREHOUSE_QUEUE = "warehouse"
_FORMAT = "%Y-%m-%dT00:00:00"
# The one tile of `result_file` where there is nothing to import: without any, Airflow shows the task as skipped.
_NO_FILE = {"outcome": "no new file"}


def wire(window: Any) -> Any:
    """Arrange all tasks behind one that gives the window as ``{"first_day": …, "last_day": …}``; returns the last."""
    entry_ids = plan(window)
    load_ids = extract.partial(window=window).expand(entry_id=entry_ids)
    verdicts = gate_loads(window, entry_ids, load_ids)
    tiles = load.expand(verdict=verdicts)
    promoted = promote(verdicts)
    tiles >> promoted
    imported = import_results()
    files = result_file.expand(verdict=imported)
    built = build()
    tiles_of_models = model.expand(tile=built)
    gated = gate_marts(built)
    entry_ids >> imported >> built
    promoted >> score(verdicts) >> work_texts() >> built
    [tiles_of_models, files] >> gated
    told = digest(window)
    publish(window, verdicts, gated) >> told
    return told


def wire_listens(moment: Any) -> Any:
    """Arrange the tasks of a run within the day behind one that gives its time, as ISO; returns the last."""
    return listen.partial(moment=moment).expand(entry_id=due_listens(moment))


# ---- the day, or the days --------------------------------------------------


def daily_window(context: Mapping[str, Any]) -> "Window":
    """The day of a daily run: its partition, else the day somebody gave it, else its logical date.

    A run started by hand has the time of the click as its logical date; the day that still runs is refused later.

    Raises:
        ConfigError: the given day is none, or the run names no day at all.
    """
    from pulse.core.errors import ConfigError
    from pulse.core.window import Window

    run = context["dag_run"]
    given = context["params"].get("day")
    if run.partition_date is None and given:
        return Window.one_day(parse_day("day", given))
    moment = run.partition_date or run.logical_date
    if moment is None:
        raise ConfigError("day of the run", value="none", next_step="trigger it again with the parameter `day`")
    return Window.one_day(moment.date())


def backfill_window(context: Mapping[str, Any]) -> "Window":
    """The days of a backfill run, from its parameters.

    Raises:
        ConfigError: a day is missing or none, in the wrong order, or the window is too long.
    """
    from pulse.core.window import Window

    params = context["params"]
    return Window(parse_day("from_day", params.get("from_day")), parse_day("to_day", params.get("to_day")))


def listen_moment(context: Mapping[str, Any]) -> "datetime":
    """The time of a run within the day: the one that somebody gave, else its logical date.

    Raises:
        ConfigError: the given time is none or has no zone, or the run names no time at all.
    """
    from pulse.core.errors import ConfigError

    given = context["params"].get("at")
    if not given:
        moment = context["dag_run"].logical_date
        if moment is None:
            raise ConfigError("time of the run", value="none", next_step="trigger it again with the parameter `at`")
        return datetime.fromisoformat(moment.isoformat())
    try:
        at = datetime.fromisoformat(str(given))
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigError(
            "parameter at", value=given, limit="a time with its zone, such as 2026-10-05T14:00:00+00:00",
            next_step="trigger the run again with it",
        )  # fmt: skip
    return at


def parse_day(name: str, value: object) -> date:
    """A day given as text, YYYY-MM-DD.

    Raises:
        ConfigError: it is not one.
    """
    from pulse.core.errors import ConfigError

    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ConfigError(
            f"parameter {name}", value=value, limit="a day as YYYY-MM-DD", next_step="trigger the run again with it"
        ) from error


def as_dict(window: "Window") -> dict[str, str]:
    """A window as tasks hand it over."""
    return {"first_day": window.first_day.isoformat(), "last_day": window.last_day.isoformat()}


def _window(given: Mapping[str, str]) -> "Window":
    from pulse.core.window import Window

    return Window(date.fromisoformat(given["first_day"]), date.fromisoformat(given["last_day"]))


def partition_keys(window: Mapping[str, str]) -> list[str]:
    """The asset's partition keys of a window: midnights, as the daily timetable names them."""
    return [day.strftime(_FORMAT) for day in _window(window).days()]


# ---- tasks -----------------------------------------------------------------


@task(queue=WAREHOUSE_QUEUE)
def plan(window: Mapping[str, str]) -> list[str]:
    """Entry ids to extract; refuses a window that is not over."""
    return _pipeline().plan(_window(window))


@task(map_index_template="{{ label }}", **_EXTRACT_ARGS)
def extract(entry_id: str, window: Mapping[str, str]) -> list[str]:
    """Land one entry's window; ids of its loads."""
    _label(entry_id)
    return _pipeline().extract(entry_id, _window(window), run_id=_run_id())


@task
def due_listens(moment: str) -> list[str]:
    """Entry ids that are due to be listened to."""
    return _pipeline().due_listens(datetime.fromisoformat(moment))


@task(map_index_template="{{ label }}")
def listen(entry_id: str, moment: str) -> dict[str, int]:
    """Ask one entry's platform within the day; how many calls it took, and what they showed."""
    _label(entry_id)
    return _pipeline().listen(entry_id, datetime.fromisoformat(moment))


@task(trigger_rule=TriggerRule.ALL_DONE)
def gate_loads(
    window: Mapping[str, str], entry_ids: list[str], load_ids: Sequence[Sequence[str]] | None
) -> list[dict[str, Any]]:
    """Gate 1: each load apart. Tells about every load that was stopped."""
    from pulse.orchestration.notify import Alert, send

    entry_ids, pipeline = _required(entry_ids, "plan"), _pipeline()
    arrived = [load_id for of_entry in (load_ids or []) if of_entry for load_id in of_entry]
    verdicts = pipeline.gate_loads(_window(window), entry_ids, arrived, run_id=_run_id())
    for verdict in verdicts:
        if verdict["outcome"] == "quarantined":
            alert = Alert(
                "load_stopped", verdict["entry_id"], verdict["rule"], verdict["value"], verdict["limit"],
                verdict["message"], _run_url(),
            )  # fmt: skip
            send(alert, pipeline.settings, context=get_current_context())
    return [dict(verdict) for verdict in verdicts]


@task(map_index_template="{{ label }}", retries=0)
def load(verdict: Mapping[str, Any]) -> str:
    """One load's tile: red if it did not arrive."""
    from pulse.core.errors import GateStopped

    _label(f"{verdict['entry_id']}: {verdict['outcome']}")
    if verdict["outcome"] != "passed":
        raise GateStopped(
            f"load of {verdict['entry_id']}",
            value=verdict["message"],
            next_step='the others go on; docs/operations.md, "a load was stopped"',
        )
    return str(verdict["message"])


@task(trigger_rule=TriggerRule.ALL_DONE, queue=WAREHOUSE_QUEUE)
def promote(verdicts: list["EntryVerdict"] | None) -> dict[str, int]:
    """Bring passed loads into raw."""
    return _pipeline().promote(_required(verdicts, "gate_loads"), run_id=_run_id())


@task(queue=WAREHOUSE_QUEUE)
def score(verdicts: list["EntryVerdict"]) -> dict[str, int]:
    """Judge the sentiment of new texts."""
    return _pipeline().score(verdicts)


@task(queue=WAREHOUSE_QUEUE)
def work_texts() -> dict[str, int]:
    """Find the config's brands in new texts, and work words, near copies and topics out of them."""
    return _pipeline().work_texts()


@task(queue=WAREHOUSE_QUEUE)
def import_results() -> list[dict[str, Any]]:
    """Bring new and changed files of business results into raw. Tells about every file that was stopped."""
    from pulse.orchestration.notify import Alert, send

    pipeline = _pipeline()
    verdicts = pipeline.import_results(run_id=_run_id())
    for verdict in verdicts:
        if verdict["outcome"] == "stopped":
            alert = Alert(
                "load_stopped", f"imports/{verdict['file']}", verdict["rule"], verdict["value"], verdict["limit"],
                verdict["message"], _run_url(),
            )  # fmt: skip
            send(alert, pipeline.settings, context=get_current_context())
    return verdicts or [_NO_FILE]


@task(map_index_template="{{ label }}", retries=0)
def result_file(verdict: Mapping[str, Any]) -> str:
    """One file's tile: red if it was stopped; everything else goes on."""
    from pulse.core.errors import GateStopped

    if verdict == _NO_FILE:
        _label(_NO_FILE["outcome"])
        return _NO_FILE["outcome"]
    _label(f"{verdict['file']}: {verdict['outcome']}")
    if verdict["outcome"] != "imported":
        raise GateStopped(
            f"file {verdict['file']}",
            value=verdict["message"],
            next_step='the run goes on; docs/imports.md, "a file was stopped"',
        )
    return str(verdict["message"])


@task(queue=WAREHOUSE_QUEUE)
def build() -> list[dict[str, Any]]:
    """Build the marts; returns what became of the dbt nodes, as tiles."""
    return model_tiles(_pipeline().build())


@task(map_index_template="{{ label }}", retries=0)
def model(tile: Mapping[str, Any]) -> str:
    """The tile of a folder's models, or of one node that failed, which is red."""
    from pulse.core.errors import BuildFailed

    _label(f"{tile['label']}: {tile['status']}")
    if not tile["is_ok"]:
        raise BuildFailed(str(tile["label"]), value=tile["message"] or tile["status"], next_step="mend the model")
    return str(tile["status"])


@task(trigger_rule=TriggerRule.ALL_DONE, queue=WAREHOUSE_QUEUE)
def gate_marts(nodes: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Gate 2: the marts as a whole, if every node was built."""
    pipeline = _pipeline()
    with _alerting(pipeline):
        pipeline.require_built(_required(nodes, "build"))
        gated = pipeline.gate_marts(run_id=_run_id())
    _alert_warnings(pipeline, gated["warnings"])
    return gated


@task(outlets=[MARTS], queue=WAREHOUSE_QUEUE)
def publish(
    window: Mapping[str, str], verdicts: list["EntryVerdict"], gated: Mapping[str, Any], *, outlet_events: Any = None
) -> dict[str, Any]:
    """Give analysts the new state, and say which days it completes."""
    pipeline = _pipeline()
    with _alerting(pipeline):
        published = pipeline.publish(_window(window), verdicts, gated)
    outlet_events[MARTS].extra = {"state_id": published["state_id"], **window}
    # A run that the partition timetable started has its one key already.
    if get_current_context()["dag_run"].partition_key is None:
        outlet_events[MARTS].add_partitions(partition_keys(window))
    return published


@task
def digest(window: Mapping[str, str]) -> dict[str, int]:
    """Tell what is new of `listening.alerts` in what was published, each find once to each notifier. Fails no run."""
    from pulse.orchestration.digest import send_digest

    pipeline = _pipeline()
    last_day = _window(window).last_day
    return send_digest(pipeline.home, pipeline.settings, last_day, run_url=_run_url(), context=get_current_context())


# ---- helpers ---------------------------------------------------------------


def model_tiles(nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What to show of a build: the models of a folder together, and each node that failed by itself.

    A node that dbt left out because of a failed one is shown with its folder. Tiles that ask for somebody come last:
    the page of a run begins with the highest map index.
    """
    alone = [node for node in nodes if not node["is_ok"] and node["status"] != "skipped"]
    together: dict[tuple[bool, str, str], list[Mapping[str, Any]]] = {}
    for node in nodes:
        if node["is_ok"] or node["status"] == "skipped":
            together.setdefault((not node["is_ok"], node["folder"], node["status"]), []).append(node)
    tiles = []
    for (is_left_out, folder, status), members in sorted(together.items()):
        names = ", ".join(str(member["label"]) for member in members)
        many = f"{len(members)} models" if len(members) > 1 else "1 model"
        tiles.append(
            {
                "label": folder or names,
                "status": f"{many} {status}" if folder else status,
                "is_ok": not is_left_out,
                "message": f"left out because of a failed one: {names}" if is_left_out else names,
            }
        )
    return tiles + [{name: node[name] for name in ("label", "status", "is_ok", "message")} for node in alone]


def _pipeline() -> "Pipeline":
    from pulse.orchestration.connections import credentials_of_task
    from pulse.steps.pipeline import Pipeline

    return Pipeline.from_environment(ask_credentials=credentials_of_task)


def _run_id() -> str:
    return str(get_current_context()["run_id"])


def _run_url() -> str:
    from pulse.orchestration.notify import run_url

    run = get_current_context()["dag_run"]
    return run_url(run.dag_id, run.run_id)


def _alert_warnings(pipeline: "Pipeline", warnings: Sequence[Mapping[str, str]]) -> None:
    """Alert of what gate 2 lets pass and somebody should look at."""
    from pulse.orchestration.notify import Alert, send

    for found in warnings:
        alert = Alert("marts_warned", "gate 2", found["rule"], found["value"], "0 rows", found["message"], _run_url())
        send(alert, pipeline.settings)


def _label(label: str) -> None:
    from pulse.core.text import printable

    get_current_context()["label"] = printable(label, max_chars=200)


def _required(given: Any, task_id: str) -> Any:
    from pulse.core.errors import GateBroken

    if given is None:
        raise GateBroken(
            "run", value=f"task {task_id} gave no result", next_step=f"read the log of {task_id} and clear it"
        )
    return given


def _alerting(pipeline: "Pipeline") -> Any:
    """Tell about one of our errors before it fails the task."""
    from contextlib import contextmanager

    from pulse.core.errors import PulseError
    from pulse.orchestration.notify import Alert, send

    @contextmanager
    def alerting() -> Any:
        try:
            yield
        except PulseError as error:
            if not error.retry_helps:
                alert = Alert.of_error("publish_stopped", error, run_url=_run_url())
                send(alert, pipeline.settings, context=get_current_context())
            raise

    return alerting()
