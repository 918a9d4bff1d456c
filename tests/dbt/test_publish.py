"""Publishing: readers see one whole state or the next, and only what was built well."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.core.errors import BuildFailed, BuildReplaced, DamagedFile, NothingPublished
from pulse.core.files import read_json, sql_text, write_json
from pulse.core.home import Home
from pulse.lake import quality, raw
from pulse.warehouse import builds, transform
from pulse.warehouse.engines.duckdb import DuckDBEngine
from support import NOON, contribution

pytestmark = pytest.mark.integration

# Publishing is about files, links and locks, so a few models are enough to see a state by: incremental ones, one that
# forgets its helpers and one that says what a build has to widen to. Their data tests run in the build that most tests
# here begin with.
MODELS = ("+fct_contributions", "+dim_contributors", "int_comment_depths", "int_author_days")

OLD, NEW = ["t3_a", "t3_lost"], ["t3_a", "t3_new"]


@pytest.fixture(scope="module")
def once_built(shared_lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Readers see ``OLD``; a build with ``NEW`` ended well. Returns where all that is kept, to start from it again."""
    lab = shared_lab
    lab.empty()
    lab.bring(lab.archive(0, [contribution("t3_a"), contribution("t3_lost", author_key="b" * 64)]))
    lab.build(has_data_tests=False)
    lab.publish()
    lab.bring(lab.archive(0, [contribution("t3_a"), contribution("t3_new", author_key="c" * 64)], name="again"))
    lab.build()
    aside = tmp_path_factory.mktemp("built")
    for folder in folders(lab.home):
        shutil.copytree(folder, aside / folder.name)
    return aside


@pytest.fixture
def built(once_built: Path, shared_lab: Any) -> Any:
    """A lab in which readers see ``OLD`` and the working file holds ``NEW``."""
    for folder in folders(shared_lab.home):
        shutil.rmtree(folder)
        shutil.copytree(once_built / folder.name, folder)
    return shared_lab


def folders(home: Home) -> tuple[Path, ...]:
    return home.raw, home.warehouse, home.published


@contextmanager
def reader(file: Path) -> Iterator[Callable[[], list[str]]]:
    """Somebody with an open connection to a published file; a call asks for the ids of all contributions."""
    with duckdb.connect() as connection:
        # Attached to a connection of its own: DuckDB gives one instance per path and process.
        connection.execute(f"attach {sql_text(file)} as seen (read_only)")
        query = "select contribution_id from seen.marts.fct_contributions order by 1"
        yield lambda: [name for (name,) in connection.execute(query).fetchall()]


def what_readers_see(lab: Any) -> list[str]:
    with reader(builds.published_file(lab.home)) as ids:
        return ids()


def test_publish__an_open_reader_keeps_its_state_and_a_new_one_sees_the_next(built: Any):
    with reader(builds.published_file(built.home)) as ids:
        assert ids() == OLD
        state = built.publish()
        assert ids() == OLD
        assert what_readers_see(built) == NEW
    assert builds.published_state(built.home) == state
    assert raw.pending_dates(built.home) == {}


def test_publish__again_changes_nothing(built: Any):
    first = built.publish()
    before = {path: path.stat().st_mtime_ns for path in built.home.published.rglob("*")}
    assert built.publish() == first
    assert {path: path.stat().st_mtime_ns for path in built.home.published.rglob("*")} == before


def test_publish__leaves_the_note_of_what_was_promoted_again_after_the_build(built: Any):
    notes = sorted(raw.pending_dates(built.home))
    assert notes
    # The same load came and went and came again while gate 2 looked at the build.
    write_json(notes[0], read_json(notes[0]))
    built.publish()
    assert list(raw.pending_dates(built.home)) == notes[:1]


def test_publish__no_view_on_raw_goes_with_it(built: Any):
    with duckdb.connect(str(built.publish().file), read_only=True) as connection:
        schemas = connection.execute("select distinct schema_name from duckdb_views() where not internal").fetchall()
    assert schemas == []


def test_publish__keeps_as_many_states_as_asked_though_the_clock_stands_still(built: Any):
    unpublished = read_json(built.home.warehouse / "state.json")
    states = []
    for _ in range(4):
        write_json(built.home.warehouse / "state.json", unpublished)  # as after another build
        states.append(builds.publish(built.home, keep_states_n=2, clock=lambda: NOON))
    assert sorted((built.home.published / "states").iterdir()) == [states[2].file, states[3].file]
    assert len({state.state_id for state in states}) == 4
    assert what_readers_see(built) == NEW


def test_publish__without_a_build_says_what_to_do(built: Any):
    for file in (*built.home.warehouse.glob("*.*"), *built.home.published.glob("*.*")):
        file.unlink()
    with pytest.raises(NothingPublished, match="nothing was built"):
        built.publish()


@pytest.mark.parametrize(
    "moment",
    ["_copy_counted", "_smoke_test", "_point_readers_to", "write_json", "_WorkingState.write", "_remove_old_states"],
)
def test_publish__killed_at_any_moment_is_finished_by_the_next(built: Any, forker: Any, moment: str):
    ended = built.run(f"builds.{moment} = die\nbuilds.publish(home, keep_states_n=2, clock=clock)", forker=forker)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert what_readers_see(built) in (OLD, NEW)
    built.publish()
    assert what_readers_see(built) == NEW
    assert raw.pending_dates(built.home) == {}
    assert [path.name for path in built.home.published.rglob(".*")] == [], "half-written files are swept up"


def test_build__heals_what_a_killed_publish_and_a_killed_build_left(built: Any, forker: Any, look: Any):
    ended = built.run("builds.write_json = die\nbuilds.publish(home, keep_states_n=2, clock=clock)", forker=forker)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    ended = built.run(
        """
from dbt.cli import main
def kill_half_way(event):
    if event.info.name == "LogModelResult" and "int_contributor_days" in event.info.msg:
        die()
runner = main.dbtRunner
main.dbtRunner = lambda callbacks, **options: runner(callbacks=[*callbacks, kill_half_way], **options)
builds.build(home, settings=settings)
""",
        forker=forker,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with pytest.raises(BuildFailed, match="did not end well"):
        built.publish()
    assert built.build(has_data_tests=False).contribution_dates == (built.day(0),)
    state = built.publish()
    assert what_readers_see(built) == NEW
    people = {row["author_key"] for row in look(state.file)["marts.dim_contributors"]}
    assert people == {"a" * 64, "c" * 64}, "who was lost half way is lost for good, if the half build is not undone"


def test_publish__refuses_a_build_that_failed_or_was_of_a_selection(built: Any):
    broken = built.home.contributions_dir("reddit", "tea", built.day(0)) / "broken.parquet"
    broken.write_bytes(b"not Parquet at all")
    with pytest.raises(DamagedFile, match=r"broken\.parquet"):
        builds.build(built.home, settings=built.settings)
    with pytest.raises(BuildFailed, match="did not end well"):
        built.publish()
    broken.unlink()
    assert builds.build(built.home, settings=built.settings, select="int_author_days").is_ok
    with pytest.raises(BuildFailed, match="did not end well"):
        built.publish()
    assert what_readers_see(built) == OLD


def test_build__without_the_published_file_starts_from_raw(built: Any):
    shutil.rmtree(built.home.published / "states")
    assert built.build(has_data_tests=False).contribution_dates is None
    built.publish()
    assert what_readers_see(built) == NEW


def test_build__a_full_one_forgets_tables_that_the_project_no_longer_has(built: Any):
    built.publish()
    with duckdb.connect(str(builds.working_file(built.home))) as connection:
        connection.execute("create table marts.fct_of_last_year as select 1 as one")
    built.build(is_full_refresh=True, has_data_tests=False)
    with duckdb.connect(str(built.publish().file), read_only=True) as connection:
        tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    assert "fct_contributions" in tables
    assert "fct_of_last_year" not in tables
    assert {name for name in tables if name.startswith("affected")} == set(), "nor helpers of a partial build"


def test_publish__takes_only_the_build_that_was_passed_and_sees_when_the_other_run_published_it(built: Any):
    passed = builds.built(built.home)
    built.build(has_data_tests=False)  # another run, between gate 2 and publish
    other = builds.built(built.home)
    assert other.build_id != passed.build_id
    with pytest.raises(BuildReplaced, match=str(passed.build_id)) as caught:
        builds.publish(built.home, keep_states_n=2, clock=built.clock, build_id=passed.build_id)
    assert caught.value.retry_helps
    published = builds.publish(built.home, keep_states_n=2, clock=built.clock, build_id=other.build_id)
    retried = builds.publish(built.home, keep_states_n=2, clock=built.clock, build_id=passed.build_id)
    assert retried == published


def test_build__fails_where_columns_are_not_those_of_the_table_or_of_the_contract(
    built: Any, monkeypatch: pytest.MonkeyPatch
):
    published = built.publish()
    with duckdb.connect(str(builds.working_file(built.home))) as connection:
        connection.execute("alter table intermediate.int_author_days add column of_another_version integer")
        connection.execute("drop table marts.dim_contributors")  # to be made again, with its contract
    parsed = transform._parsed_project(built.home, builds.working_file(built.home).stem, DuckDBEngine())
    promised = parsed.nodes["model.community_pulse.dim_contributors"].columns
    monkeypatch.setattr(promised["author_key"], "data_type", "bigint")
    note = {"load_id": "x", "contribution_dates": [built.day(0).isoformat()]}
    write_json(built.home.warehouse / "pending" / "x.json", note)
    monkeypatch.setattr(builds, "BUILD", ("run", "--select", "dim_contributors", "int_author_days"))
    report = builds.build(built.home, settings=built.settings)
    messages = {node.label: node.message for node in report.nodes if not node.is_ok}
    assert "of_another_version" in messages["int_author_days"]
    assert "enforced contract that failed" in messages["dim_contributors"]
    with pytest.raises(BuildFailed):
        built.publish()
    assert builds.published_state(built.home) == published


# ---- nothing new ------------------------------------------------------------


def times_of(home: Home) -> dict[Path, int]:
    """When each file of the warehouse and of what is published was written."""
    folders = (home.warehouse, home.published)
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_build__with_nothing_new_since_the_publish_touches_nothing(built: Any):
    published = built.publish()
    before = times_of(built.home)
    report = built.build()
    assert report.is_nothing_new
    assert report.nodes == ()
    assert builds.built(built.home).is_published
    assert built.publish() == published
    assert times_of(built.home) == before


def test_build__of_a_day_without_any_rows_is_done_for_its_outcome_alone(
    built: Any, look: Any, monkeypatch: pytest.MonkeyPatch
):
    built.publish()
    # What says how a day came out is made anew by every build, and so are all that lie between it and the outcomes.
    monkeypatch.setattr(built, "models", [*built.models, "+fct_community_daily"])
    outcome = dict.fromkeys(quality.TABLES[quality.LOAD_OUTCOMES].names) | {
        "run_id": "quiet", "platform": "reddit", "entry_id": "reddit/tea", "community": "tea", "day": built.day(1),
        "source": "reddit_archive", "outcome": "failed", "contributions_n": 0, "recorded_at": built.clock(),
    }  # fmt: skip
    file = quality.append(built.home, quality.LOAD_OUTCOMES, [outcome], stem="quiet")
    try:
        assert not built.build(has_data_tests=False).is_nothing_new
        days = look(built.publish().file)["marts.fct_community_daily"]
        assert (built.day(1), "failed") in {(row["contribution_date"], row["outcome"]) for row in days}
    finally:
        file.unlink()


def cut_to_half(file: Path) -> None:
    with file.open("r+b") as content:
        content.truncate(file.stat().st_size // 2)


CHANGES: dict[str, Callable[[Any], object]] = {
    "a note of dates to build": lambda lab: write_json(
        lab.home.warehouse / "pending" / "x.json", {"load_id": "x", "contribution_dates": []}
    ),
    "a raw file written again": lambda lab: next((lab.home.raw / "contributions").rglob("day=*/*.parquet")).touch(),
    "a raw file gone": lambda lab: next((lab.home.raw / "contributions").rglob("day=*/*.parquet")).unlink(),
    "the working file damaged": lambda lab: cut_to_half(builds.working_file(lab.home)),
    "the working file gone": lambda lab: builds.working_file(lab.home).unlink(),
    "the published file damaged": lambda lab: cut_to_half(builds.published_file(lab.home)),
    "the published file gone": lambda lab: builds.published_file(lab.home).unlink(),
    "a state of an earlier version": lambda lab: write_json(
        lab.home.warehouse / "state.json",
        {name: value for name, value in read_json(lab.home.warehouse / "state.json").items() if name != "inputs"},
    ),
}


class Reached(Exception):
    """Dbt would be asked to build."""


@pytest.mark.parametrize("change", CHANGES)
def test_build__whatever_changed_since_the_publish_is_built(built: Any, change: str, monkeypatch: pytest.MonkeyPatch):
    def reached(*_: Any, **__: Any) -> None:
        raise Reached

    built.publish()
    monkeypatch.setattr(transform, "run", reached)
    assert built.build().is_nothing_new, "else this test would pass on anything"
    CHANGES[change](built)
    with pytest.raises(Reached):
        built.build()


def test_build__another_project_or_model_is_built(built: Any, monkeypatch: pytest.MonkeyPatch):
    built.publish()
    monkeypatch.setattr(transform, "project_digest", lambda: "another")
    assert built.build(has_data_tests=False).contribution_dates is None
    assert not builds.built(built.home).is_published


def test_build__leaves_no_semaphores_to_a_process_that_ends_as_airflow_ends_it(built: Any):
    ended = built.run("assert builds.build(home, settings=settings).is_ok\nos._exit(0)")
    assert ended.returncode == 0, ended.stderr
    assert "resource_tracker" not in ended.stderr
