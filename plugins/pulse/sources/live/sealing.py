"""From the answers of a live source to a load.

A load is what one run could see: the contributions of its days, earlier ones that are looked at again, and the
community itself. Nothing can be seen twice in the same state, so loads of live sources add to raw and never replace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import duckdb

from pulse.core import coverage
from pulse.core.contract import CONTRACT_VERSION, KINDS, CommunityObservation, projection
from pulse.core.coverage import Look, day_start, nothing
from pulse.core.errors import StorageError
from pulse.core.files import sql_text
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import BAD_LINES_COLUMNS, FileAccount, Load, LoadManifest, UnplacedContent, unplaced_name
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.lines.ndjson import NOT_SPEECH
from pulse.sources.lines.rows import write_days
from pulse.sources.lines.staging import BLANK_LINE
from pulse.sources.live.known import DAY_AGE_H
from pulse.sources.live.listen_store import Stretch, joined, within
from pulse.sources.live.response_cache import ResponseCache


@dataclass(frozen=True)
class Statement:
    """What a source says of one community's window, beside the rows of its answers.

    Attributes:
        looks: what was looked at, by day and kind.
        is_on_time: whether the platform showed what was so when the window ended, or soon after; only then are earlier
            contributions part of the load.
        observation: of the community itself.
        partial_reason: why not every look is of a whole day; not used if all are.
        skipped: how many things were left out, by the documented reason.
        is_relay: the platform tells what it saw earlier, and when, instead of what is so now.
        counts_settle_after: how old a contribution must be for the platform to show its counts.
        keeps_extra: whether unknown fields of the source's allow-list are kept.
        gone: ids of contributions of the window that listens heard and the platform does not give any more, without a
            word: they are left out, as if nobody had listened.
    """

    looks: Sequence[Look]
    is_on_time: bool
    observation: CommunityObservation | None = None
    partial_reason: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    keeps_extra: bool = False
    counts_settle_after: timedelta = timedelta(0)
    is_relay: bool = False
    gone: Sequence[str] = ()


def listed_looks(
    entry: CommunityEntry,
    window: Window,
    reached: Mapping[str, datetime | None],
    *,
    until: Mapping[str, datetime | None] | None = None,
    listened: Mapping[str, Sequence[Stretch]] = MappingProxyType({}),
) -> list[Look]:
    """What was looked at of a window that is over, by day and kind: from where each listing ended to the end of the
    day, and what listens read before.

    Args:
        reached: by kind, the oldest thing that its listing came to; None if it was read to its end, or as far as was
            asked.
        until: by kind, the newest thing that a listing came to which was read forwards; None if it was read to the end.
        listened: by kind, what listens read.
    """
    looks = []
    for day in window.days():
        end = day_start(day + timedelta(days=1))
        for kind, since in reached.items():
            start = day_start(day) if since is None else max(since, day_start(day))
            last = (until or {}).get(kind)
            seen_to = end if last is None else min(last, end)
            heard = (part for one in listened.get(kind, ()) for part in within(one, Window.one_day(day)))
            looks += [
                Look(entry.platform, entry.community, day, kind, from_at, to_at, "listed")
                for from_at, to_at in joined([*heard, *([(start, seen_to)] if start < seen_to else [])])
            ] or [nothing(entry.platform, entry.community, day, kind)]
    return looks


def load_id_of(cache: ResponseCache, entry: CommunityEntry, window: Window) -> str:
    """The id of the load that a community makes of these answers; another generation of the cache makes another."""
    return landing.load_id_for(cache.source, entry.entry_id, window, cache.token, is_replayable=False)


def seal_load(
    cache: ResponseCache, entry: CommunityEntry, window: Window, context: SourceContext, statement: Statement
) -> Load:
    """Select a community's rows from all answers, account for every record, and seal the load.

    If the statement is on time, tables ``known`` and ``due`` must be there
    (:func:`pulse.sources.live.known.create_known`, :func:`pulse.sources.live.known.create_due`); ``known`` as well if
    listens heard something.

    Raises:
        StorageError: landing cannot be written, or memory does not suffice.
    """
    load_id = load_id_of(cache, entry, window)
    try:
        return _seal(cache, entry, window, context, statement, load_id)
    except duckdb.Error as error:
        raise StorageError(
            f"load {load_id}", value=type(error).__name__, next_step="free space or memory, then run again"
        ) from None


def _seal(
    cache: ResponseCache,
    entry: CommunityEntry,
    window: Window,
    context: SourceContext,
    statement: Statement,
    load_id: str,
) -> Load:
    folder = landing.draft(context.home, load_id)
    _select_rows(cache, entry, window, load_id, statement)
    rows_by_day = write_days(cache.connection, folder)
    earlier_rows_n = _count(cache.connection, "select count(*) from selected where created_at < $at", window.start_at)
    account = _write_bad_lines(cache, entry, window, folder, landed_n=sum(rows_by_day.values()))
    observations = [replace(statement.observation, load_id=load_id)] if statement.observation else []
    looks = statement.looks
    is_partial = any(not look.is_whole_day for look in looks)
    unknown_keys, sampled_n = cache.unknown_keys()
    manifest = LoadManifest(
        load_id=load_id,
        platform=entry.platform,
        entry_id=entry.entry_id,
        community=entry.community,
        source=cache.source,
        is_replayable=False,
        first_day=window.first_day,
        last_day=window.last_day,
        rows_by_day=rows_by_day,
        earlier_rows_n=earlier_rows_n,
        observes=tuple(sorted(entry.observes)),
        counts_settle_after_s=int(statement.counts_settle_after.total_seconds()),
        is_relay=statement.is_relay,
        kinds_read=tuple(kind for kind in KINDS if any(look.kind == kind for look in looks)),
        community_observations_n=landing.write_community_observations(folder, observations),
        bad_lines_n=account.quarantined_n,
        skipped=dict(statement.skipped),
        files=(account,),
        coverage_rows_n=coverage.write(folder / coverage.COVERAGE_FILE, looks, source=cache.source, load_id=load_id),
        partial_reason=statement.partial_reason if is_partial else None,
        api_calls_n=cache.budget.calls_of(entry) + cache.listen_calls_n(entry.community),
        unknown_keys=unknown_keys,
        unknown_keys_sampled_n=sampled_n,
        contract_version=CONTRACT_VERSION,
        sealed_at=context.clock(),
    )
    return landing.seal(context.home, folder, manifest)


def _select_rows(
    cache: ResponseCache, entry: CommunityEntry, window: Window, load_id: str, statement: Statement
) -> None:
    """Make table ``selected``: the community's contributions, each as last seen by this run, with its partition day.

    What was created in the window belongs to its day. Earlier contributions belong to the last day, when the run that
    saw them was due; of them stay those due to be seen again, those that were removed meanwhile, and those that raw
    should know and does not: they appeared late. Later ones are left to the run of their own day. What listens saw of
    earlier contributions at an age of about 24 h stays beside what was seen later.
    """
    overrides = {"load_id": sql_text(load_id), "extra": "extra" if statement.keeps_extra else "null"}
    earlier = """(
        contribution_id in (select contribution_id from due)
        or (contribution_id not in (select contribution_id from known)
            and created_at >= (
                select date_trunc('day', min(created_at)) from known where known.community = $community
            ))
        or (removal <> 'none' and contribution_id in (select contribution_id from known where removal = 'none'))
    )"""
    first_h, last_h = DAY_AGE_H
    known = "false"
    if cache.has_listened(entry.community):
        known = "contribution_id in (select contribution_id from known)"
    cache.connection.execute(
        f"""
        create or replace temp table selected as
        with shown as (
            select *, false as is_listened from {cache.own_rows_sql()}
            union all by name
            select *, true as is_listened from {cache.listened_rows_sql()}
        ),
        aged as (
            select *, epoch(observed_at) - epoch(created_at) as age_s,
                is_listened and created_at < $start_at and {known}
                    and age_s between {first_h * 3_600} and {last_h * 3_600} as is_at_a_day
            from shown
            where community = $community and created_at < $end_at
        ),
        ranked as (
            select *,
                row_number() over (
                    partition by contribution_id order by observed_at desc, is_listened, line_number
                ) as place,
                max(observed_at) over (partition by contribution_id) as last_seen_at,
                row_number() over (
                    partition by contribution_id, is_at_a_day order by abs(age_s - 86_400), observed_at, line_number
                ) as nearness
            from aged
        )
        select {projection(overrides=overrides)},
            case when created_at >= $start_at then cast(timezone('UTC', created_at) as date) else $last_day end
                as partition_day
        from ranked
        where case
            when place > 1 then is_at_a_day and nearness = 1 and observed_at < last_seen_at
            when created_at >= $start_at then not list_contains($gone, contribution_id)
            else is_at_a_day or {earlier if statement.is_on_time else "false"}
        end
        """,
        {
            "community": entry.community,
            "start_at": window.start_at,
            "end_at": window.end_at,
            "last_day": window.last_day,
            "gone": list(statement.gone),
        },
    )


def _write_bad_lines(
    cache: ResponseCache, entry: CommunityEntry, window: Window, folder: Path, *, landed_n: int
) -> FileAccount:
    """Write the records that gave no row and tell a community and a day; returns what became of all that was shown.

    Records that do not tell whose, or of which day, they are belong to no load: they lie beside it and are booked once
    for the answers of all communities that were asked for together.
    """
    connection = cache.connection
    connection.execute(f"create or replace temp table faults ({BAD_LINES_COLUMNS}, place VARCHAR)")
    files = [str(file) for file in cache.fault_files()]
    if files:
        connection.execute(
            """
            insert into faults by name
            select file, line_number, fault, detail, line, community,
                case when community = $community then least(greatest(day, $first_day), $last_day) else day end as day,
                case
                    when fault = $not_speech then 'not_speech'
                    when community is null or day is null then 'unplaced'
                    when community = $community then 'load'
                    else 'outside'
                end as place
            from read_parquet($files, hive_partitioning = false)
            where fault <> $blank_line
            """,
            {
                "files": files,
                "community": entry.community,
                "first_day": window.first_day,
                "last_day": window.last_day,
                "not_speech": NOT_SPEECH,
                "blank_line": BLANK_LINE,
            },
        )
    kept = "select * exclude (place) from faults where place = '{}' order by file, line_number"
    connection.execute(
        f"copy ({kept.format('load')}) to {sql_text(folder / 'bad_lines.parquet')} (format parquet, compression zstd)"
    )
    places = dict(connection.execute("select place, count(*) from faults group by all").fetchall())
    # An answer without records is a blank line, and none of what is counted.
    skipped = {NOT_SPEECH: not_speech_n} if (not_speech_n := places.get("not_speech", 0)) else {}
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
        file=f"{cache.source}: answers for {window}",
        content=content.name,
        lines_n=records_n,
        landed_n=landed_n,
        quarantined_n=places.get("load", 0),
        unplaced_n=places.get("unplaced", 0),
        skipped=skipped,
        outside_n=rows_n - landed_n + places.get("outside", 0),
    )


def _count(connection: duckdb.DuckDBPyConnection, sql: str, at: datetime | None = None) -> int:
    row = connection.execute(sql, {} if at is None else {"at": at}).fetchone()
    return int(row[0]) if row else 0
