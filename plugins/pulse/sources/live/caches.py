"""Where the response caches of a live source lie, and how long they are of use."""

from datetime import timedelta
from pathlib import Path

from pulse.core.home import Home

# How long an extraction that was not finished can be resumed.
RESUME_WITHIN = timedelta(hours=6)


def caches_folder(home: Home, source: str) -> Path:
    """The answers that a source was given and has not made loads of yet; one folder in it for each extraction."""
    return home.landing / source


def cache_lock(source: str, name: str) -> str:
    """The lock that whoever uses, or removes, that cache of a source holds."""
    return f"{source}-{name}"
