"""Reading archives of one JSON object per line: decompress, cut at line ends, and name what is wrong with a line.

The bulk path never looks at a line by itself. :func:`examine` is the slow look that only suspicious lines get; it
decides good or bad, and a good line goes back to the bulk path, so a line means the same whichever way it came.
"""

import gzip
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

import zstandard

from pulse.errors import ArchiveUnreadable, SourceUnavailable

DEFAULT_CHUNK_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 32 * 1024 * 1024
ZSTD_MAX_WINDOW_BYTES = 2**31
KEPT_LINE_BYTES = 64 * 1024
_READ_BYTES = 4 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGICS = (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + low, 0x2A, 0x4D, 0x18]) for low in range(16)))


@dataclass(frozen=True)
class Chunk:
    """Whole lines of an archive, in file order.

    Attributes:
        number: 0 for the first chunk.
        first_line: line number of its first line, from 1.
        data: the lines with their line ends; the last line of a file may have none.
    """

    number: int
    first_line: int
    data: bytes

    @property
    def lines_n(self) -> int:
        """How many lines it holds."""
        ends_n = self.data.count(b"\n")
        return ends_n if self.data.endswith(b"\n") or not self.data else ends_n + 1


@dataclass(frozen=True)
class LineTooLong:
    """A line of more than ``MAX_LINE_BYTES``; only its beginning is kept."""

    first_line: int
    start: bytes


def read_chunks(path: Path, *, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> Iterator[Chunk | LineTooLong]:
    """Decompress (plain, gzip or Zstandard, told by the first bytes) and cut into chunks at line ends.

    Memory: about two chunks, plus the window of a Zstandard frame (up to 2 GiB).

    Raises:
        ArchiveUnreadable: cannot be opened, is cut off or damaged.
        SourceUnavailable: the file changed while it was read.
    """
    before = fingerprint_of(path)
    try:
        with _open(path) as stream:
            yield from _cut(stream, chunk_bytes)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise ArchiveUnreadable(
            f"archive {path}",
            value=getattr(error, "strerror", None) or str(error),
            next_step="fetch the file again; nothing of it was taken",
        ) from error
    if fingerprint_of(path) != before:
        raise SourceUnavailable(
            f"archive {path}", value="changed while it was read", next_step="wait until it is written, then run again"
        )


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


class ByteStream(Protocol):
    """What can be read in pieces and closed."""

    def read(self, size: int = -1, /) -> bytes:
        """The next piece; empty at the end."""

    def __enter__(self) -> "ByteStream":
        """Itself."""

    def __exit__(self, *_: object) -> None:
        """Close."""


def _open(path: Path) -> ByteStream:
    file = path.open("rb")
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return cast("ByteStream", gzip.GzipFile(fileobj=file))
    if magic in _ZSTD_MAGICS:
        return cast("ByteStream", _WholeZstd(file))
    return cast("ByteStream", file)


class _WholeZstd(io.RawIOBase):
    """A Zstandard stream of any number of frames that does not take a cut-off file for a finished one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
        self._frame: Any = None
        self._input = b""

    def read(self, _size: int = -1) -> bytes:
        """The next decompressed piece, of any length; empty at the end.

        Raises:
            EOFError: the file ends inside a frame.
        """
        while True:
            data = self._input or self._file.read(1024 * 1024)
            self._input = b""
            if not data:
                if self._frame is not None:
                    raise EOFError("the compressed stream is cut off")
                return b""
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            output: bytes = self._frame.decompress(data)
            if self._frame.eof:
                self._input = self._frame.unused_data
                self._frame = None
            if output:
                return output

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()


def _cut(stream: ByteStream, chunk_bytes: int) -> Iterator[Chunk | LineTooLong]:
    number, line_number = 0, 1
    pieces: list[bytes] = []
    held_bytes = 0
    while piece := stream.read(_READ_BYTES):
        pieces.append(piece)
        held_bytes += len(piece)
        if held_bytes < chunk_bytes:
            continue
        held = b"".join(pieces)
        end = held.rfind(b"\n") + 1
        if end:
            chunk = Chunk(number, line_number, held[:end])
            yield chunk
            number, line_number = number + 1, line_number + chunk.lines_n
            pieces = [held[end:]]
        elif held_bytes > MAX_LINE_BYTES:
            yield LineTooLong(line_number, held[:KEPT_LINE_BYTES])
            pieces = [_skip_line(stream)]
            line_number += 1
        else:
            pieces = [held]
        held_bytes = len(pieces[0])
    rest = b"".join(pieces)
    if rest:
        yield Chunk(number, line_number, rest)


def _skip_line(stream: ByteStream) -> bytes:
    """Read on to the end of the line; returns what follows it."""
    while piece := stream.read(_READ_BYTES):
        end = piece.find(b"\n")
        if end >= 0:
            return piece[end + 1 :]
    return b""


# ---- one line, slowly ------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line: a name for counting, and a detail for the reader."""

    name: str
    detail: str = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        found[_REPEATED] = sorted({name for name in names if names.count(name) > 1})
    return found


_REPEATED = "\x00repeated keys"


def examine(line: bytes, check: Callable[[dict[str, Any]], Fault | None]) -> Fault | dict[str, Any] | None:
    """Say what is wrong with one line.

    Args:
        line: without its line end.
        check: looks at the parsed object and names a fault of meaning, or returns None.

    Returns:
        None for a blank line, the fault, or the parsed object when the line is good.
    """
    stripped = line.strip(b" \t\r\n")
    if not stripped:
        return None
    if len(line) > MAX_LINE_BYTES:
        return Fault("line_too_long", f"{len(line)} bytes, limit {MAX_LINE_BYTES}")
    if b"\x00" in stripped:
        return Fault("nul_byte", f"at byte {line.index(0)}")
    try:
        text = stripped.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault("invalid_utf8", f"at byte {error.start}")
    if text.startswith("<"):
        return Fault("html_error_page", "markup instead of JSON")
    return _examine_json(text, check)


def _examine_json(text: str, check: Callable[[dict[str, Any]], Fault | None]) -> Fault | dict[str, Any]:
    try:
        record = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        return _syntax_fault(text, error)
    except (RecursionError, ValueError) as error:
        return Fault("not_json", type(error).__name__)
    if not isinstance(record, dict):
        return Fault("not_an_object", type(record).__name__)
    if _LONE_SURROGATE.search(text) and _has_lone_surrogate(record):
        return Fault("lone_surrogate", "an escaped half of a character")
    return check(record) or record


_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _has_lone_surrogate(record: dict[str, Any]) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _syntax_fault(text: str, error: json.JSONDecodeError) -> Fault:
    where = f"{error.msg} at character {error.pos}"
    if error.msg == "Extra data" and text[error.pos :].lstrip().startswith("{"):
        return Fault("two_objects_one_line", where)
    if re.search(r",\s*[}\]]", text) and _parses_without_trailing_commas(text):
        return Fault("trailing_comma", where)
    if text.startswith("{") and not text.endswith("}"):
        return Fault("truncated", where)
    return Fault("not_json", where)


def _parses_without_trailing_commas(text: str) -> bool:
    try:
        json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
    except ValueError:
        return False
    return True


def repeated_keys(record: dict[str, Any]) -> list[str]:
    """Top-level keys that stood more than once in a line that :func:`examine` parsed."""
    return list(record.get(_REPEATED, ()))


def is_number(value: object) -> bool:
    """Whether the value reads as a finite number: a number, or text of one."""
    if isinstance(value, bool):
        return True
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return False
    return isinstance(value, int | float) and math.isfinite(value)
