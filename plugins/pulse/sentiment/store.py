"""Scores on disk: by model, platform, community and day; keyed by contribution and text.

A text is judged once per model. An edited text has another hash and is judged again; a new model judges history beside
the old one. No text is kept here.
"""

import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import memory_database, parquet
from pulse.core.contract import scored_text_sql
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.lake.raw import Partition, partition_files
from pulse.sentiment.scorer import JUDGEMENT, Scorer

log = logging.getLogger(__name__)

SCORES = Table(
    "scores",
    "What each model says of each text.",
    "one row per contribution, text and model.",
    (
        Column("platform", "VARCHAR", False, "platform name, lower case"),
        Column("community", "VARCHAR", False, "community name, as in raw"),
        Column("contribution_id", "VARCHAR", False, "the contribution whose text it is"),
        Column("text_sha256", "VARCHAR", False, "the text, as raw names it"),
        Column("model_id", "VARCHAR", False, "name and version of the model that judged"),
        *JUDGEMENT,
    ),
)
SCORE_SCHEMA = SCORES.arrow_schema
_BATCH_ROWS = 10_000


@dataclass(frozen=True)
class ScoreCounts:
    """What one scoring did, in texts."""

    partitions_n: int
    texts_scored_n: int
    already_scored_n: int
    unscorable_n: int


def scores_glob(home: Home) -> str:
    """What to hand to DuckDB's ``read_parquet`` for all scores of all models."""
    return f"{glob.escape(str(home.scores))}/**/*.parquet"


def ensure_empty_file(home: Home) -> None:
    """Give the scores a typed file without rows, so that they can be read before the first text was judged."""
    parquet.ensure_empty_file(home.scores / "_empty.parquet", SCORES.columns)


def damaged_files(home: Home, *, is_deep: bool = False) -> list[Path]:
    """Files of scores that cannot be read, in order."""
    return [file for file in sorted(home.scores.rglob("*.parquet")) if parquet.fault_of(file, is_deep=is_deep)]


def drop_damaged(home: Home, *, is_deep: bool = False) -> list[Path]:
    """Remove the scores of partitions of which a file is damaged, for :func:`unjudged_partitions` to find them.

    Nothing is lost: scores are made of raw alone, and the same model gives the same again.

    Args:
        is_deep: read every value (:func:`pulse.core.parquet.fault_of`), not the ends of files alone.

    Returns:
        The damaged files.

    Raises:
        StorageError: a folder cannot be removed.
    """
    damaged = damaged_files(home, is_deep=is_deep)
    for file in damaged:
        if file.parent == home.scores:
            continue  # the file without rows, which is written anew
        aside = home.scratch / f"scores-{os.getpid()}-{file.parent.name}"
        try:
            if file.parent.exists():
                shutil.rmtree(aside, ignore_errors=True)
                file.parent.rename(aside)  # in one step: half a partition would count as judged
                shutil.rmtree(aside, ignore_errors=True)
                log.warning("scores: %s was damaged; its partition is judged again", file)
        except OSError as error:
            raise storage_error(file, error) from error
    return damaged


def score_partitions(home: Home, scorer: Scorer, partitions: Iterable[tuple[str, str, date]]) -> ScoreCounts:
    """Judge the texts of raw partitions that this model has not judged yet; one new file per partition that has any.

    Can be repeated: nothing is judged twice. Memory: one batch of texts. A partition of raw that is damaged is left to
    :func:`pulse.lake.raw.heal`, and so are its scores.

    Raises:
        StorageError: the scores cannot be written.
    """
    ensure_empty_file(home)
    totals = [0, 0, 0, 0]
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(home.scratch / "scoring")}) as connection:
        for platform, community, day in partitions:
            partition = Partition(platform, community, day)
            scored = _score_partition(connection, home, scorer, partition)
            for place, count in enumerate((1, *scored)):
                totals[place] += count
    return ScoreCounts(*totals)


def unjudged_partitions(home: Home, model_id: str) -> list[tuple[str, str, date]]:
    """Raw partitions with texts of which this model has judged none: the whole history after a change of the model."""
    raw, judged = home.raw / "contributions", home.model_scores_dir(model_id)
    files = [
        file
        for folder in sorted(raw.glob("*/*/day=*"))
        if not (judged / folder.relative_to(raw)).exists()
        for file in sorted(folder.glob("*.parquet"))
    ]
    return parquet.read_what_can_be(files, _partitions_with_texts)


def _partitions_with_texts(files: Sequence[Path]) -> list[tuple[str, str, date]]:
    if not files:
        return []
    with memory_database.cursor() as connection:
        # The true names are in the rows; the day is that of the folder.
        rows = connection.execute(
            """
            select distinct platform, community, cast(regexp_extract(filename, '/day=([0-9-]+)/[^/]*$', 1) as date)
            from read_parquet($files, hive_partitioning = false, union_by_name = true, filename = true)
            where text_sha256 is not null
            order by all
            """,
            {"files": list(map(str, files))},
        ).fetchall()
    return [(platform, community, day) for platform, community, day in rows]


def _score_partition(
    connection: duckdb.DuckDBPyConnection, home: Home, scorer: Scorer, partition: Partition
) -> tuple[int, int, int]:
    """Returns texts judged now, judged before, and how many of the new ones are not scorable."""
    raw_files = partition_files(home, partition)
    folder = home.scores_dir(scorer.model_id, partition.platform, partition.community, partition.day)
    if not raw_files:
        return 0, 0, 0
    if not parquet.read_what_can_be(raw_files, lambda readable: _find_asked(connection, readable) == len(raw_files)):
        return 0, 0, 0  # the build names the file; judged without it, the partition would count as judged
    known_files = [str(home.scores / "_empty.parquet"), *(str(file) for file in sorted(folder.glob("*.parquet")))]
    connection.execute(
        """
        create or replace temp table unjudged as
        select * from asked anti join read_parquet($known_files, hive_partitioning = false) as known
            using (contribution_id, text_sha256)
        order by contribution_id, text_sha256
        """,
        {"known_files": known_files},
    )
    asked_n, new_n = (int(value) for value in _counts(connection))
    if new_n == 0:
        return 0, asked_n, 0
    unscorable_n = _judge_and_write(connection, folder, scorer, partition)
    return new_n, asked_n - new_n, unscorable_n


def _find_asked(connection: duckdb.DuckDBPyConnection, raw_files: Sequence[Path]) -> int:
    """Make table ``asked`` of the texts in raw files, if there are any; returns how many files that were."""
    if not raw_files:
        return 0
    connection.execute(
        f"""
        create or replace temp table asked as
        select contribution_id, text_sha256, any_value({scored_text_sql("title", "body")}) as scored_text
        from read_parquet($raw_files, hive_partitioning = false, union_by_name = true)
        where text_sha256 is not null
        group by contribution_id, text_sha256
        """,
        {"raw_files": list(map(str, raw_files))},
    )
    return len(raw_files)


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    row = connection.execute("select (select count(*) from asked), (select count(*) from unjudged)").fetchone()
    return row or (0, 0)


def _judge_and_write(connection: duckdb.DuckDBPyConnection, folder: Path, scorer: Scorer, partition: Partition) -> int:
    """Judge table ``unjudged`` batch by batch into one file, named by what is in it."""
    draft = folder / f".draft-{os.getpid()}.tmp"
    digest = hashlib.sha256()
    unscorable_n = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(draft, SCORE_SCHEMA, compression="zstd") as writer:
            for batch in _judged_batches(connection, scorer, partition):
                writer.write_batch(batch)
                digest.update(batch.column("contribution_id").to_string().encode())
                digest.update("".join(batch.column("text_sha256").to_pylist()).encode())
                unscorable_n += batch.num_rows - batch.column("is_scorable").true_count
        parquet.put(draft, folder / f"{digest.hexdigest()[:24]}.parquet")
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise storage_error(folder, error) from error
    return unscorable_n


def _judged_batches(
    connection: duckdb.DuckDBPyConnection, scorer: Scorer, partition: Partition
) -> Iterator[pa.RecordBatch]:
    reader = connection.execute("from unjudged").to_arrow_reader(_BATCH_ROWS)
    for texts in reader:
        judged = scorer.score(texts.column("scored_text"))
        rows_n = texts.num_rows
        columns = [
            pa.repeat(partition.platform, rows_n),
            pa.repeat(partition.community, rows_n),
            texts.column("contribution_id"),
            texts.column("text_sha256"),
            pa.repeat(scorer.model_id, rows_n),
            *(judged.column(column.name) for column in JUDGEMENT),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=SCORE_SCHEMA)
