"""Keeping no longer than needed, and in no more files than needed: what ``pulse prune`` and every publish do."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pulse.config.lake import on_lake
from pulse.config.settings import Retention
from pulse.core import progress
from pulse.core.clock import Clock
from pulse.core.errors import LockBusy
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.gates import quarantine
from pulse.lake import quality
from pulse.lake.compaction import SETTLED_AFTER_DAYS, Compacted
from pulse.reading import damage
from pulse.sources.live.caches import RESUME_WITHIN, STORE_PREFIX, TAKEN_KEPT, cache_lock, caches_folder
from pulse.sources.live.listen_store import is_taken
from pulse.sources.registry import live_sources

# Days that are compacted while the lock is held once: some ten seconds at 300 communities. What is left after a run, as
# after an upgrade, the next runs compact.
_DAYS_AT_ONCE = 31
# No step takes so long without touching what it is working on.
_SCRATCH_DAYS = 1
# ``.<name>.<pid>.tmp``, see :mod:`pulse.core.files`.
_DRAFT = re.compile(r"\..*[.-]\d+\.tmp")


@dataclass(frozen=True)
class Pruned:
    """What was, or would be, removed: how many files or folders of each kind, and their bytes."""

    kind: str
    days: float
    items_n: int
    freed_bytes: int


@on_lake
def prune(home: Home, policy: Retention, *, clock: Clock, is_dry_run: bool = False) -> list[Pruned]:
    """Apply the retention policy, and remove what killed runs left; raw, scores and what is published stay.

    Landing holds sealed loads and parsed archives: a removed one is made again from its source when it is needed. One
    that is being made or used is young.
    """
    now = clock()
    plan = [
        ("quarantine", policy.quarantine_days, quarantine.kept_before(home, _before(now, policy.quarantine_days))),
        ("damaged", policy.quarantine_days, _old_damaged(home, _before(now, policy.quarantine_days))),
        ("landing", policy.landing_days, _old_landing(home, _before(now, policy.landing_days))),
        ("quality", policy.quality_days, quality.written_before(home, _before(now, policy.quality_days))),
        ("scratch", _SCRATCH_DAYS, _left_behind(home, _before(now, _SCRATCH_DAYS))),
    ]
    pruned = [_remove(kind, days, paths, is_dry_run=is_dry_run) for kind, days, paths in plan]
    return [
        *pruned,
        _remove_caches(
            home, "unfinished extractions", RESUME_WITHIN, is_dry_run=is_dry_run,
            is_spent=lambda cache, age: not cache.name.startswith(STORE_PREFIX) and age > RESUME_WITHIN, now=now,
        ),
        _remove_caches(
            home, "listens", timedelta(days=policy.landing_days), is_dry_run=is_dry_run,
            is_spent=lambda cache, age: cache.name.startswith(STORE_PREFIX)
            and age > (TAKEN_KEPT if is_taken(cache) else timedelta(days=policy.landing_days)), now=now,
        ),
    ]  # fmt: skip


@on_lake
def compact(home: Home, *, through: date, is_run: bool, is_dry_run: bool = False) -> Pruned:
    """Compact settled days of raw and scores (:func:`pulse.warehouse.builds.compact`); nothing that they hold goes.

    Args:
        through: UTC day of the run, or the last one that is over. No file that came less than a week before goes.
        is_run: compact no more than a few days, because others wait.

    Returns:
        The small files that went, and the bytes that became free.

    Raises:
        LockBusy, StorageError: see there.
    """
    from pulse.warehouse import builds

    most_n = None if is_dry_run else _DAYS_AT_ONCE
    total = done = builds.compact(home, through=through, most_n=most_n, is_dry_run=is_dry_run)
    while done != Compacted() and not is_run and not is_dry_run:
        done = builds.compact(home, through=through, most_n=most_n)
        total += done
    return Pruned("small files of settled days", SETTLED_AFTER_DAYS, total.files_n, total.freed_bytes)


def _before(now: datetime, days: float) -> datetime:
    return now - timedelta(days=days)


def _old_landing(home: Home, older_than: datetime) -> Iterator[Path]:
    for kind in ("loads", "archives", "failures", "plans"):
        for path in sorted((home.landing / kind).glob("*")):
            with suppress(FileNotFoundError):  # a run may take it away meanwhile
                if path.stat().st_mtime < older_than.timestamp():
                    yield path


def _old_damaged(home: Home, older_than: datetime) -> Iterator[Path]:
    """Files that were set aside, by the time of their notes, which stay: what was lost is told for good."""
    for done in damage.set_aside_before(home):
        is_old = datetime.fromisoformat(done.set_aside_at) < older_than
        if is_old and done.moved_to.exists() and done.moved_to.is_relative_to(home.root / "damaged"):
            yield done.moved_to


def _left_behind(home: Home, older_than: datetime) -> Iterator[Path]:
    """What killed runs left in scratch, and drafts of files that were never put into place."""
    for path in sorted(home.scratch.glob("*")):
        if _last_touched_s(path) < older_than.timestamp():
            yield path
    # Airflow's and dbt's folders are theirs, and scratch goes whole.
    theirs = {home.airflow, home.dbt, home.scratch}
    for folder, folders, files in os.walk(home.root):
        folders[:] = sorted(name for name in folders if Path(folder, name) not in theirs)
        for path in (Path(folder, name) for name in sorted(files) if _DRAFT.fullmatch(name)):
            if _last_touched_s(path) < older_than.timestamp():
                yield path


def _remove_caches(
    home: Home, kind: str, kept: timedelta, *, is_spent: Callable[[Path, timedelta], bool], now: datetime,
    is_dry_run: bool,
) -> Pruned:  # fmt: skip
    """Remove response caches of unfinished extractions that no run would resume any more, or what listens heard and
    nobody takes any more; none that is in use.

    Args:
        is_spent: whether a cache may go, by how long ago it was last touched.
    """
    items_n = freed_bytes = 0
    caches = [
        (source.name, cache)
        for source in live_sources()
        for cache in sorted(caches_folder(home, source.name).glob("*"))
    ]
    for source, cache in caches:
        try:
            with exclusive(home, cache_lock(source, cache.name), timeout_s=0):
                if is_spent(cache, timedelta(seconds=now.timestamp() - _last_touched_s(cache))):
                    items_n += 1
                    freed_bytes += _remove_path(cache, is_dry_run=is_dry_run)
        except LockBusy:
            continue
    return Pruned(kind, kept / timedelta(days=1), items_n, freed_bytes)


def _remove(kind: str, days: float, paths: Iterable[Path], *, is_dry_run: bool) -> Pruned:
    items = progress.over(list(paths), f"pruning {kind}", "items")
    freed_by_item = [_remove_path(path, is_dry_run=is_dry_run) for path in items]
    return Pruned(kind, days, len(freed_by_item), sum(freed_by_item))


def _remove_path(path: Path, *, is_dry_run: bool) -> int:
    """Remove a file or a folder with all in it; returns its bytes."""
    freed_bytes = sum(stat.st_size for file, stat in _stats(path) if not file.is_dir())
    if not is_dry_run:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return freed_bytes


def _last_touched_s(path: Path) -> float:
    """When the file, or anything in the folder, was last written; seconds since 1970."""
    return max((stat.st_mtime for _, stat in _stats(path)), default=0.0)


def _stats(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The path and everything below it, less what goes meanwhile."""
    below = (Path(folder, name) for folder, folders, files in os.walk(path) for name in (*folders, *files))
    for one in (path, *below):
        with suppress(FileNotFoundError):
            yield one, one.lstat()
