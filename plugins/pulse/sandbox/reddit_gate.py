"""What stands before the endpoints: counting calls, the budget, the headers of every answer, and faults.

Plain ASGI, because a fault may break what a framework keeps whole: half a body, or no answer at all.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from pulse.sandbox.faults import TOKEN_PATHS, Fault
from pulse.sandbox.reddit_endpoints import JSON_TYPE, error_body
from pulse.sandbox.sandbox_state import SandboxState

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTROL_PATH = "/sandbox/"
# Where the server puts what ends the connection at once.
ABORT = "pulse.abort"
_NEVER_NOTED = frozenset({"password", "token", "refresh_token", "otp"})
_HTML = "text/html; charset=UTF-8"
_HTML_PAGE = (
    b"<!doctype html>\n<html><head><title>Ow!</title></head>"
    b"<body><h1>all of our servers are busy right now</h1></body></html>\n"
)
_NOBODY = "t3_zzzzzzzz"


@dataclass(frozen=True)
class Answer:
    """A whole answer, before it is sent. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Gate:
    """The ASGI application around the endpoints."""

    def __init__(self, app: App, state: SandboxState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = path = scope["path"].rstrip("/") or "/"
        body = await _body(receive)
        if path.startswith(CONTROL_PATH):
            await _send(send, await self._asked(scope, body), self._always())
            return
        params = _params(scope, body)
        self._note(scope["method"], path, params)
        fault = self._state.faults.due(path)
        answer = await self._answer(scope, body, fault)
        if fault is None:
            await _send(send, answer, self._always())
        else:
            await self._spoil(fault, answer, params, scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes, fault: Fault | None) -> Answer:
        """The right answer, with the headers of the budget."""
        if scope["path"] in TOKEN_PATHS:
            return await self._asked(scope, body)
        is_allowed, headers = self._state.budget.spend()
        if not is_allowed:
            return _error(429, headers=headers)
        if fault is not None and fault.kind == "endless_after":
            scope = {**scope, "query_string": _without_after(scope["query_string"])}
        answer = await self._asked(scope, body)
        return answer if answer.status == 401 else replace(answer, headers=answer.headers | headers)

    async def _asked(self, scope: Scope, body: bytes) -> Answer:
        """What the endpoints say."""
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in messages[0]["headers"]}
        return Answer(messages[0]["status"], headers, b"".join(one.get("body", b"") for one in messages[1:]))

    def _always(self) -> dict[str, str]:
        return {"date": format_datetime(self._state.now, usegmt=True)}

    def _note(self, method: str, path: str, params: dict[str, str]) -> None:
        noted = {name: value for name, value in params.items() if name not in _NEVER_NOTED}
        self._state.note_call((method, path, noted), is_token_call=path in TOKEN_PATHS)

    async def _spoil(
        self, fault: Fault, answer: Answer, params: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault.kind in {"timeout", "slow"}:
            await asyncio.sleep(fault.delay_s)  # a server that closes cancels it
        if fault.kind in {"timeout", "connection_closed"}:
            await _hang_up(scope, receive)
        elif fault.kind == "cut_body":
            await _send(send, answer, self._always(), sent_bytes=len(answer.body) // 2)
        elif fault.kind == "cut_chunk":
            await _send_chunks(send, answer, self._always())
        else:
            await _send(send, spoiled(fault, answer, params), self._always())


def spoiled(fault: Fault, answer: Answer, params: dict[str, str]) -> Answer:
    """The answer with the fault in it; faults of the connection itself leave it as it is."""
    if fault.kind.startswith("429"):
        return _too_many(fault)
    if fault.kind == "401":
        return _error(401, headers={"www-authenticate": 'Bearer realm="reddit", error="invalid_token"'})
    if fault.kind.isdecimal():
        return _broken(int(fault.kind))
    if fault.kind == "endless_after":
        return _endless(answer, params.get("after"))
    bodies = {
        "cut_json": answer.body[: len(answer.body) // 2],
        "html": _HTML_PAGE,
        "empty": b"",
        "wrong_shape": b'{"kind": "Listing", "data": {}}',
        "wrong_shape_list": b"[]",
    }
    if fault.kind not in bodies:
        return answer
    headers = answer.headers | ({"content-type": _HTML} if fault.kind == "html" else {})
    return Answer(200, headers, bodies[fault.kind])


def _too_many(fault: Fault) -> Answer:
    wait = f"{fault.retry_after_s:g}"
    if fault.kind == "429_retry_after":
        return Answer(429, {"content-type": _HTML, "retry-after": wait}, b"<html>Too Many Requests</html>\n")
    if fault.kind == "429_reset":
        told = {"x-ratelimit-used": "600", "x-ratelimit-remaining": "0.0", "x-ratelimit-reset": wait}
        return _error(429, headers=told)
    return _error(429)


def _broken(status: int) -> Answer:
    """Errors of Reddit come as JSON; those of the machines before it as pages, or as nothing."""
    if status in {403, 404}:
        return _error(status)
    return Answer(status, {"content-type": _HTML}, _HTML_PAGE if status in {500, 502, 503} else b"")


def _error(status: int, *, headers: dict[str, str] | None = None) -> Answer:
    body = {"message": "Too Many Requests", "error": 429} if status == 429 else error_body(status)
    return Answer(status, {"content-type": JSON_TYPE} | (headers or {}), json.dumps(body).encode())


def _endless(answer: Answer, asked_after: str | None) -> Answer:
    """The first page, with an ``after`` that is never null and never the one that was asked with."""
    try:
        document = json.loads(answer.body)
        children = document["data"]["children"]
    except (ValueError, TypeError, KeyError):
        return answer
    names = [child["data"]["name"] for child in (*children[-1:], *children[:1])]
    document["data"]["after"] = next((name for name in names if name != asked_after), _NOBODY)
    return replace(answer, body=json.dumps(document).encode())


def _without_after(query: bytes) -> bytes:
    return b"&".join(part for part in query.split(b"&") if not part.startswith(b"after="))


# ---- sending ---------------------------------------------------------------


async def _send(send: Send, answer: Answer, headers: dict[str, str], *, sent_bytes: int | None = None) -> None:
    """Send it; with ``sent_bytes`` less than its headers promise, upon which the server closes the connection."""
    told = answer.headers | headers | {"content-length": str(len(answer.body))}
    await send({"type": "http.response.start", "status": answer.status, "headers": _encoded(told)})
    is_cut = sent_bytes is not None
    await send({"type": "http.response.body", "body": answer.body[:sent_bytes], "more_body": is_cut})


async def _send_chunks(send: Send, answer: Answer, headers: dict[str, str]) -> None:
    """Send half of it in chunks and never the last one."""
    told = {name: value for name, value in (answer.headers | headers).items() if name != "content-length"}
    await send({"type": "http.response.start", "status": answer.status, "headers": _encoded(told)})
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope[ABORT]()
    while (await receive())["type"] != "http.disconnect":
        pass


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _params(scope: Scope, body: bytes) -> dict[str, str]:
    """Query and form together."""
    types = [value for name, value in scope["headers"] if name.lower() == b"content-type"]
    is_form = any(one.startswith(b"application/x-www-form-urlencoded") for one in types)
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return dict(query) | (dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True)) if is_form else {})
