"""Finding brands in texts: the config's words for them as tables for the compiled loop, and its answers as rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pulse.config.listening import Brand, Listening, is_case_aware, read_examples
from pulse.core.table import arrow_schema
from pulse.core.words import code_tables, spelling, tokens_of
from pulse.listening import kernel
from pulse.listening.mention import DECISIONS, MENTION, REASONS, version_of
from pulse.listening.senses import Senses, learn
from pulse.texts.scorer import Scorer

_MENTION_SCHEMA = arrow_schema(MENTION)


@dataclass
class _Trie:
    """Sequences of words, as edges from state to state; state 0 is the start."""

    edges: dict[int, float] = field(default_factory=dict)
    states_n: int = 1

    def add(self, words: Iterable[str]) -> int:
        """Add a sequence; returns the state in which it ends."""
        state = 0
        for word in words:
            key = kernel.mixed(state, kernel.word_key(word))
            if key not in self.edges:
                self.edges[key] = self.states_n
                self.states_n += 1
            state = int(self.edges[key])
        return state


class Matcher:
    """Finds the brands of a config in texts. The same text in the same community gives the same rows in any batch.

    Attributes:
        version: see :func:`version_of`.
    """

    def __init__(self, listening: Listening, scorer: Scorer) -> None:
        """Make the tables; reads judged examples.

        Raises:
            ConfigError: examples cannot be read.
        """
        self.version = version_of(listening, scorer.model_id)
        self._scorer = scorer
        self._brands = listening.brands
        self._senses = [_senses_of(brand) for brand in listening.brands]
        self._names = pa.array([brand.name for brand in listening.brands], pa.string())
        self._aliases: list[str] = []
        self._tables = (*self._alias_tables(), *self._near_tables())

    def match(self, texts: pa.Array, communities: pa.Array) -> tuple[npt.NDArray[np.int64], pa.RecordBatch]:
        """Mentions in texts.

        Returns:
            By mention, the row of its text, ascending; and one row per mention, as ``MENTION``.
        """
        data, offsets = _bytes_of(texts)
        names = communities.dictionary_encode()
        says, z = self._communities(names.dictionary.to_pylist())
        places = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        rows, scores = kernel.match_batch(data, offsets, places, *code_tables(), *self._tables, says, z)
        return rows[:, kernel.TEXT], self._mentions(data, rows, scores)

    def _mentions(
        self, data: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
    ) -> pa.RecordBatch:
        pieces = np.ascontiguousarray(rows[:, kernel.SENTENCE_FROM : kernel.SENTENCE_TO + 1])
        sentences = self._scorer.score(_strings(*kernel.copy_pieces(data, pieces)))
        columns = [
            pa.array(rows[:, kernel.NUMBER].astype(np.int32)),
            self._names.take(pa.array(rows[:, kernel.BRAND])),
            pa.array(self._aliases, pa.string()).take(pa.array(rows[:, kernel.ALIAS])),
            pa.array(DECISIONS).take(pa.array(rows[:, kernel.DECISION])),
            pa.array(REASONS).take(pa.array(rows[:, kernel.REASON])),
            pa.array(scores, mask=np.isnan(scores)),
            sentences.column("sentiment_score"),
            sentences.column("label"),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=_MENTION_SCHEMA)

    def _alias_tables(self) -> tuple[Any, ...]:
        trie = _Trie()
        ends: dict[int, int] = {}
        brand_of: list[int] = []
        flags: list[int] = []
        capitals: list[int] = []
        for place, brand in enumerate(self._brands):
            # An alias that holds in any case comes last, so that it wins over one of the same words.
            ordered = sorted(brand.aliases, key=lambda alias: not is_case_aware(alias, brand))
            for name, flag in [
                *((alias, kernel.NEEDS_CAPITAL if is_case_aware(alias, brand) else 0) for alias in ordered),
                *((domain, kernel.IS_DOMAIN) for domain in brand.domains),
            ]:
                ends[trie.add(spelling(name))] = len(self._aliases)
                self._aliases.append(name)
                brand_of.append(place)
                flags.append(flag)
                capitals.append(sum(token.has_capital for token in tokens_of(name)))
        state_alias = np.full(trie.states_n, -1, np.int64)
        for state, alias in ends.items():
            state_alias[state] = alias
        numbers = [np.array(one, np.int64) for one in (brand_of, flags, capitals)]
        return (*kernel.table(trie.edges), state_alias, *numbers)

    def _near_tables(self) -> tuple[Any, ...]:
        trie = _Trie()
        marks: dict[int, float] = {}
        senses: dict[int, float] = {}
        brand_flags = np.zeros(len(self._brands), np.int64)
        limits = np.zeros((len(self._brands), 2))
        for place, brand in enumerate(self._brands):
            for kind, words in ((kernel.NEED, brand.needs_any), (kernel.IGNORE, brand.ignore)):
                for word in words:
                    marks[kernel.mixed(trie.add(spelling(word)), place * 4 + kind)] = 1.0
            brand_flags[place] |= kernel.HAS_NEEDS if brand.needs_any else 0
            learnt = self._senses[place]
            if learnt is not None:
                brand_flags[place] |= kernel.HAS_SENSES
                limits[place] = learnt.accept_above, learnt.reject_up_to
                senses |= {kernel.mixed(kernel.word_key(word), place): z for word, z in learnt.z.items()}
        return (*kernel.table(trie.edges), kernel.table(marks)[0], brand_flags, *kernel.table(senses), limits)

    def _communities(self, names: Sequence[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """By community and brand: whether its name is an alias or a needed word, and the z of the words of its name."""
        says = np.zeros((max(len(names), 1), len(self._brands)), np.bool_)
        z = np.zeros(says.shape)
        for row, name in enumerate(names):
            words = spelling(name)
            together = "".join(words)
            for place, brand in enumerate(self._brands):
                naming = (*brand.aliases, *brand.needs_any)
                says[row, place] = any("".join(spelling(one)) == together for one in naming)
                learnt = self._senses[place]
                z[row, place] = 0.0 if learnt is None else sum(learnt.z.get(word, 0.0) for word in sorted({*words}))
        return says, z


def _senses_of(brand: Brand) -> Senses | None:
    if brand.examples is None:
        return None
    return learn(read_examples(brand.examples), [spelling(alias) for alias in brand.aliases])


def _bytes_of(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes of all texts in Unicode's form NFKC, one after another, and where each begins; NULL is empty."""
    plain = pc.utf8_normalize(texts.cast(pa.large_string()).fill_null(""), form="NFKC")
    _, offsets, data = plain.buffers()
    starts = np.frombuffer(offsets, np.int64, len(plain) + 1, plain.offset * 8) if len(plain) else np.zeros(1, np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    starts.flags.writeable = content.flags.writeable = False
    return content, starts


def _strings(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> pa.Array:
    return pa.Array.from_buffers(
        pa.large_string(), len(offsets) - 1, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes())]
    )


# ---- how many texts hold a list of words --------------------------------------------


class WordLists:
    """Lists of words and phrases, to count the texts that hold one of each."""

    def __init__(self, lists: Sequence[Sequence[str]]) -> None:
        trie = _Trie()
        marks: dict[int, float] = {}
        ends: set[int] = set()
        for group, words in enumerate(lists):
            for word in words:
                state = trie.add(spelling(word))
                ends.add(state)
                marks[kernel.mixed(state, group)] = 1.0
        state_ends = np.zeros(trie.states_n, np.bool_)
        state_ends[sorted(ends)] = True
        self._lists_n = len(lists)
        self._tables = (*kernel.table(trie.edges), state_ends, kernel.table(marks)[0])

    def count(self, texts: pa.Array) -> npt.NDArray[np.int64]:
        """By list, how many of the texts hold one of its words."""
        counts: npt.NDArray[np.int64] = kernel.count_matching(
            *_bytes_of(texts), *code_tables(), *self._tables, self._lists_n
        )
        return counts


@cache
def _warm_brand() -> Listening:
    return Listening(brands=(Brand(name="warm", aliases=("warm",)),))


def warm(scorer: Scorer) -> None:
    """Fill the cache on disk with the compiled loops; some 15 s the first time, then nothing to do."""
    texts = pa.array(["warm"])
    Matcher(_warm_brand(), scorer).match(texts, texts)
    WordLists([["warm"]]).count(texts)
