"""Credentials for Reddit: every refusal before anything is sent, and no secret in anything that is shown."""

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pulse.core import errors
from pulse.core.credentials import from_environment
from pulse.sources.reddit.credentials import RedditCredentials

USER_AGENT = "linux:community-pulse:0.1 (by /u/emberwell)"
SECRET, PASSWORD, TOKEN = "s3cr3t-of-the-app", "pass word+of/it", "1234-refresh-token"
GOOD: dict[str, str] = {"client_id": "abc123", "client_secret": SECRET, "user_agent": USER_AGENT}
ACCOUNT = {"username": "emberwell", "password": PASSWORD}
ANY_SECRET = (SECRET, PASSWORD, TOKEN)


def credentials(**changes: str) -> RedditCredentials:
    return RedditCredentials(**(GOOD | changes))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENT_ID", "CLIENT_SECRET", "USER_AGENT", "USERNAME", "PASSWORD", "REFRESH_TOKEN", "URL"):
        monkeypatch.delenv(f"PULSE_REDDIT_{name}", raising=False)
    monkeypatch.delenv("PULSE_REDDIT_CONNECTION", raising=False)


@pytest.mark.parametrize(
    ("given", "grant"),
    [
        ({}, "application, read-only"),
        ({"client_secret": ""}, "installed application, read-only"),
        (ACCOUNT, "application with an account's password"),
        ({"refresh_token": TOKEN}, "application with an account's refresh token"),
        ({"refresh_token": TOKEN, "client_secret": ""}, "application with an account's refresh token"),
    ],
)
def test_credentials__each_kind_that_praw_supports(given: dict[str, str], grant: str):
    assert credentials(**given).grant == grant


@pytest.mark.parametrize("given", [{}, {"client_secret": ""}, ACCOUNT, {"refresh_token": TOKEN}])
def test_credentials__praw_takes_what_we_accept(given: dict[str, str]):
    import praw

    good = credentials(**given)
    reddit = praw.Reddit(
        client_id=good.client_id,
        client_secret=good.client_secret,
        user_agent=good.user_agent,
        username=good.username,
        password=good.password,
        refresh_token=good.refresh_token,
        check_for_updates=False,
    )
    assert reddit.read_only is (good.grant.endswith("read-only"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"client_id": ""}, "Reddit client id: not given"),
        ({"client_id": "abc 123"}, "Reddit client id: holds a character"),
        ({"client_secret": f"{SECRET}\n"}, "Reddit client secret: holds a character"),
        ({"client_secret": f"{SECRET}é"}, "Reddit client secret: holds a character"),
        ({"refresh_token": f"{TOKEN}\r\nX: y"}, "Reddit refresh token: holds a character"),
        ({"user_agent": ""}, "Reddit user agent: not given"),
        ({"user_agent": "pulse"}, "Reddit user agent: pulse (limit: at least 7 characters)"),
        ({"user_agent": "pulse\r\nCookie: x"}, "(limit: printable ASCII)"),
        ({"user_agent": "Mozilla/5.0 (X11)"}, "throttles those of browsers and libraries"),
        ({"user_agent": "python-requests/2.32"}, "throttles those of browsers and libraries"),
        ({"password": PASSWORD}, "Reddit user name: not given, though its counterpart is"),
        ({"username": "emberwell"}, "Reddit password: not given, though its counterpart is"),
        ({**ACCOUNT, "client_secret": ""}, "Reddit client secret: not given, though a password is"),
        ({**ACCOUNT, "refresh_token": TOKEN}, "Reddit account: both a password and a refresh token"),
        ({**ACCOUNT, "password": f"{PASSWORD}\n"}, "holds a line break"),
    ],
)
def test_credentials__refused_with_a_next_step(given: dict[str, str], message: str):
    with pytest.raises(errors.ConfigError) as refused:
        credentials(**given)
    assert message in str(refused.value)
    assert refused.value.next_step
    assert not refused.value.retry_helps
    assert_hides(f"{refused.value!r} {vars(refused.value)}")


# ---- where they may go -----------------------------------------------------


@pytest.mark.parametrize(
    ("url", "oauth_url"),
    [
        ("https://www.reddit.com", "https://oauth.reddit.com"),
        ("https://old.reddit.com", "https://oauth.reddit.com"),
        ("https://reddit.com", "https://oauth.reddit.com"),
        ("http://localhost:8099", "http://localhost:8099"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
        ("http://[::1]:8099", "http://[::1]:8099"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_url__reddit_and_this_machine(url: str, oauth_url: str):
    assert credentials(url=url).oauth_url == oauth_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "www.reddit.com",
        "http://www.reddit.com",
        "https://evil.example",
        "https://reddit.com.evil.example",
        "https://evilreddit.com",
        "https://www.reddit.com@evil.example",
        f"https://user:{SECRET}@www.reddit.com",
        "https://www.reddit.com/path",
        "https://www.reddit.com?x=1",
        "https://www.reddit.com#evil.example",
        "https://www.reddit.com.",
        "https://evil.example\\@www.reddit.com",
        "https://www.reddit.com\\@evil.example",
        "https://www.reddit.com\n.evil.example",
        "https://www.reddit.com:99999",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example:80",
        "http://localhost:80@evil.example",
        "http://127.0.0.2:8099",
        "http://0.0.0.0:8099",
        "http://2130706433",
        "http://[::1",
        "http://[::ffff:127.0.0.1]",
        "http://sandbox:8099",
        "https://localhost:8099",
        "ftp://localhost",
        "file:///etc/passwd",
        "HTTP://localhost",
    ],
)
def test_url__nobody_else_gets_them(url: str):
    with pytest.raises(errors.ConfigError, match="Reddit URL") as refused:
        credentials(url=url)
    assert_hides(str(refused.value))


# ---- nothing shows them ----------------------------------------------------


def assert_hides(text: str) -> None:
    for secret in ANY_SECRET:
        assert secret not in text


@pytest.mark.parametrize("account", [ACCOUNT, {"refresh_token": TOKEN}])
def test_credentials__are_not_shown_by_anything(account: dict[str, str]):
    given = credentials(**account)
    shown = io.StringIO()
    logger = logging.getLogger("test_reddit_credentials")
    handler = logging.StreamHandler(shown)
    logger.addHandler(handler)
    try:
        logger.error("%s %r %s", given, given, [given])
    finally:
        logger.removeHandler(handler)
    assert "abc123" in shown.getvalue()
    assert_hides(shown.getvalue() + f"{given} {given!r} {replace(given, client_id='x')}")


def test_credentials__are_not_shown_by_a_traceback_with_its_variables():
    given = credentials(**ACCOUNT)

    def fails(of: RedditCredentials) -> None:
        raise ValueError(f"cannot use {of}")

    try:
        fails(given)
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "given = RedditCredentials(" in text
    assert_hides(text)


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_credentials__cannot_be_carried_out_of_the_process(carry: Any):
    with pytest.raises(TypeError) as refused:
        carry(credentials(**ACCOUNT))
    assert_hides(str(refused.value))


def test_secrets__in_every_form_in_which_they_travel():
    assert set(credentials(**ACCOUNT).secrets()) == {
        SECRET, PASSWORD, "pass+word%2Bof%2Fit", "YWJjMTIzOnMzY3IzdC1vZi10aGUtYXBw",
    }  # fmt: skip
    assert set(credentials(client_secret="", refresh_token=TOKEN).secrets()) == {TOKEN}
    assert credentials(client_secret="").secrets() == ()


# ---- the environment -------------------------------------------------------


def set_environment(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"PULSE_REDDIT_{name.upper()}", value)


def test_environment__gives_all_fields(monkeypatch: pytest.MonkeyPatch):
    set_environment(monkeypatch, GOOD | ACCOUNT | {"url": "http://127.0.0.1:8099/"})
    assert RedditCredentials.from_environment() == credentials(**ACCOUNT, url="http://127.0.0.1:8099")
    assert from_environment(RedditCredentials) == RedditCredentials.from_environment()


def test_environment__copied_with_what_surrounds_it(monkeypatch: pytest.MonkeyPatch):
    padded = {name: f" {value}\n" for name, value in (GOOD | {"refresh_token": TOKEN}).items()}
    set_environment(monkeypatch, padded)
    assert RedditCredentials.from_environment() == credentials(refresh_token=TOKEN)
    monkeypatch.delenv("PULSE_REDDIT_REFRESH_TOKEN")
    set_environment(monkeypatch, ACCOUNT | {"password": f" {PASSWORD} "})
    found = RedditCredentials.from_environment()
    assert found is not None
    assert found.password == f" {PASSWORD} "


def test_environment__empty_is_none_and_says_what_works_without(monkeypatch: pytest.MonkeyPatch):
    set_environment(monkeypatch, {"client_id": "", "client_secret": SECRET})
    assert RedditCredentials.from_environment() is None
    with pytest.raises(errors.ConfigError) as refused:
        from_environment(RedditCredentials)
    for part in ("reddit_default", "PULSE_REDDIT_CLIENT_ID", "reddit_archive", "need no key"):
        assert part in refused.value.next_step
    assert_hides(str(refused.value))


def test_environment__names_the_connection_that_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_REDDIT_CONNECTION", "reddit_tea")
    with pytest.raises(errors.ConfigError, match="reddit_tea"):
        from_environment(RedditCredentials)
