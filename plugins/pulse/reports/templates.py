"""The templates of this package: everything that is put into them is escaped."""

from functools import cache
from pathlib import Path

import jinja2

FOLDER = Path(__file__).parent


@cache
def environment() -> jinja2.Environment:
    """Reads templates of this folder; a name that a template misses is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
