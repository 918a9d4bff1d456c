"""What is said of all cells of a column holds for each: DuckDB's own trimming is the measure."""

import duckdb
import pyarrow as pa
import pytest

from pulse.sources.lines.cells import cells_of

SPOILERS = ["", " ", " x", "x ", "\u00a0x", "x\u3000", "\tx", "x\n", "é", "xé", "😀"]


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_cells_of__never_says_trimmed_or_filled_of_a_cell_that_trimming_or_blanks_would_change(spoiler: str):
    column = pa.chunked_array([["a", None, "b c"], ["unseen", spoiler, "d"]]).slice(1)
    found = cells_of(pa.table({"cell": column, "good": pa.chunked_array([["a b", None, "!", "x~", "0"]])}))
    with duckdb.connect() as connection:
        trimmed, is_filled = connection.execute(
            "select trim($cell) = $cell, $cell >= '!'", {"cell": spoiler}
        ).fetchall()[0]
    assert trimmed or "cell" not in found.trimmed
    assert ("cell" in found.filled) == is_filled
    assert "good" in found.trimmed & found.filled & found.short


def test_cells_of__a_slice_speaks_for_its_own_rows_alone_and_nulls_spoil_nothing():
    column = pa.array([" spoilt", "a", None, "b", ""])
    assert cells_of(pa.table({"cell": column.slice(1, 3)})).trimmed == {"cell"}
    assert cells_of(pa.table({"cell": column.slice(1)})).filled == frozenset()
    assert cells_of(pa.table({"cell": pa.nulls(3, pa.string())})).trimmed == {"cell"}


def test_cells_of__one_cell_beyond_a_lines_limit_is_not_short():
    found = cells_of(pa.table({"cell": ["a", "b" * (8 * 1024 * 1024 + 1)], "other": ["a", "b" * (8 * 1024 * 1024)]}))
    assert found.short == {"other"}
