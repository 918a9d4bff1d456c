"""Reading a CSV file that anybody made: whole, by a dialect that can be stated, or not at all.

Two passes. The first (:func:`examine`) decodes every byte, finds the dialect and counts the records by itself; the
second (:func:`batches`) parses with the standard library's reader. Whoever writes rows compares both counts.

What is guessed is little. The delimiter is the one that makes the asked column a cell of the first line; without a
header it is the only one that gives all of the first records the same number of fields. The quote is ``"``, doubled
within quotes, unless it is switched off. Line ends are those of the first record. Whatever fits only half is refused:
fields too many or too few, quotes that do not close, line ends of two kinds, NUL bytes. No message and no column name
holds a cell of a file, except where the caller has named that cell itself.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

import pyarrow as pa

from pulse.core.errors import QueryError

MAX_RECORD_CHARS = 16_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
_LINE_ENDS = {"\n": "LF", "\r\n": "CR LF", "\r": "CR"}
# Stands for "no delimiter": a noncharacter, which no text may hold. A file that holds it nevertheless is refused.
_NO_DELIMITER = "\ufdd0"
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip or a spreadsheet", b"BZh": "bzip2",
               b"\xfd7zXZ": "xz", b"\x04\x22\x4d\x18": "lz4"}  # fmt: skip
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.DOTALL)
_LOOK_RECORDS = 1_000
_CHUNK = 2**20
_BATCH_CELLS = 100_000
_BATCH_CHARS = 4_000_000
# cp1252 leaves these five undefined. Letters and signs of Western texts are few among ASCII; other alphabets are not.
_UNDEFINED_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"
_MAX_HIGH_SHARE, _MAX_HIGH_RUN = 0.1, 2
_ASCII = bytes(range(0x80))


@dataclass(frozen=True)
class Dialect:
    """How a file is read.

    Attributes:
        delimiter: between fields; empty where a record is one field, commas and all.
        quote: around fields; empty where quotes are text like any other.
        has_bom: whether the file begins with a byte order mark.
        is_encoding_guessed: cp1252, told from nothing but the absence of anything against it.
        separator_line: whether the first line is a spreadsheet's ``sep=``, which is no row.
        line_end: of the first record, and so of all; empty in a file of one record without an end.
    """

    encoding: str
    has_bom: bool
    is_encoding_guessed: bool
    delimiter: str
    quote: str
    has_header: bool
    separator_line: bool
    line_end: str

    def __str__(self) -> str:
        bom = " with byte order mark" if self.has_bom else ""
        guess = " (guessed: it is not UTF-8; --encoding names another)" if self.is_encoding_guessed else ""
        between = f"fields separated by {_delimiter_name(self.delimiter)}" if self.delimiter else "one field a record"
        parts = [
            f"encoding {_encoding_name(self.encoding)}{bom}{guess}",
            between,
            f"quote {self.quote}" if self.quote else "no quotes",
            f"header in line {2 if self.separator_line else 1}" if self.has_header else "no header",
        ]
        if self.line_end:
            parts.append(f"lines end in {_LINE_ENDS[self.line_end]}")
        if self.separator_line:
            parts.append("line 1 is sep=")
        return ", ".join(parts)


_WRITTEN = Dialect(
    encoding="utf-8", has_bom=False, is_encoding_guessed=False, delimiter=",", quote='"', has_header=True,
    separator_line=False, line_end="\n",
)  # fmt: skip


@dataclass(frozen=True)
class Examined:
    """A CSV file after the first pass.

    Attributes:
        names: of its columns, unique whatever the case of letters: made up for a nameless one and without a header,
            numbered for a repeated one.
        text_column: name of the column that holds the texts.
        rows_n: records that are rows, counted without the parser that reads them.
        blank_lines_n: lines without anything that are no rows.
    """

    file: Path
    dialect: Dialect
    names: tuple[str, ...]
    text_column: str
    rows_n: int
    blank_lines_n: int

    def described(self) -> str:
        """The dialect and the size in one line for a terminal."""
        blank = f", {self.blank_lines_n} blank lines passed over" if self.blank_lines_n else ""
        return f"CSV, {self.dialect}; {len(self.names)} columns, {self.rows_n} rows{blank}"


def examine(
    file: Path,
    *,
    text_column: str | None,
    has_header: bool = True,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str = '"',
) -> Examined:
    """Find the dialect, or hold the file to the one that is named, and count the rows.

    Args:
        text_column: the cell of the first line above the texts; without a header the number of the column, from 1.
            None means ``text``, or the only column.
        delimiter: None to find it.
        quote: ``none`` where quotes are text.

    Raises:
        QueryError: it cannot be read whole; names the line and what to do.
    """
    start = first_bytes(file)
    codec, bom_bytes, is_guessed = _encoding(file, start, encoding)
    mark = "" if quote == "none" else quote
    draft = Dialect(codec, bom_bytes > 0, is_guessed, delimiter or "", mark, has_header, False, "")
    separator = _SEPARATOR_LINE.fullmatch(_first_line(file, draft))
    if separator is not None:
        draft = replace(draft, separator_line=True, delimiter=delimiter or separator[1])
    is_given = delimiter is not None or separator is not None
    if has_header:
        dialect, names, text_at = _by_header(file, draft, text_column or "text", is_given=is_given)
    else:
        dialect, names, text_at = _without_header(file, draft, text_column, is_given=is_given)
    dialect = replace(dialect, line_end=_first_end(file, dialect))
    records_n, blank_n = _count_records(file, dialect, is_one_column=len(names) == 1)
    return Examined(file, dialect, names, names[text_at], records_n - has_header, blank_n)


def batches(examined: Examined) -> Iterator[pa.RecordBatch]:
    """The rows in order, every cell a text; an empty one is NULL. Memory is bounded by the batch.

    Raises:
        QueryError: a record has fields too many or too few, or cannot be read; names the line.
    """
    schema = schema_of(examined)
    rows: list[list[str]] = []
    chars_n = 0
    most_rows = max(1, _BATCH_CELLS // len(examined.names))
    with _records_of(examined.file, examined.dialect) as records:
        records_iterator = iter(records)
        if examined.dialect.has_header:
            next(records_iterator, None)
        for record in _whole_records(records_iterator, records, len(examined.names)):
            rows.append(record)
            chars_n += sum(map(len, record))
            if len(rows) >= most_rows or chars_n >= _BATCH_CHARS:
                yield _batch(rows, schema)
                rows, chars_n = [], 0
    if rows:
        yield _batch(rows, schema)


def schema_of(examined: Examined) -> pa.Schema:
    """The columns of :func:`batches`."""
    return pa.schema([(name, pa.string()) for name in examined.names])


# How DuckDB writes CSV. A cell may be twice as long as it was read, with its quotes doubled, and get an apostrophe.
_WRITTEN_CHARS = 3 * MAX_RECORD_CHARS


def count_written(file: Path) -> int:
    """Records of a CSV file of ours, header included, counted without a parser."""
    return _count_records(file, _WRITTEN, is_one_column=False, max_chars=_WRITTEN_CHARS)[0]


def written_records(file: Path) -> Iterator[list[str]]:
    """The rows of a CSV file of ours."""
    with _records_of(file, _WRITTEN, max_chars=_WRITTEN_CHARS) as records:
        yield from islice(iter(records), 1, None)


def require_utf8(file: Path, start: bytes) -> None:
    """Refuse a file of lines that is not UTF-8, or begins with a byte order mark.

    Raises:
        QueryError: names the line.
    """
    mark = next((_encoding_name(codec) for bom, codec in _BOMS if start.startswith(bom)), None)
    if mark is not None:
        raise QueryError(
            f"file {file}", value=f"begins with the byte order mark of {mark}",
            next_step="save it as UTF-8 without a byte order mark",
        )  # fmt: skip
    fault = _first_fault(file, "utf-8", 0)
    if fault is not None:
        raise QueryError(
            f"file {file}", value=f"line {fault[0]} {fault[1]}, read as UTF-8", next_step="save it as UTF-8"
        )


# ---- bytes -----------------------------------------------------------------


def first_bytes(file: Path) -> bytes:
    """How a file begins.

    Raises:
        QueryError: it is not there, no regular file, empty, or compressed.
    """
    try:
        if not file.is_file():
            value = "not there" if not file.exists() else "a folder" if file.is_dir() else "a pipe or a device"
            raise QueryError(f"file {file}", value=value, next_step="name a regular file")
        with file.open("rb") as opened:
            start = opened.read(_CHUNK)
    except (OSError, ValueError) as error:
        raise _cannot_open(file, error) from error
    if not start:
        raise QueryError(f"file {file}", value="empty", next_step="export it again")
    for magic, kind in _COMPRESSED.items():
        if start.startswith(magic):
            raise QueryError(f"file {file}", value=f"compressed ({kind})", next_step="unpack or export it first")
    return start


def _cannot_open(file: Path, error: OSError | ValueError) -> QueryError:
    reason = getattr(error, "strerror", None) or "its name cannot be a file's"
    return QueryError(f"file {file}", value=f"cannot be opened: {reason}", next_step="mend its name or permissions")


def _encoding(file: Path, start: bytes, wanted: str | None) -> tuple[str, int, bool]:
    """The codec, the length of the byte order mark, and whether the codec is a guess; every byte has been decoded."""
    if wanted is not None and wanted not in ENCODINGS:
        raise QueryError(
            "encoding", value=wanted, limit=", ".join(ENCODINGS), next_step="choose one, or convert the file to UTF-8"
        )
    if start.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise QueryError(f"file {file}", value="encoding UTF-32", next_step="save it as UTF-8")
    by_mark, mark = next(((codec, mark) for mark, codec in _BOMS if start.startswith(mark)), (None, b""))
    if wanted == "utf-16" and by_mark in (None, "utf-8"):
        raise QueryError(
            f"file {file}", value="encoding UTF-16, but no byte order mark says which",
            next_step="say --encoding utf-16-le or utf-16-be",
        )  # fmt: skip
    if by_mark is not None and wanted not in (None, by_mark, "utf-16"):
        raise QueryError(
            f"file {file}", value=f"begins with the byte order mark of {_encoding_name(by_mark)}",
            limit=f"--encoding {wanted}", next_step="leave --encoding out",
        )  # fmt: skip
    codec = by_mark or wanted or "utf-8"
    fault = _first_fault(file, codec, len(mark))
    if fault is None:
        return codec, len(mark), False
    line, reason = fault
    if by_mark is None and wanted is None and reason is not _NUL and _may_be_cp1252(file):
        return "cp1252", 0, True
    if reason is _NUL:
        next_step = "if it is UTF-16 say --encoding utf-16-le; else remove the NUL bytes"
    elif wanted is not None:
        next_step = "say the --encoding that it was written in, or leave it out"
    elif by_mark is not None:
        next_step = "save it again as UTF-8: a part of it is damaged or of another encoding"
    else:
        next_step = "say --encoding cp1252 if a Western Windows program wrote it, else save it as UTF-8"
    raise QueryError(
        f"file {file}", value=f"line {line} {reason}, read as {_encoding_name(codec)}", next_step=next_step
    )


_NUL = "has a NUL byte"


def _first_fault(file: Path, codec: str, skip: int) -> tuple[int, str] | None:
    """The first line that is no text in this encoding, and why; None if all of it is."""
    decoder = codecs.getincrementaldecoder(codec)(errors="strict")
    line_n, ends_in_cr = 1, False
    try:
        with file.open("rb") as opened:
            opened.seek(skip)
            while True:
                chunk = opened.read(_CHUNK)
                try:
                    text = decoder.decode(chunk, final=not chunk)
                    reason = None
                except UnicodeDecodeError as error:
                    text = error.object[: error.start].decode(codec, "ignore")
                    reason = "has bytes that are no text"
                before_nul, nul, _ = text.partition("\x00")
                lines_n, ends_in_cr = _line_ends(before_nul, ends_in_cr)
                line_n += lines_n
                if nul or reason:
                    return line_n, _NUL if nul else str(reason)
                if not chunk:
                    return None
    except OSError as error:
        raise _cannot_open(file, error) from error


def _line_ends(text: str, follows_cr: bool) -> tuple[int, bool]:
    """Line ends in a piece of text, a CR LF that spans two pieces being one; and whether it ends in CR."""
    if not text:
        return 0, follows_cr
    count = text.count("\n") + text.count("\r") - text.count("\r\n") - (follows_cr and text[0] == "\n")
    return count, text[-1] == "\r"


def _may_be_cp1252(file: Path) -> bool:
    """Whether nothing speaks against cp1252: Western text is mostly ASCII, its other letters stand alone or in twos."""
    bytes_n = high_n = 0
    run = re.compile(rb"[\x80-\xff]{%d,}" % (_MAX_HIGH_RUN + 1))
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                if run.search(chunk) or any(byte in chunk for byte in _UNDEFINED_IN_CP1252):
                    return False
                bytes_n += len(chunk)
                high_n += len(chunk.translate(None, _ASCII))
    except OSError as error:
        raise _cannot_open(file, error) from error
    return high_n <= _MAX_HIGH_SHARE * bytes_n


# ---- lines and records -----------------------------------------------------


def _open(file: Path, dialect: Dialect) -> TextIO:
    opened = file.open("r", encoding=dialect.encoding, errors="strict", newline="")
    if dialect.has_bom:
        opened.read(1)
    return opened


class _Lines:
    """The lines of a file with their ends, each bounded; knows the number and the end of the last one."""

    def __init__(self, opened: TextIO, file: Path, max_chars: int | None = None) -> None:
        self._opened, self._file, self._max_chars = opened, file, max_chars or MAX_RECORD_CHARS
        self.number, self.end = 0, ""
        self.since_record_chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._opened.readline(self._max_chars + 1)
        except UnicodeError as error:
            raise QueryError(
                f"file {self._file}", value="changed while it was read", next_step="run it again"
            ) from error
        if not line:
            raise StopIteration
        self.number += 1
        self.end = "\r\n" if line.endswith("\r\n") else line[-1] if line[-1] in "\r\n" else ""
        self.since_record_chars += len(line)
        if self.since_record_chars > self._max_chars:
            raise QueryError(
                f"file {self._file}", value=f"line {self.number} or the record that goes on there is too long",
                limit=f"{self._max_chars} characters",
                next_step="a quote may not be closed; say --quote none if quotes are text",
            )  # fmt: skip
        return line


class _Records:
    """Records as the standard library parses them; each must end as the first line did."""

    def __init__(self, opened: TextIO, file: Path, dialect: Dialect, max_chars: int | None) -> None:
        self.file, self.dialect = file, dialect
        self.lines = _Lines(opened, file, max_chars)
        self.starts_in_line = 1
        self._opened = opened

    def __enter__(self) -> "_Records":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def __iter__(self) -> Iterator[list[str]]:
        delimiter = self.dialect.delimiter or _NO_DELIMITER
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self.dialect.quote else csv.QUOTE_NONE
        quote = self.dialect.quote or None
        csv.field_size_limit(max(csv.field_size_limit(), _WRITTEN_CHARS))
        try:
            reader = csv.reader(
                self.lines, delimiter=delimiter, quotechar=quote, quoting=quoting, doublequote=True, strict=True
            )
            while True:
                self.starts_in_line = self.lines.number + 1
                self.lines.since_record_chars = 0
                try:
                    record = next(reader)
                except StopIteration:
                    return
                wanted = self.dialect.line_end
                if wanted and self.lines.end not in ("", wanted):
                    raise self.refused(
                        f"line {self.lines.number} ends in {_LINE_ENDS[self.lines.end]}, the first record in "
                        f"{_LINE_ENDS[wanted]}",
                        "give all lines one end, and quote the texts that hold another",
                    )
                yield record
        except csv.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: csv.Error) -> QueryError:
        what = "opens a quote that is never closed" if "end of data" in str(error) else "goes on after a closing quote"
        return self.refused(
            f"the record in line {self.starts_in_line} {what}", "mend the quotes, or say --quote none if they are text"
        )

    def refused(self, value: str, next_step: str) -> QueryError:
        return QueryError(f"file {self.file}", value=value, next_step=next_step)


def _records_of(file: Path, dialect: Dialect, max_chars: int | None = None) -> _Records:
    try:
        records = _Records(_open(file, dialect), file, dialect, max_chars)
    except OSError as error:
        raise _cannot_open(file, error) from error
    if dialect.separator_line:
        next(records.lines, None)
    return records


def _whole_records(iterator: Iterator[list[str]], records: _Records, columns_n: int) -> Iterator[list[str]]:
    """Records that are rows. A blank line is a row only of a file of one column, and not at the end."""
    blank_n = 0
    for record in iterator:
        if not record:
            blank_n += columns_n == 1
            continue
        for _ in range(blank_n):
            yield [""]
        blank_n = 0
        if len(record) != columns_n:
            raise records.refused(
                f"the record in line {records.starts_in_line} has {_fields(len(record))}, the first {columns_n}",
                "mend the line: a text that holds the delimiter must be quoted; --delimiter names another one",
            )
        yield record


def _batch(rows: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    # Like DuckDB's own reader: a cell without anything is NULL, for nobody wrote a text there.
    columns = [pa.array([cell or None for cell in column], pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


# ---- the dialect -----------------------------------------------------------


def _first_line(file: Path, draft: Dialect) -> str:
    try:
        with _open(file, draft) as opened:
            lines = _Lines(opened, file)
            return next(lines, "").removesuffix(lines.end)
    except OSError as error:
        raise _cannot_open(file, error) from error


def _first_end(file: Path, dialect: Dialect) -> str:
    """How the first record ends, which may be lines below its begin."""
    with _records_of(file, dialect) as records:
        next(iter(records), None)
        return records.lines.end


def _look(file: Path, dialect: Dialect, count: int) -> list[list[str]] | None:
    """The first records under a dialect; None where they cannot be read so."""
    try:
        with _records_of(file, dialect) as records:
            return list(islice(iter(records), count))
    except QueryError:
        return None


def _by_header(file: Path, draft: Dialect, text_column: str, *, is_given: bool) -> tuple[Dialect, tuple[str, ...], int]:
    """The delimiter that makes the asked column a cell of the first record: for one cell there is but one, or none."""
    found: list[tuple[Dialect, list[str]]] = []
    for delimiter in (draft.delimiter,) if is_given else ("", *DELIMITERS):
        dialect = replace(draft, delimiter=delimiter)
        (record, *_) = _look(file, dialect, 1) or [[]]
        if text_column in record:
            found.append((dialect, record))
    alone = next((dialect for dialect, record in found if len(record) == 1 and not dialect.delimiter), None)
    if alone is not None:
        found = [(alone, [text_column])]
    if len(found) > 1:
        raise QueryError(
            f"file {file}", value="its first line can be split in several ways", next_step="say --delimiter"
        )
    if not found:
        raise QueryError(
            f"column {text_column}", value=f"not in the first line of {file}",
            next_step="name the column as the first line does with --text-column; without a header say --no-header, "
            "and --text-column with the column's number",
        )  # fmt: skip
    dialect, record = found[0]
    if record.count(text_column) > 1:
        raise QueryError(
            f"column {text_column}", value=f"{record.count(text_column)} times in the first line of {file}",
            next_step="rename all but one",
        )  # fmt: skip
    text_at = record.index(text_column)
    return dialect, _unique_names(record, text_at), text_at


def _without_header(
    file: Path, draft: Dialect, text_column: str | None, *, is_given: bool
) -> tuple[Dialect, tuple[str, ...], int]:
    if is_given:
        dialect = draft
    else:
        candidates = [replace(draft, delimiter=delimiter) for delimiter in DELIMITERS]
        fitting = [candidate for candidate in candidates if _is_table(_look(file, candidate, _LOOK_RECORDS))]
        if len(fitting) > 1:
            raise QueryError(
                f"file {file}", value="its lines can be split in several ways", next_step="say --delimiter"
            )
        dialect = fitting[0] if fitting else draft
    first = next((record for record in _look(file, dialect, _LOOK_RECORDS) or [] if record), [""])
    names = tuple(f"column_{number}" for number in range(1, len(first) + 1))
    if text_column is None and len(names) == 1:
        return dialect, names, 0
    if text_column is None or not re.fullmatch(r"[0-9]{1,6}", text_column) or not 1 <= int(text_column) <= len(names):
        raise QueryError(
            "column of the texts", value="not said" if text_column is None else text_column,
            limit=f"1 to {len(names)}, for there is no header", next_step="say --text-column with its number",
        )  # fmt: skip
    return dialect, names, int(text_column) - 1


def _is_table(records: Sequence[Sequence[str]] | None) -> bool:
    sizes = Counter(len(record) for record in records or () if record)
    return len(sizes) == 1 and min(sizes) > 1


def _unique_names(header: Sequence[str], text_at: int) -> tuple[str, ...]:
    """Names that no engine confuses, whatever it does with the case of letters; the asked one stays as it is."""
    taken = {header[text_at].casefold()}
    names = []
    for number, cell in enumerate(header):
        name = base = cell.strip() or f"column_{number + 1}"
        if number == text_at:
            names.append(cell)
            continue
        times = 1
        while name.casefold() in taken:
            times += 1
            name = f"{base}_{times}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


# ---- counting without the parser -------------------------------------------


def _count_records(
    file: Path, dialect: Dialect, *, is_one_column: bool, max_chars: int | None = None
) -> tuple[int, int]:
    """Records, and blank lines that are none: by where quotes open and close, on the lines themselves."""
    records_n = blank_n = pending_n = 0
    closing = False  # within a quoted field that began in an earlier line
    opens = _opening(dialect)
    try:
        with _open(file, dialect) as opened:
            lines = _Lines(opened, file, max_chars)
            if dialect.separator_line:
                next(lines, None)
            for line in lines:
                text = line.removesuffix(lines.end)
                if not closing and not text:
                    pending_n += is_one_column
                    blank_n += not is_one_column
                    continue
                records_n += pending_n
                pending_n = 0
                if dialect.quote and (closing or dialect.quote in text):
                    closing = _is_open_at_end(text, dialect.quote, opens, closing)
                if not closing:
                    records_n += 1
                    lines.since_record_chars = 0
    except OSError as error:
        raise _cannot_open(file, error) from error
    return records_n + closing, blank_n + pending_n


def _opening(dialect: Dialect) -> re.Pattern[str]:
    """Where a field may open a quote: at the begin of a line or after a delimiter."""
    quote = re.escape(dialect.quote or '"')
    between = re.escape(dialect.delimiter or _NO_DELIMITER)
    return re.compile(f"(?:^|{between}){quote}")


def _is_open_at_end(text: str, quote: str, opens: re.Pattern[str], is_open: bool) -> bool:
    """Whether a quoted field is still open when the line ends."""
    at = 0
    while True:
        if is_open:
            at = text.find(quote, at)
            if at < 0:
                return True
            if text.startswith(quote, at + 1):
                at += 2
                continue
            is_open = False
            at += 1
        else:
            # ``^`` matches at the begin of the text alone, never at ``at``.
            match = opens.search(text, at)
            if match is None:
                return False
            is_open, at = True, match.end()


# ---- words -----------------------------------------------------------------


def _encoding_name(codec: str) -> str:
    return {"utf-8": "UTF-8", "utf-16-le": "UTF-16 LE", "utf-16-be": "UTF-16 BE", "utf-16": "UTF-16"}.get(codec, codec)


def _delimiter_name(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, delimiter)
