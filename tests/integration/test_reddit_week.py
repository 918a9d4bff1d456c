"""Nine simulated days of daily runs against the sandbox of the made-up world: what the marts say is what was so."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from fixtures.live_reddit import Live, entry, live
from pulse.core.home import Home
from pulse.platforms import names
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.world import World, make_world
from pulse.sandbox.world_model import (
    Contribution,
    author_at,
    body_at,
    comments_at,
    is_gone_at,
    is_visible_at,
    members_at,
    score_at,
)
from pulse.warehouse import builds

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FIRST_DAY, DAYS_N = date(2026, 6, 15), 9
LAST_DAY = FIRST_DAY + timedelta(days=DAYS_N - 1)
# A lively community, and quiet ones that are asked for together.
NAMES = ("EmberwellTea", "crumbclub", "inkandnib", "NightRideLamps")
KEY = b"key-for-tests-only"


@dataclass(frozen=True)
class Week:
    """What the daily runs left behind.

    Attributes:
        now: simulated time of the last run.
        marts: the published file.
    """

    home: Home
    world: World
    now: datetime
    marts: duckdb.DuckDBPyConnection
    names: tuple[str, ...]
    calls_n: tuple[int, ...]

    def contributions(self) -> dict[str, Contribution]:
        """All that could be seen of these days by the last run."""
        return {
            one.full_id: one
            for one in self.world.contributions
            if one.community.name in self.names
            and FIRST_DAY <= one.created_at.date() <= LAST_DAY
            and is_visible_at(one, self.now)
        }


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("week")
        patch.setenv("PULSE_HOME", str(root))
        patch.setenv("PULSE_AUTHOR_KEY", KEY.decode())
        home = Home(root).create()
        world = make_world(seed=7, days_n=40)
        communities = [one for one in world.communities if one.name in NAMES]
        entries = [entry(one.name, bot_accounts=one.bot_accounts) for one in communities]
        assert len(entries) == len(NAMES)
        with live(home, WorldData(world), entries, day=FIRST_DAY) as running:
            calls_n = tuple(_run(running, FIRST_DAY + timedelta(days=number)) for number in range(DAYS_N))
            pipeline = running.pipeline
            pipeline.require_built(pipeline.build())
            pipeline.gate_marts(run_id="week")
            builds.publish(home, keep_states_n=1, clock=pipeline.clock)
            now = running.server.now
        with duckdb.connect(str(builds.published_file(home)), read_only=True) as marts:
            marts.execute("set timezone = 'UTC'")
            yield Week(home, world, now, marts, NAMES, calls_n)


def _run(running: Live, day: date) -> int:
    running.server.forget_calls()
    running.run_day(day, is_gated=day == LAST_DAY)
    return len(running.server.calls)


def test_week__every_contribution_is_there_late_ones_included(week: Week):
    found = {one for (one,) in week.marts.execute("select contribution_id from marts.fct_contributions").fetchall()}
    wanted = week.contributions()
    # Of threads from before the first day nobody knows how many comments had been seen, so nobody misses a late one.
    beyond_reach = {
        one.full_id
        for one in wanted.values()
        if one.appears_at.date() > one.created_at.date()
        and (one.thread_id not in week.world.by_id or week.world.by_id[one.thread_id].created_at.date() < FIRST_DAY)
    }
    assert len(wanted) > 1_500
    assert len(beyond_reach) <= 3
    assert found - wanted.keys() == set()
    assert wanted.keys() - found <= beyond_reach
    late = [one for one in wanted.values() if one.appears_at.date() > one.created_at.date()]
    assert len([one for one in late if one.full_id in found]) >= 5


def test_week__daily_counts_are_the_worlds(week: Week):
    found = {
        (community, day): tuple(rest)
        for community, day, *rest in week.marts.execute(
            "select community, contribution_date, posts, comments, contributors from marts.fct_community_daily "
            "where is_day_complete"
        ).fetchall()
    }
    seen = {one for (one,) in week.marts.execute("select contribution_id from marts.fct_contributions").fetchall()}
    observed_at = dict(
        week.marts.execute("select contribution_id, last_observed_at from marts.fct_contributions").fetchall()
    )
    posts: Counter[Any] = Counter()
    comments: Counter[Any] = Counter()
    people: defaultdict[Any, set[str]] = defaultdict(set)
    for one in week.contributions().values():
        if one.full_id not in seen:
            continue
        key = (one.community.name.lower(), one.created_at.date())
        (posts if one.is_post else comments)[key] += 1
        author = author_at(one, observed_at[one.full_id])
        if author is not None and one.role != "bot":
            people[key].add(author)
    assert len(found) == DAYS_N * len(week.names)
    assert found == {key: (posts[key], comments[key], len(people[key])) for key in found}


def test_week__engagement_at_an_age_is_what_was_so_at_that_time(week: Week):
    rows = week.marts.execute(
        "select contribution_id, age_label, observed_at, score, reply_count, award_count, is_settled "
        "from marts.fct_engagement_at_age"
    ).fetchall()
    by_id = week.world.by_id
    for contribution_id, _, observed_at, score, reply_count, award_count, _ in rows:
        one = by_id[contribution_id]
        assert score == score_at(one, observed_at)
        assert reply_count == (comments_at(one, observed_at) if one.is_post else None)
        assert award_count is None, "the API does not show awards"
    ages = Counter(age for _, age, *_ in rows)
    # At the daily hour every contribution comes within a quarter of three and of seven days.
    reached = {
        age: [one for one in week.contributions().values() if (week.now - one.created_at).days >= days]
        for age, days in (("3d", 4), ("7d", 8))
    }
    deleted = [one for one in week.contributions().values() if one.removal and one.removal.by == "by_author"]
    for age, wanted in reached.items():
        assert wanted
        assert ages[age] >= len(wanted) - len(deleted)
    assert sum(is_settled for *_, is_settled in rows) >= len(reached["7d"]) - len(deleted)
    assert len({(contribution_id, observed_at) for contribution_id, _, observed_at, *_ in rows}) == len(rows)


def test_week__what_is_removed_shows_from_the_first_look_after_it_and_its_text_is_gone(week: Week):
    rows = week.marts.execute(
        "select contribution_id, observed_at, removal from marts.fct_observations order by observed_at"
    ).fetchall()
    by_id = week.world.by_id
    assert [key for key, at, removal in rows if (removal != "none") != is_gone_at(by_id[key], at)] == []
    gone_later = {
        key
        for key, at, removal in rows
        if removal != "none" and by_id[key].created_at.date() != at.date() - timedelta(1)
    }
    assert len(gone_later) > 20
    held = duckdb.sql(
        f"select contribution_id, body from read_parquet('{week.home.raw}/contributions/**/*.parquet', "
        "hive_partitioning = false) where body is not null"
    ).fetchall()
    assert held
    assert [key for key, _ in held if key in gone_later] == []


def test_week__texts_and_authors_are_those_of_the_last_look(week: Week):
    rows = week.marts.execute(
        "select contribution_id, last_observed_at, body, author_key from marts.fct_contributions where removal = 'none'"
    ).fetchall()
    for key, at, body, author_key in rows:
        one = week.world.by_id[key]
        author = author_at(one, at)
        assert (body or "") == body_at(one, at)
        assert author_key == (author and names.author_key(KEY, "reddit", author))


def test_week__members_are_counted_once_a_day(week: Week):
    rows = week.marts.execute(
        "select community, observation_date, observed_at, members_n, active_n, members_change_n "
        "from marts.fct_community_size_daily"
    ).fetchall()
    communities = {one.name.lower(): one for one in week.world.communities}
    assert len(rows) == DAYS_N * len(week.names)
    for community, day, observed_at, members_n, active_n, change_n in rows:
        one = communities[community]
        assert members_n == members_at(one, observed_at)
        assert 0 < active_n < members_n
        before = None if day == FIRST_DAY + timedelta(1) else members_at(one, observed_at - timedelta(days=1))
        assert change_n == (None if before is None else members_n - before)


def test_week__is_frugal(week: Week):
    """Listings and looks again of four communities, some 200 contributions a day of which three looks are taken."""
    assert max(week.calls_n) <= 24
