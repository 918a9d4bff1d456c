"""The sandbox for the command line: choose the data, say how to reach it, serve until interrupted."""

import shlex
import signal
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pulse.core.errors import ConfigError
from pulse.sandbox.other_platforms import Doubles
from pulse.sandbox.reddit_data import ArchiveData, RedditData, WorldData
from pulse.sandbox.server import LOCALHOST, SandboxServer
from pulse.sandbox.world import make_world
from pulse.sandbox.world_doubles import WorldDoubles

_EXAMPLE_NOW = '{"now": "2026-06-09T00:00:00+00:00"}'


def world_data(seed: int) -> tuple[WorldData, WorldDoubles]:
    """A world, as Reddit and as other platforms show it; it takes some two seconds to make."""
    world = make_world(seed=seed)
    return WorldData(world), WorldDoubles(world)


def archive_data(paths: Sequence[Path], *, counts: Literal["as-recorded", "growing"]) -> ArchiveData:
    """The records of archive files.

    Raises:
        ArchiveUnreadable: a file cannot be opened, is cut off, or is packed in an unknown way.
        ConfigError: the files hold no usable record.
    """
    data = ArchiveData(paths, counts="growing" if counts == "growing" else "as_recorded")
    if not data.records_n:
        raise ConfigError(
            f"archives {', '.join(str(path) for path in paths)}",
            value=f"no usable record, {data.skipped.total()} lines skipped",
            next_step="give files of Reddit submissions or comments, one JSON object per line",
        )
    return data


def serve(
    data: RedditData,
    *,
    now: datetime | None,
    host: str,
    port: int,
    say: Callable[[str], None],
    others: Doubles | None = None,
    **behaviour: Any,
) -> None:
    """Serve until Ctrl-C or the signal to end, and say first what a client needs. For the main thread of a process.

    Args:
        now: simulated time; None for a second after the last contribution.
        others: platforms besides Reddit.
        behaviour: as :class:`~pulse.sandbox.sandbox_state.Behaviour` names it.

    Raises:
        ConfigError: the port is taken.
    """
    # A shell that starts us in the background lets us ignore Ctrl-C; whoever ends us by a signal means it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    last = data.catalogue.last_at()
    server = SandboxServer(
        data, now=now or last + timedelta(seconds=1), host=host, port=port, others=others, **behaviour
    )
    with server:
        try:
            for line in _introduction(server, skipped_n=data.skipped.total() if isinstance(data, ArchiveData) else 0):
                say(line)
            if host != LOCALHOST:
                say(f"warning: anybody who reaches {host} can read and steer this server")
            server.wait()
        except KeyboardInterrupt:
            say("stopped")


def _introduction(server: SandboxServer, *, skipped_n: int) -> list[str]:
    skipped = [f"{skipped_n} lines of the archives cannot be used and were skipped"] if skipped_n else []
    return [
        f"sandbox at {server.url}, its now is {server.now.isoformat()}; Ctrl-C ends it",
        *skipped,
        f"account (password flow): {server.username} / {server.password}; refresh token: {server.refresh_token}",
        f"another now: curl -X PUT {server.url}/sandbox/now --json '{_EXAMPLE_NOW}'",
        "Next: give the pipeline these",
        *(f"export {name}={shlex.quote(value)}" for name, value in server.environment().items()),
    ]
