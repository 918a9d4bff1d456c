"""Sentences that anybody would judge at once, in groups; written for this project.

``tuned`` ones were looked at while the rules were made; ``unseen`` ones were written afterwards and never led to a
change: keep it so, and write new ones instead.
"""

import csv
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pytest

from pulse.texts import get_scorer

FILE = Path(__file__).parents[2] / "fixtures" / "sentiment_probes.tsv"
Key = tuple[str, str]


def right_by_group(model: str) -> dict[Key, tuple[int, int]]:
    """How many were right, and how many there are, by split and group."""
    with FILE.open(encoding="utf-8", newline="") as file:
        probes = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    labels = get_scorer(model).score(pa.array([probe["text"].replace("\\n", "\n") for probe in probes])).column("label")
    counts: dict[Key, list[bool]] = defaultdict(list)
    for probe, label in zip(probes, labels.to_pylist(), strict=True):
        counts[probe["split"], probe["group"]].append(label == probe["label"])
    return {key: (sum(right), len(right)) for key, right in counts.items()}


@pytest.fixture(scope="module")
def results() -> dict[str, dict[Key, tuple[int, int]]]:
    found = {model: right_by_group(model) for model in ("vader", "pulse")}
    for split, group in sorted(found["pulse"]):
        shares = "  ".join(
            f"{model} {right}/{total}" for model in found for right, total in [found[model][split, group]]
        )
        print(f"{split} {group}: {shares}")  # noqa: T201  (the report: pytest -s)
    return found


def total(counts: dict[Key, tuple[int, int]], **wanted: str) -> int:
    return sum(
        right
        for (split, group), (right, _) in counts.items()
        if wanted.get("split", split) == split and wanted.get("group", group) == group
    )


def test_probes__there_are_enough_and_none_twice():
    rows = [line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(rows) >= 150
    assert len({text for *_, text in rows}) == len(rows)
    assert {label for _, _, label, _ in rows} == {"negative", "neutral", "positive"}


def test_probes__the_engine_is_behind_vader_in_no_group(results: dict[str, dict[Key, tuple[int, int]]]):
    groups = {group for _, group in results["pulse"]}
    behind = [group for group in groups if total(results["pulse"], group=group) < total(results["vader"], group=group)]
    assert behind == []


@pytest.mark.parametrize(("split", "share"), [("tuned", 0.95), ("unseen", 0.8)])
def test_probes__share_right(results: dict[str, dict[Key, tuple[int, int]]], split: str, share: float):
    probes_n = sum(n for (of_split, _), (_, n) in results["pulse"].items() if of_split == split)
    assert total(results["pulse"], split=split) >= share * probes_n
