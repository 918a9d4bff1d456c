"""Files of a whole lake state that take their places in a home, all or none, by a journal as promotions have one.

    lake/arriving/<digest>      fetched and checked, not in its place yet; a killed copy goes on from here
    lake/journal.json           written once all are here: which file goes where, and which files go

Whoever holds the lock of raw and comes next finishes what a killed process left half done
(:func:`pulse.lake.raw.finish_all`).
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pulse.core.files import fsync_folder, read_json, remove_empty_folders, storage_error, write_json
from pulse.core.home import Home


def folder(home: Home) -> Path:
    """Where fetched files wait."""
    return home.lake / "arriving"


def place(home: Home, fetched: Mapping[str, tuple[Path, int]], removes: Iterable[str]) -> None:
    """Put fetched files into their places and remove others; only whoever holds the lock of raw may call this.

    Args:
        fetched: by path relative to the home: a file of :func:`folder`, and when it was written (ns since 1970).
        removes: paths relative to the home.

    Raises:
        StorageError: disk full or not writable; the home is as before, or the next one finishes it.
    """
    write_json(
        _journal(home),
        {
            "puts": [[file.name, path, modified_ns] for path, (file, modified_ns) in fetched.items()],
            "removes": list(removes),
        },
    )
    finish(home)


def finish(home: Home) -> bool:
    """Carry out what was written down; whether there was anything. Every step can be repeated."""
    journal = _journal(home)
    if not journal.is_file():
        return False
    content = read_json(journal)
    changed: set[Path] = set()
    try:
        for name, path, modified_ns in content["puts"]:
            fetched, target = folder(home) / name, home.root / path
            if fetched.exists():
                os.utime(fetched, ns=(modified_ns, modified_ns))
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_dir():  # damage: a folder in place of the file
                    shutil.rmtree(target)
                fetched.replace(target)
            changed.add(target.parent)
        for path in content["removes"]:
            target = home.root / path
            target.unlink(missing_ok=True)
            changed.add(target.parent)
        for one in changed:
            if one.is_dir():
                fsync_folder(one)
                # The first folders of a home stay.
                remove_empty_folders(one, up_to=home.root / one.relative_to(home.root).parts[0])
        journal.unlink()
        fsync_folder(journal.parent)
    except OSError as error:
        raise storage_error(journal, error) from error
    clear(home)
    return True


def clear(home: Home) -> None:
    """Remove what waits and is wanted no more."""
    shutil.rmtree(folder(home), ignore_errors=True)


def _journal(home: Home) -> Path:
    return home.lake / "journal.json"
