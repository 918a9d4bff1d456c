"""Worlds of listening with plants: for each plant, the mart that has to find it does, and finds nothing beside it.

Sizes are those of the plan, written before the marts; the smallest ones that have to be found are a world of their own.
"""

from collections.abc import Iterator
from datetime import date

import pytest

from listening_worlds import Listened, listen_to
from pulse.sandbox.listening_plan import AMBIGUOUS, BRAND, ListeningPlan, Plants

pytestmark = pytest.mark.integration

MODELS = (
    "fct_community_overlap", "fct_keywords_monthly", "fct_topics_monthly", "fct_needs_monthly",
    "fct_brand_mentions", "fct_share_of_voice", "fct_advocates_monthly", "fct_advocate_evidence",
    "fct_influencers_monthly", "fct_promotion_reception", "fct_promotion_effect", "fct_launches", "fct_value_to_pitch",
    "fct_community_discovery", "fct_content_performance", "fct_thread_turns",
)  # fmt: skip
WORLDS = {
    "planned-1": ListeningPlan(1),
    "planned-2": ListeningPlan(2),
    "planned-3": ListeningPlan(3),
    "smallest-1": ListeningPlan(1, plants=Plants.smallest()),
    "smallest-2": ListeningPlan(2, plants=Plants.smallest()),
}


def _worlds() -> Iterator[object]:
    many = [pytest.mark.slow, pytest.mark.worlds, pytest.mark.timeout(1_800)]
    for number, name in enumerate(WORLDS):
        yield pytest.param(name, id=name, marks=many if number else [])


@pytest.fixture(scope="module", params=_worlds())
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Listened:
    return listen_to(tmp_path_factory.mktemp(request.param), WORLDS[request.param], MODELS)


def plants_of(world: Listened) -> Plants:
    assert world.world.plan.plants is not None
    return world.world.plan.plants


def month_of(world: Listened, week: int) -> date:
    return world.world.plan.week_day(week).replace(day=1)


def test_overlap__of_two_communities_is_clear_and_of_no_other(world: Listened):
    one, other = sorted(map(world.name, plants_of(world).overlap.communities))
    pairs = world.ask(
        "select community, other_community from marts.fct_community_overlap "
        "where is_clearly_above_expected order by all"
    )
    assert pairs == [(one, other), (other, one)]


def test_topic__that_rises_is_told_by_its_words_in_its_month(world: Listened):
    rise = plants_of(world).topic
    words = {"filter", "bags"}
    found = world.ask(
        "select community, month_start_date, word from marts.fct_keywords_monthly where is_rising and word in $1",
        [sorted(words)],
    )
    assert set(found) == {(world.name(rise.community), month_of(world, rise.week), word) for word in words}


def test_keywords__rise_where_something_was_planted_and_nowhere_else(world: Listened):
    plants = plants_of(world)
    # Puppets all write the same; whoever speaks of a new product speaks of it by its name.
    rising = (plants.topic, plants.need, plants.puppets, plants.ring, plants.launch, plants.dud, plants.senses)
    places = {world.name(one.community) for one in rising}
    found = world.ask("select distinct community from marts.fct_keywords_monthly where is_rising")
    assert {community for (community,) in found} <= places
    assert world.ask("select count(*) from marts.fct_topics_monthly where is_growing is not null")[0][0] > 500
    assert world.ask("select community, label from marts.fct_topics_monthly where is_growing") == []


def test_need__that_grows_is_clear_and_no_other(world: Listened):
    rise = plants_of(world).need
    found = world.ask("select community, month_start_date, need, topic_id from marts.fct_needs_monthly where is_clear")
    key = (world.name(rise.community), month_of(world, rise.week), "wish")
    assert (*key, None) in found
    assert {row[:3] for row in found} == {key}
    words = world.ask(
        "select word from marts.fct_keywords_monthly where is_rising and community = $1 and month_start_date = $2",
        list(key[:2]),
    )
    assert {("spill",), ("proof",), ("lid",)} <= set(words)


def test_brand__that_is_a_common_word_is_told_from_the_word(world: Listened):
    senses = plants_of(world).senses
    accepted = world.ask(
        "select contribution_id from marts.fct_brand_mentions where brand = $1 and not is_unsure", [AMBIGUOUS]
    )
    ids = [one for (one,) in accepted]
    texts = {one.full_id: one.body for one in world.world.of([senses.community])}
    meant = {one for one, text in texts.items() if AMBIGUOUS in text}
    assert len(meant) == senses.brand_n
    assert set(ids) == meant
    assert len(ids) == senses.brand_n


def test_advocates__are_found_with_what_they_said_and_a_shill_is_none(world: Listened):
    found = world.ask("select distinct community, brand, author_key from marts.fct_advocates_monthly")
    community = world.name(plants_of(world).advocates.community)
    assert set(found) == {(community, BRAND, world.key(name)) for name in world.world.advocates}
    evidence = {one for (one,) in world.ask("select contribution_id from marts.fct_advocate_evidence")}
    said = {one.full_id for one in world.world.contributions if one.author.name in world.world.advocates}
    assert evidence
    assert evidence <= said


def test_influencers__are_neither_a_ring_nor_sock_puppets_nor_whom_they_lead(world: Listened):
    plants = plants_of(world)
    ranked = world.ask(
        "select community, author_key from marts.fct_influencers_monthly where community in ($1, $2)",
        [world.name(plants.ring.community), world.name(plants.puppets.community)],
    )
    assert len({community for community, _ in ranked}) == 2
    attackers = (*world.world.ring, *world.world.leaders, *world.world.puppets)
    assert {key for _, key in ranked}.isdisjoint(map(world.key, attackers))


def test_promotions__that_are_welcome_and_those_that_are_not_are_told_apart(world: Listened):
    plants = plants_of(world)
    welcome, unwelcome = world.name(plants.welcome.community), world.name(plants.unwelcome.community)
    found = world.ask(
        "select distinct community, promoter, reception from marts.fct_promotion_reception where is_clear"
    )
    assert set(found) == {(welcome, "team", "well_taken"), (unwelcome, "team", "badly_taken")}
    pitches = dict(
        world.ask(
            "select community, (sum(pitches_n), sum(removed_n)) from marts.fct_value_to_pitch "
            "where team_n > 0 group by community"
        )
    )
    stand = plants.unwelcome.posts_n - plants.unwelcome.removed_n
    assert pitches == {welcome: (plants.welcome.posts_n, 0), unwelcome: (stand, plants.unwelcome.removed_n)}


def test_launch__with_an_effect_is_clear_and_one_without_is_not(world: Listened):
    plants = plants_of(world)
    found = dict(
        world.ask(
            "select community, (is_clear_rise, refusal, controls_n) from marts.fct_launches where launch = 'Cold brew'"
        )
    )
    assert found == {
        world.name(plants.launch.community): (True, None, 20),
        world.name(plants.dud.community): (False, None, 20),
    }
    ((change,),) = world.ask("select change_share from marts.fct_launches where is_clear_rise")
    assert change == pytest.approx(plants.launch.factor - 1, abs=0.25)
    # Offers of the second week have too little before them.
    refusals = world.ask("select distinct refusal from marts.fct_promotion_effect")
    assert refusals == [("too_few_weeks_before",)]


def test_discovery__puts_first_who_is_not_followed_yet_and_fits(world: Listened):
    found = world.ask(
        "select community, is_followed from marts.fct_community_discovery where goal = $1 and place = 1", [BRAND]
    )
    assert found == [(world.name(plants_of(world).unfollowed), False)]


def test_forms_and_threads__of_which_nothing_is_planted_are_not_clear(world: Listened):
    assert world.ask("select community, form from marts.fct_content_performance where is_clear") == []
    assert world.ask("select community, thread_id from marts.fct_thread_turns") == []
