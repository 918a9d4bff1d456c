"""The DAG files: light to parse, clear to a person on call, and of a shape that makes green mean published."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pulse.core import errors
from pulse.core.home import REPOSITORY
from pulse.core.window import Window

pytestmark = pytest.mark.integration

DAYS_DAG_IDS = ("community_backfill", "community_daily")
DAG_IDS = (*DAYS_DAG_IDS, "community_listen", "kpi_monthly", "privacy_sweep", "quarantine_release")
HEAVY = ("praw", "dbt", "great_expectations", "duckdb", "pandas", "pyarrow", "vaderSentiment", "numba")


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(REPOSITORY / "dags"))
    assert bag.import_errors == {}
    assert set(bag.dags) == set(DAG_IDS), "the tests below would pass on nothing"
    return dict(bag.dags)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dag__survives_serialization(dags: dict[str, Any], dag_id: str):
    from airflow.serialization.serialized_objects import DagSerialization

    encoded = DagSerialization.to_dict(dags[dag_id])
    json.dumps(encoded)
    assert DagSerialization.from_dict(encoded).dag_id == dag_id


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dag__tells_the_person_on_call_what_to_do(dags: dict[str, Any], dag_id: str):
    page = dags[dag_id].doc_md
    for word in ("**When.**", "**Writes.**", "red", "**Rerun.** Safe", "docs/operations.md"):
        assert word in page, word
    assert (REPOSITORY / "docs" / "operations.md").is_file()


@pytest.mark.parametrize("dag_id", DAYS_DAG_IDS)
def test_dag__green_means_published(dags: dict[str, Any], dag_id: str):
    leaves = [task.task_id for task in dags[dag_id].tasks if not task.downstream_task_ids]
    assert leaves == ["digest"]
    # It tells of what was published, and fails for nothing that it does: `test_alerts_digest.py`.
    digest, publish = (dags[dag_id].get_task(name) for name in ("digest", "publish"))
    assert {"publish"} <= digest.upstream_task_ids <= {"publish", "window"}
    assert digest.trigger_rule == "all_success"
    assert publish.trigger_rule == "all_success"
    assert publish.downstream_task_ids == {"digest"}
    assert [asset.name for asset in publish.outlets] == ["community_pulse_marts"]


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dag__one_run_at_a_time_and_no_catching_up(dags: dict[str, Any], dag_id: str):
    assert dags[dag_id].max_active_runs == 1
    assert dags[dag_id].catchup is False
    assert dags[dag_id].start_date < datetime(2005, 6, 23, tzinfo=UTC), "Airflow makes no tasks for days before"


def test_dags__are_the_same_after_the_window(dags: dict[str, Any]):
    def shape(dag: Any) -> dict[str, Any]:
        return {task.task_id: (sorted(task.downstream_task_ids), str(task.trigger_rule)) for task in dag.tasks}

    assert shape(dags["community_daily"]) == shape(dags["community_backfill"])


def test_listens__are_due_each_hour_and_publish_nothing(dags: dict[str, Any]):
    dag = dags["community_listen"]
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "moment": ["due_listens", "listen"], "due_listens": ["listen"], "listen": [],
    }  # fmt: skip
    assert dag.get_task("listen").is_mapped
    assert not [task.task_id for task in dag.tasks if task.outlets]
    assert {task.pool for task in dag.tasks} == {dags["community_daily"].get_task("extract").pool}
    assert {task.queue for task in dag.tasks} == {dags["community_daily"].get_task("extract").queue}
    assert (type(dag.timetable).__name__, dag.timetable.expression) == ("CronTriggerTimetable", "0 * * * *")


_LIGHT = ("flow", "monthly", "retries", "provider", "hooks", "sweeping")
PARSED_LIGHTLY = (*DAG_IDS, *(f"pulse.orchestration.{name}" for name in _LIGHT))


@pytest.fixture(scope="module")
def heavy_modules(airflow_home: Path) -> dict[str, list[str]]:
    """What each module draws in beside Airflow: a process of its own for each, forked from one that has Airflow."""
    code = f"""
import importlib, json, os, sys, traceback
import airflow.sdk
before = set(sys.modules)
sys.path[:0] = {[str(REPOSITORY / "dags")]!r}
for name in {PARSED_LIGHTLY!r}:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
            drawn_in = set(sys.modules) - before
            told = [heavy for heavy in {HEAVY!r} if heavy in drawn_in]
        except BaseException:
            told = [traceback.format_exc()]
        print(json.dumps([name, told]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd="/"
    )
    return dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith('["'))


@pytest.mark.parametrize("name", PARSED_LIGHTLY)
def test_dag_files__parse_without_heavy_libraries(name: str, heavy_modules: dict[str, list[str]]):
    assert heavy_modules[name] == []


# ---- the day of a run ------------------------------------------------------


def context(**facts: Any) -> dict[str, Any]:
    run = SimpleNamespace(partition_date=facts.get("partition_date"), logical_date=facts.get("logical_date"))
    return {"dag_run": run, "params": facts.get("params", {})}


def test_daily_window__comes_from_the_run_never_from_the_clock(airflow_home: Path):
    from pulse.orchestration import flow

    partition, logical = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 7, 11, 30, tzinfo=UTC)
    given = {"day": "2026-10-06"}
    assert flow.daily_window(context(partition_date=partition, params=given)) == Window.one_day(date(2026, 10, 5))
    assert flow.daily_window(context(logical_date=logical, params=given)) == Window.one_day(date(2026, 10, 6))
    assert flow.daily_window(context(logical_date=logical)) == Window.one_day(date(2026, 10, 7))
    with pytest.raises(errors.ConfigError, match="parameter `day`"):
        flow.daily_window(context())
    with pytest.raises(errors.ConfigError, match="YYYY-MM-DD"):
        flow.daily_window(context(params={"day": "yesterday"}))


def test_backfill_window__needs_both_days_in_order(airflow_home: Path):
    from pulse.orchestration import flow

    params = {"from_day": "2026-10-01", "to_day": "2026-10-03"}
    window = flow.backfill_window(context(params=params))
    assert window == Window(date(2026, 10, 1), date(2026, 10, 3))
    assert flow.partition_keys(flow.as_dict(window)) == [f"2026-10-0{day}T00:00:00" for day in (1, 2, 3)]
    for broken in ({}, {"from_day": "2026-10-01"}, {"from_day": "2026-10-03", "to_day": "2026-10-01"}):
        with pytest.raises(errors.ConfigError):
            flow.backfill_window(context(params=broken))


def test_listen_moment__comes_from_the_run_never_from_the_clock(airflow_home: Path):
    from pulse.orchestration import flow

    logical = datetime(2026, 10, 7, 11, tzinfo=UTC)
    assert flow.listen_moment(context(logical_date=logical)) == logical
    given = {"at": "2026-10-06T14:00:00+02:00"}
    assert flow.listen_moment(context(logical_date=logical, params=given)) == datetime(2026, 10, 6, 12, tzinfo=UTC)
    for broken in ("2026-10-06T14:00:00", "noon"):
        with pytest.raises(errors.ConfigError, match="with its zone"):
            flow.listen_moment(context(params={"at": broken}))
    with pytest.raises(errors.ConfigError, match="parameter `at`"):
        flow.listen_moment(context())


# ---- retries ---------------------------------------------------------------


def test_retry_policy__follows_the_error(airflow_home: Path):
    from airflow.sdk.definitions.retry_policy import RetryAction

    from pulse.orchestration.retries import RetryByErrorType

    policy = RetryByErrorType()

    def action(error: BaseException) -> Any:
        return policy.evaluate(error, 1, 3)

    assert action(errors.BadCredentials("reddit", next_step="check")).action is RetryAction.FAIL
    assert action(errors.DayNotServable("x", value=1, earliest_day=None, next_step="y")).action is RetryAction.FAIL
    assert action(errors.LockBusy("lock", holder_pid=1, waited_s=1)).action is RetryAction.DEFAULT
    assert action(ConnectionError("reset")).action is RetryAction.DEFAULT
    limited = action(errors.RateLimited("reddit", retry_after_s=42))
    assert (limited.action, limited.retry_delay) == (RetryAction.RETRY, timedelta(seconds=42))


@pytest.mark.parametrize(
    ("asked_s", "waited_s"),
    [(42, 60), (600, 600), (7 * 86_400, 3_600), (float("inf"), 3_600), (float("nan"), 60), (-1, 60)],
)
def test_retry_policy__waits_as_asked_but_neither_too_short_nor_too_long(
    monkeypatch: pytest.MonkeyPatch, airflow_home: Path, asked_s: float, waited_s: float
):
    from pulse.orchestration import retries

    monkeypatch.setattr(retries, "RETRY_DELAY", timedelta(seconds=60))
    decision = retries.RetryByErrorType().evaluate(errors.RateLimited("reddit", retry_after_s=asked_s), 1, 3)
    assert decision.retry_delay == timedelta(seconds=waited_s)


class Store(dict[str, int]):
    """What Airflow keeps of a task between its tries."""

    def set(self, key: str, value: int) -> None:
        self[key] = value


class BrokenStore:
    """One that cannot be reached."""

    def get(self, key: str, default: int) -> int:
        raise RuntimeError("gone")

    set = get


LIMITED, FAULT = errors.RateLimited("reddit", retry_after_s=1), errors.SourceUnavailable("reddit", next_step="wait")


def tries_until_failed(tries: list[Exception], store: Any, *, first_try: int = 1) -> int:
    """After how many of the tries the extraction fails for good, by the policy or because Airflow allows no more."""
    from airflow.sdk.definitions.retry_policy import RetryAction

    from pulse.orchestration.retries import RATE_LIMIT_RETRIES, RETRIES, RetryByErrorType

    policy = RetryByErrorType(rate_limit_retries=RATE_LIMIT_RETRIES)
    max_tries = first_try - 1 + RETRIES + RATE_LIMIT_RETRIES
    for number, error in enumerate(tries):
        try_number = first_try + number
        decision = policy.evaluate(error, try_number, max_tries, {"task_state_store": store})
        if decision.action is RetryAction.FAIL or try_number > max_tries:
            return number + 1
    return 0


def test_retry_policy__rate_limits_do_not_use_up_the_tries_for_faults(airflow_home: Path):
    assert tries_until_failed([LIMITED] * 30 + [FAULT] * 4, Store()) == 34
    assert tries_until_failed([FAULT, LIMITED] * 5, Store()) == 7
    assert tries_until_failed([FAULT] * 9, Store()) == 4
    assert tries_until_failed([LIMITED] * 99, Store()) == 34
    assert tries_until_failed([ConnectionError("reset")] * 9, Store()) == 4
    assert tries_until_failed([LIMITED, errors.BadCredentials("reddit", next_step="check")], Store()) == 2


def test_retry_policy__a_cleared_task_begins_anew(airflow_home: Path):
    store = Store()
    assert tries_until_failed([LIMITED, LIMITED, FAULT, FAULT, FAULT, FAULT], store) == 6
    assert tries_until_failed([FAULT, LIMITED, FAULT, FAULT, FAULT], store, first_try=7) == 5


@pytest.mark.parametrize("store", [None, BrokenStore()])
def test_retry_policy__without_a_store_it_gives_up_earlier_rather_than_never(store: Any, airflow_home: Path):
    assert tries_until_failed([LIMITED] * 5 + [FAULT], store) == 6
    assert tries_until_failed([LIMITED] * 99, store) == 34
    assert tries_until_failed([FAULT] * 9, store) == 4


def test_extract__alone_has_retries_for_rate_limits(dags: dict[str, Any]):
    for dag in (dags[dag_id] for dag_id in DAYS_DAG_IDS):
        retries = {task.task_id: task.retries for task in dag.tasks}
        assert retries.pop("extract") == 33
        assert set(retries.values()) <= {0, 3}
        assert dag.get_task("extract").retry_policy.rate_limit_retries == 30


# ---- alerts ----------------------------------------------------------------


def test_alert__goes_to_the_log_and_to_every_notifier_even_if_one_fails(
    caplog: pytest.LogCaptureFixture, airflow_home: Path
):
    from notifiers import Collecting
    from pulse.config.settings import Notifier, Settings
    from pulse.orchestration import notify
    from pulse.sources.reddit.entry import RedditArchiveEntry

    entry = RedditArchiveEntry(platform="reddit", name="tea", source="reddit_archive", path=(Path("x"),))
    message = "{{ pulse.rule }}: {{ pulse.value }}, limit {{ pulse.limit }}, see {{ pulse.run_url }}"
    settings = Settings(
        communities=(entry,),
        notify=(
            Notifier(notifier="notifiers.Failing"),
            Notifier(notifier="no.such.Notifier"),
            Notifier(notifier="notifiers.Collecting", arguments={"message": message}),
        ),
    )
    Collecting.received.clear()
    url = notify.run_url("d", "r +1")
    notify.send(
        notify.Alert("load_stopped", "reddit/tea", "one_author_share", "0.7", "0.5", "too much\x1b[31m", url), settings
    )
    assert url.endswith("/dags/d/runs/r%20%2B1")
    assert Collecting.received == [f"one_author_share: 0.7, limit 0.5, see {url}"]
    assert "one_author_share" in caplog.text
    assert "no mail today" in caplog.text
    assert "no.such" in caplog.text
    assert "\x1b" not in caplog.text


def test_deadline_missed__alerts_with_the_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, airflow_home: Path, tmp_path: Path
):
    from pulse.orchestration import notify

    (tmp_path / "x.ndjson").touch()
    (tmp_path / "c.yml").write_text(
        "communities: [{platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}]\n"
    )
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "c.yml"))
    notify.deadline_missed(
        context={
            "dag_run": {"dag_id": "community_daily", "dag_run_id": "scheduled__1"},
            "deadline": {"deadline_time": "2026-10-06T06:00:00Z"},
        }
    )
    assert "alert deadline_missed" in caplog.text
    assert "community_daily scheduled__1 is not done by 2026-10-06T06:00:00Z" in caplog.text
