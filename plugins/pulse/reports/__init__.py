"""The monthly report: one page that opens anywhere and can be forwarded, and the same figures for machines.

    frozen KPIs ─┐
                 ├─▶ data (contents) ──▶ charts, telling ──▶ page ──▶ files: PULSE_HOME/reports/2026-10/
    marts ───────┘                       unread, completeness

docs/report.md says what is in it and how to read it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from pulse.core.clock import Clock, utc_now
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.reading import query
from pulse.reports.contents import LostVersion
from pulse.reports.files import ReportFiles

__all__ = ["LostVersion", "ReportFiles", "write_report"]


def write_report(
    home: Home,
    month: Month,
    kpis: pa.Table | Sequence[Mapping[str, Any]],
    *,
    restatements: pa.Table | Sequence[Mapping[str, Any]] = (),
    lost: Sequence[LostVersion] = (),
    connection: duckdb.DuckDBPyConnection | None = None,
    run_url: str | None = None,
    clock: Clock = utc_now,
) -> ReportFiles:
    """Write the report of a month, in place of the one before.

    Args:
        kpis: the frozen rows of the month's latest version, with the columns of ``kpi.kpi_monthly``.
        restatements: what later versions of the month changed, with the columns of ``kpi.kpi_restatements``.
        lost: versions of the month of which a file cannot be read any more.
        connection: where the marts are; without it, what is published in ``home``.
        run_url: the orchestrator's page about the run that asked for it.
        clock: says when the report was built, which the page names.

    Raises:
        StorageError: the files cannot be written; those of before stay.
        QueryError: the published file cannot be opened.
    """
    # Vega and the template engine are for reports alone; who only asks for the command line's help does not wait.
    from pulse.reports import data, files, page

    if connection is None:
        with query.connect(home, "marts") as published:
            report = data.read(published, month, kpis, restatements, lost)
    else:
        report = data.read(connection, month, kpis, restatements, lost)
    built_at = clock()
    html = page.render(report, built_at=built_at, run_url=run_url)
    return files.write(home, report, list(data.dicts(kpis)), html, built_at=built_at)
