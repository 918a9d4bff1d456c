"""The same lake on local disk and in a bucket: all marts, built and published. Needs ``requirements/s3.txt``.

``PULSE_BENCH_LAKE`` names an empty place in a bucket, ``s3://bucket/prefix``; ``AWS_…`` say who asks.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.marts import COMMUNITIES_N, DAYS_N
from benchmarks.measure import Cost, in_own_process, measured

PLACE = "PULSE_BENCH_LAKE"
LIMIT = 2.0


def run(folder: Path, rows_n: int) -> list[str]:
    """Build from the home's own lake, then on an empty home from the bucket; returns lines to show."""
    url = os.environ.get(PLACE)
    if not url:
        raise SystemExit(f"{PLACE} is not set: an empty place in a bucket, as s3://bucket/prefix")
    with tempfile.TemporaryDirectory(dir=folder) as local, tempfile.TemporaryDirectory(dir=folder) as empty:
        in_own_process("benchmarks.marts:make_raw", local, rows_n, COMMUNITIES_N, "compacted")
        here = in_own_process("benchmarks.object_storage:all_marts", local)
        sent = in_own_process("benchmarks.object_storage:send", local, url)
        with _lake_at(url):
            there = in_own_process("benchmarks.object_storage:all_marts", empty)
    lines = [
        f"## {rows_n:,} contributions ({COMMUNITIES_N} communities, {DAYS_N} days, compacted): everything built",
        "",
        "| lake | wall s | ratio | limit | CPU s | peak MB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    ratio = f"{there.wall_s / here.wall_s:.2f}"
    rows = (
        ("local disk", here, "1", ""),
        ("bucket, home empty", there, ratio, f"{LIMIT:g}"),
        ("copy to it, before", sent, "", ""),
    )
    for name, cost, compared, limit in rows:
        costs = f"{cost.cpu_s:.1f} | {cost.peak_mb:,.0f}"
        lines.append(f"| {name} | {cost.wall_s:.1f} | {compared} | {limit} | {costs} |")
    return lines


@contextmanager
def _lake_at(url: str) -> Iterator[None]:
    from pulse.config.lake import VARIABLE

    os.environ[VARIABLE] = url
    try:
        yield
    finally:
        del os.environ[VARIABLE]


def all_marts(root: str) -> Cost:
    """``pulse rebuild`` without scores and gates: what there is of the lake is taken first where it lives elsewhere."""
    from benchmarks.incremental import build_and_publish
    from benchmarks.marts import home_and_settings
    from pulse.config.lake import working
    from pulse.reading import query

    home, settings = home_and_settings(root)
    with measured() as cost, working(home):
        build_and_publish(home, settings)
    assert query.connect(home).execute("select count(*) from marts.fct_contributions").fetchone() != (0,)
    return cost()


def send(root: str, url: str) -> Cost:
    """``pulse lake copy`` of the home's lake to the bucket."""
    from pulse.core.home import Home
    from pulse.lake import copying
    from pulse.lake.store import open_store

    with measured() as cost:
        copying.send(Home(Path(root)), open_store(url))
    return cost()
