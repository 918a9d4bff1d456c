"""The config is refused with one clear line, before anything runs."""

from pathlib import Path

import pytest

from pulse.errors import ConfigError
from pulse.home import Home
from pulse.settings import load_settings


def write_config(folder: Path, text: str) -> Path:
    (folder / "a.ndjson").touch()
    (folder / "b.ndjson").touch()
    path = folder / "communities.yml"
    path.write_text(text, encoding="utf-8")
    return path


ENTRY = "{platform: reddit, name: AskMen, source: reddit_archive, path: a.ndjson}"


def test_load_settings__paths_are_relative_to_the_config_file(tmp_path: Path, home: Home):
    settings = load_settings(write_config(tmp_path, f"communities: [{ENTRY}]"), home=home)
    assert settings.communities[0].path == (tmp_path / "a.ndjson",)
    assert settings.communities[0].community == "askmen", "Reddit ignores case"
    assert settings.communities[0].entry_id == "reddit/askmen"


@pytest.mark.parametrize(
    "path", ["['*.ndjson']", "'[ab].ndjson'", "[a.ndjson, b.ndjson, a.ndjson]", "'${PULSE_HOME}/../*.ndjson'"]
)
def test_load_settings__globs_lists_and_home_are_found_once(tmp_path: Path, home: Home, path: str):
    text = f"communities: [{{platform: reddit, name: x, source: reddit_archive, path: {path}}}]"
    settings = load_settings(write_config(tmp_path, text), home=home)
    assert settings.communities[0].path == (tmp_path / "a.ndjson", tmp_path / "b.ndjson")


def test_load_settings__folder_with_glob_characters_stands_for_itself(tmp_path: Path, home: Home):
    odd = tmp_path / "[odd]*"
    odd.mkdir()
    text = "communities: [{platform: reddit, name: x, source: reddit_archive, path: '*.ndjson'}]"
    settings = load_settings(write_config(odd, text), home=home)
    assert settings.communities[0].path == (odd / "a.ndjson", odd / "b.ndjson")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("communities: []", "communities"),
        ("", "the document"),
        ("- 1", "the document"),
        ("communities: [", "not YAML"),
        (f"communities: [{ENTRY}]\ncomunities: []", "unknown key comunities"),
        (f"communities: [{ENTRY[:-1]}, psth: x}}]", r"unknown key communities\.0\.psth"),
        (f"communities: [{ENTRY}, {ENTRY.replace('AskMen', 'askmen')}]", "reddit/askmen stands twice"),
        (f"communities: [{ENTRY.replace('a.ndjson', 'gone.ndjson')}]", "gone.ndjson"),
        (f"communities: [{ENTRY.replace('a.ndjson', 'gone-*.zst')}]", "at least one file"),
        (f"communities: [{ENTRY.replace('reddit_archive', 'carrier_pigeon')}]", "source"),
        (f"communities: [{ENTRY[:-1]}, max_quarantined_share: 1.5}}]", "max_quarantined_share"),
    ],
)
def test_load_settings__faults_are_one_line(tmp_path: Path, home: Home, text: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(write_config(tmp_path, text), home=home)
    assert "\n" not in str(caught.value)
    assert "Next: " in str(caught.value)


def test_load_settings__missing_file_names_the_variable(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError, match="PULSE_CONFIG"):
        load_settings(tmp_path / "none.yml", home=home)


def test_load_settings__yaml_cannot_run_code(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError, match="not YAML"):
        load_settings(write_config(tmp_path, "communities: !!python/object/apply:os.system [true]"), home=home)


def test_entry__unknown_is_refused(tmp_path: Path, home: Home):
    settings = load_settings(write_config(tmp_path, f"communities: [{ENTRY}]"), home=home)
    with pytest.raises(ConfigError, match="reddit/askmen"):
        settings.entry("reddit/nobody")
