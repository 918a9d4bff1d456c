"""`pulse demo` as a newcomer runs it: from nothing to answers, three runs in one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


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
    assert len(re.findall(r"gate 1: 4 of 5 loads passed", shown)) == 3
    assert len(re.findall(r"published: \d{8}T", shown)) == 3
    assert re.search(r"publish +success +1 +\d", shown), "time per step"
    assert "alert load_stopped: reddit/nightridelamps; rule quarantined_share" in shown
    for community in ("emberwelltea", "trail_feet_ul", "crumbclub", "shutterattic", "inkandnib", "balconygreens"):
        assert community in shown
    assert re.search(r"emberwelltea +│ 0\.\d+ +│ -0\.\d+", shown), "the mood that turned is found"
    assert "make ui" in shown
    assert "quarantine release" in shown
    log = next((tmp_path / "home" / "airflow" / "logs" / "embedded").glob("community_daily-*.log")).read_text()
    assert "closed file" not in log
