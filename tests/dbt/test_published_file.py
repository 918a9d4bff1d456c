"""What stands in a published file beside the marts: quality results, frozen months, and what every column means."""

import re
import shutil
import signal
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse import kpi
from pulse.core.files import read_json, sql_text
from pulse.core.home import REPOSITORY
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.kpi import Month
from pulse.lake import kpi_store, quality
from pulse.warehouse import builds
from support import contribution

pytestmark = pytest.mark.integration

OCTOBER = Month(date(2026, 10, 1))
LATER = datetime(2027, 2, 1, tzinfo=UTC)
SCHEMAS = ("intermediate", "kpi", "marts", "quality")


@pytest.fixture(scope="module")
def once_published(shared_lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with a small state that readers see; returns a copy of its home, to start from it again."""
    lab = shared_lab
    lab.empty()
    quality.append(lab.home, quality.GATE_RESULTS, [{"rule": "rows_n", "is_stopping": True, "message": "m"}], stem="a")
    lab.bring(lab.archive(0, [contribution("t3_a"), contribution("t1_b")]))
    lab.build()
    lab.publish()
    aside: Path = tmp_path_factory.mktemp("published") / "home"
    shutil.copytree(lab.home.root, aside, symlinks=True)
    return aside


@pytest.fixture
def published(once_published: Path, shared_lab: Any) -> Any:
    for name in ("raw", "scores", "quality", "kpi", "warehouse", "published"):
        shutil.rmtree(shared_lab.home.root / name)
        shutil.copytree(once_published / name, shared_lab.home.root / name)
    return shared_lab


def seen(lab: Any, sql: str) -> Sequence[tuple[Any, ...]]:
    """What another program reads of the published file."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {sql_text(builds.published_file(lab.home))} as published (read_only)")
        connection.execute("use published")
        return connection.execute(sql).fetchall()


def close(lab: Any, at: datetime = LATER) -> kpi.Closed:
    return kpi.close_month(lab.home, OCTOBER, clock=lambda: at)


# ---- comments --------------------------------------------------------------


def test_comments__every_table_and_column_has_one(published: Any):
    tables = seen(
        published, "select schema_name, table_name, comment from duckdb_tables() where not internal order by all"
    )
    columns = seen(
        published,
        "select schema_name, table_name || '.' || column_name, comment "
        "from duckdb_columns() where not internal order by all",
    )
    assert {schema for schema, _, _ in tables} == set(SCHEMAS)
    assert len(columns) > 500
    nameless = [f"{schema}.{name}" for schema, name, comment in [*tables, *columns] if not (comment or "").strip()]
    assert nameless == []
    assert not [comment for _, _, comment in [*tables, *columns] if "{{" in comment]


def test_comments__say_what_the_yml_says(published: Any):
    ((comment,),) = seen(published, "select comment from duckdb_tables() where table_name = 'fct_contributions'")
    assert "Grain: one row per platform, community and contribution_id." in comment
    ((comment,),) = seen(
        published,
        "select comment from duckdb_columns() where table_name = 'fct_contributions' and column_name = 'author_key'",
    )
    assert "the same person in all communities of one platform" in comment
    internal = seen(published, "select comment from duckdb_tables() where schema_name = 'intermediate'")
    assert len(internal) > 10
    assert all(comment.startswith("Internal: ") for (comment,) in internal)


# ---- quality and kpi -------------------------------------------------------


def test_readme__its_queries_work_on_the_file_alone(published: Any):
    queries = re.findall(r'pulse sql "(.*?)"', (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(queries) >= 2
    for query in queries:
        seen(published, query)
    assert seen(published, "select rule, message from quality.gate_results where is_stopping") == [("rows_n", "m")]


def test_facts__say_as_of_when_each_table_is(published: Any):
    state = builds.published_state(published.home)
    found = seen(published, "select schema_name || '.' || table_name, state_id, rows_n from quality.published")
    assert {name for name, _, _ in found} == {
        "kpi.kpi_monthly", "kpi.kpi_as_first_reported", "kpi.kpi_as_now_known", "kpi.kpi_restatements",
        "kpi.kpi_lost_versions", "quality.load_outcomes", "quality.gate_results", "quality.quarantined_rows",
        "quality.creation_time_clashes", "quality.deletion_checks", "quality.erasures",
    }  # fmt: skip
    assert {state_id for _, state_id, _ in found} == {state.state_id if state else None}
    assert {name: rows_n for name, _, rows_n in found}["quality.gate_results"] == 1
    ((stamp,),) = seen(published, "select distinct strftime(published_at, '%Y%m%dT%H%M%S') from quality.published")
    assert state is not None
    assert state.state_id.startswith(stamp[:13])


def test_closing__publishes_again_without_a_build(published: Any, look: Any):
    file = builds.published_file(published.home)
    before, marts, first = (
        read_json(published.home.warehouse / "state.json"),
        look(file),
        builds.published_state(published.home),
    )
    assert seen(published, "select count(*) from kpi.kpi_as_now_known") == [(0,)]
    closed = close(published)
    assert closed.is_new
    assert seen(published, "select count(*), min(state_id) from kpi.kpi_as_now_known") == [
        (closed.figures_n, closed.state_id)
    ]
    assert look(file) == marts
    assert read_json(published.home.warehouse / "state.json") == before
    state = builds.published_state(published.home)
    assert first is not None
    assert state is not None
    assert state.state_id > first.state_id
    assert state.file.samefile(file)
    assert first.file.exists(), "somebody may be about to open it"
    close(published)
    assert builds.published_state(published.home) == state, "nothing is frozen that it lacks"


def test_closing__of_many_months_leaves_two_files_of_the_same_marts(published: Any):
    for number in range(1, 5):
        row = dict.fromkeys(kpi_store.TABLES[kpi_store.KPI_MONTHLY].names) | {"kpi": "k", "version": 1}
        kpi_store.add_version(published.home, Month(date(2025, number, 1)), 1, [row], [])
        assert builds.publish_frozen(published.home, clock=published.clock, timeout_s=0) is not None
    assert len(list((published.home.published / "states").iterdir())) == 2
    assert seen(published, "select count(*) from kpi.kpi_monthly") == [(4,)]


def test_closing__while_another_run_builds_freezes_and_leaves_publishing_to_it(published: Any, caplog: Any):
    with exclusive(published.home, WAREHOUSE_LOCK):
        assert kpi.close_month(published.home, OCTOBER, clock=lambda: LATER, timeout_s=0).is_new
    assert "the next publish brings it" in caplog.text
    assert seen(published, "select count(*) from kpi.kpi_monthly") == [(0,)]
    assert not close(published).is_new
    assert seen(published, "select count(*) > 0 from kpi.kpi_monthly") == [(True,)]


def test_closing__leaves_an_unpublished_build_alone_and_the_next_build_goes_on_from_its_file(published: Any, look: Any):
    lab = published
    lab.bring(lab.archive(0, [contribution("t3_a"), contribution("t3_new")], name="again"))
    lab.build(has_data_tests=False)
    close(lab)
    assert seen(lab, "select count(*) from marts.fct_contributions where contribution_id = 't3_new'") == [(0,)]
    # The next build undoes what was built, and starts from a file with schemas that dbt knows nothing of.
    assert lab.build(has_data_tests=False).contribution_dates is not None
    lab.publish()
    incremental = look(builds.published_file(lab.home))
    assert seen(lab, "select count(*) from marts.fct_contributions where contribution_id = 't3_new'") == [(1,)]
    assert seen(lab, "select count(*) > 0 from kpi.kpi_monthly") == [(True,)]
    lab.build(is_full_refresh=True)
    lab.publish()
    assert look(builds.published_file(lab.home)) == incremental


@pytest.mark.parametrize(
    "moment",
    [
        "builds._copy_counted = die",
        "from pulse.warehouse import published_file; published_file._write_comments = die",
        "builds._smoke_test = die",
        "builds._point_readers_to = die",
        "builds.write_json = die",
    ],
)
def test_closing__killed_while_it_publishes_is_finished_by_the_next(published: Any, forker: Any, moment: str):
    killed = published.run(
        f"{moment}\nfrom pulse import kpi\nfrom datetime import date\n"
        "kpi.close_month(home, kpi.Month(date(2026, 10, 1)), clock=clock)",
        forker=forker,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert seen(published, "select count(*) > 0 from marts.fct_contributions") == [(True,)]
    assert not close(published).is_new
    assert seen(published, "select count(*) > 0 from kpi.kpi_monthly") == [(True,)]
    states = published.home.published / "states"
    assert not [file for file in states.iterdir() if file.name.startswith(".")]


def test_publish__leaves_damaged_files_out_and_says_so(published: Any, caplog: Any):
    home = published.home
    close(published)
    kpi_store.add_version(
        home, Month(date(2025, 1, 1)), 1, [dict.fromkeys(kpi_store.TABLES[kpi_store.KPI_MONTHLY].names)], []
    )
    frozen = next((home.kpi / "kpi_monthly").glob("month=2026-10/v*.parquet"))
    frozen.write_bytes(frozen.read_bytes()[:200])
    (home.quality / "gate_results" / "x.parquet").write_bytes(b"garbage")
    builds.publish_frozen(home, clock=published.clock, timeout_s=0)
    assert seen(published, "select count(*) from kpi.kpi_monthly") == [(1,)]
    assert seen(published, "select count(*) from quality.gate_results where rule = 'rows_n'") == [(1,)]
    found = seen(published, "select table_name, files_left_out from quality.published where files_left_out is not null")
    assert dict(found)["gate_results"] == "quality/gate_results/x.parquet"
    assert dict(found)["kpi_as_now_known"] == "kpi/kpi_monthly/month=2026-10/v0001.parquet"
    assert set(dict(found)) == {
        "gate_results", "kpi_monthly", "kpi_as_first_reported", "kpi_as_now_known", "kpi_restatements",
    }  # fmt: skip
    for name in ("x.parquet", "v0001.parquet"):
        assert any("left out" in line and name in line for line in caplog.messages)
