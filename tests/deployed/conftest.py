"""The made-up world through the deployed form, and through embedded runs to compare with."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployed.compose_project import Project, project
from deployed.stack import WORKERS, Stack, stack
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.orchestration import embedded
from pulse.sandbox.world import make_world
from pulse.sandbox.world_archive import write_archives

KEY = "key-for-tests-only"
CONFIG = """
communities:
  - {platform: reddit, name: EmberwellTea, source: reddit_archive, path: ["RS_*.zst", "RC_*.zst"]}
  - {platform: reddit, name: "*", source: reddit_archive, path: ["RS_*.zst", "RC_*.zst"]}
  - {platform: reddit, name: NightRideLamps, source: reddit_archive, path: feed_NightRideLamps.ndjson}
"""
DAYS_N = 15
FIRST_DAY = date(2026, 6, 1)
LAST_DAY = FIRST_DAY + timedelta(days=DAYS_N - 1)
WINDOW = Window(FIRST_DAY, LAST_DAY - timedelta(days=1))
MONTH = Window(date(2026, 6, 1), date(2026, 6, 30))
DAY_AFTER = date(2026, 7, 1)


@dataclass
class Deployed:
    """The services, the home of undisturbed embedded runs, and the DAGs that were run deployed so far."""

    stack: Stack
    undisturbed: Home
    done: set[str] = field(default_factory=set)


@pytest.fixture(scope="session")
def deployed(airflow_home: Path) -> Iterator[Deployed]:
    """All services, both workers included. Embedded runs of the same days go on while Airflow starts."""
    with _folder() as root:
        config = root / "listen.yml"
        config.write_text(CONFIG)
        write_archives(make_world(seed=7, first_day=FIRST_DAY, days_n=DAYS_N), root)
        with stack(root, config=config, author_key=KEY) as running:
            for worker in WORKERS:
                running.start(worker)
            run_undisturbed(Home(airflow_home), config, author_key=KEY, window=WINDOW, day=LAST_DAY)
            running.api.log_in()
            running.api.wait_for_dags("community_backfill", "community_daily")
            yield Deployed(running, Home(airflow_home))


@pytest.fixture(scope="session")
def composed() -> Iterator[Project]:
    """The compose project with the same world, a month long, as its archives; nothing is started."""
    with _folder() as root, project(root) as made:
        write_archives(make_world(seed=7, first_day=MONTH.first_day, days_n=31), made.folder / "archives")
        (made.folder / "config" / "communities.yml").write_text(
            CONFIG.replace('"RS_', '"/archives/RS_')
            .replace('"RC_', '"/archives/RC_')
            .replace("feed_", "/archives/feed_")
        )
        yield made


@contextmanager
def _folder() -> Iterator[Path]:
    """A temporary folder that other accounts, such as PostgreSQL's, may pass through."""
    root = Path(tempfile.mkdtemp(prefix="pulse-deployed-"))
    try:
        root.chmod(0o711)
        yield root
    finally:
        shutil.rmtree(root)


def run_undisturbed(home: Home, config: Path, *, author_key: str, window: Window, day: date) -> None:
    """The window and the day in this process."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PULSE_HOME", str(home.root))
        environment.setenv("PULSE_CONFIG", str(config))
        environment.setenv("PULSE_AUTHOR_KEY", author_key)
        for run in (
            embedded.run_window(home, window, started_at=utc_now()),
            embedded.run_day(home, day, started_at=utc_now()),
        ):
            assert run.is_success, run.failed()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was measured."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in report.user_properties:
                if name == "measured":
                    terminalreporter.write_line(value)
