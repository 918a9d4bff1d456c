"""What every live source whose entries may listen must hold to, whatever its platform."""

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from fixtures.live_sources import CASES
from fixtures.live_stage import DAY, NAMES, NOON, OF_DAY, Stage, rows_of, said
from pulse.core.errors import SourceError
from pulse.core.home import Home
from pulse.lake import raw
from pulse.lake.landing import unproven_days
from pulse.sources.live.entry import LiveEntry
from pulse.sources.live.extraction import listen
from pulse.sources.live.listening import Heard

LISTENING = {name: case for name, case in CASES.items() if issubclass(case.source.entry, LiveEntry)}


@pytest.fixture(params=LISTENING.values(), ids=LISTENING)
def stage(request: pytest.FixtureRequest, home: Home, platform: Platform) -> Stage:
    made = Stage(request.param, home, platform)
    made.entry = made.entry.model_copy(update={"listen_every_h": 2})
    made.context = made.context_with()
    return made


def hear(stage: Stage, at: datetime) -> Heard:
    """A listen five minutes after it was due."""
    stage.at(at + timedelta(minutes=5))
    assert isinstance(stage.entry, LiveEntry)
    return listen(stage.case.source, stage.entry, at, stage.context)


def taken_down(stage: Stage, gone: dict[int, str]) -> None:
    stage.said = [
        replace(one, removal=gone[one.number], body=None, title=None, author=None, author_number=None)  # type: ignore[arg-type]
        if one.number in gone
        else one
        for one in stage.said
    ]


def test_listens_change_nothing_of_what_the_daily_run_sees(stage: Stage):
    undisturbed = stage.extract()
    for at in (NOON, NOON + timedelta(hours=2), NOON + timedelta(hours=4)):
        hear(stage, at)
    stage.at(ANSWERED_AT)
    load = stage.extract()
    assert {row["contribution_id"] for row in rows_of(load)} == stage.ids(*OF_DAY)
    assert {row["observed_at"] for row in rows_of(load)} == {row["observed_at"] for row in rows_of(undisturbed)}
    assert unproven_days(load) == set()
    (account,) = load.manifest.files
    assert account.lines_n == account.landed_n + account.outside_n
    assert load.manifest.api_calls_n > undisturbed.manifest.api_calls_n, "those of the listens are its own"


def test_a_listen_that_was_done_asks_nothing_more(stage: Stage):
    first = hear(stage, NOON)
    stage.platform.asked.clear()
    assert replace(hear(stage, NOON), due_n=0) == replace(first, due_n=0)
    assert stage.platform.asked == []


def test_a_listen_that_was_killed_at_any_answer_goes_on(stage: Stage):
    before = stage.said
    calls_n = hear(stage, NOON).calls_n
    for number in range(1, calls_n + 1):
        stage.platform.asked.clear()
        stage.said = before
        at = NOON + timedelta(minutes=number)  # a listen of its own for each
        stage.broken[number] = Reply({"error": "no"}, status=401)
        try:
            hear(stage, at)
        except SourceError:
            hear(stage, at)
        stage.broken.clear()
    stage.at(ANSWERED_AT)
    assert {row["contribution_id"] for row in rows_of(stage.extract())} == stage.ids(*OF_DAY)


def test_what_is_deleted_within_the_day_is_a_tombstone_or_not_there(stage: Stage):
    """Where a platform does not tell removals, what it no longer shows is left out, as if nobody had listened."""
    hear(stage, NOON + timedelta(hours=4))
    gone = {21: "by_author", 23: "by_moderator"}
    taken_down(stage, gone)
    stage.at(ANSWERED_AT)
    load = stage.extract()
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    for number, by in gone.items():
        (full_id,) = stage.ids(str(number))
        if by in stage.case.tells_removals:
            told = stage.case.told_as.get(by, by)
            assert (rows[full_id]["removal"], rows[full_id]["body"], rows[full_id]["title"]) == (told, None, None)
        else:
            assert full_id not in rows
    assert len(rows) >= len(OF_DAY) - len(gone)
    (account,) = load.manifest.files
    assert account.lines_n == account.landed_n + account.outside_n


def test_what_is_a_day_old_is_seen_then(stage: Stage):
    stage.at(NOON + timedelta(hours=12, minutes=30))
    raw.promote(stage.home, stage.extract())
    (said_at_noon,) = stage.ids("21")
    hear(stage, NOON + timedelta(days=1))
    stage.at(ANSWERED_AT + timedelta(days=1))
    load = stage.extract(type(stage.window).one_day(DAY + timedelta(days=1)))
    seen = [row for row in rows_of(load) if row["contribution_id"] == said_at_noon]
    assert [row["observed_at"] - row["created_at"] for row in seen] == [timedelta(days=1, minutes=5)]


def test_listens_keep_no_name_and_no_secret(stage: Stage):
    hear(stage, NOON + timedelta(hours=4))
    files = [file for file in stage.home.root.rglob("*") if file.is_file()]
    assert files
    unsaid = [*NAMES, *stage.case.secrets]
    assert not [(file, name) for file in files for name in unsaid if name.encode() in file.read_bytes()]


def test_an_answer_that_a_listen_hears_stands_in_the_thread_that_an_earlier_one_heard(stage: Stage):
    """Also where its platform tells only what it answers, not the thread."""
    stage.said = [*stage.said, said(27, NOON + timedelta(hours=4), to=22, thread=20)]
    hear(stage, NOON)
    hear(stage, NOON + timedelta(hours=8))
    stage.at(ANSWERED_AT)
    load = stage.extract()
    by_daily_run = {row["contribution_id"]: row["thread_id"] for row in rows_of(load)}
    files = [file for file in stage.home.landing.rglob("listens-*/*/*.parquet") if "faults" not in file.name]
    heard = {row["contribution_id"]: row["thread_id"] for file in files for row in pq.read_table(file).to_pylist()}
    assert set(heard.values()) & set(by_daily_run.values())
    assert {one: thread for one, thread in heard.items() if by_daily_run.get(one, thread) != thread} == {}
