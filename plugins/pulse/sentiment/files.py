"""Judging a column of a file: CSV, NDJSON or Parquet in, the same rows with the judgement beside them out."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pulse.errors import QueryError
from pulse.files import sql_text, storage_error
from pulse.sentiment import sql_function
from pulse.sentiment.scorer import JUDGEMENT_SCHEMA, get_scorer

# A whole record may be this long; DuckDB would refuse CSV lines over 2 MB, and buffers sixteen lines if not told.
_MAX_RECORD_BYTES = 16_000_000
_CSV_OPTIONS = f"all_varchar = true, header = true, max_line_size = {_MAX_RECORD_BYTES}, buffer_size = 33_000_000"
_READERS: dict[str, Callable[[str], str]] = {
    ".parquet": lambda file: f"read_parquet({file}, hive_partitioning = false)",
    ".csv": lambda file: f"read_csv({file}, {_CSV_OPTIONS})",
    ".ndjson": lambda file: f"read_ndjson({file}, sample_size = -1, maximum_object_size = {_MAX_RECORD_BYTES})",
}
_READERS[".jsonl"] = _READERS[".ndjson"]
_FORMATS = {
    ".parquet": "format parquet, compression zstd",
    ".csv": "format csv, header",
    ".ndjson": "format json",
    ".jsonl": "format json",
}


@dataclass(frozen=True)
class FileJudgement:
    """What became of a file.

    Attributes:
        labels: texts by label, or by ``not scorable: <reason>``.
        mean_score: over the scorable texts, in [-1, 1]; None without any.
    """

    model_id: str
    texts_n: int
    labels: dict[str, int]
    mean_score: float | None


def score_file(
    file: Path, *, text_column: str, output: Path | None, model: str = "pulse", memory_limit: str = "1GB"
) -> FileJudgement:
    """Judge a file, row by row; nothing is held but the batch at hand. ``output`` appears whole or not at all.

    The columns of the judgement are named ``sentiment_…``; the kind of a file is told by its name.

    Raises:
        QueryError: the file cannot be read, is of another kind, has no such column, or those of a judgement already.
        StorageError: the output cannot be written.
        ConfigError: no such model.
    """
    model_id = get_scorer(model).model_id
    with duckdb.connect(config={"memory_limit": memory_limit, "preserve_insertion_order": "true"}) as connection:
        sql_function.register(connection, model)
        rows = _reader(file)
        _require_column(connection, file, rows, text_column)
        judged = f"select *, sentiment({_quoted(text_column)}) as judgement from {rows}"
        if output is None:
            return _summary(connection, file, model_id, f"select judgement.* from ({judged})", prefix="")
        columns = ", ".join(f"judgement.{name} as {_output_name(name)}" for name in JUDGEMENT_SCHEMA.names)
        _write(connection, file, output, f"select * exclude (judgement), {columns} from ({judged})")
        return _summary(connection, file, model_id, f"select * from {_reader(output)}", prefix="sentiment_")


def _output_name(name: str) -> str:
    return name if name.startswith("sentiment_") else f"sentiment_{name}"


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _reader(file: Path) -> str:
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise QueryError(
            f"file {file}", value=f"named {file.suffix or 'without a suffix'}", limit=", ".join(_READERS),
            next_step="name it by its kind, or convert it",
        )  # fmt: skip
    return reader(sql_text(file))


def _require_column(connection: duckdb.DuckDBPyConnection, file: Path, rows: str, text_column: str) -> None:
    try:
        columns = [name for name, *_ in connection.execute(f"describe select * from {rows}").fetchall()]
    except duckdb.Error as error:
        raise _unreadable(file, error) from error
    if text_column not in columns:
        raise QueryError(
            f"column {text_column}", value="not in the file", limit=", ".join(columns[:20]),
            next_step="choose one with --text-column",
        )  # fmt: skip
    taken = sorted({_output_name(name) for name in JUDGEMENT_SCHEMA.names} & set(columns))
    if taken:
        raise QueryError(
            f"file {file}", value=f"has a column {taken[0]} already", next_step="judge the file that this one came from"
        )


def _write(connection: duckdb.DuckDBPyConnection, file: Path, output: Path, query: str) -> None:
    options = _FORMATS.get(output.suffix.lower())
    if options is None:
        raise QueryError(
            f"output {output}", value=f"named {output.suffix or 'without a suffix'}", limit=", ".join(_FORMATS),
            next_step="name it by the kind that you want",
        )  # fmt: skip
    draft = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        connection.execute(f"copy ({query}) to {sql_text(draft)} ({options})")
        draft.replace(output)
    except duckdb.IOException as error:
        raise storage_error(output, error) from error
    except duckdb.Error as error:
        raise _unreadable(file, error) from error
    except OSError as error:
        raise storage_error(output, error) from error
    finally:
        draft.unlink(missing_ok=True)


def _summary(
    connection: duckdb.DuckDBPyConnection, file: Path, model_id: str, query: str, *, prefix: str
) -> FileJudgement:
    try:
        rows = connection.execute(
            f"""
            select coalesce({prefix}label, 'not scorable: ' || {prefix}unscorable_reason) as outcome,
                count(*), sum(cast(sentiment_score as double))
            from ({query}) group by outcome order by outcome
            """
        ).fetchall()
    except duckdb.Error as error:
        raise _unreadable(file, error) from error
    scored_n = sum(count for _, count, total in rows if total is not None)
    total = sum(total for *_, total in rows if total is not None)
    return FileJudgement(
        model_id,
        sum(count for _, count, _ in rows),
        {outcome: count for outcome, count, _ in rows},
        total / scored_n if scored_n else None,
    )


def _unreadable(file: Path, error: duckdb.Error) -> QueryError:
    return QueryError(
        f"file {file}", value=str(error).splitlines()[0], next_step="mend the file, or convert it to Parquet"
    )
