"""Ready mappings of ``config/mappings``: each can be used by its name alone, and says what its files look like."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.export_files import entry_of, load_of, written
from fixtures.reddit_lines import rows_of
from pulse.config.settings import load_settings
from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.lake.landing import unproven_days
from pulse.sources.tabular.entry import MAPPINGS, TabularEntry

DAY = Window.one_day(date(2026, 3, 2))
AT = datetime(2026, 3, 2, 11, tzinfo=UTC)
READY: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "facebook_groups": (
        "facebook_groups", "group.csv",
        {"status_id": "1_2", "status_message": r"b'caf\xc3\xa9'", "status_author": "Ann", "link_name": "A link",
         "status_type": "link", "status_link": "https://x.example", "status_published": "2026-03-02 06:00:00",
         "num_reactions": "3", "num_comments": "1", "num_shares": "0", "num_likes": "2", "num_loves": "1",
         "num_wows": "0", "num_hahas": "0", "num_sads": "0", "num_angrys": "0"},
        {"contribution_id": "1_2", "kind": "post", "title": "A link", "body": "café", "url": "https://x.example",
         "reply_count": 1, "share_count": 0,
         "reactions": {"like": 2, "love": 1, "wow": 0, "haha": 0, "sad": 0, "angry": 0}},
    ),
    "youtube_comments": (
        "youtube", "comments.csv",
        {"author": "@ann", "updated_at": "2026-03-02T11:00:00Z", "like_count": "4", "text": "one, two\nthree",
         "video_id": "dQw4", "public": "True"},
        {"kind": "comment", "thread_id": "dQw4", "parent_id": "dQw4", "body": "one, two\nthree", "score": 4,
         "reply_count": None},
    ),
    "reviews": (
        "trustpilot", "reviews.json",
        {"id": "67bd", "text": "fine", "rating": 4, "likes": 2, "title": "Good", "consumer": {"id": "c1"},
         "dates": {"publishedDate": "2026-03-02T11:00:00.000Z", "updatedDate": None}},
        {"contribution_id": "67bd", "kind": "post", "title": "Good", "body": "fine", "score": 2, "tags": ["rating_4"],
         "edited_at": None},
    ),
    "reviews_table": (
        "trustpilot", "dataset.tsv",
        {"text": "fine", "rating": "4", "consumer_id": "c1", "dates_publishedDate": "2026-03-02T11:00:00.000Z",
         "likes": "2", "title": "Good"},
        {"kind": "post", "title": "Good", "body": "fine", "score": 2, "tags": ["rating_4"]},
    ),
    "discord_days": (
        "discord", "general/2026-03-02.json",
        {"author": "ann", "category": "general", "parent": "", "content": "hi", "attachments": None,
         "created_at": "2026-03-02T11:00:00.000000+00:00"},
        {"kind": "message", "channel": "general", "body": "hi", "parent_id": None},
    ),
}  # fmt: skip


def content_of(name: str, record: dict[str, Any]) -> Any:
    if name.endswith(".json"):
        return [record]
    delimiter = "\t" if name.endswith(".tsv") else ","
    lines = [[*record], [f'"{value}"' for value in record.values()]]
    return "\n".join(delimiter.join(cells) for cells in lines).encode() + b"\n"


def facts(name: str, **more: Any) -> dict[str, Any]:
    return {"platform": READY[name][0], "name": "tea", "source": "tabular", "table": {"mapping": name} | more}


def test_ready_mappings__are_all_tried_here_and_documented():
    assert {file.stem for file in MAPPINGS.iterdir()} == set(READY)
    text = (REPOSITORY / "docs" / "sources" / "tabular.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in READY)


@pytest.mark.parametrize("name", READY)
def test_ready_mapping__gives_rows(name: str, home: Home):
    _, file, record, expected = READY[name]
    path = written(home.root / file, content_of(file, record))
    zone = {"zone": "-05:00"} if name == "facebook_groups" else {}
    (row,) = rows_of(load_of(home, DAY, path, **facts(name, **zone)))
    shown = {key: dict(value) if isinstance(value, dict) else value for key, value in row.items()}
    assert {key: shown[key] for key in expected} == expected
    assert shown["created_at"] == AT
    assert len(shown["author_key"]) == 64


def test_discord_days__has_messages_of_threads_under_their_channel(home: Home):
    at = {"author": "ann", "created_at": AT.isoformat()}
    paths = [
        written(home.root / "evm" / "2026-03-02.json", [at | {"content": "a"}]),
        written(home.root / "evm" / "_threads" / "@Ann Clearname why" / "2026-03-02.json", [at | {"content": "b"}]),
    ]
    rows = rows_of(load_of(home, DAY, *paths, **facts("discord_days")))
    assert sorted((row["channel"], row["body"]) for row in rows) == [("evm", "a"), ("evm", "b")]


def test_zone__must_be_said_where_times_tell_none():
    with pytest.raises(ValidationError, match="zone is missing"):
        entry_of(Path("x.csv"), **facts("facebook_groups"))


def test_columns__beside_a_ready_mapping_are_added_or_taken_instead():
    one = entry_of(Path("x.csv"), **facts("youtube_comments", columns={"body": "words", "url": "link"}))
    assert isinstance(one, TabularEntry)
    assert one.table.columns["body"].column == "words"
    assert one.table.columns["score"].column == "like_count"
    assert {"url", "score", "parent_id"} <= one.observes


@pytest.mark.parametrize("name", ["youtube", "../communities", "", 5])
def test_mapping__that_is_not_there_is_an_error_that_names_those_that_are(name: Any, tmp_path: Path):
    config = tmp_path / "communities.yml"
    written(tmp_path / "x.csv", b"id\n")
    one = {"platform": "youtube", "name": "tea", "source": "tabular", "path": "x.csv", "table": {"mapping": name}}
    config.write_text(json.dumps({"communities": [one]}))
    with pytest.raises(ConfigError, match=r"no ready mapping .*discord_days, facebook_groups"):
        load_settings(config, home=Home(tmp_path / "home"))


def test_files_of_one_channel__prove_nothing_of_another(home: Home):
    def day(channel: str, number: int) -> Path:
        times = [
            datetime(2026, 3, number, hour, minute, tzinfo=UTC) for hour in range(24) for minute in range(0, 60, 2)
        ]
        messages = [{"author": "ann", "content": "x", "created_at": at.isoformat()} for at in times]
        return written(home.root / channel / f"2026-03-{number:02}.json", messages)

    week = Window(date(2026, 3, 1), date(2026, 3, 4))
    both = [day("general", number) for number in (1, 2, 3)] + [day("help", number) for number in (1, 2)]
    unproven = unproven_days(load_of(home, week, *both, **facts("discord_days")))
    assert unproven == {date(2026, 3, 3), date(2026, 3, 4)}
    alone = load_of(home, week, *both[:3], **facts("discord_days"))
    assert unproven_days(alone) == {date(2026, 3, 4)}
