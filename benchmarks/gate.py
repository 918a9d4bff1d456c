"""Gate 1 on a million rows, against the same rules as one hand-written DuckDB query."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Cost, in_own_process, measured

LIMIT_CPU_RATIO = 4.0
DAY = date(2026, 10, 5)
CHECKED_AT = datetime(2026, 11, 20, tzinfo=UTC)


def run(folder: Path, rows_n: int) -> list[str]:
    """Measure; returns lines to show."""
    peer = in_own_process("benchmarks.gate:hand_written", str(folder), rows_n, repeat=3)
    gate = in_own_process("benchmarks.gate:gate", str(folder), rows_n, repeat=3)
    ratio = gate.cpu_s / peer.cpu_s
    return [
        f"## Gate 1 on {rows_n:,} rows (peer: the same rules as one DuckDB query)",
        "",
        "| step | wall s | CPU s | peak MB | CPU / peer | limit |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| hand-written query | {peer.wall_s:.2f} | {peer.cpu_s:.2f} | {peer.peak_mb:.0f} | 1.00 | |",
        f"| gate 1 | {gate.wall_s:.2f} | {gate.cpu_s:.2f} | {gate.peak_mb:.0f} | {ratio:.2f} | {LIMIT_CPU_RATIO:g} x |",
    ]


def _sealed_load(home_root: Path, rows_n: int) -> object:
    """A clean load of one day, made with SQL."""
    import duckdb

    from benchmarks.contributions import select_contributions
    from pulse.core import coverage
    from pulse.core.home import Home
    from pulse.lake import landing, quality
    from pulse.lake.landing import BAD_LINES_COLUMNS, LoadManifest
    from pulse.platforms.reddit import REDDIT

    home = Home(home_root).create()
    quality.ensure_tables(home)
    load_id = "reddit_archive-reddit-bench"
    folder = landing.draft(home, load_id)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        select = select_contributions(DAY, rows_n, load_id=load_id)
        connection.execute(f"copy ({select}) to '{folder}/rows/day={DAY}.parquet' (format parquet, compression zstd)")
        connection.execute(f"create table bad_lines ({BAD_LINES_COLUMNS})")
        connection.table("bad_lines").write_parquet(str(folder / "bad_lines.parquet"))
    looks = [coverage.whole_day("reddit", "bench", DAY, kind, "spanned") for kind in REDDIT.kinds]
    looks_n = coverage.write(folder / coverage.COVERAGE_FILE, looks, source="reddit_archive", load_id=load_id)
    manifest = LoadManifest(
        load_id=load_id, platform="reddit", entry_id="reddit/bench", community="bench", source="reddit_archive",
        is_replayable=True, first_day=DAY, last_day=DAY, rows_by_day={DAY: rows_n}, coverage_rows_n=looks_n,
        sealed_at=CHECKED_AT,
    )  # fmt: skip
    return landing.seal(home, folder, manifest)


def hand_written(folder: str, rows_n: int) -> Cost:
    """Every row rule and load rule of gate 1 in one statement over the load's Parquet file."""
    import duckdb

    from pulse.gates.row_columns import row_columns
    from pulse.gates.rules import LOAD_RULES, ROW_RULES
    from pulse.platforms.reddit import REDDIT

    derived = ", ".join(f"{sql} as {name}" for name, sql in row_columns(REDDIT, None, counts_settle_after_s=0).items())

    with tempfile.TemporaryDirectory(dir=folder) as root:
        load = _sealed_load(Path(root), rows_n)
        file = load.folder / "rows" / f"day={DAY}.parquet"  # type: ignore[attr-defined]
        facts = f"""
            select 'reddit' as platform, 'bench' as community, false as is_wildcard, []::varchar[] as named_elsewhere,
                'reddit_archive' as source, 'reddit_archive-reddit-bench' as load_id, true as is_replayable,
                date '{DAY}' as first_day, date '{DAY}' as last_day,
                timestamptz '{DAY + timedelta(days=1)} 00:00:00+00' as end_at,
                timestamptz '{CHECKED_AT.isoformat(sep=" ")}' as checked_at,
                0.05 as max_quarantined_share, 0 as schema_differences_n,
                {rows_n} as manifest_rows_n, {rows_n} as read_rows_n, 0 as bad_lines_n, 0 as unproven_days_n,
                false as is_never_seen, 0 as coverage_rows_n, 0 as manifest_coverage_rows_n,
                0 as stray_coverage_rows_n, 0 as repeated_coverage_rows_n, 0 as missing_coverage_rows_n,
                0 as unaccounted_lines_n, 0 as unplaced_lines_share,
                0 as unknown_keys_n, 0 as days_banded_n, 0 as days_below_band_n, 0 as days_above_band_n,
                0 as community_observations_n, 0 as manifest_community_observations_n,
                0 as repeated_community_observations_n, 0 as stray_community_observations_n,
                0 as implausible_community_observations_n,
                timestamptz '{REDDIT.opened_on} 00:00:00+00' as opened_at, {REDDIT.least_score} as least_score,
                {REDDIT.longest_title_chars} as longest_title_chars, {REDDIT.longest_body_chars} as longest_body_chars,
                true as is_score_observed, true as is_author_observed, true as is_text_observed
        """
        failed = ", ".join(f"count(*) filter (where not coalesce({rule.predicate}, false))" for rule in ROW_RULES)
        accepted = " and ".join(f"coalesce({rule.predicate}, false)" for rule in ROW_RULES)
        one_time = "coalesce(not has_two_creation_times, false) as contribution_has_one_creation_time"
        inner = f"select *, {accepted} as is_accepted, {one_time} from judged cross join facts_row"
        metrics = ", ".join(
            rule.metric.replace("facts.top_author_rows_n", "(select max(n) from authors)")
            .replace("facts.top_chat_author_rows_n", "0")
            .replace("facts.top_moment_rows_n", "(select max(n) from moments)")
            .replace("facts.longest_texts_n", "(select n from longest_texts)")
            .replace("facts.", "any_value(facts).")
            for rule in LOAD_RULES
        )
        sql = f"""
            with facts_row as (select f as facts from ({facts}) as f),
            judged as (
                select *, date '{DAY}' as partition_day, length(body) as body_chars,
                    max(created_at) over id >= min(created_at) over id + interval 1 second as has_two_creation_times,
                    {derived}
                from read_parquet('{file}') window id as (partition by platform, community, contribution_id)
            ),
            authors as (select count(*) as n from judged where author_role <> 'bot' group by author_key),
            moments as (select count(*) as n from judged group by created_at),
            longest_texts as (
                select count(distinct text_sha256) as n from judged
                where body_chars = (select max(body_chars) from judged)
            )
            select {failed}, {metrics} from ({inner})
        """
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            with measured() as cost:
                connection.execute(sql).fetchall()
    return cost()


def gate(folder: str, rows_n: int) -> Cost:
    """Gate 1 as the pipeline runs it, Data Docs and results included; Great Expectations is imported before."""
    import great_expectations  # noqa: F401

    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.gates import check_loads
    from pulse.sources.reddit.entry import RedditArchiveEntry

    entry = RedditArchiveEntry(platform="reddit", name="bench", source="reddit_archive", path=(Path("x"),))
    with tempfile.TemporaryDirectory(dir=folder) as root:
        load = _sealed_load(Path(root), rows_n)
        with measured() as cost:
            (verdict,) = check_loads(
                [load],  # type: ignore[list-item]
                home=Home(Path(root)),
                settings=Settings(communities=(entry,)),
                run_id="bench",
                clock=lambda: CHECKED_AT,
            )
        assert verdict.is_passed, verdict.stopped_by
        assert verdict.accepted_n == rows_n
    return cost()
