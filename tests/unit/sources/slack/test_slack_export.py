"""Exports of Slack: threads, notices, what files and old wrappings become, and that no token is ever written."""

import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.export_files import entry_of, landed_bytes, load_of, written, zipped
from fixtures.reddit_lines import KEY, bad_lines_of, rows_of
from pulse.core.errors import ArchiveUnreadable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load, coverage_of
from pulse.platforms.names import author_key

DAY = Window.one_day(date(2026, 3, 2))
CHANNEL, OTHER, PERSON, BOT = "C024BE7LR", "C024BE7LS", "U024BE7LH", "U0000BOT1"
FACTS = {"platform": "slack", "name": "Tea Makers", "source": "slack_export"}
CHANNELS = [{"id": CHANNEL, "name": "general"}, {"id": OTHER, "name": "naïve-plans"}]
USERS = [{"id": PERSON, "is_bot": False, "real_name": "Ann Clearname"}, {"id": BOT, "is_bot": True}]
TOKEN = "xoxe-1234567890-abcDEF"


def ts(minute: int) -> str:
    return f"{int(datetime(2026, 3, 2, 10, minute, tzinfo=UTC).timestamp())}.00000{minute % 10}"


def said(minute: int, text: str = "text", **changes: Any) -> dict[str, Any]:
    return {"type": "message", "user": PERSON, "text": text, "ts": ts(minute)} | changes


def loaded(home: Home, *messages: Any, root: str = "", window: Window = DAY, **others: Any) -> Load:
    members = {f"{root}channels.json": CHANNELS, f"{root}users.json": USERS,
               f"{root}general/2026-03-02.json": list(messages)}  # fmt: skip
    return load_of(home, window, zipped(home.root / "export.zip", members | others), **FACTS)


def test_message__becomes_a_row_known_by_channel_and_time(home: Home):
    reactions = [{"name": "+1", "users": [PERSON, "U2"], "count": 2}, {"name": "tea", "count": 1}]
    (row,) = rows_of(
        loaded(home, said(1, "a &lt;b&gt; &amp; c", edited={"user": PERSON, "ts": ts(5)}, reactions=reactions))
    )
    assert (row["contribution_id"], row["kind"], row["thread_id"]) == (
        f"{CHANNEL}_{ts(1)}",
        "message",
        f"{CHANNEL}_{ts(1)}",
    )
    assert (row["created_at"], row["edited_at"]) == (
        datetime(2026, 3, 2, 10, 1, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 2, 10, 5, 0, 5, tzinfo=UTC),
    )
    assert (row["body"], row["channel"], row["author_role"]) == ("a <b> & c", "general", "member")
    assert row["author_key"] == author_key(KEY, "slack", PERSON)
    assert dict(row["reactions"]) == {"+1": 2, "tea": 1}
    assert (row["parent_id"], row["title"], row["score"], row["permalink"]) == (None, None, None, None)


def test_thread__replies_hang_from_their_root_whatever_day_they_are_of(home: Home):
    root = said(1, thread_ts=ts(1), reply_count=2)
    load = loaded(home, root, said(2, thread_ts=ts(1)), said(3, thread_ts=ts(1), subtype="thread_broadcast"))
    rows = rows_of(load)
    root_id = f"{CHANNEL}_{ts(1)}"
    assert [(row["kind"], row["thread_id"], row["parent_id"], row["reply_count"]) for row in rows] == [
        ("message", root_id, None, 2),
        ("comment", root_id, root_id, None),
        ("comment", root_id, root_id, None),
    ]


def test_same_time__in_two_channels_is_two_messages(home: Home):
    load = loaded(home, said(1), **{"naïve-plans/2026-03-02.json": [said(1, "there")]})
    assert [(row["channel"], row["body"]) for row in rows_of(load)] == [("general", "text"), ("naïve-plans", "there")]


def test_notices__are_no_speech_and_bots_are_known(home: Home):
    notices = [
        said(n, subtype=one) for n, one in enumerate(["channel_join", "channel_topic", "pinned_item", "bot_disable"])
    ]
    bots = said(10, bot_id="B1"), said(11, user=BOT), {"type": "message", "subtype": "bot_message", "bot_id": "B2",
                                                       "text": "x", "ts": ts(12)}  # fmt: skip
    load = loaded(home, *notices, *bots, said(13), without_user := {"type": "message", "text": "y", "ts": ts(14)})
    assert without_user
    rows = rows_of(load)
    assert [row["author_role"] for row in rows] == ["bot", "bot", "bot", "member", "member"]
    assert rows[-1]["author_key"] is None
    assert load.manifest.skipped == {"not_speech": 4}


def test_files__of_old_exports_leave_the_comment_of_whoever_shared_them(home: Home):
    file = {"url_private": f"https://files.example/x?t={TOKEN}", "initial_comment": {"comment": "look", "user": PERSON}}
    load = loaded(
        home,
        said(1, f"<@{PERSON}|ann> uploaded a file: <https://x/y?t={TOKEN}|y>", subtype="file_share", file=file),
        said(2, "words of Slack's", subtype="file_share", file={}),
        said(3, "mine", subtype="file_share", files=[{"url_private": f"https://files.example/x?t={TOKEN}"}]),
        said(4, "wrapped", subtype="file_comment", user=None, comment={"user": PERSON, "comment": "nice"}),
    )
    assert [row["body"] for row in rows_of(load)] == ["look", None, "mine", "nice"]
    assert rows_of(load)[3]["author_key"] == author_key(KEY, "slack", PERSON)


def test_tokens_and_names__are_never_written_nor_logged(home: Home, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    texts = [
        f"see <https://files.slack.com/a?t={TOKEN}|a>",
        f"a&token={TOKEN.upper()} b",
        f"<@{PERSON}|Clearname> {TOKEN}",
    ]
    files = {"files": [{"url_private_download": f"https://x/?t={TOKEN}"}], "user_profile": {"real_name": "Clearname"}}
    load = loaded(home, *(said(n, text, **files) for n, text in enumerate(texts)), said(9, f"x {TOKEN}", ts="never"),
                  said(8, f"x {TOKEN}", subtype="odd"))  # fmt: skip
    held = landed_bytes(home) + json.dumps([rows_of(load), bad_lines_of(load)], default=str).encode()
    held += caplog.text.encode()
    for clear in (b"xoxe", b"XOXE", b"Clearname"):
        assert clear not in held
    assert [row["body"] for row in rows_of(load)] == [
        "see <https://files.slack.com/a?t=|a>", "a&token= b", f"<@{PERSON}> ",
    ]  # fmt: skip


def test_bad_messages__are_named(home: Home):
    good = [said(n) for n in range(40)]
    bad = [
        said(1, ts="1"),
        said(1, ts=None),
        "x",
        said(50, subtype="screaming"),
        said(51, text=["x"]),
        said(52, type="y"),
    ]
    load = loaded(home, *good, *bad)
    (account,) = load.manifest.files
    assert (account.lines_n, account.landed_n, account.quarantined_n, account.unplaced_n) == (46, 40, 3, 3)
    assert {line["fault"] for line in bad_lines_of(load)} == {"unknown_type", "not_text"}


@pytest.mark.parametrize("root", ["", "Tea Makers export/"])
def test_zip__with_a_folder_around_and_what_else_lies_in_it(home: Home, root: str):
    others = {
        f"{root}dms.json": [{"id": "D1"}], f"{root}D1/2026-03-02.json": [said(1, "private")],
        f"{root}groups.json": [{"id": "G1", "name": "secret-group"}], f"{root}mpims.json": [{"id": "G2", "name": "us"}],
        f"{root}secret-group/2026-03-02.json": [said(1, "private")], f"{root}us/2026-03-02.json": [said(1, "private")],
        f"{root}integration_logs.json": [{"date": "x"}], f"{root}general/canvas.json": [said(1, "no")],
        f"__MACOSX/{root}general/._2026-03-02.json": b"\x00\x05",
    }  # fmt: skip
    load = loaded(home, said(1), root=root, **others)
    assert [row["body"] for row in rows_of(load)] == ["text"]
    assert load.manifest.partial_reason is None


def test_day_files__that_give_no_rows_are_said(home: Home):
    others = {"naïve-plans/2026-03-02.json": {"messages": [said(2)]}, "unheard/2026-03-02.json": [said(3)]}
    load = loaded(home, said(1), **others)
    assert len(rows_of(load)) == 1
    assert load.manifest.partial_reason == (
        "export.zip: 1 folders of no channel in channels.json left out; "
        "naïve-plans/2026-03-02.json: no list of messages"
    )


def test_day_file__that_just_ends_keeps_whole_messages(home: Home):
    cut = json.dumps([said(1), said(2)]).encode()[:-20]
    load = loaded(home, said(5), **{"naïve-plans/2026-03-02.json": cut})
    assert len(rows_of(load)) == 2
    assert load.manifest.partial_reason == "export.zip: naïve-plans/2026-03-02.json: cut off"


def test_coverage__is_spanned_by_the_records_of_all_channels(home: Home):
    load = loaded(home, *(said(minute) for minute in range(60)))
    looked = [look for look in coverage_of(load) if look.kind == "message" and look.looked_from]
    assert {look.proof for look in looked} == {"spanned"}


@pytest.mark.parametrize("members", [{}, {"users.json": []}, {"general/2026-03-02.json": [said(1)]}])
def test_zip__of_another_kind_is_refused(home: Home, members: dict[str, Any]):
    with pytest.raises(ArchiveUnreadable, match=r"no channels[.]json"):
        load_of(home, DAY, zipped(home.root / "x.zip", members), **FACTS)


def test_zip__that_was_unpacked_is_asked_for(home: Home):
    with pytest.raises(ArchiveUnreadable, match=r"no zip file .*as it was downloaded"):
        load_of(home, DAY, written(home.root / "2026-03-02.json", [said(1)]), **FACTS)


def test_entry__must_have_a_name():
    with pytest.raises(ValidationError):
        entry_of(Path("x.zip"), **(FACTS | {"name": "*"}))
