"""Coverage for homes that were filled before there was such a record: derived once, from what they do know.

- Days of live sources: their outcomes say which were listed whole, and the reason of a partial one says how far back
  each listing came. What was never said proves nothing.
- Days of archives: from the files, where these still lie there, of the kinds that raw holds.

What cannot be derived is unknown in the marts until it is loaded again; ``pulse doctor`` names it.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import duckdb

from pulse import coverage, landing, quality, raw
from pulse.contract import KINDS
from pulse.coverage import Look
from pulse.errors import PulseError
from pulse.files import fsync_file, read_json, write_json
from pulse.home import Home
from pulse.locks import WAREHOUSE_LOCK, exclusive
from pulse.settings import RedditEntry, Settings
from pulse.window import Window

if TYPE_CHECKING:
    from pulse.sources import SourceContext

log = logging.getLogger(__name__)

_LIVE_SOURCES = ("reddit_api",)
# As reddit_api says in the reason of a partial day how far back a listing came.
_REACHED = {
    "post": re.compile(r"listing of posts ends at (\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC"),
    "comment": re.compile(r"stream of comments ends at (\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC"),
}


@dataclass(frozen=True)
class Derived:
    """What was derived, as days by entry.

    Attributes:
        derived_n: days of which something is proven.
        to_load_again: days that brought rows once and of which nothing is proven now.
    """

    derived_n: dict[str, int]
    to_load_again: dict[str, tuple[date, ...]]


@dataclass(frozen=True)
class _Outcome:
    """The latest outcome of an entry's day."""

    platform: str
    entry_id: str
    community: str
    source: str
    day: date
    outcome: str
    reason: str | None


def derive_once(home: Home, settings: Settings, context: "SourceContext") -> Derived | None:
    """Give days that were loaded before there was coverage what can be known of them; None where that was done.

    Raises:
        LockBusy: another process writes to raw.
        StorageError: raw cannot be written.
    """
    if _marker_exists(home):
        return None
    with exclusive(home, WAREHOUSE_LOCK):
        if _marker_exists(home):
            return None
        derived = _derive(home, settings, context)
        write_json(
            home.raw / "coverage" / "derived.json",
            {
                "derived_n": derived.derived_n,
                "to_load_again": {
                    entry_id: [day.isoformat() for day in days] for entry_id, days in derived.to_load_again.items()
                },
            },
        )
    if derived.derived_n or derived.to_load_again:
        log.info(
            "coverage: derived for %d days of %d entries; %d days must be loaded again",
            sum(derived.derived_n.values()), len(derived.derived_n), sum(map(len, derived.to_load_again.values())),
        )  # fmt: skip
    return derived


def read_derived(home: Home) -> Derived | None:
    """What was derived when this home was brought up to date; None before that."""
    if not _marker_exists(home):
        return None
    content = read_json(home.raw / "coverage" / "derived.json")
    return Derived(
        content["derived_n"],
        {
            entry_id: tuple(date.fromisoformat(day) for day in days)
            for entry_id, days in content["to_load_again"].items()
        },
    )


def _marker_exists(home: Home) -> bool:
    return (home.raw / "coverage" / "derived.json").is_file()


def _derive(home: Home, settings: Settings, context: "SourceContext") -> Derived:
    entries = {entry.entry_id: entry for entry in settings.communities}
    derived_n: dict[str, int] = {}
    to_load_again: dict[str, tuple[date, ...]] = {}
    for (entry_id, source), rows in groupby(_uncovered(home), key=lambda one: (one.entry_id, one.source)):
        days = list(rows)
        if source in _LIVE_SOURCES:
            looks = [look for one in days for look in _listed(one)]
        else:
            looks = _spanned(home, entries.get(entry_id), days, context)
        _write(home, days, looks)
        proven = {look.day for look in looks if look.looked_from is not None}
        if proven:
            derived_n[entry_id] = derived_n.get(entry_id, 0) + len(proven)
        missing = tuple(one.day for one in days if one.day not in proven)
        if missing:
            to_load_again[entry_id] = to_load_again.get(entry_id, ()) + missing
    return Derived(derived_n, to_load_again)


def _uncovered(home: Home) -> list[_Outcome]:
    """Days that arrived, were empty or partial, and of whose entry no coverage speaks; by entry, source and day."""
    quality.ensure_tables(home)
    raw.ensure_empty_file(home)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        rows = connection.execute(
            """
            with latest as (
                select platform, entry_id, community, source, day, outcome, reason
                from read_parquet($outcomes)
                where entry_id = platform || '/' || community and source is not null
                qualify row_number() over (
                    partition by entry_id, source, day order by recorded_at desc, run_id desc
                ) = 1
            )
            select * from latest
            where outcome in ('arrived', 'empty', 'partial') and not exists (
                select 1 from read_parquet($coverage, hive_partitioning = false) as looked
                where looked.platform = latest.platform and looked.community = latest.community
                    and looked.day = latest.day
            )
            order by entry_id, source, day
            """,
            {"outcomes": quality.glob(home, quality.LOAD_OUTCOMES), "coverage": raw.coverage_glob(home)},
        ).fetchall()
    return [_Outcome(*row) for row in rows]


def _listed(one: _Outcome) -> list[Look]:
    """What a live source listed of a day."""
    end = coverage.day_start(one.day + timedelta(days=1))
    looks = []
    for kind in KINDS:
        start = coverage.day_start(one.day)
        if one.outcome == "partial":
            reached = [pattern.search(one.reason or "") for pattern in _REACHED.values()]
            if not any(reached):
                looks.append(coverage.nothing(one.platform, one.community, one.day, kind))
                continue
            match = _REACHED[kind].search(one.reason or "")
            if match:
                start = max(start, datetime.strptime(match[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC))
        looks.append(
            Look(one.platform, one.community, one.day, kind, start, end, "listed")
            if start < end
            else coverage.nothing(one.platform, one.community, one.day, kind)
        )
    return looks


def _spanned(home: Home, entry: object, days: Sequence[_Outcome], context: "SourceContext") -> list[Look]:
    """What the entry's files prove of days that were loaded from them."""
    nothing = [coverage.nothing(one.platform, one.community, one.day, kind) for one in days for kind in KINDS]
    if not isinstance(entry, RedditEntry) or not entry.path:
        return nothing
    from pulse.sources import reddit_archive

    try:
        archive = reddit_archive.open_archives(entry, context)
    except PulseError as error:
        log.warning("coverage: files of %s cannot be read any more: %s", entry.entry_id, error)
        return nothing
    wanted = {one.day for one in days}
    kinds = _kinds_in_raw(home, days[0])
    return [
        look
        if look.kind in kinds
        else coverage.nothing(
            look.platform, look.community, look.day, look.kind, except_communities=look.except_communities
        )
        for window in _windows(sorted(wanted))
        for look in archive.looks(window)
        if look.day in wanted
    ]


def _kinds_in_raw(home: Home, one: _Outcome) -> set[str]:
    """The kinds of which raw holds anything of the community; of a wildcard's, anything of the platform."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select distinct kind from read_parquet($raw, hive_partitioning = false, union_by_name = true) "
            "where platform = $platform and ($community = '*' or community = $community)",
            {"raw": raw.contributions_glob(home), "platform": one.platform, "community": one.community},
        ).fetchall()
    return {kind for (kind,) in rows}


def _windows(days: Sequence[date]) -> Iterable[Window]:
    """Windows over the days, a calendar year at most."""
    by_year: dict[int, list[date]] = defaultdict(list)
    for day in days:
        by_year[day.year].append(day)
    return [Window(of_year[0], of_year[-1]) for of_year in by_year.values()]


def _write(home: Home, days: Sequence[_Outcome], looks: Sequence[Look]) -> None:
    """One file for each year, named as a load's, so that a later load of the days replaces what was derived."""
    one = days[0]
    folder = raw.coverage_folder(home, one.platform, one.community)
    folder.mkdir(parents=True, exist_ok=True)
    for window in _windows([of_day.day for of_day in days]):
        load_id = landing.load_id_for(one.source, one.entry_id, window, "derived")
        file = folder / f"{load_id}.parquet"
        draft = file.with_suffix(".tmp")
        of_window = [look for look in looks if window.first_day <= look.day <= window.last_day]
        coverage.write(draft, of_window, source=one.source, load_id=load_id)
        fsync_file(draft)
        draft.replace(file)
