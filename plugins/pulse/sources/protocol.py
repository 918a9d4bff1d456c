"""What a source says of itself."""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from pulse.core.credentials import Credentials
from pulse.core.strict import Strict
from pulse.platforms.entry import CommunityEntry
from pulse.sources.recognition import Address, FileForm

# Airflow reads the registry in each of its processes, for the connection forms: no engine comes with it.
if TYPE_CHECKING:
    from datetime import datetime

    from pulse.core.window import Window
    from pulse.lake.landing import Load
    from pulse.sources.context import SourceContext
    from pulse.sources.live.entry import LiveEntry
    from pulse.sources.live.listening import Heard

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Extraction(Protocol):
    """What a source's module holds."""

    def extract(self, entry: CommunityEntry, window: "Window", context: "SourceContext") -> "Sequence[Load]":
        """Land one entry's window; at least one load.

        Raises:
            SourceError: the source cannot give the window; ``retry_helps`` tells whether waiting does.
            DayNotServable: the source cannot serve that day (any more).
            ConfigError: credentials are missing, calls do not fit the budget, or no file holds what is declared.
            StorageError: landing cannot be written.
        """

    def describe_plan(self, window: "Window", context: "SourceContext") -> Sequence[str]:
        """Of a live source: what the window will ask its platform for, in lines.

        Raises:
            ConfigError: the calls do not fit the budget.
        """

    def listen(self, entry: "LiveEntry", at: "datetime", context: "SourceContext") -> "Heard":
        """Of a live source whose entries may listen: ask within the day; makes no load.

        Args:
            at: when the listen was due, aware; its UTC day is the one that is listened to.

        Raises:
            SourceError: the platform cannot be asked; ``retry_helps`` tells whether waiting does.
            ConfigError: credentials are missing.
            StorageError: landing cannot be written.
        """

    def probe(self, entry: CommunityEntry, context: "SourceContext") -> str:
        """Of a live source: ask its platform one question about an entry; what it said, in words.

        Raises:
            SourceError: it does not answer, or refuses.
            ConfigError: credentials are missing.
        """


@dataclass(frozen=True)
class Source:
    """One way to one platform. Light: neither it nor what it names imports a client library.

    Attributes:
        name: as an entry's ``source``, in the contract's column ``source`` and before load ids; also the section of the
            config with its policy. Lower-case letters, digits and ``_``; no ending that the ids of live loads have
            (:data:`pulse.lake.landing.LIVE_ENDINGS`), but ``_api`` if it is live.
        entry: what the config may say of a community.
        module: where :class:`Extraction` lies; imported when the source is used.
        is_live: asks a platform, which shows no state twice: its loads add to raw. Others replace their days.
        policy: limits of calls and waits; None if it needs none.
        credentials: what it is asked with; None if it needs none.
        days: which days it can serve, in words.
        addresses: forms of web address that name a community of it; the first that fits counts.
        files: forms of file that it reads.

    Raises:
        ValueError: the name is not safe before a load's id, or says something else than ``is_live``.
    """

    name: str
    entry: type[CommunityEntry]
    module: str
    is_live: bool = False
    policy: type[Strict] | None = None
    credentials: type[Credentials] | None = None
    days: str = "those that its files hold"
    addresses: tuple[Address, ...] = ()
    files: tuple[FileForm, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a name from which a load's id could not be told apart, or whose loads raw would take for others."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name of a source: {self.name!r} (limit: a-z, then a-z 0-9 _)")
        if self.name.endswith("_live") or (self.name.endswith("_api") and not self.is_live):
            raise ValueError(f"source {self.name!r}: the ids of live loads end so, see landing.load_id_for")

    def implementation(self) -> Extraction:
        """The module that does the work."""
        return cast("Extraction", importlib.import_module(self.module))
