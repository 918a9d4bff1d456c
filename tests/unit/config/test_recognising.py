"""What somebody names, and the entry that it is."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest
import zstandard

from fixtures import discord_documents, reddit_lines
from pulse.config.recognising import candidates
from pulse.core.errors import ConfigError

ADDRESSES = {
    "https://www.reddit.com/r/espresso/comments/1abc/my_first_shot/?utm_source=share": {
        "platform": "reddit", "name": "espresso", "source": "arctic_shift",
    },
    "old.reddit.com/r/Espresso": {"platform": "reddit", "name": "Espresso", "source": "arctic_shift"},
    "r/tea": {"platform": "reddit", "name": "tea", "source": "arctic_shift"},
    "https://meta.discourse.org/t/how-to/123": {
        "platform": "discourse", "name": "meta.discourse.org", "source": "discourse",
    },
    "https://example.org/forum/c/tea/12": {
        "platform": "discourse", "name": "example.org/forum", "source": "discourse",
    },
    "https://Lemmy.World/c/coffee": {"platform": "lemmy", "name": "coffee@lemmy.world", "source": "lemmy"},
    "https://lemmy.world/c/coffee@lemmy.ml": {"platform": "lemmy", "name": "coffee@lemmy.ml", "source": "lemmy"},
    "!coffee@lemmy.ml": {"platform": "lemmy", "name": "coffee@lemmy.ml", "source": "lemmy"},
    "https://mastodon.social/tags/espresso": {
        "platform": "mastodon", "name": "#espresso@mastodon.social", "source": "mastodon",
    },
    "https://stackoverflow.com/questions/tagged/c%2b%2b?tab=Newest": {
        "platform": "stack_exchange", "name": "c++@stackoverflow", "source": "stack_exchange",
    },
    "https://coffee.stackexchange.com/": {"platform": "stack_exchange", "name": "coffee", "source": "stack_exchange"},
    "https://bsky.app/profile/did:plc:abc123/feed/tea": {
        "platform": "bluesky", "name": "tea", "source": "bluesky",
        "feed": "at://did:plc:abc123/app.bsky.feed.generator/tea",
    },
    "https://hn.algolia.com/?dateRange=all&q=cold+brew": {
        "platform": "hacker_news", "name": "cold brew", "source": "hacker_news", "query": "cold brew",
    },
    "https://news.ycombinator.com/item?id=1": {
        "platform": "hacker_news", "name": "hacker_news", "source": "hacker_news",
    },
    "https://discord.com/channels/700000000000000001/8": {
        "platform": "discord", "name": "700000000000000001", "source": "discord_bot",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULSE_REDDIT_CLIENT_ID", "PULSE_DISCORD_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("address", "keys"), ADDRESSES.items(), ids=ADDRESSES)
def test_address__is_the_community_that_it_shows(address: str, keys: dict[str, str], tmp_path: Path):
    assert candidates(address, name=None, given={}, folder=tmp_path)[0].keys == keys


def test_address__of_reddit_is_asked_at_reddit_where_there_are_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (("ID", "abc123"), ("SECRET", "s3cr3t-of-the-app")):
        monkeypatch.setenv(f"PULSE_REDDIT_CLIENT_{name}", value)
    monkeypatch.setenv("PULSE_REDDIT_USER_AGENT", "linux:community-pulse:0.1 (by /u/emberwell)")
    found = candidates("r/tea", name=None, given={}, folder=tmp_path)
    assert [one.source.name for one in found] == ["reddit_api", "arctic_shift"]


def test_address__of_any_site_is_left_to_the_site(tmp_path: Path):
    found = candidates("https://talk.example.org", name=None, given={}, folder=tmp_path)
    assert {one.source.name for one in found} == {"discourse", "mastodon"}
    assert all(one.is_guess for one in found)


@pytest.mark.parametrize("what", ["nonsense", "https://www.reddit.com/user/somebody", "no/such/file.json", ""])
def test_address__that_nobody_knows_is_refused_with_the_way_on(what: str, tmp_path: Path):
    with pytest.raises(ConfigError, match="Next: docs/sources"):
        candidates(what, name=None, given={}, folder=tmp_path)


def test_source__takes_a_name_and_further_keys(tmp_path: Path):
    (found,) = candidates("hacker_news", name="brew", given={"query": "cold brew"}, folder=tmp_path)
    assert found.keys == {"platform": "hacker_news", "name": "brew", "source": "hacker_news", "query": "cold brew"}
    with pytest.raises(ConfigError, match="pulse add hacker_news NAME"):
        candidates("hacker_news", name=None, given={}, folder=tmp_path)
    with pytest.raises(ConfigError, match="colour: Extra inputs are not permitted"):
        candidates("hacker_news", name="brew", given={"colour": "red"}, folder=tmp_path)


def written(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def archive(*names: str) -> bytes:
    return reddit_lines.lines(reddit_lines.post(f"p{place}", subreddit=name) for place, name in enumerate(names))


@pytest.mark.parametrize("packed", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_file__of_reddit_tells_its_community(packed: type[bytes], tmp_path: Path):
    what = written(tmp_path / "sub" / "posts", packed(archive("tea", "tea")))
    (found,) = candidates(what, name=None, given={}, folder=tmp_path)
    assert found.keys == {"platform": "reddit", "name": "tea", "source": "reddit_archive", "path": "sub/posts"}


def test_file__of_several_communities_takes_them_all_unless_one_is_named(tmp_path: Path):
    what = written(tmp_path / "RS_2026-06", archive("tea", "mate"))
    assert candidates(what, name=None, given={}, folder=tmp_path)[0].keys["name"] == "*"
    assert candidates(what, name="mate", given={}, folder=tmp_path)[0].keys["name"] == "mate"


def test_file__pattern_of_exports_is_one_entry(tmp_path: Path):
    for place in range(2):
        message = discord_documents.message(place)
        written(tmp_path / f"e{place}.json", json.dumps(discord_documents.document(message)).encode())
    (found,) = candidates(str(tmp_path / "e*.json"), name=None, given={}, folder=tmp_path)
    assert found.keys["source"] == "discord_export"
    assert found.keys["path"] == "e*.json"
    assert found.keys["name"].isdigit()


def test_file__elsewhere_is_written_whole(tmp_path: Path):
    what = written(tmp_path / "files" / "posts", archive("tea"))
    (found,) = candidates(what, name=None, given={}, folder=tmp_path / "config")
    assert found.keys["path"] == what


def test_file__zip_of_a_workspace_needs_a_name(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as packed:
        packed.writestr("channels.json", "[]")
    what = str(tmp_path / "export.zip")
    with pytest.raises(ConfigError, match=r"does not tell the community's name.*--name"):
        candidates(what, name=None, given={}, folder=tmp_path)
    assert candidates(what, name="Tea", given={}, folder=tmp_path)[0].keys["source"] == "slack_export"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no source knows this form of file"),
        (b"a;b\n1;2\n", "tabular.md"),
        (b"PK\x03\x04 broken", "check that it is whole"),
        (b"\x1f\x8b broken", "check that it is whole"),
        (b"\x28\xb5\x2f\xfd broken", "check that it is whole"),
        (b"AuthorID,Author,Date,Content\n", "--set csv="),
    ],
)
def test_file__that_cannot_be_told_is_one_clear_error(content: bytes, says: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=says):
        candidates(written(tmp_path / "x", content), name=None, given={}, folder=tmp_path)
    with pytest.raises(ConfigError, match="is a folder"):
        candidates(str(tmp_path), name=None, given={}, folder=tmp_path)
