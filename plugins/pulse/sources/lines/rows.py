"""Parsed records as Parquet: contract rows, and the records that give none; the same for files and for answers."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pulse.core import parquet
from pulse.core.files import sql_text
from pulse.core.strict import WILDCARD
from pulse.core.text import printable
from pulse.platforms.entry import CommunityEntry
from pulse.platforms.names import canonical_name
from pulse.sources.lines.reader import BadLine

# Grain: a line that gave no row, or all blank lines of a chunk together.
FAULT_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("line_number", pa.int64()),
        ("fault", pa.string()),
        ("detail", pa.string()),
        ("line", pa.binary()),
        ("community", pa.string()),
        ("day", pa.date32()),
        ("lines_n", pa.int64()),
    ]
)


# Between a scope and an account; neither can hold it.
_SEPARATOR = "\x00"


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    contract_select: str,
    file: Path,
    *,
    entries: Sequence[CommunityEntry],
) -> None:
    """Write what view ``parsed`` holds as contract columns and ``line_number``; flushed.

    Args:
        connection: one that keeps the order of rows: of one thread.
        contract_select: of the mapping's ``contract_select``, with ``account_role`` as the role.
        entries: who is listed as a bot or as the brand's team. A community that one of them names has that entry's
            accounts, any other the wildcard's.
    """
    role, values = account_role_sql(entries)
    with parquet.draft_of(file) as draft:
        connection.execute(
            f"copy (select {contract_select}, line_number from (select *, {role} as account_role from parsed)) "
            f"to {sql_text(draft)} (format parquet, compression 'zstd', compression_level 1)",
            values,
        )


def account_role_sql(entries: Sequence[CommunityEntry]) -> tuple[str, dict[str, Any]]:
    """Expression over ``community_name`` and ``author_name`` for the role of an account that is listed; its parameters.

    Args:
        entries: as for :func:`write_rows`.
    """
    listed = _listed_accounts(entries)
    if not listed:
        return "cast(null as varchar)", {}
    scope = f"case when list_contains($named, community_name) then community_name else '{WILDCARD}' end"
    # Unlike an outer join, this keeps the order of the rows.
    cases = " ".join(f"when account in (select unnest(${role})) then '{role}'" for role in listed)
    named = [entry.community for entry in entries if not entry.is_wildcard]
    role = f"(select case {cases} end from (select {scope} || chr(0) || author_name as account))"
    return role, {"named": named} | listed


def _listed_accounts(entries: Sequence[CommunityEntry]) -> dict[str, list[str]]:
    """Scope and account of all that are listed, by role; roles without any are left out. Who is both is a bot."""
    listed: dict[str, list[str]] = {"bot": [], "team": []}
    for entry in entries:
        bots = {canonical_name(entry.platform, name) for name in entry.bot_accounts}
        team = {canonical_name(entry.platform, name) for name in entry.team_accounts} - bots
        for role, names in (("bot", bots), ("team", team)):
            listed[role] += [f"{entry.community}{_SEPARATOR}{name}" for name in sorted(names)]
    return {role: accounts for role, accounts in listed.items() if accounts}


def write_days(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[date, int]:
    """Write table ``selected`` into a load's draft, one file per ``partition_day``, in order of creation.

    Args:
        folder: the draft, see :func:`pulse.lake.landing.draft`.

    Returns:
        Rows by day; days without rows are left out.
    """
    days = connection.execute("select partition_day, count(*) from selected group by all order by all").fetchall()
    for day, _ in days:
        connection.execute(
            "copy (select * exclude (partition_day) from selected where partition_day = $day "
            "order by created_at, contribution_id, observed_at, community) "
            f"to {sql_text(folder / 'rows' / f'day={day}.parquet')} (format parquet, compression zstd)",
            {"day": day},
        )
    return dict(days)


def fault_table(file: str, bad: Iterable[BadLine]) -> pa.Table:
    """Lines of ``file`` that gave no row, in order, as ``FAULT_SCHEMA``."""
    rows = [
        {
            "file": printable(file),
            "line_number": line.line_number,
            "fault": line.fault,
            "detail": line.detail,
            "line": line.line,
            "community": line.community,
            "day": day_of(line.created_s),
            "lines_n": line.lines_n,
        }
        for line in sorted(bad, key=lambda line: (line.line_number, line.fault))
    ]
    return pa.Table.from_pylist(rows, schema=FAULT_SCHEMA)


def write_faults(file: Path, table: pa.Table) -> None:
    """Write such a table; flushed."""
    parquet.write(file, table)


def day_of(created_s: float | None) -> date | None:
    """The UTC day of a time in seconds since 1970."""
    return None if created_s is None else datetime.fromtimestamp(created_s, tz=UTC).date()
