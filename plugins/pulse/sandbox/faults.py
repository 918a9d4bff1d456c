"""Faults on demand: which answers of the sandbox are to be spoiled, and how.

A fault is a plan; :class:`FaultPlan` keeps the plans of one server and says, request by request, which one is due.
Doing it to the answer is :mod:`pulse.sandbox.reddit_gate`.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import ClassVar, Literal, get_args

from pydantic import ConfigDict

FaultKind = Literal[
    "401",
    "403",
    "404",
    "429",
    "429_retry_after",
    "429_reset",
    "500",
    "502",
    "503",
    "504",
    "520",
    "522",
    "timeout",
    "slow",
    "cut_body",
    "cut_chunk",
    "cut_json",
    "html",
    "empty",
    "endless_after",
    "wrong_shape",
    "wrong_shape_list",
    "connection_closed",
]
KINDS: frozenset[str] = frozenset(get_args(FaultKind))
TOKEN_PATH = "/api/v1/access_token"  # noqa: S105  (a path, not a token)
# Paths that are no API calls: a fault reaches them only where its own path names one of them.
TOKEN_PATHS = frozenset({TOKEN_PATH, "/api/v1/revoke_token"})


@dataclass(frozen=True)
class Fault:
    """Spoil some answers.

    Attributes:
        path: part of the request's path; "" stands for all API calls (token calls apart).
        nth: which matching request from now on is the first to be spoiled; 1 is the next one.
        times: how many matching requests in a row are spoiled.
        delay_s: seconds until the connection is closed without an answer (``timeout``), or the answer comes (``slow``).
        retry_after_s: ``429_retry_after`` and ``429_reset``: seconds that the headers tell to wait.

    Raises:
        ValueError: an unknown kind, or a number below its least value.
    """

    kind: FaultKind
    path: str = ""
    nth: int = 1
    times: int = 1
    delay_s: float = 30.0
    retry_after_s: float = 4.0

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # where it comes over HTTP

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault kind {self.kind!r} (limit: {', '.join(sorted(KINDS))}). Next: choose one of them")
        if self.nth < 1 or self.times < 1 or self.delay_s < 0 or self.retry_after_s < 0:
            raise ValueError(f"{self} (limit: nth and times from 1, seconds from 0). Next: mend the numbers")

    def matches(self, path: str) -> bool:
        """Whether a request to the path counts."""
        if path in TOKEN_PATHS:
            return bool(self.path) and self.path in path
        return self.path in path


@dataclass
class _Pending:
    fault: Fault
    seen_n: int = 0

    @property
    def left_n(self) -> int:
        """How many answers it will still spoil."""
        return self.fault.times - max(0, self.seen_n - self.fault.nth + 1)


@dataclass
class FaultPlan:
    """The faults of one server. Safe to use from several threads."""

    _pending: list[_Pending] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, fault: Fault) -> None:
        """Plan one more; it counts requests from now on."""
        with self._lock:
            self._pending.append(_Pending(fault))

    def clear(self) -> None:
        """Forget all that has not happened yet."""
        with self._lock:
            self._pending.clear()

    @property
    def left_n(self) -> int:
        """How many answers are still to be spoiled."""
        with self._lock:
            return sum(pending.left_n for pending in self._pending)

    def due(self, path: str) -> Fault | None:
        """Count a request; the fault that spoils its answer, or None.

        Of several that are due the one added first wins; the others wait for the next request.
        """
        with self._lock:
            chosen: Fault | None = None
            for pending in self._pending:
                if not pending.fault.matches(path):
                    continue
                is_due = pending.seen_n + 1 >= pending.fault.nth
                if is_due and chosen is not None:
                    continue
                pending.seen_n += 1
                chosen = pending.fault if is_due else chosen
            self._pending = [pending for pending in self._pending if pending.left_n > 0]
            return chosen
