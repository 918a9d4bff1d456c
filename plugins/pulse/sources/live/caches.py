"""Where the response caches of a live source lie, and how long they are of use."""

from datetime import timedelta
from pathlib import Path

from pulse.core.home import Home

# How long an extraction that was not finished can be resumed.
RESUME_WITHIN = timedelta(hours=6)
# How long what listens of a day heard is kept once a load was made of it, for the day to be run again.
TAKEN_KEPT = timedelta(hours=48)
# Begins the name of a folder with the listens of an entry's day; its day and a digest of the entry follow.
STORE_PREFIX = "listens-"


def caches_folder(home: Home, source: str) -> Path:
    """The answers that a source was given and has not made loads of yet; one folder in it for each extraction, and for
    the listens of each entry and day.
    """
    return home.landing / source


def cache_lock(source: str, name: str) -> str:
    """The lock that whoever uses, or removes, that cache of a source holds."""
    if name.startswith(STORE_PREFIX):
        return store_lock(source, name.rpartition("-")[2])
    return f"{source}-{name}"


def store_lock(source: str, digest: str) -> str:
    """The same for the listens of an entry, whatever their day."""
    return f"{source}-{STORE_PREFIX}{digest}"
