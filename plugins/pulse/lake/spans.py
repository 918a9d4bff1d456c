"""What a file proves that it read: the stretches of time between its records, without the holes.

A file does not say what was left out when it was made, so its records have to: between the first and the last it
lists everything, unless it shows nothing where its own rate lets many contributions be expected. How many would be
expected in a silence is reckoned from the file itself: from the records around that silence, and from how all lie over
hours of the day and days of the week, so that a quiet night is not taken for a hole.

Times are minutes since 1970, UTC. Works on minutes that hold records, not on records: a month has 44,640 of them
however large the file is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import log

import numpy as np
from numpy.typing import NDArray

DAY_MIN = 24 * 60
# A silence in which so many contributions were to be expected is a hole. With e^-10 of all silences as long by chance,
# the busiest community of the tests (200 a day) has one false hole in 100 days; a busier one needs more.
MIN_EXPECTED = 9.0
_FALSE_HOLES_PER_DAY = 0.006
# The day on which a stretch begins or ends is whole if fewer than so many are expected to be missing of it.
MAX_MISSING_AT_EDGE = 3.0
# Records that stand alone behind a hole are strays: they prove nothing.
_MIN_RECORDS = 3
# How much the shape of day and week is drawn towards evenness: records added to each hour, and to each weekday.
_HOUR_PRIOR = 3.0
_WEEKDAY_PRIOR = 20.0
# Below two weeks a quiet weekday and a hole look the same.
_SHORTEST_WITH_WEEKDAYS = 14
# So many records on each side of a silence say what the rate is there.
_NEIGHBOURS = 200
# In standard errors of the logarithm of two rates.
_CLEARLY_DIFFERENT = 3.0
# From where on arrivals count as bursty, and what no burstiness excuses.
_CLEARLY_BURSTY, _MOST_BURSTY = 1.25, 5.0
_MOST_ROUNDS = 20
_MONDAY_SHIFT_DAYS = 3  # 1970-01-01 was a Thursday

Minutes = NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Stretch:
    """Minutes from ``first_min`` to before ``end_min`` in which a file lists everything."""

    first_min: int
    end_min: int

    def covers_day(self, day_min: int) -> bool:
        """Whether the day that begins at that minute lies in it."""
        return self.first_min <= day_min and day_min + DAY_MIN <= self.end_min


def minute_at(minute: int) -> datetime:
    """The time at which a minute since 1970 begins."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def proven_stretches(minutes: Sequence[int] | Minutes, counts: Sequence[int] | Minutes) -> list[Stretch]:
    """The stretches that records prove, in order and apart from each other.

    Args:
        minutes: minutes that hold records, ascending, each once.
        counts: how many records each holds.

    Returns:
        Stretches reach from the minute of their first record to the end of that of their last, and to the edge of
        the day where fewer than three records are expected between. A single record proves its own minute only.
    """
    at, n = np.asarray(minutes, dtype=np.int64), np.asarray(counts, dtype=np.int64)
    if not len(at):
        return []
    if n.sum() < 2:
        return [Stretch(int(at[0]), int(at[0]) + 1)]
    holes = _holes(at, n)
    shape = _shape(at, n, holes)
    starts, ends = np.append(0, holes + 1), np.append(holes, len(at) - 1)
    found = []
    for start, end in zip(starts, ends, strict=True):
        records_n = int(n[start : end + 1].sum())
        if len(holes) and records_n < _MIN_RECORDS:
            continue
        found.append(shape.to_edges(int(at[start]), int(at[end]) + 1))
    return merged(found)


def merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same minutes in as few stretches as possible, in order."""
    found: list[Stretch] = []
    for stretch in sorted(stretches):
        if found and stretch.first_min <= found[-1].end_min:
            found[-1] = Stretch(found[-1].first_min, max(found[-1].end_min, stretch.end_min))
        else:
            found.append(stretch)
    return found


# ---- how many are to be expected ---------------------------------------------


@dataclass(frozen=True)
class _Shape:
    """How the records of a file lie over the hours of a week.

    Attributes:
        per_week: running sum, over the 10,080 minutes of a week that begins on Monday, of weights that are 1 on
            average; one longer than the week.
        rate: records a minute of weight 1, counted over whole days.
    """

    per_week: NDArray[np.float64]
    rate: float

    def weight_until(self, at: Minutes) -> NDArray[np.float64]:
        """Weight from Monday 1969-12-29 until each minute."""
        weeks, rest = np.divmod(at + _MONDAY_SHIFT_DAYS * DAY_MIN, 7 * DAY_MIN)
        return np.asarray(weeks * self.per_week[-1] + self.per_week[rest], dtype=np.float64)

    def to_edges(self, first_min: int, end_min: int) -> Stretch:
        """Both ends moved to midnight where few enough are expected between."""
        day_start = first_min - first_min % DAY_MIN
        day_end = -(-end_min // DAY_MIN) * DAY_MIN
        until = self.weight_until(np.array([day_start, first_min, end_min, day_end], dtype=np.int64)) * self.rate
        return Stretch(
            day_start if until[1] - until[0] < MAX_MISSING_AT_EDGE else first_min,
            day_end if until[3] - until[2] < MAX_MISSING_AT_EDGE else end_min,
        )


def _shape(at: Minutes, n: Minutes, holes: Minutes) -> _Shape:
    """The shape outside the holes."""
    days = at // DAY_MIN
    is_watched = _watched_days(days, holes)
    hours = np.bincount((at % DAY_MIN) // 60, weights=n, minlength=24) + _HOUR_PRIOR
    weekday_n = np.bincount((days + _MONDAY_SHIFT_DAYS) % 7, weights=n, minlength=7)
    watched = np.arange(days[0], days[-1] + 1)[is_watched]
    weekday_days = np.bincount((watched + _MONDAY_SHIFT_DAYS) % 7, minlength=7)
    mean = n.sum() / len(watched)
    weekdays = np.ones(7)
    if len(watched) >= _SHORTEST_WITH_WEEKDAYS:
        weekdays = (weekday_n + _WEEKDAY_PRIOR) / (weekday_days * mean + _WEEKDAY_PRIOR)
    weights = np.repeat(np.outer(weekdays / weekdays.mean(), hours / hours.mean()).ravel(), 60)
    per_week = np.append(0.0, np.cumsum(weights / weights.mean()))
    return _Shape(per_week, float(mean / DAY_MIN))


def _watched_days(days: Minutes, holes: Minutes) -> NDArray[np.bool_]:
    """From the first to the last day: which of them do not lie wholly inside a hole."""
    inside = np.zeros(days[-1] - days[0] + 2, dtype=np.int64)
    for hole in holes:
        before, after = days[hole] - days[0], days[hole + 1] - days[0]
        if after - before > 1:
            inside[before + 1] += 1
            inside[after] -= 1
    return np.asarray(np.cumsum(inside)[:-1] == 0)


def _holes(at: Minutes, n: Minutes) -> Minutes:
    """Places of the minutes before a hole.

    What is a hole changes the shape, and the rate around the others, so they are looked for until no more are found.
    """
    holes = np.empty(0, dtype=np.int64)
    for _ in range(_MOST_ROUNDS):
        found = np.union1d(holes, _holes_beside(_shape(at, n, holes), at, n, holes))
        if len(found) == len(holes):
            break
        holes = found
    return holes


def _holes_beside(shape: _Shape, at: Minutes, n: Minutes, known: Minutes) -> Minutes:
    """Silences too long for the rate of the records before and after them.

    A community grows and fades, so the rate is that of the nearest records, without the holes known already. Where N
    silences took a time E, none within a time g has the probability (1 + g/E)^-N, whatever the rate; minus its
    logarithm is, for many N, the number to be expected in g.
    """
    silent = shape.weight_until(at[1:]) - shape.weight_until(at[:-1] + 1)
    is_known = np.zeros(len(silent), dtype=bool)
    is_known[known] = True
    # Time and silences so far, up to the end of each minute with records.
    minutes_weight = shape.weight_until(at + 1) - shape.weight_until(at)
    time = np.cumsum(minutes_weight) + np.append(0.0, np.cumsum(np.where(is_known, 0.0, silent)))
    silences_n = np.cumsum(n) - 1 - np.append(0, np.cumsum(is_known))
    before, after = np.arange(len(silent)), np.arange(1, len(silent) + 1)
    first = np.searchsorted(silences_n, silences_n[before] - _NEIGHBOURS, side="left")
    last = np.minimum(np.searchsorted(silences_n, silences_n[after] + _NEIGHBOURS, side="left"), len(at) - 1)
    before_n, before_time = silences_n[before] - silences_n[first], time[before] - time[first]
    after_n, after_time = silences_n[last] - silences_n[after], time[last] - time[after]
    beside_n, beside_time = _of_steady_sides(before_n, before_time, after_n, after_time)
    expected = beside_n * np.log1p(silent / beside_time)
    per_day = np.maximum(beside_n, 1) / beside_time * DAY_MIN
    limit = np.maximum(MIN_EXPECTED, np.log(per_day / _FALSE_HOLES_PER_DAY))
    is_hole = expected >= limit * _burstiness(expected[~is_known], int(n.sum()))
    return np.flatnonzero(is_hole & ~is_known)


def _of_steady_sides(
    before_n: Minutes, before_time: NDArray[np.float64], after_n: Minutes, after_time: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Silences and time on both sides together; where the rates clearly differ, those of the quieter side alone."""
    before_time, after_time = np.maximum(before_time, 1.0), np.maximum(after_time, 1.0)
    is_known = (before_n > 0) & (after_n > 0)
    some_before, some_after = np.maximum(before_n, 1), np.maximum(after_n, 1)
    ratio = np.log(some_before / before_time) - np.log(some_after / after_time)
    is_clear = is_known & (np.abs(ratio) > _CLEARLY_DIFFERENT * np.sqrt(1 / some_before + 1 / some_after))
    is_before, is_after = ~(is_clear & (ratio > 0)), ~(is_clear & (ratio <= 0))
    return (
        np.asarray(before_n * is_before + after_n * is_after, dtype=np.float64),
        np.asarray(before_time * is_before + after_time * is_after, dtype=np.float64),
    )


def _burstiness(expected: NDArray[np.float64], records_n: int) -> float:
    """How much longer the long silences are than those of independent arrivals; 1 where that is not clear.

    People answer each other, so silences between bursts are longer than chance makes them. Compared is the one that one
    in a hundred exceeds, or the eighth if that is shorter: a few holes do not move it.
    """
    place = max(8, records_n // 100)
    if records_n < 10 * place:
        return 1.0
    usual = log(records_n / place)
    seen = float(np.sort(expected)[-place]) if len(expected) >= place else 0.0
    ratio = seen / usual
    return min(ratio, _MOST_BURSTY) if ratio > _CLEARLY_BURSTY else 1.0


# ---- days --------------------------------------------------------------------


def minute_of(day: date) -> int:
    """The first minute of a UTC day."""
    return (day - date(1970, 1, 1)).days * DAY_MIN


def within_day(stretches: Sequence[Stretch], day: date) -> list[Stretch]:
    """What of the stretches lies in a UTC day."""
    start = minute_of(day)
    end = start + DAY_MIN
    return [
        Stretch(max(stretch.first_min, start), min(stretch.end_min, end))
        for stretch in stretches
        if stretch.first_min < end and start < stretch.end_min
    ]
