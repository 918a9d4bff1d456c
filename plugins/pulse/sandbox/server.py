"""The sandbox as a server: in a thread for tests and the demo, or until Ctrl-C for the command line."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pulse.core.errors import ConfigError
from pulse.sandbox import reddit_tokens
from pulse.sandbox.discord import TOKEN as DISCORD_TOKEN
from pulse.sandbox.faults import Fault
from pulse.sandbox.other_platforms import Doubles, OtherPlatforms
from pulse.sandbox.reddit_data import RedditData
from pulse.sandbox.reddit_endpoints import make_app
from pulse.sandbox.reddit_gate import ABORT, App, Gate, Receive, Scope, Send
from pulse.sandbox.sandbox_state import Behaviour, Call, SandboxState
from pulse.sources.live.extraction import SANDBOX_VARIABLE

LOCALHOST = "127.0.0.1"
USER_AGENT = "linux:community-pulse-sandbox:1 (by /u/nobody)"
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0


class SandboxServer:
    """Reddit's API, and other platforms', on this machine at a simulated now. Ready when entered, gone when left."""

    client_id = reddit_tokens.CLIENT_ID
    client_secret = reddit_tokens.CLIENT_SECRET
    username = reddit_tokens.USERNAME
    password = reddit_tokens.PASSWORD
    refresh_token = reddit_tokens.REFRESH_TOKEN

    def __init__(
        self,
        data: RedditData,
        *,
        now: datetime,
        host: str = LOCALHOST,
        port: int = 0,
        others: Doubles | None = None,
        **behaviour: Any,
    ) -> None:
        """Nothing is opened before it is entered.

        Args:
            now: simulated time that the first answers show; it stands still until :meth:`set_now`.
            port: 0 chooses a free one.
            others: platforms besides Reddit.
            behaviour: as :class:`~pulse.sandbox.sandbox_state.Behaviour` names it.
        """
        self._state = SandboxState(Behaviour(**behaviour), now)
        self._others = others or {}
        app = OtherPlatforms(make_app(data, self._state), self._others, self._state)
        self._gate = Gate(app, self._state)
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._server: _Uvicorn | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        """Open the port and answer from then on.

        Raises:
            ConfigError: the port is taken, or the host is not this machine's.
        """
        self._socket = _listening_on(self._address)
        self._server = _Uvicorn(self._gate)
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="sandbox", daemon=True)
        self._thread.start()
        if not self._server.is_ready.wait(_START_TIMEOUT_S):
            raise RuntimeError(f"the sandbox did not start within {_START_TIMEOUT_S:g} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop answering; waiting answers are dropped."""
        if self._server is not None and self._thread is not None and self._socket is not None:
            self._server.stop()
            self._thread.join(_STOP_TIMEOUT_S)
            self._socket.close()

    def wait(self) -> None:
        """Block until the server ends or the process is interrupted."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.5)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end: both the ``reddit_url`` and the ``oauth_url`` of PRAW."""
        if self._socket is None:
            raise RuntimeError("the sandbox has no address before it is entered")
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def environment(self) -> dict[str, str]:
        """Variables that lead the pipeline here."""
        elsewhere = {"PULSE_DISCORD_TOKEN": DISCORD_TOKEN, SANDBOX_VARIABLE: self.url} if self._others else {}
        return {
            "PULSE_REDDIT_CLIENT_ID": self.client_id,
            "PULSE_REDDIT_CLIENT_SECRET": self.client_secret,
            "PULSE_REDDIT_USER_AGENT": USER_AGENT,
            "PULSE_REDDIT_URL": self.url,
        } | elsewhere

    @property
    def calls(self) -> list[Call]:
        """API calls so far, spoiled ones included: method, path, parameters (query and form)."""
        return list(self._state.calls)

    @property
    def token_calls(self) -> list[Call]:
        """Calls for tokens so far, without the secrets in them."""
        return list(self._state.token_calls)

    def forget_calls(self) -> None:
        """Start counting calls anew."""
        self._state.forget_calls()

    def set_now(self, now: datetime) -> None:
        """Move the simulated time, forwards or back; it must have a zone."""
        self._state.set_now(now)

    @property
    def now(self) -> datetime:
        """The simulated time, in UTC."""
        return self._state.now

    def add_fault(self, fault: Fault) -> None:
        """Spoil answers to come."""
        self._state.faults.add(fault)

    @property
    def faults_left(self) -> int:
        """How many answers are still to be spoiled."""
        return self._state.faults.left_n

    def clear_faults(self) -> None:
        """Spoil nothing more."""
        self._state.faults.clear()

    def tokens_given(self) -> tuple[str, ...]:
        """Access tokens given out and not revoked, for tests that look for them where they must not be."""
        return self._state.tokens.given()

    def expire_tokens(self) -> None:
        """Let every token given out so far have run out: the next call with one is refused with 401."""
        self._state.tokens.expire_all()


def _listening_on(address: tuple[str, int]) -> socket.socket:
    """A socket that takes connections at once; they wait until the server is there."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()
    except OSError as error:
        opened.close()
        raise ConfigError(
            f"sandbox at {address[0]}:{address[1]}",
            value=error.strerror,
            next_step="choose another port with --port (0 for any free one)",
        ) from error
    return opened


class _Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, with a way to end a connection without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app: Any = _with_abort(self.app, transport.abort)


def _with_abort(app: Any, abort: Callable[[], None]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope[ABORT] = abort
        await app(scope, receive, send)

    return call


class _Uvicorn(uvicorn.Server):
    """uvicorn that says when it is ready and can be stopped from another thread."""

    def __init__(self, gate: Gate) -> None:
        app: App = gate
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # cut answers are meant, not mistakes
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_keep_alive=60,
            )
        )
        self.is_ready = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()

    def stop(self) -> None:
        """Leave at the next tick (0.1 s) and cancel what is still being answered; returns at once."""
        self.should_exit = self.force_exit = True
