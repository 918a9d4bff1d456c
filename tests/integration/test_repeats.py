"""Hacker News as a whole and a query there hold the same stories: each counts them, both together once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.sandbox.hacker_news import HackerNewsDouble
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.server import SandboxServer
from pulse.sandbox.talk import talk_of
from pulse.sources.hacker_news.entry import HackerNewsEntry
from pulse.sources.live.extraction import SANDBOX_VARIABLE
from pulse.steps.pipeline import Pipeline
from support import only_models, take, world_of_seed_7

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("repeats")]

DAYS = (date(2026, 6, 9), date(2026, 6, 10))
WHOLE, QUERY = "everything", "those with a the"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = Home(tmp_path_factory.mktemp("repeats") / "home").create()
    facts: dict[str, Any] = {"platform": "hacker_news", "source": "hacker_news"}
    entries = (HackerNewsEntry(name=WHOLE, **facts), HackerNewsEntry(name=QUERY, query="the", **facts))
    double = HackerNewsDouble(talk_of(world_of_seed_7(40), "EmberwellTea"))
    settings = Settings(communities=entries, sentiment_model="vader")
    clock = [datetime.combine(DAYS[0], datetime.min.time(), UTC)]
    pipeline = Pipeline(home, settings, lambda: clock[0])
    doubles = {("hacker_news", entry.community): double for entry in entries}
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        only_models("+fct_kpis_monthly", "+int_month_inputs", "+int_month_days"),
        SandboxServer(WorldData(world_of_seed_7(40)), now=clock[0], others=doubles) as server,
    ):
        monkeypatch.setenv(SANDBOX_VARIABLE, server.url)
        for day in DAYS:
            clock[0] = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1, minutes=30)
            server.set_now(clock[0])
            take(pipeline, Window.one_day(day))
    return home


def rows(published: Home, sql: str) -> list[Any]:
    with duckdb.connect(str(published.published_file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_total__is_that_of_the_whole_which_holds_all_that_the_query_finds(published: Home):
    figures = (
        "posts, comments, contributions, contributors, conversations, threads_n, score_sum, score_observed_n, "
        "median_comments_per_post, responses_n, platform_replies, platform_replies_observed_n"
    )
    found = {
        row[0]: row[1:] for row in rows(published, f"select community, {figures} from marts.fct_community_monthly")
    }
    assert found["*"] == found[WHOLE]
    assert 20 < found[QUERY][2] < found[WHOLE][2], "or this would pass on nothing"
    assert found[QUERY][0] > 0, "stories too stand in both"


def test_total__of_moods_and_of_what_months_are_made_of_counts_once(published: Home):
    for table, figures in (
        ("marts.fct_sentiment_monthly", "contributions, scored_n, positive_n, neutral_n, negative_n"),
        ("intermediate.int_month_inputs", "contributions_n, known_n, removed_n, nameless_n"),
        ("intermediate.int_month_days", "contribution_date, contributions, contributors, likes"),
    ):
        found = rows(published, f"select community, {figures} from {table} order by all")
        by_community = {name: [row[1:] for row in found if row[0] == name] for name in ("*", WHOLE, QUERY)}
        assert by_community["*"] == by_community[WHOLE], table
        assert by_community[QUERY] != by_community[WHOLE], table


def test_total__of_every_kpi_is_that_of_the_whole(published: Home):
    found = rows(
        published,
        "select community, kpi, value, n, erased_n, contributions_n from marts.fct_kpis_monthly "
        f"where community <> '{QUERY}' and kpi <> 'member_growth' order by all",
    )
    of_all, of_whole = ([row[1:] for row in found if row[0] == name] for name in ("*", WHOLE))
    assert of_all == of_whole
    assert len(of_all) > 10


def test_repeats__are_one_copy_of_each_pair(published: Home):
    ((ids_n, rows_n, once_n, people_n, counted_n),) = rows(
        published,
        """
        select count(distinct contribution_id), count(*), count(*) filter (where not is_repeat),
            (select count(distinct author_key) from intermediate.int_contributors),
            (select count(*) from intermediate.int_contributor_periods where community = '*' and period = 'month')
        from marts.fct_contributions
        """,
    )
    assert ids_n == once_n < rows_n
    assert people_n >= counted_n > 5
