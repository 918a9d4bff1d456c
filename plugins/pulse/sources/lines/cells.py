"""What is true of all cells of a table's column, found over whole arrays of bytes.

Trimming each cell takes far longer, and in most columns no cell needs it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pulse.sources.lines.ndjson import MAX_LINE_BYTES

# The first visible character of ASCII, and its last one. What is blank elsewhere in Unicode begins and ends beyond.
_FIRST_VISIBLE, _LAST_VISIBLE = ord("!"), ord("~")
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Cells:
    """Names of columns by what is true of all of their cells that are not NULL; what is in no set may be true as well.

    Attributes:
        filled: none is empty, and none begins with a blank or a control character.
        trimmed: they are filled, and begin and end with visible ASCII: DuckDB's ``trim`` leaves them as they are.
        short: none is longer than a line may be.
    """

    filled: frozenset[str] = frozenset()
    trimmed: frozenset[str] = frozenset()
    short: frozenset[str] = frozenset()


def cells_of(table: pa.Table) -> Cells:
    """Look at all columns, which hold text."""
    found = {name: [_facts(piece) for piece in table[name].chunks] for name in table.column_names}
    return Cells(
        *(frozenset(name for name, facts in found.items() if all(fact[place] for fact in facts)) for place in range(3))
    )


def _facts(cells: pa.StringArray) -> tuple[bool, bool, bool]:
    """Whether the cells are filled, trimmed and short."""
    _, offsets_buffer, text_buffer = cells.buffers()
    if not len(cells) or offsets_buffer is None:
        return True, True, True
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[cells.offset : cells.offset + len(cells) + 1]
    lengths = np.diff(offsets)
    has_text = lengths > 0
    texts_n = int(np.count_nonzero(has_text))
    if not texts_n:
        is_null = cells.null_count == len(cells)
        return is_null, is_null, True
    is_short = int(lengths.max()) <= MAX_LINE_BYTES
    if texts_n != len(cells) - cells.null_count:
        return False, False, is_short
    text: _Bytes = np.frombuffer(text_buffer, dtype=np.uint8)
    starts, ends = (
        (offsets[:-1], offsets[1:]) if texts_n == len(cells) else (offsets[:-1][has_text], offsets[1:][has_text])
    )
    first = text[starts]
    if int(first.min()) < _FIRST_VISIBLE:
        return False, False, is_short
    last = text[ends - 1]
    visible = range(_FIRST_VISIBLE, _LAST_VISIBLE + 1)
    return True, all(int(byte) in visible for byte in (first.max(), last.min(), last.max())), is_short
