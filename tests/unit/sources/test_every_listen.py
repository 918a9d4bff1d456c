"""What listens within the day must hold to, whatever the platform: a day in parts is the day as read at its end."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fixtures.answering_platform import Platform
from fixtures.live_sources import CASES
from fixtures.live_stage import NOON, OF_DAY, Stage, rows_of
from pulse.core.home import Home
from pulse.sources.live.entry import LiveEntry
from pulse.sources.registry import SOURCES

HEARD = {
    name: case for name, case in CASES.items() if issubclass(SOURCES[case.source.name].entry, LiveEntry)
}  # fmt: skip
MIDNIGHT = NOON - timedelta(hours=12)
HOURS = (7, 13, 16, 22)


@pytest.fixture(params=HEARD.values(), ids=HEARD)
def stage(request: pytest.FixtureRequest, home: Home, platform: Platform) -> Stage:
    stage = Stage(request.param, home, platform)
    stage.entry = stage.entry.model_copy(update={"listen_every_h": 6})
    stage.context = stage.context_with()
    return stage


def listen(stage: Stage, at: datetime) -> Any:
    stage.at(at)
    return SOURCES[stage.case.source.name].implementation().listen(stage.entry, at, stage.context)


def facts(stage: Stage) -> list[dict[str, Any]]:
    """Of a day's load, what does not depend on when each thing was seen."""
    names = (
        "contribution_id",
        "kind",
        "thread_id",
        "parent_id",
        "created_at",
        "title",
        "body",
        "author_key",
        "channel",
    )
    found = {
        row["contribution_id"]: {name: row[name] for name in names}
        for row in sorted(rows_of(stage.extract()), key=lambda row: row["observed_at"])
    }
    return [found[one] for one in sorted(found)]


def test_some_source_of_each_way_of_listing_listens():
    assert {case.source.name for case in HEARD.values()} == {
        "discord_bot", "discourse", "hacker_news", "lemmy", "mastodon", "stack_exchange",
    }  # fmt: skip


def test_a_day_heard_in_parts_is_the_day_as_read_at_its_end(stage: Stage, tmp_path_factory: pytest.TempPathFactory):
    now = stage.now
    heard = [listen(stage, MIDNIGHT + timedelta(hours=hour)) for hour in HOURS]
    assert sum(one.shown_n for one in heard) > 0
    stage.at(now)
    in_parts = facts(stage)
    assert {row["contribution_id"] for row in in_parts} == stage.ids(*OF_DAY)
    stage.home = Home(tmp_path_factory.mktemp("apart") / "home").create()
    stage.context = stage.context_with()
    assert in_parts == facts(stage)


def test_a_listen_is_asked_for_once(stage: Stage):
    at = MIDNIGHT + timedelta(hours=13)
    listen(stage, at)
    asked_n = len(stage.platform.asked)
    listen(stage, at)
    assert len(stage.platform.asked) == asked_n


def test_what_is_deleted_after_it_was_heard_is_no_text_of_the_day(stage: Stage):
    """Heard by a listen, and gone before the day's end: a tombstone where the platform tells, and else nothing."""
    now, before = stage.now, stage.said
    heard = listen(stage, MIDNIGHT + timedelta(hours=16))
    assert heard.shown_n > 0
    (gone,) = stage.ids("24")
    stage.said = [one for one in before if one.number != 24]
    stage.at(now)
    rows = {row["contribution_id"]: row for row in rows_of(stage.extract())}
    assert rows.keys() | {gone} == stage.ids(*OF_DAY) | {gone}
    if gone in rows:
        assert (rows[gone]["body"], rows[gone]["removal"] == "none") == (None, False)
