"""How things stand: what is published, what became of each entry, what waits in quarantine, who holds the lock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pulse.config.settings import Settings
from pulse.core import locks, memory_database, parquet
from pulse.core.home import Home
from pulse.gates import quarantine
from pulse.imports import kept_out
from pulse.lake import quality, raw
from pulse.reading import damage
from pulse.warehouse import builds


@dataclass(frozen=True)
class EntryStatus:
    """The latest outcome of a config entry; None where no run has tried it.

    Attributes:
        day: the latest UTC day that a run tried.
        complete_days_n, tried_days_n: of all days that were ever tried.
        never_run: first and last day of each stretch that nobody ran for it, between the first and the last day that
            was run for any entry. They are unknown in every month.
    """

    entry_id: str
    day: date | None
    outcome: str | None
    contributions_n: int | None
    reason: str | None
    complete_days_n: int
    tried_days_n: int
    never_run: tuple[tuple[date, date], ...] = ()

    @property
    def never_run_days_n(self) -> int:
        """How many days these are."""
        return sum((last - first).days + 1 for first, last in self.never_run)


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
    never_run = _never_run(
        parquet.read_what_can_be(outcomes, _days_run), [one.entry_id for one in settings.communities]
    )
    entries = tuple(
        replace(
            found.get(entry.entry_id, EntryStatus(entry.entry_id, None, None, None, None, 0, 0)),
            never_run=never_run[entry.entry_id],
        )
        for entry in settings.communities
    )
    state = builds.published_state(home)
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


def _days_run(files: Sequence[Path]) -> list[tuple[str, date, date]]:
    """Stretches of days that some run tried, by entry and in order."""
    if not files:
        return []
    with memory_database.cursor() as connection:
        return connection.execute(
            """
            with days as (
                select distinct entry_id, day from read_parquet($files, hive_partitioning = false)
                where entry_id = platform || '/' || community
            ),
            numbered as (
                select *, day - cast(row_number() over (partition by entry_id order by day) as integer) as stretch
                from days
            )
            select entry_id, min(day), max(day) from numbered group by entry_id, stretch order by all
            """,
            {"files": list(map(str, files))},
        ).fetchall()


def _never_run(
    run: Sequence[tuple[str, date, date]], entry_ids: Sequence[str]
) -> dict[str, tuple[tuple[date, date], ...]]:
    """What lies between the stretches of each entry, from the first to the last day of all."""
    gaps: dict[str, tuple[tuple[date, date], ...]] = dict.fromkeys(entry_ids, ())
    if not run:
        return gaps
    begin, end = min(first for _, first, _ in run), max(last for *_, last in run)
    a_day = timedelta(days=1)
    for entry_id in entry_ids:
        stretches = [(first, last) for of_entry, first, last in run if of_entry == entry_id]
        starts = [begin, *(last + a_day for _, last in stretches)]
        ends = [*(first - a_day for first, _ in stretches), end]
        gaps[entry_id] = tuple((start, stop) for start, stop in zip(starts, ends, strict=True) if start <= stop)
    return gaps


def _latest_outcomes(files: Sequence[Path]) -> list[tuple[Any, ...]]:
    if not files:
        return []
    with memory_database.cursor() as connection:
        return connection.execute(_LATEST, {"files": list(map(str, files))}).fetchall()
