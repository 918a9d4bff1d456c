"""Closing a month: freeze what is published of it, or find that it is frozen already.

It reads one published state and no lock of the warehouse, so it runs beside any other run, on whichever machine sees
``PULSE_HOME``. It can be repeated: what did not change is not written. Then the published file gets what is frozen,
unless a run that will publish anyway holds it.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby
from typing import Any

import duckdb

from pulse.config.lake import on_lake
from pulse.core import progress
from pulse.core.clock import Clock
from pulse.core.errors import LockBusy, NothingPublished, StorageError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.locks import KPI_LOCK, exclusive
from pulse.core.month import Month
from pulse.core.text import printable
from pulse.kpi.restatements import restated
from pulse.lake import kpi_store
from pulse.warehouse import builds

log = logging.getLogger(__name__)

# A run that builds holds the published file for minutes, and brings what is frozen when it publishes.
_PUBLISH_WAIT_S = 30.0
ALL_COMMUNITIES = "*"


@dataclass(frozen=True)
class Closed:
    """A closed month.

    Attributes:
        version: the version that holds now.
        is_new: whether this closing wrote it; if not, nothing had changed.
        restatements_n: figures that it changed.
        communities_n: communities with figures.
        missing_days: days of the month that no run has published.
        state_id: the published state that was read.
        compared_with: the version before that could be read; None where there was none.
        lost: versions of the month that were frozen and cannot be read any more.
    """

    month: Month
    version: int
    is_new: bool
    figures_n: int
    restatements_n: int
    communities_n: int
    missing_days: tuple[date, ...]
    state_id: str
    compared_with: int | None = None
    lost: tuple[kpi_store.LostVersion, ...] = ()

    @property
    def message(self) -> str:
        """What became of it, in one line."""
        what = f"{self.figures_n} figures of {self.communities_n} communities"
        if not self.is_new:
            told = f"{what}, as in version {self.version}: nothing has changed"
        elif self.compared_with is None:
            told = f"{what}, frozen as version {self.version}"
        else:
            told = f"{what}, frozen as version {self.version}, {self.restatements_n} of them restated"
        days = f"; days missing: {as_ranges(self.missing_days)}" if self.missing_days else ""
        return f"{self.month}: {told}{days}{lost_words(self.lost)}"


@on_lake
def close_month(home: Home, month: Month, *, clock: Clock, timeout_s: float = 600.0) -> Closed:
    """Freeze the month's published figures: as its first version, as a new one if any differs, or not at all.

    An incomplete month is closed as well: each figure says how complete it is, and days that arrive later make a new
    version.

    Raises:
        DayNotOver: the month still runs.
        NothingPublished: nothing is published of it.
        LockBusy: another process closes a month.
        StorageError: disk full or not writable; what was frozen before stays. The month may be frozen and not be in the
            published file: close it again.
    """
    now = clock()
    month.require_over(now)
    with (
        exclusive(home, KPI_LOCK, timeout_s=timeout_s),
        progress.counting(f"closing {month}", "steps", 3) as meter,
    ):
        state_id, figures, missing_days = _published(home, month)
        meter.advance()
        versions = kpi_store.versions(home, month)
        latest = versions[-1] if versions else 0
        lost = tuple(one for one in kpi_store.lost_versions(home, month) if one.table == kpi_store.KPI_MONTHLY)
        changes = restated(kpi_store.figures(home, month, latest), figures) if latest else []
        meter.advance()
        # Where the version that held is lost, nobody can tell what it said: another one has to hold.
        is_new = not latest or bool(changes) or any(one.version > latest for one in lost)
        version = kpi_store.next_version(home, month) if is_new else latest
        if is_new:
            of_closing = {"version": version, "reported_at": now.astimezone(UTC), "state_id": state_id}
            kpi_store.add_version(
                home,
                month,
                version,
                [{**row, **of_closing} for row in figures],
                [{**row, **of_closing, "month_start_date": month.first_day} for row in changes],
            )
        meter.advance()
    closed = Closed(
        month=month,
        version=version,
        is_new=is_new,
        figures_n=len(figures),
        restatements_n=len(changes),
        communities_n=len({(row["platform"], row["community"]) for row in figures} - {(ALL_COMMUNITIES,) * 2}),
        missing_days=missing_days,
        state_id=state_id,
        compared_with=latest or None,
        lost=lost,
    )
    log.info("kpi: %s", closed.message)
    _publish(home, clock=clock, timeout_s=min(timeout_s, _PUBLISH_WAIT_S))
    for line in _incomplete_communities(figures):
        log.info("kpi: %s: %s", month, line)
    return closed


def _publish(home: Home, *, clock: Clock, timeout_s: float) -> None:
    """Bring what is frozen into the published file, unless it is there."""
    try:
        state = builds.publish_frozen(home, clock=clock, timeout_s=timeout_s)
    except LockBusy as error:
        log.warning("kpi: the published file does not hold it yet: %s; the next publish brings it", error)
    else:
        log.info("kpi: published with what is frozen as %s", state.state_id if state else "nothing yet")


def latest_version(home: Home, month: Month) -> int | None:
    """The version of a month that holds now; None while it is not frozen."""
    return max(kpi_store.versions(home, month), default=None)


def lost_words(lost: Iterable[kpi_store.LostVersion]) -> str:
    """That versions of a month are missing, to be put behind what else is told of it; nothing where none is."""
    of_figures = [one for one in lost if one.table == kpi_store.KPI_MONTHLY]
    if not of_figures:
        return ""
    names = ", ".join(f"{one.version} ({one.file}: {one.reason})" for one in of_figures)
    return f"; versions missing: {names}"


def missing_days(connection: duckdb.DuckDBPyConnection, month: Month) -> tuple[date, ...]:
    """Days of the month that no run has published, in a database that has the published marts as ``marts``."""
    published = connection.execute(
        "select distinct contribution_date from marts.fct_community_daily "
        "where contribution_date between $first_day and $last_day and outcome is not null",
        {"first_day": month.first_day, "last_day": month.last_day},
    ).fetchall()
    seen = {day for (day,) in published}
    return tuple(day for day in month.window.days() if day not in seen)


def as_ranges(days: Iterable[date]) -> str:
    """Days in order for a reader: ``2026-10-03, 2026-10-05 to 2026-10-09``."""
    spans = groupby(enumerate(sorted(days)), key=lambda place_and_day: place_and_day[1].toordinal() - place_and_day[0])
    return ", ".join(_as_span([day for _, day in of_span]) for _, of_span in spans)


def _as_span(days: list[date]) -> str:
    return days[0].isoformat() if len(days) == 1 else f"{days[0].isoformat()} to {days[-1].isoformat()}"


# ---- what is published -----------------------------------------------------


def _published(home: Home, month: Month) -> tuple[str, list[dict[str, Any]], tuple[date, ...]]:
    """Id of the published state, its figures of the month in order of their keys, and the days it lacks."""
    state = builds.published_state(home)
    if state is None:
        raise NothingPublished(
            f"month {month}", value="nothing is published yet", next_step="run its days first: `pulse backfill …`"
        )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        try:
            # The state's own file: the path for readers may lead to the next state a moment later.
            connection.execute(f"attach {sql_text(state.file)} as published (read_only)")
            connection.execute("use published")
        except duckdb.Error as error:
            raise StorageError(
                f"published state {state.state_id}",
                value=str(error),
                next_step="close the month again; if it stays so, `pulse rebuild`",
            ) from error
        try:
            figures = _figures(connection, month)
            missing = missing_days(connection, month)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise NothingPublished(
                f"KPIs in published state {state.state_id}",
                value=str(error),
                next_step="it is of an earlier version of this project: `pulse rebuild`, then close the month again",
            ) from error
    if not figures:
        raise NothingPublished(
            f"month {month}",
            value="no community has figures for it",
            next_step=f"run its days first: `pulse backfill --from {month.first_day} --to {month.last_day}`",
        )
    return state.state_id, figures, missing


def _figures(connection: duckdb.DuckDBPyConnection, month: Month) -> list[dict[str, Any]]:
    rows = connection.execute(
        f"select {', '.join(kpi_store.FIGURES)} from marts.fct_kpis_monthly "
        f"where month_start_date = $month order by {', '.join(kpi_store.KEY)}",
        {"month": month.first_day},
    ).fetchall()
    return [dict(zip(kpi_store.FIGURES, row, strict=True)) for row in rows]


def _incomplete_communities(figures: Iterable[dict[str, Any]]) -> Iterator[str]:
    for (platform, community), rows in groupby(figures, key=lambda row: (row["platform"], row["community"])):
        first = next(rows)
        if community != ALL_COMMUNITIES and (first["days_complete_n"] or 0) < first["days_n"]:
            yield (
                f"{printable(platform)}/{printable(community)}: "
                f"{first['days_complete_n'] or 0} of {first['days_n']} days are complete"
            )
