"""One pace for all who call a platform as the same client, whatever task, process or run they belong to.

The times of recent calls lie in a small file in landing, guarded by a file lock. A short wait is sat out; a long one is
an error that says how long, so that whoever scheduled the task can use its place for something else meanwhile.
"""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from pulse.core.clock import Clock, utc_now
from pulse.core.errors import RateLimited
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.sources.live.policy import LivePolicy

# Nobody asks for more; a block that ends later was written before the clock was set back.
_LONGEST_BLOCK_S = 3_600.0


@dataclass(frozen=True)
class CallPace:
    """At most ``calls_n`` calls may start within any ``window_s`` seconds; fewer while the platform asked to wait.

    Attributes:
        client: who calls; those of the same name share the pace. Only a hash of it is written.
        longest_wait_s: how long :meth:`take` waits by itself.
        clock: the real time, whatever a run's own clock says: the platform counts real seconds.
    """

    home: Home
    client: str
    calls_n: int
    window_s: float
    longest_wait_s: float
    clock: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def under(
        cls,
        policy: LivePolicy,
        home: Home,
        client: str,
        *,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> "CallPace":
        """The pace that a source's policy sets."""
        return cls(home, client, policy.calls_per_window, policy.window_s, policy.longest_wait_s, clock, sleep)

    def take(self) -> None:
        """Take leave to make one call now; waits for it if that is not long.

        Raises:
            RateLimited: the wait would be longer than ``longest_wait_s``, together with what was waited already.
            StorageError: landing cannot be written.
        """
        waited_s = 0.0
        while (wait_s := self._take_or_wait_s()) > 0:
            if waited_s + wait_s > self.longest_wait_s:
                raise RateLimited("calls to the platform", retry_after_s=wait_s)
            self.sleep(wait_s)
            waited_s += wait_s

    def block(self, seconds: float) -> None:
        """Let nobody call for so long, at most an hour, because the platform asked for it."""
        with self._locked():
            now_s = self._now_s()
            starts, blocked_until_s = self._read(now_s)
            self._write(starts, max(blocked_until_s, now_s + min(seconds, _LONGEST_BLOCK_S)))

    def _take_or_wait_s(self) -> float:
        """Note a call if one is free, and return 0; else for how long none is."""
        with self._locked():
            now_s = self._now_s()
            recent, blocked_until_s = self._read(now_s)
            wait_s = max(0.0, blocked_until_s - now_s)
            if len(recent) >= self.calls_n:
                wait_s = max(wait_s, recent[-self.calls_n] + self.window_s - now_s)
            if wait_s <= 0:
                self._write([*recent, now_s], blocked_until_s)
            return wait_s

    def _now_s(self) -> float:
        return datetime.timestamp(self.clock())

    @property
    def _name(self) -> str:
        return f"pace-{hashlib.sha256(self.client.encode()).hexdigest()[:16]}"

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(self.home, self._name, timeout_s=60)

    def _read(self, now_s: float) -> tuple[list[float], float]:
        """Starts within the window, in order, and until when nobody may call; both without what the clock forbids."""
        try:
            content = json.loads((self.home.landing / f"{self._name}.json").read_bytes())
            starts = [float(start) for start in content["starts"]]
            blocked_until_s = float(content["blocked_until"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return [], 0.0  # none yet, or cut off by a crash: at worst the platform itself says no
        # Times of the future are from before the clock was set back.
        recent = [start for start in starts if now_s - self.window_s < start <= now_s]
        return recent, blocked_until_s if blocked_until_s <= now_s + _LONGEST_BLOCK_S else 0.0

    def _write(self, starts: list[float], blocked_until_s: float) -> None:
        """Replace the file; not flushed to disk, for after a crash of the machine the window is over anyway."""
        file = self.home.landing / f"{self._name}.json"
        draft = file.with_suffix(".tmp")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({"starts": starts, "blocked_until": blocked_until_s}), encoding="ascii")
            draft.replace(file)
        except OSError as error:
            raise storage_error(file, error) from error
