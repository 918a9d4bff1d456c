"""A calendar month in UTC."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

from pulse.core.clock import day_is_over
from pulse.core.errors import ConfigError, DayNotOver
from pulse.core.window import Window

_PATTERN = re.compile(r"(\d{4})-(\d{2})", flags=re.ASCII)


@dataclass(frozen=True, order=True)
class Month:
    """One month, told by its first day."""

    first_day: date

    def __post_init__(self) -> None:
        if self.first_day.day != 1:
            raise ValueError(f"{self.first_day} is not the first day of a month")

    @classmethod
    def parse(cls, text: str, *, of: str = "month") -> "Month":
        """The month that is written ``YYYY-MM``.

        Args:
            of: what the text was given as, for the error.

        Raises:
            ConfigError: it is not one.
        """
        found = _PATTERN.fullmatch(text)
        try:
            return cls(date(int(found[1]), int(found[2]), 1)) if found else cls._refuse(of, text)
        except ValueError:
            return cls._refuse(of, text)

    @staticmethod
    def _refuse(of: str, text: str) -> "Month":
        raise ConfigError(of, value=text, limit="a month as YYYY-MM", next_step="give it as in 2026-10")

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.first_day.replace(day=monthrange(self.first_day.year, self.first_day.month)[1])

    @property
    def window(self) -> Window:
        """All its days."""
        return Window(self.first_day, self.last_day)

    def require_over(self, now: datetime) -> None:
        """Refuse a month whose last day still runs.

        Raises:
            DayNotOver: with the earliest time at which closing it makes sense.
        """
        if not day_is_over(self.last_day, now):
            end_at = self.window.end_at
            raise DayNotOver(
                f"month {self}",
                value=f"now is {now:%Y-%m-%d %H:%M} UTC",
                limit="the month must be over",
                next_step=f"close it after {end_at:%Y-%m-%d %H:%M} UTC, or choose an earlier month",
            )

    def __str__(self) -> str:
        return f"{self.first_day:%Y-%m}"
