"""Writing an entry into a config that somebody else wrote: its comments and its order stay."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pulse.config.document import Place, parsed_yaml
from pulse.config.settings import load_settings
from pulse.core.errors import ConfigError, PulseError
from pulse.core.files import storage_error, write_bytes
from pulse.core.home import Home


def entry_line(keys: Mapping[str, Any]) -> str:
    """An entry in one line of YAML that shows all that it holds."""
    plain = yaml.dump(
        dict(keys), Dumper=_InOneLine, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    ).strip()
    if plain.isprintable():
        return str(plain)
    return str(yaml.dump(dict(keys), Dumper=_InOneLine, default_flow_style=True, sort_keys=False, width=10**6).strip())


class _InOneLine(yaml.SafeDumper):
    """Breaks of lines are escaped, never made."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if value.isprintable() else '"')


_InOneLine.add_representer(str, _text)


def add_entry(config: Path, keys: Mapping[str, Any], home: Home) -> Place:
    """Add an entry at the end of ``communities:``; nothing else of the file changes.

    The new file is read and checked as a whole before it takes the old one's place.

    Returns:
        Where it stands.

    Raises:
        ConfigError: the file cannot be read, or would not be right with it; or its list is not one that a line can be
            added to. The file is as it was then.
        StorageError: it cannot be written.
    """
    try:
        text = config.read_text(encoding="utf-8")
        before = parsed_yaml(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"config file {config}", value=error.strerror, next_step="pulse init makes one") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"config file {config}", value=f"not YAML: {error}", next_step="mend it first") from error
    line = entry_line(keys)
    after, number = _with_line(text, _listed(root), line)
    if after is None or parsed_yaml(after) != _with_entry(before, keys):
        raise ConfigError(
            f"config file {config}", value="its communities are no list with one entry below the other",
            next_step=f"add this one yourself: {line}",
        )  # fmt: skip
    draft = config.with_name(f".{config.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(after, encoding="utf-8")
        load_settings(draft, home=home)
    except OSError as error:
        raise storage_error(config, error) from error
    except PulseError as error:
        raise ConfigError(
            error.thing.replace(str(draft), str(config)),
            value=None if error.value is None else error.value.replace(str(draft), str(config)),
            limit=error.limit,
            next_step=error.next_step,
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    write_bytes(config, after.encode(), mode=config.stat().st_mode & 0o777)
    return Place(config, number)


def _listed(root: yaml.Node | None) -> yaml.SequenceNode | None:
    """The list of communities as YAML's nodes, which know their lines."""
    if not isinstance(root, yaml.MappingNode):
        return None
    for key, value in root.value:
        if key.value == "communities" and isinstance(value, yaml.SequenceNode) and not value.flow_style and value.value:
            return value
    return None


def _with_line(text: str, listed: yaml.SequenceNode | None, line: str) -> tuple[str | None, int]:
    """The text with one more item behind the last one, and the number of its line."""
    if listed is None:
        return None, 0
    lines = text.splitlines(keepends=True)
    last = listed.value[-1]
    # A block ends where the next thing begins, with comments and blank lines in between: what it ends in does not.
    mark = _leaf(last).end_mark
    end = mark.line + 1 if mark.column else mark.line
    while end > last.start_mark.line + 1 and not lines[end - 1].strip():
        end -= 1
    indent = " " * listed.start_mark.column
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    lines.insert(end, f"{indent}- {line}\n")
    return "".join(lines), end + 1


def _leaf(node: yaml.Node) -> yaml.Node:
    """The last thing in it that is written out."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return node


def _with_entry(document: Any, keys: Mapping[str, Any]) -> Any:
    return {**document, "communities": [*document["communities"], dict(keys)]}
