"""Reading archives of one JSON object per line: decompress, cut at line ends, and name what is wrong with a line.

The bulk path never looks at a line by itself. :func:`examine` is the slow look that only suspicious lines get; it
decides good or bad, and a good line goes back to the bulk path, so a line means the same whichever way it came.
"""

import gzip
import json
import math
import mmap
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import zstandard

from pulse.core import progress
from pulse.core.errors import ArchiveUnreadable, SourceUnavailable
from pulse.core.progress import Meter
from pulse.core.text import printable

# Below 32 MiB, so that the allocator uses the same memory again: it maps larger pieces anew, page by page, each time.
DEFAULT_CHUNK_BYTES = 30 * 1024 * 1024
# A chunk of very short lines ends here: what is kept per bad line must not grow with their number.
MAX_CHUNK_LINES = 250_000
# Reddit's texts end at 40,000 characters, and records with all their media are far below one MiB.
MAX_LINE_BYTES = 8 * 1024 * 1024
# Reddit's records are nested about ten levels deep. Readers that call themselves for each level end the process on
# lines that are nothing but brackets.
MAX_NESTING = 200
ZSTD_MAX_WINDOW_BYTES = 2**31
KEPT_LINE_BYTES = 64 * 1024
# Archives of real texts are packed to a tenth. What unpacks to more than this was made to fill a disk; small files may.
MAX_UNPACKED_RATIO = 200
MIN_REFUSED_BYTES = 1024**3
_READ_BYTES = 4 * 1024 * 1024
_SPARE_BYTES = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + low, 0x2A, 0x4D, 0x18]) for low in range(16))
_ZSTD_MAGICS = (_ZSTD_FRAME, *_ZSTD_SKIPPABLE)
_ZSTD_LONGEST_HEADER_BYTES = 18
_FOREIGN_MAGICS = {
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zX": "xz",
    b"BZh": "bzip2",
    b"7z\xbc\xaf": "7-Zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"PAR1": "Parquet",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


Compression = Literal["gzip", "zstd", "uncompressed"]
# What reading a file that is cut off, damaged or gone raises.
DECOMPRESSION_ERRORS = (OSError, EOFError, zlib.error, zstandard.ZstdError)
Positions = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Chunk:
    """Whole lines of an archive, in file order.

    Attributes:
        first_line: line number of its first line, from 1.
        data: the lines with their line ends; the last line of a file may have none.
    """

    first_line: int
    data: bytes

    @cached_property
    def ends(self) -> Positions:
        """Where its lines end; found once, for it takes as long as a copy."""
        return line_ends(self.data)

    @property
    def lines_n(self) -> int:
        """How many lines it holds."""
        return len(self.ends)


@dataclass(frozen=True)
class TableChunk:
    """Rows of a table, in file order: what is a table already need not become lines first.

    Attributes:
        first_line: number of its first row, from 1.
        table: the columns that the mapping reads, all of them text.
    """

    first_line: int
    table: pa.Table

    @property
    def lines_n(self) -> int:
        """How many rows it holds."""
        return int(self.table.num_rows)


# Fault of a record that is whole but nothing that anybody said: a notice of the platform, such as who joined. It is a
# documented skip, no bad line.
NOT_SPEECH = "not_speech"


@dataclass(frozen=True)
class LineTooLong:
    """A line of more than ``MAX_LINE_BYTES`` that fits into no chunk; only its beginning is kept."""

    first_line: int
    start: bytes


def line_ends(data: bytes) -> Positions:
    """Positions at which lines end; what follows the last line end is a line too, unless it is empty."""
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
    return ends if data.endswith(b"\n") else np.append(ends, len(data))


def read_chunks(path: Path, *, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> Iterator[Chunk | LineTooLong]:
    """Decompress (plain, gzip or Zstandard, told by the first bytes) and cut into chunks at line ends.

    Where a chunk ends depends only on the decompressed bytes and the limits, so a later run cuts at the same places. A
    byte order mark at the file's start is left out.

    Memory: about two chunks, plus the window of a Zstandard frame (up to 2 GiB).

    Raises:
        ArchiveUnreadable: cannot be opened, is cut off, damaged or packed in a way that is not known.
        SourceUnavailable: the file changed while it was read.
    """
    with opened(path) as stream:
        yield from _cut(_Buffer(stream), chunk_bytes)


@contextmanager
def opened(path: Path) -> "Iterator[ByteStream]":
    """The file's bytes, decompressed (plain, gzip or Zstandard, told by the first bytes).

    Raises:
        ArchiveUnreadable: cannot be opened, is cut off, damaged or packed in a way that is not known.
        SourceUnavailable: the file changed while it was read.
    """
    before = fingerprint_of(path)
    try:
        refuse_foreign(path)
        with decompressed(path) as stream:
            yield stream
    except DECOMPRESSION_ERRORS as error:
        raise ArchiveUnreadable(
            f"archive {path}",
            value=getattr(error, "strerror", None) or str(error),
            next_step="fetch the file again; nothing of it was taken",
        ) from error
    if fingerprint_of(path) != before:
        raise changed_while_read(path)


def fingerprint_of(path: Path) -> str:
    """Tells one state of a file from another without reading it: path, size and time of change.

    Raises:
        ArchiveUnreadable: the file is gone.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise ArchiveUnreadable(
            f"archive {path}", value=error.strerror, next_step="put it back, or mend the path in the config"
        ) from error
    return f"{path}|{facts.st_size}|{facts.st_mtime_ns}"


def changed_while_read(path: Path) -> SourceUnavailable:
    """The error for a file whose fingerprint is another than before."""
    return SourceUnavailable(
        f"archive {path}", value="changed while it was read", next_step="wait until it is written, then run again"
    )


# ---- decompressing ---------------------------------------------------------


class ByteStream(Protocol):
    """What can be read in pieces."""

    def read(self, size: int = -1, /) -> bytes:
        """The next piece; empty at the end."""

    def readinto(self, room: memoryview, /) -> int:
        """Put the next piece into memory that is there; returns its size, 0 at the end."""


@contextmanager
def decompressed(path: Path) -> Iterator[ByteStream]:
    """The same, whatever is in the file and whoever writes to it meanwhile.

    Raises:
        OSError, EOFError, zlib.error, zstandard.ZstdError: ``DECOMPRESSION_ERRORS``.
        ArchiveUnreadable: it unpacks to far more than any archive of texts does.
    """
    kind = compression_of(path)
    with (
        path.open("rb") as file,
        progress.counting(f"reading {printable(path.name)}", "bytes", path.stat().st_size) as meter,
    ):
        if kind == "gzip":
            with gzip.GzipFile(fileobj=file) as stream:
                yield _Followed(_Bounded(stream, path), file, meter)
        elif kind == "zstd":
            _require_whole_frames(file)
            decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
            with decompressor.stream_reader(file, read_across_frames=True, closefd=False) as stream:
                yield _Followed(_Bounded(stream, path), file, meter)
        else:
            yield _Followed(file, file, meter)


class _Followed:
    """A stream of a file that tells how much of the file was read for it."""

    def __init__(self, stream: ByteStream, file: IO[bytes], meter: Meter) -> None:
        self._stream, self._file, self._meter = stream, file, meter
        self._read_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._tell()
        return data

    def readinto(self, room: memoryview, /) -> int:
        size = self._stream.readinto(room)
        self._tell()
        return size

    def _tell(self) -> None:
        now_bytes = self._file.tell()
        self._meter.advance(now_bytes - self._read_bytes)
        self._read_bytes = now_bytes


class _Bounded:
    """A decompressing stream that ends in an error where it was made to fill a disk."""

    def __init__(self, stream: ByteStream, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._packed_bytes = path.stat().st_size
        self._unpacked_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data

    def readinto(self, room: memoryview, /) -> int:
        size = self._stream.readinto(room)
        self._count(size)
        return size

    def _count(self, size: int) -> None:
        self._unpacked_bytes += size
        refuse_bomb(self._path, packed_bytes=self._packed_bytes, unpacked_bytes=self._unpacked_bytes)


def refuse_bomb(path: Path, *, packed_bytes: int, unpacked_bytes: int) -> None:
    """Stop at content that was made to fill a disk.

    Raises:
        ArchiveUnreadable: it is over ``MIN_REFUSED_BYTES`` and ``MAX_UNPACKED_RATIO`` times what the file takes.
    """
    if unpacked_bytes >= max(MIN_REFUSED_BYTES, MAX_UNPACKED_RATIO * packed_bytes):
        raise ArchiveUnreadable(
            f"archive {path}",
            value=f"unpacks to {unpacked_bytes:,} bytes or more, and takes {packed_bytes:,}",
            limit=f"{MAX_UNPACKED_RATIO} times its size once over {MIN_REFUSED_BYTES:,} bytes",
            next_step="look at what it is; if it is meant so, unpack it yourself and name the result in the config",
        )


def compression_of(path: Path) -> Compression:
    """How a file is packed, told by its first bytes; in DuckDB's words.

    Raises:
        OSError: it cannot be opened.
    """
    magic = _magic_of(path)
    return "gzip" if magic.startswith(_GZIP_MAGIC) else "zstd" if magic in _ZSTD_MAGICS else "uncompressed"


def _magic_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def refuse_foreign(path: Path, *, limit: str = "lines of JSON in UTF-8: plain, gzip or Zstandard") -> None:
    """Name what a file is that is packed, or written, in a way that is not read here.

    Raises:
        ArchiveUnreadable: it is.
        OSError: it cannot be opened.
    """
    magic = _magic_of(path)
    for foreign, name in _FOREIGN_MAGICS.items():
        if magic.startswith(foreign):
            raise ArchiveUnreadable(
                f"archive {path}",
                value=f"looks like {name}",
                limit=limit,
                next_step="unpack or convert it, and name the result in the config",
            )


def _require_whole_frames(file: IO[bytes]) -> None:
    """Refuse a Zstandard file that ends inside a frame, for the library takes it for a finished one.

    Follows the lengths that the frames' blocks tell (RFC 8878, 3.1) without unpacking any: a read of three bytes for
    every 128 KiB of content.

    Raises:
        EOFError: it is cut off.
        zstandard.ZstdError: a frame's header is damaged. Other damage is left to the decompressor.
    """
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size
    at = 0
    while at < size:
        header = os.pread(descriptor, _ZSTD_LONGEST_HEADER_BYTES, at)
        if header.startswith(_ZSTD_SKIPPABLE):
            at += 8 + (int.from_bytes(header[4:8], "little") if len(header) >= 8 else size)
        elif header.startswith(_ZSTD_FRAME):
            at = _end_of_frame(descriptor, at, header, size)
        elif _ZSTD_FRAME.startswith(header):  # too short for any
            at = size + 1
        else:
            return
    if at > size:
        raise EOFError("the compressed stream is cut off")


def _end_of_frame(descriptor: int, start: int, header: bytes, size: int) -> int:
    """Where a frame ends; behind ``size`` where that does not hold all of it."""
    try:
        at = start + zstandard.frame_header_size(header)
    except zstandard.ZstdError:
        if len(header) < _ZSTD_LONGEST_HEADER_BYTES:
            return size + 1
        raise
    if at > size:
        return at
    checksum_bytes = 4 if zstandard.get_frame_parameters(header).has_checksum else 0
    is_last = False
    while not is_last:
        block = int.from_bytes(os.pread(descriptor, 3, at), "little")
        if at + 3 > size:
            return size + 1
        is_last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else length)  # one byte that is repeated
    return at + checksum_bytes


# ---- cutting ---------------------------------------------------------------


class _Buffer:
    """What was read from a stream and not handed on yet, in memory that is used again for each chunk."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._room: bytearray | mmap.mmap = bytearray()
        self._start = self._end = 0  # of what is held
        self._has_ended = False

    def fill(self, size: int) -> int:
        """Hold at least ``size`` bytes if the stream has that many; returns how many are held."""
        if self._end - self._start < size:
            self._make_room(size)
        while self._end - self._start < size and not self._has_ended:
            with memoryview(self._room)[self._end : self._end + _READ_BYTES] as room:
                piece_bytes = self._stream.readinto(room)
            self._has_ended = not piece_bytes
            self._end += piece_bytes
        return self._end - self._start

    def peek(self, size: int) -> bytes:
        """A copy of the next bytes."""
        with memoryview(self._room) as room:
            return bytes(room[self._start : self._start + size])

    def drop(self, size: int) -> None:
        """Go on behind the next bytes."""
        self._start += size

    def starts_with(self, prefix: bytes) -> bool:
        """Whether these are the next bytes."""
        return self.peek(min(len(prefix), self._end - self._start)) == prefix

    def chunk_size(self, chunk_bytes: int) -> int:
        """Size of the next whole lines: as many as fit into ``chunk_bytes``, or one; 0 if that one is too long."""
        held_bytes = self.fill(chunk_bytes)
        return held_bytes if held_bytes < chunk_bytes else self._last_end(chunk_bytes) or self._end_of_long_line()

    def half_of(self, size: int) -> int:
        """Size of about half of these whole lines, or of the first."""
        return self._last_end(size // 2) or self._first_end()

    def skip_line(self) -> None:
        """Leave out everything up to the next line's start."""
        while self.fill(1):
            size = self._first_end()
            self._start = self._start + size if size else self._end
            if size:
                return

    def _make_room(self, size: int) -> None:
        """Have room for ``size`` bytes from what is held on, and more to read into."""
        if self._start + size < len(self._room):
            return
        held = self.peek(self._end - self._start)
        if size + _SPARE_BYTES > len(self._room):
            self._room = bytearray()  # not kept beside its successor
            # Not zeroed beforehand, which took longer than reading a small file.
            self._room = mmap.mmap(-1, size + _SPARE_BYTES)
        self._room[: len(held)] = held
        self._start, self._end = 0, len(held)

    def _last_end(self, size: int) -> int:
        return max(self._room.rfind(b"\n", self._start, self._start + size) + 1 - self._start, 0)

    def _first_end(self) -> int:
        return max(self._room.find(b"\n", self._start, self._end) + 1 - self._start, 0)

    def _end_of_long_line(self) -> int:
        held_bytes = self.fill(MAX_LINE_BYTES + 1)
        size = self._first_end()
        if not size and held_bytes <= MAX_LINE_BYTES:
            return held_bytes  # the file's last line, without a line end
        return size if size <= MAX_LINE_BYTES + 1 else 0


def _cut(buffer: _Buffer, chunk_bytes: int) -> Iterator[Chunk | LineTooLong]:
    line_number = 1
    buffer.fill(len(_BYTE_ORDER_MARK))
    if buffer.starts_with(_BYTE_ORDER_MARK):
        buffer.drop(len(_BYTE_ORDER_MARK))
    while buffer.fill(1):
        size = buffer.chunk_size(chunk_bytes)
        if size:
            chunk = Chunk(line_number, buffer.peek(size))
            while chunk.lines_n > MAX_CHUNK_LINES:
                size = buffer.half_of(size)
                chunk = Chunk(line_number, buffer.peek(size))
            buffer.drop(size)
            yield chunk
            line_number += chunk.lines_n
        else:
            yield LineTooLong(line_number, buffer.peek(min(KEPT_LINE_BYTES, MAX_LINE_BYTES)))
            buffer.skip_line()
            line_number += 1


# ---- one line, slowly ------------------------------------------------------


class Record(dict[str, Any]):
    """A parsed object that remembers which of its keys stood more than once."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line: a name for counting, and a detail for the reader.

    Attributes:
        record: the parsed object, where the line is whole and its meaning is at fault.
    """

    name: str
    detail: str = ""
    record: Record | None = field(default=None, compare=False, repr=False)


def examine(line: bytes, check: Callable[[Record], Fault | None]) -> Fault | Record | None:
    """Say what is wrong with one line.

    Args:
        line: without its line end.
        check: looks at the parsed object and names a fault of meaning, or returns None. Numbers reach it as floats.

    Returns:
        None for a blank line, the fault, or the parsed object when the line is good.
    """
    stripped = line.strip(b" \t\r\n")
    if not stripped:
        return None
    if len(line) > MAX_LINE_BYTES:
        return line_too_long()
    try:
        text = stripped.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault("invalid_utf8", f"at byte {error.start}")
    return _odd_start(text) or _examine_json(text, check)


def _odd_start(text: str) -> Fault | None:
    """What need not, or must not, be tried to be read as JSON."""
    if "\x00" in text:
        return Fault("nul_byte", f"at character {text.index(chr(0))}")
    if text.startswith("<"):
        return Fault("html_error_page", "markup instead of JSON")
    if _is_nested_too_deeply(text):
        return Fault("nested_too_deeply", f"limit {MAX_NESTING} levels")
    return None


def line_too_long() -> Fault:
    """The fault of a line beyond the limit, wherever it is met."""
    return Fault("line_too_long", f"limit {MAX_LINE_BYTES} bytes")


def number_in(value: object) -> float | None:
    """The number that a JSON value says: a number, a truth value, or plain text of a number; else None.

    The bulk reader takes the same texts and no others: no blanks, no underscores, no plus sign, no foreign digits. What
    is too large for a number is infinite.
    """
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:  # a whole number of over 300 digits
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TEXT_LITERAL = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKET = re.compile(r"[\[\]{}]")
_NOT_FINITE = re.compile(r'"([^"\\]{1,100})"[ \t\r]*:[ \t\r]*(-?(?:nan|inf(?:inity)?))\b', re.IGNORECASE)
# Pairs and plain escapes come first, so that what is left as a group of its own is half a character.
_LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _is_nested_too_deeply(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_TEXT_LITERAL.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_NESTING:
            return True
    return False


class _NotFinite(ValueError):
    """NaN or an infinity, which JSON does not know."""


def _refuse_constant(name: str) -> None:
    raise _NotFinite(name)


def _record(pairs: list[tuple[str, Any]]) -> Record:
    found = Record(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        found.repeated = tuple(sorted(name for name, count in counts.items() if count > 1))
    return found


# Whole numbers as floats: Python refuses to read whole numbers of more than 4,300 digits.
_DECODER = json.JSONDecoder(object_pairs_hook=_record, parse_constant=_refuse_constant, parse_int=float)


def _examine_json(text: str, check: Callable[[Record], Fault | None]) -> Fault | Record:
    try:
        record = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return _syntax_fault(text, error)
    except _NotFinite:
        return _not_finite(text)
    except RecursionError:
        return Fault("not_json", "nested too deeply for the stack that is left")
    if any(match[1] for match in _LONE_SURROGATE.finditer(text)):
        return Fault("lone_surrogate", "an escaped half of a character")
    if not isinstance(record, Record):
        return Fault("not_an_object", type(record).__name__)
    fault = check(record)
    return replace(fault, record=record) if fault else record


def _syntax_fault(text: str, error: json.JSONDecodeError) -> Fault:
    where = f"{error.msg} at character {error.pos}"
    found = text[error.pos : error.pos + 16]
    if error.msg == "Extra data":
        return Fault("two_objects_one_line" if found.startswith("{") else "not_json", where)
    if found.lstrip("-").lower().startswith(("nan", "inf")):
        return _not_finite(text)
    if _parses_without_trailing_commas(text):
        return Fault("trailing_comma", where)
    if text.startswith("{") and not text.endswith("}"):
        return Fault("truncated", where)
    return Fault("not_json", where)


def _not_finite(text: str) -> Fault:
    match = _NOT_FINITE.search(text)
    return Fault("nan_or_infinity", f"{match[1]} is {match[2]}" if match else "NaN and infinities are no JSON")


def _parses_without_trailing_commas(text: str) -> bool:
    without = re.sub(r",([ \t\r]*[}\]])", r"\1", text)
    if without == text:
        return False
    try:
        _DECODER.decode(without)
    except ValueError:
        return False
    return True
