"""Where the response caches of a live source lie, and how long they are of use."""

from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from pulse.core.home import Home

# How long an extraction that was not finished can be resumed.
RESUME_WITHIN = timedelta(hours=6)
# How long what listens of a day heard is kept once a load was made of it, for the day to be run again in time. No
# longer, for it holds texts that may be taken back meanwhile.
TAKEN_KEPT = timedelta(hours=24)
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
        day, _, digest = name.removeprefix(STORE_PREFIX).partition("-")
        with suppress(ValueError):
            return store_lock(source, digest, date.fromisoformat(day))
    return f"{source}-{name}"


def store_lock(source: str, digest: str, day: date) -> str:
    """The same for the listens of an entry and day: one for the entry's even days and one for its odd ones.

    The file of a lock stays for good, so days have none of their own; and at midnight the daily run of a day and the
    first listen of the next one begin together.
    """
    return f"{source}-{STORE_PREFIX}{digest}-{day.toordinal() % 2}"
