"""What all tests share. Each test gets its own ``PULSE_HOME``; nothing reads the checkout's own data."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import settings

from cpu_budget import CpuBudget
from fixtures.answering_platform import Platform
from pulse.core.home import REPOSITORY, Home

# A process that has imported Airflow, dbt and Great Expectations holds a million objects to the end. Python looked at
# all of them again and again while they came: a tenth of the CPU of all tests.
gc.set_threshold(50_000, 20, 100)

# The same examples in every run, and no judgement by the clock of a busy machine.
settings.register_profile("community-pulse", derandomize=True, deadline=None)
settings.load_profile("community-pulse")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty, created home under ``tmp_path``; ``PULSE_HOME`` points to it."""
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PULSE_CONFIG", raising=False)
    monkeypatch.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
    return Home.from_environment().create()


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform on this machine that answers as it is told to."""
    running = Platform()
    yield running
    running.close()


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's environment over a temporary home, set before anything imports it; one per test process."""
    from pulse.orchestration import environment

    root = tmp_path_factory.mktemp("airflow")
    environment.apply_for_embedded_runs(Home(root).create())
    os.environ["PULSE_RETRY_DELAY_S"] = "0"
    return root


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded real data beside the checkout; it is not part of the project."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the recorded data folder is not there: {folder}")
    return folder


# What shares a costly fixture runs in one worker; the largest groups begin. A file that is not named is its own group.
_OF_THE_WORLD = (
    "test_business_impact.py", "test_cli.py", "test_kpi_monthly.py", "test_marts_gate.py", "test_sentiment_turns.py",
    "test_world_through_dags.py",
)  # fmt: skip
_OF_THE_DEMO = ("test_cookbook.py", "test_demo.py", "test_world_truth_in_marts.py")
_GROUPS = dict.fromkeys(_OF_THE_WORLD, "world") | dict.fromkeys(_OF_THE_DEMO, "demo")
_OF_ONE_FOLDER = ("dbt", "faults")
# Of a folder, but with no fixture in common with the rest of it.
_APART = ("test_incremental.py",)
_FIRST = (
    "world", "demo", "faults", "dbt", "test_incremental.py", "test_reddit_week.py",
    "test_real_data_through_pipeline.py", "test_every_live_source.py", "test_coverage_in_marts.py",
    "test_reddit_api_faults.py", "test_bad_files.py", "test_reddit_api_limits.py", "test_reddit_archive.py",
)  # fmt: skip
# What imports Airflow, dbt and Great Expectations, parses the dbt project and makes Airflow's database, at some 20 s of
# CPU a process: the first worker takes these groups and the others the rest. Each helps out when its own are done.
_HEAVY_FOLDERS = ("dags", "dbt")
_HEAVY = (
    "world", "test_coverage_in_marts.py", "test_gate_runner.py", "test_imports.py", "test_load_gate.py",
    "test_upgrade.py",
)  # fmt: skip


def _group_of(path: str) -> str:
    file = PurePosixPath(path)
    if file.parent.name in _OF_ONE_FOLDER and file.name not in _APART:
        return file.parent.name
    return _GROUPS.get(file.name, file.name)


def _is_heavy(path: str) -> bool:
    return PurePosixPath(path).parent.name in _HEAVY_FOLDERS or _group_of(path) in _HEAVY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Costly groups first, so that no worker is left with one at the end."""
    order = {name: number for number, name in enumerate(_FIRST)}
    items.sort(key=lambda item: order.get(_group_of(item.nodeid.split("::")[0]), len(_FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole groups. xdist's own ``loadgroup`` writes to node ids, which pytest 9.2 no longer reads."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group_of(nodeid.split("::", maxsplit=1)[0])

        def _assign_work_unit(self, node: Any) -> None:
            is_first = node is self.nodes[0]
            for group, tests in self.workqueue.items():
                if _is_heavy(next(iter(tests)).split("::", maxsplit=1)[0]) is is_first:
                    self.workqueue.move_to_end(group, last=False)
                    break
            super()._assign_work_unit(node)

    config.option.loadscopereorder = False
    return ByGroup(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(CpuBudget(), "cpu-budget")
