"""Bad files, for every source that reads files: rows kept apart with reasons, or one clear error; what was there stays.

Each source writes the same 40 records in its own form; each damage is done to that file, and to nothing else.
"""

import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from fixtures.export_files import FILE_S, context_of, entry_of, written
from fixtures.file_forms import FORMS, RECORDS_N, TABLE, WINDOW, parquet_of, records, zip_of
from fixtures.reddit_lines import read, rows_of
from pulse.core.errors import ConfigError, PulseError, SourceError
from pulse.core.home import Home
from pulse.lake.landing import Load
from pulse.sources.lines import ndjson
from pulse.sources.registry import SOURCES
from pulse.sources.routes import extract

each_form = pytest.mark.parametrize("name", FORMS)
ZIPS = ("facebook_download", "slack_export")
CSVS = ("tabular csv", "discord_export csv")
DOCUMENTS = ("discord_export", "telegram_export", "facebook_download json")
TEXTS = tuple(name for name in FORMS if name not in {*ZIPS, "tabular parquet"})
each_form = pytest.mark.parametrize("name", FORMS)


def load_of(home: Home, name: str, content: bytes, **facts: Any) -> Load:
    """What becomes of a file of that content."""
    form = FORMS[name]
    path = written(home.root / "files" / form.file, content)
    changed_s = FILE_S + zlib.crc32(content) % 1_000_000  # a file of the same size and time would pass for the same
    os.utime(path, (changed_s, changed_s))
    one = entry_of(path, **(form.facts | facts))
    (load,) = extract(one, WINDOW, context_of(home, one))
    assert not any(account.unaccounted_n for account in load.manifest.files), "a line that nobody accounts for"
    return load


def kept_apart(load: Load) -> list[str]:
    """Faults of all lines that gave no row, in any place."""
    files = [load.bad_lines_file, *load.folder.glob("unplaced*.parquet")]
    return sorted(row["fault"] for file in files if file.is_file() for row in read([file], order_by="fault"))


def refused(home: Home, name: str, content: bytes, **facts: Any) -> PulseError:
    """The one error of a file, which leaves what was there: the load of a good file that stood there before."""
    before = load_of(home, name, FORMS[name].write(records()))
    held = {file: file.read_bytes() for file in before.folder.rglob("*") if file.is_file()}
    with pytest.raises((SourceError, ConfigError)) as caught:
        load_of(home, name, content, **facts)
    assert {file: file.read_bytes() for file in held} == held
    assert not list((home.landing / "loads").glob(".draft-*"))
    assert "\n" not in str(caught.value)
    assert "té" not in str(caught.value), "an error quotes what people wrote"
    return caught.value


def test_forms__are_those_of_all_sources_that_read_files():
    assert {form.facts["source"] for form in FORMS.values()} == {
        source.name for source in SOURCES.values() if not source.is_live
    }


@each_form
def test_good_file__gives_all_rows(home: Home, name: str):
    load = load_of(home, name, FORMS[name].write(records()))
    assert (load.manifest.rows_n, kept_apart(load), load.manifest.skipped) == (RECORDS_N, [], {})
    assert sorted(row["body"] for row in rows_of(load)) == sorted(row["text"] for row in records())


@each_form
def test_truncated(home: Home, name: str):
    whole = FORMS[name].write(records())
    cut = whole[: len(whole) - 70]
    if name in ("tabular json", "tabular parquet", *ZIPS):
        refused(home, name, cut)
        return
    load = load_of(home, name, cut)
    assert RECORDS_N - 3 <= load.manifest.rows_n < RECORDS_N
    assert (load.manifest.partial_reason is not None) is (name in DOCUMENTS)
    assert len(kept_apart(load)) == (0 if name in DOCUMENTS else 1)


@each_form
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_packed__means_the_same_and_cut_off_is_refused(home: Home, name: str, pack: Callable[[bytes], bytes]):
    if name in (*ZIPS, "tabular parquet"):
        pytest.skip("these are packed already")
    packed = pack(FORMS[name].write(records()))
    assert load_of(home, name, packed).manifest.rows_n == RECORDS_N
    refused(home, name, packed[:-9])


@pytest.mark.parametrize("name", TEXTS)
def test_wrong_encoding__utf_16_is_refused(home: Home, name: str):
    refused(home, name, FORMS[name].write(records()).decode().encode("utf-16"))


@pytest.mark.parametrize("name", TEXTS)
def test_wrong_encoding__latin_1_in_one_record(home: Home, name: str):
    if name in ("facebook_download json", "reddit_archive"):
        pytest.skip("its texts are ASCII with escapes")
    content = FORMS[name].write(records()).replace("té 7".encode(), "té 7".encode("latin-1"))
    if FORMS[name].is_line:
        load = load_of(home, name, content)
        assert (load.manifest.rows_n, len(kept_apart(load))) == (RECORDS_N - 1, 1)
    else:
        refused(home, name, content)


@pytest.mark.parametrize("name", TEXTS)
def test_byte_order_mark__is_no_part_of_the_content(home: Home, name: str):
    assert load_of(home, name, b"\xef\xbb\xbf" + FORMS[name].write(records())).manifest.rows_n == RECORDS_N


@pytest.mark.parametrize("name", CSVS)
def test_wrong_delimiter__is_refused(home: Home, name: str):
    content = FORMS[name].write(records())
    refused(home, name, content.replace(b";", b"|") if b";" in content else content.replace(b",", b";"))


@pytest.mark.parametrize(
    ("name", "column"), [("tabular csv", b"text"), ("discord_export csv", b"Content"), ("tabular parquet", b"text")]
)
def test_missing_column__is_refused(home: Home, name: str, column: bytes):
    content = FORMS[name].write(records())
    if name == "tabular parquet":
        content = parquet_of([{key: value for key, value in row.items() if key != "text"} for row in records()])
    error = refused(home, name, content.replace(column, b"elsewhere", 1))
    assert "olumn" in str(error) or "Content" in str(error)


@each_form
def test_repeated_ids__are_counted_once(home: Home, name: str):
    twice = [*records(), records()[-1]]
    load = load_of(home, name, FORMS[name].write(twice))
    assert (load.manifest.rows_n, load.manifest.skipped) == (RECORDS_N, {"duplicate_record": 1})


@pytest.mark.parametrize("name", ["tabular csv", "tabular ndjson", "tabular json", "tabular parquet"])
def test_two_date_forms_in_one_column__must_both_be_named(home: Home, name: str):
    content = FORMS[name].write(records(at="02/03/2026 13:00"))
    load = load_of(home, name, content)
    assert (load.manifest.rows_n, kept_apart(load)) == (RECORDS_N - 1, ["not_a_time"])
    both = {"column": "at", "time": ["iso", "%d/%m/%Y %H:%M"], "zone": "UTC"}
    assert load_of(home, name, content, table={"columns": TABLE | {"created_at": both}}).manifest.rows_n == RECORDS_N


@pytest.mark.parametrize(
    "name", ["discord_export", "telegram_export", "tabular csv", "tabular ndjson", "tabular json", "tabular parquet"]
)
def test_time_without_zone__is_kept_apart(home: Home, name: str):
    load = load_of(home, name, FORMS[name].write(records(at="2026-03-02T13:00:00")))
    assert (load.manifest.rows_n, kept_apart(load)) == (RECORDS_N - 1, ["not_a_time"])


@pytest.mark.parametrize("name", ["tabular csv", "tabular ndjson", "tabular json", "tabular parquet"])
def test_numbers_as_text__are_numbers_or_kept_apart(home: Home, name: str):
    load = load_of(home, name, FORMS[name].write(records(likes="12")))
    assert rows_of(load)[-1]["score"] == 12
    load = load_of(home, name, FORMS[name].write(records(likes="a dozen")))
    assert (load.manifest.rows_n, kept_apart(load)) == (RECORDS_N - 1, ["not_a_number"])


@each_form
def test_cell_of_10_mb__is_kept_apart(home: Home, name: str):
    content = FORMS[name].write(records(text="x" * 10_000_000))
    load = load_of(home, name, content)
    assert (load.manifest.rows_n, len(kept_apart(load))) == (RECORDS_N - 1, 1)


@each_form
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00" * 1_000, b"<html><body>503</body></html>"])
def test_file_of_nothing__is_one_error(home: Home, name: str, content: bytes):
    before = load_of(home, name, FORMS[name].write(records()))
    with pytest.raises(PulseError) as caught:
        load_of(home, name, content)
    assert before.folder.is_dir()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TEXTS)
def test_empty_file__is_named(home: Home, name: str):
    with pytest.raises(PulseError, match=re.escape(FORMS[name].file)):
        load_of(home, name, b"")


@each_form
def test_directory__is_one_error(home: Home, name: str):
    form = FORMS[name]
    folder = home.root / form.file
    folder.mkdir()
    one = entry_of(folder, **form.facts)
    with pytest.raises(PulseError) as caught:
        extract(one, WINDOW, context_of(home, one))
    assert "\n" not in str(caught.value)


@each_form
@pytest.mark.parametrize("filling", [b"\x00", b"\n", b"1,2\n"], ids=["zeros", "line ends", "rows"])
def test_bomb__is_refused(home: Home, name: str, filling: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ndjson, "MIN_REFUSED_BYTES", 4_000_000)
    content = filling * (8_000_000 // len(filling))
    if name in ZIPS:
        members = {"channels.json": b"[]", "groups/group_posts_and_comments.json": content}
        assert "unpacks to" in str(refused(home, name, zip_of(members)))
    elif name != "tabular parquet":
        for pack in (zstandard.compress, gzip.compress):
            error = str(refused(home, name, pack(FORMS[name].write(records()) + content)))
            # A document ends where its outermost bracket does, and what follows is refused at once.
            assert "unpacks to" in error or (name in DOCUMENTS and "no JSON after item 40" in error)


@pytest.mark.parametrize("name", ZIPS)
def test_macosx_twins__are_left_out(home: Home, name: str):
    held = io.BytesIO(FORMS[name].write(records()))
    with zipfile.ZipFile(held, "a") as archive:
        for member in archive.namelist():
            folder, _, file = member.rpartition("/")
            archive.writestr(f"__MACOSX/{folder}/._{file}", b"\x00\x05\x16\x07")
            archive.writestr(f"{folder}/._{file}".lstrip("/"), b"\x00\x05\x16\x07")
    assert load_of(home, name, held.getvalue()).manifest.rows_n == RECORDS_N


@pytest.mark.parametrize("name", ZIPS)
def test_zip__damaged_encrypted_or_of_unknown_packing_is_refused(home: Home, name: str):
    whole = FORMS[name].write(records())
    at = whole.index(b"PK\x03\x04", 4) if name == "slack_export" else 0
    begins = at + 30 + int.from_bytes(whole[at + 26 : at + 28], "little")
    refused(home, name, whole[: begins + 40] + bytes(byte ^ 0xFF for byte in whole[begins + 40 : begins + 60])
            + whole[begins + 60 :])  # fmt: skip
    directory = whole.rindex(b"PK\x01\x02")
    encrypted = bytearray(whole)
    encrypted[directory + 8] |= 1
    refused(home, name, bytes(encrypted))
    unknown = bytearray(whole)
    unknown[directory + 10] = 99
    refused(home, name, bytes(unknown))
