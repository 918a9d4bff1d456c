"""The mood of one community of the made-up world turns on a known day, and of no other: that is what the marts say."""

from datetime import timedelta
from typing import Any

import duckdb
import pytest

pytestmark = pytest.mark.integration


def test_truth__the_one_turn_is_found_within_two_days_and_no_other(
    world_run: Any, published: duckdb.DuckDBPyConnection
):
    truth = world_run.world.truth.communities["emberwelltea"].sentiment_turn
    ((community, day, direction, before, after, days_n, caveat),) = published.execute(
        "select community, turn_date, direction, net_before, net_after, days_complete_n, caveat "
        "from marts.fct_sentiment_turns"
    ).fetchall()
    assert (community, direction, days_n, caveat) == ("emberwelltea", "down", 28, None)
    assert abs(day - truth.day) <= timedelta(days=2)
    planted = [shares["positive"] - shares["negative"] for shares in (truth.before, truth.after)]
    # One voice a person and day, not one a text: someone who says two things says what weighs more.
    assert before == pytest.approx(planted[0], abs=0.1)
    assert after == pytest.approx(planted[1], abs=0.1)


def test_truth__the_evidence_can_be_read_and_is_of_the_mood_of_its_side(published: duckdb.DuckDBPyConnection):
    rows = published.execute(
        """
        select evidence.side, evidence.sentiment_label, told.sentiment_label,
            told.body is not null or told.title is not null, told.contribution_date < evidence.turn_date,
            told.author_key
        from marts.fct_sentiment_turn_evidence as evidence
        join marts.fct_contributions as told using (platform, community, contribution_id)
        order by evidence.side, evidence.place
        """
    ).fetchall()
    assert [row[:5] for row in rows] == [
        *[("after", "negative", "negative", True, False)] * 5, *[("before", "positive", "positive", True, True)] * 5,
    ]  # fmt: skip
    for side in ("before", "after"):
        assert len({row[5] for row in rows if row[0] == side}) == 5, "one of each person"


def test_sentiment__weeks_and_months_add_up_to_the_days(published: duckdb.DuckDBPyConnection):
    for mart, of_all in (("weekly", ""), ("monthly", "where community <> '*'")):
        counted = published.execute(
            f"select sum(contributions), sum(scored_n), sum(positive_n), sum(neutral_n), sum(negative_n) "
            f"from marts.fct_sentiment_{mart} {of_all}"
        ).fetchone()
        days = published.execute(
            "select sum(contributions), sum(scored_n), sum(positive_n), sum(neutral_n), sum(negative_n) "
            "from marts.fct_sentiment_daily"
        ).fetchone()
        assert counted == days, mart


def test_sentiment__june_is_complete_and_all_together_is_the_sum(published: duckdb.DuckDBPyConnection):
    together, apart, net = published.execute(
        """
        select sum(scored_n) filter (where community = '*'), sum(scored_n) filter (where community <> '*'),
            max(net_sentiment) filter (where community = 'emberwelltea')
        from marts.fct_sentiment_monthly where month_start_date = date '2026-06-01'
        """
    ).fetchone()
    assert together == apart > 5_000
    assert -1 < net < 1
    ((days_n, complete_n, caveat),) = published.execute(
        "select days_n, days_complete_n, caveat from marts.fct_sentiment_monthly "
        "where month_start_date = date '2026-06-01' and community = 'emberwelltea'"
    ).fetchall()
    assert (days_n, complete_n, caveat) == (30, 30, None)
