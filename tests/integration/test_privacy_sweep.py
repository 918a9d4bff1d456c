"""The sweep through its DAG, over a home that published: what was deleted upstream can be read nowhere any more."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from fixtures.answering_platform import ANSWERED_AT, Platform
from fixtures.everything import files_with
from fixtures.live_sources import CASES
from fixtures.live_stage import LIMITS, Stage
from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds
from support import take

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CONFIG = """
communities:
  - {{platform: hacker_news, name: tea, source: hacker_news}}
hacker_news: {{url: "{url}", items_url: "{url}", calls_per_window: 100000, window_s: 0.01, sweep_calls_per_run: 100}}
"""
SWEEP = """
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.orchestration import embedded
result = embedded.run_dag(Home.from_environment(), "privacy_sweep", logical_date=utc_now(), params={})
print([(task.task_id, task.state, task.reason) for task in result.tasks])
assert result.is_success, result.log_file.read_text()[-3000:]
"""


def test_sweep__through_its_dag_leaves_nothing_that_can_be_read(
    home: Home, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stage = Stage(CASES["hacker_news"], home, platform)
    policy = stage.case.policy(platform.url, LIMITS)
    settings = Settings(communities=(stage.entry,), hacker_news=policy)
    take(Pipeline(home, settings, lambda: stage.now), stage.window)
    gone = {21: "by_author", 23: "by_moderator"}
    words = [f"Body {number} " for number in gone]
    before = {path.parts[0] for path in files_with(home.root, words)}
    assert before == {"landing", "raw", "warehouse", "published"}
    stage.said = [
        replace(one, removal=gone[one.number], body=None, title=None, author=None, author_number=None)  # type: ignore[arg-type]
        if one.number in gone
        else one
        for one in stage.said
    ]
    stage.at(ANSWERED_AT + timedelta(days=2))
    config = tmp_path / "communities.yml"
    config.write_text(CONFIG.format(url=platform.url))
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    done = subprocess.run([sys.executable, "-c", SWEEP], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert files_with(home.root, words) == {}
    assert {path.parts[0] for path in files_with(home.root, ["Body 22 "])} == before
    with duckdb.connect(str(builds.published_file(home)), read_only=True) as connection:
        shown = connection.execute(
            "select removal, count(*), count(body) from marts.fct_contributions group by all order by all"
        ).fetchall()
        proven = connection.execute("select count(*) from quality.deletion_checks where removal is not null").fetchall()
    assert shown == [("by_author", 1, 0), ("by_moderator", 1, 0), ("none", 5, 5)]
    assert proven == [(2,)]
