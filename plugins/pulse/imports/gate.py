"""The gate for business results: one file judged as a whole, as gate 1 does with loads.

Two tables per file in a private DuckDB file, so that Great Expectations can open it read-only afterwards: ``rows`` with
one boolean per row rule, ``numbers`` with one number per file rule. Its answers are held against our own counts by the
judge of all gates (:mod:`pulse.gates.judge`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pulse.config.settings import Settings
from pulse.core import parquet
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.table import select_list
from pulse.core.text import printable
from pulse.gates import judge
from pulse.gates.judge import Result
from pulse.gates.rules import Finding, LoadRule
from pulse.gates.runner import Answer, Batch, Check
from pulse.imports import reading, store
from pulse.imports.contract import COLUMNS, CONTRACT_VERSION, FILE_COLUMNS, MEASURES
from pulse.imports.reading import GivenFile
from pulse.imports.rules import RESULT_FILE_RULES, RESULT_ROW_RULES

GATE = "gate_1"
_KEY = "date, platform, community, code, case when revenue is not null then currency end"
# What a line says, whatever way it is written in: 10.5 and 10.50 are one amount.
_COUNTS = ("visits", "leads", "sales")
_SAID = ", ".join([*(f"try_cast({name} as bigint)" for name in _COUNTS), "try_cast(revenue as decimal(18, 4))"])
_IS_REFUND = (
    "(coalesce(try_cast(revenue as decimal(18, 4)) < 0, false) or coalesce(try_cast(sales as bigint) < 0, false))"
)
# Names that spreadsheets give to a line of sums.
_NAME_OF_TOTAL = "^(grand )?(total|subtotal|sum|all|gesamt|gesamtsumme|summe|insgesamt|alle)([^a-z]|s?$)"
_DAYS_OF_A_TOTAL = 3


@dataclass(frozen=True)
class FileVerdict:
    """What the gate decided about one file.

    Attributes:
        rows_n: lines read, unreadable ones included. accepted_n: of them, those that may be imported.
        identical_n: lines that say the same as an accepted one, which stands for them. refunds_n: accepted refunds.
    """

    given: GivenFile
    rows_n: int
    accepted_n: int
    identical_n: int
    refunds_n: int
    results: tuple[Result, ...]

    @property
    def kept_out_n(self) -> int:
        """Lines that break a rule or cannot be read."""
        return self.rows_n - self.accepted_n - self.identical_n

    @property
    def stopped_by(self) -> tuple[Finding, ...]:
        """The rules that stop the file; empty if it may be imported."""
        return judge.stopped_by(self.results)


# ---- judging ---------------------------------------------------------------


def check(
    given: GivenFile, database: Path, *, home: Home, settings: Settings, run_id: str, checked_at: datetime
) -> FileVerdict:
    """Judge one file by making the database; it keeps what :func:`write_accepted` and :func:`write_kept_out` need.

    Raises:
        StorageError: the results cannot be written.
    """
    with duckdb.connect(str(database), config={"memory_limit": "1GB"}) as connection:
        connection.execute("set timezone = 'UTC'")
        faults = reading.read_into(connection, given)
        _judge_rows(connection)
        _count(connection, given, faults, home=home, settings=settings, checked_at=checked_at)
        numbers = _write_numbers(connection)
        failed = _failed_by_rule(connection)
        counted = connection.execute(
            "select rows_n + bad_lines_n, accepted_n - identical_n, identical_n, refunds_n, rows_n from facts"
        ).fetchone()
        places = _places(connection)
        connection.execute("checkpoint")
    lines_n, accepted_n, identical_n, refunds_n, rows_n = counted or (0, 0, 0, 0, 0)
    if faults:
        results = [judge.of_differences("file_is_as_agreed", faults)]
    else:
        answers = _answers(given, database, home=home, run_id=run_id, has_rows=rows_n > 0)
        results = _results(numbers, failed, rows_n, answers, places)
    judge.record(
        home, GATE, results, run_id=run_id, recorded_at=checked_at, load_id=given.load_id, entry_id=entry_id(given.name)
    )
    return FileVerdict(given, lines_n, accepted_n, identical_n, refunds_n, tuple(results))


def _judge_rows(connection: duckdb.DuckDBPyConnection) -> None:
    judged = ", ".join(f"coalesce({rule.predicate}, false) as {rule.name}" for rule in RESULT_ROW_RULES)
    connection.execute(
        f"""
        create or replace table rows as
        select
            *,
            {" and ".join(rule.name for rule in RESULT_ROW_RULES)} as is_accepted,
            is_accepted and place_n > 1 as is_repeat
        from (
            select *, {judged}
            from (
                select
                    *,
                    {_IS_REFUND} as is_refund,
                    count(distinct row({_SAID})) over (partition by {_KEY}, {_IS_REFUND}) as differing_n,
                    row_number() over (partition by {_KEY}, {_SAID} order by line_number) as place_n,
                    count(*) over (partition by {_KEY}, {_SAID}) - 1 as identical_lines_n
                from lines
            )
        )
        """
    )


def _count(
    connection: duckdb.DuckDBPyConnection,
    given: GivenFile,
    faults: Sequence[str],
    *,
    home: Home,
    settings: Settings,
    checked_at: datetime,
) -> None:
    """Make table ``facts``: one row of what file rules may name."""
    elsewhere = ", ".join(map(sql_text, store.readable_files(home)))
    connection.execute(
        f"create or replace table elsewhere as select * from read_parquet([{elsewhere}], "
        "hive_partitioning = false, union_by_name = true) where file_name <> $name",
        {"name": given.name},
    )
    is_same = " and ".join(
        ["told.result_date = cast(date as date)"]
        + [f"told.{name} is not distinct from rows.{name}" for name in ("platform", "community", "code")]
    )
    # Counts have no currency, so that two files that tell them are in each other's way whatever theirs is.
    both_tell = " or ".join(
        f"(told.{name} is not null and rows.{name} is not null"
        f"{' and told.currency = rows.currency' if name == 'revenue' else ''})"
        for name in MEASURES
    )
    # A refund is in nobody's way but that of refunds: those of a day may come in a file of their own.
    told_again = (
        f"{is_same} and ({both_tell}) and rows.is_refund "
        "= (coalesce(told.revenue < 0, false) or coalesce(told.sales < 0, false))"
    )
    connection.execute(
        f"""
        create or replace table told_again as
        select rows.line_number, min(told.file_name) as file_name
        from rows
        inner join elsewhere as told on {told_again}
        where rows.is_accepted
        group by rows.line_number
        """
    )
    _find_totals(connection)
    connection.execute(
        """
        create or replace table facts as
        select
            $faults_n as faults_n,
            (select count(*) from bad_lines) as bad_lines_n,
            (select count(*) from told_again) as told_elsewhere_n,
            (select count(*) from totals) as totals_n,
            count(*) as rows_n,
            count(*) filter (where is_accepted) as accepted_n,
            count(*) filter (
                where is_accepted and try_cast(date as date) >= cast($checked_at as date)
            ) as running_days_n,
            count(*) filter (where is_repeat) as identical_n,
            count(*) filter (where is_accepted and not is_repeat and is_refund) as refunds_n,
            count(*) filter (
                where is_accepted and community is not null
                    and not list_contains($listened_to, platform || '/' || community)
                    and not list_contains($listened_to, platform || '/*')
            ) as strangers_n
        from rows
        """,
        {
            "faults_n": len(faults),
            "checked_at": checked_at,
            "listened_to": [entry.entry_id for entry in settings.communities],
        },
    )


def _find_totals(connection: duckdb.DuckDBPyConnection) -> None:
    """Make table ``totals``: who is the sum of the others, and in which line that is first so.

    A line of sums tells the same measures as the lines that it sums up: of the day, of a community's codes on the day,
    or, at the end of a list, of the whole file. It must be the sum in everything that it tells, of two others or more
    that are not zero, on three days or more; under a name such as ``total`` one is enough.
    """
    cells = " union all ".join(
        f"select *, '{name}' as measure, {'currency' if name == 'revenue' else repr('')} as unit, "
        f"cast({name} as decimal(18, 4)) as value from sound where {name} is not null"
        for name in MEASURES
    )
    connection.execute(
        f"""
        create or replace table totals as
        with sound as (select * from rows where is_accepted and not is_repeat),
        cells as (
            select date, platform, community, code, measure, unit, sum(value) as value, min(line_number) as line_number
            from ({cells}) group by date, platform, community, code, measure, unit
        ),
        scoped as (
            select 'day' as scope, date as of_date, '' as of_community, * from cells
            union all
            select 'community', date, platform || '/' || community, * from cells where community is not null
            union all
            select 'file', '', '', * from cells
        ),
        compared as (
            select
                *,
                sum(value) over of_scope - value as others,
                count(*) filter (where value <> 0) over of_scope - cast(value <> 0 as integer) as others_n
            from scoped
            window of_scope as (partition by scope, of_date, of_community, measure, unit)
        )
        select platform, community, code, min(line_number) as line_number
        from compared
        where scope <> 'community' or code is null
        group by scope, platform, community, code
        having bool_and(value = others)
            and count(distinct date) filter (where others_n >= 2 and value <> 0) >= case
                when regexp_matches(lower(coalesce(code, community)), '{_NAME_OF_TOTAL}') then 1
                when scope = 'file' then null
                else {_DAYS_OF_A_TOTAL}
            end
        """
    )


def _places(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By file rule, where to look first: the line, and for lines that are kept out what is wrong with it."""
    places = {}
    broken = "".join(f" when not {rule.name} then '{rule.name}'" for rule in RESULT_ROW_RULES)
    first = connection.execute(
        f"""
        select line_number, case {broken} end from rows where not is_accepted
        union all select line_number, fault from bad_lines order by line_number limit 1
        """
    ).fetchone()
    if first is not None:
        reasons = {rule.name: f"{rule.name}. {rule.reason}" for rule in RESULT_ROW_RULES}
        places["quarantined_share"] = f"first line {first[0]}: {reasons.get(first[1], first[1])}"
    for rule, table, other in (
        ("no_line_is_the_total_of_others", "totals", "''"),
        ("told_by_one_file", "told_again", "', told by ' || file_name"),
    ):
        found = connection.execute(
            f"select 'first line ' || line_number || {other} from {table} order by line_number limit 1"
        ).fetchone()
        if found is not None:
            places[rule] = found[0]
    return places


def _write_numbers(connection: duckdb.DuckDBPyConnection) -> dict[str, float | None]:
    metrics = ", ".join(f"cast({rule.metric} as double) as {rule.name}" for rule in RESULT_FILE_RULES)
    connection.execute(f"create or replace table numbers as select {metrics} from facts")
    row = connection.execute("select * from numbers").fetchone()
    names = [rule.name for rule in RESULT_FILE_RULES]
    return dict(zip(names, row or (None,) * len(names), strict=True))


def _failed_by_rule(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = ", ".join(f"count(*) filter (where not {rule.name})" for rule in RESULT_ROW_RULES)
    row = connection.execute(f"select {counts} from rows").fetchone()
    return dict(zip((rule.name for rule in RESULT_ROW_RULES), row or (), strict=True))


def _answers(given: GivenFile, database: Path, *, home: Home, run_id: str, has_rows: bool) -> dict[str, Answer]:
    """What Great Expectations says; rows only if there are any, for it calls no rows a success."""
    batches = [Batch(f"{given.load_id}-file", "numbers", list(map(_check_number, RESULT_FILE_RULES)))]
    if has_rows:
        batches.append(Batch(f"{given.load_id}-rows", "rows", list(map(judge.check_booleans, RESULT_ROW_RULES))))
    return judge.ask(database, batches, home=home, docs=f"{run_id}-{given.load_id}")


def _check_number(rule: LoadRule) -> Check:
    # The maximum of one row: unlike checks of single values it fails on NULL, on NaN and on no row at all.
    return judge.check(rule, "ExpectColumnMaxToBeBetween", {"column": rule.name, "max_value": rule.maximum})


def _results(
    numbers: dict[str, float | None],
    failed: dict[str, int],
    rows_n: int,
    answers: dict[str, Answer],
    places: dict[str, str],
) -> list[Result]:
    results = []
    for rule in RESULT_FILE_RULES:
        value, limit, place = numbers[rule.name], _limit(rule), places.get(rule.name)
        doubt = judge.doubt_number(answers.get(rule.name), rule, value, limit)
        cause = f"; {printable(place, max_chars=400)}" if place else ""
        results.append(judge.of_number(rule, value, limit, doubt=doubt, rows_n=rows_n, cause=cause))
    if not rows_n:
        return results
    return results + [
        judge.of_rows(
            rule, failed[rule.name], rows_n, noun="lines",
            doubt=judge.doubt(answers.get(rule.name), failed_n=failed[rule.name]),
        )
        for rule in RESULT_ROW_RULES
    ]  # fmt: skip


def _limit(rule: LoadRule) -> float | None:
    """No limit here is one of a config's."""
    return float(rule.maximum) if isinstance(rule.maximum, int | float) else None


def entry_id(file_name: str) -> str:
    """How a file is named where configured communities have their entry."""
    return f"imports/{file_name}"


# ---- what comes of it --------------------------------------------------------


def write_accepted(verdict: FileVerdict, database: Path, target: Path) -> None:
    """Write the accepted lines of a file as raw keeps them; the file in raw is replaced whole.

    Raises:
        StorageError: disk full or not writable; what was there stays.
    """
    given = verdict.given
    columns = select_list(
        COLUMNS,
        {
            "result_date": "date",
            "currency": "case when revenue is not null then currency end",
            "file_name": sql_text(given.name),
            "load_id": sql_text(given.load_id),
            "contract_version": str(CONTRACT_VERSION),
        },
    )
    with duckdb.connect(str(database), read_only=True) as connection:
        parquet.write_query(
            connection,
            f"select {columns} from rows where is_accepted and not is_repeat order by line_number",
            target,
            facts={"file_name": given.name, "load_id": given.load_id},
        )


def write_kept_out(database: Path, target: Path) -> None:
    """Write what is kept out: every unreadable line and every line that breaks a rule, with its original text.

    Columns: ``line_number``, ``result_date`` (NULL where it cannot be read), ``broken`` (the rules, or what is wrong
    with an unreadable line), ``is_readable``, ``line`` (bytes; of a readable line the fields, with bars between them).
    """
    broken = ", ".join(f"case when not {rule.name} then '{rule.name}' end" for rule in RESULT_ROW_RULES)
    fields = ", ".join(f"coalesce({name}, '')" for name in FILE_COLUMNS)
    with duckdb.connect(str(database), read_only=True) as connection:
        parquet.write_query(
            connection,
            f"""
            select line_number, cast(null as date) as result_date, [fault] as broken, false as is_readable, line
            from bad_lines
            union all
            select line_number, try_cast(date as date), list_filter([{broken}], rule -> rule is not null), true,
                encode(concat_ws(' | ', {fields}))
            from rows where not is_accepted
            order by line_number
            """,
            target,
        )
