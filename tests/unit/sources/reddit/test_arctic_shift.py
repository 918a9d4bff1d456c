"""What only Arctic Shift does, against its double and made-up answers. No recorded answers are known."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from pulse.config.settings import load_settings
from pulse.core.contract import COLUMN_NAMES
from pulse.core.errors import ConfigError, RateLimited, SourceError, SourceUnavailable
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.sandbox.arctic_shift import ArcticShiftDouble
from pulse.sandbox.talk import Said, Talk
from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import extract
from pulse.sources.reddit.arctic_shift import ARCTIC_SHIFT, asks_to_wait
from pulse.sources.reddit.arctic_shift_entry import ArcticShiftEntry, ArcticShiftPolicy

KEY = b"key-for-tests-only"
DAY = (ANSWERED_AT - timedelta(days=1)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
CASES = REPOSITORY.parent / "shared" / "cases"


def said(number: int, at: datetime, *, to: int | None = None) -> Said:
    return Said(
        number=number, thread=to or number, parent=to, created_at=at, author="Nadia_Quill", author_number=500,
        title=f"Title {number} <3 & more" if to is None else None, body=f"Body {number}: a < b && b > c",
        score=40 + number, replies_n=7,
    )  # fmt: skip


TALK = [said(10, NOON), said(11, NOON + timedelta(minutes=1), to=10), said(12, NOON + timedelta(minutes=2), to=10)]
COUNTS = ("score", "upvote_ratio", "reply_count", "share_count")


class Archive:
    """A platform with a double or made-up records, and what asks it."""

    def __init__(self, home: Home, platform: Platform, name: str = "tea", **double: Any):
        self.home, self.platform = home, platform
        self.talk = TALK
        self.double = ArcticShiftDouble(lambda _: Talk(self.talk), **double)
        self.change: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda _, record: record
        platform.answer_to = self._answer  # type: ignore[method-assign]
        self.entry = ArcticShiftEntry(platform="reddit", name=name, source="arctic_shift")

    def _answer(self, path: str, params: Mapping[str, str]) -> Reply:
        told = self.double.answer(path, params, {}, self.platform.now)
        records = [self.change(path, record) for record in told.document["data"] or ()]
        return Reply(told.document | {"data": records}, status=told.status)

    def extract(self, window: Window | None = None) -> Load:
        policy = ArcticShiftPolicy(
            url=self.platform.url, max_calls_per_run=10_000, calls_per_window=100_000, window_s=0.01, retry_wait_s=0,
            longest_wait_s=0.02, timeout_s=2,
        )  # fmt: skip
        context = SourceContext(self.home, (self.entry,), lambda: self.platform.now, KEY, {ArcticShiftPolicy: policy})
        (load,) = extract(ARCTIC_SHIFT, self.entry, window or Window.one_day(DAY), context)
        return load


def rows_of(load: Load) -> dict[str, dict[str, Any]]:
    files = [str(file) for file in load.rows_files().values()]
    if not files:
        return {}
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {', '.join(COLUMN_NAMES)} from read_parquet($files, hive_partitioning = false)", {"files": files}
        ).fetchall()
    return {row[2]: dict(zip(COLUMN_NAMES, row, strict=True)) for row in rows}


def test_counts__are_null_until_the_archive_looked_again(home: Home, platform: Platform):
    archive = Archive(home, platform)
    first = rows_of(archive.extract())["t3_a"]
    assert {name: first[name] for name in COUNTS} == dict.fromkeys(COUNTS)
    assert first["observed_at"] == ANSWERED_AT
    platform.now = NOON + timedelta(hours=37)
    later = rows_of(archive.extract())["t3_a"]
    assert {name: later[name] for name in COUNTS} == {
        "score": 50, "upvote_ratio": 0.5, "reply_count": 7, "share_count": 0,
    }  # fmt: skip
    assert later["observed_at"] == NOON + timedelta(hours=36)


def test_counts__of_what_was_first_seen_late_are_counts(home: Home, platform: Platform):
    """Archives of before November 2023 have no second look, and were made later than what they hold."""
    archive = Archive(home, platform)
    seen_s = int((NOON + timedelta(days=20)).timestamp())
    archive.change = lambda _, record: record | {"retrieved_on": seen_s, "score": 12}
    assert {row["score"] for row in rows_of(archive.extract()).values()} == {12}


def test_text__entities_of_reddit_are_undone_once(home: Home, platform: Platform):
    rows = rows_of(Archive(home, platform).extract())
    assert rows["t3_a"]["title"] == TALK[0].title
    assert {rows[one]["body"] for one in ("t3_a", "t1_b")} == {TALK[0].body, TALK[1].body}


def test_row__is_as_of_reddits_api(home: Home, platform: Platform):
    rows = rows_of(Archive(home, platform).extract())
    assert {one: (row["kind"], row["thread_id"], row["parent_id"]) for one, row in rows.items()} == {
        "t3_a": ("post", "t3_a", None), "t1_b": ("comment", "t3_a", "t3_a"), "t1_c": ("comment", "t3_a", "t3_a"),
    }  # fmt: skip
    assert {(row["platform"], row["community"], row["source"]) for row in rows.values()} == {
        ("reddit", "tea", "arctic_shift")
    }
    assert {(row["award_count"], row["view_count"], row["reactions"]) for row in rows.values()} == {(None, None, None)}


@pytest.mark.parametrize(
    ("changes", "removal"),
    [
        ({"_meta": {"was_deleted_later": True, "removal_type": "deleted"}}, "by_author"),
        ({"_meta": {"was_deleted_later": True}}, "by_author"),
        ({"_meta": {"was_deleted_later": True, "removal_type": "removed"}}, "by_moderator"),
        ({"_meta": {"was_deleted_later": True, "removal_type": "removed by reddit"}}, "by_moderator"),
        ({"removed_by_category": "moderator", "selftext": "[removed]"}, "by_moderator"),
        ({"removed_by_category": "automod_filtered"}, "by_moderator"),
        ({"removed_by_category": "deleted", "selftext": "[deleted]", "author": "[deleted]"}, "by_author"),
        ({"_meta": {"was_initially_deleted": True, "removal_type": "x"}, "removed_by_category": "moderator"}, "none"),
        ({"_meta": {"is_edited": True}}, "none"),
    ],
)  # fmt: skip
def test_removal__never_shows_what_was_taken_back(
    home: Home, platform: Platform, changes: dict[str, Any], removal: str
):
    archive = Archive(home, platform)
    archive.change = lambda path, record: record | changes if path.startswith("/api/posts") else record
    load = archive.extract()
    row = rows_of(load)["t3_a"]
    assert row["removal"] == removal
    if removal != "none":
        assert (row["title"], row["body"], row["permalink"], row["url"]) == (None, None, None, None)
        kept = [file for file in load.folder.rglob("*") if file.is_file() and b"Title 10" in file.read_bytes()]
        assert not kept


def test_day__is_read_backwards_until_nothing_is_new(home: Home, platform: Platform):
    archive = Archive(home, platform)
    archive.talk = [said(number, NOON + timedelta(seconds=number)) for number in range(10, 30)]
    archive.double = ArcticShiftDouble(lambda _: Talk(archive.talk), most_found_n=3)
    load = archive.extract()
    assert len(rows_of(load)) == 20
    assert load.manifest.partial_reason is None
    asked = [one for one in platform.asked if one.path == "/api/posts/search"]
    assert {(one.params["sort"], one.params["limit"], one.params["subreddit"]) for one in asked} == {
        ("desc", "auto", "tea")
    }
    befores = [int(one.params["before"]) for one in asked]
    assert befores == sorted(befores, reverse=True)


def test_look_again__asks_for_what_the_archive_had_not_seen_again(home: Home, platform: Platform):
    archive = Archive(home, platform)
    raw.promote(home, archive.extract())
    archive.talk = [TALK[0], replace(TALK[1], removal="by_moderator")]
    platform.now = ANSWERED_AT + timedelta(days=3)
    load = archive.extract(Window.one_day(DAY + timedelta(days=3)))
    rows = rows_of(load)
    assert {one: row["removal"] for one, row in rows.items()} == {"t3_a": "none", "t1_b": "by_moderator"}
    assert rows["t1_b"]["body"] is None
    assert load.manifest.skipped == {"not_returned": 1}
    raw.promote(home, load)
    platform.now = ANSWERED_AT + timedelta(days=7)
    platform.asked.clear()
    archive.extract(Window.one_day(DAY + timedelta(days=7)))
    assert {one.params["ids"] for one in platform.asked if one.path.endswith("/ids")} == {"c"}


def test_community__that_the_archive_does_not_know_is_an_error(home: Home, platform: Platform):
    with pytest.raises(SourceError, match="no community") as caught:
        Archive(home, platform, name="coffee").extract()
    assert not isinstance(caught.value, SourceUnavailable)


def test_community__that_was_quiet_is_proven_empty(home: Home, platform: Platform):
    archive = Archive(home, platform)
    load = archive.extract(Window.one_day(DAY - timedelta(days=9)))
    assert (rows_of(load), load.manifest.partial_reason, load.manifest.coverage_rows_n) == ({}, None, 2)


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"data": None, "error": "Timeout. Maybe slow down a bit"}), Reply(body=b"Timeout. Maybe slow down a bit"),
        Reply({"error": "Query timed out"}, status=422), Reply(body=b"Timeout. Maybe slow down a bit", status=400),
    ],
    ids=["200", "text", "422", "text-400"],
)  # fmt: skip
def test_busy__is_worth_another_try(home: Home, platform: Platform, reply: Reply):
    archive = Archive(home, platform)
    answer_to = platform.answer_to
    platform.answer_to = lambda path, params: reply if len(platform.asked) == 1 else answer_to(path, params)  # type: ignore[method-assign]
    try:
        load = archive.extract()
    except RateLimited as error:
        assert error.retry_after_s == 10  # noqa: PT017  (the archive asked to wait, or is simply asked again)
        return
    assert len(rows_of(load)) == 3


def test_busy__is_no_word_of_a_contribution():
    assert not asks_to_wait(200, {"data": [{"title": "a timeout"}]})
    assert not asks_to_wait(404, {"data": None, "error": "Not found"})
    assert asks_to_wait(429, None)


@pytest.mark.parametrize("name", ["*", "u_nadia", "u/nadia", "a", "tea?x=1", "../tea"])
def test_entry__name_that_is_no_community_is_refused(name: str):
    with pytest.raises(ValueError, match=r"community|account"):
        ArcticShiftEntry(platform="reddit", name=name, source="arctic_shift")


def test_config__same_community_from_two_sources_is_refused(home: Home, tmp_path: Path):
    file = tmp_path / "communities.yml"
    file.write_text(
        "communities:\n"
        "  - {platform: reddit, name: tea, source: reddit_api}\n"
        "  - {platform: reddit, name: Tea, source: arctic_shift}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="stands twice"):
        load_settings(file, home=home)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("case", "community", "removed_n"),
    [("01-arctic-shift-deleted-later", "shiftdel", 6), ("12-month-of-arctic-shift", "shiftmonth", 3)],
)
def test_records_of_archives_say_the_same_as_answers(
    home: Home, platform: Platform, case: str, community: str, removed_n: int
):
    files = sorted((CASES / case).glob("*.*json*"))
    if not files:
        pytest.skip(f"not there: {CASES / case}")
    records = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines() if line]
    records = [one for one in records if one["subreddit"] == community]
    archive = Archive(home, platform, name=community)

    def answered(path: str, params: Mapping[str, str]) -> Reply:
        if path.endswith("/ids"):
            return Reply({"data": []})
        before_s, after_s = int(params["before"]), int(params["after"])
        found = [
            one
            for one in records
            if ("title" in one) == path.startswith("/api/posts") and after_s < one["created_utc"] < before_s
        ]
        return Reply({"data": sorted(found, key=lambda one: -one["created_utc"])[:7]})

    platform.answer_to = answered  # type: ignore[method-assign]
    days = [datetime.fromtimestamp(one["created_utc"], UTC).date() for one in records]
    rows = rows_of(archive.extract(Window(min(days), max(days))))
    assert rows.keys() == {f"{'t3' if 'title' in one else 't1'}_{one['id']}" for one in records}
    assert sum(row["removal"] != "none" for row in rows.values()) == removed_n
    assert not [row for row in rows.values() if row["removal"] != "none" and (row["body"] or row["title"])]
    for one in records:
        row = rows[f"{'t3' if 'title' in one else 't1'}_{one['id']}"]
        assert row["score"] == one["score"]
        assert row["observed_at"].timestamp() == one["_meta"]["retrieved_2nd_on"]
