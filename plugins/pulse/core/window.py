"""The span of UTC days that a run works on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pulse.core.clock import day_is_over
from pulse.core.errors import ConfigError, DayNotOver

MAX_WINDOW_DAYS = 366
# Nothing that can be listened to is older; days near the calendar's beginning have no days before them to compare with.
EARLIEST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, order=True)
class Window:
    """Whole UTC days from ``first_day`` to ``last_day``, both included; one day in a daily run.

    Raises:
        ConfigError: the days are in the wrong order, more than ``MAX_WINDOW_DAYS``, or before ``EARLIEST_DAY``.
    """

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ConfigError(
                "window", value=str(self), limit="first day not after last day", next_step="swap --from and --to"
            )
        if self.first_day < EARLIEST_DAY:
            raise ConfigError(
                "window", value=self.first_day, limit=f"not before {EARLIEST_DAY}", next_step="choose a later day"
            )
        if self.days_n > MAX_WINDOW_DAYS:
            raise ConfigError(
                "window", value=f"{self.days_n} days", limit=f"{MAX_WINDOW_DAYS} days", next_step="split the window"
            )

    @classmethod
    def one_day(cls, day: date) -> "Window":
        """The window of a daily run."""
        return cls(day, day)

    @property
    def days_n(self) -> int:
        """How many days the window spans."""
        return (self.last_day - self.first_day).days + 1

    @property
    def start_at(self) -> datetime:
        """First instant inside, UTC."""
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC)

    @property
    def end_at(self) -> datetime:
        """First instant after, UTC; of the calendar's last day, its last instant."""
        if self.last_day == date.max:
            return datetime.max.replace(tzinfo=UTC)
        return datetime(self.last_day.year, self.last_day.month, self.last_day.day, tzinfo=UTC) + timedelta(days=1)

    def days(self) -> Iterator[date]:
        """Each day in order."""
        return (self.first_day + timedelta(days=offset) for offset in range(self.days_n))

    def require_over(self, now: datetime) -> None:
        """Refuse a window whose last day still runs.

        Raises:
            DayNotOver: with the earliest time at which the run makes sense.
        """
        if not day_is_over(self.last_day, now):
            raise DayNotOver(
                f"day {self.last_day.isoformat()}",
                value=f"now is {now:%Y-%m-%d %H:%M} UTC",
                limit="the day must be over",
                next_step=f"run again after {self.end_at:%Y-%m-%d %H:%M} UTC, or choose an earlier day",
            )

    def __str__(self) -> str:
        if self.first_day == self.last_day:
            return self.first_day.isoformat()
        return f"{self.first_day.isoformat()} to {self.last_day.isoformat()}"
