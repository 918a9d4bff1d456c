"""Contributions of which loads tell two times of creation: a copy in local time, a damaged file.

Within a load, gate 1 keeps all rows of such an id out. Between loads the earlier time holds in the marts, whatever came
first, and ``quality.creation_time_clashes`` names the id, both times and both loads. Here is what a build has to know
beforehand, and what it leaves behind.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from pulse.core.home import Home
from pulse.lake import quality

_LATEST = "intermediate.int_contributions_latest"
_CLASHES = "intermediate.int_creation_time_clashes"
_AUTHOR_DAYS = "intermediate.int_author_days"


def widened(working_file: Path, dates: Iterable[date], arrived: Sequence[Path]) -> tuple[date, ...]:
    """All dates of creation that a partial build has to make, so that it sees what a full one sees.

    These are the pending ones, those on which the working file has contributions that arrived with another date, those
    that known contradictions tie to any of these, and all of a community of which a source may begin or cease to show
    authors. Only the files that arrived are read, and of them the ids, and whether there are authors.

    Args:
        working_file: the warehouse as it was last published; nobody writes to it.
        arrived: raw files that the pending promotions brought.
    """
    found = set(dates)
    with duckdb.connect(str(working_file), read_only=True) as connection:
        files = [str(file) for file in arrived if file.exists()]
        if files:
            found.update(
                day
                for (day,) in connection.execute(
                    f"""
                    select distinct known.contribution_date
                    from (
                        select distinct platform, community, contribution_id,
                            cast(timezone('UTC', created_at) as date) as contribution_date
                        from read_parquet($files, hive_partitioning = false, union_by_name = true)
                    ) as arrived
                    join {_LATEST} as known using (platform, community, contribution_id)
                    where known.contribution_date <> arrived.contribution_date
                    """,
                    {"files": files},
                ).fetchall()
            )
        found.update(_of_changing_sources(connection, sorted(found), files))
        tied = [
            frozenset(days)
            for (days,) in connection.execute(
                f"select distinct list_sort(list(distinct contribution_date)) from {_CLASHES} "
                "group by platform, community, contribution_id"
            ).fetchall()
        ]
    return tuple(sorted(_closed(found, tied)))


def _of_changing_sources(connection: duckdb.DuckDBPyConnection, dates: list[date], files: list[str]) -> set[date]:
    """All dates of a community and source where whether it shows authors may depend on the dates to build.

    Where a source shows none, people are unknown instead of zero, on all of its days (``int_sources_without_authors``).
    """
    arrived = (
        "select platform, community, source, bool_or(author_key is not null) as has_author "
        "from read_parquet($files, hive_partitioning = false, union_by_name = true) group by all"
        if files
        else "select null as platform, null as community, null as source, false as has_author where false"
    )
    rows = connection.execute(
        f"""
        with known as (
            select platform, community, source, sum(authored_n) > 0 as was_seen, sum(kept_n) > 0 as was_kept,
                coalesce(sum(authored_n) filter (where not list_contains($dates, contribution_date)), 0) > 0
                    as stays_seen
            from {_AUTHOR_DAYS} group by all
            having bool_or(list_contains($dates, contribution_date)) or platform || chr(0) || community in (
                select platform || chr(0) || community from ({arrived})
            )
        )
        select distinct days.contribution_date
        from known
        left join ({arrived}) as arrived using (platform, community, source)
        join {_AUTHOR_DAYS} as days using (platform, community, source)
        where case when was_seen then not stays_seen and not coalesce(has_author, false)
            else coalesce(has_author, false) or not was_kept end
        """,
        {"dates": dates} | ({"files": files} if files else {}),
    ).fetchall()
    return {day for (day,) in rows}


def _closed(dates: set[date], tied: Iterable[frozenset[date]]) -> set[date]:
    """The dates, and all that are tied to any of them, step by step."""
    found, left = set(dates), list(tied)
    while reached := [days for days in left if not found.isdisjoint(days)]:
        left = [days for days in left if found.isdisjoint(days)]
        found.update(*reached)
    return found


def note(home: Home, working_file: Path) -> None:
    """Write ``quality.creation_time_clashes`` anew from what was built."""
    with duckdb.connect(str(working_file), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        rows = connection.execute(
            f"""
            select other.platform, other.community, other.contribution_id,
                other.first_created_at as kept_created_at, min(kept.load_id) as kept_load_id,
                other.created_at as other_created_at, other.load_id as other_load_id
            from {_CLASHES} as other
            join {_CLASHES} as kept
                on kept.platform = other.platform and kept.community = other.community
                and kept.contribution_id = other.contribution_id and kept.created_at = other.first_created_at
            where other.created_at > other.first_created_at
            group by all
            order by all
            """
        ).to_arrow_table()
    quality.append_table(home, quality.CREATION_TIME_CLASHES, pa.table(rows), stem="current")
