"""What the machine does to a run: no room, no leave to write, archives that cannot be read or change, a clock set back.

One clear error of our own each; what was published stays; when the cause is gone, a rerun heals.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from faults.harness import (
    BEGINNINGS,
    IS_LONG_FORM,
    SECOND_DAY,
    STAGES,
    Ended,
    Moment,
    Process,
    Room,
    Scene,
    run,
    scene,
)
from fixtures import reddit_lines
from fixtures.live_reddit import shortly_after
from pulse.core.errors import ArchiveUnreadable, DayNotOver, PulseError, SourceUnavailable
from pulse.lake import landing

pytestmark = [pytest.mark.integration, pytest.mark.faults]

only_long = pytest.mark.skipif(not IS_LONG_FORM, reason="part of the long form: make test-faults")
# What the short form does: stages that take tenths of seconds.
QUICK_STAGES = ("extract page", "seal", "promote", "score", "publish copy", "publish rename")


def require_clear(ended: Ended) -> PulseError:
    """One error of ours, in one line, with a next step."""
    error = ended.error
    assert isinstance(error, PulseError), error or ended
    assert error.next_step
    assert "\n" not in str(error)
    return error


# ---- no room -----------------------------------------------------------------


@pytest.mark.parametrize("max_file_bytes", [0, 1_000, 12_000] if IS_LONG_FORM else [0])
@pytest.mark.parametrize("stage", STAGES if IS_LONG_FORM else QUICK_STAGES)
def test_full_disk__stops_a_stage_with_one_error_and_a_rerun_heals(undisturbed: Scene, stage: str, max_file_bytes: int):
    undisturbed.start_from(BEGINNINGS.get(stage, stage))
    orders = replace(undisturbed.orders.only(stage), run_id="starved")
    ended = run(replace(orders, room=Room(stage, max_file_bytes)))
    if ended.error is None and max_file_bytes:
        pytest.skip("nothing of this stage needs more room")
    require_clear(ended)
    assert undisturbed.is_published_whole()
    heal(undisturbed, stage, is_whole_day=IS_LONG_FORM and max_file_bytes == 0)


def heal(undisturbed: Scene, stage: str, *, is_whole_day: bool) -> None:
    """The cause is gone: a plain rerun goes through, or, for less time, the stage tried again."""
    if is_whole_day:
        undisturbed.rerun().require_well()
    else:
        run(undisturbed.orders.only(stage)).require_well()
    if is_whole_day or stage.startswith("publish"):
        assert undisturbed.differences() == []
        assert undisturbed.leftovers() == []


# ---- no leave to write -------------------------------------------------------

# By stage: folders of the home that it writes to.
WRITES_TO = {
    "extract page": ("locks", "landing", "landing/reddit_api", "scratch"),
    "seal": ("landing/loads",),
    "gate 1": ("quality/gate_results", "quarantine", "scratch"),
    "promote": ("raw", "warehouse", "quality/load_outcomes"),
    "score": ("scores",),
    "dbt build": ("warehouse", "dbt"),
    "gate 2": ("quality/gate_results",),
    "publish copy": ("published", "published/states", "warehouse"),
}


@pytest.mark.parametrize(
    ("stage", "folder"),
    [
        (stage, folder)
        for stage, folders in WRITES_TO.items()
        for folder in (folders if IS_LONG_FORM else folders[:1])
        if IS_LONG_FORM or stage in QUICK_STAGES
    ],
)
def test_read_only_folder__stops_a_stage_with_one_error_and_a_rerun_heals(undisturbed: Scene, stage: str, folder: str):
    undisturbed.start_from(BEGINNINGS.get(stage, stage))
    orders = replace(undisturbed.orders.only(stage), run_id="kept out", obeys_modes=True)
    with read_only(undisturbed.home.root / folder):
        ended = run(orders)
    require_clear(ended)
    assert undisturbed.is_published_whole()
    heal(undisturbed, stage, is_whole_day=False)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may write into the folder or what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*")) if not path.is_symlink()}
    for path, mode in modes.items():
        path.chmod(mode & 0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


# ---- archives ----------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Nothing was run yet."""
    with scene(tmp_path_factory.mktemp("fresh"), has_day_before=False) as made:
        made.keep("nothing")
        yield made


@pytest.fixture
def archive(fresh: Scene) -> Iterator[Path]:
    """The archive of a fresh home; put back afterwards as it was."""
    fresh.start_from("nothing")
    path = fresh.root / "mate.ndjson"
    content = path.read_bytes()
    yield path
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    reddit_lines.write(path, content)


def take_away(path: Path) -> None:
    path.unlink()


def close(path: Path) -> None:
    path.chmod(0)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def be_cut_off(path: Path) -> None:
    path.write_bytes(b"\x28\xb5\x2f\xfd" + path.read_bytes()[:50])


@pytest.mark.parametrize("damage", [take_away, close, become_a_folder, be_cut_off] if IS_LONG_FORM else [close])
def test_archive__that_cannot_be_read_fails_alone_with_one_error_and_a_rerun_heals(
    fresh: Scene, archive: Path, damage: Callable[[Path], None]
):
    content = archive.read_bytes()
    damage(archive)
    orders = replace(fresh.orders, end_with="seal", obeys_modes=True)
    assert isinstance(require_clear(run(orders)), ArchiveUnreadable)
    assert [load.manifest.source for load in landing.sealed_loads(fresh.home)] == ["reddit_api"], "the other arrived"
    if archive.is_dir():
        archive.rmdir()
    archive.unlink(missing_ok=True)
    reddit_lines.write(archive, content)
    run(orders).require_well()
    assert rows_of_archive(fresh) == 80 + 1


def rows_of_archive(fresh: Scene) -> int:
    (load,) = [load for load in landing.sealed_loads(fresh.home) if load.manifest.source == "reddit_archive"]
    return load.manifest.rows_n


def test_archive__that_grows_while_it_is_read_is_refused_and_read_whole_afterwards(fresh: Scene, archive: Path):
    counts = run(replace(fresh.orders, end_with="seal")).require_well().counts
    fresh.start_from("nothing")
    # The archive comes last: a dozen statements before the end its lines have been read, and it is not sealed yet.
    moment = Moment("extract page", "sql", counts["extract page"]["sql"] - 12)
    process = Process(replace(fresh.orders, end_with="seal", pause_at=moment))
    process.wait_until_paused()
    end_s = int(shortly_after(SECOND_DAY, minutes=0).timestamp())
    late = reddit_lines.post("late", subreddit="Mate", created_utc=end_s - 60, retrieved_on=end_s)
    with archive.open("ab") as file:
        file.write(reddit_lines.lines([late]))
    process.go_on()
    assert isinstance(require_clear(process.wait()), SourceUnavailable)
    run(replace(fresh.orders, end_with="seal")).require_well()
    assert rows_of_archive(fresh) == 80 + 1 + 1


# ---- the clock ---------------------------------------------------------------


def test_clock__set_back_before_the_days_end_is_one_error_and_nothing_is_written(fresh: Scene):
    fresh.start_from("nothing")
    assert isinstance(require_clear(run(replace(fresh.orders, clock_shift=timedelta(days=-365)))), DayNotOver)
    assert list(landing.sealed_loads(fresh.home)) == []


@only_long
@pytest.mark.parametrize("hours", [-1, -24 * 7])
def test_clock__set_back_between_runs_leaves_the_same_marts(undisturbed: Scene, hours: int):
    undisturbed.start_from("extract page")
    undisturbed.rerun().require_well()
    run(replace(undisturbed.orders, run_id="earlier", clock_shift=timedelta(hours=hours))).require_well()
    assert undisturbed.differences() == []
    assert undisturbed.leftovers() == []


@only_long
def test_clock__set_back_after_a_failed_extraction_does_not_hide_that_a_rerun_brought_the_day(undisturbed: Scene):
    undisturbed.start_from("extract page")
    archive = undisturbed.root / "mate.ndjson"
    aside = archive.rename(archive.with_suffix(".aside"))
    try:
        run(undisturbed.orders).require_well()
        assert undisturbed.differences() != []
    finally:
        aside.rename(archive)
    run(replace(undisturbed.orders, run_id="earlier", clock_shift=timedelta(hours=-1))).require_well()
    assert undisturbed.differences() == []
