"""What raw already knows of communities: what to look at again, and how much to expect."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from pulse.core import parquet
from pulse.core.contract import COLUMNS
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import no_rows_sql
from pulse.platforms.entry import CommunityEntry

# Counts drift for days; a contribution is seen again at about these ages, in days: by the daily run that meets the age
# within half a day. Scores count as settled from seven days on, so that look is at seven days or later.
EARLIEST_AGE_D = {1: 0.5, 3: 2.5, 7: 7.0, 30: 29.5}
AGES_D = tuple(EARLIEST_AGE_D)
# A look that no run was there for is made up for within a quarter of the age: the marts take it for that age till then.
_LATE_SHARE = 1.25
_DAY_S = 86_400
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

    Columns: ``community``, ``contribution_id``, ``is_post``, ``thread_id``, ``created_at``, ``observed_at``,
    ``reply_count``, ``removal``.
    """
    files = [
        file
        for entry in entries
        for file in _partition_files(home, entry, since)
        if before is None or _day_of(file) < before
    ]
    # Where a file is damaged, what it held is looked at again too early or not at all; everything else goes on.
    parquet.read_what_can_be(files, lambda readable: _create_known(connection, readable))


def _create_known(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    names = ", ".join(map(sql_text, files))
    rows = f"read_parquet([{names}], hive_partitioning = false)" if files else f"({no_rows_sql(COLUMNS)})"
    connection.execute(
        f"""
        create or replace table known as
        select community, contribution_id, kind = 'post' as is_post, thread_id, created_at, observed_at, reply_count,
            removal
        from {rows}
        qualify row_number() over (partition by contribution_id order by observed_at desc, load_id desc) = 1
        """
    )


def expected(home: Home, entry: CommunityEntry, *, before: date) -> Expected | None:
    """What to expect of a day, from the contributions of the days before; None where raw has none.

    Of each partition only what was created on its day counts: earlier contributions are looks again.
    """
    since = before - timedelta(days=EXPECTED_FROM_DAYS)
    files = [file for file in _partition_files(home, entry, since) if _day_of(file) < before]
    return parquet.read_what_can_be(files, _mean_of_days)


def _mean_of_days(files: Sequence[Path]) -> Expected | None:
    if not files:
        return None
    with duckdb.connect() as connection:
        row = connection.execute(
            """
            with found as (
                select distinct contribution_id, kind
                from read_parquet($files, hive_partitioning = false, filename = true)
                where cast(timezone('UTC', created_at) as date)
                    = cast(regexp_extract(filename, 'day=([0-9-]{10})/[^/]*$', 1) as date)
            )
            select count(*) filter (where kind = 'post') / $days_n, count(*) filter (where kind = 'comment') / $days_n
            from found
            """,
            {"files": [str(file) for file in files], "days_n": len({_day_of(file) for file in files})},
        ).fetchone()
    return Expected(*row) if row else None


def due_sql(ages_d: Collection[int]) -> str:
    """Select from ``known`` what to look at again at ``$now``: ``community``, ``contribution_id``, ``created_at``.

    Due for an age is what has reached it, is not much older, and was last seen before. What its author deleted stays
    deleted and is left in peace.
    """
    is_due = " or ".join(f"({_is_due_sql(age_d)})" for age_d in sorted(ages_d))
    return f"""
        select community, contribution_id, created_at
        from (
            select *, epoch($now) - epoch(created_at) as age_s, epoch(observed_at) - epoch(created_at) as seen_age_s
            from known
        )
        where removal <> 'by_author' and ({is_due or "false"})
    """


def create_due(connection: duckdb.DuckDBPyConnection, ages_d: Collection[int], now: datetime) -> None:
    """Make table ``due`` of what :func:`due_sql` selects at a time."""
    connection.execute(f"create or replace table due as {due_sql(ages_d)}", {"now": now})


def _is_due_sql(age_d: int) -> str:
    earliest_d = EARLIEST_AGE_D[age_d]
    latest_d = max(earliest_d + 1, age_d * _LATE_SHARE)
    return (
        f"age_s > {earliest_d * _DAY_S:.0f} and age_s <= {latest_d * _DAY_S:.0f} "
        f"and seen_age_s <= {earliest_d * _DAY_S:.0f}"
    )


def _partition_files(home: Home, entry: CommunityEntry, since: date) -> list[Path]:
    """Raw files of an entry's community, of partitions since a day; those of archives too."""
    folder = home.contributions_dir(entry.platform, entry.community, since).parent
    return sorted(file for file in folder.glob("day=*/*.parquet") if _day_of(file) >= since)


def _day_of(file: Path) -> date:
    return date.fromisoformat(file.parent.name.removeprefix("day="))
