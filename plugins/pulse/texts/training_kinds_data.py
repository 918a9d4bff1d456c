"""The texts that the kinds' linear models learn from: public sets, our labels of some of their sentences, and our own.

Each set lies in a folder of its own as ``data.ndjson`` or ``data.ndjson.zst``, and GoEmotions as ``train.tsv``;
docs/texts.md says where each comes from and under which licence. Only what may be shipped is read here: sets that test
the kinds are not named in this file. Our sentences and labels: ``rules/sentences.txt``, ``rules/labels.txt``.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from pulse.core.errors import StorageError
from pulse.texts import lexicon_source, rules_source
from pulse.texts.scorer import KINDS
from pulse.texts.training_data import spellings

# Communities of the distant set by what is mostly written there. Of what its posts say besides, nothing is known: a
# post that asks for help often tells what happened, and says what is bad.
_DISTANT_KINDS = {
    "wish": "wish",
    "recommendation_request": "recommendation_request",
    "support_question": "support_request",
    "promotion": "promotion",
    "experience": "experience",
    "complaint": "complaint",
}
_DISTANT_NOT = {
    "wish": ("promotion", "recommendation_request", "support_request", "experience"),
    "recommendation_request": ("promotion", "wish", "support_request", "experience"),
    "support_question": ("promotion", "wish", "recommendation_request"),
    "promotion": ("wish", "recommendation_request", "support_request", "experience", "complaint"),
    "experience": ("promotion", "wish", "recommendation_request", "support_request"),
    "complaint": ("promotion", "wish", "recommendation_request", "support_request"),
    "discussion": ("promotion", "wish", "recommendation_request", "support_request"),
    "news": ("promotion", "wish", "recommendation_request", "support_request", "experience", "complaint"),
}


PUBLIC, LABELLED, OWN = "public", "labelled", "own"
_OWN_SPELLINGS_N = 6  # of each line, at most
_OWN_GROUPS_N, _LABELLED_GROUPS_N = 24, 16


@dataclass(frozen=True)
class Example:
    """A text and what is known of it.

    Attributes:
        group: the community or set that it is of; what all texts of a group share teaches nothing.
        truth: whether it is of a kind, for the kinds of which that is known.
        weight: how much it counts.
        source: where it is from: ``PUBLIC``, ``LABELLED`` or ``OWN``.
    """

    text: str
    group: str
    truth: Mapping[str, bool] = field(default_factory=dict)
    weight: float = 1.0
    source: str = PUBLIC


def examples(sets: Path, goemotions: Path) -> Iterator[Example]:
    """All examples, in the order of the files.

    Raises:
        StorageError: a set is not there.
    """
    public = [*_of_public_sets(sets), *_comments(goemotions)]
    yield from public
    yield from labelled([*(example.text for example in public), *_app_reviews(sets)], _labels())
    yield from own_sentences()


def _of_public_sets(sets: Path) -> Iterator[Example]:
    for name, read in _READERS.items():
        for record in _records(sets, name):
            example = read(record)
            if example is not None and example.truth:
                yield example


def _truth(*kinds: str, is_not: Sequence[str] = ()) -> dict[str, bool]:
    return {kind: kind in kinds for kind in KINDS if kind in kinds or kind in is_not}


def _distant(record: Mapping[str, Any]) -> Example:
    kind = _DISTANT_KINDS.get(record["label"])
    truth = _truth(*([kind] if kind else []), is_not=_DISTANT_NOT[record["label"]])
    return Example(record["text"], record["subreddit"], truth)


_OF_REVIEWS = ("wish", "promotion", "recommendation_request", "support_request")


def _advice(record: Mapping[str, Any]) -> Example:
    is_not = ("wish", "promotion", "recommendation_request", "complaint")
    truth = _truth(*(["advice"] if record["label"] else []), is_not=("advice", *is_not))
    return Example(_joined(record["text"]), "advice", truth)


def _joined(text: str) -> str:
    """Words as people write them; this set sets apart signs and endings."""
    for apart, together in ((" n't", "n't"), (" nt ", "nt "), (" '", "'"), (" .", "."), (" ,", ","), (" ?", "?")):
        text = text.replace(apart, together)
    return text


def _product_sentence(record: Mapping[str, Any]) -> Example | None:
    if record["label"] not in ("negative", "positive", "none"):
        return None
    is_complaint = record["label"] == "negative"
    is_not = ("complaint", "promotion", "recommendation_request")
    return Example(record["text"], record["product"], _truth(*(["complaint"] if is_complaint else []), is_not=is_not))


def _phrase(record: Mapping[str, Any]) -> Example:
    is_complaint = record["label"] == "negative"
    truth = _truth(*(["complaint"] if is_complaint else []), is_not=("complaint", "wish"))
    return Example(record["text"], "pros_cons", truth, weight=0.15)


def _review(record: Mapping[str, Any]) -> Example | None:
    if record["label"] not in ("negative", "positive", "neutral"):
        return None
    is_complaint = record["label"] == "negative"
    truth = _truth(*(["complaint"] if is_complaint else []), is_not=("complaint", *_OF_REVIEWS))
    return Example(record["text"], "dynasent", truth)


def _comparison(record: Mapping[str, Any]) -> Example:
    return Example(record["text"], "comparative", _truth(is_not=("promotion", "recommendation_request")), weight=0.5)


_READERS: dict[str, Callable[[Mapping[str, Any]], Example | None]] = {
    "reddit_post_kinds_distant": _distant,
    "suggestion_reddit_advice": _advice,
    "product_reviews_liu": _product_sentence,
    "pros_cons": _phrase,
    "dynasent": _review,
    "comparative_sentences": _comparison,
}
_EVERY_COMMENT = 4  # of GoEmotions that is read


def _records(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    content = _content(folder, f"{name}/data.ndjson")
    return (json.loads(line) for line in content.split("\n") if line)


def _comments(folder: Path) -> Iterator[Example]:
    """Comments of all kinds of communities: what is rare in them."""
    truth = _truth(is_not=("wish", "promotion", "recommendation_request", "support_request"))
    lines = [line for line in _content(folder, "train.tsv").split("\n") if line]
    for line in lines[::_EVERY_COMMENT]:
        yield Example(line.split("\t")[0], "goemotions", truth)


# ---- sentences of our own, and labels ---------------------------------------

_SCENE = re.compile(r"== (.+): ([a-z_ ]+)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_KEY_DIGITS = 10


def own_sentences() -> Iterator[Example]:
    """Sentences from the patterns of ``rules/sentences.txt``; a changed line changes no other's."""
    names: dict[str, list[str]] = {}
    told: list[str] = []
    for number, line in enumerate(lexicon_source.lines(rules_source.FOLDER / "sentences.txt")):
        if scene := _SCENE.fullmatch(line):
            told = scene[2].split()
        elif definition := lexicon_source.DEFINITION.fullmatch(line):
            names[definition[1]] = definition[2].split("|")
        else:
            kinds, pattern = line.split(": ", 1)
            truth = {kind: kind in kinds.split() for kind in told}
            for text in spellings(pattern, names, _OWN_SPELLINGS_N):
                yield Example(text, f"own {number % _OWN_GROUPS_N}", truth, source=OWN)


def _labels() -> dict[str, dict[str, bool]]:
    """Of sentences, by the first digits of their checksum, whether they are of the kinds that we were asked about."""
    labels: dict[str, dict[str, bool]] = {}
    for line in lexicon_source.lines(rules_source.FOLDER / "labels.txt"):
        label, keys = line.split(": ")
        kind = label.removeprefix("no ")
        for key in keys.split():
            labels.setdefault(key, {})[kind] = kind == label
    return labels


def key_of(text: str) -> str:
    """By which a text is known in the file of labels."""
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def labelled(texts: Sequence[str], labels: Mapping[str, Mapping[str, bool]]) -> Iterator[Example]:
    """The sentences, or whole texts, that are labelled; each once."""
    left = dict(labels)
    for text in texts:
        for piece in dict.fromkeys((text, *(part.strip() for part in _SENTENCE_END.split(text)))):
            key = key_of(piece)
            truth = left.pop(key, None)
            if truth:
                yield Example(piece, f"labelled {int(key, 16) % _LABELLED_GROUPS_N}", truth, source=LABELLED)


def _app_reviews(sets: Path) -> Iterator[str]:
    for record in _records(sets, "app_review_features"):
        yield record["text"]


# ---- files ------------------------------------------------------------------


def _content(folder: Path, name: str) -> str:
    places = [folder / f"{name}{end}" for end in ("", ".zst")]
    file = next((place for place in places if place.exists()), None)
    if file is None:
        raise StorageError(
            f"training set {folder / name}", value="not there", next_step="docs/texts.md says where it comes from"
        )
    content = file.read_bytes()
    if file.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    return content.decode()
