"""Archives as bytes: what is opened, where it is cut, which lines are bad and why."""

import gzip
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulse.core.errors import ArchiveUnreadable, SourceUnavailable
from pulse.sources.lines import ndjson
from pulse.sources.lines import screen as line_screen
from pulse.sources.lines.ndjson import Chunk, Fault, LineTooLong, Record, examine, read_chunks
from pulse.sources.lines.screen import Lines, suspicious

CONTENT = b"".join(b'{"n": %d}\n' % number for number in range(2_000))


def whole(path: Path, **options: int) -> bytes:
    return b"".join(item.data for item in read_chunks(path, **options) if isinstance(item, Chunk))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "archive"
    path.write_bytes(content)
    return path


def zstd(content: bytes, **options: int) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(content)


def skippable_frame() -> bytes:
    return b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"


# ---- opening ---------------------------------------------------------------


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(CONTENT, id="plain"),
        pytest.param(gzip.compress(CONTENT), id="gzip"),
        pytest.param(gzip.compress(CONTENT[:700]) + gzip.compress(CONTENT[700:]), id="gzip of two members"),
        pytest.param(zstd(CONTENT), id="zstd"),
        pytest.param(zstd(CONTENT[:700]) + zstd(CONTENT[700:]), id="zstd of two frames"),
        pytest.param(skippable_frame() + zstd(CONTENT) + skippable_frame(), id="zstd with skippable frames"),
        pytest.param(zstd(b"") + zstd(CONTENT), id="zstd with an empty frame"),
        pytest.param(b"\xef\xbb\xbf" + CONTENT, id="byte order mark"),
        pytest.param(zstd(b"\xef\xbb\xbf" + CONTENT), id="byte order mark inside zstd"),
    ],
)
def test_read_chunks__told_by_first_bytes_not_by_name(tmp_path: Path, packed: bytes):
    assert whole(written(tmp_path, packed)) == CONTENT


def test_read_chunks__zstd_with_a_window_of_two_gibibytes(tmp_path: Path):
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=31)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # of unknown size: the window stays
    packed = packer.compress(CONTENT) + packer.flush()
    assert zstandard.get_frame_parameters(packed).window_size == 2**31
    assert whole(written(tmp_path, packed)) == CONTENT


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (gzip.compress(CONTENT)[:-9], "end-of-stream"),
        (gzip.compress(CONTENT)[:200], "end-of-stream"),
        (gzip.compress(CONTENT)[:100] + b"\xff" * 50 + gzip.compress(CONTENT)[150:], "Error -3|CRC"),
        (gzip.compress(CONTENT) + b"tail", "Not a gzipped file"),
        (zstd(CONTENT)[:-1], "cut off"),
        (zstd(CONTENT) + zstd(CONTENT)[:7], "cut off"),
        (zstd(CONTENT) + b"tail", "descriptor"),
        (zstd(CONTENT)[:20] + b"\xff" * 9 + zstd(CONTENT)[29:], "orrupt"),
        (zstd(CONTENT, write_checksum=True)[:-1] + b"\x00", "checksum"),
        (b"PK\x03\x04rest", "zip"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"PAR1....", "Parquet"),
        ('{"id": 1}\n'.encode("utf-16"), "UTF-16"),
    ],
)
def test_read_chunks__cut_off_damaged_or_foreign_is_refused(tmp_path: Path, packed: bytes, message: str):
    path = written(tmp_path, packed)
    with pytest.raises(ArchiveUnreadable, match=message) as caught:
        whole(path)
    assert str(path) in str(caught.value)
    assert "Next: " in str(caught.value)


def test_read_chunks__missing_file_and_folder_are_refused(tmp_path: Path):
    for path in (tmp_path / "none.zst", tmp_path):
        with pytest.raises(ArchiveUnreadable, match="archive"):
            whole(path)


def test_read_chunks__file_that_changes_meanwhile_is_not_believed(tmp_path: Path):
    path = written(tmp_path, CONTENT)
    chunks = read_chunks(path, chunk_bytes=1_000)
    next(chunks)
    with path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(SourceUnavailable, match="changed while it was read") as caught:
        list(chunks)
    assert caught.value.retry_helps


@pytest.mark.parametrize("packed", [b"", gzip.compress(b"", mtime=0), zstd(b""), b"\xef\xbb\xbf"])
def test_read_chunks__empty_file_has_no_chunks(tmp_path: Path, packed: bytes):
    assert list(read_chunks(written(tmp_path, packed))) == []


def test_read_chunks__memory_does_not_follow_the_packing(tmp_path: Path):
    path = written(tmp_path, zstd(b"x" * 400_000_000 + b"\n", level=1))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        items = list(read_chunks(path, chunk_bytes=1_000_000))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [type(item) for item in items] == [LineTooLong]
    assert peak_bytes < 350_000_000, "the line is 400 MB long"


# ---- cutting ---------------------------------------------------------------


def joined(items: Iterator[Chunk | LineTooLong]) -> list[tuple[int, bytes]]:
    """Every line with its number, whatever chunk it lies in."""
    found = []
    for item in items:
        data = item.data if isinstance(item, Chunk) else item.start
        for offset, line in enumerate(data.splitlines(keepends=True)):
            found.append((item.first_line + offset, line))
    return found


@given(
    content=st.lists(st.sampled_from([b"", b"a", b"bb" * 9, b" ", b"c" * 60]), max_size=40).map(b"\n".join),
    chunk_bytes=st.integers(1, 90),
    read_bytes=st.integers(1, 50),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
def test_read_chunks__no_byte_is_lost_and_line_numbers_hold(tmp_path, content, chunk_bytes, read_bytes):
    path = written(tmp_path, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ndjson, "_READ_BYTES", read_bytes)
        chunks = list(read_chunks(path, chunk_bytes=chunk_bytes))
        patch.setattr(ndjson, "_READ_BYTES", 1_000)
        assert list(read_chunks(path, chunk_bytes=chunk_bytes)) == chunks, "cuts follow the content, not the reads"
    assert b"".join(chunk.data for chunk in chunks) == content
    assert joined(iter(chunks)) == list(enumerate(content.splitlines(keepends=True), start=1))
    assert all(chunk.data.endswith(b"\n") for chunk in chunks[:-1])
    assert sum(chunk.lines_n for chunk in chunks) == len(content.splitlines())


@pytest.mark.parametrize("chunk_bytes", [1, 10, 30, 64, 200])
@pytest.mark.parametrize("read_bytes", [1, 7, 1_000])
def test_read_chunks__only_the_start_of_a_line_beyond_the_limit_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, read_bytes: int
):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 40)
    monkeypatch.setattr(ndjson, "KEPT_LINE_BYTES", 10)
    monkeypatch.setattr(ndjson, "_READ_BYTES", read_bytes)
    content = b"one\n" + b"x" * 40 + b"\n" + b"y" * 41 + b"\nfour\n" + b"z" * 500
    items = list(read_chunks(written(tmp_path, content), chunk_bytes=chunk_bytes))
    lines = dict(joined(iter(items)))
    assert list(lines) == [1, 2, 3, 4, 5]
    assert (lines[1], lines[2], lines[4]) == (b"one\n", b"x" * 40 + b"\n", b"four\n")
    too_long = [item for item in items if isinstance(item, LineTooLong)]
    assert all(len(item.start) == 10 for item in too_long)
    if chunk_bytes <= 40:
        assert [item.first_line for item in too_long] == [3, 5]


def test_read_chunks__chunk_of_very_short_lines_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ndjson, "MAX_CHUNK_LINES", 10)
    content = b"x" * 900 + b"\n" + b"\n" * 95 + b"last"
    chunks = list(read_chunks(written(tmp_path, content)))
    assert b"".join(chunk.data for chunk in chunks) == content
    assert max(chunk.lines_n for chunk in chunks) <= 11
    assert [chunk.first_line for chunk in chunks][:2] == [1, 2]


def test_fingerprint_of__tells_size_time_and_path(tmp_path: Path):
    path = written(tmp_path, b"a\n")
    os.utime(path, ns=(1, 1))
    first = ndjson.fingerprint_of(path)
    assert ndjson.fingerprint_of(path) == first
    os.utime(path, ns=(2, 2))
    assert ndjson.fingerprint_of(path) != first


# ---- one line, slowly ------------------------------------------------------


def fault_of(line: bytes) -> str | None:
    found = examine(line, lambda _: None)
    return found.name if isinstance(found, Fault) else None


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"id": "a"}', None),
        (b' \t{"id": "a"} \r', None),
        (b'{"id": "a\\u0000b"}', None),
        (b'{"id": "\\ud83d\\ude00 \\\\ud800"}', None),
        (b'{"n": 1e400, "m": -0, "k": ' + b"9" * 5_000 + b"}", None),
        (b'{"a": "[[[[[[' + b"[" * 500 + b'"}', None),
        (b'{"a": ' + b"[" * 199 + b"]" * 199 + b"}", None),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "nested_too_deeply"),
        (b"[" * 100_000, "nested_too_deeply"),
        (b'{"a":' * 100_000, "nested_too_deeply"),
        (b'{"id": "a"', "truncated"),
        (b'{"id": "a', "truncated"),
        (b'{"id": "a"} {"id": "b"}', "two_objects_one_line"),
        (b'{"id": "a"}\r{"id": "b"}', "two_objects_one_line"),
        (b'{"id": "a",}', "trailing_comma"),
        (b'{"id": ["a", ]}', "trailing_comma"),
        (b'{"id": "a" \t,\r }', "trailing_comma"),
        (b'{"id": "a"},', "not_json"),
        (b'{"n": NaN}', "nan_or_infinity"),
        (b'{"n": [1, -Infinity]}', "nan_or_infinity"),
        (b'{"n": nan}', "nan_or_infinity"),
        (b'{"n": -inf}', "nan_or_infinity"),
        (b'{"id": "\\ud800"}', "lone_surrogate"),
        (b'{"id": "\\udc00\\ud800"}', "lone_surrogate"),
        (b'{"a": {"a": "\\ud800", "a": 1}}', "lone_surrogate"),
        (b'{"\\ud800": 1}', "lone_surrogate"),
        (b'{"id": "a\x00"}', "nul_byte"),
        (b'{"id": "a\xff"}', "invalid_utf8"),
        (b'{"id": "\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"id": "a\tb"}', "not_json"),
        (b'\xef\xbb\xbf{"id": "a"}', "not_json"),
        (b"<html><body>502</body></html>", "html_error_page"),
        (b"[]", "not_an_object"),
        (b'[{"id": "a"}]', "not_an_object"),
        (b"null", "not_an_object"),
        (b"5", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"id,created_utc", "not_json"),
        (b"{'id': 'a'}", "not_json"),
        (b'{"n": 01}', "not_json"),
    ],
)
def test_examine__names_the_fault(line: bytes, fault: str | None):
    assert fault_of(line) == fault


@pytest.mark.parametrize("line", [b"", b" ", b"\t \r", b" " * 1_000])
def test_examine__blank_line_is_neither_good_nor_bad(line: bytes):
    assert examine(line, lambda _: None) is None


def test_examine__line_beyond_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 11)
    assert fault_of(b'{"id": "a"}') is None
    assert fault_of(b'{"id": "ab"}') == "line_too_long"


def test_examine__tells_repeated_keys_of_the_object_itself_only():
    found = examine(b'{"b": 1, "a": {"x": 1, "x": 2}, "b": 2, "\\u0061": 3, "c": 4}', lambda _: None)
    assert isinstance(found, Record)
    assert found.repeated == ("a", "b")
    assert found["b"] == 2


def test_examine__many_repeated_keys_take_no_long():
    line = b"{" + b",".join(b'"k%d": 1' % number for number in range(200_000)) + b',"k0": 2}'
    found = examine(line, lambda _: None)
    assert isinstance(found, Record)
    assert found.repeated == ("k0",)


def test_examine__hostile_key_is_only_a_key():
    assert examine(b'{"\\u0000repeated keys": 5, "__class__": 1}', lambda _: None) == {
        "\x00repeated keys": 5,
        "__class__": 1,
    }


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5.0), (-0.5, -0.5), (True, 1.0), ("12", 12.0), ("-1.5e3", -1500.0), (".5", 0.5), ("1.", 1.0),
        ("", None), (" 1", None), ("1_000", None), ("+1", None), ("１２", None), ("nan", None), ("inf", None),
        ("0x10", None), ("1e", None), ([1], None), ({}, None), (None, None),
    ],
)  # fmt: skip
def test_number_in__takes_plain_numbers_only(value: object, number: float | None):
    assert ndjson.number_in(value) == number


# ---- the cheap screen ------------------------------------------------------


def naively_suspicious(line: bytes) -> bool:
    """What the screen must not miss, told by a parser that is as forgiving as the bulk reader."""
    lowered = line.lower().replace(b" ", b"").replace(b"\t", b"").replace(b"\r", b"")
    forgiven = (b",}", b",]", *(word + end for word in (b"nan", b"inf", b"infinity") for end in (b",", b"}", b"]")))
    return any(pattern in lowered for pattern in forgiven)


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [b",", b"}", b"]", b"[", b" ", b"\t", b"\r", b"NaN", b"inf", b"Infinity", b"a", b'"', b":"]
            ),
            max_size=8,
        ).map(b"".join),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 9),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_suspicious__misses_nothing_that_the_bulk_reader_forgives(content: list[bytes], block_bytes: int):
    lines = Lines(b"\n".join(content) + b"\n")
    expected = {index for index, line in enumerate(content) if naively_suspicious(line)}
    assert expected <= set(suspicious(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_screen, "_BLOCK_BYTES", block_bytes)
        in_blocks = suspicious(lines)
    assert in_blocks == suspicious(lines), "wherever blocks end"


def test_suspicious__long_runs_of_blanks_hide_nothing():
    content = [b'{"a": 1,' + b" " * 500 + b"}", b'{"a": nan' + b"\t" * 31 + b"}", b'{"a": 1' + b" " * 20 + b"}"]
    assert suspicious(Lines(b"\n".join(content))) == [0, 1]


def test_suspicious__usual_records_are_not():
    records = [
        {
            "title": "[Serious] Is this {odd}, or [not]?",
            "selftext": "[removed]",
            "a": [],
            "b": {},
            "c": [1, {"d": None}],
        },
        {"body": "an, in, of, my, inf. nan", "e": "Infinity War"},
        {"body": "x" * 1_000, "nested": [[[[[]]]]]},
    ]
    data = b"\n".join(json.dumps(record).encode() for record in records)
    assert suspicious(Lines(data)) == []


def test_suspicious__too_long_and_too_deep(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 1_000)
    content = [b"x" * 1_000, b"x" * 1_001, b"[" * 200, b"[{" * 101, b"]" * 300]
    assert suspicious(Lines(b"\n".join(content))) == [1, 3]


@given(st.lists(st.sampled_from([b"", b" ", b"\r", b" " * 40, b"a", b" a", b"\t" * 40 + b"a"]), max_size=12))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_lines__filled_are_those_that_hold_something(content: list[bytes]):
    for end in (b"", b"\n"):
        data = b"\n".join(content) + end
        lines = Lines(data)
        expected = data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n")
        assert [lines.line(index) for index in range(len(lines))] == expected
        assert lines.filled.tolist() == [index for index, line in enumerate(expected) if line.strip()]
