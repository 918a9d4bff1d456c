"""Keywords of communities on people's real words: no find where there is none, and the planted word found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pytest
import zstandard

from pulse.words.texts import key_of, tokenised

pytestmark = pytest.mark.real_data

SPLITS_N = 20
PLANTED = "zzplanted"


class Corpus:
    """Authors and the texts of one community.

    Attributes:
        authors: number of the author by text, from 0.
        words: distinct words by text.
    """

    def __init__(self, authors: list[str], texts: list[str]) -> None:
        self.keys, self.authors = np.unique(np.array(authors), return_inverse=True)
        tokens = tokenised(pa.array(texts))
        self.words: list[list[int]] = tokens.words().to_pylist()
        self.spellings = tokens.spellings()


@pytest.fixture(scope="module")
def politics(recorded_data: Path) -> Corpus:
    """22,000 comments of 17,000 people."""
    packed = (recorded_data / "reddit_politics_comments" / "reddit_comments_filtered.csv.zst").read_bytes()
    content = zstandard.ZstdDecompressor().stream_reader(packed).read()
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    table = pa.csv.read_csv(pa.BufferReader(content), parse_options=parsing)
    rows = [row for row in table.select(["author", "comment"]).to_pylist() if row["author"] and row["comment"]]
    assert len(rows) > 20_000
    return Corpus([row["author"] for row in rows], [row["comment"] for row in rows])


def found(
    models: Any, corpus: Corpus, texts: npt.NDArray[np.int64], half: npt.NDArray[np.bool_], words: list[list[int]]
) -> list[Any]:
    """Rows of the mart when the authors of some texts are dealt out to two communities of a month."""
    connection = models.connection
    connection.execute("create schema if not exists working.staging")
    connection.execute(
        """
        create or replace table working.staging.stg_text_words (text_id bigint, words bigint[], partition_day date);
        create or replace table working.staging.stg_spellings (word_id bigint, word varchar, partition_day date)
        """
    )
    texts_table = pa.table({"text_id": texts, "words": pa.array([words[text] for text in texts], pa.list_(pa.int64()))})
    spellings = corpus.spellings
    connection.register("texts_table", texts_table)
    connection.register("spellings_table", spellings)
    connection.execute("insert into working.staging.stg_text_words select *, date '2026-10-05' from texts_table")
    connection.execute("insert into working.staging.stg_spellings select *, date '2026-10-05' from spellings_table")
    connection.execute(
        "insert into working.staging.stg_spellings values ($1, $2, date '2026-10-05')", [key_of(PLANTED), PLANTED]
    )
    authors = corpus.authors[texts]
    month = np.full(texts.size, np.datetime64("2026-10-01"))
    models.fill_columns(
        "intermediate.int_contributions_at_month_end",
        {
            "platform": pa.repeat("reddit", texts.size),
            "community": pa.array(np.where(half[authors], "a", "b")),
            "contribution_id": pa.array(texts.astype(str)),
            "month_start_date": pa.array(month),
            "text_id": pa.array(texts),
            "author_key": pa.array([f"{author:064x}"[::-1] for author in authors.tolist()]),
            "author_role": pa.repeat("member", texts.size),
            "is_unproven": pa.repeat(False, texts.size),
        },
    )  # fmt: skip
    models.build("intermediate.int_word_months")
    models.build("marts.fct_keywords_monthly")
    return [row for rows in models.rows("marts.fct_keywords_monthly").values() for row in rows]


def splits(corpus: Corpus, authors_n: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Any]]:
    """Twenty times some authors of all, half of them here and half there, by fixed seeds."""
    for seed in range(SPLITS_N):
        rng = np.random.default_rng(seed)
        order = rng.permutation(corpus.keys.size)[:authors_n]
        half = np.zeros(corpus.keys.size, np.bool_)
        half[order[: authors_n // 2]] = True
        yield np.flatnonzero(np.isin(corpus.authors, order)), half, rng


@pytest.mark.parametrize("authors_n", [600, 2_000, 17_000])
def test_keywords__of_two_halves_of_a_community_are_none(models: Any, politics: Corpus, authors_n: int):
    rows = [
        row
        for texts, half, _ in splits(politics, authors_n)
        for row in found(models, politics, texts, half, politics.words)
    ]
    assert len(rows) <= 1, [row.word for row in rows]


@pytest.mark.parametrize("authors_n", [200, 600, 2_000, 17_000])
def test_keywords__a_word_that_a_twentieth_of_the_people_use_is_found(models: Any, politics: Corpus, authors_n: int):
    finds_n = 0
    for texts, half, rng in splits(politics, authors_n):
        here = np.unique(politics.authors[texts][half[politics.authors[texts]]])
        chosen = set(rng.permutation(here)[: max(15, round(0.05 * here.size))].tolist())
        words = [
            [*words, key_of(PLANTED)] if author in chosen else words
            for author, words in zip(politics.authors.tolist(), politics.words, strict=True)
        ]
        rows = found(models, politics, texts, half, words)
        finds_n += any(row.word == PLANTED and row.community == "a" and row.is_typical for row in rows)
    assert finds_n >= 19
