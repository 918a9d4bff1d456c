"""`pulse demo` as a newcomer runs it: from nothing to answers, four runs in one process."""

import re
from typing import Any

import pytest

from pulse.sandbox.server import SandboxServer

pytestmark = pytest.mark.integration

SECRET = SandboxServer.client_secret.encode()


def test_demo__goes_from_nothing_to_answers(demo_run: Any):
    assert demo_run.returncode == 0, demo_run.stdout[-3000:] + demo_run.stderr[-3000:]
    assert demo_run.stderr == ""
    shown = demo_run.stdout
    assert len(re.findall(r"gate 1: 10 of 11 loads passed", shown)) == 3
    assert re.search(r"a sandbox at http://127.0.0.1:\d+ stands in for Reddit, a Discord server and a forum", shown)
    assert "in the sandbox it is 2026-08-03 00:30 UTC" in shown
    for live in ("discord_bot", "discourse"):
        assert len(re.findall(rf"plan: {live}: 1 communities, about \d+ calls of 2000", shown)) == 3
    assert len(re.findall(r"plan: reddit_api: 6 communities in \d groups, about \d+ calls of 2000", shown)) == 2
    assert len(re.findall(r"published: \d{8}T", shown)) == 3
    assert re.search(r"publish +success +1 +\d", shown), "time per step"
    assert "alert load_stopped: reddit/nightridelamps; rule unplaced_lines_share" in shown
    for community in ("emberwelltea", "trail_feet_ul", "crumbclub", "shutterattic", "inkandnib", "balconygreens"):
        assert community in shown
    assert re.search(r"emberwelltea +│ 0\.\d+ +│ -0\.\d+", shown), "the mood that turned is found"
    assert re.search(r"kpi: 2026-07: \d+ figures of 11 communities, frozen as version 1", shown)
    page = demo_run.home.reports / "2026-07" / "report.html"
    assert str(page) in shown
    told = " ".join(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")).replace("\u00a0", " ").split())
    assert told.count("Silent everywhere on Monday, 6 July 2026: 6 communities of one source showed nothing") == 1
    assert "leave this day out." in told
    assert "10 of 11 communities were looked at on all 31 days, from end to end." in told
    in_words = told.split(" In words ")[1]
    for communities, days in (
        (
            "emberwelltea, trail_feet_ul, crumbclub, shutterattic and inkandnib",
            "30 days whole, 1 silent everywhere (6 July)",
        ),
        (
            "balconygreens",
            "15 days whole, 15 without a post or comment (1 to 5 and 7 to 16 July), 1 silent everywhere (6 July)",
        ),
        ("Ink and Nib Lounge", "26 days whole, 5 without a message (15, 18, 22, 25 and 29 July)"),
        ("Sunday Bakers", "all 31 days whole; comments were not read"),
        ("nightridelamps", "all 31 days damaged or stopped on arrival"),
    ):
        assert in_words.count(f"{communities} : {days}") == 1, communities
    assert "Comments of Sunday Bakers were not read; the platform itself counts" in told
    assert "make ui" in shown
    assert "quarantine release" in shown
    assert "sandbox serve --world-seed 7 --now 2026-08-04T00:30:00+00:00" in shown
    homes_files = demo_run.home.root.rglob("*")
    assert not [file for file in homes_files if file.is_file() and SECRET in file.read_bytes()]
    log = next((demo_run.home.airflow / "logs" / "embedded").glob("community_daily-*.log")).read_text()
    assert "closed file" not in log
