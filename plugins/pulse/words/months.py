"""What is worked out of a month's texts together: near copies, and topics of posts. See :mod:`copies`, :mod:`topics`.

    words/near_copies/month=2026-10/near_copies.parquet
    words/topics/month=2026-10/topics.parquet              what posts of it and of three months before are about
    words/topic_words/month=2026-10/topic_words.parquet    what they are about

A month's topics are made of the posts of all communities together, so that one topic is the same in each, and of the
three months before as well: what grew is measured by one ruler. They are made again when a text of these months came or
went, and go on from those that stand there, or else from those of the month before. Nothing else is kept of them: words
of a topic come from the texts that raw still has.
"""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pulse.core import memory_database, parquet, progress
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.words import copies, kernel, topics
from pulse.words.copies import NEAR_COPIES

# Raise this by one whenever the same texts may give other topics or copies.
VERSION = 2
MONTHS_BEFORE = 3

TOPICS = Table(
    "topics",
    "What posts and messages are about, by the topics of each month.",
    "one row per month of the topics, month of the text, and text.",
    (
        Column("month_start_date", "DATE", False, "the month whose topics these are"),
        Column("text_month_start_date", "DATE", False, "the month of the text, this one or up to three before"),
        Column("text_id", "BIGINT", False, "the text, as text_words names it"),
        Column("topic_id", "BIGINT", False, "the topic; one that goes on keeps its number"),
        Column(
            "strength", "DOUBLE", False,
            "share of the best topic among all when each word has the same say: small where all explain it alike",
        ),
    ),
)  # fmt: skip
TOPIC_WORDS = Table(
    "topic_words",
    "The words that tell topics from each other.",
    "one row per month, topic and place.",
    (
        Column("month_start_date", "DATE", False, "the month whose topics these are"),
        Column("topic_id", "BIGINT", False, "the topic"),
        Column("place", "BIGINT", False, "1 for the first word, up to 10"),
        Column("word", "VARCHAR", False, "lower case"),
        Column("posts_n", "BIGINT", False, "posts of the topic that have it, copies once"),
        Column("z", "DOUBLE", False, "how much more often than in the other topics, in standard deviations; over 4"),
    ),
)
TABLES = (NEAR_COPIES, TOPICS, TOPIC_WORDS)


def file_of(home: Home, table: Table, month: date) -> Path:
    """The file of a table and month."""
    return home.words / table.name / f"month={month:%Y-%m}" / f"{table.name}.parquet"


def refresh(home: Home, raw_files: Mapping[date, Sequence[Path]], words_files: Mapping[date, Path]) -> int:
    """Bring near copies and topics of all months up to the words of their days; returns how many months that were.

    Can be repeated, and stopped at any moment. Memory: the words of the posts of four months.

    Args:
        raw_files, words_files: by day of the partition.

    Raises:
        StorageError: disk full or not writable; months that were done stay.
    """
    days: dict[date, list[date]] = defaultdict(list)
    for day in sorted(words_files):
        days[day.replace(day=1)].append(day)
    _remove_others(home, days)
    done: set[date] = set()
    for month in progress.over(sorted(days), "near copies", "months"):
        own = [words_files[day] for day in days[month]]
        made_of = _digest(own)
        target = file_of(home, NEAR_COPIES, month)
        if _made_of(target) != made_of:
            with memory_database.workbench(home.scratch / "words", memory_limit="2GB", threads_n=1) as connection:
                raw = [file for day in days[month] for file in raw_files.get(day, ())]
                found = copies.month_groups(connection, own, raw)
            _write(target, NEAR_COPIES, {"month_start_date": month}, found, made_of)
            done.add(month)
    for month in progress.over(sorted(days), "topics", "months"):
        window = [one for one in _window(month) if one in days]
        own = [words_files[day] for one in window for day in days[one]]
        made_of = _digest(own)
        if any(_made_of(file_of(home, table, month)) != made_of for table in (TOPICS, TOPIC_WORDS)):
            _refresh_topics(home, month, window, days, raw_files, words_files, made_of)
            done.add(month)
    return len(done)


def _window(month: date) -> list[date]:
    """The months whose posts make a month's topics, its own last."""
    number = month.year * 12 + month.month - 1
    return [date(one // 12, one % 12 + 1, 1) for one in range(number - MONTHS_BEFORE, number + 1)]


def _remove_others(home: Home, days: Mapping[date, Sequence[date]]) -> None:
    kept = {f"month={month:%Y-%m}" for month in days}
    for table in TABLES:
        for folder in (home.words / table.name).glob("month=*"):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{kernel.VERSION} {VERSION}".encode())
    for file in files:
        facts = file.stat()
        digest.update(f"{file.parent.name}\x00{facts.st_size}\x00{facts.st_mtime_ns}\x00".encode())
    return digest.hexdigest()


def _made_of(file: Path) -> str | None:
    if parquet.fault_of(file, is_deep=True):
        return None
    import pyarrow.parquet as pq

    return str((pq.read_schema(file).metadata or {}).get(b"made_of", b"").decode())


def _write(file: Path, table: Table, constants: Mapping[str, date], found: pa.Table, made_of: str) -> None:
    for name, value in constants.items():
        found = found.append_column(name, pa.repeat(pa.scalar(value, pa.date32()), found.num_rows))
    content = found.select(table.names).cast(table.arrow_schema)
    parquet.write(file, content.replace_schema_metadata({"made_of": made_of}), compression="zstd")


def _refresh_topics(
    home: Home, month: date, window: Sequence[date], days: Mapping[date, Sequence[date]],
    raw_files: Mapping[date, Sequence[Path]], words_files: Mapping[date, Path], made_of: str,
) -> None:  # fmt: skip
    with memory_database.workbench(home.scratch / "words", memory_limit="2GB", threads_n=1) as connection:
        _find_posts(connection, home, window, days, raw_files, words_files)
        posts_of = connection.execute(
            "select text_month_start_date, text_id, author_key, words, is_first from posts "
            "order by text_id, text_month_start_date"
        ).to_arrow_table()
        lists = posts_of.column("words").combine_chunks()
        is_first = np.asarray(posts_of.column("is_first").combine_chunks().to_numpy(zero_copy_only=False), np.bool_)
        fitted = np.flatnonzero(is_first)[: topics.MOST_FITTED]
        sample = _posts_of_lists(lists.take(pa.array(fitted)), None)
        before = _before(connection, home, month, posts_of.take(pa.array(fitted)), sample)
        model = topics.fit(sample, before=before)
        if model is None:
            found, words = posts_of.slice(0, 0), _no_words()
            topic_ids, strengths = np.zeros(0, np.int64), np.zeros(0)
        else:
            found = posts_of
            places, strengths = topics.assign(model, _posts_of_lists(lists, model.vocabulary))
            topic_ids = model.topic_ids[places]
            of_sample, _ = topics.assign(model, sample)
            people = _people_of(posts_of.column("author_key").take(pa.array(fitted)))
            words = _words_of(
                connection, model, sample, of_sample, people, [words_files[day] for one in window for day in days[one]]
            )
    _write(file_of(home, TOPIC_WORDS, month), TOPIC_WORDS, {"month_start_date": month}, words, made_of)
    found = found.select(["text_month_start_date", "text_id"])
    found = found.append_column("topic_id", pa.array(topic_ids, pa.int64()))
    found = found.append_column("strength", pa.array(strengths, pa.float64()))
    _write(file_of(home, TOPICS, month), TOPICS, {"month_start_date": month}, found, made_of)


def _find_posts(
    connection: duckdb.DuckDBPyConnection, home: Home, window: Sequence[date], days: Mapping[date, Sequence[date]],
    raw_files: Mapping[date, Sequence[Path]], words_files: Mapping[date, Path],
) -> None:  # fmt: skip
    """Make table ``posts`` of the texts of posts and messages that have words; one of a group of copies is marked."""
    connection.execute(
        "create temp table posts ("
        "text_month_start_date date, text_id bigint, author_key varchar, words bigint[], is_first boolean)"
    )
    connection.execute("create temp table met (copy_id bigint)")
    for month in reversed(window):
        raw = [file for day in days[month] for file in raw_files.get(day, ())]
        own = [str(words_files[day]) for day in days[month]]
        copies_file = file_of(home, NEAR_COPIES, month)
        # A damaged file is named by the build that comes next.
        if not parquet.read_what_can_be(raw, lambda files: _find_written(connection, files, own, copies_file)):  # noqa: B023
            continue
        connection.execute(
            """
            insert into posts
            select $month, text_id, author_key, words,
                row_number() over (partition by copy_id order by text_id) = 1 and copy_id not in (from met)
            from found
            """,
            {"month": month},
        )
        connection.execute("insert into met select distinct copy_id from found")


def _find_written(
    connection: duckdb.DuckDBPyConnection, raw_files: Sequence[Path], words_files: Sequence[str], copies_file: Path
) -> bool:
    """Make table ``found`` of the posts and messages in raw files, with their words; False without a file."""
    from pulse.words.store import text_id_sql

    if not raw_files:
        return False
    connection.execute(
        f"""
        create or replace temp table found as
        select text_id, min(author_key) as author_key, any_value(words) as words,
            coalesce(any_value(copy_id), any_value(normal_id)) as copy_id
        from read_parquet($words, hive_partitioning = false)
        inner join (
            select {text_id_sql("text_sha256")} as text_id, min(author_key) as author_key
            from read_parquet($raw, hive_partitioning = false, union_by_name = true)
            where kind <> 'comment' and text_sha256 is not null
            group by text_id
        ) as written using (text_id)
        left join read_parquet($copies, hive_partitioning = false) as near using (text_id)
        where words is not null
        group by text_id
        """,
        {"words": list(words_files), "raw": list(map(str, raw_files)), "copies": str(copies_file)},
    )
    return True


def _posts_of_lists(lists: pa.ListArray, vocabulary: topics.Ints | None) -> topics.Posts:
    offsets = np.asarray(lists.offsets).astype(np.int64)
    values = np.asarray(lists.values)[offsets[0] : offsets[-1]] if len(lists) else np.zeros(0, np.int64)
    return topics.Posts.of_lists(values, offsets[1:] - offsets[0], vocabulary)


def _people_of(author_keys: pa.ChunkedArray) -> topics.Ints:
    """By post, the number of who wrote it; where that cannot be seen, each is a person of its own."""
    places = author_keys.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    return np.where(np.isnan(places), -1.0 - np.arange(places.size), places).astype(np.int64)


def _before(
    connection: duckdb.DuckDBPyConnection, home: Home, month: date, fitted: pa.Table, sample: topics.Posts
) -> topics.Model | None:
    """Topics to go on from: the month's own as they stand there, else those of the month before."""
    for one in (month, _window(month)[-2]):
        file = file_of(home, TOPICS, one)
        if parquet.fault_of(file, is_deep=True):
            continue
        connection.register("fitted", fitted.select(["text_id"]).append_column("row", pa.array(range(fitted.num_rows))))
        known = connection.execute(
            """
            select fitted.row, any_value(kept.topic_id) as topic_id
            from fitted inner join read_parquet($file, hive_partitioning = false) as kept using (text_id)
            group by fitted.row order by fitted.row
            """,
            {"file": str(file)},
        ).to_arrow_table()
        connection.unregister("fitted")
        if known.num_rows >= topics.MIN_POSTS:
            return topics.model_of(sample, np.asarray(known.column("row")), np.asarray(known.column("topic_id")))
    return None


def _no_words() -> pa.Table:
    return pa.table({name: [] for name in TOPIC_WORDS.names if name != "month_start_date"})


def _words_of(
    connection: duckdb.DuckDBPyConnection, model: topics.Model, sample: topics.Posts, of_sample: topics.Ints,
    people: topics.Ints, words_files: Sequence[Path],
) -> pa.Table:  # fmt: skip
    """The first words of each topic, spelled; a topic without a word that is its own has none."""
    firsts = topics.top_words(sample.counts, of_sample, model.topic_ids.size, people)
    rows = [
        (int(topic_id), place, int(model.vocabulary[word]), posts_n, z)
        for topic_id, words in zip(model.topic_ids, firsts, strict=True)
        for place, (word, posts_n, z) in enumerate(words, start=1)
    ]
    if not rows:
        return _no_words()
    names = ("topic_id", "place", "word_id", "posts_n", "z")
    connection.register("firsts", pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
    spellings = [
        str(file)
        for words in words_files
        if (file := words.parents[2] / "spellings" / words.parent.name / "spellings.parquet").exists()
    ]
    found = connection.execute(
        """
        select topic_id, place, min(word) as word, any_value(posts_n) as posts_n, any_value(z) as z
        from firsts inner join read_parquet($files, hive_partitioning = false) using (word_id)
        group by topic_id, place order by topic_id, place
        """,
        {"files": spellings},
    ).to_arrow_table()
    with suppress(duckdb.Error):
        connection.unregister("firsts")
    return found
