"""The kinds of need: each rule by its examples, the automaton against a plain reading of the table, bad input."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse.core.errors import StorageError
from pulse.texts import checked_file, get_scorer, kernel, kinds_file, model_file, rules_source, sql_function
from pulse.texts.engine import EngineScorer
from pulse.texts.scorer import KINDS, NEEDS_SCHEMA, SENTIMENT_SCHEMA
from pulse.texts.training_kinds import RECIPES

SCORER = EngineScorer()
RULES = rules_source.rules()
COLUMNS = [name for name in NEEDS_SCHEMA.names if name not in SENTIMENT_SCHEMA.names]
TEXTS = [
    "Please add a dark mode.", "You should call them before you go.", "The zipper broke after two days, give it back!",
    "Can anyone recommend a good tent?", "How do I reset the clock? It does not work.", "where is the tea", None, "",
    "42",
    "I bought two of these last year and used them daily.", "Check out my channel https://youtu.be/x and subscribe!",
    "Nie podoba mi się ta aktualizacja, jest bardzo zła", "[deleted]", "It is Tuesday.",
]  # fmt: skip


def judged(*texts: str | bytes | None) -> list[dict[str, Any]]:
    kind = pa.binary() if any(isinstance(text, bytes) for text in texts) else pa.string()
    return SCORER.score(pa.array(texts, kind)).to_pylist()


def kinds_of(text: str) -> set[str]:
    (row,) = judged(text)
    return {kind for kind in KINDS if row[f"is_{kind}"]}


# ---- the table -------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_rule__fires_in_its_example_and_not_in_the_one_like_it(rule: rules_source.Rule):
    fires, silent = judged(rule.fires, rule.silent)
    assert rule.rule_id in fires["rules"].split(" ")
    assert rule.rule_id not in (silent["rules"] or "").split(" ")


def test_rules__are_in_order_and_each_is_named_by_its_kind():
    ids = [rule.rule_id for rule in RULES]
    assert ids == sorted(set(ids))
    for rule in RULES:
        assert rule.kind.startswith(rule.rule_id.split(".")[0])
        assert rule.weight != 0


def test_rules__the_model_in_use_was_made_of_this_table():
    fresh = np.zeros(1, kernel.NEEDS)
    ids = rules_source.write_tables(fresh)
    model = kinds_file.read()
    assert list(model.rule_ids) == ids
    learned = {"weights", "scales", "bias", "slopes", "offsets", "crossing", "by_feeling", "by_length"}
    for name in set(kernel.NEEDS.names or ()) - learned:
        assert (fresh[name] == model.record[name]).all(), f"{name}: `make train-texts` is needed"
    assert model.thresholds == {kind: RECIPES[kind].threshold for kind in KINDS}


@pytest.mark.parametrize("pattern", ["", "[maybe]", "a (b", "a b)", "{no_such_list}"])
def test_rules__a_pattern_that_cannot_be_is_refused(pattern: str):
    rule = rules_source.Rule("wish.x", "wish", 1.0, pattern, "", "")
    with pytest.raises((ValueError, KeyError)):
        list(rules_source._patterns(0, rule))


# ---- the automaton against a plain reading ---------------------------------

PATTERNS = [pattern for number, rule in enumerate(RULES) for pattern in rules_source._patterns(number, rule)]
WORDS = sorted({word for pattern in PATTERNS for place in pattern.places for word in place.words if word[0] != "<"})


def stands(word: str, place: rules_source._Place) -> bool:
    if place.words & {word, "<any>"}:
        return True
    is_long = len(word) >= 5
    return (
        ("<ed>" in place.words and is_long and word.endswith("ed"))
        or ("<ing>" in place.words and is_long and word.endswith("ing"))
        or ("<number>" in place.words and word[0].isdigit())
    )  # fmt: skip


def ends_of(pattern: rules_source._Pattern, words: Sequence[str], first: int) -> set[int]:
    """Where a pattern that begins at ``first`` may end: one past its last word."""
    at = {first}
    for place in pattern.places:
        taken = {k + 1 for k in at if k < len(words) and stands(words[k], place)}
        at = taken | at if place.is_optional else taken
    return at


def fired(words: Sequence[str], *, is_question: bool) -> set[str]:
    found = set()
    for pattern in PATTERNS:
        if pattern.is_question is not None and pattern.is_question != is_question:
            continue
        firsts = range(len(words)) if pattern.start == 0 else range(1)
        ends = set().union(*(ends_of(pattern, words, first) for first in firsts))
        if len(words) in ends if pattern.is_at_end else ends:
            found.add(RULES[pattern.rule].rule_id)
    return found


PHRASES = [rule.fires for rule in RULES]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=2, max_size=14), st.booleans())
def test_automaton__finds_what_a_plain_reading_finds(words: list[str], is_question: bool):
    (row,) = judged(" ".join(words) + ("?" if is_question else "."))
    if row["is_scorable"]:
        assert set(row["rules"].split()) == fired(words, is_question=is_question)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATTERNS), st.data())
def test_automaton__finds_each_pattern_with_and_without_what_may_be_left_out(
    pattern: rules_source._Pattern, data: st.DataObject
):
    words = []
    for place in pattern.places:
        choices = sorted(word for word in place.words if word[0] != "<")
        if not choices and "<any>" in place.words:
            choices = ["kettle"]
        if place.is_optional and data.draw(st.booleans()):
            continue
        if not choices:
            return  # a class of tokens alone; the examples of the rules cover these
        words.append(data.draw(st.sampled_from(choices)))
    if pattern.start == 0 and data.draw(st.booleans()):
        words.insert(0, "kettle")
    is_question = bool(pattern.is_question)
    (row,) = judged(" ".join(words) + ("?" if is_question else "."))
    if row["is_scorable"]:
        assert RULES[pattern.rule].rule_id in row["rules"].split()
        assert set(row["rules"].split()) == fired(words, is_question=is_question)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Can you say. Recommend it now.", False),
        ("Can you say\nrecommend it now", False),
        ("Can you say, recommend it now?", True),
        ("Can you on 2.0 recommend it?", True),
        ("Can you e.g. here recommend it?", True),
        ("Can you at shop.com recommend it?", True),
    ],
)
def test_sentences__no_pattern_reaches_over_their_ends(text: str, is_one: bool):
    (row,) = judged(text)
    assert ("recommend.anyone" in row["rules"].split()) == is_one


# ---- what is said of a text ------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Please add a dark mode to the app.", "wish"),
        ("You should always book the rooms facing the garden.", "advice"),
        ("Terrible service, my order is two weeks late and nobody answers.", "complaint"),
        ("Can anyone recommend a good tent for two?", "recommendation_request"),
        ("How do I reset the clock on this oven? It won't turn on.", "support_request"),
        ("where are you from", "question"),
        ("I bought two of these last year and used them every day.", "experience"),
        ("Subscribe to my channel for more, link: https://youtu.be/x", "promotion"),
    ],
)
def test_engine__a_plain_case_of_each_kind(text: str, kind: str):
    assert kind in kinds_of(text)


def test_engine__advice_to_other_people_is_no_wish_and_a_plain_statement_is_of_no_kind():
    assert "wish" not in kinds_of("You should ask the front desk for a map.")
    assert kinds_of("The meeting is on Tuesday.") == set()


def test_engine__what_cannot_be_judged_is_of_no_kind_and_not_outside_it():
    for text in (None, "", "42", "[deleted]", "Nie podoba mi się ta aktualizacja, jest bardzo zła"):
        (row,) = judged(text)
        assert not row["is_scorable"]
        assert [row[name] for name in COLUMNS] == [None] * len(COLUMNS)


def test_engine__flags_are_of_the_probability_that_is_shown_and_rules_are_sorted():
    thresholds = kinds_file.read().thresholds
    for row in judged(*TEXTS):
        if row["is_scorable"]:
            for kind in KINDS:
                assert 0 <= row[f"p_{kind}"] <= 1
                assert row[f"is_{kind}"] == (row[f"p_{kind}"] >= thresholds[kind])
            assert row["rules"].split() == sorted(set(row["rules"].split()))
    assert judged("Tuesday tea kettles.")[0]["rules"] == ""


def test_engine__the_feeling_is_the_same_with_and_without_the_kinds():
    texts = pa.array(TEXTS)
    assert SCORER.score(texts).select(SENTIMENT_SCHEMA.names) == SCORER.score_sentiment(texts)


def test_engine__the_model_id_names_both_files_and_so_the_rules():
    assert model_file.read().sha256[:8] not in SCORER.model_id
    assert kinds_file.FILE.stat().st_size + model_file.FILE.stat().st_size <= 6_000_000


def test_vader__knows_no_kinds():
    (row,) = get_scorer("vader").score(pa.array(["Please add a dark mode."])).to_pylist()
    assert row["is_scorable"]
    assert [row[name] for name in COLUMNS] == [None] * len(COLUMNS)


def test_engine__a_text_is_judged_by_itself_in_any_order_batch_and_thread():
    together = judged(*TEXTS)
    assert [judged(text)[0] for text in TEXTS] == together
    order = random.Random(1).sample(range(len(TEXTS)), len(TEXTS))  # noqa: S311  (an order, no secret)
    assert judged(*(TEXTS[place] for place in order)) == [together[place] for place in order]
    batches = [pa.array(random.Random(seed).choices(TEXTS, k=200)) for seed in range(20)]  # noqa: S311
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(SCORER.score, batches)) == [SCORER.score(batch) for batch in batches]


def test_sql_function__needs_gives_kinds_flags_and_rules():
    with duckdb.connect() as connection:
        sql_function.register(connection)
        row = connection.execute(
            "select needs(t).is_wish, needs(t).p_wish, needs(t).rules, needs(null).unscorable_reason "
            "from (values ('Please add a dark mode.')) as texts(t)"
        ).fetchone()
        names = connection.execute("select needs('x')").fetchone()
    (known,) = judged("Please add a dark mode.")
    assert row == (True, known["p_wish"], known["rules"], "gone")
    assert names is not None
    assert list(names[0]) == NEEDS_SCHEMA.names


# ---- bad input -------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    ["a", "would be ", "please ", "would ", "any ", "i ", "? ", "a? ", "e.g. ", "a.com ", "$ 5 ", "CODE10 ", "soooo ",
     "\n", "https://a.b/?ref=1 ", "is there any any any ", "\x00", "é", "recommend any good some any ",
     "https://" + "ref" * 50],
    ids=repr,
)  # fmt: skip
def test_bad_input__ten_megabytes_in_one_text_take_time_linear_in_length(piece: str):
    started_s = time.process_time()
    (row,) = judged(piece * (10_000_000 // len(piece.encode())))
    # Quadratic time would be hours; a busy machine needs some hundredths.
    assert time.process_time() - started_s < 2
    assert_sound(row)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | st.binary(max_size=200) | st.text(max_size=80).map(str.encode), max_size=8))
def test_bad_input__any_bytes(texts: list[bytes | None]):
    for row in SCORER.score(pa.array(texts, pa.binary())).to_pylist():
        assert_sound(row)


FRAGMENTS = st.sampled_from(
    ["would be ", "nice", ". ", "? ", "! ", "\n", "please ", "add ", "`", "> ", "[", "(", "$", "%", "5", "www.a.com ",
     "a . com ", "i.e. ", "SAVE20 ", "u/x ", "🔥", "&amp;", "...", "?!", "soooo ", "'", "any ", "\u200d", "```\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=60).map("".join))
def test_bad_input__any_order_of_what_sentences_and_patterns_know(text: str):
    (row,) = judged(text)
    assert_sound(row)
    assert judged("before", text, "after")[1] == row


def assert_sound(row: dict[str, Any]) -> None:
    if not row["is_scorable"]:
        assert all(row[name] is None for name in COLUMNS)
        return
    for kind in KINDS:
        assert 0 <= row[f"p_{kind}"] <= 1
        assert row[f"is_{kind}"] in (True, False)
    assert set(row["rules"].split()) <= {rule.rule_id for rule in RULES}


# ---- the model file --------------------------------------------------------


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "no checksum"])
def test_kinds_file__a_damaged_one_is_refused(tmp_path: Path, damage: str):
    copy = tmp_path / kinds_file.FILE.name
    content = kinds_file.FILE.read_bytes()
    checksum = checked_file.checksum_file(kinds_file.FILE).read_text()
    if damage != "gone":
        copy.write_bytes(content[:-1] if damage == "cut" else content[:-1] + b"x" if damage == "changed" else content)
    if damage != "no checksum":
        checked_file.checksum_file(copy).write_text(checksum)
    with pytest.raises(StorageError):
        kinds_file.read(copy)


@pytest.mark.parametrize(
    "text",
    [
        "I am sad and lonely.", "Sorry to hear that.", "I am so sorry for your loss, it is tragic.",
        "I feel so sad today.", "My grandmother died, I am heartbroken.", "They lost the match again.",
    ],
)  # fmt: skip
def test_complaint__is_not_every_negative_sentence(text: str):
    judged = get_scorer("pulse").score(pa.array([text, "Still waiting for my refund."]))
    assert judged.column("label").to_pylist()[0] == "negative"
    assert judged.column("is_complaint").to_pylist() == [False, True]
