"""From sealed answers to a load: whose rows, of which days, and an account of every record."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures import reddit_lines
from fixtures.reddit_lines import DAY, KEY, NOON_S, ONE_DAY
from pulse.core.contract import CommunityObservation
from pulse.core.coverage import Look, day_start
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import landing
from pulse.sources.context import SourceContext
from pulse.sources.live.known import create_due, create_known
from pulse.sources.live.response_cache import Page, ResponseCache, open_response_cache
from pulse.sources.live.sealing import Statement, listed_looks, load_id_of, seal_load
from pulse.sources.reddit.entry import RedditApiEntry
from pulse.sources.reddit.mapping import RedditMapping

SEEN_AT = datetime(2019, 10, 6, 0, 30, tzinfo=UTC)
TEA = RedditApiEntry(platform="reddit", name="Tea", source="reddit_api")
MATE = RedditApiEntry(platform="reddit", name="Mate", source="reddit_api")
DAY_START = day_start(DAY)
WHOLE = Statement(
    [Look("reddit", "tea", DAY, "post", DAY_START, DAY_START + timedelta(days=1), "listed")], is_on_time=True
)


@pytest.fixture
def context(home: Home) -> SourceContext:
    return SourceContext(home, (TEA, MATE), lambda: SEEN_AT, KEY)


@pytest.fixture
def cache(context: SourceContext) -> Iterator[ResponseCache]:
    mapping = RedditMapping(source="reddit_api", author_key=KEY, is_encoded=False, with_extra=True)
    with open_response_cache(
        context, [TEA, MATE], ONE_DAY, mapping, for_entry=TEA, max_calls_n=10, service="Tearoom"
    ) as cache:
        create_known(cache.connection, context.home, [TEA, MATE], since=DAY)
        create_due(cache.connection, [], SEEN_AT)
        yield cache


def answer(cache: ResponseCache, path: str, *records: dict[str, Any]) -> None:
    cache.page(path, {}, lambda: Page(records, [f"t3_{record['id']}" for record in records], SEEN_AT))


def test_seal_load__takes_a_communitys_rows_and_accounts_for_all_records(cache: ResponseCache, context: SourceContext):
    answer(
        cache, "/new",
        reddit_lines.post("a", odd_field=1),
        reddit_lines.post("b", subreddit="Mate"),
        reddit_lines.post("c", created_utc=NOON_S + 86_400),
        reddit_lines.post("d", created_utc="soon"),
        reddit_lines.post("e", score="many"),
    )  # fmt: skip
    answer(cache, "/again", reddit_lines.post("a", score=8, retrieved_on=NOON_S + 500))
    cache.budget.note("tea")
    seen = CommunityObservation("reddit", "tea", SEEN_AT, 100, 7, "reddit_api", load_id="")
    load = seal_load(cache, TEA, ONE_DAY, context, replace(WHOLE, observation=seen, skipped={"not_returned": 2}))
    (row,) = reddit_lines.rows_of(load)
    assert (row["contribution_id"], row["score"], row["extra"]) == ("t3_a", 8, None)
    manifest = load.manifest
    assert (manifest.load_id, manifest.source, manifest.is_replayable) == (
        load_id_of(cache, TEA, ONE_DAY),
        "reddit_api",
        False,
    )
    assert (manifest.rows_by_day, manifest.api_calls_n, manifest.community_observations_n) == ({DAY: 1}, 1, 1)
    assert (manifest.partial_reason, manifest.skipped) == (None, {"not_returned": 2})
    (account,) = manifest.files
    assert account.file == f"reddit_api: answers for {ONE_DAY}"
    # Landed: a, once. Outside: a as seen before, b and c. Unplaced: d, of no day.
    assert (account.lines_n, account.landed_n, account.outside_n) == (6, 1, 3)
    assert (account.quarantined_n, account.unplaced_n) == (1, 1)
    assert landing.find(context.home, manifest.load_id) is not None


def test_seal_load__says_why_a_day_is_partial(cache: ResponseCache, context: SourceContext):
    answer(cache, "/new", reddit_lines.post("a"))
    (look,) = WHOLE.looks
    late = [replace(look, looked_from=DAY_START + timedelta(hours=3))]
    statement = Statement(late, is_on_time=False, partial_reason="the listing ends at 03:00")
    assert seal_load(cache, TEA, ONE_DAY, context, statement).manifest.partial_reason == "the listing ends at 03:00"


def test_listed_looks__reach_from_where_a_listing_ended_to_the_end_of_each_day():
    three_in = DAY_START + timedelta(hours=3)
    window = Window(DAY - timedelta(days=1), DAY)
    looks = {(look.day, look.kind): look for look in listed_looks(TEA, window, {"post": three_in, "comment": None})}
    assert len(looks) == 4
    cut = looks[DAY, "post"]
    assert (cut.looked_from, cut.looked_to, cut.proof) == (three_in, DAY_START + timedelta(days=1), "listed")
    before = looks[DAY - timedelta(days=1), "post"]
    assert (before.looked_from, before.looked_to, before.proof) == (None, None, "none")
    assert looks[DAY, "comment"].is_whole_day
    assert looks[DAY - timedelta(days=1), "comment"].is_whole_day
