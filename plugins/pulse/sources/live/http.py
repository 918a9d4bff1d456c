"""JSON over HTTP from one platform: each call bounded in time, bytes and tries, each failure one error of our tree.

Whatever a platform answers, it can delay a run by the bounds of its policy at most. All tasks share one pace
(:mod:`pulse.sources.live.pace`), each request is counted before it is made (:mod:`pulse.sources.live.budget`), and
errors and logs hold no credentials: they name addresses by their path alone.
"""

import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import quote_plus

import httpx

from pulse.core.clock import Clock, utc_now
from pulse.core.credentials import LOCAL_HOSTS
from pulse.core.errors import ConfigError, RateLimited, SourceError
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.sources.live.answer_times import answered_at, used_up_for_s, wait_asked_s
from pulse.sources.live.pace import CallPace
from pulse.sources.live.policy import LivePolicy
from pulse.sources.live.question import Params
from pulse.sources.live.refusals import is_passing, no_answer, refusal, unavailable
from pulse.sources.live.retries import Retries

Result = TypeVar("Result")

_MOST_REDIRECTS = 3
_KEPT_REASON_CHARS = 200


class _WithoutQuery(logging.Filter):
    """httpx logs each address whole, and a key may stand in its query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten addresses among what is logged; nothing is dropped."""
        if isinstance(record.args, tuple):
            record.args = tuple(one.copy_with(query=None) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


logging.getLogger("httpx").addFilter(_WithoutQuery())


@cache
def user_agent() -> str:
    """How this project names itself to platforms."""
    return f"community-pulse/{version('community-pulse')}"


def says_429(status: int, document: object) -> bool:  # noqa: ARG001  (as all rules of this kind)
    """The status that HTTP has for "too many requests"."""
    return status == 429


def says_nothing_absent(status: int, document: object) -> bool:  # noqa: ARG001  (as all rules of this kind)
    """No refusal is about one thing that is not there."""
    return False


@dataclass(frozen=True)
class Endpoint:
    """A platform's API, and how it is asked.

    Attributes:
        service: who is asked, as people call it.
        url: where all paths begin: https, or http on this machine; a path may follow, nothing else.
        credentials_hint: what to check on 401.
        headers: sent with every request; credentials among them.
        secret_params: added to every query, for platforms that want their key there.
        is_rate_limit: whether an answer asks to wait, by its status and its JSON (None if it is no JSON); for platforms
            that do not say 429.
        is_absent: whether a refusal says that the one thing asked for is not there, by its status and its JSON: such an
            answer is good, and its document None.
        default_wait_s: how long to wait where the platform does not say.
        answer_statuses: statuses that are answers here and no refusals, such as 404 where one asks whether a thing is
            still there; what is no JSON then is None.
        answer_timeout_s: how long a whole answer may take, once it has begun.
        max_answer_bytes: of an answer, unpacked.

    Raises:
        ConfigError: the address or a header cannot be used. Shows neither.
    """

    service: str
    url: str
    credentials_hint: str = "this platform wants credentials, and none were sent"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_params: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_rate_limit: Callable[[int, object], bool] = says_429
    is_absent: Callable[[int, object], bool] = says_nothing_absent
    default_wait_s: float = 60.0
    answer_statuses: frozenset[int] = frozenset()
    answer_timeout_s: float = 120.0
    max_answer_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
        except (httpx.InvalidURL, TypeError):
            url = httpx.URL("")
        is_safe = (url.scheme == "https" and url.host) or (url.scheme == "http" and url.host in LOCAL_HOSTS)
        if not is_safe or url.userinfo or url.query or url.fragment:
            raise ConfigError(
                f"address of {self.service}", value=url.host or "no host that can be read",
                limit="https, or http on this machine; no user name and no query", next_step="correct it in the config",
            )  # fmt: skip
        if not all(value.isascii() and value.isprintable() for value in self.headers.values()):
            raise ConfigError(
                f"credentials of {self.service}", value="hold a character that cannot be sent",
                limit="printable ASCII", next_step="copy them again, without what surrounds them",
            )  # fmt: skip

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine: no proxy leads there."""
        return httpx.URL(self.url).host in LOCAL_HOSTS

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, in every form in which it travels."""
        plain = [*self.secret_params.values(), *(word for value in self.headers.values() for word in value.split())]
        return tuple(form for value in plain if len(value) > 5 for form in (value, quote_plus(value)))


@dataclass(frozen=True)
class JsonAnswer:
    """One good answer.

    Attributes:
        document: its JSON; None is an answer too.
        answered_at: the answer's own time, UTC, whole seconds: when its counts and texts were so.
        links: addresses of the ``Link`` header by their relation, such as ``next``.
        status: of HTTP; a good one, or one of the endpoint's ``answer_statuses``.
    """

    document: Any
    answered_at: datetime
    links: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class JsonApi:
    """Asks one platform, as one client.

    Args:
        pace: taken before every request, those to another address that the platform leads to included.
        retries: of calls that fail in passing.
        on_call: called before every request that leaves this machine; whatever it raises stops the call.
        timeout_s: without a byte for so long, a call has failed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        pace: CallPace,
        retries: Retries,
        on_call: Callable[[], None],
        timeout_s: float,
    ) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._retries = retries
        self._on_call = on_call
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            headers={"User-Agent": user_agent(), "Accept": "application/json", "Accept-Encoding": "gzip"}
            | {**endpoint.headers},
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=not endpoint.is_local,
            verify=_trusted_authorities(trust_env=not endpoint.is_local),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: Params, parse: Callable[[JsonAnswer], Result]) -> Result:
        """One call; a passing fault is tried again.

        Args:
            path: begins with ``/`` and is appended to the endpoint's address; what people named stands quoted in it.
            params: the query, without secrets.
            parse: takes the answer apart; it raises :func:`pulse.sources.live.refusals.wrong_shape` for what it does
                not understand, which is tried again too.

        Raises:
            RateLimited: the platform asks for a wait that is too long for a task.
            SourceUnavailable: no usable answer, each time.
            BadCredentials: 401.
            SourceError: any other refusal, a redirect that leads elsewhere, or an answer that is too large; not tried
                again.
            CallsSpent: the budget allows no further call.
            StorageError: landing cannot be written.
        """
        return self._retries.call(lambda: parse(self._answer(path, params)))

    def _answer(self, path: str, params: Params) -> JsonAnswer:
        endpoint = self._endpoint
        if not path.startswith("/") or "?" in path or "#" in path:
            raise ValueError(f"a path begins with a slash and holds no query: {path!r}")
        url = httpx.URL(f"{endpoint.url.rstrip('/')}{path}", params={**params, **endpoint.secret_params} or None)
        for _ in range(_MOST_REDIRECTS + 1):
            response, body = self._request(url, path)
            if response.next_request is None:
                return self._understood(response, body, path)
            url = self._same_origin(response.next_request.url, path).copy_merge_params(endpoint.secret_params)
        raise SourceError(
            f"{endpoint.service} at {path}", value="leads from one address to the next",
            limit=f"{_MOST_REDIRECTS} redirects", next_step="check the address in the config, and open it in a browser",
        )  # fmt: skip

    def _request(self, url: httpx.URL, path: str) -> tuple[httpx.Response, bytes]:
        self._pace.take()
        self._on_call()
        try:
            with self._client.stream("GET", url) as response:
                return response, self._body_of(response, path)
        except httpx.TimeoutException:
            raise unavailable(
                self._endpoint.service, value=f"not a byte within {self._timeout_s:g} s at {path}"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # The error's own text may hold the address with its query, and it carries the request.
            raise unavailable(self._endpoint.service, value=f"{_in_words(error)} at {path}") from None

    def _body_of(self, response: httpx.Response, path: str) -> bytes:
        endpoint = self._endpoint
        latest = time.monotonic() + endpoint.answer_timeout_s
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > endpoint.max_answer_bytes:
                raise SourceError(
                    f"answer of {endpoint.service} at {path}", value=f"more than {endpoint.max_answer_bytes} bytes",
                    limit=endpoint.max_answer_bytes, next_step="ask for fewer things at once",
                )  # fmt: skip
            if time.monotonic() > latest:
                raise unavailable(
                    endpoint.service, value=f"an answer that takes more than {endpoint.answer_timeout_s:g} s at {path}"
                )
        return bytes(body)

    def _same_origin(self, url: httpx.URL, path: str) -> httpx.URL:
        """Where a redirect leads, if that is the platform itself: credentials go nowhere else."""
        own = httpx.URL(self._endpoint.url)
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
            raise SourceError(
                f"{self._endpoint.service} at {path}", value=f"leads elsewhere, to {url.host}",
                limit=f"addresses of {own.host}", next_step="check the address in the config: it may have moved",
            )  # fmt: skip
        return url

    def _understood(self, response: httpx.Response, body: bytes, path: str) -> JsonAnswer:
        endpoint, status, headers = self._endpoint, response.status_code, response.headers
        document, fault = _decoded(body)
        is_limit = endpoint.is_rate_limit(status, document)
        if is_limit or (is_passing(status) and "retry-after" in headers):
            told_s = wait_asked_s(headers, document)
            wait_s = endpoint.default_wait_s if told_s is None else told_s
            self._pace.block(wait_s)
            raise RateLimited(f"{endpoint.service} at {path}", retry_after_s=wait_s)
        if is_passing(status):
            raise unavailable(endpoint.service, value=f"HTTP {status} at {path}")
        is_told = status in endpoint.answer_statuses
        if not response.is_success and endpoint.is_absent(status, document):
            return JsonAnswer(None, answered_at(headers))
        if not response.is_success and not is_told:
            raise refusal(
                endpoint.service, path, status, reason=self._reason_in(document), credentials=endpoint.credentials_hint
            )
        if fault is not None and not is_told:
            raise no_answer(endpoint.service, path, value=fault)
        pause_s = used_up_for_s(headers, document)
        if pause_s > 0:
            self._pace.block(pause_s)
        links = {relation: str(link["url"]) for relation, link in response.links.items() if relation and "url" in link}
        return JsonAnswer(document, answered_at(headers), links, status)

    def _reason_in(self, document: object) -> str:
        """What the platform says of a refusal, without credentials that it may repeat."""
        if not isinstance(document, dict):
            return ""
        told = (document.get(key) for key in ("error_message", "message", "error", "errors", "detail"))
        found = next((value for value in told if value), None)
        first = found[0] if isinstance(found, list) else found
        text = first if isinstance(first, str) else ""
        for secret in self._endpoint.secrets():
            text = text.replace(secret, "…")
        return printable(text, max_chars=_KEPT_REASON_CHARS)


def open_api(
    home: Home,
    endpoint: Endpoint,
    policy: LivePolicy,
    *,
    client: str,
    on_call: Callable[[], None],
    clock: Clock = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> JsonApi:
    """A client under the limits of a policy; no connection is made yet.

    Args:
        client: who asks, as the platform counts calls: an application, or this machine where it counts addresses. Those
            of the same name share one pace.
        on_call: see :class:`JsonApi`; :meth:`pulse.sources.live.budget.CallBudget.take` counts and refuses.
        clock, sleep: the real time, and what sits waits out.
    """
    pace = CallPace.under(policy, home, f"{endpoint.url} {client}", clock=clock, sleep=sleep)
    retries = Retries(policy.retry_wait_s, policy.longest_wait_s, sleep=sleep)
    return JsonApi(endpoint, pace=pace, retries=retries, on_call=on_call, timeout_s=policy.timeout_s)


@cache
def _trusted_authorities(*, trust_env: bool) -> ssl.SSLContext:
    """Whom connections trust, read once per process: each client that read it anew took 25 ms for that."""
    return httpx.create_ssl_context(trust_env=trust_env)


def _decoded(body: bytes) -> tuple[Any, str | None]:
    """The JSON of an answer, or what it is instead."""
    text = body.strip()
    if not text:
        return None, "empty"
    if text.startswith(b"<"):
        return None, "a page of HTML"
    try:
        return json.loads(text), None
    except json.JSONDecodeError as error:
        return None, "JSON that ends too soon" if error.pos >= len(error.doc.rstrip()) else "not JSON"
    except (ValueError, RecursionError):
        return None, "not JSON"


def _in_words(error: Exception) -> str:
    if isinstance(error, httpx.RemoteProtocolError):
        return "an answer that broke off or is not HTTP"
    if isinstance(error, httpx.DecodingError):
        return "an answer that cannot be unpacked"
    if isinstance(error, httpx.NetworkError):
        return "no connection"
    return type(error).__name__
