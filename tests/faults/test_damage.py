"""Files that were damaged after an undisturbed run: the documented rerun gives the same marts, and what cannot be made
again is named, blocks nothing that does not need it, and can be set aside.
"""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

import damaging
from faults.harness import FIRST_DAY, IS_LONG_FORM, SECOND_DAY, Scene, differences, run
from fixtures.live_reddit import KEY
from pulse.core.clock import utc_now
from pulse.core.errors import DamagedFile
from pulse.core.home import Home
from pulse.lake import landing, quality
from pulse.reading import damage
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds

pytestmark = [pytest.mark.integration, pytest.mark.faults]

Damaging = Callable[[Path], None]
only_long = pytest.mark.skipif(not IS_LONG_FORM, reason="part of the long form: make test-faults")
every_damage = pytest.mark.parametrize(
    "hurt", damaging.ALL.values() if IS_LONG_FORM else [damaging.cut_to_half], ids=lambda function: function.__name__
)
plain_damage = pytest.mark.parametrize(
    "hurt", damaging.PLAIN.values() if IS_LONG_FORM else [damaging.write_over], ids=lambda function: function.__name__
)


@pytest.fixture(scope="module")
def done(undisturbed: Scene) -> Scene:
    """A home after a whole run; it is kept under the name ``done``."""
    if not (undisturbed.root / "kept" / "done").exists():
        undisturbed.start_from("publish copy")
        run(undisturbed.orders.only("publish copy")).require_well()
        undisturbed.keep("done")
    return undisturbed


@pytest.fixture
def home(done: Scene, monkeypatch: pytest.MonkeyPatch) -> Home:
    done.start_from("done")
    monkeypatch.setenv("PULSE_HOME", str(done.home.root))
    monkeypatch.setenv("PULSE_AUTHOR_KEY", KEY.decode())
    return done.home


def files_of_rows(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*.parquet") if not file.name.startswith("_empty"))


def pipeline(done: Scene) -> Pipeline:
    return Pipeline(done.home, done.orders.settings)


def damaged_inputs(home: Home, hurt: Damaging) -> list[Path]:
    """Damage one file of each community in raw, one of scores, and one of outcomes that says what another says too."""
    files = [files_of_rows(folder)[0] for folder in sorted((home.raw / "contributions").glob("*/community=*"))]
    assert len(files) == 2, "one of an archive, one live"
    files.append(files_of_rows(home.raw / "communities")[0])
    files.append(files_of_rows(home.scores)[0])
    for file in files:
        hurt(file)
    return files


@every_damage
def test_rebuild__makes_raw_from_landing_and_scores_again(done: Scene, home: Home, hurt: Damaging):
    files = damaged_inputs(home, hurt)
    assert {found.file for found in damage.find(home, is_deep=True)} == set(files)
    pipeline(done).rebuild(run_id="rebuild")
    assert damage.find(home, is_deep=True) == []
    assert differences(builds.published_file(home), done.after) == []


@plain_damage
def test_run__heals_what_it_meets(done: Scene, home: Home, hurt: Damaging):
    damaged_inputs(home, hurt)
    hurt(builds.working_file(home))
    hurt(home.warehouse / "state.json")
    run(done.orders).require_well()
    assert damage.find(home, is_deep=True) == []
    assert differences(builds.published_file(home), done.after) == []


@only_long
@plain_damage
@pytest.mark.parametrize("what", ["published", "published state", "working and published", "everything published"])
def test_run__heals_databases(done: Scene, home: Home, hurt: Damaging, what: str):
    published, state = builds.published_file(home), home.published / "state.json"
    states = sorted((home.published / "states").glob("*.duckdb"))
    targets = {
        "published": [published, *states],
        "published state": [state],
        "working and published": [builds.working_file(home), published, *states],
        "everything published": [builds.working_file(home), published, *states, state],
    }[what]
    for file in targets:
        hurt(file)
    assert damage.find(home)
    run(done.orders).require_well()
    assert [found.file for found in damage.find(home, is_deep=True) if found.file not in states] == []
    assert differences(builds.published_file(home), done.after) == []


@only_long
@every_damage
def test_run__outcomes_of_which_a_file_is_damaged_stop_nothing(done: Scene, home: Home, hurt: Damaging):
    files = sorted((home.quality / quality.LOAD_OUTCOMES).glob("*arrived.parquet"))
    assert len(files) == 2, "of the day before, and of the run that comes again"
    for file in files:
        hurt(file)
    run(done.orders).require_well()  # it writes its own again
    (left,) = [found.file for found in damage.find(home, is_deep=True)]
    pipeline(done).rebuild(run_id="rebuild")
    days = completeness(home)
    assert [is_complete for day, is_complete in days if day == SECOND_DAY] == [True, True]
    assert not any(is_complete for day, is_complete in days if day != SECOND_DAY), "nobody can tell any more"
    damage.set_aside(home, damage.require(home, left), clock=utc_now)
    assert damage.find(home, is_deep=True) == []


def completeness(home: Home) -> list[tuple[date, bool | None]]:
    """Of each community and day that has any rows."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{builds.published_file(home)}' as published (read_only)")
        return connection.execute(
            "select contribution_date, is_day_complete from published.marts.fct_community_daily "
            f"where contribution_date between '{FIRST_DAY}' and '{SECOND_DAY}'"
        ).fetchall()


@every_damage
def test_live__what_landing_lost_is_named_and_can_be_set_aside(done: Scene, home: Home, hurt: Damaging):
    (folder,) = (home.raw / "contributions").glob("*/community=nightridelamps")
    file = files_of_rows(folder)[-1]
    load = landing.require(home, file.stem)
    damaging.remove(load.folder)
    hurt(file)
    with pytest.raises(DamagedFile) as caught:
        pipeline(done).rebuild(run_id="rebuild")
    assert str(file) in str(caught.value)
    command = f"`pulse set-aside {file.relative_to(home.root)}`"
    assert command in caught.value.next_step
    with duckdb.connect() as connection:  # what was published is as it was
        connection.execute(f"attach '{builds.published_file(home)}' as published (read_only)")
    damage.set_aside(home, damage.require(home, file), clock=utc_now)
    pipeline(done).rebuild(run_id="rebuild")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{builds.published_file(home)}' as published (read_only)")
        rows = connection.execute(
            "select distinct posts, comments, is_day_complete, outcome from published.marts.fct_community_daily "
            f"where community = 'nightridelamps' and contribution_date = '{file.parent.name.removeprefix('day=')}'"
        ).fetchall()
    assert rows
    assert {(posts, comments) for posts, comments, *_ in rows} == {(None, None)}, "unknown, not zero"
    assert not any(is_complete for *_, is_complete, _ in rows)
    assert os.listdir(home.root / "damaged")  # noqa: PTH208
