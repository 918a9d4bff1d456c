"""What is called clear where there is nothing to find: months without a difference, judged by the models' own SQL.

The months come from NumPy with fixed seeds; nothing of the judgement is done here but to count.
"""

import math
import statistics
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import jinja2
import numpy as np
import pytest

from pulse.warehouse import transform

pytestmark = pytest.mark.integration

MONTH = date(2026, 10, 1)
COMMUNITIES_N = 60


def months(models: Any) -> None:
    """Each community has a month that is wholly known."""
    rows = [
        {"platform": "reddit", "community": f"c{number:03}", "month_start_date": MONTH, "days_n": 31,
         "days_complete_n": 31, "is_period_complete": True, "authors_unobserved_n": 0}
        for number in range(COMMUNITIES_N)
    ]  # fmt: skip
    models.fill("intermediate.int_community_months", rows)


def test_upper_tail__is_that_of_the_normal_distribution_however_far_out():
    text = (transform.DBT_PROJECT / "macros" / "many_comparisons.sql").read_text(encoding="utf-8")
    sql = jinja2.Environment(autoescape=False).from_string(text + "{{ upper_tail('z') }}").render().strip()  # noqa: S701
    points = [-8.0, -3.0, -0.5, 0.0, 0.1, 1.0, 1.96, 3.0, 5.0, 8.0, 12.0]
    with duckdb.connect() as connection:
        found = connection.execute(f"select {sql} from (select unnest($1) as z)", [points]).fetchall()
    wanted = [math.erfc(z / math.sqrt(2)) / 2 for z in points]
    assert [share for (share,) in found] == [pytest.approx(share, rel=2e-7) for share in wanted]


def posts(models: Any, *, seed: int, factor: float = 1.0) -> list[Any]:
    """Rows of fct_content_performance: authors differ in how their posts do, and questions by a factor."""
    chance = np.random.default_rng(seed)
    performance, written = [], []
    for community in range(COMMUNITIES_N):
        of = {"platform": "reddit", "community": f"c{community:03}"}
        liked = chance.lognormal(2.0, 0.7, 40)
        for number in range(120):
            author = int(chance.integers(40))
            is_question = bool(chance.random() < 0.4)
            score = int(
                liked[author] * chance.lognormal(0.0, 0.8) * (factor if is_question and community == 0 else 1.0)
            )
            day = MONTH + timedelta(days=int(chance.integers(31)))
            facts = of | {"contribution_id": f"p{number}", "contribution_date": day}
            performance.append(facts | {"month_start_date": MONTH, "age_label": "settled", "score": score})
            written.append(
                facts | {
                    "kind": "post", "author_key": f"a{author}", "author_role": "member", "removal": "none", "tags": [],
                    "title": "Which?" if is_question else "This", "body": "x" * int(chance.integers(1500)),
                    "created_at": datetime(day.year, day.month, day.day, int(chance.integers(24)), tzinfo=UTC),
                }
            )  # fmt: skip
    for table, rows in {"fct_post_performance": performance, "fct_contributions": written}.items():
        models.fill_columns(f"marts.{table}", {name: [row[name] for row in rows] for name in rows[0]})
    months(models)
    models.build("marts.fct_content_performance")
    return [row for of_community in models.rows("marts.fct_content_performance").values() for row in of_community]


def test_content__of_forms_that_make_no_difference_one_in_twenty_lies_outside_and_none_is_clear(models: Any):
    told = [row for row in posts(models, seed=1) if row.vs_usual is not None]
    assert len(told) > 800
    outside = statistics.fmean(row.vs_usual_low > 1 or row.vs_usual_high < 1 for row in told)
    assert 0.02 <= outside <= 0.08
    assert [row for row in told if row.is_clear] == []


def test_content__a_form_that_does_four_times_as_well_is_clear_among_all_of_them(models: Any):
    clear = [row for row in posts(models, seed=2, factor=4.0) if row.is_clear]
    assert {(row.community, row.form) for row in clear} == {("c000", "question"), ("c000", "statement")}


def turns(models: Any, *, seed: int, planted_n: int) -> list[Any]:
    """Rows of fct_thread_turns: threads of 40 to 80 people, some of which turn in the middle."""
    chance = np.random.default_rng(seed)
    rows = []
    for number in range(400):
        people_n = int(chance.integers(40, 80))
        of = {"platform": "reddit", "community": f"c{number % COMMUNITIES_N:03}", "month_start_date": MONTH}
        for place in range(people_n):
            is_later = number < planted_n and place >= people_n // 2
            shares = [0.1, 0.3, 0.6] if number < planted_n and not is_later else [0.6, 0.3, 0.1]
            label = str(chance.choice(["negative", "neutral", "positive"], p=shares if number < planted_n else None))
            rows.append(
                of | {
                    "contribution_date": MONTH, "thread_id": f"t{number}", "author_key": f"a{place}",
                    "contribution_id": f"t{number}" if place == 0 else f"t{number}x{place}",
                    "kind": "post" if place == 0 else "comment", "is_by_contributor": True, "sentiment_label": label,
                    "created_at": datetime(2026, 10, 5, tzinfo=UTC) + timedelta(minutes=place),
                }
            )  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    models.fill_columns("intermediate.int_contributions_at_month_end", columns)
    models.fill("marts.fct_contributions", [])
    months(models)
    models.build("marts.fct_thread_turns")
    return [row for of_community in models.rows("marts.fct_thread_turns").values() for row in of_community]


def test_threads__of_four_hundred_without_a_turn_none_is_found(models: Any):
    assert turns(models, seed=1, planted_n=0) == []


def test_threads__those_that_turn_are_found_and_no_other(models: Any):
    found = {row.thread_id for row in turns(models, seed=2, planted_n=20)}
    assert len(found) >= 16
    assert found <= {f"t{number}" for number in range(20)}


def test_overlap__of_communities_that_people_choose_by_chance_none_share_clearly_more(models: Any):
    chance = np.random.default_rng(1)
    sizes = chance.pareto(1.0, COMMUNITIES_N) + 0.2
    rows = [
        {"platform": "reddit", "community": f"c{community:03}", "author_key": f"a{person}", "posts": 3, "comments": 0,
         "messages": 0, "contribution_date": MONTH, "author_role": "member", "is_contributor": True}
        for person in range(4000)
        for community in chance.choice(COMMUNITIES_N, size=min(int(chance.geometric(0.4)), 20), replace=False,
                                       p=sizes / sizes.sum())
    ]  # fmt: skip
    planted = [row | {"community": f"c{place:03}"} for row in rows if row["community"] == "c000" for place in (58,)]
    days = [
        {"platform": "reddit", "community": f"c{number:03}", "contribution_date": MONTH, "posts": 9,
         "is_day_complete": True}
        for number in range(COMMUNITIES_N)
    ]  # fmt: skip
    models.fill_columns("marts.fct_community_daily", {name: [row[name] for row in days] for name in days[0]})
    found = []
    for of_people in (rows, rows + planted[: len(planted) // 2]):
        models.fill_columns(
            "intermediate.int_contributor_days", {name: [row[name] for row in of_people] for name in of_people[0]}
        )
        models.build("marts.fct_community_overlap")
        pairs = [row for of in models.rows("marts.fct_community_overlap").values() for row in of]
        assert sum(row.shared_n is not None for row in pairs) > 500
        found.append({(row.community, row.other_community) for row in pairs if row.is_clearly_above_expected})
    assert found == [set(), {("c000", "c058"), ("c058", "c000")}]


def test_binomial_z__is_the_tail_of_the_binomial_where_a_count_is_as_expected_too():
    text = (transform.DBT_PROJECT / "macros" / "words.sql").read_text(encoding="utf-8")
    macro = text[text.index("{% macro binomial_z") :]
    sql = jinja2.Environment(autoescape=False).from_string(macro + "{{ binomial_z('k', 'n', 'p') }}").render()  # noqa: S701
    # Half a person more than to expect, but for rounding: 6.5 of 13.
    shares = [0.5, 0.5 + 1e-15, 0.5 - 1e-15, 0.5 + 1e-9, 0.5 + 1e-5, 0.499]
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select {sql} from (select 7 as k, 13 as n, unnest($1::double[]) as p)", [shares]
        ).fetchall()
    wanted = [sum(math.comb(13, k) * p**k * (1 - p) ** (13 - k) for k in range(7, 14)) for p in shares]
    tails = [math.erfc(z / math.sqrt(2)) / 2 for (z,) in found]
    assert tails == pytest.approx(wanted, abs=0.002)
