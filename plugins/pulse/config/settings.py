"""What to listen to, and how strictly: the one reader of ``config/communities.yml`` and of ``PULSE_*``.

Unknown keys, duplicate communities and missing files are refused here, before anything runs.
"""

import fnmatch
import functools
import glob
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import yaml
from pydantic import Field, ValidationError, create_model

from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY, Home
from pulse.core.keys import author_key_bytes
from pulse.core.strict import Share, Strict
from pulse.platforms.entry import CommunityEntry
from pulse.platforms.profiles import account_in, pseudonym
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
    """How many days each kind of data stays; ``pulse prune`` and the daily run apply it."""

    quarantine_days: Days = 30
    landing_days: Days = 14
    quality_days: Days = 400


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


def config_path() -> Path:
    """``$PULSE_CONFIG``, or ``config/communities.yml``; a relative value is resolved against the repository."""
    return (REPOSITORY / os.environ.get("PULSE_CONFIG", "config/communities.yml")).resolve()


def daily_deadline_h() -> float:
    """Hours after which a daily run is late, for the DAG file.

    Never raises, for a DAG must parse to tell what is wrong: a configuration that cannot be read gives the default
    here, and its own clear error in the run's first task.
    """
    default = float(Settings.model_fields["daily_deadline_h"].default)
    try:
        document = _parsed_yaml(config_path().read_text(encoding="utf-8"))
        hours = float(document.get("daily_deadline_h", default))
    except (OSError, yaml.YAMLError, RecursionError, AttributeError, TypeError, ValueError, OverflowError):
        return default
    return hours if 0 < hours <= 24 else default


class _RepeatedKey(yaml.MarkedYAMLError):
    """A mapping that names a key twice: YAML's own readers would take the last and say nothing."""


class _StrictLoader(yaml.SafeLoader):
    """Plain values only, and each key once."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Compose a mapping as ever, then look at its keys, before any are merged into it."""
        node = super().compose_mapping_node(anchor)
        seen: dict[object, Any] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = (key.tag, key.value)
                if name in seen:
                    raise _RepeatedKey(
                        problem=f"key {key.value} stands twice, in lines {seen[name].line + 1} and "
                        f"{key.start_mark.line + 1}",
                        problem_mark=key.start_mark,
                    )
                seen[name] = key.start_mark
        return node


def _parsed_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  (a safe loader)


def load_settings(path: Path | None = None, *, home: Home | None = None) -> Settings:
    """Read and check the configuration.

    Args:
        path: the file; by default :func:`config_path`.
        home: what ``${PULSE_HOME}`` stands for; by default from the environment.

    Side effects: makes the author key if there is none and a profile is named.

    Raises:
        ConfigError: the file is missing, not YAML, has an unknown key or wrong value, names a community twice, or
            points to files that are not there. The message says where. Also an author key that cannot be used.
    """
    path = path or config_path()
    document = _read_yaml(path)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise _first_fault(path, error) from error
    home = home or Home.from_environment()
    settings = settings.model_copy(
        update={"communities": tuple(_without_clear_name(entry, home) for entry in settings.communities)}
    )
    _refuse_duplicates(path, settings)
    find = _finder(path, home)
    found = tuple(
        entry.model_copy(update={"path": tuple(_find_files(entry, find))}) if isinstance(entry, FileEntry) else entry
        for entry in settings.communities
    )
    return settings.model_copy(update={"communities": found})


def _read_yaml(path: Path) -> object:
    try:
        return _parsed_yaml(path.read_text(encoding="utf-8"))
    except _RepeatedKey as error:
        raise ConfigError(
            f"config file {path}", value=error.problem, limit="each key once", next_step="make one of the two"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"config file {path}", value=error.strerror, next_step="create it, or set PULSE_CONFIG"
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f"config file {path}", value="nested too deeply", next_step="mend it: a few levels are enough"
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # days and numbers that cannot be, bad UTF-8
        raise ConfigError(
            f"config file {path}", value=f"not YAML: {error}", next_step="mend the line that the message names"
        ) from error


def _first_fault(path: Path, error: ValidationError) -> ConfigError:
    faults = error.errors()
    # Entries that do not validate are missing from the list, which is then too short as well.
    faults = [fault for fault in faults if fault["type"] != "too_short"] or faults
    fault = faults[0]
    # Below an entry of `communities`, pydantic names the kind of entry that it took it for.
    loc = [part for place, part in enumerate(fault["loc"]) if place != 2 or fault["loc"][0] != "communities"]
    where = ".".join(map(str, loc)) or "the document"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"config {path}", value=f"unknown key {where}{more}", next_step="check the spelling, or remove the key"
        )
    return ConfigError(f"config {path}", value=f"{where}: {fault['msg']}{more}", next_step="mend that value")


def _without_clear_name(entry: CommunityEntry, home: Home) -> CommunityEntry:
    """The entry under a pseudonym if its community is somebody's profile, so that nothing made of it names a person."""
    account = account_in(entry.name) if entry.has_profiles else None
    if account is None:
        return entry
    return entry.model_copy(update={"name": pseudonym(author_key_bytes(home), entry.platform, account)})


def _refuse_duplicates(path: Path, settings: Settings) -> None:
    seen: set[str] = set()
    for entry in settings.communities:
        if entry.entry_id in seen:
            raise ConfigError(
                f"config {path}",
                value=f"{entry.entry_id} stands twice",
                limit="once",
                next_step="remove one of the two",
            )
        seen.add(entry.entry_id)


def _find_files(entry: FileEntry, find: Callable[[Path], tuple[Path, Path, list[Path]]]) -> Iterator[Path]:
    """Absolute files of one entry, in order, each once.

    Args:
        find: the pattern as it was written, where it leads, and the files there.
    """
    seen: set[Path] = set()
    for given in entry.path:
        pattern, absolute, files = find(given)
        if not files:
            raise ConfigError(
                f"path of {entry.entry_id}",
                value=f"{pattern} (looked at {absolute})",
                limit="at least one file",
                next_step="mend the path in the config; `make demo` writes the files of the demo",
            )
        for file in files:
            if file not in seen:
                seen.add(file)
                yield file


def _finder(config: Path, home: Home) -> Callable[[Path], tuple[Path, Path, list[Path]]]:
    """Finds the files of a pattern; each pattern and each folder is looked at once, however many entries name it."""

    names_in = functools.cache(_names_in)

    @functools.cache
    def find(pattern: Path) -> tuple[Path, Path, list[Path]]:
        absolute = config.parent / str(pattern).replace(_HOME_VARIABLE, str(home.root))
        try:
            files = (
                [absolute.resolve()] if absolute.is_file() else _files_matching(str(pattern), config, home, names_in)
            )
        except (OSError, ValueError):  # no file can have that name
            files = []
        return pattern, absolute, [file for file in files if not _is_of_the_kernel(file)]

    return find


def _is_of_the_kernel(file: Path) -> bool:
    """Whether a file is made up by the kernel as it is read (/proc, /sys): none can be an archive, some never end."""
    for folder in ("/proc", "/sys"):
        try:
            if file.stat().st_dev == Path(folder).stat().st_dev and Path(folder).is_mount():
                return True
        except OSError:
            continue
    return False


def _files_matching(pattern: str, config: Path, home: Home, names_in: Callable[[Path], list[str]]) -> list[Path]:
    """Files that a glob finds; folders that merely contain glob characters stand for themselves.

    Args:
        names_in: what lies in a folder; asked where only the last part of the pattern is one.
    """
    absolute = Path(glob.escape(str(config.parent))) / pattern.replace(_HOME_VARIABLE, glob.escape(str(home.root)))
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
