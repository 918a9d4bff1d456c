"""The plan of a run of source ``reddit_api``: reckoned in task ``plan``, and what each extraction adds without calls.

An extraction reads the plan, and what raw knows of the communities that it asks for together with its own. Made-up raw
of 90 days, of which 38 are read: a file for each community and day, and the same once its settled days are compacted.
All was last seen half an hour after midnight, so that something is due for each age.
"""

import os
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, in_own_process, measured

if TYPE_CHECKING:
    import duckdb

    from pulse.core.home import Home
    from pulse.sources.context import SourceContext

DAYS_N = 90
ROWS_A_DAY = 40
DAY = date(2026, 6, 1)
LIMIT_CPU_S = 30.0
# The limit is for so many communities, and grows with their number.
LIMIT_COMMUNITIES_N = 300


def run(folder: Path, sizes: tuple[int, ...]) -> list[str]:
    """Measure each number of communities; returns lines to show."""
    lines = [
        f"## The plan of a live run (raw of {DAYS_N} days, {ROWS_A_DAY} contributions a day and community)",
        "",
        "| communities | raw | plan, CPU s | all extractions, CPU s | together | limit | per community, ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for communities_n in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            in_own_process("benchmarks.reddit_plan:make_raw", root, communities_n)
            lines.append(_line(root, communities_n, "small files"))
            in_own_process("benchmarks.reddit_plan:compact", root)
            lines.append(_line(root, communities_n, "compacted"))
    return lines


def _line(root: str, communities_n: int, form: str) -> str:
    planned = in_own_process("benchmarks.reddit_plan:plan", root, communities_n)
    extracted = in_own_process("benchmarks.reddit_plan:extract_all", root, communities_n)
    cpu_s = planned.cpu_s + extracted.cpu_s
    return (
        f"| {communities_n} | {form} | {planned.cpu_s:.2f} | {extracted.cpu_s:.2f} | {cpu_s:.2f} "
        f"| {LIMIT_CPU_S * communities_n / LIMIT_COMMUNITIES_N:.0f} | {1_000 * cpu_s / communities_n:.0f} |"
    )


def make_raw(root: str, communities_n: int) -> Cost:
    """Write contributions of all days before the measured one."""
    import duckdb

    from benchmarks.contributions import select_contributions
    from pulse.core.home import Home

    home = Home(Path(root)).create()
    with measured() as cost, duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; set threads = 1")
        for days_ago in range(1, DAYS_N + 1):
            day = DAY - timedelta(days=days_ago)
            made = select_contributions(day, ROWS_A_DAY, load_id="reddit_api-bench")
            connection.execute(f"create or replace table made as {made}")
            for number in range(communities_n):
                _write_partition(connection, home, _name(number), day)
    return cost()


def _write_partition(connection: "duckdb.DuckDBPyConnection", home: "Home", community: str, day: date) -> None:
    folder = home.contributions_dir("reddit", community, day)
    folder.mkdir(parents=True)
    connection.execute(
        f"""
        copy (
            select * replace ('{community}' as community, contribution_id || '{community}' as contribution_id,
                thread_id || '{community}' as thread_id,
                timestamptz '{day} 00:30:00+00' + interval 1 day as observed_at)
            from made
        ) to '{folder}/reddit_api-bench.parquet' (format parquet, compression zstd)
        """
    )


def compact(root: str) -> Cost:
    """As the run of the day before did: each file came when its day was over."""
    from pulse.core.home import Home
    from pulse.warehouse import builds, transform

    home = Home(Path(root))
    transform.ensure_inputs(home)
    for folder in (home.raw / "contributions").glob("platform=*/*/day=*"):
        came = datetime.fromisoformat(folder.name.removeprefix("day=")).replace(tzinfo=UTC) + timedelta(days=1)
        for file in folder.iterdir():
            os.utime(file, (came.timestamp(),) * 2)
    with measured() as cost:
        done = builds.compact(home, through=DAY - timedelta(days=1))
        assert done.days_n > 0
    return cost()


def plan(root: str, communities_n: int) -> Cost:
    """What task ``plan`` spends on it."""
    from pulse.core.window import Window
    from pulse.sources import routes
    from pulse.sources.reddit import route  # noqa: F401  (imports are not measured)

    context = _context(root, communities_n)
    for sealed in (context.home.landing / "plans").glob("*.json"):
        sealed.unlink()
    with measured() as cost:
        routes.describe_plan(Window.one_day(DAY), context)
    return cost()


def extract_all(root: str, communities_n: int) -> Cost:
    """What all extractions together spend on it; a group's first reads raw, the others what it kept."""
    import duckdb

    from pulse.core.window import Window
    from pulse.sources.live.known import REMEMBERED_DAYS, create_known_once
    from pulse.sources.reddit import run_plan
    from pulse.sources.reddit.entry import RedditApiEntry

    context, window = _context(root, communities_n), Window.one_day(DAY)
    entries = [entry for entry in context.entries if isinstance(entry, RedditApiEntry)]
    since = DAY - timedelta(days=REMEMBERED_DAYS)
    with measured() as cost:
        for entry in entries:
            plan = run_plan.plan_for(entry, window, window, context)
            members = plan.group_of(entry).entries
            kept = context.home.scratch / f"{os.getpid()}-{members[0].community}.parquet"
            with duckdb.connect(config={"threads": "1"}) as connection:  # as that of a response cache
                connection.execute("set timezone = 'UTC'")
                create_known_once(connection, context.home, members, kept, since=since)
    return cost()


def _context(root: str, communities_n: int) -> "SourceContext":
    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy

    entries = tuple(
        RedditApiEntry(platform="reddit", name=_name(number), source="reddit_api") for number in range(communities_n)
    )
    settings = Settings(communities=entries, reddit_api=RedditApiPolicy(max_calls_per_run=1_000_000))
    return source_context(Home(Path(root)), settings, utc_now, b"key-for-benchmarks")


def _name(number: int) -> str:
    return f"c{number:03d}"
