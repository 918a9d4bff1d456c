"""What each notifier was told of, so that no find is told twice: small Parquet files under PULSE_HOME/alerts.

    alerts/<notifier>/since.json                  from which day on it is told
    alerts/<notifier>/2026-10-05-<n>.parquet      finds of one message that it took
    alerts/<notifier>/2026-10-05-<n>.sending      the same while it is being sent

A message that was sent cannot be taken back, so its finds are written down before it goes. Where a process dies in
between, nobody knows whether it went: it counts as told, and the next message's sender is told so. Finds are kept as
digests of what they are: neither texts nor authors, nor ids of contributions.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from pulse.core import parquet
from pulse.core.errors import DamagedFile, StorageError
from pulse.core.files import read_json, storage_error, write_json
from pulse.core.home import Home
from pulse.core.table import Column, Table

TOLD = Table(
    "told",
    "Finds that a notifier was told of.",
    "one row per find.",
    (
        Column("find_key", "VARCHAR", False, "digest of what was found, without its day"),
        Column("alert_date", "DATE", False, "day that it was found on"),
    ),
)
# Longer than a find can be told again (dbt's alert_quiet_days) and a message be late.
_KEPT_DAYS = 90
_SENDING, _SINCE = ".sending", "since.json"


def key_of(name: str, arguments: Mapping[str, Any]) -> str:
    """Tells one notifier from another: by its import path and arguments."""
    said = json.dumps([name, arguments], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Ledger:
    """What one notifier was told. Used by one process at a time: hold ``ALERTS_LOCK``."""

    folder: Path

    @classmethod
    def of(cls, home: Home, key: str) -> "Ledger":
        """The ledger of the notifier with that key."""
        return cls(home.alerts / key)

    def since(self, day: date) -> date:
        """The day from which on it is told; at first sight the given one, which is kept.

        Raises:
            StorageError: disk full or not writable, or the file is damaged.
        """
        file = self.folder / _SINCE
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(file, {"first_day": day.isoformat()})
        try:
            return date.fromisoformat(str(read_json(file)["first_day"]))
        except (StorageError, KeyError, TypeError, ValueError) as error:
            raise DamagedFile(
                f"file {file}", value=str(error),
                next_step="remove it: the notifier is told from the next run's day on, and nothing twice",
            ) from error  # fmt: skip

    def interrupted(self) -> list[str]:
        """Names of messages of which nobody knows whether they went. From now on they count as told.

        Raises:
            StorageError: a file cannot be renamed.
        """
        names = []
        for file in sorted(self.folder.glob(f"*{_SENDING}")):
            _rename(file, file.with_suffix(".parquet"))
            names.append(file.stem)
        return names

    def files(self) -> list[Path]:
        """The files of what it was told, with the columns of :data:`TOLD`.

        Raises:
            DamagedFile: one of them cannot be read, so that nobody knows what it was told.
        """
        files = sorted(self.folder.glob("*.parquet"))
        for file in files:
            fault = parquet.fault_of(file, is_deep=True)
            if fault is not None:
                raise DamagedFile(
                    f"file {file}", value=fault,
                    next_step="remove it: what it held may be told once more; until then this notifier is told nothing",
                )  # fmt: skip
        return files

    @contextmanager
    def sending(self, day: date, finds: pa.Table) -> Iterator[None]:
        """Note that the finds are told, around the sending of their message; what raises inside was not told.

        Raises:
            StorageError: disk full or not writable; nothing may be sent then.
        """
        number = 1 + max((int(file.stem.rpartition("-")[2]) for file in self.folder.glob(f"{day}-*")), default=0)
        draft = self.folder / f"{day}-{number}{_SENDING}"
        parquet.write(draft, finds.select(TOLD.names).cast(TOLD.arrow_schema))
        try:
            yield
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _rename(draft, draft.with_suffix(".parquet"))

    def prune(self, day: date) -> None:
        """Remove what is so old that it cannot be told again, seen from that day."""
        for file in self.folder.glob("*.parquet"):
            if file.stem < (day - timedelta(days=_KEPT_DAYS)).isoformat():
                file.unlink(missing_ok=True)


def _rename(file: Path, target: Path) -> None:
    try:
        file.replace(target)
    except OSError as error:
        raise storage_error(target, error) from error
