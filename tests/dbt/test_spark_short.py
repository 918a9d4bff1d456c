"""The same comparison as in test_spark.py with fewer models and days: short enough for every change.

Needs `requirements/spark.txt` and Java; `make test-spark-short` installs both.
"""

from typing import Any

import pytest

import spark_homes

pytestmark = [pytest.mark.integration, pytest.mark.spark]


def test_tables__of_some_models_are_those_of_duckdb(shared_lab: Any, tmp_path_factory: pytest.TempPathFactory):
    spark_homes.skip_without_spark()
    other = spark_homes.built_on_both(
        shared_lab,
        tmp_path_factory.mktemp("spark"),
        days=range(0, 33, 8),
        spark=spark_homes.SETTINGS,
        models=spark_homes.SELECTED_MODELS,
    )
    spark_homes.assert_same_tables(shared_lab, other, least_n=25, least_filled_n=17)
