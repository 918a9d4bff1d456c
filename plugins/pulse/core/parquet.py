"""Parquet files: writing one whole or not at all, and whether one is whole, by its two ends or by reading it all."""

import contextlib
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from pulse.core import progress
from pulse.core.files import fsync_file, fsync_folder, sql_text, storage_error
from pulse.core.table import Column, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_MAGIC = b"PAR1"
# Magic, length of the footer, magic.
_SHORTEST_BYTES = 12
_T = TypeVar("_T")


@contextmanager
def draft_of(file: Path) -> Iterator[Path]:
    """Where to write a file: the draft is put into its place at the end, or removed if that fails. The folder is made.

    Raises:
        StorageError: the disk is full or not writable. What stood there stays.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        put(draft, file)
    except (OSError, duckdb.IOException) as error:
        with contextlib.suppress(OSError):  # its folder may be no folder
            draft.unlink(missing_ok=True)
        raise storage_error(file, error) from error


def put(draft: Path, file: Path) -> None:
    """Flush a draft that is complete and put it into a file's place, whatever stands there.

    Raises:
        OSError: it cannot be put there.
    """
    fsync_file(draft)
    if file.is_dir():  # damage: a folder in place of the file
        shutil.rmtree(file)
    draft.replace(file)
    fsync_folder(file.parent)


def write(file: Path, content: "pa.Table", **options: Any) -> None:
    """Write a table as one file, which appears whole or not at all; the folder is made.

    Args:
        options: of :func:`pyarrow.parquet.write_table`.

    Raises:
        StorageError: the disk is full or not writable. What stood there stays.
    """
    import pyarrow.parquet as pq

    with draft_of(file) as draft:
        pq.write_table(content, draft, **options)


def write_query(
    connection: duckdb.DuckDBPyConnection, query: str, file: Path, *, facts: Mapping[str, str] = MappingProxyType({})
) -> None:
    """The same for the rows of a query.

    Args:
        facts: kept in the file's own metadata.

    Raises:
        StorageError: as for :func:`write`.
    """
    kept = ", ".join(f"{name}: {sql_text(value)}" for name, value in facts.items())
    options = f"format parquet, compression zstd{f', kv_metadata {{{kept}}}' if kept else ''}"
    with draft_of(file) as draft:
        connection.execute(f"copy ({query}) to {sql_text(draft)} ({options})")


def ensure_empty_file(file: Path, columns: Iterable[Column], **options: Any) -> None:
    """Give a table a typed file without rows, so that it can be read before anything was written.

    One that is damaged, or lacks columns that came since, is replaced.

    Args:
        options: as for :func:`write`.

    Raises:
        StorageError: as for :func:`write`.
    """
    schema = arrow_schema(columns)
    if fault_of(file, is_deep=True) is not None or column_names(file) != schema.names:
        write(file, schema.empty_table(), **options)


def column_names(file: Path) -> list[str]:
    """The columns of a file that can be read, in order."""
    import pyarrow.parquet as pq

    return list(pq.read_schema(file).names)


def fault_of(file: Path, *, is_deep: bool = False) -> str | None:
    """Why the file cannot be read, in one line; None where it can be, as far as was looked.

    Looks at what the file is and at its two ends: some ten microseconds, and enough for a file that was cut off,
    emptied, written over or replaced by a folder (which DuckDB's patterns leave out without a word).

    Args:
        is_deep: read the footer and every value as well, as a build would: a few milliseconds for each megabyte.
    """
    try:
        return _fault_of_ends(file) or (_fault_inside(file) if is_deep else None)
    except OSError as error:  # Arrow's own errors of reading are such too
        return _in_one_line(error)


def counted(files: Sequence[Path], what: str, *, is_deep: bool) -> Iterable[Path]:
    """The same files; whoever watches sees how many are looked at already, where each is read whole."""
    return progress.over(files, f"reading {what}", "files") if is_deep else files


def damaged(files: Sequence[Path], what: str, *, is_deep: bool = False) -> list[Path]:
    """Those of the files that cannot be read, in the same order; ``what`` they hold is for whoever watches."""
    return [file for file in counted(files, what, is_deep=is_deep) if fault_of(file, is_deep=is_deep)]


def whole(files: Iterable[Path], *, is_deep: bool = False) -> list[Path]:
    """Those of the files that can be read, in the same order."""
    return [file for file in files if fault_of(file, is_deep=is_deep) is None]


def read_what_can_be(files: Sequence[Path], read: Callable[[list[Path]], _T]) -> _T:
    """Read files through DuckDB; where that fails, those that are damaged are left out, by name in the log.

    For readers that can do without: what must not be missing belongs to nobody who calls this. Costs nothing as long as
    all files are whole.

    Args:
        read: is given the files, maybe none, and called once or twice.
    """
    found = whole(files)
    if len(found) == len(files):
        try:
            return read(found)
        except duckdb.Error:
            found = whole(files, is_deep=True)
            if len(found) == len(files):
                raise
    for file in files:
        if file not in found:
            log.warning("%s cannot be read and is left out: see `pulse doctor --deep`", file)
    try:
        return read(found)
    except duckdb.Error:
        return read(whole(found, is_deep=True))


def _fault_inside(file: Path) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.open("rb") as opened:
            content = pq.ParquetFile(opened)
            for group in range(content.metadata.num_row_groups):
                content.read_row_group(group)
    except pa.ArrowException as error:
        return _in_one_line(error)
    return None


def _in_one_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"cannot be read: {lines[0] if lines else type(error).__name__}"


def _fault_of_ends(file: Path) -> str | None:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            return "a folder stands in its place"
        if not stat.S_ISREG(facts.st_mode):
            return "no regular file"
        if facts.st_size < _SHORTEST_BYTES:
            return f"{facts.st_size} bytes are too few for a Parquet file"
        ending = os.pread(descriptor, 8, facts.st_size - 8)
        if os.pread(descriptor, 4, 0) != _MAGIC or ending[4:] != _MAGIC:
            return "cut off or written over: it does not begin and end as a Parquet file does"
        if int.from_bytes(ending[:4], "little") + _SHORTEST_BYTES > facts.st_size:
            return "written over: its footer would be longer than the file"
    finally:
        os.close(descriptor)
    return None
