"""Deletions planted in the doubles of platforms: the sweep finds them, and nothing of them can be read in any file."""

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from fixtures import reddit_lines
from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from fixtures.everything import files_with
from fixtures.live_reddit import BUSY_DAY, busy_archive, live
from fixtures.live_sources import CASES, KEY
from fixtures.live_stage import LIMITS, Stage
from pulse.config.settings import Retention, Settings
from pulse.core.errors import BuildFailed, ConfigError, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import landing, quality, raw
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.world_model import is_gone_at
from pulse.sources.hacker_news.entry import HackerNewsEntry
from pulse.sources.live.look_up import KnownId
from pulse.sources.reddit.look_up import states
from pulse.sources.routes import look_up
from pulse.steps import erasing, sweeping
from pulse.steps.pipeline import Pipeline
from pulse.texts import get_scorer, score_partitions
from support import NOON, contribution, sealed_load, world_of_seed_7

DAY = timedelta(days=1)
BOTH = frozenset({"by_author", "by_moderator"})
# Which removals each platform tells of at once; the others are left out of answers without a word.
LOOKED_UP: dict[str, frozenset[str]] = {
    "arctic_shift": BOTH,
    "bluesky": frozenset(),
    "discord_bot": frozenset(),
    "discourse": frozenset({"by_author"}),
    "hacker_news": BOTH,
    "leaves@tea": frozenset(),
    # Of a comment; a post that is gone is not found.
    "lemmy": BOTH,
    "lemmy_v3": BOTH,
    "mastodon": frozenset(),
    "tea": frozenset(),
}


@pytest.fixture(params=LOOKED_UP)
def stage(request: pytest.FixtureRequest, home: Home, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A day of a platform in raw and judged; the load is still in landing."""
    monkeypatch.setenv("PULSE_AUTHOR_KEY", KEY.decode())  # ids of some platforms are made with it
    stage = Stage(CASES[request.param], home, platform)
    load = stage.extract()
    raw.promote(home, load)
    parts = [(part.platform, part.community, part.day) for part in raw.partitions_of(load)]
    score_partitions(home, get_scorer("vader"), parts)
    platform.asked.clear()
    return stage


def told_at_once(stage: Stage) -> frozenset[str]:
    (name,) = (name for name, case in CASES.items() if case is stage.case)
    return LOOKED_UP[name]


def way_of(stage: Stage) -> Any:
    """How many contributions go into one call, and how many calls stand before the first of them."""
    pipeline = pipeline_of(stage)
    asking = look_up(pipeline.settings.entry(stage.entry.entry_id), pipeline.source_context(), lambda: None)
    assert asking is not None
    with asking as way:
        return way


def pipeline_of(stage: Stage, **limits: Any) -> Pipeline:
    policy = stage.case.policy(stage.platform.url, LIMITS | limits)
    settings = Settings(communities=(stage.entry,), **{stage.case.source.name: policy})
    ask = stage.case.credentials
    given = {} if ask is None else {"ask_credentials": lambda _: ask(stage.platform.url)}
    return Pipeline(stage.home, settings, lambda: stage.now, **given)


def sweep(stage: Stage, **limits: Any) -> sweeping.Swept:
    (swept,), _ = sweeping.sweep(pipeline_of(stage, **limits), run_id="x")
    return swept


def delete(stage: Stage, gone: dict[int, str]) -> list[str]:
    """Take some things down; returns words of theirs that nobody else said."""
    words = [f"Body {number} " for number in gone]
    stage.said = [
        replace(one, removal=gone[one.number], body=None, title=None, author=None, author_number=None)  # type: ignore[arg-type]
        if one.number in gone
        else one
        for one in stage.said
    ]
    return words


def in_home(stage: Stage, words: list[str]) -> set[str]:
    return {path.parts[0] for path in files_with(stage.home.root, words)}


def test_sweep__what_was_deleted_can_be_read_nowhere(stage: Stage):
    tells = told_at_once(stage)
    words = delete(stage, {21: "by_author", 24: "by_moderator"})
    kept = "Body 22 "
    assert in_home(stage, words) == {"landing", "raw"}
    stage.at(ANSWERED_AT + 2 * DAY)
    first = sweep(stage)
    assert (first.held_n, first.asked_n) == (7, 7)
    assert (first.gone_n, first.waiting_n) == (len(tells), 2 - len(tells)), "said by the platform, or left out once"
    if len(tells) < 2:
        assert in_home(stage, words) == {"landing", "raw"}
        stage.at(stage.now + timedelta(hours=23))
        assert sweep(stage).gone_n == 0, "a second look within a day decides nothing"
        stage.at(stage.now + timedelta(hours=2))
        assert sweep(stage).gone_n == 2 - len(tells)
    assert in_home(stage, words) == set()
    assert in_home(stage, [kept]) == {"landing", "raw"}
    assert sweep(stage).held_n == 5, "what is gone is not asked for again"
    files = stage.home.raw.glob("contributions/platform=*/*/*/*.parquet")
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert len(rows) == 7
    assert sum(row["removal"] != "none" for row in rows) == 2
    scores = sum(pq.read_metadata(file).num_rows for file in stage.home.scores.rglob("*.parquet"))
    assert scores == 5


def test_sweep__what_comes_back_before_the_second_look_is_not_gone(stage: Stage):
    before = stage.said
    words = ["Body 24 "]
    stage.said = [one for one in before if one.number != 24]
    stage.at(ANSWERED_AT + 2 * DAY)
    assert sweep(stage).waiting_n == 1
    stage.said = before
    stage.at(stage.now + 2 * DAY)
    swept = sweep(stage)
    assert (swept.gone_n, swept.waiting_n) == (0, 0)
    assert in_home(stage, words) == {"landing", "raw"}


def test_sweep__too_many_gone_stop_it_until_somebody_confirms(stage: Stage):
    words = delete(stage, dict.fromkeys(range(20, 27), "by_author"))
    stage.at(ANSWERED_AT + 2 * DAY)
    stopped = sweep(stage)
    assert stopped.stopped is not None
    assert "7 of 7 are gone (limit: a share of 0.2)" in stopped.stopped
    stage.at(stage.now + 2 * DAY)
    asked_n = len(stage.platform.asked)
    assert sweep(stage).stopped == stopped.stopped
    assert len(stage.platform.asked) == asked_n, "nobody is asked meanwhile"
    assert in_home(stage, words) == {"landing", "raw"}
    pipeline = pipeline_of(stage)
    assert sweeping.confirm(pipeline, stage.entry.entry_id) == stopped.stopped
    assert sweep(stage).gone_n == 7
    assert in_home(stage, words) == set()
    sweep(stage)
    with pytest.raises(ConfigError, match="did not stop"):
        sweeping.confirm(pipeline, stage.entry.entry_id)


def test_sweep__a_larger_share_may_be_allowed(stage: Stage):
    delete(stage, dict.fromkeys(range(20, 27), "by_author"))
    stage.at(ANSWERED_AT + 2 * DAY)
    assert sweep(stage, sweep_max_gone_share=1.0).stopped is None


@pytest.mark.parametrize(
    "reply",
    [Reply({"error": "no"}, status=401), Reply({"error": "no"}, status=403), Reply({"error": "no"}, status=404),
     Reply({"id": "7"}), Reply([1, 2])],
    ids=["401", "403", "404", "another", "shape"],
)  # fmt: skip
def test_sweep__a_refusal_or_another_form_erases_nothing_and_stops_it(stage: Stage, reply: Reply):
    words = delete(stage, {21: "by_author"})
    stage.at(ANSWERED_AT + 2 * DAY)
    stage.broken = dict.fromkeys(range(3 if way_of(stage).ids_per_call == 1 else 1, 30), reply)
    swept = sweep(stage)
    assert swept.stopped is not None
    assert swept.gone_n == 0
    assert in_home(stage, words) == {"landing", "raw"}
    assert not quality.exists(stage.home, quality.DELETION_CHECKS, stage.entry.entry_id)


def test_sweep__a_passing_fault_stops_nothing(stage: Stage):
    stage.broken = {number: Reply(None, status=503) for number in range(1, 60)}
    with pytest.raises(SourceError):
        sweeping.sweep_entry(pipeline_of(stage), stage.entry.entry_id)
    assert "not asked this time" in sweep(stage).line
    stage.broken = {}
    assert sweep(stage).asked_n == 7


def test_sweep__asks_oldest_check_first_within_its_calls(stage: Stage):
    if way_of(stage).ids_per_call > 1:
        pytest.skip("all of the day goes into a call or two")
    stage.at(ANSWERED_AT + 2 * DAY)
    before_n = 1 if stage.case.source.name == "lemmy" else 0  # which version the instance has
    assert sweep(stage, sweep_calls_per_run=3 + before_n).asked_n == 3
    first = {(asked.path, str(asked.params)) for asked in stage.platform.asked}
    stage.platform.asked.clear()
    stage.at(stage.now + DAY)
    assert sweep(stage, sweep_calls_per_run=4 + before_n).asked_n == 4
    second = {(asked.path, str(asked.params)) for asked in stage.platform.asked}
    assert len(first & second) == before_n
    assert len(first | second) == 7 + before_n


def test_sweep__what_was_begun_and_not_finished_is_finished_by_the_next(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """The build fails after raw has lost it: what is published holds it still, and nobody would ask again."""
    words = delete(stage, {24: "by_author"})
    stage.said = [one for one in stage.said if one.number != 24]
    stage.at(ANSWERED_AT + 2 * DAY)
    sweep(stage)
    stage.at(stage.now + 2 * DAY)

    def fail(*_: Any, **__: Any) -> None:
        raise BuildFailed("marts", value="made up", next_step="none")

    with monkeypatch.context() as broken:
        broken.setattr(erasing, "_publish_without", fail)
        with pytest.raises(BuildFailed):
            sweep(stage)
    pipeline = pipeline_of(stage)
    (proof,) = sweeping.erase_gone(pipeline, run_id="x")
    assert proof.left_n == 0
    assert in_home(stage, words) == set()
    rows = pq.read_table(stage.home.quality / quality.ERASURES).to_pylist()
    assert {(row["request_id"], row["done_at"]) for row in rows} == {(proof.request_id, stage.now)}
    assert sweeping.erase_gone(pipeline, run_id="x") == []


# ---- Reddit ----------------------------------------------------------------------


def test_look_up__reddit_is_asked_a_hundred_at_once(home: Home, tmp_path: Path):
    data = busy_archive(tmp_path / "RS.ndjson", posts_n=20, comments_n=150, hidden_n=0)
    with live(home, data, ["Tea"], day=BUSY_DAY) as running:
        running.promote_day(BUSY_DAY)
        running.at_end_of(BUSY_DAY + timedelta(days=1))
        pipeline = replace(running.pipeline, clock=lambda: datetime(2026, 5, 6, 1, tzinfo=UTC))
        swept = sweeping.sweep_entry(pipeline, "reddit/tea")
        assert (swept.held_n, swept.asked_n, swept.gone_n, swept.waiting_n) == (170, 170, 0, 0)
        assert swept.within_terms_share == 1.0, "within the 48 hours of the terms"
        calls_n = 0

        def count() -> None:
            nonlocal calls_n
            calls_n += 1

        asking = look_up(pipeline.settings.entry("reddit/tea"), pipeline.source_context(), count)
        assert asking is not None
        with asking as way:
            found = way.ask([KnownId("t3_p1", "post", "t3_p1", None), KnownId("t3_never", "post", "t3_never", None)])
    assert [one.state for one in found] == ["present", "absent"]
    assert calls_n == 1


def test_sweep__what_was_deleted_on_reddit_can_be_read_nowhere(home: Home):
    """A day of the made-up world, and the same weeks later: people and moderators took some of it down meanwhile."""
    world = world_of_seed_7(40)
    days, later = (
        [world.first_day + timedelta(days=number) for number in (2, 3, 4)],
        world.first_day + timedelta(days=38),
    )
    with live(home, WorldData(world), ["EmberwellTea"], day=days[0]) as running:
        for day in days:
            running.promote_day(day)
        running.at_end_of(later)
        now = datetime(later.year, later.month, later.day, 2, tzinfo=UTC) + timedelta(days=1)
        pipeline = replace(running.pipeline, clock=lambda: now)
        swept, (proof,) = sweeping.sweep(pipeline, run_id="x")
    gone = [
        one
        for one in world.contributions
        if one.community.name == "EmberwellTea" and one.created_at.date() in days and is_gone_at(one, now)
    ]
    assert len(gone) >= 3, "or this would pass on nothing"
    assert not [found.stopped for found in swept if found.stopped]
    said_n = Counter(one.body for one in world.contributions)
    words = [one.body for one in gone if one.body and said_n[one.body] == 1 and len(one.body) > 20]
    assert words
    assert files_with(home.root, words) == {}
    assert proof.left_n == 0


@pytest.mark.parametrize(
    ("facts", "state", "is_author_gone"),
    [
        ({"author": "x", "selftext": "words"}, "present", False),
        ({"author": "[deleted]", "selftext": "words"}, "present", True),
        ({"author": "[deleted]", "selftext": "[deleted]"}, "deleted_by_author", True),
        ({"author": "[deleted]", "selftext": "", "removed_by_category": "deleted"}, "deleted_by_author", True),
        ({"author": "x", "selftext": "[removed]", "removed_by_category": "moderator"}, "removed", False),
        ({"author": "x", "selftext": "[removed]"}, "removed", False),
    ],
)
def test_states__of_reddit(facts: dict[str, Any], state: str, is_author_gone: bool):
    thing = {"kind": "t3", "data": {"name": "t3_a"} | facts}
    content = {"kind": "Listing", "data": {"children": [thing]}}
    batch = [KnownId("t3_a", "post", "t3_a", None), KnownId("t3_b", "post", "t3_b", None)]
    found, absent = states(content, NOON, batch)
    assert (found.state, found.is_author_gone, absent.state) == (state, is_author_gone, "absent")


@pytest.mark.parametrize(
    "content", [None, [], {}, {"kind": "Listing", "data": {}}, {"kind": "Listing", "data": {"children": [1]}}]
)
def test_states__another_form_of_reddits_says_nothing(content: Any):
    with pytest.raises(SourceError, match="another shape"):
        states(content, NOON, [])


# ---- files -----------------------------------------------------------------------


def test_sweep__files_go_by_age_where_one_is_set(home: Home, tmp_path: Path):
    old = contribution("t3_old", created_at=NOON - timedelta(days=400), body="old words")
    window = (NOON - timedelta(days=400)).date()
    raw.promote(home, sealed_load(home, [old], load_id="reddit_archive-old", window=Window.one_day(window)))
    raw.promote(home, sealed_load(home, [contribution("t3_new", body="new words")]))
    entry = reddit_lines.entry(reddit_lines.write(tmp_path / "mine.ndjson", [reddit_lines.post()]))
    settings = Settings(communities=(entry,))
    (kept,), proofs = sweeping.sweep(Pipeline(home, settings, lambda: NOON), run_id="x")
    assert "cannot be asked, and no age is set" in kept.line
    assert (kept.held_n, kept.gone_n, proofs) == (2, 0, [])
    aged = settings.model_copy(update={"retention": Retention(text_days=365)})
    (swept,), (proof,) = sweeping.sweep(Pipeline(home, aged, lambda: NOON), run_id="x")
    assert (swept.gone_n, proof.left_n) == (1, 0)
    assert "texts go 365 days after they were written" in swept.line
    assert files_with(home.root, ["old words"]) == {}
    assert {path.parts[0] for path in files_with(home.root, ["new words"])} == {"landing", "raw"}


def test_sweep__what_a_file_showed_goes_in_the_days_of_the_terms(home: Home, tmp_path: Path):
    """YouTube's: 30 days. When a comment was written does not matter, a file of today may hold old ones."""
    head = "author,updated_at,like_count,text,video_id\n"
    gone = "ann,2024-03-01T10:00:00Z,1,words that went since,v1\n"
    kept = "ben,2024-03-01T11:00:00Z,2,words that stayed,v1\n"
    files = {"before.csv": (head + gone + kept, NOON - 40 * DAY), "after.csv": (head + kept, NOON - 10 * DAY)}
    for name, (text, seen_at) in files.items():
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (seen_at.timestamp(), seen_at.timestamp()))
    given = {
        "platform": "youtube", "name": "kettles", "source": "tabular", "path": [str(tmp_path / name) for name in files],
        "table": {"mapping": "youtube_comments"},
    }  # fmt: skip
    pipeline = Pipeline(home, Settings.model_validate({"communities": [given]}), lambda: NOON)
    window = Window.one_day(date(2024, 3, 1))
    for entry_id in pipeline.plan(window):
        for load_id in pipeline.extract(entry_id, window, run_id="x"):
            raw.promote(home, landing.require(home, load_id))
    (swept,), (proof,) = sweeping.sweep(pipeline, run_id="x")
    assert "texts go 30 days after a file last showed them" in swept.line
    assert (swept.held_n, swept.gone_n, proof.left_n) == (2, 1, 0)
    found = files_with(home.root, ["words that went since", "words that stayed"])
    assert {path.parts[0] for path in found} == {"landing", "raw"}
    assert {word for words in found.values() for word in words} == {"words that stayed"}
    (later,), _ = sweeping.sweep(Pipeline(home, pipeline.settings, lambda: NOON + 25 * DAY), run_id="y")
    assert later.gone_n == 1
    assert files_with(home.root, ["words that stayed"]) == {}


def test_look_up__an_entry_of_files_has_none(home: Home, tmp_path: Path):
    entry = reddit_lines.entry(reddit_lines.write(tmp_path / "mine.ndjson", [reddit_lines.post()]))
    context = Pipeline(home, Settings(communities=(entry,)), lambda: NOON).source_context()
    assert look_up(entry, context, lambda: None) is None
    asked = HackerNewsEntry(platform="hacker_news", name="tea", source="hacker_news")
    assert look_up(asked, context, lambda: None) is not None
