"""The world of listening: the same for the same plan, whole, and with its plants of the size that the plan says."""

from collections import Counter
from dataclasses import replace

import pytest

from pulse.sandbox.listening_plan import ListeningPlan, Plants
from pulse.sandbox.listening_world import TEAM_ACCOUNT, ListeningWorld, make_listening_world

PLAN = ListeningPlan(7, communities_n=12, weeks_n=24, per_week=40)
PLANTS = Plants()


@pytest.fixture(scope="module")
def world() -> ListeningWorld:
    return make_listening_world(PLAN)


def test_world__is_the_same_for_the_same_plan(world: ListeningWorld):
    assert make_listening_world(PLAN) == world
    assert make_listening_world(replace(PLAN, seed=8)).contributions != world.contributions


def test_world__hangs_together(world: ListeningWorld):
    by_id = {one.full_id: one for one in world.contributions}
    assert len(by_id) == len(world.contributions)
    for one in world.contributions:
        assert PLAN.first_day <= one.created_at.date() <= PLAN.last_day
        if one.parent_id is not None:
            assert by_id[one.parent_id].created_at < one.created_at
            assert by_id[one.parent_id].community is one.community is by_id[one.thread_id].community
            assert by_id[one.parent_id].author is not one.author


def test_plants__have_their_sizes(world: ListeningWorld):
    first, second = PLANTS.overlap.communities
    writers = [{one.author.name for one in world.of([place])} for place in range(12)]
    assert len(set(world.people[first]) & set(world.people[second])) == PLANTS.overlap.shared_n
    assert len(set(world.people[2]) & set(world.people[3])) < PLANTS.overlap.smallest_n
    for place, people in enumerate(world.people):
        elsewhere = {name for other, names in enumerate(world.people) if other != place for name in names}
        assert len(elsewhere.intersection(people)) >= PLAN.visitors_n
    assert {*world.advocates, world.shill} <= writers[0]
    replies = Counter(
        (one.author.name, one.thread_id) for one in world.of([PLANTS.ring.community]) if one.author.name in world.ring
    )
    assert Counter(replies.values())[PLANTS.ring.replies_per_pair] == len(world.ring) * (len(world.ring) - 1)
    assert len(world.puppets) == PLANTS.puppets.puppets_n
    for promotions in (PLANTS.welcome, PLANTS.unwelcome):
        offers = [one for one in world.of([promotions.community]) if one.author.name == TEAM_ACCOUNT]
        assert len(offers) == promotions.posts_n
        assert all(promotions.code in one.body and one.role == "team" for one in offers)
        assert sum(one.removal is not None for one in offers) == promotions.removed_n
        answers = [one for one in world.contributions if one.parent_id in {offer.full_id for offer in offers}]
        assert len(answers) == promotions.posts_n * promotions.replies_n
    voices = {one.author.name for one in world.of([PLANTS.need.community]) if "spill proof lid" in one.body}
    assert len(voices) >= PLANTS.need.people_n - 2, "one or two may have begun the thread that they would answer"


def test_launch__raises_the_volume_of_its_community_alone(world: ListeningWorld):
    def per_week(place: int) -> tuple[float, float]:
        weeks = Counter((one.created_at.date() - PLAN.first_day).days // 7 for one in world.of([place]))
        week = PLANTS.launch.week
        return sum(weeks[n] for n in range(week)) / week, sum(weeks[n] for n in range(week, 24)) / (24 - week)

    before, after = per_week(PLANTS.launch.community)
    assert after / before == pytest.approx(PLANTS.launch.factor, abs=0.25)
    before, after = per_week(PLANTS.dud.community)
    assert after / before == pytest.approx(1, abs=0.25)


def test_world__names_a_brand_seldom_and_all_the_time_where_it_is_at_home(world: ListeningWorld):
    plain = make_listening_world(replace(PLAN, plants=None))
    share = sum("Emberwell" in one.body for one in plain.of([0])) / len(plain.of([0]))
    assert 0 < share < 3 * PLAN.brand_share
    of_brand = make_listening_world(replace(PLAN, plants=replace(PLANTS, unfollowed=11)))
    assert sum("Emberwell" in one.body for one in of_brand.of([11])) > 0.3 * len(of_brand.of([11]))
    assert of_brand.communities[11].topic == "tea kettles"


def test_world__in_which_nothing_differs_talks_of_one_thing():
    plain = make_listening_world(replace(ListeningPlan.unplanted(7), communities_n=4, weeks_n=4, per_week=40))
    assert len({one.topic for one in plain.communities}) == 1
    assert any("HELLO5" in one.body for one in plain.contributions if one.is_post)


def test_world__without_plants_holds_none_of_them():
    plain = make_listening_world(replace(PLAN, plants=None))
    texts = " ".join(one.body for one in plain.contributions)
    assert not any(word in texts for word in ("spill proof", "orchard", "TEA10", "EMBER10", "ref=", "filter bags"))
    assert TEAM_ACCOUNT not in {one.author.name for one in plain.contributions}
