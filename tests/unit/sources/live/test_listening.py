"""When a listen is due, how stretches join, and what counts as 24 hours."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.sources.lines.entry import FileEntry
from pulse.sources.live.caches import cache_lock
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.items import ItemMapping
from pulse.sources.live.known import DAY_AGE_H
from pulse.sources.live.listen_store import Listen, ListenStore, joined, lock_of, reached_with, store_of
from pulse.sources.live.listening import is_due
from pulse.sources.reddit.entry import RedditApiEntry, RedditArchiveEntry
from pulse.sources.registry import SOURCES

KEY = b"key-for-tests-only"
START = datetime(2026, 5, 4, tzinfo=UTC)
END = START + timedelta(days=1)
TEA = RedditApiEntry(platform="reddit", name="Tea", source="reddit_api", listen_every_h=2)


def hours(start: float, end: float) -> tuple[datetime, datetime]:
    return START + timedelta(hours=start), START + timedelta(hours=end)


def store(home: Home, entry: RedditApiEntry = TEA, day: datetime = START) -> ListenStore:
    mapping = ItemMapping("reddit_api", "reddit", frozenset(), KEY, False, 1)
    return store_of(home, mapping, entry, day.date(), author_key=KEY)


def test_stretches_join_where_they_meet():
    assert joined([hours(4, 6), hours(0, 2), hours(2, 3), hours(5, 5.5)]) == [hours(0, 3), hours(4, 6)]
    assert joined([hours(3, 3), hours(5, 4)]) == []


@pytest.mark.parametrize(
    ("since_h", "heard", "reached_h"),
    [
        (None, [], None),
        (20, [], 20),
        (20, [(0, 20)], None),
        (20, [(0, 10), (9, 21)], None),
        (20, [(0, 10), (12, 21)], 12),
        (20, [(0, 19)], 20),
        (25, [(0, 24)], None),
        (-3, [], None),
    ],
)
def test_a_listing_reaches_as_far_as_what_was_heard_before_joins_it(
    since_h: float | None, heard: list[tuple[float, float]], reached_h: float | None
):
    since = None if since_h is None else START + timedelta(hours=since_h)
    found = reached_with(since, END, [hours(*one) for one in heard], START)
    assert found == (None if reached_h is None else START + timedelta(hours=reached_h))


def test_a_listen_is_due_when_the_last_that_worked_is_as_long_ago(home: Home):
    assert is_due(home, TEA, START)
    assert not is_due(home, TEA.model_copy(update={"listen_every_h": None}), START)
    before = store(home, day=START - timedelta(days=1))
    before.finish(Listen(START - timedelta(hours=1), {}))
    assert not is_due(home, TEA, START)
    assert is_due(home, TEA, START + timedelta(hours=1))
    store(home).folder_at(START + timedelta(hours=1)).mkdir(parents=True)  # killed before its end
    assert is_due(home, TEA, START + timedelta(hours=2))
    store(home).finish(Listen(START + timedelta(hours=2), {}))
    assert [is_due(home, TEA, START + timedelta(hours=h)) for h in (3, 4)] == [False, True]


def test_what_says_nothing_of_answers_makes_no_other_store(home: Home):
    assert store(home, TEA.model_copy(update={"listen_every_h": 5, "max_quarantined_share": 0.2})) == store(home)
    assert store(home, TEA.model_copy(update={"bot_accounts": ("x",)})).identity != store(home).identity


def test_a_listen_of_which_a_page_is_damaged_counts_for_nothing(home: Home):
    of_day, listen = store(home), Listen(START, {"post": hours(0, 2)})
    of_day.finish(listen)
    assert of_day.listens() == [listen]
    (of_day.folder_at(START) / "page.parquet").write_bytes(b"cut")
    assert of_day.listens() == []


def test_the_first_listen_of_a_day_does_not_wait_for_the_run_of_the_day_before():
    days = [date(2026, 2, 27) + timedelta(days=number) for number in range(70)]
    locks = [lock_of("reddit_api", TEA, day) for day in days]
    assert all(one != other for one, other in pairwise(locks))
    assert len(set(locks)) == 2, "the file of a lock stays"
    digest = locks[0].split("-")[2]
    assert [cache_lock("reddit_api", f"listens-{day:%Y%m%d}-{digest}") for day in days] == locks
    assert cache_lock("reddit_api", "listens-soon-x") == "reddit_api-listens-soon-x"


def test_24_hours_are_what_the_mart_takes_for_it():
    sql = (REPOSITORY / "dbt_project/models/marts/core/fct_engagement_at_age.sql").read_text(encoding="utf-8")
    (found,) = re.findall(r"\('24h', 24, (\d+), (\d+)\)", sql)
    assert tuple(map(int, found)) == DAY_AGE_H


@pytest.mark.parametrize("every_h", [0, 13, 1.5, "often"])
def test_config_refuses_other_hours(every_h: object):
    with pytest.raises(ValidationError, match="listen_every_h"):
        RedditApiEntry(platform="reddit", name="Tea", source="reddit_api", listen_every_h=every_h)  # type: ignore[arg-type]


def test_config_refuses_to_listen_to_files():
    with pytest.raises(ValidationError, match="listen_every_h"):
        RedditArchiveEntry(platform="reddit", name="Tea", source="reddit_archive", path=("x",), listen_every_h=2)  # type: ignore[call-arg]
    of_files = [one.entry for one in SOURCES.values() if issubclass(one.entry, FileEntry) and not one.is_live]
    assert of_files
    assert not [entry for entry in of_files if issubclass(entry, LiveEntry)]


def test_sources_whose_entries_listen_have_a_way_to():
    for source in SOURCES.values():
        assert hasattr(source.implementation(), "listen") is issubclass(source.entry, LiveEntry), source.name


def test_stretch_of_a_day_is_kept_in_utc(home: Home):
    of_day = store(home)
    of_day.finish(Listen(START, {"comment": hours(0, 2)}))
    (found,) = of_day.listens()
    assert found.stretches["comment"] == hours(0, 2)
    assert Window.one_day(START.date()).start_at == found.stretches["comment"][0]
