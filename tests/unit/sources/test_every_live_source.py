"""What every live source must hold to, whatever its platform: each case runs against its double over HTTP."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from fixtures.live_sources import CASES, Case
from fixtures.live_stage import DAY, NAMES, NOON, OF_DAY, Stage, rows_of, what_they_say
from pulse.config.settings import Settings
from pulse.core.contract import OBSERVABLE
from pulse.core.errors import BadCredentials, DayNotOver, PulseError, SourceError, SourceUnavailable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates import check_loads
from pulse.lake import quality, raw
from pulse.sandbox.talk import Talk

each_source = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture(params=CASES.values(), ids=CASES)
def stage(request: pytest.FixtureRequest, home: Home, platform: Platform) -> Stage:
    return Stage(request.param, home, platform)


def test_a_day_is_read_whole_and_nothing_else(stage: Stage):
    load = stage.extract()
    assert {row["contribution_id"] for row in rows_of(load)} == stage.ids(*OF_DAY)
    manifest = load.manifest
    assert (manifest.partial_reason, manifest.is_replayable, manifest.bad_lines_n) == (None, False, 0)
    assert manifest.unknown_keys == {}
    (account,) = manifest.files
    assert account.lines_n == account.landed_n + account.outside_n


def test_who_said_what_where(stage: Stage):
    by_id = {row["contribution_id"]: row for row in rows_of(stage.extract())}
    of = {one.number: one for one in stage.said}
    full_id = {number: stage.case.contribution_id(one) for number, one in of.items()}
    for number in (20, 21, 22, 25):
        row, one = by_id[full_id[number]], of[number]
        assert row["created_at"] == one.created_at
        assert row["thread_id"] == full_id[one.thread]
        assert row["parent_id"] == (None if one.parent is None else full_id[one.parent])
        assert row["kind"] in stage.entry.kinds
        said_text = f"{row['title'] or ''}\n{row['body'] or ''}"
        assert f"Body {number}" in said_text
        assert "<p>" not in said_text
        assert row["author_key"] is not None
    authors = {row["author_key"] for row in by_id.values()}
    assert len(authors) == len({one.author for one in stage.said if str(one.number) in OF_DAY})


def test_what_it_does_not_observe_is_null(stage: Stage):
    unseen = OBSERVABLE - stage.entry.observes
    assert unseen
    for row in rows_of(stage.extract()):
        assert {name: row[name] for name in unseen} == dict.fromkeys(unseen)


@each_source
def test_rows_are_the_same_whatever_an_answer_holds(
    case: Case, tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    found = []
    for most_n in (2, 3, 100):
        case.ask_for(monkeypatch, most_n)
        home = Home(tmp_path / str(most_n)).create()
        found.append(what_they_say(Stage(case, home, platform, most_n=most_n).extract()))
    assert found[0] == found[1] == found[2]


@each_source
def test_killed_at_any_answer_it_goes_on_and_asks_for_the_rest_only(
    case: Case, tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    case.ask_for(monkeypatch, 2)
    undisturbed = Stage(case, Home(tmp_path / "whole").create(), platform, most_n=2)
    whole = what_they_say(undisturbed.extract())
    calls_n = len(platform.asked)
    platform.asked.clear()
    stage = Stage(case, Home(tmp_path / "killed").create(), platform, most_n=2)
    # Each try gets one answer further, and is broken off at the next.
    stage.broken = {number: Reply({"error": "no"}, status=401) for number in range(1, 2 * calls_n, 2)}
    for _ in range(calls_n):
        with pytest.raises(SourceError):
            stage.extract()
    assert what_they_say(stage.extract()) == whole
    assert len(platform.asked) == 2 * calls_n  # a question that was answered is not asked again


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b'{"hits": ['), Reply(body=b"<html>busy</html>"), Reply(body=b""), Reply({"what": 1}), Reply([1, 2]),
        Reply(None, status=503), Reply(how="closed"), Reply({"e": 1}, status=429, headers={"Retry-After": "0"}),
    ],
    ids=["cut", "html", "empty", "shape", "list", "503", "closed", "429"],
)  # fmt: skip
def test_a_passing_fault_is_asked_again(stage: Stage, reply: Reply):
    stage.broken[1] = reply
    assert {row["contribution_id"] for row in rows_of(stage.extract())} == stage.ids(*OF_DAY)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_one_clear_error(stage: Stage, status: int):
    stage.broken = {number: Reply({"error": "no"}, status=status) for number in range(1, 20)}
    with pytest.raises(SourceError) as caught:
        stage.extract()
    assert not isinstance(caught.value, SourceUnavailable)
    assert isinstance(caught.value, BadCredentials) == (status == 401)
    assert len(stage.platform.asked) == 1


def test_a_day_that_is_not_over_by_the_platforms_clock_is_refused(stage: Stage):
    stage.at(NOON)
    with pytest.raises(DayNotOver):
        stage.extract()


def test_windows_that_overlap_add_up_to_the_same(stage: Stage):
    """A later run of both days brings the same observations of other times, and no other contribution."""
    first = {row["contribution_id"] for row in rows_of(stage.extract())}
    raw.promote(stage.home, stage.extract())
    both = stage.extract(Window(DAY - timedelta(days=1), DAY))
    assert {row["contribution_id"] for row in rows_of(both)} == first | stage.ids("10", "11")


def test_what_is_deleted_later_becomes_a_tombstone(stage: Stage):
    raw.promote(stage.home, stage.extract())
    gone = {21: "by_author", 23: "by_moderator"}
    stage.said = [
        replace(one, removal=gone[one.number], body=None, title=None, author=None, author_number=None)
        if one.number in gone
        else one
        for one in stage.said
    ]
    stage.at(ANSWERED_AT + timedelta(days=3))
    rows = {row["contribution_id"]: row for row in rows_of(stage.extract(Window.one_day(DAY + timedelta(days=3))))}
    for number, by in gone.items():
        (full_id,) = stage.ids(str(number))
        if by in stage.case.tells_removals:
            told = stage.case.told_as.get(by, by)
            assert (rows[full_id]["removal"], rows[full_id]["body"], rows[full_id]["title"]) == (told, None, None)
        else:
            assert full_id not in rows
    (kept,) = stage.ids("22")
    assert rows[kept]["removal"] == "none"


def test_gate_1_lets_it_pass_tombstones_too(stage: Stage):
    quality.ensure_tables(stage.home)
    first = stage.extract()
    raw.promote(stage.home, first)
    stage.said = [
        replace(one, removal="by_author", body=None, title=None, author=None, author_number=None)
        if one.number in {21, 22}
        else one
        for one in stage.said
    ]
    stage.at(ANSWERED_AT + timedelta(days=3))
    loads = [first, stage.extract(Window.one_day(DAY + timedelta(days=3)))]
    settings = Settings(communities=(stage.entry,))
    verdicts = check_loads(loads, home=stage.home, settings=settings, run_id="run", clock=lambda: stage.now)
    assert {finding.rule for verdict in verdicts for finding in verdict.stopped_by} == set()
    assert [verdict.quarantined_n for verdict in verdicts] == [0, 0]
    assert verdicts[0].accepted_n == len(OF_DAY)


def test_no_name_and_no_secret_is_in_any_file_or_log(stage: Stage, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    stage.extract()
    read = [file for file in stage.home.root.rglob("*") if file.is_file()]
    assert read
    unsaid = [*NAMES, *stage.case.secrets]
    for file in read:
        content = file.read_bytes()
        assert not [name for name in unsaid if name.encode() in content or name in str(file)], file
    assert not [name for name in unsaid if name in caplog.text]


def test_a_record_that_makes_no_sense_is_kept_apart(stage: Stage):
    """Whatever stands in place of the things of an answer: each is a row, or a fault with a reason."""
    odd: list[Any] = [None, 7, "text", [], {}, {"id": {"x": 1}}, {"id": "1", "created_at": "soon"}]
    document = _with_things_replaced(stage, odd)
    stage.broken[stage.case.listing_call] = Reply(document)
    try:
        load = stage.extract()
    except PulseError as error:
        assert isinstance(error, SourceError)  # noqa: PT017  (either is right, nothing else is)
        return
    (account,) = load.manifest.files
    assert account.lines_n == account.landed_n + account.outside_n + account.quarantined_n + account.unplaced_n
    assert account.quarantined_n + account.unplaced_n == len(odd)


def _with_things_replaced(stage: Stage, odd: list[Any]) -> Any:
    """The first answer of the double that lists what was said, with other things in its longest list."""
    stage.extract()
    first = stage.platform.asked[stage.case.listing_call - 1]
    stage.platform.asked.clear()
    double = stage.case.double(lambda _: Talk(stage.said, 1_234, 12), 100)
    document = double.answer(first.path, first.params, first.headers, stage.now).document
    if isinstance(document, list):
        return odd
    lists = {name: len(value) for name, value in document.items() if isinstance(value, list)}
    return {**document, max(lists, key=lists.__getitem__): odd}
