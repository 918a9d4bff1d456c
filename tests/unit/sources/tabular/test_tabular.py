"""Tables by a mapping in the config: what each form of value becomes, and what is said of rows that cannot be used."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.errors import ArchiveUnreadable, ConfigError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from pulse.sources.routes import extract
from pulse.sources.tabular.entry import TabularEntry

KEY = b"key-for-tests-only"
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 3))
NOW = datetime(2026, 4, 1, tzinfo=UTC)
COLUMNS: dict[str, Any] = {
    "contribution_id": "id",
    "kind": {"constant": "post"},
    "created_at": {"column": "at", "time": "iso"},
    "body": "text",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def entry(path: Path, columns: dict[str, Any] | None = None, **more: Any) -> TabularEntry:
    table = {"columns": COLUMNS | (columns or {})} | more.pop("table", {})
    given: dict[str, Any] = {"platform": "some_forum", "name": "tea", "source": "tabular", "path": path, "table": table}
    return TabularEntry(**(given | more))


def load(home: Home, one: TabularEntry, *others: TabularEntry) -> Load:
    context = source_context(home, Settings(communities=(one, *others)), lambda: NOW, KEY)
    [found] = extract(one, WINDOW, context)
    return found


def rows(found: Load) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        files = [str(file) for file in found.folder.glob("rows/*.parquet")]
        table = connection.execute("select * from read_parquet(?) order by contribution_id", [files])
        return list(table.to_arrow_table().to_pylist())


def faults(found: Load) -> list[tuple[int, str, str]]:
    with duckdb.connect() as connection:
        return connection.execute(
            "select line_number, fault, detail from read_parquet(?) order by all",
            [str(found.folder / "bad_lines.parquet")],
        ).fetchall()


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


HEADER = "id,at,text,who,likes,loves"
ROW = '1,2026-03-02T10:00:00Z,"Line one\nline ""two""",Ann,3,'


def test_csv__gives_contract_rows_and_null_for_what_the_mapping_does_not_name(home: Home, tmp_path: Path):
    [row] = rows(load(home, entry(written(tmp_path / "a.csv", HEADER, ROW), {"author": "who", "score": "likes"})))
    assert row["body"] == 'Line one\nline "two"'
    assert row["created_at"] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert row["author_key"] == author_key(KEY, "some_forum", "Ann")
    assert (row["score"], row["reply_count"], row["title"], row["channel"]) == (3, None, None, None)
    assert (row["thread_id"], row["parent_id"], row["source"]) == ("1", None, "tabular")


def test_observes__is_what_the_mapping_names_and_is_sealed_with_the_load(home: Home, tmp_path: Path):
    found = load(home, entry(written(tmp_path / "a.csv", HEADER, ROW)))
    assert found.manifest.observes == ("body",)
    assert rows(found)[0]["author_key"] is None


TIMES: dict[str, tuple[str, dict[str, Any], datetime | None]] = {
    "iso_with_zone": ("2026-03-02T10:00:00+02:00", {"time": "iso"}, datetime(2026, 3, 2, 8, tzinfo=UTC)),
    "iso_without_zone_is_refused": ("2026-03-02T10:00:00", {"time": "iso"}, None),
    "iso_in_a_stated_zone": (
        "2026-03-02 10:00:00", {"time": "iso", "zone": "Europe/Paris"}, datetime(2026, 3, 2, 9, tzinfo=UTC),
    ),
    "pattern_with_fixed_offset": (
        "02/03/2026 10:00", {"time": "%d/%m/%Y %H:%M", "zone": "-05:00"}, datetime(2026, 3, 2, 15, tzinfo=UTC),
    ),
    "seconds": ("1772445600", {"time": "epoch_s"}, datetime(2026, 3, 2, 10, tzinfo=UTC)),
    "milliseconds": ("1772445600000", {"time": "epoch_ms"}, datetime(2026, 3, 2, 10, tzinfo=UTC)),
    "milliseconds_as_seconds": ("1772445600000", {"time": "epoch_s"}, None),
    "second_form_of_two": (
        "2026-03-02 10:00", {"time": ["%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M"], "zone": "UTC"},
        datetime(2026, 3, 2, 10, tzinfo=UTC),
    ),
    "no_time": ("yesterday", {"time": "iso"}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES.values(), ids=TIMES)
def test_time(case: tuple[str, dict[str, Any], datetime | None], home: Home, tmp_path: Path):
    text, how, expected = case
    good = "2026-03-02T00:00:00Z" if how["time"] == "iso" else text
    path = written(tmp_path / "a.csv", "id,at,text", f"1,{text},x", f"2,{good},y")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        from pulse.sources.tabular.mapping import TabularMapping

        mapping = TabularMapping(entry(path, {"created_at": {"column": "at"} | how}), KEY, path)
        [(found,)] = connection.execute(
            f"select {mapping._time_sql('created_at')} from (select $1 as at)", [text]
        ).fetchall()
    assert found == expected


def test_repairs__undo_python_bytes_and_utf8_read_as_latin1(home: Home, tmp_path: Path):
    spoilt = {
        "1": (r"b'caf\xc3\xa9\n\\n it\'s'", "café\n\\n it's"),
        "2": (r'''b"she said \'no\' \xf0\x9f\x8d\xb5"''', "she said 'no' 🍵"),
        "3": ("plain 'text'", "plain 'text'"),
        "4": ("naïve café ☕".encode().decode("latin-1"), "naïve café ☕"),
        "5": ("already right: é ☕", "already right: é ☕"),
        "6": ("b''", None),
        "7": (r"b'cut \xc3'", r"b'cut \xc3'"),
    }
    path = tmp_path / "a.ndjson"
    path.write_text(
        "\n".join(
            json.dumps({"id": key, "at": "2026-03-02T10:00:00Z", "text": text}) for key, (text, _) in spoilt.items()
        )
    )
    repaired = entry(path, {"body": {"column": "text", "repair": ["python_bytes", "latin1_utf8"]}})
    assert {row["contribution_id"]: row["body"] for row in rows(load(home, repaired))} == {
        key: whole for key, (_, whole) in spoilt.items()
    }


def test_values__reactions_tags_prefix_file_part_and_made_ids(home: Home, tmp_path: Path):
    header, row = HEADER + ",state,labels", "ignored,2026-03-02T10:00:00Z,x,Ann,3,,gone,a; b;"
    path = written(tmp_path / "group_general.csv", header, row, row)
    mapped = entry(
        path,
        {
            "contribution_id": {"made_from": ["who", "at"], "prefix": "x_"},
            "channel": {"file_part": r"group_(\w+)"},
            "reactions": {"columns": {"like": "likes", "love": "loves"}},
            "tags": {"column": "labels", "split": ";"},
            "removal": {"column": "state", "values": {"gone": "by_author"}},
        },
    )
    found = load(home, mapped)
    [one] = rows(found)
    assert one["contribution_id"].startswith("x_made_")
    assert len(one["contribution_id"]) == len("x_made_") + 32
    assert (one["channel"], one["tags"], one["removal"]) == ("general", ["a", "b"], "by_author")
    assert dict(one["reactions"]) == {"like": 3}
    assert found.manifest.skipped == {"duplicate_record": 1}


def test_comments__hang_from_their_thread_and_messages_from_nothing(home: Home, tmp_path: Path):
    path = written(
        tmp_path / "a.csv", "id,at,text,what,thread", "1,2026-03-02T10:00:00Z,x,P,", "2,2026-03-02T10:01:00Z,y,C,1",
        "3,2026-03-02T10:02:00Z,z,M,", "4,2026-03-02T10:03:00Z,lost,C,",
    )  # fmt: skip
    kinds = {"column": "what", "values": {"P": "post", "C": "comment", "M": "message"}}
    found = load(home, entry(path, {"kind": kinds, "thread_id": "thread"}))
    assert [(row["kind"], row["thread_id"], row["parent_id"]) for row in rows(found)] == [
        ("post", "1", None), ("comment", "1", "1"), ("message", "3", None),
    ]  # fmt: skip
    assert faults(found) == [(4, "missing", "thread_id, column thread is empty")]


FORMATS = ("csv", "tsv", "ndjson", "json", "parquet", "csv.gz")


@pytest.mark.parametrize("form", FORMATS)
def test_formats__mean_the_same(form: str, home: Home, tmp_path: Path):
    content = [{"id": str(n), "at": f"2026-03-02T10:00:0{n}Z", "text": f"a, 'b'\t{n}"} for n in range(5)]
    path = tmp_path / f"table.{form}"
    with duckdb.connect() as connection:
        source = tmp_path / "source.ndjson"
        source.write_text("\n".join(map(json.dumps, content)))
        table = (
            f"(select * from read_json('{source}', columns = {{'id': 'VARCHAR', 'at': 'VARCHAR', 'text': 'VARCHAR'}}))"
        )
        options = {
            "csv": "format csv, header", "tsv": "format csv, header, delimiter '\t'", "ndjson": "format json",
            "json": "format json, array true",
            "parquet": "format parquet", "csv.gz": "format csv, header, compression gzip",
        }[form]  # fmt: skip
        connection.execute(f"copy {table} to '{path}' ({options})")
    assert [(row["contribution_id"], row["body"]) for row in rows(load(home, entry(path)))] == [
        (one["id"], one["text"]) for one in content
    ]


def test_json__columns_within_objects(home: Home, tmp_path: Path):
    record = {"id": 7, "at": "2026-03-02T10:00:00Z", "data": {"post": "deep"}, "count": 12}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([record, {"id": 8}]))
    found = load(home, entry(path, {"body": "data.post", "reply_count": "count"}))
    assert [(row["contribution_id"], row["body"], row["reply_count"]) for row in rows(found)] == [("7", "deep", 12)]


def test_faults__name_row_and_column(home: Home, tmp_path: Path):
    good = [f"{n},2026-03-02T10:00:00Z,x,Ann,{n},1" for n in range(10, 20)]
    path = written(
        tmp_path / "a.csv", HEADER, *good, ",2026-03-02T10:00:00Z,x,Ann,1,1", "21,2026-03-02T10:00:00Z,x,Ann,many,1",
        "22,2026-03-02T10:00:00Z,x,Ann,1,1e300",
    )  # fmt: skip
    mapped = entry(path, {"score": "likes", "reactions": {"columns": {"love": "loves"}}})
    found = load(home, mapped)
    assert len(rows(found)) == 10
    assert faults(found) == [
        (11, "missing", "contribution_id, column id is empty"),
        (12, "not_a_number", "score, column likes: many"),
        (13, "not_a_number", "reactions, column loves: 1e300"),
    ]
    [account] = found.manifest.files
    assert (account.lines_n, account.landed_n, account.quarantined_n) == (13, 10, 3)


def test_faults__rows_that_are_no_rows_are_kept_apart(home: Home, tmp_path: Path):
    good = [f"{n},2026-03-02T10:00:00Z,x,Ann,{n},1" for n in range(10, 20)]
    found = load(
        home, entry(written(tmp_path / "a.csv", HEADER, *good, "21,too,few", "22,2026-03-02T10:00:00Z,x,A,1,1,9"))
    )
    assert len(rows(found)) == 10
    [account] = found.manifest.files
    assert (account.lines_n, account.landed_n, account.unplaced_n) == (12, 10, 2)


REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "wrong_delimiter": (b"id;at;text\n1;2026-03-02T10:00:00Z;x\n", {}, "no column"),
    "empty": (b"", {}, "header"),
    "column_twice": (b"id,at,text,id\n1,2026-03-02T10:00:00Z,x,2\n", {}, "stands twice"),
    "cut_off_gzip": (gzip.compress(b"id,at,text\n" + b"1,2026-03-02T10:00:00Z,x\n" * 9_000)[:-40], {}, "table"),
    "no_record": (b"id,at,text\n1,never,x\n", {}, "no line is a record"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_file__that_cannot_be_used_is_one_clear_error(
    case: tuple[bytes, dict[str, Any], str], home: Home, tmp_path: Path
):
    content, table, message = case
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises((ArchiveUnreadable, ConfigError), match=message):
        load(home, entry(path, table=table))


def test_byte_order_mark__is_no_part_of_the_first_name(home: Home, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfid,at,text\n1,2026-03-02T10:00:00Z,x\n")
    assert len(rows(load(home, entry(path)))) == 1


def test_community__from_a_column_is_shared_by_its_entries(home: Home, tmp_path: Path):
    path = written(
        tmp_path / "a.csv", "id,at,text,where", "1,2026-03-02T10:00:00Z,x,tea", "2,2026-03-02T10:00:00Z,y,mate",
        "3,2026-03-02T10:00:00Z,z,rooibos",
    )  # fmt: skip
    tea, mate = (entry(path, {"community": "where"}, name=name) for name in ("tea", "mate"))
    found = load(home, tea, mate)
    assert [row["contribution_id"] for row in rows(found)] == ["1"]
    assert [row["contribution_id"] for row in rows(load(home, mate, tea))] == ["2"]
    assert len(list((home.landing / "archives").iterdir())) == 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no_zone": ({"created_at": {"column": "at", "time": "%Y-%m-%d"}}, "zone is missing"),
    "unknown_zone": ({"created_at": {"column": "at", "time": "iso", "zone": "Mars/North"}}, "unknown zone"),
    "no_time": ({"created_at": "at"}, "time says how"),
    "two_origins": ({"body": {"column": "text", "constant": "x"}}, "limit: one of"),
    "comment_without_thread": ({"kind": {"constant": "comment"}}, "thread_id is missing"),
    "unknown_field": ({"stars": "likes"}, "stars"),
    "unknown_repair": ({"body": {"column": "text", "repair": "rot13"}}, "repair"),
    "pattern_without_group": ({"channel": {"file_part": "x"}}, "0 groups"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_config__that_cannot_work_is_refused(case: tuple[dict[str, Any], str], tmp_path: Path):
    columns, message = case
    with pytest.raises(ValidationError, match=message):
        entry(tmp_path / "a.csv", columns)
