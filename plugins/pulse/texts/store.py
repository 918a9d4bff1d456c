"""Scores on disk: by model, platform, community and day; keyed by contribution and text.

A text is judged once per model. An edited text has another hash and is judged again; a new model judges history beside
the old one. No text is kept here.
"""

import contextlib
import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import memory_database, parquet, progress, side_by_side
from pulse.core.contract import scored_text_sql
from pulse.core.files import sql_text, storage_error, write_json
from pulse.core.home import Home, path_value
from pulse.core.strict import WILDCARD
from pulse.core.table import Column, Table
from pulse.lake import compacted, compaction, raw
from pulse.lake.compacted import ROWS_FILE
from pulse.lake.compaction import Compacted
from pulse.lake.raw import compacted_file, partition_files
from pulse.texts.scorer import JUDGEMENT, Scorer

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
_EARLIER_NOTE = "_earlier_columns.json"


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
    """Give the scores a typed file without rows, so that they can be read before the first text was judged.

    Notes for :func:`has_earlier_columns` where it had other columns before: then so have the scores of that time.
    """
    file = _empty_file(home)
    is_current = parquet.fault_of(file, is_deep=True) is None and parquet.column_names(file) == SCORES.names
    if not is_current and any(home.scores.glob("model_id=*")):
        write_json(home.scores / _EARLIER_NOTE, {"columns_now": SCORES.names})
    parquet.ensure_empty_file(file, SCORES.columns)


def has_earlier_columns(home: Home) -> bool:
    """Whether there may be scores of a version that had fewer columns; what they lack is NULL then."""
    return (home.scores / _EARLIER_NOTE).exists()


def _empty_file(home: Home) -> Path:
    return home.scores / "_empty.parquet"


def damaged_files(home: Home, *, is_deep: bool = False) -> list[Path]:
    """Files of scores that cannot be read, in order."""
    return parquet.damaged(sorted(home.scores.rglob("*.parquet")), "scores", is_deep=is_deep)


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


# Platform, community and day; no community for the contributions of a day that are compacted.
Partition = tuple[str, str | None, date]


def score_partitions(home: Home, scorer: Scorer, partitions: Iterable[Partition]) -> ScoreCounts:
    """Judge the texts of raw partitions that this model has not judged yet; one new file per partition that has any.

    Can be repeated: nothing is judged twice. Memory: one batch of texts for each core. A partition of raw that is
    damaged is left to :func:`pulse.lake.raw.heal`, and so are its scores.

    Args:
        partitions: small files of a community and day, or, without a community, what is compacted of a day.

    Raises:
        StorageError: the scores cannot be written.
    """
    ensure_empty_file(home)
    by_form: tuple[list[Partition], list[Partition]] = ([], [])
    for partition in partitions:
        by_form[partition[1] is None].append(partition)
    totals = [0, 0, 0, 0]
    with progress.counting("judging texts", "partitions", len(by_form[0]) + len(by_form[1])) as meter:

        def judge(mine: Iterator[Partition]) -> list[int]:
            counts = [0, 0, 0, 0]
            with memory_database.workbench(home.scratch / "scoring", threads_n=1) as connection:
                for partition in mine:
                    scored = _score_partition(connection, home, scorer, partition)
                    counts = [count + more for count, more in zip(counts, (1, *scored), strict=True)]
                    meter.advance()
            return counts

        # What is compacted of a day comes after the small files of its communities, whose scores it would judge again.
        for of_form in by_form:
            for counts in side_by_side.spread(of_form, judge):
                totals = [total + count for total, count in zip(totals, counts, strict=True)]
    return ScoreCounts(*totals)


def unjudged_partitions(home: Home, model_id: str) -> list[Partition]:
    """Raw partitions with texts of which this model has judged none: the whole history after a change of the model.

    Of a compacted day, those in which it has judged nothing of some community.
    """
    return [*_unjudged_small(home, model_id), *_unjudged_compacted(home, model_id)]


def _unjudged_small(home: Home, model_id: str) -> list[Partition]:
    contributions, judged = home.raw / "contributions", home.model_scores_dir(model_id)
    files = [
        file
        for folder in sorted(contributions.glob("*/*/day=*"))
        if folder.parent.name != compacted.FOLDER and not (judged / folder.relative_to(contributions)).exists()
        for file in sorted(folder.glob("*.parquet"))
    ]
    with_texts: list[tuple[str, str, date]] = parquet.read_what_can_be(files, _partitions_with_texts)
    places = {(platform, day) for platform, _, day in with_texts}
    known = {
        (platform, community, day)
        for platform, day in places
        for community in _judged_communities(_compacted_scores(judged, platform, day))
    }
    return [partition for partition in with_texts if partition not in known]


def _unjudged_compacted(home: Home, model_id: str) -> list[Partition]:
    contributions, judged = home.raw / "contributions", home.model_scores_dir(model_id)
    found: list[Partition] = []
    for file in compacted.files_of_platform(contributions, WILDCARD):
        of_day = sorted((judged / file.parent.relative_to(contributions)).glob("*.parquet"))
        # What is written there is whole: a day is judged, and its scores are compacted, only as a whole.
        if any(scores.stat().st_mtime_ns > file.stat().st_mtime_ns for scores in of_day):
            continue
        known = _judged_communities(of_day)
        small = {folder.name for folder in _small_folders(judged, file)}
        held = compacted.contents(file)
        if held is not None and all(one.community in known or _folder_name(one.community) in small for one in held):
            continue
        with_texts: list[tuple[str, str, date]] = parquet.read_what_can_be([file], _partitions_with_texts)
        missing = [
            (platform, day)
            for platform, community, day in with_texts
            if community not in known and _folder_name(community) not in small
        ]
        found += [(platform, None, day) for platform, day in missing[:1]]
    return found


def _small_folders(judged: Path, file: Path) -> list[Path]:
    """Folders of the communities that have small files of scores of a compacted file's day."""
    platform = judged / file.parents[2].name
    return [folder.parent for folder in platform.glob(f"community=*/{file.parent.name}")]


def _folder_name(community: str) -> str:
    return f"community={path_value(community)}"


def _compacted_scores(judged: Path, platform: str, day: date) -> list[Path]:
    """The files with scores of all communities of a day."""
    return sorted(compacted.file_of(judged, platform, day).parent.glob("*.parquet"))


def _judged_communities(files: Sequence[Path]) -> set[str]:
    if not files:
        return set()
    with memory_database.cursor() as connection:
        rows = connection.execute(
            "select distinct community from read_parquet($files, hive_partitioning = false)",
            {"files": list(map(str, files))},
        ).fetchall()
    return {community for (community,) in rows}


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
    platform, community, day = partition
    judged = home.model_scores_dir(scorer.model_id)
    if community is None:
        folder = compacted.file_of(judged, platform, day).parent
        raw_files = [file for file in [compacted_file(home, platform, day)] if file.exists()]
    else:
        folder = home.scores_dir(scorer.model_id, platform, community, day)
        raw_files = partition_files(home, raw.Partition(platform, community, day))
    if not raw_files:
        return 0, 0, 0
    if not parquet.read_what_can_be(raw_files, lambda readable: _find_asked(connection, readable) == len(raw_files)):
        return 0, 0, 0  # the build names the file; judged without it, the partition would count as judged

    def known_now() -> list[Path]:
        communities = "*" if community is None else folder.parent.name
        small = (judged / f"platform={path_value(platform)}").glob(f"{communities}/{folder.name}/*.parquet")
        return [_empty_file(home), *sorted(small), *_compacted_scores(judged, platform, day)]

    compacted.read_current(known_now, lambda readable: _find_unjudged(connection, readable))
    asked_n, new_n = (int(value) for value in _counts(connection))
    if new_n == 0:
        return 0, asked_n, 0
    unscorable_n = _judge_and_write(connection, folder, scorer)
    return new_n, asked_n - new_n, unscorable_n


def _find_asked(connection: duckdb.DuckDBPyConnection, raw_files: Sequence[Path]) -> int:
    """Make table ``asked`` of the texts in raw files, if there are any; returns how many files that were."""
    if not raw_files:
        return 0
    connection.execute(
        f"""
        create or replace temp table asked as
        select platform, community, contribution_id, text_sha256,
            any_value({scored_text_sql("title", "body")}) as scored_text
        from read_parquet($raw_files, hive_partitioning = false, union_by_name = true)
        where text_sha256 is not null
        group by platform, community, contribution_id, text_sha256
        """,
        {"raw_files": list(map(str, raw_files))},
    )
    return len(raw_files)


def _find_unjudged(connection: duckdb.DuckDBPyConnection, known_files: Sequence[Path]) -> None:
    """Make table ``unjudged`` of the texts in ``asked`` that these files have no scores of."""
    connection.execute(
        """
        create or replace temp table unjudged as
        select * from asked anti join read_parquet($known_files, hive_partitioning = false) as known
            using (platform, community, contribution_id, text_sha256)
        order by platform, community, contribution_id, text_sha256
        """,
        {"known_files": list(map(str, known_files))},
    )


# ---- compaction --------------------------------------------------------------


def compact(home: Home, *, through: date, most_n: int | None = None, is_dry_run: bool = False) -> Compacted:
    """Make one file of the scores of each settled day, as :func:`pulse.lake.compaction.compact` does for raw.

    Only whoever holds the lock of raw and the warehouse may call this. Days of which texts are not judged yet are left.
    Can be repeated, and stopped at any moment: scores that stand in both forms meanwhile are the same, and count once.

    Raises:
        StorageError: disk full or not writable.
    """
    done = Compacted()
    last = compaction.settled_before(through)
    for model in sorted(home.scores.glob("model_id=*")):
        settled = [
            (together / ROWS_FILE, sorted(files))
            for platform in sorted(model.glob("platform=*"))
            for day, files in sorted(compaction.small_files_by_day(platform).items())
            if day <= last
            and compaction.are_settled(files, together := platform / compacted.FOLDER / f"day={day}", last)
        ]
        if not settled:
            continue
        model_id = unquote(model.name.removeprefix("model_id="))
        unjudged = {f"day={day}" for _, _, day in unjudged_partitions(home, model_id)}
        for target, files in settled[:most_n]:
            if target.parent.name not in unjudged:
                done += Compacted(1, len(files), 0) if is_dry_run else _compact(home, target, files)
    return done


def _compact(home: Home, target: Path, files: Sequence[Path]) -> Compacted:
    given = [*files, *sorted(target.parent.glob("*.parquet"))]
    if parquet.whole(given) != given:
        log.warning("scores: a file of %s is damaged or went, so it is left", target.parent)
        return Compacted()
    before_bytes = sum(file.stat().st_size for file in given)
    spill = home.scratch / "scoring"
    # Scores of an earlier version lack columns; the file without rows has them all.
    ensure_empty_file(home)
    sources = ", ".join(sql_text(file) for file in (_empty_file(home), *given))
    with memory_database.workbench(spill) as connection:
        try:
            parquet.write_query(
                connection,
                f"select distinct {', '.join(SCORES.names)} from read_parquet([{sources}], "
                "hive_partitioning = false, union_by_name = true) order by community, contribution_id, text_sha256",
                target,
            )
        except duckdb.Error as error:
            if parquet.whole(given, is_deep=True) == given:
                raise storage_error(target, error) from error
            log.warning("scores: a file of %s is damaged, so it is left", target.parent)
            return Compacted()
    try:
        for file in given:
            if file != target:
                file.unlink(missing_ok=True)
        for folder in {file.parent for file in files}:
            with contextlib.suppress(OSError):  # something came meanwhile
                folder.rmdir()
    except OSError as error:
        raise storage_error(target, error) from error
    return Compacted(1, len(files), before_bytes - target.stat().st_size)


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    row = connection.execute("select (select count(*) from asked), (select count(*) from unjudged)").fetchone()
    return row or (0, 0)


def _judge_and_write(connection: duckdb.DuckDBPyConnection, folder: Path, scorer: Scorer) -> int:
    """Judge table ``unjudged`` batch by batch into one file, named by what is in it."""
    draft = folder / f".draft-{os.getpid()}.tmp"
    digest = hashlib.sha256()
    unscorable_n = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(draft, SCORE_SCHEMA, compression="zstd") as writer:
            for batch in _judged_batches(connection, scorer):
                writer.write_batch(batch)
                digest.update(batch.column("contribution_id").to_string().encode())
                digest.update("".join(batch.column("text_sha256").to_pylist()).encode())
                unscorable_n += batch.num_rows - batch.column("is_scorable").true_count
        parquet.put(draft, folder / f"{digest.hexdigest()[:24]}.parquet")
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise storage_error(folder, error) from error
    return unscorable_n


def _judged_batches(connection: duckdb.DuckDBPyConnection, scorer: Scorer) -> Iterator[pa.RecordBatch]:
    reader = connection.execute("from unjudged").to_arrow_reader(_BATCH_ROWS)
    for texts in reader:
        judged = scorer.score(texts.column("scored_text"))
        rows_n = texts.num_rows
        columns = [
            texts.column("platform"),
            texts.column("community"),
            texts.column("contribution_id"),
            texts.column("text_sha256"),
            pa.repeat(scorer.model_id, rows_n),
            *(judged.column(column.name) for column in JUDGEMENT),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=SCORE_SCHEMA)
