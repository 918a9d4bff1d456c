"""What is planted in the made-up world is found again in the marts of the demo, each within a stated tolerance.

July is looked at: June before it is history, so who is new can be told.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from pulse.cli import demo
from pulse.sandbox.world import World
from pulse.warehouse import builds
from support import world_of_seed_7

pytestmark = pytest.mark.integration

JULY, AUGUST = date(2026, 7, 1), date(2026, 8, 1)


@pytest.fixture(scope="module")
def world() -> World:
    """The demo's world, made again."""
    assert demo.SEED == 7
    return world_of_seed_7()


@pytest.fixture(scope="module")
def truths(world: World) -> dict[str, Any]:
    """Truth by community, of those whose feed arrives."""
    return {name: truth for name, truth in world.truth.communities.items() if not truth.is_feed_broken}


@pytest.fixture(scope="module")
def marts(demo_run: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """The demo's published marts."""
    with duckdb.connect(str(builds.published_file(demo_run.home)), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def by_community(marts: duckdb.DuckDBPyConnection, columns: str, table: str, month: date = JULY) -> dict[str, Any]:
    """One row of a monthly mart by community."""
    rows = marts.execute(
        f"select community, {columns} from marts.{table} where month_start_date = $month", {"month": month}
    ).fetchall()
    return {community: rest[0] if len(rest) == 1 else tuple(rest) for community, *rest in rows}


def of_july(truth: Any) -> list[Any]:
    return [of_day for day, of_day in truth.days.items() if JULY <= day < AUGUST]


def test_truth__counts_of_the_month_add_up_from_its_days(marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]):
    columns = "posts, comments, removed, score_sum, contributors_per_day * (days_known_n - days_silent_n)"
    found = by_community(marts, columns, "fct_community_monthly")
    for name, truth in truths.items():
        days = of_july(truth)
        posts, comments, removed, score_sum, contributor_days = found[name]
        assert (posts, comments, removed, score_sum, round(contributor_days)) == (
            sum(day.posts for day in days), sum(day.comments for day in days), sum(day.removed for day in days),
            sum(day.score_sum for day in days), sum(day.contributors for day in days),
        ), name  # fmt: skip


def test_truth__newcomers_of_the_month(marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]):
    rows = marts.execute(
        "select community, count(*) from marts.dim_contributors where is_contributor "
        "and new_contributor_date >= $july and new_contributor_date < $august group by community",
        {"july": JULY, "august": AUGUST},
    ).fetchall()
    assert {name: n for name, n in rows if name in truths} == {
        name: truth.newcomers["2026-07"].newcomers for name, truth in truths.items()
    }
    # A month of history is too short to call them new: who paused in June would be new, too.
    told = by_community(marts, "new_contributors, history_days_n, caveat", "fct_community_monthly")
    for name in truths:
        new, history_days, caveat = told[name]
        assert new is None, name
        assert 20 <= history_days <= 30, name
        assert "left_censored" in caveat, name


def test_truth__who_leads(marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]):
    rows = marts.execute(
        "select community, author_key, count(*) from marts.fct_contributions "
        "where is_by_contributor and contribution_date >= $july and contribution_date < $august group by all",
        {"july": JULY, "august": AUGUST},
    ).fetchall()
    counts: dict[str, Counter[str]] = {}
    for community, author_key, n in rows:
        counts.setdefault(community, Counter())[author_key] = n
    for name, truth in truths.items():
        leaders = [leader.contributions for leader in truth.leaders["2026-07"]]
        assert [n for _, n in counts[name].most_common(len(leaders))] == leaders, name


def test_truth__the_mood_turns_once_and_on_its_day(marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]):
    turns = marts.execute("select community, turn_date, direction from marts.fct_sentiment_turns").fetchall()
    ((community, turn_date, direction),) = turns
    assert (community, direction) == ("emberwelltea", "down")
    assert abs(turn_date - truths["emberwelltea"].sentiment_turn.day) <= timedelta(days=2)


def test_truth__net_sentiment_lies_within_two_points(marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]):
    found = by_community(marts, "net_sentiment, scored_n", "fct_sentiment_monthly")
    for name, truth in truths.items():
        days = of_july(truth)
        scored = sum(day.positive_n + day.neutral_n + day.negative_n for day in days)
        net = sum(day.positive_n - day.negative_n for day in days) / scored
        assert found[name][1] == scored, name
        assert found[name][0] == pytest.approx(net, abs=0.02), name


def test_truth__the_outage_is_a_day_of_zeros_that_is_complete(
    marts: duckdb.DuckDBPyConnection, world: World, truths: dict[str, Any]
):
    rows = marts.execute(
        "select community, posts, comments, contributors, is_day_complete from marts.fct_community_daily "
        "where contribution_date = $day",
        {"day": world.outage_day},
    ).fetchall()
    seen = {name for name, truth in truths.items() if truth.first_day <= world.outage_day}
    assert {community: rest for community, *rest in rows if community in seen} == {
        name: [0, 0, 0, True] for name in seen
    }


def test_truth__a_community_that_goes_quiet_and_one_that_begins(
    marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]
):
    (fading,) = (truth for truth in truths.values() if truth.goes_quiet_on)
    before, after = marts.execute(
        "select avg(posts + comments) filter (where contribution_date < $day), "
        "avg(posts + comments) filter (where contribution_date >= $day) "
        "from marts.fct_community_daily where community = $community",
        {"day": fading.goes_quiet_on, "community": fading.community},
    ).fetchone() or (0, 0)
    assert after < before / 3
    first = dict(marts.execute("select community, first_contribution_date from marts.dim_communities").fetchall())
    (new,) = (truth for truth in truths.values() if truth.first_day > date(2026, 6, 1))
    assert first[new.community] == new.first_day


def test_truth__newcomers_are_welcome_here_and_not_there(marts: duckdb.DuckDBPyConnection, truths: dict[str, Any]):
    rows = marts.execute(
        "select community, is_by_newcomer, answered_24h_n, watched_24h_n from intermediate.int_newcomer_posts "
        "where month_start_date = $july",
        {"july": JULY},
    ).fetchall()
    posts = {(name, is_by_newcomer): (answered, n) for name, is_by_newcomer, answered, n in rows}
    rates = {name: answered / n for (name, is_by_newcomer), (answered, n) in posts.items() if is_by_newcomer and n}
    for name in ("crumbclub", "shutterattic"):
        truth = truths[name].newcomers["2026-07"]
        # The truth is of first contributions that are posts, the model of all posts on the first day.
        assert posts[name, True][1] >= truth.first_posts - 3, name
        assert rates[name] == pytest.approx(truth.first_posts_answered_24h / truth.first_posts, abs=0.08), name
    assert rates["crumbclub"] > rates["shutterattic"] + 0.3
    # Too little history lies before to tell who is new, so no mart does.
    found = by_community(marts, "openness, newcomer_posts_n, caveat", "fct_community_profile_monthly")
    for name in ("crumbclub", "shutterattic"):
        assert found[name][:2] == (None, None)
        assert "left_censored" in found[name][2]


def test_truth__what_is_gone_shows_nothing(marts: duckdb.DuckDBPyConnection, world: World):
    gone = {of.contribution_id: of.by for of in world.truth.gone}
    rows = marts.execute(
        "select platform, contribution_id, title, body, sentiment_label from marts.fct_contributions "
        "where removal <> 'none' and contribution_date < $august",
        {"august": AUGUST},
    ).fetchall()
    assert len(rows) > 100
    for platform, contribution_id, *shown in rows:
        # What other platforms show is of a world of its own.
        assert platform != "reddit" or contribution_id in gone
        assert shown == [None, None, None]
