"""What a file proves by its records: made-up communities with nights and weekends, holes cut out of them, strays."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pulse.lake.spans import DAY_MIN, Stretch, merged, minute_of, proven_stretches, within_day

START = minute_of(date(2026, 3, 2))  # a Monday


def intensity(per_day: float, days_n: int) -> NDArray[np.float64]:
    """Contributions expected in each minute: quiet nights, lively evenings, weekends at two thirds."""
    hours = np.array([0.15 if 1 <= hour < 7 else 1.0 + 0.5 * np.exp(-((hour - 19) ** 2) / 8) for hour in range(24)])
    week = np.repeat(np.outer([1, 1, 1, 1, 1, 0.7, 0.7], hours).ravel(), 60)
    return np.resize(week / week.mean() * per_day / DAY_MIN, days_n * DAY_MIN)


def proven(counts: NDArray[np.int64]) -> list[Stretch]:
    """Stretches of a file whose minutes since ``START`` hold so many records."""
    at = np.flatnonzero(counts)
    return proven_stretches(at + START, counts[at])


def days_proven(stretches: list[Stretch], days_n: int) -> list[bool]:
    return [any(one.covers_day(START + day * DAY_MIN) for one in stretches) for day in range(days_n)]


@pytest.mark.parametrize(("per_day", "days_n", "files_n"), [(0.2, 365, 40), (2, 90, 60), (20, 60, 60), (200, 60, 30)])
def test_days_that_were_read__are_hardly_ever_called_unknown(per_day: float, days_n: int, files_n: int):
    rng = np.random.default_rng(11)
    unknown_n = read_n = 0
    for _ in range(files_n):
        counts = rng.poisson(intensity(per_day, days_n))
        minutes = np.flatnonzero(counts)
        first, last = minutes[0] // DAY_MIN, minutes[-1] // DAY_MIN
        known = days_proven(proven(counts), days_n)[first : last + 1]
        unknown_n += known.count(False)
        read_n += len(known)
    assert unknown_n <= 0.01 * read_n


@pytest.mark.parametrize(("per_day", "days_n"), [(0.2, 730), (2, 120), (20, 60), (200, 60)])
def test_holes__of_ten_expected_or_more_are_found(per_day: float, days_n: int):
    rng = np.random.default_rng(12)
    expected = intensity(per_day, days_n)
    so_far = np.cumsum(expected)
    found_n = holes_n = 0
    while holes_n < 60:
        counts = rng.poisson(expected)
        size = 10 * np.exp(rng.exponential(0.7))
        start = int(rng.integers(DAY_MIN, int(np.searchsorted(so_far, so_far[-1] - size)) - DAY_MIN))
        end = int(np.searchsorted(so_far, so_far[start] + size))
        counts[start:end] = 0
        if not counts[:start].any() or not counts[end:].any():
            continue
        holes_n += 1
        middle = START + (start + end) // 2
        found_n += not any(one.first_min <= middle < one.end_min for one in proven(counts))
    assert found_n >= 0.95 * holes_n


def test_bursts__of_people_who_answer_each_other_are_no_holes():
    rng = np.random.default_rng(13)
    days_n = 60
    starts = rng.integers(0, days_n * DAY_MIN, size=days_n * 4)
    replies = np.concatenate([start + np.cumsum(rng.exponential(12, size=rng.geometric(1 / 8))) for start in starts])
    minutes = replies[replies < days_n * DAY_MIN].astype(np.int64)
    counts = np.bincount(minutes, minlength=days_n * DAY_MIN)
    assert days_proven(proven(counts), days_n).count(False) <= 0.15 * days_n


def test_growth__does_not_make_the_quiet_beginning_a_hole():
    rng = np.random.default_rng(14)
    days_n = 400
    counts = rng.poisson(intensity(1, days_n) * np.repeat(np.exp(np.linspace(-1, 1.5, days_n)), DAY_MIN))
    first = int(np.flatnonzero(counts)[0]) // DAY_MIN
    assert days_proven(proven(counts), days_n)[first:].count(False) <= 0.03 * days_n


# ---- single things -----------------------------------------------------------


def every(hours: int, *, days_n: int) -> list[int]:
    return list(range(START + 30, START + days_n * DAY_MIN, hours * 60))


def test_stray__far_behind_the_last_record_proves_nothing():
    at = every(4, days_n=3)
    stray = START + 40 * DAY_MIN + 29
    stretches = proven_stretches([*at, stray], [1] * (len(at) + 1))
    assert stretches == [Stretch(START, START + 3 * DAY_MIN)]


@pytest.mark.parametrize("years", [1, 74])
def test_stray__of_another_time_does_not_thin_out_the_rate(years: int):
    at = every(4, days_n=2)
    stretches = proven_stretches([*at, at[-1] + years * 365 * DAY_MIN], [1] * (len(at) + 1))
    assert stretches == [Stretch(START, START + 2 * DAY_MIN)]


def test_cut_off_at_noon__leaves_the_last_day_partial():
    at = every(3, days_n=20)[:-4]
    (stretch,) = proven_stretches(at, [1] * len(at))
    assert (stretch.first_min, stretch.end_min) == (START, at[-1] + 1)
    assert not stretch.covers_day(START + 19 * DAY_MIN)


def test_edges__of_a_quiet_file_are_whole_days_and_no_more():
    at = [START + 3 * DAY_MIN + 700, START + 6 * DAY_MIN + 30, START + 9 * DAY_MIN + 900]
    assert proven_stretches(at, [1, 1, 1]) == [Stretch(START + 3 * DAY_MIN, START + 10 * DAY_MIN)]


def test_ten_missing_days__of_a_busy_community_are_unknown_and_those_beside_whole():
    at = [minute for minute in every(1, days_n=31) if not START + 10 * DAY_MIN <= minute < START + 20 * DAY_MIN]
    known = days_proven(proven_stretches(at, [2] * len(at)), 31)
    assert known == [day < 10 or day >= 20 for day in range(31)]


def test_nothing_and_one_record():
    assert proven_stretches([], []) == []
    assert proven_stretches([START + 5], [1]) == [Stretch(START + 5, START + 6)]


def test_within_day__cuts_at_midnight():
    stretches = [Stretch(START - 10, START + 20), Stretch(START + DAY_MIN - 5, START + DAY_MIN + 5)]
    assert within_day(stretches, date(2026, 3, 2)) == [
        Stretch(START, START + 20), Stretch(START + DAY_MIN - 5, START + DAY_MIN),
    ]  # fmt: skip
    assert within_day(stretches, date(2026, 3, 2) + timedelta(days=2)) == []


records = st.lists(st.integers(0, 40 * DAY_MIN), min_size=1, max_size=120, unique=True).map(sorted)


@given(records)
def test_any_file__proves_only_days_that_it_touches_or_lies_around(at: list[int]):
    stretches = proven_stretches([START + minute for minute in at], [1] * len(at))
    assert stretches == merged(stretches)
    first = START + at[0] - at[0] % DAY_MIN
    last = START + at[-1] - at[-1] % DAY_MIN + DAY_MIN
    assert all(first <= one.first_min < one.end_min <= last for one in stretches)


@given(records)
def test_any_file__is_judged_by_what_it_holds_not_by_when_it_was(at: list[int]):
    week = 7 * DAY_MIN
    stretches = proven_stretches([START + minute for minute in at], [1] * len(at))
    later = proven_stretches([START + week + minute for minute in at], [1] * len(at))
    assert [Stretch(one.first_min + week, one.end_min + week) for one in stretches] == later
