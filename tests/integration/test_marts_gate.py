"""Gate 2 over real marts, broken on purpose: each rule finds what it is there for."""

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.core.home import Home
from pulse.gates import MartsVerdict, check_marts
from pulse.gates.mart_rules import MART_RULES
from pulse.lake import quality
from pulse.texts import get_scorer
from pulse.warehouse import builds

pytestmark = pytest.mark.integration

MODEL_ID = get_scorer("pulse").model_id
ONE_DAY = "community = 'emberwelltea' and contribution_date = date '2026-06-10'"

# By rule: what breaks it, in the copy of the built file.
BREAKS = {
    "contributions_are_those_of_raw": f"delete from marts.fct_contributions where {ONE_DAY} and kind = 'post'",
    "days_add_up_to_contributions": f"update marts.fct_community_daily set score_sum = score_sum + 1 where {ONE_DAY}",
    "days_claim_nothing_unseen": "update marts.fct_community_daily set posts = 3 where outcome = 'empty'",
    "observations_and_contributions_agree": (
        "delete from marts.fct_observations where community = 'crumbclub' and contribution_date = date '2026-06-11'"
    ),
    "threads_add_up_to_contributions": "update marts.fct_threads set contributions = contributions + 1",
    "conversations_add_up_to_messages": (
        "insert into marts.fct_conversations by name select * replace (1 as messages) from ("
        "select platform, community, 'lost' as conversation_id, contribution_date, created_at as started_at, "
        "created_at as last_message_at, true as is_by_contributor, 1 as messages from marts.fct_contributions limit 1)"
    ),
    "contributors_add_up_to_contributions": "update intermediate.int_contributors set posts = posts + 1",
    "new_contributors_are_new_once": (
        "update marts.fct_community_daily set new_contributors = 1000 "
        "where community = 'crumbclub' and contribution_date = date '2026-06-12'"
    ),
    "communities_are_all_there": "delete from marts.dim_communities where community = 'crumbclub'",
    "community_sizes_are_the_last_seen": (
        "insert into marts.fct_community_size_daily values "
        "('reddit', 'crumbclub', date '2026-06-10', timestamptz '2026-06-10 12:00:00+00', 5, null, null)"
    ),
    "sentiment_classes_add_up": f"update marts.fct_sentiment_daily set positive_n = positive_n + 1 where {ONE_DAY}",
    "sentiment_is_of_the_days_contributions": (
        "update marts.fct_sentiment_daily set contributions = contributions + 1 where community = 'crumbclub'"
    ),
    "ages_are_the_ages_asked_for": "update marts.fct_engagement_at_age set observed_age_h = 1",
    "removed_text_is_gone": "update marts.fct_contributions set body = 'back again' where removal <> 'none'",
    "authors_are_pseudonyms": (
        "update intermediate.int_contributors set author_key = 'spez' where author_key = "
        "(select min(author_key) from intermediate.int_contributors)"
    ),
    "complete_days_have_counts": (
        "update marts.fct_community_daily set posts = null "
        "where community = 'crumbclub' and contribution_date = date '2026-06-13'"
    ),
    "shares_are_shares": "update marts.fct_community_daily set removal_share = 'nan'::double where removal_share > 0",
    "only_what_was_looked_at_is_known": (
        "update marts.fct_community_daily set comments = null "
        "where community = 'crumbclub' and contribution_date = date '2026-06-14'"
    ),
    "months_know_no_more_than_their_days": (
        "update marts.fct_community_monthly set days_posts_known_n = days_posts_known_n + 1 "
        "where community = 'crumbclub'"
    ),
    "contributions_lie_on_days_that_were_looked_at": (
        "update marts.fct_community_daily set unproven_n = 1 "
        "where community = 'crumbclub' and contribution_date = date '2026-06-14'"
    ),
    "no_day_is_silent_everywhere": (
        "update marts.fct_community_daily set is_silent_everywhere = true "
        "where community = 'crumbclub' and contribution_date = date '2026-06-14'"
    ),
}
# Broken in other ways than by one statement.
ELSEWHERE = {"something_was_built", "every_text_was_judged"}


def gate(
    file: Path, home: Home, *, dates: Sequence[date] | None = None, model_id: str = MODEL_ID, **options: Any
) -> MartsVerdict:
    return check_marts(
        file,
        home=home,
        run_id="run",
        clock=lambda: datetime(2026, 11, 1, tzinfo=UTC),
        contribution_dates=dates,
        sentiment_model_id=model_id,
        **options,
    )


@pytest.fixture
def built(world_run: Any, home: Home, tmp_path: Path) -> Path:
    """A copy of the built marts of the world; results go to a home of the test's own."""
    quality.ensure_tables(home)
    copy = tmp_path / "working.duckdb"
    shutil.copyfile(builds.working_file(world_run.home), copy)
    with duckdb.connect(str(copy)) as connection:
        # The world's last build was of one day, and this one has all of raw, where nothing contradicts itself.
        connection.execute("create or replace view staging.int_observations as from staging.stg_contributions")
    return copy


def test_rules__enough_each_with_a_reason_and_an_example_that_breaks_it():
    assert len(MART_RULES) >= 10
    assert all(rule.reason for rule in MART_RULES)
    assert {rule.name for rule in MART_RULES} == {*BREAKS, *ELSEWHERE}


def test_check_marts__each_rule_finds_its_fault(built: Path, home: Home):
    with duckdb.connect(str(built)) as connection:
        for statement in BREAKS.values():
            connection.execute(statement)
    verdict = gate(built, home)
    warnings = {"contributions_lie_on_days_that_were_looked_at", "no_day_is_silent_everywhere"}
    assert {finding.rule for finding in verdict.stopped_by} == set(BREAKS) - warnings
    assert {finding.rule for finding in verdict.warnings} == warnings
    with duckdb.connect() as connection:
        stored = connection.execute(
            "select rule, failed_n > 0, is_stopping from read_parquet(?) where not is_passed",
            [quality.glob(home, quality.GATE_RESULTS)],
        ).fetchall()
    assert {(rule, has_failed) for rule, has_failed, _ in stored} == {(rule, True) for rule in BREAKS}


def test_check_marts__only_the_dates_that_were_built(built: Path, home: Home):
    with duckdb.connect(str(built)) as connection:
        connection.execute(BREAKS["sentiment_classes_add_up"])
    assert gate(built, home, dates=[date(2026, 6, 11)]).is_passed
    assert gate(built, home, dates=[]).is_passed
    assert [finding.rule for finding in gate(built, home, dates=[date(2026, 6, 10)]).stopped_by] == [
        "sentiment_classes_add_up"
    ]


def test_check_marts__empty_marts_over_full_raw_stop(built: Path, home: Home):
    with duckdb.connect(str(built)) as connection:
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall():
            connection.execute(f"delete from marts.{table}")
    assert "something_was_built" in {finding.rule for finding in gate(built, home).stopped_by}


def test_check_marts__scores_of_another_model_do_not_count(built: Path, home: Home):
    verdict = gate(built, home, model_id="oracle-1")
    assert [finding.rule for finding in verdict.stopped_by] == ["every_text_was_judged"]


def test_check_marts__a_missing_mart_or_column_breaks_the_rules_about_it(built: Path, home: Home):
    with duckdb.connect(str(built)) as connection:
        connection.execute("drop table marts.fct_threads")
    stopped = {finding.rule: finding for finding in gate(built, home).stopped_by}
    assert "could not tell" in stopped["threads_add_up_to_contributions"].message


def test_check_marts__no_rules_and_no_file_stop(built: Path, home: Home, tmp_path: Path):
    assert not gate(built, home, rules=()).is_passed
    assert not gate(tmp_path / "absent.duckdb", home).is_passed
