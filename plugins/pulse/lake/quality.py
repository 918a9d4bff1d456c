"""What happened to each load and each rule, as Parquet that analysts can query whether or not a day was published.

Tables under ``PULSE_HOME/quality``, one file per writer and load: files are only ever added or replaced whole,
so readers need no lock. No original text is in them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from pulse.core import parquet
from pulse.core.files import sql_text
from pulse.core.home import Home, path_value
from pulse.core.table import Column, Table, no_rows_sql

LOAD_OUTCOMES = "load_outcomes"
GATE_RESULTS = "gate_results"
QUARANTINED_ROWS = "quarantined_rows"
CREATION_TIME_CLASHES = "creation_time_clashes"
ERASURES = "erasures"
DELETION_CHECKS = "deletion_checks"

_RUN = "Run that wrote the row: Airflow's run id, or the one that the command line made up."
_ENTRY = "Entry of the config: platform/community; the community is * for the wildcard."
_RECORDED = "When it was written."

# A column that may be NULL says when it is; rows of earlier versions may lack others too.
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            LOAD_OUTCOMES,
            "What became of each community's day in each run; the latest row of an entry, community and day counts. "
            "A wildcard entry has a row for * and one per community that it brought.",
            "one row per run, config entry, community and day.",
            (
                Column("run_id", "VARCHAR", False, _RUN),
                Column("load_id", "VARCHAR", True, "Load that brought the day; NULL when the extraction failed."),
                Column("platform", "VARCHAR", False, "Platform name, lower case."),
                Column("entry_id", "VARCHAR", False, _ENTRY),
                Column(
                    "community", "VARCHAR", False,
                    "Community the row is about; * sums up all that a wildcard brought.",
                ),
                Column("source", "VARCHAR", False, "Source module that was asked."),
                Column("day", "DATE", False, "UTC day that was asked for."),
                Column(
                    "outcome", "VARCHAR", False,
                    "arrived, empty (listed whole, nothing there), partial (not proven to be whole), failed "
                    "(the extraction), quarantined (stopped by gate 1).",
                ),
                Column("contributions_n", "BIGINT", False, "Rows that gate 1 accepted."),
                Column(
                    "quarantined_rows_n", "BIGINT", False,
                    "Records that gate 1 kept out; those of a stopped load lie on its first day.",
                ),
                Column(
                    "skipped_n", "BIGINT", False,
                    "Records left out for a documented reason, such as exact repeats; on the load's first day.",
                ),
                Column(
                    "api_calls_n", "BIGINT", False,
                    "Calls to the platform; on the load's first day, 0 for archives.",
                ),
                Column("reason", "VARCHAR", True, "Why the day is not complete; NULL when it is."),
                Column("recorded_at", "TIMESTAMPTZ", False, _RECORDED),
            ),
        ),
        Table(
            GATE_RESULTS,
            "What each rule of a gate found. Gate 2, which checks the marts, has no load.",
            "one row per run, gate, load and rule.",
            (
                Column("run_id", "VARCHAR", False, _RUN),
                Column("gate", "VARCHAR", False, "gate_1 (loads, before raw) or gate_2 (marts, before publishing)."),
                Column("load_id", "VARCHAR", True, "Load that was checked; NULL for gate 2."),
                Column("entry_id", "VARCHAR", True, "Entry of the config that the load is of; NULL for gate 2."),
                Column(
                    "rule", "VARCHAR", False,
                    "Name of the rule; its reason stands beside its definition in plugins/pulse/gates.",
                ),
                Column(
                    "level", "VARCHAR", False,
                    "row (a predicate per row), load (a number about the load), mart (rows that must not "
                    "exist).",
                ),
                Column(
                    "severity", "VARCHAR", False,
                    "critical, warning or info. Only critical rules keep rows out or stop a load.",
                ),
                Column(
                    "checked_n", "BIGINT", True,
                    "Rows that were looked at; NULL where the rule is not about rows, or could not tell.",
                ),
                Column(
                    "failed_n", "BIGINT", True,
                    "Rows for which the rule does not hold; NULL where it is not about rows, or could not tell.",
                ),
                Column("value", "DOUBLE", True, "The number that was found; NULL if the rule could not tell."),
                Column("limit_value", "DOUBLE", True, "The limit it was held to; NULL where there is none."),
                Column("is_passed", "BOOLEAN", False, "Whether the rule holds."),
                Column("is_waived", "BOOLEAN", False, "Whether somebody waived the rule for this load."),
                Column("is_stopping", "BOOLEAN", False, "Whether the rule stops the load, or the publishing."),
                Column(
                    "message", "VARCHAR", False,
                    "The same in one line for a person; holds no text that people wrote.",
                ),
                Column("recorded_at", "TIMESTAMPTZ", False, _RECORDED),
            ),
        ),
        Table(
            QUARANTINED_ROWS,
            "Records that gate 1 kept out. Their content lies in the quarantine only; see `pulse quarantine show`.",
            "one row per run, quarantined record and rule that it broke.",
            (
                Column("run_id", "VARCHAR", False, _RUN),
                Column(
                    "load_id", "VARCHAR", True,
                    "Load that the record came with; NULL for a line that is no load's, for it tells no "
                    "community or no day. It stands here once for each content of its file.",
                ),
                Column("entry_id", "VARCHAR", True, f"{_ENTRY} NULL for a line that is no load's."),
                Column(
                    "community", "VARCHAR", True,
                    "Community of the record; NULL where it does not tell, or tells no day.",
                ),
                Column(
                    "day", "DATE", True,
                    "Partition day of the record; NULL where it does not tell, or tells no community.",
                ),
                Column("rule", "VARCHAR", False, "Rule that the record broke."),
                Column("reason", "VARCHAR", False, "What is wrong with it."),
                Column(
                    "contribution_id", "VARCHAR", True,
                    "The contribution; NULL for a record that could not be read at all.",
                ),
                Column("file", "VARCHAR", True, "File that the unreadable record stands in; NULL for a readable one."),
                Column("line_number", "BIGINT", True, "Its line there, from 1; NULL for a readable one."),
                Column("recorded_at", "TIMESTAMPTZ", False, _RECORDED),
            ),
        ),
        Table(
            CREATION_TIME_CLASHES,
            "Contributions of which loads tell two times of creation, a second or more apart. The earlier one holds.",
            "one row per platform, community, contribution_id, other_created_at and other_load_id.",
            (
                Column("platform", "VARCHAR", False, "Platform name, lower case."),
                Column("community", "VARCHAR", False, "Community of the contribution."),
                Column("contribution_id", "VARCHAR", False, "The contribution."),
                Column("kept_created_at", "TIMESTAMPTZ", False, "The earliest time that is told: the one that holds."),
                Column("kept_load_id", "VARCHAR", False, "Load that tells it; the first by name where several do."),
                Column("other_created_at", "TIMESTAMPTZ", False, "Another time that is told."),
                Column("other_load_id", "VARCHAR", False, "Load that tells that one."),
            ),
        ),
        Table(
            DELETION_CHECKS,
            "When a sweep last asked whether a contribution is still there, and what it found.",
            "one row per platform, community and contribution_id.",
            (
                Column("platform", "VARCHAR", False, "Platform name, lower case."),
                Column("community", "VARCHAR", False, "Community of the contribution."),
                Column("contribution_id", "VARCHAR", False, "The contribution."),
                Column("last_checked_at", "TIMESTAMPTZ", False, "When it was last asked for and answered."),
                Column(
                    "absent_since", "TIMESTAMPTZ", True,
                    "First of the answers in a row that left it out; NULL if the last one did not.",
                ),
                Column("content_gone_at", "TIMESTAMPTZ", True, "When it counted as deleted; NULL if it does not."),
                Column("author_gone_at", "TIMESTAMPTZ", True, "When its account was found gone; NULL if it was not."),
                Column("removal", "VARCHAR", True, "by_author or by_moderator; NULL where it is not deleted."),
            ),
        ),
        Table(
            ERASURES,
            "Proof of what was erased because a person asked, or because a sweep found it gone: what, where, how many "
            "and when. Nothing of the content, and nobody's name or pseudonym.",
            "one row per request_id, place, what and file.",
            (
                Column(
                    "request_id", "VARCHAR", False,
                    "The request of a person, or the sweep. A request that was killed is finished by a later one.",
                ),
                Column("reason", "VARCHAR", False, "asked (`pulse forget`) or gone (`pulse sweep`)."),
                Column("platform", "VARCHAR", False, "Platform name, lower case."),
                Column(
                    "place", "VARCHAR", False,
                    "Folder of PULSE_HOME that was looked into, or input for a file of the user's own.",
                ),
                Column("what", "VARCHAR", False, "What was counted: rows, lines, scores, files or contributions."),
                Column("file", "VARCHAR", True, "The user's own file, which is left as it is; NULL for all else."),
                Column("found_n", "BIGINT", False, "How many were found before anything was erased."),
                Column("left_n", "BIGINT", True, "How many are left; NULL until the request is finished."),
                Column("looked_at", "TIMESTAMPTZ", False, "When it was looked for."),
                Column("done_at", "TIMESTAMPTZ", True, "When the request was finished; NULL if it was not."),
            ),
        ),
    )
}  # fmt: skip


def append(home: Home, table: str, rows: Iterable[Mapping[str, Any]], *, stem: str) -> Path:
    """Write rows as one file of a table; a file of the same stem is replaced, so that a rerun repeats nothing.

    Args:
        stem: unique per writer and load, any text: ``{run_id}-{load_id}``.

    Raises:
        StorageError: disk full or not writable.
        KeyError: a row has a column that the table does not know.
    """
    schema = TABLES[table].arrow_schema
    records = [dict(row) for row in rows]
    unknown = {name for record in records for name in record} - set(schema.names)
    if unknown:
        raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
    return _write(home, table, pa.Table.from_pylist(records, schema=schema), stem)


def append_table(home: Home, table: str, content: pa.Table, *, stem: str) -> Path:
    """The same for many rows that are an Arrow table already; columns are put in order and cast."""
    return _write(home, table, content.select(TABLES[table].names).cast(TABLES[table].arrow_schema), stem)


def exists(home: Home, table: str, stem: str) -> bool:
    """Whether a writer of that stem has written already."""
    return (home.quality / table / f"{path_value(stem)}.parquet").exists()


def ensure_tables(home: Home) -> None:
    """Give each table a typed file without rows, so that it can be read before anything happened."""
    for name, table in TABLES.items():
        parquet.ensure_empty_file(file_of(home, name, "_empty"), table.columns, compression="zstd")


def file_of(home: Home, table: str, stem: str) -> Path:
    """The file of a table that a writer writes under that stem."""
    return home.quality / table / f"{path_value(stem)}.parquet"


def glob(home: Home, table: str) -> str:
    """What to hand to DuckDB's ``read_parquet`` for the whole table."""
    return f"{escape(str(home.quality / table))}/*.parquet"


def files(home: Home, table: str) -> list[Path]:
    """All files of a table, whole or not, in order; the one without rows among them."""
    return sorted((home.quality / table).glob("*.parquet"))


def damaged_files(home: Home, table: str, *, is_deep: bool = False) -> list[Path]:
    """Files of a table that cannot be read, in order."""
    return parquet.damaged(files(home, table), table.replace("_", " "), is_deep=is_deep)


def readable_rows(home: Home, table: str, *, is_deep: bool = False) -> str:
    """What to select from for the whole table in DuckDB: a damaged file is left out, where :func:`glob` would fail.

    Args:
        is_deep: find damage by reading every value, not by the ends of files alone.
    """
    damaged = damaged_files(home, table, is_deep=is_deep)
    if not damaged:
        return f"read_parquet({sql_text(glob(home, table))}, hive_partitioning = false)"
    names = ", ".join(sql_text(file) for file in files(home, table) if file not in damaged)
    if not names:
        return f"({no_rows_sql(TABLES[table].columns)})"
    return f"read_parquet([{names}], hive_partitioning = false)"


def written_before(home: Home, older_than: datetime) -> list[Path]:
    """Files of gate results and quarantined rows, and Data Docs sites, last written before a time.

    Outcomes of loads stay: the marts' completeness is counted from them.
    """
    tables = (GATE_RESULTS, QUARANTINED_ROWS)
    files = [file for table in tables for file in (home.quality / table).glob("*.parquet") if file.stem != "_empty"]
    found = [*files, *(home.quality / "data_docs").glob("[!_]*")]  # _static serves all sites
    return sorted(path for path in found if path.stat().st_mtime < older_than.timestamp())


def _write(home: Home, table: str, content: pa.Table, stem: str) -> Path:
    final = file_of(home, table, stem)
    parquet.write(final, content, compression="zstd")
    return final
