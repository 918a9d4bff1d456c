"""What `pulse doctor` says of a lake that lives elsewhere."""

from pathlib import Path

import pytest

from pulse.cli import doctor
from pulse.core.home import Home
from pulse.lake import copying, quality
from pulse.lake.s3 import S3Store
from pulse.lake.store import open_store


def findings(home: Home) -> list[doctor.Finding]:
    return [found for found in doctor.examine(home) if found.check == "lake"]


def test_lake__of_the_home_itself_is_not_told_of(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PULSE_LAKE", raising=False)
    assert findings(home) == []


def test_lake__is_told_with_the_state_that_counts(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = f"file://{tmp_path}/lake"
    monkeypatch.setenv("PULSE_LAKE", url)
    (empty,) = findings(home)
    assert (empty.level, "nothing is there yet" in empty.found) == ("ok", True)
    quality.ensure_tables(home)
    copied = copying.send(home, open_store(url))
    (found,) = findings(home)
    assert found.level == "ok"
    assert f"state 1, {copied.files_n} files" in found.found
    assert copied.files_n > 0


def test_lake__that_cannot_be_read_is_a_failed_check(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_LAKE", f"file://{tmp_path}/lake")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "lake.json").write_text("cut o")
    (found,) = findings(home)
    assert (found.level, bool(found.next_step)) == ("fail", True)


def test_lake__address_of_nothing_known_is_a_failed_check(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_LAKE", "ftp://somewhere/lake")
    (found,) = findings(home)
    assert found.level == "fail"


def test_lake__that_the_config_names_is_told_too(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PULSE_LAKE", raising=False)
    (tmp_path / "x.ndjson").touch()
    config = tmp_path / "config.yml"
    entry = "{platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}"
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    config.write_text(f"communities: [{entry}]\nlake: file://{tmp_path}/lake\n")
    (found,) = findings(home)
    assert (found.level, f"file://{tmp_path}/lake" in found.found) == ("ok", True)
    config.write_text(f"communities: [{entry}]\nlake: {tmp_path}/lake\n")
    (told,) = [one for one in doctor.examine(home) if one.level == "fail"]
    assert (told.check, f"{config}, line 2" in told.found, "lake: " in told.found) == ("config", True, True)
    assert told.next_step


def test_lake__on_s3_without_a_key_says_how_to_give_one(home: Home, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULSE_LAKE", "s3://bucket/lake")
    monkeypatch.setattr(S3Store, "require_client", lambda: None)
    monkeypatch.setattr(doctor, "_stored_in_airflow", lambda *_: None)
    (found,) = findings(home)
    assert found.level == "fail"
    assert "Airflow connection lake_default" in found.next_step
    assert "AWS_ACCESS_KEY_ID" in found.next_step
