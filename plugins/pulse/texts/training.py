"""Training of the model from public files: ``python -m pulse.texts.training FOLDER --out FILE``.

One thread, fixed order, integers and plain arithmetic only: the same files give the same bytes. Multinomial logistic
regression with neutral as the origin, trained example by example with AdaGrad (Duchi, Hazan and Singer 2011); the
weights are the mean over the last epochs, then rounded to eight bits a column. Which sets, and what each counts:
:data:`pulse.texts.training_data.TRAINING_SETS`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from pulse.texts import kernel, lexicon_source, model_file
from pulse.texts.training_data import NEGATIVE, TRAINING_SETS, TrainingSet, file_of

MODEL_VERSION = "2.0"


@dataclass(frozen=True)
class Recipe:
    """What was chosen on parts of the training sets that were held back; see docs/texts.md.

    Attributes:
        learning_rate, epochs, l2: of AdaGrad.
        averaged_epochs: how many of the last epochs the weights are the mean of.
        orders: as many times all of it is done, each in another order of the examples; the weights are their mean.
        hashed_share, lexicon_share: what the weights of words, and all others, are multiplied by at the end. Less trust
            in what was learned by heart carries further from home; both together set how sure the model is.
        balance: 0 takes classes as they come, 1 gives each the same weight in all.
        seed: of the first order of examples.
    """

    learning_rate: float = 0.055
    epochs: int = 8
    averaged_epochs: int = 3
    orders: int = 4
    l2: float = 1e-5
    hashed_share: float = 0.91
    lexicon_share: float = 1.12
    balance: float = 0.45
    seed: int = 7


@dataclass(frozen=True)
class Examples:
    """Features of labelled texts; ids of example k lie between the k-th and the next start.

    ``weights`` is what an example counts; ``tells_neutral`` is False where it only says which of the other two it is.
    """

    word_starts: np.ndarray
    word_ids: np.ndarray
    char_starts: np.ndarray
    char_ids: np.ndarray
    dense: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    tells_neutral: np.ndarray


# ---- features --------------------------------------------------------------


_Features = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def featurise(texts: Sequence[str], model: np.ndarray) -> _Features:
    """Features of texts as the kernel makes them when it judges: the first five fields of ``Examples``."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *(len(text) for text in encoded)])
    data = np.frombuffer(b"".join(encoded), np.uint8)
    capacity = kernel.WORD_IDS_PER_TOKEN * (data.size + len(texts))
    starts = np.zeros((2, len(texts) + 1), np.int64)
    word_ids, char_ids = np.zeros(capacity, np.uint32), np.zeros(capacity, np.uint32)
    dense = np.zeros((len(texts), kernel.DENSE_N))
    _featurise_all(data, offsets, model, np.zeros(1, kernel.SCRATCH), starts, word_ids, char_ids, dense)
    return starts[0], word_ids[: starts[0, -1]], starts[1], char_ids[: starts[1, -1]], dense


def read_examples(folder: Path, sets: Sequence[TrainingSet], balance: float, model: np.ndarray) -> Examples:
    """Examples of all sets, one set after another.

    Raises:
        FileNotFoundError: a set's file is not in the folder.
    """
    texts: list[str] = []
    labels, weights, tells_neutral = [], [], []
    for training_set in sets:
        of_set, classes = training_set.read(file_of(training_set, folder))
        numbers = np.array(classes, np.int64)
        counts = training_set.weight * _class_weights(numbers, balance)[numbers]
        texts += of_set
        labels.append(numbers)
        weights.append(np.where(numbers == NEGATIVE, training_set.negative_weight * counts, counts))
        tells_neutral.append(np.full(numbers.size, training_set.tells_neutral))
    return Examples(
        *featurise(texts, model), np.concatenate(labels), np.concatenate(weights), np.concatenate(tells_neutral)
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
    parts = [_trained(examples, recipe, recipe.seed + number * recipe.epochs) for number in range(recipe.orders)]
    weights, dense, bias = (sum(of_orders) / recipe.orders for of_orders in zip(*parts, strict=True))
    scales = np.abs(weights).max(axis=0) / 127.0
    model["weights"][0], model["scales"][0] = np.rint(weights / scales), recipe.hashed_share * scales
    model["dense"][0], model["bias"][0] = recipe.lexicon_share * dense, recipe.lexicon_share * bias


def _trained(examples: Examples, recipe: Recipe, seed: int) -> list[np.ndarray]:
    """Weights, dense weights and biases after all epochs in the orders that begin with this seed."""
    buckets = 1 << kernel.BUCKET_BITS
    weights, dense, bias = np.zeros((buckets, 2)), np.zeros((kernel.DENSE_N, 2)), np.zeros(2)
    squares = (np.full((buckets, 2), 1e-8), np.full((kernel.DENSE_N, 2), 1e-8), np.full(2, 1e-8))
    sums = [np.zeros_like(weights), np.zeros_like(dense), np.zeros_like(bias)]
    for epoch in range(recipe.epochs):
        order = _order(examples.labels.size, seed + epoch)
        _train_epoch(
            order, examples.word_starts, examples.word_ids, examples.char_starts, examples.char_ids, examples.dense,
            examples.labels, examples.weights, examples.tells_neutral,
            weights, dense, bias, *squares, recipe.learning_rate, recipe.l2,
        )  # fmt: skip
        if epoch >= recipe.epochs - recipe.averaged_epochs:
            sums = [total + part for total, part in zip(sums, (weights, dense, bias), strict=True)]
    return [total / recipe.averaged_epochs for total in sums]


def _class_weights(labels: np.ndarray, balance: float) -> np.ndarray:
    """What an example of each class counts, 1 in the mean; 0 for a class that is not there."""
    counts = np.bincount(labels, minlength=3)
    shares = counts / max(labels.size, 1)
    classes_n = max(np.count_nonzero(counts), 1)
    weights = np.array([(1.0 / (classes_n * share)) ** balance if share else 0.0 for share in shares])
    mean: float = (weights * shares).sum()
    return np.asarray(weights / mean if mean else weights)


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
    order, word_starts, word_ids, char_starts, char_ids, dense_features, labels, example_weights, tells_neutral,
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
        _dense_logits(dense_features[row], dense, bias, from_dense)
        for c in range(2):
            from_words[c] = _sum_of(words, weights, c) * word_value + _sum_of(chars, weights, c) * char_value
        for c in range(2):
            from_words[c] += from_dense[c]
        _gradient(from_words[0], from_words[1], labels[row], tells_neutral[row], gradient)
        gradient *= example_weights[row]
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
def _gradient(negative_logit, positive_logit, label, tells_neutral, gradient):  # type: ignore[no-untyped-def]
    """Of the loss, by the two logits; without neutral, of the choice between the two."""
    negative, positive = kernel.exponential(negative_logit), kernel.exponential(positive_logit)
    total = negative + positive + (1.0 if tells_neutral else 0.0)
    gradient[0] = negative / total - (label == 0)
    gradient[1] = positive / total - (label == 2)


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


def build(folder: Path, recipe: Recipe, sets: Sequence[TrainingSet] = TRAINING_SETS) -> np.ndarray:
    """A whole model: one record of ``kernel.MODEL``.

    Raises:
        FileNotFoundError: a set's file is not in the folder.
    """
    model = np.zeros(1, kernel.MODEL)
    lexicon_source.write_tables(model)
    train(read_examples(folder, sets, recipe.balance, model), recipe, model)
    return model


def main() -> None:
    """Train and write the model."""
    parser = argparse.ArgumentParser(prog="python -m pulse.texts.training", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds the public files; docs/texts.md says which and where from")
    parser.add_argument("--out", type=Path, default=model_file.FILE)
    options = parser.parse_args()
    try:
        record = build(options.folder, Recipe())
    except FileNotFoundError as error:
        parser.error(f"{error}; docs/texts.md says where the sets come from")
    sha256 = model_file.write(options.out, record, version=MODEL_VERSION)
    print(f"{options.out}: {options.out.stat().st_size} bytes, SHA-256 {sha256}")  # noqa: T201


if __name__ == "__main__":
    main()
