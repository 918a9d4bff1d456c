"""Reading CSV by a stated dialect: all rows, or one line that says why not and quotes nobody."""

import csv
import io
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pulse.cli.app import app
from pulse.core.errors import QueryError
from pulse.texts import csv_reading
from pulse.texts.files import CsvOptions, score_file

UNSPOKEN = "my neighbour drinks"  # what no message may repeat


def put(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def read(file: Path, **options: Any) -> list[list[str]]:
    """All rows; the two counts agree."""
    examined = csv_reading.examine(file, **{"text_column": "text"} | options)
    rows = [
        [cell or "" for cell in row.values()] for batch in csv_reading.batches(examined) for row in batch.to_pylist()
    ]
    assert len(rows) == examined.rows_n
    return rows


# ---- what files look like ------------------------------------------------------


WHOLE = {
    "number signs are text": ("no,text\n0,a\n#9,bad\n10,#1 for me\n", [["0", "a"], ["#9", "bad"], ["10", "#1 for me"]]),
    "one column has no delimiter": ("text\nI hate it, awful; really\nfine\n", [["I hate it, awful; really"], ["fine"]]),
    "semicolons": ("id;text\n1;a, b\n", [["1", "a, b"]]),
    "tabs": ("id\ttext\n1\ta, b\n", [["1", "a, b"]]),
    "bars": ("id|text\n1|a, b\n", [["1", "a, b"]]),
    "a spreadsheet's first line": ("sep=;\nid;text\n1;a\n", [["1", "a"]]),
    "quoted line ends and quotes": ('id,text\n1,"a\nb\r\nc ""d"""\n2,e\n', [["1", 'a\nb\r\nc "d"'], ["2", "e"]]),
    "a quoted line end in the header": ('"i\nd",text\r\n1,a\r\n', [["1", "a"]]),
    "CR alone": ("id,text\r1,a\r2,b\r", [["1", "a"], ["2", "b"]]),
    "no last line end": ("id,text\r\n1,a\r\n2,b", [["1", "a"], ["2", "b"]]),
    "a quote within a text": ('id,text\n1,5" pipe\n2,b\n', [["1", '5" pipe'], ["2", "b"]]),
    "blank lines are no rows of two columns": ("id,text\n1,a\n\n2,b\n\n", [["1", "a"], ["2", "b"]]),
    "blank lines are rows of one column, but not at the end": ("text\na\n\nb\n\n\n", [["a"], [""], ["b"]]),
    "cells of nothing": ("id,text\n,\n1,\n", [["", ""], ["1", ""]]),
    "a header alone": ("id,text\n", []),
    "byte order mark": (b"\xef\xbb\xbftext,id\na,1\n", [["a", "1"]]),
    "UTF-16 LE": ("text,id\na’,1\n".encode("utf-16"), [["a’", "1"]]),
    "UTF-16 BE": (b"\xfe\xff" + "text,id\na’,1\n".encode("utf-16-be"), [["a’", "1"]]),
    "cp1252": ("id,text\n1,It’s a café\n".encode("cp1252"), [["1", "It’s a café"]]),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_read__all_rows_of(case: str, tmp_path: Path):
    content, rows = WHOLE[case]
    assert read(put(tmp_path, content)) == rows


REFUSED = {
    "a field too many": (f"id,text\n1,a\n2,{UNSPOKEN}, really\n", "line 3 has 3 fields, the first 2"),
    "a field too few": (f"id,text\n1,a\n{UNSPOKEN}\n", "line 3 has 1 field, the first 2"),
    "two files in one": ("id,text\n1,a\nid,text,lang\n2,b,en\n", "line 3 has 3 fields"),
    "a quote that stays open": (f'id,text\n1,"{UNSPOKEN}\n2,b\n', "line 2 opens a quote that is never closed"),
    "text after a quote": (f'id,text\n1,"{UNSPOKEN}" he said\n', "line 2 goes on after a closing quote"),
    "a NUL byte": (f"id,text\n1,a\n2,{UNSPOKEN}\x00\n", "line 3 has a NUL byte, read as UTF-8"),
    "UTF-16 without a mark": (f"id,text\n1,{UNSPOKEN}\n".encode("utf-16-le"), "line 1 has a NUL byte"),
    "line ends of two kinds": (f"id,text\n1,a\r2,{UNSPOKEN}\n", "line 2 ends in CR, the first record in LF"),
    "CR LF in LF": (f"id,text\n1,{UNSPOKEN}\r\n2,b\n", "line 2 ends in CR LF, the first record in LF"),
    "no header": (f"{UNSPOKEN}, a lot\nfine, fine\n", "not in the first line"),
    "no header, one column": (f"{UNSPOKEN}\nfine\n", "not in the first line"),
    "the column twice": (f"text,text\n{UNSPOKEN},a\n", "2 times in the first line"),
    "Cyrillic of Windows": (f"id,text\n1,{UNSPOKEN} чай\n".encode("cp1251"), "line 2 has bytes that are no text"),
    "a cut UTF-8 letter": (b"\xef\xbb\xbfid,text\n1,a\n2,\xe2\x80\n", "line 3 has bytes that are no text, read as"),
    "a cut UTF-16 letter": ("id,text\n1,a\n".encode("utf-16") + b"x", "line 3 has bytes that are no text, read as"),
    "UTF-32": ("id,text\n1,a\n".encode("utf-32"), "UTF-32"),
    "nothing": (b"", "empty"),
    "gzip": (b"\x1f\x8b\x08\x00rest", "compressed (gzip)"),
    "zstd": (b"\x28\xb5\x2f\xfdrest", "compressed (zstd)"),
    "a spreadsheet": (b"PK\x03\x04rest", "compressed (zip or a spreadsheet)"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_read__refuses_in_one_line_that_quotes_nobody(case: str, tmp_path: Path):
    content, message = REFUSED[case]
    done = CliRunner().invoke(app, ["score", str(put(tmp_path, content)), "--output", str(tmp_path / "out.csv")])
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert UNSPOKEN not in done.output + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_read__a_folder_and_a_missing_file_are_refused(tmp_path: Path):
    (tmp_path / "a.csv").mkdir()
    for name, word in {"a.csv": "a folder", "b.csv": "not there"}.items():
        with pytest.raises(QueryError, match=word):
            csv_reading.examine(tmp_path / name, text_column="text")


def test_read__a_bad_byte_is_found_in_its_line_wherever_blocks_of_reading_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    content = "id,text\r\n1,“a”\r\n2,чай\r\n".encode() + b"3,\xff\xfe\xfd\r\n"
    for size in range(1, 12):
        monkeypatch.setattr(csv_reading, "_CHUNK", size)
        with pytest.raises(QueryError, match="line 4 has bytes that are no text"):
            csv_reading.examine(put(tmp_path, content), text_column="text", encoding="utf-8")


def test_read__the_bound_of_a_record_is_an_error_and_no_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(csv_reading, "MAX_RECORD_CHARS", 50)
    assert read(put(tmp_path, "text\n" + "a" * 48 + "\nb\n")) == [["a" * 48], ["b"]]
    for content in ("text\n" + "a" * 60 + "\nb\n", 'text\n"' + "a\n" * 30 + '"\nb\n'):
        with pytest.raises(QueryError, match="too long"):
            read(put(tmp_path, content))


# ---- what the asker says -------------------------------------------------------


def test_read__without_a_header_every_line_is_a_row_and_no_name_is_a_text(tmp_path: Path):
    file = put(tmp_path, f"1,{UNSPOKEN}\n2,fine\n")
    examined = csv_reading.examine(file, text_column="2", has_header=False)
    assert (examined.names, examined.text_column) == (("column_1", "column_2"), "column_2")
    assert read(file, text_column="2", has_header=False) == [["1", UNSPOKEN], ["2", "fine"]]
    for column in (None, "text", "0", "3", "²"):
        with pytest.raises(QueryError, match="1 to 2") as refused:
            csv_reading.examine(file, text_column=column, has_header=False)
        assert UNSPOKEN not in str(refused.value)


def test_read__without_a_header_one_column_needs_no_number(tmp_path: Path):
    file = put(tmp_path, f"{UNSPOKEN}, really\nfine\n")
    assert read(file, text_column=None, has_header=False) == [[f"{UNSPOKEN}, really"], ["fine"]]


def test_read__flags_hold_against_what_would_be_found(tmp_path: Path):
    quoted = put(tmp_path, 'text;id\n"Wow;1\n"great"!;2\n')
    assert read(quoted, quote="none") == [['"Wow', "1"], ['"great"!', "2"]]
    single = put(tmp_path, "id,text\n1,'a, ''b'''\n")
    assert read(single, quote="'") == [["1", "a, 'b'"]]
    latin = put(tmp_path, "text\nÐåéò\n".encode("cp1252"))
    assert read(latin, encoding="cp1252") == [["Ðåéò"]]
    little = put(tmp_path, "text,id\na,1\n".encode("utf-16-le"))
    assert read(little, encoding="utf-16-le") == [["a", "1"]]
    commas = put(tmp_path, "a,b\nc,d\n")
    assert read(commas, has_header=False, delimiter="", text_column=None) == [["a,b"], ["c,d"]]


@pytest.mark.parametrize(
    ("content", "encoding", "word"),
    [
        ("text\na\n".encode("utf-16"), "cp1252", "byte order mark of UTF-16 LE"),
        ("text\na\n".encode("utf-16"), "utf-8", "byte order mark of UTF-16 LE"),
        (b"text\na\n", "utf-16", "no byte order mark"),
        (b"text\na\x81\n", "cp1252", "line 2 has bytes that are no text, read as cp1252"),
        (b"text\na\xe9\n", "utf-8", "line 2 has bytes that are no text, read as UTF-8"),
    ],
)
def test_read__a_wrong_encoding_is_refused(content: bytes, encoding: str, word: str, tmp_path: Path):
    with pytest.raises(QueryError, match=word):
        csv_reading.examine(put(tmp_path, content), text_column="text", encoding=encoding)


def test_names__are_unique_whatever_their_case_and_stay_where_they_are(tmp_path: Path):
    file = put(tmp_path, "Text,text,,a,A,a_2,\nx,y,1,2,3,4,5\n")
    examined = csv_reading.examine(file, text_column="text")
    assert examined.names == ("Text_2", "text", "column_3", "a", "A_2", "a_2_2", "column_7")
    output = file.with_name("out.parquet")
    assert score_file(file, text_column="text", output=output).texts_n == 1


def test_described__names_encoding_delimiter_quote_header_and_rows(tmp_path: Path):
    done = CliRunner().invoke(
        app, ["score", str(put(tmp_path, "sep=;\r\nid;text\r\n1;It’s fine\r\n".encode("cp1252")))]
    )
    first = done.stdout.splitlines()[0]
    for words in (
        "cp1252 (guessed",
        "separated by semicolon",
        'quote "',
        "header in line 2",
        "CR LF",
        "sep=",
        "1 rows",
    ):
        assert words in first, first


def test_command__takes_every_flag(tmp_path: Path):
    file = put(tmp_path, "1|'I love it'\n2|'awful| just awful'\n".encode("utf-16-be"), name="a.tsv")
    output = tmp_path / "out.csv"
    done = CliRunner().invoke(
        app,
        ["score", str(file), "--no-header", "--text-column", "2", "--encoding", "utf-16-be", "--delimiter", "bar",
         "--quote", "single", "--output", str(output)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output + done.stderr
    assert "encoding UTF-16 BE, fields separated by bar, quote ', no header" in done.stdout
    assert [line.split(",")[:2] for line in output.read_text().splitlines()] == [
        ["column_1", "column_2"], ["1", "I love it"], ["2", "awful| just awful"],
    ]  # fmt: skip


# ---- rows in are rows out ------------------------------------------------------


def test_score_file__an_output_of_fewer_rows_is_never_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = put(tmp_path, "text\na\nb\nc\n")
    true_batches = csv_reading.batches

    def one_row_less(examined: csv_reading.Examined) -> Any:
        return (batch.slice(0, batch.num_rows - 1) for batch in true_batches(examined))

    monkeypatch.setattr(csv_reading, "batches", one_row_less)
    for output in (None, *(tmp_path / f"out.{kind}" for kind in ("csv", "ndjson", "parquet"))):
        with pytest.raises(QueryError, match="2 rows came out"):
            score_file(file, text_column="text", output=output)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'{"text": "a"}\n{"text": "b"} {"text": "c"}\n', "line 2 is not one JSON object"),
        (b'[{"text": "a"}, {"text": "b"}]\n', "none of the 1 columns"),
        (b'{"text":\n"a"}\n{"text": "b"}\n', "line 1 is not one JSON object"),
        (b'{"text": "a"}\n' + UNSPOKEN.encode() + b"\n", "line 2 is not one JSON object"),
        (b'{"text": "a"}\n{"text": "' + UNSPOKEN.encode() + b'\xff"}\n', "line 2 has bytes that are no text"),
        ('{"text": "a"}\n'.encode("utf-16"), "byte order mark of UTF-16 LE"),
        (b"", "empty"),
        (b"\x1f\x8b\x08", "compressed"),
        (f'{{"{UNSPOKEN}": 1}}\n'.encode(), "none of the 1 columns"),
    ],
)
def test_score_file__ndjson_is_one_record_a_line_or_refused(content: bytes, word: str, tmp_path: Path):
    file = put(tmp_path, content, name="a.ndjson")
    with pytest.raises(QueryError, match=word) as refused:
        score_file(file, text_column="text", output=tmp_path / "out.ndjson")
    assert UNSPOKEN not in str(refused.value)
    assert list(tmp_path.iterdir()) == [file]


def test_score_file__a_name_of_patterns_is_one_file(tmp_path: Path):
    for kind in ("ndjson", "csv"):
        put(tmp_path, "text\na\n" if kind == "csv" else '{"text": "a"}\n', name=f"a1.{kind}")
        file = put(tmp_path, "text\na\n" if kind == "csv" else '{"text": "a"}\n', name=f"a[1]*.{kind}")
        assert score_file(file, text_column="text", output=None).texts_n == 1


def test_score_file__csv_of_a_spreadsheet_runs_nothing(tmp_path: Path):
    texts = [
        "=1+1",
        "  =1+1",
        "\t@sum(a)",
        "\u00a0+cmd|' /c calc'!a0",
        "|=1",
        "-2+3",
        "＝1",
        "\n-x",
        "-5",
        "+3.5",
        "fine",
    ]
    file = tmp_path / "a.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([["=id", "text"], *([text, text] for text in texts)])
    output = tmp_path / "out.csv"
    score_file(file, text_column="text", output=output)
    with output.open(newline="") as opened:
        header, *rows = csv.reader(opened)
    assert header[:2] == ["'=id", "text"]
    assert [row[0] for row in rows] == [text if text in ("-5", "+3.5", "fine") else f"'{text}" for text in texts]


def test_score_file__never_writes_over_the_file_it_reads(tmp_path: Path):
    file = put(tmp_path, "text\na\n")
    with pytest.raises(QueryError, match="the file that is read"):
        score_file(file, text_column="text", output=tmp_path / "." / "a.csv")


# ---- any table, any dialect ----------------------------------------------------


CELLS = st.text(
    st.sampled_from("ab \",;|\t\n\r'#=é’") | st.characters(codec="utf-8", exclude_characters="\x00\ufdd0"), max_size=8
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=0, max_size=8)
)
FUZZ = settings(max_examples=300, deadline=None)


@FUZZ
@given(
    rows=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_any_table__of_the_csv_module_comes_back_whole(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    line_end: str,
    encoding: str,
    quoting: Any,
):
    width = len(rows[0]) if rows else 1
    buffer = io.StringIO(newline="")
    # Older versions of the module quote no line end but their own, so that all ends are quoted where they differ.
    if line_end != "\r\n" and {"\n", "\r"} & set(itertools.chain(*itertools.chain(*rows))):
        quoting = csv.QUOTE_ALL
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([[*(f"c{number}" for number in range(width - 1)), "text"], *rows])
    file = put(tmp_path_factory.getbasetemp(), buffer.getvalue().encode(encoding), name="fuzz.csv")
    assert read(file) == rows


@FUZZ
@given(rows=TABLES.filter(bool), delimiter=st.sampled_from(",;\t|"), quote=st.sampled_from("\"'"))
def test_any_table__without_a_header_comes_back_whole_by_what_is_said_of_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, quote: str
):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quotechar=quote, quoting=csv.QUOTE_ALL).writerows(rows)
    file = put(tmp_path_factory.getbasetemp(), buffer.getvalue(), name="fuzz.csv")
    assert read(file, text_column="1", has_header=False, delimiter=delimiter, quote=quote) == rows


@FUZZ
@given(content=st.text(st.sampled_from("ab,;\"'\n\r\t #"), max_size=40))
def test_any_text__is_all_rows_or_refused_and_the_two_counts_agree(
    tmp_path_factory: pytest.TempPathFactory, content: str
):
    file = put(tmp_path_factory.getbasetemp(), f"id,text\n{content}", name="fuzz.csv")
    try:
        rows = read(file)
    except QueryError:
        return
    assert [len(row) for row in rows] == [2] * len(rows)
    # Nothing of what people wrote is gone: what is left out are delimiters, quotes and line ends.
    wanted = sorted(char for char in content if char in "ab;' #\t")
    assert sorted(char for cell in itertools.chain(*rows) for char in cell if char in "ab;' #\t") == wanted


@settings(max_examples=30, deadline=None)
@given(rows=TABLES)
def test_any_table__is_judged_whole_and_written_whole(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]):
    folder = tmp_path_factory.getbasetemp()
    file, output = folder / "fuzz.csv", folder / "fuzz_out.csv"
    width = len(rows[0]) if rows else 1
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([[*(f"c{number}" for number in range(width - 1)), "text"], *rows])
    assert score_file(file, text_column="text", output=output, csv_options=CsvOptions()).texts_n == len(rows)
    with output.open(newline="", encoding="utf-8") as opened:
        written = list(csv.reader(opened))[1:]
    assert [[cell.removeprefix("'") for cell in row[:width]] for row in written] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
