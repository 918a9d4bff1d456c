"""The list of those who asked to be forgotten, and what every load is held against it for."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pulse.core import keys
from pulse.core.contract import COLUMN_NAMES
from pulse.core.home import Home
from pulse.lake import forgotten, landing, raw
from pulse.lake.forgotten import Person, Wanted
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from support import NOON, contribution, sealed_load

NAME = "Nadia_Quill_77"
DAY = NOON.date()


@pytest.fixture
def person(home: Home) -> Person:
    return Person("reddit", author_key(keys.author_key_bytes(home), "reddit", NAME))


def of(person: Person, contribution_id: str = "t3_a", **changes: Any) -> dict[str, Any]:
    return contribution(contribution_id, **({"author_key": person.author_key, "body": "secret"} | changes))


def rows_of(*files: Path) -> list[dict[str, Any]]:
    rows = [row for file in files for row in pq.read_table(file).select([*COLUMN_NAMES]).to_pylist()]
    return sorted(rows, key=lambda row: row["contribution_id"])


def in_raw(home: Home) -> list[dict[str, Any]]:
    return rows_of(*(home.raw / "contributions").glob("platform=*/*/*/*.parquet"))


def bad_line(line: bytes, **changes: Any) -> dict[str, Any]:
    facts = {"file": "RS.zst", "line_number": 1, "fault": "no_json", "detail": "secret", "community": "tea", "day": DAY}
    return facts | {"line": line} | changes


def lines_of(load: Load) -> list[bytes]:
    return [row["line"] for row in pq.read_table(load.bad_lines_file).to_pylist()]


def test_list__is_known_by_the_names_of_its_files(home: Home, person: Person):
    assert forgotten.everybody(home) == ()
    first = forgotten.put_on_list(home, person, asked_at=NOON)
    second = forgotten.put_on_list(home, person, asked_at=NOON + timedelta(days=1))
    assert first != second
    (file,) = (home.raw / "forgotten").rglob("*.parquet")
    assert pq.read_table(file).to_pylist() == [
        {"platform": "reddit", "author_key": person.author_key, "request_id": second, "asked_at": NOON}
    ]
    file.write_bytes(b"damaged")
    assert forgotten.everybody(home) == (person,), "whoever asked is not forgotten by the list"
    assert NAME not in repr(person)
    assert person.author_key not in repr(person)


def test_seal__a_load_loses_what_the_person_wrote(home: Home, person: Person):
    forgotten.put_on_list(home, person, asked_at=NOON)
    load = sealed_load(home, [of(person), contribution("t3_b"), of(person, "t1_c", removal="by_moderator", body=None)])
    moderated, erased, other = rows_of(*load.rows_files().values())
    assert (erased["body"], erased["title"], erased["text_sha256"], erased["author_key"]) == (None, None, None, None)
    assert (erased["removal"], moderated["removal"], other["removal"]) == ("by_author", "by_moderator", "none")
    assert (moderated["author_key"], other["body"], erased["score"]) == (None, "Some text", 1)


@pytest.mark.parametrize(
    "line",
    [
        b'{"author": "Nadia_Quill_77", "body": ',
        b'{"author": "NADIA_quill_77"}',
        b"x,nadia_quill_77,y",
        b"\xff\xfe Nadia_Quill_77 \xff",
        b'{"author": "\\u004eadia_Quill_77"}',
        b'{"told":{"author":{"name":"Nadia_Quill_77"}}}',
    ],
)
def test_seal__a_line_that_names_the_person_loses_its_text(home: Home, person: Person, line: bytes):
    forgotten.put_on_list(home, person, asked_at=NOON)
    others = bad_line(b'{"author": "Nadia_Quill_778", "body": "Nadia"}', line_number=2)
    load = sealed_load(home, [contribution()], bad_lines=[bad_line(line), others])
    assert lines_of(load) == [b"", others["line"]]
    kept = pq.read_table(load.bad_lines_file).to_pylist()
    assert [row["detail"] for row in kept] == ["erased", "secret"]
    assert [row["line_number"] for row in kept] == [1, 2], "lines are counted, so they stay"


def test_seal__is_untouched_while_nobody_asked(home: Home, person: Person):
    load = sealed_load(home, [of(person)], bad_lines=[bad_line(NAME.encode())])
    assert [row["body"] for row in rows_of(*load.rows_files().values())] == ["secret"]
    assert lines_of(load) == [NAME.encode()]


def test_promote__a_load_sealed_before_the_person_asked_is_held_against_the_list(home: Home, person: Person):
    load = sealed_load(home, [of(person), contribution("t3_b")])
    forgotten.put_on_list(home, person, asked_at=NOON)
    raw.promote(home, load)
    erased, other = in_raw(home)
    assert (erased["body"], erased["author_key"], erased["removal"]) == (None, None, "by_author")
    assert other["body"] == "Some text"


def test_take_back__what_a_person_wrote_stays_gone_whoever_is_said_to_have_written_it(home: Home, person: Person):
    raw.promote(home, sealed_load(home, [of(person), contribution("t3_b")]))
    forgotten.put_on_list(home, person, asked_at=NOON)
    taken = raw.take_back(home, "erased_live-1", persons=[person.author_key])
    assert (taken.contributions_n, taken.rows_n, taken.files_n) == (1, 1, 1)
    assert raw.pending_dates(home)
    later = contribution("t3_a", author_key=None, body="secret", observed_at=NOON + timedelta(days=99))
    raw.promote(home, sealed_load(home, [later, contribution("t3_b")], load_id="reddit_archive-reddit-tea-y"))
    assert "secret" not in repr(in_raw(home))
    assert {row["removal"] for row in in_raw(home) if row["contribution_id"] == "t3_a"} == {"by_author"}
    assert raw.take_back(home, "erased_live-2", persons=[person.author_key]) == raw.TakenBack()


def test_hold__looks_into_every_file_of_rows_and_of_lines(home: Home, person: Person):
    load = sealed_load(home, [of(person)], bad_lines=[bad_line(NAME.encode())])
    draft = load.folder.rename(load.folder.with_name(".draft-of-a-kill"))
    (home.landing / "half.parquet").write_bytes(b"PAR1 half")
    wanted = Wanted((person,))
    found = forgotten.find(home, [home.landing], wanted)
    assert (sum(found.rows.values()), sum(found.lines.values())) == (1, 1)
    assert found.unreadable == (home.landing / "half.parquet",)
    forgotten.put_on_list(home, person, asked_at=NOON)
    assert forgotten.hold(home, [home.landing]) == 2
    found = forgotten.find(home, [home.landing], wanted)
    assert (found.rows, found.lines) == ({}, {})
    moved = replace(landing.open_load(draft), folder=draft)
    assert lines_of(moved) == [b""]
