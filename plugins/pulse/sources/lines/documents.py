"""JSON documents that hold their records in one array, such as exports of chats, read record by record.

A line of JSON is made of each record, so that all that reads lines reads documents too. Memory does not grow with the
document, only with its largest record.

A document that just ends was cut off while it was written: what it holds is whole up to there, and the caller is told.
One that is wrong before its end is damaged, and refused.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson

from pulse.core.errors import ArchiveUnreadable
from pulse.sources.lines import ndjson
from pulse.sources.lines.ndjson import ByteStream, Chunk, LineTooLong

Scalar = str | int | float | bool | None

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TAIL_BYTES = 4 * 1024
# Made once: `json.dumps` would make one for each record.
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# What stands before the array is a handful of facts; a document with more is another kind of document.
_MOST_FACTS = 1_000


@dataclass(frozen=True)
class Head:
    """What stands before the array.

    Attributes:
        facts: single values by their path, joined by dots: ``channel.id``.
        has_array: whether the array was reached.
    """

    facts: dict[str, Scalar]
    has_array: bool


def read_head(path: Path, *, array: str) -> Head:
    """Read what stands before the array, and stop there. What is no JSON has no facts.

    Args:
        array: the key of the array in the document's outermost object.

    Raises:
        ArchiveUnreadable, SourceUnavailable: see :func:`pulse.sources.lines.ndjson.opened`.
    """
    facts: dict[str, Scalar] = {}
    with ndjson.opened(path) as stream:
        try:
            for place, event, value in ijson.parse(_Watched(stream), use_float=True):
                if place == array and event == "start_array":
                    return Head(facts, has_array=True)
                if event in ("string", "number", "boolean", "null") and len(facts) < _MOST_FACTS:
                    facts[place] = value
        except ijson.JSONError:
            pass
    return Head(facts, has_array=False)


class Records:
    """The array's items, in order.

    Attributes:
        is_cut_off: whether the document just ended; known once all items were read.
    """

    def __init__(
        self, path: Path, *, array: str, opened: Callable[[], AbstractContextManager[ByteStream]] | None = None
    ) -> None:
        """Items that are not read yet.

        Args:
            path: the file, for messages too.
            array: the key of the array in the document's outermost object; empty where the document is the array.
            opened: gives the document, where it is a part of the file.
        """
        self._path = path
        self._array = array
        self._opened = opened or (lambda: ndjson.opened(path))
        self._tail = b""
        self.is_cut_off = False

    def __iter__(self) -> Iterator[Any]:
        """Raises:
        ArchiveUnreadable: damaged before its end; and as :func:`pulse.sources.lines.ndjson.opened`.
        SourceUnavailable: the file changed while it was read.
        """
        with self._opened() as stream:
            watched = _Watched(stream)
            items_n = 0
            try:
                for item in ijson.items(watched, f"{self._array}.item".lstrip("."), use_float=True):
                    items_n += 1
                    yield item
            except ijson.JSONError:
                # The parser's own message quotes the document, which is what people wrote.
                if not watched.has_ended:
                    raise ArchiveUnreadable(
                        f"archive {self._path}",
                        value=f"no JSON after item {items_n} of {self._array or 'its list'}, "
                        f"before byte {watched.read_n}",
                        limit="one JSON document in UTF-8",
                        next_step="export it again; nothing of it was taken",
                    ) from None
                self.is_cut_off = True
            self._tail = watched.tail

    @property
    def tail(self) -> bytes:
        """The document's last bytes, once all items were read."""
        return self._tail


def arrays_of(path: Path, *, opened: Callable[[], AbstractContextManager[ByteStream]] | None = None) -> tuple[str, ...]:
    """Places of arrays that lie in no other array, in order: keys of the outermost object, and of objects in it, joined
    by dots. One empty text where the document is an array itself.

    None where it is neither, or no JSON. A document that just ends has what began before.

    Raises:
        ArchiveUnreadable, SourceUnavailable: see :func:`pulse.sources.lines.ndjson.opened`.
    """
    found: dict[str, None] = {}
    with (opened or (lambda: ndjson.opened(path)))() as stream:
        try:
            for place, event, _ in ijson.parse(_Watched(stream), use_float=True):
                if event == "start_array" and "item" not in place.split("."):
                    found[place] = None
                    if not place:
                        break
        except ijson.JSONError:
            pass
    return tuple(found)


def as_line(record: object) -> bytes:
    """A record as one line of JSON, without its line end."""
    return _as_json(record).encode("utf-8", "surrogatepass")


def cut(lines: Iterable[bytes], *, chunk_bytes: int, first_line: int = 1) -> Iterator[Chunk | LineTooLong]:
    """Lines in chunks; where one ends depends on the lines and the limits alone.

    Args:
        lines: without their line ends.
        first_line: the number of the first.
    """
    held: list[bytes] = []
    held_bytes, line_number = 0, first_line
    for line in lines:
        is_too_long = len(line) > ndjson.MAX_LINE_BYTES
        if held and (is_too_long or held_bytes + len(line) >= chunk_bytes or len(held) == ndjson.MAX_CHUNK_LINES):
            yield Chunk(line_number, b"".join(held))
            line_number += len(held)
            held, held_bytes = [], 0
        if is_too_long:
            yield LineTooLong(line_number, line[: ndjson.KEPT_LINE_BYTES])
            line_number += 1
        else:
            held.append(line + b"\n")
            held_bytes += len(line) + 1
    if held:
        yield Chunk(line_number, b"".join(held))


class _Watched:
    """A stream that remembers its last bytes and whether it ended; a byte order mark at its start is left out."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.tail = b""
        self.read_n = 0
        self.has_ended = False

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, of any length; empty at the end. The parser asks for none to see what it is given."""
        if size == 0:
            return b""
        data = self._stream.read(size)
        if not self.read_n:
            while 0 < len(data) < len(_BYTE_ORDER_MARK) and (more := self._stream.read(size)):
                data += more
            self.read_n, data = len(data), data.removeprefix(_BYTE_ORDER_MARK)
            if self.read_n and not data:  # nothing but the mark so far, which is not the end
                data = self._stream.read(size)
                self.read_n += len(data)
        else:
            self.read_n += len(data)
        self.has_ended = not data
        self.tail = (self.tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        return data
