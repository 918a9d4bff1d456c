"""The same people saying the same on five platforms: the marts tell the same of each, where the platforms show it."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import pytest

from fixtures.live_sources import CASES
from fixtures.live_stage import LIMITS
from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.server import SandboxServer
from pulse.sandbox.talk import Said, Talk, talk_of
from pulse.sources.live.extraction import SANDBOX_VARIABLE
from pulse.steps.pipeline import Pipeline
from support import only_models, take, world_of_seed_7

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("same_world")]

NAMES = ("arctic_shift", "discourse", "hacker_news", "lemmy", "tea")
COMMUNITY = "EmberwellTea"
DAYS = (date(2026, 6, 9),)
# Where a thread stands in front of every comment, and each counts what hangs below it.
FIGURES = (
    "contribution_date, posts, comments, messages, contributors, new_contributors, removed, is_day_complete, "
    "is_posts_complete, is_comments_complete"
)


@cache
def standing(now: datetime) -> Talk:
    """What nobody took down, nor anything above it: how that is told differs from platform to platform."""
    talk = talk_of(world_of_seed_7(40), COMMUNITY)(now)
    kept: dict[int, Said] = {}
    for one in talk.said:
        hangs = one.parent is None or one.parent in kept
        if hangs and one.removal == "none" and one.author is not None and not one.is_bot:
            kept[one.number] = one
    return Talk(list(kept.values()), talk.members_n, talk.active_n)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = Home(tmp_path_factory.mktemp("elsewhere") / "home").create()
    cases = [CASES[name] for name in NAMES]
    entries = tuple(case.entry("https://elsewhere.example") for case in cases)
    doubles = {
        (case.source.name, entry.community): case.double(standing, 1_000)
        for case, entry in zip(cases, entries, strict=True)
    }
    settings = Settings(
        communities=entries,
        sentiment_model="vader",
        **{case.source.name: case.policy("https://elsewhere.example", LIMITS) for case in cases},
    )
    clock = [datetime.combine(DAYS[0], datetime.min.time(), UTC)]
    pipeline = Pipeline(home, settings, lambda: clock[0])
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        only_models("+fct_community_daily", "+fct_threads", "+fct_sentiment_daily"),
        SandboxServer(WorldData(world_of_seed_7(40)), now=clock[0], others=doubles) as server,
    ):
        monkeypatch.setenv(SANDBOX_VARIABLE, server.url)
        for day in DAYS:
            clock[0] = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1, minutes=30)
            server.set_now(clock[0])
            take(pipeline, Window.one_day(day))
    return home


def by_platform(published: Home, sql: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    with duckdb.connect(str(published.published_file), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        for platform, *rest in connection.execute(sql).fetchall():
            found.setdefault(platform, []).append(rest)
    return found


def test_days_are_the_same(published: Home):
    found = by_platform(published, f"select platform, {FIGURES} from marts.fct_community_daily order by all")
    assert len(found) == len(NAMES)
    (first, *others) = found.values()
    assert first[0][1] + first[0][2] > 50
    assert all(other == first for other in others), found


def test_threads_are_the_same(published: Home):
    found = by_platform(
        published,
        "select platform, posted_at, comments, contributors, first_comment_at from marts.fct_threads "
        "where contribution_date >= date '2026-06-09' order by all",
    )
    (first, *others) = found.values()
    assert first
    assert all(other == first for other in others), found


def test_mood_is_the_same(published: Home):
    found = by_platform(
        published,
        "select platform, contribution_date, scored_n, positive_n, negative_n from marts.fct_sentiment_daily "
        "order by all",
    )
    (first, *others) = found.values()
    assert first[0][1] > 50
    assert all(other == first for other in others), found
