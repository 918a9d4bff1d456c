"""Communities on Lemmy: what the shared suite does not know of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from pulse.core.errors import RateLimited, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from pulse.sandbox.lemmy import LemmyDouble
from pulse.sandbox.talk import Said, Talk
from pulse.sources.context import SourceContext
from pulse.sources.lemmy.entry import LemmyEntry, LemmyPolicy
from pulse.sources.lemmy.live import extract
from pulse.sources.lemmy.reading import LemmyReader

KEY = b"key-for-tests-only"
DAY = (ANSWERED_AT - timedelta(days=1)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
LIMITS: dict[str, Any] = {"calls_per_window": 100_000, "window_s": 0.01, "retry_wait_s": 0, "longest_wait_s": 0.02}


def said(number: int, at: datetime, *, to: int | None = None, thread: int | None = None, **changes: Any) -> Said:
    one = Said(
        number=number, thread=number if to is None else thread or to, parent=to, created_at=at, author="Nadia_Quill",
        author_number=7, title=f"Title {number}" if to is None else None, body=f"Body {number}", score=3, replies_n=0,
    )  # fmt: skip
    return replace(one, **changes)


def small() -> list[Said]:
    thread = [said(20, NOON), said(21, NOON + timedelta(hours=1), to=20)]
    return [*thread, said(24, NOON + timedelta(hours=2), to=21, thread=20)]


class Instance:
    """A home, and an instance that is asked from it."""

    def __init__(self, home: Home, platform: Platform, things: list[Said], **double: Any) -> None:
        self.home, self.platform, self.said, self.now = home, platform, things, ANSWERED_AT
        self.double = LemmyDouble(
            lambda now: Talk([one for one in self.said if one.created_at <= now], 50, 5), **double
        )
        self.change: Any = lambda _, document: document
        platform.answer_to = self._answer  # type: ignore[method-assign]
        self.entry = LemmyEntry(platform="lemmy", name="Tea@tea.example", source="lemmy", url=platform.url)
        self.policy = LemmyPolicy(**LIMITS)

    def _answer(self, path: str, params: Any) -> Reply:
        told = self.double.answer(path, params, {}, self.now)
        changed = self.change(path, told.document)
        return changed if isinstance(changed, Reply) else Reply(changed, status=told.status)

    def extract(self, window: Window | None = None) -> Load:
        context = SourceContext(self.home, (self.entry,), lambda: self.now, KEY, {LemmyPolicy: self.policy})
        (load,) = extract(self.entry, window or Window.one_day(DAY), context)
        return load

    def later(self, days: int) -> Window:
        self.now = self.platform.now = ANSWERED_AT + timedelta(days=days)
        return Window.one_day(DAY + timedelta(days=days))


def rows_of(load: Load) -> dict[str, dict[str, Any]]:
    files = [str(file) for file in load.rows_files().values()]
    if not files:
        return {}
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet($files, hive_partitioning = false)", {"files": files})
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {row["contribution_id"]: row for row in rows}


each_version = pytest.mark.parametrize("version", [3, 4])


@each_version
def test_row__has_what_the_instance_shows(home: Home, platform: Platform, version: int):
    things = small()
    things[0] = replace(
        things[0], replies_n=2, edited_at=NOON + timedelta(hours=3), link_url="https://tea.example/pots"
    )
    things[1] = replace(things[1], score=-4)
    rows = rows_of(Instance(home, platform, things, version=version).extract())
    first, answer, below = rows["post/20"], rows["comment/21"], rows["comment/24"]
    assert (first["title"], first["url"], first["permalink"]) == (
        "Title 20", "https://tea.example/pots", "https://tea.example/post/20"
    )  # fmt: skip
    assert (first["edited_at"], answer["edited_at"]) == (NOON + timedelta(hours=3), None)
    assert (first["score"], first["upvote_ratio"], first["reply_count"]) == (3, pytest.approx(5 / 7), 2)
    assert (answer["score"], answer["upvote_ratio"]) == (-4, None)  # of votes that cannot be
    assert (below["parent_id"], below["thread_id"]) == ("comment/21", "post/20")
    assert first["author_key"] == author_key(KEY, "lemmy", "nadia_quill@elsewhere.example")
    assert {row["community"] for row in rows.values()} == {"tea@tea.example"}


@each_version
def test_members__are_those_that_the_home_knows(home: Home, platform: Platform, version: int):
    assert Instance(home, platform, small(), version=version).extract().manifest.community_observations_n == 1


@each_version
def test_pinned_post__of_long_ago_does_not_end_the_listing(home: Home, platform: Platform, version: int):
    things = [said(number, NOON - timedelta(days=100), title="Rules") for number in (1, 2)]
    things += [said(number, NOON + timedelta(minutes=number)) for number in range(10, 20)]
    load = Instance(home, platform, things, version=version, most_items_n=2, pinned=(1, 2)).extract()
    assert {*rows_of(load)} == {f"post/{number}" for number in range(10, 20)}
    assert load.manifest.partial_reason is None


def test_version_3__page_that_comes_again_is_refused(home: Home, platform: Platform):
    things = [said(number, NOON + timedelta(minutes=number)) for number in range(10, 20)]
    instance = Instance(home, platform, things, version=3, most_items_n=2)
    first = instance.double.answer("/api/v3/post/list", {"limit": "50"}, {}, ANSWERED_AT).document
    instance.change = lambda path, document: first if path.endswith("/post/list") else document
    with pytest.raises(SourceError, match="the same things again"):
        instance.extract()


@each_version
def test_answer__of_another_community_is_never_sealed(home: Home, platform: Platform, version: int):
    instance = Instance(home, platform, small(), version=version)

    def of_another(path: str, document: Any) -> Any:
        for view in document.get("items", document.get("posts", ())):
            view["community"]["id"] = 99
        return document

    instance.change = of_another
    with pytest.raises(SourceError, match="those of this community"):
        instance.extract()


def test_copy_of_a_community__is_refused(home: Home, platform: Platform):
    instance = Instance(home, platform, small())

    def as_copy(path: str, document: Any) -> Any:
        if path.endswith("/community"):
            document["community_view"]["community"]["local"] = False
        return document

    instance.change = as_copy
    with pytest.raises(SourceError, match="is a copy of another instance's"):
        instance.extract()


def test_community__that_nobody_knows_is_asked_for_once(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.change = lambda *_: Reply({"error": "not_found"}, status=404)
    with pytest.raises(SourceError, match="not_found"):
        instance.extract()
    assert len(platform.asked) == 1


def test_rate_limit__by_another_status_is_one(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.change = lambda *_: Reply({"error": "rate_limit_error"}, status=400)
    with pytest.raises(RateLimited):
        instance.extract()


def test_deleted_account__leaves_no_author(home: Home, platform: Platform):
    things = [replace(one, author=None, author_number=None) for one in small()]
    rows = rows_of(Instance(home, platform, things).extract())
    assert {row["author_key"] for row in rows.values()} == {None}


def test_comment__whose_path_is_anothers_is_kept_apart(home: Home, platform: Platform):
    instance = Instance(home, platform, small())

    def of_another(path: str, document: Any) -> Any:
        if path.endswith("/comment/list"):
            document["items"][0]["comment"]["path"] = "0.21.77"
        return document

    instance.change = of_another
    load = instance.extract()
    (account,) = load.manifest.files
    assert (account.unplaced_n, {*rows_of(load)}) == (1, {"post/20", "comment/21"})


# ---- looking again ---------------------------------------------------------


@each_version
def test_look_again__by_the_listings_then_one_by_one(home: Home, platform: Platform, version: int):
    things = [said(number, NOON + timedelta(minutes=number)) for number in range(100, 160)]
    things.append(said(160, NOON + timedelta(hours=3), to=100))
    instance = Instance(home, platform, things, version=version)
    raw.promote(home, instance.extract())
    gone = {101: "by_author", 100: "by_moderator"}
    instance.said = [replace(one, score=9, removal=gone.get(one.number, "none")) for one in things]  # type: ignore[arg-type]
    platform.asked.clear()
    load = instance.extract(instance.later(3))
    rows = rows_of(load)
    assert len(rows) == 61
    assert {one: row["removal"] for one, row in rows.items() if row["removal"] != "none"} == {
        f"post/{number}": by for number, by in gone.items()
    }
    assert {row["score"] for row in rows.values() if row["removal"] == "none"} == {9}
    assert load.manifest.skipped == {}
    assert len(platform.asked) <= 11


def test_look_again__no_more_single_calls_than_allowed(home: Home, platform: Platform):
    things = [said(number, NOON + timedelta(minutes=number)) for number in range(100, 110)]
    instance = Instance(home, platform, things)
    instance.policy = LemmyPolicy(**LIMITS, item_calls_per_run=2)
    raw.promote(home, instance.extract())
    instance.said = [replace(one, removal="by_author") for one in things]
    load = instance.extract(instance.later(3))
    assert (len(rows_of(load)), load.manifest.skipped) == (2, {"not_returned": 8})


def test_look_again__post_that_went_to_another_community_is_not_shown(home: Home, platform: Platform):
    instance = Instance(home, platform, small()[:1])
    raw.promote(home, instance.extract())

    def moved(path: str, document: Any) -> Any:
        if path.endswith("/post/list"):
            return {"items": []}
        if path.endswith("/post"):
            document["post_view"]["community"]["id"] = 99
        return document

    instance.change = moved
    load = instance.extract(instance.later(3))
    assert (rows_of(load), load.manifest.skipped) == ({}, {"not_returned": 1})


@pytest.mark.parametrize(
    "name", ["tea", "*", "@tea.example", "tea@", "t/ea@tea.example", "tea@tea.example/x", "!tea@a.b"]
)
def test_entry__name_without_a_home_is_refused(name: str):
    with pytest.raises(ValueError, match="not a community with its home"):
        LemmyEntry(platform="lemmy", name=name, source="lemmy")


def test_entry__accounts_are_of_the_home_unless_they_say(home: Home, platform: Platform):
    accounts = ("here", "Nadia_Quill@Elsewhere.example")
    entry = LemmyEntry(
        platform="lemmy", name="tea@tea.example", source="lemmy", url=platform.url, team_accounts=accounts
    )
    assert entry.team_accounts == ("here@tea.example", "Nadia_Quill@Elsewhere.example")
    instance = Instance(home, platform, small())
    instance.entry = entry
    assert {row["author_role"] for row in rows_of(instance.extract()).values()} == {"team"}


# ---- recorded answers ------------------------------------------------------


@pytest.mark.real_data
def test_recorded_answers__each_record_is_a_row(recorded_data: Path):
    folder = recorded_data / "fixtures" / "lemmy_v3_spud"
    with (folder / "comment-list-1549703-Hot.part.json.zst").open("rb") as file:
        comments = json.loads(zstandard.ZstdDecompressor().stream_reader(file).read())["comments"]
    posts = json.loads((folder / "post-list-all-hot.json").read_text())["posts"]
    reader = LemmyReader(LemmyEntry(platform="lemmy", name="tea@lemmy.world", source="lemmy"))
    found = reader._understood(comments, reader._comment)
    assert len(found.records) == len(comments) == 99
    assert {record["fault"] for record in found.records} == {None}
    assert sum(record["parent_id"].startswith("post/") for record in found.records) == sum(
        view["comment"]["path"].count(".") == 1 for view in comments
    )
    assert sum(record["score"] for record in found.records) == sum(view["counts"]["score"] for view in comments)
    assert len({record["author"] for record in found.records}) == len(
        {view["creator"]["actor_id"] for view in comments}
    )
    whole_seconds = [view for view in comments if "." not in view["comment"]["published"]]
    assert len(whole_seconds) == sum(record["created_us"] % 1_000_000 == 0 for record in found.records) == 11
    told = reader._understood(posts, reader._post)
    assert [record["fault"] for record in told.records] == [None, None]
    assert [record["upvote_ratio"] for record in told.records] == [
        view["counts"]["upvotes"] / (view["counts"]["upvotes"] + view["counts"]["downvotes"]) for view in posts
    ]
