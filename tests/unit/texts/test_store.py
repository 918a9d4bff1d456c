"""Scores: judged once per text and model, stored without text."""

from collections.abc import Callable

import duckdb
import pyarrow as pa
import pytest

from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.lake import raw
from pulse.texts import get_scorer, score_partitions, unjudged_partitions
from pulse.texts.store import SCORE_SCHEMA, ensure_empty_file, scores_glob
from pulse.texts.vader import MAX_CHARS
from support import NOON, contribution, sealed_load

PARTITION = ("reddit", "tea", NOON.date())


def scores(home: Home) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(
            "select contribution_id, label, is_scorable, unscorable_reason "
            "from read_parquet(?, hive_partitioning = false) order by all",
            [scores_glob(home)],
        ).fetchall()


def test_score_partitions__judges_each_text_once_and_edits_again(home: Home):
    rows = [contribution("t3_a", title="I love it", body="wonderful"), contribution("t1_b", body="I hate this, awful")]
    rows += [contribution("t1_gone", body=None), contribution("t1_dots", body="... 123")]
    raw.promote(home, sealed_load(home, rows, load_id="reddit_archive-one"))
    counts = score_partitions(home, get_scorer("vader"), [PARTITION])
    assert (counts.texts_scored_n, counts.already_scored_n, counts.unscorable_n) == (3, 0, 1)
    assert scores(home) == [
        ("t1_b", "negative", True, None),
        ("t1_dots", None, False, "no_words"),
        ("t3_a", "positive", True, None),
    ]
    again = score_partitions(home, get_scorer("vader"), [PARTITION])
    assert (again.texts_scored_n, again.already_scored_n) == (0, 3)
    rows[1] = contribution("t1_b", body="I like this now")
    raw.promote(home, sealed_load(home, rows, load_id="reddit_archive-two"))
    edited = score_partitions(home, get_scorer("vader"), [PARTITION])
    assert (edited.texts_scored_n, edited.already_scored_n) == (1, 2)


def test_unjudged_partitions__are_all_after_a_change_of_the_model(home: Home):
    for community in ("tea", "a/b =c", "x" * 300):
        rows = [contribution("t3_a", community=community, body="I love it")]
        raw.promote(home, sealed_load(home, rows, load_id=f"reddit_archive-{len(community)}", community=community))
    everything = sorted(("reddit", community, NOON.date()) for community in ("tea", "a/b =c", "x" * 300))
    vader, engine = get_scorer("vader"), get_scorer("pulse")
    assert unjudged_partitions(home, vader.model_id) == everything
    score_partitions(home, vader, everything)
    assert unjudged_partitions(home, vader.model_id) == []
    assert unjudged_partitions(home, engine.model_id) == everything
    score_partitions(home, engine, everything)
    assert unjudged_partitions(home, engine.model_id) == []
    assert len(scores(home)) == 2 * len(everything)


def test_unjudged_partitions__are_not_those_without_text(home: Home):
    assert unjudged_partitions(home, "any") == []
    raw.promote(home, sealed_load(home, [contribution("t1_gone", body=None)]))
    assert unjudged_partitions(home, "any") == []


def test_score_partitions__keeps_no_text(home: Home):
    raw.promote(home, sealed_load(home, [contribution("t3_a", body="a very secret sentence")]))
    score_partitions(home, get_scorer("vader"), [PARTITION])
    files = list(home.scores.rglob("*.parquet"))
    assert len(files) == 2
    assert not any(b"secret" in file.read_bytes() for file in files)


def test_ensure_empty_file__is_typed(home: Home):
    ensure_empty_file(home)
    assert scores(home) == []
    assert pa.parquet.read_schema(home.scores / "_empty.parquet").names == SCORE_SCHEMA.names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, False, "gone")),
        ("  \n", (None, False, "empty")),
        ("!!! 42", (None, False, "no_words")),
        ("The meeting is on Tuesday", ("neutral", True, None)),
        ("What a wonderful day", ("positive", True, None)),
        ("This is terrible", ("negative", True, None)),
    ],
)
def test_vader__label_or_reason(text: str | None, expected: tuple[object, ...]):
    judged = get_scorer("vader").score(pa.array([text], pa.string()))
    assert tuple(judged.column(name)[0].as_py() for name in ("label", "is_scorable", "unscorable_reason")) == expected


def test_vader__a_text_is_judged_by_itself_whatever_stands_beside_it():
    texts = ["I love it", "I hate it", "\x00\u202e zalgo t̷e̷x̷t̷", "x" * (MAX_CHARS * 3)]
    scorer = get_scorer("vader")
    together = scorer.score(pa.array(texts)).to_pylist()
    apart = [scorer.score(pa.array([text])).to_pylist()[0] for text in reversed(texts)][::-1]
    assert together == apart


def test_get_scorer__unknown_is_refused():
    with pytest.raises(ConfigError, match="crystal"):
        get_scorer("crystal ball")


def test_scorer__is_found_by_the_name_in_the_settings():
    check: Callable[[str], object] = get_scorer
    assert check("vader")
