"""Exports of Discord: what becomes of messages, of files that were cut off, and what the files prove together."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pydantic import ValidationError

from fixtures.discord_documents import (
    CHANNEL,
    DAY,
    FORUM,
    GUILD,
    NOON,
    ONE_DAY,
    PERSON,
    THREAD,
    author,
    context,
    document,
    entry,
    extracted,
    forum_post,
    message,
    packed,
    snowflake,
    without,
    write,
    written,
)
from fixtures.reddit_lines import FILE_S, KEY, bad_lines_of, read, rows_of
from pulse.config.settings import load_settings
from pulse.core.contract import CONTRACT_VERSION
from pulse.core.coverage import whole_days
from pulse.core.errors import ArchiveUnreadable, DayNotServable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load, coverage_of, unproven_days
from pulse.platforms.names import author_key
from pulse.sources.discord.document import open_export
from pulse.sources.discord.entry import DiscordExportEntry
from pulse.sources.lines import documents
from pulse.sources.lines.archive import extract
from pulse.sources.lines.review import review
from pulse.sources.lines.staging import stage

OTHER = snowflake(datetime(2018, 4, 1, tzinfo=UTC), 31)
HOUR = timedelta(hours=1)


def row_of(home: Home, *messages: Any, **facts: Any) -> dict[str, Any]:
    (row,) = rows_of(extracted(home, document(*messages), **facts))
    return row


def bodies(load: Load) -> list[str | None]:
    return [row["body"] for row in rows_of(load)]


def looked(load: Load, kind: str = "message") -> list[tuple[datetime, datetime, str]]:
    """What the load proves of a kind."""
    return [
        (look.looked_from, look.looked_to, look.proof)
        for look in coverage_of(load)
        if look.kind == kind and look.looked_from is not None and look.looked_to is not None
    ]


def reply(number: int, to: str, *, channel: str = CHANNEL, **changes: Any) -> dict[str, Any]:
    reference = {"messageId": to, "channelId": channel, "guildId": GUILD}
    return message(number, **({"type": "Reply", "reference": reference} | changes))


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


# ---- messages ------------------------------------------------------------------


def test_message__becomes_a_row_that_leaves_unseen_what_discord_has_not(home: Home):
    row = row_of(home, message(1), extra_fields=True)
    at = NOON + timedelta(minutes=1)
    message_id = snowflake(at, 1)
    assert {
        key: value for key, value in row.items() if value is not None and key not in {"load_id", "text_sha256"}
    } == {
        "platform": "discord",
        "community": "Tea & Talk",
        "contribution_id": message_id,
        "kind": "message",
        "thread_id": message_id,
        "created_at": at,
        "observed_at": datetime(2019, 10, 6, 12, 30, 0, 123456, tzinfo=UTC),
        "body": "text 1",
        "permalink": f"https://discord.com/channels/{GUILD}/{CHANNEL}/{message_id}",
        "tags": [],
        "author_key": author_key(KEY, "discord", PERSON),
        "author_role": "member",
        "reactions": {},
        "removal": "none",
        "source": "discord_export",
        "contract_version": CONTRACT_VERSION,
        "extra": '{"isPinned":false,"type":"Default"}',
        "channel": f"general-{CHANNEL[-4:]}",
    }


def test_message__leaves_names_and_signed_addresses_behind(home: Home, monkeypatch: pytest.MonkeyPatch):
    load = extracted(home, document(message(1), message(2, timestamp="never"), message(3, type="GuildMemberJoin")))
    held = all_bytes(home.landing) + json.dumps([rows_of(load), bad_lines_of(load)], default=str).encode()
    for clear in (b"clear_name", b"Clear Name", b"clear-file", b"signature", b"avatar"):
        assert clear not in held


@pytest.mark.parametrize(
    ("written_as", "seconds"),
    [
        ("2019-10-05T07:30:00.25-05:00", 0.25),
        ("2019-10-05T06:30:00.253-06:00", 0.253),
        ("2019-10-05T12:30:00+00:00", 0.0),
        ("2019-10-05T18:00:00.123456+05:30", 0.123456),
        ("2019-10-05T12:30:00.1234567Z", 0.123456),
    ],
)
def test_message__times_are_utc_whatever_the_exporters_offset(home: Home, written_as: str, seconds: float):
    row = row_of(home, message(1, timestamp=written_as, timestampEdited=written_as))
    assert row["created_at"] == row["edited_at"] == NOON + timedelta(minutes=30, seconds=seconds)


def test_message__of_an_old_export_is_seen_when_the_file_was_changed(home: Home):
    old = without(message(1), "reactions", "inlineEmojis", "stickers")
    row = row_of(home, old)
    assert row["reactions"] is None, "an export without reactions did not see any"
    (row,) = rows_of(extracted(home, document(old, exportedAt=None)))
    assert row["observed_at"] == datetime.fromtimestamp(FILE_S, tz=UTC)


def test_message__written_while_the_export_ran_is_seen_then(home: Home):
    row = rows_of(extracted(home, document(message(2), exportedAt="2019-10-05T12:01:00+00:00")))[0]
    assert row["observed_at"] == row["created_at"]


def test_reply__answers_a_message_of_its_channel_only(home: Home):
    first = message(1)
    rows = rows_of(
        extracted(
            home,
            document(
                first,
                reply(2, first["id"]),
                reply(3, first["id"], channel=OTHER),
                reply(4, first["id"], type="Default"),
                message(5, reference={"messageId": first["id"], "channelId": CHANNEL, "type": "Forward"},
                        content="", forwardedMessage={"content": "what another said"}),
                message(6, type="Reply", reference={"messageId": None, "channelId": CHANNEL}),
                message(7, type="Reply", reference=None),
            ),
        )
    )  # fmt: skip
    assert [row["parent_id"] for row in rows] == [None, first["id"], None, first["id"], None, None, None]
    assert {row["kind"] for row in rows} == {"message"}
    assert rows[4]["body"] is None, "a forward's words are another's"


def test_reactions__are_counted_by_emoji_not_by_who_is_listed(home: Home):
    def reaction(name: str, count: Any, **emoji: Any) -> dict[str, Any]:
        return {"emoji": {"id": "", "name": name, "code": "code"} | emoji, "count": count, "users": [{"id": PERSON}]}

    family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
    found = [reaction("👍", 11), reaction("party", 2, id="1"), reaction("party", 3, id="2"), reaction(family, 0)]
    odd = [reaction("👍", "many")], [reaction("👍", -1)], {"👍": 3}, [{"emoji": None, "count": 1}], "x"
    load = extracted(
        home,
        document(message(1, reactions=found), *(message(n, reactions=one) for n, one in enumerate(odd, 2))),
    )
    (row,) = rows_of(load)
    assert row["reactions"] == {"👍": 11, "party": 5, family: 0}
    assert Counter(line["fault"] for line in bad_lines_of(load)) == {"reactions_unreadable": len(odd)}


def test_reactions__of_exports_that_list_nobody_are_counted_too(home: Home):
    old = [{"emoji": {"id": None, "name": "👍", "isAnimated": False, "imageUrl": "x"}, "count": 2}]
    assert row_of(home, message(1, reactions=old))["reactions"] == {"👍": 2}


def test_poll__is_a_message_without_words(home: Home):
    row = row_of(home, message(1, content="", poll={"question": {"text": "which kettle"}}))
    assert (row["kind"], row["body"]) == ("message", None)


ODD_NAMES = ("TPM's [1] general_ (a).json", "what?.json", "all*.json", "naïve 'x' \N{TEACUP WITHOUT HANDLE}.json")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_file_names__with_odd_characters_are_found_as_they_are(home: Home, name: str):
    write(home.root / "exports" / name, document(message(1)))
    config = home.root / "communities.yml"
    one = {"platform": "discord", "name": GUILD, "source": "discord_export", "path": f"exports/{name}"}
    config.write_text(json.dumps({"communities": [one]}, ensure_ascii=False), encoding="utf-8")
    (found,) = load_settings(config, home=home).communities
    assert isinstance(found, DiscordExportEntry)
    assert bodies(extract(found, ONE_DAY, context(home, found))) == ["text 1"]


def test_author__is_the_account_unless_it_is_gone(home: Home):
    told = author("42", name="Other"), author("43", isBot=True), author("44"), author("45")
    gone = author("456226577798135808"), author("55", name="Deleted User"), None, {}
    load = extracted(
        home,
        document(*(message(n, author=one) for n, one in enumerate([*told, *gone], 1))),
        team_accounts=("44", "43"),
        bot_accounts=("45",),
    )
    rows = rows_of(load)
    assert [row["author_role"] for row in rows] == ["member", "bot", "team", "bot", *["member"] * len(gone)]
    keys = [author_key(KEY, "discord", str(number)) for number in (42, 43, 44, 45)]
    assert [row["author_key"] for row in rows] == [*keys, *[None] * len(gone)]


def test_notices__are_skipped_and_every_line_is_accounted_for(home: Home):
    notices = [
        message(number, type=kind, content="Pinned a message.")
        for number, kind in enumerate(
            ["ChannelPinnedMessage", "ThreadCreated", "GuildMemberJoin", "Call", "46", "8"], 2
        )
    ]
    said = [message(20, type="20"), message(21, type="23"), message(22, type="19")]
    silent = [message(30, type="20", content=""), message(31, type="23", content="")]
    yesterday = message(40, type="ChannelPinnedMessage", at=NOON - timedelta(days=1))
    other = message(50, type="Screaming")
    load = extracted(home, document(yesterday, message(1), *notices, *said, *silent, other))
    assert bodies(load) == ["text 1", "text 20", "text 21", "text 22"]
    assert load.manifest.skipped == {"not_speech": 8}
    assert [(line["fault"], line["community"], line["day"]) for line in bad_lines_of(load)] == [
        ("unknown_type", "Tea & Talk", DAY)
    ]
    (account,) = load.manifest.files
    assert (account.lines_n, account.landed_n, account.outside_n, account.quarantined_n) == (14, 4, 1, 1)
    assert (account.skipped, account.unplaced_n, account.unaccounted_n) == ({"not_speech": 8}, 0, 0)


def test_channel__of_nothing_but_notices_is_no_damaged_file(home: Home):
    load = extracted(home, document(message(1, type="GuildMemberJoin")))
    assert (load.manifest.rows_n, load.manifest.skipped, unproven_days(load)) == (0, {"not_speech": 1}, set())


def test_bad_messages__are_named(home: Home):
    bad = [
        ("missing_id", message(2, id="")), ("missing_id", without(message(3), "id")), ("not_text", message(4, id=5)),
        ("not_a_time", message(5, timestamp="2019-10-05T12:00:00")), ("not_a_time", message(6, timestamp="noon")),
        ("missing_timestamp", without(message(7), "timestamp")), ("not_text", message(8, content=["x"])),
        ("not_a_time", message(9, timestampEdited="2019-02-30T12:00:00Z")), ("not_an_object", ["x"]),
        ("not_a_time", message(10, timestamp="1999-10-05T12:00:00Z")), ("not_text", message(11, type=0)),
        ("unknown_type", message(12, type=None)), ("not_text", message(13, author=author(5))),  # type: ignore[arg-type]
    ]  # fmt: skip
    path = write(home.root / "export.json", document(message(1), *(one for _, one in bad), message(99)))
    archive = stage(path, [entry(path)], context(home, entry(path)))
    faults = read(archive.fault_files(), order_by="line_number")
    assert [line["fault"] for line in faults] == [name for name, _ in bad]
    assert [row["body"] for row in read(archive.chunk_files(), order_by="line_number")] == ["text 1", "text 99"]


def test_texts__of_all_kinds_arrive_as_they_are(home: Home):
    texts = ["line\nbreak\r\n", '"quoted" \\ back', "naïve 👩‍👩‍👧 漢字 \u2028", "@Nick #channel", "{}", "a\tb", "  "]
    load = extracted(home, document(*(message(n, content=text) for n, text in enumerate(texts, 1))))
    assert bodies(load) == texts
    assert row_of(home, message(1, content=""))["body"] is None


def test_unknown_keys__are_counted_by_name_without_their_values(home: Home):
    load = extracted(home, document(message(1, poll={"question": "secret words"}, guild_id="x"), message(2, poll=None)))
    assert load.manifest.unknown_keys == {"poll": 2}
    assert b"secret words" not in all_bytes(home.landing)
    assert rows_of(load)[0]["permalink"].startswith(f"https://discord.com/channels/{GUILD}/")


# ---- channels, threads, forums ------------------------------------------------


def test_channels__of_one_name_are_told_apart(home: Home):
    load = extracted(home, document(message(1)), document(message(2), channel={"id": OTHER}))
    assert [row["channel"] for row in rows_of(load)] == [f"general-{CHANNEL[-4:]}", f"general-{OTHER[-4:]}"]


def test_forum_post__opens_a_thread_of_which_all_else_are_comments(home: Home):
    opening = message(1, id=THREAD)
    answer = reply(3, message(2)["id"], channel=THREAD)
    load = extracted(home, forum_post(opening, message(2), answer))
    rows = rows_of(load)
    assert [(row["kind"], row["title"], row["parent_id"]) for row in rows] == [
        ("post", "Which kettle?", None),
        ("comment", None, THREAD),
        ("comment", None, message(2)["id"]),
    ]
    assert {row["thread_id"] for row in rows} == {THREAD}
    assert {row["channel"] for row in rows} == {f"kettles-{FORUM[-4:]}"}
    assert rows[1]["permalink"] == f"https://discord.com/channels/{GUILD}/{THREAD}/{message(2)['id']}"
    assert load.manifest.kinds_read == ("post", "comment")


@pytest.mark.parametrize("kind", ["GuildPublicThread", "GuildPrivateThread", "GuildNewsThread", "11"])
def test_thread__under_a_channel_hangs_from_the_message_there(home: Home, kind: str):
    start = message(1)
    below = document(
        message(2, type="21", reference={"messageId": start["id"], "channelId": CHANNEL}),
        message(3),
        channel={"id": start["id"], "type": kind, "categoryId": CHANNEL, "category": "general", "name": "Kettles"},
    )
    load = extracted(home, document(start), below)
    assert [(row["kind"], row["thread_id"], row["parent_id"], row["title"]) for row in rows_of(load)] == [
        ("message", start["id"], None, None),
        ("comment", start["id"], start["id"], None),
    ]
    assert len({row["channel"] for row in rows_of(load)}) == 1
    assert load.manifest.kinds_read == ("post", "comment", "message")


# ---- files ---------------------------------------------------------------------


def test_export__cut_anywhere_keeps_its_whole_messages(tmp_path: Path):
    whole = packed(document(*(message(number, content="é👍") for number in range(1, 5))))
    ends = [len(json_before) for json_before in _ends_of_messages(whole, 4)]
    start = whole.index(b'"messages": [')
    for size in range(start + len(b'"messages": ['), len(whole)):
        records = documents.Records(write(tmp_path / "x.json", whole[:size]), array="messages")
        kept_n = len(list(records))
        assert (kept_n, records.is_cut_off) == (sum(end <= size for end in ends), True), size
    records = documents.Records(write(tmp_path / "x.json", whole), array="messages")
    assert (len(list(records)), records.is_cut_off) == (4, False)


def _ends_of_messages(whole: bytes, count: int) -> list[bytes]:
    """The document up to the end of each message."""
    found, place = [], whole.index(b'"messages": [')
    for _ in range(count):
        place = whole.index(b"\n    }", place) + len(b"\n    }")
        found.append(whole[:place])
    return found


def test_export__that_was_cut_off_says_so_and_proves_what_it_reached(home: Home):
    whole = packed(document(message(1), message(2), message(200)))
    load = extracted(home, whole[: _cut_inside_last(whole)])
    assert bodies(load) == ["text 1", "text 2"]
    assert load.manifest.partial_reason == "export 0.json: export cut off, 2 messages kept"
    assert looked(load) == [(NOON - 12 * HOUR, NOON + timedelta(minutes=2), "listed")]
    assert unproven_days(load) == {DAY}


def _cut_inside_last(whole: bytes) -> int:
    return whole.rindex(b'"reactions"') + 10


def test_export__newest_first_that_was_cut_off_proves_its_end(home: Home):
    whole = packed(document(message(9), message(8), message(1)))
    load = extracted(home, whole[: _cut_inside_last(whole)])
    assert looked(load) == [(NOON + timedelta(minutes=8), NOON + 12 * HOUR, "listed")]


@pytest.mark.parametrize("messages", [(), (message(2), message(1), message(3))])
def test_export__cut_off_without_an_order_proves_nothing(home: Home, messages: tuple[Any, ...]):
    whole = packed(document(*messages, message(5)))
    load = extracted(home, document(message(7), channel={"id": OTHER}), whole[: _cut_inside_last(whole)])
    assert load.manifest.partial_reason == f"export 1.json: export cut off, {len(messages)} messages kept"
    assert looked(load) == []


def test_export__cut_off_before_its_messages_is_kept_as_nothing(home: Home):
    whole = packed(document(message(1)))
    load = extracted(home, document(message(7), channel={"id": OTHER}), whole[: whole.index(b'"messages"')])
    assert load.manifest.partial_reason == "export 1.json: export cut off, 0 messages kept"


def test_export__that_holds_less_than_it_counted_says_so(home: Home):
    load = extracted(home, document(message(1), message(2), messageCount=3))
    assert load.manifest.partial_reason == "export 0.json: export says 3 messages and holds 2"
    assert unproven_days(load) == {DAY}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"<html>", b"AuthorID,Author,Date,Content\n", b'{"id": "t3_a"}\n{"id": "t3_b"}\n',
        packed(without(document(message(1)), "guild")), packed(document(guild={"id": 5})), b'{"guild": {"id": "5"',
        packed(document(message(1), channel={"id": "general"})), b"\x00" * 100, b'{"messages": []}',
    ],
)  # fmt: skip
def test_export__that_is_none_is_refused_in_one_line(home: Home, content: bytes):
    with pytest.raises(ArchiveUnreadable, match="no export of DiscordChatExporter") as caught:
        extracted(home, content)
    assert "\n" not in str(caught.value)


def test_export__damaged_before_its_end_is_refused_without_quoting_it(home: Home):
    whole = packed(document(message(1), message(2, content="private words"), message(3)))
    with pytest.raises(ArchiveUnreadable, match="no JSON after item") as caught:
        extracted(home, whole.replace(b'"private words"', b'"private words" "x"') + b" " * 200_000)
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    "facts", [{"guild": {"id": "0", "name": "Direct Messages"}}, {"channel": {"type": "DirectTextChat"}}]
)
def test_export__of_direct_messages_is_refused(home: Home, facts: dict[str, Any]):
    with pytest.raises(ArchiveUnreadable, match="direct messages"):
        extracted(home, document(message(1), **facts))


def test_export__packed_or_marked_means_the_same(home: Home):
    plain = packed(document(message(1)))
    loads = [extracted(home, one) for one in (plain, zstandard.compress(plain), b"\xef\xbb\xbf" + plain)]
    assert [bodies(load) for load in loads] == [["text 1"]] * 3
    assert {load.manifest.partial_reason for load in loads} == {None}


def test_export__read_again_gives_the_same_load(home: Home):
    first = extracted(home, document(message(1)))
    assert extracted(home, document(message(1))).folder == first.folder
    assert first.manifest.is_replayable


@pytest.mark.parametrize("chunk_bytes", [1, 700, 2_000, 10**6])
def test_chunks__wherever_they_end_hold_the_same(home: Home, chunk_bytes: int):
    path = write(home.root / "x.json", document(*(message(n) for n in range(1, 20)), message(20, type="Call")))
    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=chunk_bytes)
    rows = read(archive.chunk_files(), order_by="line_number")
    assert [(row["line_number"], row["body"]) for row in rows] == [(n, f"text {n}") for n in range(1, 20)]
    assert archive.lines_n == 20
    assert archive.coverage.part == CHANNEL


def test_message__too_long_for_a_line_is_quarantined(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pulse.sources.lines.ndjson.MAX_LINE_BYTES", 2_000)
    path = write(home.root / "x.json", document(message(1), message(2, content="x" * 3_000), message(3)))
    archive = stage(path, [entry(path)], context(home, entry(path)))
    assert [row["line_number"] for row in read(archive.chunk_files(), order_by="line_number")] == [1, 3]
    assert [line["fault"] for line in read(archive.fault_files(), order_by="line_number")] == ["line_too_long"]


# ---- several exports -------------------------------------------------------------


def test_exports__of_one_channel_merge_and_older_observations_stay(home: Home):
    earlier = document(message(1), message(2), exportedAt="2019-10-05T12:02:30+00:00")
    thumb = [{"emoji": {"name": "👍"}, "count": 3, "users": []}]
    later = document(message(1), message(2, content="edited", reactions=thumb), message(3))
    load = extracted(home, earlier, later, later)
    assert [(row["body"], row["observed_at"].day) for row in rows_of(load)] == [
        ("text 1", 5), ("text 1", 6), ("text 2", 5), ("edited", 6), ("text 3", 6),
    ]  # fmt: skip
    assert load.manifest.skipped == {"duplicate_record": 3}
    assert not any(account.unaccounted_n for account in load.manifest.files)


def test_exports__of_other_servers_lie_outside(home: Home):
    elsewhere = document(message(2), guild={"id": OTHER, "name": "Elsewhere"}, channel={"id": OTHER}, exportedAt=None)
    load = extracted(home, document(message(1)), elsewhere)
    assert bodies(load) == ["text 1"]
    assert unproven_days(load) == set(), "what another server's file proves is not asked for"
    assert [account.outside_n for account in load.manifest.files] == [0, 1]


@pytest.mark.parametrize("name", [GUILD, "Tea & Talk"])
def test_entry__names_a_server_by_id_or_name(home: Home, name: str):
    (row,) = rows_of(extracted(home, document(message(1)), name=name))
    assert row["community"] == name


def test_entry__that_no_file_knows_is_never_seen_and_gets_a_hint(home: Home):
    of_files = entry(*written(home, [document(message(1))]), name="Tea and Talk")
    given = context(home, of_files)
    load = extract(of_files, ONE_DAY, given)
    assert load.manifest.is_never_seen
    (remark,) = review(given)
    assert remark.is_never_seen
    assert "did you mean Tea & Talk?" in remark.found


def test_entry__is_not_told_to_declare_what_files_say_themselves(home: Home):
    days = [datetime(2019, 10, day, 12, tzinfo=UTC) for day in range(1, 30)]
    last = document(*(message(n, at=at) for n, at in enumerate(days)), exportedAt="2019-10-29T13:00:00Z")
    of_files = entry(*written(home, [last]))
    given = context(home, of_files)
    extract(of_files, ONE_DAY, given)
    assert review(given) == []


@pytest.mark.parametrize("facts", [{"name": "*"}, {"team_accounts": ["clear_name"]}, {"bot_accounts": ["②"]}])
def test_entry__refuses_what_cannot_be_meant(facts: dict[str, Any]):
    with pytest.raises(ValidationError):
        entry(Path("x.json"), **facts)


# ---- what files prove -------------------------------------------------------------


WEEK = Window(date(2019, 10, 1), date(2019, 10, 7))


def proven(load: Load, kind: str = "message") -> list[int]:
    """Days of October that are whole."""
    return sorted(day.day for day in whole_days(coverage_of(load), community="Tea & Talk", kinds=[kind]))


def test_coverage__reaches_from_the_servers_beginning_to_the_export(home: Home):
    load = extracted(home, document(message(1)), window=WEEK)
    assert proven(load) == [1, 2, 3, 4, 5]
    assert looked(load)[-1] == (NOON + 12 * HOUR, NOON + timedelta(hours=24, minutes=30), "listed")
    opening = extracted(home, document(message(1)), window=Window(date(2018, 3, 1), date(2018, 3, 2)))
    assert looked(opening)[0][0] == datetime(2018, 3, 1, 9, tzinfo=UTC)
    assert opening.manifest.rows_n == 0
    with pytest.raises(DayNotServable, match="2018-03-01"):
        extracted(home, document(message(1)), window=Window.one_day(date(2018, 2, 28)))


def test_coverage__keeps_to_the_range_that_was_asked_for(home: Home):
    asked = {"after": "2019-10-02T19:00:00-05:00", "before": "2019-10-05T00:00:00+00:00"}
    load = extracted(home, document(message(1, at=NOON - 24 * HOUR), dateRange=asked), window=WEEK)
    assert proven(load) == [3, 4]
    asked["before"] = "2031-01-01T00:00:00+00:00"
    assert proven(extracted(home, document(message(1), dateRange=asked), window=WEEK)) == [3, 4, 5]


def test_coverage__of_an_export_that_tells_no_time_ends_at_its_last_message(home: Home):
    load = extracted(home, document(message(1), message(2), exportedAt=None), window=WEEK)
    assert proven(load) == [1, 2, 3, 4]
    assert looked(load)[-1][1] == NOON + timedelta(minutes=2)
    assert load.manifest.partial_reason is None
    empty = document(channel={"id": OTHER}, exportedAt=None)
    assert looked(extracted(home, document(message(1)), empty, window=WEEK)) == []


def test_coverage__of_a_server_is_what_all_its_channels_have(home: Home):
    def until(day: int, channel: str, after: int | None = None) -> dict[str, Any]:
        asked = {"after": after and f"2019-10-0{after}T00:00:00Z", "before": None}
        at = datetime(2019, 10, day, tzinfo=UTC) - HOUR
        return document(message(day, at=at), channel={"id": channel}, dateRange=asked,
                        exportedAt=f"2019-10-0{day}T00:00:00Z")  # fmt: skip

    assert proven(extracted(home, until(7, CHANNEL), until(4, OTHER), window=WEEK)) == [1, 2, 3]
    # A later export of the second channel adds to the earlier one; between them nobody looked.
    both = until(7, CHANNEL), until(3, OTHER), until(6, OTHER, after=4)
    load = extracted(home, *both, window=WEEK)
    assert proven(load) == [1, 2, 4, 5]
    assert {look.proof for look in coverage_of(load) if look.kind != "message"} == {"none"}


def test_coverage__of_posts_and_comments_is_what_threads_have(home: Home):
    opening = message(1, id=THREAD)
    text, thread = document(message(2)), forum_post(opening, message(3), exportedAt="2019-10-05T00:00:00Z")
    load = extracted(home, text, thread, window=WEEK)
    assert (proven(load), proven(load, "post"), proven(load, "comment")) == (
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
    )
    without_threads = extracted(home, text, window=WEEK)
    assert without_threads.manifest.kinds_read == ("message",)
    assert (proven(without_threads, "post"), unproven_days(without_threads)) == (
        [],
        {date(2019, 10, 6), date(2019, 10, 7)},
    )


def test_coverage__declared_days_hold_besides(home: Home):
    covers = [{"from": "2019-10-06", "to": "2019-10-06"}]
    assert proven(extracted(home, document(message(1)), window=WEEK, covers=covers)) == [1, 2, 3, 4, 5, 6]


def test_open_export__reads_the_head_alone(tmp_path: Path):
    path = write(tmp_path / "x.json", packed(document(message(1)))[:600])
    assert open_export(path, ()).community == "Tea & Talk"
    assert open_export(path, (GUILD,)).community == GUILD
