"""Telling a statement that only reads from all others, before it runs.

It is the second of two defences: the database that statements run in reads no files and holds its settings fast
(:mod:`pulse.reading.query`). DuckDB still lets it write beside the published file and to where large queries spill, and
turn on logs that are files; so a statement has to be a read by its kind, and may call no function that opens or writes
files, changes the database, or runs text as SQL.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import duckdb
from duckdb import StatementType

from pulse.core.errors import QueryError

# What a statement may begin with; DESC and TABLE are other names of DESCRIBE and SELECT.
_READS = frozenset(
    {"select", "with", "from", "values", "pivot", "pivot_wider", "pivot_longer", "unpivot", "summarize", "describe",
     "desc", "show", "explain", "table", "("}
)  # fmt: skip
_LIMIT = (
    "one statement that reads: SELECT, WITH, FROM, VALUES, PIVOT, UNPIVOT, SUMMARIZE, DESCRIBE, SHOW, "
    "or EXPLAIN of these"
)

# Functions that stand for tables; all others that DuckDB knows are refused, and a test names what a new version brings.
TABLE_FUNCTIONS = frozenset(
    {"duckdb_approx_database_count", "duckdb_columns", "duckdb_connection_count", "duckdb_constraints",
     "duckdb_coordinate_systems", "duckdb_databases", "duckdb_dependencies", "duckdb_extensions", "duckdb_functions",
     "duckdb_indexes", "duckdb_keywords", "duckdb_memory", "duckdb_optimizers", "duckdb_schemas", "duckdb_sequences",
     "duckdb_settings", "duckdb_table_sample", "duckdb_tables", "duckdb_temporary_files", "duckdb_types",
     "duckdb_variables", "duckdb_views", "generate_series", "histogram", "histogram_values", "icu_calendar_names",
     "json_each", "json_tree", "pg_timezone_names", "pragma_collations", "pragma_database_size", "pragma_platform",
     "pragma_show", "pragma_storage_info", "pragma_table_info", "pragma_user_agent", "pragma_version", "range",
     "repeat", "repeat_row", "summary", "test_all_types", "test_vector_types", "unnest"}
)  # fmt: skip
_FILES = "opens files"
_TEXT_AS_SQL = "runs text as SQL"
_SETTINGS = "changes settings or writes logs"
# What each refused function would do.
REFUSED_FUNCTIONS = {
    **dict.fromkeys(
        ("glob", "parquet_bloom_probe", "parquet_file_metadata", "parquet_full_metadata", "parquet_kv_metadata",
         "parquet_metadata", "parquet_scan", "parquet_schema", "read_blob", "read_csv", "read_csv_auto", "read_duckdb",
         "read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto", "read_ndjson",
         "read_ndjson_auto", "read_ndjson_objects", "read_parquet", "read_text", "sniff_csv", "sql_auto_complete"),
        _FILES,
    ),
    **dict.fromkeys(("query", "query_table", "json_execute_serialized_sql"), _TEXT_AS_SQL),
    **dict.fromkeys(
        ("checkpoint", "disable_logging", "disable_profiling", "duckdb_external_file_cache", "duckdb_log_contexts",
         "duckdb_logs", "duckdb_logs_parsed", "duckdb_prepared_statements", "duckdb_profiling_settings",
         "enable_logging", "enable_profiling", "force_checkpoint", "pragma_metadata_info", "truncate_duckdb_logs",
         "write_log"),
        _SETTINGS,
    ),
    **dict.fromkeys(("duckdb_secret_types", "duckdb_secrets", "getenv", "which_secret"), "tells of the machine"),
    **dict.fromkeys(
        ("arrow_scan", "arrow_scan_dumb", "pandas_scan", "python_map_function", "seq_scan"),
        "reads memory by its address",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class _Token:
    kind: duckdb.token_type
    text: str
    start: int

    @property
    def words(self) -> list[str]:
        """Lower case; an identifier without its quotes, an operator as its first character.

        Other kinds of space than the ASCII ones part words for DuckDB's parser, but not for its tokenizer.
        """
        if self.kind == duckdb.token_type.operator:
            return [self.text[:1]]
        if self.text.startswith('"'):
            return [self.text[1 : self.text.rindex('"')].replace('""', '"').casefold()]
        return [word.casefold() for word in re.findall(r"[\w$]+", self.text)] or [self.text]

    @property
    def first_word(self) -> str:
        """What a statement begins with."""
        return self.words[0]

    @property
    def operator(self) -> str:
        """Its first character; empty for other tokens."""
        return self.text[:1] if self.kind == duckdb.token_type.operator else ""


def statements(connection: duckdb.DuckDBPyConnection, sql: str) -> list[duckdb.Statement]:
    """What to run for one statement that only reads, in order; the last one gives the rows.

    It is several where DuckDB takes one apart: a PIVOT finds out its columns first.

    Args:
        connection: parses the text, so it must be one that reads no files: parsing IMPORT DATABASE opens some.

    Raises:
        QueryError: there is no statement, or more than one, or it does more than read.
        duckdb.Error: it cannot be parsed.
    """
    tokens = _tokens(sql)
    of_one = _single(tokens)
    _require_read(of_one[0].first_word)
    for function in _called(of_one):
        if function in REFUSED_FUNCTIONS:
            raise _refused(f"{function}() {REFUSED_FUNCTIONS[function]}")
    found = connection.extract_statements(sql)
    if of_one[0].first_word == "explain":
        _require_explained_read(connection, sql, of_one)
        return _of_kind(found, StatementType.EXPLAIN)
    return _of_kind(found, StatementType.SELECT)


def _of_kind(found: Sequence[duckdb.Statement], kind: StatementType) -> list[duckdb.Statement]:
    """The statements up to the one of the asked kind, if the others are DuckDB's own, which have no text."""
    parts = list(found)
    if len(parts) > 1 and parts[-1].type == StatementType.TRANSACTION and not parts[-1].query:
        parts.pop()  # what it would commit is of no use to anybody
    *before, last = parts
    if last.type != kind:
        raise _refused(_kind_name(last.type))
    for part in before:
        if part.query or part.type not in {StatementType.CREATE, StatementType.TRANSACTION}:
            raise _refused(_kind_name(part.type))
    return parts


def _require_explained_read(connection: duckdb.DuckDBPyConnection, sql: str, tokens: Sequence[_Token]) -> None:
    rest = list(tokens[1:])
    while rest and rest[0].first_word in {"analyze", "verbose"}:
        rest = rest[1:]
    if len(rest) > 1 and rest[0].first_word == "(" and rest[1].first_word not in _READS:
        depth = 0
        for place, token in enumerate(rest):
            depth += {"(": 1, ")": -1}.get(token.operator, 0)
            if depth == 0:
                rest = rest[place + 1 :]
                break
    if not rest or rest[0].first_word == "explain":
        raise _refused("EXPLAIN of no read")
    _require_read(rest[0].first_word)
    explained = sql.encode()[rest[0].start :].decode()
    _of_kind(connection.extract_statements(explained), StatementType.SELECT)


def _require_read(first_word: str) -> None:
    if first_word not in _READS:
        raise _refused(first_word.upper() or "nothing")


def _refused(what: str) -> QueryError:
    return QueryError(
        "query", value=f"{what}, which `pulse sql` does not run", limit=_LIMIT,
        next_step="ask for rows, and keep them with `--output FILE`; docs/security.md says what is refused and why",
    )  # fmt: skip


def _kind_name(kind: StatementType) -> str:
    return str(getattr(kind, "name", kind)).replace("_", " ")


# ---- words -----------------------------------------------------------------


def _tokens(sql: str) -> list[_Token]:
    """The statement's words as DuckDB sees them, comments left out.

    Raises:
        QueryError: it holds a NUL, at which DuckDB's tokenizer stops, or is no Unicode text.
    """
    if "\x00" in sql:
        raise QueryError("query", value="it holds a NUL character", next_step="mend the query")
    try:
        data = sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError("query", value=sql, limit="UTF-8 text", next_step="mend the query") from error
    starts = duckdb.tokenize(sql)
    ends = [start for start, _ in starts[1:]] + [len(data)] * bool(starts)
    return [
        _Token(kind, data[start:end].decode(errors="replace"), start)
        for (start, kind), end in zip(starts, ends, strict=True)
    ]


def _single(tokens: Sequence[_Token]) -> list[_Token]:
    found: list[list[_Token]] = [[]]
    for token in tokens:
        if token.operator == ";":
            found.append([])
        else:
            found[-1].append(token)
    written = [of_one for of_one in found if of_one]
    if not written:
        raise QueryError("query", value="no statement in it", next_step='try `pulse sql "show all tables"`')
    if len(written) > 1:
        raise QueryError(
            "query", value=f"{len(written)} statements", limit="one statement",
            next_step="run them one by one, or join them with `with … as`",
        )  # fmt: skip
    return written[0]


def _called(tokens: Sequence[_Token]) -> Iterator[str]:
    names = {duckdb.token_type.identifier, duckdb.token_type.keyword}
    for token, following in pairwise(tokens):
        if token.kind in names and following.operator == "(":
            yield token.words[-1]
