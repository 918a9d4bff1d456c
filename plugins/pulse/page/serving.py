"""The page without Airflow: on this machine alone, to read; nothing can be released here.

Who is on this machine sees it. Others come through a reverse proxy that knows them: it adds their name in a header, and
a secret that only it and this process have; a name without the secret is not believed.
"""

import hmac
import os
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.page.access import Access, User
from pulse.page.app import create_app

ADDRESS = "127.0.0.1"
PROOF_HEADER = "X-Pulse-Proxy-Secret"
PROOF_VARIABLE = "PULSE_PROXY_SECRET"
_PROOF_CHARS = 32
_NAME_CHARS = 200
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_SOMEBODY_HERE = User("this machine", "somebody on this machine")


@dataclass(frozen=True)
class Proxy:
    """A reverse proxy that says who asks.

    Attributes:
        login_header: the header in which it names them.
        secret: what it sends in ``X-Pulse-Proxy-Secret``.
    """

    login_header: str
    secret: str = field(repr=False)

    @classmethod
    def from_environment(cls, login_header: str) -> "Proxy":
        """With the secret from ``PULSE_PROXY_SECRET``.

        Raises:
            ConfigError: it is missing or short, or the header is no name of one.
        """
        if not _HEADER.fullmatch(login_header):
            raise ConfigError(
                "--login-header", value=printable(login_header, max_chars=100), limit="the name of an HTTP header",
                next_step="name the header in which the proxy says who is logged in, such as X-Forwarded-User",
            )  # fmt: skip
        secret = os.environ.get(PROOF_VARIABLE, "")
        if len(secret) < _PROOF_CHARS:
            raise ConfigError(
                PROOF_VARIABLE, value=f"{len(secret)} characters", limit=f"at least {_PROOF_CHARS}",
                next_step=f"make one with `openssl rand -hex 32`, and have the proxy send it in {PROOF_HEADER}",
            )  # fmt: skip
        return cls(login_header, secret)


def app_for(home: Home, proxy: Proxy | None) -> FastAPI:
    """The page over a home; without a proxy for requests to this machine by its own names only."""

    def current_user(request: Request) -> User:
        if proxy is None:
            return _SOMEBODY_HERE
        given = request.headers.get(PROOF_HEADER, "")
        name = printable(request.headers.get(proxy.login_header, ""), max_chars=_NAME_CHARS).strip()
        if not name or not hmac.compare_digest(given.encode(), proxy.secret.encode()):
            raise HTTPException(401, "not logged in: ask through the proxy")
        return User(name, name)

    app = create_app(home, Access(current_user, secrets.token_bytes(32)))
    if proxy is None:  # else a page of another site could ask, under a name that leads here
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[ADDRESS, "localhost"])
    return app


def serve(home: Home, *, port: int, proxy: Proxy | None, say: Callable[[str], None]) -> None:
    """Serve until this process is told to stop.

    Args:
        port: on 127.0.0.1; 0 chooses a free one.
        say: called with the address.

    Raises:
        ConfigError: the port is taken.
    """
    import uvicorn

    try:
        listening = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ConfigError(
            "--port", value=f"{port}: {error.strerror}", limit="a free port", next_step="choose another, or 0"
        ) from error
    with listening:
        say(f"http://{ADDRESS}:{listening.getsockname()[1]}/ (Ctrl-C ends it)")
        server: Any = uvicorn.Server(
            uvicorn.Config(app_for(home, proxy), log_level="warning", access_log=False, server_header=False)
        )
        server.run(sockets=[listening])
