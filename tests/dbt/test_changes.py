"""Whether a month's change is called clear as often as it should be: made-up series, judged by the models' own SQL.

The series come from NumPy with fixed seeds; nothing of the judgement is done here but to count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytestmark = pytest.mark.integration

Z = 1.96
JANUARY = date(2026, 1, 1)
# Weekday of the first day, 0 for Monday, and the days of both months.
DAYS = tuple(JANUARY + timedelta(days=place) for place in range(59))
SPLIT = 31
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """What the model says of the second month's comments, in the order of the series."""

    change: Any
    low: Any
    high: Any
    is_clear: Any
    share: Any

    @property
    def clear_n(self) -> int:
        return int(np.sum(self.is_clear))


def judged(models: Any, counts: Counts, *, days: Sequence[date] = DAYS, complete: Any = None) -> Judged:
    """Judge series of daily comments, one community each; days that are not complete have what they have."""
    series_n, days_n = counts.shape
    rows = {
        "platform": ["reddit"] * counts.size,
        "community": np.repeat([f"group{number:04}" for number in range(series_n)], days_n),
        "contribution_date": list(days) * series_n,
    }
    is_complete = np.ones(counts.shape, bool) if complete is None else complete
    models.fill_columns("intermediate.int_day_outcomes", rows | {"is_complete": is_complete.ravel()})
    months = [day.replace(day=1) for day in days] * series_n
    nothing = np.zeros(counts.size, np.int64)
    models.fill_columns(
        "intermediate.int_month_days",
        rows
        | {"month_start_date": months, "comments": counts.ravel()}
        | dict.fromkeys(("posts", "contributions", "contributors"), nothing),
    )
    for empty in ("int_community_days", "int_contributor_periods"):
        models.fill(f"intermediate.{empty}", [])
    models.build("intermediate.int_count_changes")
    found = models.connection.execute(
        "select change, change_low, change_high, is_change_clear, change_share "
        "from working.intermediate.int_count_changes "
        "where figure = 'comments' and platform <> '*' and month_start_date = ? order by community",
        [max(months)],
    ).fetchnumpy()
    return Judged(*(np.ma.filled(found[name], False if name == "is_change_clear" else np.nan) for name in found))


def expected_counts(
    rng: np.random.Generator, series_n: int, *, least: float, most: float, days: Sequence[date] = DAYS
) -> npt.NDArray[np.float64]:
    """Means by day, evenly spread over the orders of magnitude; each community has weekdays of its own."""
    levels = np.exp(rng.uniform(math.log(least), math.log(most), series_n))
    pattern = np.exp(rng.normal(0, 0.3, (series_n, 7)))
    pattern /= pattern.mean(axis=1, keepdims=True)
    return levels[:, None] * pattern[:, [day.weekday() for day in days]]


def overdispersed(
    rng: np.random.Generator, means: npt.NDArray[np.float64], *, least: float = 3, most: float = 20
) -> Counts:
    """Negative binomial: each day has a height of its own, by 22 to 58 % as one standard deviation."""
    shape = np.exp(rng.uniform(math.log(least), math.log(most), (len(means), 1)))
    return rng.poisson(means * rng.gamma(shape, 1 / shape, means.shape))


def with_memory(rng: np.random.Generator, means: npt.NDArray[np.float64], *, memory: float) -> Counts:
    """The same, but a day takes after the day before it."""
    heights = rng.standard_normal(means.shape)
    for place in range(1, means.shape[1]):
        heights[:, place] = memory * heights[:, place - 1] + math.sqrt(1 - memory**2) * heights[:, place]
    spread = 0.35
    return rng.poisson(means * np.exp(spread * heights - spread**2 / 2))


def grown(means: npt.NDArray[np.float64], times: float) -> npt.NDArray[np.float64]:
    return means * np.where(np.arange(means.shape[1]) < SPLIT, 1.0, times)


# ---- how often --------------------------------------------------------------


def test_counts__of_a_thousand_series_that_did_not_change_one_in_twenty_is_called_clear(models: Any):
    rng = np.random.default_rng(20261127)
    found = judged(models, overdispersed(rng, expected_counts(rng, 1_000, least=3, most=300)))
    assert len(found.change) == 1_000
    assert 20 <= found.clear_n <= 70
    assert np.mean((found.low <= 0) & (found.high >= 0)) == 1 - found.clear_n / 1_000
    # January has 31 days and February 28; neither looks like more than the other.
    assert abs(np.mean(found.share)) < 0.02


def test_counts__half_as_much_again_is_found_at_thirty_a_day(models: Any):
    rng = np.random.default_rng(30)
    means = expected_counts(rng, 1_000, least=30, most=30)
    found = judged(models, overdispersed(rng, grown(means, 1.5)))
    assert found.clear_n >= 800
    assert np.mean(found.share) == pytest.approx(0.5, abs=0.03)
    assert np.all(found.low[found.is_clear] > 0), "nothing grew downwards"
    # The change is a number of comments: half of what 28 such days would have brought, and its interval holds that 19
    # times in 20.
    wanted = 0.5 * means[:, SPLIT:].sum(axis=1)
    assert 0.93 <= np.mean((found.low <= wanted) & (wanted <= found.high)) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("kind", "least_n", "most_n"),
    [
        # Poisson: a dispersion under 1 is not believed, so that fewer are called clear.
        ("poisson", 10, 60),
        ("overdispersed", 20, 70),
        ("few", 20, 70),
        ("many", 20, 75),
        # A day that takes after the day before: without a correction 130 and 210.
        ("memory of 0.3", 20, 100),
        ("memory of 0.5", 20, 130),
    ],
)
def test_counts__no_change_is_called_clear_much_more_often_than_it_should(
    models: Any, seed: int, kind: str, least_n: int, most_n: int
):
    rng = np.random.default_rng(seed)
    least, most = {"few": (3, 6), "many": (100, 300)}.get(kind, (3, 300))
    means = expected_counts(rng, 1_000, least=least, most=most)
    if kind == "poisson":
        counts = rng.poisson(means)
    elif kind.startswith("memory"):
        counts = with_memory(rng, means, memory=float(kind.rsplit(maxsplit=1)[-1]))
    else:
        counts = overdispersed(rng, means)
    assert least_n <= judged(models, counts).clear_n <= most_n


@pytest.mark.slow
@pytest.mark.parametrize("month", range(1, 13))
def test_counts__whatever_month_follows_which(models: Any, month: int):
    rng = np.random.default_rng(month)
    first = date(2025, month, 1)
    second = (first + timedelta(days=31)).replace(day=1)
    after = (second + timedelta(days=31)).replace(day=1)
    days = [first + timedelta(days=place) for place in range((after - first).days)]
    found = judged(models, overdispersed(rng, expected_counts(rng, 1_000, least=3, most=300, days=days)), days=days)
    assert 20 <= found.clear_n <= 75


@pytest.mark.slow
def test_counts__missing_days_make_no_fall(models: Any):
    rng = np.random.default_rng(8)
    counts = overdispersed(rng, expected_counts(rng, 1_000, least=3, most=300))
    complete = np.ones(counts.shape, bool)
    complete[:, [33, 34, 35, 36, 45, 52]] = False
    counts[:, [33, 34, 35]] = 0  # never brought
    counts[:, [36, 45, 52]] //= 2  # brought in part
    found = judged(models, counts, complete=complete)
    assert 20 <= found.clear_n <= 75
    assert abs(np.mean(found.share)) < 0.02


# ---- one by one -------------------------------------------------------------


def by_hand(counts: Sequence[int], complete: Sequence[bool]) -> tuple[float, float, float]:
    """The change and its bounds, in the words of docs/metrics.md."""
    months = [range(SPLIT), range(SPLIT, len(DAYS))]
    known = [[place for place in month if complete[place]] for month in months]
    usual, residuals = [], {}
    for month in known:
        of_weekday = {
            weekday: [counts[place] for place in month if DAYS[place].weekday() == weekday] for weekday in range(7)
        }
        mean = {weekday: sum(of) / len(of) for weekday, of in of_weekday.items()}
        usual.append((mean, {weekday: len(of) for weekday, of in of_weekday.items()}))
        for place in month:
            fit = mean[DAYS[place].weekday()]
            residuals[place] = (counts[place] - fit) / math.sqrt(fit) if fit else 0.0
    (before, days_before), (_, days_now) = usual
    degrees = len(residuals) - 14
    squares = [sum(residuals[place] ** 2 for place in month) for month in known]
    products = sum(
        residuals[place] * residuals[place - 1] for place in residuals if place - 1 in residuals and place != SPLIT
    )
    memory = min(0.8, max(0.0, products / sum(squares))) if sum(squares) else 0.0
    dispersion_before, dispersion = (
        max(1.0, of / (len(month) - 7)) * (1 + memory) / (1 - memory) for of, month in zip(squares, known, strict=True)
    )
    t = Z + (Z**3 + Z) / (4 * degrees) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)

    def bounds(value: float, of_dispersion: float) -> tuple[float, float]:
        middle, half = value + t**2 * of_dispersion / 2, t**2 * of_dispersion / 4
        half = t * math.sqrt(of_dispersion * (value + half))
        return max(0.0, middle - half), middle + half

    now = sum(counts[place] for place in known[1])
    expected = sum(days_now[weekday] * before[weekday] for weekday in range(7))
    variance = sum(days_now[weekday] ** 2 * before[weekday] / days_before[weekday] for weekday in range(7))
    low, high = bounds(now, dispersion)
    low_before, high_before = bounds(expected, dispersion_before * (variance / expected if expected else 1))
    scale = 28 / len(known[1])
    difference = now - expected
    return (
        scale * difference,
        scale * (difference - math.hypot(now - low, expected - high_before)),
        scale * (difference + math.hypot(now - high, expected - low_before)),
    )


def test_counts__are_judged_as_the_document_says(models: Any):
    rng = np.random.default_rng(5)
    means = np.vstack([expected_counts(rng, 40, least=0.3, most=300), np.zeros((1, len(DAYS)))])
    counts = overdispersed(rng, grown(means, 1.3))
    complete = rng.random(counts.shape) < 0.97
    complete[-1] = True
    found = judged(models, counts, complete=complete)
    told = [
        by_hand(of, known)
        for of, known in zip(counts.tolist(), complete.tolist(), strict=True)
        if min(
            sum(known[place] for place in month if DAYS[place].weekday() == weekday)
            for month in (range(SPLIT), range(SPLIT, len(DAYS)))
            for weekday in range(7)
        )
        >= 2
    ]
    assert len(told) > 30
    rows = [row for row in zip(found.change, found.low, found.high, strict=True) if not math.isnan(row[0])]
    assert rows == [pytest.approx(of, rel=1e-4, abs=1e-3) for of in told]
    assert found.change[-1] == 0
    assert not found.is_clear[-1], "nothing after nothing is no change"


def test_counts__the_same_every_day_is_no_fall_in_a_short_month_and_exact_in_equal_ones(models: Any):
    same = judged(models, np.full((1, 59), 100))
    assert (same.change[0], same.share[0], bool(same.is_clear[0])) == (0, 0, False)
    # A community that began in the middle of the month: after nothing it is there, however unevenly.
    begun = judged(models, np.array([[0] * 47 + [30] * 12]))
    assert (begun.change[0], bool(begun.is_clear[0]), math.isnan(begun.share[0])) == (360, True, True)
    # July and August: whole months of equal length, in which every day brought ten more.
    days = [date(2026, 7, 1) + timedelta(days=place) for place in range(62)]
    counts = np.array([[100] * 31 + [110] * 31])
    more = judged(models, counts, days=days)
    assert (more.change[0], more.share[0]) == (pytest.approx(310), pytest.approx(0.1))


def people(
    rng: np.random.Generator, series_n: int, *, regulars_n: int, once_a_day: float, times: float = 1.0
) -> tuple[dict[str, list[Any]], Counts]:
    """Rows of int_contributor_periods, and people by day: some come back, others are met on one day only."""
    rows: dict[str, list[Any]] = {name: [] for name in ("community", "period_start_date", "author_key", "day_bits")}
    daily = np.zeros((series_n, len(DAYS)), np.int64)
    for number in range(series_n):
        for month, length in ((slice(0, SPLIT), 31), (slice(SPLIT, 59), 28)):
            factor = times if month.start else 1.0
            heights = rng.gamma(8, 1 / 8, length)
            chances = np.minimum(0.9, rng.gamma(0.3, 0.15, round(regulars_n * factor)))
            is_there = rng.random((len(chances), length)) < np.minimum(0.95, chances[:, None] * heights)
            once = rng.poisson(once_a_day * factor * heights)
            daily[number, month] = is_there.sum(axis=0) + once
            places = np.arange(length)
            bits = np.concatenate([(is_there * (1 << places)).sum(axis=1), np.repeat(1 << places, once)])
            bits = bits[bits > 0]
            rows["community"] += [f"group{number:04}"] * len(bits)
            rows["period_start_date"] += [DAYS[month][0]] * len(bits)
            rows["author_key"] += [f"{month.start} {place}" for place in range(len(bits))]
            rows["day_bits"] += bits.tolist()
    return rows, daily


def contributors_judged(models: Any, rows: dict[str, list[Any]], daily: Counts) -> tuple[float, float]:
    """How many of the changes are clear, and their mean share."""
    judged(models, daily)  # the days; then the people who wrote on them
    models.connection.execute("update working.intermediate.int_month_days set contributors = comments")
    n = len(rows["community"])
    of_months = {"period": ["month"] * n, "platform": ["reddit"] * n}
    models.fill_columns("intermediate.int_contributor_periods", rows | of_months)
    models.build("intermediate.int_count_changes")
    found = models.connection.execute(
        "select avg(cast(is_change_clear as int)), avg(change_share) from working.intermediate.int_count_changes "
        "where figure = 'contributors' and platform <> '*' and change is not null"
    ).fetchone()
    assert found
    return found


def test_contributors__a_short_month_meets_fewer_people_without_having_lost_them(models: Any):
    rng = np.random.default_rng(2)
    clear, share = contributors_judged(models, *people(rng, 150, regulars_n=100, once_a_day=8))
    # People who come back make the number surer than the interval says, never less sure.
    assert clear <= 0.07
    assert abs(share) < 0.02
    clear, share = contributors_judged(models, *people(rng, 150, regulars_n=100, once_a_day=8, times=1.5))
    assert clear >= 0.8
    assert share == pytest.approx(0.5, abs=0.05)


def test_shares__two_months_with_equal_errors_are_called_clear_one_time_in_twenty(models: Any):
    rng = np.random.default_rng(4)
    series_n, n, truth = 2_000, 200, 0.6
    rows: dict[str, list[Any]] = {}
    answered = rng.binomial(n, truth, (series_n, 2))
    share = answered / n
    centre = (answered + Z**2 / 2) / (n + Z**2)
    half = Z / (n + Z**2) * np.sqrt(answered * (n - answered) / n + Z**2 / 4)
    both = 2 * series_n
    rows = {
        "platform": ["reddit"] * both,
        "community": np.repeat([f"group{number:04}" for number in range(series_n)], 2),
        "month_start_date": [JANUARY, date(2026, 2, 1)] * series_n,
        "response_rate_24h": share.ravel(),
        "response_rate_24h_low": (centre - half).ravel(),
        "response_rate_24h_high": (centre + half).ravel(),
        "response_rate_24h_n": np.full(both, n),
        "days_n": [31, 28] * series_n,
        "days_complete_n": [31, 28] * series_n,
        "days_known_n": [31, 28] * series_n,
    }
    models.fill_columns("marts.fct_community_monthly", rows)
    for empty in ("marts.fct_sentiment_monthly", "marts.fct_business_results_daily", "intermediate.int_month_inputs",
                  "intermediate.int_count_changes"):  # fmt: skip
        models.fill(empty, [])
    models.build("marts.fct_kpis_monthly")
    found = models.connection.execute(
        """
        select avg(cast(now.is_change_clear as int)),
            avg(cast(before.value not between now.value_low and now.value_high as int))
        from working.marts.fct_kpis_monthly as now
        inner join working.marts.fct_kpis_monthly as before using (platform, community, kpi)
        where kpi = 'response_rate_24h' and now.month_start_date = date '2026-02-01'
            and before.month_start_date = date '2026-01-01'
        """
    ).fetchone()
    clear, outside = found
    assert 0.035 <= clear <= 0.065
    assert outside > 0.14, "what last month's point against this month's interval would have called a change"
