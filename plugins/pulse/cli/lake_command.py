"""``pulse lake copy``: which side is a home and which a store, and what is said of the copy."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from pulse.config.lake import lake_of_config, working
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.lake import copying
from pulse.lake.copying import Copied
from pulse.lake.store import is_store, open_store


def copy(to: str, from_: str | None, *, purges_versions: bool, may_remove: Callable[[int], bool]) -> Copied:
    """Copy the lake of a home to a store, or the other way round.

    Args:
        to, from_: a folder is a home; an address is a store. None is ``PULSE_HOME``.

    Raises:
        ConfigError: not one of each, or an address that cannot be used.
        StorageError and the others: see :mod:`pulse.lake.copying`.
    """
    if is_store(to) == (from_ is not None and is_store(from_)):
        raise ConfigError(
            "pulse lake copy", value=f"to {to}, from {from_ or 'PULSE_HOME'}",
            limit="one home (a folder) and one store (s3://bucket/prefix, file:///folder)",
            next_step="name the store, and --from or TO as the home",
        )  # fmt: skip
    if is_store(to):
        home, store = _existing(from_), open_store(to)
        # The lake that steps of this home work on: what others wrote there is taken first, and not written over.
        with working(home) if store.url == lake_of_config() else nullcontext():
            return copying.send(home, store, purges_versions=purges_versions)
    if purges_versions:
        raise ConfigError(
            "--purge-versions", value="copying to a home", limit="copying to a store", next_step="leave it out"
        )
    return copying.receive(Home(Path(to).resolve()).create(), open_store(str(from_)), may_remove=may_remove)


def lines_of(copied: Copied, *, to: str) -> list[str]:
    """What was done, for people."""
    lines = [
        f"state {copied.state_n}: {copied.files_n} files, {copied.bytes_n / 1e6:.1f} MB",
        f"moved {copied.moved_n} files, {copied.moved_bytes / 1e6:.1f} MB; removed {copied.removed_n} files",
    ]
    if copied.swept_n:
        lines.append(f"deleted {copied.swept_n} objects that belong to no state any more")
    if copied.purged_n:
        lines.append(f"deleted {copied.purged_n} old versions of objects for good")
    elif copied.keeps_versions:
        lines.append(
            "the bucket keeps versions: what was deleted or replaced can be read there until --purge-versions, or a "
            "rule of its lifecycle, deletes them"
        )
    elif copied.keeps_versions is None:
        lines.append("whether the bucket keeps versions of what is deleted could not be asked")
    if not is_store(to) and (copied.moved_n or copied.removed_n):
        lines.append("Next: `pulse doctor`, then `pulse rebuild` publishes it")
    return lines


def _existing(place: str | None) -> Home:
    home = Home.from_environment() if place is None else Home(Path(place).resolve())
    if not home.raw.is_dir():
        raise ConfigError(f"home {home.root}", value="has no folder raw", next_step="name a PULSE_HOME with --from")
    return home
