"""The one place that reads the wall clock.

It stamps when something was observed or recorded; it never decides which day is worked on: the day comes from the run.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now, aware and in UTC."""
    return datetime.now(tz=UTC)


def day_is_over(day: date, now: datetime) -> bool:
    """Whether the whole UTC ``day`` lies before the aware time ``now``."""
    return day < now.astimezone(UTC).date()
