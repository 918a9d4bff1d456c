"""Who asked to be forgotten: a list of keyed hashes, and what every load is held against it for.

    raw/forgotten/platform=reddit/<author_key>.parquet

One file for each person, named by the pseudonym: it is under raw, so that a backup of raw carries it, and the names of
the files are the list, so that a damaged file forgets nobody. No clear name is here. The pseudonym is made under the
author key; whoever changes that key has to ask the persons anew.

A load is held against the list when it is sealed: the person's rows lose their content and their author and count as
removed by their author, and a line that could not be read loses its text if one of its words is the person's name or
account id. What files of records were parsed into (``landing/archives``) is held against it before gate 1. Promotion
asks again (:mod:`pulse.lake.erasure`), for loads that were sealed before the person asked.

What others wrote about the person is theirs, and stays.
"""

import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import keys, memory_database, parquet
from pulse.core.files import fsync_file, fsync_folder, sql_text, storage_error
from pulse.core.home import Home, path_value
from pulse.core.table import Column, Table
from pulse.lake.erased_rows import CONTENT, HOLDS_CONTENT, LINE
from pulse.platforms.names import author_key_sql

FORGOTTEN = Table(
    "forgotten",
    "Persons who asked to be forgotten: every load is held against this list.",
    "one row per platform and author_key.",
    (
        Column("platform", "VARCHAR", False, "Platform name, lower case."),
        Column("author_key", "VARCHAR", False, "Keyed hash of the person's name or account id, as in raw."),
        Column("request_id", "VARCHAR", False, "The latest request, as quality.erasures names it."),
        Column("asked_at", "TIMESTAMPTZ", False, "When the person's request was first carried out."),
    ),
)
_KEY = re.compile(r"[0-9a-f]{64}")
_ROW_COLUMNS = frozenset({"platform", "community", "contribution_id", "author_key", "removal", "text_sha256"})
_LINE_COLUMNS = frozenset({"line", "detail"})
# What may be a name or an id in a line: whatever stands in quotes, and whatever stands between separators.
_QUOTED = r'"((?:[^"\\]|\\.){1,200})"'
_BARE = r"[^\s\"'`,;:|<>()\[\]{}=\\]{1,200}"


@dataclass(frozen=True)
class Person:
    """Somebody who asked to be forgotten on a platform, by their pseudonym there."""

    platform: str
    author_key: str = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """What has to go: all of some persons, and the content or author of some contributions.

    Attributes:
        persons: whose rows and lines lose all.
        gone: Parquet files of tombstones that say so.
        more: tombstones that are in no file yet.
    """

    persons: tuple[Person, ...] = ()
    gone: tuple[Path, ...] = ()
    more: pa.Table | None = None

    @property
    def keys(self) -> list[str]:
        """The pseudonyms; each is of one platform."""
        return [person.author_key for person in self.persons]

    def __bool__(self) -> bool:
        return bool(self.persons or self.gone or self.more)


@dataclass(frozen=True)
class Found:
    """Files below a folder that hold something that has to go, and how much.

    Attributes:
        rows: contract rows by file. lines: lines kept for quarantine by file.
        unreadable: Parquet files, or drafts of them, in which nobody can look.
    """

    rows: dict[Path, int] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    unreadable: tuple[Path, ...] = ()


# ---- the list ------------------------------------------------------------------


def everybody(home: Home) -> tuple[Person, ...]:
    """All who are on the list, in order."""
    folder = home.raw / "forgotten"
    if not folder.is_dir():
        return ()
    found = []
    for of_platform in sorted(folder.glob("platform=*")):
        platform = of_platform.name.removeprefix("platform=")  # names of platforms stand for themselves in a path
        found += [
            Person(platform, file.stem)
            for file in sorted(of_platform.glob("*.parquet"))
            if _KEY.fullmatch(file.stem) is not None
        ]
    return tuple(found)


def put_on_list(home: Home, person: Person, *, asked_at: datetime) -> str:
    """Put somebody on the list, where they may be already; returns the request's id, a new one each time.

    Raises:
        StorageError: disk full or not writable.
    """
    file = _file_of(home, person)
    request_id = secrets.token_hex(8)
    first_asked_at = asked_at
    with suppress(OSError, pa.ArrowException, IndexError):
        first_asked_at = pq.ParquetFile(file).read(["asked_at"])["asked_at"].to_pylist()[0]
    row = {
        "platform": person.platform, "author_key": person.author_key, "request_id": request_id,
        "asked_at": first_asked_at,
    }  # fmt: skip
    parquet.write(file, pa.Table.from_pylist([row], schema=FORGOTTEN.arrow_schema), compression="zstd")
    return request_id


def _file_of(home: Home, person: Person) -> Path:
    return home.raw / "forgotten" / f"platform={path_value(person.platform)}" / f"{person.author_key}.parquet"


# ---- files outside raw -----------------------------------------------------------


def hold(home: Home, folders: Iterable[Path]) -> int:
    """Hold all files below some folders against the list; returns how many lost something.

    Costs the look into one folder as long as nobody asked to be forgotten.

    Raises:
        StorageError: a file cannot be written.
    """
    persons = everybody(home)
    return erase(home, find(home, folders, Wanted(persons)), Wanted(persons)) if persons else 0


def find(home: Home, folders: Iterable[Path], wanted: Wanted) -> Found:
    """Look for what has to go, in every Parquet file below some folders; drafts are looked into too.

    A file is known by its columns: contract rows, whatever stands beside them, or lines with what is wrong with them.
    """
    found = Found()
    with memory_database.workbench(home.scratch / "erasure") as connection:
        prepare(connection, wanted)
        rows, lines, unreadable = _by_kind(folders)
        for many in _in_lots(rows):
            found.rows.update(_count(connection, many, _is_wanted_row()))
        if wanted.persons:
            for many in _in_lots(lines):
                found.lines.update(_count(connection, many, _is_wanted_line(keys.author_key_bytes(home), wanted)))
    return replace(found, unreadable=unreadable)


def erase(home: Home, found: Found, wanted: Wanted) -> int:
    """Take out what was found; rows, lines, their order and columns stay. Each file is replaced in one step.

    A file that went away meanwhile is left alone. Returns how many files were written.

    Raises:
        StorageError: a file cannot be written.
    """
    if not found.rows and not found.lines:
        return 0
    key = keys.author_key_bytes(home)
    done_n = 0
    with memory_database.workbench(home.scratch / "erasure") as connection:
        prepare(connection, wanted)
        for file in found.rows:
            done_n += _replace(connection, file, erased_row_sql)
        for file in found.lines:
            done_n += _replace(connection, file, lambda rows: _erased_line_sql(rows, key, wanted))
    return done_n


def contributions_of(home: Home, files: Sequence[Path], wanted: Wanted) -> set[tuple[str, str, str]]:
    """Platform, community and id of what the persons wrote, as far as some files of rows say who did."""
    ids: set[tuple[str, str, str]] = set()
    with memory_database.workbench(home.scratch / "erasure") as connection:
        prepare(connection, wanted)
        for many in _in_lots(files):
            ids.update(
                connection.execute(
                    "select distinct platform, community, contribution_id "
                    "from read_parquet($files, hive_partitioning = false, union_by_name = true) "
                    "where author_key in (select author_key from persons)",
                    {"files": [str(file) for file in many]},
                ).fetchall()
            )
    return ids


def erased_row_sql(rows_sql: str) -> str:
    """Rows without what tables ``persons`` and ``gone`` of the connection say must go: same rows, order and columns.

    Args:
        rows_sql: a relation with ``file_row_number``.
    """
    of_person = "given.author_key in (select author_key from persons)"
    is_content_gone = f"({of_person} or coalesce(given.observed_at <= gone.content_gone_at, false))"
    erased = ", ".join(
        f"case when {is_content_gone} then {nothing} else given.{name} end as {name}"
        for name, nothing in CONTENT.items()
    )
    return f"""
        select given.* exclude (file_row_number) replace (
            {erased},
            case when {is_content_gone} and given.removal = 'none'
                then case when {of_person} then 'by_author' else coalesce(gone.removal, 'none') end
                else given.removal end as removal,
            case when {of_person} or given.observed_at <= gone.author_gone_at then null else given.author_key end
                as author_key
        )
        from {rows_sql} as given
        left join gone using (platform, community, contribution_id)
        order by given.file_row_number
    """


def _is_wanted_row() -> str:
    """Whether a row still holds something that has to go; over a relation ``given`` joined with ``gone``.

    The body is looked at too: files of records are parsed into rows that have no hash yet.
    """
    return f"""
        given.author_key in (select author_key from persons)
        or (given.observed_at <= gone.content_gone_at
            and ({HOLDS_CONTENT} or body is not null or (gone.removal is not null and given.removal = 'none')))
        or (given.observed_at <= gone.author_gone_at and given.author_key is not null)
    """


def _is_wanted_line(key: bytes, wanted: Wanted) -> str:
    """Whether one of the words of a line is one of the persons' names or ids. It holds key material: never logged."""
    text = "coalesce(try(decode(given.line)), cast(given.line as varchar))"
    quoted, bare = sql_text(_QUOTED), sql_text(_BARE)
    words = (
        f"list_distinct(list_concat(list_transform(regexp_extract_all({text}, {quoted}, 1), lambda word: "
        """coalesce(try(json_extract_string('"' || word || '"', '$')), word)), """
        f"regexp_extract_all({text}, {bare})))"
    )
    platforms = sorted({person.platform for person in wanted.persons})
    of_platforms = " or ".join(
        f"len(list_intersect(list_transform({words}, lambda word: {author_key_sql(key, platform, 'word')}), "
        "(select list(author_key) from persons))) > 0"
        for platform in platforms
    )
    return f"octet_length(given.line) > 0 and ({of_platforms or 'false'})"


def _erased_line_sql(rows_sql: str, key: bytes, wanted: Wanted) -> str:
    is_wanted = _is_wanted_line(key, wanted)
    erased = ", ".join(
        f"case when {is_wanted} then {nothing} else given.{name} end as {name}" for name, nothing in LINE.items()
    )
    return (
        f"select given.* exclude (file_row_number) replace ({erased}) from {rows_sql} as given "
        "order by given.file_row_number"
    )


def _by_kind(folders: Iterable[Path]) -> tuple[list[Path], list[Path], tuple[Path, ...]]:
    """Files below folders by what they hold: contract rows, lines; and those in which nobody can look."""
    rows: list[Path] = []
    lines: list[Path] = []
    unreadable: list[Path] = []
    for file in _parquet_files(folders):
        try:
            names = set(pq.read_schema(file).names)
        except FileNotFoundError:  # whoever runs meanwhile took it away
            continue
        except (OSError, pa.ArrowException):
            unreadable.append(file)
            continue
        if names >= _ROW_COLUMNS:
            rows.append(file)
        elif names >= _LINE_COLUMNS:
            lines.append(file)
    return rows, lines, tuple(unreadable)


def _parquet_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Parquet files and drafts of them, hidden ones too, in order."""
    for folder in folders:
        for place, folders_in, names in os.walk(folder):
            folders_in.sort()
            for name in sorted(names):
                if ".parquet" in name:
                    yield Path(place, name)


_LOT_FILES = 500


def _in_lots(files: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(files), _LOT_FILES):
        yield files[start : start + _LOT_FILES]


def _count(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], condition: str) -> dict[Path, int]:
    """How many rows of each file meet a condition; files without any are left out."""
    joined = "left join gone using (platform, community, contribution_id)" if "gone." in condition else ""
    sql = f"""
        select given.filename, count(*)
        from read_parquet($files, hive_partitioning = false, union_by_name = true, filename = true) as given {joined}
        where {condition} group by all order by all
    """

    def count(readable: Sequence[Path]) -> dict[Path, int]:
        if not readable:
            return {}
        try:
            rows = connection.execute(sql, {"files": [str(file) for file in readable]}).fetchall()
        except duckdb.IOException:
            raise
        except duckdb.Error as error:  # its text may hold the statement, and that holds key material
            raise duckdb.IOException(f"{type(error).__name__} while looking at {len(readable)} files") from None
        return {Path(name): count_n for name, count_n in rows}

    return parquet.read_what_can_be([file for file in files if file.exists()], count)


def _replace(connection: duckdb.DuckDBPyConnection, file: Path, erased: Callable[[str], str]) -> int:
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    rows = f"read_parquet({sql_text(file)}, hive_partitioning = false, file_row_number = true)"
    try:
        connection.execute(f"copy ({erased(rows)}) to {sql_text(draft)} (format parquet, compression zstd)")
        fsync_file(draft)
        draft.replace(file)
        fsync_folder(file.parent)
    except (OSError, duckdb.IOException) as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if not file.exists():
            return 0
        raise storage_error(file, OSError(str(getattr(error, "strerror", "") or type(error).__name__))) from None
    return 1


def prepare(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Make tables ``persons`` and ``gone`` of what has to go."""
    create_persons(connection, wanted.keys)
    connection.execute(
        "create temp table gone (platform varchar, community varchar, contribution_id varchar, "
        "content_gone_at timestamptz, author_gone_at timestamptz, removal varchar)"
    )
    files = [str(file) for file in wanted.gone if file.exists()]
    if files:
        connection.execute(
            "insert into gone by name select platform, community, contribution_id, "
            "max(content_gone_at) as content_gone_at, max(author_gone_at) as author_gone_at, max(removal) as removal "
            "from read_parquet($files, hive_partitioning = false) group by all",
            {"files": files},
        )
    if wanted.more is not None:
        connection.register("more_gone", wanted.more)
        connection.execute("insert into gone by name from more_gone")
        connection.unregister("more_gone")


def create_persons(connection: duckdb.DuckDBPyConnection, author_keys: Collection[str]) -> None:
    """Make table ``persons`` of some pseudonyms."""
    connection.execute("create or replace temp table persons (author_key varchar)")
    connection.execute("insert into persons select unnest($keys)", {"keys": sorted(author_keys)})
