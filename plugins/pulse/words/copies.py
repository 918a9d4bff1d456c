"""Texts that say nearly the same: groups of near copies by month.

Candidates share a band of their MinHash signatures (:mod:`pulse.words.kernel`); each pair is then checked by the exact
Jaccard similarity of its tokens (in texts of fewer than eight, of five characters in a row), since a shared band is a
hint and no proof. Texts with the same tokens are one before that, and of a bucket two hundred are compared, so that a
phrase that thousands write makes no millions of pairs.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pulse.core import parquet
from pulse.core.contract import scored_text_sql
from pulse.core.table import Column, Table
from pulse.words import kernel
from pulse.words.texts import tokenised

NEAR_COPIES = Table(
    "near_copies",
    "Which texts of a month are nearly the same.",
    "one row per month and text that has a copy in it.",
    (
        Column("month_start_date", "DATE", False, "first day of the month of the partitions of raw that it stands in"),
        Column("text_id", "BIGINT", False, "the text, as text_words names it"),
        Column("copy_id", "BIGINT", False, "the least text_id of the texts that say nearly the same"),
    ),
)  # fmt: skip
BUCKET_CAP = 200
MIN_JACCARD = 0.7


def groups(texts: pa.Array, *, min_jaccard: float = MIN_JACCARD) -> npt.NDArray[np.int64]:
    """For each text the place of the first one that says nearly the same, itself where there is none.

    For texts at hand; :func:`month_groups` reads only those that may have a copy.
    """
    tokens = tokenised(texts)
    bands = tokens.bands()
    has_bands = np.array(bands.is_valid(), np.bool_)
    matrix = np.full((len(texts), kernel.BANDS_N), 0, np.int32)
    matrix[has_bands] = np.asarray(bands.values).reshape(-1, kernel.BANDS_N)
    items, item_ends = tokens.compared_sets()
    rows = np.flatnonzero(has_bands)
    return _joined(matrix, rows, items, item_ends, len(texts), min_jaccard)


def _joined(
    bands: npt.NDArray[np.int32], rows: npt.NDArray[np.int64], items: npt.NDArray[np.uint64],
    item_ends: npt.NDArray[np.int64], texts_n: int, min_jaccard: float,
) -> npt.NDArray[np.int64]:  # fmt: skip
    parents = np.arange(texts_n)
    for band in range(kernel.BANDS_N):
        values = bands[rows, band]
        order = np.argsort(values, kind="stable")
        kernel.join_copies(rows[order], values[order], BUCKET_CAP, items, item_ends, min_jaccard, parents)
    while not np.array_equal(parents, parents[parents]):
        parents = parents[parents]
    return parents


def month_groups(
    connection: duckdb.DuckDBPyConnection, words_files: Sequence[Path], raw_files: Sequence[Path]
) -> pa.Table:
    """``text_id`` and ``copy_id`` of the texts of a month that have a copy there.

    Args:
        words_files, raw_files: of the month's days; texts are read again only where their signature meets another's.
    """
    connection.execute(
        """
        create or replace temp table of_month as
        select distinct text_id, normal_id, bands from read_parquet($files, hive_partitioning = false)
        where bands is not null
        """,
        {"files": list(map(str, words_files))},
    )
    # One text stands for all with the same tokens; only those whose band is another's too are read again.
    connection.execute(
        """
        create or replace temp table once as
        select normal_id, min(text_id) as text_id, arg_min(bands, text_id) as bands from of_month group by normal_id;
        create or replace temp table candidates as
        select distinct unnest(text_ids) as text_id
        from (
            select list(text_id) as text_ids
            from (select text_id, unnest(bands) as bucket, unnest(range(21)) as band from once)
            group by band, bucket having count(*) > 1
        )
        """
    )
    table = parquet.read_what_can_be(raw_files, lambda files: _texts_of_candidates(connection, files))
    texts_n = table.num_rows
    joined = pa.table({"text_id": pa.array([], pa.int64()), "copy_id": pa.array([], pa.int64())})
    if texts_n:
        bands = np.asarray(table.column("bands").combine_chunks().values).reshape(texts_n, kernel.BANDS_N)
        items, item_ends = tokenised(table.column("text").combine_chunks()).compared_sets()
        parents = _joined(bands, np.arange(texts_n), items, item_ends, texts_n, MIN_JACCARD)
        text_ids = np.asarray(table.column("text_id"))
        joined = pa.table({"text_id": text_ids, "copy_id": text_ids[parents]})
    connection.register("joined", joined)
    found = connection.execute(
        """
        with named as (
            select of_month.text_id, coalesce(joined.copy_id, once.text_id) as copy_id
            from of_month inner join once using (normal_id) left join joined on joined.text_id = once.text_id
        )
        select text_id, copy_id from named
        where copy_id in (select copy_id from named group by copy_id having count(*) > 1) order by text_id
        """
    ).to_arrow_table()
    connection.unregister("joined")
    return found


def _texts_of_candidates(connection: duckdb.DuckDBPyConnection, raw_files: Sequence[Path]) -> pa.Table:
    """The texts in table ``candidates`` as raw has them, with their signatures."""
    from pulse.words.store import text_id_sql

    if not raw_files:
        return connection.execute("select text_id, bands, '' as text from once limit 0").to_arrow_table()
    return connection.execute(
        f"""
        select once.text_id, once.bands, texts.text
        from once semi join candidates using (text_id)
        inner join (
            select {text_id_sql("text_sha256")} as text_id, any_value({scored_text_sql("title", "body")}) as text
            from read_parquet($files, hive_partitioning = false, union_by_name = true)
            where text_sha256 is not null and {text_id_sql("text_sha256")} in (from candidates)
            group by 1
        ) as texts using (text_id)
        order by once.text_id
        """,
        {"files": list(map(str, raw_files))},
    ).to_arrow_table()
