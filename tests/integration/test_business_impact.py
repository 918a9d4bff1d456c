"""Results that follow what a community did are found at their lag; noise is not found more often than it should be.

The SQL is the model's own, as dbt compiled it for the made-up world, over tables that the test makes.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

pytestmark = pytest.mark.integration

DAYS_N = 90
FIRST_DAY = date(2026, 6, 1)
LAG = 7


@pytest.fixture
def impact(world_run: Any) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A database with the marts that the model reads, empty; and the model's query."""
    (file,) = world_run.home.dbt.glob("target/compiled/**/fct_business_impact.sql")
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as working")
        connection.execute("create schema working.marts")
        for table, columns in {
            "fct_community_daily": "platform varchar, community varchar, contribution_date date, comments bigint, "
            "is_day_complete boolean, is_comments_complete boolean, is_silent_everywhere boolean, "
            "communities_arrived_share double",
            "fct_sentiment_daily": "platform varchar, community varchar, contribution_date date, positive_n bigint, "
            "negative_n bigint, scored_n bigint, net_sentiment double, is_day_complete boolean",
            # Nothing here stands in two communities.
            "fct_contributions": "platform varchar, community varchar, contribution_date date, kind varchar, "
            "author_role varchar, sentiment_label varchar, is_repeat boolean, is_looked_at boolean",
            "fct_business_results_daily": "platform varchar, community varchar, result_date date, currency varchar, "
            "visits bigint, leads bigint, sales bigint, revenue decimal(18, 4)",
        }.items():
            connection.execute(f"create table working.marts.{table} ({columns})")
        yield connection, file.read_text()


def fill(connection: duckdb.DuckDBPyConnection, series: dict[str, tuple[list[int], list[int]]]) -> None:
    """Comments and sales of each community, day by day."""
    rows = [
        {"community": community, "day": FIRST_DAY + timedelta(days=number), "comments": of_day, "sales": sold}
        for community, (comments, sales) in series.items()
        for number, (of_day, sold) in enumerate(zip(comments, sales, strict=True))
    ]
    connection.register("series", pa.Table.from_pylist(rows))
    connection.execute(
        "insert into working.marts.fct_community_daily "
        "select 'reddit', community, day, comments, true, true, false, 0.5 from series"
    )
    connection.execute(
        "insert into working.marts.fct_business_results_daily "
        "select 'reddit', community, day, null, null, null, sales, null from series"
    )


def noise(chance: random.Random, *, memory: float, growth: float = 0.0) -> list[int]:
    """Days that resemble the day before, each week louder at its end."""
    values, state = [], 0.0
    for number in range(DAYS_N):
        state = memory * state + chance.gauss(0, 10)
        values.append(round(200 + state + growth * number + (60 if number % 7 > 4 else 0)))
    return values


def test_impact__sales_that_follow_comments_are_found_at_their_lag(impact: Any):
    connection, query = impact
    chance = random.Random(3)  # noqa: S311  (the same series each time)
    comments = noise(chance, memory=0.5)
    sales = [round(0.5 * comments[max(0, number - LAG)] + chance.gauss(0, 4)) for number in range(DAYS_N)]
    fill(connection, {"tea": (comments, sales)})
    (found,) = connection.execute(
        f"select lag_days, correlation, correlation_low, claim from ({query}) "
        "where is_strongest_lag and is_beyond_chance and community = 'tea'"
    ).fetchall()
    lag, correlation, low, claim = found
    assert (lag, claim) == (LAG, "association")
    assert 0.5 < low < correlation < 1


def test_impact__noise_is_found_in_at_most_one_pair_of_twenty(impact: Any):
    connection, query = impact
    chance = random.Random(4)  # noqa: S311
    kinds = {"white": (0.0, 0.0), "slow": (0.7, 0.0), "growing": (0.3, 0.8)}
    pairs_n = 100
    fill(
        connection,
        {
            f"{kind} {number}": (
                noise(chance, memory=memory, growth=growth),
                noise(chance, memory=memory, growth=growth),
            )
            for kind, (memory, growth) in kinds.items()
            for number in range(pairs_n)
        },
    )
    found = dict(
        connection.execute(
            f"select split_part(community, ' ', 1), count(distinct community) filter (where is_beyond_chance) "
            f"from ({query}) where community <> '*' group by all"
        ).fetchall()
    )
    assert set(found) == set(kinds)
    assert sum(found.values()) <= 0.05 * pairs_n * len(kinds), found
    # A detector that never finds anything would pass the line above; the test before this one is against that.
