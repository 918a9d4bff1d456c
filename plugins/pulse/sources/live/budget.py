"""The calls that an extraction may make, and whom each of them was made for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pulse.core import progress
from pulse.core.errors import CallsSpent
from pulse.core.files import storage_error
from pulse.platforms.entry import CommunityEntry

CALLS_FILE = "calls"
_SHARED = "*"


class CallBudget:
    """Calls of one extraction, noted on disk before they are made: repeated ones and those of killed runs count.

    Args:
        folder: where they are noted, in file ``calls``.
        entries: for whom the extraction asks.
        limit_n: calls that may have been made when one more is begun.
        service: who is asked, as people call it.
        setting: what in the config to raise when they do not suffice.
    """

    def __init__(
        self, folder: Path, entries: Sequence[CommunityEntry], *, limit_n: int, service: str, setting: str
    ) -> None:
        self._file = folder / CALLS_FILE
        self._entries = entries
        self._limit_n = limit_n
        self._service = service
        self._setting = setting
        self._meter = progress.NOBODY

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Tell of each call while the context lasts how many there were."""
        with progress.counting(f"asking {self._service}", "calls") as self._meter:
            yield

    def require_one(self) -> None:
        """Refuse if no call is left.

        Raises:
            CallsSpent: as many calls as allowed were made.
        """
        made_n = self.calls().total()
        if made_n >= self._limit_n:
            raise CallsSpent(
                f"calls of this run to {self._service}, for {len(self._entries)} communities", value=made_n,
                limit=self._limit_n, next_step=f"raise {self._setting}, or listen to fewer communities",
            )  # fmt: skip

    def note(self, community: str | None = None) -> None:
        """Note a call that is about to be made, for one community or for all.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{_SHARED if community is None else _in_one_line(community)}\n")
        except OSError as error:
            raise storage_error(self._file, error) from error
        self._meter.advance()

    def take(self, community: str | None = None) -> None:
        """Note a call, if one is left.

        Raises:
            CallsSpent, StorageError: see :meth:`require_one` and :meth:`note`.
        """
        self.require_one()
        self.note(community)

    def calls(self) -> Counter[str]:
        """Calls made so far, by community; ``*`` were for all."""
        try:
            return Counter(self._file.read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return Counter()

    def calls_of(self, entry: CommunityEntry) -> int:
        """The calls made for one community, its even share of the common ones included; the shares add up."""
        calls = self.calls()
        place = [one.entry_id for one in self._entries].index(entry.entry_id)
        shared, rest = divmod(calls[_SHARED], len(self._entries))
        return calls[_in_one_line(entry.community)] + shared + (place < rest)


def _in_one_line(community: str) -> str:
    return " ".join(community.split())
