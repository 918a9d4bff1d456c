"""A lake that lives in a store: each step takes what counts there and puts what it changed, whole, or is told to retry.

The store is a folder here; `make test-s3` runs days over a real S3 server (tests/integration/test_object_storage.py).
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pulse.cli import lake_command
from pulse.config.lake import on_lake, working
from pulse.core.errors import ConfigError, DamagedFile, LakeChanged
from pulse.core.home import Home
from pulse.lake import copying, forgotten, landing, raw, snapshot
from pulse.lake.forgotten import Person
from pulse.lake.store import FolderStore
from pulse.reading import damage
from support import NOON, contribution, sealed_load

PERSON = Person("reddit", "a" * 64)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    monkeypatch.setenv("PULSE_LAKE", store.url)
    return store


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return Home(tmp_path / "other").create()


def contents(home: Home) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in copying.lake_files(home).items()}


@on_lake
def add(home: Home, name: str, **changes: object) -> None:
    """A step: one load more."""
    load_id = f"reddit_archive-{name}"
    raw.promote(home, sealed_load(home, [contribution(f"t3_{name}", **changes)], load_id=load_id, community=name))


@on_lake
def look(home: Home) -> dict[str, bytes]:
    """A step that only reads."""
    return contents(home)


def test_step__of_one_machine_is_seen_by_the_next(home: Home, other: Home, store: FolderStore):
    add(home, "one")
    assert snapshot.latest(store).state_n == 1
    assert look(other) == contents(home) != {}
    assert any(map(raw.asks_for_everything, raw.pending_dates(other)))
    add(other, "two")
    assert look(home) == contents(other)
    assert snapshot.latest(store).state_n == 2


def test_step__without_the_variable_knows_no_store(home: Home, store: FolderStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PULSE_LAKE")
    add(home, "one")
    assert not store.root.exists()
    assert not home.lake.exists()


def test_step__finds_the_lake_that_the_config_names(
    home: Home, other: Home, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("PULSE_LAKE")
    config = tmp_path / "config.yml"
    config.write_text(f"communities: []\nlake: {store.url}\n")
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    add(home, "one")
    assert look(other) == contents(home) != {}
    assert snapshot.latest(store).state_n == 1
    config.write_text(f"communities: []\nlake: {store.url.removeprefix('file:')}\n")
    with pytest.raises(ConfigError, match="line 2: lake: "):
        add(home, "two")


def test_step__that_changes_nothing_makes_no_state(home: Home, store: FolderStore):
    look(home)
    assert snapshot.latest(store).state_n == 0
    add(home, "one")
    look(home)
    add(home, "one")
    assert snapshot.latest(store).state_n == 1


def test_step__within_a_step_is_part_of_it(home: Home, store: FolderStore):
    with working(home):
        add(home, "one")
        assert snapshot.latest(store).state_n == 0
        add(home, "two")
    assert snapshot.latest(store).state_n == 1


def test_step__that_fails_keeps_what_it_wrote(home: Home, other: Home, store: FolderStore):
    (home.quality / "gate_results").mkdir()
    with pytest.raises(RuntimeError, match="stopped"), working(home):  # noqa: PT012  (the gate writes, then stops)
        (home.quality / "gate_results" / "verdict.parquet").write_bytes(b"why")
        raise RuntimeError("stopped")
    assert look(other) == {"quality/gate_results/verdict.parquet": b"why"}


def test_step__of_two_at_once_one_wins_and_the_other_does_it_again(home: Home, other: Home, store: FolderStore):
    add(home, "one")
    look(other)
    with pytest.raises(LakeChanged), working(home):  # noqa: PT012  (somebody else writes meanwhile)
        add(home, "two")
        with working(other):
            add(other, "three")
    assert "community=two" not in str(look(other).keys())
    add(home, "two")
    names = str(look(other).keys())
    assert all(f"community={name}" in names for name in ("one", "two", "three"))
    assert contents(home) == contents(other)


_KILLED = """
import os, signal, sys
from pathlib import Path
from pulse.core.home import Home
from pulse.lake import landing, raw
from pulse.config.lake import working
from pulse.lake.store import FolderStore
from pulse.reading import damage

original, left = getattr(FolderStore, sys.argv[1]), [int(sys.argv[2])]

def dying(self, *arguments, **options):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return original(self, *arguments, **options)

home = Home.from_environment()
with working(home):
    setattr(FolderStore, sys.argv[1], dying)
    raw.promote(home, landing.require(home, "reddit_archive-two"))
"""


@pytest.mark.parametrize(
    ("method", "after_n", "does_other_write"),
    [("put", 0, True), ("put", 1, False), ("put_if", 0, True), ("delete", 0, False), ("delete", 0, True)],
)
def test_step__killed_while_it_puts_is_whole_or_not_there(
    home: Home, other: Home, store: FolderStore, method: str, after_n: int, does_other_write: bool
):
    add(home, "one")
    before = contents(home)
    sealed_load(home, [contribution("t3_two")], load_id="reddit_archive-two", community="two")
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, method, str(after_n)], check=False, capture_output=True, env={**os.environ}
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    counts = method == "delete"  # after the pointer
    assert look(other) == (contents(home) if counts else before)
    if does_other_write:
        add(other, "three")
    # The task is tried again, on the same machine.
    with working(home):
        raw.promote(home, landing.require(home, "reddit_archive-two"))
    assert look(other) == contents(home)
    names = str(contents(other).keys())
    assert "community=one" in names
    assert "community=two" in names
    assert ("community=three" in names) is does_other_write
    copying.send(home, store)  # sweeps
    left = {listed.key for listed in store.list("files/")}
    assert left == {file.key for file in snapshot.latest(store).files.values()}


def test_home__that_lost_or_damaged_its_copy_gets_it_again_and_the_lake_loses_nothing(home: Home, store: FolderStore):
    add(home, "one")
    add(home, "two")
    before, state = contents(home), snapshot.latest(store)
    shutil.rmtree(home.raw / "contributions")
    (home.raw / "own.parquet").write_bytes(b"nobody's")
    for file in (home.raw / "coverage").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-20])
    assert look(home) == before
    assert snapshot.latest(store) == state
    assert any(map(raw.asks_for_everything, raw.pending_dates(home)))


def test_home__as_it_was_left_asks_once_and_builds_nothing_anew(home: Home, store: FolderStore):
    add(home, "one")
    for note in raw.pending_dates(home):
        note.unlink()
    (home.kpi / "_empty.parquet").write_bytes(b"as readers make it")
    look(home)
    assert not (home.kpi / "_empty.parquet").exists()
    assert raw.pending_dates(home) == {}


def test_home__with_a_lake_of_its_own_is_not_written_over(
    home: Home, other: Home, store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    add(home, "one")
    monkeypatch.delenv("PULSE_LAKE")
    add(other, "two")
    before = contents(other)
    monkeypatch.setenv("PULSE_LAKE", store.url)
    with pytest.raises(ConfigError, match="a lake of its own"):
        look(other)
    assert contents(other) == before


def test_home__with_a_lake_of_its_own_fills_an_empty_store(
    home: Home, other: Home, store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("PULSE_LAKE")
    add(home, "one")
    monkeypatch.setenv("PULSE_LAKE", store.url)
    assert look(home) == look(other)


def test_home__that_is_the_same_already_goes_on(
    home: Home, other: Home, store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    """As after a copy, or where a kill came between the first state and the note of it."""
    monkeypatch.delenv("PULSE_LAKE")
    add(home, "one")
    copying.send(home, store)
    monkeypatch.setenv("PULSE_LAKE", store.url)
    add(home, "two")
    (home.lake / "mirror.json").unlink()
    add(home, "three")
    assert look(other) == contents(home)
    assert snapshot.latest(store).state_n == 3


def test_set_aside__takes_no_file_that_the_lake_has_whole(home: Home, store: FolderStore):
    add(home, "one")
    before = contents(home)
    (file,) = (home.raw / "contributions").rglob("reddit_archive-one.parquet")
    file.write_bytes(b"cut off")
    with pytest.raises(ConfigError, match="limit: a damaged file"):
        damage.require(home, file)
    assert look(home) == before


def test_store__that_lost_its_pointer_is_an_error_not_an_empty_lake(home: Home, store: FolderStore):
    add(home, "one")
    before = contents(home)
    (store.root / snapshot.POINTER).unlink()
    with pytest.raises(DamagedFile, match="is gone"):
        look(home)
    assert contents(home) == before


def test_forgotten__in_a_step_that_lost_stays_forgotten_in_what_came(home: Home, other: Home, store: FolderStore):
    add(home, "one")
    look(other)
    with pytest.raises(LakeChanged), working(home):  # noqa: PT012  (somebody else writes meanwhile)
        forgotten.put_on_list(home, PERSON, asked_at=NOON)
        raw.take_back(home, "asked", persons=[PERSON.author_key])
        with working(other):
            add(other, "two")
    look(home)
    look(other)
    for one in (home, other):
        assert forgotten.everybody(one) == (PERSON,)
        rows = sorted((one.raw / "contributions").rglob("reddit_archive-*.parquet"))
        assert len(rows) == 2
        assert not forgotten.find(one, [one.raw / "contributions"], forgotten.Wanted((PERSON,))).rows


def test_copy__to_the_lake_of_this_home_writes_over_nobody(home: Home, other: Home, store: FolderStore):
    add(home, "one")
    look(other)
    add(home, "two")
    copied = lake_command.copy(store.url, str(other.root), purges_versions=True, may_remove=lambda _: True)
    assert copied.removed_n == 0
    assert contents(other) == contents(home)
