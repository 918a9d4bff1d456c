"""The author key: what turns names into pseudonyms.

Losing it means that old and new pseudonyms no longer match (a full reload); leaking it lets anybody test a name.
"""

import os
import secrets

from pulse.errors import ConfigError
from pulse.home import Home

MIN_KEY_BYTES = 16


def author_key_bytes(home: Home) -> bytes:
    """``PULSE_AUTHOR_KEY`` as UTF-8, or the key file of ``PULSE_HOME``, which is made (mode 0600) if there is none.

    Raises:
        ConfigError: the key is shorter than ``MIN_KEY_BYTES``, or its file cannot be read.
    """
    given = os.environ.get("PULSE_AUTHOR_KEY")
    key = given.encode() if given else _key_of_file(home)
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(
            "author key",
            value=f"{len(key)} bytes",
            limit=f"at least {MIN_KEY_BYTES}",
            next_step="set PULSE_AUTHOR_KEY to a long random value, or restore the key file from its backup",
        )
    return key


def _key_of_file(home: Home) -> bytes:
    path = home.author_key_file
    try:
        if not path.exists():
            _write_new_key(home)
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"author key file {path}", value=error.strerror, next_step="make it readable, or set PULSE_AUTHOR_KEY"
        ) from error


def _write_new_key(home: Home) -> None:
    """Two processes may get here at once: whoever links first wins, and both read that key."""
    home.root.mkdir(parents=True, exist_ok=True)
    own = home.root / f".author.key.{os.getpid()}"
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(own, home.author_key_file)
    except FileExistsError:
        pass
    finally:
        own.unlink()
