"""`pulse init` and `pulse add` as a new user types them, answered by a sandbox."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fixtures import reddit_lines
from pulse.cli.app import app
from pulse.config.settings import load_settings
from pulse.core.home import Home
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.server import SandboxServer
from pulse.sandbox.world_doubles import WorldDoubles
from pulse.sources.live.extraction import SANDBOX_VARIABLE
from support import world_of_seed_7

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 10, 0, 30, tzinfo=UTC)


@pytest.fixture
def server(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """All platforms, and the environment that leads there."""
    world = world_of_seed_7(40)
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    for name in ("PULSE_REDDIT_CLIENT_ID", "PULSE_DISCORD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with SandboxServer(WorldData(world), now=NOW, others=WorldDoubles(world)) as running:
        monkeypatch.setenv(SANDBOX_VARIABLE, running.url)
        yield running


def names_in(config: Path, home: Home) -> list[tuple[str, str]]:
    return [(entry.source, entry.name) for entry in load_settings(config, home=home).communities]


def test_begin__with_addresses_and_a_file_and_add_more(
    server: SandboxServer, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = tmp_path / "own.yml"
    archive = tmp_path / "mate.ndjson"
    archive.write_bytes(reddit_lines.lines([reddit_lines.post("p1", subreddit="mate")]))
    typed = [
        "https://forum.example.org/t/hello/1",
        "",
        "nonsense",
        str(archive),
        "y",
        "https://lemmy.example/c/tea",
        "n",
        "",
    ]
    done = CliRunner().invoke(app, ["init", str(config)], input="\n".join(typed) + "\n")
    assert done.exit_code == 0, done.output
    assert "discourse/forum.example.org, through discourse" in done.output
    assert "its clock says 2026-06-10 00:30 UTC" in done.output
    assert "1 file, 0.0 MB" in done.output
    assert "a file that is there, an address a source knows" in done.output
    assert f"export PULSE_CONFIG={config}" in done.output
    assert names_in(config, home) == [("discourse", "forum.example.org"), ("reddit_archive", "mate")]
    assert "  # days: those that its files hold\n" in config.read_text()

    monkeypatch.setenv("PULSE_CONFIG", str(config))
    before = config.read_text()
    done = CliRunner().invoke(app, ["add", "r/tea", "--dry-run"])
    assert (done.exit_code, config.read_text()) == (0, before), done.output
    for line in (
        "sees     texts, titles",
        "not      awards",
        "days     any since 2005",
        "terms    persons may be ranked",
    ):
        assert line in done.output
    done = CliRunner().invoke(app, ["add", "r/tea"])
    assert done.exit_code == 0, done.output
    assert config.read_text().startswith(before)
    assert names_in(config, home)[-1] == ("arctic_shift", "tea")


def test_init__leaves_a_config_that_is_there_and_writes_none_of_nothing(server: SandboxServer, tmp_path: Path):
    config = tmp_path / "own.yml"
    done = CliRunner().invoke(app, ["init", str(config)], input="\n")
    assert (done.exit_code, config.exists()) == (2, False)
    config.write_text("communities: mine\n")
    done = CliRunner().invoke(app, ["init", str(config), "--listen-to", "r/tea"])
    assert done.exit_code == 2
    assert "it is there already" in done.stderr
    assert config.read_text() == "communities: mine\n"


def test_add__by_a_source_and_of_what_only_the_site_can_tell(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    config = tmp_path / "own.yml"
    config.write_text("communities:\n  - {platform: hacker_news, name: a, source: hacker_news}\n")
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    monkeypatch.setenv(SANDBOX_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setenv("PULSE_RETRY_DELAY_S", "0")
    done = CliRunner().invoke(app, ["add", "https://talk.example.org", "--no-check"])
    assert done.exit_code == 2
    assert "it may be discourse or mastodon" in done.stderr
    for options in (["--set", "query"], ["--set", "=x"], ["--set", "query={"]):
        assert CliRunner().invoke(app, ["add", "hacker_news", "tea", *options]).exit_code == 2
    done = CliRunner().invoke(app, ["add", "hacker_news", "tea", "--set", "query=tea", "--no-check"])
    assert done.exit_code == 0, done.stderr
    assert names_in(config, home) == [("hacker_news", "a"), ("hacker_news", "tea")]
