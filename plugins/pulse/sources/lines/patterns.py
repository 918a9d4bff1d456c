"""Parts of a file's name or path that are values, as the config says by a pattern."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from pulse.core.errors import ConfigError
from pulse.core.text import printable


def _with_one_group(pattern: str) -> str:
    try:
        groups_n = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"no pattern: {error}") from None
    if groups_n != 1:
        raise ValueError(f"{groups_n} groups in {pattern!r} (limit: one, in parentheses)")
    return pattern


# In a model of the config: a regular expression with one group, which holds the value.
OneGroup = Annotated[str, AfterValidator(_with_one_group)]


def part_of(text: str, pattern: str, path: Path, *, key: str) -> str:
    """What the pattern's group holds where it is found first.

    Args:
        text: the file's name or path.
        key: of the config, for the message.

    Raises:
        ConfigError: it is not found.
    """
    match = re.search(pattern, text)
    if match is None or not match[1]:
        raise ConfigError(
            key,
            value=f"no part of {printable(str(path))} is {pattern}",
            next_step="mend the pattern, or let `path` name other files only",
        )
    return match[1]
