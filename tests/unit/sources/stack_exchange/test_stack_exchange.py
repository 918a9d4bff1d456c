"""What only Stack Exchange does, against its double and recorded answers."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from pulse.core.contract import COLUMN_NAMES
from pulse.core.errors import BadCredentials, ConfigError, RateLimited, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from pulse.sandbox.stack_exchange import StackExchangeDouble
from pulse.sandbox.talk import Said, Talk
from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import extract
from pulse.sources.stack_exchange.credentials import StackExchangeCredentials
from pulse.sources.stack_exchange.entry import StackExchangeEntry, StackExchangePolicy
from pulse.sources.stack_exchange.live import STACK_EXCHANGE

KEY = b"key-for-tests-only"
DAY = (ANSWERED_AT - timedelta(days=1)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)


def said(number: int, at: datetime, *, to: int | None = None, thread: int | None = None, score: int = 0) -> Said:
    return Said(
        number=number, thread=number if to is None else thread or to, parent=to, created_at=at, author="Nadia_Quill",
        author_number=500, title='Is "x < y" & <b>hot</b> 10% off?' if to is None else None,
        body=f"Body {number}", score=score,
    )  # fmt: skip


# An old question, left alone but for a comment; one that was asked before and answered on the day.
TALK = [
    said(1, NOON - timedelta(days=9)),
    said(2, NOON - timedelta(days=8)),
    said(3, NOON - timedelta(days=7), to=2),
    said(10, NOON, score=-4),
    said(11, NOON + timedelta(minutes=1), to=10),
    said(12, NOON + timedelta(minutes=2), to=2),
    said(13, NOON + timedelta(minutes=3), to=3, thread=2),
    said(14, NOON + timedelta(minutes=4), to=11, thread=10),
]


class Site:
    """A double behind a platform on this machine, and what asks it."""

    def __init__(self, home: Home, platform: Platform, name: str, talk: list[Said] | None = None, **double: Any):
        self.platform = platform
        self.double = StackExchangeDouble(lambda _: Talk(TALK if talk is None else talk, 77, 5), **double)
        self.told: dict[str, Any] = {}
        platform.answer_to = self._answer  # type: ignore[method-assign]
        self.entry = StackExchangeEntry(platform="stack_exchange", name=name, source="stack_exchange")
        self.home = home
        self.key = ""
        self.policy = StackExchangePolicy(
            url=platform.url,
            max_calls_per_run=10_000,
            calls_per_window=100_000,
            window_s=0.01,
            retry_wait_s=0,
            longest_wait_s=0.02,
            timeout_s=2,
        )

    def _answer(self, path: str, params: Mapping[str, str]) -> Reply:
        told = self.double.answer(path, params, {}, self.platform.now)
        more = self.told if isinstance(told.document, dict) else {}
        return Reply(told.document | more, status=told.status, is_packed=True)

    def extract(self) -> Load:
        context = SourceContext(
            self.home, (self.entry,), lambda: ANSWERED_AT, KEY, {StackExchangePolicy: self.policy},
            lambda _: StackExchangeCredentials(key=self.key),
        )  # fmt: skip
        (load,) = extract(STACK_EXCHANGE, self.entry, Window.one_day(DAY), context)
        return load


def rows_of(load: Load) -> dict[str, dict[str, Any]]:
    files = [str(file) for file in load.rows_files().values()]
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {', '.join(COLUMN_NAMES)} from read_parquet($files, hive_partitioning = false)", {"files": files}
        ).fetchall()
    return {row[2]: dict(zip(COLUMN_NAMES, row, strict=True)) for row in rows}


def test_site__questions_are_posts_and_what_is_below_them_comments(home: Home, platform: Platform):
    rows = rows_of(Site(home, platform, "tea").extract())
    assert {one: (row["kind"], row["thread_id"], row["parent_id"]) for one, row in rows.items()} == {
        "q10": ("post", "q10", None),
        "a11": ("comment", "q10", "q10"),
        "a12": ("comment", "q2", "q2"),
        "c13": ("comment", "q2", "a3"),
        "c14": ("comment", "q10", "a11"),
    }
    question = rows["q10"]
    assert (question["title"], question["score"], question["view_count"]) == (TALK[3].title, -4, 100)
    assert question["tags"] == ["leaves"]
    assert json.loads(question["extra"]) == {"licence": "CC BY-SA 4.0"}
    assert json.loads(rows["a12"]["extra"]) == {"licence": "CC BY-SA 4.0"}
    assert {one: rows[one]["is_accepted_answer"] for one in ("a12", "a11")} == {"a12": True, "a11": False}
    assert {row["is_accepted_answer"] for one, row in rows.items() if one[0] != "a"} == {None}, "no answers"
    assert question["author_key"] == author_key(KEY, "stack_exchange", "tea/500")
    assert {row["permalink"] for row in rows.values()} == {
        "https://tea.example/questions/10", "https://tea.example/a/11", "https://tea.example/a/12",
        "https://tea.example/questions/2#comment13_3", "https://tea.example/questions/10#comment14_11",
    }  # fmt: skip


def test_tag__all_that_is_below_active_questions(home: Home, platform: Platform):
    """The question that was left alone is not looked at; of the one that was answered, an old answer's comment is."""
    site = Site(home, platform, "leaves@tea")
    load = site.extract()
    assert set(rows_of(load)) == {"q10", "a11", "a12", "c13", "c14"}
    assert "/posts/1/" not in "".join(one.path for one in site.platform.asked)
    assert load.manifest.community_observations_n == 0
    asked = [one.path for one in site.platform.asked]
    assert asked == [
        "/filters/create", "/questions", "/questions", "/questions/2;10/answers", "/posts/2;10;12;11;3/comments",
    ]  # fmt: skip


def test_tag__what_becomes_active_while_pages_are_read_is_not_missed(home: Home, platform: Platform):
    talk = [said(number, NOON + timedelta(minutes=number)) for number in range(1, 6)]
    site = Site(home, platform, "leaves@tea", talk, most_items_n=2)
    answer_to = platform.answer_to

    def answer_later(path: str, params: Mapping[str, str]) -> Reply:
        if path == "/questions" and len(talk) == 5 and len(platform.asked) == 3:
            talk.append(said(9, ANSWERED_AT + timedelta(seconds=1), to=1))
        return answer_to(path, params)

    platform.answer_to = answer_later  # type: ignore[method-assign]
    assert set(rows_of(site.extract())) == {"q1", "q2", "q3", "q4", "q5"}


def test_more_of_one_second_than_a_page_holds(home: Home, platform: Platform):
    talk = [said(number, NOON) for number in range(1, 8)] + [said(20, NOON - timedelta(seconds=1))]
    rows = rows_of(Site(home, platform, "tea", talk, most_items_n=2).extract())
    assert set(rows) == {*(f"q{number}" for number in range(1, 8)), "q20"}


def test_accounts_of_a_site_are_its_members(home: Home, platform: Platform):
    load = Site(home, platform, "tea").extract()
    assert load.manifest.community_observations_n == 1


def test_comment_of_a_post_that_cannot_be_told_is_kept_apart(home: Home, platform: Platform):
    site = Site(home, platform, "tea")
    answer_to = platform.answer_to

    def without_links(path: str, params: Mapping[str, str]) -> Reply:
        reply = answer_to(path, params)
        if path == "/comments":
            for one in reply.document["items"]:
                del one["link"], one["post_type"]
        return reply

    platform.answer_to = without_links  # type: ignore[method-assign]
    load = site.extract()
    (account,) = load.manifest.files
    assert account.unplaced_n == 1  # c13, whose answer is older than the day
    assert "c13" not in rows_of(load)
    assert rows_of(load)["c14"]["parent_id"] == "a11"


def test_author_whose_account_is_gone_is_nobody(home: Home, platform: Platform):
    talk = [Said(**{**vars(TALK[3]), "author": None, "author_number": None})]
    assert rows_of(Site(home, platform, "tea", talk).extract())["q10"]["author_key"] is None


def test_deleted_things_are_absent_and_counted(home: Home, platform: Platform):
    site = Site(home, platform, "tea")
    raw.promote(home, site.extract())
    site.double = StackExchangeDouble(lambda _: Talk([one for one in TALK if one.number != 14], 77, 5))
    platform.now = ANSWERED_AT + timedelta(days=3)
    later = SourceContext(
        home, (site.entry,), lambda: platform.now, KEY, {StackExchangePolicy: site.policy},
        lambda _: StackExchangeCredentials(),
    )  # fmt: skip
    (load,) = extract(STACK_EXCHANGE, site.entry, Window.one_day(DAY + timedelta(days=3)), later)
    assert set(rows_of(load)) == {"q10", "a11", "a12", "c13"}
    assert load.manifest.skipped == {"not_returned": 1}


def test_backoff_holds_everybody_up(home: Home, platform: Platform):
    site = Site(home, platform, "tea")
    site.told = {"backoff": 7}
    with pytest.raises(RateLimited) as caught:
        site.extract()
    assert 5 < caught.value.retry_after_s <= 7
    assert len(platform.asked) == 1


def test_quota_that_is_used_up_is_one_clear_wait(home: Home, platform: Platform, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    with pytest.raises(RateLimited) as caught:
        Site(home, platform, "tea", quota_n=2).extract()
    assert caught.value.retry_after_s == 4711
    assert len(platform.asked) == 3
    assert "0 of 2 calls are left" in caplog.text


def test_refusal_says_what_the_platform_says(home: Home, platform: Platform):
    platform.otherwise = Reply({"error_id": 400, "error_name": "bad_parameter", "error_message": "No site"}, status=400)
    site = Site(home, platform, "tea")
    platform.answer_to = lambda *_: platform.otherwise  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="No site") as caught:
        site.extract()
    assert not isinstance(caught.value, BadCredentials | RateLimited)
    assert len(platform.asked) == 1


def test_key_goes_with_every_call_and_nowhere_else(home: Home, platform: Platform, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    site = Site(home, platform, "tea")
    site.key = "s3cret((key"
    site.extract()
    assert {one.params.get("key") for one in platform.asked} == {"s3cret((key"}
    assert "s3cret" not in caplog.text
    assert not [file for file in home.root.rglob("*") if file.is_file() and b"s3cret" in file.read_bytes()]


def test_no_key_is_no_error_and_a_broken_one_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PULSE_STACK_EXCHANGE_KEY", raising=False)
    found = StackExchangeCredentials.require(StackExchangeCredentials.from_environment())
    assert (found.key, found.grant) == ("", "no key")
    monkeypatch.setenv("PULSE_STACK_EXCHANGE_KEY", "ab cd")
    with pytest.raises(ConfigError) as caught:
        StackExchangeCredentials.from_environment()
    assert "ab cd" not in str(caught.value)


@pytest.mark.parametrize("name", ["*", "", "a@b@c", "tag@", "tea?x=1", "../tea", "a;b@tea", "white space"])
def test_entry__name_that_is_no_site_is_refused(name: str):
    with pytest.raises(ValueError, match="name"):
        StackExchangeEntry(platform="stack_exchange", name=name, source="stack_exchange")


@pytest.mark.parametrize(
    ("name", "site", "tag"),
    [
        ("Tea", "tea", None), ("meta.superuser", "meta.superuser", None), ("c++@stackoverflow", "stackoverflow", "c++"),
        (".net@stackoverflow", "stackoverflow", ".net"), ("чай@ru.stackoverflow", "ru.stackoverflow", "чай"),
    ],
)  # fmt: skip
def test_entry__site_and_tag(name: str, site: str, tag: str | None):
    entry = StackExchangeEntry(platform="stack_exchange", name=name, source="stack_exchange")
    assert (entry.site, entry.tag) == (site, tag)


@pytest.mark.real_data
def test_recorded_page_is_read_whole(home: Home, platform: Platform, recorded_data: Path):
    file = recorded_data / "fixtures" / "stackexchange_questions" / "questions_2.2_android.json"
    if not file.is_file():
        pytest.skip(f"not there: {file}")
    told = json.loads(file.read_bytes())
    site = Site(home, platform, "stackoverflow")
    answer_to = platform.answer_to

    def recorded(path: str, params: Mapping[str, str]) -> Reply:
        if path == "/questions":
            return Reply(told | {"has_more": False}, is_packed=True)
        return answer_to(path, params) if path == "/filters/create" else Reply({"items": [], "has_more": False})

    platform.answer_to = recorded  # type: ignore[method-assign]
    times = [datetime.fromtimestamp(one["creation_date"], UTC) for one in told["items"]]
    window = Window(min(times).date(), min(times).date() + timedelta(days=365))
    context = SourceContext(
        home, (site.entry,), lambda: ANSWERED_AT, KEY, {StackExchangePolicy: site.policy},
        lambda _: StackExchangeCredentials(),
    )  # fmt: skip
    (load,) = extract(STACK_EXCHANGE, site.entry, window, context)
    within = {
        f"q{one['question_id']}": one
        for one, at in zip(told["items"], times, strict=True)
        if window.start_at <= at < window.end_at
    }
    assert within
    rows = rows_of(load)
    assert rows.keys() == within.keys()
    (account,) = load.manifest.files
    assert (account.lines_n, account.landed_n + account.outside_n) == (30, 30)
    assert load.manifest.unknown_keys == {}
    for full_id, one in within.items():
        row = rows[full_id]
        assert (row["score"], row["view_count"], row["reply_count"]) == (
            one["score"], one["view_count"], one["answer_count"],
        )  # fmt: skip
        assert (row["tags"], "&quot;" in row["title"], "&#39;" in row["title"]) == (one["tags"], False, False)
        assert row["author_key"] == author_key(KEY, "stack_exchange", f"stackoverflow/{one['owner']['user_id']}")
