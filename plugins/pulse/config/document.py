"""What the config's files say and where: YAML read strictly, files included, defaults filled in, before any model."""

import glob
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY

Loc = tuple[int | str, ...]

_KEYS_OF_INCLUDED = ("communities", "defaults")
# What tells entries apart: a default for all of a platform makes no sense.
_KEYS_OF_ONE_ENTRY = ("platform", "name")
_ABSENT: Any = object()


@dataclass(frozen=True)
class Place:
    """A line of a file; the first is 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


def config_path() -> Path:
    """``$PULSE_CONFIG``, or ``config/communities.yml``; a relative value is resolved against the repository."""
    return (REPOSITORY / os.environ.get("PULSE_CONFIG", "config/communities.yml")).resolve()


# ---- YAML -------------------------------------------------------------------


class _RepeatedKey(yaml.MarkedYAMLError):
    """A mapping that names a key twice: YAML's own readers would take the last and say nothing."""


class _StrictLoader(yaml.SafeLoader):
    """Plain values only, and each key once.

    Attributes:
        alias_lines: where aliases stand, by the id of the list and the place in it: their nodes only know their anchor.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.alias_lines: dict[tuple[int, int], int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node as ever, and note where an alias stands in a list."""
        if isinstance(index, int) and self.check_event(yaml.AliasEvent):
            self.alias_lines[id(parent), index] = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

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

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Make a value as ever; one that cannot be, such as 2026-99-99, is a fault of its line."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError, LookupError, AttributeError, TypeError) as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


@dataclass(frozen=True)
class YamlFile:
    """One file of the config as it was read.

    Attributes:
        value: what it says, in plain Python.
        root: the same as YAML's nodes, which know their lines, with merged keys before a mapping's own; None if the
            file says nothing.
        alias_lines: as in the loader.
    """

    path: Path
    value: Any
    root: yaml.Node | None
    alias_lines: Mapping[tuple[int, int], int]

    def place(self, loc: Loc) -> Place:
        """Where a value stands, or the nearest that it belongs to."""
        node, line = self.root, self.root.start_mark.line + 1 if self.root else 1
        for part in loc:
            below = self._below(node, part)
            if below is not None:
                node, line = below
            elif not (
                isinstance(node, yaml.MappingNode) and isinstance(part, int)
            ):  # one item may stand without a list
                break
        return Place(self.path, line)

    def _below(self, node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, int] | None:
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):  # own keys stand behind merged ones
                if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                    return value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            item = node.value[part]
            return item, self.alias_lines.get((id(node), part), item.start_mark.line + 1)
        return None


def parsed_yaml(text: str) -> Any:
    """What a YAML text says; plain values only, and no key twice.

    Raises:
        yaml.YAMLError: it is not such a text.
    """
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  (a safe loader)


def _read_yaml(path: Path, *, if_not_there: str) -> YamlFile:
    """Read one file.

    Raises:
        ConfigError: it cannot be read, or is not YAML.
    """
    text, loader = "", None
    try:
        text = path.read_text(encoding="utf-8")
        loader = _StrictLoader(text)
        root = loader.get_single_node()
        value = None if root is None else loader.construct_document(root)
        return YamlFile(path, value, root, loader.alias_lines)
    except _RepeatedKey as error:
        raise ConfigError(
            f"config file {Place(path, _line_of(error, text))}",
            value=error.problem,
            limit="each key once",
            next_step="make one of the two",
        ) from error
    except OSError as error:
        raise ConfigError(f"config file {path}", value=error.strerror, next_step=if_not_there) from error
    except RecursionError as error:
        line = 1 if loader is None else loader.line + 1
        raise ConfigError(
            f"config file {Place(path, line)}",
            value="nested too deeply",
            next_step="mend it: a few levels are enough",
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # days and numbers that cannot be, bad UTF-8
        raise ConfigError(
            f"config file {Place(path, _line_of(error, text))}",
            value=f"not YAML: {error}",
            next_step="mend the line that the message names",
        ) from error


def _line_of(error: Exception, text: str) -> int:
    """The line that an error of the reader is about; the first where it does not say."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return 1 if mark is None else mark.line + 1
    if isinstance(error, UnicodeDecodeError):
        return error.object.count(b"\n", 0, error.start) + 1
    if isinstance(error, yaml.reader.ReaderError):  # a character that no YAML has
        return text.count("\n", 0, error.position) + 1
    return 1


# ---- the config as a whole --------------------------------------------------


@dataclass(frozen=True)
class _Origin:
    """Where an entry of the config comes from.

    Attributes:
        index: its place among the entries of its file.
        platform: whose defaults it got.
        defaults: the keys that it got, and the file that gives each.
    """

    file: YamlFile
    index: int
    platform: str
    defaults: Mapping[str, YamlFile]


@dataclass(frozen=True)
class Document:
    """The config of all its files, not yet checked by models.

    Attributes:
        values: what they say together: entries of included files behind those of the main file, each with its
            defaults; without the keys ``include`` and ``defaults``.
    """

    main: YamlFile
    values: Any
    origins: tuple[_Origin, ...]

    def as_written(self, loc: Loc) -> tuple[Loc, Place]:
        """How a value of ``values`` is named in the file that says it, and where it stands there."""
        if loc[:1] != ("communities",) or len(loc) < 2 or not self.origins:
            return loc, self.main.place(loc)
        origin = self.origins[int(loc[1])]
        giver = origin.defaults.get(str(loc[2])) if len(loc) > 2 else None
        if giver is None:
            written: Loc = ("communities", origin.index, *loc[2:])
            return written, origin.file.place(written)
        written = ("defaults", origin.platform, *loc[2:])
        return written, giver.place(written)

    def entry_place(self, index: int) -> Place:
        """Where an entry begins."""
        return self.as_written(("communities", index))[1]

    def folder(self, index: int, key: str) -> Path:
        """The folder of the file that gives a key of an entry: what relative paths start from."""
        return self.as_written(("communities", index, key))[1].file.parent


def read_document(path: Path) -> Document:
    """Read the config and the files that it includes.

    Raises:
        ConfigError: a file cannot be read, is not YAML or may not say what it says, a pattern finds no file, or
            defaults are of a platform that no entry has. The message names file and line.
    """
    main = _read_yaml(path, if_not_there="create it, or set PULSE_CONFIG")
    if not isinstance(main.value, dict):
        return Document(main, main.value, ())
    values = {key: value for key, value in main.value.items() if key not in {"include", "defaults"}}
    included = [_included(main, file) for file in _files_to_include(main)] if "include" in main.value else []
    own = main.value.get("communities")
    if not isinstance(own, list) and not (own is None and included):
        return Document(main, values, ())  # refused by the models
    entries: list[object] = []
    origins: list[_Origin] = []
    defaults = _defaults(main)
    for file in (main, *included):
        layers = [(main, defaults)] if file is main else [(main, defaults), (file, _defaults(file))]
        given = _entries(file)
        if file is not main:
            _refuse_unknown_platforms(file, layers[-1][1], given)
        for index, entry in enumerate(given):
            filled, origin = _filled(entry, file, index, layers)
            entries.append(filled)
            origins.append(origin)
    _refuse_unknown_platforms(main, defaults, entries)
    return Document(main, values | {"communities": entries}, tuple(origins))


def _fault(place: Place, value: str, *, limit: str | None = None, next_step: str) -> ConfigError:
    return ConfigError(f"config {place}", value=value, limit=limit, next_step=next_step)


# ---- include ----------------------------------------------------------------


def _files_to_include(main: YamlFile) -> list[Path]:
    """The files that the patterns of ``include`` find, sorted, each once."""
    given = main.value["include"]
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise _fault(
            main.place(("include",)),
            "include: neither a path nor a list of them",
            limit="a path, a glob or a list, relative to this file",
            next_step="mend that value",
        )
    matches: dict[Path, Path] = {}
    for index, pattern in enumerate(patterns):
        files = _files_matching(main.path.parent, pattern)
        if not files:
            raise _fault(
                main.place(("include", index)),
                f"include {pattern} finds no file (looked at {main.path.parent / pattern})",
                limit="at least one file",
                next_step="mend the pattern, or remove it",
            )
        matches |= {file.resolve(): file for file in files}
    return sorted(matches.values())


def _files_matching(folder: Path, pattern: str) -> list[Path]:
    try:
        plain = folder / pattern
        names: Iterable[str] = [pattern] if plain.is_file() else glob.iglob(pattern, root_dir=folder)
        files = [folder / name for name in names]
        return [file for file in files if file.is_file() and not is_of_the_kernel(file)]
    except (OSError, ValueError):  # no file can have that name
        return []


def is_of_the_kernel(file: Path) -> bool:
    """Whether a file is made up by the kernel as it is read (/proc, /sys): none is what it seems, some never end."""
    for folder in ("/proc", "/sys"):
        try:
            if file.stat().st_dev == Path(folder).stat().st_dev and Path(folder).is_mount():
                return True
        except OSError:
            continue
    return False


def _included(main: YamlFile, path: Path) -> YamlFile:
    file = _read_yaml(path, if_not_there="mend its permissions")
    if file.value is None:  # all of it may be a comment
        return file
    if not isinstance(file.value, dict):
        raise _fault(
            file.place(()),
            "the document: neither communities nor defaults",
            limit="an included file is a mapping with these keys",
            next_step="mend the file",
        )
    for key in file.value:
        if key == "include":
            raise _fault(
                file.place(("include",)),
                "include stands in an included file",
                limit="the main file includes, no other",
                next_step=f"name the files in {main.path}, and none that includes",
            )
        if key not in _KEYS_OF_INCLUDED:
            raise _fault(
                file.place((str(key),)),
                f"unknown key {key}",
                limit=f"{' and '.join(_KEYS_OF_INCLUDED)} in an included file",
                next_step=f"check the spelling, or move the key to {main.path}",
            )
    return file


def _entries(file: YamlFile) -> list[object]:
    given = file.value.get("communities") if isinstance(file.value, dict) else None
    if given is None:
        return []
    if not isinstance(given, list):
        raise _fault(file.place(("communities",)), "communities: not a list", next_step="mend that value")
    return given


# ---- defaults ---------------------------------------------------------------

_Defaults = Mapping[str, Mapping[str, object]]


def _defaults(file: YamlFile) -> _Defaults:
    """The defaults that a file gives, by platform."""
    given = file.value.get("defaults", _ABSENT) if isinstance(file.value, dict) else _ABSENT
    if given is _ABSENT:
        return {}
    for loc, value in _mappings(given):
        if not isinstance(value, dict):
            raise _fault(
                file.place(loc),
                f"{'.'.join(map(str, loc))}: not a mapping",
                limit="platforms, and for each the keys of its entries",
                next_step="mend that value",
            )
    for platform, key in itertools.product(given, _KEYS_OF_ONE_ENTRY):
        if key in given[platform]:
            raise _fault(
                file.place(("defaults", platform, key)),
                f"defaults.{platform}.{key} is one entry's own",
                limit=f"any key of an entry but {' and '.join(_KEYS_OF_ONE_ENTRY)}",
                next_step="remove the key",
            )
    return given  # type: ignore[no-any-return]


def _mappings(given: object) -> Iterator[tuple[Loc, object]]:
    """What has to be a mapping in ``defaults``."""
    yield ("defaults",), given
    if isinstance(given, dict):
        for platform, keys in given.items():
            yield ("defaults", platform), keys


def _refuse_unknown_platforms(file: YamlFile, defaults: _Defaults, entries: list[object]) -> None:
    known = {_platform(entry) for entry in entries} - {None}
    for platform in defaults:
        if platform not in known:
            raise _fault(
                file.place(("defaults", platform)),
                f"unknown platform defaults.{platform}",
                limit=f"a platform that an entry has: {', '.join(sorted(filter(None, known))) or 'there is none'}",
                next_step="check the spelling, or remove the default",
            )


def _filled(
    entry: object, file: YamlFile, index: int, layers: list[tuple[YamlFile, _Defaults]]
) -> tuple[object, _Origin]:
    """An entry with the keys that it does not give itself; a later layer wins over an earlier one."""
    platform = _platform(entry)
    if platform is None or not isinstance(entry, dict):
        return entry, _Origin(file, index, "", {})
    filled: dict[object, object] = {}
    givers: dict[str, YamlFile] = {}
    for giver, defaults in layers:
        for key, value in defaults.get(platform, {}).items():
            if key not in entry:
                filled[key] = value
                givers[str(key)] = giver
    return filled | entry, _Origin(file, index, platform, givers)


def _platform(entry: object) -> str | None:
    """The platform that an entry names, if it is one."""
    platform = entry.get("platform") if isinstance(entry, dict) else None
    return platform if isinstance(platform, str) else None
