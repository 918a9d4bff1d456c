"""One made-up world, run once through the real DAGs in this process; several test files look at what came of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.orchestration import embedded
from pulse.sandbox.world import World
from pulse.sandbox.world_archive import ArchiveFiles, write_archives
from pulse.warehouse import builds
from support import world_of_seed_7

CONFIG = """
communities:
  - platform: reddit
    name: EmberwellTea
    source: reddit_archive
    path: ["RS_*.zst", "RC_*.zst"]
    covers: &made {from: 2026-06-01, to: 2026-07-10}
    bot_accounts: [AutoModerator, teatimer-bot]
    team_accounts: [Emberwell_Team]
  - {platform: reddit, name: "*", source: reddit_archive, path: ["RS_*.zst", "RC_*.zst"], covers: *made}
  - {platform: reddit, name: NightRideLamps, source: reddit_archive, path: feed_NightRideLamps.ndjson, covers: *made}
  - {platform: reddit, name: nowhere, source: reddit_archive, path: old.ndjson}
"""
OLD_RECORD = (
    '{"id": "a1", "subreddit": "nowhere", "author": "x", "title": "t", "selftext": "", "created_utc": 1300000000}\n'
)


@dataclass(frozen=True)
class WorldRun:
    """A home after a backfill of the world but its last day, and a daily run for that.

    ``backfill`` and ``day`` are the finished runs; ``lines`` what they told the person who waits.
    """

    home: Home
    config: Path
    world: World
    files: ArchiveFiles
    backfill: embedded.RunResult
    day: embedded.RunResult
    lines: tuple[str, ...]


@pytest.fixture(scope="session")
def world_run(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldRun]:
    """Written for reading only: tests that change something copy the home first."""
    folder = tmp_path_factory.mktemp("world")
    world = world_of_seed_7(40)
    files = write_archives(world, folder)
    (folder / "old.ndjson").write_text(OLD_RECORD)
    config = folder / "config.yml"
    config.write_text(CONFIG)
    home = Home(airflow_home)
    before = {name: os.environ.get(name) for name in ("PULSE_HOME", "PULSE_CONFIG", "PULSE_AUTHOR_KEY")}
    os.environ |= {
        "PULSE_HOME": str(home.root),
        "PULSE_CONFIG": str(config),
        "PULSE_AUTHOR_KEY": "key-for-tests-only",
    }
    lines: list[str] = []
    try:
        window = Window(world.first_day, world.last_day - timedelta(days=1))
        backfill = embedded.run_window(home, window, started_at=utc_now(), progress=lines.append)
        day = embedded.run_day(home, world.last_day, started_at=utc_now(), progress=lines.append)
        yield WorldRun(home, config, world, files, backfill, day, tuple(lines))
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture
def published(world_run: WorldRun) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published marts of the world."""
    with duckdb.connect(str(builds.published_file(world_run.home)), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


@pytest.fixture
def in_world(world_run: WorldRun, monkeypatch: pytest.MonkeyPatch) -> WorldRun:
    """The same, with ``PULSE_HOME`` and ``PULSE_CONFIG`` pointing to it."""
    monkeypatch.setenv("PULSE_HOME", str(world_run.home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(world_run.config))
    monkeypatch.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
    return world_run


@dataclass(frozen=True)
class DemoRun:
    """``pulse demo`` as a newcomer runs it, in a process of its own: what it left and what it printed."""

    home: Home
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """From nothing to answers, once; for reading only."""
    home = Home(tmp_path_factory.mktemp("demo") / "home")
    # Airflow logs in another way where it sees pytest.
    hidden = ("AIRFLOW", "PULSE", "PYTEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {"PULSE_HOME": str(home.root), "COLUMNS": "160"}
    done = subprocess.run(
        [sys.executable, "-m", "pulse.cli", "demo"], env=environment, capture_output=True, text=True, check=False
    )
    return DemoRun(home, done.returncode, done.stdout, done.stderr)
