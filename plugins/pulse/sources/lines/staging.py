"""Parsing an archive once: decompressed stream → chunks at line ends → DuckDB → sealed Parquet chunks.

The caller's thread decompresses while two others, with a DuckDB each, parse the chunks before. A sealed chunk is never
parsed again: after a kill, only the decompression is repeated up to where it stopped. Memory does not grow with the
file.

Per chunk: lines that hold something the bulk reader would forgive go to the slow look at once. The rest is read
strictly; DuckDB refuses bad UTF-8, control characters, two objects on a line, repeated or wrongly typed fields. A
refused stretch is halved until the offending lines are few, and those get the slow look. Rows that were read but hold a
surprise (no id, text that is no text) get it too. A line that the slow look finds good goes back to the bulk reader.
"""

import contextlib
import hashlib
import importlib
import itertools
import json
import logging
import os
import queue
import shutil
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pulse.core import memory_database
from pulse.core.contract import CONTRACT_VERSION
from pulse.core.errors import ArchiveUnreadable, SourceError, StorageError
from pulse.core.files import fsync_file, read_json, storage_error, write_json
from pulse.core.locks import exclusive
from pulse.core.text import printable
from pulse.lake import landing
from pulse.sources.context import SourceContext
from pulse.sources.lines import ndjson
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.file_coverage import (
    RULE_VERSION,
    FileCoverage,
    FileStatement,
    coverage_of_minutes,
    coverage_of_part,
    coverage_of_statement,
    write_minutes,
)
from pulse.sources.lines.mapping import Mapping, TableMapping
from pulse.sources.lines.ndjson import Chunk, LineTooLong, TableChunk
from pulse.sources.lines.reader import MAX_UNKNOWN_KEYS, BadLine, ChunkReader
from pulse.sources.lines.rows import FAULT_SCHEMA, day_of, fault_table, write_faults
from pulse.sources.lines.staged_rows import write_parsed
from pulse.sources.lines.table_reader import TableReader

log = logging.getLogger(__name__)

_WORKERS_N = 2
BLANK_LINE = "blank_line"
# Lines that are left out on purpose: they are counted, and are no fault of the file.
SKIPPED_FAULTS = frozenset({BLANK_LINE, ndjson.NOT_SPEECH})
_Item = Chunk | LineTooLong | TableChunk
SEAL = "archive.json"
UNPLACED = "unplaced.parquet"


@dataclass(frozen=True)
class StagedArchive:
    """A parsed archive.

    Attributes:
        fingerprint: decides the content of every chunk, and so of every load made from it.
        coverage: what it proves that it lists.
        lines_n: lines read, blank ones included.
        other_rows_n: usable records of communities that nobody asked for; they are not in the chunks.
        unplaced_content: tells the content of the file as far as its unplaced lines go, see
            :class:`pulse.lake.landing.FileAccount`.
    """

    path: Path
    folder: Path
    fingerprint: str
    coverage: FileCoverage
    unknown_keys: dict[str, int]
    unknown_keys_sampled_n: int
    lines_n: int
    other_rows_n: int
    unplaced_content: str

    @property
    def unplaced_file(self) -> Path:
        """Lines that gave no row and tell no community or no day; there only if there are any."""
        return self.folder / UNPLACED

    def chunk_files(self) -> list[Path]:
        """Contract rows plus ``line_number``, in file order."""
        return sorted(self.folder.glob("chunk-*.parquet"))

    def fault_files(self) -> list[Path]:
        """Lines that gave no row, in file order."""
        return fault_files(self.folder)


def stage(
    path: Path,
    entries: Sequence[FileEntry],
    context: SourceContext,
    *,
    chunk_bytes: int = ndjson.DEFAULT_CHUNK_BYTES,
) -> StagedArchive:
    """Parse the archive if that was not done yet; a second process waits for the first.

    Args:
        entries: all entries that read this file: their communities are kept, or all if one of them is a wildcard.

    Raises:
        ArchiveUnreadable, SourceUnavailable: see the mapping's ``chunks``; also a file with lines of which none is
            a record.
        LockBusy: another process has been parsing it for over an hour.
        StorageError: landing cannot be written.
    """
    mapping = mapping_of(path, entries, context)
    fingerprint = _fingerprint(path, entries, context, mapping, chunk_bytes)
    folder = context.home.landing / "archives" / fingerprint
    if not (folder / SEAL).is_file():
        with exclusive(context.home, f"archive-{fingerprint}", timeout_s=3_600):
            if not (folder / SEAL).is_file():
                staging = _Staging(path, entries, context, mapping, folder, chunk_bytes)
                try:
                    tally = staging.parse()
                    if _fingerprint(path, entries, context, mapping, chunk_bytes) != fingerprint:
                        raise ndjson.changed_while_read(path)
                    _seal_archive(path, folder, tally, staging)
                except SourceError:
                    # A mended copy may have the same size and time; what was read of this one must not be resumed.
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
    return _open(path, folder, fingerprint)


def staged(path: Path, entries: Sequence[FileEntry], context: SourceContext) -> StagedArchive | None:
    """The archive if it was parsed already, without parsing it."""
    mapping = mapping_of(path, entries, context)
    fingerprint = _fingerprint(path, entries, context, mapping, ndjson.DEFAULT_CHUNK_BYTES)
    folder = context.home.landing / "archives" / fingerprint
    return _open(path, folder, fingerprint) if (folder / SEAL).is_file() else None


def fault_files(folder: Path) -> list[Path]:
    """Files of bad lines in the folder of a staged archive, in file order."""
    return sorted(folder.glob("faults-*.parquet"))


def _open(path: Path, folder: Path, fingerprint: str) -> StagedArchive:
    os.utime(folder)  # in use: the retention policy removes what nobody has asked for in a while
    facts = read_json(folder / SEAL)
    return StagedArchive(
        path,
        folder,
        fingerprint,
        FileCoverage.from_json(facts["coverage"]),
        facts["unknown_keys"],
        facts["unknown_keys_sampled_n"],
        facts["lines_n"],
        facts["other_rows_n"],
        facts["unplaced_content"],
    )


def mapping_of(path: Path, entries: Sequence[FileEntry], context: SourceContext) -> Mapping:
    """What the records of a file mean that these entries read; they all read it alike.

    Raises:
        ConfigError: the entry does not fit the file.
    """
    mapping: Mapping = importlib.import_module(entries[0].files_module).mapping(entries, context.author_key, path)
    return mapping


def source_of(entry: FileEntry) -> str:
    """What the rows of an entry's files are said to come from."""
    return str(importlib.import_module(entry.files_module).SOURCE)


def _fingerprint(
    path: Path, entries: Sequence[FileEntry], context: SourceContext, mapping: Mapping, chunk_bytes: int
) -> str:
    identity = {
        "file": ndjson.fingerprint_of(path),
        "contract": CONTRACT_VERSION,
        "mapping": mapping.version,
        "reading": str(entries[0].reading),
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
        lines_n, rows_n: lines read, and those of them that are usable records.
        other_rows_n: usable records of communities that nobody asked for.
    """

    first_s: float | None = None
    last_s: float | None = None
    lines_n: int = 0
    rows_n: int = 0
    other_rows_n: int = 0
    unknown_keys: dict[str, int] = field(default_factory=dict)
    unknown_keys_sampled_n: int = 0

    def add(self, later: "_Tally") -> None:
        """Add what the next chunk found."""
        self.first_s = min((value for value in (self.first_s, later.first_s) if value is not None), default=None)
        self.last_s = max((value for value in (self.last_s, later.last_s) if value is not None), default=None)
        self.lines_n += later.lines_n
        self.rows_n += later.rows_n
        self.other_rows_n += later.other_rows_n
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
class _Parsed:
    """What a chunk gave."""

    tally: _Tally
    bad_lines: list[BadLine] = field(default_factory=list)
    is_sealed: bool = False


class _Staging:
    """One pass over one archive."""

    def __init__(
        self,
        path: Path,
        entries: Sequence[FileEntry],
        context: SourceContext,
        mapping: Mapping,
        folder: Path,
        chunk_bytes: int,
    ) -> None:
        self._path = path
        self._entries = entries
        self._context = context
        self._folder = folder
        self._chunk_bytes = chunk_bytes
        self._mapping = mapping
        self.record_limit = mapping.record_limit
        self.statement: FileStatement | None = None
        self.wanted = None if any(entry.is_wildcard for entry in entries) else [entry.community for entry in entries]
        self._scratch = context.home.scratch / f"staging-{folder.name}"
        self._workers = ExitStack()
        self._making = threading.Lock()
        self._made_n = itertools.count()
        self._free_workers: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def parse(self) -> "_Tally":
        """Seal every chunk that is not sealed yet; returns the sum of all.

        Two chunks are parsed at a time beside the decompression, and sealed in file order.
        """
        tally = _Tally()
        shutil.rmtree(self._scratch, ignore_errors=True)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for draft in self._folder.glob(".*.tmp"):  # of a run that was killed: the caller's lock is held
                draft.unlink()
            self._scratch.mkdir(parents=True, mode=0o700)
            with self._workers, ThreadPoolExecutor(_WORKERS_N, thread_name_prefix="parse") as pool:
                started: deque[tuple[_Item, Future[_Parsed]]] = deque()
                for item in self._mapping.chunks(self._path, chunk_bytes=self._chunk_bytes, scratch=self._scratch):
                    if isinstance(item, FileStatement):
                        self.statement = item
                        continue
                    started.append((item, pool.submit(self._parse_unless_sealed, item)))
                    if len(started) > _WORKERS_N:
                        tally.add(self._seal_chunk(*started.popleft()))
                while started:
                    tally.add(self._seal_chunk(*started.popleft()))
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

    def _free_worker(self) -> "_Worker":
        """One that no thread has; made when it is needed, for a file of one chunk needs but one."""
        with contextlib.suppress(queue.Empty):
            return self._free_workers.get_nowait()
        with self._making:
            return self._workers.enter_context(self._worker())

    @contextmanager
    def _worker(self) -> "Iterator[_Worker]":
        """A database of its own: statements of two threads on one would wait for each other."""
        scratch = self._scratch / str(next(self._made_n))
        scratch.mkdir(parents=True)
        with memory_database.workbench(scratch / "spill", memory_limit="500MB", threads_n=1) as connection:
            yield _Worker(connection, scratch)

    # ---- one chunk ---------------------------------------------------------

    def _files_of(self, item: _Item) -> tuple[Path, Path, Path]:
        """Seal, rows and faults of a chunk."""
        number = f"{item.first_line:012d}-{'too-long' if isinstance(item, LineTooLong) else 'lines'}"
        return (
            self._folder / f"tally-{number}.json",
            self._folder / f"chunk-{number}.parquet",
            self._folder / f"faults-{number}.parquet",
        )

    def _parse_unless_sealed(self, item: _Item) -> "_Parsed":
        """In a worker's thread: write the chunk's rows, unless a run before sealed them."""
        seal, rows_file, _ = self._files_of(item)
        if seal.is_file() and (isinstance(item, LineTooLong) or rows_file.is_file()):
            return _Parsed(_Tally(**read_json(seal)), is_sealed=True)
        if isinstance(item, LineTooLong):
            fault = ndjson.line_too_long()
            return _Parsed(_Tally(lines_n=1), [BadLine(item.first_line, fault.name, fault.detail, item.start)])
        worker = self._free_worker()
        try:
            return self._parse_chunk(worker, item, rows_file)
        finally:
            self._free_workers.put(worker)

    def _seal_chunk(self, item: _Item, parsing: "Future[_Parsed]") -> "_Tally":
        """Write the chunk's faults, then its tally, which is its seal."""
        parsed = parsing.result()
        if not parsed.is_sealed:
            seal, _, faults_file = self._files_of(item)
            if parsed.bad_lines:
                write_faults(faults_file, fault_table(str(self._path), parsed.bad_lines))
            write_json(seal, vars(parsed.tally))
        return parsed.tally

    def _parse_chunk(self, worker: "_Worker", chunk: Chunk | TableChunk, rows_file: Path) -> "_Parsed":
        if isinstance(chunk, TableChunk):
            return self._parse_table(worker, chunk, rows_file)
        fallback_s = self._observed_fallback_s
        reader = ChunkReader(worker.connection, worker.scratch, self._mapping)
        reader.read(chunk)
        tally = self._counted(worker, rows_file, chunk.lines_n, self._mapping.seen_at_sql(fallback_s))
        tally.unknown_keys = reader.unknown_keys
        tally.unknown_keys_sampled_n = reader.unknown_keys_sampled_n
        write_parsed(
            worker.connection,
            self._mapping.contract_select(role_sql="account_role", observed_fallback_s=fallback_s),
            rows_file,
            entries=self._entries,
            communities=self.wanted,
        )
        reader.close()
        return _Parsed(tally, reader.bad_lines)

    def _parse_table(self, worker: "_Worker", chunk: TableChunk, rows_file: Path) -> "_Parsed":
        reader = TableReader(
            worker.connection,
            cast("TableMapping", self._mapping),
            entries=self._entries,
            observed_fallback_s=self._observed_fallback_s,
        )
        reader.read(chunk)
        tally = self._counted(worker, rows_file, chunk.lines_n, "seen_s")
        reader.write_rows(rows_file, communities=self.wanted)
        reader.close()
        return _Parsed(tally, reader.bad_lines)

    def _counted(self, worker: "_Worker", rows_file: Path, lines_n: int, seen_at_sql: str) -> "_Tally":
        """Count what view ``identified`` holds, and write the minutes in which it has records.

        Args:
            seen_at_sql: expression over the view for when a record was seen, seconds since 1970.
        """
        is_wanted = "true" if self.wanted is None else "list_contains($wanted, community_name)"
        row = worker.connection.execute(
            f"select min(created_s), max(created_s), count(*), count(*) filter (where not {is_wanted}) from identified",
            {} if self.wanted is None else {"wanted": self.wanted},
        ).fetchone()
        tally = _Tally(lines_n=lines_n)
        if row:
            tally.first_s, tally.last_s, tally.rows_n, tally.other_rows_n = row
        write_minutes(worker.connection, _minutes_file(rows_file), wanted=self.wanted or (), seen_at_sql=seen_at_sql)
        return tally

    @property
    def _observed_fallback_s(self) -> float:
        return self._path.stat().st_mtime_ns / 1e9


def _minutes_file(rows_file: Path) -> Path:
    return rows_file.with_name(rows_file.name.replace("chunk-", "minutes-"))


def _seal_archive(path: Path, folder: Path, tally: _Tally, staging: _Staging) -> None:
    """Declare the archive parsed to its end.

    Raises:
        ArchiveUnreadable: there are lines, but no record.
    """
    try:
        if not tally.rows_n:
            _refuse_if_only_bad(path, folder, staging.record_limit)
        content = _gather_unplaced(folder, tally)
    except OSError as error:
        raise storage_error(folder, error) from error
    statement = staging.statement
    if statement is not None and not statement.spans_records:
        proven = coverage_of_statement(statement)
    else:
        proven = coverage_of_minutes(sorted(folder.glob("minutes-*.parquet")), wanted=staging.wanted)
        proven = proven if statement is None else coverage_of_part(statement, proven)
    known = {"unknown_keys": tally.unknown_keys, "unknown_keys_sampled_n": tally.unknown_keys_sampled_n}
    counts = {"lines_n": tally.lines_n, "other_rows_n": tally.other_rows_n, "unplaced_content": content}
    write_json(folder / SEAL, {"coverage": proven.to_json(), **known, **counts})
    log.info("archive staged: %s, %s to %s", printable(path.name), day_of(tally.first_s), day_of(tally.last_s))


def _gather_unplaced(folder: Path, tally: _Tally) -> str:
    """Put the lines that tell no community or no day into a file of their own, if there are any; returns their content.

    Loads that are taken from the archive link to it: such lines belong to no load, and are booked once.
    """
    content = landing.UnplacedContent(f"{tally.lines_n} lines, {tally.rows_n} records")
    draft = folder / f".{UNPLACED}.tmp"
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for file in fault_files(folder):
            table = pq.read_table(file)
            is_placed = pc.and_(pc.is_valid(table["community"]), pc.is_valid(table["day"]))
            is_skip = pc.is_in(table["fault"], pa.array(sorted(SKIPPED_FAULTS)))
            unplaced = table.filter(pc.invert(pc.or_(is_placed, is_skip)))
            if not unplaced.num_rows:
                continue
            for row in unplaced.select(["line_number", "fault", "line"]).to_pylist():
                content.add(row["line_number"], row["fault"], row["line"])
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(draft, FAULT_SCHEMA))
            writer.write_table(unplaced)
    if writer is not None:
        fsync_file(draft)
        draft.replace(folder / UNPLACED)
    return content.name


def _refuse_if_only_bad(path: Path, folder: Path, record_limit: str) -> None:
    """Refuse a file of which no line is a record.

    Args:
        record_limit: what a line must be to give a record, in words.
    """
    for file in fault_files(folder):
        for row in pq.read_table(file, columns=["line_number", "fault", "detail"]).to_pylist():
            if row["fault"] not in SKIPPED_FAULTS:
                raise ArchiveUnreadable(
                    f"archive {path}",
                    value=f"no line is a record; line {row['line_number']}: {row['fault']} {row['detail']}",
                    limit=record_limit,
                    next_step="check what the file is; nothing of it was taken",
                )
