"""The texts that the sentiment model learns from: readers of public files by name, and sentences of our own.

Which files, where they come from and under which licence: docs/texts.md. A folder holds them as published here:
``sentiment_goemotions/original/train.tsv`` and ``gold/<set>/data.ndjson``, each also as ``.zst``. A class is a number:
0 negative, 1 neutral, 2 positive.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from pulse.texts import lexicon_source

NEGATIVE, NEUTRAL, POSITIVE = 0, 1, 2
# How many sentences each pattern of our own gives at most.
SPELLINGS_N = 12

# Groups of the authors' sentiment_mapping.json, by number of the emotion in emotions.txt: Demszky et al. 2020, table 4.
_POSITIVE = frozenset({0, 1, 4, 5, 8, 13, 15, 17, 18, 20, 21, 23})
_NEGATIVE = frozenset({2, 3, 9, 10, 11, 12, 14, 16, 19, 24, 25})
_CLASSES = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}
Labelled = tuple[list[str], list[int]]


@dataclass(frozen=True)
class TrainingSet:
    """One set and what its examples count.

    Attributes:
        name: of the set.
        path: of its file in the folder of data, without ``.zst``; None for our own sentences.
        read: from the file to texts and classes.
        weight: of an example, beside 1 for a comment of GoEmotions; classes are balanced within a set before.
        negative_weight: times that, for negative examples.
        tells_neutral: False where the set has but two classes because it was made so: it then says only which of the
            two a text is, and nothing of how much is neutral.
    """

    name: str
    path: str | None
    read: Callable[[Path], Labelled]
    weight: float = 1.0
    negative_weight: float = 1.0
    tells_neutral: bool = True


def read_goemotions(file: Path) -> Labelled:
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


def read_labelled(file: Path) -> Labelled:
    """Texts and classes of an NDJSON file with ``text`` and ``label``; rows with another label are left out."""
    return _of_classes(file, _CLASSES)


def read_product_sentences(file: Path) -> Labelled:
    """Liu's sentences: one without a marked feature is neutral, one with features of both signs is left out."""
    return _of_classes(file, {**_CLASSES, "none": NEUTRAL})


def read_own_sentences(file: Path) -> Labelled:
    """Sentences from patterns, see the first lines of ``lexicon/sentences.txt``.

    Up to ``SPELLINGS_N`` a pattern; which ones follows from a hash of the pattern, so one changed pattern changes no
    other's sentences.
    """
    texts, labels, names = [], [], {}
    for line in lexicon_source.lines(file):
        if definition := lexicon_source.DEFINITION.fullmatch(line):
            names[definition[1]] = definition[2].split("|")
            continue
        label, pattern = line.split(": ", 1)
        chosen = spellings(pattern, names, SPELLINGS_N)
        texts += chosen
        labels += [_CLASSES[label]] * len(chosen)
    return texts, labels


TRAINING_SETS = (
    TrainingSet("GoEmotions", "sentiment_goemotions/original/train.tsv", read_goemotions),
    TrainingSet("DynaSent", "gold/dynasent/data.ndjson", read_labelled, weight=1.0, negative_weight=2.2),
    TrainingSet("product sentences", "gold/product_reviews_liu/data.ndjson", read_product_sentences, 0.6, 1.8),
    TrainingSet("app review features", "gold/app_review_features/data.ndjson", read_labelled, 0.6, 1.8),
    TrainingSet("pros and cons", "gold/pros_cons/data.ndjson", read_labelled, 0.12, tells_neutral=False),
    TrainingSet("own sentences", None, read_own_sentences, weight=0.6, negative_weight=1.8),
)


def file_of(training_set: TrainingSet, folder: Path) -> Path:
    """Where the set's file lies, packed or not.

    Raises:
        FileNotFoundError: it lies nowhere; the message names the file.
    """
    if training_set.path is None:
        return lexicon_source.FOLDER / "sentences.txt"
    plain = folder / training_set.path
    for file in (plain, plain.with_name(f"{plain.name}.zst")):
        if file.exists():
            return file
    raise FileNotFoundError(f"no {training_set.path} (or .zst) in {folder}: the set {training_set.name!r}")


# ---- lines -----------------------------------------------------------------


def _lines(file: Path) -> list[str]:
    content = file.read_bytes()
    if file.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    return [line for line in content.decode().split("\n") if line]


def read_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Rows of an NDJSON file, packed (``.zst``) or not."""
    for line in _lines(file):
        yield json.loads(line)


def _of_classes(file: Path, classes: Mapping[str, int]) -> Labelled:
    rows = [row for row in read_rows(file) if row["label"] in classes]
    return [row["text"] for row in rows], [classes[row["label"]] for row in rows]


# ---- sentences of our own --------------------------------------------------

_NAME = re.compile(r"\{(\w+)\}")
_BEFORE_SIGN = re.compile(r" ([,.?:])")


def spellings(pattern: str, names: Mapping[str, Sequence[str]], most: int) -> list[str]:
    """Up to ``most`` different spellings of a pattern; which ones follows from a hash of the pattern."""
    return list(dict.fromkeys(_spelling(pattern, names, number) for number in range(3 * most)))[:most]


def _spelling(pattern: str, names: Mapping[str, Sequence[str]], number: int) -> str:
    """One of the spellings of a pattern: a choice for each group, then one for each name in what was chosen."""
    pieces = []
    for place, group in enumerate(lexicon_source.GROUP.finditer(pattern)):
        seed = f"{pattern}/{number}/{place}"
        piece = group[2] or _chosen(group[1].split("|"), seed)
        pieces.append(_NAME.sub(lambda name, seed=seed: _chosen(names[name[1]], f"{seed}/{name[1]}"), piece))
    # With and without a full stop, as people write: how a text ends shall say nothing.
    pieces.append(_chosen(("", "."), f"{pattern}/{number}/end"))
    return _BEFORE_SIGN.sub(r"\1", " ".join(" ".join(pieces).split()))


def _chosen(choices: Sequence[str], seed: str) -> str:
    return choices[int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") % len(choices)]
