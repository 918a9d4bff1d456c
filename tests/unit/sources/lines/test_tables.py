"""Tables as rows in chunks: where chunks end, names that are patterns, and a last row that just ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from pulse.core.errors import ArchiveUnreadable
from pulse.sources.lines import tables
from pulse.sources.lines.ndjson import Chunk, LineTooLong, TableChunk
from pulse.sources.lines.tables import FAULT_FIELD, TableFile

COLUMNS = ["id", "text"]


def items_of(path: Path, scratch: Path, **facts: Any) -> list[Chunk | LineTooLong | TableChunk]:
    return list(TableFile(path, facts.pop("form", "csv"), "here", **facts).chunks(COLUMNS, scratch))


def rows_of(items: list[Chunk | LineTooLong | TableChunk]) -> list[dict[str, Any]]:
    return [row for item in items if isinstance(item, TableChunk) for row in item.table.to_pylist()]


def faults_of(items: list[Chunk | LineTooLong | TableChunk]) -> list[str]:
    lines = [line for item in items if isinstance(item, Chunk) for line in item.data.splitlines()]
    return [json.loads(line)[FAULT_FIELD] for line in lines]


@pytest.mark.parametrize("name", ["a[1].csv", "a*.csv", "a?.csv", "it's (a) {b}.csv", "naïve.csv"])
def test_names__are_no_patterns(name: str, tmp_path: Path):
    (tmp_path / name).write_text("id,text\n1,one\n")
    (tmp_path / "a1.csv").write_text("id,text\n2,two\n")
    assert [row["id"] for row in rows_of(items_of(tmp_path / name, tmp_path / "scratch"))] == ["1"]
    assert not list((tmp_path / "scratch").iterdir())


def test_last_row__cut_anywhere_is_a_row_or_a_fault(tmp_path: Path):
    whole = 'id,text\n1,"one ""1"""\n2,"two\n lines"\n3,"three ""3"""\n'
    last = whole.index("3,")
    for size in range(last + 1, len(whole)):
        path = tmp_path / f"{size}.csv"
        path.write_text(whole[:size])
        items = items_of(path, tmp_path / "scratch")
        assert len(rows_of(items)) + len(faults_of(items)) == 3, whole[last:size]


def test_quotes__within_cells_that_have_none_around_are_no_fault(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,a 5" disk\n2,fine\n')
    items = items_of(path, tmp_path / "scratch")
    assert [row["text"] for row in rows_of(items)] == ['a 5" disk', "fine"]
    assert faults_of(items) == []


def test_chunks__end_at_the_same_rows_whatever_comes_from_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "_BLOCK_ROWS", 2_000)
    monkeypatch.setattr(tables, "_CHUNK_ROWS", 4_000)
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + "".join(f"{number},text {number}\n" for number in range(9_999)) + "too,many,cells\n")
    items = items_of(path, tmp_path / "scratch")
    assert [(item.first_line, getattr(item, "lines_n", None)) for item in items] == [
        (1, 4_000), (4_001, 4_000), (8_001, 1_999), (10_000, 1),
    ]  # fmt: skip
    assert [row["id"] for row in rows_of(items)] == [str(number) for number in range(9_999)]
    monkeypatch.setattr(tables, "_CHUNK_BYTES", 1)
    assert {item.lines_n for item in items_of(path, tmp_path / "scratch") if isinstance(item, TableChunk)} == {
        2_000,
        1_999,
    }


def test_columns__without_a_name_may_stand_at_the_end(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("id;text;\n1;one;\n")
    assert rows_of(items_of(path, tmp_path / "scratch", delimiter=";")) == [
        {"id": "1", "text": "one", FAULT_FIELD: None}
    ]


def test_errors__do_not_say_where_the_file_lay_meanwhile(tmp_path: Path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(ArchiveUnreadable) as caught:
        items_of(path, tmp_path / "scratch", form="parquet")
    assert "scratch" not in str(caught.value)
    assert str(path) in str(caught.value)
