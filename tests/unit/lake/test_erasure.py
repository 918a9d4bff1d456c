"""What was taken back upstream leaves raw and landing, whatever the order of arrival and whenever a run is killed."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pulse.core.contract import COLUMN_NAMES
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import landing, raw
from pulse.lake.landing import Load
from support import NOON, ask, contribution, sealed_load, write_contract_rows

SECRET = {
    "title": "a secret title", "body": "a secret body", "url": "https://secret.example", "tags": ["secret"],
    "permalink": "/r/tea/a/a_secret_title/", "extra": '{"note": "secret"}', "author_key": "5" * 64,
}  # fmt: skip
GONE = {"title": None, "body": None, "url": None, "tags": [], "permalink": None, "extra": None}
LATER = NOON + timedelta(days=40)


def archive(home: Home, *rows: dict[str, Any], name: str = "one", **manifest: Any) -> Load:
    return sealed_load(home, rows, load_id=f"reddit_archive-{name}", **manifest)


def live(home: Home, *rows: dict[str, Any], name: str = "one", **manifest: Any) -> Load:
    rows_of_source = [row | {"source": "reddit_api"} for row in rows]
    return sealed_load(
        home, rows_of_source, load_id=f"reddit_api-{name}", is_replayable=False, source="reddit_api", **manifest
    )


def secret(contribution_id: str = "t3_a", **changes: Any) -> dict[str, Any]:
    """Seen while it was there."""
    return contribution(contribution_id, **(SECRET | {"score": 7} | changes))


def taken_back(contribution_id: str = "t3_a", **changes: Any) -> dict[str, Any]:
    """The same, seen after its author removed it."""
    return contribution(contribution_id, **(SECRET | GONE | {"removal": "by_author", "observed_at": LATER} | changes))


def rows_of(*files: Path | str) -> list[dict[str, Any]]:
    """Contract rows in the order of the files."""
    found = ask("select * from read_parquet(?, hive_partitioning = false)", [[str(file) for file in files]])
    names = [name for name, *_ in found.description]
    assert names == list(COLUMN_NAMES)
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def in_raw(home: Home) -> list[dict[str, Any]]:
    raw.ensure_empty_file(home)
    return sorted(rows_of(raw.contributions_glob(home)), key=lambda row: (row["contribution_id"], row["observed_at"]))


def text_of(*files: Path) -> str:
    return repr(rows_of(*files))


def test_promote__removed_content_leaves_older_rows_and_their_counts_stay(home: Home):
    raw.promote(home, archive(home, secret(), secret("t3_b")))
    raw.promote(home, live(home, secret(observed_at=NOON + timedelta(days=35)), name="first"))
    before = in_raw(home)
    raw.promote(home, live(home, taken_back()))
    after = in_raw(home)
    assert len(after) == len(before) + 1
    for old, new in zip(before[:2], after[:2], strict=True):
        assert new == old | GONE | {"text_sha256": None}
        assert new["author_key"] == SECRET["author_key"], "the account is still there"
        assert new["removal"] == "none", "as it was seen then"
    assert after[3] == before[2], "another contribution keeps all"


def test_promote__identity_of_a_gone_account_leaves_older_rows(home: Home):
    raw.promote(home, archive(home, secret(author_role="moderator")))
    raw.promote(home, live(home, secret(author_key=None, observed_at=LATER)))
    old, new = in_raw(home)
    assert (old["author_key"], old["author_role"]) == (None, "moderator")
    assert (old["body"], new["body"]) == (SECRET["body"], SECRET["body"]), "what the account wrote is still there"


def test_promote__content_and_identity_go_together_and_a_later_observation_stays(home: Home):
    raw.promote(home, archive(home, secret()))
    raw.promote(home, live(home, secret(observed_at=LATER + timedelta(days=1)), name="put-back"))
    raw.promote(home, live(home, taken_back(author_key=None, removal="by_moderator")))
    first, gone, put_back = in_raw(home)
    assert (first["body"], first["author_key"]) == (None, None)
    assert (gone["body"], gone["removal"]) == (None, "by_moderator")
    assert (put_back["body"], put_back["author_key"]) == (SECRET["body"], SECRET["author_key"])


def test_promote__text_left_over_in_the_removed_row_itself_goes_too(home: Home):
    raw.promote(home, live(home, secret(removal="by_moderator")))
    assert "secret" not in repr(in_raw(home))


def test_promote__only_the_files_that_must_are_written_again(home: Home):
    raw.promote(home, archive(home, secret(), name="one"))
    earlier = NOON - timedelta(days=3)
    raw.promote(
        home, archive(home, secret("t3_b", created_at=earlier), name="two", window=Window.one_day(earlier.date()))
    )
    raw.promote(home, archive(home, secret(community="mate"), name="mate", community="mate"))
    files = {file: file.stat().st_ino for file in (home.raw / "contributions").rglob("reddit_archive-*.parquet")}
    raw.promote(home, live(home, taken_back()))
    (changed,) = (file for file, inode in files.items() if file.stat().st_ino != inode)
    assert changed.name == "reddit_archive-one.parquet"
    rows = rows_of(changed)
    assert rows == sorted(rows, key=lambda row: (row["created_at"], row["contribution_id"], row["observed_at"]))


def test_promote__the_file_written_again_has_the_same_columns_and_types(home: Home):
    (partition,) = raw.promote(home, archive(home, secret(), contribution("t1_b", reactions={"heart": 2}))).partitions
    (file,) = raw.partition_files(home, partition)

    def described() -> list[tuple[Any, ...]]:
        return ask("describe select * from read_parquet(?, hive_partitioning = false)", [str(file)]).fetchall()

    before = described()
    raw.promote(home, live(home, taken_back()))
    assert described() == before
    assert [row["contribution_id"] for row in rows_of(file)] == ["t1_b", "t3_a"]
    assert rows_of(file)[0]["reactions"] == {"heart": 2}


def test_promote__nothing_removed_leaves_no_tombstone(home: Home):
    raw.promote(home, archive(home, secret()))
    raw.promote(home, live(home, secret(observed_at=LATER)))
    assert not (home.raw / "tombstones").exists()
    assert "secret" in repr(in_raw(home)[0])


@pytest.mark.parametrize("is_removal_first", [False, True])
@pytest.mark.parametrize("older", [archive, live])
def test_promote__what_an_archive_shows_as_removed_goes_from_older_rows_of_any_source(
    home: Home, older: Any, is_removal_first: bool
):
    # The second look lies in a partition of its own, or it would replace the first.
    next_day = NOON + timedelta(days=1)
    loads = [
        older(home, secret(), contribution("t3_b"), name="old"),
        archive(home, taken_back(created_at=next_day), name="second-look", window=Window.one_day(next_day.date())),
    ]
    for load in reversed(loads) if is_removal_first else loads:
        raw.promote(home, load)
    old, _, other = in_raw(home)
    assert {name: old[name] for name in GONE} == GONE
    assert old["author_key"] == SECRET["author_key"], "nobody said that the account is gone"
    assert old["removal"] == "none"
    assert other["body"] == "Some text"


def test_promote__an_archive_without_authors_erases_none(home: Home):
    raw.promote(home, live(home, secret()))
    raw.promote(home, archive(home, secret(author_key=None, observed_at=LATER), contribution("t3_b", author_key=None)))
    assert {row["author_key"] for row in in_raw(home) if row["source"] == "reddit_api"} == {SECRET["author_key"]}
    assert not (home.raw / "tombstones").exists()


def test_promote__an_earlier_look_of_an_archive_erases_nothing_that_was_seen_later(home: Home):
    raw.promote(home, live(home, secret(observed_at=LATER + timedelta(days=1))))
    raw.promote(home, archive(home, taken_back()))
    assert in_raw(home)[1]["body"] == SECRET["body"], "a moderator put it back"


def test_promote__a_wildcard_with_many_communities_erases_in_each(home: Home):
    names = [f"c{number}" for number in range(40)]
    raw.promote(home, live(home, *(secret(community=name) for name in names), community="*"))
    gone = [taken_back(community=name) for name in names[::2]]
    raw.promote(home, archive(home, *gone, *(contribution("t3_b", community=name) for name in names), community="*"))
    left = {row["community"] for row in in_raw(home) if "secret" in repr(row)}
    assert left == set(names[1::2])


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_promote__any_order_of_arrival_gives_the_same_raw(home: Home, order: tuple[int, ...]):
    loads = [
        archive(home, secret(), contribution("t3_b")),
        live(home, secret(observed_at=NOON + timedelta(days=35)), name="early"),
        live(home, taken_back(author_key=None), name="late"),
    ]
    for place in order:
        raw.promote(home, loads[place])
    old, middle, _, other = in_raw(home)
    assert "secret" not in repr([old, middle])
    assert (old["author_key"], middle["author_key"]) == (None, None)
    assert (old["score"], middle["score"]) == (7, 7)
    assert other["body"] == "Some text"


def test_promote__an_archive_that_still_has_the_text_brings_nothing_back(home: Home):
    raw.promote(home, archive(home, secret()))
    raw.promote(home, live(home, taken_back()))
    raw.promote(home, archive(home, secret(), contribution("t3_b"), name="again"))
    assert "secret" not in repr(in_raw(home))
    assert len(in_raw(home)) == 3


def test_promote__wildcard_erases_in_the_community_concerned_only(home: Home):
    raw.promote(home, archive(home, secret(community="x"), secret(community="y"), community="*"))
    raw.promote(home, live(home, taken_back(community="x"), contribution("t3_b", community="y"), community="*"))
    bodies = {(row["community"], row["body"]) for row in in_raw(home)}
    assert bodies == {("x", None), ("y", SECRET["body"]), ("y", "Some text")}


def test_promote__again_changes_nothing(home: Home):
    raw.promote(home, archive(home, secret()))
    load = live(home, taken_back())
    raw.promote(home, load)
    files = {file: file.stat().st_ino for file in home.raw.rglob("*.parquet")}
    assert raw.promote(home, load).partitions == ()
    raw.promote(home, live(home, taken_back(observed_at=LATER + timedelta(days=7)), name="again"))
    assert {file: file.stat().st_ino for file in files} == files, "what is gone already is not written again"


# ---- landing -------------------------------------------------------------------


def test_promote__live_loads_in_landing_lose_it_too(home: Home):
    old = live(home, secret(), secret("t3_b"), name="old")
    write_contract_rows(old.accepted_folder / f"day={NOON.date()}.parquet", [secret()])
    other = live(home, secret(community="mate"), name="mate", community="mate")
    raw.promote(home, live(home, taken_back()))
    first, second = rows_of(*old.rows_files().values())
    assert (first["body"], second["body"]) == (None, SECRET["body"])
    assert "secret" not in text_of(*old.accepted_files().values())
    assert "secret" in text_of(*other.rows_files().values())
    assert sorted(path.name for path in old.folder.rglob("*") if path.name.startswith(".")) == []


def test_promote__archives_in_landing_stay_as_their_source_has_them(home: Home):
    load = archive(home, secret())
    (file,) = load.rows_files().values()
    before = file.read_bytes()
    raw.promote(home, live(home, taken_back()))
    assert file.read_bytes() == before


def test_promote__a_damaged_load_in_landing_hinders_nobody(home: Home):
    damaged, unreadable = live(home, secret(), name="damaged"), live(home, secret(), name="unreadable")
    (file,) = damaged.rows_files().values()
    file.write_bytes(b"no parquet")
    (unreadable.folder / landing.MANIFEST).write_text("{}")
    old = live(home, secret(), name="old")
    raw.promote(home, live(home, taken_back()))
    assert "secret" not in text_of(*old.rows_files().values())


# ---- killed --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "call"),
    [("/raw/contributions/", 1), ("/raw/contributions/", 2), ("/raw/tombstones/", 1), ("/landing/", 1)],
)
def test_promote__killed_after_it_was_written_down_is_finished_by_the_next(home: Home, where: str, call: int):
    raw.promote(home, archive(home, secret()))
    old = live(home, secret(observed_at=NOON + timedelta(days=35)), name="old")
    raw.promote(home, old)
    live(home, taken_back(author_key=None))
    code = f"""
import os, pathlib, signal
from pulse.lake import landing, raw
from pulse.core.home import Home
home = Home.from_environment()
calls = 0
original = pathlib.Path.replace
def dying(self, target):
    global calls
    calls += {where!r} in str(target)
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, target)
pathlib.Path.replace = dying
raw.promote(home, landing.require(home, "reddit_api-one"))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert "secret" in repr(in_raw(home)) + text_of(*old.rows_files().values())
    assert raw.recover(home) == 1
    assert "secret" not in repr(in_raw(home)) + text_of(*old.rows_files().values())
    assert {row["author_key"] for row in in_raw(home)} == {None}
    assert len(in_raw(home)) == 3
    assert not list((home.raw / "_promotions").iterdir())
