"""What `pulse doctor` says of brands and lists of words."""

from pathlib import Path

import pytest

from pulse.cli import doctor
from pulse.core.home import Home
from pulse.lake import raw
from support import contribution, sealed_load

CONFIG = """\
communities: [{platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}]
listening:
  brands:
    - {name: Emberwell, OURSaliases: [Emberwell], domains: [emberwell.example]}
    - {name: Apple, aliases: [Apple], needs_any: [iphone]}
  interests: [{name: tea, words: [tea, "green tea"]}, {name: coffee, words: [espresso]}]
"""


def findings(home: Home) -> list[tuple[str, str]]:
    return [(found.level, found.found) for found in doctor.examine(home) if found.check == "listening"]


def configure(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.ndjson").touch()
    (tmp_path / "config.yml").write_text(text)
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "config.yml"))


def test_listening__is_explained(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    configure(CONFIG.replace("OURS", "ours: true, "), tmp_path, monkeypatch)
    assert findings(home) == [
        ("ok", "2 brands, 2 interests"),
        ("ok", "Emberwell (ours): Emberwell in any case or a link to emberwell.example"),
        ("ok", "Apple (a competitor): Apple with a capital only; means the brand if one of iphone is near"),
    ]


def test_listening__nothing_is_said_of_nothing(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    configure(CONFIG.split("listening:", maxsplit=1)[0], tmp_path, monkeypatch)
    assert findings(home) == []


def test_listening__no_brand_of_ours_is_a_warning(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    configure(CONFIG.replace("OURS", ""), tmp_path, monkeypatch)
    assert ("warn", "no brand is ours, so all are competitors") in findings(home)


def test_listening__words_that_match_over_a_fifth_of_all_texts_are_a_warning(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    configure(CONFIG.replace("OURS", "ours: true, "), tmp_path, monkeypatch)
    texts = ["a cup of Tea"] * 3 + ["espresso"] * 2 + ["nothing"] * 5
    raw.promote(home, sealed_load(home, [contribution(f"t1_{n}", body=text) for n, text in enumerate(texts)]))
    warned = [found for level, found in findings(home) if level == "warn"]
    assert warned == ["words of interest tea matches 30% of the latest 10 texts, over 20%"]


def test_alerts__are_explained_with_whom_they_reach(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = CONFIG.replace("OURS", "ours: true, ").replace(
        "listening:\n", "notify: [{notifier: a.B}]\nlistening:\n  alerts: {communities: [reddit/tea]}\n"
    )
    configure(text, tmp_path, monkeypatch)
    (said,) = [found for found in doctor.examine(home) if found.check == "alerts"]
    assert said.level == "ok"
    assert said.found == (
        "once a day, to the log and 1 notifier: each mention of Emberwell; needs that spike; moods that turn; "
        "only of reddit/tea"
    )
