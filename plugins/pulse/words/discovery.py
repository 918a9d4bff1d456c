"""Communities that nobody follows yet: read where their files lie, and only counts of each community are kept.

No text, no author and no key of one is written: a community's rows say how many people wrote how much in which days,
and by how many of them each word was used, from three people on. Authors are told apart while a file is read and no
longer.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pulse.core import parquet
from pulse.core.errors import ConfigError
from pulse.core.files import sql_text, storage_error
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.core.text import printable
from pulse.sources.lines import ndjson
from pulse.words.texts import tokenised

CANDIDATE_WORDS = Table(
    "candidate_words",
    "Words of communities that were read by `pulse discover` and are not followed; aggregates only.",
    "one row per platform, community and word that three people or more used.",
    (
        Column("platform", "VARCHAR", False, "platform name, lower case"),
        Column("community", "VARCHAR", False, "community name, as in raw"),
        Column("word_id", "BIGINT", False, "the word, as text_words names it"),
        Column("word", "VARCHAR", False, "lower case"),
        Column("authors_n", "BIGINT", False, "people who used it"),
        Column("all_words_n", "BIGINT", False, "sum of that over all words of the community"),
        Column("people_n", "BIGINT", False, "people who wrote in the community"),
        Column("contributions_n", "BIGINT", False, "what they wrote"),
        Column("first_date", "DATE", False, "first UTC day that the file has of it"),
        Column("last_date", "DATE", False, "last UTC day that the file has of it"),
    ),
)  # fmt: skip
MIN_AUTHORS = 3
_BATCH_ROWS, _STRETCH_BYTES = 20_000, 64 << 20
_SUFFIXES = (".ndjson", ".jsonl", ".json", ".ndjson.zst", ".jsonl.zst", ".json.zst", ".ndjson.gz", ".jsonl.gz", ".zst")
# What Reddit's archives call things; whatever a line lacks is NULL.
_COLUMNS = (
    "{subreddit: 'VARCHAR', author: 'VARCHAR', title: 'VARCHAR', selftext: 'VARCHAR', body: 'VARCHAR', "
    "created_utc: 'VARCHAR'}"
)


@dataclass(frozen=True)
class Discovered:
    """What one reading kept: communities, words of them, and how many records they were made of."""

    communities_n: int
    words_n: int
    contributions_n: int


def candidates_file(home: Home) -> Path:
    """All that is known of communities that are not followed."""
    return home.words / CANDIDATE_WORDS.name / "candidates.parquet"


def discover(home: Home, files: Sequence[Path], *, platform: str = "reddit") -> Discovered:
    """Read files of Reddit's archives (NDJSON, packed or not) and keep aggregates of each community in them.

    A community that was read before is replaced. Memory: the limit is 2 GB, what is more spills to ``scratch``.

    Raises:
        ConfigError: a file is not there, of another form, or has no line with a community.
        StorageError: disk full or not writable; what was known stays.
    """
    for file in files:
        if not file.is_file() or not file.name.endswith(_SUFFIXES):
            raise ConfigError(
                "file to discover", value=printable(str(file)),
                limit="a file of NDJSON, .ndjson or .jsonl, maybe .zst or .gz",
                next_step="name a file of an archive as docs/sources/reddit.md tells",
            )  # fmt: skip
    spill = home.scratch / "discover"
    shutil.rmtree(spill, ignore_errors=True)
    try:
        with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(spill)}) as connection:
            connection.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
            _read(connection, files, spill)
            return _keep(connection, home, platform)
    except duckdb.IOException as error:
        raise storage_error(candidates_file(home), error) from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _read(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], spill: Path) -> None:
    """Make tables ``people``, ``said`` and ``spelled`` of what the files hold, a stretch of lines after the other.

    People and communities by days, words by their ids, authors by a number that nothing keeps.
    """
    connection.execute(
        """
        create temp table people (community varchar, author bigint, written_date date);
        create temp table said (community varchar, author bigint, word_id bigint);
        create temp table spelled (word_id bigint, word varchar)
        """
    )
    spill.mkdir(parents=True)
    stretch = spill / "lines.ndjson"
    for file in files:
        with ndjson.opened(file) as stream:
            rest = b""
            while piece := stream.read(_STRETCH_BYTES):
                whole, _, rest = (rest + piece).rpartition(b"\n")
                stretch.write_bytes(whole + b"\n")
                _read_stretch(connection, stretch)
            if rest.strip():
                stretch.write_bytes(rest + b"\n")
                _read_stretch(connection, stretch)


def _read_stretch(connection: duckdb.DuckDBPyConnection, stretch: Path) -> None:
    # Lines that are no record have none of these fields, and count for nobody.
    connection.execute(
        f"""
        create or replace temp table lines as
        select lower(subreddit) as community,
            cast(md5_number_lower(lower(author)) >> 1 as bigint) as author,
            concat_ws(chr(10), nullif(title, ''), nullif(selftext, ''), nullif(body, '')) as text,
            cast(make_timestamp(cast(try_cast(created_utc as double) * 1000000 as bigint)) as date) as written_date
        from read_json({sql_text(stretch)}, format = 'newline_delimited', columns = {_COLUMNS}, ignore_errors = true,
            maximum_object_size = 67108864)
        where subreddit is not null and author is not null and author not in ('[deleted]', 'AutoModerator')
            and not starts_with(subreddit, 'u_') and try_cast(created_utc as double) between 0 and 4e9
        """
    )
    connection.execute("insert into people select community, author, written_date from lines")
    texts = connection.execute("select community, author, text from lines").to_arrow_table()
    for batch in texts.combine_chunks().to_batches(_BATCH_ROWS):
        tokens = tokenised(batch.column("text"))
        columns = {"community": batch.column("community"), "author": batch.column("author"), "words": tokens.words()}
        connection.register("worked", pa.table(columns))
        connection.execute("insert into said select distinct community, author, unnest(words) from worked")
        connection.register("worked", tokens.spellings())
        connection.execute(
            "insert into spelled "
            "select word_id, min(word) from worked anti join spelled using (word_id) group by word_id"
        )
        connection.unregister("worked")


def _keep(connection: duckdb.DuckDBPyConnection, home: Home, platform: str) -> Discovered:
    found = connection.execute(
        f"""
        with sizes as (
            select community, count(distinct author) as people_n, count(*) as contributions_n,
                min(written_date) as first_date, max(written_date) as last_date
            from people group by community
        ),
        counted as (
            select community, word_id, count(distinct author) as authors_n from said group by community, word_id
        ),
        summed as (
            select *, sum(authors_n) over (partition by community) as all_words_n from counted
        )
        select $platform as platform, summed.community, summed.word_id, spelled.word, summed.authors_n,
            cast(summed.all_words_n as bigint) as all_words_n, sizes.people_n, sizes.contributions_n,
            sizes.first_date, sizes.last_date
        from summed inner join sizes using (community) inner join spelled using (word_id)
        where summed.authors_n >= {MIN_AUTHORS}
        order by summed.community, summed.word_id
        """,
        {"platform": platform},
    ).to_arrow_table()
    if not found.num_rows:
        raise ConfigError(
            "files to discover", value="no community of which three people used a word", limit="one community or more",
            next_step="name files with more of what was written",
        )  # fmt: skip
    connection.register("found", found)
    before = candidates_file(home)
    is_known = parquet.fault_of(before, is_deep=True) is None
    known = f"read_parquet({sql_text(before)})" if is_known else "found where false"
    parquet.write_query(
        connection,
        f"select {', '.join(CANDIDATE_WORDS.names)} from found union all "
        f"select {', '.join(CANDIDATE_WORDS.names)} from (from {known}) as known "
        "anti join (select distinct platform, community from found) as again using (platform, community) "
        "order by platform, community, word_id",
        before,
    )
    ((communities_n, contributions_n),) = connection.execute(
        "select count(*), sum(contributions_n) from (select distinct community, contributions_n from found)"
    ).fetchall()
    return Discovered(int(communities_n), found.num_rows, int(contributions_n))
