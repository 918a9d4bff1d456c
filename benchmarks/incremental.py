"""One more day of 100,000 rows, on histories of one and of ten million: the SQL of the build, dbt's start-up apart."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, in_own_process, measured

if TYPE_CHECKING:
    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.warehouse.transform import NodeResult

DAY_ROWS = 100_000
FIRST_DAY = date(2026, 1, 1)


def run(folder: Path, histories: tuple[int, ...]) -> list[str]:
    """Measure each history; returns lines to show."""
    costs = {rows_n: in_own_process("benchmarks.incremental:one_more_day", str(folder), rows_n) for rows_n in histories}
    smallest = costs[histories[0]]
    lines = [
        f"## One more day of {DAY_ROWS:,} rows (peer: the same on {histories[0]:,} rows of history)",
        "",
        "| history | SQL of the build, s | ratio | limit |",
        "| --- | --- | --- | --- |",
    ]
    for rows_n, cost in costs.items():
        lines.append(f"| {rows_n:,} | {cost.wall_s:.2f} | {cost.wall_s / smallest.wall_s:.2f} | as for the smallest |")
    return lines


def one_more_day(folder: str, history_rows_n: int) -> Cost:
    """Build a history, publish it, add days one by one; the median of the days' model times, in ``wall_s``."""
    from statistics import median

    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.sources.reddit.entry import RedditArchiveEntry
    from pulse.warehouse import builds

    entry = RedditArchiveEntry(platform="reddit", name="bench", source="reddit_archive", path=(Path("x"),))
    settings = Settings(communities=(entry,), sentiment_model="vader")
    days_n = history_rows_n // DAY_ROWS
    with tempfile.TemporaryDirectory(dir=folder) as root:
        home = Home(Path(root)).create()
        for offset in range(days_n):
            add_day(home, FIRST_DAY + timedelta(days=offset), DAY_ROWS)
        build_and_publish(home, settings)
        times = []
        with measured() as cost:
            for offset in range(days_n, days_n + 3):
                add_day(home, FIRST_DAY + timedelta(days=offset), DAY_ROWS)
                nodes = build_and_publish(home, settings)
                times.append(sum(node.execution_s for node in nodes if node.resource_type == "model"))
        assert builds.published_state(home) is not None
    total = cost()
    return Cost(median(times), total.cpu_s, total.peak_mb)


def add_day(home: "Home", day: date, rows_n: int) -> None:
    """Put a partition into raw with its note and scores, as a promotion and the score step would."""
    import duckdb

    from benchmarks.contributions import select_contributions
    from pulse.core.files import write_json
    from pulse.texts.scorer import KINDS

    no_needs = ", ".join(f"null::double as p_{kind}, null::boolean as is_{kind}" for kind in KINDS)
    load_id = f"reddit_archive-bench-{day}"
    partition = home.contributions_dir("reddit", "bench", day)
    scores = home.scores_dir("vader-3.3.2", "reddit", "bench", day)
    for made in (partition, scores):
        made.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        select = select_contributions(day, rows_n, load_id=load_id)
        connection.execute(f"copy ({select}) to '{partition}/{load_id}.parquet' (format parquet, compression zstd)")
        connection.execute(
            f"""
            copy (
                select platform, community, contribution_id, text_sha256, 'vader-3.3.2' as model_id,
                    null::double as p_negative, null::double as p_neutral, null::double as p_positive,
                    (score % 21 - 10) / 10.0 as sentiment_score,
                    ['negative', 'neutral', 'positive'][1 + (score % 3)::int] as label,
                    true as is_scorable, null::varchar as unscorable_reason,
                    {no_needs}, null::varchar as rules
                from read_parquet('{partition}/{load_id}.parquet', hive_partitioning = false)
            ) to '{scores}/bench.parquet' (format parquet, compression zstd)
            """
        )
    note = {"load_id": load_id, "contribution_dates": [day.isoformat()]}
    write_json(home.warehouse / "pending" / f"{load_id}.json", note)


def build_and_publish(home: "Home", settings: "Settings") -> "tuple[NodeResult, ...]":
    """Build what is pending, publish it, and keep nothing older; the build's nodes."""
    from pulse.warehouse import builds

    report = builds.build(home, settings=settings)
    assert report.is_ok, [node.message for node in report.nodes if not node.is_ok]
    builds.publish(home, keep_states_n=1, clock=lambda: datetime.now(UTC))
    return report.nodes
