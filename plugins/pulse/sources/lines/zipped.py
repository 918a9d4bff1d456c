"""Zip files of exports: their members, read without unpacking anything to disk."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import cast

from pulse.core.errors import ArchiveUnreadable
from pulse.sources.lines.ndjson import ByteStream, changed_while_read, fingerprint_of, refuse_bomb

# An export of a large workspace has some 100,000 files: one per channel and day.
MOST_MEMBERS = 1_000_000
_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class Zip:
    """An open zip file.

    Attributes:
        names: its files, in order of their names; without folders, and without the twins that macOS adds.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self._members = {member.filename: member for member in archive.infolist() if _is_content(member)}
        self.names = sorted(self._members)

    @contextmanager
    def opened(self, name: str) -> Iterator[ByteStream]:
        """One file's bytes: never more than the zip file says that it has.

        Raises:
            ArchiveUnreadable: damaged, encrypted, or packed in a way that is not known.
        """
        try:
            with self._archive.open(self._members[name]) as stream:
                yield cast("ByteStream", stream)
        except _ERRORS as error:
            raise _unreadable(self._path, error) from error


@contextmanager
def opened_zip(path: Path) -> Iterator[Zip]:
    """Open a zip file.

    Raises:
        ArchiveUnreadable: cannot be opened, is none, cut off, damaged, or made to fill a disk.
        SourceUnavailable: it changed while it was read.
    """
    before = fingerprint_of(path)
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start and not b"PK".startswith(start):
            raise ArchiveUnreadable(
                f"archive {path}",
                value="no zip file",
                limit="the zip file as it was downloaded, not what was unpacked from it",
                next_step="name the zip file in `path`; nothing of this one was taken",
            )
        archive = zipfile.ZipFile(path)
    except _ERRORS as error:
        raise _unreadable(path, error) from error
    with archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise ArchiveUnreadable(
                f"archive {path}",
                value=f"{len(members):,} files in one zip file",
                limit=f"{MOST_MEMBERS:,}",
                next_step="look at what it is, or unpack it and name the files that are meant",
            )
        # Files that overlap count each for itself: a small zip file can hold a disk's worth of them.
        unpacked_bytes = sum(member.file_size for member in members)
        refuse_bomb(path, packed_bytes=path.stat().st_size, unpacked_bytes=unpacked_bytes)
        yield Zip(path, archive)
    if fingerprint_of(path) != before:
        raise changed_while_read(path)


def is_zip(path: Path) -> bool:
    """Whether a file begins, or ends, like a zip file."""
    try:
        return zipfile.is_zipfile(path) or path.suffix.lower() == ".zip"
    except OSError:
        return False


def _is_content(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return not member.is_dir() and "__MACOSX" not in parts and not parts[-1].startswith("._")


def _unreadable(path: Path, error: Exception) -> ArchiveUnreadable:
    # What the library says of a member that is damaged names it, and that is what somebody called a channel.
    why = getattr(error, "strerror", None) or "cut off or damaged"
    if isinstance(error, RuntimeError):  # which NotImplementedError is too
        why = "encrypted, or packed in a way that is not known"
    return ArchiveUnreadable(
        f"archive {path}",
        value=f"no whole zip file: {why}",
        next_step="fetch the file again; nothing of it was taken",
    )
