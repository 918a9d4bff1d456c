"""The scorer as functions of DuckDB, each giving one struct per text: ``sentiment(text)`` and ``needs(text)``."""

from collections.abc import Callable, Iterable
from functools import cache

import duckdb
import pyarrow as pa
from duckdb.sqltypes import VARCHAR, DuckDBPyType

from pulse.core.table import Column, arrow_schema
from pulse.texts.scorer import JUDGEMENT, NEEDS, SENTIMENT, Scorer, get_scorer

SENTIMENT_NAME, NEEDS_NAME, JUDGEMENT_NAME = "sentiment", "needs", "judgement"


def register(connection: duckdb.DuckDBPyConnection, model: str = "pulse") -> None:
    """Give a connection both functions. The model is loaded when one is called, not before.

    A NULL text gives a struct with ``unscorable_reason`` "gone", not NULL.
    """
    _register(connection, SENTIMENT_NAME, SENTIMENT, lambda texts: _scorer(model).score_sentiment(texts))
    _register(connection, NEEDS_NAME, NEEDS, lambda texts: _scorer(model).score(texts))


def register_for_file(connection: duckdb.DuckDBPyConnection, model: str, on_judged: Callable[[int], None]) -> None:
    """Give a connection ``sentiment(text)``, and ``judgement(text)``: all of it of one pass over the text.

    Args:
        on_judged: told how many texts more were judged.
    """
    _register(connection, SENTIMENT_NAME, SENTIMENT, lambda texts: _scorer(model).score_sentiment(texts), on_judged)
    _register(connection, JUDGEMENT_NAME, JUDGEMENT, lambda texts: _scorer(model).score(texts), on_judged)


def _register(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Iterable[Column],
    score: Callable[[pa.Array], pa.RecordBatch],
    on_judged: Callable[[int], None] = lambda _: None,
) -> None:
    schema = arrow_schema(columns)

    def judge(texts: pa.ChunkedArray) -> pa.Array:
        chunks = [score(chunk).select(schema.names).to_struct_array() for chunk in texts.chunks]
        on_judged(len(texts))
        return pa.chunked_array(chunks, pa.struct(schema)).combine_chunks()

    # DuckDB's stub knows of no function that takes and gives Arrow arrays.
    connection.create_function(  # type: ignore[call-overload]
        name, judge, [VARCHAR], _struct(columns), type="arrow", null_handling="special", side_effects=False
    )


@cache
def _scorer(model: str) -> Scorer:
    return get_scorer(model)


def _struct(columns: Iterable[Column]) -> DuckDBPyType:
    return duckdb.struct_type({column.name: DuckDBPyType(column.duckdb_type) for column in columns})
