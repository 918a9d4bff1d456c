"""Coverage for homes that were filled before there was such a record: derived once, from what they do know.

- Days of live sources: their outcomes say which were listed whole, and the reason of a partial one says how far back
  each listing came. What was never said proves nothing. Each look of a live source adds to those before.
- Days of archives: from the files, where these still lie there, of the kinds that raw holds. A day of which the files
  hold more than raw does was loaded from others, and proves nothing.
- A load that was sealed before and arrives now, such as one released from quarantine: by its own rows.

What cannot be derived is unknown in the marts until it is loaded again; ``pulse doctor`` names it. Outcomes that called
such a day complete are corrected, so that ``pulse status`` says the same as the marts.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from glob import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow.parquet as pq

from pulse.config.settings import Settings
from pulse.core import coverage, memory_database, parquet
from pulse.core.coverage import Look
from pulse.core.errors import PulseError
from pulse.core.files import read_json, write_json
from pulse.core.home import Home, path_value
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.core.strict import WILDCARD
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.lake import compacted, landing, outcomes, quality, raw
from pulse.platforms import profiles
from pulse.platforms.reddit import REDDIT
from pulse.sources.reddit.entry import RedditEntry

if TYPE_CHECKING:
    from pulse.sources.context import SourceContext
    from pulse.sources.lines.archive import EntryArchive

log = logging.getLogger(__name__)

# The live sources that there were before there was coverage; no later one has loads of that time.
_LIVE_SOURCES = ("reddit_api",)
# As reddit_api says in the reason of a partial day how far back a listing came.
_REACHED = {
    "post": re.compile(r"listing of posts ends at (\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC"),
    "comment": re.compile(r"stream of comments ends at (\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC"),
}
# Of the outcomes that correct those of before.
_RUN_ID = "coverage-of-before"
_NOT_KNOWN = "loaded before there was coverage, and what was looked at cannot be known from what is there"


@dataclass(frozen=True)
class Derived:
    """What was derived, as days by entry.

    Attributes:
        derived_n: days of which something is proven.
        to_load_again: days that were known once, or brought rows, and of which nothing is proven now.
        load_ids: the loads that the derived coverage is filed under.
    """

    derived_n: dict[str, int]
    to_load_again: dict[str, tuple[date, ...]]
    load_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Outcome:
    """An outcome of an entry's day. Of a day that raw holds and no outcome speaks of, ``outcome`` is None.

    Attributes:
        is_latest: nothing was recorded later of the day, by whichever source.
    """

    platform: str
    entry_id: str
    community: str
    source: str
    day: date
    outcome: str | None
    contributions_n: int
    quarantined_rows_n: int
    reason: str | None
    is_latest: bool

    @property
    def was_known(self) -> bool:
        """Whether the day had figures before."""
        return self.outcome in ("arrived", "empty") or self.contributions_n > 0


def is_done(home: Home) -> bool:
    """Whether this home was brought up to date."""
    return _marker(home).is_file()


def derive_once(home: Home, settings: Settings, context: "SourceContext") -> Derived | None:
    """Give days that were loaded before there was coverage what can be known of them; None where that was done.

    Where there are any, everything is built again by the next build.

    Raises:
        LockBusy: another process writes to raw.
        StorageError: raw cannot be written.
    """
    if is_done(home):
        return None
    with exclusive(home, WAREHOUSE_LOCK):
        if is_done(home):
            return None
        _forget_profiles(home)
        uncovered = _uncovered(home)
        derived = _derive(home, settings, context, uncovered)
        if uncovered:
            raw.require_everything(home, _RUN_ID)
        write_json(
            _marker(home),
            {
                "derived_n": derived.derived_n,
                "to_load_again": {
                    entry_id: [day.isoformat() for day in days] for entry_id, days in derived.to_load_again.items()
                },
                "load_ids": list(derived.load_ids),
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
    if not is_done(home):
        return None
    content = read_json(_marker(home))
    return Derived(
        content["derived_n"],
        {
            entry_id: tuple(date.fromisoformat(day) for day in days)
            for entry_id, days in content["to_load_again"].items()
        },
        tuple(content.get("load_ids", ())),
    )


def still_to_load_again(home: Home) -> dict[str, tuple[date, ...]]:
    """Days by entry that nothing was derived for and that no load has spoken of since; empty before the derivation."""
    derived = read_derived(home)
    if derived is None or not derived.to_load_again:
        return {}
    raw.ensure_empty_file(home)
    with memory_database.cursor() as connection:
        spoken_of = set(
            connection.execute(
                "select distinct platform || '/' || community, day "
                "from read_parquet($coverage, hive_partitioning = false) where not list_contains($derived, load_id)",
                {"coverage": raw.coverage_glob(home), "derived": list(derived.load_ids)},
            ).fetchall()
        )
    left = {
        entry_id: tuple(day for day in days if (entry_id, day) not in spoken_of)
        for entry_id, days in derived.to_load_again.items()
    }
    return {entry_id: days for entry_id, days in left.items() if days}


def not_derived_yet(home: Home) -> dict[str, int]:
    """How many days of each entry are without coverage in a home that was not brought up to date; else empty."""
    if is_done(home):
        return {}
    days = {(one.entry_id, one.day) for one in _uncovered(home)}
    return {entry_id: len(list(of_entry)) for entry_id, of_entry in groupby(sorted(days), key=lambda one: one[0])}


def _marker(home: Home) -> Path:
    return home.raw / "coverage" / "derived.json"


def _derive(home: Home, settings: Settings, context: "SourceContext", uncovered: Sequence[_Outcome]) -> Derived:
    entries = {entry.entry_id: entry for entry in settings.communities}
    derived_n: dict[str, int] = {}
    to_load_again: dict[str, tuple[date, ...]] = {}
    load_ids: list[str] = []
    corrected: list[_Outcome] = []
    for (entry_id, source), rows in groupby(uncovered, key=lambda one: (one.entry_id, one.source)):
        days = list(rows)
        is_never_seen = False
        if source in _LIVE_SOURCES:
            looks = [look for one in days for look in _listed(one)]
        else:
            archive = _archive_of(entries.get(entry_id), context)
            is_never_seen = archive is not None and archive.is_never_seen
            looks = _spanned(home, archive, settings, days)
        load_ids += _write(home, days, looks)
        proven = {look.day for look in looks if look.looked_from is not None}
        if proven:
            derived_n[entry_id] = derived_n.get(entry_id, 0) + len(proven)
        missing = tuple(sorted({one.day for one in days if one.was_known and one.day not in proven}))
        if missing and not is_never_seen:
            to_load_again[entry_id] = to_load_again.get(entry_id, ()) + missing
        corrected += _no_longer_complete(days, looks)
    _correct_outcomes(home, corrected, context)
    return Derived(derived_n, to_load_again, tuple(load_ids))


def _no_longer_complete(days: Sequence[_Outcome], looks: Sequence[Look]) -> list[_Outcome]:
    """Days that an outcome calls complete, and of which a kind that is read is not proven from end to end."""
    community = days[0].community
    # A wildcard that reads one file per community proves each one by itself: its communities together are judged.
    own = [look for look in looks if look.community == community and look.looked_from is not None]
    proven = own or [look for look in looks if look.looked_from is not None]
    kinds = {look.kind for look in proven}
    whole = set.intersection(
        *(coverage.whole_days(proven, community=name, kinds=kinds) for name in {look.community for look in proven}),
    ) if proven else set()  # fmt: skip
    return [one for one in days if one.is_latest and one.outcome in ("arrived", "empty") and one.day not in whole]


def _correct_outcomes(home: Home, corrected: Iterable[_Outcome], context: "SourceContext") -> None:
    """Record that days were not looked at whole after all; what they brought stays said."""
    rows = [
        {
            "run_id": _RUN_ID,
            "load_id": None,
            "platform": one.platform,
            "entry_id": one.entry_id,
            "community": one.community,
            "source": one.source,
            "day": one.day,
            "outcome": "partial",
            "contributions_n": one.contributions_n,
            "quarantined_rows_n": 0,
            "skipped_n": 0,
            "api_calls_n": 0,
            "reason": _NOT_KNOWN,
            "recorded_at": context.clock(),
        }
        for one in corrected
    ]
    if rows:
        outcomes.record(home, rows, stem=_RUN_ID)


def _forget_profiles(home: Home) -> None:
    """Take out of the outcomes what names a profile: they are kept for long, and marts show a day of each.

    Wildcards no longer bring profiles, and an entry that names one has a pseudonym for it.
    """
    for file in quality.files(home, quality.LOAD_OUTCOMES):
        if parquet.fault_of(file, is_deep=True) is not None:
            continue
        table = pq.read_table(file)
        is_kept = [not profiles.is_clear_name(name) for name in table["community"].to_pylist()]
        if not all(is_kept):
            parquet.write(file, table.filter(is_kept), compression="zstd")


def profiles_kept_by_name(home: Home) -> int:
    """How many profiles raw holds under the names of their accounts, from a version that kept them so."""
    root = home.raw / "contributions"
    names = {
        (folder.parent.name, unquote(folder.name.removeprefix("community=")))
        for folder in root.glob("platform=*/community=*")
        if folder.name != compacted.FOLDER and any(folder.glob("day=*/*.parquet"))
    }
    names |= {
        (file.parents[2].name, held.community)
        for file in compacted.files_of_platform(root, WILDCARD)
        for held in compacted.contents(file) or ()
    }
    return sum(profiles.is_clear_name(name) for _, name in names)


def _uncovered(home: Home) -> list[_Outcome]:
    """Days that arrived, were empty or partial, and of whose entry no coverage speaks; by entry, source and day.

    All such outcomes of a live source, for each look adds; of an archive the latest, for it replaces. What failed later
    took nothing away. Days that raw holds and whose outcomes are too old to be kept are among them.
    """
    quality.ensure_tables(home)
    raw.ensure_empty_file(home)
    with memory_database.cursor() as connection:
        rows = connection.execute(
            """
            with recorded as (
                select *, row_number() over (
                    partition by entry_id, community, day order by recorded_at desc, run_id desc
                ) = 1 as is_latest
                from read_parquet($outcomes)
            ),
            arrivals as (
                select platform, entry_id, community, source, day, outcome, contributions_n, quarantined_rows_n,
                    reason, is_latest, recorded_at, run_id
                from recorded
                where source is not null and outcome in ('arrived', 'empty', 'partial')
            ),
            of_entries as (
                select * from arrivals where entry_id = platform || '/' || community
                qualify list_contains($live, source) or row_number() over (
                    partition by entry_id, source, day order by recorded_at desc, run_id desc
                ) = 1
            ),
            held as (
                select platform, community, source,
                    try_cast(regexp_extract(filename, '/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/', 1) as date) as day,
                    count(distinct contribution_id) as contributions_n
                from read_parquet($raw, hive_partitioning = false, union_by_name = true, filename = true)
                group by all
            ),
            forgotten as (
                select platform, platform || '/' || community as entry_id, community, source, day, contributions_n
                from held where day is not null and not exists (
                    select 1 from arrivals
                    where arrivals.platform = held.platform and arrivals.day = held.day
                        and arrivals.community in (held.community, '*')
                )
            ),
            all_days as (
                select platform, entry_id, community, source, day, outcome, contributions_n, quarantined_rows_n, reason,
                    is_latest, recorded_at
                from of_entries
                union all
                select platform, entry_id, community, source, day, null, contributions_n, 0, null, true, null
                from forgotten
            )
            select * exclude (recorded_at) from all_days
            where not exists (
                select 1 from read_parquet($coverage, hive_partitioning = false) as looked
                where looked.platform = all_days.platform and looked.community = all_days.community
                    and looked.day = all_days.day
            )
            order by entry_id, source, day, recorded_at
            """,
            {
                "outcomes": quality.glob(home, quality.LOAD_OUTCOMES),
                "live": list(_LIVE_SOURCES),
                "raw": raw.contributions_glob(home),
                "coverage": raw.coverage_glob(home),
            },
        ).fetchall()
    return [_Outcome(*row) for row in rows]


def _listed(one: _Outcome) -> list[Look]:
    """What a live source listed of a day."""
    end = coverage.day_start(one.day + timedelta(days=1))
    looks = []
    for kind in REDDIT.kinds:
        start = coverage.day_start(one.day)
        if one.outcome not in ("arrived", "empty"):
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


def _archive_of(entry: object, context: "SourceContext") -> "EntryArchive | None":
    """The entry's files, parsed; None where it has none, or they cannot be read any more."""
    if not isinstance(entry, RedditEntry) or not entry.path:
        return None
    from pulse.sources.lines import archive as reddit_archive

    try:
        return reddit_archive.open_archives(entry, context)
    except PulseError as error:
        log.warning("coverage: files of %s cannot be read any more: %s", printable(entry.entry_id), error)
        return None


def _spanned(home: Home, archive: "EntryArchive | None", settings: Settings, days: Sequence[_Outcome]) -> list[Look]:
    """What the entry's files prove of days that were loaded from them."""
    if archive is None:
        return [coverage.nothing(one.platform, one.community, one.day, kind) for one in days for kind in REDDIT.kinds]
    others = archive.named_elsewhere(settings.communities)
    wanted = {one.day for one in days} - _held_by_files_only(home, archive, days, others)
    kinds = _kinds_in_raw(home, days[0])
    return [
        look
        if look.kind in kinds and look.day in wanted
        else coverage.nothing(
            look.platform, look.community, look.day, look.kind, except_communities=look.except_communities
        )
        for window in _windows(sorted({one.day for one in days}))
        for look in archive.looks(window, except_communities=others)
        if look.day in {one.day for one in days}
    ]


def _held_by_files_only(
    home: Home, archive: "EntryArchive", days: Sequence[_Outcome], others: Collection[str]
) -> set[date]:
    """Days of which the files hold contributions that raw does not, beyond what gate 1 kept out: they have grown."""
    one = days[0]
    files, held = [str(file) for part in archive.files for file in part.chunk_files()], _raw_files(home, one)
    if not files or not held:
        return {of_day.day for of_day in days}
    is_of_entry = f"""
        platform = $platform and case when $community = '{WILDCARD}'
            then not list_contains($others, community) and not {profiles.is_profile_sql("community")}
            else community = $community end
    """
    with memory_database.cursor() as connection:
        rows = connection.execute(
            f"""
            with in_files as (
                select distinct community, contribution_id, cast(timezone('UTC', created_at) as date) as day
                from read_parquet($files, hive_partitioning = false)
                where {is_of_entry}
            ),
            in_raw as (
                select distinct community, contribution_id
                from read_parquet($raw, hive_partitioning = false, union_by_name = true)
                where {is_of_entry}
            )
            select day, count(*) from in_files anti join in_raw using (community, contribution_id)
            where day between $first_day and $last_day group by day
            """,
            {
                "files": files,
                "raw": held,
                "platform": one.platform,
                "community": one.community,
                "others": list(others),
                "first_day": min(of_day.day for of_day in days),
                "last_day": max(of_day.day for of_day in days),
            },
        ).fetchall()
    kept_out = {of_day.day: of_day.quarantined_rows_n for of_day in days}
    return {day for day, missing_n in rows if missing_n > kept_out.get(day, 0)}


def _kinds_in_raw(home: Home, one: _Outcome) -> set[str]:
    """The kinds of which raw holds anything of the community; of a wildcard's, anything of the platform."""
    files = _raw_files(home, one)
    if not files:
        return set()
    with memory_database.cursor() as connection:
        rows = connection.execute(
            "select distinct kind from read_parquet($raw, hive_partitioning = false, union_by_name = true) "
            f"where $community in ('{WILDCARD}', community)",
            {"raw": files, "community": one.community},
        ).fetchall()
    return {kind for (kind,) in rows}


def _raw_files(home: Home, one: _Outcome) -> list[str]:
    """The files with rows of the community; for a wildcard, of the platform. Compacted ones have rows of others too."""
    root = home.raw / "contributions"
    community = "*" if one.community == WILDCARD else escape(path_value(one.community))
    small = (root / f"platform={path_value(one.platform)}").glob(f"community={community}/day=*/*.parquet")
    return sorted({*map(str, small), *map(str, compacted.files_of_platform(root, one.platform))})


def _windows(days: Sequence[date]) -> Iterable[Window]:
    """Windows over the days, a calendar year at most."""
    by_year: dict[int, list[date]] = defaultdict(list)
    for day in days:
        by_year[day.year].append(day)
    return [Window(of_year[0], of_year[-1]) for of_year in by_year.values()]


def _write(home: Home, days: Sequence[_Outcome], looks: Sequence[Look]) -> list[str]:
    """One file for each year, named as a load's, so that a later load of the days replaces what was derived.

    Returns:
        The names.
    """
    one = days[0]
    folder = raw.coverage_folder(home, one.platform, one.community)
    load_ids = []
    for window in _windows(sorted({of_day.day for of_day in days})):
        is_replayable = one.source not in _LIVE_SOURCES
        load_id = landing.load_id_for(one.source, one.entry_id, window, "derived", is_replayable=is_replayable)
        file = folder / f"{load_id}.parquet"
        of_window = [look for look in looks if window.first_day <= look.day <= window.last_day]
        with parquet.draft_of(file) as draft:
            coverage.write(draft, of_window, source=one.source, load_id=load_id)
        load_ids.append(load_id)
    return load_ids
