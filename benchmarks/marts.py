"""All marts from raw, five of them against a script written for those five alone, and one more day.

Wall seconds, dbt's start and data tests included but for the one more day, which is the models' own time.

A made-up quarter: 300 communities of very different size over 90 days, a partition for each community and day as in any
home before its days are settled, so some 27,000 files of contributions and as many of scores. Then the same home once
its days are compacted, beside it, in seconds of CPU.
"""

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, in_own_process, measured

if TYPE_CHECKING:
    import duckdb

    from pulse.config.settings import Settings
    from pulse.core.home import Home

COMMUNITIES_N = 300
# Contributions and communities of the homes that are compacted.
COMPACTED_SIZES = ((333_000, 100), (1_000_000, 300))
DAYS_N = 90
FIRST_DAY = date(2026, 1, 1)
LOAD_ID = "reddit_archive-bench"
MODEL_ID = "vader-3.3.2"
FIVE = (
    "fct_community_daily", "fct_contributions", "fct_participation_monthly", "fct_sentiment_daily", "fct_threads",
)  # fmt: skip
LIMIT_RATIO = 3.0
LIMIT_MB = 4_000
# Of the larger home, compacted.
REACH_CPU_S, REACH_MB, REACH_DAY_CPU_S = 70.0, 3_000, 15.0


def run(folder: Path, sizes: tuple[int, ...]) -> list[str]:
    """Measure each number of contributions; returns lines to show."""
    lines = [
        f"## All marts from raw ({COMMUNITIES_N} communities, {DAYS_N} days)",
        "",
        "| contributions | all marts, s | peak MB (limit) | five marts, s | script, s | ratio (limit) | one day, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rows_n in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            in_own_process("benchmarks.marts:make_raw", root, rows_n, COMMUNITIES_N)
            five = in_own_process("benchmarks.marts:build_five", root)
            script = in_own_process("benchmarks.marts:script_of_five", root)
            check_equal(Path(root))
            whole = in_own_process("benchmarks.marts:build_all", root)
            day = in_own_process("benchmarks.marts:one_more_day", root, 0)
        lines.append(
            f"| {rows_n:,} | {whole.wall_s:.1f} | {whole.peak_mb:,.0f} ({LIMIT_MB:,}) | {five.wall_s:.1f} "
            f"| {script.wall_s:.1f} | {five.wall_s / script.wall_s:.2f} ({LIMIT_RATIO:g}) | {day.wall_s:.1f} |"
        )
    return lines


def run_compacted(folder: Path, sizes: tuple[tuple[int, int], ...]) -> list[str]:
    """Measure homes of small files, and the same ones compacted; returns lines to show."""
    lines = [
        f"## The same from small files and from compacted days ({DAYS_N} days)",
        "",
        f"Reach at a million: {REACH_CPU_S:g} s, {REACH_MB:,} MB; one more day {REACH_DAY_CPU_S:g} s.",
        "",
        "| contributions | communities | raw and scores | files | all marts, CPU s | peak MB | one more day, CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rows_n, communities_n in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            in_own_process("benchmarks.marts:make_raw", root, rows_n, communities_n)
            for form, number in (("small files", 0), ("compacted", 1)):
                if form == "compacted":
                    packing = in_own_process("benchmarks.marts:compact", root)
                files_n = len(list(Path(root).glob("raw/contributions/**/*.parquet")))
                files_n += len(list(Path(root).glob("scores/**/*.parquet")))
                whole = in_own_process("benchmarks.marts:build_all", root)
                day = in_own_process("benchmarks.marts:one_more_day", root, number)
                lines.append(
                    f"| {rows_n:,} | {communities_n} | {form} | {files_n:,} | {whole.cpu_s:.1f} | {whole.peak_mb:,.0f} "
                    f"| {day.cpu_s:.1f} |"
                )
            once = f"{packing.cpu_s:.1f} | {packing.peak_mb:,.0f}"
            lines.append(f"| {rows_n:,} | {communities_n} | compacting all of it | | {once} | |")
    return lines


# ---- raw -------------------------------------------------------------------


def make_raw(root: str, rows_n: int, communities_n: int) -> Cost:
    """Write contributions and scores; threads are a post and nine comments, some answering each other."""
    with measured() as cost:
        home, _ = _home(root)
        with _connection() as connection:
            connection.execute(f"create table made as {_contributions(rows_n, communities_n)}")
            _write_partitions(connection, home, "made")
    return cost()


def _connection() -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'; set preserve_insertion_order = false; set enable_progress_bar = false")
    return connection


def _contributions(rows_n: int, communities_n: int) -> str:
    """Contract rows; each thread begins somewhere in the quarter and goes on for hours."""
    from pulse.core.contract import projection

    quarter_us = DAYS_N * 86_400 * 1_000_000
    words = "['good', 'bad', 'the', 'kettle', 'works', 'fine', 'love', 'broke', 'again', 'never', 'tea', 'asks']"
    word = f"{words}[1 + ((n * 7 + i * i * 13) % 12)::int]"
    text = f"array_to_string(list_transform(range(8 + n % 40), i -> {word}), ' ')"
    place = f"floor(pow((of_thread % 1000003) / 1000003.0, 2) * {communities_n})::int"
    person = f"(of_row % 1000) * (of_row // 1000 % 1000) * {max(rows_n // 10, 1)} // 1000000"
    post = "'t3_' || lower(to_base(1000000000 + n - k, 36))"
    chosen = projection(
        overrides={
            "platform": "'reddit'",
            # A few large communities and many small ones.
            "community": f"'c' || lpad({place}::varchar, 3, '0')",
            "contribution_id": "case when k = 0 then 't3_' else 't1_' end || lower(to_base(1000000000 + n, 36))",
            "kind": "case when k = 0 then 'post' else 'comment' end",
            "thread_id": post,
            "parent_id": f"case when k = 0 then null when k = 1 or of_row % 2 = 0 then {post} "
            "else 't1_' || lower(to_base(1000000000 + n - 1, 36)) end",
            "created_at": "written_at",
            "edited_at": "null",
            "observed_at": "written_at + interval 30 day",
            "title": f"case when k = 0 then left({text}, 80) end",
            "body": f"case when k > 0 then {text} end",
            "url": "null",
            "permalink": "null",
            "tags": "[]::varchar[]",
            "author_key": f"sha256('p' || ({person}))",
            "author_role": "'member'",
            "score": "(of_row % 97)::bigint",
            "upvote_ratio": "0.9",
            "reply_count": "case when k = 0 then 9 end",
            "award_count": "null",
            "view_count": "null",
            "share_count": "null",
            "reactions": "null",
            "removal": "'none'",
            "source": "'reddit_archive'",
            "load_id": f"'{LOAD_ID}'",
            "extra": "null",
            "channel": "null",
            "is_accepted_answer": "null",
        }
    )
    posted_us = f"(n // 10 * 10.0 / {rows_n} * {quarter_us})::bigint"
    later_us = "k * k * (60 + (of_thread // 7) % 2400)::bigint * 1000000 + k"
    return (
        f"select {chosen} from (select *, timestamptz '{FIRST_DAY} 00:00:00+00' "
        f"+ to_microseconds(least({quarter_us - 1}, {posted_us} + {later_us})) as written_at "
        f"from (select n, n % 10 as k, hash(n) as of_row, hash(n // 10) as of_thread "
        f"from range({rows_n}) as numbers(n)))"
    )


def _write_partitions(connection: "duckdb.DuckDBPyConnection", home: "Home", table: str) -> None:
    """One community after the other: DuckDB keeps a buffer for each partition that it has begun."""
    partitions = (
        "format parquet, compression zstd, partition_by (platform, community, day), write_partition_columns true, "
        "overwrite_or_ignore true"
    )
    columns = ", ".join(name for (name, *_) in connection.execute(f"describe {table}").fetchall())
    contributions, scores = home.raw / "contributions", home.model_scores_dir(MODEL_ID)
    for folder in (contributions, scores):
        folder.mkdir(parents=True, exist_ok=True)
    for (community,) in connection.execute(f"select distinct community from {table} order by 1").fetchall():
        of_community = f"from {table} where community = '{community}'"
        connection.execute(
            f"copy (select {columns}, created_at::date as day {of_community}) to '{contributions}' "
            f"({partitions}, filename_pattern '{LOAD_ID}-{table}-{{i}}')"
        )
        connection.execute(
            f"""
            copy (
                select platform, community, contribution_id, text_sha256, '{MODEL_ID}' as model_id,
                    null::double as p_negative, null::double as p_neutral, null::double as p_positive,
                    (score % 21 - 10) / 10.0 as sentiment_score,
                    ['negative', 'neutral', 'positive'][1 + (score % 3)::int] as label,
                    true as is_scorable, null::varchar as unscorable_reason, created_at::date as day {of_community}
            ) to '{scores}' ({partitions}, filename_pattern 'scores-{table}-{{i}}')
            """
        )


# ---- what is measured --------------------------------------------------------


def build_all(root: str) -> Cost:
    """``dbt build`` of everything, tests included, and the publish that the next day builds on."""
    return _build(root, select=None)


def build_five(root: str) -> Cost:
    """The five marts and all that they rest on, tests included."""
    return _build(root, select=" ".join(f"+{name}" for name in FIVE))


def _build(root: str, *, select: str | None) -> Cost:
    from pulse.warehouse import builds

    home, settings = _home(root)
    with measured() as cost:
        report = builds.build(home, settings=settings, is_full_refresh=True, select=select)
        assert report.is_ok, [node.message for node in report.nodes if not node.is_ok]
    if select is None:
        builds.publish(home, keep_states_n=1, clock=lambda: datetime.now(UTC))
    else:
        builds.working_file(home).rename(Path(root) / "five.duckdb")
    return cost()


def compact(root: str) -> Cost:
    """Everything, as if it had come more than a week ago."""
    from pulse.core.clock import utc_now
    from pulse.lake.compaction import SETTLED_AFTER_DAYS
    from pulse.warehouse import builds

    home, _ = _home(root)
    with measured() as cost:
        done = builds.compact(home, through=utc_now().date() + timedelta(days=SETTLED_AFTER_DAYS + 1))
        assert done.days_n >= DAYS_N
    return cost()


def one_more_day(root: str, number: int) -> Cost:
    """A day more for all communities, built onto what is published; the models' own time, in ``wall_s``.

    Args:
        number: of the day, from 0; those before are there.
    """
    from pulse.core.contract import COLUMN_NAMES
    from pulse.core.files import write_json
    from pulse.warehouse import builds

    home, settings = _home(root)
    day = FIRST_DAY + timedelta(days=DAYS_N + number)
    with _connection() as connection:
        files = f"{home.raw}/contributions/*/*/day={day - timedelta(days=1)}/*.parquet"
        source = f"(select {', '.join(COLUMN_NAMES)} from read_parquet('{files}', hive_partitioning = false))"
        connection.execute(
            f"create table added as select * replace (created_at + interval 1 day as created_at, "
            "observed_at + interval 1 day as observed_at, contribution_id || 'x' as contribution_id, "
            f"thread_id || 'x' as thread_id, parent_id || 'x' as parent_id) from {source}"
        )
        _write_partitions(connection, home, "added")
    write_json(home.warehouse / "pending" / "added.json", {"load_id": "added", "contribution_dates": [day.isoformat()]})
    with measured() as cost:
        report = builds.build(home, settings=settings)
        assert report.is_ok, [node.message for node in report.nodes if not node.is_ok]
        assert report.contribution_dates == (day,)
    models_s = sum(node.execution_s for node in report.nodes if node.resource_type == "model")
    return Cost(models_s, cost().cpu_s, cost().peak_mb)


def script_of_five(root: str) -> Cost:
    """The peer: somebody needs these five tables of this data once, and writes just that."""
    import duckdb

    home, _ = _home(root)
    contributions = f"read_parquet('{home.raw}/contributions/*/*/*/*.parquet', hive_partitioning = false)"
    scores = f"read_parquet('{home.model_scores_dir(MODEL_ID)}/*/*/*/*.parquet', hive_partitioning = false)"
    with measured() as cost, duckdb.connect(str(Path(root) / "script.duckdb")) as connection:
        connection.execute(
            "set timezone = 'UTC'; set preserve_insertion_order = false; set enable_progress_bar = false"
        )
        connection.execute("set threads = 2; set memory_limit = '3GB'")
        connection.execute(_SCRIPT.replace("$contributions", contributions).replace("$scores", scores))
    return cost()


# Latest observation of each contribution, then the five.
_SCRIPT = """
create table fct_contributions as
select seen.* exclude (recency), judged.sentiment_score, judged.label as sentiment_label
from (
    select *, created_at::date as contribution_date,
        row_number() over (partition by platform, community, contribution_id order by observed_at desc) as recency
    from $contributions
) as seen
left join (
    select distinct platform, community, contribution_id, text_sha256, sentiment_score, label from $scores
) as judged using (platform, community, contribution_id, text_sha256)
where recency = 1;

create table first_days as
select platform, community, author_key, min(contribution_date) as contribution_date
from fct_contributions where author_role in ('member', 'moderator') and author_key is not null group by all;

create table fct_community_daily as
select days.*, coalesce(new_contributors, 0) as new_contributors
from (
    select platform, community, contribution_date, count(*) filter (where kind = 'post') as posts,
        count(*) filter (where kind = 'comment') as comments,
        count(distinct author_key) filter (where author_role in ('member', 'moderator')) as contributors,
        sum(score) as score_sum, count(score) as score_observed_n, sum(reply_count) as reply_count_sum,
        count(*) filter (where removal <> 'none') as removed
    from fct_contributions group by all
) as days
left join (
    select platform, community, contribution_date, count(*) as new_contributors from first_days group by all
) using (platform, community, contribution_date);

create table fct_sentiment_daily as
select *, (positive_n - negative_n) / scored_n as net_sentiment
from (
    select platform, community, contribution_date, count(*) as contributions, count(sentiment_label) as scored_n,
        count(*) filter (where sentiment_label = 'negative') as negative_n,
        count(*) filter (where sentiment_label = 'neutral') as neutral_n,
        count(*) filter (where sentiment_label = 'positive') as positive_n
    from fct_contributions where author_role not in ('bot', 'team') group by all
);

create table fct_threads as
select platform, community, thread_id, count(*) filter (where kind = 'comment') as comments, count(*) as contributions,
    count(distinct author_key) as contributors, max(created_at) filter (where kind = 'post') as posted_at,
    min(created_at) filter (where kind = 'comment') as first_comment_at, sum(score) as score_sum
from fct_contributions group by all;

create table fct_participation_monthly as
select platform, community, month_start_date, count(*) as contributors, sum(n) as contributions,
    (2 * sum(place * n) / (count(*) * sum(n)) - (count(*) + 1) / count(*)) * count(*) / nullif(count(*) - 1, 0) as gini
from (
    select *, row_number() over (partition by platform, community, month_start_date order by n, author_key) as place
    from (
        select platform, community, date_trunc('month', contribution_date)::date as month_start_date, author_key,
            count(*) as n
        from fct_contributions where author_role in ('member', 'moderator') and author_key is not null group by all
    )
) group by all;
"""
# Who is new is in neither sum: the marts do not tell it of days before which too little was looked at.
_SAME = {
    "fct_community_daily": "sum(posts), sum(comments), sum(contributors), sum(score_sum)",
    "fct_contributions": "count(*), sum(score), count(sentiment_label), count(body)",
    "fct_participation_monthly": "sum(contributors), sum(contributions), "
    "round(sum(gini) filter (where contributors >= 10), 4)",
    "fct_sentiment_daily": "sum(positive_n), sum(negative_n), sum(scored_n)",
    "fct_threads": "count(*), sum(comments), sum(contributors), sum(score_sum)",
}


def check_equal(root: Path) -> None:
    """Both sides made the same tables; a faster script that is wrong would be no peer."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"attach '{root}/five.duckdb' as built (read_only)")
        connection.execute(f"attach '{root}/script.duckdb' as script (read_only)")
        for table, sums in _SAME.items():
            built = connection.execute(f"select {sums} from built.marts.{table}").fetchone()
            script = connection.execute(f"select {sums} from script.{table}").fetchone()
            assert built == script, json.dumps([table, str(built), str(script)])


def _home(root: str) -> "tuple[Home, Settings]":
    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.sources.reddit.entry import RedditArchiveEntry
    from pulse.warehouse import transform

    home = Home(Path(root)).create()
    transform.ensure_inputs(home)
    entry = RedditArchiveEntry(platform="reddit", name="bench", source="reddit_archive", path=(Path("x"),))
    return home, Settings(communities=(entry,), sentiment_model="vader")
