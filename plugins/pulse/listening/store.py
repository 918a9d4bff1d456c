"""Mentions on disk: by version, platform and day; keyed by contribution and text.

    listening/mentions/version=…/platform=reddit/day=2026-10-05/mentions.parquet

A text is looked at once per version. One in which no brand is named has a row as well, without a brand: that it was
looked at. A day of a platform has one file, replaced whole, and holds what its raw files hold and nothing else: what
goes from raw goes with the next run, and at once when it was taken back (:mod:`pulse.steps.erasing`). No text is kept
here, and no author.
"""

import contextlib
import glob
import hashlib
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.config.listening import Listening
from pulse.core import memory_database, parquet, progress
from pulse.core.contract import scored_text_sql
from pulse.core.files import sql_text, storage_error
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.lake import compacted
from pulse.listening import tables
from pulse.listening.mention import MENTION
from pulse.texts.scorer import Scorer

if TYPE_CHECKING:
    from pulse.listening.matcher import Matcher

log = logging.getLogger(__name__)

MENTIONS = Table(
    "mentions",
    "Where brands are named in texts, also those that mean something else.",
    "one row per text, version, brand and mention; one without a brand per text that names none.",
    (
        Column("platform", "VARCHAR", False, "platform name, lower case"),
        Column("community", "VARCHAR", False, "community name, as in raw"),
        Column("contribution_id", "VARCHAR", False, "the contribution whose text it is"),
        Column("text_sha256", "VARCHAR", False, "the text, as raw names it"),
        Column("version", "VARCHAR", False, "brands of the config, judged examples, matcher and model"),
        *MENTION,
    ),
)
_KEY = ("platform", "community", "contribution_id", "text_sha256")
_FILE_NAME = "mentions.parquet"
_BATCH_ROWS = 20_000


@dataclass(frozen=True)
class MentionCounts:
    """What one search did: days of platforms that it looked at, texts that were new to it, mentions in those."""

    days_n: int = 0
    texts_n: int = 0
    mentions_n: int = 0


def mentions_glob(home: Home) -> str:
    """What to hand to DuckDB's ``read_parquet`` for all mentions of all versions."""
    return f"{glob.escape(str(_root(home)))}/**/*.parquet"


def ensure_empty_files(home: Home) -> None:
    """Give mentions, and what the config says, typed files without rows, so that all can be read from the first."""
    tables.ensure_empty_files(home)
    parquet.ensure_empty_file(_root(home) / "_empty.parquet", MENTIONS.columns)


def files(home: Home) -> list[Path]:
    """All files of mentions, in order."""
    return sorted(_root(home).glob(f"version=*/platform=*/day=*/{_FILE_NAME}"))


def damaged_files(home: Home, *, is_deep: bool = False) -> list[Path]:
    """Files of mentions that cannot be read, in order; :func:`find_mentions` makes them again."""
    return parquet.damaged(files(home), "mentions", is_deep=is_deep)


def find_mentions(home: Home, listening: Listening, scorer: Scorer, *, is_deep: bool = False) -> MentionCounts:
    """Write what the config says, and find its brands in all texts of raw that were not looked at for it.

    Mentions of other versions go at the end. Can be repeated, and stopped at any moment. Memory: one batch of texts.

    Args:
        is_deep: read mentions whole to find damage, not the ends of files alone.

    Raises:
        ConfigError: judged examples cannot be read any more.
        StorageError: disk full or not writable.
    """
    ensure_empty_files(home)
    tables.write(home, listening, scorer.model_id)
    counts = MentionCounts()
    kept: str | None = None
    if listening.brands:
        from pulse.listening.matcher import Matcher  # compiled loops: not for who only reads

        matcher = Matcher(listening, scorer)
        kept = f"version={matcher.version}"
        counts = _find_all(home, matcher, is_deep=is_deep)
    try:
        for folder in sorted(_root(home).glob("version=*")):
            if folder.name != kept:
                shutil.rmtree(folder)
    except OSError as error:
        raise storage_error(_root(home), error) from error
    return counts


def _root(home: Home) -> Path:
    return home.listening / "mentions"


def _find_all(home: Home, matcher: "Matcher", *, is_deep: bool) -> MentionCounts:
    root = _root(home) / f"version={matcher.version}"
    spill = home.scratch / "mentions"
    days_n = texts_n = mentions_n = 0
    raw_files = _raw_files(home)
    with memory_database.workbench(spill) as connection:
        for (platform, day), found in progress.over(sorted(raw_files.items()), "looking for brands", "days"):
            target = root / platform / day / _FILE_NAME
            digest = _digest(found)
            if parquet.fault_of(target, is_deep=is_deep) is None and _looked_at(target) == digest:
                continue
            looked = _find_in_day(connection, matcher, found, target, digest)
            days_n, texts_n, mentions_n = days_n + 1, texts_n + looked[0], mentions_n + looked[1]
    for target in sorted(root.glob(f"*/*/{_FILE_NAME}")):
        if (target.parents[1].name, target.parent.name) not in raw_files:
            target.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                target.parent.rmdir()
    return MentionCounts(days_n, texts_n, mentions_n)


def _raw_files(home: Home) -> dict[tuple[str, str], list[Path]]:
    """Files of raw by the folders of platform and day."""
    found = defaultdict(list)
    for file in sorted((home.raw / "contributions").glob("platform=*/community=*/day=*/*.parquet")):
        found[file.parents[2].name, file.parent.name].append(file)
    return found


def _digest(found: Sequence[Path]) -> str:
    """Tells one state of the raw files of a day from another; each is only ever replaced whole."""
    digest = hashlib.sha256()
    for file in found:
        with contextlib.suppress(FileNotFoundError):  # compacted meanwhile: the next run looks again
            digest.update(repr(compacted.state_of(file)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _looked_at(target: Path) -> str | None:
    """The state of raw that a file of mentions speaks of; None where it says none or cannot be read."""
    try:
        facts = pq.read_metadata(target).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    found = facts.get(b"raw")
    return None if found is None else found.decode("ascii", "replace")


def _find_in_day(
    connection: duckdb.DuckDBPyConnection, matcher: "Matcher", raw_files: Sequence[Path], target: Path, digest: str
) -> tuple[int, int]:
    """Returns how many texts were looked at now, and how many mentions they hold.

    A day of which a file of raw is damaged is left: it is looked at once raw was healed.
    """
    if not parquet.read_what_can_be(raw_files, lambda readable: _find_asked(connection, readable) == len(raw_files)):
        return 0, 0
    known = parquet.whole([target], is_deep=True)
    before = f"read_parquet({sql_text(target)}, hive_partitioning = false)" if known else "no_mentions"
    _make_empty(connection)
    key = ", ".join(_KEY)
    connection.execute(
        f"create or replace temp table unseen as select * from asked anti join {before} using ({key}) order by {key}"
    )
    draft = target.with_name(".found.tmp")
    texts_n = mentions_n = 0
    seen_before = (pq.read_metadata(target).num_rows, target.stat()) if known else None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(draft, MENTIONS.arrow_schema, compression="zstd") as writer:
            for texts_of_batch_n, batch in _batches(connection, matcher):
                writer.write_batch(batch)
                texts_n += texts_of_batch_n
                mentions_n += batch.num_rows - batch.column("brand").null_count
        parquet.write_query(
            connection,
            f"select {', '.join(MENTIONS.names)} from ("
            f"from {before} semi join asked using ({key}) union all by name "
            f"from read_parquet({sql_text(draft)}, hive_partitioning = false)) "
            f"order by {key}, brand, mention_number",
            target,
            facts={"raw": digest},
        )
        draft.unlink()
        if seen_before is not None and texts_n == 0 and pq.read_metadata(target).num_rows == seen_before[0]:
            # Raw was only compacted: what dbt reads is the same, and so must be the time by which builds tell.
            os.utime(target, ns=(seen_before[1].st_atime_ns, seen_before[1].st_mtime_ns))
    except OSError as error:
        raise storage_error(target, error) from error
    return texts_n, mentions_n


def _make_empty(connection: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f"{column.name} {column.duckdb_type}" for column in MENTIONS.columns)
    connection.execute(f"create or replace temp table no_mentions ({columns})")


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


def _batches(connection: duckdb.DuckDBPyConnection, matcher: "Matcher") -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows for the texts in ``unseen``: their mentions, and one row for a text without any; and how many texts."""
    for texts in connection.execute("from unseen").to_arrow_reader(_BATCH_ROWS):
        rows, mentions = matcher.match(texts.column("scored_text"), texts.column("community"))
        named = pa.array(rows)
        is_silent = np.ones(texts.num_rows, np.bool_)
        is_silent[rows] = False
        keys = texts.select(list(_KEY))
        silent = keys.filter(pa.array(is_silent))
        yield texts.num_rows, _with_key(keys.take(named), matcher.version, mentions)
        yield 0, _with_key(silent, matcher.version, None)


def _with_key(keys: pa.RecordBatch, version: str, mentions: pa.RecordBatch | None) -> pa.RecordBatch:
    rows_n = keys.num_rows
    said = (
        mentions.columns
        if mentions is not None
        else [pa.nulls(rows_n, MENTIONS.arrow_schema.field(column.name).type) for column in MENTION]
    )
    return pa.RecordBatch.from_arrays([*keys.columns, pa.repeat(version, rows_n), *said], schema=MENTIONS.arrow_schema)


# ---- lists of words -----------------------------------------------------------------


def texts_of(home: Home, *, most_n: int) -> Iterator[pa.Array]:
    """Texts of raw of the latest days, batch by batch, at most so many; damaged files are left out."""
    left_n = most_n
    by_day: dict[str, list[Path]] = defaultdict(list)
    for (_, day), found in _raw_files(home).items():
        by_day[day] += found
    with memory_database.workbench(home.scratch / "mentions") as connection:
        for _, found in sorted(by_day.items(), reverse=True):
            if left_n <= 0:
                return
            if parquet.read_what_can_be(found, lambda readable: _find_asked(connection, readable)) == 0:
                continue
            reader = connection.execute(
                "select scored_text from asked order by contribution_id limit $left_n", {"left_n": left_n}
            ).to_arrow_reader(_BATCH_ROWS)
            for batch in reader:
                left_n -= batch.num_rows
                yield batch.column("scored_text")
