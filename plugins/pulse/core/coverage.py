"""What was looked at: the contract's third record, as sources write it and gates and outcomes read it.

A row says of one community (or ``*``: all but some), UTC day and kind from when to when everything was read, and what
proves it. Where nothing is proven a row says so (``none``), so that a day that was tried can be told from one that
nobody asked for. A day has several rows where a hole splits it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core.contract import CONTRACT_VERSION, COVERAGE_COLUMNS, Proof
from pulse.core.files import storage_error
from pulse.core.table import arrow_schema

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


_LOOK_COLUMNS = tuple(field.name for field in fields(Look))


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


def write(file: Path, looks: Sequence[Look], *, source: str, load_id: str) -> int:
    """Write a load's rows as one Parquet file with the contract's columns, in order; returns how many.

    Raises:
        StorageError: the file cannot be written.
    """
    schema = arrow_schema(COVERAGE_COLUMNS)
    ordered = in_order(looks)
    rows_n = len(ordered)
    columns = {name: [getattr(look, name) for look in ordered] for name in _LOOK_COLUMNS}
    columns |= {"source": [source] * rows_n, "load_id": [load_id] * rows_n}
    columns |= {"contract_version": [CONTRACT_VERSION] * rows_n}
    try:
        pq.write_table(pa.table(columns, schema=schema), file)
    except OSError as error:
        raise storage_error(file, error) from error
    return rows_n


def in_order(looks: Iterable[Look]) -> list[Look]:
    """The order in which files hold rows."""
    return sorted(
        looks, key=lambda look: (look.community, look.day, look.kind, look.looked_from or day_start(look.day))
    )


def read(file: Path) -> list[Look]:
    """The rows of such a file, in order.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    try:
        with file.open("rb") as opened:
            table = pq.ParquetFile(opened).read(columns=list(_LOOK_COLUMNS))
    except pa.ArrowInvalid as error:
        raise OSError(f"{file}: {error}") from error
    rows = zip(*(table.column(name).to_pylist() for name in _LOOK_COLUMNS), strict=True)
    return in_order(Look(*(*row[:-1], tuple(row[-1]))) for row in rows)
