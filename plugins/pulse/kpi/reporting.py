"""The report of a closed month: the rows that were frozen last, and what is published beside them."""

from typing import TYPE_CHECKING

from pulse.clock import Clock
from pulse.errors import NothingPublished
from pulse.home import Home
from pulse.kpi import store
from pulse.kpi.month import Month

if TYPE_CHECKING:
    from pulse.reports import ReportFiles


def report_month(home: Home, month: Month, *, clock: Clock, run_url: str | None = None) -> "ReportFiles":
    """Write the month's report again, from its latest version.

    Args:
        run_url: page of the run that asked for it.

    Raises:
        NothingPublished: the month is not frozen.
        StorageError: the disk is full or not writable, or what was frozen cannot be read.
        QueryError: the published file cannot be opened.
    """
    from pulse.reports import LostVersion, write_report

    versions = store.versions(home, month)
    if not versions:
        raise NothingPublished(f"month {month}", value="is not closed yet", next_step=f"`pulse report {month}`")
    figures, restatements = store.figures(home, month, versions[-1]), store.restatements(home, month)
    lost = [
        LostVersion(one.version, one.table == store.KPI_MONTHLY, one.is_set_aside)
        for one in store.lost_versions(home, month)
    ]
    return write_report(home, month, figures, restatements=restatements, lost=lost, run_url=run_url, clock=clock)
