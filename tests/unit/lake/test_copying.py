"""Copying the lake to a store and back: whole or not at all, checked, and what is gone goes.

The store is a folder here; `make test-s3` runs it over a real S3 server (tests/integration/test_object_storage.py).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pulse.cli import lake_command
from pulse.core.errors import ConfigError, DamagedFile, LakeChanged, LockBusy, StorageError
from pulse.core.files import read_json, write_json
from pulse.core.home import Home
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.lake import arriving, copying, forgotten, landing, raw, snapshot
from pulse.lake.forgotten import Person
from pulse.lake.store import FolderStore, open_store
from support import NOON, contribution, sealed_load


def yes(_: int) -> bool:
    return True


def promoted(home: Home, load_id: str = "reddit_archive-one", **changes: object) -> None:
    raw.promote(home, sealed_load(home, [contribution("t3_a", **changes)], load_id=load_id))


def contents(home: Home) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in copying.lake_files(home).items()}


def stored(store: FolderStore) -> set[str]:
    return {listed.key for listed in store.list("")}


def killed(script: str, *arguments: Path) -> None:
    """Run Python that kills itself on the way."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], check=False, capture_output=True, env={**os.environ}
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return Home(tmp_path / "other").create()


@pytest.fixture
def full(home: Home) -> Home:
    """A home with something of all that belongs to a lake, and of what does not."""
    promoted(home)
    raw.ensure_empty_file(home)
    for name in ("scores/model_id=x/s.parquet", "quality/load_outcomes/q.parquet", "kpi/kpi_monthly/v.parquet",
                 "words/known.json", "listening/brands.parquet", "quarantine/waivers/w.json", "alerts/n/since.json",
                 "quarantine/loads/l/line.parquet", "raw/_promotions/x/0.parquet",
                 "scores/.draft.tmp", "author.key", "published/p.duckdb"):  # fmt: skip
        file = home.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return home


def test_copy__there_and_back_is_the_same(full: Home, other: Home, store: FolderStore):
    sent = copying.send(full, store)
    assert (sent.state_n, sent.moved_n, sent.removed_n) == (1, sent.files_n, 0)
    received = copying.receive(other, store, may_remove=yes)
    assert received.moved_n == received.files_n == sent.files_n
    assert contents(other) == contents(full)
    assert not (other.root / "author.key").exists()
    assert not (other.root / "quarantine" / "loads").exists()
    assert not any("_promotions" in key or "draft" in key or "author.key" in key for key in stored(store))
    # Compaction and scoring go by the times of files.
    assert all(
        file.stat().st_mtime_ns == (full.root / path).stat().st_mtime_ns
        for path, file in copying.lake_files(other).items()
    )
    assert list(map(raw.asks_for_everything, raw.pending_dates(other))) == [True]


def test_copy__again_moves_nothing(full: Home, other: Home, store: FolderStore):
    copying.send(full, store)
    copying.receive(other, store, may_remove=yes)
    (other.warehouse / "pending" / "lake-copy.json").unlink()
    before = stored(store)
    assert copying.send(full, store).moved_n == 0
    assert copying.send(other, store).state_n == 1
    assert copying.receive(other, store, may_remove=yes).moved_n == 0
    assert stored(store) == before
    assert raw.pending_dates(other) == {}, "nothing came, so nothing is to be built"


def test_copy__what_is_gone_from_the_home_is_gone_from_the_store(full: Home, other: Home, store: FolderStore):
    copying.send(full, store)
    copying.receive(other, store, may_remove=yes)
    person = Person("reddit", "a" * 64)
    forgotten.put_on_list(full, person, asked_at=NOON)
    raw.take_back(full, "asked", persons=[person.author_key])
    (full.root / "scores/model_id=x/s.parquet").unlink()
    sent = copying.send(full, store)
    assert (sent.state_n, sent.removed_n) == (2, 1)
    kept = {(store.root / key).read_bytes() for key in stored(store) if key.startswith("files/")}
    assert kept == set(contents(full).values()), "no file of before is left"
    assert not any("model_id=x" in key for key in stored(store))
    received = copying.receive(other, store, may_remove=yes)
    assert received.removed_n == 1
    assert contents(other) == contents(full)
    assert not (other.root / "scores" / "model_id=x").exists()


def test_receive__erases_from_landing_what_the_list_that_came_names(home: Home, other: Home, store: FolderStore):
    person = Person("reddit", "a" * 64)
    load = sealed_load(other, [contribution("t3_a", body="secret")], load_id="reddit_archive-one")
    forgotten.put_on_list(home, person, asked_at=NOON)
    raw.ensure_empty_file(home)
    copying.send(home, store)
    copying.receive(other, store, may_remove=yes)
    held = forgotten.find(other, [other.landing], forgotten.Wanted((person,)))
    assert not held.rows
    assert landing.require(other, load.load_id)


def test_send__forgets_nobody_who_is_forgotten(home: Home, other: Home, store: FolderStore):
    promoted(home)
    forgotten.put_on_list(home, Person("reddit", "b" * 64), asked_at=NOON)
    copying.send(home, store)
    promoted(other)
    with pytest.raises(StorageError, match="1 persons who asked to be forgotten"):
        copying.send(other, store)
    for file in (home.raw / "forgotten").rglob("*.parquet"):
        file.unlink()
    other_store = FolderStore(store.root.with_name("without"))
    copying.send(home, other_store)
    forgotten.put_on_list(other, Person("reddit", "c" * 64), asked_at=NOON)
    before = contents(other)
    with pytest.raises(StorageError, match="1 persons who asked to be forgotten"):
        copying.receive(other, other_store, may_remove=yes)
    assert contents(other) == before


def test_receive__asks_before_a_home_loses_files(full: Home, other: Home, store: FolderStore):
    copying.send(full, store)
    promoted(other, "reddit_archive-two")
    before, asked = contents(other), []

    def no(lost_n: int) -> bool:
        asked.append(lost_n)
        return False

    with pytest.raises(ConfigError, match="would remove"):
        copying.receive(other, store, may_remove=no)
    assert contents(other) == before
    assert asked == [len(before.keys() - contents(full).keys())]


def test_receive__takes_no_half_copy_for_a_whole(home: Home, other: Home, store: FolderStore):
    promoted(home)
    copying.send(home, store)
    (store.root / snapshot.POINTER).unlink()
    with pytest.raises(StorageError, match="no whole copy"):
        copying.receive(other, store, may_remove=yes)
    assert copying.send(home, store).moved_n == 0, "what lies there already need not go again"
    assert copying.receive(other, store, may_remove=yes).state_n == 1


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"other"), lambda file: file.unlink()])
def test_receive__names_what_is_damaged_there(
    home: Home, other: Home, store: FolderStore, damage: Callable[[Path], None]
):
    promoted(home)
    copying.send(home, store)
    key = next(key for key in stored(store) if "contributions" in key)
    damage(store.root / key)
    with pytest.raises(DamagedFile, match="contributions"):
        copying.receive(other, store, may_remove=yes)
    assert contents(other) == {}


@pytest.mark.parametrize(
    "document",
    [b"{", b'{"format": 1}', b'{"format": 2}', b'{"format": 1, "state_n": 1, "manifest": "m", "manifest_sha256": "x"}'],
)
def test_latest__names_a_pointer_that_is_damaged(store: FolderStore, document: bytes):
    store.root.mkdir()
    (store.root / snapshot.POINTER).write_bytes(document)
    with pytest.raises(DamagedFile):
        snapshot.latest(store)


def test_latest__believes_no_path_that_climbs_out(home: Home, store: FolderStore):
    promoted(home)
    copying.send(home, store)
    climbing = snapshot.StoredFile("raw/../../x", 1, "0" * 64, 0, 1)
    snapshot.commit(store, snapshot.latest(store), {climbing.path: climbing})
    with pytest.raises(DamagedFile, match="names raw"):
        snapshot.latest(store)


def test_commit__of_two_writers_one_wins_and_nothing_of_it_is_lost(home: Home, other: Home, store: FolderStore):
    promoted(home)
    copying.send(home, store)
    base = snapshot.latest(store)
    promoted(home, "reddit_archive-two", body="newer")
    copying.send(home, store)
    with pytest.raises(LakeChanged):
        snapshot.commit(store, base, {})
    copying.receive(other, store, may_remove=yes)
    assert contents(other) == contents(home)


def test_sweep__leaves_what_a_writer_is_putting(home: Home, store: FolderStore):
    promoted(home)
    copying.send(home, store)
    for state_n in (0, 1, 2):
        name = f"files/raw/{state_n:08d}-{'0' * 16}-x.parquet"
        (store.root / name).parent.mkdir(parents=True, exist_ok=True)
        (store.root / name).write_bytes(b"left")
    assert snapshot.sweep(store, snapshot.latest(store)) == 2
    assert (store.root / f"files/raw/{2:08d}-{'0' * 16}-x.parquet").exists()


_KILLED_SEND = """
import os, signal, sys
from pathlib import Path
from pulse.core.home import Home
from pulse.lake import copying
from pulse.lake.store import FolderStore

left = [2]
put = FolderStore.put

def dying(self, key, content):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    put(self, key, content)

FolderStore.put = dying
copying._AT_ONCE = 1
copying.send(Home(Path(sys.argv[1])), FolderStore(Path(sys.argv[2])))
"""


def test_send__killed_goes_on_from_what_it_put(full: Home, other: Home, store: FolderStore):
    killed(_KILLED_SEND, full.root, store.root)
    assert not snapshot.latest(store).state_n
    sent = copying.send(full, store)
    assert sent.moved_n == sent.files_n - 2
    promoted(full, "reddit_archive-two", body="one")
    promoted(full, "reddit_archive-three", body="two", created_at=NOON + timedelta(days=1))
    (full.root / "kpi/more").write_bytes(b"more")
    before = snapshot.latest(store)
    killed(_KILLED_SEND, full.root, store.root)
    assert snapshot.latest(store) == before, "what counted before counts until all is there"
    copying.send(full, store)
    copying.receive(other, store, may_remove=yes)
    assert contents(other) == contents(full)
    assert len(stored(store)) == len(contents(full)) + 2, "nothing is left of what was killed"


_KILLED_RECEIVE = """
import os, signal, sys
from pathlib import Path
from pulse.core.home import Home
from pulse.lake import arriving, copying
from pulse.lake.store import FolderStore

replace = Path.replace
left = [int(sys.argv[3].rsplit("/", 1)[-1])]

def dying(self, target):
    if self.parent.name == "arriving":
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
    return replace(self, target)

Path.replace = dying
copying._AT_ONCE = 1
copying.receive(Home(Path(sys.argv[1])), FolderStore(Path(sys.argv[2])), may_remove=lambda _: True)
"""


def test_receive__killed_while_fetching_changes_nothing_and_goes_on(full: Home, other: Home, store: FolderStore):
    copying.send(full, store)
    killed(_KILLED_RECEIVE, other.root, store.root, Path("3"))
    assert contents(other) == {}
    received = copying.receive(other, store, may_remove=yes)
    assert received.moved_n == received.files_n - 3
    assert contents(other) == contents(full)
    assert not arriving.folder(other).exists()


def test_receive__killed_while_placing_is_finished_by_whoever_comes_next(full: Home, other: Home, store: FolderStore):
    promoted(other, "reddit_archive-two")
    files_n = copying.send(full, store).files_n
    killed(_KILLED_RECEIVE, other.root, store.root, Path(str(files_n + 2)))
    assert contents(other) != contents(full)
    assert raw.recover(other) == 1
    assert contents(other) == contents(full)
    assert any(map(raw.asks_for_everything, raw.pending_dates(other)))


def test_send__waits_for_nobody_longer_than_told(home: Home, store: FolderStore):
    promoted(home)
    with exclusive(home, WAREHOUSE_LOCK), pytest.raises(LockBusy):
        copying.send(home, store, timeout_s=0)
    assert not snapshot.latest(store).state_n


def test_put_if__replaces_only_what_it_was_told_of(store: FolderStore):
    first = store.put_if("k", b"1", tag=None)
    assert store.put_if("k", b"2", tag=None) is None
    assert store.put_if("k", b"2", tag="other") is None
    assert store.put_if("k", b"2", tag=first) not in {None, first}
    assert store.read("k").data == b"2"


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///x", "s3://b", "s3://UPPER/x", "s3://bucket/../x", "s3://bucket/x?y", "http://bucket/x",
            "file://host/x", "file://", "s3://key:s3cr3t-of-the-app@bucket/x"],
)  # fmt: skip
def test_open_store__refuses_what_is_no_address_and_shows_no_secret(url: str):
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "s3cr3t" not in str(caught.value)


def test_journal__of_an_arrival_is_removed_when_done(other: Home):
    waiting = arriving.folder(other) / "x"
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(b"new")
    (other.kpi / "old").write_bytes(b"old")
    arriving.place(other, {"kpi/a/new": (waiting, 5_000)}, ["kpi/old"])
    assert (other.kpi / "a" / "new").stat().st_mtime_ns == 5_000
    assert not (other.kpi / "old").exists()
    assert not arriving.finish(other)
    write_json(other.lake / "journal.json", {"puts": [["gone", "kpi/a/new", 1]], "removes": ["kpi/none"]})
    assert arriving.finish(other)
    assert (other.kpi / "a" / "new").read_bytes() == b"new"


def test_pointer__tells_people_what_is_there(home: Home, store: FolderStore):
    promoted(home)
    sent = copying.send(home, store)
    pointer = read_json(store.root / snapshot.POINTER)
    assert (pointer["state_n"], pointer["files_n"], pointer["bytes_n"]) == (1, sent.files_n, sent.bytes_n)
    assert json.loads((store.root / snapshot.POINTER).read_text()) == pointer


def test_open_store__without_the_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ConfigError, match=r"requirements/s3[.]txt"):
        open_store("s3://bucket/lake")


def test_command__needs_a_home_and_a_store(full: Home, other: Home, store: FolderStore):
    def copy(to: str, from_: str | None = None, **options: bool) -> list[str]:
        choices = {"purges_versions": False, "may_remove": yes} | options
        return lake_command.lines_of(lake_command.copy(to, from_, **choices), to=to)

    assert copy(store.url)[0].startswith("state 1: ")
    assert "pulse rebuild" in copy(str(other.root), store.url)[-1]
    assert contents(other) == contents(full)
    for to, from_ in ((str(other.root), None), (store.url, store.url), (str(other.root), str(full.root))):
        with pytest.raises(ConfigError, match="one home"):
            copy(to, from_)
    with pytest.raises(ConfigError, match="no folder raw"):
        copy(store.url, str(other.root / "nowhere"))
    with pytest.raises(ConfigError, match="purge-versions"):
        copy(str(other.root), store.url, purges_versions=True)
