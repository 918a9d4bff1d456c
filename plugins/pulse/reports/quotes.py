"""Whose words a report quotes and leads to, and making a report again once some of them were taken back."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pulse.config.report import ReportPolicy
from pulse.core.clock import Clock
from pulse.core.errors import PulseError, StorageError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.month import Month
from pulse.core.text import printable
from pulse.reports.contents import Community
from pulse.warehouse import builds

log = logging.getLogger(__name__)


def renew_reports(home: Home, policy: ReportPolicy, *, clock: Clock) -> list[Month]:
    """Make those reports again that quote, or lead to, a contribution which is published as taken back, or not at all;
    and those that quote although the config does not want it any more.

    A report that cannot be made again loses its page and what was made to be sent: words that were taken back must not
    stay because a figure could not be drawn. The other files hold nothing that people wrote.

    Returns:
        The months of which a page was made again.
    """
    from pulse.reports.files import ReportFiles
    from pulse.reports.monthly import report_month

    renewed: dict[Month, None] = {}
    for document in sorted(home.reports.glob("**/report.json")):
        rests_on = _read(document)
        if rests_on is None or not (_is_unwanted(rests_on, policy) or _rests_on_what_is_gone(home, rests_on)):
            continue
        name = printable(str(document.parent.relative_to(home.reports)))
        try:
            month = Month.parse(document.relative_to(home.reports).parts[0])
            report_month(home, month, policy=policy, only=rests_on.only, clock=clock)
        except PulseError as error:
            for file in ReportFiles(document.parent).told:
                file.unlink(missing_ok=True)
            log.warning("report: %s quoted what was taken back and is removed: %s", name, error)
        else:
            renewed[month] = None
            log.info("report: %s made again: it rested on what was taken back", name)
    return list(renewed)


@dataclass(frozen=True)
class _RestsOn:
    """Contributions that a report quotes and those that it leads to: platform, community, id.

    ``only`` is the one community that the report is about.
    """

    only: Community | None
    quoted: Sequence[tuple[str, str, str]]
    linked: Sequence[tuple[str, str, str]]


def _is_unwanted(rests_on: _RestsOn, policy: ReportPolicy) -> bool:
    return bool(rests_on.quoted) and not policy.quotes


def _rests_on_what_is_gone(home: Home, rests_on: _RestsOn) -> bool:
    state = builds.published_state(home)
    rows = [(*one, True) for one in rests_on.quoted] + [(*one, False) for one in rests_on.linked]
    if not rows or state is None:
        return False
    with duckdb.connect() as connection:
        connection.execute(f"attach {sql_text(state.file)} as published (read_only)")
        connection.execute(
            "create table named (platform varchar, community varchar, contribution_id varchar, is_quoted boolean)"
        )
        connection.executemany("insert into named values (?, ?, ?, ?)", rows)
        gone = connection.execute(
            "select count(*) from named left join published.marts.fct_contributions as seen "
            "using (platform, community, contribution_id) where coalesce(seen.removal, 'gone') <> 'none' "
            "or (is_quoted and seen.title is null and seen.body is null)"
        ).fetchone()
    return bool(gone and gone[0])


def _read(document: Path) -> _RestsOn | None:
    """What a report rests on; None where its document does not say."""
    try:
        content: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
        only = content.get("community")
        return _RestsOn(
            Community(only["platform"], only["community"]) if only else None,
            _ids(content["quoted"]),
            _ids(content.get("linked", ())),
        )
    except OSError as error:
        raise StorageError(
            f"file {document}", value=error.strerror, next_step=f"`pulse report {printable(document.parent.name)}`"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("report: %s says not whose words it quotes; `pulse report` makes it again", document)
        return None


def _ids(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["platform"], row["community"], row["contribution_id"]) for row in rows]
