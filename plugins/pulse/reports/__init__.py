"""The monthly report: one page that opens anywhere and can be forwarded, and the same figures for machines.

    frozen KPIs ─┐
                 ├─▶ data, listening (contents) ─▶ sections ─▶ page ─────────────┐
    marts ───────┘                              └▶ brief ─▶ mail, slack, picture ─┴▶ files: PULSE_HOME/reports/2026-10/

A section has a module: acting, five, feeling, asking, people, promoting, working, posting, completeness.
docs/report.md says what is in it and how to read it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from pulse.config.report import DEFAULT_POLICY, ReportPolicy
from pulse.core import progress
from pulse.core.clock import Clock, utc_now
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.reading import query
from pulse.reports.contents import Community, LostVersion, Report
from pulse.reports.files import ReportFiles

__all__ = ["Community", "LostVersion", "ReportFiles", "write_report"]


def write_report(
    home: Home,
    month: Month,
    kpis: pa.Table | Sequence[Mapping[str, Any]],
    *,
    restatements: pa.Table | Sequence[Mapping[str, Any]] = (),
    lost: Sequence[LostVersion] = (),
    connection: duckdb.DuckDBPyConnection | None = None,
    policy: ReportPolicy = DEFAULT_POLICY,
    only: Community | None = None,
    run_url: str | None = None,
    clock: Clock = utc_now,
) -> ReportFiles:
    """Write the report of a month, in place of the one before.

    Args:
        kpis: the frozen rows of the month's latest version, with the columns of ``kpi.kpi_monthly``.
        restatements: what later versions of the month changed, with the columns of ``kpi.kpi_restatements``.
        lost: versions of the month of which a file cannot be read any more.
        connection: where the marts are; without it, what is published in ``home``.
        policy: the time zone, where others reach the report, and whether it quotes.
        only: the one community that it is about; None for all.
        run_url: the orchestrator's page about the run that asked for it.
        clock: says when the report was built, which the page names.

    Raises:
        StorageError: the files cannot be written; those of before stay.
        QueryError: the published file cannot be opened.
    """
    # Vega and the template engine are for reports alone; who only asks for the command line's help does not wait.
    from pulse.reports import brief, data, files, links, mail, page, picture, slack

    def read(marts: duckdb.DuckDBPyConnection) -> Report:
        return data.read(
            marts,
            month,
            kpis,
            restatements,
            lost,
            only=only,
            has_quotes=policy.quotes,
            time_zone=policy.time_zone,
        )

    with progress.counting("writing the report", "parts", 4) as meter:
        if connection is None:
            with query.connect(home, "marts") as published:
                report = read(published)
        else:
            report = read(connection)
        meter.advance()
        sections = page.sections_of(report)
        meter.advance()
        built_at, target = clock(), files.of_month(home, month, only)
        sent = brief.brief(report, links.page_address(home, target, policy.base_url))
        html = page.render(report, sections, built_at=built_at, run_url=run_url)
        meter.advance()
        made = {
            target.page: html.encode("utf-8", "backslashreplace"),
            target.charts_csv: page.chart_numbers(sections),
            target.summary: picture.png(sent),
            target.mail: mail.body(sent).encode("utf-8", "backslashreplace"),
            target.slack: slack.message(sent),
        }
        files.write(target, report, list(data.dicts(kpis)), made, built_at=built_at)
        meter.advance()
    return target
