"""What the config may say of communities that are read from files, whatever the platform."""

from collections.abc import Hashable
from datetime import date
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from pulse.core.clock import utc_now
from pulse.core.contract import Kind
from pulse.core.strict import Strict
from pulse.platforms.entry import CommunityEntry


class Covers(Strict):
    """Days that an entry's files hold from end to end, whatever their records show. Written as ``{from, to, kinds}``.

    Attributes:
        first_day, last_day: UTC days, both included; ``from`` and ``to`` in the config.
        kinds: of what; all kinds that the files hold where none is named.
    """

    first_day: date = Field(alias="from")
    last_day: date = Field(alias="to")
    kinds: tuple[Kind, ...] = ()

    @model_validator(mode="after")
    def _refuse_impossible(self) -> "Covers":
        if self.first_day > self.last_day:
            raise ValueError(f"from {self.first_day} is after to {self.last_day} (limit: from is to or earlier)")
        today = utc_now().date()
        if self.last_day >= today:
            raise ValueError(f"to {self.last_day} is not over (limit: the day before {today}, UTC)")
        return self


class FileEntry(CommunityEntry):
    """A community of which files are read.

    Attributes:
        path: found and absolute. In the config: one path, glob or a list of them, relative to the config file;
            ``${PULSE_HOME}`` stands for that folder.
        covers: days that the files hold from end to end though their records do not show it: one item or a list.
        extra_fields: whether to keep the source's allow-listed further fields in ``extra``.
        files_module: where ``mapping`` lies, which says what the records mean; imported when files are read.
    """

    path: tuple[Path, ...]
    covers: tuple[Covers, ...] = ()
    extra_fields: bool = False

    files_module: ClassVar[str]

    @property
    def reading(self) -> Hashable:
        """What of the entry decides how its files are read: entries that agree in it share what was read of a file."""
        return self.files_module

    @property
    def files_observe(self) -> frozenset[str]:
        """What the files can show, where a live source beside them sees less."""
        return self.observes

    @field_validator("covers", mode="before")
    @classmethod
    def _as_list_of_covers(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @field_validator("path", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Path) else value
