"""Depth, breadth, response times and h-index of real comment trees, against another computation in plain Python."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any

import duckdb
import pytest

from fixtures.reddit_lines import records
from pulse.config.settings import load_settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds

pytestmark = [pytest.mark.integration, pytest.mark.real_data]

WINDOW = Window(date(2018, 10, 7), date(2018, 10, 20))
GONE = "[deleted]"


@dataclass
class Thread:
    """A post of the archive and what hangs from it, by id."""

    post: dict[str, Any]
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)

    def levels(self) -> list[int]:
        """Level of each comment that leads up to the post; those below a missing one are left out."""
        found = [self._level(comment) for comment in self.comments.values()]
        return [level for level in found if level is not None]

    def _level(self, comment: dict[str, Any]) -> int | None:
        level = 1
        while comment["parent_id"] != f"t3_{self.post['id']}":
            parent = self.comments.get(comment["parent_id"])
            if parent is None:
                return None
            comment, level = parent, level + 1
        return level

    def h_index(self) -> int:
        levels = self.levels()
        return max((h for h in range(1, len(levels) + 1) if sum(level >= h for level in levels) >= h), default=0)

    def people(self) -> set[str]:
        return {record["author"] for record in (self.post, *self.comments.values())} - {GONE, "AutoModerator"}

    def first_response_h(self) -> float | None:
        """Hours until somebody else wrote, who is no bot."""
        by_others = [
            int(comment["created_utc"])
            for comment in self.comments.values()
            if comment["author"] not in {self.post["author"], "AutoModerator"}
        ]
        return (min(by_others) - int(self.post["created_utc"])) / 3600 if by_others else None


@pytest.fixture(scope="module")
def threads(recorded_data: Path) -> list[Thread]:
    folder = recorded_data / "reddit_threads_ufc"
    found = {f"t3_{post['id']}": Thread(post) for post in records(folder / "submissions.jsonl")}
    for comment in records(folder / "comments.jsonl"):
        found[comment["link_id"]].comments[f"t1_{comment['id']}"] = comment
    return list(found.values())


@pytest.fixture(scope="module")
def marts(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the steps of the pipeline make of the archive."""
    folder = tmp_path_factory.mktemp("ufc")
    files = [str(recorded_data / "reddit_threads_ufc" / name) for name in ("submissions.jsonl", "comments.jsonl")]
    # Some threads of the community, whole as recorded: between their bursts they show holes.
    covers = {"from": WINDOW.first_day.isoformat(), "to": WINDOW.last_day.isoformat()}
    entry = {"platform": "reddit", "name": "ufc", "source": "reddit_archive", "path": files, "covers": covers}
    (folder / "config.yml").write_text(json.dumps({"communities": [entry]}))
    home = Home(folder / "home").create()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        pipeline = Pipeline(home, load_settings(folder / "config.yml", home=home))
        (entry_id,) = pipeline.plan(WINDOW)
        load_ids = pipeline.extract(entry_id, WINDOW, run_id="run")
        verdicts = pipeline.gate_loads(WINDOW, [entry_id], load_ids, run_id="run")
        assert verdicts[0]["outcome"] == "passed", verdicts[0]["message"]
        pipeline.promote(verdicts, run_id="run")
    report = builds.build(home, settings=pipeline.settings, select="+fct_community_weekly +fct_community_monthly")
    assert report.is_ok, [node.message for node in report.nodes if not node.is_ok]
    with duckdb.connect(str(builds.working_file(home)), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def row(marts: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    found = marts.execute(query)
    names = [name for name, *_ in found.description]
    (values,) = found.fetchall()
    return dict(zip(names, values, strict=True))


def test_depth__of_each_thread_equals_a_walk_up_the_tree(marts: duckdb.DuckDBPyConnection, threads: list[Thread]):
    found = marts.execute(
        "select thread_id, list_sort(list(depth)) from intermediate.int_comment_depths where depth > 0 group by all"
    ).fetchall()
    assert dict(found) == {f"t3_{thread.post['id']}": sorted(thread.levels()) for thread in threads if thread.levels()}
    unplaced = row(marts, "select count(*) as n from intermediate.int_comment_depths where depth is null")
    assert unplaced["n"] == sum(len(thread.comments) - len(thread.levels()) for thread in threads) > 0


def test_month__shapes_of_threads_equal_plain_python(marts: duckdb.DuckDBPyConnection, threads: list[Thread]):
    month = row(marts, "from marts.fct_community_monthly where community = 'ufc'")
    levels = [level for thread in threads for level in thread.levels()]
    assert month["posts"] == month["threads_n"] == len(threads)
    assert month["comments"] == sum(len(thread.comments) for thread in threads)
    assert month["max_depth"] == max(levels)
    assert (month["mean_depth"], month["mean_depth_n"]) == (pytest.approx(mean(levels)), len(levels))
    assert month["median_comments_per_post"] == median(len(thread.comments) for thread in threads)
    assert month["median_breadth"] == median(len(thread.people()) for thread in threads)
    assert month["discussion_h_index_max"] == max(thread.h_index() for thread in threads)
    assert month["discussion_h_index_mean"] == pytest.approx(mean(thread.h_index() for thread in threads))


def test_month__people_and_days_equal_plain_python(marts: duckdb.DuckDBPyConnection, threads: list[Thread]):
    month = row(marts, "from marts.fct_community_monthly where community = 'ufc'")
    days: dict[str, set[date]] = defaultdict(set)
    for thread in threads:
        for record in (thread.post, *thread.comments.values()):
            if record["author"] not in {GONE, "AutoModerator"}:
                days[record["author"].lower()].add(datetime.fromtimestamp(int(record["created_utc"]), tz=UTC).date())
    active = [len(of_person) for of_person in days.values()]
    assert month["contributors"] == len(days)
    assert month["days_known_n"] == len(list(WINDOW.days()))
    assert month["contributors_per_day"] == pytest.approx(sum(active) / month["days_known_n"])
    assert month["stickiness"] == pytest.approx(mean(active) / month["days_known_n"])
    assert month["conversations"] == sum(thread.first_response_h() is not None for thread in threads)


def test_month__response_times_equal_plain_python(marts: duckdb.DuckDBPyConnection, threads: list[Thread]):
    month = row(marts, "from marts.fct_community_monthly where community = 'ufc'")
    end_s = (datetime.combine(WINDOW.last_day, datetime.min.time(), UTC) + timedelta(days=1)).timestamp()
    waits: list[tuple[float, bool]] = []
    for thread in threads:
        if thread.post["author"] != GONE:
            answered_h = thread.first_response_h()
            watched_h = (end_s - int(thread.post["created_utc"])) / 3600
            waits.append((watched_h, False) if answered_h is None else (answered_h, True))
    survival, median_h = 1.0, None
    for wait_h in sorted({wait_h for wait_h, is_answered in waits if is_answered}):
        survival *= 1 - waits.count((wait_h, True)) / sum(other_h >= wait_h for other_h, _ in waits)
        if median_h is None and survival <= 0.5 + 1e-9:
            median_h = wait_h
    assert month["responses_n"] == len(waits)
    assert month["median_first_response_h"] == pytest.approx(median_h)
    of_threads = marts.execute(
        "select thread_id, first_response_h from intermediate.int_thread_periods where period = 'month' and is_begun"
    ).fetchall()
    assert dict(of_threads) == {
        f"t3_{thread.post['id']}": pytest.approx(thread.first_response_h()) for thread in threads
    }
