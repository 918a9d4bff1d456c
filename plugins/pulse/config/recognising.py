"""From what somebody names (an address, a file, a source and a name) to entries that the config could hold."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pulse.core.errors import ConfigError
from pulse.core.strict import WILDCARD
from pulse.platforms.entry import CommunityEntry
from pulse.sources.protocol import Source
from pulse.sources.recognition import head_of, plain_address
from pulse.sources.registry import SOURCES

Keys = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """An entry that fits.

    Attributes:
        keys: as they would stand in the config.
        entry: what they mean; paths are not looked for yet.
        is_guess: only the site itself can tell whether it is one.
    """

    source: Source
    keys: Keys
    entry: CommunityEntry
    is_guess: bool = False


def candidates(what: str, *, name: str | None, given: Mapping[str, Any], folder: Path) -> list[Candidate]:
    """Entries for what somebody named, likeliest first; those that their sources do not allow are left out.

    Args:
        what: a web address, a file (a pattern too), or the name of a source.
        name: of the community; needed with a source's name, and where files do not tell it.
        given: further keys of the entry; they win over what was found out.
        folder: where relative paths of the config start.

    Raises:
        ConfigError: nothing fits, a file cannot be read, or what fits is refused, with the reason.
    """
    if what in SOURCES:
        return [_of_source(SOURCES[what], name, given)]
    files = [] if not what else [Path(match) for match in sorted(glob.glob(str(Path(what).expanduser())))]
    if files:
        return [_of_file(what, [file for file in files if file.is_file()], name, given, folder)]
    return _of_address(what, name, given)


def _of_source(source: Source, name: str | None, given: Mapping[str, Any]) -> Candidate:
    if name is None:
        raise ConfigError(
            "community", value=f"{source.name} of what?", limit="a source and the name of a community",
            next_step=f"pulse add {source.name} NAME; docs/sources/{source.name}.md says how names look",
        )  # fmt: skip
    return _candidate(source, {"name": name, **given})


def _of_address(what: str, name: str | None, given: Mapping[str, Any]) -> list[Candidate]:
    address = plain_address(what)
    found, refusals = [], []
    for source in SOURCES.values():
        for form in source.addresses:
            keys = form.entry_keys(address)
            if keys is None:
                continue
            own = {} if name is None else {"name": name}
            try:
                found.append(_candidate(source, {**keys, **own, **given}, is_guess=form.is_any_host))
            except ConfigError as error:
                refusals.append(error)
            break
    if not found and refusals:
        raise refusals[0]
    if not found:
        raise ConfigError(
            "address or file", value=what, limit="a file that is there, an address a source knows, or a source's name",
            next_step="docs/sources/README.md lists the sources; then pulse add SOURCE NAME",
        )  # fmt: skip
    # What can be asked now comes first; sites that only they themselves can tell come last.
    return sorted(found, key=lambda one: (one.is_guess, not _can_be_asked(one.source), one.source.credentials is None))


def _can_be_asked(source: Source) -> bool:
    kind = source.credentials
    return kind is None or kind.is_optional or kind.from_environment() is not None


def _of_file(what: str, files: Sequence[Path], name: str | None, given: Mapping[str, Any], folder: Path) -> Candidate:
    if not files:
        raise ConfigError("file", value=f"{what} is a folder", limit="files", next_step="name a pattern: 'folder/*'")
    try:
        heads = [head_of(file) for file in files]
    except (OSError, ValueError) as error:
        raise ConfigError(f"file {what}", value=str(error), next_step="check that it is whole") from error
    for source in SOURCES.values():
        for form in source.files:
            if not all(form.fits(head, is_zip=is_zip) for head, is_zip in heads):
                continue
            if form.needs and not given:
                raise ConfigError(
                    f"file {what}",
                    value=f"read by {source.name}, which has to know more",
                    next_step=f"--set {form.needs}",
                )
            names = {form.name_in(head) for head, _ in heads} - {None}
            told = name or (names.pop() if len(names) == 1 else WILDCARD if names else None)
            if told is None:
                raise ConfigError(
                    f"file {what}", value=f"read by {source.name}, but it does not tell the community's name",
                    next_step="name it with --name",
                )  # fmt: skip
            return _candidate(source, {"name": told, "path": _path_from(what, folder), **given})
    raise ConfigError(
        f"file {what}", value="no source knows this form of file",
        limit=", ".join(source.name for source in SOURCES.values() if source.files),
        next_step="for a table or records of your own: docs/sources/tabular.md, ready mappings are in config/mappings/",
    )  # fmt: skip


def _path_from(what: str, folder: Path) -> str:
    """The pattern as the config can write it: relative where the files lie beside it or below."""
    path = Path(what).expanduser().absolute()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _candidate(source: Source, keys: Mapping[str, Any], *, is_guess: bool = False) -> Candidate:
    platforms = getattr(source.entry.model_fields["platform"].annotation, "__args__", ())
    whole: Keys = {**({"platform": platforms[0]} if platforms else {}), **keys, "source": source.name}
    ordered = {key: whole[key] for key in ("platform", "name", "source") if key in whole}
    ordered |= {key: value for key, value in whole.items() if key not in ordered}
    try:
        entry = source.entry.model_validate(ordered)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(
            f"entry of source {source.name}", value=f"{'.'.join(map(str, fault['loc'])) or 'entry'}: {fault['msg']}",
            next_step=f"docs/sources/{source.name}.md; other keys of the entry are given with --set KEY=VALUE",
        ) from error  # fmt: skip
    return Candidate(source, ordered, entry, is_guess)
