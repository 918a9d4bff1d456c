"""From raw to marts: all of them, five against a script written for those five alone, the steps before, one more day.

A made-up quarter (:mod:`benchmarks.made_up`): 300 communities of very different size over 90 days, a partition for each
community and day as in any home before its days are settled, so up to 27,000 files of contributions and of scores each.
Wall seconds, dbt's start and data tests included but for the one more day, which is the models' own time. Then the same
from small files and once its days are compacted, in seconds of CPU; both without words and mentions. At last all steps
from compacted raw on, with what texts say worked out of them as in any run.
"""

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, in_own_process, measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.warehouse.builds import BuildReport

COMMUNITIES_N = 300
# Contributions and communities of the homes that are compacted.
COMPACTED_SIZES = ((333_000, 100),)
DAYS_N = 90
FIRST_DAY = date(2026, 1, 1)
LOAD_ID = "reddit_archive-bench"
# Days made up beyond the quarter, for one more day twice.
LATER_DAYS_N = 2
FIVE = (
    "fct_community_daily", "fct_contributions", "fct_participation_monthly", "fct_sentiment_daily", "fct_threads",
)  # fmt: skip
LIMIT_RATIO = 3.0
LIMIT_MB = 4_000
# Of a million contributions, compacted: all marts, 70 CPU s of them for those that count what is listened for; finding
# mentions and working words; and one more day's build.
REACH_CPU_S, REACH_STEPS_CPU_S, REACH_DAY_CPU_S = 140.0, 100.0, 15.0


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
            in_own_process("benchmarks.marts:make_raw", root, rows_n, COMMUNITIES_N, "small")
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
        "| contributions | communities | raw and scores | files | all marts, CPU s | peak MB | one more day, CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rows_n, communities_n in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            in_own_process("benchmarks.marts:make_raw", root, rows_n, communities_n, "small")
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


def run_steps(folder: Path, sizes: tuple[int, ...]) -> list[str]:
    """Measure the steps from raw to marts where nothing is worked yet, and one more day; returns lines to show."""
    limits = {"build_all": f"{REACH_CPU_S:g}", "work_words": f"{REACH_STEPS_CPU_S:g} with find_mentions"}
    lines = [
        f"## From raw to marts, by step ({COMMUNITIES_N} communities, {DAYS_N} days, compacted; then one more day)",
        "",
        f"Limits are for a million contributions, {LIMIT_MB:,} MB; the build of one more day {REACH_DAY_CPU_S:g} s.",
        "",
        "| contributions | step | CPU s | limit | peak MB | one more day, CPU s | peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    costly = []
    for rows_n in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            in_own_process("benchmarks.marts:make_raw", root, rows_n, COMMUNITIES_N, "compacted")
            whole = {step: in_own_process(f"benchmarks.marts:{step}", root) for step in (*STEPS, "build_all")}
            costly += [f"| {rows_n:,} | `{name}` | {s:.1f} |" for name, s in costliest(root, 10)]
            in_own_process("benchmarks.marts:prepare_day", root)
            day = {step: in_own_process(f"benchmarks.marts:{step}", root) for step in (*STEPS, "build_pending")}
        for (step, cost), of_day in zip(whole.items(), day.values(), strict=True):
            lines.append(
                f"| {rows_n:,} | {step} | {cost.cpu_s:.1f} | {limits.get(step, '')} | {cost.peak_mb:,.0f} "
                f"| {of_day.cpu_s:.1f} | {of_day.peak_mb:,.0f} |"
            )
    return [*lines, "", "| contributions | model | s, two at once |", "| --- | --- | --- |", *costly]


# ---- raw -------------------------------------------------------------------


def make_raw(root: str, rows_n: int, communities_n: int, form: str) -> Cost:
    """Write what is made up (:mod:`benchmarks.made_up`) of the quarter, and keep the days after it for later.

    Args:
        form: ``small`` for a file a community and day, with scores that nobody judged beside them; ``compacted`` for a
            file a day, without scores.
    """
    from benchmarks import made_up

    with measured() as cost:
        home, settings = home_and_settings(root)
        days_n = DAYS_N + LATER_DAYS_N
        made = made_up.contributions(rows_n * days_n // DAYS_N, communities_n, FIRST_DAY, days_n)
        with _connection() as connection:
            connection.register("made_up", made)
            connection.execute(f"create table everything as {_contributions_sql()}")
            end = FIRST_DAY + timedelta(days=DAYS_N)
            connection.execute(f"copy (from everything where created_at >= '{end}') to '{root}/later.parquet'")
            connection.execute(f"create table made as from everything where created_at < '{end}'")
            if form == "small":
                _write_partitions(connection, home, "made")
                _write_scores(connection, home, "made", sentiment_model_id(settings))
            else:
                _write_compacted(connection, home, "made")
            _write_looks(connection, home, "made", [FIRST_DAY + timedelta(days=n) for n in range(DAYS_N)])
    return cost()


def _connection() -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'; set preserve_insertion_order = false; set enable_progress_bar = false")
    return connection


def _id_sql(number: str) -> str:
    return f"case when {number} = thread_number then 't3_' else 't1_' end || lower(to_base(1000000000 + {number}, 36))"


def _contributions_sql() -> str:
    """Contract rows of those made up."""
    from pulse.core.contract import projection

    chosen = projection(
        overrides={
            "platform": "'reddit'",
            "contribution_id": _id_sql("id_number"),
            "kind": "case when is_post then 'post' else 'comment' end",
            "thread_id": _id_sql("thread_number"),
            "parent_id": f"case when parent_number is not null then {_id_sql('parent_number')} end",
            "edited_at": "null",
            "observed_at": "created_at + interval 30 day",
            "permalink": "'/r/' || community || '/comments/' || id_number",
            "tags": "case when flair is null then []::varchar[] else [flair] end",
            "author_key": "sha256('p' || author)",
            "upvote_ratio": "case when is_post then 0.9 end",
            "award_count": "null",
            "view_count": "null",
            "share_count": "null",
            "reactions": "null",
            "source": "'reddit_archive'",
            "load_id": f"'{LOAD_ID}'",
            "extra": "null",
            "channel": "null",
            "is_accepted_answer": "null",
        }
    )
    return f"select {chosen} from made_up"


def _write_partitions(connection: "duckdb.DuckDBPyConnection", home: "Home", table: str) -> None:
    """One community after the other: DuckDB keeps a buffer for each partition that it has begun."""
    for community in _communities(connection, table):
        connection.execute(
            f"copy (select *, created_at::date as day from {table} where community = '{community}') "
            f"to '{home.raw / 'contributions'}' ({_PARTITIONS}, filename_pattern '{LOAD_ID}-{table}-{{i}}')"
        )


_PARTITIONS = (
    "format parquet, compression zstd, partition_by (platform, community, day), write_partition_columns true, "
    "overwrite_or_ignore true"
)


def _communities(connection: "duckdb.DuckDBPyConnection", table: str) -> list[str]:
    rows = connection.execute(f"select distinct community from {table} order by 1").fetchall()
    return [community for (community,) in rows]


def _write_scores(connection: "duckdb.DuckDBPyConnection", home: "Home", table: str, model_id: str) -> None:
    """Scores by number, as many as the score step would write."""
    from pulse.texts.scorer import KINDS

    scores = home.model_scores_dir(model_id)
    scores.mkdir(parents=True, exist_ok=True)
    kinds = ", ".join(f"null::double as p_{kind}, null::boolean as is_{kind}" for kind in KINDS)
    for community in _communities(connection, table):
        connection.execute(
            f"""
            copy (
                select platform, community, contribution_id, text_sha256, '{model_id}' as model_id,
                    null::double as p_negative, null::double as p_neutral, null::double as p_positive,
                    (score % 21 - 10) / 10.0 as sentiment_score,
                    ['negative', 'neutral', 'positive'][1 + (score % 3)::int] as label,
                    true as is_scorable, null::varchar as unscorable_reason, {kinds}, null::varchar as rules,
                    created_at::date as day
                from {table} where community = '{community}' and text_sha256 is not null
            ) to '{scores}' ({_PARTITIONS}, filename_pattern 'scores-{table}-{{i}}')
            """
        )


def _write_compacted(connection: "duckdb.DuckDBPyConnection", home: "Home", table: str) -> None:
    """A file a day, as compaction leaves it."""
    from pulse.core.files import write_json
    from pulse.lake import compacted

    for number in range(DAYS_N):
        day = FIRST_DAY + timedelta(days=number)
        file = compacted.file_of(home.raw / "contributions", "reddit", day)
        file.parent.mkdir(parents=True)
        of_day = f"from {table} where created_at >= '{day}' and created_at < '{day + timedelta(days=1)}'"
        connection.execute(
            f"copy ({of_day} order by {compacted.CONTRIBUTIONS.order_by}) to '{file}' "
            "(format parquet, compression zstd)"
        )
        held = connection.execute(f"select community, load_id, count(*) {of_day} group by all order by all").fetchall()
        write_json(file.with_name(compacted.CONTENTS_FILE), {"contents": held})


def _write_looks(connection: "duckdb.DuckDBPyConnection", home: "Home", table: str, days: "Sequence[date]") -> None:
    """What was looked at: all posts and comments of these days; and that each day arrived."""
    from pulse.core import coverage
    from pulse.lake import quality, raw

    stem = f"{LOAD_ID}-{table}"
    communities = _communities(connection, table)
    for community in communities:
        looks = [
            coverage.whole_day("reddit", community, day, kind, "declared")
            for day in days
            for kind in ("post", "comment")
        ]
        folder = raw.coverage_folder(home, "reddit", community)
        folder.mkdir(parents=True, exist_ok=True)
        coverage.write(folder / f"{stem}.parquet", looks, source="reddit_archive", load_id=LOAD_ID)
    quality.append(
        home,
        quality.LOAD_OUTCOMES,
        (
            {
                "run_id": stem, "load_id": LOAD_ID, "platform": "reddit", "entry_id": f"reddit/{community}",
                "community": community, "source": "reddit_archive", "day": day, "outcome": "arrived",
                "contributions_n": 1, "quarantined_rows_n": 0, "skipped_n": 0, "api_calls_n": 0, "reason": None,
                "recorded_at": datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=1),
            }
            for community in communities
            for day in days
        ),
        stem=stem,
    )  # fmt: skip


# ---- what is measured --------------------------------------------------------


def build_all(root: str) -> Cost:
    """``dbt build`` of everything, tests included, and the publish that the next day builds on."""
    return _build(root, select=None)


def build_five(root: str) -> Cost:
    """The five marts and all that they rest on, tests included."""
    return _build(root, select=" ".join(f"+{name}" for name in FIVE))


def _build(root: str, *, select: str | None) -> Cost:
    from pulse.warehouse import builds

    home, _ = home_and_settings(root)
    with measured() as cost:
        report = _built(root, is_full_refresh=True, select=select)
    if select is None:
        builds.publish(home, keep_states_n=1, clock=lambda: datetime.now(UTC))
        _keep_models(root, report)
    else:
        builds.working_file(home).rename(Path(root) / "five.duckdb")
    return cost()


def _keep_models(root: str, report: "BuildReport") -> None:
    """Which models took how long, for who asks (:func:`costliest`)."""
    seconds = {node.label: node.execution_s for node in report.nodes if node.resource_type == "model"}
    (Path(root) / "models.json").write_text(json.dumps(seconds))


def costliest(root: str, n: int) -> list[tuple[str, float]]:
    """The models that took longest in the build before, with their seconds, two at once."""
    seconds: dict[str, float] = json.loads((Path(root) / "models.json").read_text())
    return sorted(seconds.items(), key=lambda item: -item[1])[:n]


def compact(root: str) -> Cost:
    """Everything, as if it had come more than a week ago."""
    from pulse.core.clock import utc_now
    from pulse.lake.compaction import SETTLED_AFTER_DAYS
    from pulse.warehouse import builds

    home, _ = home_and_settings(root)
    with measured() as cost:
        done = builds.compact(home, through=utc_now().date() + timedelta(days=SETTLED_AFTER_DAYS + 1))
        assert done.days_n >= DAYS_N
    return cost()


def one_more_day(root: str, number: int) -> Cost:
    """A day more for all communities, built onto what is published; the models' own time, in ``wall_s``.

    Args:
        number: of the day, from 0; those before are there.
    """
    home, settings = home_and_settings(root)
    day = add_day(root, number)
    with _connection() as connection:
        connection.execute(f"create table added as {_later_sql(root, day)}")
        _write_scores(connection, home, "added", sentiment_model_id(settings))
    with measured() as cost:
        report = _built(root)
        assert report.contribution_dates == (day,)
    models_s = sum(node.execution_s for node in report.nodes if node.resource_type == "model")
    return Cost(models_s, cost().cpu_s, cost().peak_mb)


def add_day(root: str, number: int) -> date:
    """Put a day that was kept for later into raw, as a promotion would; no scores."""
    from pulse.core.files import write_json

    home, _ = home_and_settings(root)
    day = FIRST_DAY + timedelta(days=DAYS_N + number)
    with _connection() as connection:
        connection.execute(f"create table added_{number} as {_later_sql(root, day)}")
        _write_partitions(connection, home, f"added_{number}")
        _write_looks(connection, home, f"added_{number}", [day])
    note = {"load_id": f"added-{number}", "contribution_dates": [day.isoformat()]}
    write_json(home.warehouse / "pending" / f"added-{number}.json", note)
    return day


def _later_sql(root: str, day: date) -> str:
    return (
        f"select * from read_parquet('{root}/later.parquet') "
        f"where created_at >= '{day}' and created_at < '{day + timedelta(days=1)}'"
    )


def _built(root: str, *, is_full_refresh: bool = False, select: str | None = None) -> "BuildReport":
    from pulse.warehouse import builds

    home, settings = home_and_settings(root)
    report = builds.build(home, settings=settings, is_full_refresh=is_full_refresh, select=select)
    assert report.is_ok, [node.message for node in report.nodes if not node.is_ok]
    return report


STEPS = ("score", "find_mentions", "work_words")


def score(root: str) -> Cost:
    """Judge all texts that are not judged yet."""
    return _step(root, "score", [])


def find_mentions(root: str) -> Cost:
    """Find brands in texts that were not looked at."""
    return _step(root, "_find_mentions", is_deep=False)


def work_words(root: str) -> Cost:
    """Words, near copies and topics of what came."""
    return _step(root, "_work_words", is_deep=False)


def _step(root: str, name: str, *arguments: object, **options: object) -> Cost:
    from pulse.steps.pipeline import Pipeline
    from pulse.texts import get_scorer

    home, settings = home_and_settings(root)
    get_scorer(settings.sentiment_model)  # loading it is no work on texts
    with measured() as cost:
        getattr(Pipeline(home, settings), name)(*arguments, **options)
    return cost()


def prepare_day(root: str) -> Cost:
    """The first of the days kept for later comes into raw."""
    with measured() as cost:
        add_day(root, 0)
    return cost()


def build_pending(root: str) -> Cost:
    """``dbt build`` of what came since the publish, tests included."""
    with measured() as cost:
        report = _built(root)
        assert report.contribution_dates is not None
    _keep_models(root, report)
    return cost()


def script_of_five(root: str) -> Cost:
    """The peer: somebody needs these five tables of this data once, and writes just that."""
    import duckdb

    home, settings = home_and_settings(root)
    contributions = f"read_parquet('{home.raw}/contributions/*/*/*/*.parquet', hive_partitioning = false)"
    judged = home.model_scores_dir(sentiment_model_id(settings))
    scores = f"read_parquet('{judged}/*/*/*/*.parquet', hive_partitioning = false)"
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
    count(distinct author_key) filter (where author_role in ('member', 'moderator')) as contributors,
    max(created_at) filter (where kind = 'post') as posted_at,
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


def home_and_settings(root: str) -> "tuple[Home, Settings]":
    """A home in that folder, and what it listens to."""
    from benchmarks import made_up
    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.sources.reddit.entry import RedditArchiveEntry
    from pulse.warehouse import transform

    home = Home(Path(root)).create()
    transform.ensure_inputs(home)
    entry = RedditArchiveEntry(platform="reddit", name="bench", source="reddit_archive", path=(Path("x"),))
    return home, Settings(communities=(entry,), listening=made_up.settings_of_listening())


def sentiment_model_id(settings: "Settings") -> str:
    """Name and version of the model that judges."""
    from pulse.warehouse import builds

    return builds.sentiment_model_id(settings)
