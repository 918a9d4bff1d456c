"""Training of the model from the public GoEmotions files: ``python -m pulse.texts.training FOLDER --out FILE``.

One thread, fixed order, integers and plain arithmetic only: the same files give the same bytes. Multinomial logistic
regression with neutral as the origin, trained example by example with AdaGrad (Duchi, Hazan and Singer 2011); the
weights are the mean over the last epochs, then rounded to eight bits a column.
"""

import argparse
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard
from numba import njit

from pulse.texts import kernel, lexicon_source, model_file

MODEL_VERSION = "1.0"
NEGATIVE, NEUTRAL, POSITIVE = 0, 1, 2

# Groups of the authors' sentiment_mapping.json, by number of the emotion in emotions.txt: Demszky et al. 2020, table 4.
_POSITIVE = frozenset({0, 1, 4, 5, 8, 13, 15, 17, 18, 20, 21, 23})
_NEGATIVE = frozenset({2, 3, 9, 10, 11, 12, 14, 16, 19, 24, 25})


@dataclass(frozen=True)
class Recipe:
    """What was chosen on the development set; see docs/texts.md.

    Attributes:
        learning_rate, epochs, l2: of AdaGrad.
        averaged_epochs: how many of the last epochs the weights are the mean of.
        balance: 0 takes classes as they come, 1 gives each the same weight in all.
        seed: of the order of examples.
    """

    learning_rate: float = 0.06
    epochs: int = 6
    averaged_epochs: int = 2
    l2: float = 1e-5
    balance: float = 0.6
    seed: int = 7


@dataclass(frozen=True)
class Examples:
    """Features of labelled texts; ids of example k lie between the k-th and the next start."""

    word_starts: np.ndarray
    word_ids: np.ndarray
    char_starts: np.ndarray
    char_ids: np.ndarray
    dense: np.ndarray
    labels: np.ndarray


# ---- data ------------------------------------------------------------------


def read_goemotions(file: Path) -> tuple[list[str], list[int]]:
    """Texts and classes of one of GoEmotions' split files (``train.tsv``, ``dev.tsv``; ``.zst`` as well).

    A comment with positive and no negative emotions is positive, the reverse negative; without either (neutral,
    confusion, curiosity, realization, surprise) it is neutral; with both it is left out.
    """
    texts, labels = [], []
    for line in _lines(file):
        text, emotions, _ = line.rstrip("\r\n").split("\t")
        numbers = {int(number) for number in emotions.split(",")}
        is_positive, is_negative = bool(numbers & _POSITIVE), bool(numbers & _NEGATIVE)
        if is_positive and is_negative:
            continue
        texts.append(text)
        labels.append(POSITIVE if is_positive else NEGATIVE if is_negative else NEUTRAL)
    return texts, labels


def _lines(file: Path) -> Iterable[str]:
    content = file.read_bytes()
    if file.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    return [line for line in content.decode().split("\n") if line]


def featurise(texts: Sequence[str], labels: Sequence[int], model: np.ndarray) -> Examples:
    """Features of texts as the kernel makes them when it judges."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *(len(text) for text in encoded)])
    data = np.frombuffer(b"".join(encoded), np.uint8)
    capacity = 4 * data.size + 4 * len(texts)
    starts = np.zeros((2, len(texts) + 1), np.int64)
    word_ids, char_ids = np.zeros(capacity, np.uint32), np.zeros(capacity, np.uint32)
    dense = np.zeros((len(texts), kernel.DENSE_N))
    _featurise_all(data, offsets, model, np.zeros(1, kernel.SCRATCH), starts, word_ids, char_ids, dense)
    return Examples(
        starts[0], word_ids[: starts[0, -1]], starts[1], char_ids[: starts[1, -1]], dense, np.array(labels, np.int64)
    )


@njit
def _featurise_all(data, offsets, models, scratches, starts, word_ids, char_ids, dense):  # type: ignore[no-untyped-def]
    tables, scratch = models[0], scratches[0]
    for row in range(dense.shape[0]):
        kernel.featurise(data, offsets[row], offsets[row + 1], tables, scratch)
        words_n, chars_n = scratch.counts[kernel.C_WORD_IDS], scratch.counts[kernel.C_CHAR_IDS]
        word_start, char_start = starts[0, row], starts[1, row]
        word_ids[word_start : word_start + words_n] = scratch.word_ids[:words_n]
        char_ids[char_start : char_start + chars_n] = scratch.char_ids[:chars_n]
        dense[row, :] = scratch.dense[:]
        starts[0, row + 1] = word_start + words_n
        starts[1, row + 1] = char_start + chars_n


# ---- training --------------------------------------------------------------


def train(examples: Examples, recipe: Recipe, model: np.ndarray) -> None:
    """Learn weights, scales, dense weights and biases, and write them into the model."""
    buckets = 1 << kernel.BUCKET_BITS
    weights, dense, bias = np.zeros((buckets, 2)), np.zeros((kernel.DENSE_N, 2)), np.zeros(2)
    squares = (np.full((buckets, 2), 1e-8), np.full((kernel.DENSE_N, 2), 1e-8), np.full(2, 1e-8))
    sums = [np.zeros_like(weights), np.zeros_like(dense), np.zeros_like(bias)]
    class_weights = _class_weights(examples.labels, recipe.balance)
    for epoch in range(recipe.epochs):
        order = _order(examples.labels.size, recipe.seed + epoch)
        _train_epoch(
            order, examples.word_starts, examples.word_ids, examples.char_starts, examples.char_ids, examples.dense,
            examples.labels, class_weights, weights, dense, bias, *squares, recipe.learning_rate, recipe.l2,
        )  # fmt: skip
        if epoch >= recipe.epochs - recipe.averaged_epochs:
            sums = [total + part for total, part in zip(sums, (weights, dense, bias), strict=True)]
    weights, dense, bias = (total / recipe.averaged_epochs for total in sums)
    scales = np.abs(weights).max(axis=0) / 127.0
    model["weights"][0], model["scales"][0] = np.rint(weights / scales), scales
    model["dense"][0], model["bias"][0] = dense, bias


def _class_weights(labels: np.ndarray, balance: float) -> np.ndarray:
    shares = np.maximum(np.bincount(labels, minlength=3), 1) / labels.size
    weights = np.array([(1.0 / (3.0 * share)) ** balance for share in shares])
    mean: float = (weights * shares).sum()
    return np.asarray(weights / mean)


def _order(examples_n: int, seed: int) -> np.ndarray:
    """A shuffled order that does not depend on any library's generator: SplitMix64 (Steele et al. 2014), sorted."""
    with np.errstate(over="ignore"):
        mixed = np.arange(1, examples_n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed += np.uint64(seed) * np.uint64(0xD1342543DE82EF95)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


@njit
def _train_epoch(  # type: ignore[no-untyped-def]
    order, word_starts, word_ids, char_starts, char_ids, dense_features, labels, class_weights,
    weights, dense, bias, square_weights, square_dense, square_bias, rate, l2,
):  # fmt: skip
    """One pass of AdaGrad over the examples, in place."""
    from_dense, from_words, gradient = np.zeros(2), np.zeros(2), np.zeros(2)
    for row in order:
        words, chars = (
            word_ids[word_starts[row] : word_starts[row + 1]],
            char_ids[char_starts[row] : char_starts[row + 1]],
        )
        word_value = 1.0 / np.sqrt(max(words.size, 1))
        char_value = kernel.CHARS_WEIGHT / np.sqrt(max(chars.size, 1))
        weight = class_weights[labels[row]]
        _dense_logits(dense_features[row], dense, bias, from_dense)
        for c in range(2):
            from_words[c] = _sum_of(words, weights, c) * word_value + _sum_of(chars, weights, c) * char_value
        _gradient(from_dense[0] + from_words[0], from_dense[1] + from_words[1], labels[row], weight, gradient)
        for c in range(2):
            _update_all(words, weights, square_weights, c, gradient[c] * word_value, rate, l2)
            _update_all(chars, weights, square_weights, c, gradient[c] * char_value, rate, l2)
        _update_dense(dense_features[row], dense, square_dense, bias, square_bias, gradient, rate, l2)


@njit
def _sum_of(ids, weights, c):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in ids:
        total += weights[k, c]
    return total


@njit
def _dense_logits(features, dense, bias, logits):  # type: ignore[no-untyped-def]
    for c in range(2):
        logits[c] = bias[c]
        for k in range(kernel.DENSE_N):
            logits[c] += kernel.DENSE_WEIGHT * features[k] * dense[k, c]


@njit
def _gradient(negative_logit, positive_logit, label, weight, gradient):  # type: ignore[no-untyped-def]
    """Of the loss, by the two logits."""
    negative, positive = kernel.exponential(negative_logit), kernel.exponential(positive_logit)
    total = negative + 1.0 + positive
    gradient[0] = weight * (negative / total - (label == 0))
    gradient[1] = weight * (positive / total - (label == 2))


@njit
def _update_dense(features, dense, square_dense, bias, square_bias, gradient, rate, l2):  # type: ignore[no-untyped-def]
    for c in range(2):
        for k in range(kernel.DENSE_N):
            change = gradient[c] * kernel.DENSE_WEIGHT * features[k] + l2 * dense[k, c]
            square_dense[k, c] += change * change
            dense[k, c] -= rate * change / np.sqrt(square_dense[k, c])
        square_bias[c] += gradient[c] * gradient[c]
        bias[c] -= rate * gradient[c] / np.sqrt(square_bias[c])


@njit
def _update_all(ids, weights, squares, c, gradient, rate, l2):  # type: ignore[no-untyped-def]
    for k in ids:
        change = gradient + l2 * weights[k, c]
        squares[k, c] += change * change
        weights[k, c] -= rate * change / np.sqrt(squares[k, c])


# ---- the command -----------------------------------------------------------


def build(train_file: Path, recipe: Recipe) -> np.ndarray:
    """A whole model: one record of ``kernel.MODEL``."""
    model = np.zeros(1, kernel.MODEL)
    lexicon_source.write_tables(model)
    train(featurise(*read_goemotions(train_file), model), recipe, model)
    return model


def main() -> None:
    """Train and write the model."""
    parser = argparse.ArgumentParser(prog="python -m pulse.texts.training", description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="holds GoEmotions' train.tsv (text, emotion numbers, id), or train.tsv.zst"
    )
    parser.add_argument("--out", type=Path, default=model_file.FILE)
    options = parser.parse_args()
    train_file = next(
        (file for name in ("train.tsv", "train.tsv.zst") if (file := options.folder / name).exists()), None
    )
    if train_file is None:
        parser.error(
            f"no train.tsv in {options.folder}; it is in github.com/google-research/google-research, goemotions/data"
        )
    sha256 = model_file.write(options.out, build(train_file, Recipe()), version=MODEL_VERSION)
    print(f"{options.out}: {options.out.stat().st_size} bytes, SHA-256 {sha256}")  # noqa: T201


if __name__ == "__main__":
    main()
