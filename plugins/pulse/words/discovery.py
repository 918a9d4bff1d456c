"""Communities that nobody follows yet: read where their files lie, and only counts of each community are kept.

No text, no author and no key of one is written: a community's rows say how many people wrote how much in which month,
and by how many of them each word was used, from three people on. Authors are told apart while a file is read and no
longer, under a key that is made for the reading.

What is counted is what the marts count of a community that is followed: records mean what they mean to
``reddit_archive``, and people are counted by month. What only following can tell is not: coverage (a stray record
counts here), which accounts a config lists as bots or team, and which of two texts of one contribution is the later
(here both count).
"""

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pulse.config.lake import on_lake
from pulse.core import parquet
from pulse.core.contract import scored_text_sql
from pulse.core.errors import ConfigError, StorageError
from pulse.core.files import sql_text, storage_error
from pulse.core.home import Home
from pulse.core.strict import WILDCARD
from pulse.core.table import Column, Table
from pulse.core.text import printable
from pulse.platforms.profiles import is_profile_sql
from pulse.sources.lines import ndjson
from pulse.sources.lines.ndjson import LineTooLong
from pulse.sources.lines.reader import ChunkReader
from pulse.sources.lines.rows import account_role_sql
from pulse.sources.reddit.archive import SOURCE
from pulse.sources.reddit.entry import RedditArchiveEntry
from pulse.sources.reddit.mapping import PLATFORM, RedditMapping
from pulse.texts import Scorer, get_scorer
from pulse.words.texts import tokenised

CANDIDATE_WORDS = Table(
    "candidate_words",
    "Words of communities that were read by `pulse discover` and are not followed; aggregates only.",
    "one row per platform, community, month and word that three people or more used in the month.",
    (
        Column("platform", "VARCHAR", False, "platform name, lower case"),
        Column("community", "VARCHAR", False, "community name, as in raw"),
        Column("month_start_date", "DATE", False, "first UTC day of the month"),
        Column("word_id", "BIGINT", False, "the word, as text_words names it"),
        Column("word", "VARCHAR", False, "lower case"),
        Column("authors_n", "BIGINT", False, "people who used it in the month"),
        Column("all_words_n", "BIGINT", False, "sum of that over all words of the community and month"),
        Column("people_n", "BIGINT", False, "people who wrote in the community in the month"),
        Column("contributions_n", "BIGINT", False, "what was written there in the month, by whomever"),
        Column("first_date", "DATE", False, "first UTC day of the month that the files have of it"),
        Column("last_date", "DATE", False, "last UTC day of the month that the files have of it"),
        Column("reading_id", "BIGINT", False, "tells one reading from another, of other contributions"),
    ),
)  # fmt: skip
MIN_AUTHORS = 3
_BATCH_ROWS = 20_000


@dataclass(frozen=True)
class Discovered:
    """What one reading found: communities, words and contributions of the months that are kept.

    Attributes:
        words_n: distinct words of each community, summed.
        unusable_lines_n: lines of the files that are no record.
    """

    communities_n: int
    words_n: int
    contributions_n: int
    unusable_lines_n: int


def candidates_file(home: Home) -> Path:
    """All that is known of communities that are not followed."""
    return home.words / CANDIDATE_WORDS.name / "candidates.parquet"


@on_lake
def discover(
    home: Home, files: Sequence[Path], *, is_replacing: bool = False, scorer: Scorer | None = None
) -> Discovered:
    """Read files of Reddit's archives (NDJSON, packed or not) and keep aggregates of each community and month in them.

    Months add up over readings. A month of a community that was read before stays as it is where the files say the same
    of it; where they do not, nothing is kept, for people of two readings cannot be told apart. A month in which no word
    was used by three people is not kept, and so cannot be told from one that was never read.

    Memory: the limit is 2 GB beside a chunk of 30 MB, what is more spills to ``scratch``.

    Args:
        is_replacing: put what the files say in place of what was read of the same communities and months.
        scorer: says which texts are English, as others have no words; None for the default model.

    Raises:
        ConfigError: a file is not there, of another form, has no record, or says something else of a community and
            month that was read before; or in none of their communities three people used a word.
        ArchiveUnreadable: a file is cut off, damaged, or packed in a way that is not known.
        SourceUnavailable: a file changed while it was read.
        StorageError: disk full or not writable. Whatever is raised, what was known stays.
    """
    for file in files:
        _require_file(file)
    spill = home.scratch / "discover"
    shutil.rmtree(spill, ignore_errors=True)
    try:
        spill.mkdir(parents=True, mode=0o700)
        with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(spill / "spill")}) as connection:
            connection.execute("set timezone = 'UTC'")
            unusable_n = _read(connection, files, spill, scorer or get_scorer("pulse"))
            connection.execute("set preserve_insertion_order = false")
            return _keep(connection, home, unusable_n, is_replacing=is_replacing)
    except OSError as error:
        raise storage_error(spill, error) from error
    except duckdb.Error as error:
        # The text of a DuckDB error may hold what people wrote.
        raise StorageError(
            f"file {candidates_file(home)}", value=type(error).__name__,
            next_step="free space or memory, then run again; what was known is kept",
        ) from None  # fmt: skip
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _require_file(file: Path) -> None:
    if not file.is_file():
        raise ConfigError(
            "file to discover", value=f"{printable(str(file))} is {'a folder' if file.is_dir() else 'not there'}",
            limit="files of NDJSON, plain, .zst or .gz",
            next_step="name a file of an archive as docs/sources/reddit.md tells",
        )  # fmt: skip


# ---- reading -----------------------------------------------------------------


def _read(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], spill: Path, scorer: Scorer) -> int:
    """Make tables ``written``, ``said`` and ``spelled`` of what the files hold, a chunk after the other.

    Contributions and authors are numbers that nothing keeps, words are their ids. Returns how many lines are no record.
    """
    connection.execute(
        """
        create temp table written (
            community varchar, month_start_date date, contribution bigint, author bigint, written_date date
        );
        create temp table said (community varchar, month_start_date date, author bigint, word_id bigint);
        create temp table spelled (word_id bigint, word varchar)
        """
    )
    mapping = RedditMapping(source=SOURCE, author_key=secrets.token_bytes(32), is_encoded=True, with_extra=False)
    reader = ChunkReader(connection, spill, mapping, samples_keys=False)
    role, accounts = account_role_sql(
        [RedditArchiveEntry(platform="reddit", name=WILDCARD, source="reddit_archive", path=tuple(files))]
    )
    contract = mapping.contract_select(role_sql="account_role", observed_fallback_s=0.0)
    rows_sql = f"select {contract} from (select *, {role} as account_role from parsed)"
    unusable_n = 0
    for file in files:
        rows_n, faults = 0, dict[str, int]()
        for chunk in ndjson.read_chunks(file):
            if isinstance(chunk, LineTooLong):
                name = ndjson.line_too_long().name
                faults[name] = faults.get(name, 0) + 1
                continue
            reader.read(chunk)
            for line in reader.bad_lines:
                if line.fault != "blank_line":
                    faults[line.fault] = faults.get(line.fault, 0) + line.lines_n
            rows_n += _read_rows(connection, rows_sql, accounts, scorer)
        reader.close()
        if not rows_n:
            raise _no_record(file, faults, mapping.record_limit)
        unusable_n += sum(faults.values())
    return unusable_n


def _no_record(file: Path, faults: dict[str, int], limit: str) -> ConfigError:
    told = ", ".join(f"{name} {count}" for name, count in sorted(faults.items()))
    return ConfigError(
        "file to discover", value=f"{printable(str(file))} has no record ({told or 'it is empty'})", limit=limit,
        next_step="name a file of an archive as docs/sources/reddit.md tells",
    )  # fmt: skip


def _read_rows(connection: duckdb.DuckDBPyConnection, rows_sql: str, accounts: dict[str, Any], scorer: Scorer) -> int:
    """Add a chunk's contributions and words; returns how many records it has, profiles among them.

    Who is gone, a program or the team wrote, and is nobody of the community's people.
    """
    connection.execute(
        f"""
        create or replace temp table lines as
        select community, {_number_sql("md5(contribution_id)")} as contribution,
            case when author_role not in ('bot', 'team') then {_number_sql("author_key")} end as author,
            cast(created_at as date) as written_date,
            cast(date_trunc('month', created_at) as date) as month_start_date,
            {scored_text_sql("title", "body")} as text
        from ({rows_sql})
        """,
        accounts,
    )
    ((rows_n,),) = connection.execute("select count(*) from lines").fetchall()
    connection.execute(f"delete from lines where {is_profile_sql('community')}")
    connection.execute(
        "insert into written select community, month_start_date, contribution, author, written_date from lines"
    )
    texts = connection.execute(
        "select community, month_start_date, author, text from lines where author is not null and text <> ''"
    ).to_arrow_table()
    for batch in texts.combine_chunks().to_batches(_BATCH_ROWS):
        is_judged = scorer.score_sentiment(batch.column("text")).column("is_scorable")
        judged = batch.filter(is_judged)
        tokens = tokenised(judged.column("text"))
        _add_words(connection, judged.drop_columns(["text"]), tokens.words(), tokens.spellings())
    return int(rows_n)


def _number_sql(hexadecimal_sql: str) -> str:
    """The first 15 digits as a number: enough to tell a file's people and contributions apart."""
    return f"cast('0x' || substring({hexadecimal_sql}, 1, 15) as bigint)"


def _add_words(
    connection: duckdb.DuckDBPyConnection, voices: pa.RecordBatch, words: pa.ListArray, spellings: pa.Table
) -> None:
    columns = {name: voices.column(name) for name in voices.schema.names}
    connection.register("worked", pa.table(columns | {"words": words}))
    connection.execute(
        "insert into said select distinct community, month_start_date, author, unnest(words) from worked"
    )
    connection.register("worked", spellings)
    connection.execute(
        "insert into spelled select word_id, min(word) from worked anti join spelled using (word_id) group by word_id"
    )
    connection.unregister("worked")


# ---- keeping -----------------------------------------------------------------

_KEY = "platform, community, month_start_date"


def _keep(
    connection: duckdb.DuckDBPyConnection, home: Home, unusable_lines_n: int, *, is_replacing: bool
) -> Discovered:
    connection.execute(
        f"""
        create temp table found as
        with sizes as (
            select community, month_start_date, count(distinct author) as people_n,
                count(distinct contribution) as contributions_n,
                min(written_date) as first_date, max(written_date) as last_date,
                bit_xor(distinct contribution) as reading_id
            from written group by all
        ),
        counted as (
            select community, month_start_date, word_id, count(distinct author) as authors_n from said group by all
        ),
        summed as (
            select *, cast(sum(authors_n) over (partition by community, month_start_date) as bigint) as all_words_n
            from counted
        )
        select $platform as platform, {", ".join(CANDIDATE_WORDS.names[1:])}
        from summed inner join sizes using (community, month_start_date) inner join spelled using (word_id)
        where authors_n >= {MIN_AUTHORS}
        """,
        {"platform": PLATFORM},
    )
    ((communities_n, words_n, contributions_n),) = connection.execute(
        f"""
        select count(distinct community), count(distinct (community, word_id)),
            (select sum(contributions_n) from (select distinct {_KEY}, contributions_n from found))
        from found
        """
    ).fetchall()
    if not communities_n:
        raise ConfigError(
            "files to discover", value="no community of which three people used a word in a month",
            limit="one community or more", next_step="name files with more of what was written",
        )  # fmt: skip
    _merge(connection, home, is_replacing=is_replacing)
    return Discovered(int(communities_n), int(words_n), int(contributions_n), unusable_lines_n)


def _merge(connection: duckdb.DuckDBPyConnection, home: Home, *, is_replacing: bool) -> None:
    """Put what was found beside what is known; the file stays as it is where that is nothing new."""
    before = candidates_file(home)
    names = ", ".join(CANDIDATE_WORDS.names)
    is_known = parquet.fault_of(before, is_deep=True) is None and parquet.column_names(before) == CANDIDATE_WORDS.names
    known = f"read_parquet({sql_text(before)}, hive_partitioning = false)" if is_known else "found where false"
    connection.execute(f"create temp table known as select {names} from {known}")
    clashes = connection.execute(
        f"""
        with again as (select {names} from known semi join found using ({_KEY})),
        anew as (select {names} from found semi join known using ({_KEY}))
        select community, strftime(month_start_date, '%Y-%m'), count(*) over ()
        from ((from again except from anew) union all (from anew except from again))
        group by community, month_start_date order by community, month_start_date limit 1
        """
    ).fetchall()
    if clashes and not is_replacing:
        ((community, month, clashes_n),) = clashes
        raise ConfigError(
            "files to discover",
            value=f"say something else of {printable(community)} in {month} than what was read before"
            + (f", and of {clashes_n - 1} more communities and months" if clashes_n > 1 else ""),
            limit="one reading for each community and month, for people of two cannot be told apart",
            next_step="name all files that have something of these months at once, with --replace",
        )
    ((news_n,),) = connection.execute(f"select count(*) from found anti join known using ({_KEY})").fetchall()
    if clashes or news_n:
        parquet.write_query(
            connection,
            f"select {names} from found union all select {names} from known anti join found using ({_KEY}) "
            f"order by {_KEY}, word_id",
            before,
        )
