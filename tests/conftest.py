"""What all tests share. Each test gets its own ``PULSE_HOME``; nothing reads the checkout's own data."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from pulse.home import REPOSITORY, Home

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


# Files that look at the same made-up world, which is run once per test process.
_WORLD_FILES = frozenset({"test_cli.py", "test_marts_gate.py", "test_world_through_dags.py"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, keep together what shares a costly fixture; the largest groups begin."""
    for item in items:
        folder = item.path.parent.name
        shared = "world" if item.path.name in _WORLD_FILES else folder if folder == "dbt" else item.path.name
        item.add_marker(pytest.mark.xdist_group(shared))
    first = ("test_demo.py", "dbt", "world", "test_real_data_through_pipeline.py")
    order = {name: number for number, name in enumerate(first)}

    def rank(item: pytest.Item) -> int:
        marker = item.get_closest_marker("xdist_group")
        return order.get(marker.args[0], len(first)) if marker else len(first)

    items.sort(key=rank)
