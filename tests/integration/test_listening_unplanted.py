"""Worlds of listening in which there is nothing to find: what the marts call clear all the same.

Where a mart says wrongly that something is clear in one of twenty worlds, it does so in more than three of twenty in 16
of 1,000 such proofs.
"""

from collections import Counter
from pathlib import Path

import pytest

from listening_worlds import Listened, listen_to
from pulse.sandbox.listening_plan import ListeningPlan

pytestmark = pytest.mark.integration

# What a mart calls clear, by its own columns. Those that are not here tell figures with their intervals, or an order,
# and call nothing clear: influencers, helpers, communities to join, share of voice, mood and awareness of brands, value
# to pitch, kinds of text, user-made content. Niches of the config are no finds: who names an interest asks for it.
CLEAR_FINDS = {
    "fct_community_overlap": "is_clearly_above_expected",
    "fct_keywords_monthly": "is_typical or is_rising",
    "fct_topics_monthly": "is_growing",
    "fct_interests": "is_clear",
    "fct_niches": "interest_kind = 'topic'",
    "fct_needs_monthly": "is_clear",
    "fct_advocates_monthly": "true",
    "fct_promotion_reception": "is_clear",
    "fct_promotion_effect": "is_clear_rise",
    "fct_launches": "is_clear_rise",
    "fct_content_performance": "is_clear",
    "fct_thread_turns": "true",
}
# Rows that must be there, or a mart without a find would prove nothing.
LOOKED_AT = {
    "fct_community_overlap": ("shared_n is not null", 2),
    "fct_topics_monthly": ("is_growing is not null", 500),
    "fct_interests": ("is_clear is not null", 100),
    "fct_needs_monthly": ("is_clear is not null", 300),
    "fct_brand_mentions": ("not is_unsure", 200),
    "fct_promotion_reception": ("replies_mean_score is not null", 30),
    "fct_launches": ("weeks_before_n = 12", 1),
    "fct_promotion_effect": ("weeks_before_n = 12", 1),
    "fct_content_performance": ("is_clear is not null", 500),
}
WORLDS_N, MOST_WORLDS_WITH_A_FIND = 20, 3


def unplanted(folder: Path, seed: int) -> Listened:
    return listen_to(folder, ListeningPlan.unplanted(seed), [*CLEAR_FINDS, "fct_brand_mentions"])


def finds_of(world: Listened) -> dict[str, int]:
    """How much each mart calls clear."""
    return {
        mart: world.ask(f"select count(*) from marts.{mart} where {condition}")[0][0]
        for mart, condition in CLEAR_FINDS.items()
    }


def looked_at(world: Listened) -> dict[str, int]:
    return {
        mart: world.ask(f"select count(*) from marts.{mart} where {condition}")[0][0]
        for mart, (condition, _) in LOOKED_AT.items()
    }


def test_unplanted__of_one_world_few_marts_say_anything(tmp_path: Path):
    world = unplanted(tmp_path, 1)
    counts = looked_at(world)
    assert {mart: counts[mart] for mart, (_, least) in LOOKED_AT.items() if counts[mart] < least} == {}
    found = {mart: count for mart, count in finds_of(world).items() if count}
    # Of twelve marts with one chance in twenty each, three in one world are found in 2 of 1,000.
    assert len(found) <= 2, found


@pytest.mark.slow
@pytest.mark.worlds
@pytest.mark.timeout(7_200)
def test_unplanted__of_twenty_worlds_no_mart_finds_something_in_more_than_three(
    tmp_path_factory: pytest.TempPathFactory,
):
    worlds = Counter[str]()
    for seed in range(1, WORLDS_N + 1):
        found = finds_of(unplanted(tmp_path_factory.mktemp(f"unplanted{seed}"), seed))
        worlds.update(mart for mart, count in found.items() if count)
    assert {mart: count for mart, count in worlds.items() if count > MOST_WORLDS_WITH_A_FIND} == {}, worlds
