"""What listens of a day left behind: a folder for each entry and day, in it one for each listen.

A listen asks within the day and makes no load. Its answers are sealed like those of an extraction, and lie here until
the daily run has taken them beside its own. Nothing in a folder depends on the others, so a listen that was missed or
killed leaves out what only it could see, and nothing else. A listen says what it read, by kind, as a stretch of time;
what no stretch covers was not read.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pulse.core import parquet
from pulse.core.contract import CONTRACT_VERSION
from pulse.core.errors import StorageError
from pulse.core.files import read_json, write_json
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.platforms.entry import CommunityEntry
from pulse.sources.lines.mapping import Mapping as RecordMapping
from pulse.sources.live.budget import CALLS_FILE
from pulse.sources.live.caches import STORE_PREFIX, caches_folder, store_lock

# From when to when something was read.
Stretch = tuple[datetime, datetime]

_FINISHED = "finished.json"
_TAKEN = "taken.json"
_DIGEST_CHARS = 20
# What of an entry has no part in what its platform answers, nor in what is made of that.
_BESIDE_ANSWERS = frozenset({"listen_every_h", "max_quarantined_share", "path", "covers"})


@dataclass(frozen=True)
class Listen:
    """A listen that came to its end.

    Attributes:
        at: the time it was due, by the run.
        stretches: by kind, what it read, UTC; kinds of which it read nothing are left out.
    """

    at: datetime
    stretches: Mapping[str, Stretch]


@dataclass(frozen=True)
class ListenStore:
    """The listens of one entry and UTC day.

    Attributes:
        identity: of what is made of an answer; listens under another one are not used.
    """

    folder: Path
    day: date
    identity: str

    def folder_at(self, at: datetime) -> Path:
        """Where the listen that was due at a time keeps its answers; not made here."""
        return self.folder / f"{at.astimezone(UTC):%Y%m%dT%H%M%S}-{self.identity}"

    def folders(self) -> list[Path]:
        """Of all listens, also of those that did not come to their end, in order."""
        return sorted(self.folder.glob(f"*-{self.identity}"))

    def listens(self) -> list[Listen]:
        """Those that came to their end, in order; one of which an answer is damaged counts as if it had not."""
        found = (_read(folder) for folder in self.folders())
        return [listen for listen in found if listen is not None]

    def finish(self, listen: Listen) -> None:
        """Note that a listen came to its end.

        Raises:
            StorageError: landing cannot be written.
        """
        write_json(
            self.folder_at(listen.at) / _FINISHED,
            {
                "at": listen.at.isoformat(),
                "stretches": {kind: [one.isoformat() for one in read] for kind, read in listen.stretches.items()},
            },
        )

    def is_finished(self, at: datetime) -> bool:
        """Whether the listen that was due at a time came to its end."""
        return (self.folder_at(at) / _FINISHED).is_file()

    @property
    def is_taken(self) -> bool:
        """Whether a load was made of it: no listen adds to it any more."""
        return (self.folder / _TAKEN).is_file()

    def mark_taken(self) -> None:
        """Note that a load was made of it.

        Raises:
            StorageError: landing cannot be written.
        """
        write_json(self.folder / _TAKEN, {})

    def calls_n(self, *, besides: Path | None = None) -> int:
        """Calls that all its listens made, also those that came to no end, and under other identities.

        Args:
            besides: the folder of a listen that is left out.
        """
        files = (file for file in self.folder.glob(f"*/{CALLS_FILE}") if file.parent != besides)
        return sum(len(file.read_bytes().splitlines()) for file in files)


def store_of(home: Home, mapping: RecordMapping, entry: CommunityEntry, day: date, *, author_key: bytes) -> ListenStore:
    """The store of an entry's day, whether or not there is one."""
    return ListenStore(_folder_of(home, mapping.source, entry, day), day, _identity(mapping, entry, author_key))


def is_taken(store: Path) -> bool:
    """The same as :attr:`ListenStore.is_taken`, of a folder."""
    return (store / _TAKEN).is_file()


def calls_of_listens(home: Home, source: str, entry: CommunityEntry, window: Window) -> int:
    """Calls that listens made for an entry on the days of a window."""
    return sum(
        ListenStore(folder, day, "").calls_n()
        for day in window.days()
        if (folder := _folder_of(home, source, entry, day)).is_dir()
    )


def last_listen_at(home: Home, source: str, entry: CommunityEntry, days: Iterable[date]) -> datetime | None:
    """When the last listen of some days was due that came to its end; None where there is none."""
    folders = (_folder_of(home, source, entry, day) for day in days)
    notes = (file for folder in folders for file in folder.glob(f"*/{_FINISHED}"))
    found = (_read(file.parent) for file in notes)
    return max((listen.at for listen in found if listen is not None), default=None)


# ---- stretches ---------------------------------------------------------------


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time in as few stretches as possible, in order."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def reached_with(since: datetime | None, end_at: datetime, stretches: Iterable[Stretch], start_at: datetime) -> (
    datetime | None
):  # fmt: skip
    """How far back a listing reaches together with what listens read before.

    Args:
        since: how far it reached by itself, from ``end_at`` on; None if to ``start_at``.

    Returns:
        None if all is read from ``start_at`` on.
    """
    if since is None:
        return None
    own = [(since, end_at)] if since < end_at else []
    together = joined([*stretches, *own])
    if not together or together[-1][1] < end_at:
        return since
    return None if together[-1][0] <= start_at else min(since, together[-1][0])


def within(stretch: Stretch, window: Window) -> Iterator[Stretch]:
    """The part of a stretch that lies in a window; none if there is none."""
    start, end = max(stretch[0], window.start_at), min(stretch[1], window.end_at)
    if start < end:
        yield start, end


# ---- helpers -----------------------------------------------------------------


def _folder_of(home: Home, source: str, entry: CommunityEntry, day: date) -> Path:
    return caches_folder(home, source) / f"{STORE_PREFIX}{day:%Y%m%d}-{_digest(entry.entry_id)}"


def lock_of(source: str, entry: CommunityEntry, day: date) -> str:
    """The lock that whoever listens to an entry on a day, or takes what was heard then, holds."""
    return store_lock(source, _digest(entry.entry_id), day)


def _identity(mapping: RecordMapping, entry: CommunityEntry, author_key: bytes) -> str:
    facts = entry.model_dump(mode="json", exclude=set(_BESIDE_ANSWERS))
    key = hashlib.sha256(b"pulse listen store\x00" + author_key).hexdigest()
    return _digest([CONTRACT_VERSION, mapping.version, key, facts])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGEST_CHARS]


def _read(folder: Path) -> Listen | None:
    try:
        content = read_json(folder / _FINISHED)
        read = {kind: _stretch(times) for kind, times in content["stretches"].items()}
        listen = Listen(datetime.fromisoformat(content["at"]), read)
    except (StorageError, KeyError, TypeError, ValueError):
        return None  # killed before its end, or damaged
    pages = list(folder.glob("*.parquet"))
    return listen if len(parquet.whole(pages)) == len(pages) else None


def _stretch(times: Sequence[str]) -> Stretch:
    start, end = map(datetime.fromisoformat, times)
    return start, end
