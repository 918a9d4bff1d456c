"""Whose words a report quotes, and making a report again once some of them were taken back."""

import json
import logging
from pathlib import Path
from typing import Any

import duckdb

from pulse.core.clock import Clock
from pulse.core.errors import PulseError, StorageError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.core.text import printable
from pulse.warehouse import builds

log = logging.getLogger(__name__)


def renew_reports(home: Home, *, clock: Clock) -> list[Month]:
    """Make those reports again that quote a contribution which is published as taken back, or not at all.

    A report that cannot be made again loses its page: words that were taken back must not stay because a figure could
    not be drawn. The other files hold nothing that people wrote.

    Returns:
        The months whose page was made again.
    """
    from pulse.reports.monthly import report_month

    renewed = []
    for document in sorted(home.reports.glob("*/report.json")):
        if not _quotes_what_is_gone(home, document):
            continue
        try:
            month = Month.parse(document.parent.name)
            report_month(home, month, clock=clock)
        except PulseError as error:
            (document.parent / "report.html").unlink(missing_ok=True)
            log.warning("report: %s quoted what was taken back and is removed: %s", document.parent.name, error)
        else:
            renewed.append(month)
            log.info("report: %s made again: it quoted what was taken back", month)
    return renewed


def _quotes_what_is_gone(home: Home, document: Path) -> bool:
    quoted, state = _quoted(document), builds.published_state(home)
    if not quoted or state is None:
        return False
    with duckdb.connect() as connection:
        connection.execute(f"attach {sql_text(state.file)} as published (read_only)")
        connection.execute("create table quoted (platform varchar, community varchar, contribution_id varchar)")
        connection.executemany("insert into quoted values (?, ?, ?)", quoted)
        gone = connection.execute(
            "select count(*) from quoted left join published.marts.fct_contributions as seen "
            "using (platform, community, contribution_id) where coalesce(seen.removal, 'gone') <> 'none' "
            "or (seen.title is null and seen.body is null)"
        ).fetchone()
    return bool(gone and gone[0])


def _quoted(document: Path) -> list[tuple[str, str, str]]:
    try:
        content: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
        return [(row["platform"], row["community"], row["contribution_id"]) for row in content["quoted"]]
    except OSError as error:
        raise StorageError(
            f"file {document}", value=error.strerror, next_step=f"`pulse report {printable(document.parent.name)}`"
        ) from error
    except (ValueError, KeyError, TypeError):
        log.warning("report: %s says not whose words it quotes; `pulse report` makes it again", document)
        return []
