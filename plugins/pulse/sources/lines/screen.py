"""The cheap screen: which lines of a chunk need the slow look before the bulk reader sees them.

The bulk reader forgives a comma before a closing bracket, NaN, infinities and a byte order mark where it begins to
read, and it follows brackets to any depth. Whatever it forgives must be found here, or a line would be good or bad
depending on what lies beside it. The screen works on whole arrays of bytes, never line by line. A suspicion costs one
slow look and decides nothing.
"""

from typing import Any

import numpy as np

from pulse.sources.lines import ndjson
from pulse.sources.lines.ndjson import Positions

ByteArray = np.ndarray[Any, np.dtype[np.uint8]]

_WHITE = b" \t\r"
_IS_WHITE = np.isin(np.arange(256), list(_WHITE))
# How many blanks in a row are stepped over before the line is looked at by itself.
_MAX_BLANKS = 32
_BYTE_ORDER_MARK_START = 0xEF
# Small enough that what is made of a block takes the memory of the block before, and stays near the core.
_BLOCK_BYTES = 1024 * 1024
_NONE: Positions = np.empty(0, dtype=np.int64)
_FORGIVEN_WORDS = (b"nan", b"inf", b"infinity")


class Lines:
    """Where the lines of a stretch of bytes begin and end, and which hold something.

    Attributes:
        starts, ends: positions of each line, without its line end.
        filled: indexes of the lines that are not blank.
    """

    def __init__(self, data: bytes, ends: Positions | None = None) -> None:
        self.data = data
        self.array: ByteArray = np.frombuffer(data, dtype=np.uint8)
        self.ends: Positions = ends if ends is not None else ndjson.line_ends(data)
        self.starts: Positions = np.concatenate(([0], self.ends[:-1] + 1))
        self.filled: Positions = np.flatnonzero(~self._are_blank())

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, index: int) -> bytes:
        """One line, without its line end."""
        return self.data[int(self.starts[index]) : int(self.ends[index])]

    def _are_blank(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        blank: np.ndarray[Any, np.dtype[np.bool_]] = self.starts == self.ends
        undecided = np.flatnonzero(~blank)
        for step in range(_MAX_BLANKS):
            at = self.starts[undecided] + step
            blank[undecided[at == self.ends[undecided]]] = True
            undecided = undecided[at < self.ends[undecided]]
            undecided = undecided[_IS_WHITE[self.array[self.starts[undecided] + step]]]
        for index in undecided:
            blank[index] = not self.line(int(index)).strip(_WHITE)
        return blank


def suspicious(lines: Lines) -> list[int]:
    """Indexes of the lines that the bulk reader must not be trusted with."""
    openers, forgiven_at = _openers_and_forgiven(lines.array)
    openers_n = np.searchsorted(openers, lines.ends) - np.searchsorted(openers, lines.starts)
    too_deep = np.flatnonzero(openers_n > ndjson.MAX_NESTING)
    too_long = np.flatnonzero(lines.ends - lines.starts > ndjson.MAX_LINE_BYTES)
    forgiven = np.searchsorted(lines.ends, forgiven_at)
    # A byte order mark is skipped where a stretch begins with it, and refused elsewhere.
    first = lines.array[lines.starts[lines.filled]] if len(lines.filled) else lines.array[:0]
    marked = lines.filled[np.flatnonzero(first == _BYTE_ORDER_MARK_START)]
    return [int(index) for index in np.unique(np.concatenate((too_deep, too_long, forgiven, marked)))]


def _openers_and_forgiven(array: ByteArray) -> tuple[Positions, Positions]:
    """Positions of opening brackets, and of what :func:`_forgiven_at` finds, block by block."""
    openers, forgiven = [], []
    for start in range(0, len(array), _BLOCK_BYTES):
        block = array[start : start + _BLOCK_BYTES]
        # Square and curly brackets differ in one bit: one comparison finds both.
        folded = block | np.uint8(0x20)
        openers.append(np.flatnonzero(folded == ord("{")) + start)
        closers = np.flatnonzero((block == ord(",")) | (folded == ord("}"))) + start
        forgiven.append(_forgiven_at(array, closers))
    return np.concatenate(openers or [_NONE]), np.concatenate(forgiven or [_NONE])


def _forgiven_at(array: ByteArray, closers: Positions) -> Positions:
    """The commas and closing brackets before which something stands that JSON does not allow there."""
    before = np.maximum(closers - 1, 0)
    last = array[before]
    white = np.flatnonzero(_IS_WHITE[last])
    for _ in range(_MAX_BLANKS):
        if not len(white):
            break
        before[white] = np.maximum(before[white] - 1, 0)
        last[white] = array[before[white]]
        white = white[_IS_WHITE[last[white]]]
    commas = np.flatnonzero(last == ord(","))
    trailing = commas[array[closers[commas]] != ord(",")]
    words = [_ends_with(array, before, last, word) for word in _FORGIVEN_WORDS]
    found: Positions = closers[np.concatenate((white, trailing, *words))]
    return found


def _ends_with(array: ByteArray, at: Positions, last: ByteArray, word: bytes) -> Positions:
    """Which of the positions, holding the bytes ``last``, are the last letter of the word, in either case."""
    found: Positions = np.flatnonzero((last | 0x20) == word[-1])
    for offset, letter in enumerate(reversed(word[:-1]), start=1):
        found = found[(array[np.maximum(at[found] - offset, 0)] | 0x20) == letter]
    return found
