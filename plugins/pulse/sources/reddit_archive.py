"""Source ``reddit_archive``: Pushshift and Arctic Shift files of submissions and comments.

An archive is parsed once into sealed chunks under ``landing/archives`` (:mod:`pulse.sources.archive_staging`); every
community, day and rerun reads those. A load is a selection from them, so the same files always give the same load.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from pulse import landing
from pulse.contract import CONTRACT_VERSION, projection
from pulse.errors import DayNotServable, StorageError
from pulse.files import sql_text
from pulse.landing import BAD_LINES_COLUMNS, Load, LoadManifest
from pulse.locks import exclusive
from pulse.settings import RedditEntry, Settings
from pulse.sources.archive_staging import SKIPPED_FAULTS, StagedArchive, stage
from pulse.sources.context import SourceContext
from pulse.sources.reddit_rows import write_days
from pulse.window import Window

log = logging.getLogger(__name__)

SOURCE = "reddit_archive"
_MEMORY_LIMIT = "1GB"


def extract(entry: RedditEntry, window: Window, context: SourceContext) -> Load:
    """Land the entry's contributions that were created in the window.

    The load's id is a digest of the files, the window and what decides the mapping; a sealed load of that id is
    returned as it is.

    Raises:
        ArchiveUnreadable: a file cannot be opened, is cut off or damaged.
        SourceUnavailable: a file changed while it was read.
        DayNotServable: no file of the entry reaches into the window.
        LockBusy: another process has been at the same files or load for over an hour.
        StorageError: landing cannot be written.
    """
    archives = [stage(path, entries_of(path, context.settings), context) for path in entry.path]
    _require_servable(entry, window, archives)
    named_elsewhere = _named_elsewhere(entry, context.settings)
    load_id = landing.load_id_for(
        SOURCE, entry.entry_id, window, *(archive.fingerprint for archive in archives), *named_elsewhere
    )
    with exclusive(context.home, f"load-{load_id}", timeout_s=3_600):
        existing = landing.find(context.home, load_id)
        if existing is not None:
            log.info("reddit_archive: %s is sealed already", load_id)
            return existing
        try:
            return _seal_selection(entry, window, context, archives, named_elsewhere, load_id)
        except duckdb.Error as error:  # its text may hold a whole statement
            raise StorageError(
                f"load {load_id}",
                value=type(error).__name__,
                next_step="free space or memory, then run again; the staged archive is kept",
            ) from None


def spans(entry: RedditEntry, window: Window, context: SourceContext) -> bool:
    """Whether the entry's files hold every day of the window.

    Raises:
        SourceError, LockBusy, StorageError: see :func:`extract`; files are parsed to know.
    """
    archives = [stage(path, entries_of(path, context.settings), context) for path in entry.path]
    return all(any(archive.proves(day) for archive in archives) for day in window.days())


def entries_of(path: Path, settings: Settings) -> tuple[RedditEntry, ...]:
    """The entries that read this file; what is staged of it serves all of them."""
    return tuple(entry for entry in settings.communities if path in entry.path)


def _named_elsewhere(entry: RedditEntry, settings: Settings) -> tuple[str, ...]:
    """Communities that a wildcard leaves to other entries, whatever files those read."""
    if not entry.is_wildcard:
        return ()
    return tuple(
        sorted(
            other.community
            for other in settings.communities
            if other.platform == entry.platform and not other.is_wildcard
        )
    )


def _require_servable(entry: RedditEntry, window: Window, archives: Sequence[StagedArchive]) -> None:
    spans = [archive for archive in archives if archive.first_day is not None]
    if any(span.covers_any(window) for span in spans):
        return
    earliest = min((span.first_day for span in spans if span.first_day), default=None)
    raise DayNotServable(
        f"archive of {entry.entry_id}",
        value=f"nothing from {window}",
        earliest_day=earliest,
        next_step="choose days that the files span, or add the file that holds them",
    )


def _seal_selection(
    entry: RedditEntry,
    window: Window,
    context: SourceContext,
    archives: Sequence[StagedArchive],
    named_elsewhere: tuple[str, ...],
    load_id: str,
) -> Load:
    folder = landing.draft(context.home, load_id)
    spill = context.home.scratch / load_id
    with duckdb.connect(config={"memory_limit": _MEMORY_LIMIT, "temp_directory": str(spill)}) as connection:
        connection.execute("set timezone = 'UTC'")
        duplicates_n = _select_rows(connection, entry, window, archives, named_elsewhere, load_id)
        rows_by_day = write_days(connection, folder)
        bad_lines_n, skipped = _write_bad_lines(connection, entry, window, archives, named_elsewhere, folder)
    if duplicates_n:
        skipped["duplicate_record"] = duplicates_n
    manifest = LoadManifest(
        load_id=load_id,
        platform=entry.platform,
        entry_id=entry.entry_id,
        community=entry.community,
        source=SOURCE,
        is_replayable=True,
        first_day=window.first_day,
        last_day=window.last_day,
        rows_by_day=rows_by_day,
        bad_lines_n=bad_lines_n,
        skipped=skipped,
        incomplete_days=tuple(day for day in window.days() if not any(archive.proves(day) for archive in archives)),
        unknown_keys=_merged_counts(archive.unknown_keys for archive in archives),
        unknown_keys_sampled_n=sum(archive.unknown_keys_sampled_n for archive in archives),
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


# ---- selecting -------------------------------------------------------------


def _select_rows(
    connection: duckdb.DuckDBPyConnection,
    entry: RedditEntry,
    window: Window,
    archives: Sequence[StagedArchive],
    named_elsewhere: tuple[str, ...],
    load_id: str,
) -> int:
    """Make table ``selected`` of the load's rows; returns how many exact repeats were left out.

    A repeat is the same contribution observed at the same time; the first in file order stays. The same contribution
    seen at another time is another observation.
    """
    # An archive is staged for all its entries; only some of them may have asked for further fields.
    overrides = {"load_id": sql_text(load_id), "extra": "extra" if entry.extra_fields else "null"}
    connection.execute(
        f"""
        create table selected as
        select {projection(overrides=overrides)},
               cast(timezone('UTC', created_at) as date) as partition_day,
               row_number() over (
                   partition by community, contribution_id, observed_at order by filename, line_number
               ) as repeat_number
        from read_parquet($files, hive_partitioning = false, filename = true)
        where created_at >= $start_at and created_at < $end_at and {_community_filter(entry)}
        """,
        {
            "files": [str(file) for archive in archives for file in archive.chunk_files()],
            "start_at": window.start_at,
            "end_at": window.end_at,
            "names": list(named_elsewhere) if entry.is_wildcard else [entry.community],
        },
    )
    row = connection.execute("select count(*) from selected where repeat_number > 1").fetchone()
    connection.execute("delete from selected where repeat_number > 1")
    connection.execute("alter table selected drop column repeat_number")
    return int(row[0]) if row else 0


def _community_filter(entry: RedditEntry) -> str:
    return "not list_contains($names, community)" if entry.is_wildcard else "list_contains($names, community)"


def _write_bad_lines(
    connection: duckdb.DuckDBPyConnection,
    entry: RedditEntry,
    window: Window,
    archives: Sequence[StagedArchive],
    named_elsewhere: tuple[str, ...],
    folder: Path,
) -> tuple[int, dict[str, int]]:
    """Write the load's share of unreadable lines; returns their number and the documented skips by reason."""
    connection.execute(f"create table bad_lines ({BAD_LINES_COLUMNS}, lines_n BIGINT)")
    files = [str(file) for archive in archives for file in archive.fault_files()]
    if files:
        connection.execute(
            f"""
            insert into bad_lines by name
            select file, line_number, fault, detail, line, community, day, lines_n
            from read_parquet($files, hive_partitioning = false)
            where day between $first_day and $last_day and {_community_filter(entry)}
            """,
            {
                "files": files,
                "first_day": window.first_day,
                "last_day": window.last_day,
                "names": list(named_elsewhere) if entry.is_wildcard else [entry.community],
            },
        )
    skipped = dict(
        connection.execute(
            "select fault, cast(sum(lines_n) as bigint) from bad_lines where list_contains($skips, fault) "
            "group by all order by all",
            {"skips": sorted(SKIPPED_FAULTS)},
        ).fetchall()
    )
    connection.execute("delete from bad_lines where list_contains($skips, fault)", {"skips": sorted(SKIPPED_FAULTS)})
    connection.execute(
        "copy (select * exclude (lines_n) from bad_lines order by file, line_number) "
        f"to {sql_text(folder / 'bad_lines.parquet')} (format parquet, compression zstd)"
    )
    row = connection.execute("select count(*) from bad_lines").fetchone()
    return (int(row[0]) if row else 0), skipped
