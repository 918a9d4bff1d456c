"""Reading one file of business results: line by line, within bounds, whatever is in it.

A file is copied aside first, so that what is judged, kept and stored is one content even if somebody writes to it
meanwhile. A line is a record: text fields hold no line breaks, so that a lost quote spoils its own line and no other.

Spreadsheets of all countries are understood where there is but one way to: the separator is the one that makes `date`
a column, names may be in capitals, amounts may have a decimal comma (:mod:`amounts`).
"""

import contextlib
import csv
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from pulse.core.files import storage_error
from pulse.core.text import printable
from pulse.imports import amounts
from pulse.imports.amounts import Amounts
from pulse.imports.contract import CONTRACT_VERSION, FILE_COLUMNS, MEASURES
from pulse.platforms.names import canonical_name
from pulse.platforms.registry import platform_named

MAX_FILE_BYTES = 32 * 2**20
MAX_LINE_BYTES = 8 * 2**10
MAX_NAME_BYTES = 200
_CHUNK_BYTES = 2**20
_BATCH_LINES = 10_000
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(rb'"?sep=([,;\t|])"?')
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_LINES = pa.schema([("line_number", pa.int64()), *((name, pa.string()) for name in FILE_COLUMNS)])
_BAD_LINES = pa.schema([("line_number", pa.int64()), ("fault", pa.string()), ("line", pa.binary())])


@dataclass(frozen=True)
class GivenFile:
    """A file as it was found.

    Attributes:
        name: its own name, printable; the true one where nothing in it had to be made visible.
        copy: what was read of it, kept aside; None where it could not be read as a file of results at all.
        load_id: tells this content from any other, of this or another file.
        faults: why it cannot be read as a file of results, in words; empty if it can.
    """

    name: str
    copy: Path | None
    load_id: str
    faults: tuple[str, ...] = ()


def take(path: Path, copy: Path) -> GivenFile:
    """Copy a file aside and name its content; follows no links and waits for no pipe.

    Raises:
        StorageError: the copy cannot be written.
    """
    name = printable(path.name, max_chars=MAX_NAME_BYTES)
    if name != path.name or len(os.fsencode(path.name)) > MAX_NAME_BYTES:
        return _unreadable(name, path, f"its name has control characters or more than {MAX_NAME_BYTES} bytes")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return _unreadable(name, path, f"cannot be opened: {error.strerror}")
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_FILE_BYTES:
        os.close(descriptor)
        is_large = stat.S_ISREG(facts.st_mode)
        fault = f"has {facts.st_size} bytes (limit: {MAX_FILE_BYTES})" if is_large else "is no file"
        return _unreadable(name, path, fault)
    with os.fdopen(descriptor, "rb") as file:
        return _copied(name, path, file, copy)


def _copied(name: str, path: Path, file: BinaryIO, copy: Path) -> GivenFile:
    # The version of the contract too: what is understood otherwise is imported again.
    digest, bytes_n = hashlib.sha256(f"{CONTRACT_VERSION}\x00{name}\x00".encode()), 0
    try:
        with copy.open("wb") as target:
            while chunk := file.read(_CHUNK_BYTES):
                bytes_n += len(chunk)
                if bytes_n > MAX_FILE_BYTES:
                    return _unreadable(name, path, f"grows beyond {MAX_FILE_BYTES} bytes while it is read")
                digest.update(chunk)
                target.write(chunk)
    except OSError as error:
        raise storage_error(copy, error) from error
    return GivenFile(name, copy, f"business_results-{digest.hexdigest()[:24]}")


def _unreadable(name: str, path: Path, fault: str) -> GivenFile:
    """A file that was not read: named by what can be seen of it from outside."""
    try:
        facts = path.lstat()
        seen = f"{facts.st_size} {facts.st_mtime_ns}"
    except OSError:
        seen = "gone"
    digest = hashlib.sha256(f"{name}\x00{seen}\x00{fault}".encode("utf-8", "surrogatepass"))
    return GivenFile(name, None, f"business_results-{digest.hexdigest()[:24]}", (fault,))


# ---- lines -----------------------------------------------------------------


def read_into(connection: duckdb.DuckDBPyConnection, given: GivenFile) -> tuple[str, ...]:
    """Fill the tables ``lines`` (one row per readable line, all text, empty fields NULL) and ``bad_lines``.

    Returns:
        How the header differs from the contract, in words; the tables are empty of rows then.
    """
    connection.register("no_lines", _LINES.empty_table())
    connection.register("no_bad_lines", _BAD_LINES.empty_table())
    connection.execute("create or replace table lines as select * from no_lines")
    connection.execute("create or replace table bad_lines as select * from no_bad_lines")
    if given.copy is None:
        return given.faults
    form, faults = _form(given.copy)
    if not faults:
        _insert(connection, given.copy, form)
    return faults


@dataclass(frozen=True)
class _Form:
    """How a file is written: what separates fields, the columns in its order, the line of the header, its amounts."""

    delimiter: str
    columns: tuple[str, ...]
    header_line: int
    amounts: Amounts


def _form(copy: Path) -> tuple[_Form, tuple[str, ...]]:
    """The form, and how the header differs from the contract, in words."""
    lines = _numbered_lines(copy)
    number, line = next(lines, (1, b""))
    separator = _SEPARATOR_LINE.fullmatch(line.removeprefix(_BOM))
    if separator is not None:
        number, line = next(lines, (2, b""))
    delimiter, columns, faults = _header(line, separator[1].decode("ascii") if separator else None)
    form = _Form(delimiter, columns, number, Amounts(None))
    if not faults and "revenue" in columns:
        form = replace(form, amounts=Amounts.of(_revenues(lines, form)))
    return form, faults


def _revenues(lines: Iterator[tuple[int, bytes]], form: _Form) -> Iterator[str]:
    place = form.columns.index("revenue")
    for _, line in lines:
        with contextlib.suppress(ValueError):
            fields = _fields(line, form.delimiter)
            if len(fields) == len(form.columns):
                yield fields[place]


def _numbered_lines(copy: Path) -> Iterator[tuple[int, bytes]]:
    """Lines without their ends, from 1; a line that is too long comes cut, one byte over the limit.

    Lines end in LF or CR LF; where there is no LF at all, in CR.
    """
    number = 0
    with copy.open("rb") as file:
        if _has_cr_alone(file):
            for number, line in enumerate(file.read(MAX_FILE_BYTES + 1).removesuffix(b"\r").split(b"\r"), start=1):
                yield number, line[: MAX_LINE_BYTES + 1]
            return
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            is_whole = line.endswith(b"\n") or len(line) <= MAX_LINE_BYTES
            yield number, line.rstrip(b"\r\n") if is_whole else line
            while not is_whole and (rest := file.readline(_CHUNK_BYTES)):
                is_whole = rest.endswith(b"\n")


def _has_cr_alone(file: BinaryIO) -> bool:
    has_cr = False
    while chunk := file.read(_CHUNK_BYTES):
        if b"\n" in chunk:
            has_cr = False
            break
        has_cr = has_cr or b"\r" in chunk
    file.seek(0)
    return has_cr


def _header(line: bytes, delimiter: str | None) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The separator, the names of the columns, and what is wrong with them."""
    encoding = _OTHER_ENCODINGS.get(line[:2])
    if encoding:
        return ",", (), (f"it is {encoding}; save it as UTF-8",)
    header = line.removeprefix(_BOM)
    by_delimiter: dict[str, tuple[str, ...]] = {}
    unreadable = ""
    for each in (delimiter,) if delimiter else _DELIMITERS:
        try:
            by_delimiter[each] = tuple(name.strip(" \u00a0").lower() for name in _fields(header, each))
        except ValueError as error:  # quotes that close where another one separates
            unreadable = unreadable or f"its first line cannot be read: {error}"
    # Only the true one leaves `date` alone between two others.
    found = next((each for each, names in by_delimiter.items() if "date" in names), None)
    if found is None and unreadable:
        return ",", (), (unreadable,)
    found = found or next(iter(by_delimiter))
    return found, by_delimiter[found], tuple(_header_faults(by_delimiter[found]))


def _header_faults(names: Sequence[str]) -> Iterator[str]:
    yield from (f"column {_quoted(name)} stands twice" for name in dict.fromkeys(names) if names.count(name) > 1)
    yield from (f"column {_quoted(name)} is not in the contract" for name in names if name not in FILE_COLUMNS)
    if "date" not in names:
        yield "column date is missing"
    if ("platform" in names) != ("community" in names):
        yield "columns platform and community go together"
    if "community" not in names and "code" not in names:
        yield "columns platform and community, or code, are missing"
    if not set(names) & set(MEASURES):
        yield f"none of the columns {', '.join(MEASURES)} is there"
    if "revenue" in names and "currency" not in names:
        yield "column currency is missing beside revenue"


def _quoted(name: str) -> str:
    return f"'{printable(name, max_chars=40)}'"


def _fields(line: bytes, delimiter: str) -> list[str]:
    """The fields of one line.

    Raises:
        ValueError: why it has none.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        return next(csv.reader([line.decode("utf-8")], delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from error
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from error


def _insert(connection: duckdb.DuckDBPyConnection, copy: Path, form: _Form) -> None:
    rows: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for number, line in islice(_numbered_lines(copy), form.header_line, None):
        try:
            cells = _cells(line, form)
        except ValueError as error:
            bad.append({"line_number": number, "fault": str(error), "line": line})
        else:
            rows += [{"line_number": number} | cells] if cells else []
        if len(rows) + len(bad) >= _BATCH_LINES:
            _flush(connection, rows, bad)
    _flush(connection, rows, bad)


def _cells(line: bytes, form: _Form) -> dict[str, str | None]:
    """Texts by column, NULL for an empty one, brought to the contract's way of writing; nothing for an empty line.

    Raises:
        ValueError: why the line cannot be read.
    """
    fields = [field.strip(" \u00a0") for field in _fields(line, form.delimiter)]
    if not any(fields):
        return {}  # spreadsheets leave lines of nothing, or of commas alone
    if len(fields) != len(form.columns):
        raise ValueError(f"{len(fields)} fields where the header has {len(form.columns)}")
    found = {name: value or None for name, value in zip(form.columns, fields, strict=True)}
    for name in ("visits", "leads", "sales"):
        if text := found.get(name):
            found[name] = amounts.count(text)
    if text := found.get("revenue"):
        found["revenue"] = form.amounts.amount(text, found.get("currency"))
    if text := found.get("date"):
        found["date"] = amounts.day(text)
    if platform := found.get("platform"):
        platform = found["platform"] = platform.lower()
        if community := found.get("community"):
            found["community"] = _community(platform, community)
    return found


def _community(platform: str, name: str) -> str:
    """A community as its platform compares it, without what people write before it there."""
    prefix = platform_named(platform).community_prefix_pattern
    return canonical_name(platform, re.sub(prefix, "", name, flags=re.IGNORECASE) if prefix else name)


def _flush(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], bad: list[dict[str, Any]]) -> None:
    for table, schema, batch in (("lines", _LINES, rows), ("bad_lines", _BAD_LINES, bad)):
        if batch:
            connection.register("batch", pa.Table.from_pylist(batch, schema=schema))
            connection.execute(f"insert into {table} select * from batch")
            connection.unregister("batch")
            batch.clear()
