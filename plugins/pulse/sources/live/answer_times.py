"""Times that an answer tells: its own, and how long the platform wants no further call.

Each platform spells the second one its own way; all known spellings are read here and nowhere else:

======================  ==================================================================================
Any server              ``Retry-After`` in seconds, or as a date
Reddit                  ``x-ratelimit-reset`` in seconds from now, with or without a fraction
Bluesky                 ``ratelimit-reset`` in seconds since 1970
Mastodon                ``X-RateLimit-Reset`` as an ISO time
Discord                 ``retry_after`` in the body and ``X-RateLimit-Reset-After``: seconds with a fraction
Discourse               ``extras.wait_seconds`` in the body
Stack Exchange          ``backoff`` in the body, of good answers too; a sentence once the quota is used up
======================  ==================================================================================
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pulse.core.clock import utc_now

# Daily quotas end within a day; what asks for more is no wait that anybody means.
LONGEST_WAIT_S = 86_400.0
# A larger number is a time since 1970 (this one is in 2001), a smaller one a wait.
_FIRST_EPOCH_S = 1_000_000_000
# From the plainest to the one that depends on two clocks.
_RESETS = ("x-ratelimit-reset-after", "x-ratelimit-reset", "ratelimit-reset")
_REMAINING = ("x-ratelimit-remaining", "ratelimit-remaining")
_MORE_AVAILABLE = re.compile(r"more requests available in (\d{1,9}) seconds")


def answered_at(headers: Mapping[str, str]) -> datetime:
    """The answer's ``Date``, UTC, whole seconds; our own clock where there is none.

    Args:
        headers: of an HTTP library, which compares names without case.
    """
    return _date_in(headers.get("date", "")) or utc_now().replace(microsecond=0)


def wait_asked_s(headers: Mapping[str, str], document: object = None) -> float | None:
    """How long the platform asks to wait, at most a day; None if it does not say.

    Args:
        headers: as in :func:`answered_at`.
        document: the answer's JSON, if it is any.
    """
    now = answered_at(headers)
    told = (
        _seconds_from(headers.get("retry-after"), now),
        _seconds_in(document),
        *(_seconds_from(headers.get(name), now) for name in _RESETS),
    )
    return next((_bounded(seconds) for seconds in told if seconds is not None), None)


def used_up_for_s(headers: Mapping[str, str], document: object = None) -> float:
    """How long no further call may follow this answer, though it is a good one; 0 if one may."""
    now = answered_at(headers)
    waits = [_backoff_in(document) or 0.0]
    remaining = [_number(headers.get(name)) for name in _REMAINING]
    if any(left is not None and left < 1 for left in remaining):
        resets = (_seconds_from(headers.get(name), now) for name in _RESETS)
        waits.append(next((seconds for seconds in resets if seconds is not None), 0.0))
    return _bounded(max(waits))


def _seconds_from(text: str | None, now: datetime) -> float | None:
    """A wait, given as such, as seconds since 1970, as an ISO time or as a date of HTTP; None if it is none of them."""
    if not text:
        return None
    number = _number(text)
    if number is not None:
        return number - now.timestamp() if number >= _FIRST_EPOCH_S else number
    until = _iso_time_in(text) or _date_in(text)
    return None if until is None else (until - now).total_seconds()


def _seconds_in(document: object) -> float | None:
    """A wait in the body of an answer that refuses more calls."""
    if not isinstance(document, dict):
        return None
    extras = document.get("extras")
    told = (
        _number(document.get("retry_after")),
        _number(extras.get("wait_seconds")) if isinstance(extras, dict) else None,
        _backoff_in(document),
    )
    found = next((seconds for seconds in told if seconds is not None), None)
    if found is not None:
        return found
    sentence = _MORE_AVAILABLE.search(str(document.get("error_message", "")))
    return float(sentence[1]) if sentence else None


def _backoff_in(document: object) -> float | None:
    return _number(document.get("backoff")) if isinstance(document, dict) else None


def _number(value: object) -> float | None:
    """A finite number, written or as such."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _iso_time_in(text: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _date_in(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
