"""One tree for everything that can go wrong.

Each error names the thing, the value that was found, the limit it broke and the next step, and says whether trying
again can help. Libraries' own errors are translated where they are met, with ``raise ... from error``.
"""

from datetime import date
from typing import ClassVar

from pulse.core.text import printable


class PulseError(Exception):
    """Base of the tree.

    Attributes:
        thing: what the error is about, as a short noun phrase.
        value: what was found; None where there is nothing to show.
        limit: what would have been accepted; None where there is no such line.
        next_step: what the reader should do now.
        retry_helps: whether the same call may succeed later without anybody changing anything.
    """

    retry_helps: ClassVar[bool] = False

    def __init__(self, thing: str, *, value: object = None, limit: object = None, next_step: str) -> None:
        self.thing = printable(thing)
        self.value = None if value is None else printable(str(value))
        self.limit = None if limit is None else printable(str(limit))
        self.next_step = printable(next_step)
        super().__init__(self._message())

    def for_terminal(self) -> str:
        """The message for the person who waits: one line, unless what went wrong has several by its nature."""
        return str(self)

    def _message(self) -> str:
        parts = [self.thing]
        if self.value is not None:
            parts.append(f": {self.value}")
        if self.limit is not None:
            parts.append(f" (limit: {self.limit})")
        return f"{''.join(parts)}. Next: {self.next_step}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and Airflow may carry errors between processes.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[PulseError], facts: dict[str, object]) -> PulseError:
    error = kind.__new__(kind)
    error.__dict__.update(facts)
    Exception.__init__(error, error._message())  # noqa: SLF001  (the class rebuilds itself)
    return error


# ---- before anything runs --------------------------------------------------


class ConfigError(PulseError):
    """The configuration cannot be used: unknown key, duplicate, missing file."""


class DayNotOver(PulseError):
    """The asked day has not ended in UTC, so its load could not be complete."""


class DayNotServable(PulseError):
    """The source cannot serve that day any more (or at all).

    Attributes:
        earliest_day: the earliest UTC day the source can serve; None where it cannot tell.
    """

    def __init__(self, thing: str, *, value: object, earliest_day: date | None, next_step: str) -> None:
        self.earliest_day = earliest_day
        limit = None if earliest_day is None else f"{earliest_day.isoformat()} is the earliest day it can serve"
        super().__init__(thing, value=value, limit=limit, next_step=next_step)


# ---- sources ---------------------------------------------------------------


class SourceError(PulseError):
    """A source answered in a way that will not change by itself."""


class SourceUnavailable(SourceError):
    """A source could not be reached or answered with a passing fault. Worth a retry."""

    retry_helps = True


class ListingRepeats(SourceUnavailable):
    """A page of a listing brought nothing but what the pages before it had."""


class CallsSpent(SourceError):
    """A run has made all the calls to a platform that it may make."""


class RateLimited(SourceUnavailable):
    """The source asked us to wait. Worth a retry after ``retry_after_s`` seconds."""

    def __init__(
        self, thing: str, *, retry_after_s: float, next_step: str = "nothing: the task waits and retries"
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(thing, value=f"asked to wait {retry_after_s:g} s", next_step=next_step)


class BadCredentials(SourceError):
    """The source refused our credentials. A retry would only be refused again."""


class ArchiveUnreadable(SourceError):
    """An archive file is cut off, of an unknown compression, or cannot be opened."""


# ---- gates, warehouse, publishing ------------------------------------------


class GateStopped(PulseError):
    """A gate found a critical rule broken: the load, or the marts, go no further."""


class GateBroken(PulseError):
    """A gate could not tell: no rows without proof, no rules, an exception. Silence is not a pass, so it stops."""


class NotEnoughArrived(PulseError):
    """Too few of the configured communities arrived for the day to be published."""


class LockBusy(PulseError):
    """Another process holds the lock.

    Attributes:
        holder_pid: process id of the holder; None where it could not be read.
    """

    retry_helps = True

    def __init__(self, thing: str, *, holder_pid: int | None, waited_s: float) -> None:
        self.holder_pid = holder_pid
        holder = "an unknown process" if holder_pid is None else f"process {holder_pid}"
        super().__init__(
            thing,
            value=f"held by {holder}",
            limit=f"waited {waited_s:g} s",
            next_step="wait for that run to end, or look at it with `pulse status`",
        )


class StorageError(PulseError):
    """The file system refused: full, read-only, or a file that should be there is not."""


class DamagedFile(StorageError):
    """A file under ``PULSE_HOME`` is not as it was written: cut off, written over, a folder in its place."""


class ObjectStoreError(StorageError):
    """Object storage answered in a way that will not change by itself: no such bucket, an answer nobody expects."""


class ObjectStoreRefused(ObjectStoreError):
    """Object storage refused our credentials, or what they may do there."""


class ObjectStoreUnavailable(ObjectStoreError):
    """Object storage could not be reached, broke off or answered with a passing fault. Worth a retry."""

    retry_helps = True


class LakeChanged(StorageError):
    """Another writer changed the lake first, so nothing was written. Worth a retry, which begins with that."""

    retry_helps = True


class BuildFailed(PulseError):
    """Dbt could not build the marts; what was published before stays."""


class BuildReplaced(PulseError):
    """Another run built the marts after the build that gate 2 passed. Worth a retry: it publishes both."""

    retry_helps = True


class QueryError(PulseError):
    """The SQL somebody asked for cannot be run.

    Attributes:
        lines: the value as DuckDB wrote it, line by line; it points to places in the query, so lines are kept apart.
    """

    def __init__(self, thing: str, *, value: object = None, limit: object = None, next_step: str) -> None:
        written = [] if value is None else str(value).strip("\n").split("\n")
        self.lines = [printable(line).rstrip() for line in written if line.strip()]
        in_one = None if value is None else " ".join(" ".join(written).split())
        super().__init__(thing, value=in_one, limit=limit, next_step=next_step)

    def for_terminal(self) -> str:
        """Several lines if the value has several; those after the first are indented, so none passes for ours."""
        if len(self.lines) < 2:
            return str(self)
        limit = [] if self.limit is None else [f"(limit: {self.limit})"]
        following = "".join(f"\n  {line}" for line in [*self.lines[1:], *limit, f"Next: {self.next_step}"])
        return f"{self.thing}: {self.lines[0]}{following}"


class NothingPublished(PulseError):
    """There is no published file yet."""
