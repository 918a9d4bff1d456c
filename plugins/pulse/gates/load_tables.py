"""What gate 1 looks at: a load's rows judged by every row rule in one scan, and the load's numbers in one row.

Two tables per load in a private DuckDB file:

- ``rows_N``: one row per contribution: where it lies, one boolean per row rule, and ``is_accepted``.
- ``numbers_N``: one row, one number per load rule.

Two more over all loads, which Great Expectations opens read-only afterwards: ``loads_judged``, one row per load and one
boolean per load rule, and ``rows_judged``, one row per contribution and one boolean per row rule.

Predicates may name as ``facts`` what is known of the load beforehand: manifest, platform, limits, time, and what was
counted of its other records.

No text leaves the load: only booleans and numbers are kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pulse.core.contract import COLUMNS, COMMUNITY_COLUMNS, COVERAGE_COLUMNS
from pulse.core.files import sql_text
from pulse.core.strict import WILDCARD
from pulse.core.table import Column, no_rows_sql
from pulse.core.window import Window
from pulse.gates.row_columns import row_columns
from pulse.gates.rules import (
    COMMUNITY_OBSERVATION_IS_PLAUSIBLE,
    COMMUNITY_OBSERVATION_IS_THE_LOADS,
    COVERAGE_IS_THE_LOADS,
    LOAD_RULES,
    ROW_RULES,
    LoadRule,
    RowRule,
)
from pulse.gates.volume import VolumeBands
from pulse.lake.landing import Load, LoadManifest, unproven_days
from pulse.platforms.registry import platform_named

LOADS_JUDGED, ROWS_JUDGED = "loads_judged", "rows_judged"
# A live source's answers may hold no more than some ten records: so few unplaced ones are no sign of damage.
_FEWEST_UNPLACED_LIVE = 3
# Type and value by name.
Facts = dict[str, tuple[str, Any]]
_FACT = re.compile(r"\bfacts\.(\w+)")
_PARTITION_DAY = "cast(regexp_extract(filename, 'day=([0-9-]{10})\\.parquet$', 1) as date)"
# What load rules may name besides the rules' own columns.
_KEPT_COLUMNS = (
    "community", "contribution_id", "observed_at", "created_at", "author_key", "author_role", "text_sha256", "removal",
    "score", "length(body) as body_chars", "is_permalink_strayed", "is_chat", "is_scored",
)  # fmt: skip


@dataclass(frozen=True)
class LoadTables:
    """The tables of one load.

    Attributes:
        schema_differences: how files differ from the contract, in words; the other tables are empty of rows then.
        rows_n: rows read.
        accepted_n: rows that every applicable row rule holds for.
        failed_by_rule: rows against each row rule.
        numbers: value by load rule; None where it could not be computed.
    """

    rows_table: str
    numbers_table: str
    schema_differences: tuple[str, ...]
    rows_n: int
    accepted_n: int
    failed_by_rule: dict[str, int]
    numbers: dict[str, float | None]


def build(
    connection: duckdb.DuckDBPyConnection,
    load: Load,
    *,
    number: int,
    max_quarantined_share: float,
    bands: VolumeBands,
    waived: frozenset[str],
    checked_at: datetime,
) -> LoadTables:
    """Make the tables of one load.

    Args:
        number: tells the tables of one load from those of another in the same file.
        waived: rules that do not decide about acceptance; they are computed all the same.
    """
    files = [str(file) for file in load.rows_files().values()]
    communities = [str(load.community_file)] if load.community_file.exists() else []
    looked = [str(load.coverage_file)] if load.coverage_file.exists() else []
    differences = tuple(
        difference
        for of_record, columns in ((files, COLUMNS), (communities, COMMUNITY_COLUMNS), (looked, COVERAGE_COLUMNS))
        for file in of_record
        for difference in _schema_differences(connection, file, columns)
    )
    readable = [] if differences else files
    rows, numbers = f"rows_{number}", f"numbers_{number}"
    unproven_n = 0 if differences else len(unproven_days(load))
    facts = _facts(load, bands, len(differences), unproven_n, max_quarantined_share, checked_at)
    facts |= _community_observation_counts(connection, facts, [] if differences else communities)
    facts |= _coverage_counts(connection, facts, [] if differences else looked)
    _judge_rows(connection, load.manifest, facts, rows, readable, waived)
    values = _write_numbers(connection, facts, rows, numbers)
    counted = connection.execute(
        f"select count(*), count(*) filter (where is_accepted), "
        f"{', '.join(f'count(*) filter (where not {rule.name})' for rule in ROW_RULES)} from {rows}"
    ).fetchone()
    rows_n, accepted_n, *failed = counted or (0, 0, *(0 for _ in ROW_RULES))
    return LoadTables(
        rows, numbers, differences, rows_n, accepted_n,
        {rule.name: count for rule, count in zip(ROW_RULES, failed, strict=True)}, values,
    )  # fmt: skip


def create_judged(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables over all loads, without rows."""
    of_loads, of_rows = (rule.name for rule in LOAD_RULES), (rule.name for rule in ROW_RULES)
    for table, rules in ((LOADS_JUDGED, of_loads), (ROWS_JUDGED, of_rows)):
        columns = ", ".join(f"{rule} BOOLEAN not null" for rule in rules)
        connection.execute(f"create table {table} (load_id VARCHAR not null, {columns})")


def add_judged(
    connection: duckdb.DuckDBPyConnection, load_id: str, tables: LoadTables, limits: Mapping[str, float | None]
) -> None:
    """Add one load to the tables over all loads.

    Args:
        limits: the largest value of each load rule, for this load; None for none.
    """
    within = ", ".join(_is_within_sql(rule, limits[rule.name]) for rule in LOAD_RULES)
    connection.execute(f"insert into {LOADS_JUDGED} select $id, {within} from {tables.numbers_table}", {"id": load_id})
    judged = ", ".join(rule.name for rule in ROW_RULES)
    connection.execute(f"insert into {ROWS_JUDGED} select $id, {judged} from {tables.rows_table}", {"id": load_id})


def _is_within_sql(rule: LoadRule, maximum: float | None) -> str:
    """Whether a number lies within its limits; one that is NULL or no number does not."""
    conditions = [f"not isnan({rule.name})"]
    conditions += [] if rule.minimum is None else [f"{rule.name} >= {rule.minimum!r}"]
    conditions += [] if maximum is None else [f"{rule.name} <= {maximum!r}"]
    return f"coalesce({' and '.join(conditions)}, false)"


def schema_difference(found: Sequence[tuple[str, str]], file: str, columns: Sequence[Column] = COLUMNS) -> list[str]:
    """How the columns of a file (name, DuckDB type; in order) differ from the contract's, in words."""
    expected = [(column.name, _type_name(column.duckdb_type)) for column in columns]
    if list(found) == expected:
        return []
    name = Path(file).name
    types = dict(found)
    differences = [f"{name}: column {column} is missing" for column, _ in expected if column not in types]
    differences += [
        f"{name}: column {column} is {types[column]} instead of {kind}"
        for column, kind in expected
        if column in types and types[column] != kind
    ]
    known = {column for column, _ in expected}
    differences += [f"{name}: column {column} is not in the contract" for column, _ in found if column not in known]
    return differences or [f"{name}: columns are in another order"]


def _schema_differences(connection: duckdb.DuckDBPyConnection, file: str, columns: Sequence[Column]) -> list[str]:
    described = connection.execute(
        "select column_name, column_type from (describe select * from read_parquet(?, hive_partitioning = false))",
        [file],
    ).fetchall()
    return schema_difference(described, file, columns)


def _type_name(duckdb_type: str) -> str:
    return duckdb_type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")


def _asked(connection: duckdb.DuckDBPyConnection, sql: str, facts: Facts) -> duckdb.DuckDBPyConnection:
    """Run SQL that names facts. They are parameters of it: to plan joins with them takes longer than to scan a day."""
    needed = set(_FACT.findall(sql))
    given = _FACT.sub(lambda fact: f"cast(${fact[1]} as {facts[fact[1]][0]})", sql)
    return connection.execute(given, {name: facts[name][1] for name in needed})


def _facts(
    load: Load,
    bands: VolumeBands,
    schema_differences_n: int,
    unproven_days_n: int,
    max_quarantined_share: float,
    checked_at: datetime,
) -> Facts:
    manifest = load.manifest
    platform = platform_named(manifest.platform)
    return {
        "platform": ("VARCHAR", manifest.platform),
        "community": ("VARCHAR", manifest.community),
        "is_wildcard": ("BOOLEAN", manifest.community == WILDCARD),
        "named_elsewhere": ("VARCHAR[]", list(manifest.named_elsewhere)),
        "kinds_n": ("BIGINT", len(platform.kinds)),
        "opened_at": ("TIMESTAMPTZ", Window.one_day(platform.opened_on).start_at),
        "longest_title_chars": ("BIGINT", platform.longest_title_chars),
        "longest_body_chars": ("BIGINT", platform.longest_body_chars),
        "least_score": ("BIGINT", platform.least_score),
        "is_score_observed": ("BOOLEAN", _is_observed("score", manifest)),
        "is_author_observed": ("BOOLEAN", _is_observed("author_key", manifest)),
        "is_text_observed": ("BOOLEAN", _is_observed("body", manifest)),
        "source": ("VARCHAR", manifest.source),
        "load_id": ("VARCHAR", manifest.load_id),
        "is_replayable": ("BOOLEAN", manifest.is_replayable),
        "is_relay": ("BOOLEAN", manifest.is_relay),
        "first_day": ("DATE", manifest.first_day),
        "last_day": ("DATE", manifest.last_day),
        "end_at": ("TIMESTAMPTZ", manifest.window.end_at),
        "checked_at": ("TIMESTAMPTZ", checked_at),
        "max_quarantined_share": ("DOUBLE", max_quarantined_share),
        "schema_differences_n": ("BIGINT", schema_differences_n),
        "manifest_rows_n": ("BIGINT", manifest.rows_n),
        "manifest_community_observations_n": ("BIGINT", manifest.community_observations_n),
        "bad_lines_n": ("BIGINT", manifest.bad_lines_n),
        "unproven_days_n": ("BIGINT", unproven_days_n),
        "is_never_seen": ("BOOLEAN", manifest.is_never_seen),
        "days_n": ("BIGINT", manifest.window.days_n),
        # Loads that were sealed before there was coverage say in another way what they listed.
        "manifest_coverage_rows_n": ("BIGINT", manifest.coverage_rows_n or 0),
        "has_coverage": ("BOOLEAN", manifest.coverage_rows_n is not None),
        "unaccounted_lines_n": ("BIGINT", unaccounted_lines(manifest)),
        "unplaced_lines_share": ("DOUBLE", unplaced_share(manifest)),
        "unknown_keys_n": ("BIGINT", len(manifest.unknown_keys)),
        "days_banded_n": ("BIGINT", bands.banded_n),
        "days_below_band_n": ("BIGINT", len(bands.below)),
        "days_above_band_n": ("BIGINT", len(bands.above)),
    }


def _is_observed(column: str, manifest: LoadManifest) -> bool:
    """Whether the source can see it; loads from before sources said so have what every source saw then."""
    return manifest.observes is None or column in manifest.observes


def unaccounted_lines(manifest: LoadManifest) -> int:
    """Lines of the load's files of which nobody knows what became; 0 for a load without accounts."""
    files = manifest.files
    if not files:
        return 0
    return (
        sum(account.unaccounted_n for account in files)
        + abs(sum(account.landed_n for account in files) - manifest.rows_n)
        + abs(sum(account.quarantined_n for account in files) - manifest.bad_lines_n)
    )


def unplaced_share(manifest: LoadManifest) -> float:
    """The largest share of lines that tell no community or no day, among the load's files."""
    fewest_n = 1 if manifest.is_replayable else _FEWEST_UNPLACED_LIVE
    shares = [account.unplaced_share for account in manifest.files if account.unplaced_n >= fewest_n]
    return max(shares, default=0.0)


def _community_observation_counts(connection: duckdb.DuckDBPyConnection, facts: Facts, files: list[str]) -> Facts:
    """How many observations of communities there are, and how many of them break what."""
    names = (
        "community_observations_n", "repeated_community_observations_n", "stray_community_observations_n",
        "implausible_community_observations_n",
    )  # fmt: skip
    return _counts(
        connection, facts, files, names,
        f"""
        count(*),
        count(*) - count(distinct (platform, community, observed_at)),
        count(*) filter (where not coalesce({COMMUNITY_OBSERVATION_IS_THE_LOADS}, false)),
        count(*) filter (where not coalesce({COMMUNITY_OBSERVATION_IS_PLAUSIBLE}, false))
        """,
    )  # fmt: skip


def _coverage_counts(connection: duckdb.DuckDBPyConnection, facts: Facts, files: list[str]) -> Facts:
    """How many rows say what was looked at, how many of them cannot be, and how many are missing."""
    names = ("coverage_rows_n", "stray_coverage_rows_n", "repeated_coverage_rows_n", "days_and_kinds_n")
    counts = _counts(
        connection, facts, files, names,
        f"""
        count(*),
        count(*) filter (where not coalesce({COVERAGE_IS_THE_LOADS}, false)),
        count(*) - count(distinct (community, day, kind, looked_from)),
        count(distinct (day, kind)) filter (where community = facts.community)
        """,
    )  # fmt: skip
    has_coverage, wanted_n = facts["has_coverage"][1], facts["kinds_n"][1] * facts["days_n"][1]
    missing_n = wanted_n - counts["days_and_kinds_n"][1] if has_coverage else 0
    return counts | {"missing_coverage_rows_n": ("BIGINT", missing_n)}


def _counts(
    connection: duckdb.DuckDBPyConnection, facts: Facts, files: list[str], names: Sequence[str], select: str
) -> Facts:
    """Counts over the rows of the first file; 0 each where there is no file."""
    found = (0,) * len(names)
    if files:
        source = f"read_parquet({sql_text(files[0])}, hive_partitioning = false)"
        found = _asked(connection, f"select {select} from {source}", facts).fetchall()[0]
    return {name: ("BIGINT", count) for name, count in zip(names, found, strict=True)}


def _judge_rows(
    connection: duckdb.DuckDBPyConnection,
    manifest: LoadManifest,
    facts: Facts,
    table: str,
    files: list[str],
    waived: frozenset[str],
) -> None:
    """One scan: a boolean per rule, NULL counted as broken."""
    source = (
        f"read_parquet([{', '.join(sql_text(file) for file in files)}], hive_partitioning = false, filename = true, "
        "file_row_number = true)"
        if files
        else f"({_no_rows()})"
    )
    derived = {"partition_day": _PARTITION_DAY} | row_columns(
        platform_named(manifest.platform), manifest.observes, counts_settle_after_s=manifest.counts_settle_after_s
    )
    given = ", ".join(f"{sql} as {name}" for name, sql in derived.items())
    judged = ", ".join(f"coalesce({rule.predicate}, false) as {rule.name}" for rule in ROW_RULES)
    accepted = " and ".join(rule.name for rule in deciding_rules(waived)) or "true"
    _asked(
        connection,
        f"""
        create or replace table {table} as
        select *, {accepted} as is_accepted
        from (
            select partition_day, file_row_number, {", ".join(_KEPT_COLUMNS)}, {judged}
            from (select *, {given} from {_with_contradictions(connection, source)})
        )
        """,
        facts,
    )


def _with_contradictions(connection: duckdb.DuckDBPyConnection, source: str) -> str:
    """The rows and ``has_two_creation_times``: whether another row of the same id tells another time.

    In a wildcard's load, all rows of a community count as such where more than half of them are.
    """
    clashing = (
        f"select platform, community, contribution_id from {source} "
        "group by all having min(created_at) + interval 1 second <= max(created_at)"
    )
    if connection.execute(f"select exists ({clashing})").fetchone() == (False,):
        return f"(select *, false as has_two_creation_times from {source})"
    return f"""
        (
            with
            marked as (
                select given.*, clashing.contribution_id is not null as is_clashing
                from {source} as given left join ({clashing}) as clashing using (platform, community, contribution_id)
            ),
            spoilt as (
                select platform, community from marked where facts.is_wildcard
                group by all having 2 * count(*) filter (where is_clashing) > count(*)
            )
            select marked.* exclude (is_clashing),
                is_clashing or spoilt.community is not null as has_two_creation_times
            from marked left join spoilt using (platform, community)
        )
    """


def write_rejected(
    connection: duckdb.DuckDBPyConnection, tables: LoadTables, waived: frozenset[str], file: Path
) -> None:
    """Write where the rows lie that are kept out, and which rules each broke; no file if there are none.

    Columns: ``partition_day``, ``file_row_number``, ``community``, ``contribution_id``, ``broken_rules`` (a list).
    """
    if tables.accepted_n == tables.rows_n:
        return
    broken = ", ".join(f"case when not {rule.name} then '{rule.name}' end" for rule in deciding_rules(waived))
    connection.execute(
        f"""
        copy (
            select partition_day, file_row_number, community, contribution_id,
                list_filter([{broken}], rule -> rule is not null) as broken_rules
            from {tables.rows_table} where not is_accepted
            order by partition_day, file_row_number
        ) to {sql_text(file)} (format parquet)
        """
    )


def deciding_rules(waived: frozenset[str]) -> list[RowRule]:
    """The row rules that decide about a row: the critical ones that nobody waived."""
    return [rule for rule in ROW_RULES if rule.severity == "critical" and rule.name not in waived]


def _no_rows() -> str:
    return f"select *, '' as filename, cast(0 as bigint) as file_row_number from ({no_rows_sql(COLUMNS)})"


def _write_numbers(
    connection: duckdb.DuckDBPyConnection, facts: Facts, rows: str, table: str
) -> dict[str, float | None]:
    """One row of numbers, also over no rows; what needs a grouping of its own is counted beside the scan."""
    names = ("read_rows_n", "top_author_rows_n", "top_chat_author_rows_n", "top_moment_rows_n", "longest_texts_n")
    counted = connection.execute(
        f"""
        select
            (select count(*) from {rows}),
            coalesce((select max(rows_n) from (
                select count(*) as rows_n from {rows}
                where author_key is not null and author_role <> 'bot' and not is_chat group by author_key
            )), 0),
            coalesce((select max(rows_n) from (
                select count(*) as rows_n from {rows}
                where author_key is not null and author_role <> 'bot' and is_chat group by author_key
            )), 0),
            coalesce((select max(rows_n) from (
                select count(*) as rows_n from {rows} group by created_at
            )), 0),
            (
                select count(distinct text_sha256) from {rows}
                where body_chars = (select max(body_chars) from {rows})
            )
        """
    ).fetchall()
    known = facts | {name: ("BIGINT", count) for name, count in zip(names, counted[0], strict=True)}
    metrics = ", ".join(f"cast({rule.metric} as double) as {rule.name}" for rule in LOAD_RULES)
    _asked(connection, f"create or replace table {table} as select {metrics} from {rows} as checked", known)
    row = connection.execute(f"select * from {table}").fetchone()
    return dict(zip((rule.name for rule in LOAD_RULES), row or (None,) * len(LOAD_RULES), strict=True))
