"""Downloads of one's own information: both layouts, text that is repaired, and what must never be kept."""

import json
import os
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.reddit_lines import FILE_S, KEY, bad_lines_of, rows_of
from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.errors import ArchiveUnreadable, DayNotServable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load, coverage_of, unproven_days
from pulse.sources.context import SourceContext
from pulse.sources.facebook.entry import FacebookDownloadEntry
from pulse.sources.lines.archive import extract
from pulse.sources.lines.review import review

GROUP = "Café des boulangers"
NOON_S = 1_772_449_200  # 2026-03-02 11:00 UTC
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 3))


def spoilt(text: str) -> str:
    """As the download writes it."""
    return text.encode().decode("latin-1")


def post(number: int = 1, *, title: str = f"Ann Clearname posted in {GROUP}.", **changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = {
        "timestamp": NOON_S + 60 * number,
        "title": spoilt(title),
        "data": [{"post": spoilt(f"Levain ♏ n° {number}")}],
        "attachments": [{"data": [{"media": {"uri": "photo.jpg", "media_metadata": {"photo_metadata": {
            "exif_data": [{"upload_ip": "192.0.2.77", "taken_timestamp": 5}]}}}}]}],
        "tags": [{"name": "Bob Clearname"}],
    }  # fmt: skip
    return item | changes


def comment(number: int = 1, group: str | None = GROUP, **changes: Any) -> dict[str, Any]:
    told = {"timestamp": NOON_S + 60 * number, "comment": spoilt("d’accord 👍"), "author": "Ann Clearname"}
    told |= {"group": spoilt(group)} if group else {}
    title = "Ann Clearname commented on Bob Clearname's post."
    return {"timestamp": NOON_S + 60 * number, "title": title, "data": [{"comment": told}]} | changes


def zipped(home: Home, members: dict[str, Any], name: str = "facebook-ann.zip") -> Path:
    path = home.root / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content if isinstance(content, bytes | str) else json.dumps(content))
    os.utime(path, (FILE_S, FILE_S))
    return path


def plain(home: Home, content: Any, name: str = "group_posts_and_comments.json") -> Path:
    path = home.root / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.utime(path, (FILE_S, FILE_S))
    return path


def entry(*paths: Path, **facts: Any) -> FacebookDownloadEntry:
    given = {"platform": "facebook_groups", "name": GROUP, "source": "facebook_download", "path": paths}
    return FacebookDownloadEntry.model_validate(given | facts)


def context(home: Home, *entries: FacebookDownloadEntry) -> SourceContext:
    return source_context(home, Settings(communities=entries), lambda: datetime(2026, 4, 1, tzinfo=UTC), KEY)


def loaded(home: Home, *paths: Path, **facts: Any) -> Load:
    one = entry(*paths, **facts)
    return extract(one, WINDOW, context(home, one))


LAYOUTS: dict[str, dict[str, Any]] = {
    "2018": {"groups/group_posts_and_comments.json": {"group_posts_v2": [post(1)]},
             "groups/your_comments_in_groups.json": {"group_comments_v2": [comment(2)]}},
    "2024": {"your_facebook_activity/groups/group_posts_and_comments.json": {"group_posts_v2": [post(1)]},
             "your_facebook_activity/comments_and_reactions/comments.json": {"comments_v2": [comment(2)]}},
    "prefix": {"your_activity_across_facebook/groups/group_posts_and_comments.json": {"group_posts_v2": [post(1)]},
               "your_activity_across_facebook/groups/your_comments_in_groups.json":
               {"group_comments_v2": [comment(2)]}},
    "together": {"groups/your_posts_and_comments_in_groups.json":
                 {"group_posts": {"activity_log_data": [post(1), comment(2)]}}},
    "list": {"posts/your_posts_1.json": [post(1)], "comments/comments.json": {"comments": [comment(2)]}},
}  # fmt: skip


@pytest.mark.parametrize("members", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts__give_the_same(home: Home, members: dict[str, Any]):
    twins = {f"__MACOSX/{name.rpartition('/')[0]}/._{name.rpartition('/')[2]}": b"\x00\x05\x16" for name in members}
    load = loaded(home, zipped(home, members | twins | {"messages/inbox/x/message_1.json": {"messages": [1]}}))
    assert [(row["kind"], row["body"], row["created_at"].minute) for row in rows_of(load)] == [
        ("post", "Levain ♏ n° 1", 1),
        ("comment", "d’accord 👍", 2),
    ]
    assert load.manifest.observes == ("body", "edited_at", "parent_id")
    assert load.manifest.partial_reason is None


def test_rows__keep_no_name_address_or_tag(home: Home):
    load = loaded(home, plain(home, {"group_posts_v2": [post(1), post(2, timestamp="never")],
                                     "group_comments_v2": [comment(3)]}))  # fmt: skip
    held = b"".join(file.read_bytes() for file in home.landing.rglob("*") if file.is_file())
    held += json.dumps([rows_of(load), bad_lines_of(load)], default=str).encode()
    for clear in (b"Clearname", b"192.0.2.77", b"photo.jpg"):
        assert clear not in held
    assert {row["author_key"] for row in rows_of(load)} == {None}


def test_ids__are_made_and_the_same_in_every_download(home: Home):
    first = loaded(home, plain(home, {"group_posts_v2": [post(1)]}))
    again = loaded(home, zipped(home, {"x/groups/group_posts_and_comments.json": {"group_posts_v2": [post(1), post(2)]},
                                       "x/posts/your_posts_1.json": [post(1)]}))  # fmt: skip
    (one,), both = rows_of(first), rows_of(again)
    assert one["contribution_id"].startswith("made_")
    assert one["contribution_id"] == both[0]["contribution_id"] != both[1]["contribution_id"]
    assert again.manifest.skipped == {"duplicate_record": 1}


def test_edits__and_items_without_text(home: Home):
    edited = post(1, data=[{"post": "a"}, {"update_timestamp": NOON_S + 600}, {}])
    load = loaded(home, plain(home, {"group_posts_v2": [edited, post(2, data=[]), post(3, data=None)]}))
    rows = rows_of(load)
    assert [row["body"] for row in rows] == ["a", None, None]
    assert [row["edited_at"] for row in rows] == [datetime(2026, 3, 2, 11, 10, tzinfo=UTC), None, None]


@pytest.mark.parametrize(
    ("title", "is_of_group"),
    [
        (f"Ann commented on Bob's post in {GROUP}.", True),
        (f"Ann posted in {GROUP} Lyon.", False),
        (f"Ann posted in Grand {GROUP}.", False),
        ("Ann updated her status.", False),
        (f"Ann posted within {GROUP}.", False),
    ],
)
def test_titles__tell_the_group_by_their_end(home: Home, title: str, is_of_group: bool):
    load = loaded(home, plain(home, [post(1, title=title), post(2)], "your_posts_1.json"))
    assert len(rows_of(load)) == 1 + is_of_group
    (account,) = load.manifest.files
    assert (account.lines_n, account.outside_n, account.unaccounted_n) == (2, 0 if is_of_group else 1, 0)


def test_items__of_a_form_that_nobody_knows_are_kept_apart(home: Home):
    odd = {"timestamp": NOON_S, "label_values": [{"label": "Comment", "value": "x"}], "fbid": "1"}
    load = loaded(home, plain(home, [post(1), odd], "your_comments_in_groups.json"))
    (account,) = load.manifest.files
    assert (account.landed_n, account.unplaced_n, account.outside_n, account.unaccounted_n) == (1, 1, 0, 0)


def test_titles__in_the_owners_language_are_told_by_the_config(home: Home):
    german = f"Ann hat etwas in {GROUP} gepostet."
    path = plain(
        home, [post(1, title=german), post(2, title="Ann hat etwas in Alter Name gepostet.")], "your_posts.json"
    )
    load = loaded(home, path, title_endings=["in {group} gepostet."], group_names=[GROUP, "Alter Name"])
    assert len(rows_of(load)) == 2


def test_coverage__proves_nothing_of_the_group(home: Home):
    load = loaded(home, plain(home, {"group_posts_v2": [post(1)]}))
    assert {look.proof for look in coverage_of(load)} == {"none"}
    assert unproven_days(load) == set(WINDOW.days())


def test_group__that_no_title_names_is_never_seen(home: Home):
    one = entry(plain(home, {"group_posts_v2": [post(1)]}), name="Cafe des boulangers")
    given = context(home, one)
    assert extract(one, WINDOW, given).manifest.is_never_seen
    assert review(given)[0].is_never_seen


def test_days__without_items_cannot_be_served(home: Home):
    one = entry(plain(home, {"group_posts_v2": [post(1)]}))
    with pytest.raises(DayNotServable):
        extract(one, Window.one_day(date(2026, 3, 9)), context(home, one))


def test_file__that_just_ends_keeps_whole_items(home: Home):
    whole = json.dumps({"group_posts_v2": [post(1), post(2), post(3)]}, indent=1).encode()
    load = loaded(home, plain(home, whole[: whole.rindex(b'"post"')]))
    assert len(rows_of(load)) == 2
    assert load.manifest.partial_reason is not None
    assert "group_posts_and_comments.json: cut off" in load.manifest.partial_reason


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"<html>", b'"text"', b'{"messages": [1]}', b"PK\x05\x06" + b"\0" * 18]
)
def test_file__of_another_kind_is_refused(home: Home, content: bytes):
    with pytest.raises(ArchiveUnreadable, match="no posts or comments of groups"):
        loaded(home, plain(home, content))


WRONG: tuple[dict[str, Any], ...] = (
    {"name": "*"}, {"covers": {"from": "2026-03-01", "to": "2026-03-02"}}, {"title_endings": ["posted."]},
    {"title_endings": []}, {"group_names": [""]}, {"platform": "facebook"},
)  # fmt: skip


@pytest.mark.parametrize("facts", WRONG)
def test_entry__refuses_what_cannot_be_meant(facts: dict[str, Any]):
    with pytest.raises(ValidationError):
        entry(Path("x.zip"), **facts)
