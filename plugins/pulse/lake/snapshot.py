"""What a store holds of a lake: numbered whole states, of which the latest counts.

    files/raw/contributions/platform=…/day=…/00000007-<digest>-<name>     one file; written once, never again
    manifests/00000007-<digest>.json.gz                                   which files make state 7
    lake.json                                                             which manifest counts

A writer puts the files that are new under names of the state it makes, then the manifest, then ``lake.json`` on the
condition that it is still what the writer began from. So a reader sees a whole state or the one before, of two writers
one wins and the other is told, and what a killed one left is in nobody's way: its files are there already when it
starts again. Files of states that are gone are deleted afterwards: of those before the latest no writer makes any more.
"""

import gzip
import hashlib
import io
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pulse.core.errors import DamagedFile, LakeChanged, ObjectStoreUnavailable
from pulse.lake.store import Store, Tagged

POINTER = "lake.json"
FILES, MANIFESTS = "files/", "manifests/"
_FORMAT = 1
# How often a state is looked for anew while others write.
_TRIES_N = 5
_STATE_OF_NAME = re.compile(r"(?:.*/)?(\d{8})-[0-9a-f]{16}[-.][^/]*")


@dataclass(frozen=True)
class StoredFile:
    """One file of a lake; as a tuple, a row of a manifest.

    Attributes:
        path: relative to the home, with ``/``.
        modified_ns: when it was written, nanoseconds since 1970: days are compacted by it.
        state_n: the state that it came with.
    """

    path: str
    size_bytes: int
    sha256: str
    modified_ns: int
    state_n: int

    @property
    def key(self) -> str:
        """Where its content is kept."""
        path = PurePosixPath(self.path)
        return f"{FILES}{path.parent}/{self.state_n:08d}-{self.sha256[:16]}-{path.name}"


@dataclass(frozen=True)
class Snapshot:
    """One whole state of a lake.

    Attributes:
        state_n: counts from 1; 0 where nothing is there yet.
        files: by path.
        manifest: key of the manifest; None for state 0.
        tag: of ``lake.json`` as it was read; None for state 0.
    """

    state_n: int = 0
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    manifest: str | None = None
    tag: str | None = None

    @property
    def bytes_n(self) -> int:
        """Bytes of all files together."""
        return sum(file.size_bytes for file in self.files.values())


def latest(store: Store) -> Snapshot:
    """The state that counts now; state 0 where no whole one was ever put.

    Raises:
        DamagedFile: ``lake.json`` or its manifest is not as it was written.
        ObjectStoreError and the others of :class:`pulse.lake.store.Store`.
    """
    pointer = store.read(POINTER)
    for _ in range(_TRIES_N):
        if pointer is None:
            return Snapshot()
        facts = _facts(store, pointer)
        manifest = store.read(facts["manifest"])
        if manifest is not None:
            return Snapshot(facts["state_n"], _files(store, manifest, facts), facts["manifest"], pointer.tag)
        # Another writer went on meanwhile and deleted it; if not, it is lost.
        again = store.read(POINTER)
        if again is not None and again.tag == pointer.tag:
            raise _damaged(store, facts["manifest"], "is not there")
        pointer = again
    raise ObjectStoreUnavailable(
        store.url, value="others replace what is read, again and again", next_step="run the same again"
    )


def still_counts(store: Store, snapshot: Snapshot) -> bool:
    """Whether no other writer went on since a state was read; one small request."""
    pointer = store.read(POINTER)
    return (None if pointer is None else pointer.tag) == snapshot.tag


def commit(store: Store, base: Snapshot, files: Mapping[str, StoredFile]) -> Snapshot:
    """Make files, which are all put already, the state that counts; then delete what only the state before had.

    Raises:
        LakeChanged: another writer was first; nothing that counts was changed.
        ObjectStoreError and the others of :class:`pulse.lake.store.Store`: it may count or not; look again.
    """
    state_n = base.state_n + 1
    rows = [astuple(file) for _, file in sorted(files.items())]
    document = {"format": _FORMAT, "files": rows}
    data = gzip.compress(json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii"), mtime=0)
    digest = hashlib.sha256(data).hexdigest()
    # A number that nobody else has: where an answer was lost, it tells whether the writer's own put came through.
    writer = secrets.token_hex(8)
    manifest = f"{MANIFESTS}{state_n:08d}-{digest[:16]}-{writer}.json.gz"
    store.put(manifest, io.BytesIO(data))
    pointer = {
        "format": _FORMAT, "state_n": state_n, "manifest": manifest, "manifest_sha256": digest,
        "files_n": len(rows), "bytes_n": sum(file.size_bytes for file in files.values()),
    }  # fmt: skip
    tag = _swap(store, json.dumps(pointer, indent=1, sort_keys=True).encode("ascii"), base)
    done = Snapshot(state_n, dict(files), manifest, tag)
    gone = {file.key for file in base.files.values()} - {file.key for file in files.values()}
    store.delete(gone | ({base.manifest} if base.manifest else set()))
    return done


def _swap(store: Store, data: bytes, base: Snapshot) -> str:
    """Replace the pointer, and return its tag; where an answer was lost, look whether the put came through."""
    lost: ObjectStoreUnavailable | None = None
    try:
        tag = store.put_if(POINTER, data, tag=base.tag)
        if tag is not None:
            return tag
    except ObjectStoreUnavailable as error:
        lost = error
    found = store.read(POINTER)
    if found is not None and found.data == data:
        return found.tag
    if lost is not None and (None if found is None else found.tag) == base.tag:
        raise lost
    raise LakeChanged(
        f"lake at {store.url}", value=f"another writer made state {base.state_n + 1} first",
        next_step="run the same again: it goes on from there",
    )  # fmt: skip


def sweep(store: Store, snapshot: Snapshot) -> int:
    """Delete what belongs to no state any more, such as what a killed writer left; returns how many objects.

    A listing that lags may miss some; the next sweep finds them. What writers put meanwhile is of a later state.
    """
    kept = {file.key for file in snapshot.files.values()} | {snapshot.manifest}
    spent = [
        listed.key
        for prefix in (FILES, MANIFESTS)
        for listed in store.list(prefix)
        if listed.key not in kept and (of_name := _STATE_OF_NAME.fullmatch(listed.key))
        and int(of_name[1]) <= snapshot.state_n
    ]  # fmt: skip
    store.delete(spent)
    return len(spent)


def _facts(store: Store, pointer: Tagged) -> dict[str, Any]:
    try:
        facts = json.loads(pointer.data)
        if facts["format"] != _FORMAT:
            raise DamagedFile(
                f"{store.url}/{POINTER}", value=f"format {facts['format']}", limit=f"format {_FORMAT}",
                next_step="use the version of Community Pulse that wrote it, or a later one",
            )  # fmt: skip
        return {
            "state_n": int(facts["state_n"]),
            "manifest": str(facts["manifest"]),
            "sha256": facts["manifest_sha256"],
        }
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(store, POINTER, "cannot be read") from error


def _files(store: Store, manifest: Tagged, facts: Mapping[str, Any]) -> dict[str, StoredFile]:
    if hashlib.sha256(manifest.data).hexdigest() != facts["sha256"]:
        raise _damaged(store, facts["manifest"], "is not as it was written")
    try:
        files = [StoredFile(*row) for row in json.loads(gzip.decompress(manifest.data))["files"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _damaged(store, facts["manifest"], "cannot be read") from error
    for file in files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
            raise _damaged(store, facts["manifest"], f"names {file.path}")
    return {file.path: file for file in files}


def _damaged(store: Store, key: str, fault: str) -> DamagedFile:
    return DamagedFile(
        f"{store.url}/{key}", value=fault,
        next_step="copy a whole home there again; delete lake.json first if it is the one that is damaged",
    )  # fmt: skip
