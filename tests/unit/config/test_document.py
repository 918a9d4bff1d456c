"""A config of several files: what they say together, and the file and line that each fault is named by."""

from pathlib import Path

import pytest

from pulse.config import settings
from pulse.config.settings import Settings, load_settings
from pulse.core.errors import ConfigError
from pulse.core.home import Home

MAIN = "communities.yml"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write the files of a config, and an archive in each folder."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        (file.parent / "a.ndjson").touch()
    return folder / MAIN


def live(name: str, more: str = "") -> str:
    return f"{{platform: reddit, name: {name}, source: reddit_api{more}}}"


def loaded(folder: Path, home: Home, files: dict[str, str]) -> Settings:
    return load_settings(write(folder, files), home=home)


def refused(folder: Path, home: Home, files: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, home, files)
    message = str(caught.value)
    assert "\n" not in message
    assert "Next: " in message
    return message


# ---- include ----------------------------------------------------------------


def test_include__files_follow_the_main_file_in_sorted_order_each_once(tmp_path: Path, home: Home):
    found = loaded(
        tmp_path,
        home,
        {
            MAIN: f"include: [d/*.yml, d/b.yml]\ncommunities: [{live('one')}]",
            "d/b.yml": f"communities: [{live('three')}]",
            "d/a.yml": f"communities: [{live('two')}]",
            "d/.draft.yml": "not a config",
            "d/c.yml": "# all of it is a comment\n",
        },
    )
    assert [entry.name for entry in found.communities] == ["one", "two", "three"]


@pytest.mark.parametrize("own", ["", "communities:\n", "communities: []\n"])
def test_include__the_main_file_needs_no_entry_of_its_own(tmp_path: Path, home: Home, own: str):
    files = {MAIN: f"{own}include: d/a.yml\n", "d/a.yml": f"communities: [{live('tea')}]"}
    assert [entry.name for entry in loaded(tmp_path, home, files).communities] == ["tea"]


def test_include__somewhere_there_must_be_an_entry(tmp_path: Path, home: Home):
    message = refused(tmp_path, home, {MAIN: "\ncommunities: []\ninclude: d/a.yml\n", "d/a.yml": "communities: []"})
    assert message.startswith(f"config {tmp_path}/{MAIN}, line 2: communities: ")


def test_include__folder_with_glob_characters_stands_for_itself(tmp_path: Path, home: Home):
    files = {MAIN: "include: '*/x.yml'", "[d]/x.yml": f"communities: [{live('tea')}]"}
    assert len(loaded(tmp_path / "[odd]*", home, files).communities) == 1
    files[MAIN] = "include: '[d]/x.yml'"
    assert len(loaded(tmp_path / "[odd]*", home, files).communities) == 1


def test_include__paths_start_at_the_file_that_gives_them(tmp_path: Path, home: Home):
    archive = "{platform: reddit, name: NAME, source: reddit_archive, path: a.ndjson}"
    found = loaded(
        tmp_path,
        home,
        {
            MAIN: "include: d/*.yml\ndefaults: {reddit: {path: a.ndjson}}\n"
            f"communities: [{archive.replace('NAME', 'one')}]",
            "d/x.yml": f"communities: [{archive.replace('NAME', 'two')}, {live('three')}]",
            "d/y.yml": f"defaults: {{reddit: {{path: a.ndjson}}}}\ncommunities: [{live('four')}]",
        },
    )
    here, below = (tmp_path / "a.ndjson",), (tmp_path / "d" / "a.ndjson",)
    assert [entry.path for entry in found.communities] == [here, below, here, below]


@pytest.mark.parametrize("pattern", ["d/*.yaml", "gone.yml", "''", '"a\\0b"', "/proc/self/environ", "."])
def test_include__pattern_that_finds_nothing_is_refused(tmp_path: Path, home: Home, pattern: str):
    text = f"communities: [{live('tea')}]\ninclude:\n  - {MAIN[:-4]}.d/a.yml\n  - {pattern}\n"
    message = refused(tmp_path, home, {MAIN: text, "communities.d/a.yml": ""})
    assert message.startswith(f"config {tmp_path}/{MAIN}, line 4: include ")
    assert "finds no file" in message
    assert "at least one file" in message


@pytest.mark.parametrize("value", ["", "{a: b}", "[1]", "5", "&a [*a]"])
def test_include__what_is_no_path_is_refused(tmp_path: Path, home: Home, value: str):
    message = refused(tmp_path, home, {MAIN: f"communities: [{live('tea')}]\ninclude: {value}\n"})
    assert message.startswith(f"config {tmp_path}/{MAIN}, line 2: include: neither a path nor a list")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("communities: []\ninclude: b.yml", "line 2: include stands in an included file"),
        ("communities: []\n\npublish: {}", "line 3: unknown key publish (limit: communities and defaults"),
        ("- 1", "line 1: the document: neither"),
        ("\ncommunities: tea", "line 2: communities: not a list"),
        (f"communities:\n  - {live('a1')}\n  - {live('a2', ', pth: x')}", "line 3: unknown key communities.1.pth."),
        ("communities:\n  - tea", "line 2: communities.0: "),
    ],
)
def test_include__fault_of_an_included_file_is_named_as_it_stands_there(
    tmp_path: Path, home: Home, text: str, words: str
):
    files = {MAIN: f"include: d/*.yml\ncommunities: [{live('one')}, {live('two')}]", "d/a.yml": text}
    assert refused(tmp_path, home, files).startswith(f"config {tmp_path}/d/a.yml, {words}")


def test_include__a_pattern_that_finds_the_main_file_is_an_include_that_includes(tmp_path: Path, home: Home):
    assert "include stands in an included file" in refused(tmp_path, home, {MAIN: "include: '*.yml'\ncommunities: []"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("communities: []\ncommunities: []", "line 2: key communities stands twice, in lines 1 and 2"),
        ("communities: []\ndefaults: [", "line 2: not YAML"),
    ],
)
def test_include__included_files_are_read_strictly(tmp_path: Path, home: Home, text: str, words: str):
    files = {MAIN: "include: d/*.yml", "d/a.yml": text}
    assert refused(tmp_path, home, files).startswith(f"config file {tmp_path}/d/a.yml, {words}")


def test_include__faults_of_two_files_are_two(tmp_path: Path, home: Home):
    text = f"communities: [{live('NAME', ', pth: x')}]"
    files = {MAIN: "include: d/*.yml", "d/a.yml": text.replace("NAME", "one"), "d/b.yml": text.replace("NAME", "two")}
    message = refused(tmp_path, home, files)
    assert message.startswith(f"config {tmp_path}/d/a.yml, line 1: unknown key communities.0.pth (and 1 more). ")


# ---- defaults ---------------------------------------------------------------


def test_defaults__an_entry_gets_what_it_does_not_give_itself(tmp_path: Path, home: Home):
    found = loaded(
        tmp_path,
        home,
        {
            MAIN: "defaults: {reddit: {source: reddit_api, bot_accounts: [a, b], max_quarantined_share: 0.2}}\n"
            "include: d/*.yml\n"
            "communities:\n"
            "  - {platform: reddit, name: plain}\n"
            "  - {platform: reddit, name: own, bot_accounts: [c]}\n"
            "  - {platform: discord, name: chat, source: discord_export, path: a.ndjson}\n",
            "d/a.yml": "defaults: {reddit: {bot_accounts: []}}\ncommunities: [{platform: reddit, name: included}]",
            "d/b.yml": "communities: [{platform: reddit, name: after}]",
        },
    )
    given = {entry.name: (entry.bot_accounts, entry.max_quarantined_share) for entry in found.communities}
    assert given == {
        "plain": (("a", "b"), 0.2),
        "own": (("c",), 0.2),
        "chat": ((), 0.05),
        "included": ((), 0.2),
        "after": (("a", "b"), 0.2),
    }


def test_defaults__an_own_key_wins_whole(tmp_path: Path, home: Home):
    covers = "{from: 2019-10-01, to: 2019-10-31, kinds: [post]}"
    text = (
        f"defaults: {{reddit: {{covers: {covers}, path: a.ndjson}}}}\n"
        f"communities: [{live('tea', ', covers: {from: 2019-10-02, to: 2019-10-03}')}]"
    )
    (entry,) = loaded(tmp_path, home, {MAIN: text}).communities
    assert [one.kinds for one in entry.covers] == [()]


def test_defaults__a_merged_key_is_an_entrys_own(tmp_path: Path, home: Home):
    text = (
        "defaults: {reddit: {bot_accounts: [a]}}\n"
        f"communities:\n  - &tea {live('tea', ', bot_accounts: [b]')}\n  - {{<<: *tea, name: coffee}}\n"
    )
    assert [entry.bot_accounts for entry in loaded(tmp_path, home, {MAIN: text}).communities] == [("b",), ("b",)]


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        ("defaults:\n  reddit:\n    pth: x", "line 3: unknown key defaults.reddit.pth (limit: keys of the entry in "),
        (
            "defaults:\n  redit: {}",
            "line 2: unknown platform defaults.redit (limit: a platform that an entry has: redd",
        ),
        ("defaults:\n  discord: {}", "line 2: unknown platform defaults.discord"),
        ("defaults:\n  reddit:\n    name: x", "line 3: defaults.reddit.name is one entry's own"),
        ("defaults:\n  reddit:\n    platform: x", "line 3: defaults.reddit.platform is one entry's own"),
        ("defaults:\n  reddit:\n    bot_accounts:\n      - a\n      - 5", "line 5: defaults.reddit.bot_accounts.1: "),
        ("defaults:\n  reddit:\n    covers:\n      from: 1\n      to: x", "line 4: defaults.reddit.covers.0.from: "),
        ("defaults:\n", "line 1: defaults: not a mapping"),
        ("defaults: [reddit]\n", "line 1: defaults: not a mapping"),
        ("defaults:\n  reddit:\n", "line 2: defaults.reddit: not a mapping"),
        ("defaults:\n  1: {}\n", "line 2: unknown platform defaults.1 "),
    ],
)
@pytest.mark.parametrize("is_included", [False, True])
def test_defaults__fault_is_named_by_the_line_of_the_default(
    tmp_path: Path, home: Home, defaults: str, words: str, is_included: bool
):
    text = f"{defaults}\ncommunities:\n  - {live('one')}\n  - {live('two')}\n"
    chat = "communities: [{platform: discord, name: chat, source: discord_export, path: a.ndjson}]\n"
    file = "d/a.yml" if is_included else MAIN
    files = {file: text} | ({MAIN: f"include: d/a.yml\n{chat}"} if is_included else {})
    message = refused(tmp_path, home, files)
    assert message.startswith(f"config {tmp_path}/{file}, {words}")
    if "covers" not in defaults:
        assert "more)" not in message, "one mistake, though two entries have got it"


def test_defaults__of_the_main_file_that_an_included_entry_refuses(tmp_path: Path, home: Home):
    files = {
        MAIN: "include: d/a.yml\ndefaults:\n  reddit:\n    source: pigeon\n",
        "d/a.yml": "communities: [{platform: reddit, name: tea}]",
    }
    assert refused(tmp_path, home, files).startswith(f"config {tmp_path}/{MAIN}, line 4: defaults.reddit.source: ")


def test_defaults__source_that_one_entry_gives_itself_is_its_own_fault(tmp_path: Path, home: Home):
    text = (
        "defaults: {reddit: {source: reddit_api}}\n"
        "communities:\n  - {platform: reddit, name: tea}\n  - platform: reddit\n    name: coffee\n    source: pigeon\n"
    )
    assert refused(tmp_path, home, {MAIN: text}).startswith(f"config {tmp_path}/{MAIN}, line 6: communities.1: ")


# ---- lines ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# nothing\n", "line 1: the document: "),
        ("\npublish: {}\n", "line 2: communities: Field required"),
        (
            "communities:\n  - name: tea\n    platform: reddit\n    source: reddit_archive\n",
            "line 2: communities.0.path",
        ),
        (f"communities: [{live('tea')}]\npublish:\n  keep_states_n: 0\n", "line 3: publish.keep_states_n: "),
        (f"communities: [{live('tea')}]\nnotify:\n  - notifier: a\n    to: b\n", "line 4: unknown key notify.0.to."),
        # Where an alias or a merged key leads, the line that has to be mended.
        (
            f"communities:\n  - &a {live('a1')}\n  - <<: *a\n    name: a2\n    pth: x\n",
            "line 5: unknown key communities.1",
        ),
        (
            (
                "communities:\n"
                f"  - {live('a1', ', covers: &c {from: 2019-10-01, to: 2019-10-02}')}\n"
                "  - platform: reddit\n    name: a2\n    source: reddit_api\n    extra_fields: *c\n"
            ),
            "line 6: communities.1.extra_fields: ",
        ),
        (
            (
                "notify:\n  - notifier: a\n    arguments: &x {pth: 1}\n"
                f"communities:\n  - {live('a1')}\n  - {{<<: *x, platform: reddit, name: a2, source: reddit_api}}\n"
            ),
            "line 3: unknown key communities.1.pth",
        ),
    ],
)
def test_lines__fault_is_named_by_file_and_line(tmp_path: Path, home: Home, text: str, words: str):
    assert refused(tmp_path, home, {MAIN: text}).startswith(f"config {tmp_path}/{MAIN}, {words}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("communities: []\nx: 2026-99-99\n", "line 2: not YAML"),
        (f"communities: []\n\nx: {'9' * 5000}\n", "line 3: not YAML"),
        ("communities: []\nx: !!bool perhaps\n", "line 2: not YAML"),
        ("communities: []\nx: !!int ''\n", "line 2: not YAML"),
        ("communities: []\nx: !!timestamp soon\n", "line 2: not YAML"),
        ("communities: []\nx: \x1b\n", "line 2: not YAML"),
        ("communities: []\nx: !!python/name:os.system\n", "line 2: not YAML"),
        ("communities:\n" + "- " * 3_000, "line 2: nested too deeply"),
    ],
)
def test_lines__what_is_not_yaml_is_named_by_file_and_line(
    tmp_path: Path, home: Home, text: str, words: str, monkeypatch: pytest.MonkeyPatch
):
    assert refused(tmp_path, home, {MAIN: text}).startswith(f"config file {tmp_path}/{MAIN}, {words}")
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / MAIN))
    assert settings.daily_deadline_h() == 6.0, "a DAG must parse all the same"


def test_lines__bytes_that_are_not_utf_8(tmp_path: Path, home: Home):
    (tmp_path / MAIN).write_bytes(b"communities: []\nx: \xff\n")
    with pytest.raises(ConfigError, match=r"communities\.yml, line 2: not YAML"):
        load_settings(tmp_path / MAIN, home=home)


def test_lines__duplicate_names_both_places(tmp_path: Path, home: Home):
    files = {
        MAIN: f"include: d/a.yml\ncommunities:\n  - {live('tea')}\n",
        "d/a.yml": f"communities:\n  - {live('coffee')}\n\n  - {live('TEA')}\n",
    }
    assert refused(tmp_path, home, files).startswith(
        f"config {tmp_path}/d/a.yml, line 4: reddit/tea stands twice, first in {tmp_path}/{MAIN}, line 3 (limit: once)"
    )


def test_lines__duplicate_by_an_alias_stands_where_the_alias_is(tmp_path: Path, home: Home):
    message = refused(tmp_path, home, {MAIN: f"communities:\n  - &tea {live('tea')}\n  - *tea\n"})
    assert message.startswith(f"config {tmp_path}/{MAIN}, line 3: reddit/tea stands twice, first in ")
    assert f"{MAIN}, line 2 (" in message


@pytest.mark.parametrize("is_default", [False, True])
def test_lines__path_that_finds_nothing_is_named_by_its_entry(tmp_path: Path, home: Home, is_default: bool):
    text = f"communities:\n  - {live('tea')}\n  - {live('coffee', '' if is_default else ', path: gone.zst')}\n"
    if is_default:
        text = text.replace(live("tea"), live("tea", ", path: a.ndjson"))
    files = {
        MAIN: "include: d/a.yml\n" + ("defaults: {reddit: {path: gone.zst}}" if is_default else ""),
        "d/a.yml": text,
    }
    folder = tmp_path if is_default else tmp_path / "d"
    assert refused(tmp_path, home, files).startswith(
        f"config {tmp_path}/d/a.yml, line 3: path of reddit/coffee: gone.zst (looked at {folder}/gone.zst) (limit: at "
    )


def test_deadline__is_read_whatever_the_included_files_are(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch):
    config = write(tmp_path, {MAIN: "daily_deadline_h: 2\ninclude: gone/*.yml\ndefaults: 5\n"})
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    assert settings.daily_deadline_h() == 2.0
