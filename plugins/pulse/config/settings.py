"""What to listen to, and how strictly: the one reader of ``config/communities.yml`` and of ``PULSE_*``.

Unknown keys, duplicate communities and missing files are refused here, before anything runs.
"""

import fnmatch
import functools
import glob
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args

import yaml
from pydantic import Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from pulse.config.document import Document, Loc, Place, config_path, is_of_the_kernel, parsed_yaml, read_document
from pulse.config.lake import LakeAddress, lake_url
from pulse.config.listening import Listening, checked
from pulse.config.report import ReportPolicy
from pulse.config.spark import EngineName, Spark
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.core.keys import author_key_bytes
from pulse.core.strict import WILDCARD, Share, Strict
from pulse.platforms.entry import CommunityEntry
from pulse.platforms.names import canonical_name
from pulse.platforms.profiles import account_in, pseudonym
from pulse.platforms.registry import platform_named
from pulse.sources.lines.entry import FileEntry
from pulse.sources.registry import SOURCES

_HOME_VARIABLE = "${PULSE_HOME}"
# A hundred years: as good as for ever, and no calendar runs out.
Days = Annotated[int, Field(ge=1, le=36_500)]


class PublishPolicy(Strict):
    """When a day may reach analysts, and how long old states stay.

    Attributes:
        min_communities_arrived_share: of the configured entries, how many must have arrived (or proved empty).
        keep_states_n: published files kept beside the current one.
    """

    min_communities_arrived_share: Share = 0.5
    keep_states_n: Annotated[int, Field(ge=1, le=100)] = 3


class Retention(Strict):
    """How many days each kind of data stays; ``pulse prune`` and the daily run apply it.

    Attributes:
        text_days: of texts that came from files, and that no platform can be asked about; None keeps them. Applied by
            ``pulse sweep``, and never longer than the platform's terms say.
    """

    quarantine_days: Days = 30
    landing_days: Days = 14
    quality_days: Days = 400
    text_days: Days | None = None


class Notifier(Strict):
    """An Airflow notifier to call, by import path and arguments; secrets belong in its connection, not here."""

    notifier: str
    arguments: dict[str, Any] = Field(default_factory=dict)


if TYPE_CHECKING:
    Entry = CommunityEntry
else:
    Entry = Annotated[
        Union[tuple(source.entry for source in SOURCES.values())],  # noqa: UP007  (made of what there is)
        Field(discriminator="source"),
    ]


class _Settings(Strict):
    """The whole configuration, apart from the sections of sources."""

    communities: tuple[Entry, ...] = Field(min_length=1)
    publish: PublishPolicy = PublishPolicy()
    retention: Retention = Retention()
    notify: tuple[Notifier, ...] = ()
    sentiment_model: Literal["pulse", "vader"] = "pulse"
    daily_deadline_h: Annotated[float, Field(gt=0, le=24)] = 6.0
    listening: Listening = Listening()
    report: ReportPolicy = ReportPolicy()
    engine: EngineName = "duckdb"
    spark: Spark = Spark()
    lake: LakeAddress | None = None

    def entry(self, entry_id: str) -> CommunityEntry:
        """The entry with that id.

        Raises:
            ConfigError: no such entry.
        """
        for entry in self.communities:
            if entry.entry_id == entry_id:
                return entry
        raise ConfigError(
            "community",
            value=entry_id,
            limit="one of " + ", ".join(entry.entry_id for entry in self.communities),
            next_step="add it to the config, or choose one that is there",
        )

    def policies(self) -> dict[type[Strict], Strict]:
        """How sources treat their platforms, by the class of the policy."""
        return {source.policy: getattr(self, source.name) for source in SOURCES.values() if source.policy is not None}


if TYPE_CHECKING:

    class Settings(_Settings):
        """The whole configuration."""

        # Sections of sources, which are not known here by name.
        def __getattr__(self, name: str) -> Any: ...

        def __init__(self, **data: Any) -> None: ...

else:
    # A section for each source that has a policy, under the source's name.
    Settings = create_model(
        "Settings",
        __base__=_Settings,
        __doc__="The whole configuration.",
        **{source.name: (source.policy, source.policy()) for source in SOURCES.values() if source.policy is not None},
    )


def daily_deadline_h() -> float:
    """Hours after which a daily run is late, for the DAG file.

    Never raises, for a DAG must parse to tell what is wrong: a configuration that cannot be read gives the default
    here, and its own clear error in the run's first task.
    """
    default = float(Settings.model_fields["daily_deadline_h"].default)
    try:
        document = parsed_yaml(config_path().read_text(encoding="utf-8"))
        hours = float(document.get("daily_deadline_h", default))
    except (OSError, yaml.YAMLError, RecursionError, AttributeError, TypeError, ValueError, OverflowError):
        return default
    return hours if 0 < hours <= 24 else default


def load_settings(path: Path | None = None, *, home: Home | None = None) -> Settings:
    """Read and check the configuration.

    Args:
        path: the file; by default :func:`config_path`.
        home: what ``${PULSE_HOME}`` stands for; by default from the environment.

    Side effects: makes the author key if there is none and a profile is named.

    Raises:
        ConfigError: the file is missing, not YAML, has an unknown key or wrong value, names a community twice, or
            points to files that are not there, or says of brands and offers what cannot be. The message names file and
            line. Also an author key that cannot be used, an engine in ``PULSE_ENGINE`` that there is none
            of, or no address in ``PULSE_LAKE``.
    """
    document = read_document(path or config_path())
    try:
        settings = Settings.model_validate(document.values)
    except ValidationError as error:
        raise _first_fault(document, error) from error
    home = home or Home.from_environment()
    settings = settings.model_copy(
        update={"communities": tuple(_without_clear_name(entry, home) for entry in settings.communities)}
    )
    _refuse_duplicates(document, settings)
    find = _finder(home)
    found = tuple(_with_files(document, index, entry, find) for index, entry in enumerate(settings.communities))
    return settings.model_copy(
        update={
            "communities": found,
            "listening": _checked_listening(document, settings, home),
            "engine": _engine(settings.engine),
            "lake": lake_url(settings.lake),
        }
    )


def _engine(configured: EngineName) -> EngineName:
    """``$PULSE_ENGINE``, or what the config says."""
    asked = os.environ.get("PULSE_ENGINE") or configured
    for name in get_args(EngineName):
        if asked == name:
            return name  # type: ignore[no-any-return]
    raise ConfigError(
        "PULSE_ENGINE",
        value=asked,
        limit=f"one of {', '.join(get_args(EngineName))}",
        next_step="correct it, or unset it: the config's engine holds then",
    )


def _first_fault(document: Document, error: ValidationError) -> ConfigError:
    faults = error.errors()
    # Entries that do not validate are missing from the list, which is then too short as well.
    faults = [fault for fault in faults if fault["type"] != "too_short"] or faults
    fault = faults[0]
    loc, place = _as_written(document, fault)
    where = ".".join(map(str, loc)) or "the document"
    # A fault of a default is one, however many entries have got it.
    faults_n = len({(_as_written(document, other), other["type"]) for other in faults})
    more = f" (and {faults_n - 1} more)" if faults_n > 1 else ""
    if fault["type"] == "extra_forbidden":
        # Another entry of the platform may take that default: say which one does not.
        refusing = (
            f"keys of the entry in {document.entry_place(int(fault['loc'][1]))}" if loc[0] == "defaults" else None
        )
        return ConfigError(
            f"config {place}",
            value=f"unknown key {where}{more}",
            limit=refusing,
            next_step="check the spelling, or remove the key",
        )
    return ConfigError(f"config {place}", value=f"{where}: {fault['msg']}{more}", next_step="mend that value")


def _as_written(document: Document, fault: ErrorDetails) -> tuple[Loc, Place]:
    """How the files name what a fault is about, and where it stands."""
    # Below an entry of `communities`, pydantic names the kind of entry that it took it for.
    loc = tuple(part for place, part in enumerate(fault["loc"]) if place != 2 or fault["loc"][0] != "communities")
    if fault["type"] == "union_tag_invalid":  # it names the entry, and means its source
        written, place = document.as_written((*loc, "source"))
        return written if written[0] == "defaults" else written[:-1], place
    return document.as_written(loc)


def _without_clear_name(entry: CommunityEntry, home: Home) -> CommunityEntry:
    """The entry under a pseudonym if its community is somebody's profile, so that nothing made of it names a person."""
    account = account_in(entry.name) if entry.has_profiles else None
    if account is None:
        return entry
    return entry.model_copy(update={"name": pseudonym(author_key_bytes(home), entry.platform, account)})


def _checked_listening(document: Document, settings: Settings, home: Home) -> Listening:
    listening: Listening = settings.listening
    named = {entry.entry_id for entry in settings.communities}
    wildcards = {entry.platform for entry in settings.communities if entry.is_wildcard}

    def community_id(given: str) -> str:
        platform, _, name = given.partition("/")
        account = account_in(name) if platform_named(platform).has_profiles else None
        if account is not None:
            return f"{platform}/{pseudonym(author_key_bytes(home), platform, account)}"
        return f"{platform}/{canonical_name(platform, name)}"

    def is_known(community_id: str) -> bool:
        platform, _, name = community_id.partition("/")
        return bool(name) and (community_id in named or (platform in wildcards and name != WILDCARD))

    def absolute(path: Path) -> Path:
        return document.main.path.parent / str(path).replace(_HOME_VARIABLE, str(home.root))

    return checked(document, listening, community_id=community_id, is_known=is_known, absolute=absolute)


def _refuse_duplicates(document: Document, settings: Settings) -> None:
    seen: dict[str, Place] = {}
    for index, entry in enumerate(settings.communities):
        place = document.entry_place(index)
        if entry.entry_id in seen:
            raise ConfigError(
                f"config {place}",
                value=f"{entry.entry_id} stands twice, first in {seen[entry.entry_id]}",
                limit="once",
                next_step="remove one of the two",
            )
        seen[entry.entry_id] = place


_Find = Callable[[Path, Path], tuple[Path, list[Path]]]


def _with_files(document: Document, index: int, entry: CommunityEntry, find: _Find) -> CommunityEntry:
    """The entry with the absolute files that its paths find, in order, each once.

    Args:
        find: where a pattern leads that stands in a file of that folder, and the files there.
    """
    if not isinstance(entry, FileEntry):
        return entry
    folder = document.folder(index, "path")
    found: dict[Path, None] = {}
    for pattern in entry.path:
        absolute, files = find(folder, pattern)
        if not files:
            raise ConfigError(
                f"config {document.entry_place(index)}",
                value=f"path of {entry.entry_id}: {pattern} (looked at {absolute})",
                limit="at least one file",
                next_step="mend the path in the config; `make demo` writes the files of the demo",
            )
        found |= dict.fromkeys(files)
    return entry.model_copy(update={"path": tuple(found)})


def _finder(home: Home) -> _Find:
    """Finds the files of a pattern; each pattern and each folder is looked at once, however many entries name it."""
    names_in = functools.cache(_names_in)

    @functools.cache
    def find(folder: Path, pattern: Path) -> tuple[Path, list[Path]]:
        absolute = folder / str(pattern).replace(_HOME_VARIABLE, str(home.root))
        try:
            files = (
                [absolute.resolve()] if absolute.is_file() else _files_matching(str(pattern), folder, home, names_in)
            )
        except (OSError, ValueError):  # no file can have that name
            files = []
        return absolute, [file for file in files if not is_of_the_kernel(file)]

    return find


def _files_matching(pattern: str, start: Path, home: Home, names_in: Callable[[Path], list[str]]) -> list[Path]:
    """Files that a glob finds; folders that merely contain glob characters stand for themselves.

    Args:
        start: the folder of the file in which the pattern is written.
        names_in: what lies in a folder; asked where only the last part of the pattern is one.
    """
    absolute = Path(glob.escape(str(start))) / pattern.replace(_HOME_VARIABLE, glob.escape(str(home.root)))
    folder, last = absolute.parent, absolute.name
    plain = Path(_unescaped(str(folder)))
    if glob.escape(str(plain)) == str(folder) and not last.startswith("."):
        matches = [str(plain / name) for name in fnmatch.filter(names_in(plain), last) if not name.startswith(".")]
    else:
        matches = glob.glob(str(absolute))
    return [Path(match).resolve() for match in sorted(matches) if Path(match).is_file()]


def _unescaped(path: str) -> str:
    """What :func:`glob.escape` was given."""
    return re.sub(r"\[([*?[])\]", r"\1", path)


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  (names are asked for, not paths)
    except OSError:
        return []
