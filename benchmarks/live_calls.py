"""Calls that each live source takes for a busy day, per 1,000 contributions, against the least that its API allows.

The least rests on what each source says of its API (:class:`pulse.sources.live.run_plan.Costs`): the calls for the
community itself, and as many full pages as all that is listed needs, at least one of each listing. Where answers are
listed by thread alone (Bluesky), pages hold posts, and each post that somebody answered needs a call. These are first
observations: an empty home has nothing to look at again. Reddit's API has a measurement of its own.

In lines of their own, without a limit but the budget of a run: what the next day's run takes to see again what is a day
old by then, and what a sweep takes to ask whether it is still there, which at some platforms is a call for each.
"""

import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = date(2026, 6, 9)
LIMIT = 1.5
_POSTS_EVERY = 10


@dataclass(frozen=True)
class _Kind:
    """A source with its double.

    Attributes:
        is_by_thread: whether posts are listed, and answers are shown by a call for each post.
    """

    source: Any
    double: Callable[[Any], Any]
    facts: Mapping[str, Any]
    is_by_thread: bool = False


def run(folder: Path, contributions_n: int) -> list[str]:
    """Measure each source; returns lines to show."""
    lines = [
        f"## Calls of live sources for a day of {contributions_n:,} contributions, none known before",
        "",
        "| source | rows | calls | per 1,000 | least per 1,000 | ratio | limit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    later = [
        "",
        "| source | seen again at a day old | calls per 1,000 | asked whether gone | calls per 1,000 | run may |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind in _kinds():
        with tempfile.TemporaryDirectory(dir=folder) as root:
            one = _measured(Path(root), kind, contributions_n)
        lines.append(
            f"| {one.source} | {one.rows_n} | {one.calls_n} | {1_000 * one.calls_n / one.rows_n:.1f} "
            f"| {1_000 * one.least_n / one.rows_n:.1f} | {one.calls_n / one.least_n:.2f} | {LIMIT} |"
        )
        later.append(
            f"| {one.source} | {one.again_n} | {1_000 * one.again_calls_n / max(one.again_n, 1):.1f} "
            f"| {one.asked_n} | {1_000 * one.asked_calls_n / max(one.asked_n, 1):.1f} | {one.budget_n} |"
        )
    return lines + later


@dataclass(frozen=True)
class _Calls:
    """What a source took.

    Attributes:
        least_n: calls that its API needs for the first observations.
        again_n, asked_n: contributions seen again, and looked up.
        budget_n: calls that its policy grants a run, if the config says nothing.
    """

    source: str
    rows_n: int
    calls_n: int
    least_n: int
    again_n: int
    again_calls_n: int
    asked_n: int
    asked_calls_n: int
    budget_n: int


def _measured(root: Path, kind: _Kind, contributions_n: int) -> _Calls:
    """One day read, the day after it, and a sweep two days later."""
    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.core.window import Window
    from pulse.lake import landing, raw
    from pulse.sandbox.reddit_data import WorldData
    from pulse.sandbox.server import SandboxServer
    from pulse.sandbox.talk import Talk
    from pulse.sandbox.world import make_world
    from pulse.sandbox.world_plan import MIN_DAYS_N
    from pulse.steps import sweeping
    from pulse.steps.pipeline import Pipeline

    said = _said(contributions_n)
    now = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=1, minutes=30)
    source = kind.facts["source"]
    limits = {"max_calls_per_run": 100_000, "sweep_calls_per_run": 100_000, "calls_per_window": 100_000}
    settings = Settings.model_validate({"communities": [dict(kind.facts)], source: limits | {"window_s": 0.01}})
    (entry,) = settings.communities
    doubles = {(source, entry.community): kind.double(lambda _: Talk(said, 5_000, 50))}
    home, clock = Home(root / "home").create(), [now]
    pipeline = Pipeline(home, settings, lambda: clock[0])

    def read(day: date) -> landing.Load:
        window = Window.one_day(day)
        pipeline.plan(window)
        (load_id,) = pipeline.extract(entry.entry_id, window, run_id=f"bench {day}")
        load = landing.find(home, load_id)
        assert load is not None, load_id
        return load

    with SandboxServer(WorldData(make_world(seed=7, days_n=MIN_DAYS_N)), now=now, others=doubles) as server:
        before = dict(os.environ)
        os.environ |= server.environment()
        try:
            first = read(DAY)
            raw.promote(home, first)
            clock[0] += timedelta(days=1)
            server.set_now(clock[0])
            again = read(DAY + timedelta(days=1))
            server.forget_calls()
            swept = sweeping.sweep_entry(pipeline, entry.entry_id)
            asked_calls_n = len(server.calls)
        finally:
            os.environ.clear()
            os.environ |= before
    rows_n, costs = first.manifest.rows_n, kind.source.costs
    posts_n = sum(one.is_post for one in said)
    pages_n = math.ceil((posts_n if kind.is_by_thread else rows_n) / costs.page_items)
    least_n = costs.fixed_n + max(costs.listings_n, pages_n) + (posts_n if kind.is_by_thread else 0)
    return _Calls(
        source, rows_n, first.manifest.api_calls_n, least_n, again.manifest.rows_n, again.manifest.api_calls_n,
        swept.asked_n, asked_calls_n, kind.source.policy().max_calls_per_run,
    )  # fmt: skip


def _said(contributions_n: int) -> list[Any]:
    """One post in ten, each with nine answers, evenly over the day."""
    from pulse.sandbox.talk import Said

    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    step = timedelta(days=1) / contributions_n
    said = []
    for number in range(1, contributions_n + 1):
        thread = number - (number - 1) % _POSTS_EVERY
        said.append(
            Said(
                number=number, thread=thread, parent=None if number == thread else thread,
                created_at=(start + step * (number - 1)).replace(microsecond=0), author=f"person{number % 97}",
                author_number=number % 97 + 1, title=f"Title {number}" if number == thread else None,
                body=f"Words {number}.", score=number % 5,
            )
        )  # fmt: skip
    return [replace(one, replies_n=_POSTS_EVERY - 1) if one.is_post else one for one in said]


def _kinds() -> list[_Kind]:
    from pulse.sandbox.arctic_shift import ArcticShiftDouble
    from pulse.sandbox.bluesky import BlueskyDouble
    from pulse.sandbox.discord import SERVER_ID, DiscordDouble
    from pulse.sandbox.discourse import DiscourseDouble
    from pulse.sandbox.hacker_news import HackerNewsDouble
    from pulse.sandbox.lemmy import LemmyDouble
    from pulse.sandbox.mastodon import MastodonDouble
    from pulse.sandbox.stack_exchange import StackExchangeDouble
    from pulse.sources.bluesky.live import BLUESKY
    from pulse.sources.discord.bot_live import DISCORD_BOT
    from pulse.sources.discourse.live import DISCOURSE
    from pulse.sources.hacker_news.live import HACKER_NEWS
    from pulse.sources.lemmy.live import LEMMY
    from pulse.sources.mastodon.live import MASTODON
    from pulse.sources.reddit.arctic_shift import ARCTIC_SHIFT
    from pulse.sources.stack_exchange.live import STACK_EXCHANGE

    def facts(source: Any, name: str, **more: Any) -> dict[str, Any]:
        platform = {"arctic_shift": "reddit", "discord_bot": "discord"}.get(source.name, source.name)
        return {"platform": platform, "source": source.name, "name": name, **more}

    feed = "at://did:plc:made/app.bsky.feed.generator/tea"
    return [
        _Kind(ARCTIC_SHIFT, ArcticShiftDouble, facts(ARCTIC_SHIFT, "tea")),
        _Kind(BLUESKY, BlueskyDouble, facts(BLUESKY, "tea", feed=feed), is_by_thread=True),
        _Kind(DISCORD_BOT, DiscordDouble, facts(DISCORD_BOT, SERVER_ID)),
        _Kind(DISCOURSE, DiscourseDouble, facts(DISCOURSE, "tea.example")),
        _Kind(HACKER_NEWS, HackerNewsDouble, facts(HACKER_NEWS, "everything")),
        _Kind(LEMMY, LemmyDouble, facts(LEMMY, "tea@tea.example")),
        _Kind(MASTODON, MastodonDouble, facts(MASTODON, "#tea@tea.example")),
        _Kind(
            STACK_EXCHANGE, lambda talk_at: StackExchangeDouble(talk_at, quota_n=10_000), facts(STACK_EXCHANGE, "tea")
        ),
    ]
