"""Copying the lake between a home and a store, checked and whole (``pulse lake copy``).

The lake is what cannot be made again from elsewhere, or only at great cost: raw with its tombstones and the list of who
asked to be forgotten, scores, mentions, words, quality, frozen months, waivers. Landing, what notifiers were told, the
rest of quarantine, locks and whatever is built stay where they are; the author key is a secret and stays too.

Both directions go in two passes. The first moves what is new while others work; the second, under the lock of raw,
what came meanwhile, and then makes the whole count at once. A killed copy leaves what counted before, and goes on from
what it moved.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from pulse.core import progress
from pulse.core.errors import ConfigError, DamagedFile, LakeChanged, StorageError
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.core.locks import KPI_LOCK, WAREHOUSE_LOCK, exclusive
from pulse.lake import arriving, erasure, forgotten, raw, snapshot
from pulse.lake.snapshot import Snapshot, StoredFile
from pulse.lake.store import Store

log = logging.getLogger(__name__)

LAKE_FOLDERS = ("raw", "scores", "listening", "words", "quality", "kpi", "quarantine/waivers")
# Work in progress, which nobody but its writer reads.
_NOT_OURS = frozenset({"raw/_promotions"})
# Names of files below it are the list of who is forgotten.
FORGOTTEN = "raw/forgotten/"
_AT_ONCE = 8
_CHUNK_BYTES = 1 << 20
_TRIES_N = 5
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Copied:
    """What a copy did.

    Attributes:
        state_n: the store's state that both are the same as now.
        files_n, bytes_n: of the whole lake.
        moved_n, moved_bytes: files that went over the wire in this call.
        removed_n: files of the target that the source does not have, and that are gone there now.
        swept_n: objects that killed writers had left in the store.
        purged_n: versions of objects that were deleted for good.
        keeps_versions: whether what was deleted in the store can still be read as a version; None where nobody tells.
    """

    state_n: int
    files_n: int
    bytes_n: int
    moved_n: int
    moved_bytes: int
    removed_n: int
    swept_n: int = 0
    purged_n: int = 0
    keeps_versions: bool | None = False


@dataclass(frozen=True)
class _Facts:
    size_bytes: int
    modified_ns: int
    sha256: str


class Digests:
    """What files hold, worked out once for each state of a file."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def of(self, file: Path, content: BinaryIO) -> _Facts:
        """Of an open file; leaves it at its beginning."""
        found = os.fstat(content.fileno())
        signature = (found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._known.get(file)
        if known is None or known[0] != signature:
            content.seek(0)
            digest = hashlib.sha256()
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
            known = self._known[file] = (signature, digest.hexdigest())
        content.seek(0)
        return _Facts(found.st_size, found.st_mtime_ns, known[1])

    def dump(self, home: Home) -> dict[str, list[int | str]]:
        """What is known of a home's files, for :meth:`load`; paths are relative to the home."""
        return {
            file.relative_to(home.root).as_posix(): [*signature, sha256]
            for file, (signature, sha256) in self._known.items()
        }

    def load(self, home: Home, known: Mapping[str, Sequence[Any]]) -> None:
        """Take over what was known: a file that is not as it was then is read again."""
        self._known |= {home.root / path: ((row[0], row[1], row[2]), row[3]) for path, row in known.items()}

    def now(self, file: Path) -> _Facts | None:
        """Of a file by its path; None where it is gone, or no file."""
        try:
            found = file.stat()
            known = self._known.get(file)
            if known is not None and known[0] == (found.st_ino, found.st_size, found.st_mtime_ns):
                return _Facts(found.st_size, found.st_mtime_ns, known[1])
            if not file.is_file():
                return None
            with file.open("rb") as content:
                return self.of(file, content)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(file, error) from error


def lake_files(home: Home) -> dict[str, Path]:
    """Every file of a home's lake, by path relative to the home; drafts are left out."""
    found: dict[str, Path] = {}
    for name in LAKE_FOLDERS:
        for place, folders, names in os.walk(home.root / name):
            relative = PurePosixPath(Path(place).relative_to(home.root).as_posix())
            folders[:] = sorted(one for one in folders if str(relative / one) not in _NOT_OURS)
            for file in sorted(names):
                if not file.startswith(".") and not Path(place, file).is_symlink():
                    found[str(relative / file)] = Path(place, file)
    return found


# ---- home to store ---------------------------------------------------------------


def send(home: Home, store: Store, *, purges_versions: bool = False, timeout_s: float = 600.0) -> Copied:
    """Make a store hold what a home's lake holds; what the home no longer has is deleted there.

    Args:
        purges_versions: delete versions of objects too, where the bucket keeps them.

    Raises:
        LakeChanged: another writer changed the store meanwhile; what was put is there for the next try.
        StorageError: persons are forgotten there and not here; nothing was changed.
        LockBusy: another process writes to raw or the warehouse.
        ObjectStoreError and the others of :class:`pulse.lake.store.Store`: the store holds what it held.
    """
    base = snapshot.latest(store)
    _require_forgotten(
        (path for path in base.files if not (home.root / path).exists()), at=store.url, source=str(home.root)
    )
    present = {listed.key: listed.size_bytes for listed in store.list(snapshot.FILES)}
    sender = _Sender(home, store, base, present, Digests())
    sender.put_all()
    with _alone(home, timeout_s):
        raw.finish_all(home)
        files = sender.put_all()
        is_same = files == dict(base.files)
        done = base if is_same and base.state_n else snapshot.commit(store, base, files)
    return Copied(
        state_n=done.state_n, files_n=len(done.files), bytes_n=done.bytes_n, moved_n=sender.moved_n,
        moved_bytes=sender.moved_bytes, removed_n=len(base.files.keys() - files.keys()),
        swept_n=snapshot.sweep(store, done), purged_n=store.purge_versions("") if purges_versions else 0,
        keeps_versions=store.keeps_versions(),
    )  # fmt: skip


def give(home: Home, store: Store, base: Snapshot, digests: Digests) -> Snapshot:
    """Make what a home has the next state of a store, under the lock of raw; the same state where nothing changed.

    A request for each file that is new, and four.

    Raises:
        LakeChanged: ``base`` is not what counts any more; nothing that counts was changed.
        LockBusy, ObjectStoreError and the others of :class:`pulse.lake.store.Store`.
    """
    with _alone(home, timeout_s=600.0):
        raw.finish_all(home)
        files = _Sender(home, store, base, {}, digests).put_all()
        return base if files == dict(base.files) else snapshot.commit(store, base, files)


class _Sender:
    """Puts what a store's state lacks; counts over both passes."""

    def __init__(self, home: Home, store: Store, base: Snapshot, present: Mapping[str, int], digests: Digests) -> None:
        self._home, self._store, self._base, self._digests = home, store, base, digests
        self._present = dict(present)
        self._counting = threading.Lock()
        self.moved_n = self.moved_bytes = 0

    def put_all(self) -> dict[str, StoredFile]:
        """Put every file of the lake that is new; returns what the next state is made of."""
        done = in_parallel(lambda item: self._put(*item), lake_files(self._home).items(), "comparing and putting")
        return {stored.path: stored for stored in done if stored is not None}

    def _put(self, path: str, file: Path) -> StoredFile | None:
        """None for a file that went meanwhile."""
        facts, before = self._digests.now(file), self._base.files.get(path)
        if facts is None or (before is not None and before.sha256 == facts.sha256):
            return before if facts is not None else None
        try:
            content = file.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(file, error) from error
        # What is read under this descriptor stays the same: files of the lake are replaced by renames.
        with content:
            facts = self._digests.of(file, content)
            stored = StoredFile(path, facts.size_bytes, facts.sha256, facts.modified_ns, self._base.state_n + 1)
            if self._present.get(stored.key) != facts.size_bytes:
                self._store.put(stored.key, content)
                if self._digests.of(file, content) != facts:
                    raise StorageError(f"file {file}", value="was written over", next_step="run the same again")
                self._count(stored)
        return stored

    def _count(self, stored: StoredFile) -> None:
        with self._counting:
            self._present[stored.key] = stored.size_bytes
            self.moved_n += 1
            self.moved_bytes += stored.size_bytes


# ---- store to home ---------------------------------------------------------------


def receive(home: Home, store: Store, *, may_remove: Callable[[int], bool], timeout_s: float = 600.0) -> Copied:
    """Make a home's lake what a store holds; what the store does not have is removed here.

    All dates are noted to be built again. What landing and quarantine hold of persons on the list that came, and of
    what was taken back, is erased.

    Args:
        may_remove: asked, with how many files this home would lose, before any is.

    Raises:
        StorageError: persons are forgotten here and not there, or there is no whole copy; nothing was changed.
        DamagedFile: what is kept there is not what was put; nothing was changed.
        LakeChanged: others changed the home, or the store again and again; what was fetched is there for the next try.
        LockBusy, ObjectStoreError and the others of :class:`pulse.lake.store.Store`: nothing was changed.
    """
    digests = Digests()
    receiver = _Receiver(home, store, digests)
    source = receiver.fetch_all()
    lost = lake_files(home).keys() - source.files.keys()
    _require_forgotten(lost, at=str(home.root), source=store.url)
    if lost and not may_remove(len(lost)):
        raise ConfigError(
            f"copy to {home.root}", value=f"would remove {len(lost)} files that {store.url} does not have",
            next_step="copy the other way if this home is the newer one, or say --yes",
        )  # fmt: skip
    with _alone(home, timeout_s):
        raw.finish_all(home)
        if lake_files(home).keys() - source.files.keys() - lost:
            raise LakeChanged(
                f"lake of {home.root}", value="it changed while files were fetched", next_step="run the same again"
            )
        receiver.place(source, lost)
    return Copied(
        state_n=source.state_n, files_n=len(source.files), bytes_n=source.bytes_n, moved_n=receiver.moved_n,
        moved_bytes=receiver.moved_bytes, removed_n=len(lost),
    )  # fmt: skip


def is_as(home: Home, state: Snapshot, digests: Digests) -> bool:
    """Whether a home's lake is what a state says; persons that only the home has on its list make no difference."""
    files = lake_files(home)
    if any(path not in state.files and not path.startswith(FORGOTTEN) for path in files):
        return False
    facts = {path: digests.now(home.root / path) for path in state.files}
    return all(found is not None and found.sha256 == state.files[path].sha256 for path, found in facts.items())


def take(home: Home, store: Store, digests: Digests) -> Snapshot:
    """The same without a question, but for the list of who is forgotten: persons that only the home has stay on it.

    Raises:
        DamagedFile, LakeChanged, LockBusy, ObjectStoreError and the others of :class:`pulse.lake.store.Store`.
    """
    receiver = _Receiver(home, store, digests)
    source = receiver.fetch_all()
    with _alone(home, timeout_s=600.0):
        raw.finish_all(home)
        lost = lake_files(home).keys() - source.files.keys()
        receiver.place(source, {path for path in lost if not path.startswith(FORGOTTEN)})
    return source


class _Receiver:
    """Fetches what a home lacks of a store's state, to wait beside it."""

    def __init__(self, home: Home, store: Store, digests: Digests) -> None:
        self._home, self._store, self._digests = home, store, digests
        self._counting = threading.Lock()
        self.moved_n = self.moved_bytes = 0

    def fetch_all(self) -> Snapshot:
        """Fetch all that is wanted of the latest state; of the next one where it goes on meanwhile."""
        folder = arriving.folder(self._home)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.parent.chmod(0o700)
        except OSError as error:
            raise storage_error(folder, error) from error
        for _ in range(_TRIES_N):
            source = snapshot.latest(self._store)
            if not source.state_n:
                raise StorageError(
                    f"lake at {self._store.url}", value="no whole copy of a lake is there",
                    next_step="see the address; a copy that was stopped counts once it is run again to its end",
                )  # fmt: skip
            missing = [
                stored.key
                for stored, is_there in in_parallel(
                    lambda stored: (stored, self._fetch(stored)), self.wanted(source).values(), "fetching"
                )
                if not is_there
            ]
            if not missing:
                return source
            if snapshot.still_counts(self._store, source):
                raise DamagedFile(
                    f"{self._store.url}/{missing[0]}", value=f"is not there, and {len(missing) - 1} more",
                    next_step="copy a whole home there again: it puts what is missing once lake.json is deleted",
                )  # fmt: skip
        raise LakeChanged(
            f"lake at {self._store.url}", value="others change it again and again", next_step="run the same again"
        )

    def place(self, source: Snapshot, lost: Collection[str]) -> None:
        """Put everything into its place; only whoever holds the lock of raw may call this."""
        home, wanted = self._home, self.wanted(source)
        # Here already, but for what somebody changed in the home meanwhile.
        if not all(in_parallel(self._fetch, wanted.values(), "looking again")):
            raise LakeChanged(
                f"lake at {self._store.url}",
                value="it changed while files were fetched",
                next_step="run the same again",
            )
        if any(map(_is_of_marts, (*wanted, *lost))):
            raw.require_everything(home, "lake-copy")
        if wanted or lost:
            fetched = {path: (self.fetched_file(stored), stored.modified_ns) for path, stored in wanted.items()}
            arriving.place(home, fetched, sorted(lost))
        arriving.clear(home)
        for path, stored in source.files.items():
            _set_time(home.root / path, stored.modified_ns)
        _erase_beside(home)

    def wanted(self, source: Snapshot) -> dict[str, StoredFile]:
        """What the home does not have as it is there."""

        def differs(stored: StoredFile) -> bool:
            facts = self._digests.now(self._home.root / stored.path)
            return facts is None or facts.sha256 != stored.sha256

        return {stored.path: stored for stored in source.files.values() if differs(stored)}

    def fetched_file(self, stored: StoredFile) -> Path:
        """Where a file waits for its place."""
        return arriving.folder(self._home) / hashlib.sha256(stored.key.encode()).hexdigest()[:32]

    def _fetch(self, stored: StoredFile) -> bool:
        """Whether it is there; a file that an earlier try fetched is not fetched again."""
        target = self.fetched_file(stored)
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        if target.exists():
            return True
        found = self._store.fetch(stored.key, draft)
        if found is None:
            return False
        if found != stored.sha256:
            draft.unlink()
            raise DamagedFile(
                f"{self._store.url}/{stored.key}", value="is not as it was put",
                limit=f"SHA-256 {stored.sha256}", next_step="run the same again; if it stays, copy a whole home there",
            )  # fmt: skip
        draft.replace(target)
        with self._counting:
            self.moved_n += 1
            self.moved_bytes += stored.size_bytes
        return True


def _is_of_marts(path: str) -> bool:
    """Whether marts are made of a file: not of empty ones, of frozen months, of reports and verdicts of gates."""
    parts = PurePosixPath(path).parts
    is_read = parts[0] in {"raw", "scores", "listening", "words"} or parts[:2] == ("quality", "load_outcomes")
    return is_read and path.endswith(".parquet") and not parts[-1].startswith("_empty")


def _set_time(file: Path, modified_ns: int) -> None:
    """Files of the same content may have other times: compaction and scoring go by them."""
    try:
        if file.stat().st_mtime_ns != modified_ns:
            os.utime(file, ns=(modified_ns, modified_ns))
    except OSError as error:
        raise storage_error(file, error) from error


def _erase_beside(home: Home) -> None:
    """Hold what never leaves a home against what came: who asked to be forgotten, and what was taken back."""
    forgotten.hold(home, [home.landing, home.quarantine])
    erasure.erase_landed(home, sorted((home.raw / "tombstones").rglob("*.parquet")))


# ---- both ------------------------------------------------------------------------


def _require_forgotten(lost: Iterable[str], *, at: str, source: str) -> None:
    """Refuse to bring back what persons wrote who are forgotten at the target only."""
    persons_n = sum(path.startswith(FORGOTTEN) and path.endswith(".parquet") for path in lost)
    if persons_n:
        raise StorageError(
            f"copy to {at}",
            value=f"{persons_n} persons who asked to be forgotten there are not on the list of {source}",
            limit="whoever is forgotten stays forgotten",
            next_step="run `pulse forget` for them where the copy comes from, then copy",
        )  # fmt: skip


@contextmanager
def _alone(home: Home, timeout_s: float) -> Iterator[None]:
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s), exclusive(home, KPI_LOCK, timeout_s=timeout_s):
        yield


def in_parallel(do: Callable[[_Item], _Result], items: Collection[_Item], what: str) -> list[_Result]:
    """Do the same to many files, some at a time, in order; what has not begun when one fails is not begun."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        return list(progress.over(pool.map(do, items), what, "files", len(items)))
    finally:
        pool.shutdown(cancel_futures=True)
