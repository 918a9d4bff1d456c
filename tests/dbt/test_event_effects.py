"""Effects of offers and launches, by the marts' own SQL over made-up weeks: how often one is seen that is not there.

Each series is a platform of its own: a community with an event, and twenty without. Weeks differ as those of real
communities do, by a course that all of a platform have in common, by one of its own that goes on from week to week, and
by chance. The seeds are fixed; nothing of the judgement is done here but to count.
"""

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

pytestmark = pytest.mark.integration

FIRST_WEEK = date(2026, 1, 5)
WEEKS_N, EVENT_WEEK, COMMUNITIES_N = 20, 12, 21
FEWEST_A_WEEK = 100
SERIES_N = 400


def weekly(series_n: int, *, seed: int, factor: float) -> npt.NDArray[np.int64]:
    """Contributions by series, community and week; the first of each has the event, from ``EVENT_WEEK`` on."""
    chance = np.random.default_rng(seed)
    shape = (series_n, COMMUNITIES_N, WEEKS_N)
    usual = FEWEST_A_WEEK * 1.2 * chance.pareto(1.5, shape[:2])[:, :, None].clip(0, 20) + FEWEST_A_WEEK * 1.6
    common = np.cumsum(chance.normal(0, 0.05, (series_n, 1, WEEKS_N)), axis=2)
    own = np.zeros(shape)
    own[:, :, 0] = chance.normal(0, 0.08, shape[:2])
    for week in range(1, WEEKS_N):
        own[:, :, week] = 0.3 * own[:, :, week - 1] + chance.normal(0, 0.08, shape[:2])
    rate = usual * np.exp(common.clip(-0.3, 0.3) + own)
    rate[:, 0, EVENT_WEEK:] *= factor
    return chance.poisson(rate)


def effects(models: Any, counts: npt.NDArray[np.int64]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows (change_share, is_clear_rise, refusal) of the offers and of the launches, one for each series."""
    series_n = counts.shape[0]
    places = np.indices((*counts.shape, 7)).reshape(4, -1)
    series, community, week, weekday = places
    platforms = [f"p{number:03}" for number in range(series_n)]
    names = [f"c{number:02}" for number in range(COMMUNITIES_N)]
    day = np.datetime64(FIRST_WEEK) + (7 * week + weekday)
    models.fill_columns(
        "marts.fct_community_daily",
        {
            "platform": pa.DictionaryArray.from_arrays(series.astype(np.int32), platforms).dictionary_decode(),
            "community": pa.DictionaryArray.from_arrays(community.astype(np.int32), names).dictionary_decode(),
            "contribution_date": day,
            # A week's contributions on its Monday, and nothing on the other days: what is compared is weeks.
            "posts": np.where(weekday == 0, counts[series, community, week], 0),
        },
    )
    event = FIRST_WEEK + timedelta(weeks=EVENT_WEEK)
    connection = models.connection
    connection.execute("create schema if not exists working.staging")
    tables = {
        "stg_offers": "offer varchar, brand varchar, offer_kind varchar, first_date date, last_date date",
        "stg_offer_communities": "offer varchar, platform varchar, community varchar",
        "stg_offer_codes": "offer varchar, code varchar, code_key varchar",
        "stg_launches": "launch varchar, brand varchar, launch_date date",
        "stg_brands": "brand varchar, is_ours boolean",
        "stg_own_communities": "platform varchar, community varchar",
    }
    for name, columns in tables.items():
        connection.execute(f"create or replace table working.staging.{name} ({columns})")
    connection.execute("insert into working.staging.stg_brands values ('Emberwell', true)")
    connection.execute("insert into working.staging.stg_launches values ('Cold brew', 'Emberwell', $1)", [event])
    connection.execute(
        "insert into working.staging.stg_own_communities select unnest($1) as platform, 'c00'", [platforms]
    )
    connection.execute(
        "insert into working.staging.stg_offers select 'offer ' || unnest($1), 'Emberwell', 'coupon', $2, $2",
        [platforms, event],
    )
    connection.execute(
        "insert into working.staging.stg_offer_communities select 'offer ' || platform, platform, community "
        "from working.staging.stg_own_communities"
    )
    found = {}
    models.build("marts.fct_event_effects")
    for mart in ("fct_promotion_effect", "fct_launches"):
        models.build(f"marts.{mart}")
        found[mart] = connection.execute(
            f"select change_share, is_clear_rise, refusal from working.marts.{mart} order by platform"
        ).fetchall()
    return found


def shares(rows: list[tuple[Any, ...]]) -> tuple[float, float]:
    """Share of clear ones among those that were told, and of refused ones among all."""
    told = [is_clear for _, is_clear, refusal in rows if refusal is None]
    assert {refusal for *_, refusal in rows} <= {None, "trend_before_differs"}
    return sum(told) / len(told), 1 - len(told) / len(rows)


def test_effects__that_are_not_there_are_seen_as_rarely_as_stated(models: Any):
    counts = weekly(SERIES_N, seed=16, factor=1.0)
    assert counts.mean(axis=2).min() >= FEWEST_A_WEEK
    for rows in effects(models, counts).values():
        assert len(rows) == SERIES_N
        false, refused = shares(rows)
        assert 0.02 <= false <= 0.08
        assert refused < 0.2


def test_effects__of_thirty_percent_are_found_and_told_of_their_size(models: Any):
    for rows in effects(models, weekly(SERIES_N, seed=17, factor=1.3)).values():
        assert len(rows) == SERIES_N
        found, refused = shares(rows)
        assert found * (1 - refused) >= 0.8, "of all, those that were refused included"
        changes = np.array([change for change, *_ in rows if change is not None])
        assert np.median(changes) == pytest.approx(0.3, abs=0.03)


def test_effects__of_one_name_on_two_platforms_are_kept_apart(models: Any):
    rising, level = weekly(1, seed=18, factor=2.0), weekly(1, seed=19, factor=1.0)
    for rows in effects(models, np.concatenate([rising, level])).values():
        assert [is_clear for _, is_clear, _ in rows] == [True, False]
