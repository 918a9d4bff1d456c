"""Compacted days: all communities' rows of one platform and UTC day in one file, in raw and in the scores of a model.

    raw/contributions/platform=reddit/community=all.communities/day=2026-10-05/compacted.parquet
                                                                              /contents.json

Settled days are compacted (:mod:`pulse.lake.compaction`), because reading many small files is most of what a build
takes. Coverage has few rows a day, and its small files hold as many days as the window of their load: it has a file a
month (``month=2026-10``). No community can have this folder, for ``path_value`` leaves no dot in a name.

The columns are those of the small files, so that whoever reads all files of a pattern reads both forms alike. Whoever
asks for one community or load has to ask by the columns ``community`` and ``load_id``, for no name of a folder or file
tells them here.

Beside the rows, ``contents.json`` says which loads brought how many rows of which community. Where the rows cannot be
read, it says what has to be made again, and what of it was made again since.

Whoever changes few rows takes them out first: they become the small files that they were.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from pulse.core import contract, memory_database, parquet
from pulse.core.errors import StorageError
from pulse.core.files import fsync_file, read_json, sql_text, write_json
from pulse.core.home import path_value
from pulse.core.strict import WILDCARD
from pulse.core.table import Column, no_rows_sql, select_list

FOLDER = "community=all.communities"
ROWS_FILE = "compacted.parquet"
CONTENTS_FILE = "contents.json"
_DAY, _MONTH = "day=", "month="


@dataclass(frozen=True)
class Record:
    """One of raw's records that have a row for each community and day.

    Attributes:
        name: its folder under raw.
        order_by: of the rows in a compacted file: by community first, so that those of one community lie together.
        small_order_by: of the rows in a small file.
    """

    name: str
    columns: tuple[Column, ...]
    order_by: str
    small_order_by: str


CONTRIBUTIONS = Record(
    "contributions",
    contract.COLUMNS,
    "community, contribution_id, observed_at, load_id",
    "created_at, contribution_id, observed_at",
)
COMMUNITIES = Record("communities", contract.COMMUNITY_COLUMNS, "community, observed_at, load_id", "observed_at")
COVERAGE = Record(
    "coverage",
    contract.COVERAGE_COLUMNS,
    "community, kind, looked_from nulls first, load_id",
    "community, day, kind, looked_from nulls first",
)
RECORDS = {record.name: record for record in (CONTRIBUTIONS, COMMUNITIES, COVERAGE)}


@dataclass(frozen=True, order=True)
class Held:
    """Rows in a compacted file that one load brought of one community; in coverage, of the community of its entry."""

    community: str
    load_id: str
    rows_n: int


@dataclass(frozen=True)
class Change:
    """Prepared file by where it belongs, and files that go."""

    puts: dict[Path, Path] = field(default_factory=dict)
    removes: tuple[Path, ...] = ()

    def and_also(self, puts: Mapping[Path, Path], removes: Iterable[Path] = ()) -> "Change":
        """This and more of it."""
        return Change({**self.puts, **puts}, (*self.removes, *removes))


# ---- where -------------------------------------------------------------------


def file_of(root: Path, platform: str, day: date) -> Path:
    """Where the compacted rows of a platform and day belong, whether or not they are there.

    Args:
        root: the folder of the record, or of a model's scores.
    """
    return root / f"platform={path_value(platform)}" / FOLDER / f"{_DAY}{day.isoformat()}" / ROWS_FILE


def coverage_file_of(root: Path, platform: str, day: date) -> Path:
    """The same for coverage, which has a file a month."""
    return root / f"platform={path_value(platform)}" / FOLDER / f"{_MONTH}{day:%Y-%m}" / ROWS_FILE


def state_of(file: Path) -> tuple[str, int, int]:
    """Tells one state of a file from another: it is only ever replaced whole."""
    facts = file.stat()
    return str(file), facts.st_ino, facts.st_mtime_ns


def is_compacted(file: Path) -> bool:
    """Whether a file of raw or of scores holds a compacted day."""
    return file.parent.parent.name == FOLDER


def day_of(file: Path) -> date | None:
    """The partition day of a file, from its folder; None where it has none."""
    name = file.parent.name
    with suppress(ValueError):
        return date.fromisoformat(name.removeprefix(_DAY)) if name.startswith(_DAY) else None
    return None


def files_of_platform(root: Path, platform: str) -> list[Path]:
    """The compacted files of a platform, in order; those of every platform for ``*``."""
    name = platform if platform == WILDCARD else path_value(platform)
    return sorted(root.glob(f"platform={name}/{FOLDER}/*/{ROWS_FILE}"))


# ---- what is in one -------------------------------------------------------------


def contents(file: Path, *, community: str | None = None) -> tuple[Held, ...] | None:
    """What a compacted file holds, or held before it was damaged and nobody brought again since, in order.

    Args:
        community: what it holds of that one only.

    Returns:
        Nothing where there is no such file; None where neither the file nor what stands beside it can be read.
    """
    beside = file.with_name(CONTENTS_FILE)
    try:
        facts = beside.stat()
    except FileNotFoundError:
        if not file.exists():
            return ()
    else:
        with suppress(StorageError, KeyError, TypeError, ValueError):
            by_community = _read_contents(beside, facts.st_ino, facts.st_mtime_ns)
            if community is not None:
                return by_community.get(community, ())
            return tuple(held for of_community in by_community.values() for held in of_community)
    try:
        with memory_database.cursor() as connection:
            found = _count(connection, RECORDS.get(_record_name(file)), file)
    except duckdb.Error:
        return None
    return tuple(held for held in found if community in (None, held.community))


# Many promotions in a row ask about the same few files.
@lru_cache(maxsize=128)
def _read_contents(beside: Path, *_version: int) -> dict[str, tuple[Held, ...]]:
    found: dict[str, list[Held]] = {}
    for community, load_id, rows_n in sorted(read_json(beside)["contents"]):
        found.setdefault(str(community), []).append(Held(str(community), str(load_id), int(rows_n)))
    return {community: tuple(held) for community, held in found.items()}


def is_damaged(file: Path, *, is_deep: bool = False) -> bool:
    """Whether there was such a file and its rows cannot be read.

    Args:
        is_deep: read all of it (:func:`pulse.core.parquet.fault_of`).
    """
    was_there = file.exists() or file.with_name(CONTENTS_FILE).exists()
    return was_there and parquet.fault_of(file, is_deep=is_deep) is not None


def _record_name(file: Path) -> str:
    return file.parents[3].name


def _count(connection: duckdb.DuckDBPyConnection, record: Record | None, file: Path) -> tuple[Held, ...]:
    community = "any_value(community)" if record is not COVERAGE else _entry_of_load_sql()
    by = "community, load_id" if record is not COVERAGE else "load_id"
    rows = connection.execute(
        f"select {community}, load_id, count(*) from read_parquet($file, hive_partitioning = false) group by {by}",
        {"file": str(file)},
    ).fetchall()
    return tuple(sorted(Held(*row) for row in rows))


def _entry_of_load_sql() -> str:
    """The community of the entry that a load of coverage is of.

    That of a wildcard says something of all its communities together on each of its days, and may say more of some.
    """
    return f"case when bool_or(community = '{WILDCARD}') then '{WILDCARD}' else any_value(community) end"


# ---- reading both forms ------------------------------------------------------------


def read_current(files_now: Callable[[], Sequence[Path]], read: Callable[[Sequence[Path]], Any]) -> Any:
    """Read files that another process may compact, or take out of a compacted day, meanwhile.

    What goes from one form to the other is there in the new form before it goes in the old. So rows may be met twice,
    and never not at all: where a file went away meanwhile, all is listed and read again.

    Args:
        files_now: lists them: small files first, compacted ones after.
        read: as :func:`pulse.core.parquet.read_what_can_be` wants it.
    """
    for _ in range(_MOST_READINGS - 1):
        files = files_now()
        found = parquet.read_what_can_be(files, read)
        if all(file.exists() for file in files):
            return found
    return parquet.read_what_can_be(files_now(), read)


_MOST_READINGS = 5


# ---- writing ---------------------------------------------------------------------


def stage_merged(
    connection: duckdb.DuckDBPyConnection,
    record: Record,
    files: Sequence[Path],
    target: Path,
    staging: Path,
    change: Change,
) -> Change:
    """Prepare a compacted day of the rows of small files, and of what is compacted already.

    Args:
        files: small files; those of an earlier contract get the columns that came since. Small files of coverage may
            hold several months, of which one is taken.
        target: where it belongs.
        change: what is prepared in ``staging`` so far.

    Raises:
        StorageError: not all rows came out.
    """
    given = [*files, *([target] if target.exists() else [])]
    parameters: dict[str, Any] = {"files": [str(file) for file in given]}
    condition = ""
    if record is COVERAGE:
        condition, parameters["month"] = " where strftime(day, '%Y-%m') = $month", target.parent.name[len(_MONTH) :]
    staged = _staged(staging, change)
    connection.execute(
        f"""
        copy (
            select {select_list(record.columns)}
            from ({no_rows_sql(record.columns)} union all by name select * from {_READER}{condition})
            order by {record.order_by}
        ) to {sql_text(staged)} (format parquet, compression zstd)
        """,
        parameters,
    )
    ((given_n,),) = connection.execute(f"select count(*) from {_READER}{condition}", parameters).fetchall()
    held = _count(connection, record, staged)
    kept_n = sum(one.rows_n for one in held)
    if given_n != kept_n:
        raise StorageError(
            f"file {target}", value=f"{kept_n} rows were written", limit=f"{given_n} rows in its small files",
            next_step="nothing was changed; run it again",
        )  # fmt: skip
    fsync_file(staged)
    return change.and_also({target: staged} | _stage_contents(held, target, staged))


_READER = "read_parquet($files, hive_partitioning = false, union_by_name = true)"


def stage_taken_out(
    connection: duckdb.DuckDBPyConnection,
    record: Record,
    file: Path,
    leaving: Collection[Held],
    staging: Path,
    change: Change,
) -> Change:
    """Prepare the small files that rows of a compacted day become again, and that day without them.

    Args:
        leaving: of what the file holds.
        change: what is prepared in ``staging`` so far.
    """
    if not leaving:
        return change
    connection.execute(
        "create or replace temp table taken as select * from read_parquet($file, hive_partitioning = false) "
        f"where list_contains($keys, {_key_sql(record)})",
        {"file": str(file), "keys": [_key(record, held) for held in leaving]},
    )
    for held in sorted(leaving):
        target = small_file(record, file, held)
        staged = _staged(staging, change)
        rows = f"select * from taken where {_key_sql(record)} = $key"
        before = change.puts.get(target, target)
        if record is COVERAGE and before.exists():  # other months of the load, taken out already
            rows += f" union all by name select * from read_parquet({sql_text(before)}, hive_partitioning = false)"
        connection.execute(
            f"copy (select * from ({rows}) order by {record.small_order_by}) "
            f"to {sql_text(staged)} (format parquet, compression zstd)",
            {"key": _key(record, held)},
        )
        fsync_file(staged)
        change = change.and_also({target: staged})
    connection.execute("drop table taken")
    return stage_without(connection, record, file, leaving, staging, change)


def stage_without(
    connection: duckdb.DuckDBPyConnection,
    record: Record,
    file: Path,
    leaving: Collection[Held],
    staging: Path,
    change: Change,
) -> Change:
    """Prepare a compacted file without some of what it holds."""
    rest = [held for held in contents(file) or () if held not in leaving]
    if not rest:
        return change.and_also({}, (file, file.with_name(CONTENTS_FILE)))
    staged = _staged(staging, change)
    connection.execute(
        "copy (select * from read_parquet($file, hive_partitioning = false) "
        f"where not list_contains($keys, {_key_sql(record)}) order by {record.order_by}) "
        f"to {sql_text(staged)} (format parquet, compression zstd)",
        {"file": str(file), "keys": [_key(record, held) for held in leaving]},
    )
    fsync_file(staged)
    return change.and_also({file: staged} | _stage_contents(rest, file, staged))


def stage_forgotten(file: Path, leaving: Collection[Held], staging: Path, change: Change) -> Change:
    """Prepare that a damaged file need not be made again for some of what it held; without anything left it goes."""
    rest = [held for held in contents(file) or () if held not in leaving]
    if not rest:
        return change.and_also({}, (file, file.with_name(CONTENTS_FILE)))
    return change.and_also(_stage_contents(rest, file, _staged(staging, change)))


def small_file(record: Record, file: Path, held: Held) -> Path:
    """The small file that some rows of a compacted file of raw would be."""
    day, platform = file.parent, file.parents[2]
    folder = platform / f"community={path_value(held.community)}"
    return (folder if record is COVERAGE else folder / day.name) / f"{held.load_id}.parquet"


def _staged(staging: Path, change: Change) -> Path:
    return staging / f"compacted-{len(change.puts):06d}.parquet"


def _stage_contents(held: Iterable[Held], target: Path, staged: Path) -> dict[Path, Path]:
    beside = staged.with_suffix(".json")
    write_json(beside, {"contents": [[one.community, one.load_id, one.rows_n] for one in sorted(held)]})
    return {target.with_name(CONTENTS_FILE): beside}


def _key(record: Record, held: Held) -> str:
    """Tells which rows are meant; in coverage all of a load, whichever communities they speak of."""
    return held.load_id if record is COVERAGE else f"{held.load_id}\x00{held.community}"


def _key_sql(record: Record) -> str:
    return "load_id" if record is COVERAGE else "load_id || chr(0) || community"
