"""What Reddit's API is asked with."""

from base64 import b64encode
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from pulse.core.credentials import LOCAL_HOSTS, Credentials, given
from pulse.core.errors import ConfigError

REDDIT_URL = "https://www.reddit.com"
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


@dataclass(frozen=True)
class RedditCredentials(Credentials):
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

    client_id: str = given("Client id", place="login")
    client_secret: str = given("Client secret", place="password", is_secret=True)
    user_agent: str = given("User agent", description=_USER_AGENT_FORM)
    username: str = given(
        "Account name", description="Only with a password. Not needed for public communities.", default=""
    )
    password: str = given(
        "Account password", description="Of an application of type script.", is_secret=True, keeps_blanks=True,
        default="",
    )  # fmt: skip
    refresh_token: str = given(
        "Refresh token", description="In place of name and password.", is_secret=True, default=""
    )
    url: str = given("URL", place="host", description=f"{REDDIT_URL}, or a local sandbox", default=REDDIT_URL)

    service: ClassVar[str] = "Reddit"
    section: ClassVar[str] = "REDDIT"
    key_field: ClassVar[str] = "client_id"
    how: ClassVar[str] = (
        "PULSE_REDDIT_CLIENT_ID, PULSE_REDDIT_CLIENT_SECRET and PULSE_REDDIT_USER_AGENT; archives (source "
        "reddit_archive) need no key"
    )
    way_to_get: ClassVar[str] = (
        f'README, "Reddit live". A new key needs Reddit\'s approval: {ACCESS_POLICY_URL}. Without one, archives work: '
        "source reddit_archive"
    )

    def __post_init__(self) -> None:
        _require_given("client id", self.client_id)
        _require_header_text("client id", self.client_id)
        _require_header_text("client secret", self.client_secret)
        _require_header_text("refresh token", self.refresh_token)
        _require_descriptive(self.user_agent)
        self._require_whole_account()
        _require_own_host(self.url)

    @property
    def oauth_url(self) -> str:
        """Where calls with a token go: Reddit's own host for them; a local server serves both."""
        return "https://oauth.reddit.com" if _parsed(self.url)[1] not in LOCAL_HOSTS else self.url

    @property
    def grant(self) -> str:
        """Which kind of access this asks for, in words."""
        if self.password:
            return "application with an account's password"
        if self.refresh_token:
            return "application with an account's refresh token"
        return "application, read-only" if self.client_secret else "installed application, read-only"

    @property
    def asked_url(self) -> str:
        """The server, unless it is Reddit itself."""
        return "" if self.url == REDDIT_URL else self.url

    @property
    def shown(self) -> str:
        """How this application names itself."""
        return f", as {self.user_agent!r}"

    def secrets(self) -> tuple[str, ...]:
        """Each secret, and the header that carries the application's."""
        header = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode() if self.client_secret else ""
        return (*super().secrets(), *([header] if header else []))

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
    is_local = scheme == "http" and host in LOCAL_HOSTS
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
