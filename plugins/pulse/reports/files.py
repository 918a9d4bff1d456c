"""The files of a report: the page, what is sent of it, the figures as CSV and Parquet, and one JSON document.

``PULSE_HOME/reports/2026-10/``, and below it ``platform=…/community=…/`` for the report of one community. All are made
in memory before the first is replaced, each by rename, the JSON last: it names the others' SHA-256, so whoever has to
be sure that they belong together can tell. The same input gives the same bytes.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core.files import write_bytes
from pulse.core.home import Home, community_path
from pulse.core.month import Month
from pulse.lake.kpi_store import KPI_MONTHLY, TABLES
from pulse.reading import query
from pulse.reports.contents import Community, Report
from pulse.showing import words

_SCHEMA = TABLES[KPI_MONTHLY].arrow_schema


@dataclass(frozen=True)
class ReportFiles:
    """Where the report of one month lies."""

    folder: Path

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / "report.html"

    @property
    def kpis_csv(self) -> Path:
        """The KPIs for spreadsheets: cells that one would run are neutralised."""
        return self.folder / "kpis.csv"

    @property
    def kpis_parquet(self) -> Path:
        """The KPIs with their types."""
        return self.folder / "kpis.parquet"

    @property
    def charts_csv(self) -> Path:
        """The numbers behind the charts of the page."""
        return self.folder / "charts.csv"

    @property
    def summary(self) -> Path:
        """One picture for a chat: what to do and the five figures. It quotes nothing."""
        return self.folder / "summary.png"

    @property
    def mail(self) -> Path:
        """The body of a mail. It quotes nothing."""
        return self.folder / "mail.html"

    @property
    def slack(self) -> Path:
        """A message for Slack, as blocks. It quotes nothing."""
        return self.folder / "slack.json"

    @property
    def told(self) -> tuple[Path, ...]:
        """What tells of contributions, by links or by quotes, and goes with them."""
        return (self.page, self.summary, self.mail, self.slack)

    @property
    def document(self) -> Path:
        """KPIs, restatements and turning points as one JSON document; it holds nothing that people wrote but names of
        communities, and the ids of the contributions that the page quotes or links to."""
        return self.folder / "report.json"


def of_month(home: Home, month: Month, only: Community | None = None) -> ReportFiles:
    """The files of a month, of all communities or of one, there or not."""
    folder = home.reports / str(month)
    return ReportFiles(folder if only is None else folder / community_path(only.platform, only.name))


def write(
    files: ReportFiles,
    report: Report,
    kpis: Sequence[Mapping[str, Any]],
    made: Mapping[Path, bytes],
    *,
    built_at: datetime,
) -> None:
    """Replace the files of the month.

    Args:
        kpis: the frozen rows as they were handed over.
        made: the contents of the page and of what is sent of it.

    Raises:
        StorageError: the disk is full or not writable; each file is the old or the new one then, never half of one.
    """
    ordered = sorted(kpis, key=lambda row: (row["platform"], row["community"], row["kpi"]))
    if report.only is not None:
        ordered = [row for row in ordered if (row["platform"], row["community"]) == astuple(report.only)]
    contents = {files.kpis_csv: _csv(ordered), files.kpis_parquet: _parquet(ordered), **made}
    digests = {file.name: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    contents[files.document] = _document(report, ordered, digests, built_at)
    for file, content in contents.items():
        write_bytes(file, content)


def _csv(kpis: Sequence[Mapping[str, Any]]) -> bytes:
    return as_csv(_SCHEMA.names, [tuple(row.get(name) for name in _SCHEMA.names) for row in kpis])


def as_csv(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows for spreadsheets: cells that one would run are neutralised, an unknown value is empty."""
    stream = io.StringIO()
    query.write_csv(query.Result(tuple(columns), iter([list(rows)])), stream, is_terminal=False)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _parquet(kpis: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = pa.BufferOutputStream()
    table = pa.Table.from_pylist([{name: row.get(name) for name in _SCHEMA.names} for row in kpis], schema=_SCHEMA)
    pq.write_table(table, buffer, version="2.6", compression="zstd", store_schema=False)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _document(
    report: Report, kpis: Sequence[Mapping[str, Any]], digests: Mapping[str, str], built_at: datetime
) -> bytes:
    first = kpis[0] if kpis else {}
    content = {
        "month": str(report.month),
        "community": None if report.only is None else _of(report.only),
        "version": report.version,
        "state_id": first.get("state_id"),
        "reported_at": first.get("reported_at"),
        "built_at": built_at,
        "definitions": {
            name: {"label": told.label, "kind": told.kind, "meaning": told.meaning, "metric": told.metric}
            for name, told in ((row["kpi"], words.of_kpi(row["kpi"], row.get("unit"))) for row in kpis)
        },
        "caveats": words.CAVEATS,
        "kpis": [{name: row.get(name) for name in _SCHEMA.names} for row in kpis],
        "restatements": [asdict(change) for change in report.restatements],
        "missing_days": [_of(of) | {"days": days} for of, days in report.missing_days.items()],
        "silent_days": report.silent_days,
        "never_seen": [_of(of) for of in report.never_seen],
        "lost_versions": [asdict(one) for one in report.lost],
        "turns": [
            {name: value for name, value in asdict(turn).items() if name != "excerpts"} for turn in report.turns or ()
        ],
        "quoted": [_of(of) | {"contribution_id": contribution_id} for of, contribution_id in _quoted(report)],
        "linked": [_of(of) | {"contribution_id": contribution_id} for of, contribution_id in _linked(report)],
        "files": digests,
    }
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False, default=_plain)
    return (text + "\n").encode("ascii")


def _of(community: Community) -> dict[str, Any]:
    return {"platform": community.platform, "community": community.name}


def _quoted(report: Report) -> list[tuple[Community, str]]:
    """Contributions of whose words some stand on the page, each once."""
    excerpts = {
        (turn.of, one.contribution_id) for turn in report.turns or () for one in turn.excerpts if one.text is not None
    }
    posts = {(post.of, post.contribution_id) for post in report.good_posts or () if post.title is not None}
    return sorted(excerpts | posts)


def _linked(report: Report) -> list[tuple[Community, str]]:
    """Contributions that something made of the report leads to, each once."""
    excerpts = {(turn.of, one.contribution_id) for turn in report.turns or () for one in turn.excerpts}
    posts = {(post.of, post.contribution_id) for post in report.good_posts or ()}
    evidence = {(action.of, one.contribution_id) for action in report.actions for one in action.evidence}
    threads = {(turn.of, turn.evidence.contribution_id) for turn in report.thread_turns if turn.evidence}
    return sorted(excerpts | posts | evidence | threads)


def _plain(value: object) -> str:
    if isinstance(value, date):  # datetime is one
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the document")
