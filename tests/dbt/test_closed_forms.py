"""Closed forms of the models, as dbt compiles them, against plain Python that goes another way, on random groups.

Each example is a list of groups, each a community of its own; one query computes them all.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pulse.warehouse import transform

pytestmark = pytest.mark.integration

Z = 1.96
MIN_N = 10
MONTH = "2026-10-01"
# A list of many groups is one example here.
some_examples = settings(max_examples=25)
few_examples = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def groups(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, min_size=1, max_size=25)


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


# ---- macros ------------------------------------------------------------------


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@cache
def rendered(expression: str) -> str:
    """SQL of macros that need nothing of dbt but vars."""
    folder = transform.DBT_PROJECT / "macros"
    macros = "".join((folder / name).read_text(encoding="utf-8") for name in ("statistics.sql", "differences.sql"))
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    return environment.from_string(macros + expression).render(var={"min_n": MIN_N}.__getitem__).strip()


def evaluated(
    memory: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, int]], **expressions: str
) -> list[SimpleNamespace]:
    """The named macros, for each row of whole numbers."""
    columns = [f"{rendered('{{ ' + macro + ' }}')} as {name}" for name, macro in expressions.items()]
    source = "(select unnest($rows, recursive := true))"
    found = memory.execute(f"select {', '.join(columns)} from {source}", {"rows": list(rows)}).fetchall()
    return [SimpleNamespace(**dict(zip(expressions, row, strict=True))) for row in found]


@st.composite
def shares(draw: st.DrawFn) -> dict[str, int]:
    n = draw(st.integers(1, 400))
    return {"k": draw(st.integers(0, n)), "n": n}


@some_examples
@given(groups(shares()))
def test_wilson__bounds_are_the_shares_from_which_what_was_seen_is_just_so_far(
    memory: Any, drawn: list[dict[str, int]]
):
    bounds = evaluated(memory, drawn, low="wilson_low('k', 'n')", high="wilson_high('k', 'n')")
    for row, bound in zip(drawn, bounds, strict=True):
        seen = row["k"] / row["n"]
        assert 0 <= bound.low <= seen + 1e-12
        assert seen - 1e-12 <= bound.high <= 1
        for true_share in (bound.low, bound.high):
            # The score test inverted: the distance is z standard errors under the bound itself.
            assert (seen - true_share) ** 2 == near(Z**2 * true_share * (1 - true_share) / row["n"])


def test_hours_between__of_equal_waits_are_equal_whenever_they_began(memory: Any):
    engines = (transform.DBT_PROJECT / "macros" / "engines.sql").read_text(encoding="utf-8")
    macros = engines.split("{# The partition day", maxsplit=1)[0]
    sql = {
        engine: jinja2.Environment(autoescape=False)  # noqa: S701
        .from_string(f"{macros}{{{{ {engine}__hours_between('begun', 'ended') }}}}")
        .render()
        .strip()
        for engine in ("default", "spark")
    }
    # Spark counts microseconds under another name.
    memory.execute("create or replace macro unix_micros(moment) as epoch_us(moment)")
    found = memory.execute(
        f"""
        select count(distinct {sql["default"]}), count(distinct {sql["spark"]}), min({sql["default"]}),
            count(distinct (epoch(ended) - epoch(begun)) / 3600.0)
        from (
            select begun, begun + interval '1 hour 30 minutes 0.000001 seconds' as ended
            from (
                select timestamptz '2026-01-01 00:00:00+00' + to_microseconds(range * 977_123) as begun
                from range(100_000)
            )
        )
        """
    ).fetchone()
    assert found[:3] == (1, 1, (5_400_000_001) / 3.6e9)
    assert found[3] > 1, "a division of doubles would do as well, and this proves nothing"


def test_wilson__of_nothing_is_unknown(memory: Any):
    (bound,) = evaluated(memory, [{"k": 0, "n": 0}], low="wilson_low('k', 'n')", high="wilson_high('k', 'n')")
    assert (bound.low, bound.high) == (None, None)


@st.composite
def moods(draw: st.DrawFn) -> dict[str, int]:
    positive, neutral, negative = (draw(st.integers(0, 60)) for _ in range(3))
    return {"positive": positive, "negative": negative, "scored": positive + neutral + negative}


@some_examples
@given(groups(moods().filter(lambda row: row["scored"] > 0)))
@example([{"positive": 29, "negative": 0, "scored": 29}, {"positive": 30, "negative": 0, "scored": 30}])
def test_net_sentiment__bounds_are_those_of_the_mean_of_plus_and_minus_one(memory: Any, drawn: list[dict[str, int]]):
    arguments = "('positive', 'negative', 'scored')"
    found = evaluated(
        memory,
        drawn,
        net="net_sentiment" + arguments,
        low="net_sentiment_low" + arguments,
        high="net_sentiment_high" + arguments,
    )
    for row, net in zip(drawn, found, strict=True):
        texts = [1] * row["positive"] + [-1] * row["negative"]
        texts += [0] * (row["scored"] - len(texts))
        assert net.net == near(statistics.fmean(texts))
        if len(texts) < 30:
            texts += [1, 0, -1]
        half_width = Z * statistics.pstdev(texts) / math.sqrt(len(texts))
        assert net.low == near(max(-1.0, statistics.fmean(texts) - half_width))
        assert net.high == near(min(1.0, statistics.fmean(texts) + half_width))


def test_net_sentiment__of_nothing_is_unknown(memory: Any):
    arguments = "('positive', 'negative', 'scored')"
    expressions = {name: name + arguments for name in ("net_sentiment", "net_sentiment_low", "net_sentiment_high")}
    (net,) = evaluated(memory, [{"positive": 0, "negative": 0, "scored": 0}], **expressions)
    assert set(vars(net).values()) == {None}


@some_examples
@given(groups(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30)))
def test_mean__bounds_come_from_the_standard_deviation_of_what_was_summed(memory: Any, drawn: list[list[int]]):
    rows = [{"total": sum(of), "squares": sum(x * x for x in of), "n": len(of)} for of in drawn]
    sd, mean = "sd_of_sums('total', 'squares', 'n')", "share('total', 'n')"
    found = evaluated(
        memory, rows, sd=sd, low=f"mean_low({mean}, {sd}, 'n')", high=f"mean_high({mean}, {sd}, 'n')"
    )  # fmt: skip
    for of, row in zip(drawn, found, strict=True):
        assert row.sd == pytest.approx(statistics.stdev(of), rel=1e-6, abs=1e-4)
        half_width = Z * row.sd / math.sqrt(len(of))
        assert (row.low, row.high) == (near(statistics.fmean(of) - half_width), near(statistics.fmean(of) + half_width))


DIFFERENCE = "('k', 'n', 'other_k', 'other_n')"
TURNED = "('other_k', 'other_n', 'k', 'n')"


@some_examples
@given(groups(st.tuples(shares(), shares())))
def test_share_difference__turned_round_has_the_same_bounds_turned_round(memory: Any, drawn: list[Any]):
    rows = [{**one, "other_k": other["k"], "other_n": other["n"]} for one, other in drawn]
    found = evaluated(
        memory,
        rows,
        low="share_difference_low" + DIFFERENCE,
        high="share_difference_high" + DIFFERENCE,
        turned_low="share_difference_low" + TURNED,
        turned_high="share_difference_high" + TURNED,
    )
    for row, bound in zip(rows, found, strict=True):
        difference = row["k"] / row["n"] - row["other_k"] / row["other_n"]
        assert -1 - 1e-12 <= bound.low <= difference + 1e-12
        assert difference - 1e-12 <= bound.high <= 1 + 1e-12
        assert (bound.turned_low, bound.turned_high) == (near(-bound.high), near(-bound.low))


def test_share_difference__gives_the_bounds_that_newcombe_printed(memory: Any):
    """Newcombe (1998), table II, method 10."""
    rows = [
        {"k": 56, "n": 70, "other_k": 48, "other_n": 80},
        {"k": 9, "n": 10, "other_k": 3, "other_n": 10},
        {"k": 10, "n": 10, "other_k": 0, "other_n": 10},
    ]
    found = evaluated(memory, rows, low="share_difference_low" + DIFFERENCE, high="share_difference_high" + DIFFERENCE)
    printed = [(0.0524, 0.3339), (0.1705, 0.8090), (0.6075, 1.0)]
    assert [(bound.low, bound.high) for bound in found] == [pytest.approx(pair, abs=2e-4) for pair in printed]


# ---- models ------------------------------------------------------------------


def of_group(number: int, **columns: Any) -> dict[str, Any]:
    return {"platform": "reddit", "community": f"group{number:03}", **columns}


# Contributions of each contributor: the first list of few, with equals; the second long, with a heavy tail.
written = st.one_of(
    st.lists(st.integers(1, 4), min_size=1, max_size=9),
    st.lists(st.integers(1, 3) | st.integers(1, 40), min_size=MIN_N, max_size=30),
)


def participation(models: Any, drawn: list[list[int]]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Rows of int_contributor_months and of fct_participation_monthly."""
    models.fill(
        "intermediate.int_contributions_at_month_end",
        [
            of_group(
                number,
                author_key=f"person{person:02}",
                month_start_date=MONTH,
                contribution_date=MONTH,
                kind="comment",
                is_by_contributor=True,
            )
            for number, amounts in enumerate(drawn)
            for person, amount in enumerate(amounts)
            for _ in range(amount)
        ],
    )
    days = {"days_n": 31, "days_complete_n": 31, "days_known_n": 31, "is_period_complete": True}
    months = [of_group(number, month_start_date=MONTH, **days) for number in range(len(drawn))]
    models.fill("intermediate.int_community_months", months)
    models.build("intermediate.int_contributor_months")
    models.build("marts.fct_participation_monthly")
    return models.rows("intermediate.int_contributor_months"), models.rows("marts.fct_participation_monthly")


def role_of(before: int, total: int) -> str:
    share = Fraction(before, total)
    return "core" if share < Fraction(8, 10) else "regular" if share < Fraction(95, 100) else "casual"


def gini_of(amounts: list[int]) -> float:
    """Half the mean difference of two different people, relative to the mean."""
    n = len(amounts)
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    return differences / (n * (n - 1)) / (2 * statistics.fmean(amounts))


def gini_se_of(amounts: list[int]) -> float:
    """Davidson (2009), equations 5 to 8, person by person."""
    n, ascending = len(amounts), sorted(amounts)
    mean = statistics.fmean(amounts)
    plain = gini_of(amounts) * (n - 1) / n
    up_to = list(accumulate(ascending))
    z = [
        -(plain + 1) * amount + (2 * place - 1) / n * amount - 2 / n * up_to[place - 1]
        for place, amount in enumerate(ascending, start=1)
    ]
    return math.sqrt(sum((one - statistics.fmean(z)) ** 2 for one in z)) / (n * mean) * n / (n - 1)


def top_share_of(amounts: list[int], part: Fraction) -> Fraction:
    """The Lorenz curve from above, between people in a straight line."""
    left, taken = part * len(amounts), Fraction(0)
    for amount in sorted(amounts, reverse=True):
        taken += min(Fraction(1), left) * amount
        left -= min(Fraction(1), left)
    return taken / sum(amounts)


@few_examples
@given(groups(written))
@example([[80, 15, 5], [1] * 20, [19, 1], [4, 1], [7]])
def test_participation__roles_gini_and_shares(models: Any, drawn: list[list[int]]):
    people, groups_of = participation(models, drawn)
    for number, amounts in enumerate(drawn):
        name, total = f"group{number:03}", sum(amounts)
        order = sorted(range(len(amounts)), key=lambda person: (-amounts[person], person))
        before = dict(zip(order, accumulate((amounts[person] for person in order), initial=0), strict=False))
        roles = {f"person{person:02}": role_of(before[person], total) for person in order}
        assert {row.author_key: row.role for row in people[name]} == roles
        (row,) = groups_of[name]
        counted = [list(roles.values()).count(role) for role in ("core", "regular", "casual")]
        assert [row.core_n, row.regular_n, row.casual_n] == counted
        assert (row.contributors, row.contributions) == (len(amounts), total)
        estimates = (row.gini, row.gini_low, row.gini_high, row.top_1_share, row.next_9_share, row.rest_share)
        if len(amounts) < MIN_N:
            assert {*estimates, row.half_activity_contributors} == {None}
            continue
        gini, se = gini_of(amounts), gini_se_of(amounts)
        top_1, top_10 = (float(top_share_of(amounts, part)) for part in (Fraction(1, 100), Fraction(1, 10)))
        bounds = (max(0.0, gini - Z * se), min(1.0, gini + Z * se))
        wanted = (gini, *bounds, top_1, top_10 - top_1, 1 - top_10)
        assert estimates == pytest.approx(wanted, rel=1e-6, abs=1e-7)
        largest = sorted(amounts, reverse=True)
        half = next(k for k in range(1, len(amounts) + 1) if 2 * sum(largest[:k]) >= total)
        assert row.half_activity_contributors == half


def h_index_of(depths: list[int]) -> int:
    """The largest h for which h comments or more lie at level h or deeper, tried from the top."""
    return max((h for h in range(1, len(depths) + 1) if sum(depth >= h for depth in depths) >= h), default=0)


@st.composite
def threads(draw: st.DrawFn) -> list[int]:
    """The levels of a thread's comments: each answers the post or a comment before it, often the last one."""
    levels: list[int] = []
    for _ in range(draw(st.integers(0, 25))):
        answered = draw(st.integers(0, len(levels)) | st.just(len(levels)))
        levels.append(1 + ([0, *levels][answered]))
    return levels


@few_examples
@given(groups(threads()))
@example([[], [1], [1, 2], [1, 1, 2, 2, 3, 3], list(range(1, 10))])
def test_discussion__h_index_and_depth(models: Any, drawn: list[list[int]]):
    written_at = f"{MONTH} 12:00:00+00"
    contributions, depths = [], []
    for number, levels in enumerate(drawn):
        for place, level in enumerate([0, *levels]):
            both = of_group(number, thread_id="t3_0", contribution_id=f"t1_{place}", contribution_date=MONTH)
            contributions.append(
                both
                | {
                    "kind": "comment" if place else "post",
                    "author_key": f"person{place}",
                    "author_role": "member",
                    "is_by_contributor": True,
                    "created_at": written_at,
                    "month_start_date": MONTH,
                }
            )
            days = {"chain_start_date": MONTH, "chain_end_date": MONTH, "chain_seen_date": MONTH}
            depths.append(both | {"depth": level} | days)
    models.fill("intermediate.int_contributions_at_month_end", contributions)
    models.fill("intermediate.int_contributions_latest", [])
    models.fill("intermediate.int_comment_depths", depths)
    whole_day = {"kind": "comment", "contribution_date": MONTH, "looked_from": f"{MONTH} 00:00:00+00"}
    looked_at = [of_group(number, **whole_day, looked_to="2026-10-02 00:00:00+00") for number in range(len(drawn))]
    models.fill("intermediate.int_coverage_stretches", looked_at)
    models.build("intermediate.int_thread_periods")
    found = models.rows("intermediate.int_thread_periods")
    for number, levels in enumerate(drawn):
        (row,) = found[f"group{number:03}"]
        assert (row.h_index, row.max_depth, row.depth_sum) == (h_index_of(levels), max([0, *levels]), sum(levels))


def wait_until_answered(waits: list[tuple[float, bool]], part: Fraction) -> float | None:
    """Kaplan-Meier with exact shares: the first time by which that part was answered; None if it never was."""
    waiting = Fraction(1)
    for time in sorted({wait for wait, is_answered in waits if is_answered}):
        at_risk = sum(wait >= time for wait, _ in waits)
        waiting *= 1 - Fraction(sum(wait == time and is_answered for wait, is_answered in waits), at_risk)
        if waiting <= 1 - part:
            return time
    return None


# Quarters of hours, so that many are equal; the end of the month comes early for some.
posts_with_waits = st.lists(
    st.tuples(st.integers(0, 40).map(lambda quarters: quarters / 4), st.booleans()), min_size=1, max_size=30
)


@few_examples
@given(groups(posts_with_waits))
@example([[(1.0, True)] * 5 + [(2.0, True)] * 5, [(1.0, True)] * 5 + [(2.0, False)] * 5, [(3.0, False)] * 12])
def test_first_response__kaplan_meier(models: Any, drawn: list[list[tuple[float, bool]]]):
    posts = [
        of_group(
            number,
            period="month",
            period_start_date=MONTH,
            thread_id=f"t3_{place}",
            is_begun=True,
            is_by_contributor=True,
            comments=0,
            comments_by_others=0,
            contributors=1,
            first_response_h=wait if is_answered else None,
            watched_h=wait + 100 if is_answered else wait,
            max_depth=0,
            depth_sum=0,
            placed_comments=0,
            h_index=0,
        )
        for number, waits in enumerate(drawn)
        for place, (wait, is_answered) in enumerate(waits)
    ]
    one_each = [
        of_group(number, contribution_id="t3_0", kind="post", month_start_date=MONTH, contribution_date=MONTH)
        for number in range(len(drawn))
    ]
    models.fill("intermediate.int_thread_periods", posts)
    models.fill("intermediate.int_contributions_at_month_end", one_each)
    for empty in ("int_contributions_latest", "int_contributor_periods"):
        models.fill(f"intermediate.{empty}", [])
    models.build("intermediate.int_community_periods")
    found = models.rows("intermediate.int_community_periods")
    for number, waits in enumerate(drawn):
        (row,) = found[f"group{number:03}"]
        assert row.responses_n == len(waits)
        for quantile, part in (("median", Fraction(1, 2)), ("p90", Fraction(9, 10))):
            told, low, high = (getattr(row, f"{quantile}_first_response_h{bound}") for bound in ("", "_low", "_high"))
            wanted = wait_until_answered(waits, part) if len(waits) >= MIN_N else None
            assert told == wanted
            # Bounds that are told hold what they are bounds of; of nothing there are none.
            assert low is None or (told is not None and low <= told)
            assert high is None or (told is not None and told <= high)


@few_examples
@given(groups(st.lists(st.integers(-5, 20), min_size=1, max_size=30)))
def test_post_performance__percentile_is_the_chance_to_beat_another_post_of_the_month(
    models: Any, drawn: list[list[int]]
):
    posts, ages = [], []
    for number, scores in enumerate(drawn):
        for place, score in enumerate(scores):
            post = of_group(number, contribution_id=f"t3_{place:02}", kind="post", contribution_date=MONTH)
            posts.append(post | {"created_at": f"{MONTH} 12:00:00+00"})
            seen = {"age_label": "7d", "target_age_h": 168, "observed_age_h": 200.0, "is_settled": True}
            ages.append(post | seen | {"score": score, "reply_count": -score})
    models.fill("intermediate.int_contributions_latest", posts)
    models.fill("marts.fct_engagement_at_age", ages)
    models.build("marts.fct_post_performance")
    found = models.rows("marts.fct_post_performance")
    for number, scores in enumerate(drawn):
        rows = sorted(found[f"group{number:03}"], key=lambda row: str(row.contribution_id))
        for row, score in zip(rows, scores, strict=True):
            assert row.peers_n == row.reply_peers_n == len(scores)
            if len(scores) < MIN_N:
                assert {row.score_percentile, row.reply_percentile} == {None}
                continue
            beaten = statistics.fmean((score > other) + (score == other) / 2 for other in scores)
            assert row.score_percentile == near(beaten)
            assert row.reply_percentile == near(1 - beaten)
