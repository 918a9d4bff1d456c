"""The plan of a run is reckoned once, and again only where something that it rests on is another."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from fixtures import reddit_lines
from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.errors import ConfigError, StorageError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.live import plans
from pulse.sources.live.plans import plans_folder
from pulse.sources.reddit import api, route, run_plan
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.plan import Plan, make_plan
from support import contribution, write_contract_rows

DAY = date(2026, 3, 10)
WINDOW = Window.one_day(DAY)
NAMES = ("Tea", "Coffee", "Mate")


@dataclass
class Run:
    """A config over one home, and how often a plan was reckoned for it.

    Attributes:
        before: called when one is about to be reckoned.
    """

    home: Home
    entries: tuple[RedditApiEntry, ...]
    policy: RedditApiPolicy = field(default_factory=RedditApiPolicy)
    reckoned_n: int = 0
    before: Callable[[], object] = lambda: None

    @property
    def context(self) -> SourceContext:
        settings = Settings(communities=self.entries, reddit_api=self.policy)
        return source_context(self.home, settings, lambda: datetime(2026, 3, 11, tzinfo=UTC), reddit_lines.KEY)

    def reckon(self, entries: Any, window: Window, context: SourceContext) -> Plan:
        self.reckoned_n += 1
        self.before()
        return make_plan(entries, window, context)

    def plan(self, window: Window = WINDOW) -> list[str]:
        """What task ``plan`` does."""
        return route.describe_plan(window, self.context)

    def extract(self, place: int, window: Window = WINDOW) -> Plan:
        """What an extraction does before it asks."""
        entry, context = self.context.entries[place], self.context
        assert isinstance(entry, RedditApiEntry)
        asked = run_plan.window_to_ask(entry, window, context)
        assert asked is not None
        return run_plan.plan_for(entry, asked, window, context)

    def file(self) -> Path:
        (file,) = plans_folder(self.home).glob("*")
        return file


def entry(name: str, **facts: Any) -> RedditApiEntry:
    return RedditApiEntry(platform="reddit", name=name, source="reddit_api", **facts)


def put(home: Home, name: str, count: int, *, days_ago: int = 1, load: str = "x") -> None:
    at = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC) - timedelta(days=days_ago)
    rows = [
        contribution(f"t1_{name}{load}{number}", community=name, created_at=at, observed_at=at, load_id=load)
        for number in range(count)
    ]
    write_contract_rows(home.contributions_dir("reddit", name, at.date()) / f"{load}.parquet", rows)


@pytest.fixture
def run(home: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    running = Run(home, tuple(map(entry, NAMES)))
    monkeypatch.setattr(run_plan, "make_plan", running.reckon)
    for name in NAMES:
        put(home, name.lower(), 3)
    return running


def test_plan__is_reckoned_once_and_read_by_each_extraction(run: Run):
    (line,) = run.plan()
    expected = make_plan(run.entries, WINDOW, run.context)
    assert line == f"reddit_api: {expected}"
    assert [run.extract(place) for place in range(3)] == [expected] * 3
    assert run.plan() == [line]
    assert run.reckoned_n == 1


def test_plan__is_what_an_extraction_asks_by(run: Run, monkeypatch: pytest.MonkeyPatch):
    run.plan()
    given: list[Plan] = []
    monkeypatch.setattr(api, "extract_planned", lambda *arguments: given.append(arguments[3]))
    for one in run.entries:
        route.extract(one, WINDOW, run.context)
    assert given == [make_plan(run.entries, WINDOW, run.context)] * 3
    assert run.reckoned_n == 1


def test_plan__without_task_plan_is_made_by_the_first_extraction(run: Run):
    assert run.extract(1) == run.extract(0) == run.extract(2)
    assert run.reckoned_n == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"max_calls_n": 2000', '"max_calls_n": 2001'),
        lambda text: json.dumps(json.loads(text)["plan"]),
        lambda _: "[]",
        lambda _: '{"plan": [], "digest": 1}',
    ],
    ids=["empty", "cut off", "other number", "other shape", "list", "no plan"],
)
def test_plan__that_is_damaged_is_made_again(run: Run, damage: Callable[[str], str]):
    before = run.extract(0)
    damaged = damage(run.file().read_text())
    assert damaged != run.file().read_text()
    run.file().write_text(damaged)
    assert run.extract(1) == run.extract(2) == before
    assert run.reckoned_n == 2


def test_plan__of_a_rerun_over_other_raw_is_another(run: Run):
    run.plan()
    put(run.home, "mate", 1_200, days_ago=5, load="backfill")
    assert "2 groups" in run.plan()[0]
    assert run.reckoned_n == 2
    assert {len(run.extract(place).groups) for place in range(3)} == {2}
    assert run.reckoned_n == 2


def test_plan__that_rests_on_other_raw_of_the_entry_is_not_used(run: Run):
    """Of another entry's it is: to look at all of them would cost each extraction as much as the plan."""
    run.plan()
    put(run.home, "mate", 1_200, load="x")
    assert len(run.extract(0).groups) == 1
    assert run.reckoned_n == 1
    assert len(run.extract(2).groups) == 2
    assert len(run.extract(0).groups) == 2
    assert run.reckoned_n == 2


def test_plan__stays_when_the_run_files_its_own_day_or_raw_has_what_nobody_remembers(run: Run):
    run.plan()
    put(run.home, "mate", 1_200, days_ago=0)
    put(run.home, "mate", 1_200, days_ago=39)
    run.plan()
    assert len(run.extract(2).groups) == 1
    assert run.reckoned_n == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda run: replace(run, policy=RedditApiPolicy(max_calls_per_run=77)),
        lambda run: replace(run, entries=run.entries[:2]),
        lambda run: replace(run, entries=run.entries[::-1]),
    ],
    ids=["policy", "one less", "other order"],
)
def test_plan__of_another_config_is_another(run: Run, change: Callable[[Run], Run]):
    run.plan()
    other = change(run)
    assert other.extract(0) == make_plan(other.entries, WINDOW, other.context)
    assert run.extract(0) == make_plan(run.entries, WINDOW, run.context)
    assert len(list(plans_folder(run.home).glob("*"))) == 2


def test_plan__of_what_does_not_change_it_is_the_same(run: Run):
    """Accounts decide what rows say, not what is asked."""
    run.plan()
    other = replace(run, entries=tuple(one.model_copy(update={"team_accounts": ("us",)}) for one in run.entries))
    assert other.extract(0).group_of(other.entries[0]).entries == other.entries
    assert run.reckoned_n == other.reckoned_n == 1


def test_plan__that_two_tasks_miss_at_once_is_made_once(run: Run):
    is_begun, may_end = Event(), Event()
    run.before = lambda: (is_begun.set(), may_end.wait(10))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run.extract, 0)
        assert is_begun.wait(10)
        second = pool.submit(run.extract, 1)
        may_end.set()
        assert first.result(20) == second.result(20)
    assert run.reckoned_n == 1


def test_plan__that_was_killed_leaves_nothing_that_misleads(run: Run, monkeypatch: pytest.MonkeyPatch):
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    run.before = killed
    with pytest.raises(Killed):
        run.plan()
    assert not plans_folder(run.home).exists()
    run.before = lambda: None
    with monkeypatch.context() as patched:
        patched.setattr(plans, "write_json", killed)
        with pytest.raises(Killed):
            run.plan()
    assert run.extract(0) == make_plan(run.entries, WINDOW, run.context)


def test_plan__that_cannot_be_sealed_fails_in_one_line(run: Run):
    plans_folder(run.home).write_text("in the way")
    with pytest.raises(StorageError, match="plans"):
        run.extract(0)


def test_plan__that_does_not_fit_is_refused_to_all_and_reckoned_once(run: Run):
    run.policy = RedditApiPolicy(max_calls_per_run=2)
    with pytest.raises(ConfigError, match="calls for the listings of 3 communities") as told:
        run.plan()
    for place in range(3):
        with pytest.raises(ConfigError) as caught:
            run.extract(place)
        assert str(caught.value) == str(told.value)
    assert run.reckoned_n == 1


def test_plan__days_that_archives_do_not_prove_are_planned_together(run: Run, tmp_path: Path):
    """Of three days an archive of one community proves the first two; if it proves one, the plan is another."""
    window = Window(DAY - timedelta(days=2), DAY)
    written_s = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp()) - 86_400
    path = reddit_lines.write(
        tmp_path / "tea.ndjson",
        [make("a", subreddit="Tea", created_utc=written_s) for make in (reddit_lines.post, reddit_lines.comment)],
    )

    def proven_to(day: date) -> RedditApiEntry:
        return entry("Tea", path=path, covers={"from": window.first_day, "to": day})

    run.entries = (proven_to(DAY - timedelta(days=1)), *run.entries[1:])
    last_day, whole = run.plan(window)
    assert last_day.endswith(f"for {WINDOW}, which archives do not prove")
    assert "1 communities in 1 groups" in last_day
    assert "2 communities in 1 groups" in whole
    assert run.extract(0, window) == make_plan(run.entries[:1], WINDOW, run.context)
    assert run.extract(1, window) == make_plan(run.entries[1:], window, run.context)
    assert run.reckoned_n == 2
    run.entries = (proven_to(window.first_day), *run.entries[1:])
    two_days = Window(DAY - timedelta(days=1), DAY)
    assert run.extract(0, window) == make_plan(run.entries[:1], two_days, run.context)
    assert run.reckoned_n == 4
    run.plan(window)
    assert run.reckoned_n == 4
