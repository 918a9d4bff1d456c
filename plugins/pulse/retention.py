"""Keeping no longer than needed: what ``pulse prune`` and every publish remove."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pulse import quality
from pulse.clock import Clock
from pulse.gates import quarantine
from pulse.home import Home
from pulse.settings import Retention


@dataclass(frozen=True)
class Pruned:
    """What was, or would be, removed: how many files or folders of each kind, and their bytes."""

    kind: str
    days: int
    items_n: int
    freed_bytes: int


def prune(home: Home, policy: Retention, *, clock: Clock, is_dry_run: bool = False) -> list[Pruned]:
    """Apply the retention policy; raw, scores and what is published are never touched.

    Landing holds sealed loads and parsed archives: a removed one is made again from its source when it is needed. One
    that is being made or used is young.
    """
    now = clock()
    plan = [
        ("quarantine", policy.quarantine_days, quarantine.kept_before(home, _before(now, policy.quarantine_days))),
        ("landing", policy.landing_days, list(_old_landing(home, _before(now, policy.landing_days)))),
        ("quality", policy.quality_days, quality.written_before(home, _before(now, policy.quality_days))),
    ]
    return [_remove(kind, days, paths, is_dry_run=is_dry_run) for kind, days, paths in plan]


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _old_landing(home: Home, older_than: datetime) -> Iterator[Path]:
    for kind in ("loads", "archives", "failures", "reddit_api"):
        for path in sorted((home.landing / kind).glob("*")):
            if path.stat().st_mtime < older_than.timestamp():
                yield path


def _remove(kind: str, days: int, paths: list[Path], *, is_dry_run: bool) -> Pruned:
    freed_bytes = sum(_bytes_of(path) for path in paths)
    if not is_dry_run:
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return Pruned(kind, days, len(paths), freed_bytes)


def _bytes_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
