"""The model file: one line that says what it is, then the one record of ``kernel.MODEL``, byte by byte.

Beside it lies its SHA-256 in the format of ``sha256sum``; a file that does not match is refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulse.core.errors import StorageError
from pulse.texts import checked_file, kernel

FILE = Path(__file__).parent / "model" / "pulse-english.model"
_KIND = "community-pulse sentiment model"


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes:
        version: raised by hand when a model is to replace another.
        sha256: of the file; part of the model's id, so that no two models share scores.
        record: one row of ``kernel.MODEL``.
    """

    version: str
    sha256: str
    record: np.ndarray


def write(file: Path, record: np.ndarray, *, version: str) -> str:
    """Write the model and its checksum file; the same record gives the same bytes. Returns the SHA-256."""
    header = {"kind": _KIND, "version": version, "features_version": kernel.FEATURES_VERSION}
    content = json.dumps(header).encode() + b"\n" + record.tobytes()
    return checked_file.write(file, content)


def read(file: Path = FILE) -> Model:
    """Read and verify a model.

    Raises:
        StorageError: there is none, it is not what its checksum says, or it was made for another version of the code.
    """
    content, sha256 = checked_file.read(file, "sentiment model")
    line, _, payload = content.partition(b"\n")
    header = json.loads(line)
    if header["features_version"] != kernel.FEATURES_VERSION or len(payload) != kernel.MODEL.itemsize:
        raise StorageError(
            f"sentiment model {file}",
            value=f"made for features {header['features_version']}",
            limit=f"{kernel.FEATURES_VERSION}, which this code makes",
            next_step="train it again: `make train-texts DATA=…`, see docs/texts.md",
        )
    return Model(header["version"], sha256, np.frombuffer(payload, kernel.MODEL))
