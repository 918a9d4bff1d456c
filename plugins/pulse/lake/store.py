"""Where a copy of the lake is kept: a folder or a bucket, spoken to in the same few words.

Keys are relative paths with ``/``. An object appears whole or not at all, and putting it again replaces it.
:meth:`Store.put_if` is the one way to replace an object that another writer may be replacing too.
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from pulse.core.credentials import Credentials, from_environment
from pulse.core.errors import ConfigError
from pulse.core.files import fsync_file, fsync_folder, remove_empty_folders, storage_error, write_bytes

# Names of buckets as S3 has them; a prefix is read by people, and becomes part of every key.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Listed:
    """An object as a listing has it; a listing may be older than the last change."""

    key: str
    size_bytes: int


@dataclass(frozen=True)
class Tagged:
    """The content of a small object, and the tag that this content has there."""

    data: bytes = field(repr=False)
    tag: str


class Store(Protocol):
    """One place that holds objects by key.

    All methods raise:
        ObjectStoreUnavailable: not reached, broke off, or a passing fault; the same call may succeed later.
        ObjectStoreRefused: credentials are wrong, or may not do that.
        ObjectStoreError: no such bucket, or an answer that nobody expects.
        StorageError: the disk is full or not writable.
    """

    @property
    def url(self) -> str:
        """Its address."""
        ...

    def list(self, prefix: str) -> Iterator[Listed]:
        """All objects whose keys begin with a prefix, which ends with ``/``; in no order."""
        ...

    def read(self, key: str) -> Tagged | None:
        """A small object as it is now; None where there is none."""
        ...

    def fetch(self, key: str, target: Path) -> str | None:
        """Write an object to a file, flushed; returns the SHA-256 of what came, None where there is no such object."""
        ...

    def put(self, key: str, content: BinaryIO) -> None:
        """Put an object, in place of what stands there."""
        ...

    def put_if(self, key: str, data: bytes, *, tag: str | None) -> str | None:
        """Put a small object if what stands there has this tag still (None: if nothing stands there).

        Returns the new tag, None where another one stands there. An answer that was lost can make a put that succeeded
        look like that, since it is tried again: read the object to know.
        """
        ...

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects; those that are not there do no harm."""
        ...

    def keeps_versions(self) -> bool | None:
        """Whether objects that are deleted or replaced can still be read as versions; None where that is not told."""
        ...

    def purge_versions(self, prefix: str) -> int:
        """Delete all versions of objects but those that stand there now; returns how many."""
        ...


Ask = Callable[[type[Credentials]], Credentials]


def open_store(url: str, ask: Ask = from_environment) -> Store:
    """The store at an address: ``s3://bucket/prefix``, or ``file:///folder``.

    Args:
        ask: gives credentials of a kind, where the store needs any.

    Raises:
        ConfigError: the address cannot be used, credentials are missing, or the S3 client is not installed.
    """
    return _opened(_parsed(url), ask)


def address(url: str) -> str:
    """The one form of an address of a store; asks nobody.

    Raises:
        ConfigError: it is none.
    """
    place = _parsed(url)
    return FolderStore(place).url if isinstance(place, Path) else f"s3://{'/'.join(place)}".rstrip("/")


def _opened(place: "Path | tuple[str, str]", ask: Ask) -> Store:
    if isinstance(place, Path):
        return FolderStore(place)
    from pulse.lake.credentials import LakeCredentials
    from pulse.lake.s3 import S3Store

    S3Store.require_client()
    credentials = ask(LakeCredentials)
    if not isinstance(credentials, LakeCredentials):
        raise TypeError(f"credentials of {type(credentials).__name__} for {LakeCredentials.__name__}")
    return S3Store.open(*place, credentials)


def _parsed(url: str) -> "Path | tuple[str, str]":
    """The folder, or bucket and prefix."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1 and not (parts.query or parts.fragment):
        return Path(unquote(parts.path))
    prefix = parts.path.strip("/")
    is_plain = not (parts.query or parts.fragment) and set(prefix.split("/")).isdisjoint({".", ".."})
    if (
        parts.scheme == "s3" and is_plain and _BUCKET.fullmatch(parts.netloc)
        and (not prefix or _PREFIX.fullmatch(prefix))
    ):  # fmt: skip
        return parts.netloc, prefix
    raise ConfigError(
        "address of a lake",
        value=url.rsplit("@", maxsplit=1)[-1],  # what stands before it may be a password
        limit="s3://bucket/prefix, or file:///folder, in letters, digits, dots, _ and -",
        next_step="mend it; credentials go into the environment or an Airflow connection, never into the address",
    )


def is_store(place: str) -> bool:
    """Whether a place that somebody named is a store's address, rather than a folder."""
    return "://" in place


@dataclass(frozen=True)
class FolderStore:
    """A folder; a key is a path in it, and a file gets its name by a rename."""

    root: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"file://{self.root}"

    def list(self, prefix: str) -> Iterator[Listed]:
        """See :class:`Store`."""
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                file = Path(folder, name)
                if not name.startswith("."):
                    yield Listed(file.relative_to(self.root).as_posix(), file.stat().st_size)

    def read(self, key: str) -> Tagged | None:
        """See :class:`Store`."""
        try:
            data = (self.root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(self.root / key, error) from error
        return Tagged(data, hashlib.sha256(data).hexdigest())

    def fetch(self, key: str, target: Path) -> str | None:
        """See :class:`Store`."""
        try:
            source = (self.root / key).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(self.root / key, error) from error
        with source:
            return write_stream(source, target)

    def put(self, key: str, content: BinaryIO) -> None:
        """See :class:`Store`."""
        target = self.root / key
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                shutil.copyfileobj(content, file, _CHUNK_BYTES)
            fsync_file(draft)
            draft.replace(target)
            fsync_folder(target.parent)
        except OSError as error:
            raise storage_error(target, error) from error

    def put_if(self, key: str, data: bytes, *, tag: str | None) -> str | None:
        """See :class:`Store`."""
        with self._alone():
            before = self.read(key)
            if (None if before is None else before.tag) != tag:
                return None
            write_bytes(self.root / key, data)
            return hashlib.sha256(data).hexdigest()

    def delete(self, keys: Collection[str]) -> None:
        """See :class:`Store`; folders that are left empty go too."""
        try:
            for key in keys:
                (self.root / key).unlink(missing_ok=True)
                remove_empty_folders((self.root / key).parent, up_to=self.root)
        except OSError as error:
            raise storage_error(self.root, error) from error

    def keeps_versions(self) -> bool | None:
        """See :class:`Store`."""
        return False

    def purge_versions(self, prefix: str) -> int:  # noqa: ARG002
        """See :class:`Store`; a folder has none."""
        return 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(self.root, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def write_stream(source: BinaryIO, target: Path) -> str:
    """Write what a stream gives to a file, flushed; returns its SHA-256.

    Raises:
        StorageError: the disk is full or not writable.
    """
    digest = hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("wb")
    except OSError as error:
        raise storage_error(target, error) from error
    with file:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            try:
                file.write(chunk)
            except OSError as error:
                raise storage_error(target, error) from error
        try:
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(target, error) from error
    return digest.hexdigest()
