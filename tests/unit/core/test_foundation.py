"""The small modules everything stands on: text, errors, home, window, contract, keys, locks, files."""

import copy
import hashlib
import os
import pickle
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.core import contract, errors, keys, locks
from pulse.core.files import read_json, sql_text, write_bytes, write_json
from pulse.core.home import Home, partition_path, path_value
from pulse.core.text import printable
from pulse.core.window import MAX_WINDOW_DAYS, Window

# ---- text ------------------------------------------------------------------


@given(st.text())
def test_printable__never_lets_a_control_or_format_character_through(text: str):
    shown = printable(text, max_chars=10_000)
    assert all(char == " " or char.isprintable() for char in shown), shown
    assert "\n" not in shown


def test_printable__keeps_ordinary_text_and_names_the_rest():
    assert printable("naïve café 日本 🎉") == "naïve café 日本 🎉"
    assert printable("a\x1b[31mb\nc\u202ed\ud800") == "a\\x1b[31mb\\x0ac\\u{202e}d\\u{d800}"
    assert printable("abcdef", max_chars=3) == "abc… (6 characters)"


# ---- errors ----------------------------------------------------------------


def all_errors() -> list[type[errors.PulseError]]:
    found: list[type[errors.PulseError]] = []
    todo = [errors.PulseError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return found


SPECIAL = {
    errors.DayNotServable: lambda: errors.DayNotServable(
        "day", value="2026-01-01", earliest_day=date(2026, 2, 1), next_step="x"
    ),
    errors.RateLimited: lambda: errors.RateLimited("reddit", retry_after_s=3.5),
    errors.LockBusy: lambda: errors.LockBusy("lock", holder_pid=7, waited_s=1.0),
}


@pytest.mark.parametrize("kind", all_errors())
def test_errors__survive_copies_between_processes(kind: type[errors.PulseError]):
    error = SPECIAL.get(kind, lambda: kind("thing", value="\x1bvalue", limit=1, next_step="do it"))()
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
    assert "\x1b" not in str(error)
    assert kind.__doc__


def test_errors__only_passing_faults_are_worth_a_retry():
    worth = {kind.__name__ for kind in all_errors() if kind.retry_helps}
    passing = {"SourceUnavailable", "ListingRepeats", "RateLimited", "ObjectStoreUnavailable"}
    assert worth == passing | {"LockBusy", "BuildReplaced", "LakeChanged"}


# ---- home ------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8")))
def test_path_value__is_one_harmless_segment(value: str):
    segment = path_value(value)
    assert 0 < len(segment.encode()) <= 200
    assert not set(segment) & set("/\\.*?[]{}~ \0")


@given(st.lists(st.text(max_size=80), unique=True, max_size=20))
def test_path_value__different_texts_give_different_segments(values: list[str]):
    assert len({path_value(value) for value in values}) == len(values)


def test_partition_path__names_platform_community_day():
    path = partition_path("reddit", "a b", date(2026, 10, 5))
    assert str(path) == "platform=reddit/community=a%20b/day=2026-10-05"


def test_home__relative_value_is_resolved_against_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULSE_HOME", "somewhere")
    assert Home.from_environment().root != tmp_path / "somewhere"
    assert Home.from_environment().root.name == "somewhere"


@pytest.mark.parametrize(
    "name", ["who?", "100%", "%(x)s", "a#b", "$HOME", "back\\slash", "two\nlines", "bell\x07", "tab\t", "del\x7f"]
)
def test_home__of_a_name_that_libraries_misread_is_refused_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_HOME", f"/nowhere/{name}/home")
    with pytest.raises(errors.ConfigError, match="choose a folder of another name") as caught:
        Home.from_environment()
    assert printable(str(caught.value)) == str(caught.value)


def test_home__of_any_other_name_is_taken(monkeypatch: pytest.MonkeyPatch):
    name = 'it\'s "a" ; {{x}} *[z] ~ : \u00e9'
    monkeypatch.setenv("PULSE_HOME", f"/nowhere/{name}")
    assert Home.from_environment().root.name == name


def test_home__private_folders_are_closed_to_others(home: Home):
    for folder in (home.landing, home.quarantine, home.raw, home.scratch, home.warehouse):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_home__unwritable_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.StorageError, match="set PULSE_HOME"):
        Home(tmp_path / "file" / "home").create()


# ---- window ----------------------------------------------------------------


def test_window__refuses_a_day_that_is_not_over():
    window = Window.one_day(date(2026, 10, 5))
    window.require_over(datetime(2026, 10, 6, tzinfo=UTC))
    with pytest.raises(errors.DayNotOver, match="2026-10-06 00:00 UTC"):
        window.require_over(datetime(2026, 10, 5, 23, 59, 59, tzinfo=UTC))


def test_window__limits_and_days():
    first = date(2026, 2, 27)
    assert list(Window(first, date(2026, 3, 1)).days()) == [first, date(2026, 2, 28), date(2026, 3, 1)]
    with pytest.raises(errors.ConfigError, match="swap"):
        Window(date(2026, 3, 1), first)
    with pytest.raises(errors.ConfigError, match="split"):
        Window(first, first + timedelta(days=MAX_WINDOW_DAYS))


# ---- contract --------------------------------------------------------------


def test_projection__gives_exactly_the_contract_and_derives_the_text_hash():
    with duckdb.connect() as connection:
        connection.execute(f"create table given ({contract.duckdb_columns().replace(' not null', '')})")
        connection.execute("insert into given (title, body) values ('a', 'b'), (null, 'b'), (null, null), ('', '')")
        result = connection.sql(f"select {contract.projection()} from given")
        assert result.columns == list(contract.COLUMN_NAMES)
        assert [str(kind) for kind in result.types] == [
            column.duckdb_type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for column in contract.COLUMNS
        ]
        hashes = [row[0] for row in result.project("text_sha256").fetchall()]
    assert hashes == [hashlib.sha256(b"a\nb").hexdigest(), hashlib.sha256(b"\nb").hexdigest(), None, None]


# ---- keys ------------------------------------------------------------------


def test_author_key_bytes__made_once_and_private(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PULSE_AUTHOR_KEY")
    first = keys.author_key_bytes(home)
    assert keys.author_key_bytes(home) == first
    assert home.author_key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.root.iterdir() if "author" in path.name] == ["author.key"]


def test_author_key_bytes__short_key_is_refused_without_showing_it(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_AUTHOR_KEY", "hunter2")
    with pytest.raises(errors.ConfigError) as caught:
        keys.author_key_bytes(home)
    assert "hunter2" not in str(caught.value)


# ---- locks -----------------------------------------------------------------

HOLDER = """
import sys
from pulse.core import locks
from pulse.core.home import Home
with locks.exclusive(Home.from_environment(), "x"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_exclusive__second_holder_learns_the_pid_and_a_dead_one_does_not_block(home: Home):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        assert locks.holder_pid(home, "x") == holder.pid
        with pytest.raises(errors.LockBusy, match=f"process {holder.pid}"), locks.exclusive(home, "x", timeout_s=0):
            pass
        holder.send_signal(signal.SIGKILL)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert locks.holder_pid(home, "x") is None
    with locks.exclusive(home, "x", timeout_s=0):
        assert (home.locks / "x.lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("before", ["", "{dead}\n"], ids=["not written yet", "of a holder that was killed"])
def test_exclusive__a_holder_that_has_not_written_its_pid_yet_is_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, before: str
):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    file = home.locks / "x.lock"
    looks: list[float] = []

    def write_at_last(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            file.write_text(f"{os.getpid()}\n")

    with locks.exclusive(home, "x"):
        file.write_text(before.format(dead=dead.pid))
        monkeypatch.setattr("time.sleep", write_at_last)
        assert locks.holder_pid(home, "x") == os.getpid()
        file.write_text(before.format(dead=dead.pid))
        looks.clear()
        with pytest.raises(errors.LockBusy, match=f"process {os.getpid()}"), locks.exclusive(home, "x", timeout_s=0):
            pass
    assert file.read_text() == "", "a free lock names nobody"


def test_exclusive__a_holder_that_cannot_be_seen_from_here_is_named_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    monkeypatch.setattr("time.sleep", lambda _: None)
    with locks.exclusive(home, "x"):
        (home.locks / "x.lock").write_text(f"{dead.pid}\n")
        assert locks.holder_pid(home, "x") == dead.pid


# ---- files -----------------------------------------------------------------


def test_write_json__round_trip_and_no_draft_left(tmp_path: Path):
    write_json(tmp_path / "deep" / "x.json", {"b": 1, "a": "é"})
    assert read_json(tmp_path / "deep" / "x.json") == {"a": "é", "b": 1}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.json"]


def test_write_bytes__fault_keeps_the_old_file(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(errors.StorageError):
        write_bytes(tmp_path / "file" / "below", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_sql_text__is_one_literal(text: str):
    with duckdb.connect() as connection:
        assert connection.execute(f"select {sql_text(text)}").fetchone() == (text,)
