"""Reddit's API through PRAW: one call, one answer.

PRAW authorizes, renews tokens and parses; this module adds what a pipeline needs beside it: the pace that all tasks
share, no long sleep inside a task, the platform's own time of each answer, and errors of our tree. It knows nothing
of what an answer means.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import praw
import prawcore
import requests
from praw.exceptions import RedditAPIException

from pulse.core.clock import utc_now
from pulse.core.errors import BadCredentials, PulseError, RateLimited, SourceError, SourceUnavailable
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.sources.live import answer_times
from pulse.sources.live.pace import CallPace
from pulse.sources.live.refusals import is_passing, unavailable
from pulse.sources.live.retries import Retries
from pulse.sources.reddit.credentials import REDDIT_URL, RedditCredentials
from pulse.sources.reddit.entry import RedditApiPolicy

Told = TypeVar("Told")

_TOKEN_PATH = "/api/v1/access_token"  # noqa: S105  (a path)
_STATUS_PAGE = "reddit.com's own status"
_CHECK_CREDENTIALS = "check client id, secret, user name and password of the connection, or PULSE_REDDIT_*"


@dataclass(frozen=True)
class Answer(Generic[Told]):
    """What Reddit answered to one call.

    Attributes:
        told: what the answer says, as the caller's ``parse`` understood it.
        observed_at: the answer's own time, UTC, whole seconds: when its counts and texts were so.
    """

    told: Told
    observed_at: datetime


class RedditClient:
    """Asks Reddit, as one application.

    Args:
        on_call: told before every request for content that leaves this machine, repeated ones included.
    """

    def __init__(
        self,
        home: Home,
        credentials: RedditCredentials,
        policy: RedditApiPolicy,
        *,
        on_call: Callable[[], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = credentials
        self._policy = policy
        self._retries = Retries(policy.retry_wait_s, policy.longest_wait_s, sleep=sleep)
        self._on_call = on_call
        self._pace = CallPace.under(policy, home, f"{credentials.url} {credentials.client_id}", sleep=sleep)
        self._observed_at = utc_now()
        self._session = requests.Session()
        # A sandbox on this machine is not to be reached through somebody's proxy.
        self._session.trust_env = credentials.url == REDDIT_URL
        self._reddit = self._connected()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(
        self, path: str, params: Mapping[str, str | int], parse: Callable[[object, datetime], Told]
    ) -> Answer[Told]:
        """One call; a passing fault is tried again, three times in all.

        Args:
            parse: takes the JSON apart, given the time of the answer; it raises :class:`SourceUnavailable` for what it
                does not understand.

        Raises:
            RateLimited: to be tried again after a wait that is too long for a task.
            SourceUnavailable: no usable answer, three times.
            BadCredentials: Reddit refused the credentials.
            SourceError: any other refusal; a community that is private, banned or does not exist.
            StorageError: landing cannot be written.
        """

        def attempt() -> Answer[Told]:
            content = self._ask(path, params)
            return Answer(parse(content, self._observed_at), self._observed_at)

        return self._retries.call(attempt)

    def _ask(self, path: str, params: Mapping[str, str | int]) -> object:
        try:
            content = self._request(path, params)
        except _TokenRefused:
            # A token may be revoked before its time. A new one, once.
            self._reddit = self._connected()
            try:
                content = self._request(path, params)
            except _TokenRefused:
                raise BadCredentials("Reddit", value="401 for a new token", next_step=_CHECK_CREDENTIALS) from None
        if not isinstance(content, dict | list):
            raise SourceUnavailable(
                f"Reddit's answer to {path}",
                value="empty",
                limit="a JSON document",
                next_step="nothing: it is asked again",
            )
        return content

    def _request(self, path: str, params: Mapping[str, str | int]) -> Any:
        try:
            return self._reddit.request(method="GET", path=path, params=dict(params))
        except PulseError:
            raise
        except (prawcore.PrawcoreException, RedditAPIException) as error:
            raise _translated(path, error) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            # The answer to the request for a token is taken apart without a look; brackets may lie thousands deep.
            raise SourceUnavailable(
                f"Reddit's answer to {path}, or to the request for a token", value="not what it should be",
                next_step="nothing: it is asked again",
            ) from None  # fmt: skip

    def _connected(self) -> praw.Reddit:
        given = self._credentials
        # All that PRAW could otherwise take from a praw.ini or from praw_* of the environment is said here.
        return praw.Reddit(
            "DEFAULT",
            client_id=given.client_id,
            client_secret=given.client_secret or None,
            username=given.username or None,
            password=given.password or None,
            refresh_token=given.refresh_token or None,
            redirect_uri=None,
            user_agent=given.user_agent,
            reddit_url=given.url,
            oauth_url=given.oauth_url,
            check_for_updates=False,
            check_for_async=False,
            requestor_class=_Requestor,
            requestor_kwargs={
                "session": self._session,
                "pace": self._pace,
                "timeout": self._policy.timeout_s,
                "default_wait_s": self._policy.window_s,
                "on_call": self._on_call,
                "on_answer": self._note_time,
            },
        )

    def _note_time(self, response: requests.Response) -> None:
        self._observed_at = answer_times.answered_at(response.headers)


class _TokenRefused(Exception):
    """401 for a call with a token."""


class _Requestor(prawcore.Requestor):
    """PRAW's way to the network, with the shared pace before it and our errors behind it.

    PRAW's own limiter sees one process only, and sleeps up to ten minutes: the header it acts on is kept from it.
    """

    def __init__(
        self,
        *,
        pace: CallPace,
        default_wait_s: float,
        on_call: Callable[[], None],
        on_answer: Callable[[requests.Response], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._pace = pace
        self._default_wait_s = default_wait_s
        self._on_call = on_call
        self._on_answer = on_answer

    def request(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> requests.Response:  # noqa: ARG002
        """One request and its answer, if that is an answer at all; the timeout is our own."""
        is_token = str(args[1]).endswith(_TOKEN_PATH)
        self._pace.take()
        if not is_token:
            self._on_call()
        try:
            response = super().request(*args, timeout=self.timeout, **kwargs)
        except prawcore.RequestException as error:
            raise unavailable(
                "Reddit", value=f"{type(error.original_exception).__name__} at {_path_of(str(args[1]))}",
                status_page=_STATUS_PAGE,
            ) from None  # fmt: skip
        self._heed(response)
        self._refuse(response, is_token=is_token)
        self._on_answer(response)
        return response

    def _heed(self, response: requests.Response) -> None:
        """Stop all tasks of this client when Reddit says that its allowance is used up."""
        used_up_for_s = answer_times.used_up_for_s(response.headers)
        response.headers.pop("x-ratelimit-remaining", None)
        if used_up_for_s > 0:
            self._pace.block(used_up_for_s)

    def _refuse(self, response: requests.Response, *, is_token: bool) -> None:
        status = response.status_code
        path = _path_of(response.url)
        if status == 429:
            told_s = answer_times.wait_asked_s(response.headers)
            wait_s = self._default_wait_s if told_s is None else told_s
            self._pace.block(wait_s)
            raise RateLimited(f"Reddit at {path}", retry_after_s=wait_s)
        if is_passing(status):
            raise unavailable("Reddit", value=f"HTTP {status} at {path}", status_page=_STATUS_PAGE)
        if status == 401 and not is_token:
            raise _TokenRefused


def _translated(path: str, error: Exception) -> PulseError:
    """The error of our tree for one of PRAW's; never its text where that may hold what was sent."""
    if isinstance(error, prawcore.BadJSON):
        return SourceUnavailable(f"Reddit's answer to {path}", value="not JSON", next_step="nothing: it is asked again")
    if isinstance(error, prawcore.OAuthException | prawcore.InsufficientScope | prawcore.InvalidToken):
        kind = error.error if isinstance(error, prawcore.OAuthException) else type(error).__name__
        return BadCredentials("Reddit", value=printable(str(kind), max_chars=80), next_step=_CHECK_CREDENTIALS)
    if isinstance(error, prawcore.InvalidInvocation):
        return BadCredentials("Reddit", value="PRAW cannot use these credentials", next_step=_CHECK_CREDENTIALS)
    if isinstance(error, prawcore.ResponseException) and error.response.url.endswith(_TOKEN_PATH):
        return BadCredentials(
            "Reddit", value=f"HTTP {error.response.status_code} when asked for a token", next_step=_CHECK_CREDENTIALS
        )
    return SourceError(
        f"Reddit at {path}", value=_reason(error),
        next_step="check the community's name, and whether the application's user may see it",
    )  # fmt: skip


def _reason(error: Exception) -> str:
    """Why Reddit refused, in its own word: ``private``, ``banned``, ``quarantined``, or the status."""
    if isinstance(error, prawcore.Redirect):
        return "does not exist (Reddit leads to a search instead)"
    response = getattr(error, "response", None)
    if response is None:
        return type(error).__name__
    try:
        reason = response.json().get("reason")
    except (ValueError, AttributeError):
        reason = None
    return f"HTTP {response.status_code}" + (f", {printable(str(reason), max_chars=80)}" if reason else "")


def _path_of(url: str) -> str:
    return printable(url.split("?", maxsplit=1)[0], max_chars=200)
