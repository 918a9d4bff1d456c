"""The archive source: staging in sealed chunks, resuming, and what each community's load takes from them."""

import gzip
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import ValidationError

from fixtures.reddit_lines import (
    DAY,
    KEY,
    NOON_S,
    ONE_DAY,
    Line,
    bad_lines_of,
    comment,
    context,
    entry,
    extracted,
    lines,
    post,
    read,
    rows_of,
    write,
)
from pulse.config.settings import load_settings
from pulse.core.contract import COLUMN_NAMES
from pulse.core.errors import ArchiveUnreadable, DayNotServable, SourceUnavailable, StorageError
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import Load, unproven_days
from pulse.platforms.names import author_key
from pulse.sources.lines import ndjson
from pulse.sources.lines import staging as archive_staging
from pulse.sources.lines.archive import extract
from pulse.sources.lines.staging import StagedArchive, stage
from pulse.sources.reddit import mapping
from pulse.sources.reddit.entry import RedditApiEntry

DAY_S = 86_400


def ids(load: Load) -> list[str]:
    return [row["contribution_id"] for row in rows_of(load)]


def staged_rows(archive: StagedArchive) -> list[dict[str, Any]]:
    return read(archive.chunk_files(), order_by="line_number")


def staged_faults(archive: StagedArchive) -> list[dict[str, Any]]:
    return read(archive.fault_files(), order_by="line_number, fault")


def mixed(records_n: int = 120, *, seed: int = 5) -> list[Line]:
    """Posts and comments of three communities over five days, with bad, blank and long lines between them."""
    rng = random.Random(seed)  # noqa: S311  (the same seed must give the same lines)
    odd: list[Line] = [
        b"", b"  ", b"\r", b"{", b'{"id": 5}', b"<html>", post(score=[1]), post(title=5), b'{"a": 1,}',
        b'{"id":"a","subreddit":"Milk","title":"\xff"}', comment(subreddit="Milk", created_utc="x"),
        post(created_utc=NOON_S + 3 * DAY_S, score="?"), b'{"x": nan}', post(author=["Clear_Name"]), b"y" * 700,
    ]  # fmt: skip
    found: list[Line] = [b"{", b"", b"", b"y" * 700, b"not json"]
    for number in range(records_n):
        facts = {
            "created_utc": NOON_S + number * 5 * DAY_S // records_n,
            "subreddit": rng.choice(["Tea", "tEA", "Milk", "Coffee"]),
            "retrieved_on": ...,
        }
        text = "word, [x] {y} " * rng.randrange(20)
        made = post(f"p{number}", selftext=text, **facts) if number % 3 else comment(f"c{number}", body=text, **facts)
        found += [made, *rng.sample(odd, rng.choice((0, 0, 1, 2)))]
    return found


# ---- staging ---------------------------------------------------------------


@pytest.mark.parametrize("chunk_bytes", [1, 3_000, 20_000])
def test_stage__rows_and_faults_do_not_depend_on_chunks(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 650)
    monkeypatch.setattr(ndjson, "KEPT_LINE_BYTES", 100)
    path = write(tmp_path / "archive", mixed(40 if chunk_bytes == 1 else 120))
    wildcard = entry(path, name="*")
    whole = stage(path, [wildcard], context(home, wildcard))
    pieces = stage(path, [wildcard], context(home, wildcard), chunk_bytes=chunk_bytes)
    assert len(whole.chunk_files()) == 1 < len(pieces.chunk_files())
    assert staged_rows(pieces) == staged_rows(whole)
    blank = [sum(row["lines_n"] for row in staged_faults(it) if row["fault"] == "blank_line") for it in (pieces, whole)]
    bad = [[row for row in staged_faults(it) if row["fault"] != "blank_line"] for it in (pieces, whole)]
    assert blank[0] == blank[1] > 2
    assert bad[0] == bad[1]
    assert {row["fault"] for row in bad[0]} >= {"line_too_long", "not_text", "truncated", "invalid_utf8"}
    told = {row["fault"]: bool(row["community"] and row["day"]) for row in bad[0]}
    assert not told["truncated"], "only what it tells itself"
    assert pieces.unplaced_content == whole.unplaced_content
    assert read([pieces.unplaced_file], order_by="line_number") == [row for row in bad[0] if not row["day"]]
    assert pieces.lines_n == whole.lines_n == path.read_bytes().count(b"\n")
    assert pieces.coverage == whole.coverage
    rows_n, lines_n = len(staged_rows(whole)), path.read_bytes().count(b"\n")
    assert rows_n + len(bad[0]) + blank[0] == lines_n, "every line is accounted for"


@pytest.mark.parametrize("chunk_bytes", [1, 1_000_000])
def test_stage__bad_lines_are_nobodys_unless_they_tell_both_community_and_day(
    home: Home, tmp_path: Path, chunk_bytes: int
):
    content = [
        post(score="?"),
        b"{",
        post(score="?", subreddit=...),
        post(subreddit="Milk", created_utc=NOON_S + DAY_S),
        post(created_utc="?"),
    ]
    path = write(tmp_path / "archive", content)
    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=chunk_bytes)
    assert [(row["line_number"], row["community"], row["day"]) for row in staged_faults(archive)] == [
        (1, "tea", DAY),
        (2, None, None),
        (3, None, DAY),
        (5, "tea", None),
    ]
    assert [row["line_number"] for row in read([archive.unplaced_file], order_by="line_number")] == [2, 3, 5]


def test_stage__line_numbers_are_those_of_the_file(home: Home, tmp_path: Path):
    content = [b"", *(post(f"p{number}") for number in range(50)), b" ", comment("c1"), b"{", comment("c2")]
    path = write(tmp_path / "archive", content)
    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=2_000)
    numbers = {row["contribution_id"]: row["line_number"] for row in staged_rows(archive)}
    assert numbers == {f"t3_p{number}": number + 2 for number in range(50)} | {"t1_c1": 53, "t1_c2": 55}


def test_stage__rows_lie_in_file_order_whatever_the_roles(home: Home, tmp_path: Path):
    path = write(tmp_path / "archive", [post(f"p{number}", author="abc"[number % 3]) for number in range(300)])
    tea = entry(path, bot_accounts=("b",), team_accounts=("c",))
    [chunk] = stage(path, [tea], context(home, tea)).chunk_files()
    with duckdb.connect() as connection:
        numbers = connection.execute("select line_number from read_parquet($file)", {"file": str(chunk)}).fetchall()
    assert [number for (number,) in numbers] == list(range(1, 301))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lines([post(), comment()])[:-1], id="no line end at the end"),
        pytest.param(lines([post(), comment()]).replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(lines([post(), comment()]).replace(b"\n", b"\r\r\n"), id="cr cr lf"),
        pytest.param(b"\xef\xbb\xbf" + lines([post(), comment()]), id="byte order mark"),
        pytest.param(b"\n \n" + lines([b"\t" + lines([post()]), comment()]) + b"\n\n", id="blank lines"),
        pytest.param(gzip.compress(lines([post(), comment()])), id="gzip"),
        pytest.param(b"".join(zstandard.compress(lines([record])) for record in (post(), comment())), id="two frames"),
    ],
)
def test_extract__same_rows_whatever_the_wrapping(home: Home, content: bytes):
    load = extracted(home, content)
    assert ids(load) == ["t3_p1", "t1_c1"]
    assert [row["body"] for row in rows_of(load)] == ["Some text", "An answer"]
    assert (load.manifest.bad_lines_n, load.manifest.skipped) == (0, {})
    [account] = load.manifest.files
    assert account.skipped == ({"blank_line": 5} if content.startswith(b"\n") else {})
    assert (account.landed_n, account.unaccounted_n) == (2, 0)


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\r\n\t\n", b"\xef\xbb\xbf\n", gzip.compress(b"", mtime=0)])
def test_extract__archive_without_records_can_serve_no_day(home: Home, content: bytes):
    with pytest.raises(DayNotServable) as caught:
        extracted(home, content)
    assert caught.value.earliest_day is None


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00", b"id,title\n1,x\n", b"\n<html>\n", b"[]", b"{}"])
def test_extract__file_that_is_no_archive_is_refused(home: Home, content: bytes):
    with pytest.raises(ArchiveUnreadable, match=r"no line is a record; line [12]: ") as caught:
        extracted(home, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_stage__cut_off_archive_is_refused_again_and_again(home: Home, tmp_path: Path, pack: Any):
    whole = pack(lines(mixed()))
    path = write(tmp_path / "archive", whole[:-20])
    for _ in range(2):
        with pytest.raises(ArchiveUnreadable, match=r"archive \S+: .*Next: fetch the file again"):
            stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=2_000)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("parse")]
    write(path, whole)
    assert stage(path, [entry(path)], context(home, entry(path))).coverage.kinds


def test_stage__file_that_grows_meanwhile_is_not_believed(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "archive", mixed())
    seal_chunk = archive_staging._Staging._seal_chunk

    def seal_and_grow(self: Any, *arguments: Any) -> Any:
        with path.open("ab") as file:
            file.write(b"\n")
        return seal_chunk(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(archive_staging._Staging, "_seal_chunk", seal_and_grow)
        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=10_000)
    assert not list(home.landing.glob("archives/*")), "what was read in between is not resumed"
    assert stage(path, [entry(path)], context(home, entry(path))).coverage.kinds


def test_stage__file_that_changes_before_its_turn_is_not_taken_for_the_old_one(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "archive", [post("old")])

    @contextmanager
    def long_wait(*_: Any, **__: Any) -> Iterator[None]:
        path.write_bytes(lines([post("new")]))
        yield

    monkeypatch.setattr(archive_staging, "exclusive", long_wait)
    with pytest.raises(SourceUnavailable):
        stage(path, [entry(path)], context(home, entry(path)))


def test_stage__is_done_once_and_again_when_what_decides_the_rows_changes(home: Home, tmp_path: Path):
    path = write(tmp_path / "archive", mixed())
    tea = entry(path)
    first = stage(path, [tea], context(home, tea))
    [chunk] = first.chunk_files()
    inode = chunk.stat().st_ino
    assert stage(path, [tea], context(home, tea)) == first
    assert chunk.stat().st_ino == inode
    bots, extra = entry(path, bot_accounts=("x",)), entry(path, extra_fields=True)
    others = [
        stage(path, [tea], context(home, tea, key=KEY + b"2")),
        stage(path, [bots], context(home, bots)),
        stage(path, [extra], context(home, extra)),
        stage(path, [tea, entry(path, name="milk")], context(home, tea)),
    ]
    os.utime(path, (NOON_S, NOON_S))
    others.append(stage(path, [tea], context(home, tea)))
    assert len({archive.fingerprint for archive in [first, *others]}) == 6


def test_stage__keeps_rows_of_configured_communities_only(home: Home, tmp_path: Path):
    path = write(tmp_path / "archive", mixed())
    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=20_000)
    assert {row["community"] for row in staged_rows(archive)} == {"tea"}


def test_stage__errors_of_the_engine_do_not_show_the_key(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    path = write(tmp_path / "archive", [post()])
    padded = KEY.ljust(64, b"\0")
    inner = bytes(byte ^ 0x36 for byte in padded).hex()
    select = mapping.RedditMapping.contract_select

    def broken_select(self: mapping.RedditMapping, **arguments: Any) -> str:
        statement = select(self, **arguments)
        assert inner in statement
        return statement + ", no_such_column"

    monkeypatch.setattr(mapping.RedditMapping, "contract_select", broken_select)
    with caplog.at_level(logging.DEBUG), pytest.raises(StorageError, match="BinderException") as caught:
        stage(path, [entry(path)], context(home, entry(path)))
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert inner not in shown
    assert KEY.decode() not in shown
    assert KEY.decode() not in repr(context(home, entry(path)))


def test_stage__line_in_many_pieces_has_one_fault(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 1_000)
    monkeypatch.setattr(ndjson, "_READ_BYTES", 100)
    path = write(
        tmp_path / "archive", [b"z" * 1_001, post("a"), b"x" * 50_000, post("b"), post("c", selftext="y" * 700)]
    )
    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=500)
    assert [(row["line_number"], row["fault"], row["community"], row["day"]) for row in staged_faults(archive)] == [
        (1, "line_too_long", None, None),
        (3, "line_too_long", None, None),
    ]
    assert [row["contribution_id"] for row in staged_rows(archive)] == ["t3_a", "t3_b", "t3_c"]


# ---- being killed, and company ---------------------------------------------

AT_THE_END = -2

CHILD = """
import os, signal, sys
from pathlib import Path
from fixtures.reddit_lines import context, entry, ONE_DAY
from pulse.core.home import Home
from pulse.sources.lines import staging as archive_staging
from pulse.sources.lines import archive as reddit_archive

AT_THE_END = -2
home, path, dies_after = Home(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
parsed, sealed = [], []
write_json, stage = archive_staging.write_json, archive_staging.stage
parse_chunk = archive_staging._Staging._parse_chunk

def count(self, connection, item, *rest):
    parsed.append(item.first_line)
    return parse_chunk(self, connection, item, *rest)

def seal_or_die(file, content):
    if len(sealed) == dies_after or (dies_after == AT_THE_END and file.name == archive_staging.SEAL):
        os.kill(os.getpid(), signal.SIGKILL)
    sealed.append(file)
    write_json(file, content)

archive_staging._Staging._parse_chunk = count
archive_staging.write_json = seal_or_die
reddit_archive.stage = lambda *arguments: stage(*arguments, chunk_bytes=3_000)
load = reddit_archive.extract(entry(path), ONE_DAY, context(home, entry(path)))
print(load.load_id, len(parsed))
"""


def child(home: Home, path: Path, *, dies_after: int = -1) -> subprocess.Popen[str]:
    """Extract in a process of its own, which kills itself after that many sealed chunks."""
    folders = os.pathsep.join(str(REPOSITORY / name) for name in ("plugins", "tests"))
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(home.root), str(path), str(dies_after)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": folders},
    )  # fmt: skip


def parquet_bytes(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.parquet"))}


@pytest.mark.parametrize("dies_after", [0, 4, AT_THE_END])
def test_stage__killed_run_is_taken_up_where_it_stopped(home: Home, tmp_path: Path, dies_after: int):
    path = write(tmp_path / "archive.zst", zstandard.compress(lines(mixed(60))))
    killed = child(home, path, dies_after=dies_after)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    [folder] = (home.landing / "archives").iterdir()
    seals = sorted(folder.glob("tally-*.json"))
    rows_files = list(folder.glob("chunk-*.parquet"))
    if dies_after == AT_THE_END:
        assert len(seals) >= len(rows_files) > 4
    else:
        assert len(seals) == dies_after
        assert len(rows_files) > dies_after, "it died between writing and sealing"
    numbers = [seal.stem.removeprefix("tally-") for seal in seals]
    sealed = {file: file.stat() for number in numbers for file in folder.glob(f"*-{number}.parquet")}

    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=3_000)
    for file, before in sealed.items():
        assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "parsed again"
    undisturbed_home = Home(tmp_path / "undisturbed").create()
    undisturbed = stage(path, [entry(path)], context(undisturbed_home, entry(path)), chunk_bytes=3_000)
    assert undisturbed.fingerprint == archive.fingerprint
    assert parquet_bytes(archive.folder) == parquet_bytes(undisturbed.folder)
    assert (archive.folder / archive_staging.SEAL).read_bytes() == (
        undisturbed.folder / archive_staging.SEAL
    ).read_bytes()
    assert not [file for file in archive.folder.iterdir() if file.suffix == ".tmp"]
    assert not list(home.scratch.iterdir())


def test_extract__two_processes_at_once_do_the_work_once(home: Home, tmp_path: Path):
    path = write(tmp_path / "archive", mixed(60))
    children = [child(home, path) for _ in range(2)]
    answers = [(*running.communicate(timeout=60), running.returncode) for running in children]
    assert [code for _, _, code in answers] == [0, 0], answers
    (first_id, first_n), (second_id, second_n) = (answer.split() for answer, _, _ in answers)
    assert first_id == second_id
    archive_folder = next((home.landing / "archives").iterdir())
    assert int(first_n) + int(second_n) == len(list(archive_folder.glob("chunk-*.parquet")))
    assert [folder.name for folder in (home.landing / "loads").iterdir()] == [first_id]
    assert landing.require(home, first_id).manifest.rows_n > 0


# ---- replaying -------------------------------------------------------------


def test_extract__same_files_and_key_give_the_same_bytes_in_any_home(tmp_path: Path):
    paths = [
        write(tmp_path / "posts.gz", gzip.compress(lines(mixed()), mtime=0)),
        write(tmp_path / "more", [post("x")]),
    ]
    entries = (entry(*paths, name="*", extra_fields=True), entry(paths[0], name="Milk"))
    window = Window(DAY, DAY + timedelta(days=5))
    made: list[dict[str, bytes]] = []
    for name in ("one", "two"):
        home = Home(tmp_path / name).create()
        loads = [extract(of, window, context(home, *entries)) for of in entries]
        made.append(parquet_bytes(home.landing))
        manifests = [load.manifest for load in loads]
        assert [extract(of, window, context(home, *entries)).manifest for of in entries] == manifests, "made once"
    assert made[0] == made[1]
    assert len(made[0]) > 10
    other = Home(tmp_path / "three").create()
    load = extract(entries[0], window, context(other, *entries, key=b"another key of some length"))
    assert load.load_id not in {manifest.load_id for manifest in manifests}
    assert [row["author_key"] for row in rows_of(load)] != [row["author_key"] for row in rows_of(loads[0])]


def test_extract__each_day_is_the_same_alone_and_in_a_window(home: Home, tmp_path: Path):
    path = write(tmp_path / "archive", mixed())
    tea = entry(path)
    window = Window(DAY, DAY + timedelta(days=5))
    whole = extract(tea, window, context(home, tea))
    daily = [extract(tea, Window.one_day(day), context(home, tea)) for day in window.days()]
    without_load = [name for name in COLUMN_NAMES if name != "load_id"]
    assert [[row[name] for name in without_load] for row in rows_of(whole)] == [
        [row[name] for name in without_load] for load in daily for row in rows_of(load)
    ]
    assert whole.manifest.rows_by_day == {day: n for load in daily for day, n in load.manifest.rows_by_day.items()}
    assert whole.manifest.bad_lines_n == sum(load.manifest.bad_lines_n for load in daily) > 0
    assert whole.manifest.rows_n == len(rows_of(whole))


# ---- days ------------------------------------------------------------------


def test_extract__day_is_the_utc_day_of_creation(home: Home):
    midnight_s = NOON_S - DAY_S // 2
    records = [
        post("before", created_utc=midnight_s - 1),
        post("first", created_utc=midnight_s),
        post("last", created_utc=midnight_s + DAY_S - 0.5),
        post("after", created_utc=midnight_s + DAY_S),
    ]
    load = extracted(home, records)
    assert ids(load) == ["t3_first", "t3_last"]
    assert load.manifest.rows_by_day == {DAY: 2}


def test_extract__day_outside_the_span_names_the_earliest(home: Home, tmp_path: Path):
    late, early = (write(tmp_path / f"{days}", [post(created_utc=NOON_S + days * DAY_S)]) for days in (9, 2))
    tea = entry(late, early)
    for day in (DAY, DAY + timedelta(days=10)):
        with pytest.raises(DayNotServable, match=r"archive of reddit/tea.*2019-10-07 is the earliest") as caught:
            extract(tea, Window.one_day(day), context(home, tea))
        assert caught.value.earliest_day == date(2019, 10, 7)
    assert not list(home.landing.glob("loads/*"))


def test_extract__days_that_no_file_spans_are_incomplete(home: Home, tmp_path: Path):
    paths = [
        write(tmp_path / "a", [post("a1"), post("a2", created_utc=NOON_S + 2 * DAY_S)]),
        write(tmp_path / "b", [post("b1", created_utc=NOON_S + 4 * DAY_S)]),
    ]
    tea = entry(*paths)
    window = Window(DAY - timedelta(days=1), DAY + timedelta(days=5))
    load = extract(tea, window, context(home, tea))
    assert unproven_days(load) == {DAY + timedelta(days=days) for days in (-1, 3, 4, 5)}, "one record proves its minute"
    assert load.manifest.rows_by_day == {DAY + timedelta(days=days): 1 for days in (0, 2, 4)}
    inside = extract(tea, Window.one_day(DAY + timedelta(days=1)), context(home, tea))
    assert not unproven_days(inside)
    assert inside.manifest.rows_n == 0


# ---- communities -----------------------------------------------------------


def test_extract__wildcard_takes_what_no_other_entry_names(home: Home, tmp_path: Path):
    shared = write(tmp_path / "all", [post(name, subreddit=name) for name in ("Tea", "milk", "COFFEE", "ultra", "*")])
    own = write(tmp_path / "own", [post("own", subreddit="milk")])
    entries = entry(shared, name="TEA"), entry(shared, name="*"), entry(own, name="Milk")
    tea, rest, milk = (extract(of, ONE_DAY, context(home, *entries)) for of in entries)
    assert ids(tea) == ["t3_Tea"]
    assert ids(rest) == ["t3_*", "t3_COFFEE", "t3_ultra"]
    assert ids(milk) == ["t3_own"], "its rows in a file that it does not name are nobody's"
    assert rest.manifest.named_elsewhere == ("milk", "tea")
    assert (rest.manifest.entry_id, rest.manifest.community) == ("reddit/*", "*")
    assert tea.manifest.named_elsewhere == ()
    assert {row["community"] for row in rows_of(rest)} == {"coffee", "ultra", "*"}


def test_extract__naming_a_community_takes_it_from_the_wildcard_whatever_its_files(home: Home, tmp_path: Path):
    shared = write(tmp_path / "all", [post(name, subreddit=name) for name in ("tea", "milk")])
    own = write(tmp_path / "own", [post("own", subreddit="milk")])
    rest = entry(shared, name="*")
    before = extract(rest, ONE_DAY, context(home, rest))
    after = extract(rest, ONE_DAY, context(home, rest, entry(own, name="milk")))
    assert ids(before) == ["t3_milk", "t3_tea"]
    assert ids(after) == ["t3_tea"]
    assert before.load_id != after.load_id


def test_extract__roles_are_those_of_the_entry_that_takes_the_row(home: Home, tmp_path: Path):
    names = ["Tea_Team", "tea_bot", "Rest_Team", "AutoModerator", "Both", "Anybody", "[deleted]"]
    path = write(
        tmp_path / "all",
        [
            post(f"{community}{number}", subreddit=community, author=name)
            for community in ("Tea", "Milk")
            for number, name in enumerate(names)
        ]
        + [
            post("mod", author="Anybody", distinguished="moderator"),
            post("team_mod", author="TEA_TEAM", distinguished="admin"),
        ],
    )
    entries = (
        entry(path, bot_accounts=("Tea_Bot", "both"), team_accounts=("tea_team", "BOTH")),
        entry(path, name="*", team_accounts=("rest_team",)),
    )
    tea, rest = (
        {row["contribution_id"]: row["author_role"] for row in rows_of(extract(of, ONE_DAY, context(home, *entries)))}
        for of in entries
    )
    assert [tea[f"t3_Tea{number}"] for number in range(7)] == [
        "team", "bot", "member", "member", "bot", "member", "member",
    ]  # fmt: skip
    assert [rest[f"t3_Milk{number}"] for number in range(7)] == [
        "member", "member", "team", "bot", "member", "member", "member",
    ]  # fmt: skip
    assert (tea["t3_mod"], tea["t3_team_mod"]) == ("moderator", "team")


def test_extract__repeats_are_skipped_and_counted(home: Home, tmp_path: Path):
    first = write(
        tmp_path / "first",
        [
            post("a", score=1),
            post("a", score=2),
            post("a", score=3, retrieved_on=NOON_S + 500),
            comment("a"),
            post("a", subreddit="Milk"),
            b"",
        ],
    )
    second = write(tmp_path / "second", [post("a", score=4), post("b")])
    tea = entry(first, second)
    load = extract(tea, ONE_DAY, context(home, tea))
    assert load.manifest.skipped == {"duplicate_record": 2}
    seen = [(row["contribution_id"], row["observed_at"].timestamp() - NOON_S) for row in rows_of(load)]
    assert sorted(seen) == [("t1_a", 160.0), ("t3_a", 100.0), ("t3_a", 500.0), ("t3_b", 100.0)]
    again = extract(tea, ONE_DAY, context(Home(tmp_path / "again").create(), tea))
    assert rows_of(again) == rows_of(load), "which of the repeats stays is decided"


def test_extract__of_repeats_in_one_file_the_first_stays(home: Home):
    load = extracted(home, [post(score=1), b"{", post(score=2), post(score=3)])
    assert [row["score"] for row in rows_of(load)] == [1]
    assert load.manifest.skipped == {"duplicate_record": 2}


def test_extract__bad_lines_belong_to_the_load_of_the_community_and_day_that_they_tell(home: Home, tmp_path: Path):
    path = write(
        tmp_path / "all",
        [
            b"{1",
            post("a", subreddit="Tea"),
            b"{3",
            post("b", subreddit="Milk", created_utc=NOON_S + DAY_S),
            b"",
            post(subreddit="tea", score="?"),
            post(subreddit="Coffee", score="?", created_utc=NOON_S + DAY_S),
            post(subreddit=..., created_utc=NOON_S),
            post(subreddit="tea", created_utc="?"),
        ],
    )
    entries = entry(path), entry(path, name="*")
    placed = {}
    for of in entries:
        for day in (DAY, DAY + timedelta(days=1)):
            try:
                load = extract(of, Window.one_day(day), context(home, *entries))
            except DayNotServable:  # no record of the entry tells that day
                continue
            for row in bad_lines_of(load):
                placed[row["line_number"]] = (of.community, row["community"], (day - DAY).days)
                assert row["file"] == str(path)
                assert row["day"] == day
            [account] = load.manifest.files
            assert (account.lines_n, account.unplaced_n, account.skipped) == (9, 4, {"blank_line": 1})
            assert account.unaccounted_n == 0
            assert (account.landed_n, account.quarantined_n) == (load.manifest.rows_n, load.manifest.bad_lines_n)
            unplaced = read([load.unplaced_file(account)], order_by="line_number")
            assert [row["line_number"] for row in unplaced] == [1, 3, 8, 9]
    assert placed == {6: ("tea", "tea", 0), 7: ("*", "coffee", 1)}


def test_extract__accounts_add_up_per_file(home: Home, tmp_path: Path):
    first = write(tmp_path / "first", mixed())
    second = write(tmp_path / "second", [*mixed(30), post("a"), post("a"), post("b", subreddit="u_Jane"), b"", b"{"])
    entries = entry(first, second), entry(first, second, name="*"), entry(first, name="nobody")
    for of in entries[:2]:
        for window in (ONE_DAY, Window(DAY, DAY + timedelta(days=5))):
            manifest = extract(of, window, context(home, *entries)).manifest
            assert [account.unaccounted_n for account in manifest.files] == [0] * 2
            assert sum(account.landed_n for account in manifest.files) == manifest.rows_n > 0
            assert sum(account.quarantined_n for account in manifest.files) == manifest.bad_lines_n
            assert [account.lines_n for account in manifest.files] == [
                path.read_bytes().count(b"\n") for path in (first, second)
            ]
            assert all(account.outside_n > 0 for account in manifest.files)


def test_extract__an_account_of_lost_rows_does_not_add_up(home: Home, tmp_path: Path):
    path = write(tmp_path / "all", [post(f"p{number}") for number in range(20)])
    tea = entry(path)
    archive = stage(path, [tea], context(home, tea))
    [chunk] = archive.chunk_files()
    pq.write_table(pq.read_table(chunk).slice(0, 17), chunk)
    [account] = extract(tea, ONE_DAY, context(home, tea)).manifest.files
    assert (account.landed_n, account.unaccounted_n) == (17, 3)


def test_extract__the_content_of_unplaced_lines_is_the_same_whatever_the_entry_and_the_path(home: Home, tmp_path: Path):
    content = [post("a"), b"{1", b"{2"]
    one, two = write(tmp_path / "one", content), write(tmp_path / "two", content)
    other = write(tmp_path / "three", [*content, b"{3"])
    entries = entry(one), entry(two, name="*"), entry(other, name="milk")
    names = [
        stage(path, [of], context(home, of)).unplaced_content
        for path, of in zip((one, two, other), entries, strict=True)
    ]
    assert names[0] == names[1] != names[2]


# ---- profiles ----------------------------------------------------------------

PROFILE = [
    post(
        "a", subreddit="u_Jane_Doe", author="Jane_Doe", permalink="/user/Jane_Doe/comments/a/k/",
        url="https://www.reddit.com/user/Jane_Doe/comments/a/k/", domain="self.u_Jane_Doe",
    ),
    post("b", subreddit="U_JANE_DOE", author="Jane_Doe"),
    comment("c", subreddit="u_jane_doe", author="Somebody"),
    post("d", subreddit="u_Jane_Doe", score="?"),
    post("e", subreddit="ulong", domain="self.ulong"),
]  # fmt: skip


def holding(home: Home, name: str) -> list[str]:
    """Files under the home, and their contents as text, in which a name stands; original lines left out."""
    found = [str(path) for path in home.root.rglob("*") if name in str(path).lower()]
    for file in home.root.rglob("*"):
        if file.suffix == ".parquet":
            rows = read([file], order_by="1")
            shown = repr([{column: row[column] for column in row if column != "line"} for row in rows])
        else:
            shown = file.read_text(errors="replace") if file.is_file() else ""
        if name in shown.lower():
            found.append(str(file))
    return [path for path in found if not path.endswith("archive.ndjson")]


def test_profiles__a_wildcard_leaves_them_out_and_counts_them(home: Home):
    load = extracted(home, PROFILE, name="*")
    assert ids(load) == ["t3_e"]
    assert load.manifest.skipped == {"profile_community": 4}
    assert load.manifest.files[0].unaccounted_n == 0
    assert holding(home, "jane_doe") == []


@pytest.mark.parametrize("name", ["u_Jane_Doe", "U_jane_doe", "u/Jane_Doe", "/user/Jane_Doe/", "r/u_Jane_Doe"])
def test_profiles__named_in_the_config_they_have_a_pseudonym(tmp_path: Path, name: str, monkeypatch: Any):
    monkeypatch.setenv("PULSE_AUTHOR_KEY", KEY.decode())
    write(tmp_path / "archive.ndjson", PROFILE)
    (tmp_path / "communities.yml").write_text(
        "communities:\n"
        f"- {{platform: reddit, name: '{name}', source: reddit_archive, path: archive.ndjson, extra_fields: true}}\n"
        "- {platform: reddit, name: '*', source: reddit_archive, path: archive.ndjson}\n"
    )
    home = Home(tmp_path / "home").create()
    found = load_settings(tmp_path / "communities.yml", home=home)
    profile, rest = (extract(of, ONE_DAY, context(home, *found.communities)) for of in found.communities)
    pseudonym = f"u_{author_key(KEY, 'reddit', 'jane_doe')[:16]}"
    assert profile.manifest.community == pseudonym
    assert ids(profile) == ["t3_a", "t3_b", "t1_c"]
    assert {row["community"] for row in rows_of(profile)} == {pseudonym}
    assert [(row["url"], row["permalink"]) for row in rows_of(profile)] == [(None, None)] * 3
    assert [row["community"] for row in bad_lines_of(profile)] == [pseudonym]
    assert ids(rest) == ["t3_e"]
    assert rest.manifest.skipped == {}, "another entry has it"
    assert holding(home, "jane_doe") == []


def test_profiles__are_not_asked_for_live():
    with pytest.raises(ValidationError, match="only read from archives"):
        RedditApiEntry(platform="reddit", name="U_Jane_Doe", source="reddit_api")


# ---- fields that nobody asked for ------------------------------------------


def test_extract__unknown_keys_are_counted_by_name(home: Home):
    records = [
        post("a", brand_new=1, media=None),
        post("b", brand_new=[2], **{"a\u202eb": 1}),
        comment("c", locked=True),
    ]
    load = extracted(home, [*records, b"{"])
    assert load.manifest.unknown_keys == {"brand_new": 2, "media": 1, "a\\u{202e}b": 1}
    assert load.manifest.unknown_keys_sampled_n == 3
    assert [row["extra"] for row in rows_of(load)] == [None, None, None], "none were asked for"


def test_extract__number_of_unknown_keys_is_bounded(home: Home, tmp_path: Path):
    path = write(tmp_path / "all", [post(f"p{n}", often=1, **{f"key{n}_{k}": 1 for k in range(90)}) for n in range(12)])
    archive = stage(path, [entry(path)], context(home, entry(path)), chunk_bytes=4_000)
    assert len(archive.chunk_files()) > 3
    assert len(archive.unknown_keys) == 200
    assert archive.unknown_keys["often"] == 12
    assert archive.unknown_keys_sampled_n == 12


def test_extract__extra_holds_allow_listed_fields_of_entries_that_ask(home: Home, tmp_path: Path):
    facts = {
        "locked": False,
        "gildings": {"gid_1": 1, "gid_2": None},
        "domain": 'exa"mple.org',
        "post_hint": None,
        "subreddit_subscribers": 12,
        "author_fullname": "t2_secret",
        "brand_new": 1,
    }
    path = write(tmp_path / "all", [post("a", **facts), post("b"), post("c", subreddit="Milk", **facts)])
    entries = entry(path, extra_fields=True), entry(path, name="Milk")
    tea, milk = (rows_of(extract(of, ONE_DAY, context(home, *entries))) for of in entries)
    assert json.loads(tea[0]["extra"]) == {
        "domain": 'exa"mple.org',
        "gildings": {"gid_1": 1, "gid_2": None},
        "locked": False,
        "subreddit_subscribers": 12,
    }
    assert tea[1]["extra"] is None
    assert milk[0]["extra"] is None, "it reads the same file, but did not ask"


def test_extra_fields__none_is_about_a_person():
    assert not [name for name in mapping.EXTRA_FIELDS if "author" in name or "user" in name or "name" in name]


def test_extract__clear_names_stay_in_the_source_step(home: Home, tmp_path: Path):
    name = "Xq7_Clear_Name"
    person = {
        "author": name,
        "author_fullname": f"t2_{name}",
        "author_flair_text": f"I am {name}",
        "crosspost_parent_list": [{"author": name}],
        "approved_by": name,
        "_meta": {"seen_by": name},
        name: name,
    }
    bad: list[Line] = [post(score="?", **person), lines([post(**person)])[:-40], lines([post(**person)])[:-3] + b",}"]
    path = write(tmp_path / "all", [post("a", **person), comment("b", **person), *bad, post("c", author=name.upper())])
    tea = entry(path, extra_fields=True, team_accounts=(name,))
    load = extract(tea, ONE_DAY, context(home, tea))
    assert {row["author_key"] for row in rows_of(load)} == {author_key(KEY, "reddit", name)}
    assert {row["author_role"] for row in rows_of(load)} == {"team"}
    found: dict[str, set[str]] = {}
    for file in home.landing.rglob("*.parquet"):
        for row in read([file], order_by="1"):
            for column, value in row.items():
                shown = value if isinstance(value, bytes) else str(value).encode()
                if name.lower().encode() in shown.lower():
                    found.setdefault(file.name.split("-")[0], set()).add(column)
    kept = ("bad_lines.parquet", "faults", "unplaced", "unplaced.parquet")
    assert found == {name: {"line"} for name in kept}, "only original lines, for quarantine"
    assert (load.manifest.bad_lines_n, load.manifest.files[0].unplaced_n) == (1, 2)


def test_extract__writes_nothing_but_sealed_files(home: Home, tmp_path: Path):
    path = write(tmp_path / "all", mixed())
    tea = entry(path)
    load = extract(tea, ONE_DAY, context(home, tea))
    assert not [file for file in home.landing.rglob("*") if file.suffix == ".tmp" or file.name.startswith(".")]
    assert not [folder for folder in home.scratch.iterdir() if folder.name.startswith("staging-")]
    with duckdb.connect() as connection:
        for file in load.rows_files().values():
            columns = connection.execute("describe from read_parquet($file)", {"file": str(file)}).fetchall()
            assert tuple(column[0] for column in columns) == COLUMN_NAMES


# ---- from the config -------------------------------------------------------


def test_extract__file_name_that_is_no_text_is_read_all_the_same(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / os.fsdecode(b"odd\xff'\n.ndjson"), [post(), b"{"]))
    load = extract(tea, ONE_DAY, context(home, tea))
    assert ids(load) == ["t3_p1"]
    [account] = load.manifest.files
    assert account.file.endswith("odd\\u{dcff}'\\x0a.ndjson")
    [bad] = read([load.unplaced_file(account)], order_by="line_number")
    assert bad["file"].endswith("odd\\u{dcff}'\\x0a.ndjson")


def test_extract__path_may_be_a_glob_a_list_and_relative(tmp_path: Path):
    folder = tmp_path / "odd [folder]*"
    write(folder / "RS_2019-10.gz", gzip.compress(lines([post("a")])))
    write(folder / "RC_2019-10.zst", zstandard.compress(lines([comment("b")])))
    write(folder / "sub" / "more.ndjson", lines([post("c", subreddit="Milk"), post("d", subreddit="tea")]))
    config = folder / "communities.yml"
    config.write_text(
        "communities:\n"
        "- {platform: reddit, name: Tea, source: reddit_archive, path: ['R[CS]_*', sub/more.ndjson]}\n"
        "- {platform: reddit, name: '*', source: reddit_archive, path: sub/*}\n",
        encoding="utf-8",
    )
    odd_home = Home(folder / "ho*me[1]'s").create()
    found = load_settings(config, home=odd_home)
    of_config = context(odd_home, *found.communities)
    tea, rest = (extract(of, ONE_DAY, of_config) for of in found.communities)
    assert ids(tea) == ["t3_a", "t3_d", "t1_b"]
    assert ids(rest) == ["t3_c"]
