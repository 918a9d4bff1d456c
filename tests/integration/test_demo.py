"""`pulse demo` as a newcomer runs it: from nothing to answers, three runs in one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pulse.sandbox.server import SandboxServer

pytestmark = pytest.mark.integration

SECRET = SandboxServer.client_secret.encode()


def test_demo__goes_from_nothing_to_answers(tmp_path: Path):
    # Airflow logs in another way where it sees pytest.
    hidden = ("AIRFLOW", "PULSE", "PYTEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {"PULSE_HOME": str(tmp_path / "home"), "COLUMNS": "160"}
    done = subprocess.run(
        [sys.executable, "-m", "pulse.cli", "demo"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stderr == ""
    shown = done.stdout
    assert len(re.findall(r"gate 1: 6 of 7 loads passed", shown)) == 3
    assert re.search(r"Reddit is a sandbox at http://127.0.0.1:\d+, where it is 2026-08-03 00:30 UTC", shown)
    assert len(re.findall(r"plan: reddit_api: 6 communities in \d groups, about \d+ calls of 2000", shown)) == 2
    assert len(re.findall(r"published: \d{8}T", shown)) == 3
    assert re.search(r"publish +success +1 +\d", shown), "time per step"
    assert "alert load_stopped: reddit/nightridelamps; rule quarantined_share" in shown
    for community in ("emberwelltea", "trail_feet_ul", "crumbclub", "shutterattic", "inkandnib", "balconygreens"):
        assert community in shown
    assert re.search(r"emberwelltea +│ 0\.\d+ +│ -0\.\d+", shown), "the mood that turned is found"
    assert "make ui" in shown
    assert "quarantine release" in shown
    assert "sandbox serve --world-seed 7 --now 2026-08-04T00:30:00+00:00" in shown
    homes_files = (tmp_path / "home").rglob("*")
    assert not [file for file in homes_files if file.is_file() and SECRET in file.read_bytes()]
    log = next((tmp_path / "home" / "airflow" / "logs" / "embedded").glob("community_daily-*.log")).read_text()
    assert "closed file" not in log
