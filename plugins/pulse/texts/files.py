"""Judging a column of a file: CSV, NDJSON or Parquet in, the same rows with the judgement beside them out.

Rows in are rows out. Both are counted apart from the reading and the writing (records by their line ends, lines, the
footer of Parquet), and an output whose count differs is never put in place.
"""

import contextlib
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import progress
from pulse.core.errors import QueryError
from pulse.core.files import fsync_file, fsync_folder, sql_name, sql_text, storage_error
from pulse.texts import csv_reading, sql_function
from pulse.texts.scorer import JUDGEMENT_SCHEMA, NEEDS_SCHEMA, SENTIMENT_SCHEMA, get_scorer

# A whole record may be this long.
_MAX_RECORD_BYTES = csv_reading.MAX_RECORD_CHARS
_CSV, _NDJSON, _PARQUET = "csv", "ndjson", "parquet"
_INPUTS = {".csv": _CSV, ".tsv": _CSV, ".ndjson": _NDJSON, ".jsonl": _NDJSON, ".parquet": _PARQUET}
_OUTPUTS = {suffix: kind for suffix, kind in _INPUTS.items() if suffix != ".tsv"}
_FORMATS = {
    _PARQUET: "format parquet, compression zstd",
    _CSV: "format csv, header",
    _NDJSON: "format json",
}
# A spreadsheet takes a cell for a formula that begins so, after blanks and after what may split cells there too.
_SKIPPED = "|;,'\" "
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA = r"^[\s\p{Z}\p{Cc}\p{Cf}|;,'\x22]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
_NUMBER = r"^\s*[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?\s*$"
_PLAIN_TYPE = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL\([0-9,]+\)|BOOLEAN|DATE|TIME.*)$")
_LINE_CHUNK = 2**20


@dataclass(frozen=True)
class FileJudgement:
    """What became of a file.

    Attributes:
        read_as: the kind of the file, its encoding and dialect, columns and rows, in one line.
        texts_n: rows of the file, each judged once.
        labels: texts by label, or by ``not scorable: <reason>``.
        mean_score: over the scorable texts, in [-1, 1]; None without any.
    """

    model_id: str
    read_as: str
    texts_n: int
    labels: dict[str, int]
    mean_score: float | None


@dataclass(frozen=True)
class CsvOptions:
    """What the asker says of a CSV file; None and the defaults leave it to be found (see :mod:`csv_reading`)."""

    has_header: bool = True
    encoding: str | None = None
    delimiter: str | None = None
    quote: str = '"'


@dataclass(frozen=True)
class _Input:
    """A file that can be read: its rows as something to select from, and how many there must be.

    Attributes:
        are_plain: by column, whether it holds numbers, truths or times, which no spreadsheet takes for a formula.
    """

    rows: str
    columns: tuple[str, ...]
    are_plain: tuple[bool, ...]
    text_column: str
    rows_n: int
    read_as: str
    examined: csv_reading.Examined | None = None


class _Rows:
    """Batches of a CSV file for DuckDB, which would wrap our own errors: the first one is kept."""

    def __init__(self, examined: csv_reading.Examined) -> None:
        self._examined = examined
        self.error: QueryError | None = None
        self.rows_n = 0

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in csv_reading.batches(self._examined):
                self.rows_n += batch.num_rows
                yield batch
        except QueryError as error:
            self.error = error
            raise

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(csv_reading.schema_of(self._examined), self._batches())


def score_file(
    file: Path,
    *,
    text_column: str | None,
    output: Path | None,
    model: str = "pulse",
    memory_limit: str = "1GB",
    csv_options: CsvOptions | None = None,
) -> FileJudgement:
    """Judge a file, row by row; nothing is held but the batch at hand. ``output`` appears whole or not at all.

    The columns of the feeling are named ``sentiment_…``, those of the kinds as they are. The kind of a file is told by
    its name.

    Args:
        text_column: name of the column with the texts; in a CSV file without a header its number, from 1. None means
            ``text``, or the only column of a CSV file without a header.

    Raises:
        QueryError: the file cannot be read whole, is of another kind, has no such column, or those of a judgement
            already; or the rows that came out are not as many as went in.
        StorageError: the output cannot be written.
        ConfigError: no such model.
    """
    kind = _kind(file, _INPUTS, what="file")
    output_kind = None if output is None else _kind(output, _OUTPUTS, what="output")
    if output is not None and output.exists() and file.exists() and output.samefile(file):
        raise QueryError(f"output {output}", value="the file that is read", next_step="choose another name")
    model_id = get_scorer(model).model_id
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(
            duckdb.connect(config={"memory_limit": memory_limit, "preserve_insertion_order": "true"})
        )
        given = _examine(connection, file, kind, text_column, csv_options or CsvOptions())
        _require_free_names(file, given.columns)
        meter = stack.enter_context(progress.counting("judging texts", "texts", given.rows_n))
        sql_function.register_for_file(connection, model, meter.advance)
        # Kinds cost time, and without an output nobody sees them.
        function = sql_function.SENTIMENT_NAME if output is None else sql_function.JUDGEMENT_NAME
        judged = f"select *, {function}({sql_name(given.text_column)}) as judgement from {given.rows}"
        if output is None or output_kind is None:
            outcomes = _outcomes(connection, file, f"select judgement.* from ({judged})", prefix="", given=given)
            done = _judgement(given, model_id, outcomes)
            _require_all(file, given, done.texts_n)
            return done
        return _write(connection, file, given, output, output_kind, model_id, judged)


def _kind(path: Path, kinds: dict[str, str], *, what: str) -> str:
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise QueryError(
            f"{what} {path}", value=f"named {path.suffix or 'without a suffix'}", limit=", ".join(kinds),
            next_step="name it by its kind, or convert it",
        )  # fmt: skip
    return kind


def _output_name(name: str) -> str:
    is_need = name in NEEDS_SCHEMA.names and name not in SENTIMENT_SCHEMA.names
    return name if is_need or name.startswith("sentiment_") else f"sentiment_{name}"


# ---- reading ---------------------------------------------------------------


def _examine(
    connection: duckdb.DuckDBPyConnection, file: Path, kind: str, text_column: str | None, options: CsvOptions
) -> _Input:
    if kind == _CSV:
        examined = csv_reading.examine(
            file, text_column=text_column, has_header=options.has_header, encoding=options.encoding,
            delimiter=options.delimiter, quote=options.quote,
        )  # fmt: skip
        return _Input(
            "csv_rows", examined.names, (False,) * len(examined.names), examined.text_column, examined.rows_n,
            examined.described(), examined,
        )  # fmt: skip
    if options != CsvOptions():
        raise QueryError(f"file {file}", value=kind, next_step="options of CSV are for CSV files: leave them out")
    start = csv_reading.first_bytes(file)
    # DuckDB takes a name for a pattern.
    name = sql_text(escape(str(file)))
    if kind == _PARQUET:
        rows, rows_n = f"read_parquet({name}, hive_partitioning = false)", _footer_rows(file)
    else:
        rows = f"read_ndjson({name}, sample_size = -1, maximum_object_size = {_MAX_RECORD_BYTES})"
        csv_reading.require_utf8(file, start)
        rows_n = _count_lines(file)
    try:
        described = connection.execute(f"describe select * from {rows}").fetchall()
    except duckdb.Error as error:
        raise _unreadable(file, error) from error
    columns = tuple(str(name) for name, *_ in described)
    are_plain = tuple(_PLAIN_TYPE.match(type_name) is not None for _, type_name, *_ in described)
    wanted = text_column or "text"
    if wanted not in columns:
        raise QueryError(
            f"column {wanted}", value=f"none of the {len(columns)} columns of {file}",
            next_step="choose one with --text-column",
        )  # fmt: skip
    shown = "Parquet" if kind == _PARQUET else "NDJSON, encoding UTF-8"
    return _Input(rows, columns, are_plain, wanted, rows_n, f"{shown}; {len(columns)} columns, {rows_n} rows")


def _footer_rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise QueryError(
            f"file {file}", value="no Parquet: its footer cannot be read", next_step="export it again"
        ) from error


def _count_lines(file: Path) -> int:
    """Lines that are not blank."""
    count, has_text = 0, False
    try:
        with file.open("rb") as opened:
            while chunk := opened.readline(_LINE_CHUNK):
                has_text = has_text or bool(chunk.strip())
                if chunk.endswith(b"\n"):
                    count += has_text
                    has_text = False
    except OSError as error:
        raise storage_error(file, error) from error
    return count + has_text


def _bad_json_line(file: Path) -> int | None:
    """The first line that is not one JSON object; None if each is, or a line is longer than a record may be."""
    with file.open("rb") as opened:
        for number in itertools.count(1):
            line = opened.readline(_MAX_RECORD_BYTES + 1)
            if not line or len(line) > _MAX_RECORD_BYTES:
                return number if line else None
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    return number
            except (ValueError, RecursionError):
                return number
    return None


def _require_free_names(file: Path, columns: tuple[str, ...]) -> None:
    taken = sorted({_output_name(name) for name in JUDGEMENT_SCHEMA.names} & {name.casefold() for name in columns})
    if taken or "judgement" in {name.casefold() for name in columns}:
        name = taken[0] if taken else "judgement"
        raise QueryError(
            f"file {file}", value=f"has a column {name} already",
            next_step="judge the file that this one came from, or rename the column",
        )  # fmt: skip


# ---- writing ---------------------------------------------------------------


def _write(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    given: _Input,
    output: Path,
    kind: str,
    model_id: str,
    judged: str,
) -> FileJudgement:
    """Write a draft, count and sum up what it holds, and put it in place."""
    draft = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    names = ", ".join(f"judgement.{name} as {_output_name(name)}" for name in JUDGEMENT_SCHEMA.names)
    query = f"select {_select_list(given, kind)}, {names} from ({judged})"
    try:
        _execute(connection, file, given, f"copy ({query}) to {sql_text(draft)} ({_FORMATS[kind]})", output)
        _require_all(file, given, _written_rows(draft, kind))
        if kind == _CSV:
            done = _judgement(given, model_id, _csv_outcomes(draft))
        else:
            name = sql_text(escape(str(draft)))
            rows = (
                f"select * from read_parquet({name}, hive_partitioning = false)"
                if kind == _PARQUET
                else f"select * from read_ndjson({name}, maximum_object_size = {8 * _MAX_RECORD_BYTES}, columns = "
                "{sentiment_label: 'VARCHAR', sentiment_unscorable_reason: 'VARCHAR', sentiment_score: 'DOUBLE'})"
            )
            done = _judgement(given, model_id, _outcomes(connection, file, rows, prefix="sentiment_"))
        _require_all(file, given, done.texts_n)
        fsync_file(draft)
        draft.replace(output)
        fsync_folder(output.parent)
    except OSError as error:
        raise storage_error(output, error) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return done


def _select_list(given: _Input, kind: str) -> str:
    """The columns of the file as they are; for a spreadsheet with an apostrophe where it would run them."""
    if kind != _CSV:
        return ", ".join(map(sql_name, given.columns))
    return ", ".join(
        f"{sql_name(name) if is_plain else _guarded(sql_name(name))} as {sql_name(_guarded_name(name))}"
        for name, is_plain in zip(given.columns, given.are_plain, strict=True)
    )


def _guarded(column: str) -> str:
    text = f"cast({column} as varchar)"
    runs = f"regexp_matches({text}, {sql_text(_FORMULA)}) and not regexp_matches({text}, {sql_text(_NUMBER)})"
    apostrophe = sql_text("'")
    return f"case when {runs} then {apostrophe} || {text} else {text} end"


def _guarded_name(name: str) -> str:
    return f"'{name}" if name.lstrip(_SKIPPED).startswith(_FORMULA_STARTS) else name


def _execute(
    connection: duckdb.DuckDBPyConnection, file: Path, given: _Input, query: str, output: Path | None = None
) -> list[tuple[Any, ...]]:
    """Run a query over the rows of the file, all of which must have been read then."""
    rows = None if given.examined is None else _Rows(given.examined)
    if rows is not None:
        connection.register("csv_rows", rows.reader())
    try:
        found = connection.execute(query).fetchall()
    except duckdb.Error as error:
        if rows is not None and rows.error is not None:
            raise rows.error from error
        if output is not None and isinstance(error, duckdb.IOException):
            raise storage_error(output, error) from error
        raise _unreadable(file, error) from error
    if rows is not None:
        _require_all(file, given, rows.rows_n)
    return found


def _require_all(file: Path, given: _Input, rows_n: int) -> None:
    if rows_n != given.rows_n:
        line = _bad_json_line(file) if _INPUTS[file.suffix.lower()] == _NDJSON else None
        if line is not None:
            raise QueryError(
                f"file {file}", value=f"line {line} is not one JSON object", next_step="write one record a line"
            )
        raise QueryError(
            f"file {file}", value=f"{rows_n} rows came out", limit=f"{given.rows_n} rows counted in it",
            next_step="nothing was written; convert the file to Parquet",
        )  # fmt: skip


def _written_rows(draft: Path, kind: str) -> int:
    if kind == _PARQUET:
        return _footer_rows(draft)
    return _count_lines(draft) if kind == _NDJSON else csv_reading.count_written(draft) - 1


# ---- summing up ------------------------------------------------------------


def _outcomes(
    connection: duckdb.DuckDBPyConnection, file: Path, query: str, *, prefix: str, given: _Input | None = None
) -> list[tuple[Any, ...]]:
    """Label or reason, texts, and the sum of their scores."""
    summing = f"""
        select coalesce({prefix}label, 'not scorable: ' || {prefix}unscorable_reason) as outcome,
            count(*), sum(cast(sentiment_score as double))
        from ({query}) group by outcome order by outcome
    """
    if given is not None:
        return _execute(connection, file, given, summing)
    try:
        return connection.execute(summing).fetchall()
    except duckdb.Error as error:
        raise _unreadable(file, error) from error


def _csv_outcomes(draft: Path) -> list[tuple[Any, ...]]:
    """The same from a CSV file that was just written, read by another reader than wrote it."""
    names = JUDGEMENT_SCHEMA.names
    label_at, reason_at, score_at = (
        names.index(name) - len(names) for name in ("label", "unscorable_reason", "sentiment_score")
    )
    counts: Counter[str] = Counter()
    totals: dict[str, float] = {}
    for record in csv_reading.written_records(draft):
        outcome = record[label_at] or f"not scorable: {record[reason_at]}"
        counts[outcome] += 1
        if record[score_at]:
            totals[outcome] = totals.get(outcome, 0.0) + float(record[score_at])
    return [(outcome, counts[outcome], totals.get(outcome)) for outcome in sorted(counts)]


def _judgement(given: _Input, model_id: str, rows: Sequence[tuple[Any, ...]]) -> FileJudgement:
    scored_n = sum(count for _, count, total in rows if total is not None)
    total = sum(total for *_, total in rows if total is not None)
    return FileJudgement(
        model_id,
        given.read_as,
        sum(count for _, count, _ in rows),
        {outcome: count for outcome, count, _ in rows},
        total / scored_n if scored_n else None,
    )


def _unreadable(file: Path, error: duckdb.Error) -> QueryError:
    """DuckDB's messages quote the file, so that only the kind of the fault is taken from them."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__.removesuffix("Exception")).lower()
    value = f"cannot be read: {kind} error"
    if _INPUTS.get(file.suffix.lower()) == _NDJSON:
        with contextlib.suppress(OSError):
            line = _bad_json_line(file)
            value = value if line is None else f"line {line} is not one JSON object"
    return QueryError(f"file {file}", value=value, next_step="mend the file, or convert it to Parquet")
