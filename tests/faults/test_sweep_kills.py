"""``kill -9`` within a sweep, while it asks, decides and erases: the next sweep leaves nothing of what was deleted."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from faults.harness import IS_LONG_FORM
from faults.sweep_process import changes_n, pipeline_of, sweep_killed
from fixtures.answering_platform import ANSWERED_AT, Platform
from fixtures.everything import files_with
from fixtures.live_sources import CASES, KEY
from fixtures.live_stage import Stage
from pulse.core.home import Home
from pulse.lake import quality, raw
from pulse.steps import sweeping
from pulse.texts import get_scorer, score_partitions

pytestmark = [pytest.mark.integration, pytest.mark.faults]

# Of all changes to files that an undisturbed sweep makes.
SHARES = tuple(number / 12 for number in range(13)) if IS_LONG_FORM else (0, 0.3, 0.6, 0.9, 1)
WORDS = ["Body 21 ", "Body 24 "]


def test_killed_anywhere_in_a_sweep__the_next_one_erases_all_that_is_gone(
    home: Home, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PULSE_AUTHOR_KEY", KEY.decode())
    stage = Stage(CASES["hacker_news"], home, platform)
    load = stage.extract()
    raw.promote(home, load)
    parts = [(part.platform, part.community, part.day) for part in raw.partitions_of(load)]
    score_partitions(home, get_scorer("vader"), parts)
    stage.said = [
        replace(one, removal="by_author", body=None, title=None, author=None, author_number=None)
        if one.number in {21, 24}
        else one
        for one in stage.said
    ]
    now = ANSWERED_AT + timedelta(days=2)
    stage.at(now)
    assert files_with(home.root, WORDS)

    undisturbed = shutil.copytree(home.root, tmp_path / "undisturbed")
    all_n = changes_n(undisturbed, platform.url, now, tmp_path / "told")
    assert all_n > 10, "or nothing is killed in the middle"
    assert files_with(undisturbed, WORDS) == {}
    held_n = 0
    for number in sorted({round(share * (all_n - 1)) for share in SHARES}):
        root = shutil.copytree(home.root, tmp_path / f"killed-{number}")
        sweep_killed(root, platform.url, now, before=number, told=tmp_path / "told")
        held_n += bool(files_with(root, WORDS))
        sweeping.sweep(pipeline_of(root, platform.url, now + timedelta(hours=1)), run_id="y")
        assert files_with(root, WORDS) == {}, number
        assert files_with(root, ["Body 22 "]), number
        assert rows_n(root) == rows_n(undisturbed), number
        proofs = pq.read_table(root / "quality" / quality.ERASURES).to_pylist()
        assert proofs, number
        assert all(row["done_at"] is not None for row in proofs), number
    assert held_n > 1, "or nothing was left to the next sweep"


def rows_n(root: Path) -> tuple[int, int]:
    """Rows in raw, and those of them that are tombstones."""
    files = (root / "raw").glob("contributions/platform=*/*/*/*.parquet")
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return len(rows), sum(row["removal"] != "none" for row in rows)
