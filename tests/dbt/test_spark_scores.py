"""A history judged by Spark's workers is the one that this machine would have judged, byte for byte."""

import shutil
from datetime import date
from pathlib import Path

import pytest

import spark_homes
from pulse.core.errors import BuildFailed
from pulse.core.home import Home
from pulse.steps import scoring_on_spark
from pulse.texts import get_scorer, unjudged_partitions
from spark_homes import SETTINGS

pytestmark = [pytest.mark.integration, pytest.mark.spark, pytest.mark.timeout(1800)]


@pytest.fixture(autouse=True)
def installed() -> None:
    spark_homes.skip_without_spark()


@pytest.fixture
def history(home: Home) -> Home:
    return spark_homes.unjudged(home)


def test_history__judged_by_workers_is_the_same_byte_for_byte(history: Home, tmp_path: Path):
    other = Home(tmp_path / "other, with a comma")
    shutil.copytree(history.root, other.root)
    spark_homes.assert_same_scores(history, other, spark=SETTINGS)
    assert unjudged_partitions(other, get_scorer(spark_homes.MODEL).model_id) == []
    assert not (other.scratch / "scoring-on-spark").exists()


def test_history__that_a_worker_cannot_write_is_one_clear_error(history: Home):
    scorer = get_scorer(spark_homes.MODEL)
    partitions = unjudged_partitions(history, scorer.model_id)
    history.model_scores_dir(scorer.model_id).parent.mkdir(parents=True, exist_ok=True)
    history.model_scores_dir(scorer.model_id).write_text("a file where a folder should be")
    with pytest.raises(BuildFailed, match=r"scores on Spark: .*goes on from what is judged") as failed:
        scoring_on_spark.score_on_spark(history, SETTINGS, spark_homes.MODEL, partitions)
    assert "model_id=" in str(failed.value)


def test_pipeline__asks_workers_only_where_the_config_says_so_and_there_is_much(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    from pulse.config.settings import Settings
    from pulse.sources.reddit.entry import RedditArchiveEntry
    from pulse.steps.pipeline import Pipeline

    asked: list[int] = []
    monkeypatch.setattr(scoring_on_spark, "score_on_spark", lambda *given: asked.append(len(given[-1])))
    monkeypatch.setattr("pulse.texts.score_partitions", lambda *_: None)
    entry = RedditArchiveEntry(platform="reddit", name="tea", source="reddit_archive", path=["x"])
    few, many = ([("reddit", "tea", date(2026, 10, 5))] * number for number in (10, scoring_on_spark.LEAST_PARTITIONS))
    for name, scores in (("duckdb", "workers"), ("spark", "here"), ("spark", "workers")):
        spark = SETTINGS.model_copy(update={"scores": scores})
        pipeline = Pipeline(home, Settings(communities=(entry,), engine=name, spark=spark))
        for partitions in (few, many):
            pipeline._scored(get_scorer(spark_homes.MODEL), partitions)
    assert asked == [len(many)]
