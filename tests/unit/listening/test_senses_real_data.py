"""Word senses on gold data: brands whose name means other things too, told by the words near them.

Gold: CoarseWSD-20 (test only; see its note), the parts that are shared. Examples are drawn by fixed seeds and all other
sentences are judged by them through the matcher, as in a run.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow as pa
import pytest
import zstandard

from pulse.config.listening import Brand, Listening
from pulse.listening.matcher import Matcher
from pulse.texts import Scorer, get_scorer

pytestmark = pytest.mark.real_data

SENSES = {"apple": "apple_apple_inc.", "java": "java_java_(programming_language)", "arm": "arm_arm_architecture"}
SEEDS = range(10)

Sentences = Mapping[str, list[tuple[str, bool]]]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return get_scorer("pulse")


@pytest.fixture(scope="module")
def sentences(recorded_data: Path) -> Sentences:
    file = recorded_data / "gold" / "sense_coarsewsd20" / "data.ndjson.zst"
    if not file.is_file():
        pytest.skip(f"the gold data is not there: {file}")
    with zstandard.open(file, "rt", encoding="utf-8", newline="\n") as stream:
        records = [json.loads(line) for line in stream]
    return {
        word: [(record["text"], record["label"] == sense) for record in records if record["word"] == word]
        for word, sense in SENSES.items()
    }


def f1(found: list[bool], gold: list[bool]) -> float:
    right_n = sum(one and other for one, other in zip(found, gold, strict=True))
    return 2 * right_n / (sum(found) + sum(gold)) if right_n else 0.0


def judged(
    word: str, sentences: Sentences, scorer: Scorer, folder: Path, *, examples_n: int, seed: int
) -> tuple[float, float]:
    """F1 of what is accepted, and of counting all mentions, over the sentences that are no examples.

    Of a word with few sentences, a third of the rarer sense stays to be judged; both senses stay as frequent as before.
    """
    drawn = sentences[word][:]
    random.Random(seed).shuffle(drawn)  # noqa: S311
    sides: dict[bool, list[tuple[str, bool]]] = {
        side: [one for one in drawn if one[1] is side] for side in (True, False)
    }
    taken_n = min(examples_n, *(len(side) * 2 // 3 for side in sides.values()))
    share = min((len(side) - taken_n) / len(side) for side in sides.values())
    rest = [one for side in sides.values() for one in side[taken_n : taken_n + round(len(side) * share)]]
    file = folder / f"{word}-{seed}.ndjson"
    examples = [{"text": text, "is_brand": label} for side in sides.values() for text, label in side[:taken_n]]
    file.write_text("\n".join(map(json.dumps, examples)), encoding="utf-8")
    matcher = Matcher(Listening(brands=(Brand(name=word, aliases=(word,), examples=file),)), scorer)
    texts = pa.array([text for text, _ in rest])
    rows, mentions = matcher.match(texts, pa.array(["none"] * len(rest)))
    accepted = {
        int(row)
        for row, decision in zip(rows, mentions.column("decision").to_pylist(), strict=True)
        if decision == "accepted"
    }
    gold = [label for _, label in rest]
    return f1([place in accepted for place in range(len(rest))], gold), f1([True] * len(rest), gold)


def all_words(
    sentences: Sentences, scorer: Scorer, folder: Path, examples_n: int
) -> dict[str, list[tuple[float, float]]]:
    return {
        word: [judged(word, sentences, scorer, folder, examples_n=examples_n, seed=seed) for seed in SEEDS]
        for word in SENSES
    }


def test_senses__with_200_examples_a_side(sentences: Sentences, scorer: Scorer, tmp_path: Path):
    found = {word: min(one for one, _ in runs) for word, runs in all_words(sentences, scorer, tmp_path, 200).items()}
    assert all(worst >= 0.85 for worst in found.values()), found


def test_senses__with_20_examples_a_side_none_is_worse_than_counting_all(
    sentences: Sentences, scorer: Scorer, tmp_path: Path
):
    runs = all_words(sentences, scorer, tmp_path, 20)
    worst = {word: min(one - every for one, every in of_word) for word, of_word in runs.items()}
    assert all(gain >= 0 for gain in worst.values()), worst
    gains: Any = [mean(runs[word][seed][0] - runs[word][seed][1] for word in SENSES) for seed in SEEDS]
    assert min(gains) >= 0.05, gains
