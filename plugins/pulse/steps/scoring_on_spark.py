"""Judging a history of texts on Spark's workers: they do what one process would do, a partition of raw at a time.

Each partition's scores are one file, made of that partition alone, so who makes it does not show in it. Workers must
see ``PULSE_HOME`` under the same path, and have this project with its environment.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pulse.config.spark import Spark
from pulse.core.errors import BuildFailed
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.texts import get_scorer
from pulse.texts.store import Partition, ScoreCounts, ensure_empty_file, score_partitions
from pulse.warehouse.engines import spark as engine

log = logging.getLogger(__name__)

# Fewer are judged here before Spark has started.
LEAST_PARTITIONS = 200
# Partitions differ in size: with several pieces for each core, none waits long for the last.
_PIECES_PER_CORE = 8
_COUNTS = pa.schema([(one.name, pa.int64()) for one in fields(ScoreCounts)])


def score_on_spark(home: Home, spark: Spark, model: str, partitions: Sequence[Partition]) -> ScoreCounts:
    """Judge the texts of partitions that the model has not judged yet, as :func:`score_partitions` does.

    Can be repeated: what a worker wrote before it died is not judged again, and counts as known then.

    Args:
        model: name of the scorer, as in the config.

    Raises:
        ConfigError: Spark is not installed.
        BuildFailed: a worker failed in what it did, as where it does not see the home; the log of Spark tells more.
    """
    from pyspark.errors import PySparkException

    engine.require_installed()
    ensure_empty_file(home)
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with engine.session(spark, home, folder) as session:
        pieces_n = max(1, min(len(partitions), _PIECES_PER_CORE * session.sparkContext.defaultParallelism))
        asked = session.createDataFrame(list(partitions), "platform string, community string, day date")
        types = ", ".join(f"{name} bigint" for name in _COUNTS.names)
        judge = partial(_judge, str(home.root), model)
        try:
            counts = asked.repartition(pieces_n).mapInArrow(judge, types).collect()
        except PySparkException as error:
            raise BuildFailed(
                "scores on Spark", value=printable(_last_line(error), max_chars=500),
                next_step=f"see whether all workers have this project and see {home.root}; the same again goes on from "
                f"what is judged. More in {home.dbt / 'logs' / 'spark.log'}",
            ) from error  # fmt: skip
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return ScoreCounts(*(sum(row[name] for row in counts) for name in _COUNTS.names))


def _folder(home: Home) -> Path:
    return home.scratch / "scoring-on-spark"


def _judge(root: str, model: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """On a worker: the partitions of each batch; a row of counts for each."""
    home, scorer = Home(Path(root)), get_scorer(model)
    # DuckDB's files of two processes would be the same ones.
    home.__dict__["scratch"] = _folder(home) / f"{os.uname().nodename}-{os.getpid()}"
    for batch in batches:
        partitions = [(row["platform"], row["community"], row["day"]) for row in batch.to_pylist()]
        counts = score_partitions(home, scorer, partitions)
        yield pa.RecordBatch.from_pylist([asdict(counts)], schema=_COUNTS)


def _last_line(error: Any) -> str:
    """Of what a worker said before it failed; the rest is where in whose code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception", "Full", "Denied"))]
    return (told or lines or ["no word"])[-1]
