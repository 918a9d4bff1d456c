"""Exports of Telegram: text in pieces, local times, forwards, and chats that are no community."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.export_files import entry_of, landed_bytes, load_of, written
from fixtures.reddit_lines import KEY, bad_lines_of, rows_of
from pulse.core.errors import ArchiveUnreadable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.names import author_key

DAY = Window.one_day(date(2026, 3, 2))
CHAT, PERSON = 1_234_567_890, "user300000000"
FACTS = {"platform": "telegram", "name": "Tea", "source": "telegram_export"}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def said(number: int = 1, text: Any = "text", **changes: Any) -> dict[str, Any]:
    record = {
        "id": number, "type": "message", "date": "2026-03-02T15:00:00",
        "date_unixtime": str(int(NOON.timestamp()) + 60 * number), "from": "Ann Clearname", "from_id": PERSON,
        "text": text, "text_entities": [],
    }  # fmt: skip
    return {key: value for key, value in (record | changes).items() if value is not ...}


def document(*messages: Any, **changes: Any) -> dict[str, Any]:
    return {"name": "Tea", "type": "public_supergroup", "id": CHAT, "messages": list(messages)} | changes


def loaded(home: Home, *messages: Any, **facts: Any) -> Load:
    changes = {key: facts.pop(key) for key in ("chat_name", "type", "id") if key in facts}
    whole = document(*messages, **{key.removeprefix("chat_"): value for key, value in changes.items()})
    return load_of(home, DAY, written(home.root / "result.json", whole), **(FACTS | facts))


def test_message__becomes_a_row(home: Home):
    reactions = [{"type": "emoji", "count": 3, "emoji": "👍", "recent": [{"from": "Bob Clearname"}]},
                 {"type": "custom_emoji", "count": 1, "document_id": "5"}, {"type": "paid", "count": 2}]  # fmt: skip
    load = loaded(home, said(1), said(2, reply_to_message_id=1, reactions=reactions, edited_unixtime="1772452900"))
    first, second = rows_of(load)
    assert (first["contribution_id"], first["kind"], first["parent_id"]) == (f"{CHAT}_1", "message", None)
    assert first["created_at"] == datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
    assert first["author_key"] == author_key(KEY, "telegram", PERSON)
    assert (second["parent_id"], dict(second["reactions"])) == (f"{CHAT}_1", {"👍": 3, "5": 1, "paid": 2})
    assert second["edited_at"] == datetime.fromtimestamp(1_772_452_900, tz=UTC)
    assert b"Clearname" not in landed_bytes(home)


@pytest.mark.parametrize(
    ("old", "new"),
    [(4_294_967_296 + 300_000_000, PERSON), (300_000_000, PERSON), (8_589_934_592 + CHAT, f"channel{CHAT}")],
)
def test_accounts_and_chats__of_old_exports_are_the_same_as_in_new_ones(home: Home, old: int, new: str):
    (row,) = rows_of(loaded(home, said(1, from_id=old), id=8_589_934_592 + CHAT))
    assert (row["contribution_id"], row["author_key"]) == (f"{CHAT}_1", author_key(KEY, "telegram", new))


def test_message__that_telegram_could_not_export_is_kept_apart_and_says_why(home: Home):
    (line,) = _unplaced(loaded(home, said(1), {"id": 2, "type": "unsupported"}))
    assert (line["fault"], line["detail"]) == ("unknown_type", "Telegram Desktop could not export it")


def test_text__is_one_or_in_pieces(home: Home):
    pieces = [{"type": "link", "text": "https://x.example"}, " 👀 ", {"type": "bold", "text": "b"}, 5, {"type": "odd"}]
    texts = ["plain", pieces, [], "", None]
    load = loaded(home, *(said(number, text) for number, text in enumerate(texts, 1)))
    assert [row["body"] for row in rows_of(load)] == ["plain", "https://x.example 👀 b", None, None, None]


def test_times__without_zone_need_one_from_the_config(home: Home):
    old = said(1, date_unixtime=..., edited="2026-03-02T15:30:00")
    load = loaded(home, said(2), *(said(n) for n in range(3, 30)), old)
    assert [(line["fault"], line["detail"]) for line in _unplaced(load)] == [
        ("not_a_time", "date has no zone, and the entry says none")
    ]
    (row,) = [row for row in rows_of(loaded(home, said(2), old, zone="Europe/Istanbul")) if row["edited_at"]]
    assert (row["created_at"], row["edited_at"].minute) == (NOON, 30)
    assert loaded(home, old, zone="+03:00").manifest.rows_n == 1


def _unplaced(load: Load) -> list[dict[str, Any]]:
    from fixtures.reddit_lines import read

    return read(load.folder.glob("unplaced*.parquet"), order_by="line_number")


def test_forwards_services_and_answers_elsewhere(home: Home):
    load = loaded(
        home, said(1, forwarded_from="Bob Clearname"), said(2, type="service", action="joined", actor="Ann Clearname"),
        said(3, reply_to_message_id=1, reply_to_peer_id="channel999"), said(4, from_id=...), said(5, type="odd"),
        said(6, id="x"), said(7, date_unixtime="never"), said(8, {"x": 1}), "no object",
    )  # fmt: skip
    rows = rows_of(load)
    assert [(row["body"], row["parent_id"]) for row in rows] == [(None, None), ("text", None), ("text", None)]
    assert rows[2]["author_key"] is None
    assert load.manifest.skipped == {"not_speech": 1}
    assert sorted(line["fault"] for line in bad_lines_of(load)) == ["missing_id", "not_text", "unknown_type"]
    (account,) = load.manifest.files
    assert (account.lines_n, account.unplaced_n, account.unaccounted_n) == (9, 2, 0)


@pytest.mark.parametrize("name", ["Tea", str(CHAT)])
def test_entry__names_a_chat_by_name_or_id(home: Home, name: str):
    (row,) = rows_of(loaded(home, said(1), name=name))
    assert row["community"] == name


def test_entry__that_the_file_does_not_know_is_never_seen(home: Home):
    assert loaded(home, said(1), chat_name="Coffee").manifest.is_never_seen


def test_export__that_just_ends_says_so(home: Home):
    whole = json.dumps(document(said(1), said(2)), indent=1).encode()
    path = written(home.root / "result.json", whole[: whole.rindex(b'"text"')])
    load = load_of(home, DAY, path, **FACTS)
    assert load.manifest.partial_reason == "result.json: export cut off, 1 messages kept"


@pytest.mark.parametrize("kind", ["personal_chat", "bot_chat", "saved_messages", "odd", None])
def test_export__of_private_chats_is_refused(home: Home, kind: str | None):
    with pytest.raises(ArchiveUnreadable, match="between persons"):
        loaded(home, said(1), type=kind)


OTHERS: tuple[Any, ...] = (
    b"", b"[]", b"<html>", {"chats": {"list": [document(said(1))]}}, {"messages": []}, document(id="x"),
    document(id=True),
)  # fmt: skip


@pytest.mark.parametrize("content", OTHERS)
def test_export__of_another_kind_is_refused(home: Home, content: Any):
    with pytest.raises(ArchiveUnreadable, match="no export of one chat"):
        load_of(home, DAY, written(home.root / "result.json", content), **FACTS)


@pytest.mark.parametrize("facts", [{"name": "*"}, {"zone": "Mars"}])
def test_entry__refuses_what_cannot_be_meant(facts: dict[str, Any]):
    with pytest.raises(ValidationError):
        entry_of(Path("x.json"), **(FACTS | facts))
