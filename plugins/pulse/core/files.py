"""Writing files so that a reader, or a killed process, never sees half of one."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from pulse.core.errors import StorageError


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write, flush to disk, then rename into place; folders are made.

    Raises:
        StorageError: the disk is full, read-only or not ours. The old file, if any, is untouched then.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def write_json(path: Path, content: Any) -> None:
    """The same for a JSON document with sorted keys."""
    write_bytes(path, (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii"))


def read_json(path: Path) -> Any:
    """Read what :func:`write_json` wrote.

    Raises:
        StorageError: the file is gone, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise storage_error(path, error) from error
    except ValueError as error:
        raise StorageError(f"file {path}", value=str(error), next_step="remove it and run the step again") from error


def fsync_file(path: Path) -> None:
    """Flush one file that another library wrote."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Make renames inside the folder durable."""
    fsync_file(path)


def remove_empty_folders(folder: Path, *, up_to: Path) -> None:
    """Remove a folder, and those it is in, as long as nothing is in them; ``up_to`` stays."""
    while folder != up_to:
        try:
            folder.rmdir()
        except OSError:  # it is not empty, or gone
            return
        folder = folder.parent


def sql_text(value: str | Path) -> str:
    """A SQL string literal, for the few places where DuckDB takes no parameter (``copy … to``, ``attach``)."""
    return "'" + str(value).replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """A name in SQL, of a column that may be called anything."""
    return '"' + name.replace('"', '""') + '"'


def storage_error(path: Path, error: Exception) -> StorageError:
    """Translate an error of the operating system, or of a library that wrote to ``path``."""
    return StorageError(
        f"file {path}",
        value=getattr(error, "strerror", None) or f"{type(error).__name__}: {error}",
        next_step="free space or mend permissions there, then run the step again; nothing was replaced",
    )
