"""Readers of the public sets that the kinds' linear models learn from, in the form in which they are copied.

Each set lies in a folder of its own as ``data.ndjson`` or ``data.ndjson.zst``, and GoEmotions as ``train.tsv``;
docs/texts.md says where each comes from and under which licence. Only what may be shipped is read here: sets that test
the kinds are not named in this file.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from pulse.core.errors import StorageError
from pulse.texts.scorer import KINDS

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


@dataclass(frozen=True)
class Example:
    """A text and what is known of it.

    Attributes:
        group: the community or set that it is of; what all texts of a group share teaches nothing.
        truth: whether it is of a kind, for the kinds of which that is known.
        weight: how much it counts.
    """

    text: str
    group: str
    truth: Mapping[str, bool] = field(default_factory=dict)
    weight: float = 1.0


def examples(sets: Path, goemotions: Path) -> Iterator[Example]:
    """All examples, in the order of the files.

    Raises:
        StorageError: a set is not there.
    """
    for name, read in _READERS.items():
        for record in _records(sets, name):
            example = read(record)
            if example is not None and example.truth:
                yield example
    yield from _comments(goemotions)


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
