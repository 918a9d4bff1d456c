"""Parsing an archive once: decompressed stream → chunks at line ends → DuckDB → sealed Parquet chunks.

The caller's thread decompresses while two others, with a DuckDB each, parse the chunks before. A sealed chunk is never
parsed again: after a kill, only the decompression is repeated up to where it stopped. Memory does not grow with the
file.

Per chunk: lines that hold something the bulk reader would forgive go to the slow look at once. The rest is read
strictly; DuckDB refuses bad UTF-8, control characters, two objects on a line, repeated or wrongly typed fields. A
refused stretch is halved until the offending lines are few, and those get the slow look. Rows that were read but hold a
surprise (no id, text that is no text) get it too. A line that the slow look finds good goes back to the bulk reader.
"""

import hashlib
import json
import logging
import os
import queue
import shutil
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.contract import CONTRACT_VERSION, canonical_name
from pulse.errors import ArchiveUnreadable, SourceError, StorageError
from pulse.files import read_json, storage_error, write_json
from pulse.locks import exclusive
from pulse.settings import RedditEntry
from pulse.sources import ndjson, reddit
from pulse.sources.chunk_reader import MAX_UNKNOWN_KEYS, BadLine, ChunkReader
from pulse.sources.context import SourceContext
from pulse.sources.file_coverage import RULE_VERSION, FileCoverage, coverage_of_minutes, write_minutes
from pulse.sources.ndjson import Chunk, LineTooLong
from pulse.sources.reddit_rows import FAULT_SCHEMA, create_accounts, day_of, fault_table, write_faults, write_rows
from pulse.text import printable

log = logging.getLogger(__name__)

_WORKERS_N = 2
SKIPPED_FAULTS = frozenset({"blank_line"})
SEAL = "archive.json"


@dataclass(frozen=True)
class StagedArchive:
    """A parsed archive.

    Attributes:
        fingerprint: decides the content of every chunk, and so of every load made from it.
        coverage: what it proves that it lists.
    """

    folder: Path
    fingerprint: str
    coverage: FileCoverage
    unknown_keys: dict[str, int]
    unknown_keys_sampled_n: int

    def chunk_files(self) -> list[Path]:
        """Contract rows plus ``line_number``, in file order."""
        return sorted(self.folder.glob("chunk-*.parquet"))

    def fault_files(self) -> list[Path]:
        """Lines that gave no row, in file order."""
        return fault_files(self.folder)


def stage(
    path: Path,
    entries: Sequence[RedditEntry],
    context: SourceContext,
    *,
    chunk_bytes: int = ndjson.DEFAULT_CHUNK_BYTES,
) -> StagedArchive:
    """Parse the archive if that was not done yet; a second process waits for the first.

    Args:
        entries: all entries that read this file: their communities are kept, or all if one of them is a wildcard.

    Raises:
        ArchiveUnreadable, SourceUnavailable: see :func:`pulse.sources.ndjson.read_chunks`; also a file with lines of
            which none is a record.
        LockBusy: another process has been parsing it for over an hour.
        StorageError: landing cannot be written.
    """
    fingerprint = _fingerprint(path, entries, context, chunk_bytes)
    folder = context.home.landing / "archives" / fingerprint
    if not (folder / SEAL).is_file():
        with exclusive(context.home, f"archive-{fingerprint}", timeout_s=3_600):
            if not (folder / SEAL).is_file():
                staging = _Staging(path, entries, context, folder, chunk_bytes)
                try:
                    tally = staging.parse()
                    if _fingerprint(path, entries, context, chunk_bytes) != fingerprint:
                        raise ndjson.changed_while_read(path)
                    _seal_archive(path, folder, tally, staging.wanted)
                except SourceError:
                    # A mended copy may have the same size and time; what was read of this one must not be resumed.
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
    return _open(folder, fingerprint)


def staged(path: Path, entries: Sequence[RedditEntry], context: SourceContext) -> StagedArchive | None:
    """The archive if it was parsed already, without parsing it."""
    fingerprint = _fingerprint(path, entries, context, ndjson.DEFAULT_CHUNK_BYTES)
    folder = context.home.landing / "archives" / fingerprint
    return _open(folder, fingerprint) if (folder / SEAL).is_file() else None


def fault_files(folder: Path) -> list[Path]:
    """Files of bad lines in the folder of a staged archive, in file order."""
    return sorted(folder.glob("faults-*.parquet"))


def _open(folder: Path, fingerprint: str) -> StagedArchive:
    os.utime(folder)  # in use: the retention policy removes what nobody has asked for in a while
    facts = read_json(folder / SEAL)
    return StagedArchive(
        folder,
        fingerprint,
        FileCoverage.from_json(facts["coverage"]),
        facts["unknown_keys"],
        facts["unknown_keys_sampled_n"],
    )


def _fingerprint(path: Path, entries: Sequence[RedditEntry], context: SourceContext, chunk_bytes: int) -> str:
    identity = {
        "file": ndjson.fingerprint_of(path),
        "contract": CONTRACT_VERSION,
        "mapping": reddit.MAPPING_VERSION,
        "coverage_rule": RULE_VERSION,
        # Sealed chunks are found again by their first lines, so what decides where chunks end belongs here too.
        "cutting": [chunk_bytes, ndjson.MAX_CHUNK_LINES, ndjson.MAX_LINE_BYTES],
        "author_key": hashlib.sha256(b"pulse archive staging\x00" + context.author_key).hexdigest(),
        "entries": sorted(
            [entry.community, sorted(entry.bot_accounts), sorted(entry.team_accounts), entry.extra_fields]
            for entry in entries
        ),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


@dataclass
class _Tally:
    """What is known of an archive so far; sealed with each chunk so that a resumed run knows it too.

    Attributes:
        first_s, last_s: earliest and latest time of creation, seconds since 1970.
        first_row, last_row: community and time of the first and last good row in the file: whom to charge a bad line to
            that lies beside it.
    """

    first_s: float | None = None
    last_s: float | None = None
    first_row: tuple[str, float] | None = None
    last_row: tuple[str, float] | None = None
    unknown_keys: dict[str, int] = field(default_factory=dict)
    unknown_keys_sampled_n: int = 0

    def add(self, later: "_Tally") -> None:
        """Add what the next chunk found."""
        self.first_s = min((value for value in (self.first_s, later.first_s) if value is not None), default=None)
        self.last_s = max((value for value in (self.last_s, later.last_s) if value is not None), default=None)
        self.first_row = self.first_row or later.first_row
        self.last_row = later.last_row or self.last_row
        counts = Counter(self.unknown_keys) + Counter(later.unknown_keys)
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        self.unknown_keys = dict(by_count[:MAX_UNKNOWN_KEYS])
        self.unknown_keys_sampled_n += later.unknown_keys_sampled_n


@dataclass(frozen=True)
class _Worker:
    """What one parsing thread has to itself."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path


@dataclass(frozen=True)
class _Neighbours:
    """Community and time of the good rows of a chunk before and after a line; None where there is none."""

    earlier_community: str | None = None
    earlier_s: float | None = None
    later_community: str | None = None
    later_s: float | None = None


@dataclass(frozen=True)
class _Parsed:
    """What a chunk gave. ``neighbours`` are by line number, of bad lines that do not tell whose they are."""

    tally: _Tally
    bad_lines: list[BadLine] = field(default_factory=list)
    neighbours: dict[int, _Neighbours] = field(default_factory=dict)
    is_sealed: bool = False


class _Staging:
    """One pass over one archive."""

    def __init__(
        self,
        path: Path,
        entries: Sequence[RedditEntry],
        context: SourceContext,
        folder: Path,
        chunk_bytes: int,
    ) -> None:
        self._path = path
        self._entries = entries
        self._context = context
        self._folder = folder
        self._chunk_bytes = chunk_bytes
        self._with_extra = any(entry.extra_fields for entry in entries)
        self.wanted = None if any(entry.is_wildcard for entry in entries) else [entry.community for entry in entries]
        self._scratch = context.home.scratch / f"staging-{folder.name}"
        self._free_workers: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def parse(self) -> "_Tally":
        """Seal every chunk that is not sealed yet; returns the sum of all.

        Two chunks are parsed at a time beside the decompression, and sealed in file order.
        """
        tally = _Tally()
        shutil.rmtree(self._scratch, ignore_errors=True)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                for number in range(_WORKERS_N):
                    self._free_workers.put(stack.enter_context(self._worker(number)))
                pool = stack.enter_context(ThreadPoolExecutor(_WORKERS_N, thread_name_prefix="parse"))
                started: deque[tuple[Chunk | LineTooLong, Future[_Parsed]]] = deque()
                for item in ndjson.read_chunks(self._path, chunk_bytes=self._chunk_bytes):
                    started.append((item, pool.submit(self._parse_unless_sealed, item)))
                    if len(started) > _WORKERS_N:
                        tally.add(self._seal_chunk(*started.popleft(), tally))
                while started:
                    tally.add(self._seal_chunk(*started.popleft(), tally))
        except OSError as error:
            raise storage_error(self._folder, error) from error
        except duckdb.Error as error:
            # The text of a DuckDB error may hold a statement, and ours hold key material.
            raise StorageError(
                f"staging of {self._path}",
                value=type(error).__name__,
                next_step="free space or memory, then run again; sealed chunks are kept",
            ) from None
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return tally

    @contextmanager
    def _worker(self, number: int) -> "Iterator[_Worker]":
        """A database of its own: statements of two threads on one would wait for each other."""
        scratch = self._scratch / str(number)
        scratch.mkdir(parents=True)
        with duckdb.connect(
            config={"memory_limit": "500MB", "temp_directory": str(scratch / "spill"), "threads": "1"}
        ) as connection:
            connection.execute("set timezone = 'UTC'")
            create_accounts(connection, self._entries)
            yield _Worker(connection, scratch)

    # ---- one chunk ---------------------------------------------------------

    def _files_of(self, item: Chunk | LineTooLong) -> tuple[Path, Path, Path]:
        """Seal, rows and faults of a chunk."""
        number = f"{item.first_line:012d}-{'lines' if isinstance(item, Chunk) else 'too-long'}"
        return (
            self._folder / f"tally-{number}.json",
            self._folder / f"chunk-{number}.parquet",
            self._folder / f"faults-{number}.parquet",
        )

    def _parse_unless_sealed(self, item: Chunk | LineTooLong) -> "_Parsed":
        """In a worker's thread: write the chunk's rows, unless a run before sealed them."""
        seal, rows_file, _ = self._files_of(item)
        if seal.is_file() and (isinstance(item, LineTooLong) or rows_file.is_file()):
            return _Parsed(_Tally(**read_json(seal)), is_sealed=True)
        if isinstance(item, LineTooLong):
            fault = ndjson.line_too_long()
            return _Parsed(_Tally(), [BadLine(item.first_line, fault.name, fault.detail, item.start)])
        worker = self._free_workers.get()
        try:
            return self._parse_chunk(worker, item, rows_file)
        finally:
            self._free_workers.put(worker)

    def _seal_chunk(self, item: Chunk | LineTooLong, parsing: "Future[_Parsed]", before: "_Tally") -> "_Tally":
        """Write the chunk's faults, then its tally, which is its seal."""
        parsed = parsing.result()
        if not parsed.is_sealed:
            seal, _, faults_file = self._files_of(item)
            if parsed.bad_lines:
                write_faults(faults_file, fault_table(str(self._path), _charged(parsed, before)))
            write_json(seal, vars(parsed.tally))
        return parsed.tally

    def _parse_chunk(self, worker: "_Worker", chunk: Chunk, rows_file: Path) -> "_Parsed":
        reader = ChunkReader(
            worker.connection,
            worker.scratch,
            with_extra=self._with_extra,
            author_key=self._context.author_key,
            is_encoded=True,
        )
        reader.read(chunk)
        row = worker.connection.execute(
            "select min(created_utc), max(created_utc), arg_min(subreddit, line_number), "
            "arg_min(created_utc, line_number), arg_max(subreddit, line_number), "
            "arg_max(created_utc, line_number) from parsed"
        ).fetchone()
        tally = _Tally(unknown_keys=reader.unknown_keys, unknown_keys_sampled_n=reader.unknown_keys_sampled_n)
        if row and row[0] is not None:
            tally.first_s, tally.last_s, first_community, first_row_s, last_community, last_row_s = row
            tally.first_row = (canonical_name(reddit.PLATFORM, first_community), first_row_s)
            tally.last_row = (canonical_name(reddit.PLATFORM, last_community), last_row_s)
        parsed = _Parsed(tally, reader.bad_lines, _neighbours(worker.connection, reader.bad_lines))
        write_minutes(
            worker.connection,
            _minutes_file(rows_file),
            wanted=self.wanted or (),
            observed_fallback_s=self._observed_fallback_s,
        )
        self._write_rows(worker.connection, rows_file)
        reader.close()
        return parsed

    @property
    def _observed_fallback_s(self) -> float:
        return self._path.stat().st_mtime_ns / 1e9

    def _write_rows(self, connection: duckdb.DuckDBPyConnection, rows_file: Path) -> None:
        select = reddit.contract_select(
            author_key=self._context.author_key,
            role_sql="account_role",
            observed_fallback_s=self._observed_fallback_s,
            source="reddit_archive",
            with_extra=self._with_extra,
        )
        write_rows(connection, select, rows_file, entries=self._entries, communities=self.wanted)


def _minutes_file(rows_file: Path) -> Path:
    return rows_file.with_name(rows_file.name.replace("chunk-", "minutes-"))


def _neighbours(connection: duckdb.DuckDBPyConnection, bad: list[BadLine]) -> "dict[int, _Neighbours]":
    """The good rows of the chunk on either side of each bad line that does not tell its community and time itself."""
    unknown = [line.line_number for line in bad if line.community is None or line.created_s is None]
    if not unknown:
        return {}
    connection.register("asked", pa.table({"asked_line": unknown}))
    rows = connection.execute(
        """
        select asked_line, earlier.community_name, earlier.created_utc, later.community_name, later.created_utc
        from asked
        asof left join parsed as earlier on asked_line >= earlier.line_number
        asof left join parsed as later on asked_line <= later.line_number
        """
    ).fetchall()
    connection.unregister("asked")
    return {line: _Neighbours(*beside) for line, *beside in rows}


def _charged(parsed: "_Parsed", before: _Tally) -> list[BadLine]:
    """Give every bad line a community and a time: its own, else those of the good row before it, else after it.

    Archives are in order of time, so a line that cannot be read most likely belongs where its neighbours do.
    """
    before_community, before_s = before.last_row or (None, None)
    charged = []
    for line in parsed.bad_lines:
        beside = parsed.neighbours.get(line.line_number, _Neighbours())
        times = (line.created_s, beside.earlier_s, before_s, beside.later_s)
        charged.append(
            replace(
                line,
                community=line.community or beside.earlier_community or before_community or beside.later_community,
                created_s=next((time for time in times if time is not None), None),
            )
        )
    return charged


def _seal_archive(path: Path, folder: Path, tally: _Tally, wanted: Collection[str] | None) -> None:
    """Declare the archive parsed to its end.

    Raises:
        ArchiveUnreadable: there are lines, but no record: they could not be charged to any community or day.
    """
    try:
        if tally.first_row is None:
            _refuse_if_only_bad(path, folder)
        else:
            _charge_leading(folder, *tally.first_row)
    except OSError as error:
        raise storage_error(folder, error) from error
    proven = coverage_of_minutes(sorted(folder.glob("minutes-*.parquet")), wanted=wanted)
    known = {"unknown_keys": tally.unknown_keys, "unknown_keys_sampled_n": tally.unknown_keys_sampled_n}
    write_json(folder / SEAL, {"coverage": proven.to_json(), **known})
    log.info("archive staged: %s, %s to %s", printable(path.name), day_of(tally.first_s), day_of(tally.last_s))


def _refuse_if_only_bad(path: Path, folder: Path) -> None:
    for file in fault_files(folder):
        for row in pq.read_table(file, columns=["line_number", "fault", "detail"]).to_pylist():
            if row["fault"] not in SKIPPED_FAULTS:
                raise ArchiveUnreadable(
                    f"archive {path}",
                    value=f"no line is a record; line {row['line_number']}: {row['fault']} {row['detail']}",
                    limit="one JSON object per line, with id, subreddit and created_utc",
                    next_step="check what the file is; nothing of it was taken",
                )


def _charge_leading(folder: Path, community: str, created_s: float) -> None:
    """Charge bad lines before the first good row to that row, in chunks that were sealed before it was known."""
    for file in fault_files(folder):
        known = pq.read_table(file, columns=["community", "day"])
        if not known["community"].null_count and not known["day"].null_count:
            continue
        table = pq.read_table(file)
        for name, value in (("community", community), ("day", day_of(created_s))):
            position = table.schema.get_field_index(name)
            table = table.set_column(position, FAULT_SCHEMA.field(name), table[name].fill_null(value))
        write_faults(file, table)
