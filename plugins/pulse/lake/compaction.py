"""Compaction: small files of settled days become one file for each platform and day (:mod:`pulse.lake.compacted`).

A day of a platform is settled when it, and the day on which a file of it came last, are a week older than the day of
the run. Nothing changes for whoever reads: rows, marts and what is pending stay as they are. Each day is one change by
the journal of raw, under the lock of raw and the warehouse: whoever comes next finishes what a killed compaction left.
"""

import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from pulse.core import memory_database, parquet, progress
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.lake import compacted, raw
from pulse.lake.compacted import COVERAGE, RECORDS, Change, Record

log = logging.getLogger(__name__)

# Days are run again, released and looked at anew mostly in the week after: a small file is cheaper to replace. Sealed
# loads stay in landing for longer (14 days), so that what is damaged soon after its compaction can be made again.
SETTLED_AFTER_DAYS = 7
# What a day may take of memory; DuckDB sorts on disk beyond it.
_MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class Settled:
    """Small files of one record and platform that become compacted ones together.

    Attributes:
        files: by the compacted file that they go into; of coverage one may go into several.
    """

    record: Record
    files: dict[Path, tuple[Path, ...]]

    @property
    def leaving(self) -> tuple[Path, ...]:
        """All small files, in order."""
        return tuple(sorted({file for of_target in self.files.values() for file in of_target}))


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: days that are one file now, the files they were before, and bytes that became free."""

    days_n: int = 0
    files_n: int = 0
    freed_bytes: int = 0

    def __add__(self, other: "Compacted") -> "Compacted":
        return Compacted(self.days_n + other.days_n, self.files_n + other.files_n, self.freed_bytes + other.freed_bytes)


def settled_before(through: date) -> date:
    """The last day that may be settled for a run of that day: both a day itself, and the day on which a file came."""
    return through - timedelta(days=SETTLED_AFTER_DAYS)


def is_old_enough(file: Path, last: date) -> bool:
    """Whether a file was written on that UTC day or before; one that is gone is not."""
    try:
        written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return False
    return written_at.date() <= last


def settled(home: Home, through: date) -> list[Settled]:
    """What there is to compact, oldest first; a day of one file is compact already."""
    last = settled_before(through)
    pending = frozenset(raw.pending_files(home))
    found = []
    for record in RECORDS.values():
        for platform in sorted((home.raw / record.name).glob("platform=*")):
            if record is COVERAGE:
                found += _settled_coverage(platform, last)
                continue
            for day, files in sorted(small_files_by_day(platform).items()):
                target = platform / compacted.FOLDER / f"day={day}" / compacted.ROWS_FILE
                if day <= last and are_settled(files, target.parent, last) and pending.isdisjoint(files):
                    found.append(Settled(record, {target: tuple(sorted(files))}))
    return found


def are_settled(files: Sequence[Path], together: Path, last: date) -> bool:
    """Whether small files are all old enough, and more than one with those of the folder that they would go into."""
    files_n = len(files) + len(list(together.glob("*.parquet")))
    return files_n > 1 and all(is_old_enough(file, last) for file in files)


def _settled_coverage(platform: Path, last: date) -> list[Settled]:
    """The files of coverage that speak of no day after the last, in one change: some go into several months."""
    files = [
        platform / community / name
        for community in _communities_in(platform)
        for name in _names_in(platform / community)
        if name.endswith(".parquet") and is_old_enough(platform / community / name, last)
    ]
    by_target: dict[Path, list[Path]] = defaultdict(list)
    for file, month in parquet.read_what_can_be(files, lambda readable: _months_of(readable, last)):
        by_target[platform / compacted.FOLDER / f"month={month}" / compacted.ROWS_FILE].append(file)
    found = Settled(COVERAGE, {target: tuple(sorted(of_target)) for target, of_target in sorted(by_target.items())})
    is_worth_it = len(found.leaving) > sum(not target.exists() for target in found.files)
    return [found] if is_worth_it else []


def _months_of(files: Sequence[Path], last: date) -> list[tuple[Path, str]]:
    """Each file and month of which it holds rows, without files that speak of a day after the last."""
    if not files:
        return []
    with memory_database.cursor() as connection:
        rows = connection.execute(
            """
            with months as (
                select filename, strftime(day, '%Y-%m') as month, max(day) as last_day
                from read_parquet($files, hive_partitioning = false, filename = true) group by all
            )
            select filename, month from months qualify max(last_day) over (partition by filename) <= $last order by all
            """,
            {"files": list(map(str, files)), "last": last},
        ).fetchall()
    return [(Path(name), month) for name, month in rows]


def small_files_by_day(platform: Path) -> dict[date, list[Path]]:
    """The files of all communities in a platform's folder, by partition day; those of compacted days are left out."""
    by_day: dict[date, list[Path]] = defaultdict(list)
    for community in _communities_in(platform):
        for name in _names_in(platform / community):
            for file in _names_in(platform / community / name):
                path = platform / community / name / file
                day = compacted.day_of(path)
                if day is not None and file.endswith(".parquet"):
                    by_day[day].append(path)
    return by_day


def _communities_in(platform: Path) -> list[str]:
    return [name for name in _names_in(platform) if name.startswith("community=") and name != compacted.FOLDER]


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  (a tenth of the time, and there are thousands)
    except (FileNotFoundError, NotADirectoryError):
        return []


def compact(home: Home, *, through: date, most_n: int | None = None, is_dry_run: bool = False) -> Compacted:
    """Compact what is settled for a run of that day. Can be repeated, and stopped at any moment.

    Only whoever holds the lock of raw may call this. Days of which a file is damaged are left as they are: their damage
    is healed file by file. Memory: 1 GB at most.

    Args:
        through: UTC day of the run.
        most_n: how many days at most; the others are for the next call.

    Raises:
        StorageError: disk full or not writable; the day is as before.
    """
    raw.finish_all(home)
    done = Compacted()
    for found in progress.over(settled(home, through)[:most_n], "compacting", "days"):
        done += Compacted(len(found.files), len(found.leaving)) if is_dry_run else _compact(home, found)
    return done


def _compact(home: Home, found: Settled) -> Compacted:
    """Compact one day, or coverage; nothing where it cannot be read."""
    involved = [*found.leaving, *(target for target in found.files if target.exists())]
    if parquet.whole(involved) != involved:
        log.warning("compaction: a file of %s is damaged, so it is left", next(iter(found.files)).parent)
        return Compacted()
    before_bytes = sum(file.stat().st_size for file in involved)
    staging = home.raw / "_promotions" / f"compaction-{found.record.name}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        spill = staging / "spill"
        with memory_database.workbench(spill, memory_limit=_MEMORY_LIMIT) as connection:
            change = Change()
            for target, files in found.files.items():
                change = compacted.stage_merged(connection, found.record, files, target, staging, change)
        shutil.rmtree(spill, ignore_errors=True)
        raw.rearrange(home, staging, change.and_also({}, found.leaving))
    except (OSError, duckdb.Error) as error:
        if (staging / raw.JOURNAL).exists():  # whoever comes next finishes it
            raise storage_error(staging, error) from error
        shutil.rmtree(staging, ignore_errors=True)
        if parquet.whole(involved, is_deep=True) != involved:
            log.warning("compaction: a file of %s is damaged, so it is left", next(iter(found.files)).parent)
            return Compacted()
        raise storage_error(staging, error) from error
    after_bytes = sum(file.stat().st_size for file in found.files)
    return Compacted(len(found.files), len(found.leaving), before_bytes - after_bytes)
