"""A lake that lives in a store. What lies in the home is a copy that steps work on.

Each step that reads or writes the lake (:func:`working`) begins from the state that counts in the store, works on the
home's files under the locks and journals that it always had, and ends by putting what it changed there and making that
the state that counts. Another writer who was first makes it fail with :class:`pulse.core.errors.LakeChanged`: the next
try takes what that one wrote, drops what it had done itself, and does it again. Landing stays in the home, so all of it
can be done again. A killed step is done again too: what it changed here is dropped, as is whatever else changed the
home's files outside of a step. So nothing that is damaged, or gone, in one home goes from the lake.

    lake/mirror.json      which state of which store the home has, and what its files held then
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple
from pathlib import Path

from pulse.core.errors import ConfigError, DamagedFile, PulseError, StorageError
from pulse.core.files import read_json, storage_error, write_json
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.lake import copying, raw, snapshot
from pulse.lake.copying import Digests
from pulse.lake.snapshot import Snapshot, StoredFile
from pulse.lake.store import Store

log = logging.getLogger(__name__)

LAKE_LOCK = "lake"
# A step of another run may build all marts meanwhile.
_WAIT_S = 3_600.0
_working: ContextVar[frozenset[Path]] = ContextVar("_working", default=frozenset())


def is_at_work(home: Home) -> bool:
    """Whether a step of this home is on its way, of which another one is a part."""
    return home.root in _working.get()


@contextmanager
def working(home: Home, store: Store) -> Iterator[None]:
    """Work on the lake of a store.

    What a step that fails changed counts too, such as the verdict of a gate that stopped it.

    Raises:
        LakeChanged: another writer was first; the same again begins from there.
        ConfigError: the home has a lake of its own already.
        ObjectStoreError and the others of :class:`pulse.lake.store.Store`: the lake is as before.
        LockBusy: another process works on the lake from this home.
    """
    token = _working.set(_working.get() | {home.root})
    try:
        with exclusive(home, LAKE_LOCK, timeout_s=_WAIT_S):
            mirror = _Mirror(home, store)
            mirror.bring_down()
            try:
                yield
            except Exception:
                try:
                    mirror.bring_up()
                except PulseError as error:
                    log.warning("lake: what the failed step wrote is lost: %s", error)
                raise
            mirror.bring_up()
    finally:
        _working.reset(token)


class _Mirror:
    """The home's copy of a store's lake; used by one process at a time."""

    def __init__(self, home: Home, store: Store) -> None:
        self._home, self._store = home, store
        self._digests = Digests()
        self._base = self._noted()

    def bring_down(self) -> None:
        """Make the home's lake what counts there, unless it is; one request if so.

        Who asked to be forgotten here, in a step that was killed or lost against another writer, is forgotten in what
        came too.
        """
        self._base = self._latest()
        listed = {
            path: Path(path).stem for path in copying.lake_files(self._home) if path.startswith(copying.FORGOTTEN)
        }
        mine = sorted(author_key for path, author_key in listed.items() if path not in self._base.files)
        if mine and self._base.state_n:
            raw.take_back(self._home, f"erased_live-lake-{secrets.token_hex(8)}", persons=mine)

    def _latest(self) -> Snapshot:
        home, base = self._home, self._base
        if base is not None and snapshot.still_counts(self._store, base):
            if copying.is_as(home, base, self._digests):
                return base
            log.warning("lake: %s is not as its last step left it, and is made state %d again", home.root, base.state_n)
        source = snapshot.latest(self._store)
        if not source.state_n:
            if base is not None:
                raise DamagedFile(
                    f"{self._store.url}/{snapshot.POINTER}", value=f"is gone; this home has state {base.state_n}",
                    next_step="`pulse lake copy` to there brings it back, from the home that has the latest",
                )  # fmt: skip
            return source
        if base is None and _has_rows(home) and not copying.is_as(home, source, self._digests):
            raise ConfigError(
                "lake", value=f"{self._store.url}, and {home.root} has a lake of its own",
                limit="a home without one, or a store without one, or the same in both",
                next_step="`pulse lake copy` one way",
            )  # fmt: skip
        taken = copying.take(home, self._store, self._digests)
        copying.is_as(home, taken, self._digests)  # reads what came, for the note
        self._note(taken)
        log.info("lake: took state %d, %d files", taken.state_n, len(taken.files))
        return taken

    def bring_up(self) -> None:
        """Put what changed, and make it count."""
        base = self._base or Snapshot()
        self._base = copying.give(self._home, self._store, base, self._digests)
        if self._base is not base:
            self._note(self._base)
            log.info("lake: made state %d, %d files", self._base.state_n, len(self._base.files))

    # ---- which state the home has ------------------------------------------------

    @property
    def _file(self) -> Path:
        return self._home.lake / "mirror.json"

    def _noted(self) -> Snapshot | None:
        """None where the home has none of this store, or nobody knows which."""
        try:
            noted = read_json(self._file)
            if noted["url"] != self._store.url:
                return None
            self._digests.load(self._home, noted["digests"])
            files = [StoredFile(*row) for row in noted["files"]]
            return Snapshot(noted["state_n"], {file.path: file for file in files}, noted["manifest"], noted["tag"])
        except (StorageError, KeyError, TypeError, ValueError):
            return None

    def _note(self, base: Snapshot) -> None:
        try:
            self._home.lake.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_error(self._home.lake, error) from error
        write_json(
            self._file,
            {
                "url": self._store.url, "state_n": base.state_n, "manifest": base.manifest, "tag": base.tag,
                "files": [astuple(file) for file in base.files.values()], "digests": self._digests.dump(self._home),
            },
        )  # fmt: skip


def _has_rows(home: Home) -> bool:
    """Whether the home has more than the empty files that every home gets."""
    return any(home.raw.glob("*/platform=*")) or any(home.kpi.glob("*/month=*"))
