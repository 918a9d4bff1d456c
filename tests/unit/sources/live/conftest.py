"""A platform on this machine that answers as it is told to, and a clock that only moves when somebody waits."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support import Watch

ANSWERED_AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    """What is answered to one request.

    Attributes:
        declared_bytes: what ``Content-Length`` says; the body's own length if None.
        how: ``whole``; ``closed``: nothing, and the connection is closed; ``never``: nothing, and it stays open;
            ``drip``: byte by byte, without end.
    """

    document: Any = None
    body: bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared_bytes: int | None = None
    how: str = "whole"
    is_packed: bool = False

    @property
    def content(self) -> bytes:
        plain = json.dumps(self.document).encode() if self.body is None else self.body
        return gzip.compress(plain) if self.is_packed else plain


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


class Platform:
    """Answers with ``replies`` in turn, then with ``otherwise``."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.otherwise = Reply({"ok": True})
        self.asked: list[Asked] = []
        self.is_closing = threading.Event()
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp: float | None = None) -> str:
                return "Sat, 28 Nov 2026 12:00:00 GMT"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                params = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                platform.asked.append(Asked(parts.path, params, dict(self.headers.items())))
                platform.send(self, platform.answer_to(parts.path, params))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def answer_to(self, path: str, params: Mapping[str, str]) -> Reply:
        """The next reply; tests with a listing put their own in place."""
        return self.replies.pop(0) if self.replies else self.otherwise

    def send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        """Answer one request."""
        handler.close_connection = reply.how != "whole" or reply.declared_bytes is not None
        if reply.how == "closed":
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if reply.how == "never":
            self.is_closing.wait(5)
            return
        content = reply.content
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.is_packed:
            handler.send_header("Content-Encoding", "gzip")
        if reply.how == "drip":
            handler.end_headers()
            while not self.is_closing.wait(0.01):
                try:
                    handler.wfile.write(b" ")
                except OSError:
                    return
            return
        handler.send_header("Content-Length", str(reply.declared_bytes or len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def platform() -> Iterator[Platform]:
    running = Platform()
    yield running
    running.close()


@pytest.fixture
def other_platform() -> Iterator[Platform]:
    running = Platform()
    yield running
    running.close()


@pytest.fixture
def stopped_clock() -> Watch:
    return Watch(ANSWERED_AT.timestamp())


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
