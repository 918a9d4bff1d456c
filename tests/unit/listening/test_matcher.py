"""Brands in texts: word by word, the longest alias first, and each decision by the first rule that has a say."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.config.listening import Brand, Listening
from pulse.core.words import code_tables, spelling, tokens_of
from pulse.listening import kernel
from pulse.listening.matcher import Matcher, WordLists
from pulse.listening.mention import version_of
from pulse.listening.senses import context_words
from pulse.texts import Scorer, get_scorer


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return get_scorer("pulse")


def brand(name: str = "Emberwell", *aliases: str, **facts: Any) -> Brand:
    return Brand(name=name, aliases=aliases or (name,), **facts)


def mentions(
    scorer: Scorer, brands: Sequence[Brand], texts: Sequence[str | None], *, community: str = "tea"
) -> list[dict[str, Any]]:
    matcher = Matcher(Listening(brands=tuple(brands)), scorer)
    rows, found = matcher.match(pa.array(texts, pa.string()), pa.array([community] * len(texts)))
    return [{"text": int(row), **mention} for row, mention in zip(rows, found.to_pylist(), strict=True)]


def decided(scorer: Scorer, brands: Sequence[Brand], text: str, *, community: str = "tea") -> list[tuple[str, str]]:
    return [(one["decision"], one["decided_by"]) for one in mentions(scorer, brands, [text], community=community)]


HARD = st.text(
    st.one_of(
        st.sampled_from("aAbB .-'_\n\u0301\u200b\ufe0f🍎é華茶।אب+*?[](){}\\^$|\x00\x1b\u202eİßǅﬁ\U000e0041\U00020000"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


@given(HARD)
def test_tokenise__is_what_the_definition_says(text: str):
    raw = pc.utf8_normalize(pa.array([text]), form="NFKC")[0].as_py().encode()
    data = np.frombuffer(raw, np.uint8) if raw else np.zeros(0, np.uint8)
    keys, flags = kernel.token_keys(data, 0, len(raw), *code_tables())
    expected = tokens_of(text)
    assert [int(key) for key in keys] == [kernel.word_key(token.text) for token in expected]
    assert [bool(flag & 1) for flag in flags] == [token.has_capital for token in expected]
    assert [bool(flag & 2) for flag in flags] == [token.is_word for token in expected]


def test_mixed__is_the_key_that_the_loop_makes():
    for one, other in ((0, 0), (1, 2**64 - 1), (2**63, 7)):
        assert kernel.mixed(one, other) == int(kernel._mixed(np.uint64(one), np.uint64(other)))


@pytest.mark.parametrize(
    ("alias", "text", "count"),
    [
        ("Emberwell", "emberwell, EMBERWELL's and Em\u200bberwell", 3),
        ("Emberwell", "emberwells notemberwell emberwell2 äemberwell emberwell\u0301", 0),
        ("Ember Well", "Ember Well, ember-well, ember_well; ember, well. Ember. Well ember  \nwell", 4),
        ("C++", "c c++ C+ and +C++ c#", 2),
        ("AT&T", "at&t AT&T at t at & t", 3),
        ("Yahoo!", "yahoo yahoo! Yahoo!!", 2),
        ("(a|b)*.c", "abc (a|b)*.c aaa", 1),
        ("🍎 co", "🍎 co 🍎co 🍏 co", 2),
        ("Café Néo", "Cafe\u0301 ne\u0301o cafe neo", 1),
        ("华为", "我的华为手机 华 为 華為", 2),
        ("עמבר", "אני אוהב עמבר \u202eעמבר\u202c עמברים", 2),
        ("x\x1b[31mred", "x\x1b[31mred", 1),
        ("x\ty", "x y xy", 1),
    ],
)
def test_match__aliases_are_plain_words_whatever_their_characters(scorer: Scorer, alias: str, text: str, count: int):
    found = mentions(scorer, [brand("B", alias)], [text])
    assert [one["mention_number"] for one in found] == list(range(1, count + 1))


def test_match__longest_alias_wins(scorer: Scorer):
    brands = [brand("Ember"), brand("Emberwell", "Ember Well", "Ember Well Gold Tea")]
    found = mentions(scorer, brands, ["My Ember likes ember well gold and Ember well gold tea"])
    assert [(one["brand"], one["alias"]) for one in found] == [
        ("Ember", "Ember"),
        ("Emberwell", "Ember Well"),
        ("Emberwell", "Ember Well Gold Tea"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://www.emberwell.example/tea?x=1", ["domain"]),
        ("mail me@emberwell.example.", ["domain"]),
        ("https://EMBERWELL.example", ["domain"]),
        ("notemberwell.example my-emberwell.example emberwell.example.evil.test emberwell.example-shop.test", []),
        ("emberwell example", []),
    ],
)
def test_match__link_to_its_domain_names_a_brand(scorer: Scorer, text: str, expected: list[str]):
    found = mentions(scorer, [brand("B", "Fernline", domains=("emberwell.example",))], [text])
    assert [one["decided_by"] for one in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I bought it at Target today", [("accepted", "capital")]),
        ("our target is ten a day", []),
        ("Target it well", [("unsure", "capital")]),
        ("Stop. Target it well", [("unsure", "capital")]),
        ("I HIT THE TARGET TODAY", [("unsure", "capital")]),
        ("a great TARGET run", [("accepted", "capital")]),
    ],
)
def test_match__common_word_means_the_brand_only_with_a_telling_capital(
    scorer: Scorer, text: str, expected: list[tuple[str, str]]
):
    assert decided(scorer, [brand("Target")], text) == expected


NEEDS = {"needs_any": ("iphone", "app store"), "ignore": ("apple pie", "orchard")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my apple and my iPhone", ("accepted", "needed_word")),
        ("apple has an App-Store", ("accepted", "needed_word")),
        ("an apple a day", ("rejected", "needed_word")),
        ("iphone " + "word " * 10 + "apple", ("unsure", "needed_word")),
        ("iphone " + "word " * 9 + "apple", ("accepted", "needed_word")),
        ("apple pie on my iphone", ("rejected", "ignored_word")),
        ("the orchard, an iphone and an apple", ("rejected", "ignored_word")),
    ],
)
def test_match__needed_and_ignored_words_within_ten_words_decide(scorer: Scorer, text: str, expected: tuple[str, str]):
    assert decided(scorer, [brand("Apple", "apple", **NEEDS)], text) == [expected]


@pytest.mark.parametrize("community", ["apple", "iPhone", "app_store"])
def test_match__community_that_is_called_so_names_the_brand(scorer: Scorer, community: str):
    assert decided(scorer, [brand("Apple", "apple", **NEEDS)], "an apple", community=community) == [
        ("accepted", "community")
    ]


def test_match__sentence_that_names_it_is_judged_alone(scorer: Scorer):
    text = "Fernline is wonderful, I love it!\nThis Emberwell lid broke, awful and useless. Everything else is great."
    found = mentions(scorer, [brand(), brand("Fernline")], [text])
    assert [(one["brand"], one["sentence_label"]) for one in found] == [
        ("Fernline", "positive"),
        ("Emberwell", "negative"),
    ]
    assert found[1]["sentence_score"] == scorer.score(
        pa.array(["This Emberwell lid broke, awful and useless."])
    ).column("sentiment_score")[0].as_py()  # fmt: skip


def test_match__text_that_repeats_a_name_counts_to_a_limit_and_takes_no_longer(scorer: Scorer):
    found = mentions(scorer, [brand("Apple", "apple", **NEEDS), brand()], ["apple " * 200_000 + "emberwell"])
    assert [one["brand"] for one in found] == ["Apple"] * kernel.MOST_MENTIONS_N + ["Emberwell"]


def test_match__same_text_gives_the_same_in_any_batch_and_order(scorer: Scorer):
    texts = ["Emberwell is great", None, "", "a Target", "no brand", "emberwell emberwell", "\x00\ufffd"] * 5
    brands = [brand(), brand("Target")]
    whole = mentions(scorer, brands, texts)
    order = list(range(len(texts)))
    random.Random(7).shuffle(order)  # noqa: S311
    shuffled = mentions(scorer, brands, [texts[place] for place in order])
    alone = [one | {"text": place} for place in order for one in mentions(scorer, brands, [texts[place]])]
    assert sorted(map(repr, (one | {"text": order[one["text"]]} for one in shuffled))) == sorted(map(repr, whole))
    assert sorted(map(repr, alone)) == sorted(map(repr, whole))


def test_match__no_text_and_sliced_arrays(scorer: Scorer):
    assert mentions(scorer, [brand()], []) == []
    matcher = Matcher(Listening(brands=(brand(),)), scorer)
    texts = pa.array(["x", "Emberwell", "y"]).slice(1, 2)
    rows, found = matcher.match(texts, pa.array(["a", "b", "c"]).slice(1, 2))
    assert (list(rows), found.num_rows) == ([0], 1)


# ---- judged examples --------------------------------------------------------------


def judged(path: Path, of_brand: Sequence[str], of_else: Sequence[str]) -> Path:
    lines = [{"text": text, "is_brand": side} for side, texts in ((True, of_brand), (False, of_else)) for text in texts]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_match__words_near_it_decide_by_judged_examples(scorer: Scorer, tmp_path: Path):
    file = judged(
        tmp_path / "x",
        [f"the apple phone and store {n}" for n in range(60)],
        [f"apple pie tree {n}" for n in range(60)],
    )
    apple = brand("Apple", "apple", examples=file)
    found = mentions(scorer, [apple], ["an apple phone", "apple tree", "apple", "apple phone tree"])
    assert [one["decision"] for one in found[:3]] == ["accepted", "rejected", "unsure"]
    assert found[2]["context_score"] == 0.0
    z = Matcher(Listening(brands=(apple,)), scorer)._senses[0].z  # type: ignore[union-attr]
    assert "the" not in z, "stop words have no sense of their own"
    assert found[3]["context_score"] == pytest.approx(z["phone"] + z["tree"], abs=1e-4)


def test_match__with_few_examples_nothing_known_near_it_is_taken_for_the_brand(scorer: Scorer, tmp_path: Path):
    file = judged(tmp_path / "x", [f"the apple phone {n}" for n in range(20)], [f"apple pie {n}" for n in range(20)])
    texts = ["apple", "an apple pie"]
    assert [one["decision"] for one in mentions(scorer, [brand("Apple", "apple", examples=file)], texts)] == [
        "accepted",
        "rejected",
    ]


@given(st.lists(st.sampled_from(["apple", "phone", "tree", "the", "Store,", "pie.", "x"]), max_size=60))
def test_context_score__is_the_sum_over_distinct_words_near_the_first_mention(words: list[str]):
    file = _FILE
    matcher = _MATCHER
    text = " ".join(words)
    _, found = matcher.match(pa.array([text]), pa.array(["tea"]))
    z = matcher._senses[0].z
    scores = found.column("context_score").to_pylist()
    tokens = tokens_of(text)
    places = [place for place, token in enumerate(tokens) if token.text == "apple"]
    assert file.examples is not None
    assert len(scores) == min(len(places), kernel.MOST_MENTIONS_N)
    for score, place in zip(scores, places, strict=False):
        before = [token.text for token in tokens[:place] if token.is_word][-10:]
        behind = [token.text for token in tokens[place + 1 :] if token.is_word][:10]
        assert score == pytest.approx(sum(z.get(word, 0.0) for word in {*before, *behind}), abs=1e-4)


def test_context_words__are_those_near_any_alias():
    tokens = tokens_of("The near " + "Ember Well gold. " + "next " * 9 + "far " * 30 + "last " * 10 + "ember tea")
    found = context_words(tokens, [spelling("Ember Well"), spelling("Ember")])
    assert found == {"near", "gold", "next", "last", "tea"}
    assert context_words(tokens_of("no name here"), [spelling("Ember")]) is None


# ---- versions, lists of words -------------------------------------------------------


def test_version_of__changes_with_all_that_may_change_a_mention(tmp_path: Path):
    file = judged(tmp_path / "x", ["a"], ["b"])
    base = Listening(brands=(brand(),))
    versions = [
        version_of(base, "model"),
        version_of(base, "other model"),
        version_of(Listening(brands=(brand("Emberwell", "Emberwell", "EW"),)), "model"),
        version_of(Listening(brands=(brand(needs_any=("tea",)),)), "model"),
        version_of(Listening(brands=(brand(examples=file),)), "model"),
        version_of(Listening(brands=(brand(examples=judged(tmp_path / "y", ["a"], ["c"])),)), "model"),
    ]
    assert len({*versions}) == len(versions)
    assert version_of(Listening(brands=(brand(ours=True),)), "model") == versions[0], "whose it is finds no other"
    assert version_of(base, "model") == versions[0]


def test_word_lists__count_texts_once_per_list():
    texts = pa.array(["vegan and cruelty-free vegan", "cruelty", "Vegan tea", None, "cold brew"])
    lists = WordLists([["vegan", "cruelty free"], ["vegan"], ["cold brew", "tea"]])
    assert list(lists.count(texts)) == [2, 2, 2]


@pytest.fixture(scope="module", autouse=True)
def _of_the_property(tmp_path_factory: pytest.TempPathFactory, scorer: Scorer) -> None:
    global _FILE, _MATCHER  # noqa: PLW0603  (Hypothesis takes no fixtures of a function)
    folder = tmp_path_factory.mktemp("examples")
    file = judged(
        folder / "x", [f"apple phone store {n}" for n in range(60)], [f"apple pie tree {n}" for n in range(60)]
    )
    _FILE = brand("Apple", "apple", examples=file)
    _MATCHER = Matcher(Listening(brands=(_FILE,)), scorer)


_FILE: Any = None
_MATCHER: Any = None
