"""`pulse discover` as people call it: what it refuses, what it keeps, and what a second reading does."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from fixtures.everything import files_with
from fixtures.reddit_lines import NOON_S, comment, post
from pulse.core.home import Home
from pulse.words.discovery import CANDIDATE_WORDS, candidates_file
from support import pulse

AUTHOR, PHRASE = "Nadia_Quill_77", "tangerine zeppelin"
NEXT_MONTH_S = NOON_S + 31 * 86_400


def said(name: str, author: str, text: str, **changes: Any) -> dict[str, Any]:
    return comment(name, author=author, body=text, **changes)


def talk(community: str = "Tea", *, at_s: int = NOON_S, people: Iterable[str] = "abc") -> list[dict[str, Any]]:
    """Each of these people says the same."""
    return [
        said(f"{community}{at_s}{one}", f"user_{one}", "the kettle broke", subreddit=community, created_utc=at_s)
        for one in people
    ]


def written(file: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    if file.suffix == ".zst":
        data = zstandard.compress(data)
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


def kept(home: Home) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """By community, month and word: people who used it, people, contributions."""
    return {
        (row["community"], f"{row['month_start_date']:%Y-%m}", row["word"]):
        (row["authors_n"], row["people_n"], row["contributions_n"])
        for row in pq.read_table(candidates_file(home)).to_pylist()
    }  # fmt: skip


# ---- bad files ---------------------------------------------------------------

RECORDS = b"".join(json.dumps(record).encode() + b"\n" for record in talk())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("cut_off.zst", zstandard.compress(RECORDS * 50)[:-20], "cut off"),
        ("cut_off.gz", gzip.compress(RECORDS * 50)[:-20], "end-of-stream"),
        ("damaged.zst", b"\x28\xb5\x2f\xfd" + b"\x00\xff" * 40, "archive"),
        ("empty.ndjson", b"", "it is empty"),
        ("blank.ndjson", b"\n\n", "it is empty"),
        ("words.ndjson", b"kettle\npot\n", "not_json 2"),
        ("list.json", b"[1, 2]\n", "not_an_object 1"),
        ("other_records.ndjson", b'{"name": "x"}\n', "missing_id 1"),
        ("nul.ndjson", RECORDS.split(b"\n")[0].replace(b"kettle", b"ket\x00tle") + b"\n", "nul_byte 1"),
        ("brackets.ndjson", b"[" * 200_000 + b"\n", "nested_too_deeply 1"),
        ("table.parquet", b"PAR1" + b"\x00" * 20 + b"PAR1", "looks like Parquet"),
        ("too_few.ndjson", RECORDS.split(b"\n")[0] + b"\n", "three people"),
    ],
)  # fmt: skip
def test_discover__refuses_a_bad_file_in_one_line_and_keeps_what_it_knew(
    home: Home, tmp_path: Path, name: str, content: bytes, told: str
):
    assert pulse("discover", str(written(tmp_path / "good.ndjson", talk("Mate")))).exit_code == 0
    before = candidates_file(home).read_bytes()
    file = tmp_path / name
    file.write_bytes(content)
    done = pulse("discover", str(file))
    assert done.exit_code != 0
    lines = done.output.strip().splitlines()
    assert len(lines) == 1, done.output
    assert told in lines[0]
    assert "Next: " in lines[0]
    assert candidates_file(home).read_bytes() == before
    assert not list(home.scratch.iterdir())


@pytest.mark.parametrize(("name", "told"), [("folder", "is a folder"), ("nowhere.zst", "is not there")])
def test_discover__refuses_what_is_no_file(home: Home, tmp_path: Path, name: str, told: str):
    (tmp_path / "folder").mkdir()
    done = pulse("discover", str(tmp_path / name))
    assert done.exit_code != 0
    assert told in done.output
    assert not candidates_file(home).exists()


def test_discover__counts_bad_lines_among_good_ones_for_nobody(home: Home, tmp_path: Path):
    bad = [b"kettle", b"{", b'{"author": "user_d", "body": "the kettle \x00"}', b"[" * 100_000, b'{"id": 1}', b""]
    file = tmp_path / "mixed.ndjson"
    file.write_bytes(RECORDS + b"\n".join(bad) + b"\n" + RECORDS.split(b"\n")[0][:-9])
    done = pulse("discover", str(file))
    assert done.exit_code == 0, done.output
    assert "6 lines are no record" in done.output
    assert kept(home) == {("tea", "2019-10", "kettle"): (3, 3, 3), ("tea", "2019-10", "broke"): (3, 3, 3)}


# ---- what is kept ------------------------------------------------------------


def test_discover__counts_people_by_month_and_neither_programs_nor_who_is_gone(home: Home, tmp_path: Path):
    records = [
        *talk(people="abcd"), *talk(at_s=NEXT_MONTH_S, people="abc"),
        said("twice", "USER_A", "kettle, kettle!"),
        said("gone", "[deleted]", "the kettle broke"),
        said("bot", "AutoModerator", "the kettle broke"),
        said("removed", "user_e", "[removed]"),
        said("french", "user_f", "la bouilloire est en panne depuis hier soir et je ne sais pas quoi faire, kettle"),
        said("profile", "user_g", "the kettle broke", subreddit="u_user_g"),
        post("p9", author="user_h", title="A kettle &amp; pot", selftext=""),
    ]  # fmt: skip
    done = pulse("discover", str(written(tmp_path / "all.ndjson.gz", records)))
    assert done.exit_code == 0, done.output
    # Who wrote what was taken down is somebody; French has no words.
    assert kept(home) == {
        ("tea", "2019-10", "kettle"): (5, 7, 10), ("tea", "2019-10", "broke"): (4, 7, 10),
        ("tea", "2019-11", "kettle"): (3, 3, 3), ("tea", "2019-11", "broke"): (3, 3, 3),
    }  # fmt: skip


def test_discover__leaves_no_text_and_no_author_in_any_file(home: Home, tmp_path: Path):
    records = [
        *talk(),
        said("s1", AUTHOR, f"my {PHRASE} is the kettle of {AUTHOR}"), said("s2", "user_b", f"a {PHRASE}"),
        post("p2", author=AUTHOR, title=f"{PHRASE} again", selftext="the kettle broke"),
    ]  # fmt: skip
    file = written(tmp_path / "RC_2019-10.zst", records)
    words = [AUTHOR, *PHRASE.split(), "user_a", "the kettle broke"]
    assert files_with(tmp_path, ["kettle", AUTHOR, PHRASE]).keys() == {file.relative_to(tmp_path)}
    assert pulse("discover", str(file)).exit_code == 0
    assert files_with(home.root, ["kettle"]).keys() == {candidates_file(home).relative_to(home.root)}
    assert files_with(home.root, words) == {}
    table = pq.read_table(candidates_file(home))
    assert table.schema.names == CANDIDATE_WORDS.names
    assert sorted(table.column("word").to_pylist()) == ["broke", "kettle"], "what two said is not kept"


# ---- more than one reading ---------------------------------------------------


def test_discover__the_same_file_again_changes_nothing(home: Home, tmp_path: Path):
    file = str(written(tmp_path / "one.ndjson", talk()))
    first = pulse("discover", file)
    before, changed_at = candidates_file(home).read_bytes(), candidates_file(home).stat().st_mtime_ns
    again = pulse("discover", file)
    assert (again.exit_code, again.output) == (0, first.output)
    assert candidates_file(home).stat().st_mtime_ns == changed_at
    assert pulse("discover", file, file, "--replace").output == first.output, "nor does one file named twice"
    assert candidates_file(home).read_bytes() == before


def test_discover__months_add_up_over_readings_in_any_order(home: Home, tmp_path: Path):
    october = str(written(tmp_path / "october.ndjson", [*talk(), *talk("Mate")]))
    november = str(written(tmp_path / "november.ndjson", talk(at_s=NEXT_MONTH_S, people="abcde")))
    results = []
    for order in ((november, october), (october, november)):
        candidates_file(home).unlink(missing_ok=True)
        assert [pulse("discover", file).exit_code for file in order] == [0, 0]
        results.append(candidates_file(home).read_bytes())
    candidates_file(home).unlink()
    assert pulse("discover", october, november).exit_code == 0
    assert [*results, candidates_file(home).read_bytes()] == results[:1] * 3
    assert Counter(key[:2] for key in kept(home)) == {
        ("tea", "2019-10"): 2, ("tea", "2019-11"): 2, ("mate", "2019-10"): 2
    }  # fmt: skip


def test_discover__two_files_of_one_month_are_read_together_or_refused(home: Home, tmp_path: Path):
    one = str(written(tmp_path / "comments.ndjson", talk(people="abc")))
    other = str(written(tmp_path / "posts.ndjson", [*talk(people="cde"), *talk("Mate", people="cde")]))
    assert pulse("discover", one).exit_code == 0
    before = candidates_file(home).read_bytes()
    refused = pulse("discover", other)
    assert refused.exit_code != 0
    assert "tea in 2019-10" in refused.output
    assert "--replace" in refused.output
    assert candidates_file(home).read_bytes() == before, "nor is Mate kept alone"
    assert pulse("discover", one, other, "--replace").exit_code == 0
    # Who is in both files is one person.
    assert {key: counts for key, counts in kept(home).items() if key[2] == "kettle"} == {
        ("tea", "2019-10", "kettle"): (5, 5, 5), ("mate", "2019-10", "kettle"): (3, 3, 3)
    }  # fmt: skip
