"""The config is refused with one clear line, before anything runs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulse.config.lake import lake_of_config
from pulse.config.settings import load_settings
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy


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
    assert re.match(rf"config (file )?{re.escape(str(tmp_path))}/communities\.yml, line [12]: ", str(caught.value))


# ---- communities that are asked for live -----------------------------------

LIVE = "{platform: reddit, name: AskMen, source: reddit_api}"


def live(**facts: Any) -> str:
    """The text of a config with one live entry."""
    entry = {"platform": "reddit", "name": "AskMen", "source": "reddit_api"} | facts
    return json.dumps({"communities": [entry]})  # JSON is YAML


def test_load_settings__live_entry_needs_no_path(tmp_path: Path, home: Home):
    (entry,) = load_settings(write_config(tmp_path, live()), home=home).communities
    assert isinstance(entry, RedditApiEntry)
    assert (entry.entry_id, entry.path, entry.is_wildcard) == ("reddit/askmen", (), False)


@pytest.mark.parametrize("path", ["a.ndjson", ["a.ndjson", "b.ndjson"], "[ab].ndjson"])
def test_load_settings__live_entry_may_name_archives_of_its_past(tmp_path: Path, home: Home, path: Any):
    (entry,) = load_settings(write_config(tmp_path, live(path=path)), home=home).communities
    assert entry.path == (
        (tmp_path / "a.ndjson", tmp_path / "b.ndjson") if "b" in str(path) else (tmp_path / "a.ndjson",)
    )


def test_load_settings__archive_of_a_live_entry_must_be_there(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError, match=r"path of reddit/askmen: gone\.zst"):
        load_settings(write_config(tmp_path, live(path="gone.zst")), home=home)


def test_load_settings__archive_entry_still_needs_a_path(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError, match=r"communities\.0\.path: Field required"):
        load_settings(write_config(tmp_path, live(source="reddit_archive")), home=home)


@pytest.mark.parametrize("name", ["ab", "AskMen", "a_b", "_x_", "2007scape", "x" * 24])
def test_load_settings__name_that_can_be_asked_for_is_taken_as_it_is(tmp_path: Path, home: Home, name: str):
    (entry,) = load_settings(write_config(tmp_path, live(name=name)), home=home).communities
    assert entry.name == name


@pytest.mark.parametrize(
    "name",
    ["*", "a", "x" * 25, "r/AskMen", "/r/AskMen", "Ask Men", "ask-men", "a+b", "a.b", "../x", "AskMen\n", " AskMen",
     "u_x?limit=1", "a/about", "übung", "ask%6den", "٣٣٣"],
)  # fmt: skip
def test_load_settings__wildcard_and_other_names_that_cannot_be_asked_for_are_refused(
    tmp_path: Path, home: Home, name: str
):
    """Each name becomes part of an address."""
    with pytest.raises(ConfigError, match=r"communities\.0\.name: .*limit: 2 to 24 of A-Z a-z 0-9 _"):
        load_settings(write_config(tmp_path, live(name=name)), home=home)


def test_load_settings__the_same_community_live_and_from_an_archive_is_named_twice(tmp_path: Path, home: Home):
    text = f"communities: [{ENTRY}, {LIVE.replace('AskMen', 'ASKMEN')}]"
    with pytest.raises(ConfigError, match="reddit/askmen stands twice"):
        load_settings(write_config(tmp_path, text), home=home)


@pytest.mark.parametrize("source", ["reddit_api", "reddit_archive"])
def test_load_settings__unknown_key_is_named_as_it_stands_in_the_config(tmp_path: Path, home: Home, source: str):
    with pytest.raises(ConfigError, match=r"unknown key communities\.0\.psth\b"):
        load_settings(write_config(tmp_path, live(source=source, path="a.ndjson", psth="x")), home=home)


def test_load_settings__one_mistake_is_not_told_as_two(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError) as caught:
        load_settings(write_config(tmp_path, live(psth="x")), home=home)
    assert "more)" not in str(caught.value)


def test_load_settings__wrong_value_is_named_as_it_stands_in_the_config(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError, match=r": communities\.0\.extra_fields: "):
        load_settings(write_config(tmp_path, live(extra_fields="perhaps")), home=home)


# ---- how the platform is treated -------------------------------------------

# The least and the most that each setting may be; None where there is no such end.
POLICY_RANGES: dict[str, tuple[float, float | None]] = {
    "max_calls_per_run": (1, None),
    "calls_per_window": (1, None),
    "window_s": (0.001, 3_600),
    "longest_wait_s": (0, 600),
    "retry_wait_s": (0, 60),
    "sweep_calls_per_run": (0, None),
    "sweep_max_gone_share": (0, 1),
    "timeout_s": (0.001, 600),
    "late_days": (0, 30),
    "min_comments_seen_share": (0, 1),
}


def test_policy__every_setting_has_a_range():
    assert POLICY_RANGES.keys() == RedditApiPolicy.model_fields.keys()


@pytest.mark.parametrize(("name", "least", "most"), [(name, *ends) for name, ends in POLICY_RANGES.items()])
def test_policy__ends_of_the_range_are_taken_and_what_lies_beyond_is_refused(
    tmp_path: Path, home: Home, name: str, least: float, most: float | None
):
    for value in (least, most):
        if value is not None:
            text = f"communities: [{LIVE}]\nreddit_api: {{{name}: {value}}}"
            policy = load_settings(write_config(tmp_path, text), home=home).reddit_api
            assert getattr(policy, name) == value
    for beyond in (-1, least - 1, ".nan", "soon", *([] if most is None else [most + 0.5, most + 1, ".inf"])):
        text = f"communities: [{LIVE}]\nreddit_api: {{{name}: {beyond}}}"
        with pytest.raises(ConfigError, match=rf": reddit_api\.{name}: "):
            load_settings(write_config(tmp_path, text), home=home)


def test_policy__a_config_that_says_nothing_keeps_to_what_reddit_allows(tmp_path: Path, home: Home):
    policy = load_settings(write_config(tmp_path, live()), home=home).reddit_api
    assert policy.calls_per_window / policy.window_s <= 100 / 60


def test_policy__unknown_key_is_named(tmp_path: Path, home: Home):
    text = f"communities: [{LIVE}]\nreddit_api: {{calls_per_minute: 5}}"
    with pytest.raises(ConfigError, match=r"unknown key reddit_api\.calls_per_minute"):
        load_settings(write_config(tmp_path, text), home=home)


# ---- the file --------------------------------------------------------------


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


# ---- engine ------------------------------------------------------------------


def test_load_settings__builds_on_duckdb_unless_the_config_or_the_environment_say_otherwise(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("PULSE_ENGINE", raising=False)
    assert load_settings(write_config(tmp_path, f"communities: [{ENTRY}]"), home=home).engine == "duckdb"
    config = write_config(tmp_path, f"communities: [{ENTRY}]\nengine: spark\nspark: {{master: 'local[2]'}}")
    settings = load_settings(config, home=home)
    assert (settings.engine, settings.spark.master, settings.spark.publish) == ("spark", "local[2]", "views")
    monkeypatch.setenv("PULSE_ENGINE", "duckdb")
    assert load_settings(config, home=home).engine == "duckdb"
    monkeypatch.setenv("PULSE_ENGINE", "flink")
    with pytest.raises(ConfigError, match=r"PULSE_ENGINE: flink \(limit: one of duckdb, spark\)"):
        load_settings(config, home=home)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("engine: flink", "engine: Input should be"),
        ("spark: {workers: 3}", r"unknown key spark\.workers"),
        ("spark: {settings: {driver.memory: 1g}}", "driver.memory is no setting of Spark"),
        ("spark: {settings: {spark.sql.warehouse.dir: /tmp}}", "spark.sql.warehouse.dir is held"),
    ],
)
def test_load_settings__refuses_engines_and_settings_by_name(tmp_path: Path, home: Home, text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        load_settings(write_config(tmp_path, f"communities: [{ENTRY}]\n{text}"), home=home)


# ---- lake --------------------------------------------------------------------


def test_load_settings__the_lake_is_the_homes_own_unless_the_config_or_the_environment_say_otherwise(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("PULSE_LAKE", raising=False)
    assert load_settings(write_config(tmp_path, f"communities: [{ENTRY}]"), home=home).lake is None
    config = write_config(tmp_path, f"communities: [{ENTRY}]\nlake: s3://bucket/lake/")
    assert load_settings(config, home=home).lake == "s3://bucket/lake"
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    assert lake_of_config() == "s3://bucket/lake"
    monkeypatch.setenv("PULSE_LAKE", "file:///mnt/lake")
    assert (load_settings(config, home=home).lake, lake_of_config()) == ("file:///mnt/lake", "file:///mnt/lake")
    monkeypatch.setenv("PULSE_LAKE", "ftp://key:wrong@somewhere/lake")
    for read in (lambda: load_settings(config, home=home), lake_of_config):
        with pytest.raises(ConfigError, match=r"PULSE_LAKE: somewhere/lake .limit: s3://bucket") as refused:
            read()
        assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("lakes", "lake: .*lakes is no address of a lake: s3://bucket/prefix, or file:///folder"),
        ("s3://key:wrong@bucket/lake", "lake: .*bucket/lake is no address"),
        ("{url: 's3://bucket/lake'}", "lake: Input should be a valid string"),
    ],
)
def test_lake__that_is_no_address_is_named_with_file_and_line(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, value: str, message: str
):
    config = write_config(tmp_path, f"communities: [{ENTRY}]\nlake: {value}\n")
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    for read in (lambda: load_settings(config, home=home), lake_of_config):
        with pytest.raises(ConfigError, match=f"line 2: {message}") as refused:
            read()
        assert str(config) in str(refused.value)
        assert "wrong" not in str(refused.value)


def test_lake__is_not_the_homes_own_because_the_config_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_CONFIG", str(write_config(tmp_path, "lake: [")))
    with pytest.raises(ConfigError):
        lake_of_config()
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "none.yml"))
    with pytest.raises(ConfigError):
        lake_of_config()
