"""How things stand: what is published, what became of each entry, what waits in quarantine, who holds the lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pulse import damage, locks, parquet, quality, raw, warehouse
from pulse.gates import quarantine
from pulse.home import Home
from pulse.imports import kept_out
from pulse.settings import Settings


@dataclass(frozen=True)
class EntryStatus:
    """The latest outcome of a config entry; None where no run has tried it.

    Attributes:
        day: the latest UTC day that a run tried.
        complete_days_n, tried_days_n: of all days that were ever tried.
    """

    entry_id: str
    day: date | None
    outcome: str | None
    contributions_n: int | None
    reason: str | None
    complete_days_n: int
    tried_days_n: int


@dataclass(frozen=True)
class Status:
    """Everything ``pulse status`` shows.

    Attributes:
        kept_files: files of business results that were stopped, or of which lines were kept out.
        pending_dates_n: dates of creation that changed in raw and are not published yet.
        writer_pid: process that holds the warehouse now.
        damaged: files that cannot be read, as far as that is quick to find out.
        set_aside: files that were, and what was lost with each.
    """

    state_id: str | None
    entries: tuple[EntryStatus, ...]
    stopped_loads: tuple[quarantine.QuarantinedLoad, ...]
    kept_files: tuple[kept_out.KeptFile, ...]
    pending_dates_n: int
    writer_pid: int | None
    damaged: tuple[damage.Damage, ...] = ()
    set_aside: tuple[damage.SetAside, ...] = ()


_LATEST = """
    with latest as (
        select entry_id, day, outcome, contributions_n, reason
        from read_parquet($files, hive_partitioning = false)
        where entry_id = platform || '/' || community
        qualify row_number() over (partition by entry_id, day order by recorded_at desc, run_id desc) = 1
    )
    select entry_id, max(day), arg_max(outcome, day), arg_max(contributions_n, day), arg_max(reason, day),
        count(*) filter (where outcome in ('arrived', 'empty')), count(*)
    from latest group by entry_id
"""


def status_of(home: Home, settings: Settings) -> Status:
    """Read the state of a home; takes no lock and writes nothing, so that it works on a full disk too."""
    outcomes = quality.files(home, quality.LOAD_OUTCOMES)
    found = {row[0]: EntryStatus(*row) for row in parquet.read_what_can_be(outcomes, _latest_outcomes)}
    entries = tuple(
        found.get(entry.entry_id, EntryStatus(entry.entry_id, None, None, None, None, 0, 0))
        for entry in settings.communities
    )
    state = warehouse.published_state(home)
    dates = {day for of_note in raw.pending_dates(home).values() for day in of_note}
    return Status(
        state_id=state.state_id if state else None,
        entries=entries,
        stopped_loads=tuple(quarantine.stopped_loads(home)),
        kept_files=tuple(kept_out.kept_files(home)),
        pending_dates_n=len(dates),
        writer_pid=locks.holder_pid(home, locks.WAREHOUSE_LOCK),
        damaged=tuple(damage.find(home)),
        set_aside=tuple(damage.set_aside_before(home)),
    )


def _latest_outcomes(files: Sequence[Path]) -> list[tuple[Any, ...]]:
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(_LATEST, {"files": list(map(str, files))}).fetchall()
