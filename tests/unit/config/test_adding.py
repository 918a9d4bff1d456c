"""A line more in somebody's config, and everything else as it was."""

from pathlib import Path

import pytest

from pulse.config.adding import add_entry, entry_line
from pulse.config.settings import load_settings
from pulse.core.errors import ConfigError
from pulse.core.home import Home

TEA = {"platform": "hacker_news", "name": "tea: #1", "source": "hacker_news", "query": "tea"}
LINE = "- {platform: hacker_news, name: 'tea: #1', source: hacker_news, query: tea}"
BELOW = """\
# Ours.
communities:   # all of them
  - platform: hacker_news
    name: mate
    source: hacker_news
    # of the field
    query: |
      mate
      # not a comment

  # The end of the list.

publish: {keep_states_n: 2}  # few
"""


def written(tmp_path: Path, text: str) -> Path:
    config = tmp_path / "c.yml"
    config.write_bytes(text.encode())
    return config


def test_entry__goes_behind_the_last_one_and_changes_no_other_line(tmp_path: Path, home: Home):
    config = written(tmp_path, BELOW)
    place = add_entry(config, TEA, home)
    lines = config.read_text().splitlines()
    assert lines[place.line - 1] == f"  {LINE}"
    assert [line for number, line in enumerate(lines, 1) if number != place.line] == BELOW.splitlines()
    first, second = load_settings(config, home=home).communities
    assert (first.name, second.name) == ("mate", "tea: #1")


@pytest.mark.parametrize(
    "text",
    [
        "communities:\n- {platform: hacker_news, name: a, source: hacker_news}",
        "communities:\n- {platform: hacker_news, name: a, source: hacker_news}\n\n\n",
        "publish: {keep_states_n: 2}\ncommunities:\n    - {platform: hacker_news, name: a, source: hacker_news}\n    #",
        "communities:\r\n  - platform: hacker_news\r\n    name: a\r\n    source: hacker_news\r\n",
    ],
)
def test_entry__is_added_however_the_list_is_written(text: str, tmp_path: Path, home: Home):
    config = written(tmp_path, text)
    add_entry(config, TEA, home)
    add_entry(config, {**TEA, "name": "once more"}, home)
    assert [one.name for one in load_settings(config, home=home).communities] == ["a", "tea: #1", "once more"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("communities: [{platform: hacker_news, name: a, source: hacker_news}]\n", "add this one yourself: {platform"),
        ("communities: []\n", "add this one yourself"),
        ("- a\n", "add this one yourself"),
        ("communities:\n  - {platform: hacker_news, name: 'tea: #1', source: hacker_news}\n", "stands twice"),
        ("communities:\n  - {platform: hacker_news, name: a, source: nobody}\n", "source"),
        ("communities: {\n", "not YAML"),
    ],
)
def test_config__that_would_not_be_right_stays_as_it_was(text: str, says: str, tmp_path: Path, home: Home):
    config = written(tmp_path, text)
    with pytest.raises(ConfigError, match=says) as caught:
        add_entry(config, TEA, home)
    assert ".tmp" not in str(caught.value)
    assert config.read_bytes() == text.encode()
    assert [file.name for file in tmp_path.glob("*.yml*")] == ["c.yml"]
    assert not list(tmp_path.glob(".c.yml*"))


def test_line__is_read_back_as_it_was_meant(tmp_path: Path, home: Home):
    hostile = {**TEA, "name": "}, {a: b", "query": "- x\n#y 'z' \"w\" \u202e"}
    assert "\n" not in entry_line(hostile)
    config = written(tmp_path, BELOW)
    add_entry(config, hostile, home)
    assert load_settings(config, home=home).communities[1].name == "}, {a: b"
