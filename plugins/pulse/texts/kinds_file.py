"""The file of the kinds' model: one line that says what it is, then the one record of ``kernel.NEEDS``, byte by byte.

The first line holds what the kernel does not need: the ids of the rules and the thresholds. The record is compressed:
its automaton is mostly zeros. Beside the file lies its SHA-256; a file that does not match is refused.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulse.core.errors import StorageError
from pulse.texts import checked_file, kernel
from pulse.texts.scorer import KINDS

FILE = Path(__file__).parent / "model" / "pulse-english.kinds"
_KIND = "community-pulse model of the kinds of need"


@dataclass(frozen=True)
class KindsModel:
    """Rules and linear models.

    Attributes:
        sha256: of the file; part of the model's id.
        rule_ids: by number of the rule, sorted.
        thresholds: by kind: the probability from which on a text counts as one.
        record: one row of ``kernel.NEEDS``.
    """

    sha256: str
    rule_ids: tuple[str, ...]
    thresholds: Mapping[str, float]
    record: np.ndarray


def write(file: Path, record: np.ndarray, *, rule_ids: Sequence[str], thresholds: Mapping[str, float]) -> str:
    """Write the model and its checksum file; the same record gives the same bytes. Returns the SHA-256."""
    header = {
        "kind": _KIND,
        "needs_version": kernel.NEEDS_VERSION,
        "rule_ids": list(rule_ids),
        "thresholds": {kind: thresholds[kind] for kind in KINDS},
    }
    content = json.dumps(header).encode() + b"\n" + zlib.compress(record.tobytes(), 9)
    return checked_file.write(file, content)


def read(file: Path = FILE) -> KindsModel:
    """Read and verify a model.

    Raises:
        StorageError: there is none, it is not what its checksum says, or it was made for another version of the code.
    """
    content, sha256 = checked_file.read(file, "model of kinds")
    line, _, payload = content.partition(b"\n")
    header = json.loads(line)
    if header["needs_version"] != kernel.NEEDS_VERSION or list(header["thresholds"]) != list(KINDS):
        raise StorageError(
            f"model of kinds {file}",
            value=f"made for version {header['needs_version']}",
            limit=f"{kernel.NEEDS_VERSION}, which this code knows",
            next_step="make it again: `make train-texts`, see docs/texts.md",
        )
    record = np.frombuffer(zlib.decompress(payload), kernel.NEEDS)
    return KindsModel(sha256, tuple(header["rule_ids"]), header["thresholds"], record)
