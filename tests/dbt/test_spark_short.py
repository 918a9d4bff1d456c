"""The same comparison as in test_spark.py with fewer models and days: short enough for every change.

Needs `requirements/spark.txt` and Java; `make test-spark-short` installs both.
"""

from typing import Any

import pytest

import spark_homes
from pulse.config.spark import Spark

pytestmark = [pytest.mark.integration, pytest.mark.spark]

# 1 December. Of two partitions it goes into the other than October and November: a file in which nothing is deleted.
LATER = 57


def test_tables__of_some_models_are_those_of_duckdb(shared_lab: Any, tmp_path_factory: pytest.TempPathFactory):
    spark_homes.skip_without_spark()
    other = spark_homes.built_on_both(
        shared_lab,
        tmp_path_factory.mktemp("spark"),
        days=(0, 8, 16, 24, LATER),
        spark=Spark(master="local[2]", settings=spark_homes.SETTINGS.settings | {"spark.sql.shuffle.partitions": 2}),
        models=spark_homes.SELECTED_MODELS,
    )
    spark_homes.assert_same_tables(shared_lab, other, least_n=25, least_filled_n=17)
    spark_homes.built_further(shared_lab, other, day=33)
    spark_homes.assert_same_tables(shared_lab, other, least_n=25, least_filled_n=17)
    assert spark_homes.tables_taken_over(other.home) >= {"fct_contributions", "int_contributions_latest"}
