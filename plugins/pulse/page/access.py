"""Who asks, what they may do, and proof that a form was sent from a page of ours.

Whoever mounts the page knows its users; the page knows only what is here.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pulse.core.clock import Clock, utc_now

_TOKEN_HOLDS = timedelta(hours=12)


@dataclass(frozen=True)
class User:
    """Somebody who is logged in.

    Attributes:
        id: tells users apart; never shown.
        name: shown, and recorded with a release.
        may_release: whether they may let stopped loads through, and so see original lines.
    """

    id: str
    name: str
    may_release: bool = False


@dataclass(frozen=True)
class ReleaseRequest:
    """What somebody asked to be released: the load, the rules that need not hold, and why."""

    load_id: str
    waived: tuple[str, ...]
    reason: str
    asked_by: str


@dataclass(frozen=True)
class RunLinks:
    """Where the orchestrator shows a run, as paths on its own host; None where it has no such page."""

    run: str
    task: str | None = None


def _no_links(run_id: str, entry_id: str | None) -> RunLinks | None:  # noqa: ARG001  (the form that others have)
    return None


@dataclass(frozen=True)
class Access:
    """How the page meets what it is mounted in.

    Attributes:
        current_user: a dependency of FastAPI that gives the :class:`User`, or answers 401.
        secret: signs forms; the same in every process that serves the page.
        ask_release: hands a request to the orchestrator and gives the path of the run; None where nothing can be
            released.
        links: path of a run, and of the task in it that is about an entry, by run id and entry id.
        clock: says how old a form is.
    """

    current_user: Callable[..., Any]
    secret: bytes = field(repr=False)
    ask_release: Callable[[ReleaseRequest], str] | None = None
    links: Callable[[str, str | None], RunLinks | None] = _no_links
    clock: Clock = utc_now

    def token(self, user: User) -> str:
        """What a form carries: this user got it from us, within the last hours."""
        made_at = f"{self.clock().astimezone(UTC):%Y%m%d%H%M%S}"
        return f"{made_at}-{self._signature(user, made_at)}"

    def is_token_of(self, user: User, token: str) -> bool:
        """Whether a form with that token came from a page that this user was shown."""
        made_at, _, signature = token.partition("-")
        if not hmac.compare_digest(signature.encode(), self._signature(user, made_at).encode()):
            return False
        age = self.clock() - datetime.strptime(made_at, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return -timedelta(minutes=1) < age < _TOKEN_HOLDS

    def _signature(self, user: User, made_at: str) -> str:
        return hmac.new(self.secret, f"pulse page\0{user.id}\0{made_at}".encode(), hashlib.sha256).hexdigest()


def is_of_our_origin(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that a page of the same origin sent the request; those that say nothing are believed.

    It comes on top of the token, which programs that set no such headers need as well.
    """
    return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
