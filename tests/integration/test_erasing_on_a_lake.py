"""What is erased goes from a lake that lives elsewhere too; `make test-s3` does the same on a real S3 server."""

from pathlib import Path

import pytest

from fixtures import erased_lake
from fixtures.answering_platform import Platform
from pulse.core.home import Home
from pulse.lake.store import FolderStore

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_sweep_and_forget__as_commands_leave_nothing_in_the_lake(
    home: Home, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = FolderStore(tmp_path / "store")
    monkeypatch.delenv("PULSE_LAKE", raising=False)
    monkeypatch.setenv("PULSE_CONFIG", str(erased_lake.config_of(platform, store, tmp_path)))
    other = Home(tmp_path / "other").create()
    erased_lake.erase_and_look(home, other, platform, store, tmp_path)
