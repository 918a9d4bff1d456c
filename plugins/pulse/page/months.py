"""Months: the frozen figures as they were told, in which version, what changed later and why, and the report."""

from datetime import date
from pathlib import Path
from typing import Any

from pulse.core.home import Home
from pulse.core.month import Month
from pulse.page.snapshot import Snapshot
from pulse.reports import files as reports
from pulse.reports.contents import ALL, Community
from pulse.showing import figures, plain, words

REPORT_FILES = {
    "report.html": "text/html; charset=utf-8",
    "summary.png": "image/png",
    "mail.html": "text/html; charset=utf-8",
    "slack.json": "application/json",
    "charts.csv": "text/csv; charset=utf-8",
    "kpis.csv": "text/csv; charset=utf-8",
    "kpis.parquet": "application/vnd.apache.parquet",
    "report.json": "application/json",
}
_RESTATED_N = 100


def listed(snapshot: Snapshot, home: Home) -> list[dict[str, Any]]:
    """The closed months, the latest first."""
    if not snapshot.has("kpi.kpi_monthly"):
        return []
    rows = snapshot.rows(
        """
        select month_start_date as month, max(version) as version, min(reported_at) as first_reported_at,
            max(reported_at) as reported_at, count(distinct community) filter (where community <> '*') as communities_n
        from kpi.kpi_monthly group by month_start_date order by month_start_date desc
        """
    )
    return [{**row, "files": files_of(home, row["month"])} for row in rows]


def report_folder(home: Home, month: date, platform: str = ALL.platform, community: str = ALL.name) -> Path:
    """Where the report of a month lies, of all communities (``*``) or of one."""
    only = None if community == ALL.name else Community(platform, community)
    return reports.of_month(home, Month(month), only).folder


def files_of(home: Home, month: date, platform: str = ALL.platform, community: str = ALL.name) -> list[str]:
    """The files of the month's report that are there."""
    folder = report_folder(home, month, platform, community)
    return [name for name in REPORT_FILES if (folder / name).is_file()]


def one(snapshot: Snapshot, home: Home, month: date, platform: str, community: str) -> dict[str, Any] | None:
    """A month's figures of one community, or of all together (``*``); None where it is not closed."""
    if not snapshot.has("kpi.kpi_monthly"):
        return None
    rows = snapshot.rows(
        """
        select * from kpi.kpi_as_now_known
        where month_start_date = $month and platform = $platform and community = $community order by kpi
        """,
        {"month": month, "platform": platform, "community": community},
    )
    versions = snapshot.rows(
        "select version, min(reported_at) as reported_at, any_value(state_id) as state_id, count(*) as figures_n "
        "from kpi.kpi_monthly where month_start_date = $month group by version order by version desc",
        {"month": month},
    )
    if not versions:
        return None
    communities = snapshot.rows(
        "select distinct platform, community from kpi.kpi_as_now_known where month_start_date = $month "
        "order by community <> '*', platform, community",
        {"month": month},
    )
    whole = _whole_of_all(snapshot, month) if community == ALL.name else {}
    return {
        "month": month,
        "platform": platform,
        "community": community,
        "figures": [_figure(row, whole.get(row["kpi"])) for row in sorted(rows, key=_place)],
        "versions": versions,
        "communities": communities,
        "restated": _restated(snapshot, month),
        "lost": _lost(snapshot, month),
        "files": files_of(home, month, platform, community),
    }


def _place(row: dict[str, Any]) -> tuple[int, str]:
    names = list(words.KPIS)
    return (names.index(row["kpi"]) if row["kpi"] in words.KPIS else len(names), row["kpi"])


def _whole_of_all(snapshot: Snapshot, month: date) -> dict[str, str]:
    """Of how many communities all days of the month are known, by KPI.

    Rows of all together count the days that are whole everywhere: with one community missing, none.
    """
    rows = snapshot.rows(
        "select kpi, count(*) filter (where completeness >= 1) as whole_n, count(*) as n from kpi.kpi_as_now_known "
        "where month_start_date = $month and community <> '*' group by kpi",
        {"month": month},
    )
    return {
        row["kpi"]: f"{row['whole_n']:,} of {figures.counted(row['n'], 'community', 'communities')}" for row in rows
    }


def _figure(row: dict[str, Any], whole: str | None) -> dict[str, Any]:
    told = words.of_kpi(row["kpi"], row["unit"])
    return {
        "kpi": row["kpi"],
        "label": plain.label_of(row["kpi"], told.label),
        "meaning": told.meaning,
        "value": _value(row["value"], told, row["unit"]),
        "range": ""
        if row["value_low"] is None or row["value_high"] is None
        else f"{_value(row['value_low'], told, row['unit'])} to {_value(row['value_high'], told, row['unit'])}",
        "change": "" if row["change"] is None else figures.difference(row["change"], told.kind, row["unit"]),
        "is_clear": bool(row["is_change_clear"]),
        "completeness": whole
        or ("" if row["completeness"] is None else f"{figures.whole_percent(row['completeness'])} of its days"),
        "caveats": [words.caveat_text(code) for code in (row["caveat"] or "").split(",") if code],
        "version": row["version"],
    }


def _value(value: float | None, told: words.KpiWords, unit: str | None) -> str:
    return "not visible" if value is None else figures.figure(value, told.kind, unit)


def _restated(snapshot: Snapshot, month: date) -> list[dict[str, Any]]:
    if not snapshot.has("kpi.kpi_restatements"):
        return []
    rows = snapshot.rows(
        "select * from kpi.kpi_restatements where month_start_date = $month "
        f"order by version desc, community <> '*', platform, community, kpi limit {_RESTATED_N}",
        {"month": month},
    )
    told = [(row, words.of_kpi(row["kpi"], None)) for row in rows]
    return [
        {
            **row,
            "label": plain.label_of(row["kpi"], of.label),
            "old": _value(row["old_value"], of, None),
            "new": _value(row["new_value"], of, None),
        }
        for row, of in told
    ]


def _lost(snapshot: Snapshot, month: date) -> list[dict[str, Any]]:
    if not snapshot.has("kpi.kpi_lost_versions"):
        return []
    return snapshot.rows(
        "select * from kpi.kpi_lost_versions where month_start_date = $month order by version", {"month": month}
    )
