"""Files that lack something, through the whole pipeline: what the marts may say of them, against the planted truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from pulse.config.settings import load_settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.reading import status
from pulse.sandbox.world import World
from pulse.sandbox.world_gaps import Gaps, write_gaps
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds
from support import only_models, take, world_of_seed_7

pytestmark = pytest.mark.integration

LAST_DAY = date(2026, 7, 31)


@dataclass(frozen=True)
class GapsRun:
    """The world read badly, published; the window reaches as far as the stray record."""

    home: Home
    pipeline: Pipeline
    world: World
    gaps: Gaps
    window: Window


@pytest.fixture(scope="module")
def gaps_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GapsRun]:
    """Written for reading only."""
    folder = tmp_path_factory.mktemp("gaps")
    world = world_of_seed_7()
    gaps = write_gaps(world, folder / "files", last_day=LAST_DAY)
    with (
        pytest.MonkeyPatch.context() as environment,
        only_models("+fct_community_daily", "+fct_community_monthly", "+fct_contributions"),
    ):
        environment.setenv("PULSE_HOME", str(folder / "home"))
        environment.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        home = Home.from_environment().create()
        pipeline = Pipeline(home, load_settings(gaps.config, home=home), lambda: datetime(2026, 10, 1, tzinfo=UTC))
        window = Window(gaps.first_day, gaps.stray_day)
        take(pipeline, window)
        yield GapsRun(home, pipeline, world, gaps, window)


@pytest.fixture
def marts(gaps_run: GapsRun) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(builds.published_file(gaps_run.home)), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def days(marts: duckdb.DuckDBPyConnection, community: str) -> dict[date, dict[str, Any]]:
    """Rows of ``fct_community_daily`` by day."""
    found = marts.execute(
        "select * from marts.fct_community_daily where community = $community", {"community": community}
    )
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {row["contribution_date"]: row for row in rows}


def test_posts_alone__say_nothing_of_comments(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    gaps = gaps_run.gaps
    found = days(marts, gaps.posts_only)
    known = {day: row for day, row in found.items() if row["posts"] is not None}
    assert {day for day in known if day <= LAST_DAY} == {day for day in found if day <= LAST_DAY}
    assert sum(row["posts"] for row in known.values()) > 0
    assert {row["comments"] for row in found.values()} == {None}
    assert all(row["is_posts_complete"] for day, row in found.items() if day <= LAST_DAY)
    assert not any(row["is_comments_complete"] for row in found.values())
    assert sum(row["platform_replies"] or 0 for row in known.values()) > 0, "what the platform counted stands beside"
    month = marts.execute(
        "select comments, conversations, response_rate_24h, caveat from marts.fct_community_monthly "
        "where community = $community and month_start_date = date '2026-07-01'",
        {"community": gaps.posts_only},
    ).fetchone()
    assert month is not None
    assert month[:3] == (None, None, None)
    assert "comments_not_read" in month[3]


def test_comments_that_end_earlier__are_unknown_from_there(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    gaps = gaps_run.gaps
    found = days(marts, gaps.comments_end_earlier)
    after = {day for day in found if gaps.comments_last_day < day <= LAST_DAY}
    assert len(after) == 5
    assert {found[day]["comments"] for day in after} == {None}
    assert all(found[day]["posts"] is not None for day in after)
    assert found[gaps.comments_last_day - timedelta(days=1)]["comments"] is not None


def test_stray_record__proves_no_day_before_it(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    found = days(marts, gaps_run.gaps.stray)
    between = [row for day, row in found.items() if LAST_DAY < day <= gaps_run.gaps.stray_day]
    assert len(between) == 20
    assert {(row["posts"], row["comments"], row["is_day_complete"]) for row in between} <= {
        (None, None, False), (1, None, False), (None, 1, False),
    }  # fmt: skip


def test_download_cut_at_noon__leaves_its_day_partial(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    row = days(marts, gaps_run.gaps.cut_at_noon)[LAST_DAY]
    assert row["outcome"] == "partial"
    assert not row["is_day_complete"]
    assert 0 < row["comments_looked_h"] <= 12


def test_name_that_nothing_bears__is_never_seen_and_has_no_zero(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    found = days(marts, gaps_run.gaps.never_seen)
    assert {(row["posts"], row["comments"], row["outcome"]) for row in found.values()} == {(None, None, "never_seen")}


def test_day_on_which_nobody_wrote__keeps_its_zeros_and_is_marked(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    gaps = gaps_run.gaps
    rows = {name: days(marts, name)[gaps.silent_day] for name in gaps.silent}
    assert all(row["is_silent_everywhere"] for row in rows.values())
    assert all(row["posts"] == 0 for row in rows.values())
    stray = days(marts, gaps.stray)[gaps.silent_day]
    assert stray["comments"] is None, "an undeclared file cannot tell an outage from a hole"


def test_text_taken_back_between_two_looks__is_gone(marts: duckdb.DuckDBPyConnection, gaps_run: GapsRun):
    ids = sorted(gaps_run.gaps.taken_back_ids)
    rows = marts.execute(
        "select contribution_id, removal, title, body from marts.fct_contributions "
        "where list_contains($ids, contribution_id)",
        {"ids": ids},
    ).fetchall()
    assert len(rows) == len(ids) > 5
    assert {removal for _, removal, _, _ in rows} <= {"by_author", "by_moderator"}
    assert {(title, body) for *_, title, body in rows} == {(None, None)}


def test_every_figure__rests_on_what_was_looked_at(marts: duckdb.DuckDBPyConnection):
    assert marts.execute(
        """
        select count(*) from marts.fct_community_daily
        where (posts is not null and posts_looked_h = 0) or (comments is not null and comments_looked_h = 0)
            or (posts = 0 and not is_posts_complete and outcome <> 'partial')
            or (is_posts_complete and posts_looked_h < 24) or (is_comments_complete and comments_looked_h < 24)
        """
    ).fetchone() == (0,)


def test_rebuild__says_the_same(gaps_run: GapsRun, marts: duckdb.DuckDBPyConnection):
    columns = "* exclude (communities_arrived_share)"
    before = marts.execute(f"select {columns} from marts.fct_community_daily order by all").fetchall()
    gaps_run.pipeline.require_built(gaps_run.pipeline.build(is_full_refresh=True))
    with duckdb.connect(str(builds.working_file(gaps_run.home)), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        assert connection.execute(f"select {columns} from marts.fct_community_daily order by all").fetchall() == before
    assert raw.pending_dates(gaps_run.home) == {}


def test_status__names_days_that_nobody_ran(gaps_run: GapsRun):
    entries = status.status_of(gaps_run.home, gaps_run.pipeline.settings).entries
    assert {entry.never_run for entry in entries} == {()}
    run = [("a", date(2026, 1, 1), date(2026, 1, 3)), ("a", date(2026, 1, 6), date(2026, 1, 6)),
           ("b", date(2026, 1, 2), date(2026, 1, 9))]  # fmt: skip
    assert status._never_run(run, ["a", "b", "c"]) == {
        "a": ((date(2026, 1, 4), date(2026, 1, 5)), (date(2026, 1, 7), date(2026, 1, 9))),
        "b": ((date(2026, 1, 1), date(2026, 1, 1)),),
        "c": ((date(2026, 1, 1), date(2026, 1, 9)),),
    }
