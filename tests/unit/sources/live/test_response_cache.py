"""An answer that was sealed is not asked for again: not after a kill, not by the next community."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures import reddit_lines
from pulse.core.errors import RateLimited, SourceUnavailable
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.live import response_cache
from pulse.sources.live.caches import cache_lock
from pulse.sources.live.response_cache import Page, ResponseCache, open_response_cache
from pulse.sources.reddit.entry import RedditApiEntry
from pulse.sources.reddit.mapping import RedditMapping

SEEN_AT = datetime(2019, 10, 6, 0, 30, tzinfo=UTC)
TEA = RedditApiEntry(platform="reddit", name="Tea", source="reddit_api")
MATE = RedditApiEntry(platform="reddit", name="Mate", source="reddit_api")


@dataclass
class Asking:
    """A source that has one page of posts to give, and counts how often it is asked."""

    home: Home
    now: datetime = SEEN_AT
    entries: tuple[RedditApiEntry, ...] = (TEA,)
    asked_n: int = 0

    @contextmanager
    def cache(self, entry: RedditApiEntry = TEA) -> Iterator[ResponseCache]:
        context = SourceContext(self.home, self.entries, lambda: self.now, reddit_lines.KEY)
        mapping = RedditMapping(source="reddit_api", author_key=reddit_lines.KEY, is_encoded=False, with_extra=False)
        with open_response_cache(
            context, self.entries, Window.one_day(reddit_lines.DAY), mapping,
            for_entry=entry, max_calls_n=10, service="Tearoom",
        ) as cache:  # fmt: skip
            yield cache

    def fetch(self) -> Page:
        self.asked_n += 1
        records: list[dict[str, Any]] = [
            reddit_lines.post("a", author="Clear_Name", colour="green"), reddit_lines.post("b"),
            reddit_lines.post("c", created_utc="soon", author=...),
        ]  # fmt: skip
        return Page(records, ["t3_a", "t3_b", "t3_c"], SEEN_AT, after="t3_c", oldest_s=5.0, notes={"more": [1, "x"]})

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in (self.home.landing / "reddit_api").rglob("*") if path.is_file())


@pytest.fixture
def asking(home: Home) -> Asking:
    return Asking(home)


def rows_n(cache: ResponseCache) -> int:
    row = cache.connection.execute(f"select count(*) from {cache.rows_sql()}").fetchone()
    return int(row[0]) if row else -1


def test_page__that_is_sealed_is_given_again_to_the_next_process(asking: Asking):
    with asking.cache() as cache:
        assert (rows_n(cache), cache.records_n()) == (0, 0)
        first, token = cache.page("/new", {"limit": 3}, asking.fetch), cache.token
    with asking.cache() as cache:
        assert cache.page("/new", {"limit": 3}, asking.fetch) == first
        assert (cache.token, asking.asked_n) == (token, 1)
        assert (first.ids, first.after, first.oldest_s) == (("t3_a", "t3_b", "t3_c"), "t3_c", 5.0)
        assert (first.observed_at, first.notes) == (SEEN_AT, {"more": [1, "x"]})
        assert (rows_n(cache), len(cache.fault_files()), cache.records_n()) == (2, 1, 3)
        assert cache.unknown_keys() == ({"colour": 1}, 3)
        cache.page("/new", {"limit": 4}, asking.fetch)
        assert asking.asked_n == 2


def test_page__that_cannot_be_had_is_asked_for_again(asking: Asking):
    def fail() -> Page:
        raise SourceUnavailable("Tearoom", value="HTTP 500", next_step="nothing")

    with asking.cache() as cache, pytest.raises(SourceUnavailable):
        cache.page("/new", {}, fail)
    with asking.cache() as cache:
        assert cache.page("/new", {}, asking.fetch).ids
    assert asking.asked_n == 1


def test_page__of_a_process_that_was_killed_before_its_seal_counts_for_nothing(asking: Asking):
    with asking.cache() as cache:
        cache.page("/new", {}, asking.fetch)
    next(file for file in asking.files if len(file.stem) == 32 and file.suffix == ".json").unlink()
    with asking.cache() as cache:
        assert (rows_n(cache), cache.fault_files(), cache.records_n()) == (0, [], 0)
        cache.page("/new", {}, asking.fetch)
        assert rows_n(cache) == 2
    assert asking.asked_n == 2


def test_document__is_sealed_as_well_and_gives_no_rows(asking: Asking):
    with asking.cache() as cache:
        assert cache.document("/about", {}, lambda: {"members_n": 7}) == {"members_n": 7, "path": "/about"}
    with asking.cache() as cache:
        assert cache.document("/about", {}, lambda: {"members_n": 8})["members_n"] == 7
        assert (rows_n(cache), cache.records_n()) == (0, 0)


def test_cache__holds_no_clear_name_of_a_record_that_is_a_row(asking: Asking):
    with asking.cache() as cache:
        cache.page("/new", {}, asking.fetch)
    assert len(asking.files) == 4
    assert not any(b"Clear_Name" in file.read_bytes() for file in asking.files)


def test_cache__is_used_by_each_community_once(home: Home):
    asking = Asking(home, entries=(TEA, MATE))
    for entry in (TEA, MATE):
        with asking.cache(entry) as cache:
            cache.page("/new", {}, asking.fetch)
            cache.mark_used(entry)
    assert (asking.asked_n, asking.files) == (1, [])
    with asking.cache(TEA) as cache:
        cache.page("/new", {}, asking.fetch)
        cache.mark_used(TEA)
    with asking.cache(TEA) as cache:  # the same once more is another run
        cache.page("/new", {}, asking.fetch)
    assert asking.asked_n == 3


@pytest.mark.parametrize("age", [timedelta(hours=6, seconds=1), timedelta(seconds=-1)])
def test_cache__of_another_time_is_not_gone_on_from(asking: Asking, age: timedelta):
    with asking.cache() as cache:
        cache.page("/new", {}, asking.fetch)
        token = cache.token
    asking.now = SEEN_AT + age
    with asking.cache() as cache:
        assert cache.token != token
        cache.page("/new", {}, asking.fetch)
    assert asking.asked_n == 2


def test_cache__of_another_config_is_another_one(asking: Asking):
    with asking.cache() as cache:
        cache.page("/new", {}, asking.fetch)
    asking.entries = (TEA.model_copy(update={"bot_accounts": ("Some_Author",)}),)
    with asking.cache(asking.entries[0]) as cache:
        cache.page("/new", {}, asking.fetch)
        roles = cache.connection.execute(f"select distinct author_role from {cache.rows_sql()} order by 1").fetchall()
        assert ("bot",) in roles
    assert asking.asked_n == 2


def test_cache__that_another_task_uses_is_waited_for_and_then_a_matter_of_retries(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
):
    with asking.cache() as cache:
        cache.page("/new", {}, asking.fetch)
    (folder,) = {file.parent for file in asking.files}
    monkeypatch.setattr(response_cache, "_WAIT_FOR_OTHERS_S", 0.0)
    with (
        exclusive(asking.home, cache_lock("reddit_api", folder.name)),
        pytest.raises(RateLimited, match="which process"),
        asking.cache(),
    ):
        pass
    with asking.cache():
        assert asking.asked_n == 1
