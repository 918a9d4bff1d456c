"""What every live source must hold to, whatever its platform: each case runs against its double over HTTP."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.answering_platform import ANSWERED_AT, Asked, Platform, Reply
from fixtures.live_sources import CASES, Case
from fixtures.live_stage import DAY, NAMES, NOON, OF_DAY, Stage, rows_of, what_they_say
from pulse.config.settings import Settings
from pulse.core.contract import OBSERVABLE
from pulse.core.errors import BadCredentials, DayNotOver, PulseError, SourceError, SourceUnavailable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates import LoadVerdict, check_loads
from pulse.lake import quality, raw
from pulse.lake.landing import Load
from pulse.sandbox.talk import Talk

each_source = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture(params=CASES.values(), ids=CASES)
def stage(request: pytest.FixtureRequest, home: Home, platform: Platform) -> Stage:
    return Stage(request.param, home, platform)


@dataclass(frozen=True)
class Undisturbed:
    """A day read where nothing goes wrong: for reading only."""

    stage: Stage
    load: Load
    rows: Sequence[dict[str, Any]]
    asked: Sequence[Asked]


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Undisturbed]]:
    """Gives each source's day, which is read for the first who asks."""
    platform, read = Platform(), {}

    def of(case: Case) -> Undisturbed:
        name = next(name for name, one in CASES.items() if one is case)
        if name not in read:
            stage = Stage(case, Home(tmp_path_factory.mktemp("undisturbed")).create(), platform)
            platform.asked.clear()
            load = stage.extract()
            read[name] = Undisturbed(stage, load, rows_of(load), tuple(platform.asked))
        return read[name]

    yield of
    platform.close()


@pytest.fixture(params=CASES.values(), ids=CASES)
def undisturbed(request: pytest.FixtureRequest, read_once: Callable[[Case], Undisturbed]) -> Undisturbed:
    return read_once(request.param)


def test_a_day_is_read_whole_and_nothing_else(undisturbed: Undisturbed):
    assert {row["contribution_id"] for row in undisturbed.rows} == undisturbed.stage.ids(*OF_DAY)
    manifest = undisturbed.load.manifest
    assert (manifest.partial_reason, manifest.is_replayable, manifest.bad_lines_n) == (None, False, 0)
    assert manifest.unknown_keys == {}
    (account,) = manifest.files
    assert account.lines_n == account.landed_n + account.outside_n


def test_who_said_what_where(undisturbed: Undisturbed):
    stage = undisturbed.stage
    by_id = {row["contribution_id"]: row for row in undisturbed.rows}
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


def test_what_it_does_not_observe_is_null(undisturbed: Undisturbed):
    unseen = OBSERVABLE - undisturbed.stage.entry.observes
    assert unseen
    for row in undisturbed.rows:
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


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[LoadVerdict]]:
    """What gate 1 says of two loads of each source, of which the second holds tombstones.

    Those of all sources are judged together, as in a run, but for a community that two of them read.
    """
    rounds: list[dict[str, str]] = []
    for name, case in CASES.items():
        entry_id = case.entry("http://127.0.0.1").entry_id
        free = next((names for names in rounds if entry_id not in names), None)
        if free is None:
            rounds.append(free := {})
        free[entry_id] = name
    verdicts: dict[str, list[LoadVerdict]] = {}
    for number, names in enumerate(rounds):
        home = Home(tmp_path_factory.mktemp(f"gated-{number}")).create()
        verdicts |= _gated_together(home, list(names.values()))
    return verdicts


def _gated_together(home: Home, names: Sequence[str]) -> dict[str, list[LoadVerdict]]:
    quality.ensure_tables(home)
    loads, entries = [], []
    for name in names:
        platform = Platform()
        stage = Stage(CASES[name], home, platform)
        entries.append(stage.entry)
        loads.append(stage.extract())
        raw.promote(home, loads[-1])
        stage.said = [
            replace(one, removal="by_author", body=None, title=None, author=None, author_number=None)
            if one.number in {21, 22}
            else one
            for one in stage.said
        ]
        stage.at(ANSWERED_AT + timedelta(days=3))
        loads.append(stage.extract(Window.one_day(DAY + timedelta(days=3))))
        platform.close()
    now = ANSWERED_AT + timedelta(days=3)
    settings = Settings(communities=tuple(entries))
    found = check_loads(loads, home=home, settings=settings, run_id="run", clock=lambda: now)
    return {name: found[2 * place : 2 * place + 2] for place, name in enumerate(names)}


@pytest.mark.parametrize("name", CASES)
def test_gate_1_lets_it_pass_tombstones_too(gated: dict[str, list[LoadVerdict]], name: str):
    verdicts = gated[name]
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


def test_a_record_that_makes_no_sense_is_kept_apart(stage: Stage, read_once: Callable[[Case], Undisturbed]):
    """Whatever stands in place of the things of an answer: each is a row, or a fault with a reason."""
    odd: list[Any] = [None, 7, "text", [], {}, {"id": {"x": 1}}, {"id": "1", "created_at": "soon"}]
    document = _with_things_replaced(stage, read_once(stage.case).asked, odd)
    stage.broken[stage.case.listing_call] = Reply(document)
    try:
        load = stage.extract()
    except PulseError as error:
        assert isinstance(error, SourceError)  # noqa: PT017  (either is right, nothing else is)
        return
    (account,) = load.manifest.files
    assert account.lines_n == account.landed_n + account.outside_n + account.quarantined_n + account.unplaced_n
    assert account.quarantined_n + account.unplaced_n == len(odd)


def _with_things_replaced(stage: Stage, asked: Sequence[Asked], odd: list[Any]) -> Any:
    """The first answer of the double that lists what was said, with other things in its longest list."""
    first = asked[stage.case.listing_call - 1]
    double = stage.case.double(lambda _: Talk(stage.said, 1_234, 12), 100)
    document = double.answer(first.path, first.params, first.headers, stage.now).document
    if isinstance(document, list):
        return odd
    lists = {name: len(value) for name, value in document.items() if isinstance(value, list)}
    return {**document, max(lists, key=lists.__getitem__): odd}
