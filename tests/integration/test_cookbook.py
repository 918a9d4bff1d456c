"""Every question of docs/cookbook.md is answered by the demo's data, as it stands there."""

import re
from typing import Any

import pytest

from pulse.core.home import REPOSITORY
from pulse.reading import query

pytestmark = pytest.mark.integration

COOKBOOK = (REPOSITORY / "docs" / "cookbook.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## (.+?)$.*?^```sql\n(.*?)^```", COOKBOOK, flags=re.DOTALL | re.MULTILINE))
# The demo has two months, with days missing: too little history to tell who is new.
NULL_IN_THE_DEMO = {
    "Do newcomers stay?": {"low", "high"},
    "Are newcomers answered as others are?": {
        "newcomers", "others", "difference", "low", "high", "openness_label",
    },
    "Which community should we join next, and why that one?": {"openness"},
}  # fmt: skip


def test_cookbook__has_two_dozen_questions_and_an_answer_to_each():
    assert len(QUESTIONS) >= 24
    assert len(QUESTIONS) == len(re.findall("^## ", COOKBOOK, flags=re.MULTILINE))


@pytest.mark.parametrize("question", QUESTIONS)
def test_question__is_answered_by_the_demo(question: str, demo_run: Any):
    with query.connect(demo_run.home) as connection:
        result = query.run(connection, QUESTIONS[question])
        rows, _ = query.rows_for_table(result, limit=1_000)
    assert rows, "an example without an answer teaches nothing"
    for place, name in enumerate(result.columns):
        if name in NULL_IN_THE_DEMO.get(question, ()):
            assert {row[place] for row in rows} == {"NULL"}, f"{name} is told, and the cookbook says that it is not"
        elif name not in {"caveat", "reasons"}:
            assert {row[place] for row in rows} != {"NULL"}, f"{name} is NULL in all rows"
