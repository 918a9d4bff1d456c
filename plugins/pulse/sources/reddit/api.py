"""Source ``reddit_api``: communities on Reddit, live, through PRAW.

A load is what one run could see: the contributions of its days, earlier ones that are looked at again, and the
community itself. Nothing can be seen twice in the same state, so loads of this source add to raw and never replace.

Cannot be seen: awards and views (NULL). Posts and comments that were removed before the first look are left out of
Reddit's listings.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb

from pulse.core import coverage
from pulse.core.contract import CONTRACT_VERSION, projection
from pulse.core.errors import DayNotServable, SourceError, StorageError
from pulse.core.files import sql_text
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import BAD_LINES_COLUMNS, FileAccount, Load, LoadManifest, UnplacedContent, unplaced_name
from pulse.sources.context import SourceContext
from pulse.sources.lines.rows import write_days
from pulse.sources.lines.staging import SKIPPED_FAULTS
from pulse.sources.live.response_cache import ResponseCache
from pulse.sources.reddit.answers import RedditAnswers, open_answers
from pulse.sources.reddit.entry import SOURCE, RedditApiEntry
from pulse.sources.reddit.extraction import Extraction, Seen
from pulse.sources.reddit.plan import Group, Plan, make_plan

log = logging.getLogger(__name__)


def extract(
    entry: RedditApiEntry, window: Window, context: SourceContext, *, live_entries: Sequence[RedditApiEntry]
) -> Load:
    """Land what Reddit shows of the entry's community for the window.

    The first task of a group asks for all its communities; the others find the pages sealed.

    Args:
        live_entries: all entries that this window is to be asked for live, in the order of the config.

    Raises:
        DayNotOver: Reddit's own clock stands before the window's end.
        DayNotServable: Reddit's listings no longer reach back to one of the days.
        RateLimited: to be tried again after a wait; the pages so far are kept.
        SourceUnavailable, SourceError, BadCredentials: see :mod:`pulse.sources.reddit.client`.
        ConfigError: no credentials, or the listings do not fit the budget.
        StorageError: landing cannot be written.
    """
    plan = make_plan(live_entries, window, context)
    group = plan.group_of(entry)
    with open_answers(context, group.entries, window, for_entry=entry, max_calls_n=group.max_calls_n) as answers:
        load = _extract(entry, window, context, answers, group, plan)
        answers.cache.mark_used(entry)
        return load


def _extract(
    entry: RedditApiEntry, window: Window, context: SourceContext, answers: RedditAnswers, group: Group, plan: Plan
) -> Load:
    load_id = landing.load_id_for(SOURCE, entry.entry_id, window, answers.cache.token)
    existing = landing.find(context.home, load_id)
    if existing is not None:
        log.info("reddit_api: %s is sealed already", load_id)
        return existing
    extraction = Extraction(answers, context, group, plan, window)
    seen = extraction.run()[entry.community]
    if seen.refused is not None:
        answers.cache.mark_used(entry)
        raise SourceError(
            f"community r/{entry.name}", value=seen.refused, next_step="take it out of the config, or ask to be let in"
        )
    _require_servable(entry, window, seen)
    try:
        return _seal(entry, window, context, answers.cache, seen, load_id, is_on_time=extraction.is_on_time)
    except duckdb.Error as error:
        raise StorageError(
            f"load {load_id}", value=type(error).__name__, next_step="free space or memory, then run again"
        ) from None


def _require_servable(entry: RedditApiEntry, window: Window, seen: Seen) -> None:
    """Refuse a window with a day of which not one post can be listed any more."""
    since = seen.posts_since
    if since is not None and since.date() > window.first_day:
        raise DayNotServable(
            f"Reddit's listing of r/{entry.name}",
            value=f"nothing from {window.first_day}, it ends at {since:%Y-%m-%d %H:%M} UTC",
            earliest_day=since.date(),
            next_step="choose later days, or name an archive that holds the earlier ones as `path` of the entry",
        )


# ---- the load --------------------------------------------------------------


def _seal(
    entry: RedditApiEntry,
    window: Window,
    context: SourceContext,
    cache: ResponseCache,
    seen: Seen,
    load_id: str,
    *,
    is_on_time: bool,
) -> Load:
    folder = landing.draft(context.home, load_id)
    _select_rows(cache, entry, window, load_id, with_earlier=is_on_time)
    rows_by_day = write_days(cache.connection, folder)
    earlier_rows_n = _count(cache.connection, "select count(*) from selected where created_at < $at", window.start_at)
    account = _write_bad_lines(cache, entry, window, folder, landed_n=sum(rows_by_day.values()))
    observations = [replace(seen.observation, load_id=load_id)] if seen.observation else []
    looks = [look for day in window.days() for look in seen.looks(entry.platform, entry.community, day)]
    is_partial = any(not look.is_whole_day for look in looks)
    unknown_keys, sampled_n = cache.unknown_keys()
    manifest = LoadManifest(
        load_id=load_id,
        platform=entry.platform,
        entry_id=entry.entry_id,
        community=entry.community,
        source=SOURCE,
        is_replayable=False,
        first_day=window.first_day,
        last_day=window.last_day,
        rows_by_day=rows_by_day,
        earlier_rows_n=earlier_rows_n,
        observes=tuple(sorted(entry.observes)),
        community_observations_n=landing.write_community_observations(folder, observations),
        bad_lines_n=account.quarantined_n,
        skipped={"not_returned": seen.not_returned_n} if seen.not_returned_n else {},
        files=(account,),
        coverage_rows_n=coverage.write(folder / coverage.COVERAGE_FILE, looks, source=SOURCE, load_id=load_id),
        partial_reason=_partial_reason(seen) if is_partial else None,
        api_calls_n=cache.budget.calls_of(entry),
        unknown_keys=unknown_keys,
        unknown_keys_sampled_n=sampled_n,
        contract_version=CONTRACT_VERSION,
        sealed_at=context.clock(),
    )
    return landing.seal(context.home, folder, manifest)


def _partial_reason(seen: Seen) -> str:
    parts = []
    if seen.posts_since is not None:
        parts.append(f"Reddit's listing of posts ends at {seen.posts_since:%Y-%m-%d %H:%M} UTC")
    if seen.comments_since is not None:
        share = 1 - seen.unseen_comments_n / seen.counted_comments_n if seen.counted_comments_n else 1.0
        parts.append(
            f"its stream of comments ends at {seen.comments_since:%Y-%m-%d %H:%M} UTC; with threads read one by one, "
            f"{share:.1%} of the counted comments were seen"
        )
    if seen.has_spent_its_calls:
        parts.append("the calls of this run were spent")
    return "; ".join(parts)


def _select_rows(
    cache: ResponseCache, entry: RedditApiEntry, window: Window, load_id: str, *, with_earlier: bool
) -> None:
    """Make table ``selected``: the community's contributions, each as last seen by this run, with its partition day.

    What was created in the window belongs to its day. Earlier contributions belong to the last day, when the run that
    saw them was due; of them stay those due to be seen again, those that were removed meanwhile, and those that raw
    should know and does not: they appeared late. Later ones are left to the run of their own day.
    """
    overrides = {"load_id": sql_text(load_id), "extra": "extra" if entry.extra_fields else "null"}
    earlier = """(
        contribution_id in (select contribution_id from due)
        or (contribution_id not in (select contribution_id from known)
            and created_at >= (
                select date_trunc('day', min(created_at)) from known where known.community = $community
            ))
        or (removal <> 'none' and contribution_id in (select contribution_id from known where removal = 'none'))
    )"""
    cache.connection.execute(
        f"""
        create or replace table selected as
        select {projection(overrides=overrides)},
            case when created_at >= $start_at then cast(timezone('UTC', created_at) as date) else $last_day end
                as partition_day
        from {cache.rows_sql()}
        where community = $community and created_at < $end_at
            and (created_at >= $start_at or {earlier if with_earlier else "false"})
        qualify row_number() over (partition by contribution_id order by observed_at desc, line_number) = 1
        """,
        {
            "community": entry.community,
            "start_at": window.start_at,
            "end_at": window.end_at,
            "last_day": window.last_day,
        },
    )


def _write_bad_lines(
    cache: ResponseCache, entry: RedditApiEntry, window: Window, folder: Path, *, landed_n: int
) -> FileAccount:
    """Write the records that gave no row and tell a community and a day; returns what became of all that was shown.

    Records that do not tell whose, or of which day, they are belong to no load: they lie beside it and are booked once
    for the answers of all communities that were asked for together.
    """
    connection = cache.connection
    connection.execute(f"create or replace table faults ({BAD_LINES_COLUMNS}, place VARCHAR)")
    files = [str(file) for file in cache.fault_files()]
    if files:
        connection.execute(
            """
            insert into faults by name
            select file, line_number, fault, detail, line, community,
                case when community = $community then least(greatest(day, $first_day), $last_day) else day end as day,
                case
                    when community is null or day is null then 'unplaced'
                    when community = $community then 'load'
                    else 'outside'
                end as place
            from read_parquet($files, hive_partitioning = false)
            where not list_contains($skips, fault)
            """,
            {
                "files": files,
                "community": entry.community,
                "first_day": window.first_day,
                "last_day": window.last_day,
                "skips": sorted(SKIPPED_FAULTS),
            },
        )
    kept = "select * exclude (place) from faults where place = '{}' order by file, line_number"
    connection.execute(
        f"copy ({kept.format('load')}) to {sql_text(folder / 'bad_lines.parquet')} (format parquet, compression zstd)"
    )
    places = dict(connection.execute("select place, count(*) from faults group by all").fetchall())
    records_n = cache.records_n()
    rows_n = _count(connection, f"select count(*) from {cache.rows_sql()}")
    content = UnplacedContent(cache.token)
    for line_number, fault, line in connection.execute(
        "select line_number, fault, line from faults where place = 'unplaced' order by file, line_number"
    ).fetchall():
        content.add(line_number, fault, line)
    if places.get("unplaced"):
        connection.execute(
            f"copy ({kept.format('unplaced')}) to {sql_text(folder / unplaced_name(content.name))} (format parquet)"
        )
    return FileAccount(
        file=f"{SOURCE}: answers for {window}",
        content=content.name,
        lines_n=records_n,
        landed_n=landed_n,
        quarantined_n=places.get("load", 0),
        unplaced_n=places.get("unplaced", 0),
        outside_n=rows_n - landed_n + places.get("outside", 0),
    )


def _count(connection: duckdb.DuckDBPyConnection, sql: str, at: datetime | None = None) -> int:
    row = connection.execute(sql, {} if at is None else {"at": at}).fetchone()
    return int(row[0]) if row else 0
