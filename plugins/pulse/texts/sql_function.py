"""The scorer as a function of DuckDB: ``sentiment(text)`` gives one struct per text, with the fields of a judgement."""

from functools import cache

import duckdb
import pyarrow as pa
from duckdb.sqltypes import VARCHAR, DuckDBPyType

from pulse.texts.scorer import JUDGEMENT, JUDGEMENT_SCHEMA, Scorer, get_scorer

NAME = "sentiment"


def register(connection: duckdb.DuckDBPyConnection, model: str = "pulse") -> None:
    """Give a connection the function ``sentiment``. The model is loaded when it is called, not before.

    A NULL text gives a struct with ``unscorable_reason`` "gone", not NULL.
    """

    def judge(texts: pa.ChunkedArray) -> pa.Array:
        chunks = [_scorer(model).score(chunk).to_struct_array() for chunk in texts.chunks]
        return pa.chunked_array(chunks, pa.struct(JUDGEMENT_SCHEMA)).combine_chunks()

    # DuckDB's stub knows of no function that takes and gives Arrow arrays.
    connection.create_function(  # type: ignore[call-overload]
        NAME, judge, [VARCHAR], _judgement_type(), type="arrow", null_handling="special", side_effects=False
    )


@cache
def _scorer(model: str) -> Scorer:
    return get_scorer(model)


def _judgement_type() -> DuckDBPyType:
    return duckdb.struct_type({column.name: DuckDBPyType(column.duckdb_type) for column in JUDGEMENT})
