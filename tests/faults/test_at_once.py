"""Several at once: two runs in one home, and readers during publishes."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from faults.harness import (
    FIRST_DAY,
    GENERATIONS_SQL,
    IS_LONG_FORM,
    SECOND_DAY,
    Moment,
    Orders,
    Process,
    Reader,
    Scene,
    differences,
    open_descriptors_n,
    run,
    scene,
)
from pulse.core.clock import utc_now
from pulse.core.errors import BuildReplaced, LockBusy, PulseError, RateLimited
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.reading import query
from pulse.warehouse import builds
from pulse.warehouse.builds import _WorkingState

pytestmark = [pytest.mark.integration, pytest.mark.faults]

only_long = pytest.mark.skipif(not IS_LONG_FORM, reason="part of the long form: make test-faults")
PUBLISHES_N, KEPT_STATES_N = (50 if IS_LONG_FORM else 5), 3
BOTH_DAYS = Window(FIRST_DAY, SECOND_DAY)


@pytest.fixture(scope="module")
def at_promotion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A run that has come to gate 1."""
    with scene(tmp_path_factory.mktemp("promotion"), has_day_before=False) as made:
        made.counts |= run(replace(made.orders, end_with="gate 1")).require_well().counts
        made.keep("promote")
        yield made


def require_names(error: Exception | None, process: Process) -> None:
    """The error is one of ours, in one line, and says who is in the way."""
    assert isinstance(error, LockBusy | RateLimited), error
    assert error.retry_helps
    assert f"process {process.pid}" in str(error)
    assert "\n" not in str(error)


# ---- a lock that somebody holds ----------------------------------------------


def test_lock__that_a_run_holds_stops_another_with_the_holders_pid_and_goes_with_the_holder(at_promotion: Scene):
    at_promotion.start_from("promote")
    orders = at_promotion.orders.only("promote")
    holder = Process(replace(orders, pause_at=Moment("promote", "file", 12)))
    holder.wait_until_paused()
    waiting = replace(orders, longest_lock_wait_s=0.2)
    require_names(run(waiting).error, holder)
    holder.kill()
    assert holder.wait().signal
    run(waiting).require_well()
    assert len(raw.pending_dates(at_promotion.home)) == 2, "both loads are promoted, and wait for the build"
    assert list((at_promotion.home.raw / "_promotions").iterdir()) == []


@only_long
@pytest.mark.parametrize(
    ("stage", "action", "share", "stops_at"),
    [
        ("extract page", "flush", 0.2, "extract page"),
        ("promote", "file", 0.5, "promote"),
        ("dbt build", "sql", 0.5, "promote"),
        ("gate 2", "sql", 0.5, "promote"),
        ("publish copy", "file", 0.5, "promote"),
        ("publish rename", "file", 0.5, "promote"),
    ],
)
def test_second_run_of_the_day__stops_where_the_first_is_at_work_and_goes_through_after_it(
    undisturbed: Scene, stage: str, action: str, share: float, stops_at: str
):
    undisturbed.start_from("extract page")
    first = Process(replace(undisturbed.orders, run_id="first", pause_at=undisturbed.moment(stage, action, share)))
    first.wait_until_paused()
    second = replace(undisturbed.orders, run_id="second", handover=undisturbed.root / "second.json")
    require_names(run(replace(second, longest_lock_wait_s=0.2, end_with=stops_at)).error, first)
    assert undisturbed.is_published_whole()
    first.go_on()
    first.wait().require_well()
    assert undisturbed.differences() == []
    run(second).require_well()
    assert undisturbed.differences() == []
    assert undisturbed.leftovers() == []


@only_long
def test_second_run__that_built_between_gate_2_and_publish_of_the_first_makes_it_stop(undisturbed: Scene):
    undisturbed.start_from("publish copy")
    second = replace(undisturbed.orders, run_id="second", handover=undisturbed.root / "second.json")
    run(replace(second, end_with="gate 2")).require_well()
    error = run(undisturbed.orders.only("publish rename")).error
    assert isinstance(error, BuildReplaced), error
    assert error.retry_helps
    run(second.only("publish rename")).require_well()
    run(undisturbed.orders.only("publish rename")).require_well()
    assert undisturbed.differences() == []


# ---- two runs that start together --------------------------------------------


@only_long
@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Window.one_day(SECOND_DAY), Window.one_day(SECOND_DAY), id="the same day twice"),
        pytest.param(Window.one_day(SECOND_DAY), BOTH_DAYS, id="a day and a backfill"),
        pytest.param(BOTH_DAYS, BOTH_DAYS, id="the same backfill twice"),
        pytest.param(BOTH_DAYS, Window.one_day(FIRST_DAY), id="backfills that overlap"),
    ],
)
def test_runs_that_start_together__leave_what_they_leave_one_after_the_other(
    undisturbed: Scene, one: Window, other: Window
):
    orders = [
        replace(undisturbed.orders, window=window, run_id=f"run-{number}",
                handover=undisturbed.root / f"handover-{number}.json")
        for number, window in enumerate((one, other))
    ]  # fmt: skip
    wanted = [one_after_the_other(undisturbed, order) for order in (orders, orders[::-1])]
    undisturbed.start_from("extract page")
    together = [Process(order) for order in orders]
    for order, ended in zip(orders, [process.wait() for process in together], strict=True):
        if ended.error is not None:
            assert isinstance(ended.error, PulseError), ended.error
            assert ended.error.retry_helps, ended.error
            run(order).require_well()
    found = builds.published_file(undisturbed.home)
    assert [] in [differences(found, file) for file in wanted], differences(found, wanted[0])
    assert undisturbed.leftovers() == []


def one_after_the_other(undisturbed: Scene, orders: list[Orders]) -> Path:
    """The marts that runs leave one after the other."""
    undisturbed.start_from("extract page")
    for order in orders:
        run(order).require_well()
    return builds.published_file(undisturbed.home).rename(undisturbed.root / f"then-{orders[-1].run_id}.duckdb")


# ---- readers -----------------------------------------------------------------


def publish_generation(home: Home, generation: int) -> None:
    """Build something that can be told from every other build, and publish it."""
    with duckdb.connect(str(builds.working_file(home))) as connection:
        connection.execute("create schema if not exists marts")
        for table in ("one", "two"):
            connection.execute(
                f"create or replace table marts.{table} as select {generation} as generation, "
                "md5(cast(range as varchar)) as filling from range(20_000)"
            )
    _WorkingState(build_id=secrets.token_hex(4), is_publishable=True).write(home)
    builds.publish(home, keep_states_n=KEPT_STATES_N, clock=utc_now)


def test_readers__never_fail_and_see_one_state_per_connection_while_states_come_and_go(home: Home):
    publish_generation(home, 1)
    open_n = open_descriptors_n()
    with ExitStack() as at_end:
        readers = [Reader(home), Reader(home)]
        long_open: dict[int, duckdb.DuckDBPyConnection] = {}
        for generation in range(2, PUBLISHES_N + 2):
            publish_generation(home, generation)
            if generation % 5 == 2:
                long_open[generation] = at_end.enter_context(query.connect(home))
            for opened_at, connection in long_open.items():
                assert connection.execute(GENERATIONS_SQL.format("")).fetchall() == [(opened_at,)]
            for reader in readers:
                reader.wait_for(generation)
        said = [reader.end() for reader in readers]
    assert min(one["looks_n"] for one in said) >= PUBLISHES_N
    assert [one["descriptors_leaked_n"] for one in said] == [0, 0]
    assert open_descriptors_n() == open_n
    kept = sorted((home.published / "states").iterdir())
    assert len(kept) == KEPT_STATES_N
    assert kept[-1].samefile(builds.published_file(home))
    assert {path.name for path in home.published.iterdir()} == {"states", "state.json", builds.PUBLISHED_NAME}
