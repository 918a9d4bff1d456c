"""What is worked out of texts once and kept: distinct words, their spellings, and signatures of near copies.

    words/text_words/day=2026-10-05/words.parquet        one row a text of raw's partitions of that day
    words/spellings/day=2026-10-05/spellings.parquet     one row a word of them
    words/known.json                                     which files of raw each day was made of

A day is a pure function of the texts in raw's partitions of it, all platforms and communities together: few files,
which are never compacted. Where files of raw came, went or were written again, the day is compared: texts that raw no
longer has go, with every word that only they had; new ones are worked; all others are taken over, those that an
earlier day knows too (an observation of the same text). So whatever takes a text out of raw takes it out of here:
promotions, erasure, forgetting, sweeps, and rebuilding.
"""

import hashlib
import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from glob import escape
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute

from pulse.core import memory_database, parquet, progress
from pulse.core.contract import scored_text_sql
from pulse.core.errors import StorageError
from pulse.core.files import read_json, storage_error, write_json
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.words import kernel, months
from pulse.words.discovery import CANDIDATE_WORDS
from pulse.words.texts import tokenised

log = logging.getLogger(__name__)

TEXT_WORDS = Table(
    "text_words",
    "What each text is made of; nobody can read the text from it, and it goes with the text.",
    "one row per text and UTC day of the partitions of raw that it stands in.",
    (
        Column("text_id", "BIGINT", False, "the first 15 hexadecimal digits of the text's SHA-256, as a number"),
        Column(
            "words", "BIGINT[]", True,
            "ids of its distinct words, stop words and numbers left out; NULL where the text is not judged, as one in "
            "another language than English",
        ),
        Column("normal_id", "BIGINT", True, "the same for texts that differ in case and signs alone; NULL without any"),
        Column("bands", "INTEGER[]", True, "21 bands of its MinHash signature; NULL without any token"),
    ),
)  # fmt: skip
SPELLINGS = Table(
    "spellings",
    "How the words are spelled.",
    "one row per word and UTC day.",
    (
        Column("word_id", "BIGINT", False, "the word, as text_words names it"),
        Column("word", "VARCHAR", False, "lower case"),
    ),
)
DAY_TABLES = (TEXT_WORDS, SPELLINGS)
TABLES = (*DAY_TABLES, *months.TABLES, CANDIDATE_WORDS)
_BATCH_ROWS = 20_000


def text_id_sql(sha256_sql: str) -> str:
    """``text_id`` of a text's hash, for DuckDB; dbt has a macro of this name."""
    return f"cast('0x' || substring({sha256_sql}, 1, 15) as bigint)"


@dataclass(frozen=True)
class WordCounts:
    """What one refresh did: days that were compared and texts in them, months whose copies and topics were made."""

    days_n: int = 0
    texts_worked_n: int = 0
    texts_dropped_n: int = 0
    months_n: int = 0


def table_glob(home: Home, table: Table) -> str:
    """What to hand to DuckDB's ``read_parquet`` for all files of a table."""
    return f"{escape(str(home.words / table.name))}/**/*.parquet"


def ensure_empty_files(home: Home) -> None:
    """Give the tables a typed file without rows, so that they can be read before there is any text."""
    for table in TABLES:
        parquet.ensure_empty_file(home.words / table.name / "_empty.parquet", table.columns)


def words_file(home: Home, day: date) -> Path:
    """The words of the texts in raw's partitions of a day."""
    return home.words / TEXT_WORDS.name / f"day={day.isoformat()}" / "words.parquet"


def spellings_file(home: Home, day: date) -> Path:
    """The spellings of these words."""
    return home.words / SPELLINGS.name / f"day={day.isoformat()}" / "spellings.parquet"


def refresh(home: Home, model_id: str, *, is_deep: bool = False) -> WordCounts:
    """Bring the words of all days up to what raw has now.

    Can be repeated, and stopped at any moment. Memory: the texts of one day.

    Args:
        model_id: the model that says which texts are English, as texts are scored before; another one than last time
            has all days compared.
        is_deep: read every file of words to find damage, not the ends alone.

    Raises:
        StorageError: disk full or not writable; days that were done stay.
    """
    ensure_empty_files(home)
    found = _raw_files(home)
    known = _known(home)
    counts = WordCounts()
    for day in progress.over(sorted({*known, *found} | _days_kept(home)), "words of texts", "days"):
        digest = _digest(home, found.get(day, ()), model_id)
        if known.get(day) == digest and not _is_damaged(home, day, is_deep=is_deep):
            continue
        done = _refresh_day(home, day, found.get(day, ()), model_id)
        counts = WordCounts(
            counts.days_n + 1,
            counts.texts_worked_n + done.texts_worked_n,
            counts.texts_dropped_n + done.texts_dropped_n,
        )
        known = known | {day: digest} if day in found else {key: known[key] for key in known if key != day}
        _write_known(home, known)
    kept = {day: words_file(home, day) for day in sorted(_days_kept(home)) if words_file(home, day).exists()}
    return replace(counts, months_n=months.refresh(home, found, kept))


# ---- what is there -----------------------------------------------------------


def _raw_files(home: Home) -> dict[date, tuple[Path, ...]]:
    """Raw's files by the day of their partition, small and compacted ones."""
    by_day: dict[date, list[Path]] = defaultdict(list)
    for folder in (home.raw / "contributions").glob("platform=*/*/day=*"):
        with suppress(ValueError):
            day = date.fromisoformat(folder.name.removeprefix("day="))
            by_day[day] += sorted(folder.glob("*.parquet"))
    return {day: tuple(sorted(files)) for day, files in by_day.items() if files}


def _digest(home: Home, files: Sequence[Path], model_id: str) -> str:
    """Tells one state of a day's files from another, by names, sizes and times; the same wherever the home lies."""
    digest = hashlib.sha256(f"{kernel.VERSION} {model_id}".encode())
    for file in files:
        with suppress(FileNotFoundError):
            facts = file.stat()
            name = file.relative_to(home.raw)
            digest.update(f"{name}\x00{facts.st_size}\x00{facts.st_mtime_ns}\x00".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _known_file(home: Home) -> Path:
    return home.words / "known.json"


def _known(home: Home) -> dict[date, str]:
    """By day, what its words were made of; nothing where that cannot be read: all days are compared then."""
    try:
        return {date.fromisoformat(day): str(digest) for day, digest in read_json(_known_file(home)).items()}
    except (StorageError, FileNotFoundError, ValueError, AttributeError, json.JSONDecodeError):
        return {}


def _write_known(home: Home, known: dict[date, str]) -> None:
    write_json(_known_file(home), {day.isoformat(): digest for day, digest in sorted(known.items())})


def _days_kept(home: Home) -> set[date]:
    days = set()
    for table in DAY_TABLES:
        for folder in (home.words / table.name).glob("day=*"):
            with suppress(ValueError):
                days.add(date.fromisoformat(folder.name.removeprefix("day=")))
    return days


def _is_damaged(home: Home, day: date, *, is_deep: bool) -> bool:
    return any(parquet.fault_of(file, is_deep=is_deep) for file in (words_file(home, day), spellings_file(home, day)))


# ---- one day -----------------------------------------------------------------


def _refresh_day(home: Home, day: date, raw_files: Sequence[Path], model_id: str) -> WordCounts:
    if not raw_files:
        return _remove_day(home, day)
    spill = home.scratch / "words"
    with memory_database.workbench(spill, threads_n=1) as connection:
        if not parquet.read_what_can_be(raw_files, lambda files: _find_asked(connection, home, day, files, model_id)):
            return WordCounts()  # the build names the damaged file
        had_n, kept_n = _take_over(connection, home, day)
        worked_n = _work(connection)
        ((now_n,),) = connection.execute("select count(*) from known").fetchall()
        if not had_n == kept_n == now_n:  # else the same would be written again, and would look new to a build
            _write_day(connection, home, day)
    return WordCounts(1, worked_n, had_n - kept_n)


def _remove_day(home: Home, day: date) -> WordCounts:
    file = words_file(home, day)
    dropped_n = pq.read_metadata(file).num_rows if parquet.fault_of(file) is None else 0
    try:
        for path in (file.parent, spellings_file(home, day).parent):
            shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise storage_error(file, error) from error
    return WordCounts(1, 0, dropped_n)


def _find_asked(
    connection: duckdb.DuckDBPyConnection, home: Home, day: date, raw_files: Sequence[Path], model_id: str
) -> bool:
    """Make tables ``asked`` of the texts of a day, and ``judged`` of those a model judged; False without a file."""
    if not raw_files:
        return False
    scores = home.model_scores_dir(model_id)
    judged = [str(file) for file in sorted(scores.glob(f"platform=*/*/day={day.isoformat()}/*.parquet"))]
    connection.execute(
        f"""
        create or replace temp table asked as
        select {text_id_sql("text_sha256")} as text_id,
            any_value({scored_text_sql("title", "body")}) as text,
            min(cast(timezone('UTC', created_at) as date)) as first_date
        from read_parquet($files, hive_partitioning = false, union_by_name = true)
        where text_sha256 is not null
        group by text_id
        """,
        {"files": list(map(str, raw_files))},
    )
    connection.execute("create or replace temp table judged (text_id bigint)")
    if judged:
        connection.execute(
            f"""
            insert into judged select distinct {text_id_sql("text_sha256")}
            from read_parquet($files, hive_partitioning = false) where is_scorable
            """,
            {"files": judged},
        )
    return True


def _take_over(connection: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[int, int]:
    """Make tables ``known`` and ``spelled`` of what is worked already, here or on the days that texts were first seen.

    Returns:
        How many texts the day had, and how many of them it keeps.
    """
    connection.execute(
        """
        create or replace temp table known (text_id bigint, words bigint[], normal_id bigint, bands integer[]);
        create or replace temp table spelled (word_id bigint, word varchar);
        """
    )
    had_n = kept_n = 0
    first_dates = connection.execute(
        "select distinct first_date + n::int from asked, range(2) as later(n) where first_date < $day order by all",
        {"day": day},
    ).fetchall()
    days = [day, *(first.date() if hasattr(first, "date") else first for (first,) in first_dates)]
    for kept_day in dict.fromkeys(days):
        file, spellings = words_file(home, kept_day), spellings_file(home, kept_day)
        if kept_day > day or parquet.fault_of(file, is_deep=True) or parquet.fault_of(spellings, is_deep=True):
            continue
        if pq.read_schema(file).metadata.get(b"version") != str(kernel.VERSION).encode():
            continue
        # What is judged is said by the scores of today: words of a text that is judged no more are not kept.
        connection.execute(
            """
            insert into known
            from read_parquet($file, hive_partitioning = false) as kept
            semi join asked using (text_id) anti join known using (text_id)
            where (words is not null) = (text_id in (from judged))
            """,
            {"file": str(file)},
        )
        connection.execute(
            "insert into spelled from read_parquet($file, hive_partitioning = false) anti join spelled using (word_id)",
            {"file": str(spellings)},
        )
        if kept_day == day:
            had_n = pq.read_metadata(file).num_rows
            ((kept_n,),) = connection.execute("select count(*) from known").fetchall()
    return had_n, kept_n


def _work(connection: duckdb.DuckDBPyConnection) -> int:
    """Work the texts that nobody knows yet into ``known`` and ``spelled``; returns how many."""
    reader = connection.execute(
        """
        select text_id, text, text_id in (from judged) as is_judged
        from asked anti join known using (text_id) order by text_id
        """
    ).to_arrow_reader(_BATCH_ROWS)
    worked: list[pa.Table] = []
    spelled: list[pa.Table] = []
    for batch in reader:
        tokens = tokenised(batch.column("text"))
        is_judged = batch.column("is_judged")
        worked.append(
            pa.table(
                {
                    "text_id": batch.column("text_id"),
                    "words": _where(tokens.words(), is_judged),
                    "normal_id": tokens.normal_ids(),
                    "bands": tokens.bands(),
                },
                schema=TEXT_WORDS.arrow_schema,
            )
        )
        spelled.append(tokens.spellings())
    if not worked:
        return 0
    new = pa.concat_tables(worked)
    connection.register("worked", new)
    connection.execute("insert into known from worked")
    connection.register("new_spellings", pa.concat_tables(spelled))
    connection.execute(
        "insert into spelled select word_id, min(word) from new_spellings anti join spelled using (word_id) group by 1"
    )
    connection.unregister("worked")
    connection.unregister("new_spellings")
    return int(new.num_rows)


def _where(lists: pa.ListArray, condition: pa.BooleanArray) -> pa.ListArray:
    """The lists where the condition holds, NULL elsewhere."""
    return compute.if_else(condition, lists, None)


def _write_day(connection: duckdb.DuckDBPyConnection, home: Home, day: date) -> None:
    """The words last: a day whose spellings are not there counts as damaged, and is made again."""
    version = {"version": str(kernel.VERSION)}
    parquet.write_query(
        connection,
        "from spelled semi join (select distinct unnest(words) as word_id from known) using (word_id) order by word_id",
        spellings_file(home, day),
        facts=version,
    )
    parquet.write_query(
        connection,
        f"select {', '.join(TEXT_WORDS.names)} from known order by text_id",
        words_file(home, day),
        facts=version,
    )
