"""Sentences of which anybody would say at once whether they are of a kind; written for this project.

None has led to a change of a rule so far. ``tuned`` ones may; ``unseen`` ones, twelve of each kind sentences of other
kinds, must not: write new ones instead.
"""

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from pulse.texts import get_scorer
from pulse.texts.scorer import KINDS

FILE = Path(__file__).parents[2] / "fixtures" / "kind_probes.tsv"
# Share of the probes of a kind that must be right; docs/texts.md shows which are not.
LEAST = {"tuned": 0.8, "unseen": 0.7}


def probes() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def right(rows: list[dict[str, str]]) -> list[bool]:
    judged = get_scorer("pulse").score(pa.array([row["text"] for row in rows])).to_pylist()
    return [
        judgement[f"is_{row['kind']}"] == (row["is_of_kind"] == "yes")
        for row, judgement in zip(rows, judged, strict=True)
    ]


def test_probes__there_are_sixty_of_each_kind_half_of_them_unseen_and_none_twice():
    rows = probes()
    for kind in KINDS:
        of_kind = [row for row in rows if row["kind"] == kind]
        assert len({row["text"] for row in of_kind}) == len(of_kind) >= 60
        assert sum(row["split"] == "unseen" for row in of_kind) >= 30
        assert sum(row["is_of_kind"] == "yes" for row in of_kind) >= 25


@pytest.mark.parametrize("split", ["tuned", "unseen"])
@pytest.mark.parametrize("kind", KINDS)
def test_probes__share_right(kind: str, split: str):
    rows = [row for row in probes() if row["kind"] == kind and row["split"] == split]
    are_right = right(rows)
    print(f"{kind} {split}: {sum(are_right)} of {len(are_right)}")  # noqa: T201  (the report: pytest -s)
    assert sum(are_right) >= LEAST[split] * len(rows)
