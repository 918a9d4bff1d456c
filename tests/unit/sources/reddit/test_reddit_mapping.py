"""What Reddit's fields mean in the contract, year by year, and which records cannot be used.

All cases of one kind are read from one file, as an archive would hold them; each is checked by itself.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.reddit_lines import (
    DAY,
    FILE_S,
    KEY,
    NOON_S,
    bad_lines_of,
    comment,
    extracted,
    line,
    lines,
    post,
    read,
    rows_of,
)
from pulse.core.contract import COLUMN_NAMES, CONTRACT_VERSION
from pulse.core.home import Home
from pulse.platforms.names import author_key
from pulse.sources.lines import ndjson
from pulse.sources.lines.ndjson import Chunk
from pulse.sources.lines.reader import ChunkReader
from pulse.sources.reddit import mapping
from pulse.sources.reddit.mapping import RedditMapping


def _mapping(with_extra: bool = False) -> RedditMapping:
    return RedditMapping(source="reddit_archive", author_key=KEY, is_encoded=True, with_extra=with_extra)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


# ---- good records ----------------------------------------------------------

# A post whose title also stands in its addresses and labels, and what is left of it once it was taken back.
SPELLED: dict[str, Any] = {
    "url": "https://example.org/a_title", "permalink": "/r/Tea/comments/x/a_title/", "link_flair_text": "Title",
    "over_18": True,
}  # fmt: skip
NOTHING_LEFT: dict[str, Any] = {
    "title": None, "body": None, "text_sha256": None, "url": None, "permalink": None, "tags": [], "extra": None,
}  # fmt: skip

POSTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "created_as_text": ({"created_utc": str(NOON_S)}, {"created_at": at(NOON_S)}),
    "created_with_fraction": ({"created_utc": NOON_S + 0.25}, {"created_at": at(NOON_S + 0.25)}),
    # edited: false, true (2008: nobody knows when), a time, a time as text, absurd
    "edited_false": ({"edited": False}, {"edited_at": None}),
    "edited_true": ({"edited": True}, {"edited_at": None}),
    "edited_null": ({"edited": None}, {"edited_at": None}),
    "edited_number": ({"edited": NOON_S + 90}, {"edited_at": at(NOON_S + 90)}),
    "edited_fraction": ({"edited": NOON_S + 90.0}, {"edited_at": at(NOON_S + 90)}),
    "edited_text": ({"edited": str(NOON_S + 90)}, {"edited_at": at(NOON_S + 90)}),
    "edited_absurd": ({"edited": 1e300}, {"edited_at": None}),
    "edited_object": ({"edited": {"at": 5}}, {"edited_at": None}),
    # counts
    "score_text": ({"score": "12"}, {"score": 12}),
    "score_float": ({"score": -12.0}, {"score": -12}),
    "score_true": ({"score": True}, {"score": 1}),
    "score_null": ({"score": None}, {"score": None}),
    "ups_only": ({"score": ..., "ups": 31}, {"score": 31}),
    "score_before_ups": ({"ups": 31}, {"score": 7}),
    "counts_missing": (
        {"score": ..., "num_comments": ...},
        dict.fromkeys(
            ("score", "upvote_ratio", "reply_count", "award_count", "view_count", "share_count", "reactions")
        ),
    ),
    "counts_zero": (
        {"score": 0, "num_comments": 0, "gilded": 0, "view_count": 0, "num_crossposts": 0, "upvote_ratio": 0},
        dict.fromkeys(("score", "reply_count", "award_count", "view_count", "share_count", "upvote_ratio"), 0),
    ),
    "gilded_only": ({"gilded": 2}, {"award_count": 2}),
    "awards_before_gilded": ({"gilded": 2, "total_awards_received": 5}, {"award_count": 5}),
    "upvote_ratio": ({"upvote_ratio": 0.87}, {"upvote_ratio": 0.87}),
    # when it was seen
    "never_seen_said": ({"retrieved_on": ...}, {"observed_at": at(FILE_S)}),
    "seen_before_created": ({"retrieved_on": NOON_S - 5}, {"observed_at": at(NOON_S)}),
    "retrieved_utc": ({"retrieved_on": ..., "retrieved_utc": NOON_S + 7}, {"observed_at": at(NOON_S + 7)}),
    "seen_twice": ({"_meta": {"retrieved_2nd_on": NOON_S + 9_000}}, {"observed_at": at(NOON_S + 9_000)}),
    "meta_without_second": ({"_meta": {"note": "x"}}, {"observed_at": at(NOON_S + 100)}),
    "meta_no_json": ({"_meta": "abc {"}, {"observed_at": at(NOON_S + 100)}),
    "meta_list": ({"_meta": [1]}, {"observed_at": at(NOON_S + 100)}),
    "meta_absurd": ({"_meta": {"retrieved_2nd_on": "soon"}}, {"observed_at": at(NOON_S + 100)}),
    "seen_in_milliseconds": ({"retrieved_on": NOON_S * 1_000}, {"observed_at": at(FILE_S)}),
    # who
    "author_in_capitals": ({"author": "SOME_AUTHOR"}, {"author_key": author_key(KEY, "reddit", "some_author")}),
    "author_gone": ({"author": "[deleted]"}, {"author_key": None, "author_role": "member", "removal": "none"}),
    "author_null": ({"author": None}, {"author_key": None}),
    "author_missing": ({"author": ...}, {"author_key": None}),
    "author_empty": ({"author": ""}, {"author_key": None}),
    "author_all_digits": ({"author": "12345"}, {"author_key": author_key(KEY, "reddit", "12345")}),
    "author_not_ascii": ({"author": "İé\u0000"}, {"author_key": author_key(KEY, "reddit", "İé\u0000")}),
    "by_moderator": ({"distinguished": "moderator"}, {"author_role": "moderator"}),
    "by_admin": ({"distinguished": "admin"}, {"author_role": "moderator"}),
    "by_bot": ({"author": "automoderator", "distinguished": "moderator"}, {"author_role": "bot"}),
    # text, and what is gone
    "removed": ({"selftext": "[removed]"}, NOTHING_LEFT | {"removal": "by_moderator"}),
    "deleted": ({"selftext": "[deleted]"}, {"body": None, "removal": "by_author"}),
    "deleted_title": (
        {"title": "[deleted by user]", "selftext": "[removed]"},
        {"title": None, "body": None, "text_sha256": None, "removal": "by_moderator"},
    ),
    "removed_by_reddit": ({"selftext": "[ Removed by Reddit ]"}, {"body": None, "removal": "by_moderator"}),
    "title_gone": ({"title": "[ Removed by moderator ]", "selftext": ""}, NOTHING_LEFT | {"removal": "by_moderator"}),
    "title_deleted": ({"title": "[deleted by user]", "selftext": ""}, NOTHING_LEFT | {"removal": "by_author"}),
    # taken back while the text still lies there
    "category_moderator": (
        SPELLED | {"removed_by_category": "moderator"}, NOTHING_LEFT | {"removal": "by_moderator", "reply_count": 3},
    ),
    "category_own": (SPELLED | {"removed_by_category": "author"}, NOTHING_LEFT | {"removal": "by_author"}),
    "category_new": (SPELLED | {"removed_by_category": "some_new_team"}, NOTHING_LEFT | {"removal": "by_moderator"}),
    "category_empty": ({"removed_by_category": ""}, {"body": "Some text", "removal": "none"}),
    "legal": (SPELLED | {"removal_reason": "legal"}, NOTHING_LEFT | {"removal": "by_moderator"}),
    "reason_of_another_kind": ({"removal_reason": None}, {"body": "Some text", "removal": "none"}),
    "deleted_later": (
        SPELLED | {"_meta": {"was_deleted_later": True, "removal_type": "deleted", "retrieved_2nd_on": NOON_S + 9}},
        NOTHING_LEFT | {"removal": "by_author", "observed_at": at(NOON_S + 9)},
    ),
    "deleted_later_by_author": (
        SPELLED | {"_meta": {"was_deleted_later": True, "removal_type": "author"}},
        NOTHING_LEFT | {"removal": "by_author"},
    ),
    "deleted_later_untold": (SPELLED | {"_meta": {"was_deleted_later": True}}, NOTHING_LEFT | {"removal": "by_author"}),
    "removed_later": (
        SPELLED | {"_meta": {"was_deleted_later": True, "removal_type": "removed"}},
        NOTHING_LEFT | {"removal": "by_moderator"},
    ),
    "removed_later_by_reddit": (
        SPELLED | {"_meta": {"was_deleted_later": True, "removal_type": "removed by reddit"}},
        NOTHING_LEFT | {"removal": "by_moderator"},
    ),
    "removed_later_by_a_filter": (
        SPELLED | {"_meta": {"was_deleted_later": True, "removal_type": "automod_filtered"}},
        NOTHING_LEFT | {"removal": "by_moderator"},
    ),
    "kind_of_removal_alone": (SPELLED | {"_meta": {"removal_type": "Removed"}}, NOTHING_LEFT),
    "not_deleted_later": ({"_meta": {"was_deleted_later": False}}, {"body": "Some text", "removal": "none"}),
    "back_again": (
        {"_meta": {"was_initially_deleted": True, "removal_type": "deleted"}, "removed_by_category": "deleted"},
        {"body": "Some text", "title": "A title", "removal": "none"},
    ),
    "back_and_gone_again": (
        SPELLED | {"_meta": {"was_initially_deleted": True, "was_deleted_later": True, "removal_type": "removed"}},
        NOTHING_LEFT | {"removal": "by_moderator"},
    ),
    "back_but_a_notice": (
        {"_meta": {"was_initially_deleted": True}, "selftext": "[removed]"},
        NOTHING_LEFT | {"removal": "by_moderator"},
    ),
    "edited_only": ({"_meta": {"is_edited": True}}, {"body": "Some text", "removal": "none"}),
    "category_author": (
        {"removed_by_category": "deleted", "selftext": "[removed]"}, {"body": None, "removal": "by_author"},
    ),
    "text_empty": ({"selftext": ""}, {"body": None, "removal": "none"}),
    "text_missing": ({"selftext": ...}, {"body": None, "removal": "none"}),
    "title_empty": ({"title": ""}, {"kind": "post", "title": None}),
    "placeholder_inside": ({"selftext": "they wrote [removed]"}, {"body": "they wrote [removed]", "removal": "none"}),
    # text that looks like something else
    "title_of_digits": ({"title": "2012"}, {"title": "2012"}),
    "title_of_number": ({"title": "-1.5e3"}, {"title": "-1.5e3"}),
    "title_true": ({"title": "true", "selftext": "false"}, {"title": "true", "body": "false"}),
    "title_null_word": ({"title": "null"}, {"title": "null"}),
    "title_of_json": ({"title": "[1, 2]", "selftext": '{"a": 1}'}, {"title": "[1, 2]", "body": '{"a": 1}'}),
    "title_bracketed": ({"title": "[Serious] why"}, {"title": "[Serious] why"}),
    "text_with_nul": ({"selftext": "a\u0000b"}, {"body": "a\u0000b"}),
    "text_with_ends": ({"selftext": "a\r\nb\u2028c\u0085"}, {"body": "a\r\nb\u2028c\u0085"}),
    "text_blank": ({"selftext": " \t"}, {"body": " \t"}),
    "text_beyond_bmp": ({"title": "\U0001f600\u202e\ufeff"}, {"title": "\U0001f600\u202e\ufeff"}),
    "text_of_sql": ({"title": "'; drop table x; --"}, {"title": "'; drop table x; --"}),
    # links and labels
    "url": ({"url": "https://example.org/?a=1"}, {"url": "https://example.org/?a=1"}),
    "url_empty": ({"url": ""}, {"url": None}),
    "permalink": ({"permalink": "/r/Tea/comments/x/y/"}, {"permalink": "/r/Tea/comments/x/y/"}),
    "labels": (
        {"link_flair_text": "Review", "over_18": True, "spoiler": True}, {"tags": ["Review", "nsfw", "spoiler"]},
    ),
    "labels_as_text": ({"over_18": "true", "spoiler": "false", "link_flair_text": ""}, {"tags": ["nsfw"]}),
    "crossposts": ({"num_crossposts": 4, "view_count": 90}, {"share_count": 4, "view_count": 90}),
    # entities, undone once
    "entities": (
        {
            "title": "Salt &amp; butter &gt; honey &lt;3", "selftext": "&gt; quoted &amp; said",
            "link_flair_text": "Q&amp;A",
            "url": "https://example.org/watch?v=1&amp;t=30", "permalink": "/r/Tea/comments/x/a_&amp;_b/",
        },
        {
            "title": "Salt & butter > honey <3", "body": "> quoted & said", "tags": ["Q&A"],
            "url": "https://example.org/watch?v=1&t=30", "permalink": "/r/Tea/comments/x/a_&_b/",
            "text_sha256": hashlib.sha256(b"Salt & butter > honey <3\n> quoted & said").hexdigest(),
        },
    ),
    "entities_of_entities": (
        {"title": "write &amp;lt; for &lt;", "selftext": "&amp;amp;amp; &amp;#x200B; &amp;quot;"},
        {"title": "write &lt; for <", "body": "&amp;amp; &#x200B; &quot;"},
    ),
    "entities_of_other_programs": (
        {"title": "It&#39;s &quot;fine&quot;", "selftext": "don&#x27;t &apos;x&apos; &#34;"},
        {"title": "It's \"fine\"", "body": "don't 'x' \""},
    ),
    "no_entities": ({"title": "A & B &c; &unknown; <b>"}, {"title": "A & B &c; &unknown; <b>"}),
    "entities_of_a_notice": ({"selftext": "[removed&#39;]"}, {"body": "[removed']", "removal": "none"}),
    # addresses that lead to somebody's page
    "url_of_a_person": ({"url": "https://www.reddit.com/user/Jane_Doe/comments/x/"}, {"url": None}),
    "url_of_a_person_short": ({"url": "http://old.reddit.com/u/Jane/"}, {"url": None}),
    "url_of_a_profile": ({"url": "https://REDDIT.com/r/U_Jane_Doe/"}, {"url": None}),
    "url_without_host": ({"url": "/user/Jane_Doe/comments/x/"}, {"url": None}),
    "url_with_a_person_inside": (
        {"url": "https://www.reddit.com/login?dest=https%3A%2F%2Fwww.reddit.com%2Fuser%2FJane"}, {"url": None},
    ),
    "url_of_a_mirror": ({"url": "https://libreddit.example/u/Jane_Doe"}, {"url": None}),
    "url_of_another_site": ({"url": "https://example.org/user/guide"}, {"url": "https://example.org/user/guide"}),
    "url_of_a_thread_about_users": (
        {"url": "https://www.reddit.com/r/tea/comments/x/user/"},
        {"url": "https://www.reddit.com/r/tea/comments/x/user/"},
    ),
    "permalink_of_a_person": ({"permalink": "/user/Jane_Doe/comments/x/y/"}, {"permalink": None}),
    "permalink_of_a_profile": ({"permalink": "https://www.reddit.com/r/u_Jane_Doe/comments/x/"}, {"permalink": None}),
    # fields that nobody knows may hold anything that is JSON
    "unknown_keys": ({"media": [{"a": [None, {"b": -0.0}]}], "Id": 5, "ID": "x"}, {"kind": "post"}),
}  # fmt: skip

PARENT = int("c6qshoa", 36)
COMMENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "reply": ({"parent_id": "t1_c0"}, {"parent_id": "t1_c0", "thread_id": "t3_p1"}),
    "parent_number": ({"parent_id": PARENT}, {"parent_id": "t1_c6qshoa"}),
    "parent_number_as_text": ({"parent_id": str(PARENT)}, {"parent_id": "t1_c6qshoa"}),
    "parent_number_of_a_table": ({"parent_id": float(PARENT)}, {"parent_id": "t1_c6qshoa"}),
    "parent_null": ({"parent_id": None}, {"parent_id": "t3_p1"}),
    "parent_missing": ({"parent_id": ...}, {"parent_id": "t3_p1"}),
    "parent_empty": ({"parent_id": ""}, {"parent_id": "t3_p1"}),
    "parent_without_kind": ({"parent_id": "txyz"}, {"parent_id": "t1_txyz"}),
    "parent_negative": ({"parent_id": -5}, {"parent_id": "t1_-5"}),
    "parent_enormous": ({"parent_id": 10**30}, {"parent_id": f"t1_{10**30}"}),
    "thread_without_kind": ({"link_id": "p1", "parent_id": ...}, {"thread_id": "t3_p1", "parent_id": "t3_p1"}),
    "removed": ({"body": "[removed]"}, {"body": None, "text_sha256": None, "removal": "by_moderator"}),
    "deleted": (
        {"body": "[deleted]", "author": "[deleted]"}, {"body": None, "author_key": None, "removal": "by_author"},
    ),
    "body_null": ({"body": None}, {"body": None, "removal": "none"}),
    "body_missing": ({"body": ...}, {"body": None}),
    "replies_are_not_counted": ({"num_comments": 4}, {"reply_count": None}),
    "selftext_is_not_read": ({"selftext": "x", "url": "https://example.org"}, {"body": "An answer", "url": None}),
    "permalink_made": ({}, {"permalink": "/r/Tea/comments/p1/_/{id}/"}),
}  # fmt: skip


def cased(kind: str, cases: dict[str, tuple[dict[str, Any], dict[str, Any]]], builder: Any) -> list[dict[str, Any]]:
    return [builder(f"{kind}{number}", **changes) for number, (changes, _) in enumerate(cases.values())]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Rows of all good cases, by contribution id."""
    home = Home(tmp_path_factory.mktemp("good") / "home").create()
    records = [*cased("p", POSTS, post), *cased("c", COMMENTS, comment)]
    load = extracted(home, records)
    assert bad_lines_of(load) == []
    return {row["contribution_id"]: row for row in rows_of(load)}


@pytest.mark.parametrize("name", POSTS)
def test_post__means(landed: dict[str, dict[str, Any]], name: str):
    number, (_, expected) = list(POSTS).index(name), POSTS[name]
    row = landed[f"t3_p{number}"]
    assert {column: row[column] for column in expected} == expected


@pytest.mark.parametrize("name", COMMENTS)
def test_comment__means(landed: dict[str, dict[str, Any]], name: str):
    number, (_, expected) = list(COMMENTS).index(name), COMMENTS[name]
    row = landed[f"t1_c{number}"]
    expected = {k: v.format(id=f"c{number}") if isinstance(v, str) and "{id}" in v else v for k, v in expected.items()}
    assert {column: row[column] for column in expected} == expected


def test_post__whole_row(home: Home):
    load = extracted(home, [post()])
    assert rows_of(load) == [
        {
            "platform": "reddit",
            "community": "tea",
            "contribution_id": "t3_p1",
            "kind": "post",
            "thread_id": "t3_p1",
            "parent_id": None,
            "created_at": at(NOON_S),
            "edited_at": None,
            "observed_at": at(NOON_S + 100),
            "title": "A title",
            "body": "Some text",
            "text_sha256": hashlib.sha256(b"A title\nSome text").hexdigest(),
            "url": None,
            "permalink": "/r/Tea/comments/p1/",
            "tags": [],
            "author_key": author_key(KEY, "reddit", "Some_Author"),
            "author_role": "member",
            "score": 7,
            "upvote_ratio": None,
            "reply_count": 3,
            "award_count": None,
            "view_count": None,
            "share_count": None,
            "reactions": None,
            "removal": "none",
            "source": "reddit_archive",
            "load_id": load.load_id,
            "contract_version": CONTRACT_VERSION,
            "extra": None,
            "channel": None,
            "is_accepted_answer": None,
        }
    ]
    assert tuple(rows_of(load)[0]) == COLUMN_NAMES


# ---- bad records -----------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "id_missing": (post(id=...), "missing_id"),
    "id_null": (post(id=None), "missing_id"),
    "id_empty": (post(id=""), "missing_id"),
    "id_number": (post(id=5), "not_text"),
    "id_true": (post(id=True), "not_text"),
    "id_object": (post(id={"a": 1}), "not_text"),
    "created_missing": (post(created_utc=...), "missing_created_utc"),
    "created_null": (comment(created_utc=None), "missing_created_utc"),
    "created_words": (post(created_utc="yesterday"), "not_a_number"),
    "created_empty": (post(created_utc=""), "not_a_number"),
    "created_nan_text": (post(created_utc="NaN"), "not_a_number"),
    "created_nan": (b'{"id":"a","subreddit":"Tea","title":"x","created_utc":NaN}', "nan_or_infinity"),
    "created_zero": (post(created_utc=0), "created_utc_out_of_range"),
    "created_true": (post(created_utc=True), "created_utc_out_of_range"),
    "created_before_reddit": (post(created_utc=mapping.EARLIEST_S - 1), "created_utc_out_of_range"),
    "created_in_milliseconds": (post(created_utc=NOON_S * 1_000), "created_utc_out_of_range"),
    "created_enormous": (post(created_utc=10**400), "number_out_of_range"),
    "subreddit_missing": (post(subreddit=...), "missing_subreddit"),
    "subreddit_empty": (post(subreddit=""), "missing_subreddit"),
    "subreddit_number": (post(subreddit=5), "not_text"),
    "neither": (post(title=...), "neither_post_nor_comment"),
    "thread_empty": (comment(link_id=""), "neither_post_nor_comment"),
    "thread_number": (comment(link_id=5), "not_text"),
    "score_list": (post(score=[1]), "not_a_number"),
    "score_words": (post(score="many"), "not_a_number"),
    "score_blank_around": (post(score=" 5 "), "not_a_number"),
    "score_infinite": (
        b'{"id":"a","subreddit":"Tea","title":"x","created_utc":1570276800,"score":inf}', "nan_or_infinity",
    ),
    "score_beyond_doubles": (
        b'{"id":"a","subreddit":"Tea","title":"x","created_utc":1570276800,"score":1e400}', "number_out_of_range",
    ),
    "score_beyond_whole_numbers": (post(score=1e30), "number_out_of_range"),
    "retrieved_absurd": (post(retrieved_on=1e17), "number_out_of_range"),
    "title_number": (post(title=5), "not_text"),
    "title_list": (post(title=["x"]), "not_text"),
    "body_true": (comment(body=True), "not_text"),
    "url_object": (post(url={}), "not_text"),
    "flair_number": (post(link_flair_text=1.5), "not_text"),
    "distinguished_false": (post(distinguished=False), "not_text"),
    "category_number": (post(removed_by_category=0), "not_text"),
    "author_object": (post(author={"name": "x"}), "not_text"),
    "parent_true": (comment(parent_id=True), "not_text"),
    "parent_list": (comment(parent_id=["t1_a"]), "not_text"),
    "repeated_id": (b'{"id":"a",' + line(post())[1:], "duplicate_key"),
    "repeated_escaped": (b'{"\\u0069d":"a",' + line(post())[1:], "duplicate_key"),
    "repeated_edited": (b'{"edited":false,' + line(post(edited=False))[1:], "duplicate_key"),
    "nan_in_unknown_key": (b'{"x":NaN,' + line(post())[1:], "nan_or_infinity"),
    "lone_surrogate": (post(selftext="\ud800"), "lone_surrogate"),
    "lone_surrogate_in_name": (post(author="\udfff", subreddit="\ud800"), "lone_surrogate"),
    "lone_surrogate_in_unknown_key": (post(x={"\ud800": 1}), "lone_surrogate"),
    "array_of_a_record": (b"[" + line(post()) + b"]", "not_an_object"),
    "array_of_two": (b"[" + line(post()) + b"," + line(post("p2")) + b"]", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "number": (b"5", "not_an_object"),
    "trailing_comma": (line(post())[:-1] + b",}", "trailing_comma"),
    "trailing_comma_inside": (b'{"x":[1,\t\t],' + line(post())[1:], "trailing_comma"),
    "two_objects": (line(post()) + line(comment()), "two_objects_one_line"),
    "mark_in_the_middle": (b"\xef\xbb\xbf" + line(post()), "not_json"),
    "nested": (b'{"x":' + b"[" * 2_000 + b"]" * 2_000 + b"," + line(post())[1:], "nested_too_deeply"),
    "nested_beyond_the_stack": (
        b'{"gildings":' + b"[" * 10**6 + b"]" * 10**6 + b"," + line(post())[1:], "nested_too_deeply",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """The bad lines of all bad cases between two good posts, by line number."""
    home = Home(tmp_path_factory.mktemp("bad") / "home").create()
    content = lines([post("first"), *(bad for bad, _ in BAD.values()), post("last")])
    load = extracted(home, content, extra_fields=True)
    assert [row["contribution_id"] for row in rows_of(load)] == ["t3_first", "t3_last"]
    [account] = load.manifest.files
    placed, unplaced = bad_lines_of(load), read([load.unplaced_file(account)], order_by="line_number")
    assert (load.manifest.bad_lines_n, account.unplaced_n) == (len(placed), len(unplaced))
    assert len(placed) + len(unplaced) == len(BAD)
    assert all((row["community"], row["day"]) == ("tea", DAY) for row in placed)
    assert all(row["community"] is None or row["day"] is None for row in unplaced)
    assert min(len(placed), len(unplaced)) > 15
    return {row["line_number"]: row for row in (*placed, *unplaced)}


@pytest.mark.parametrize("name", BAD)
def test_bad_record__is_kept_with_the_name_of_its_fault(refused: dict[int, dict[str, Any]], name: str):
    row = refused[list(BAD).index(name) + 2]
    original, fault = BAD[name]
    assert row["fault"] == fault
    assert row["line"] == line(original)[: 64 * 1024]
    assert "\n" not in row["detail"]


# ---- whichever way a line goes ---------------------------------------------

KINDS_OF_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just([]), st.just({"a": None}),
    st.sampled_from(["1.", ".5", "+5", "1_0", " 5", "1e5", "1e999", "NaN", "inf", "[1]", "{}", "true", "[removed]"]),
    st.sampled_from([NOON_S, str(NOON_S), NOON_S + 0.5]),
)  # fmt: skip
FRAGMENTS = st.sampled_from(
    [b",", b"}", b"]", b"{", b"[", b'"', b"\\", b"NaN", b"-inf", b"null", b"\t", b"\r", b"\x00", b"\xff", b"\\ud800",
     b"\\u0000", b"1e400", b"0", b":", b'"id":"q",', b'"zz":1,"zz":2,', b'"locked":1,', b"\xef\xbb\xbf", b"\x0b"]
)  # fmt: skip


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """A record with some fields changed to anything, then perhaps damaged at one place."""
    record = draw(st.sampled_from([post(), comment()])) | draw(
        st.dictionaries(st.sampled_from(sorted(mapping.KNOWN_FIELDS)), KINDS_OF_VALUES, max_size=2)
    )
    found = json.dumps(record).encode()
    if draw(st.booleans()):
        position, length = draw(st.integers(0, len(found))), draw(st.integers(0, 4))
        found = found[:position] + draw(st.one_of(st.just(b""), FRAGMENTS)) + found[position + length :]
    return found.replace(b"\n", b" ")


@given(content=st.lists(odd_lines(), min_size=1, max_size=6), with_extra=st.booleans())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_chunk_reader__a_line_means_the_same_alone_and_among_others(tmp_path_factory, content, with_extra):
    """Alone, a good line is read at once; beside a bad one, it passes the slow look first."""
    with duckdb.connect() as connection:
        reader = ChunkReader(connection, tmp_path_factory.getbasetemp(), _mapping(with_extra))
        alone = {}
        for number, single in enumerate(content, start=1):
            alone |= _read(connection, reader, Chunk(number, single + b"\n"))
        together = _read(connection, reader, Chunk(1, b"\n".join([*content, b"{"])))
    assert together.pop(len(content) + 1)[0] == "truncated"
    assert together == alone
    assert set(alone) == {number for number, single in enumerate(content, start=1) if single.strip(b" \t\r")}


def test_chunk_reader__line_that_only_the_bulk_reader_refuses_is_bad_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Should the two readers ever disagree: nothing is lost, and no other line is drawn in."""
    monkeypatch.setattr(ndjson, "_NUMBER", re.compile("[0-9_]+"))
    content = [post(f"p{number}", score="1_0" if number in {3, 4, 9} else "10") for number in range(12)]
    with duckdb.connect() as connection:
        found = _read(
            connection,
            ChunkReader(connection, tmp_path, _mapping()),
            Chunk(5, lines(content)),
        )
    assert sorted(found) == list(range(5, 17))
    assert {number: kept[0] for number, kept in found.items() if isinstance(kept, tuple)} == dict.fromkeys(
        (8, 9, 14), "unreadable"
    )


def test_chunk_reader__dense_lines_are_read_in_pieces_that_fit(tmp_path: Path):
    content = [post(f"p{number}", media=[0] * 10_000) for number in range(900)]
    with duckdb.connect(config={"memory_limit": "250MB", "threads": "1"}) as connection:
        reader = ChunkReader(connection, tmp_path, _mapping())
        found = _read(connection, reader, Chunk(1, lines(content)))
    assert reader.bad_lines == []
    assert len(reader._selects) > 1
    assert len(found) == 900


def _read(connection: duckdb.DuckDBPyConnection, reader: ChunkReader, chunk: Chunk) -> dict[int, Any]:
    """What became of each line: its row, or its fault."""
    reader.read(chunk)
    found: dict[int, Any] = {bad.line_number: (bad.fault, bad) for bad in reader.bad_lines if bad.fault != "blank_line"}
    for line_number, *row in connection.execute("select line_number, * exclude (line_number) from parsed").fetchall():
        assert line_number not in found
        found[line_number] = repr(row)
    return found
