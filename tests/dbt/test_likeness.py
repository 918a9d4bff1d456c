"""Which communities are alike by their words: held against categories that people gave them."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import zstandard

from pulse.words.texts import tokenised

pytestmark = pytest.mark.real_data


def categories(recorded_data: Path) -> dict[str, str]:
    packed = (recorded_data / "gold" / "subreddit_communities" / "data.ndjson.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().stream_reader(packed).read().decode().splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["subreddit"].lower(): row["category_1"] for row in rows if row.get("category_1")}


def test_likeness__the_five_nearest_share_a_category_as_often_as_by_tf_idf_of_titles(recorded_data: Path, models: Any):
    """Of the communities with a category in the shared part of the gold data; TF-IDF of titles in the same run."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    known = categories(recorded_data)
    folder = recorded_data / "reddit_top_posts"
    files = {file.name.removesuffix(".csv.zst").lower(): file for file in sorted(folder.glob("*.csv.zst"))}
    names = sorted(set(files) & set(known))
    assert len(names) >= 60
    titles: list[str] = []
    rows: list[dict[str, Any]] = []
    spelled: dict[int, str] = {}
    with duckdb.connect() as connection:
        for name in names:
            texts = connection.execute(
                "select title || chr(10) || coalesce(selftext, '') as text from read_csv($file, all_varchar = true)",
                {"file": str(files[name])},
            ).to_arrow_table()
            titles += connection.execute(
                "select string_agg(title, ' ') from read_csv($file, all_varchar = true)", {"file": str(files[name])}
            ).fetchone() or ("",)
            tokens = tokenised(texts.column("text").combine_chunks())
            words, counts = np.unique(np.asarray(tokens.words().values), return_counts=True)
            spelled |= dict(zip(*(tokens.spellings().column(c).to_pylist() for c in ("word_id", "word")), strict=True))
            # Nobody sees who wrote these: each post is taken for one person.
            rows += [
                {"platform": "reddit", "community": name, "month_start_date": "2026-10-01", "word_id": word,
                 "authors_n": n, "all_words_n": int(counts.sum())}
                for word, n in zip(words.tolist(), counts.tolist(), strict=True) if n >= 3
            ]  # fmt: skip
    connection = models.connection
    connection.execute(
        """
        create schema if not exists working.staging;
        create or replace table working.staging.stg_spellings (word_id bigint, word varchar, partition_day date);
        create or replace table working.staging.stg_candidate_words (
            platform varchar, community varchar, word_id bigint, word varchar, authors_n bigint, all_words_n bigint,
            month_start_date date, people_n bigint, contributions_n bigint, first_date date, last_date date
        )
        """
    )
    connection.register("spelled", pa.table({"word_id": list(spelled), "word": list(spelled.values())}))
    connection.execute("insert into working.staging.stg_spellings select *, date '2026-10-05' from spelled")
    columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    columns["month_start_date"] = columns["month_start_date"].cast(pa.date32())
    models.fill_columns("intermediate.int_word_months", columns)
    models.build("intermediate.int_community_words")
    table = connection.execute(
        "select community, word, weight from working.intermediate.int_community_words"
    ).to_arrow_table()
    communities, rows_of = np.unique(table.column("community").to_pylist(), return_inverse=True)
    vocabulary, columns_of = np.unique(table.column("word").to_pylist(), return_inverse=True)
    matrix = np.zeros((communities.size, vocabulary.size))
    matrix[rows_of, columns_of] = table.column("weight").to_numpy()
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    given = np.array([known[name] for name in communities])
    plain = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit_transform(titles).toarray()
    share, plain_share = shared_share(matrix, given), shared_share(plain, given)
    assert share >= plain_share, (share, plain_share)


def shared_share(unit_rows: Any, given: Any) -> float:
    """How many of the five nearest of each have its category."""
    likeness = unit_rows @ unit_rows.T
    np.fill_diagonal(likeness, -1)
    nearest = np.argsort(-likeness, axis=1)[:, :5]
    return float((given[nearest] == given[:, None]).mean())
