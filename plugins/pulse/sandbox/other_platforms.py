"""The platforms besides Reddit that a sandbox server stands in for, each under ``/<source>/<community>/``.

``PULSE_SANDBOX_URL`` leads every source of the live layer there (:mod:`pulse.sources.live.extraction`).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from pulse.sandbox.reddit_gate import App, Receive, Scope, Send
from pulse.sandbox.sandbox_state import SandboxState
from pulse.sandbox.talk import Reply


class Double(Protocol):
    """One platform, as far as a source asks it."""

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Reply:
        """What it says at a time.

        Args:
            path: as the platform has it; header names in lower case.
        """


class Doubles(Protocol):
    """Doubles by the names of source and community, as the config has them; a dictionary is one."""

    def get(self, key: tuple[str, str], /) -> Double | None:
        """That of a community; None where there is none."""


class OtherPlatforms:
    """An ASGI application that answers for the doubles, and hands everything else on."""

    def __init__(self, app: App, doubles: Doubles, state: SandboxState) -> None:
        self._app = app
        self._doubles = doubles
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Names are quoted in the address, slashes and all.
        parts = scope.get("raw_path", b"").split(b"?")[0].decode("ascii", "replace").split("/", 3)
        found = self._doubles.get((parts[1], unquote(parts[2]))) if len(parts) > 2 else None
        if scope["type"] != "http" or found is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        params = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        path = unquote("/" + (parts[3] if len(parts) > 3 else "")).rstrip("/") or "/"
        reply = found.answer(path, params, headers, self._state.now)
        told = {"content-type": "application/json; charset=utf-8"} | {**reply.headers}
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
        await send({"type": "http.response.body", "body": json.dumps(reply.document).encode(), "more_body": False})
