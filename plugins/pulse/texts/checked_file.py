"""A file of a model, and beside it its SHA-256 as ``sha256sum`` writes it: a file that does not match is refused."""

import hashlib
from pathlib import Path

from pulse.core.errors import StorageError
from pulse.core.files import storage_error


def checksum_file(file: Path) -> Path:
    """Where the checksum of a model lies."""
    return file.with_name(f"{file.name}.sha256")


def write(file: Path, content: bytes) -> str:
    """Write the file and its checksum file. Returns the SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    checksum_file(file).write_text(f"{sha256}  {file.name}\n", encoding="ascii")
    return sha256


def read(file: Path, what: str) -> tuple[bytes, str]:
    """Read and verify a file: what is in it, and its SHA-256.

    Args:
        what: it is, for errors.

    Raises:
        StorageError: there is none, or it is not what its checksum says.
    """
    try:
        content = file.read_bytes()
        wanted = checksum_file(file).read_text(encoding="ascii").split()[0]
    except (OSError, IndexError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, OSError) else OSError("the checksum file holds no checksum")
        raise storage_error(file, reason) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != wanted:
        raise StorageError(
            f"{what} {file}",
            value=f"its SHA-256 is {sha256[:16]}…",
            limit=f"{wanted[:16]}…, as the checksum file beside it says",
            next_step="install Community Pulse again",
        )
    return content, sha256
