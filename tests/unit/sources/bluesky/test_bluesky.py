"""What only Bluesky does, against its double, made-up answers and recorded ones."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
import zstandard

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from pulse.core.contract import COLUMN_NAMES
from pulse.core.errors import DayNotServable, RateLimited, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from pulse.sandbox.bluesky import BlueskyDouble, uri_of
from pulse.sandbox.talk import Said, Talk
from pulse.sources.bluesky.entry import BlueskyEntry, BlueskyPolicy
from pulse.sources.bluesky.ids import PostIds
from pulse.sources.bluesky.live import BLUESKY
from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import extract
from pulse.sources.live.fields import BadRecord

KEY = b"key-for-tests-only"
DAY = (ANSWERED_AT - timedelta(days=1)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
FEED = "at://did:plc:feedmaker/app.bsky.feed.generator/tea"
IDS = PostIds(KEY)


def said(number: int, at: datetime, *, to: int | None = None, thread: int | None = None) -> Said:
    return Said(
        number=number, thread=number if to is None else thread or to, parent=to, created_at=at, author="Nadia_Quill",
        author_number=500 + number, title=None, body=f"Body {number}", link_url="https://tea.example/kettle",
    )  # fmt: skip


LONG_AGO = said(1, NOON - timedelta(days=20))
TALK = [
    LONG_AGO,
    said(2, NOON - timedelta(days=6)),
    said(10, NOON),
    said(11, NOON + timedelta(minutes=1), to=10),
    said(12, NOON + timedelta(minutes=2), to=2),
    said(13, NOON + timedelta(minutes=3), to=11, thread=10),
]


class Feed:
    """A platform with a double or made-up answers, and what asks it."""

    def __init__(self, home: Home, platform: Platform, talk: list[Said] | None = None, **double: Any):
        self.home, self.platform = home, platform
        self.talk = TALK if talk is None else talk
        self.double = BlueskyDouble(lambda _: Talk(self.talk), **double)
        self.change: Callable[[str, Any], Any] = lambda _, document: document
        platform.answer_to = self._answer  # type: ignore[method-assign]
        self.entry = BlueskyEntry(platform="bluesky", name="tea", source="bluesky", feed=FEED)
        self.limits: dict[str, Any] = {}

    def _answer(self, path: str, params: Mapping[str, str]) -> Reply:
        told = self.double.answer(path, params, {}, self.platform.now)
        return Reply(self.change(path.rpartition(".")[2], told.document), status=told.status)

    def extract(self, window: Window | None = None) -> Load:
        policy = BlueskyPolicy(
            url=self.platform.url, calls_per_window=100_000, window_s=0.01, retry_wait_s=0, longest_wait_s=0.02,
            timeout_s=2, **self.limits,
        )  # fmt: skip
        context = SourceContext(self.home, (self.entry,), lambda: self.platform.now, KEY, {BlueskyPolicy: policy})
        (load,) = extract(BLUESKY, self.entry, window or Window.one_day(DAY), context)
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


def bodies_of(load: Load) -> set[str]:
    return {row["body"].removeprefix("Body ") for row in rows_of(load).values()}


def skipped_in(load: Load) -> dict[str, int]:
    (account,) = load.manifest.files
    assert account.unaccounted_n == 0
    return account.skipped


# ---- ids -------------------------------------------------------------------


def test_ids__are_the_same_each_time_and_lead_back_with_the_key_only():
    uri = "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.post/3lpk2lf7k6k2t"
    other = "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.post/3lpk2lf7k6k2u"
    assert IDS.id_of(uri) == PostIds(KEY).id_of(uri)
    assert IDS.uri_of(IDS.id_of(uri)) == uri
    assert PostIds(b"another key").uri_of(IDS.id_of(uri)) is None
    assert IDS.uri_of("t3_abc") is None
    # Nothing tells that both are of one account.
    one, two = IDS.id_of(uri), IDS.id_of(other)
    assert not [at for at in range(len(one) - 4) if one[at : at + 5] in two]


@pytest.mark.parametrize(
    "uri",
    [
        "", "https://bsky.app/profile/a/post/b", "at://did:plc:a/app.bsky.graph.list/b",
        "at://did:plc:a/app.bsky.feed.post/", "at://did:plc:a/app.bsky.feed.post/b?c", "at://a.test/app.bsky.feed.post/b",
    ],
)  # fmt: skip
def test_ids__what_is_no_post_is_refused(uri: str):
    with pytest.raises(BadRecord):
        IDS.id_of(uri)


# ---- what is read ----------------------------------------------------------


def test_feed__its_posts_and_the_answers_to_them_and_to_those_of_a_week_before(home: Home, platform: Platform):
    feed = Feed(home, platform)
    load = feed.extract()
    assert bodies_of(load) == {"10", "11", "12", "13"}
    assert load.manifest.partial_reason is None
    answer = rows_of(load)[IDS.id_of(uri_of(TALK[-1]))]
    assert (answer["kind"], answer["thread_id"], answer["parent_id"]) == (
        "comment", IDS.id_of(uri_of(TALK[2])), IDS.id_of(uri_of(TALK[3])),
    )  # fmt: skip
    assert answer["permalink"] is None
    assert answer["url"] == "https://tea.example/kettle"
    assert json.loads(answer["extra"]) == {"langs": ["en"]}
    assert [one.path.rpartition(".")[2] for one in platform.asked] == ["getFeed", "getPostThread", "getPostThread"]
    assert platform.asked[0].params["feed"] == FEED


def test_feed__no_account_is_in_any_file(home: Home, platform: Platform):
    Feed(home, platform).extract()
    files = [file for file in home.root.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if b"did:plc" in file.read_bytes()]


def test_feed__that_ends_within_the_window_proves_no_more_than_it_shows(home: Home, platform: Platform):
    load = Feed(home, platform, [one for one in TALK if one.number >= 10 and one.thread == 10]).extract()
    assert bodies_of(load) == {"10", "11", "13"}
    assert "shows no more" in str(load.manifest.partial_reason)


def test_feed__that_no_longer_shows_a_day_says_so(home: Home, platform: Platform):
    feed = Feed(home, platform, [one for one in TALK if one.number >= 10])
    with pytest.raises(DayNotServable) as caught:
        feed.extract(Window.one_day(DAY - timedelta(days=3)))
    assert caught.value.earliest_day == DAY


def test_feed__that_shows_nothing_is_a_passing_fault(home: Home, platform: Platform):
    with pytest.raises(SourceError, match="shape"):
        Feed(home, platform, []).extract()


def test_feed__that_ranks_its_posts_is_refused(home: Home, platform: Platform):
    feed = Feed(home, platform, [said(number, NOON - timedelta(hours=3 * number)) for number in range(40, 0, -1)])
    feed.change = lambda name, told: (
        told | {"feed": sorted(told["feed"], key=lambda one: one["post"]["cid"][::-1])} if name == "getFeed" else told
    )
    with pytest.raises(SourceError, match="order of time"):
        feed.extract()


def test_feed__pinned_post_stops_nothing(home: Home, platform: Platform):
    feed = Feed(home, platform, most_posts_n=1)
    pinned = {
        "post": feed.double.answer("/xrpc/app.bsky.feed.getPosts", {"uris": uri_of(LONG_AGO)}, {}, NOON).document[
            "posts"
        ][0],
        "reason": {"$type": "app.bsky.feed.defs#reasonPin"},
    }

    def with_pinned(name: str, told: Any) -> Any:
        return told | {"feed": [pinned, *told["feed"]]} if name == "getFeed" and len(platform.asked) == 1 else told

    feed.change = with_pinned
    assert bodies_of(feed.extract()) == {"10", "11", "12", "13"}


def test_reposts_and_what_is_gone_are_counted_and_no_rows(home: Home, platform: Platform):
    feed = Feed(home, platform)

    def changed(name: str, told: Any) -> Any:
        if name == "getFeed":
            post = told["feed"][0]["post"]
            repost = {
                "post": post | {"cid": "bafyrepost"},
                "reason": {
                    "$type": "app.bsky.feed.defs#reasonRepost",
                    "by": {"did": "did:plc:other"},
                    "indexedAt": "2026-11-27T20:00:00.000Z",
                },
            }
            return told | {"feed": [repost, *told["feed"]]}
        if name == "getPostThread":
            gone = {
                "$type": "app.bsky.feed.defs#notFoundPost",
                "uri": "at://did:plc:gone/app.bsky.feed.post/x",
                "notFound": True,
            }
            blocked = {
                "$type": "app.bsky.feed.defs#blockedPost",
                "uri": "at://did:plc:gone/app.bsky.feed.post/y",
                "blocked": True,
                "author": {"did": "did:plc:gone"},
            }
            told["thread"]["replies"] += [gone, blocked]
        return told

    feed.change = changed
    load = feed.extract()
    assert bodies_of(load) == {"10", "11", "12", "13"}
    assert skipped_in(load) == {"not_speech": 5}
    assert not [file for file in home.root.rglob("*") if file.is_file() and b"did:plc" in file.read_bytes()]


def test_who_asks_not_to_be_shown_without_login_is_left_out(home: Home, platform: Platform):
    feed = Feed(home, platform)

    def changed(name: str, told: Any) -> Any:
        if name == "getFeed":
            told["feed"][0]["post"]["author"]["labels"] = [{"val": "!no-unauthenticated", "src": "did:plc:self"}]
        return told

    feed.change = changed
    load = feed.extract()
    assert skipped_in(load) == {"not_speech": 1}


@pytest.mark.parametrize(
    ("claim", "created_at"),
    [
        ("2026-11-27T09:00:00.123456Z", datetime(2026, 11, 27, 9, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-27T10:00:00+01:00", datetime(2026, 11, 27, 9, tzinfo=UTC)),
        ("2031-01-01T00:00:00Z", NOON + timedelta(milliseconds=400)),
        ("yesterday", NOON + timedelta(milliseconds=400)),
        (None, NOON + timedelta(milliseconds=400)),
    ],
)
def test_time__is_the_earlier_of_the_claim_and_the_servers(
    home: Home, platform: Platform, claim: str | None, created_at: datetime
):
    feed = Feed(home, platform, [LONG_AGO, said(10, NOON)])

    def claimed(name: str, told: Any) -> Any:
        if name == "getFeed":
            told["feed"][0]["post"]["record"]["createdAt"] = claim
        return told

    feed.change = claimed
    (row,) = rows_of(feed.extract()).values()
    assert row["created_at"] == created_at


def test_post_that_claims_to_be_of_another_time_is_not_of_this_day(home: Home, platform: Platform):
    feed = Feed(home, platform, [LONG_AGO, said(10, NOON)])

    def claimed(name: str, told: Any) -> Any:
        if name == "getFeed":
            told["feed"][0]["post"]["record"]["createdAt"] = "2011-01-01T00:00:00Z"
        return told

    feed.change = claimed
    assert rows_of(feed.extract()) == {}


def test_thread__whose_depth_is_cut_is_asked_for_in_parts(home: Home, platform: Platform):
    deep = [LONG_AGO, said(10, NOON)]
    deep += [said(10 + n, NOON + timedelta(minutes=n), to=9 + n, thread=10) for n in range(1, 8)]
    feed = Feed(home, platform, deep, most_depth_n=2)
    load = feed.extract()
    assert bodies_of(load) == {str(number) for number in range(10, 18)}
    assert load.manifest.partial_reason is None


def test_thread__with_many_answers_that_are_not_shown_proves_no_comments(home: Home, platform: Platform):
    feed = Feed(home, platform)

    def cut(name: str, told: Any) -> Any:
        if name == "getPostThread":
            told["thread"]["post"]["replyCount"] = 900
        return told

    feed.change = cut
    load = feed.extract()
    assert "did not show" in str(load.manifest.partial_reason)
    assert load.manifest.rows_by_day


def test_thread__of_a_post_that_is_gone_meanwhile_is_no_error(home: Home, platform: Platform):
    feed = Feed(home, platform)
    answer_to = platform.answer_to
    gone = Reply({"error": "NotFound", "message": "Post not found: at://did:plc:x/app.bsky.feed.post/y"}, status=400)
    platform.answer_to = lambda path, params: gone if "Thread" in path else answer_to(path, params)  # type: ignore[method-assign]
    load = feed.extract()
    assert bodies_of(load) == {"10"}
    assert skipped_in(load) == {"not_speech": 2}


def test_refusal__names_nobody(home: Home, platform: Platform):
    feed = Feed(home, platform)
    refused = Reply({"error": "UnknownFeed", "message": "could not find did:plc:feedmaker"}, status=400)
    platform.answer_to = lambda *_: refused  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="UnknownFeed") as caught:
        feed.extract()
    assert "did:plc" not in str(caught.value)
    assert len(platform.asked) == 1


def test_limit__is_read_from_seconds_since_1970(home: Home, platform: Platform):
    feed = Feed(home, platform)
    reset = str(int(ANSWERED_AT.timestamp()) + 300)
    platform.answer_to = lambda *_: Reply({}, status=429, headers={"ratelimit-reset": reset})  # type: ignore[method-assign]
    with pytest.raises(RateLimited) as caught:
        feed.extract()
    assert 290 < caught.value.retry_after_s <= 300


def test_deleted_posts_are_absent_and_counted(home: Home, platform: Platform):
    feed = Feed(home, platform)
    raw.promote(home, feed.extract())
    feed.talk = [one for one in TALK if one.number != 13]
    platform.now = ANSWERED_AT + timedelta(days=3)
    feed.limits = {"thread_days": 0}
    platform.asked.clear()
    load = feed.extract(Window.one_day(DAY + timedelta(days=3)))
    assert bodies_of(load) == {"10", "11", "12"}
    assert load.manifest.skipped == {"not_returned": 1}
    again = [one for one in platform.asked if one.path.endswith("getPosts")]
    assert len(again) == 1
    assert len(again[0].params["uris"].split(",")) == 4


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://tea.example/@nadia", None), ("https://bsky.app/profile/nadia.test/post/1", None),
        ("https://nadia.bsky.social", None), ("https://tea.example/at/@", "https://tea.example/at/@"),
    ],
)  # fmt: skip
def test_link__that_leads_to_somebodys_page_is_not_kept(home: Home, platform: Platform, link: str, kept: str | None):
    talk = [LONG_AGO, Said(**{**vars(said(10, NOON)), "link_url": link})]
    (row,) = rows_of(Feed(home, platform, talk).extract()).values()
    assert row["url"] == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"feed": "at://did:plc:a/app.bsky.actor.profile/self"}, {"feed": "https://bsky.app/profile/nadia.test"},
        {"feed": "nadia.test"}, {"name": "*"}, {"name": "@nadia"}, {"name": FEED},
    ],
)  # fmt: skip
def test_entry__accounts_and_names_of_them_are_refused(changes: dict[str, str]):
    with pytest.raises(ValueError, match="limit"):
        BlueskyEntry(**{"platform": "bluesky", "name": "tea", "source": "bluesky", "feed": FEED} | changes)


# ---- recorded --------------------------------------------------------------


def recorded(folder: Path, name: str) -> Any:
    file = folder / "fixtures" / "bluesky_bskyr_vcr" / name
    if not file.is_file():
        pytest.skip(f"not there: {file}")
    content = file.read_bytes()
    if name.endswith(".zst"):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return json.loads(yaml.safe_load(content)["http_interactions"][-1]["response"]["body"]["string"])


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "reposts_n"), [("f_feedfeed.yml", 0), ("f_autfeed.yml.zst", 7), ("f_get_list_feed.yml", None)]
)
def test_recorded_feed_is_read_whole(
    home: Home, platform: Platform, recorded_data: Path, name: str, reposts_n: int | None
):
    told = recorded(recorded_data, name)
    feed = Feed(home, platform)
    platform.answer_to = lambda path, _: Reply(  # type: ignore[method-assign]
        {"feed": told["feed"]} if path.endswith("getFeed") else {"error": "NotFound"},
        status=200 if path.endswith("getFeed") else 400,
    )
    written = {one["post"]["uri"]: one["post"] for one in told["feed"] if "Repost" not in str(one.get("reason"))}
    assert reposts_n is None or len(told["feed"]) - len(written) == reposts_n
    times = {uri: min(one["indexedAt"], one["record"]["createdAt"])[:10] for uri, one in written.items()}
    last = datetime.fromisoformat(max(times.values())).date()
    first = max(datetime.fromisoformat(min(times.values())).date(), last - timedelta(days=365))
    written = {uri: one for uri, one in written.items() if times[uri] >= first.isoformat()}
    assert len(written) >= 7
    feed.limits = {"thread_days": 0, "max_calls_per_run": 10_000}
    load = feed.extract(Window(first, last))
    rows = rows_of(load)
    assert rows.keys() == {IDS.id_of(uri) for uri in written}
    assert load.manifest.unknown_keys == {}
    (account,) = load.manifest.files
    assert (account.unaccounted_n, account.quarantined_n, account.unplaced_n) == (0, 0, 0)
    for uri, post in written.items():
        row = rows[IDS.id_of(uri)]
        assert (row["body"] or "") == post["record"]["text"]
        assert (row["score"], row["reply_count"]) == (post["likeCount"], post["replyCount"])
        assert row["share_count"] == post["repostCount"] + post["quoteCount"]
        assert row["author_key"] == author_key(KEY, "bluesky", post["author"]["did"])
        assert (row["kind"] == "comment") == ("reply" in post["record"])
