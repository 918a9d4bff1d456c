"""What the marts tell of people, shared audiences, forms of posts and threads of a small world, and built bit by bit.

The world lives through a first fortnight, in which some become established, and two days of a later month, in which
somebody is listened to, somebody helps, questions do well and one thread changes its mood.
"""

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from pulse.warehouse import builds
from support import NOON

pytestmark = pytest.mark.integration

Tables = Mapping[str, list[dict[str, Any]]]
MODELS = (
    "+fct_community_overlap", "+fct_content_performance", "+fct_helpers_monthly", "+fct_influencers_monthly",
    "+fct_person_evidence", "+fct_thread_turns",
)  # fmt: skip
GOOD, BAD = "I love this tea", "I hate this tea"
# Days of the world: the first fortnight of October, and the first two of December.
FIRST, LATER, LAST = (0, 3, 9), 58, 59
PEOPLE = [f"{number:064x}" for number in range(1, 61)]
OLD, STAR, HELPER = PEOPLE[:12], PEOPLE[50], PEOPLE[51]


def written(rows: Any, day: int, minute: int, name: str, author: str, **changes: Any) -> dict[str, Any]:
    created_at = NOON + timedelta(days=day, minutes=minute)
    facts = {"created_at": created_at, "observed_at": created_at + timedelta(days=20), "author_key": author}
    return dict(rows(name, **(facts | changes)))


def comment(rows: Any, day: int, minute: int, name: str, author: str, to: str, **changes: Any) -> dict[str, Any]:
    return written(rows, day, minute, name, author, **({"thread_id": to, "parent_id": to} | changes))


def days_of(rows: Any, community: str) -> dict[int, list[dict[str, Any]]]:
    """What was written, by day."""
    days: dict[int, list[dict[str, Any]]] = {}
    for day in FIRST:
        # Twelve become established in tea; the first nine of them write in mate too.
        days[day] = [
            written(rows, day, 10 * place + number, f"t3_{day}x{place}x{number}", author)
            for place, author in enumerate(OLD if community == "tea" else OLD[:9])
            for number in range(2)
        ]
    if community == "mate":
        return days
    crowd = PEOPLE[:40]
    turning = [
        comment(rows, LATER, 1 + place, f"t1_turn{place}", author, "t3_star", body=GOOD if place < 20 else BAD)
        for place, author in enumerate(crowd)
    ]
    days[LATER] = [written(rows, LATER, 0, "t3_star", STAR, title="Our new recipe", body=GOOD, score=9), *turning]
    helped = []
    for place, author in enumerate(PEOPLE[20:24]):
        asked, answer = f"t3_ask{place}", f"t1_help{place}"
        helped += [
            written(rows, LAST, place, asked, author, title="How to brew it?", body=None, score=99),
            comment(rows, LAST, 30 + place, answer, HELPER, asked),
            comment(rows, LAST, 60 + place, f"t1_thanks{place}", author, asked, parent_id=answer, body=GOOD),
        ]
    forms = [
        written(rows, LAST, 100 + place, f"t3_form{place}", author, score=90 + place if place < 15 else place % 4,
                title="Which one?" if place < 15 else "This one", body=None)
        for place, author in enumerate(PEOPLE[:30])
    ]  # fmt: skip
    days[LAST] = helped + forms
    return days


def loads(lab: Any, rows: Any) -> list[Any]:
    sealed = [
        lab.archive(day, of_day, community=community)
        for community in ("tea", "mate")
        for day, of_day in days_of(rows, community).items()
    ]
    # Taken down later: the thread's post, and an answer that was thanked.
    gone_at = NOON + timedelta(days=LAST + 30)
    gone = [
        row | {"observed_at": gone_at, "removal": "by_author", "title": None, "body": None}
        for of_day in days_of(rows, "tea").values()
        for row in of_day
        if row["contribution_id"] in {"t3_star", "t1_help0"}
    ]
    return [*sealed, lab.live(LAST + 30, gone)]


@pytest.fixture(scope="module")
def history(shared_lab: Any, rows: Any) -> list[Any]:
    return loads(shared_lab, rows)


@pytest.fixture(scope="module")
def before_it_was_gone(shared_lab: Any, history: list[Any], look: Any) -> Tables:
    shared_lab.empty()
    for load in history[:-1]:
        shared_lab.bring(load)
    shared_lab.build(is_full_refresh=True)
    return dict(look(builds.working_file(shared_lab.home)))


@pytest.fixture(scope="module")
def at_once(before_it_was_gone: Tables, shared_lab: Any, history: list[Any], look: Any) -> Tables:
    """``before_it_was_gone`` is asked for only so that it is done with the lab."""
    shared_lab.bring(history[-1])
    shared_lab.build(is_full_refresh=True)
    return dict(look(builds.working_file(shared_lab.home)))


def of_december(tables: Tables, mart: str) -> list[dict[str, Any]]:
    return [row for row in tables[f"marts.{mart}"] if str(row["month_start_date"]) == "2026-12-01"]


def test_influencers__who_is_listened_to_by_the_established_leads(before_it_was_gone: Tables):
    (star,) = of_december(before_it_was_gone, "fct_influencers_monthly")
    assert (star["author_key"], star["place"]) == (STAR, 1)
    assert (star["established_n"], star["established_repliers_n"], star["repliers_n"]) == (12, 12, 40)
    assert star["caveat"] == "incomplete,left_censored"


def test_influencers__nobody_is_established_in_the_month_in_which_all_began(before_it_was_gone: Tables):
    months = {str(row["month_start_date"]) for row in before_it_was_gone["marts.fct_influencers_monthly"]}
    assert months == {"2026-12-01"}


def test_helpers__who_answers_different_people_is_one(before_it_was_gone: Tables):
    (helper,) = of_december(before_it_was_gone, "fct_helpers_monthly")
    assert (helper["author_key"], helper["people_helped_n"], helper["answers_n"]) == (HELPER, 4, 4)
    assert (helper["asker_replies_n"], helper["answers_thanked_n"]) == (4, 4)


def test_evidence__leaves_with_what_was_taken_down(before_it_was_gone: Tables, at_once: Tables):
    def evidence(tables: Tables, reason: str) -> list[str]:
        rows = [row for row in of_december(tables, "fct_person_evidence") if row["reason"] == reason]
        return [row["contribution_id"] for row in sorted(rows, key=lambda row: row["place"])]

    assert evidence(before_it_was_gone, "influencer") == ["t3_star"]
    assert evidence(before_it_was_gone, "helper") == ["t1_help0", "t1_help1", "t1_help2"]
    assert evidence(at_once, "influencer") == []
    assert evidence(at_once, "helper") == ["t1_help1", "t1_help2", "t1_help3"]


def test_threads__one_turns_and_loses_its_title_with_its_post(before_it_was_gone: Tables, at_once: Tables):
    (turn,) = before_it_was_gone["marts.fct_thread_turns"]
    assert (turn["thread_id"], turn["title"], turn["direction"]) == ("t3_star", "Our new recipe", "down")
    # The star's own words are the first voice, and nobody else's.
    assert (turn["people_before_n"], turn["people_after_n"], turn["turn_contribution_id"]) == (21, 20, "t1_turn20")
    (later,) = at_once["marts.fct_thread_turns"]
    assert later["title"] is None


def test_content__questions_do_better_than_what_is_usual(before_it_was_gone: Tables):
    forms = {
        (row["dimension"], row["form"]): row
        for row in of_december(before_it_was_gone, "fct_content_performance")
        if row["metric"] == "score"
    }
    question = forms["title_form", "question"]
    assert (question["posts_n"], question["authors_n"]) == (15, 15)
    assert question["vs_usual_low"] > 3
    assert question["is_clear"]
    assert forms["title_form", "how_to"]["vs_usual"] is None


def test_overlap__is_of_those_who_write_in_both(before_it_was_gone: Tables):
    pairs = {row["community"]: row for row in before_it_was_gone["marts.fct_community_overlap"]}
    assert (pairs["mate"]["shared_n"], pairs["mate"]["contributors_n"], pairs["mate"]["containment"]) == (9, 9, 1.0)
    assert pairs["tea"]["other_contributors_n"] == 9


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_build__any_order_of_arrival_gives_the_same_marts(
    at_once: Tables, lab: Any, history: list[Any], look: Any, seed: int
):
    chance = random.Random(seed)  # noqa: S311  (the same order each time)
    arriving = [*chance.sample(history[:-1], len(history) - 1), history[-1]]
    for number, load in enumerate(arriving):
        lab.bring(load)
        if number in {2, len(arriving) - 2}:
            lab.build(has_data_tests=False)
            lab.publish()
    assert lab.build().contribution_dates, "a partial build is what this test is about"
    built = look(builds.working_file(lab.home))
    assert {table for table in at_once if at_once[table] != built[table]} == set()
