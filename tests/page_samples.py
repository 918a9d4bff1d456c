"""A small published home for the page: made-up marts, frozen months, gates that stopped a load, and what they kept out.

Whoever means harm has named a community, written the texts, and put control characters where they could.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pulse.core.home import Home
from pulse.gates import quarantine
from pulse.lake import kpi_store, quality
from pulse.page.access import Access, ReleaseRequest, User
from pulse.warehouse import published_file
from report_samples import MONTH, NAUGHTY, kpi_rows, month_of_marts
from support import contribution, sealed_load

COMMUNITIES = ("tea", "mate", *NAUGHTY)
PUBLISHED_AT = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
LAST_DAY = MONTH.last_day
STOPPED_DAY = date(2026, 10, 5)
STOPPED_LOAD = "reddit_archive-reddit-tea-20261005-20261005-aaaa"
LOAD_WITH_KEPT_ROWS = "reddit_archive-reddit-mate-20261006-20261006-bbbb"
_DAY = "day(contribution_date)"
# Of the community mate, from the twelfth on: each state that gate 1 does not make.
STATES = (
    "is_silent_everywhere = true",
    "posts = 0, comments = 0",
    "is_day_complete = false, posts_looked_h = 3",
    "is_day_complete = false, is_never_seen = true",
)
RUN = "manual__2026-10-05__x"
SOMEBODY = "SecretSusan"
ORIGINAL_LINE = (
    f'{{"id": "a1", "author": "{SOMEBODY}", "body": "<script>alert(9)</script> u/{SOMEBODY} wrote '
    f'\u202e\x1b[31m to susan@mail.example", "created_utc": "soon"}}'
)
ADA = User("1", "Ada", may_release=True)
VIEWER = User("2", "Vic")
RUN_PATH = "/dags/quarantine_release/runs/one"


def published_home(root: Path) -> Home:
    """A home with a month published, and a load that was stopped since."""
    home = Home(root).create()
    quality.ensure_tables(home)
    kpi_store.ensure_tables(home)
    _outcomes(home, list(COMMUNITIES))
    kpi_store.add_version(home, MONTH, 1, _frozen(1), [])
    kpi_store.add_version(home, MONTH, 2, _frozen(2), [_restatement()])
    draft = home.published / "draft.duckdb"
    marts = month_of_marts(COMMUNITIES, quote=" ".join(NAUGHTY))
    for day, columns in enumerate(STATES, start=12):
        marts.execute(f"update marts.fct_community_daily set {columns} where community = 'mate' and {_DAY} = {day}")
    marts.execute(f"attach '{draft}' as draft")
    marts.execute("copy from database memory to draft")
    marts.close()
    published_file.complete(draft, home, state_id="20261101T003000000000Z", published_at=PUBLISHED_AT)
    draft.rename(home.published_file)
    _stopped(home)
    _kept_rows(home)
    return home


def _outcomes(home: Home, communities: list[str]) -> None:
    days = list(MONTH.window.days())
    rows = [
        _outcome(of, day, "arrived" if day.day % 9 else "partial", recorded_at=_night_after(day))
        for of in communities
        for day in days
    ]
    quality.append(home, quality.LOAD_OUTCOMES, rows, stem="before")
    results = [_result(f"load-{day.day}", _night_after(day), "tea") for day in days]
    quality.append(home, quality.GATE_RESULTS, [row for of_load in results for row in of_load], stem="before")
    marts = [row | {"gate": "gate_2", "load_id": None, "entry_id": None, "level": "mart"} for row in results[-1]]
    quality.append(home, quality.GATE_RESULTS, marts, stem="before-marts")


def _outcome(community: str, day: date, outcome: str, *, recorded_at: datetime, **changes: Any) -> dict[str, Any]:
    return {
        "run_id": RUN, "load_id": f"load-{day.day}", "platform": "reddit", "entry_id": f"reddit/{community}",
        "community": community, "source": "reddit_archive", "day": day, "outcome": outcome, "contributions_n": 12,
        "quarantined_rows_n": 0, "skipped_n": 1, "api_calls_n": 0,
        "reason": None if outcome == "arrived" else "the listing was cut off <b>here</b>", "recorded_at": recorded_at,
    } | changes  # fmt: skip


def _result(load_id: str, at: datetime, community: str, *, is_stopped: bool = False) -> list[dict[str, Any]]:
    one = {
        "run_id": RUN, "gate": "gate_1", "load_id": load_id, "entry_id": f"reddit/{community}", "level": "load",
        "severity": "critical", "checked_n": 12, "failed_n": 0, "value": 0.01, "limit_value": 0.05, "is_passed": True,
        "is_waived": False, "is_stopping": False, "message": "holds", "recorded_at": at,
    }  # fmt: skip
    broken = {
        "rule": "quarantined_share", "is_passed": not is_stopped, "is_stopping": is_stopped,
        "value": 0.5 if is_stopped else 0.0, "message": "quarantined_share: 0.5 is outside the limit 0.05",
    }  # fmt: skip
    return [one | {"rule": "unplaced_lines_share"}, one | broken]


def _night_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(days=1)


def _frozen(version: int) -> list[dict[str, Any]]:
    rows = [row for of in ("*", "tea", NAUGHTY[0]) for row in kpi_rows(of)]
    return [{**row, "version": version, "reported_at": PUBLISHED_AT + timedelta(hours=version)} for row in rows]


def _restatement() -> dict[str, Any]:
    return {
        "month_start_date": MONTH.first_day, "version": 2, "reported_at": PUBLISHED_AT, "state_id": "state",
        "platform": "reddit", "community": NAUGHTY[0], "kpi": "posts", "old_value": 10.0, "new_value": 12.0,
        "difference": 2.0, "changed_columns": "value", "reasons": "late_data",
    }  # fmt: skip


def _stopped(home: Home) -> None:
    """Gate 1 stopped a load after the publish; that it did stands in a newer file beside the published copy."""
    line = {
        "file": "tea.ndjson", "line_number": 3, "fault": "bad_created_utc", "detail": "soon",
        "line": ORIGINAL_LINE.encode(), "community": "tea", "day": STOPPED_DAY,
    }  # fmt: skip
    at = PUBLISHED_AT + timedelta(hours=5)
    load = sealed_load(home, [contribution()], load_id=STOPPED_LOAD, bad_lines=[line])
    quarantine.keep_records(home, load, home.scratch / "none.parquet", run_id=RUN, recorded_at=at)
    quarantine.keep_load(home, load, {"quarantined_share": "quarantined_share: 0.5 is outside the limit 0.05"})
    quality.append(home, quality.GATE_RESULTS, _result(STOPPED_LOAD, at, "tea", is_stopped=True), stem="after")
    outcome = _outcome(
        "tea", STOPPED_DAY, "quarantined", recorded_at=at, load_id=STOPPED_LOAD, contributions_n=0,
        quarantined_rows_n=1, reason="quarantined_share: 0.5 is outside the limit 0.05",
    )  # fmt: skip
    quality.append(home, quality.LOAD_OUTCOMES, [outcome], stem="after")


def _kept_rows(home: Home) -> None:
    row = {
        "run_id": RUN, "load_id": LOAD_WITH_KEPT_ROWS, "entry_id": "reddit/mate", "community": "mate",
        "day": date(2026, 10, 6), "rule": "score_is_plausible", "reason": "the rule does not hold",
        "contribution_id": "t3_<i>x</i>", "file": None, "line_number": None,
        "recorded_at": PUBLISHED_AT + timedelta(hours=5),
    }  # fmt: skip
    quality.append(home, quality.QUARANTINED_ROWS, [row], stem="kept")
    at = PUBLISHED_AT + timedelta(hours=5)
    quality.append(home, quality.GATE_RESULTS, _result(LOAD_WITH_KEPT_ROWS, at, "mate"), stem="kept")
    outcome = _outcome("mate", date(2026, 10, 6), "arrived", recorded_at=at, load_id=LOAD_WITH_KEPT_ROWS)
    quality.append(home, quality.LOAD_OUTCOMES, [outcome], stem="kept")


def write_data_docs(home: Home) -> str:
    """A site as Great Expectations writes it for the open web; gives its name."""
    site = home.quality / "data_docs" / "manual__2026-10-05__x"
    (site / "validations").mkdir(parents=True)
    (site / "index.html").write_text(
        '<html><head><script src="https://cdn.example/x.js"></script><link rel="stylesheet" '
        'href="https://cdn.example/x.css"></head><body onload="alert(1)"><img src="https://cdn.example/logo.png">'
        '<a href="validations/one.html">Validation results</a> <a href="https://cdn.example/">out</a>'
        "<script>alert(2)</script><p>Data Docs</p></body></html>"
    )
    (site / "validations" / "one.html").write_text("<html><head></head><body><p>One validation</p></body></html>")
    return site.name


class Asked(list[ReleaseRequest]):
    """Keeps what was asked to be released, and answers as Airflow does."""

    def __call__(self, asked: ReleaseRequest) -> str:
        self.append(asked)
        return RUN_PATH


def access_for(who: list[User | None], asked: Asked | None = None) -> Access:
    """Whoever is first in the list is logged in; nobody where that is None."""
    from fastapi import HTTPException

    def current_user() -> User:
        if who[0] is None:
            raise HTTPException(401, "Not authenticated")
        return who[0]

    return Access(current_user, b"a secret of the tests", ask_release=asked)


@contextmanager
def writable(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, to put something into it; readers get it anew."""
    draft = home.published / "draft.duckdb"
    draft.write_bytes(home.published_file.read_bytes())
    with duckdb.connect(str(draft)) as connection:
        yield connection
    draft.rename(home.published_file)
