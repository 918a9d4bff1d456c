"""What our listeners do in Airflow's processes: a run is named after what it covers, our errors are one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pulse.core import errors

pytestmark = pytest.mark.integration

OURS = errors.GateStopped("load of reddit/tea", value="0.4", limit="0.05", next_step="look at it")
TWO_DAYS = "2026-10-01 to 2026-10-02"


def test_plugin__airflow_finds_the_listeners_for_runs_and_for_tasks(airflow_home: Any):
    from airflow.listeners.listener import get_listener_manager
    from airflow.sdk.listener import get_listener_manager as get_task_listener_manager

    from pulse.orchestration import listeners

    assert get_listener_manager().pm.is_registered(listeners)
    assert get_task_listener_manager().pm.is_registered(listeners)


def run(dag_id: str = "community_daily", **facts: Any) -> SimpleNamespace:
    usual = {"partition_date": None, "partition_key": None, "conf": None, "logical_date": None, "note": None}
    return SimpleNamespace(dag_id=dag_id, **(usual | facts))


@pytest.mark.parametrize(
    ("started", "note"),
    [
        (run(partition_date=datetime(2026, 10, 5, tzinfo=UTC), conf={"day": "2026-10-06"}), "2026-10-05"),
        (run(conf={"day": "2026-10-06"}, logical_date=datetime(2026, 10, 7, tzinfo=UTC)), "2026-10-06"),
        (run(logical_date=datetime(2026, 10, 7, 11, tzinfo=UTC)), "2026-10-07"),
        (
            run("community_backfill", conf={"from_day": "2026-10-01", "to_day": "2026-10-02"}),
            "2026-10-01 to 2026-10-02",
        ),
        (run("kpi_monthly", partition_key="2026-10"), "2026-10"),
        (run("kpi_monthly"), None),
        (run("somebody_elses", logical_date=datetime(2026, 10, 7, tzinfo=UTC)), None),
        (run(conf={"day": "2026-10-06"}, note="asked for by Kim"), "asked for by Kim"),
    ],
)
def test_run__is_noted_with_what_it_covers(airflow_home: Any, started: SimpleNamespace, note: str | None):
    from pulse.orchestration import listeners

    listeners.on_dag_run_running(started)
    assert started.note == note


def logged(error: Exception, *, event: str = "Task failed with exception") -> dict[str, Any]:
    from pulse.orchestration.listeners import own_errors_in_one_line

    with pytest.raises(type(error)), _logging(own_errors_in_one_line, event) as entries:
        raise error
    return entries[0]


@contextmanager
def _logging(step: Any, event: str) -> Iterator[list[dict[str, Any]]]:
    """Log as Airflow's task runner does, from where the error is handled."""
    entries: list[dict[str, Any]] = []
    try:
        yield entries
    except Exception:
        entries.append(step(None, "error", {"event": event, "exc_info": True}))
        raise


def test_errors__ours_are_their_own_line_without_a_traceback(airflow_home: Any):
    assert logged(OURS) == {"event": str(OURS)}
    assert logged(OURS, event="error calling listener") == {"event": f"error calling listener: {OURS}"}


def test_errors__of_others_keep_their_traceback(airflow_home: Any):
    assert logged(KeyError("x")) == {"event": "Task failed with exception", "exc_info": True}


def test_errors__an_entry_without_one_stays(airflow_home: Any):
    from pulse.orchestration.listeners import own_errors_in_one_line

    assert own_errors_in_one_line(None, "info", {"event": "x", "exc_info": None}) == {"event": "x", "exc_info": None}


# ---- tiles -------------------------------------------------------------------


def node(label: str, folder: str, status: str = "success") -> dict[str, Any]:
    is_ok = status == "success"
    return {"label": label, "folder": folder, "status": status, "is_ok": is_ok, "message": "" if is_ok else "why"}


def test_tiles__a_folder_s_models_are_one_and_what_failed_comes_last_by_name(airflow_home: Any):
    from pulse.orchestration.flow import model_tiles

    tiles = model_tiles(
        [
            node("fct_bad", "marts", "error"),
            node("stg_a", "staging"),
            node("stg_b", "staging"),
            node("fct_c", "marts/kpi", "skipped"),
            node("fct_d", "marts"),
        ]
    )
    assert [(f"{tile['label']}: {tile['status']}", tile["is_ok"]) for tile in tiles] == [
        ("marts: 1 model success", True),
        ("staging: 2 models success", True),
        ("marts/kpi: 1 model skipped", False),
        ("fct_bad: error", False),
    ]
    assert tiles[-1]["message"] == "why"


def test_tiles__of_a_build_that_had_nothing_to_do(airflow_home: Any):
    from dataclasses import asdict

    from pulse.orchestration.flow import model_tiles
    from pulse.steps.pipeline import Pipeline
    from pulse.warehouse.transform import NOTHING_CHANGED

    (tile,) = model_tiles([asdict(NOTHING_CHANGED)])
    assert (tile["label"], tile["status"], tile["is_ok"]) == ("nothing changed", "as published", True)
    Pipeline.require_built([tile])
