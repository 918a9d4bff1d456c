"""Making of the kinds' model: ``python -m pulse.texts.training_kinds SETS GOEMOTIONS --out FILE``.

The rules' tables are compiled, and beside them one small linear model a kind is learned from public sets and sentences
of our own (``training_kinds_data``): logistic regression on the sentence that speaks most for the kind, trained example
by example with AdaGrad. One thread, fixed order, plain arithmetic: the same files give the same bytes.

Words and pairs count only if several communities or sets have them: what one community talks about says nothing of the
kind elsewhere. Probabilities are those of a community in which ``BASE_RATE`` of the texts are of a kind.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numba import njit

from pulse.texts import kernel, kinds_file, model_file, rules_source
from pulse.texts.scorer import KINDS
from pulse.texts.training_kinds_data import LABELLED, OWN, PUBLIC, Example, examples

BASE_RATE = 0.1


@dataclass(frozen=True)
class Recipe:
    """How one kind is learned and judged; chosen on the sets that train, whole communities left out.

    Attributes:
        slope, offset: from a sentence's logit to that of the probability, fitted to the answers of models that had not
            seen the text's community.
        threshold: the probability from which on a text is of the kind, near the best F1 where one text in ten is.
        head: what the linear model is multiplied by; 0 leaves it out, where no set teaches the kind, or what it learns
            in some communities does not help in others.
        crossing: what each point of another kind's logit takes from this one's.
        teachers: how much an example of each source counts; one that is not named teaches nothing.
        rate, epochs: of the learning.
        feeling: added to the text's logit for each point of P(negative), and of P(positive).
        length: taken from the logit of a long text, and in part from that of a shorter one.
    """

    slope: float
    offset: float
    threshold: float
    head: float = 0.0
    crossing: Mapping[str, float] = field(default_factory=dict)
    teachers: Mapping[str, float] = field(default_factory=lambda: {PUBLIC: 1.0})
    rate: float = 0.05
    epochs: int = 4
    feeling: tuple[float, float] = (0.0, 0.0)
    length: float = 0.0


L2, SEED, GROUPS_NEEDED = 3e-5, 7, 8

RECIPES: Mapping[str, Recipe] = {
    "wish": Recipe(
        slope=0.87, offset=-1.94, threshold=0.1, head=0.7, teachers={LABELLED: 3.0, OWN: 0.5}, rate=0.1, epochs=8,
        feeling=(-1.0, -1.0),
    ),
    "advice": Recipe(slope=0.55, offset=-2.22, threshold=0.11, head=1.0),
    "complaint": Recipe(
        slope=0.75, offset=-2.65, threshold=0.14, head=0.5, teachers={PUBLIC: 1.0, LABELLED: 2.0, OWN: 4.0},
        # As much as it can count without making a complaint of each sad sentence: condolences are none.
        feeling=(1.25, -1.5),
    ),
    "recommendation_request": Recipe(slope=1.08, offset=-2.84, threshold=0.23),
    "support_request": Recipe(slope=0.98, offset=-2.31, threshold=0.14, head=0.5),
    "question": Recipe(slope=1.0, offset=-3.0, threshold=0.5),
    "experience": Recipe(
        slope=0.79, offset=-1.86, threshold=0.12, head=1.0, teachers={LABELLED: 3.0, OWN: 2.0}, rate=0.2, epochs=8,
        crossing={"recommendation_request": 0.3, "support_request": 0.3},
    ),
    "promotion": Recipe(
        slope=1.15, offset=-1.32, threshold=0.28, head=1.0, teachers={OWN: 1.0}, rate=0.1, epochs=8, length=8.0,
        crossing={"recommendation_request": 1.0, "support_request": 1.0},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Sentences:
    """Features of texts by sentence; ids of sentence k lie between the k-th and the next start, likewise for texts."""

    text_starts: np.ndarray
    id_starts: np.ndarray
    ids: np.ndarray
    from_rules: np.ndarray


def read_sentences(texts: Sequence[str], model: np.ndarray, needs: np.ndarray) -> Sentences:
    """What the kernel reads in texts when it judges them."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *(len(text) for text in encoded)])
    data = np.frombuffer(b"".join(encoded), np.uint8)
    capacity = 4 * data.size + 4 * len(texts) + 1
    text_starts, id_starts = np.zeros(len(texts) + 1, np.int64), np.zeros(capacity, np.int64)
    ids, from_rules = np.zeros(capacity, np.uint32), np.zeros((data.size + len(texts), kernel.NEEDS_N), np.float32)
    _read_all(
        data, offsets, model, needs, np.zeros(1, kernel.SCRATCH), np.zeros(1, kernel.NEEDS_SCRATCH), text_starts,
        id_starts, ids, from_rules,
    )  # fmt: skip
    sentences_n = text_starts[-1]
    return Sentences(
        text_starts, id_starts[: sentences_n + 1], ids[: id_starts[sentences_n]], from_rules[:sentences_n].astype(float)
    )


@njit
def _read_all(data, offsets, models, needs_models, scratches, needs_scratches, text_starts, id_starts, ids, from_rules):  # type: ignore[no-untyped-def]
    tables, needs, s, t = models[0], needs_models[0], scratches[0], needs_scratches[0]
    for text in range(text_starts.size - 1):
        n = kernel.tokenise(data, offsets[text], offsets[text + 1], tables, s)
        first = text_starts[text]
        sentences_n = kernel.read_needs(needs, s, t, n)
        for k in range(sentences_n):
            begin = t.id_ends[k - 1] if k else 0
            start = id_starts[first + k]
            for j in range(begin, t.id_ends[k]):
                ids[start + j - begin] = t.ids[j]
            id_starts[first + k + 1] = start + t.id_ends[k] - begin
            from_rules[first + k] = t.from_rules[k]
        text_starts[text + 1] = first + sentences_n


# ---- learning --------------------------------------------------------------


def shared_buckets(sentences: Sentences, groups: Sequence[str]) -> np.ndarray:
    """By bucket, whether at least ``GROUPS_NEEDED`` groups have a word or pair of it."""
    number = {group: place for place, group in enumerate(sorted(set(groups)))}
    seen = np.zeros((len(number), 1 << kernel.NEED_BUCKET_BITS), np.bool_)
    for text, group in enumerate(groups):
        first, last = sentences.text_starts[text], sentences.text_starts[text + 1]
        seen[number[group], sentences.ids[sentences.id_starts[first] : sentences.id_starts[last]]] = True
    return np.asarray(seen.sum(axis=0) >= GROUPS_NEEDED)


def taught(given: Sequence[Example], recipe: Recipe) -> list[Example]:
    """The examples as a kind's recipe counts them; those of other sources say nothing."""
    return [
        replace(example, weight=example.weight * recipe.teachers[example.source])
        if example.source in recipe.teachers
        else replace(example, truth={})
        for example in given
    ]


def learn(
    sentences: Sentences,
    given: Sequence[Example],
    kind: str,
    is_shared: np.ndarray,
    *,
    rate: float = 0.05,
    epochs: int = 4,
) -> tuple[np.ndarray, float]:
    """Weights by bucket and the bias of one kind, both classes counting the same in all."""
    places = [place for place, example in enumerate(given) if kind in example.truth]
    truth = np.array([given[place].truth[kind] for place in places], np.float64)
    weights = np.array([given[place].weight for place in places])
    if not truth.any():
        return np.zeros(is_shared.size), 0.0
    for value in (0.0, 1.0):
        weights[truth == value] *= truth.size / (2.0 * weights[truth == value].sum())
    rules = np.ascontiguousarray(sentences.from_rules[:, KINDS.index(kind)])
    learned, bias = np.zeros(is_shared.size), np.zeros(1)
    squares, bias_square = np.full(is_shared.size, 1e-6), np.full(1, 1e-6)
    for epoch in range(epochs):
        order = np.array(places)[_order(len(places), SEED + epoch)]
        back = _order(len(places), SEED + epoch)
        _epoch(
            order, truth[back], weights[back], sentences.text_starts, sentences.id_starts, sentences.ids, rules,
            is_shared, learned, bias, squares, bias_square, rate, L2,
        )  # fmt: skip
    return learned, float(bias[0])


def _order(examples_n: int, seed: int) -> np.ndarray:
    """A shuffled order that does not depend on any library's generator: SplitMix64 (Steele et al. 2014), sorted."""
    with np.errstate(over="ignore"):
        mixed = np.arange(1, examples_n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed += np.uint64(seed) * np.uint64(0xD1342543DE82EF95)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


@njit
def _epoch(  # type: ignore[no-untyped-def]
    order, truth, example_weights, text_starts, id_starts, ids, rules, is_shared,
    weights, bias, squares, bias_square, rate, l2,
):  # fmt: skip
    """One pass of AdaGrad, in place; of each text the sentence that speaks most for the kind."""
    for place in range(order.size):
        text = order[place]
        best, best_logit = -1, -1e9
        for sentence in range(text_starts[text], text_starts[text + 1]):
            logit = rules[sentence] + _linear(ids, id_starts[sentence], id_starts[sentence + 1], weights)
            if logit > best_logit:
                best, best_logit = sentence, logit
        if best < 0:
            continue
        begin, end = id_starts[best], id_starts[best + 1]
        error = 1.0 / (1.0 + kernel.exponential(-(best_logit + bias[0]))) - truth[place]
        gradient = error * example_weights[place]
        bias_square[0] += gradient * gradient
        bias[0] -= rate * gradient / np.sqrt(bias_square[0])
        part = 1.0 / np.sqrt(max(end - begin, 1))
        for k in range(begin, end):
            bucket = ids[k]
            if is_shared[bucket]:
                change = gradient * part + l2 * weights[bucket]
                squares[bucket] += change * change
                weights[bucket] -= rate * change / np.sqrt(squares[bucket])


@njit
def _linear(ids, begin, end, weights):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(begin, end):
        total += weights[ids[k]]
    return total / np.sqrt(max(end - begin, 1))


# ---- the command -----------------------------------------------------------


def build(given: Sequence[Example], model: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """A whole model, one record of ``kernel.NEEDS``, and the ids of its rules."""
    needs = np.zeros(1, kernel.NEEDS)
    rule_ids = rules_source.write_tables(needs)
    sentences = read_sentences([example.text for example in given], model, needs)
    is_shared = shared_buckets(sentences, [example.group for example in given])
    for place, kind in enumerate(KINDS):
        recipe = RECIPES[kind]
        for other, taken in recipe.crossing.items():
            needs["crossing"][0, place, KINDS.index(other)] = taken
        needs["by_feeling"][0, place], needs["by_length"][0, place] = recipe.feeling, recipe.length
        needs["slopes"][0, place], needs["offsets"][0, place] = recipe.slope, recipe.offset
        if recipe.head:
            weights, bias = learn(
                sentences, taught(given, recipe), kind, is_shared, rate=recipe.rate, epochs=recipe.epochs
            )
            scale = max(float(np.abs(weights).max()), 1e-9) / 127.0
            needs["weights"][0, :, place] = np.rint(weights / scale)
            needs["scales"][0, place], needs["bias"][0, place] = scale * recipe.head, bias * recipe.head
    return needs, rule_ids


def main() -> None:
    """Make and write the model."""
    parser = argparse.ArgumentParser(prog="python -m pulse.texts.training_kinds", description=__doc__)
    parser.add_argument("sets", type=Path, help="holds a folder for each set; docs/texts.md names them")
    parser.add_argument("goemotions", type=Path, help="holds GoEmotions' train.tsv, or train.tsv.zst")
    parser.add_argument("--out", type=Path, default=kinds_file.FILE)
    options = parser.parse_args()
    given = list(examples(options.sets, options.goemotions))
    needs, rule_ids = build(given, model_file.read().record)
    thresholds = {kind: RECIPES[kind].threshold for kind in KINDS}
    sha256 = kinds_file.write(options.out, needs, rule_ids=rule_ids, thresholds=thresholds)
    print(f"{options.out}: {options.out.stat().st_size} bytes, SHA-256 {sha256}")  # noqa: T201


if __name__ == "__main__":
    main()
