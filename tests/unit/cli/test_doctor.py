"""What `pulse doctor` says about live access to Reddit."""

import sys
from pathlib import Path

import pytest

from fixtures.answering_platform import Platform, Reply
from pulse.cli import doctor
from pulse.core.home import Home
from pulse.sources.reddit.credentials import RedditCredentials

USER_AGENT = "linux:community-pulse:0.1 (by /u/emberwell)"
LIVE = "communities:\n  - {platform: reddit, name: tea, source: reddit_api}\n"
ARCHIVE = "communities:\n  - {platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}\n"


def finding(home: Home) -> doctor.Finding:
    (found,) = [found for found in doctor.examine(home) if found.check == "reddit api"]
    return found


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSE_REDDIT_CLIENT_ID", raising=False)
    monkeypatch.delenv("PULSE_REDDIT_URL", raising=False)
    monkeypatch.setattr(doctor, "_stored_in_airflow", lambda *_: None)


def configure(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.ndjson").touch()
    (tmp_path / "config.yml").write_text(text)
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "config.yml"))


def test_reddit_api__not_used(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    configure(ARCHIVE, tmp_path, monkeypatch)
    assert not [found for found in doctor.examine(home, is_online=True) if found.check in {"reddit api", "online"}]


def test_online__each_live_community_is_asked_one_question(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: Platform
):
    platform.replies = [Reply({"hits": []}), Reply({"error": "gone"}, status=404)]
    configure(
        f"hacker_news: {{url: '{platform.url}'}}\ncommunities:\n"
        "  - {platform: hacker_news, name: all, source: hacker_news}\n"
        "  - {platform: hacker_news, name: tea, source: hacker_news, query: tea}\n",
        tmp_path,
        monkeypatch,
    )
    assert not [found for found in doctor.examine(home) if found.check == "online"]
    assert platform.asked == []
    one, other = (found for found in doctor.examine(home, is_online=True) if found.check == "online")
    assert (one.level, one.found) == (
        "ok",
        "hacker_news/all: Hacker News answers; its clock says 2026-11-28 12:00 UTC",
    )
    assert (other.level, len(platform.asked)) == ("fail", 2)
    assert "HTTP 404" in other.found


def test_reddit_api__without_credentials_says_what_else_works(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    configure(LIVE, tmp_path, monkeypatch)
    found = finding(home)
    assert found.level == "fail"
    assert "PULSE_REDDIT_*" in found.found
    assert "reddit_default" in found.found
    for part in ("Reddit live", "Responsible-Builder-Policy", "reddit_archive"):
        assert part in found.next_step


def test_reddit_api__says_which_way_and_never_the_secret(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    configure(LIVE, tmp_path, monkeypatch)
    monkeypatch.setenv("PULSE_REDDIT_CLIENT_ID", "abc123")
    monkeypatch.setenv("PULSE_REDDIT_CLIENT_SECRET", "s3cr3t-of-the-app")
    monkeypatch.setenv("PULSE_REDDIT_USER_AGENT", USER_AGENT)
    found = finding(home)
    assert (found.level, found.next_step) == ("ok", "")
    for part in ("read-only", "the environment", USER_AGENT):
        assert part in found.found
    assert "s3cr3t" not in repr(found)
    monkeypatch.setenv("PULSE_REDDIT_URL", "http://127.0.0.1:8099")
    assert "asking http://127.0.0.1:8099" in finding(home).found
    monkeypatch.setenv("PULSE_REDDIT_USER_AGENT", "pulse")
    assert finding(home).level == "fail"
    assert "user agent" in finding(home).found


def test_reddit_api__looks_into_airflow_where_the_environment_has_none(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    configure(LIVE, tmp_path, monkeypatch)
    stored = RedditCredentials(client_id="abc123", client_secret="s3cr3t-of-the-app", user_agent=USER_AGENT)
    monkeypatch.setattr(doctor, "_stored_in_airflow", lambda *_: stored)
    assert "from Airflow's connection reddit_default" in finding(home).found


def test_doctor__starts_neither_praw_nor_airflow_for_it(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    configure(ARCHIVE, tmp_path, monkeypatch)
    before = set(sys.modules)
    doctor.examine(home)
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} & {"praw", "prawcore", "airflow"}
