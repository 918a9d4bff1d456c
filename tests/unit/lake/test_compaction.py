"""Compaction: settled days become one file, hold the same rows, and change as small files do."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pulse.core.files import read_json
from pulse.core.home import Home, path_value
from pulse.core.window import Window
from pulse.lake import compacted, compaction, landing, raw
from pulse.lake.compacted import CONTRIBUTIONS
from pulse.lake.landing import Load
from support import NOON, ask, community_observation, contribution, sealed_load

DAY = NOON.date()
NEXT_DAY = DAY + timedelta(days=1)
TWO_DAYS = Window(DAY, NEXT_DAY)
# A run for which both days, and files that were written on the first, are settled.
LATER = NEXT_DAY + timedelta(days=compaction.SETTLED_AFTER_DAYS)
LIVE = {"is_replayable": False, "source": "reddit_api"}


def archive(home: Home, *rows: dict[str, Any], community: str, name: str = "one", **manifest: Any) -> Load:
    given = [row | {"community": community} for row in rows] if community != "*" else list(rows)
    load_id = f"reddit_archive-{name}-{path_value(community)}"
    load = sealed_load(home, given, load_id=load_id, community=community, window=TWO_DAYS, **manifest)
    raw.promote(home, load)
    return load


def live(home: Home, *rows: dict[str, Any], community: str, name: str = "one", **manifest: Any) -> Load:
    given = [row | {"community": community, "source": "reddit_api"} for row in rows]
    seen = [community_observation(community=community)]
    load_id = f"reddit_api-{name}-{community}"
    load = sealed_load(
        home, given, load_id=load_id, community=community, window=TWO_DAYS, communities=seen, **LIVE, **manifest
    )
    raw.promote(home, load)
    return load


def built(home: Home) -> None:
    """As after a publish: nothing is pending."""
    for note in raw.pending_dates(home):
        note.unlink()


def written(home: Home, day: date) -> None:
    """Make all files of raw look as if they had come on that day."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    for file in home.raw.rglob("*.parquet"):
        os.utime(file, (at, at))


def compact(home: Home, through: date = LATER) -> compaction.Compacted:
    written(home, DAY)
    return compaction.compact(home, through=through)


def rows_in_raw(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the three records, with the partition day of contributions."""
    raw.ensure_empty_file(home)
    day = "regexp_extract(filename, '/day=([0-9-]+)/', 1)"
    return {
        name: ask(
            f"select * exclude (filename), {day if name == 'contributions' else 'null'} as place "
            f"from read_parquet('{home.raw}/{name}/**/*.parquet', hive_partitioning = false, filename = true, "
            "union_by_name = true) order by all"
        ).fetchall()
        for name in compacted.RECORDS
    }


def files_in_raw(home: Home, record: str = "contributions") -> list[str]:
    root = home.raw / record
    return sorted(str(file.relative_to(root)) for file in root.glob("platform=*/**/*.parquet"))


def read(file: Path) -> str:
    """What to select from: DuckDB would take the community from the name of the folder."""
    return f"read_parquet('{file}', hive_partitioning = false)"


def two_days_of_two(home: Home) -> None:
    for name in ("tea", "mate"):
        later = {"created_at": NOON + timedelta(days=1)}
        archive(home, contribution(f"t3_{name}"), contribution(f"t3_{name}2", **later), community=name)
        live(home, contribution(f"t1_{name}"), community=name)
    built(home)


def test_compact__makes_one_file_of_each_settled_day_with_the_same_rows(home: Home):
    two_days_of_two(home)
    before = rows_in_raw(home)
    done = compact(home)
    assert files_in_raw(home) == [
        f"platform=reddit/{compacted.FOLDER}/day={day}/compacted.parquet" for day in (DAY, NEXT_DAY)
    ]
    assert files_in_raw(home, "communities") == [f"platform=reddit/{compacted.FOLDER}/day={NEXT_DAY}/compacted.parquet"]
    assert files_in_raw(home, "coverage") == [f"platform=reddit/{compacted.FOLDER}/month=2026-10/compacted.parquet"]
    assert rows_in_raw(home) == before
    assert done.files_n == 6 + 2 + 4
    assert raw.pending_dates(home) == {}, "nothing has to be built for it"
    assert compact(home) == compaction.Compacted(), "there is nothing left to do"


def test_compact__rows_of_a_community_lie_together(home: Home):
    two_days_of_two(home)
    compact(home)
    file = raw.compacted_file(home, "reddit", DAY)
    names = ask(f"select community, contribution_id from {read(file)}").fetchall()
    assert names == sorted(names)
    assert len(names) == 4


def test_compact__what_stands_beside_it_says_who_brought_what(home: Home):
    two_days_of_two(home)
    compact(home)
    file = raw.compacted_file(home, "reddit", NEXT_DAY)
    wanted = [["mate", "reddit_archive-one-mate", 1], ["tea", "reddit_archive-one-tea", 1]]
    assert read_json(file.with_name("contents.json")) == {"contents": wanted}
    file.with_name("contents.json").unlink()
    assert compacted.contents(file) == tuple(compacted.Held(*held) for held in wanted), "the rows say it too"


@pytest.mark.parametrize(
    ("through", "came"),
    [(LATER - timedelta(days=2), DAY), (LATER, NEXT_DAY + timedelta(days=1))],
    ids=["the day is too young", "a file came lately"],
)
def test_compact__leaves_what_is_not_settled(home: Home, through: date, came: date):
    two_days_of_two(home)
    written(home, came)
    before = files_in_raw(home)
    compaction.compact(home, through=through)
    assert files_in_raw(home) == before


def test_compact__leaves_what_waits_to_be_built(home: Home):
    archive(home, contribution("t3_a"), community="tea")
    archive(home, contribution("t3_b"), community="mate")
    before = files_in_raw(home)
    compact(home)
    assert files_in_raw(home) == before


def test_compact__folds_in_what_came_later(home: Home):
    two_days_of_two(home)
    compact(home)
    live(home, contribution("t1_late"), community="tea", name="late")
    built(home)
    before = rows_in_raw(home)
    assert len(files_in_raw(home)) == 3
    compact(home)
    assert len(files_in_raw(home)) == 2
    assert rows_in_raw(home) == before


def test_compact__a_community_of_any_name_has_no_such_folder(home: Home):
    names = ["all.communities", "community=all.communities", "_all", "", "*", "../x", "a" * 300, "日本"]
    rows = [contribution(f"t3_{number}", community=name) for number, name in enumerate(names)]
    archive(home, *rows, community="*")
    built(home)
    before = rows_in_raw(home)
    assert not any(compacted.FOLDER in file for file in files_in_raw(home))
    compact(home)
    assert len(files_in_raw(home)) == 1
    assert rows_in_raw(home) == before


def test_compact__files_of_an_earlier_contract_get_the_columns_that_came_since(home: Home):
    two_days_of_two(home)
    for file in home.raw.glob("contributions/*/community=tea/*/*.parquet"):
        ask(f"copy (select * exclude (channel) from {read(file)}) to '{file}.new' (format parquet)")
        Path(f"{file}.new").rename(file)
    before = rows_in_raw(home)
    compact(home)
    assert rows_in_raw(home) == before
    names = ask(f"from {read(raw.compacted_file(home, 'reddit', DAY))}").description
    assert [name for name, *_ in names or ()] == [column.name for column in CONTRIBUTIONS.columns]


def test_compact__leaves_a_day_with_a_damaged_file(home: Home):
    two_days_of_two(home)
    damaged = next(home.contributions_dir("reddit", "tea", DAY).glob("*.parquet"))
    damaged.write_bytes(b"PAR1" + b"x" * 50 + b"PAR1")
    compact(home)
    assert damaged.exists()
    assert files_in_raw(home)[0].startswith(f"platform=reddit/{compacted.FOLDER}/day={NEXT_DAY}")
    assert raw.damaged_files(home) == [damaged]


# ---- changes of few rows -----------------------------------------------------------


def change_again(home: Home) -> None:
    """What may come to a settled day: a rerun with other rows, and without a day's rows, a wildcard's, a late look."""
    archive(home, contribution("t3_new", score=7), community="tea", name="two")
    live(home, contribution("t1_mate", observed_at=NOON + timedelta(days=40)), community="mate", name="two")
    wildcard = contribution("t3_x", community="x")
    archive(home, wildcard, community="*", named_elsewhere=("tea",))
    built(home)


def test_promote__changes_a_compacted_day_as_it_changes_small_files(home: Home, tmp_path: Path):
    plain = Home(tmp_path / "plain").create()
    for one in (plain, home):
        two_days_of_two(one)
    compact(home)
    for one in (plain, home):
        change_again(one)
    assert rows_in_raw(home) == rows_in_raw(plain)
    ids = {row[2] for row in rows_in_raw(home)["contributions"]}
    assert ids == {"t3_new", "t1_tea", "t1_mate", "t3_x"}, "the archive's rows of both days went, what was live stays"
    compact(home)
    assert rows_in_raw(home) == rows_in_raw(plain)


def test_promote__a_rerun_changes_nothing_of_other_communities(home: Home):
    two_days_of_two(home)
    compact(home)
    archive(home, contribution("t3_new"), community="tea", name="two")
    file = raw.compacted_file(home, "reddit", DAY)
    assert ask(f"select distinct community, load_id from {read(file)} order by all").fetchall() == [
        ("mate", "reddit_api-one-mate"), ("mate", "reddit_archive-one-mate"), ("tea", "reddit_api-one-tea"),
    ]  # fmt: skip
    assert [held.load_id for held in compacted.contents(file) or ()] == [
        "reddit_api-one-mate", "reddit_archive-one-mate", "reddit_api-one-tea",
    ]  # fmt: skip
    assert {day for dates in raw.pending_dates(home).values() for day in dates} == {DAY, NEXT_DAY}


def test_promote__the_last_community_takes_the_compacted_file_with_it(home: Home):
    archive(home, contribution("t3_a"), community="tea")
    archive(home, contribution("t3_b"), community="mate")
    built(home)
    compact(home)
    for name in ("tea", "mate"):
        archive(home, community=name, name="two")
    assert rows_in_raw(home)["contributions"] == []
    assert not (home.raw / "contributions" / "platform=reddit" / compacted.FOLDER / f"day={DAY}").exists()


@pytest.mark.parametrize("name", ["reddit_archive-one-tea", "reddit_api-one-tea"])
def test_promote__again_changes_nothing_where_the_load_is_compacted(home: Home, name: str):
    two_days_of_two(home)
    compact(home)
    before = {file: (home.raw / "contributions" / file).stat().st_mtime_ns for file in files_in_raw(home)}
    promotion = raw.promote(home, landing.require(home, name))
    assert promotion.partitions == ()
    assert raw.pending_dates(home) == {}
    assert {file: (home.raw / "contributions" / file).stat().st_mtime_ns for file in files_in_raw(home)} == before


def test_make_way__takes_out_for_all_loads_together(home: Home):
    two_days_of_two(home)
    compact(home)
    before = rows_in_raw(home)
    loads = [
        sealed_load(home, [], load_id=f"reddit_archive-two-{name}", community=name, window=TWO_DAYS)
        for name in ("tea", "mate")
    ]
    raw.make_way(home, loads)
    assert rows_in_raw(home) == before
    small = [file for file in files_in_raw(home) if compacted.FOLDER not in file]
    assert len(small) == 4, "what the archive brought of two communities and days"


# ---- erasure ---------------------------------------------------------------------


def test_promote__takes_back_from_compacted_days(home: Home):
    secret = contribution("t3_tea", body="never to be seen again", title="hidden title")
    archive(home, secret, community="tea")
    archive(home, contribution("t3_mate", body="stays"), community="mate")
    built(home)
    compact(home)
    file = raw.compacted_file(home, "reddit", DAY)
    contents = compacted.contents(file)
    gone = {"removal": "by_author", "title": None, "body": None, "author_key": None}
    later = NOON + timedelta(days=40)
    live(home, contribution("t3_tea", observed_at=later, **gone), community="tea", name="look")
    texts = {row[0]: row[1:] for row in ask(f"select community, title, body, text_sha256 from {read(file)}").fetchall()}
    assert texts["tea"] == (None, None, None)
    assert texts["mate"][1] == "stays"
    assert compacted.contents(file) == contents
    assert b"never to be" not in b"".join(one.read_bytes() for one in home.raw.rglob("*") if one.is_file())


def test_make_way__takes_back_from_compacted_days_for_all_loads_together(home: Home):
    for name in ("tea", "mate", "cocoa"):
        archive(home, contribution(f"t3_{name}", body=f"secret of {name}"), community=name)
    built(home)
    compact(home)
    file = raw.compacted_file(home, "reddit", DAY)
    later = {"observed_at": NOON + timedelta(days=40), "source": "reddit_api"}
    gone = {"removal": "by_author", "title": None, "body": None, "author_key": None}
    loads = [
        sealed_load(
            home, [contribution(f"t3_{name}", community=name, **later, **changes)],
            load_id=f"reddit_api-look-{name}", community=name, window=TWO_DAYS, **LIVE,
        )
        for name, changes in (("tea", gone), ("mate", {"author_key": None}), ("cocoa", {}))
    ]  # fmt: skip
    erased = raw.make_way(home, loads)
    wanted = [("cocoa", "secret of cocoa", True), ("mate", "secret of mate", False), ("tea", None, False)]
    query = f"select community, body, author_key is not null from {read(file)} order by all"
    assert ask(query).fetchall() == wanted
    assert erased == {compacted.state_of(file)}
    written_at = file.stat().st_mtime_ns
    for load in loads:
        raw.promote(home, load, erased=erased)
    assert file.stat().st_mtime_ns == written_at, "it is not written for each load"
    assert len(list(home.raw.glob("tombstones/*/*/*.parquet"))) == 2


def test_promote__searches_a_day_that_was_compacted_after_the_way_was_made(home: Home):
    archive(home, contribution("t3_mate"), community="mate")
    archive(home, contribution("t3_tea", body="secret"), community="tea", name="before")
    built(home)
    gone = {"removal": "by_author", "title": None, "body": None, "author_key": None, "source": "reddit_api"}
    look = contribution("t3_tea", observed_at=NOON + timedelta(days=40), **gone)
    load = sealed_load(home, [look], load_id="reddit_api-look", window=TWO_DAYS, **LIVE)
    erased = raw.make_way(home, [load])
    compact(home)  # of another process
    raw.promote(home, load, erased=erased)
    assert b"secret" not in raw.compacted_file(home, "reddit", DAY).read_bytes()
    texts = ask(f"select community, body from {read(raw.compacted_file(home, 'reddit', DAY))} order by 1").fetchall()
    assert texts == [("mate", "Some text"), ("tea", None)]


def test_heal__tombstones_are_made_again_from_compacted_rows(home: Home):
    gone = {"removal": "by_author", "title": None, "body": None, "author_key": None}
    live(home, contribution("t3_a", **gone), community="tea")
    live(home, contribution("t3_b", **gone), community="mate")
    built(home)
    compact(home)
    assert len(files_in_raw(home)) == 1
    file = home.tombstones_dir("reddit", "tea") / "reddit_api-one-tea.parquet"
    before = ask(f"from {read(file)}").fetchall()
    file.write_bytes(b"")
    assert raw.heal(home) == ()
    assert ask(f"from {read(file)}").fetchall() == before


# ---- damage ----------------------------------------------------------------------


def hurt(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


@pytest.mark.parametrize("record", list(compacted.RECORDS))
def test_heal__a_compacted_file_is_made_again_from_landing(home: Home, record: str):
    two_days_of_two(home)
    compact(home)
    before = rows_in_raw(home)
    files = list((home.raw / record).glob(f"*/{compacted.FOLDER}/*/*.parquet"))
    for file in files:
        hurt(file)
    assert raw.heal(home) == ()
    assert not any(file.exists() for file in files)
    assert rows_in_raw(home) == before
    compact(home)
    assert rows_in_raw(home) == before


def test_heal__what_landing_has_is_brought_again_and_the_rest_is_named(home: Home):
    two_days_of_two(home)
    compact(home)
    file = raw.compacted_file(home, "reddit", NEXT_DAY)
    hurt(file)
    shutil.rmtree(home.landing / "loads" / "reddit_archive-one-mate")
    assert raw.heal(home) == (file,)
    assert compacted.contents(file) == (compacted.Held("mate", "reddit_archive-one-mate", 1),)
    assert f"pulse run --day {NEXT_DAY}" in raw.way_back(home, file)
    archive(home, contribution("t3_mate2", created_at=NOON + timedelta(days=1)), community="mate", name="two")
    assert raw.damaged_files(home) == []
    assert not file.parent.exists()


# ---- killed ----------------------------------------------------------------------

_KILLED = """
import os, pathlib, signal
from datetime import date
from pulse.core.home import Home
from pulse.lake import compaction, landing, raw
calls = 0
original = {what}
def dying(*args, **options):
    global calls
    if any(word in str(args[{argument}]) for word in {words!r}):
        calls += 1
        if calls == {nth}:
            os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **options)
{what} = dying
home = Home.from_environment()
{action}
"""


def killed(action: str, what: str, argument: int, words: tuple[str, ...], nth: int) -> None:
    code = _KILLED.format(action=action, what=what, argument=argument, words=words, nth=nth)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


MOMENTS = {
    "before the merged file": ("raw.compacted.stage_merged", 3, ("compacted.parquet",), 1),
    "before it is written down": ("raw.rearrange", 1, ("compaction",), 1),
    "before the compacted file": ("pathlib.Path.replace", 1, ("raw/contributions",), 1),
    "before what stands beside it": ("pathlib.Path.replace", 1, ("contents.json",), 1),
    "before the first small file goes": ("pathlib.Path.unlink", 0, ("raw/contributions",), 1),
    "between small files": ("pathlib.Path.unlink", 0, ("raw/contributions",), 2),
    "before the folders go": ("pathlib.Path.rmdir", 0, ("day=",), 1),
    "before the journal goes": ("pathlib.Path.unlink", 0, ("journal.json",), 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_compact__killed_is_finished_by_the_next(home: Home, moment: str):
    two_days_of_two(home)
    before = rows_in_raw(home)
    written(home, DAY)
    killed(f"compaction.compact(home, through=date.fromisoformat('{LATER}'))", *MOMENTS[moment])
    raw.recover(home)
    assert rows_in_raw(home) == before
    assert not list((home.raw / "_promotions").glob("*"))
    compact(home)
    assert rows_in_raw(home) == before
    assert len(files_in_raw(home)) == 2


TAKING_OUT = {
    "before it is written down": ("raw.rearrange", 1, ("_promotions",), 1),
    "before the small file": ("pathlib.Path.replace", 1, ("community=tea",), 1),
    "before the file without it": ("pathlib.Path.replace", 1, ("compacted.parquet",), 1),
    "before the journal goes": ("pathlib.Path.unlink", 0, ("journal.json",), 1),
    "before the second day": ("raw.rearrange", 1, ("_promotions",), 2),
}


@pytest.mark.parametrize("moment", TAKING_OUT)
def test_promote__killed_while_it_takes_out_is_finished_by_the_next(home: Home, moment: str):
    two_days_of_two(home)
    compact(home)
    sealed_load(home, [], load_id="reddit_archive-two-tea", window=TWO_DAYS)
    before = rows_in_raw(home)
    killed("raw.promote(home, landing.require(home, 'reddit_archive-two-tea'))", *TAKING_OUT[moment])
    raw.recover(home)
    assert rows_in_raw(home) == before, "taking out changes no row"
    raw.promote(home, landing.require(home, "reddit_archive-two-tea"))
    ids = {row[2] for row in rows_in_raw(home)["contributions"]}
    assert ids == {"t1_tea", "t3_mate", "t3_mate2", "t1_mate"}
