"""What was looked at: the contract's third record, as sources write it and gates and outcomes read it.

A row says of one community (or ``*``: all but some), UTC day and kind from when to when everything was read, and what
proves it. Where nothing is proven a row says so (``none``), so that a day that was tried can be told from one that
nobody asked for. A day has several rows where a hole splits it.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from pulse.core import memory_database
from pulse.core.contract import CONTRACT_VERSION, Proof, coverage_duckdb_columns
from pulse.core.files import storage_error

COVERAGE_FILE = "coverage.parquet"


@dataclass(frozen=True)
class Look:
    """One row; fields as in ``COVERAGE_COLUMNS``. Times are aware; both are None where nothing is proven."""

    platform: str
    community: str
    day: date
    kind: str
    looked_from: datetime | None
    looked_to: datetime | None
    proof: Proof
    counted_n: int | None = None
    except_communities: tuple[str, ...] = ()

    @property
    def is_whole_day(self) -> bool:
        """Whether the row alone covers its day from end to end."""
        return (self.looked_from, self.looked_to) == (day_start(self.day), day_start(self.day + timedelta(days=1)))


def day_start(day: date) -> datetime:
    """Midnight UTC at which a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def whole_day(
    platform: str, community: str, day: date, kind: str, proof: Proof, *, except_communities: tuple[str, ...] = ()
) -> Look:
    """A row that covers a day from end to end."""
    end = day_start(day + timedelta(days=1))
    return Look(platform, community, day, kind, day_start(day), end, proof, except_communities=except_communities)


def nothing(platform: str, community: str, day: date, kind: str, *, except_communities: tuple[str, ...] = ()) -> Look:
    """A row that says that the day was tried and nothing is proven."""
    return Look(platform, community, day, kind, None, None, "none", except_communities=except_communities)


def whole_days(looks: Iterable[Look], *, community: str, kinds: Iterable[str]) -> set[date]:
    """Days of which each of the kinds was read from end to end, by all rows of that community together."""
    by_day: dict[tuple[date, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for look in looks:
        if look.community == community and look.looked_from is not None and look.looked_to is not None:
            by_day[look.day, look.kind].append((look.looked_from, look.looked_to))
    needed = set(kinds)
    days = {day for day, _ in by_day}
    return {day for day in days if needed and all(_is_covered(by_day.get((day, kind), []), day) for kind in needed)}


def _is_covered(stretches: Sequence[tuple[datetime, datetime]], day: date) -> bool:
    reached = day_start(day)
    for start, end in sorted(stretches):
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= day_start(day + timedelta(days=1))


# ---- files -------------------------------------------------------------------


def write(
    file: Path,
    looks: Sequence[Look],
    *,
    source: str,
    load_id: str,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> int:
    """Write a load's rows as one Parquet file with the contract's columns, in order; returns how many.

    Args:
        connection: a database to do it with, left as it was; to open one takes longer than the rest.

    Raises:
        StorageError: the file cannot be written.
    """
    rows = [
        {
            "platform": look.platform, "community": look.community, "day": look.day, "kind": look.kind,
            "looked_from": look.looked_from, "looked_to": look.looked_to, "proof": look.proof,
            "counted_n": look.counted_n, "except_communities": list(look.except_communities), "source": source,
            "load_id": load_id, "contract_version": CONTRACT_VERSION,
        }
        for look in looks
    ]  # fmt: skip
    try:
        with memory_database.cursor() if connection is None else contextlib.nullcontext(connection) as database:
            database.execute(f"create or replace temp table coverage ({coverage_duckdb_columns()})")
            if rows:
                database.register("arriving_coverage", pa.Table.from_pylist(rows))
                database.execute("insert into coverage by name from arriving_coverage")
                database.unregister("arriving_coverage")
            database.sql("from coverage order by community, day, kind, looked_from nulls first").write_parquet(
                str(file)
            )
            database.execute("drop table coverage")
    except (OSError, duckdb.IOException) as error:
        raise storage_error(file, error) from error
    return len(rows)


def in_order(looks: Iterable[Look]) -> list[Look]:
    """The order in which files hold rows."""
    return sorted(
        looks, key=lambda look: (look.community, look.day, look.kind, look.looked_from or day_start(look.day))
    )


def read(file: Path) -> list[Look]:
    """The rows of such a file, in order."""
    with memory_database.cursor() as connection:
        rows = connection.execute(
            "select platform, community, day, kind, looked_from, looked_to, proof, counted_n, except_communities "
            "from read_parquet(?, hive_partitioning = false) order by community, day, kind, looked_from nulls first",
            [str(file)],
        ).fetchall()
    return [Look(*(*row[:8], tuple(row[8]))) for row in rows]
