"""The report of a closed month: the rows that were frozen last, and what is published beside them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulse.config.report import DEFAULT_POLICY, ReportPolicy
from pulse.core.clock import Clock
from pulse.core.errors import NothingPublished
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.lake import kpi_store
from pulse.reading import query
from pulse.reports.contents import Community
from pulse.warehouse import dictionary

if TYPE_CHECKING:
    from pulse.reports import ReportFiles


def report_month(
    home: Home,
    month: Month,
    *,
    clock: Clock,
    policy: ReportPolicy = DEFAULT_POLICY,
    only: Community | None = None,
    run_url: str | None = None,
) -> "ReportFiles":
    """Write the month's report again, from its latest version.

    Args:
        policy: what the config says of reports.
        only: the one community that it is about; None for all.
        run_url: page of the run that asked for it.

    Raises:
        NothingPublished: the month is not frozen or has nothing of the community, or what is published is of an
            earlier version.
        StorageError: the disk is full or not writable, or what was frozen cannot be read.
        QueryError: the published file cannot be opened.
    """
    from pulse.reports import LostVersion, write_report

    versions = kpi_store.versions(home, month)
    if not versions:
        raise NothingPublished(f"month {month}", value="is not closed yet", next_step=f"`pulse report {month}`")
    _require_present_marts(home)
    figures, restatements = kpi_store.figures(home, month, versions[-1]), kpi_store.restatements(home, month)
    if only is not None:
        _require_community(figures, month, only)
    lost = [
        LostVersion(one.version, one.table == kpi_store.KPI_MONTHLY, one.is_set_aside)
        for one in kpi_store.lost_versions(home, month)
    ]
    return write_report(
        home, month, figures, restatements=restatements, lost=lost, policy=policy, only=only, run_url=run_url,
        clock=clock,
    )  # fmt: skip


def _require_community(figures: Sequence[Mapping[str, Any]], month: Month, only: Community) -> None:
    known = sorted({(row["platform"], row["community"]) for row in figures} - {("*", "*")})
    if (only.platform, only.name) not in known:
        raise NothingPublished(
            f"community {only.platform}/{only.name}",
            value=f"has no figures of {month}",
            limit="one of " + ", ".join(f"{platform}/{name}" for platform, name in known[:20]),
            next_step="take the name from `pulse status`",
        )


def _require_present_marts(home: Home) -> None:
    """Refuse marts that another version published, as after an upgrade: a page made of both would be neither.

    Marts that are not there at all are left to the report, which leaves their parts out.
    """
    with query.connect(home, "marts") as connection:
        published = set(
            connection.execute(
                "select table_name, column_name from duckdb_columns() where schema_name = 'marts'"
            ).fetchall()
        )
    tables = {table for table, _ in published}
    lacking = sorted(
        f"{mart.name}.{column.name}"
        for mart in dictionary.marts()
        if mart.name in tables
        for column in mart.columns
        if (mart.name, column.name) not in published
    )
    if lacking:
        raise NothingPublished(
            "report",
            value=f"what is published was built by an earlier version: {lacking[0]} and {len(lacking) - 1} more "
            "columns are not in it",
            next_step="`pulse rebuild`, then make the report again",
        )
