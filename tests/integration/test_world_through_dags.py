"""The made-up world through the real DAGs: what ran, what was stopped, and that the marts recover the planted truth."""

import json
import shutil
import sqlite3
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import landing, raw
from pulse.orchestration.embedded import RunResult
from pulse.platforms import names
from pulse.steps.pipeline import Pipeline

pytestmark = pytest.mark.integration

KEY = b"key-for-tests-only"


def states(run: RunResult, task_id: str) -> Counter[str]:
    return Counter(task.state for task in run.tasks if task.task_id == task_id)


# ---- the runs --------------------------------------------------------------


def test_runs__are_green_although_one_source_failed_and_one_load_was_stopped(world_run: Any):
    for run in (world_run.backfill, world_run.day):
        assert run.is_success, run.failed()
        assert states(run, "extract") == {"success": 3, "failed": 1}
        assert states(run, "load") == {"success": 2, "failed": 2}
        assert states(run, "publish") == {"success": 1}


def test_runs__say_what_each_red_tile_failed_of(world_run: Any):
    reasons = {task.label: task.reason for task in world_run.day.failed()}
    assert "unplaced_lines_share" in reasons["reddit/nightridelamps: quarantined"]
    assert all(reason and "Next: " in reason and "\n" not in reason for reason in reasons.values()), reasons
    assert {task.reason for task in world_run.day.tasks if task.state != "failed"} == {None}


def test_runs__tiles_have_readable_names(world_run: Any):
    tiles = {task.label: task.state for task in world_run.backfill.tasks}
    assert tiles["reddit/emberwelltea"] == "success"
    assert tiles["reddit/nowhere"] == "failed"
    assert tiles["reddit/nightridelamps: quarantined"] == "failed"
    assert tiles["reddit/nowhere: failed"] == "failed"
    assert tiles["no new file"] == "success", "nothing to import is no tile that was skipped"
    models = [task.label for task in world_run.backfill.tasks if task.task_id == "model"]
    assert {label.partition(":")[0] for label in models} >= {"staging", "intermediate", "marts/core", "marts/kpi"}
    assert len(models) == len(set(models)) < 16, "a folder of models is one tile"


def test_runs__say_what_was_stopped_by_which_rule_and_where_to_look(world_run: Any):
    (alert, *_) = [line for line in world_run.lines if line.startswith("alert load_stopped")]
    for part in ("reddit/nightridelamps", "unplaced_lines_share", "limit 0.05", "/dags/community_backfill/runs/"):
        assert part in alert


def test_runs__each_published_day_is_a_partition_of_the_asset(world_run: Any):
    with sqlite3.connect(world_run.home.airflow / "airflow.db") as metadata:
        keys = [key for (key,) in metadata.execute("select partition_key from asset_event order by 1")]
    days = {f"{world_run.world.first_day:%Y-%m-%d}T00:00:00", f"{world_run.world.last_day:%Y-%m-%d}T00:00:00"}
    assert days <= set(keys)
    assert len(keys) == len(set(keys)) == 40


def test_runs__what_libraries_print_is_in_a_file_and_names_no_secret(world_run: Any):
    text = world_run.backfill.log_file.read_text()
    assert "the earliest day it can serve" in text
    assert KEY.decode() not in text
    assert "great_expectations" not in text


def airflow_log(run: RunResult, home: Home, tile: str) -> list[dict[str, Any]]:
    """The log of a tile's first try, where Airflow's UI reads it."""
    folder = home.airflow / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / tile
    return [json.loads(line) for line in (folder / "attempt=1.log").read_text().splitlines()]


def test_runs__are_named_after_their_days_in_id_and_note(world_run: Any):
    world, run, day = world_run.world, world_run.backfill, world_run.day
    before_last = world.last_day - timedelta(days=1)
    assert run.run_id.startswith(f"manual__{world.first_day}_to_{before_last}__")
    assert day.run_id.startswith(f"manual__{world.last_day}__")
    with sqlite3.connect(world_run.home.airflow / "airflow.db") as metadata:
        notes = dict(
            metadata.execute(
                "select run_id, content from dag_run join dag_run_note on dag_run.id = dag_run_id"
            ).fetchall()
        )
    assert (notes[run.run_id], notes[day.run_id]) == (f"{world.first_day} to {before_last}", str(world.last_day))


def test_runs__a_red_tile_has_its_reason_as_one_line_in_airflow_s_own_log(world_run: Any):
    entries = [
        *airflow_log(world_run.backfill, world_run.home, "task_id=load/map_index=2"),
        *airflow_log(world_run.backfill, world_run.home, "task_id=load/map_index=3"),
    ]
    errors = [entry for entry in entries if entry["level"] == "error"]
    assert [entry["event"].partition(":")[0] for entry in errors] == [
        "load of reddit/nightridelamps", "load of reddit/nowhere",
    ]  # fmt: skip
    assert "the earliest day it can serve" in errors[1]["event"]
    assert not [entry for entry in entries if "error_detail" in entry], "no traceback for our own errors"


def test_runs__a_task_s_log_has_what_the_pipeline_said(world_run: Any):
    entries = airflow_log(world_run.day, world_run.home, "task_id=gate_loads")
    assert any(entry["event"].startswith("gate 1: 2 of 4 loads") for entry in entries)
    assert any(entry["event"].startswith("alert load_stopped") for entry in entries)
    assert not [entry for entry in entries if entry["event"] == "XCom not found"]


def test_runs__what_follows_a_cleared_tile_finds_nothing_to_do(
    in_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The tasks below `load` once more, in the same run: nothing is built, checked or published anew."""
    home = Home(tmp_path / "home")
    shutil.copytree(in_world.home.root, home.root, ignore=shutil.ignore_patterns("airflow", "dbt"))
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    pipeline, run_id = Pipeline.from_environment(), in_world.day.run_id
    window = Window.one_day(in_world.world.last_day)
    loads = [load for load in landing.sealed_loads(home) if load.manifest.window == window]
    assert len(loads) == 2
    entry_ids, load_ids = [load.manifest.entry_id for load in loads], [load.load_id for load in loads]
    verdicts = pipeline.gate_loads(window, entry_ids, load_ids, run_id=run_id)

    def rest_of_the_run() -> tuple[list[str], str, bool]:
        pipeline.promote(verdicts, run_id=run_id)
        pipeline.score(verdicts)
        labels = [node["label"] for node in pipeline.build()]
        published = pipeline.publish(window, verdicts, pipeline.gate_marts(run_id=run_id))
        return labels, published["state_id"], raw.pending_dates(home) == {}

    rest_of_the_run()  # files lie elsewhere now, and in doubt all is built
    _, state_id, _ = first = rest_of_the_run()
    assert first == (["nothing changed"], state_id, True)
    assert rest_of_the_run() == first


# ---- the truth -------------------------------------------------------------


def wanted_days(world: Any) -> dict[tuple[str, date], Any]:
    """Truth by community and day, for the communities that arrive."""
    return {
        (community.community, day): of_day
        for community in world.truth.communities.values()
        if not community.is_feed_broken
        for day, of_day in community.days.items()
        if of_day.posts + of_day.comments
    }


def test_truth__daily_counts(world_run: Any, published: duckdb.DuckDBPyConnection):
    rows = published.execute(
        """
        select community, contribution_date, posts, comments, contributors, coalesce(new_n, 0), removed, score_sum,
            reply_count_sum
        from marts.fct_community_daily left join (
            select platform, community, new_contributor_date as contribution_date, count(*) as new_n
            from marts.dim_contributors where is_contributor group by all
        ) using (platform, community, contribution_date)
        where posts + comments > 0
        """
    ).fetchall()
    wanted = {
        key: (
            day.posts, day.comments, day.contributors, day.new_contributors, day.removed, day.score_sum,
            day.reply_count_sum if day.posts else None,
        )
        for key, day in wanted_days(world_run.world).items()
    }  # fmt: skip
    assert len(wanted) > 150
    assert {(community, day): tuple(rest) for community, day, *rest in rows} == wanted


def test_truth__daily_sentiment(world_run: Any, published: duckdb.DuckDBPyConnection):
    rows = published.execute(
        "select community, contribution_date, positive_n, neutral_n, negative_n from marts.fct_sentiment_daily"
    ).fetchall()
    found = {(community, day): counts for community, day, *counts in rows}
    wanted = {
        key: [day.positive_n, day.neutral_n, day.negative_n]
        for key, day in wanted_days(world_run.world).items()
        if day.positive_n + day.neutral_n + day.negative_n
    }
    assert {key: sum(counts) for key, counts in found.items()} == {key: sum(counts) for key, counts in wanted.items()}
    moved_n = sum(abs(a - b) for key in wanted for a, b in zip(found[key], wanted[key], strict=True)) / 2
    # The planted words are unmistakable; a model may still be off on one text in two hundred.
    assert moved_n <= sum(map(sum, wanted.values())) / 200


def test_truth__the_day_sentiment_turns(world_run: Any, published: duckdb.DuckDBPyConnection):
    truth = world_run.world.truth.communities["emberwelltea"]
    turn = truth.sentiment_turn.day
    before, after = published.execute(
        "select sum(positive_n - negative_n) filter (where contribution_date < $day) "
        "/ sum(scored_n) filter (where contribution_date < $day), "
        "sum(positive_n - negative_n) filter (where contribution_date >= $day) "
        "/ sum(scored_n) filter (where contribution_date >= $day) "
        "from marts.fct_sentiment_daily where community = 'emberwelltea'",
        {"day": turn},
    ).fetchone()
    planted = [
        shares["positive"] - shares["negative"] for shares in (truth.sentiment_turn.before, truth.sentiment_turn.after)
    ]
    # Some 1,500 texts a side: two standard errors of a net of shares are about 0.04.
    assert before == pytest.approx(planted[0], abs=0.05)
    assert after == pytest.approx(planted[1], abs=0.05)


def test_truth__leaders_of_the_month(world_run: Any, published: duckdb.DuckDBPyConnection):
    for community in world_run.world.truth.communities.values():
        leaders = community.leaders.get("2026-06", ())
        if community.is_feed_broken or not leaders:
            continue
        found = dict(
            published.execute(
                "select author_key, count(*) from marts.fct_contributions "
                "where community = ? and is_by_contributor and month(contribution_date) = 6 group by author_key",
                [community.community],
            ).fetchall()
        )
        wanted = {names.author_key(KEY, "reddit", leader.author): leader.contributions for leader in leaders}
        assert {key: found.get(key) for key in wanted} == wanted
        assert sorted(found.values(), reverse=True)[: len(wanted)] == sorted(wanted.values(), reverse=True)


def test_truth__an_outage_is_a_day_of_zeros_and_a_stopped_load_is_a_day_of_nulls(
    world_run: Any, published: duckdb.DuckDBPyConnection
):
    outage = published.execute(
        "select posts, comments, outcome, is_day_complete from marts.fct_community_daily "
        "where community = 'emberwelltea' and contribution_date = ?",
        [world_run.world.outage_day],
    ).fetchone()
    assert outage == (0, 0, "empty", True)
    stopped = published.execute(
        "select distinct posts, comments, outcome, is_day_complete from marts.fct_community_daily "
        "where community in ('nightridelamps', 'nowhere') order by outcome"
    ).fetchall()
    assert stopped == [(None, None, "failed", False), (None, None, "quarantined", False)]
    shares = published.execute("select distinct communities_arrived_share from marts.fct_community_daily").fetchall()
    assert shares == [(0.5,)]


def test_truth__removed_contributions_have_no_text_and_no_sentiment(
    world_run: Any, published: duckdb.DuckDBPyConnection
):
    gone = {gone.contribution_id: gone for gone in world_run.world.truth.gone}
    rows = published.execute(
        "select contribution_id, removal, body, sentiment_label from marts.fct_contributions where removal <> 'none'"
    ).fetchall()
    assert len(rows) > 50
    for contribution_id, removal, body, sentiment_label in rows:
        assert gone[contribution_id].by in removal
        assert (body, sentiment_label) == (None, None)


def test_truth__clear_names_are_nowhere_but_in_quarantine(world_run: Any):
    names = {person.name for person in world_run.world.people}
    home = world_run.home
    with duckdb.connect() as connection:
        for folder in (home.raw, home.scores, home.quality, home.landing / "loads", home.landing / "archives"):
            # Original lines lie in closed folders, in files of their own.
            files = [
                str(file)
                for file in sorted(folder.rglob("*.parquet"))
                if file.name != "bad_lines.parquet" and not file.name.startswith("faults-")
            ]
            assert files
            connection.execute(
                "create or replace view everything as select * exclude (filename) from "
                f"read_parquet({files}, union_by_name = true, hive_partitioning = false, filename = true)"
            )
            for column, kind, *_ in connection.execute("describe everything").fetchall():
                if kind == "VARCHAR" and column not in {"title", "body"}:
                    values = connection.execute(f'select distinct "{column}" from everything').fetchall()
                    assert not names & {value for (value,) in values}, (folder, column)
