"""``kill -9`` of the whole process group at every stage of a run; a plain rerun gives the marts as if undisturbed."""

import signal
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from faults.harness import BEGINNINGS, IS_LONG_FORM, STAGES, Moment, Room, Scene, run

pytestmark = [pytest.mark.integration, pytest.mark.faults]

# By stage: the kind of action to be killed before, and after which shares of all such actions of the stage.
MOMENTS: dict[str, dict[str, tuple[float, ...]]] = {
    "extract page": {"file": (0, 0.3, 0.6, 1), "flush": (0.5,), "sql": (0.5,)},
    "seal": {"file": (0, 0.5, 1), "flush": (0.5, 1), "sql": (0.5,)},
    "gate 1": {"file": (0, 0.5, 1), "flush": (0.5,), "sql": (0.5,)},
    "promote": {"file": (0, 0.3, 0.5, 0.7, 1), "flush": (0.7,), "sql": (0.5,)},
    "score": {"file": (0, 0.5, 1), "sql": (0.5,)},
    "work texts": {"file": (0, 0.5, 1), "sql": (0.5,)},
    "dbt build": {"file": (0, 0.5), "sql": (0.1, 0.4, 0.7, 1)},
    "gate 2": {"file": (0.5, 1), "sql": (0.5,)},
    "publish copy": {"file": (0, 0.5, 1), "sql": (0, 0.5)},
    "publish rename": {"file": (0, 0.2, 0.5, 0.8, 1), "flush": (0.5,)},
    "compaction": {"file": (0, 0.2, 0.4, 0.6, 0.8, 1), "flush": (0.3, 0.7), "sql": (0.5,)},
}
# No file may grow beyond so many bytes: the kernel kills in the middle of the write that would.
WRITES = {
    "extract page": 4_096, "gate 1": 100_000, "promote": 4_096, "score": 4_096, "dbt build": 1_000_000,
    "publish copy": 1_000_000, "compaction": 4_096,
}  # fmt: skip
# One of each stage, for the short form.
UP_TO_BUILD = (
    ("extract page", "file", 0.6), ("seal", "file", 1), ("gate 1", "file", 1), ("promote", "file", 0.5),
    ("score", "file", 1), ("work texts", "file", 0.5), ("dbt build", "sql", 0.3),
)  # fmt: skip
AFTER_IT = (("gate 2", "sql", 0.5), ("publish copy", "file", 1), ("publish rename", "file", 0.5))
COMPACTING = (("compaction", "sql", 0.5), ("compaction", "file", 0.4), ("compaction", "file", 0.7))

only_long = pytest.mark.skipif(not IS_LONG_FORM, reason="part of the long form: make test-faults")


def require_same(undisturbed: Scene) -> None:
    assert undisturbed.differences() == []
    assert undisturbed.leftovers() == []


def test_killed_at_every_stage_up_to_the_build_in_turn__a_plain_rerun_gives_the_same_marts(
    undisturbed: Scene, record_property: Callable[[str, object], None]
):
    undisturbed.start_from(STAGES[0])
    kill_in_turn(undisturbed, UP_TO_BUILD, told=record_property)
    undisturbed.rerun().require_well()
    require_same(undisturbed)


def test_killed_while_two_workers_judge__a_plain_rerun_gives_the_same_marts(undisturbed: Scene):
    undisturbed.start_from("score")
    half = undisturbed.moment("score", "file", 0.5)
    ended = run(replace(undisturbed.orders.only("score"), run_id="killed", cores_n=2, kill_at=half))
    assert ended.signal == signal.SIGKILL
    undisturbed.rerun().require_well()
    require_same(undisturbed)


def test_killed_at_every_stage_after_the_build_in_turn__the_last_task_tried_again_gives_the_same_marts(
    undisturbed: Scene, record_property: Callable[[str, object], None]
):
    undisturbed.start_from("gate 2")
    kill_in_turn(undisturbed, AFTER_IT, told=record_property)
    run(undisturbed.orders.only("publish rename")).require_well()
    require_same(undisturbed)


def test_killed_while_it_compacts_again_and_again__a_plain_rerun_gives_the_same_marts(
    undisturbed: Scene, record_property: Callable[[str, object], None]
):
    undisturbed.start_from("compaction")
    kill_in_turn(undisturbed, COMPACTING[:1], told=record_property)
    for moment in COMPACTING[1:]:
        undisturbed.start_from("compaction")
        kill_in_turn(undisturbed, [moment], told=record_property)
    run(undisturbed.orders.only("compaction")).require_well()
    raw = undisturbed.home.raw / "contributions"
    assert [file.name for file in raw.glob("platform=*/*/*/*.parquet")].count("compacted.parquet") > 0
    undisturbed.rerun().require_well()
    require_same(undisturbed)


def kill_in_turn(
    undisturbed: Scene, moments: Iterable[tuple[str, str, float]], *, told: Callable[[str, object], None]
) -> None:
    """As Airflow does it: the task that was killed is tried again with what the tasks before handed over."""
    begin_at = None
    for stage, action, share in moments:
        beginning = BEGINNINGS.get(stage, stage)
        moment = undisturbed.moment(stage, action, share)
        orders = replace(undisturbed.orders, run_id="killed", begin_at=begin_at or beginning, end_with=stage)
        ended = run(replace(orders, kill_at=moment))
        assert ended.signal == signal.SIGKILL, (moment, ended.error)
        told("killed", str(moment))
        assert undisturbed.is_published_whole(), moment
        begin_at = beginning


@only_long
@pytest.mark.parametrize(
    ("stage", "action", "share"),
    [(stage, action, share) for stage in STAGES for action, shares in MOMENTS[stage].items() for share in shares],
)
def test_killed_before_an_action__a_plain_rerun_gives_the_same_marts(
    undisturbed: Scene, stage: str, action: str, share: float, record_property: Callable[[str, object], None]
):
    kill_and_rerun(undisturbed, stage, kill_at=undisturbed.moment(stage, action, share), told=record_property)


@only_long
@pytest.mark.parametrize(("stage", "max_file_bytes"), WRITES.items())
def test_killed_in_the_middle_of_a_write__a_plain_rerun_gives_the_same_marts(
    undisturbed: Scene, stage: str, max_file_bytes: int, record_property: Callable[[str, object], None]
):
    room = Room(stage, max_file_bytes, is_deadly=True)
    kill_and_rerun(undisturbed, stage, room=room, told=record_property)


def kill_and_rerun(
    undisturbed: Scene,
    stage: str,
    *,
    kill_at: Moment | None = None,
    room: Room | None = None,
    told: Callable[[str, object], None],
) -> None:
    undisturbed.start_from(BEGINNINGS.get(stage, stage))
    orders = replace(undisturbed.orders.only(stage), run_id="killed", kill_at=kill_at, room=room)
    ended = run(orders)
    assert ended.signal == (signal.SIGKILL if room is None else signal.SIGXFSZ), ended.error
    told("killed", str(kill_at or f"{stage}, in the middle of a write"))
    assert undisturbed.is_published_whole(), "readers see neither the state before nor the one after"
    undisturbed.rerun().require_well()
    require_same(undisturbed)


def test_moments__there_are_at_least_forty_and_of_every_stage():
    assert sum(len(shares) for actions in MOMENTS.values() for shares in actions.values()) >= 40
    assert set(MOMENTS) == set(STAGES) == {stage for stage, _, _ in (*UP_TO_BUILD, *AFTER_IT, *COMPACTING)}
