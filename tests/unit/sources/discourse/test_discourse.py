"""Forums of Discourse: what the shared suite does not know of them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import yaml
import zstandard

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from pulse.core.errors import BadCredentials, ConfigError, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.orchestration import ui_notice
from pulse.platforms.names import author_key
from pulse.sandbox.discourse import DiscourseDouble
from pulse.sandbox.talk import Said, Talk
from pulse.sources.context import SourceContext
from pulse.sources.discourse.credentials import DiscourseCredentials
from pulse.sources.discourse.entry import DiscourseEntry, DiscoursePolicy
from pulse.sources.discourse.live import extract
from pulse.sources.discourse.reading import DiscourseReader, _About
from pulse.sources.live.items import understood

KEY = b"key-for-tests-only"
DAY = (ANSWERED_AT - timedelta(days=1)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
LIMITS: dict[str, Any] = {"calls_per_window": 100_000, "window_s": 0.01, "retry_wait_s": 0, "longest_wait_s": 0.02}
SECRET = "s3cr3t-of-the-app"


def said(number: int, at: datetime, *, to: int | None = None, thread: int | None = None, **changes: Any) -> Said:
    one = Said(
        number=number, thread=number if to is None else thread or to, parent=to, created_at=at, author="Nadia_Quill",
        author_number=7, title=f"Title {number}" if to is None else None, body=f"Body {number}", score=3, replies_n=0,
    )  # fmt: skip
    return replace(one, **changes)


class Forum:
    """A home, and a forum that is asked from it."""

    def __init__(self, home: Home, platform: Platform, things: list[Said], **double: Any) -> None:
        self.home, self.platform, self.said, self.now = home, platform, things, ANSWERED_AT
        self.double = DiscourseDouble(
            lambda now: Talk([one for one in self.said if one.created_at <= now], 50, 5), **double
        )
        self.instead: dict[str, Any] = {}
        self.ignores_before = False
        platform.answer_to = self._answer  # type: ignore[method-assign]
        self.entry = DiscourseEntry(platform="discourse", name="Tea.example", source="discourse", url=platform.url)
        self.credentials: DiscourseCredentials | None = None

    def _answer(self, path: str, params: Any) -> Reply:
        if path in self.instead and ("before" not in params or self.ignores_before):
            reply: Reply = self.instead[path]
            return reply
        told = self.double.answer(path, params, self.platform.asked[-1].headers, self.now)
        return Reply(told.document, status=told.status, headers=told.headers)

    def extract(self, window: Window | None = None) -> Load:
        context = SourceContext(
            self.home, (self.entry,), lambda: self.now, KEY, {DiscoursePolicy: DiscoursePolicy(**LIMITS)},
            lambda kind: kind.require(self.credentials),
        )  # fmt: skip
        (load,) = extract(self.entry, window or Window.one_day(DAY), context)
        return load

    def later(self, days: int) -> Window:
        self.now = self.platform.now = ANSWERED_AT + timedelta(days=days)
        return Window.one_day(DAY + timedelta(days=days))

    def asked(self, path: str) -> int:
        return sum(one.path == path for one in self.platform.asked)


def rows_of(load: Load) -> dict[str, dict[str, Any]]:
    files = [str(file) for file in load.rows_files().values()]
    if not files:
        return {}
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet($files, hive_partitioning = false)", {"files": files})
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {row["contribution_id"]: row for row in rows}


def small() -> list[Said]:
    return [
        said(20, NOON),
        said(21, NOON + timedelta(hours=1), to=20),
        said(24, NOON + timedelta(hours=2), to=21, thread=20),
    ]


def years_of_it() -> list[Said]:
    """Five posts a day for two years, with an id in ten taken by what is not public."""
    begin = NOON - timedelta(days=730)
    things = [said(100, begin)]
    numbers = [number for number in range(101, 4_050) if number % 10]
    return things + [said(number, begin + (number - 100) * timedelta(hours=4.5), to=100) for number in numbers]


@pytest.mark.parametrize("before", ["below", "up_to", "fifty_ids"])
def test_past_day__is_found_by_halving_whatever_before_means(home: Home, platform: Platform, before: Any):
    forum = Forum(home, platform, years_of_it(), before=before)
    day = DAY - timedelta(days=400)
    load = forum.extract(Window.one_day(day))
    expected = {f"100/{one.number - 99}" for one in forum.said if one.created_at.date() == day}
    assert len(expected) >= 4
    assert {*rows_of(load)} == expected
    assert load.manifest.partial_reason is None
    assert forum.asked("/posts.json") <= 25


@pytest.mark.parametrize("before", ["below", "up_to", "fifty_ids"])
def test_listing__goes_past_ids_of_which_none_is_public(home: Home, platform: Platform, before: Any):
    things = [said(20, NOON), said(21, NOON + timedelta(minutes=1), to=20)]
    things += [said(number, NOON + timedelta(hours=number // 100), to=20) for number in (400, 401, 900)]
    forum = Forum(home, platform, things, before=before)
    assert len(rows_of(forum.extract())) == 5


def test_listing__post_that_was_moved_does_not_end_it(home: Home, platform: Platform):
    """Moderators moved an old first post to a topic of its own: it has a new id, and its old time."""
    things = [said(20, NOON)] + [said(number, NOON + timedelta(minutes=number), to=20) for number in range(21, 90)]
    things.append(said(90, NOON - timedelta(days=500)))
    forum = Forum(home, platform, things, most_posts_n=10)
    assert len(rows_of(forum.extract())) == 70


def test_listing__that_does_not_go_back_is_asked_again_and_never_sealed(home: Home, platform: Platform):
    things = [said(20, NOON)] + [said(number, NOON + timedelta(minutes=number), to=20) for number in range(21, 90)]
    forum = Forum(home, platform, things, most_posts_n=10)
    forum.instead["/posts.json"] = Reply(forum.double.answer("/posts.json", {}, {}, ANSWERED_AT).document)
    forum.ignores_before = True
    with pytest.raises(SourceError, match="posts up to"):
        forum.extract()
    forum.instead.clear()
    assert len(rows_of(forum.extract())) == 70


def test_row__has_what_the_forum_shows(home: Home, platform: Platform):
    things = [
        said(20, NOON, replies_n=2, edited_at=NOON + timedelta(hours=1)),
        said(21, NOON + timedelta(hours=1), to=20, replies_n=1),
        said(24, NOON + timedelta(hours=2), to=21, thread=20, score=0),
    ]
    rows = rows_of(Forum(home, platform, things).extract())
    first, answer, below = (rows[one] for one in ("20/1", "20/2", "20/5"))
    assert (first["title"], first["channel"], first["view_count"], first["tags"]) == (
        "Title 20",
        "General",
        31,
        ["pot"],
    )
    assert (first["reply_count"], answer["reply_count"], answer["view_count"]) == (2, 1, None)
    assert (first["edited_at"], answer["edited_at"]) == (NOON + timedelta(hours=1), None)
    assert (first["score"], first["reactions"]) == (3, {"heart": 3})
    assert (below["score"], below["reactions"], below["parent_id"]) == (0, {}, "20/2")
    assert (first["is_accepted_answer"], first["permalink"]) == (None, "https://Tea.example/t/20/1")
    assert first["author_key"] == author_key(KEY, "discourse", "nadia_quill@tea.example")
    assert {row["community"] for row in rows.values()} == {"tea.example"}


def test_category__that_the_site_does_not_list_is_told_by_its_number(home: Home, platform: Platform):
    forum = Forum(home, platform, small())
    forum.instead["/site.json"] = Reply({"categories": [{"id": 9, "name": "Other"}, 7, {"id": "x"}]})
    assert {row["channel"] for row in rows_of(forum.extract()).values()} == {"category 1"}


def test_members__are_observed_and_may_be_kept_secret(home: Home, platform: Platform):
    forum = Forum(home, platform, small())
    assert forum.extract().manifest.community_observations_n == 1
    for hidden in (
        Reply({"about": {"title": "A forum"}}), Reply({"errors": ["no"], "error_type": "invalid_access"}, status=403),
    ):  # fmt: skip
        forum.instead["/about.json"] = hidden
        assert forum.extract().manifest.community_observations_n == 0


# ---- what is gone ----------------------------------------------------------


@pytest.mark.parametrize("most_n", [3, 50])
def test_look_again__long_topic_by_its_numbers(home: Home, platform: Platform, most_n: int):
    things = [said(1_000, NOON - timedelta(hours=3))]
    things += [said(number, NOON + timedelta(minutes=number - 1_000), to=1_000) for number in range(1_001, 1_062)]
    forum = Forum(home, platform, things, most_posts_n=most_n)
    raw.promote(home, forum.extract())
    forum.said = [replace(one, score=9, removal="by_moderator" if one.number == 1_040 else "none") for one in things]
    platform.asked.clear()
    rows = rows_of(forum.extract(forum.later(3)))
    assert len(rows) == 62
    assert {row["score"] for row in rows.values() if row["removal"] == "none"} == {9}
    assert {one: row["removal"] for one, row in rows.items() if row["removal"] != "none"} == {"1000/41": "by_moderator"}
    assert (rows["1000/1"]["title"], rows["1000/1"]["view_count"]) == ("Title 1000", 91)
    asked = [one for one in platform.asked if one.path.startswith("/t/")]
    assert len(asked) == (4 if most_n == 50 else 56)


@pytest.mark.parametrize(
    ("topic", "post", "removal"),
    [(404, 404, "by_moderator"), (410, 410, "by_moderator"), (404, 403, None), (403, 403, None)],
)
def test_look_again__topic_that_is_not_shown_any_more(
    home: Home, platform: Platform, topic: int, post: int, removal: str | None
):
    """Deleted is deleted; moved to where we may not look is not."""
    forum = Forum(home, platform, small())
    raw.promote(home, forum.extract())
    forum.instead = {
        "/posts.json": Reply({"latest_posts": []}),
        "/t/20.json": Reply({"errors": ["no"]}, status=topic),
        "/posts/by_number/20/1.json": Reply(body=b"<html>", status=post),
    }
    load = forum.extract(forum.later(3))
    rows = rows_of(load)
    if removal is None:
        assert (rows, load.manifest.skipped) == ({}, {"not_returned": 3})
    else:
        assert {row["removal"] for row in rows.values()} == {removal}
        assert {(row["body"], row["title"], row["author_key"]) for row in rows.values()} == {(None, None, None)}
        assert len(rows) == 3
        assert load.manifest.skipped == {}


def test_removal__hidden_by_flags_and_deleted_by_staff(home: Home, platform: Platform):
    forum = Forum(home, platform, small())
    document = forum.double.answer("/posts.json", {}, {}, ANSWERED_AT).document
    by_id = {post["id"]: post for post in document["latest_posts"]}
    by_id[21] |= {"hidden": True}
    by_id[24] |= {"deleted_at": "2026-11-27T20:00:00.000Z"}
    forum.instead["/posts.json"] = Reply(document)
    rows = rows_of(forum.extract())
    assert [rows[one]["removal"] for one in ("20/1", "20/2", "20/5")] == ["none", "by_moderator", "by_moderator"]
    assert rows["20/2"]["body"] is None


def test_small_action_and_whisper__are_no_speech(home: Home, platform: Platform):
    forum = Forum(home, platform, small())
    document = forum.double.answer("/posts.json", {}, {}, ANSWERED_AT).document
    document["latest_posts"][0]["post_type"], document["latest_posts"][1]["post_type"] = 3, 4
    forum.instead["/posts.json"] = Reply(document)
    load = forum.extract()
    assert {*rows_of(load)} == {"20/1"}
    assert load.manifest.bad_lines_n == 0


# ---- who may look ----------------------------------------------------------


def credentials(platform: Platform, **changes: str) -> DiscourseCredentials:
    return DiscourseCredentials(**{"api_key": SECRET, "api_username": "pulse", "url": platform.url} | changes)


def test_login__forum_that_wants_it_is_named_so(home: Home, platform: Platform):
    forum = Forum(home, platform, small(), key=SECRET)
    with pytest.raises(
        SourceError, match=r"Tea.example: shows itself only to who is logged in.*PULSE_DISCOURSE_API_KEY"
    ):
        forum.extract()
    assert len(platform.asked) == 1


def test_login__key_opens_it_and_stays_secret(home: Home, platform: Platform, caplog: pytest.LogCaptureFixture):
    forum = Forum(home, platform, small(), key=SECRET)
    forum.entry = forum.entry.model_copy(update={"needs_key": True})
    with pytest.raises(ConfigError, match="PULSE_DISCOURSE_API_KEY"):
        forum.extract()
    forum.credentials = credentials(platform)
    assert len(rows_of(forum.extract())) == 3
    assert {one.headers["Api-Username"] for one in platform.asked} == {"pulse"}
    assert SECRET not in repr(forum.credentials) + caplog.text
    assert not [file for file in home.root.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]


def test_login__key_is_sent_to_its_own_forum_only(home: Home, platform: Platform):
    forum = Forum(home, platform, small(), key=SECRET)
    forum.credentials = credentials(platform, url="https://other.example")
    assert "Api-Key" not in str([one.headers for one in platform.asked])
    forum.entry = forum.entry.model_copy(update={"needs_key": True})
    with pytest.raises(ConfigError, match=r"is of https://other.example"):
        forum.extract()
    assert platform.asked == []


def test_login__key_that_is_refused_is_bad_credentials(home: Home, platform: Platform):
    forum = Forum(home, platform, small(), key="another")
    forum.entry = forum.entry.model_copy(update={"needs_key": True})
    forum.credentials = credentials(platform)
    refused = {"errors": ["You are not permitted to view the requested resource."], "error_type": "invalid_access"}
    forum.instead["/site.json"] = Reply(refused, status=403)
    with pytest.raises(BadCredentials, match="not permitted") as caught:
        forum.extract()
    assert SECRET not in str(caught.value)


def test_forum__under_a_path_of_its_host(home: Home, platform: Platform):
    forum = Forum(home, platform, small())
    forum.entry = DiscourseEntry(
        platform="discourse", name="tea.example/forum", source="discourse", url=platform.url + "/forum/"
    )
    answer = platform.answer_to
    platform.answer_to = lambda path, params: answer(path.removeprefix("/forum"), params)  # type: ignore[method-assign]
    load = forum.extract()
    assert {row["permalink"] for row in rows_of(load).values()} >= {"https://tea.example/forum/t/20/1"}
    raw.promote(home, load)


def test_notice__forum_without_a_key_is_asked_all_the_same():
    lines = ui_notice.lines(
        [SimpleNamespace(entry_id="discourse/tea.example", source="discourse")],
        {"discourse": ui_notice.Credentials(None)}, day=DAY, is_switched_on=False,
    )  # fmt: skip
    assert "asked live, source discourse: 1 entry: discourse/tea.example" in "\n".join(lines)
    assert "WITHOUT" not in "\n".join(lines)


def test_credentials__are_whole(platform: Platform):
    with pytest.raises(ConfigError, match="account name"):
        credentials(platform, api_username="")


@pytest.mark.parametrize(
    "name", ["*", "https://tea.example", "tea", "tea.example?x=1", "tea.example/../x", "a@tea.example"]
)
def test_entry__name_that_is_no_host_is_refused(name: str):
    with pytest.raises(ValueError, match="not a forum's host"):
        DiscourseEntry(platform="discourse", name=name, source="discourse")


def test_entry__accounts_are_this_forums(home: Home, platform: Platform):
    forum = Forum(home, platform, small())
    forum.entry = DiscourseEntry(
        platform="discourse", name="tea.example", source="discourse", url=platform.url, team_accounts=("nadia_QUILL",)
    )
    assert {row["author_role"] for row in rows_of(forum.extract()).values()} == {"team"}


# ---- recorded answers ------------------------------------------------------


def recorded_posts(recorded_data: Path) -> Iterator[tuple[str, list[Any]]]:
    """Posts of recorded answers, by file; those of the plugin stand in a script."""
    archive = recorded_data / "discourse_forum" / "posts.ndjson.zst"
    with archive.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        yield archive.name, [json.loads(line) for line in stream.read().splitlines()]
    folder = recorded_data / "fixtures" / "discourse_api_ruby"
    for name in ("posts_before.json", "posts_latest.json"):
        yield name, json.loads((folder / name).read_text())["latest_posts"]
    for file in sorted((recorded_data / "forum_api_fixtures" / "discourse").glob("discourse_topic_*.json")):
        topic = json.loads(file.read_text())
        yield file.name, [{"topic_id": topic["id"]} | post for post in topic["post_stream"]["posts"]]
    script = (recorded_data / "fixtures" / "discourse_reactions_plugin" / "reactions-topic-fixtures.js").read_text()
    plugin = yaml.safe_load(script[script.index("{") : script.rindex("}") + 1])  # an object of a script, near enough
    yield "plugin", [post for topic in plugin.values() for post in topic["post_stream"]["posts"]]


@pytest.mark.real_data
def test_recorded_posts__each_is_a_row_or_no_speech(recorded_data: Path):
    reader = DiscourseReader(DiscourseEntry(platform="discourse", name="tea.example", source="discourse"))
    seen = 0
    for name, posts in recorded_posts(recorded_data):
        found = understood(
            posts, lambda fields: reader._post(fields, about=_About({}, {})), community="tea.example",
            known_fields=frozenset(),
        )  # fmt: skip
        faults = Counter(record["fault"] for record in found.records if record["fault"])
        assert faults == Counter({"not_speech": sum(post["post_type"] in {3, 4} for post in posts)}) + Counter(), name
        rows = [record for record in found.records if not record["fault"]]
        assert {row["item_id"] for row in rows} == {
            f"{post['topic_id']}/{post['post_number']}" for post in posts if post["post_type"] not in {3, 4}
        }
        assert sum(row["score"] or 0 for row in rows) == sum(
            action["count"] for post in posts for action in post["actions_summary"] if action["id"] == 2
            and "count" in action and post["post_type"] not in {3, 4}
        ), name  # fmt: skip
        assert sum(sum((row["reactions"] or {}).values()) for row in rows) == sum(
            reaction["count"] for post in posts for reaction in post.get("reactions", ())
        )
        assert sum(row["removal"] == "by_author" for row in rows) == sum(bool(post["user_deleted"]) for post in posts)
        seen += len(rows)
    assert seen > 2_400
