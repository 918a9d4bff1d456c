"""What one sandbox server knows apart from its data: its now, its calls, its faults, its budget of calls."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from pulse.platforms.names import canonical_name
from pulse.sandbox.faults import FaultPlan
from pulse.sandbox.reddit_tokens import TOKEN_LIFETIME_S, Tokens
from pulse.sources.reddit.mapping import PLATFORM

Call = tuple[str, str, dict[str, str]]
# Told where there is no limit: so far from used up that no client slows down.
_UNLIMITED = {"x-ratelimit-used": "1", "x-ratelimit-remaining": "999.0", "x-ratelimit-reset": "300"}


class Budget:
    """Calls allowed per window of real time. Windows follow one another from the first call on."""

    def __init__(self, limit: int | None, window_s: float) -> None:
        """Arguments: ``limit`` None allows all; ``window_s`` in seconds."""
        self._limit = limit
        self._window_s = window_s
        self._ends_s = 0.0
        self._used_n = 0

    def spend(self) -> tuple[bool, dict[str, str]]:
        """Count one call: whether it is allowed, and the headers that tell what is left."""
        if self._limit is None:
            return True, dict(_UNLIMITED)
        now_s = time.monotonic()
        if now_s >= self._ends_s:
            self._ends_s, self._used_n = now_s + self._window_s, 0
        is_allowed = self._used_n < self._limit
        self._used_n += is_allowed
        return is_allowed, {
            "x-ratelimit-used": str(self._used_n),
            "x-ratelimit-remaining": f"{float(self._limit - self._used_n):.1f}",
            "x-ratelimit-reset": str(math.ceil(self._ends_s - now_s)),
        }


@dataclass(frozen=True)
class Behaviour:
    """How a server serves its data.

    Attributes:
        rate_limit: API calls per ``rate_window_s`` seconds; None for no limit.
        hides_removed: leave removed contributions out of /new and /comments, as for readers who are no moderators.
        page_limit_items: how deep a listing can be paged.
        private, banned, quarantined: names of communities that nobody can read, in any case.
        token_lifetime_s: real seconds until a token has run out.
    """

    rate_limit: int | None = None
    rate_window_s: float = 600.0
    hides_removed: bool = False
    page_limit_items: int = 1_000
    private: Collection[str] = ()
    banned: Collection[str] = ()
    quarantined: Collection[str] = ()
    token_lifetime_s: float = TOKEN_LIFETIME_S

    def closed_reason(self, name: str) -> str | None:
        """Why the community cannot be read: private, banned or quarantined; None when it can."""
        wanted = canonical_name(PLATFORM, name)
        reasons = {"private": self.private, "banned": self.banned, "quarantined": self.quarantined}
        for reason, names in reasons.items():
            if wanted in {canonical_name(PLATFORM, one) for one in names}:
                return reason
        return None


@dataclass
class SandboxState:
    """What changes while a server runs. Read and written from its thread and from the caller's.

    Attributes:
        calls: API calls answered so far, spoiled ones included: method, path, parameters of query and form together.
        token_calls: the same for calls for a token and its revocation; passwords and tokens in them are left out.
    """

    behaviour: Behaviour
    now: datetime
    faults: FaultPlan = field(default_factory=FaultPlan)
    calls: list[Call] = field(default_factory=list)
    token_calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = Tokens(lifetime_s=self.behaviour.token_lifetime_s)
        self.budget = Budget(self.behaviour.rate_limit, self.behaviour.rate_window_s)
        self._lock = Lock()
        self.set_now(self.now)

    def set_now(self, now: datetime) -> None:
        """Move the simulated time, forwards or back.

        Raises:
            ValueError: a time without zone.
        """
        if now.tzinfo is None:
            raise ValueError(f"now {now.isoformat()} has no time zone. Next: give it with one, such as +00:00")
        self.now = now.astimezone(UTC)

    def note_call(self, call: Call, *, is_token_call: bool) -> None:
        """Remember a call."""
        with self._lock:
            (self.token_calls if is_token_call else self.calls).append(call)

    def forget_calls(self) -> None:
        """Start counting calls anew."""
        with self._lock:
            self.calls.clear()
            self.token_calls.clear()
