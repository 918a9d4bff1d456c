"""Loads taken from files, whatever their platform.

A file is parsed once into sealed chunks under ``landing/archives`` (:mod:`pulse.sources.lines.staging`); every
community, day and rerun reads those. A load is a selection from them, so the same files always give the same load.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pulse.core import coverage, memory_database
from pulse.core.contract import CONTRACT_VERSION, Proof, projection
from pulse.core.coverage import Look
from pulse.core.errors import ConfigError, DayNotServable, StorageError
from pulse.core.files import sql_text, storage_error
from pulse.core.locks import exclusive
from pulse.core.strict import WILDCARD
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import BAD_LINES_COLUMNS, FileAccount, Load, LoadManifest
from pulse.lake.spans import Stretch, merged, minute_at, within_day
from pulse.platforms.entry import CommunityEntry
from pulse.platforms.profiles import account_in, is_profile_sql
from pulse.sources.context import SourceContext
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.file_coverage import common
from pulse.sources.lines.rows import write_days
from pulse.sources.lines.staging import BLANK_LINE, SKIPPED_FAULTS, StagedArchive, source_of, stage

log = logging.getLogger(__name__)

_MEMORY_LIMIT = "1GB"


def extract(entry: FileEntry, window: Window, context: SourceContext) -> Load:
    """Land the entry's contributions that were created in the window.

    The load's id is a digest of the files, the window, what the config declares of them, and what decides the mapping;
    a sealed load of that id is returned as it is.

    Raises:
        ArchiveUnreadable: a file cannot be opened, is cut off or damaged.
        SourceUnavailable: a file changed while it was read.
        ConfigError: the config declares a kind that no file holds.
        DayNotServable: no file of the entry reaches into the window.
        LockBusy: another process has been at the same files or load for over an hour.
        StorageError: landing cannot be written.
    """
    archive = open_archives(entry, context)
    archive.require_servable(window)
    named_elsewhere = _named_elsewhere(entry, context.entries)
    declared = [f"{one.first_day} {one.last_day} {' '.join(one.kinds)}" for one in entry.covers]
    load_id = landing.load_id_for(
        archive.source,
        entry.entry_id,
        window,
        *(file.fingerprint for file in archive.files),
        *named_elsewhere,
        *declared,
        is_replayable=True,
    )
    with exclusive(context.home, f"load-{load_id}", timeout_s=3_600):
        existing = landing.find(context.home, load_id)
        if existing is not None:
            log.info("%s is sealed already", load_id)
            return existing
        try:
            return _seal_selection(archive, window, context, named_elsewhere, load_id)
        except duckdb.Error as error:  # its text may hold a whole statement
            raise StorageError(
                f"load {load_id}",
                value=type(error).__name__,
                next_step="free space or memory, then run again; the staged archive is kept",
            ) from None


# ---- what the files prove ------------------------------------------------------


@dataclass(frozen=True)
class EntryArchive:
    """The files of one entry, parsed.

    Attributes:
        source: what their rows are said to come from.
    """

    entry: FileEntry
    files: tuple[StagedArchive, ...]
    source: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of which some file holds records, or says that it lists them."""
        return tuple(kind for kind in self.entry.kinds if any(kind in file.coverage.kinds for file in self.files))

    @property
    def speaks_for_parts(self) -> bool:
        """Whether some file says itself what it holds, of a part of the community."""
        return any(file.coverage.part is not None for file in self.files)

    @property
    def partial_reason(self) -> str | None:
        """Which files lack what they were meant to hold, and why."""
        reasons = [
            f"{printable(file.path.name, max_chars=100)}: {file.coverage.partial_reason}"
            for file in self.files
            if file.coverage.partial_reason is not None and self.entry.community in file.coverage.communities
        ]
        return "; ".join(reasons) or None

    @property
    def is_never_seen(self) -> bool:
        """Whether the files hold records, and none of them of the community that the entry names."""
        names = {name for file in self.files for name in file.coverage.communities}
        return bool(names) and not self.entry.is_wildcard and self.entry.community not in names

    def named_elsewhere(self, entries: Iterable[CommunityEntry]) -> tuple[str, ...]:
        """Communities that have an entry of their own, if this one takes all others."""
        return _named_elsewhere(self.entry, entries)

    def looks(self, window: Window, *, except_communities: tuple[str, ...] = ()) -> list[Look]:
        """What was looked at in the window: per day and kind what the files span or the config declares, else nothing.

        A wildcard speaks for all communities but some where a file is a dump of the site, and for each one by itself
        where it is not.
        """
        rows = []
        for community in self._communities_spoken_for(except_communities):
            others = except_communities if community == WILDCARD else ()
            proven = {kind: self.stretches(kind, community) for kind in self.entry.kinds}
            for day in window.days():
                for kind in self.entry.kinds:
                    rows += self._looks_of(community, day, kind, others, proven[kind])
        return rows

    def stretches(self, kind: str, community: str) -> list[Stretch]:
        """What the files prove of a community, in no order; stretches of several files may overlap.

        A part of a community is proven where one of its files says so, the community where all parts that are written
        in by that kind are.
        """
        by_part: dict[str, list[Stretch]] = {}
        found = []
        for file in self.files:
            # What one file says of all communities is not said again of each.
            if community != WILDCARD and self.entry.is_wildcard and file.coverage.is_site_wide:
                continue
            if file.coverage.part is None:
                found += file.coverage.of(kind, community)
            elif community in file.coverage.communities and kind in file.coverage.kinds:
                by_part.setdefault(file.coverage.part, []).extend(file.coverage.of(kind, community))
        return found + common(list(by_part.values()))

    def whole_days(self, window: Window) -> set[date]:
        """Days of the window that are proven from end to end, posts and comments."""
        return coverage.whole_days(self.looks(window), community=self.entry.community, kinds=self.entry.kinds)

    def holds_any_of(self, window: Window) -> bool:
        """Whether anything is proven of some day of the window, or some record of the entry lies in it."""
        return any(look.looked_from is not None for look in self.looks(window)) or self._has_records(window)

    def require_servable(self, window: Window) -> None:
        """Refuse days that the files do not reach, and declarations that they contradict.

        Raises:
            ConfigError: the config declares a kind that no file holds.
            DayNotServable: nothing is proven of any day of the window, and no record lies in it.
        """
        for declared in self.entry.covers:
            for kind in declared.kinds:
                if kind not in self.kinds:
                    raise ConfigError(
                        f"covers of {self.entry.entry_id}", value=f"kind {kind}",
                        limit=f"kinds that its files hold: {', '.join(self.kinds) or 'none'}",
                        next_step="take the kind out of `covers`, or add the file that holds it",
                    )  # fmt: skip
        # Of a name that nothing bears no other days would help: its load says so.
        if self.is_never_seen or self.holds_any_of(window):
            return
        starts = [stretch.first_min for stretch in self._all_stretches()]
        where = f" in {self.files[0].path}" if len(self.files) == 1 else f" in {len(self.files):,} files"
        held = "" if starts else ", nor from any other day"
        raise DayNotServable(
            f"archive of {self.entry.entry_id}",
            value=f"nothing from {window}{held}{where}",
            earliest_day=minute_at(min(starts)).date() if starts else None,
            next_step="choose days that the files span, or add the file that holds them",
        )

    def _all_stretches(self) -> Iterator[Stretch]:
        """Whatever is proven of anybody."""
        if self.speaks_for_parts:
            for kind in self.kinds:
                yield from self.stretches(kind, self.entry.community)
            return
        for file in self.files:
            for by_name in file.coverage.stretches.values():
                for stretches in by_name.values():
                    yield from stretches

    def _communities_spoken_for(self, except_communities: tuple[str, ...]) -> list[str]:
        if not self.entry.is_wildcard:
            return [self.entry.community]
        own = {name for file in self.files for name in file.coverage.own_communities() if not self._is_profile(name)}
        return [WILDCARD, *sorted(own - set(except_communities))]

    def _is_profile(self, community: str) -> bool:
        return self.entry.has_profiles and account_in(community) is not None

    def _looks_of(
        self, community: str, day: date, kind: str, others: tuple[str, ...], proven: Sequence[Stretch]
    ) -> list[Look]:
        platform = self.entry.platform
        if self._is_declared(day, kind):
            return [coverage.whole_day(platform, community, day, kind, "declared", except_communities=others)]
        stretches = within_day(proven, day)
        if not stretches:
            return [coverage.nothing(platform, community, day, kind, except_communities=others)]
        is_listed = self.speaks_for_parts and all(file.coverage.is_listed for file in self.files)
        proof: Proof = "listed" if is_listed else "spanned"
        return [
            Look(
                platform, community, day, kind, minute_at(one.first_min), minute_at(one.end_min), proof,
                except_communities=others,
            )
            for one in merged(stretches)
        ]  # fmt: skip

    def _is_declared(self, day: date, kind: str) -> bool:
        return any(
            one.first_day <= day <= one.last_day and kind in (one.kinds or self.kinds) for one in self.entry.covers
        )

    def _has_records(self, window: Window) -> bool:
        """Whether any record tells a day of the window, usable or not: what is unusable has to be counted too."""
        rows = [file for archive in self.files for file in archive.chunk_files()]
        faults = [file for archive in self.files for file in archive.fault_files()]
        names = [] if self.entry.is_wildcard else [self.entry.community]
        with memory_database.cursor() as connection:
            return any(
                connection.execute(
                    "select 1 from read_parquet($files, hive_partitioning = false) "
                    f"where {day} between $first_day and $last_day and {_community_filter(self.entry)} limit 1",
                    {
                        "files": [str(file) for file in files],
                        "first_day": window.first_day,
                        "last_day": window.last_day,
                        "names": names,
                    },
                ).fetchone()
                for files, day in ((rows, "cast(timezone('UTC', created_at) as date)"), (faults, "day"))
                if files
            )


def open_archives(entry: FileEntry, context: SourceContext) -> EntryArchive:
    """The entry's files, parsed if they were not yet.

    Raises:
        SourceError, LockBusy, StorageError: see :func:`extract`.
    """
    files = tuple(stage(path, entries_of(path, entry, context.entries), context) for path in entry.path)
    return EntryArchive(entry, files, source_of(entry))


def entries_of(path: Path, entry: FileEntry, entries: Iterable[CommunityEntry]) -> tuple[FileEntry, ...]:
    """The entries that read this file as one of them does; what is staged of it serves all of them."""
    return tuple(
        other
        for other in entries
        if isinstance(other, FileEntry) and path in other.path and other.reading == entry.reading
    )


def _named_elsewhere(entry: FileEntry, entries: Iterable[CommunityEntry]) -> tuple[str, ...]:
    """Communities that a wildcard leaves to other entries, whatever files those read."""
    if not entry.is_wildcard:
        return ()
    return tuple(
        sorted(other.community for other in entries if other.platform == entry.platform and not other.is_wildcard)
    )


def _seal_selection(
    archive: EntryArchive, window: Window, context: SourceContext, named_elsewhere: tuple[str, ...], load_id: str
) -> Load:
    entry, archives = archive.entry, archive.files
    folder = landing.draft(context.home, load_id)
    spill = context.home.scratch / load_id
    with memory_database.workbench(spill, memory_limit=_MEMORY_LIMIT) as connection:
        accounts = [_Account(archive) for archive in archives]
        _select_rows(connection, entry, window, accounts, named_elsewhere, load_id)
        rows_by_day = write_days(connection, folder)
        bad_lines_n = _write_bad_lines(connection, entry, window, accounts, named_elsewhere, folder)
        coverage_rows_n = coverage.write(
            folder / coverage.COVERAGE_FILE,
            archive.looks(window, except_communities=named_elsewhere),
            source=archive.source,
            load_id=load_id,
        )
    _link_unplaced(archives, folder)
    manifest = LoadManifest(
        load_id=load_id,
        platform=entry.platform,
        entry_id=entry.entry_id,
        community=entry.community,
        source=archive.source,
        is_replayable=True,
        first_day=window.first_day,
        last_day=window.last_day,
        rows_by_day=rows_by_day,
        bad_lines_n=bad_lines_n,
        skipped=_merged_counts(account.skipped for account in accounts),
        files=tuple(account.closed() for account in accounts),
        coverage_rows_n=coverage_rows_n,
        kinds_read=archive.kinds,
        observes=tuple(sorted(entry.files_observe)),
        is_never_seen=archive.is_never_seen,
        partial_reason=archive.partial_reason,
        unknown_keys=_merged_counts(file.unknown_keys for file in archives),
        unknown_keys_sampled_n=sum(file.unknown_keys_sampled_n for file in archives),
        named_elsewhere=named_elsewhere,
        contract_version=CONTRACT_VERSION,
        sealed_at=context.clock(),
    )
    return landing.seal(context.home, folder, manifest)


def _merged_counts(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for part in counts:
        for name, count in part.items():
            merged[name] = merged.get(name, 0) + count
    return merged


# ---- accounts --------------------------------------------------------------


@dataclass
class _Account:
    """What becomes of the lines of one archive in one load, counted step by step.

    Attributes:
        skipped: documented skips that belong to the load.
        chosen_n: usable records of the load's communities and days, those skipped included.
    """

    archive: StagedArchive
    landed_n: int = 0
    chosen_n: int = 0
    quarantined_n: int = 0
    unplaced_n: int = 0
    blank_n: int = 0
    bad_outside_n: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str, count: int) -> None:
        """Count lines that were left out on purpose."""
        if count:
            self.skipped[reason] = self.skipped.get(reason, 0) + count

    def closed(self) -> FileAccount:
        """The account as the manifest has it. Rows outside are counted where they lie, in the staged chunks."""
        rows_n = sum(pq.read_metadata(file).num_rows for file in self.archive.chunk_files())
        return FileAccount(
            file=printable(str(self.archive.path)),
            content=self.archive.unplaced_content,
            lines_n=self.archive.lines_n,
            landed_n=self.landed_n,
            quarantined_n=self.quarantined_n,
            unplaced_n=self.unplaced_n,
            skipped=self.skipped | ({"blank_line": self.blank_n} if self.blank_n else {}),
            outside_n=rows_n - self.chosen_n + self.archive.other_rows_n + self.bad_outside_n,
        )


def _link_unplaced(archives: Sequence[StagedArchive], folder: Path) -> None:
    """Give the load the lines that no load can place: the gate books them once for each content."""
    for archive in archives:
        if archive.unplaced_file.is_file():
            target = folder / landing.unplaced_name(archive.unplaced_content)
            try:
                if not target.exists():  # copies of one file have the same lines
                    target.hardlink_to(archive.unplaced_file)
            except OSError as error:
                raise storage_error(target, error) from error


# ---- selecting -------------------------------------------------------------


def _select_rows(
    connection: duckdb.DuckDBPyConnection,
    entry: FileEntry,
    window: Window,
    accounts: Sequence[_Account],
    named_elsewhere: tuple[str, ...],
    load_id: str,
) -> None:
    """Make table ``selected`` of the load's rows, and note in the accounts what was left out on purpose.

    A repeat is the same contribution observed at the same time; the first in file order stays. The same contribution
    seen at another time is another observation; with another time of creation it is a contradiction, which gate 1 keeps
    out. A wildcard leaves out profiles: they are somebody's own page, and only read where they are named.
    """
    # An archive is staged for all its entries; only some of them may have asked for further fields.
    overrides = {"load_id": sql_text(load_id), "extra": "extra" if entry.extra_fields else "null"}
    connection.execute(
        f"""
        create temp table selected as
        select *,
               row_number() over (
                   partition by community, contribution_id, observed_at, created_at order by filename, line_number
               ) as repeat_number
        from (
            select {projection(overrides=overrides)},
                   cast(timezone('UTC', created_at) as date) as partition_day,
                   {_is_left_out_sql(entry)} as is_profile,
                   filename,
                   line_number
            from read_parquet($files, hive_partitioning = false, filename = true)
            where created_at >= $start_at and created_at < $end_at and {_community_filter(entry)}
        )
        """,
        {
            "files": [str(file) for account in accounts for file in account.archive.chunk_files()],
            "start_at": window.start_at,
            "end_at": window.end_at,
            "names": list(named_elsewhere) if entry.is_wildcard else [entry.community],
        },
    )
    by_folder = {account.archive.folder: account for account in accounts}
    for file, chosen_n, profile_n, repeated_n in connection.execute(
        "select filename, count(*), count(*) filter (where is_profile), "
        "count(*) filter (where not is_profile and repeat_number > 1) from selected group by all"
    ).fetchall():
        account = by_folder[Path(file).parent]
        account.chosen_n += chosen_n
        account.landed_n += chosen_n - profile_n - repeated_n
        account.skip("profile_community", profile_n)
        account.skip("duplicate_record", repeated_n)
    connection.execute("delete from selected where is_profile or repeat_number > 1")
    for column in ("is_profile", "filename", "line_number", "repeat_number"):
        connection.execute(f"alter table selected drop column {column}")


def _is_left_out_sql(entry: FileEntry) -> str:
    """Whether the community of a row is an account's own page that nobody named."""
    return is_profile_sql("community") if entry.is_wildcard and entry.has_profiles else "false"


def _community_filter(entry: FileEntry) -> str:
    return "not list_contains($names, community)" if entry.is_wildcard else "list_contains($names, community)"


def _write_bad_lines(
    connection: duckdb.DuckDBPyConnection,
    entry: FileEntry,
    window: Window,
    accounts: Sequence[_Account],
    named_elsewhere: tuple[str, ...],
    folder: Path,
) -> int:
    """Write the unusable lines that tell a community and a day of the load, and note where the others belong.

    Returns:
        How many were written.
    """
    connection.execute(
        f"create temp table faults ({BAD_LINES_COLUMNS}, lines_n BIGINT, filename VARCHAR, place VARCHAR)"
    )
    files = [str(file) for account in accounts for file in account.archive.fault_files()]
    if files:
        profile = _is_left_out_sql(entry)
        connection.execute(
            f"""
            insert into faults by name
            select *,
                case
                    when fault = '{BLANK_LINE}' then 'blank'
                    when community is null or day is null then 'unplaced'
                    when not (day between $first_day and $last_day and {_community_filter(entry)}) then 'outside'
                    when {profile} then 'profile'
                    when list_contains($skips, fault) then 'skip'
                    else 'load'
                end as place
            from read_parquet($files, hive_partitioning = false, filename = true)
            """,
            {
                "files": files,
                "first_day": window.first_day,
                "last_day": window.last_day,
                "names": list(named_elsewhere) if entry.is_wildcard else [entry.community],
                "skips": sorted(SKIPPED_FAULTS),
            },
        )
    by_folder = {account.archive.folder: account for account in accounts}
    for file, place, fault, lines_n in connection.execute(
        "select filename, place, case when place = 'skip' then fault end, cast(sum(lines_n) as bigint) "
        "from faults group by all"
    ).fetchall():
        account = by_folder[Path(file).parent]
        match place:
            case "blank":
                account.blank_n += lines_n
            case "unplaced":
                account.unplaced_n += lines_n
            case "outside":
                account.bad_outside_n += lines_n
            case "profile":
                account.skip("profile_community", lines_n)
            case "skip":
                account.skip(fault, lines_n)
            case _:
                account.quarantined_n += lines_n
    connection.execute(
        "copy (select * exclude (lines_n, filename, place) from faults where place = 'load' "
        f"order by file, line_number) to {sql_text(folder / 'bad_lines.parquet')} (format parquet, compression zstd)"
    )
    return sum(account.quarantined_n for account in accounts)
