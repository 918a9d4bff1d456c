"""What raw already knows of communities: what to look at again, and how much to expect."""

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from pulse.core import memory_database, parquet
from pulse.core.contract import COLUMNS
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import no_rows_sql
from pulse.lake import compacted
from pulse.platforms.entry import CommunityEntry

# Counts drift for days; a contribution is seen again at about these ages, in days: by the daily run that meets the age
# within half a day. Scores count as settled from seven days on, so that look is at seven days or later.
EARLIEST_AGE_D = {1: 0.5, 3: 2.5, 7: 7.0, 30: 29.5}
AGES_D = tuple(EARLIEST_AGE_D)
# A look that no run was there for is made up for within a quarter of the age: the marts take it for that age till then.
_LATE_SHARE = 1.25
_DAY_S = 86_400
# From what age to what age an observation counts as one at 24 h: a quarter around it, as in `fct_engagement_at_age`.
DAY_AGE_H = (18, 30)
# Nothing older is looked at again.
REMEMBERED_DAYS = 38
EXPECTED_FROM_DAYS = 28


@dataclass(frozen=True)
class Expected:
    """What a community usually brings in a day; means over the days that raw has of the last four weeks."""

    posts_n: float
    comments_n: float


def create_known(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    entries: Sequence[CommunityEntry],
    *,
    since: date,
    before: date | None = None,
) -> None:
    """Make table ``known``: grain contribution, as last observed, of partitions since a day, and before another.

    Columns: ``community``, ``contribution_id``, ``is_post``, ``thread_id``, ``parent_id``, ``channel``, ``created_at``,
    ``observed_at``, ``reply_count``, ``score``, ``removal``.
    """
    # Where a file is damaged, what it held is looked at again too early or not at all; everything else goes on.
    compacted.read_current(
        lambda: _files(home, entries, since, before),
        lambda readable: connection.execute(f"create or replace temp table known as {_known_sql(readable, entries)}"),
    )


def create_known_once(
    connection: duckdb.DuckDBPyConnection, home: Home, entries: Sequence[CommunityEntry], kept: Path, *, since: date
) -> None:
    """Make table ``known`` as :func:`create_known` does, the first time; after that from a file where it is kept then.

    For communities that are asked for together, by tasks of which each needs all of it: raw is read once, not once for
    each of them. The caller sees to it that no other task uses the file meanwhile.

    Raises:
        StorageError: the file cannot be written.
    """
    if parquet.fault_of(kept) is None:
        with suppress(duckdb.Error):  # damaged inside
            connection.execute(
                f"create or replace temp table known as from read_parquet({sql_text(kept)}, hive_partitioning = false)"
            )
            return
    create_known(connection, home, entries, since=since)
    parquet.write_query(connection, "from known", kept)


def _known_sql(files: Sequence[Path], entries: Sequence[CommunityEntry]) -> str:
    """Select the columns of table ``known``."""
    names = ", ".join(map(sql_text, files))
    rows = f"read_parquet([{names}], hive_partitioning = false)" if files else f"({no_rows_sql(COLUMNS)})"
    return f"""
        select community, contribution_id, kind = 'post' as is_post, thread_id, parent_id, channel, created_at,
            observed_at, reply_count, score, removal
        from {rows}
        where {_is_of_sql(entries)}
        qualify row_number() over (partition by contribution_id order by observed_at desc, load_id desc) = 1
    """


def expected_of(home: Home, entries: Sequence[CommunityEntry], *, before: date) -> dict[str, Expected | None]:
    """What to expect of a day of each entry, by its id, from the days before; None where raw has none of them.

    Of each partition only what was created on its day counts: earlier contributions are looks again.
    """
    since = before - timedelta(days=EXPECTED_FROM_DAYS)
    means: dict[tuple[str, str], Expected] = compacted.read_current(
        lambda: _files(home, entries, since, before), lambda readable: _means_of_days(readable, entries)
    )
    return {entry.entry_id: means.get((entry.platform, entry.community)) for entry in entries}


def _means_of_days(files: Sequence[Path], entries: Sequence[CommunityEntry]) -> dict[tuple[str, str], Expected]:
    """Means over the days of which there are rows, by platform and community."""
    if not files:
        return {}
    with memory_database.cursor() as connection:
        rows = connection.execute(
            rf"""
            with found as (
                select platform, community, contribution_id, kind, day,
                    day = cast(timezone('UTC', created_at) as date) as is_new
                from (
                    select *, cast(regexp_extract(filename, '/day=([0-9-]{{10}})/[^/]*$', 1) as date) as day
                    from read_parquet($files, hive_partitioning = false, filename = true)
                    where {_is_of_sql(entries)}
                )
            )
            select platform, community, count(distinct day),
                count(distinct contribution_id) filter (where is_new and kind = 'post'),
                count(distinct contribution_id) filter (where is_new and kind = 'comment')
            from found
            group by platform, community
            """,
            {"files": [str(file) for file in files]},
        ).fetchall()
    return {
        (platform, community): Expected(posts_n / days_n, comments_n / days_n)
        for platform, community, days_n, posts_n, comments_n in rows
    }


def count_due(
    home: Home, entries: Sequence[CommunityEntry], *, before: date, now: datetime
) -> dict[tuple[str, int], int]:
    """How many contributions of the partitions before a day are due again at a time, by community and age in days.

    One that is due for two ages counts for each. Where there are none, there is no item.
    """
    since = before - timedelta(days=REMEMBERED_DAYS)
    counts: dict[tuple[str, int], int] = compacted.read_current(
        lambda: _files(home, entries, since, before), lambda readable: _count_due(readable, entries, now)
    )
    return counts


def _count_due(files: Sequence[Path], entries: Sequence[CommunityEntry], now: datetime) -> dict[tuple[str, int], int]:
    if not files:
        return {}
    counts = ", ".join(f"count(*) filter (where {_is_due_sql(age_d)})" for age_d in AGES_D)
    with memory_database.cursor() as connection:
        rows = connection.execute(
            f"select community, {counts} from ({_aged_sql(_known_sql(files, entries))}) group by community",
            {"now": now},
        ).fetchall()
    return {
        (community, age_d): count
        for community, *of_ages in rows
        for age_d, count in zip(AGES_D, of_ages, strict=True)
        if count
    }


def raw_stamp(home: Home, entry: CommunityEntry, *, before: date) -> str:
    """Tells whether what is remembered of an entry from before a day is the same: its files, by name, size and time.

    Whatever changes raw puts new files in place; one that goes on unnoticed is damaged.
    """
    facts = []
    for file in _files(home, [entry], before - timedelta(days=REMEMBERED_DAYS), before):
        with suppress(FileNotFoundError):  # a promotion or a compaction takes it away
            stat = file.stat()
            facts.append(f"{file.parent.name}/{file.name} {stat.st_size} {stat.st_mtime_ns}")
    return "\n".join(facts)


def due_sql(ages_d: Collection[int]) -> str:
    """Select from ``known`` what to look at again at ``$now``: ``community``, ``contribution_id``, ``created_at``.

    Due for an age is what has reached it, is not much older, and was last seen before. What its author deleted stays
    deleted and is left in peace.
    """
    is_due = " or ".join(f"({_is_due_sql(age_d)})" for age_d in sorted(ages_d))
    return f"select community, contribution_id, created_at from ({_aged_sql('from known')}) where {is_due or 'false'}"


def _aged_sql(known: str) -> str:
    """Rows of ``known`` that may be due, with their age at ``$now`` and that at which they were last seen."""
    return f"""
        select *, epoch($now) - epoch(created_at) as age_s, epoch(observed_at) - epoch(created_at) as seen_age_s
        from ({known})
        where removal <> 'by_author'
    """


def create_due(connection: duckdb.DuckDBPyConnection, ages_d: Collection[int], now: datetime) -> None:
    """Make table ``due`` of what :func:`due_sql` selects at a time."""
    connection.execute(f"create or replace temp table due as {due_sql(ages_d)}", {"now": now})


def forget_seen_by_listens(connection: duckdb.DuckDBPyConnection, listened: str, now: datetime) -> None:
    """Take out of ``due`` what is due for the age of one day and listens saw at about 24 h.

    Args:
        listened: rows that listens heard, as a relation in SQL.
    """
    first_h, last_h = DAY_AGE_H
    connection.execute(
        f"""
        delete from due using {listened} as seen
        where due.contribution_id = seen.contribution_id
            and epoch($now) - epoch(due.created_at) <= {EARLIEST_AGE_D[3] * _DAY_S:.0f}
            and epoch(seen.observed_at) - epoch(seen.created_at) between {first_h * 3_600} and {last_h * 3_600}
        """,
        {"now": now},
    )


def create_due_at_a_day(connection: duckdb.DuckDBPyConnection, now: datetime, *, earliest_h: float) -> None:
    """Make table ``due`` of what no look was at that counts as one at 24 h, oldest first.

    Columns: ``contribution_id``, ``is_post``, ``thread_id``, ``created_at``.

    Args:
        earliest_h: the age at which it is due.
    """
    first_h, last_h = DAY_AGE_H
    connection.execute(
        f"""
        create or replace temp table due as
        select contribution_id, is_post, thread_id, created_at
        from ({_aged_sql("from known")})
        where age_s between $earliest_s and {last_h * 3_600} and seen_age_s < {first_h * 3_600}
        order by created_at, contribution_id
        """,
        {"now": now, "earliest_s": max(earliest_h, first_h) * 3_600},
    )


def _is_due_sql(age_d: int) -> str:
    earliest_d = EARLIEST_AGE_D[age_d]
    latest_d = max(earliest_d + 1, age_d * _LATE_SHARE)
    return (
        f"age_s > {earliest_d * _DAY_S:.0f} and age_s <= {latest_d * _DAY_S:.0f} "
        f"and seen_age_s <= {earliest_d * _DAY_S:.0f}"
    )


def _files(home: Home, entries: Sequence[CommunityEntry], since: date, before: date | None = None) -> list[Path]:
    """Raw files with rows of the entries' communities, of partitions since a day and before another, in both forms.

    Those of archives too. Compacted files, which hold rows of others as well, come last. Folders of other days are not
    opened: there may be years of them.
    """
    folders = [_folder_of(home, entry) for entry in entries]
    together = sorted({folder.parent / compacted.FOLDER for folder in folders})
    return [file for folder in (*folders, *together) for file in _files_in(folder, since, before)]


def _files_in(folder: Path, since: date, before: date | None) -> list[Path]:
    first, end = f"day={since}", "day=~" if before is None else f"day={before}"
    files = []
    for name in _names_in(folder):
        if first <= name < end:
            files += [folder / name / file for file in _names_in(folder / name) if file.endswith(".parquet")]
    return sorted(files)


def _is_of_sql(entries: Sequence[CommunityEntry]) -> str:
    """Whether a row is of one of the entries' communities."""
    names: dict[str, set[str]] = {}
    for entry in entries:
        names.setdefault(entry.platform, set()).add(entry.community)
    of_platforms = [
        f"platform = {sql_text(platform)} and community in ({', '.join(map(sql_text, sorted(of_platform)))})"
        for platform, of_platform in sorted(names.items())
    ]
    return f"({' or '.join(of_platforms) or 'false'})"


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  (a tenth of the time, and there are thousands)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folder_of(home: Home, entry: CommunityEntry) -> Path:
    return home.community_contributions_dir(entry.platform, entry.community)
