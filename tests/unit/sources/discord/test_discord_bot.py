"""What is Discord's own: intents, channels that are closed, threads, forwards, kinds of messages, deleted accounts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.answering_platform import Platform
from fixtures.live_sources import CASES
from fixtures.live_stage import DAY, NOON, Stage, rows_of, said
from pulse.core.errors import ConfigError, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.platforms.discord import DELETED_ACCOUNT, snowflake_at, snowflake_time
from pulse.sandbox import discord
from pulse.sandbox.discord import DiscordDouble
from pulse.sources.discord.bot import DiscordBotEntry, DiscordCredentials
from pulse.sources.discord.bot_reading import DiscordBotReader, _Place
from pulse.sources.live.fields import BadRecord, Fields
from pulse.sources.live.items import Item, NotSpeech

CASE = CASES["discord_bot"]
ENTRY = DiscordBotEntry(platform="discord", name=discord.SERVER_ID, source="discord_bot")
CHANNEL = _Place("77", "general-0077", last_message_id=1 << 61)
POST = _Place(
    "99", "help-0099", 1 << 61, is_thread=True, is_forum_post=True, title="Which tea?", tags=("open",), replies_n=4
)
HERE = "http://127.0.0.1:1"


@pytest.fixture
def stage(home: Home, platform: Platform) -> Stage:
    return Stage(CASE, home, platform)


def message(**changes: Any) -> dict[str, Any]:
    record = {
        "id": "100", "type": 0, "content": "hello", "timestamp": "2026-11-27T12:00:00.123000+00:00",
        "author": {"id": "7", "username": "nadia"}, "edited_timestamp": None, "pinned": False, "channel_id": "77",
    }  # fmt: skip
    return record | changes


def item(place: _Place = CHANNEL, **changes: Any) -> Item:
    return DiscordBotReader(ENTRY)._message(Fields(message(**changes)), place=place)


def test_snowflake__tells_the_time_and_bounds_it():
    at = datetime(2026, 11, 27, 12, 0, 0, 123_000, tzinfo=UTC)
    assert snowflake_time(snowflake_at(at)) == at
    assert snowflake_time(snowflake_at(at) - 1) == at - timedelta(milliseconds=1)


def test_message__in_a_channel_in_a_thread_and_at_the_head_of_a_forum_post():
    in_channel = item()
    assert (in_channel.kind, in_channel.thread_id, in_channel.parent_id, in_channel.title) == (
        "message",
        "100",
        None,
        None,
    )
    answer = item(POST)
    assert (answer.kind, answer.thread_id, answer.parent_id, answer.tags) == ("comment", "99", "99", ())
    opener = item(POST, id="99")
    assert (opener.kind, opener.thread_id, opener.parent_id) == ("post", "99", None)
    assert (opener.title, opener.tags, opener.reply_count) == ("Which tea?", ("open",), 4)


@pytest.mark.parametrize(
    ("reference", "kind", "parent"),
    [
        ({"message_id": "55", "channel_id": "77"}, 19, "55"),
        ({"message_id": "55"}, 19, "55"),
        ({"message_id": "55", "channel_id": "78"}, 19, None),
        ({"message_id": "55", "channel_id": "77", "type": 1}, 0, None),
        ({"message_id": "55", "channel_id": "77"}, 0, None),
        ({"message_id": None, "channel_id": "77"}, 19, None),
    ],
    ids=["answer", "answer, oldest form", "into another channel", "forward", "crosspost", "gone"],
)
def test_message__what_it_answers(reference: dict[str, Any], kind: int, parent: str | None):
    assert item(message_reference=reference, type=kind).parent_id == parent


@pytest.mark.parametrize("kind", [6, 7, 8, 18, 21, 46, 20])
def test_message__notices_and_wordless_answers_of_programs_are_no_speech(kind: int):
    with pytest.raises(NotSpeech):
        item(type=kind, content="" if kind == 20 else "pinned a message")


def test_message__programs_and_webhooks_are_bots_and_a_deleted_account_is_nobody():
    assert item(type=20, content="the answer is 42", author={"id": "8", "bot": True}).role == "bot"
    assert item(webhook_id="9").role == "bot"
    assert item(author={"id": DELETED_ACCOUNT, "username": "Deleted User"}).author is None


def test_message__reactions_count_all_kinds_and_a_poll_asks_its_question():
    thumbs = {"emoji": {"id": None, "name": "👍"}, "count": 3, "count_details": {"burst": 1, "normal": 2}}
    own = {"emoji": {"id": "5", "name": "kettle"}, "count": 1}
    assert item(reactions=[thumbs, own]).reactions == {"👍": 3, "kettle": 1}
    assert item(content="", poll={"question": {"text": "Green or black?"}}).body == "Green or black?"
    with pytest.raises(BadRecord):
        item(reactions=[{"emoji": None, "count": 1}])


def test_a_bot_that_is_not_shown_texts_is_one_clear_error(home: Home, platform: Platform):
    case = replace(CASE, double=lambda talk_at, _: DiscordDouble(talk_at, flags=0))
    with pytest.raises(ConfigError, match="Message Content Intent"):
        Stage(case, home, platform).extract()
    assert len(platform.asked) == 1


def test_a_closed_channel_is_left_out_and_too_many_are_an_error(stage: Stage):
    stage.extract()
    assert sum(one.path.startswith("/channels/700000000000000103/") for one in stage.platform.asked) == 2
    stage.at(stage.now + timedelta(hours=7))  # answers of before are not used any more
    stage.context = stage.context_with(most_refused_channels=0)
    with pytest.raises(SourceError, match="View Channels"):
        stage.extract()


def test_a_channel_that_is_left_out_is_not_asked(home: Home, platform: Platform):
    case = replace(CASE, entry=lambda _: ENTRY.model_copy(update={"leave_out": ("700000000000000102",)}))
    stage = Stage(case, home, platform)
    rows = rows_of(stage.extract())
    assert {row["channel"] for row in rows} == {"general-0101"}
    assert not [one for one in platform.asked if "102" in one.path]


def test_a_quiet_channel_costs_no_call_and_a_past_day_can_be_had(stage: Stage):
    stage.said = [said(number, NOON - timedelta(days=3) + timedelta(minutes=number)) for number in (11, 13, 15)]
    assert rows_of(stage.extract()) == []
    asked = [one.path for one in stage.platform.asked]
    assert not [path for path in asked if path.endswith("101/messages")]
    past = stage.extract(Window.one_day(DAY - timedelta(days=3)))
    assert len(rows_of(past)) == 3
    assert past.manifest.partial_reason is None


def test_members_are_seen_once_a_day(stage: Stage):
    load = stage.extract()
    assert load.manifest.community_observations_n == 1
    raw.promote(stage.home, load)


@pytest.mark.parametrize(
    ("token", "url", "told"),
    [
        ("", HERE, "token"), ("Bot x", HERE, "token"), ("tökén", HERE, "token"), ("x", "https://evil.example", "URL"),
        ("x", "http://127.0.0.1.evil.example", "URL"),
    ],
)  # fmt: skip
def test_credentials__refuses_what_cannot_be_sent_or_would_go_elsewhere(token: str, url: str, told: str):
    with pytest.raises(ConfigError, match=told) as caught:
        DiscordCredentials(token, url)
    assert token not in str(caught.value) or not token.strip("x")


@pytest.mark.parametrize("name", ["*", "Ink and Nib", "123456789012345678901", ""])
def test_entry__names_a_server_by_its_id(name: str):
    with pytest.raises(ValueError, match=r"no id|at least 1"):
        DiscordBotEntry(platform="discord", name=name, source="discord_bot")


@pytest.mark.real_data
def test_recorded_messages_are_rows(recorded_data: Path):
    folder = recorded_data / "fixtures" / "discord_api_objects_discord4j" / "rest"
    found = {}
    for name in ("Message.json", "Message.Reply.json", "CreateMessageResponse.json"):
        document = json.loads((folder / name).read_bytes())
        place = replace(CHANNEL, place_id=document["channel_id"])
        found[name] = DiscordBotReader(ENTRY)._message(Fields(document), place=place)
        assert found[name].id == document["id"]
    assert found["Message.Reply.json"].parent_id is not None
    assert found["Message.json"].parent_id is None
