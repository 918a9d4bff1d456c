"""Builds on DuckDB and on Spark: a history at once, then one more day. Needs ``requirements/spark.txt`` and Java."""

import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks.incremental import FIRST_DAY, add_day, build_and_publish
from benchmarks.measure import Cost, measured
from pulse.config.settings import Settings
from pulse.config.spark import Spark
from pulse.core.home import Home
from pulse.sources.reddit.entry import RedditArchiveEntry


def run(folder: Path, days_n: int, day_rows_n: int) -> list[str]:
    """Measure both engines; returns lines to show."""
    lines = [
        f"## {days_n * day_rows_n:,} contributions of {days_n} days, then a day of {day_rows_n:,}",
        "",
        "| engine | build | CPU s | wall s | peak MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for engine in ("duckdb", "spark"):
        everything, one_more_day = _builds(folder, engine, days_n, day_rows_n)
        for name, cost in (("everything", everything), ("one more day", one_more_day)):
            lines.append(f"| {engine} | {name} | {cost.cpu_s:.0f} | {cost.wall_s:.0f} | {cost.peak_mb:.0f} |")
    return lines


def _builds(folder: Path, engine: str, days_n: int, day_rows_n: int) -> tuple[Cost, Cost]:
    """The first build of a home, and that of one more day, starts of dbt and Spark and publishing included."""
    entry = RedditArchiveEntry(platform="reddit", name="bench", source="reddit_archive", path=(Path("x"),))
    spark = Spark(master="local[2]")
    settings = Settings(communities=(entry,), sentiment_model="vader", spark=spark).model_copy(
        update={"engine": engine}
    )
    with tempfile.TemporaryDirectory(dir=folder) as root:
        home = Home(Path(root)).create()
        for offset in range(days_n):
            add_day(home, FIRST_DAY + timedelta(days=offset), day_rows_n)
        with measured() as everything:
            build_and_publish(home, settings)
        add_day(home, FIRST_DAY + timedelta(days=days_n), day_rows_n)
        with measured() as one_more_day:
            build_and_publish(home, settings)
    return everything(), one_more_day()
