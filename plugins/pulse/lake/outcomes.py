"""What became of each community's day: the table ``quality.load_outcomes``, from which completeness is counted.

- ``arrived``: rows came, and the source proved that it listed the whole day.
- ``empty``: the source proved that it listed the whole day, and there was nothing.
- ``partial``: the source could not prove that it listed the whole day; what came is in raw.
- ``never_seen``: nothing that the source holds bears the community's name, so that nothing was proven.
- ``failed``: the extraction failed. ``quarantined``: gate 1 stopped the load. Nothing is in raw.

The latest outcome of an entry's community and day counts: :func:`record` sees to it that the one recorded last is
later than all before, whatever became of the clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from glob import escape
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from pulse.core import memory_database, parquet
from pulse.core.home import Home, path_value
from pulse.core.window import Window
from pulse.lake import quality
from pulse.lake.landing import Load, LoadManifest, unproven_days_by_community
from pulse.platforms.entry import CommunityEntry

_NOT_PROVEN = "the source could not prove that it listed the whole day"
_NEVER_SEEN = "nothing that the source holds bears this name; check its spelling in the config"


def record(home: Home, rows: Iterable[Mapping[str, Any]], *, stem: str) -> None:
    """Write outcomes as one file of the table; a file of the same stem is replaced.

    A clock that was set back would leave what was recorded before as the latest. So no row is recorded earlier than a
    microsecond after what its entry has on record already. What is on record as the latest word already, from the same
    writer, stays as it is: a rerun that found the same says nothing new.

    Raises:
        StorageError: disk full or not writable.
    """
    given = [dict(row) for row in rows]
    if _is_latest_word(home, given, stem):
        return
    latest = _latest_recorded_at(home, {row["entry_id"] for row in given})
    for row in given:
        before = latest.get(row["entry_id"])
        if before is not None:
            row["recorded_at"] = max(row["recorded_at"], before + timedelta(microseconds=1))
    quality.append(home, quality.LOAD_OUTCOMES, given, stem=stem)


def _is_latest_word(home: Home, rows: list[dict[str, Any]], stem: str) -> bool:
    """Whether the file of that stem says exactly this, and nothing was said later of its communities and days."""
    file = quality.file_of(home, quality.LOAD_OUTCOMES, stem)
    if not file.is_file():
        return False
    written = pq.read_table(file).to_pylist()
    if sorted(map(_said, written)) != sorted(map(_said, rows)):
        return False
    with memory_database.cursor() as connection:
        later = connection.execute(
            """
            select count(*)
            from read_parquet($files) as other
            join read_parquet($file) as own using (entry_id, community, day)
            where (other.recorded_at, other.run_id) > (own.recorded_at, own.run_id)
            """,
            {"files": quality.glob(home, quality.LOAD_OUTCOMES), "file": escape(str(file))},
        ).fetchone()
    return later == (0,)


def _said(row: Mapping[str, Any]) -> str:
    """What a row says, whenever it was recorded."""
    return repr(sorted((name, value) for name, value in row.items() if name != "recorded_at"))


def _latest_recorded_at(home: Home, entry_ids: set[str]) -> dict[str, datetime]:
    """When something was last recorded of each entry; entries without outcomes are left out."""
    files = quality.files(home, quality.LOAD_OUTCOMES)
    if not entry_ids:
        return {}
    return parquet.read_what_can_be(files, lambda readable: _latest_in(readable, entry_ids))


def _latest_in(files: Sequence[Path], entry_ids: set[str]) -> dict[str, datetime]:
    if not files:
        return {}
    with memory_database.cursor() as connection:
        return dict(
            connection.execute(
                "select entry_id, max(recorded_at) from read_parquet($files) "
                "where list_contains($entry_ids, entry_id) group by entry_id having max(recorded_at) is not null",
                {"files": list(map(str, files)), "entry_ids": sorted(entry_ids)},
            ).fetchall()
        )


def absence_rows(
    entry: CommunityEntry,
    window: Window,
    *,
    run_id: str,
    load_id: str | None,
    outcome: Literal["failed", "quarantined"],
    quarantined_rows_n: int,
    reason: str,
    recorded_at: datetime,
) -> list[dict[str, Any]]:
    """Say that nothing of the entry's window reached raw: one row per day; counts of a window lie on its first day."""
    return [
        {
            "run_id": run_id,
            "load_id": load_id,
            "platform": entry.platform,
            "entry_id": entry.entry_id,
            "community": entry.community,
            "source": entry.source,
            "day": day,
            "outcome": outcome,
            "contributions_n": 0,
            "quarantined_rows_n": quarantined_rows_n if day == window.first_day else 0,
            "skipped_n": 0,
            "api_calls_n": 0,
            "reason": reason,
            "recorded_at": recorded_at,
        }
        for day in window.days()
    ]


def arrival_rows(
    home: Home, entry: CommunityEntry, load: Load, *, run_id: str, recorded_at: datetime
) -> list[dict[str, Any]]:
    """Say what a promoted load brought: one row per community and day of its window.

    A wildcard entry has a row ``*`` per day, which sums up its communities. Skips and calls are known per load, not per
    day; they lie on its first day. Only what was created on a day counts for it: looks again at earlier contributions
    say nothing of how much a day brought.
    """
    manifest = load.manifest
    accepted = _accepted_counts(load)
    unproven = unproven_days_by_community(load, {community for community, _ in accepted})
    quarantined = _quarantined_counts(home, load, run_id)
    keys = {(entry.community, day) for day in manifest.window.days()} | set(accepted)
    rows = []
    for community, day in sorted(keys):
        is_first = community == entry.community and day == manifest.first_day
        is_proven = day not in unproven.get(community, unproven[entry.community])
        contributions_n = accepted[community, day]
        rows.append(
            {
                "run_id": run_id,
                "load_id": load.load_id,
                "platform": entry.platform,
                "entry_id": entry.entry_id,
                "community": community,
                "source": manifest.source,
                "day": day,
                "outcome": _outcome(contributions_n, is_proven=is_proven, is_never_seen=manifest.is_never_seen),
                "contributions_n": contributions_n,
                "quarantined_rows_n": quarantined[community, day],
                "skipped_n": sum(manifest.skipped.values()) if is_first else 0,
                "api_calls_n": manifest.api_calls_n if is_first else 0,
                "reason": _reason(manifest, is_proven=is_proven),
                "recorded_at": recorded_at,
            }
        )
    return rows


def best_of_each_day(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of several loads of one entry in one run, what is known of each community and day: the most complete one's row.

    An entry may have a load of its archives and one of its live source.
    """
    found: dict[tuple[str, str, date], dict[str, Any]] = {}
    for row in rows:
        key = (row["entry_id"], row["community"], row["day"])
        other = found.setdefault(key, row)
        if other is not row:
            found[key] = max(other, row, key=lambda one: (_RANKS[one["outcome"]], one["contributions_n"]))
    return list(found.values())


# The more is known of a day, the higher.
_RANKS = {"failed": 0, "quarantined": 0, "never_seen": 1, "partial": 2, "empty": 3, "arrived": 4}


def _outcome(contributions_n: int, *, is_proven: bool, is_never_seen: bool) -> str:
    if is_never_seen:
        return "never_seen"
    if not is_proven:
        return "partial"
    return "arrived" if contributions_n else "empty"


def _reason(manifest: LoadManifest, *, is_proven: bool) -> str | None:
    if manifest.is_never_seen:
        return _NEVER_SEEN
    return None if is_proven else manifest.partial_reason or _NOT_PROVEN


def _accepted_counts(load: Load) -> Counter[tuple[str, date]]:
    """Accepted contributions of each (community, day); for a wildcard also by ``*`` and day."""
    counts: Counter[tuple[str, date]] = Counter()
    with memory_database.cursor() as connection:
        for day, file in load.accepted_files().items():
            for community, rows_n in connection.execute(
                "select community, count(*) from read_parquet($file, hive_partitioning = false) "
                "where cast(timezone('UTC', created_at) as date) = $day group by all",
                {"file": str(file), "day": day},
            ).fetchall():
                counts[community, day] += rows_n
                if load.manifest.community != community:
                    counts[load.manifest.community, day] += rows_n
    return counts


def _quarantined_counts(home: Home, load: Load, run_id: str) -> Counter[tuple[str, date]]:
    """Quarantined records by (community, day), each counted once however many rules it broke.

    Only the file that the gate wrote of this load in this run is read (:func:`pulse.gates.quarantine.keep_records`):
    there may be tens of thousands of others.
    """
    file = home.quality / quality.QUARANTINED_ROWS / f"{path_value(f'{run_id}-{load.load_id}')}.parquet"
    if not file.is_file():
        return Counter()
    with memory_database.cursor() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "select community, day, count(distinct (contribution_id, file, line_number)) "
            "from read_parquet($file, hive_partitioning = false) group by all",
            {"file": escape(str(file))},
        ).fetchall()
    counts: Counter[tuple[str, date]] = Counter()
    for community, day, records_n in rows:
        counts[community, day] += records_n
        if load.manifest.community != community:
            counts[load.manifest.community, day] += records_n
    return counts
