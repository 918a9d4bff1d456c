"""Texts as arrays: what the compiled loops make of a column of Arrow, with no Python object for a text."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pulse.words import kernel

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tokens:
    """Normalised texts (:func:`pulse.words.kernel.tokenise`).

    Attributes:
        content: the texts one after another, tokens with one blank between two.
        text_ends, token_ends: by text.
        starts, ends, keys, is_word: by token.
    """

    content: npt.NDArray[np.uint8]
    text_ends: Int64s
    token_ends: Int64s
    starts: Int64s
    ends: Int64s
    keys: npt.NDArray[np.uint64]
    is_word: npt.NDArray[np.bool_]

    def words(self) -> pa.ListArray:
        """The distinct words of each text as 64-bit keys, sorted as unsigned numbers; an empty list without any."""
        words = np.empty(self.keys.size, np.uint64)
        word_ends = np.empty(self.token_ends.size, np.int64)
        words_n = kernel.distinct_words(self.keys, self.is_word, self.token_ends, words, word_ends)
        return list_array(words[:words_n].view(np.int64), word_ends)

    def spellings(self) -> pa.Table:
        """``word_id`` and ``word``, each distinct word once."""
        places = np.flatnonzero(self.is_word)
        keys, first = np.unique(self.keys[places], return_index=True)
        chosen = places[first]
        spelling = np.empty(int((self.ends[chosen] - self.starts[chosen]).sum()), np.uint8)
        spelling_ends = np.empty(chosen.size, np.int64)
        kernel.spelled(self.content, self.starts, self.ends, chosen, spelling, spelling_ends)
        offsets = np.concatenate([np.zeros(1, np.int64), spelling_ends]).astype(np.int32)
        words = pa.StringArray.from_buffers(chosen.size, pa.py_buffer(offsets), pa.py_buffer(spelling))
        return pa.table({"word_id": pa.array(keys.view(np.int64)), "word": words})

    def normal_ids(self) -> pa.Int64Array:
        """One number for all texts with the same tokens in the same order; NULL where there is none."""
        ids = np.empty(self.text_ends.size, np.uint64)
        kernel.normal_ids(self.keys, self.token_ends, ids)
        has_none = np.diff(self.token_ends, prepend=0) == 0
        return pa.array(ids.view(np.int64), mask=has_none)

    def bands(self) -> pa.ListArray:
        """The 21 bands of each text's signature; NULL where it has no token."""
        texts_n = self.text_ends.size
        bands = np.empty((texts_n, kernel.BANDS_N), np.int32)
        has_signature = np.empty(texts_n, np.bool_)
        kernel.signatures(
            self.content, self.text_ends, self.token_ends, self.starts, self.ends, has_signature, bands
        )  # fmt: skip
        ends = np.cumsum(np.where(has_signature, kernel.BANDS_N, 0))
        return list_array(bands[has_signature].ravel(), ends, is_null=~has_signature)

    def compared_sets(self) -> tuple[npt.NDArray[np.uint64], Int64s]:
        """What texts are compared by (:func:`pulse.words.kernel.compared_sets`), and where each text's end."""
        items = np.empty(self.content.size + self.text_ends.size, np.uint64)
        item_ends = np.empty(self.text_ends.size, np.int64)
        items_n = kernel.compared_sets(
            self.content, self.text_ends, self.token_ends, self.keys, items, item_ends
        )  # fmt: skip
        return items[:items_n], item_ends


def tokenised(texts: pa.Array) -> Tokens:
    """Normalise a column of strings; NULL counts as a text without tokens."""
    plain = texts.cast(pa.large_string())
    _, offsets_buffer, data_buffer = plain.buffers()
    texts_n = len(plain)
    offsets = (
        np.frombuffer(offsets_buffer, np.int64, texts_n + 1, plain.offset * 8) if texts_n else np.zeros(1, np.int64)
    )
    has_bytes = data_buffer is not None and data_buffer.size
    data = np.frombuffer(data_buffer, np.uint8) if has_bytes else np.zeros(0, np.uint8)
    if texts.null_count:  # what lies under a NULL is anything
        plain = plain.fill_null("")
        return tokenised(plain)
    bytes_n = int(offsets[-1] - offsets[0]) + texts_n
    content = np.empty(bytes_n, np.uint8)
    most_n = bytes_n // 2 + texts_n + 1
    starts, ends = np.empty(most_n, np.int64), np.empty(most_n, np.int64)
    keys, is_word = np.empty(most_n, np.uint64), np.empty(most_n, np.bool_)
    text_ends, token_ends = np.empty(texts_n, np.int64), np.empty(texts_n, np.int64)
    tokens_n = kernel.tokenise(
        _read_only(data), _read_only(offsets), stop_keys(), content, text_ends, starts, ends, keys, is_word, token_ends
    )  # fmt: skip
    used = int(text_ends[-1]) if texts_n else 0
    return Tokens(
        content[:used], text_ends, token_ends, starts[:tokens_n], ends[:tokens_n], keys[:tokens_n], is_word[:tokens_n]
    )


def list_array(values: npt.NDArray[Any], ends: Int64s, *, is_null: npt.NDArray[np.bool_] | None = None) -> pa.ListArray:
    """Lists one after another as one column."""
    offsets = np.concatenate([np.zeros(1, np.int64), ends]).astype(np.int32)
    mask = None if is_null is None else pa.array(is_null)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=mask)


@cache
def stop_keys() -> npt.NDArray[np.uint64]:
    """Sorted keys of the words that say nothing, from ``stop_words.txt``."""
    words = [
        line.strip()
        for line in (files("pulse.words") / "stop_words.txt").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    joined = pa.array([" ".join(words)])
    return _read_only(np.unique(_keys_of(joined)))


def _keys_of(texts: pa.Array) -> npt.NDArray[np.uint64]:
    """Keys of all tokens, whether they say something or not."""
    data = np.frombuffer(texts[0].as_py().encode(), np.uint8)
    most_n = data.size + 2
    keys = np.empty(most_n, np.uint64)
    tokens_n = kernel.tokenise(
        _read_only(data), _read_only(np.array([0, data.size])), _read_only(np.zeros(0, np.uint64)),
        np.empty(most_n, np.uint8), np.empty(1, np.int64), np.empty(most_n, np.int64), np.empty(most_n, np.int64),
        keys, np.empty(most_n, np.bool_), np.empty(1, np.int64),
    )  # fmt: skip
    return keys[:tokens_n]


def key_of(word: str) -> int:
    """The ``word_id`` of one normalised word, for tests and configs."""
    (key,) = _keys_of(pa.array([word])).view(np.int64).tolist()
    return int(key)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The kernel is compiled once, for read-only arrays: Numba would compile it again for writable ones."""
    array.flags.writeable = False
    return array


def warm() -> None:
    """Fill the cache on disk with the compiled kernel; some 20 s the first time, then nothing to do."""
    from pulse.words import copies

    copies.groups(pa.array(["the kettle is warm", "the kettle is warm"]))
    tokens = tokenised(pa.array(["warm"]))
    tokens.words()
    tokens.spellings()
    tokens.normal_ids()
