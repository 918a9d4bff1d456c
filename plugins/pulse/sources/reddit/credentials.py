"""What Reddit's API is asked with. Read once, checked before anything is sent, and never shown.

Two ways lead here: the environment (this module) and an Airflow connection (``orchestration/connections.py``). A set
of credentials comes from one of them whole: a secret of one application beside the id of another is of no use.
"""

import os
from base64 import b64encode
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote_plus, urlsplit

from pulse.core.errors import ConfigError

REDDIT_URL = "https://www.reddit.com"
DEFAULT_CONNECTION_ID = "reddit_default"
ACCESS_POLICY_URL = "https://support.reddithelp.com/hc/en-us/articles/42728983564564-Responsible-Builder-Policy"
# PRAW refuses a shorter one, with an error that does not say what is wrong.
MIN_USER_AGENT_CHARS = 7
_USER_AGENT_FORM = "platform:application:version (by /u/your-name)"
# Reddit throttles the names that libraries and browsers give themselves, and forbids posing as one.
_BORROWED_USER_AGENTS = (
    "mozilla/",
    "opera/",
    "curl/",
    "wget/",
    "python-",
    "python/",
    "java/",
    "okhttp/",
    "praw",
    "bot/",
)
_REDDIT_DOMAIN = "reddit.com"
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_VARIABLE = "PULSE_REDDIT_{}"


@dataclass(frozen=True)
class RedditCredentials:
    """One application at Reddit, and the account that it acts for, if any.

    ``client_secret`` is empty for an installed application: PRAW then asks for an anonymous read-only token, which is
    enough for public communities. An account is given by name and password or by a refresh token, never both: PRAW
    would silently prefer the password. A name alone, or a password without the application's secret, PRAW would ignore.

    Attributes:
        url: where tokens are asked for; anything but Reddit itself must be on this machine.

    Raises:
        ConfigError: something is missing, does not go together, or would be sent elsewhere. Shows no value but the
            user agent and the host.
    """

    client_id: str
    client_secret: str = field(repr=False)
    user_agent: str
    username: str = ""
    password: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    url: str = REDDIT_URL

    def __post_init__(self) -> None:
        _require_given("client id", self.client_id)
        _require_header_text("client id", self.client_id)
        _require_header_text("client secret", self.client_secret)
        _require_header_text("refresh token", self.refresh_token)
        _require_descriptive(self.user_agent)
        self._require_whole_account()
        _require_own_host(self.url)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: secrets stay in the process that read them, out of XCom and files."""
        raise TypeError("credentials cannot be pickled")

    @property
    def oauth_url(self) -> str:
        """Where calls with a token go: Reddit's own host for them; a local server serves both."""
        return "https://oauth.reddit.com" if _parsed(self.url)[1] not in _LOCAL_HOSTS else self.url

    @property
    def grant(self) -> str:
        """Which kind of access this asks for, in words."""
        if self.password:
            return "application with an account's password"
        if self.refresh_token:
            return "application with an account's refresh token"
        return "application, read-only" if self.client_secret else "installed application, read-only"

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown anywhere: each secret, in every form in which it travels."""
        plain = [value for value in (self.client_secret, self.password, self.refresh_token) if value]
        in_form = [quote_plus(value) for value in plain]
        in_header = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode() if self.client_secret else ""
        return tuple(dict.fromkeys(value for value in (*plain, *in_form, in_header) if value))

    def _require_whole_account(self) -> None:
        if bool(self.username) != bool(self.password):
            missing = "password" if self.username else "user name"
            raise ConfigError(
                f"Reddit {missing}", value="not given, though its counterpart is",
                limit="both or neither", next_step="give both, or neither for read-only access",
            )  # fmt: skip
        if self.password and not self.client_secret:
            raise ConfigError(
                "Reddit client secret", value="not given, though a password is",
                limit="a password goes with the secret of an application of type script",
                next_step="give the secret too, or leave out user name and password for read-only access",
            )  # fmt: skip
        if self.password and self.refresh_token:
            raise ConfigError(
                "Reddit account", value="both a password and a refresh token",
                limit="one of them", next_step="leave one out; neither is needed for public communities",
            )  # fmt: skip
        if any(not char.isprintable() for char in self.username + self.password):
            raise ConfigError(
                "Reddit user name or password", value="holds a line break or a control character",
                next_step="copy it again, without what surrounds it",
            )  # fmt: skip


def from_environment() -> RedditCredentials | None:
    """The credentials in ``PULSE_REDDIT_*``; None if no client id is set there.

    Raises:
        ConfigError: see :class:`RedditCredentials`.
    """
    client_id = _variable("CLIENT_ID")
    if not client_id:
        return None
    return RedditCredentials(
        client_id=client_id,
        client_secret=_variable("CLIENT_SECRET"),
        user_agent=_variable("USER_AGENT"),
        username=_variable("USERNAME"),
        # A password is the one value that may begin or end with a space.
        password=os.environ.get(_VARIABLE.format("PASSWORD"), ""),
        refresh_token=_variable("REFRESH_TOKEN"),
        url=_variable("URL").rstrip("/") or REDDIT_URL,
    )


def connection_id() -> str:
    """Which Airflow connection is asked if the environment gives none: ``PULSE_REDDIT_CONNECTION``, or a default."""
    return _variable("CONNECTION") or DEFAULT_CONNECTION_ID


def required(given: RedditCredentials | None) -> RedditCredentials:
    """What was given, or the error that says how to give it, and what works without.

    Raises:
        ConfigError: nothing was given.
    """
    if given is None:
        raise ConfigError(
            "Reddit credentials", value="none",
            next_step=f"add the Airflow connection {connection_id()}, or set PULSE_REDDIT_CLIENT_ID, "
            "PULSE_REDDIT_CLIENT_SECRET and PULSE_REDDIT_USER_AGENT; archives (source reddit_archive) need no key",
        )  # fmt: skip
    return given


def required_from_environment() -> RedditCredentials:
    """The credentials in the environment.

    Raises:
        ConfigError: there are none, or they cannot be used.
    """
    return required(from_environment())


def _variable(name: str) -> str:
    return os.environ.get(_VARIABLE.format(name), "").strip()


def _require_given(name: str, value: str) -> None:
    if not value:
        raise ConfigError(
            f"Reddit {name}", value="not given", next_step="take it from https://www.reddit.com/prefs/apps and give it"
        )


def _require_header_text(name: str, value: str) -> None:
    """It travels in a header, or in a form: anything else fails there, in an error that holds the value."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(
            f"Reddit {name}", value="holds a character that cannot be part of it",
            limit="printable ASCII without spaces", next_step="copy it again, without what surrounds it",
        )  # fmt: skip


def _require_descriptive(user_agent: str) -> None:
    if limit := _user_agent_limit(user_agent):
        raise ConfigError(
            "Reddit user agent", value=user_agent or "not given", limit=limit,
            next_step=f"describe your application: {_USER_AGENT_FORM}",
        )  # fmt: skip


def _user_agent_limit(user_agent: str) -> str | None:
    """The limit that a user agent breaks; None if it breaks none."""
    if len(user_agent) < MIN_USER_AGENT_CHARS:
        return f"at least {MIN_USER_AGENT_CHARS} characters"
    if not user_agent.isascii() or not user_agent.isprintable():
        return "printable ASCII"
    if user_agent.lower().startswith(_BORROWED_USER_AGENTS):
        return "a name of your own: Reddit throttles those of browsers and libraries"
    return None


def _require_own_host(url: str) -> None:
    """Refuse to send credentials to anybody but Reddit, or a server on this machine.

    Only the plain form is accepted: what could be read as one host here and as another by an HTTP library is not.
    """
    scheme, host, plain = _parsed(url)
    is_reddit = scheme == "https" and (host == _REDDIT_DOMAIN or host.endswith(f".{_REDDIT_DOMAIN}"))
    is_local = scheme == "http" and host in _LOCAL_HOSTS
    if url != plain or not (is_reddit or is_local):
        # The host alone is shown: a user name and a password may stand before it.
        raise ConfigError(
            "Reddit URL", value=host or "no host that can be read",
            limit=f"{REDDIT_URL}, another https host of {_REDDIT_DOMAIN}, or http on this machine; nothing behind it",
            next_step="leave it out for Reddit itself, or give the address of a local sandbox",
        )  # fmt: skip


def _parsed(url: str) -> tuple[str, str, str]:
    """Scheme, host, and the plain URL of both and the port; empty where there is none to be read."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", "", ""
    bracketed = f"[{host}]" if ":" in host else host
    return parts.scheme, host, f"{parts.scheme}://{bracketed}" + ("" if port is None else f":{port}")
