"""The author key: what turns names into pseudonyms.

Losing it means that old and new pseudonyms no longer match (a full reload); leaking it lets anybody test a name. So the
key that raw was made with is known by a fingerprint beside raw, and another one is refused as long as raw holds rows.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from pulse.core.errors import ConfigError, StorageError
from pulse.core.files import read_json, write_json
from pulse.core.home import Home

MIN_KEY_BYTES = 16
# What is hashed under the key; nothing else is ever hashed so, and no pseudonym looks like it.
_DOMAIN = b"community-pulse author key fingerprint 1\x00"
_WAY_OUT = 'restore the key from its backup, or load everything anew (docs/operations.md, "The author key")'


def author_key_bytes(home: Home) -> bytes:
    """``PULSE_AUTHOR_KEY`` as UTF-8, or the key file of ``PULSE_HOME``, which is made (mode 0600) if there is none.

    Side effects: the fingerprint of the key is kept beside raw (:func:`fingerprint_file`), for :func:`require_same` and
    the next call. While raw is empty, the key may still change.

    Raises:
        ConfigError: the key is shorter than ``MIN_KEY_BYTES``, its file cannot be read, or raw was made with another
            key; also where raw holds rows and there is no key: none is made then.
    """
    key = _key_in_use(home)
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(
            "author key",
            value=f"{len(key)} bytes",
            limit=f"at least {MIN_KEY_BYTES}",
            next_step="set PULSE_AUTHOR_KEY to a long random value, or restore the key file from its backup",
        )
    known, fingerprint = _known_fingerprint(home), _fingerprint(key)
    if known == fingerprint:
        return key
    if known is not None and _has_rows(home):
        raise _another_key(home)
    write_json(fingerprint_file(home), {"fingerprint": fingerprint})
    return key


def require_same(home: Home) -> None:
    """Refuse to go on with rows that were made under another key than the one in use.

    Raises:
        ConfigError: see :func:`author_key_bytes`; also where the key changed since the rows were extracted.
    """
    known = _known_fingerprint(home)
    if known is not None and not hmac.compare_digest(known, _fingerprint(_key_in_use(home))):
        raise _another_key(home)
    author_key_bytes(home)


def fingerprint_file(home: Home) -> Path:
    """What tells the key of raw from others without giving it away; it lies in raw, and is backed up with it."""
    return home.raw / "author_key.json"


def has_fingerprint(home: Home) -> bool:
    """Whether the key of raw is known; not so in homes of versions that kept no fingerprint."""
    return _known_fingerprint(home) is not None


def is_readable_by_others(home: Home) -> bool:
    """Whether the key comes from a file that accounts other than its owner's may read, as mounted secrets often are."""
    if os.environ.get("PULSE_AUTHOR_KEY"):
        return False
    try:
        return bool(home.author_key_file.stat().st_mode & 0o077)
    except OSError:
        return False


def _key_in_use(home: Home) -> bytes:
    given = os.environ.get("PULSE_AUTHOR_KEY")
    return os.fsencode(given) if given else _key_of_file(home)


def _fingerprint(key: bytes) -> str:
    return hmac.new(key, _DOMAIN, hashlib.sha256).hexdigest()


def _known_fingerprint(home: Home) -> str | None:
    file = fingerprint_file(home)
    if not file.exists():
        return None
    try:
        return str(read_json(file)["fingerprint"])
    except (StorageError, KeyError, TypeError) as error:
        raise ConfigError(
            f"file {file}",
            value="the fingerprint of the author key cannot be read",
            next_step="restore it with raw; or, if you are sure of the key in use, remove it: `pulse doctor` makes it "
            "again from that key",
        ) from error


def _has_rows(home: Home) -> bool:
    return any((home.raw / "contributions").glob("platform=*/**/*.parquet"))


def _another_key(home: Home) -> ConfigError:
    place = "PULSE_AUTHOR_KEY" if os.environ.get("PULSE_AUTHOR_KEY") else f"file {home.author_key_file}"
    return ConfigError(
        "author key",
        value=f"{place} is not the key that {home.raw} was made with",
        limit="one key for all of raw, or nobody would be recognised again",
        next_step=_WAY_OUT,
    )


def _key_of_file(home: Home) -> bytes:
    path = home.author_key_file
    try:
        if not path.exists():
            if _has_rows(home):
                raise ConfigError(
                    f"author key file {path}",
                    value="is gone, and raw holds rows that were made with it",
                    next_step=_WAY_OUT,
                )
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
