"""The default sentiment engine: a small linear model for English, judged by a compiled loop over Arrow's buffers.

Recipe, figures and weaknesses: docs/texts.md.
"""

import hashlib
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pulse.texts import kernel, kinds_file, language, model_file
from pulse.texts.scorer import JUDGEMENT_SCHEMA, KINDS, SENTIMENT_SCHEMA

_LABELS = pa.array(["negative", "neutral", "positive"])
# In the order of the kernel's states, from GONE on.
_REASONS = pa.array(["gone", "empty", "no_words", "language"])
_DECIMALS = 4


class EngineScorer:
    """Judges English; a text in another language has no score, for it is not neutral. Safe in several threads at once.

    Attributes:
        model_id: name, version and the first digits of a checksum of both model files, so of the rules as well.
    """

    def __init__(self, record: npt.NDArray[Any] | None = None) -> None:
        """Read the models, or take a record of ``kernel.MODEL`` that was just trained in place of sentiment's.

        Raises:
            StorageError: a model file cannot be used.
        """
        model = model_file.read() if record is None else model_file.Model("trained", "not-saved", _read_only(record))
        kinds = kinds_file.read()
        self._record, self._kinds = model.record, kinds
        self._rule_ids = pa.array(kinds.rule_ids, pa.string())
        self._of_thread = threading.local()
        both = hashlib.sha256(f"{model.sha256} {kinds.sha256}".encode()).hexdigest()
        self.model_id = f"pulse-english-{model.version}-{both[:8]}"

    def score(self, texts: pa.Array) -> pa.RecordBatch:
        """See :class:`pulse.texts.scorer.Scorer`. Probabilities and scores are rounded to 1e-4.

        Texts may be strings or bytes of any Arrow kind. Bytes that are not UTF-8 count as gaps between words.
        """
        data, offsets, is_there = _inputs(texts)
        rows_n = len(texts)
        probabilities, states = np.zeros((rows_n, 3)), np.zeros(rows_n, np.int8)
        kinds, fired = np.zeros((rows_n, kernel.NEEDS_N)), np.zeros((rows_n, kernel.FIRED_WORDS), np.uint64)
        scratch, kinds_scratch = self._scratches()
        kernel.judge_all_batch(
            data, offsets, is_there, self._record, self._kinds.record, scratch, kinds_scratch, probabilities, states,
            kinds, fired,
        )  # fmt: skip
        _settle_language(data, offsets, states)
        columns = [*_feelings(probabilities, states), *self._needs(kinds, fired, states != kernel.SCORED)]
        return pa.RecordBatch.from_arrays(columns, schema=JUDGEMENT_SCHEMA)

    def score_sentiment(self, texts: pa.Array) -> pa.RecordBatch:
        """See :class:`pulse.texts.scorer.Scorer`; the same feeling as ``score`` gives, in less time."""
        data, offsets, is_there = _inputs(texts)
        probabilities, states = np.zeros((len(texts), 3)), np.zeros(len(texts), np.int8)
        kernel.judge_batch(data, offsets, is_there, self._record, self._scratches()[0], probabilities, states)
        _settle_language(data, offsets, states)
        return pa.RecordBatch.from_arrays(_feelings(probabilities, states), schema=SENTIMENT_SCHEMA)

    def _needs(
        self, kinds: npt.NDArray[np.float64], fired: npt.NDArray[np.uint64], is_missing: npt.NDArray[np.bool_]
    ) -> list[pa.Array]:
        rounded = np.round(kinds, _DECIMALS)
        columns = []
        for place, kind in enumerate(KINDS):
            columns.append(pa.array(rounded[:, place], mask=is_missing))
            # Of the rounded one, so that whoever reads both sees no contradiction.
            columns.append(pa.array(rounded[:, place] >= self._kinds.thresholds[kind], mask=is_missing))
        return [*columns, self._rules(fired, is_missing)]

    def _rules(self, fired: npt.NDArray[np.uint64], is_missing: npt.NDArray[np.bool_]) -> pa.Array:
        """Ids of the rules of each row, a blank between; without a Python object per row."""
        counts = np.zeros(fired.shape[0], np.int32)
        numbers = np.zeros(kernel.rules_of(fired, counts, np.zeros(0, np.int32)), np.int32)
        kernel.rules_of(fired, counts, numbers)
        ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
        lists = pa.ListArray.from_arrays(pa.array(ends), self._rule_ids.take(pa.array(numbers)))
        return pc.if_else(pa.array(is_missing), pa.scalar(None, pa.string()), pc.binary_join(lists, " "))

    def _scratches(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Working memory of this thread, kept from batch to batch."""
        if not hasattr(self._of_thread, "scratches"):
            self._of_thread.scratches = np.zeros(1, kernel.SCRATCH), np.zeros(1, kernel.NEEDS_SCRATCH)
        scratches: tuple[npt.NDArray[Any], npt.NDArray[Any]] = self._of_thread.scratches
        return scratches


def warm() -> None:
    """Fill the cache on disk with the compiled kernel; some 20 s the first time, then nothing to do."""
    scorer = EngineScorer()
    scorer.score(pa.array(["warm"]))
    scorer.score_sentiment(pa.array(["warm"]))


def _inputs(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Bytes of all texts, where each begins, and which are there."""
    is_there = np.array(texts.is_valid(), np.bool_) if texts.null_count else np.ones(len(texts), np.bool_)
    return *_buffers(texts), is_there


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


def _feelings(probabilities: npt.NDArray[np.float64], states: npt.NDArray[np.int8]) -> list[pa.Array]:
    is_scored = states == kernel.SCORED
    is_missing = ~is_scored
    rounded = np.round(probabilities, _DECIMALS)
    scores = np.round(probabilities[:, 2] - probabilities[:, 0], _DECIMALS) + 0.0  # no negative zero
    columns = [pa.array(rounded[:, place], mask=is_missing) for place in range(3)]
    columns.append(pa.array(scores, mask=is_missing))
    columns.append(_LABELS.take(pa.array(probabilities.argmax(axis=1), mask=is_missing)))
    columns.append(pa.array(is_scored))
    columns.append(_REASONS.take(pa.array(states.astype(np.int64) - kernel.GONE, mask=is_scored)))
    return columns
