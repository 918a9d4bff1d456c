"""The default sentiment engine: a small linear model for English, judged by a compiled loop over Arrow's buffers.

Recipe, figures and weaknesses: docs/texts.md.
"""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pulse.texts import kernel, language, model_file
from pulse.texts.scorer import JUDGEMENT_SCHEMA

_LABELS = pa.array(["negative", "neutral", "positive"])
# In the order of the kernel's states, from GONE on.
_REASONS = pa.array(["gone", "empty", "no_words", "language"])
_DECIMALS = 4


class EngineScorer:
    """Judges English; a text in another language has no score, for it is not neutral. Safe in several threads at once.

    Attributes:
        model_id: name, version and the first digits of the model file's checksum.
    """

    def __init__(self, record: npt.NDArray[Any] | None = None) -> None:
        """Read the model, or take a record of ``kernel.MODEL`` that was just trained.

        Raises:
            StorageError: the model file cannot be used.
        """
        model = model_file.read() if record is None else model_file.Model("trained", "not-saved", _read_only(record))
        self._record = model.record
        self._of_thread = threading.local()
        self.model_id = f"pulse-english-{model.version}-{model.sha256[:8]}"

    def score(self, texts: pa.Array) -> pa.RecordBatch:
        """See :class:`pulse.texts.scorer.Scorer`. Probabilities and scores are rounded to 1e-4.

        Texts may be strings or bytes of any Arrow kind. Bytes that are not UTF-8 count as gaps between words.
        """
        data, offsets = _buffers(texts)
        rows_n = len(texts)
        probabilities = np.zeros((rows_n, 3))
        states = np.zeros(rows_n, np.int8)
        is_there = np.array(texts.is_valid(), np.bool_) if texts.null_count else np.ones(rows_n, np.bool_)
        kernel.judge_batch(data, offsets, is_there, self._record, self._scratch(), probabilities, states)
        _settle_language(data, offsets, states)
        return _judgements(probabilities, states)

    def _scratch(self) -> npt.NDArray[Any]:
        """Working memory of this thread, kept from batch to batch."""
        if not hasattr(self._of_thread, "scratch"):
            self._of_thread.scratch = np.zeros(1, kernel.SCRATCH)
        scratch: npt.NDArray[Any] = self._of_thread.scratch
        return scratch


def warm() -> None:
    """Fill the cache on disk with the compiled kernel; some 20 s the first time, then nothing to do."""
    EngineScorer().score(pa.array(["warm"]))


def _buffers(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes of all texts one after another, and where each begins; no text is copied that need not be."""
    is_bytes = pa.types.is_binary(texts.type) or pa.types.is_large_binary(texts.type)
    plain = texts.cast(pa.large_binary() if is_bytes else pa.large_string())
    _, offsets, data = plain.buffers()
    starts = np.frombuffer(offsets, np.int64, len(plain) + 1, plain.offset * 8) if len(plain) else np.zeros(1, np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    return _read_only(content), _read_only(starts)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The kernel is compiled once, for read-only arrays: Numba would compile it again for writable ones."""
    array.flags.writeable = False
    return array


def _settle_language(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], states: npt.NDArray[np.int8]) -> None:
    """Ask the detector about the few texts of which the kernel could not tell whether they are English."""
    for row in np.flatnonzero(states == kernel.UNDECIDED):
        text = data[offsets[row] : offsets[row + 1]].tobytes()
        states[row] = kernel.SCORED if language.is_supported(text) else kernel.LANGUAGE


def _judgements(probabilities: npt.NDArray[np.float64], states: npt.NDArray[np.int8]) -> pa.RecordBatch:
    is_scored = states == kernel.SCORED
    is_missing = ~is_scored
    rounded = np.round(probabilities, _DECIMALS)
    scores = np.round(probabilities[:, 2] - probabilities[:, 0], _DECIMALS) + 0.0  # no negative zero
    columns = [pa.array(rounded[:, place], mask=is_missing) for place in range(3)]
    columns.append(pa.array(scores, mask=is_missing))
    columns.append(_LABELS.take(pa.array(probabilities.argmax(axis=1), mask=is_missing)))
    columns.append(pa.array(is_scored))
    columns.append(_REASONS.take(pa.array(states.astype(np.int64) - kernel.GONE, mask=is_scored)))
    return pa.RecordBatch.from_arrays(columns, schema=JUDGEMENT_SCHEMA)
