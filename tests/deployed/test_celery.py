"""The real DAGs on CeleryExecutor, with a worker killed in the middle: what runs where, and that nothing is lost."""

import re
from collections import Counter

import pytest

from deployed.conftest import LAST_DAY, WINDOW, Deployed
from deployed.stack import WORKERS
from faults.harness import differences
from pulse.warehouse import builds

pytestmark = [pytest.mark.deployed, pytest.mark.timeout(600)]

WRITING = {"plan", "promote", "score", "work_texts", "import_results", "build", "gate_marts", "publish"}


def test_backfill__a_worker_is_killed_while_it_builds_and_the_run_goes_on(deployed: Deployed):
    first_day, last_day = WINDOW.first_day.isoformat(), WINDOW.last_day.isoformat()
    run = deployed.stack.api.trigger("community_backfill", from_day=first_day, to_day=last_day)
    run.wait_until_running("build", within_s=200)
    deployed.stack.kill("warehouse")
    deployed.stack.start("warehouse")
    assert run.end(within_s=240) == "success"
    assert [tried["state"] for tried in run.tries("build")] == ["failed", "success"]
    # A task that had nothing to do was never tried.
    assert all(task["try_number"] <= 1 for task in run.tasks() if task["task_id"] != "build")
    deployed.done.add("community_backfill")


def test_daily__runs_through_after_it(deployed: Deployed):
    run = deployed.stack.api.trigger("community_daily", day=LAST_DAY.isoformat())
    assert run.end(within_s=240) == "success"
    deployed.done.add("community_daily")


def test_marts__are_those_of_undisturbed_embedded_runs(deployed: Deployed):
    assert deployed.done == {"community_backfill", "community_daily"}
    found, wanted = (builds.published_file(home) for home in (deployed.stack.home, deployed.undisturbed))
    assert differences(found, wanted) == []


def test_queues__what_writes_is_done_by_the_one_warehouse_worker(deployed: Deployed):
    from pulse.orchestration.flow import WAREHOUSE_QUEUE

    begun = {
        worker: re.findall(r"\[([0-9a-f-]{36})\] Executing workload", deployed.stack.log(worker)) for worker in WORKERS
    }
    tasks = deployed.stack.executor_ids()
    done = {worker: Counter(tasks[executor_id] for executor_id in ids) for worker, ids in begun.items()}
    for worker, queue in (("warehouse", WAREHOUSE_QUEUE), ("worker", "default")):
        assert {queue_of_task for _, queue_of_task in done[worker]} == {queue}
    assert {task_id for task_id, _ in done["warehouse"]} >= WRITING
    assert {task_id for task_id, _ in done["worker"]} >= {"window", "extract", "gate_loads", "load", "model"}
    assert done["warehouse"]["build", WAREHOUSE_QUEUE] == 3
