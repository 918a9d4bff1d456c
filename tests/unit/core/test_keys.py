"""One author key for all of raw: another one, or none, is refused before anybody is pseudonymised anew."""

import os
from pathlib import Path

import pytest

from pulse.cli import doctor
from pulse.config.settings import Settings
from pulse.core import keys
from pulse.core.errors import ConfigError, PulseError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.sources.reddit.entry import RedditArchiveEntry
from pulse.steps.pipeline import Pipeline
from support import NOON, contribution, sealed_load


@pytest.fixture
def own_key(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a key file of its own, no rows yet."""
    monkeypatch.delenv("PULSE_AUTHOR_KEY")
    keys.author_key_bytes(home)
    return home


@pytest.fixture
def with_rows(own_key: Home) -> Home:
    raw.promote(own_key, sealed_load(own_key, [contribution()]))
    return own_key


def finding(home: Home) -> doctor.Finding:
    (found,) = [found for found in doctor.examine(home) if found.check == "author key"]
    return found


def change(home: Home, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home.author_key_file
    match how:
        case "cut":
            os.truncate(file, 32)
        case "lost":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "another":
            file.write_text("b" * 64)
        case "a folder":
            file.unlink()
            file.mkdir()
        case "another in the environment":
            monkeypatch.setenv("PULSE_AUTHOR_KEY", "another-key-for-tests")
        case "short in the environment":
            monkeypatch.setenv("PULSE_AUTHOR_KEY", "short")


changes = pytest.mark.parametrize(
    "how",
    ["cut", "lost", "empty", "another", "a folder", "another in the environment", "short in the environment"],
)


@changes
def test_key__another_than_that_of_raw_is_refused_and_none_is_made(
    with_rows: Home, how: str, monkeypatch: pytest.MonkeyPatch
):
    change(with_rows, how, monkeypatch)
    before = with_rows.author_key_file.exists()
    with pytest.raises(ConfigError, match="author key"):
        keys.author_key_bytes(with_rows)
    assert finding(with_rows).level == "fail"
    assert finding(with_rows).next_step
    assert with_rows.author_key_file.exists() == before, "doctor made a key"


@changes
def test_key__every_step_that_would_write_with_it_stops(with_rows: Home, how: str, monkeypatch: pytest.MonkeyPatch):
    entry = RedditArchiveEntry(platform="reddit", name="tea", source="reddit_archive", path=(Path("/dev/null"),))
    pipeline = Pipeline(with_rows, Settings(communities=(entry,)))
    window = Window.one_day(NOON.date())
    change(with_rows, how, monkeypatch)
    with pytest.raises(ConfigError, match="author key"):
        pipeline.plan(window)
    with pytest.raises(ConfigError, match="author key"):
        pipeline.extract("reddit/tea", window, run_id="run")
    with pytest.raises(ConfigError, match="author key"):
        pipeline.promote([], run_id="run")


def test_key__the_same_one_may_move_to_the_environment(with_rows: Home, monkeypatch: pytest.MonkeyPatch):
    key = with_rows.author_key_file.read_text()
    with_rows.author_key_file.unlink()
    monkeypatch.setenv("PULSE_AUTHOR_KEY", key)
    assert keys.author_key_bytes(with_rows) == key.encode()


def test_key__may_change_while_raw_is_empty(own_key: Home):
    own_key.author_key_file.write_text("c" * 64)
    assert keys.author_key_bytes(own_key) == b"c" * 64
    raw.promote(own_key, sealed_load(own_key, [contribution()]))
    own_key.author_key_file.write_text("d" * 64)
    with pytest.raises(ConfigError):
        keys.author_key_bytes(own_key)


def test_promote__refuses_rows_of_a_key_that_changed_since(own_key: Home):
    """Raw is empty, so the key may change; but not between extracting rows and promoting them."""
    own_key.author_key_file.write_text("c" * 64)
    with pytest.raises(ConfigError, match="author key"):
        keys.require_same(own_key)


def test_fingerprint__of_a_home_made_before_is_kept_once_and_doctor_says_so(with_rows: Home):
    keys.fingerprint_file(with_rows).unlink()
    assert "its fingerprint is kept from now on" in finding(with_rows).found
    assert keys.has_fingerprint(with_rows)
    assert "from now on" not in finding(with_rows).found
    with_rows.author_key_file.write_text("d" * 64)
    assert finding(with_rows).level == "fail"


def test_fingerprint__gives_the_key_not_away_and_lies_in_raw(with_rows: Home):
    content = keys.fingerprint_file(with_rows).read_text()
    assert with_rows.author_key_file.read_text() not in content
    assert keys.fingerprint_file(with_rows).parent == with_rows.raw, "a backup of raw has it"


@pytest.mark.parametrize("content", ["", "[]", "{}", "no json", '{"fingerprint": 5}'])
def test_fingerprint__that_cannot_be_read_is_an_error_not_a_new_one(with_rows: Home, content: str):
    keys.fingerprint_file(with_rows).write_text(content)
    with pytest.raises(PulseError) as caught:
        keys.author_key_bytes(with_rows)
    assert caught.value.next_step


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warn"), (0o444, "warn")])
def test_doctor__warns_of_a_key_that_others_can_read(with_rows: Home, mode: int, level: str):
    """Mounted secrets often are so: no error."""
    with_rows.author_key_file.chmod(mode)
    assert finding(with_rows).level == level
    assert keys.author_key_bytes(with_rows)


def test_doctor__of_a_key_in_the_environment_asks_for_no_mode(with_rows: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_AUTHOR_KEY", with_rows.author_key_file.read_text())
    with_rows.author_key_file.chmod(0o644)
    assert finding(with_rows).level == "ok"
