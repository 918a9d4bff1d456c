"""The kinds' part of ``make bench-texts``: precision, recall and F1 of each kind on public gold data.

None of these sets trained or tuned anything, but those marked "trained on". F1 is at the one shipped threshold of each
kind, the same for all sets, with a 95 % bootstrap interval over texts. A data set that is not in ``--data`` is named.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from pulse.texts import Scorer
from pulse.texts.scorer import KINDS

_BATCH_ROWS = 8_192
_DRAWS_N = 1_000


@dataclass(frozen=True)
class KindGold:
    """Which texts of a set are of a kind, as people said.

    Attributes:
        folder: of the set, under the data folder.
        is_of_kind: what a record says; None where it says nothing of the kind.
        limit: what F1 is to reach; empty where it is only reported.
    """

    name: str
    kind: str
    folder: str
    is_of_kind: Callable[[Mapping[str, Any]], bool | None]
    limit: str = ""


@dataclass(frozen=True)
class Agreement:
    """Counts of one kind on one set, and F1 with its interval; precision and recall from the counts."""

    texts_n: int
    positive_n: int
    flagged_n: int
    both_n: int
    f1_low: float
    f1_high: float

    @property
    def precision(self) -> float:
        """Share of the flagged that are of the kind; 0 where none was flagged."""
        return self.both_n / max(self.flagged_n, 1)

    @property
    def recall(self) -> float:
        """Share of those of the kind that were flagged; 0 where there are none."""
        return self.both_n / max(self.positive_n, 1)

    @property
    def false_positive_share(self) -> float:
        """Share of the others that were flagged."""
        return (self.flagged_n - self.both_n) / max(self.texts_n - self.positive_n, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.both_n / max(self.positive_n + self.flagged_n, 1)


def run(data: Path, scorer: Scorer) -> Iterator[str]:
    """All of it; yields lines to show."""
    yield f"## Kinds of need: {scorer.model_id}\n"
    yield "| gold data | kind | texts | of the kind | precision | recall | F1, 95 % interval | limit |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for gold in GOLD:
        records = records_of(data, gold.folder)
        if records is None:
            yield f"| {gold.name} | {gold.kind} | not in {data} | | | | | {gold.limit} |"
            continue
        found = agreement(scorer, gold, records)
        yield (
            f"| {gold.name} | {gold.kind} | {found.texts_n} | {found.positive_n} | {found.precision:.3f} | "
            f"{found.recall:.3f} | {found.f1:.3f} [{found.f1_low:.3f}, {found.f1_high:.3f}] | {gold.limit} |"
        )
    yield ""
    yield from promotion_in_questions(data, scorer)


def records_of(data: Path, folder: str) -> list[dict[str, Any]] | None:
    """The records of a set; None where it is not there."""
    file = next((file for file in (data / folder, data / "gold" / folder) if file.exists()), None)
    if file is None:
        return None
    content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO((file / "data.ndjson.zst").read_bytes())).read()
    return [json.loads(line) for line in content.decode().split("\n") if line]


def agreement(scorer: Scorer, gold: KindGold, records: Sequence[Mapping[str, Any]]) -> Agreement:
    """How well the kind is found; a text that cannot be judged counts as not of the kind."""
    told = [(record["text"], said) for record in records if (said := gold.is_of_kind(record)) is not None]
    truth = np.array([is_of_kind for _, is_of_kind in told], bool)
    flagged = flags(scorer, [text for text, _ in told], gold.kind)
    random = np.random.default_rng(7)
    drawn_f1 = []
    for _ in range(_DRAWS_N):
        drawn = random.integers(0, truth.size, truth.size)
        both_n = int((truth[drawn] & flagged[drawn]).sum())
        drawn_f1.append(2 * both_n / max(int(truth[drawn].sum() + flagged[drawn].sum()), 1))
    low, high = np.quantile(drawn_f1, [0.025, 0.975])
    return Agreement(
        truth.size, int(truth.sum()), int(flagged.sum()), int((truth & flagged).sum()), float(low), float(high)
    )


def flags(scorer: Scorer, texts: Sequence[str], kind: str) -> np.ndarray:
    """Whether each text is of the kind at the shipped threshold."""
    parts = [
        scorer.score(pa.array(texts[start : start + _BATCH_ROWS], pa.string())).column(f"is_{kind}")
        for start in range(0, len(texts), _BATCH_ROWS)
    ]
    return np.array(pa.chunked_array(parts, pa.bool_()).fill_null(False), bool)


def promotion_in_questions(data: Path, scorer: Scorer) -> Iterator[str]:
    """Share of posts called promotion in communities where people ask and answer."""
    records = records_of(data, "reddit_post_kinds_distant")
    if records is None:
        return
    asked = [record["text"] for record in records if record["label"] in _ASKING]
    flagged = flags(scorer, asked, "promotion")
    yield (
        f"Called promotion in question-and-answer communities: {flagged.sum()} of {flagged.size} posts, "
        f"{flagged.mean():.2%} (limit: under 1 %)."
    )
    yield ""


_ASKING = frozenset({"support_question", "recommendation_request"})


def _hand(kind: str) -> Callable[[Mapping[str, Any]], bool | None]:
    return lambda record: kind in record["labels"]


GOLD: tuple[KindGold, ...] = (
    KindGold("SemEval 2019 task 9 A", "wish", "suggestion_semeval2019",
             lambda record: bool(record["label"]) if not record["source"].startswith("hotel") else None, "≥ 0.52"),
    KindGold("app reviews, feature requests", "wish", "app_reviews_gplay",
             lambda record: record["label"] == "feature request", "≥ 0.56"),
    KindGold("SemEval 2019 task 9 B, hotels", "advice", "suggestion_semeval2019",
             lambda record: bool(record["label"]) if record["source"].startswith("hotel") else None, "≥ 0.70"),
    KindGold("Reddit advice (trained on)", "advice", "suggestion_reddit_advice",
             lambda record: bool(record["label"])),
    KindGold("complaint tweets", "complaint", "complaint_tweets", lambda record: bool(record["label"]), "≥ 0.65"),
    KindGold("app reviews, bug reports", "complaint", "app_reviews_gplay",
             lambda record: record["label"] == "bug report"),
    KindGold("chat acts", "question", "nps_chat_acts", lambda record: record["label"].endswith("Question"), "≥ 0.85"),
    KindGold("experience sentences", "experience", "experience_sentences", lambda record: bool(record["label"]),
             "≥ 0.55"),
    KindGold("YouTube comments", "promotion", "youtube_spam", lambda record: bool(record["label"]), "≥ 0.91"),
    KindGold("text messages", "promotion", "sms_spam", lambda record: bool(record["label"])),
    *(KindGold("hand-labelled posts", kind, "reddit_post_kinds_hand", _hand(kind)) for kind in KINDS
      if kind != "advice"),
)  # fmt: skip
