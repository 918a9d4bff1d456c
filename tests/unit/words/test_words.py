"""Texts as words and signatures: what is normalised, what is left out, and that copies are found."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.words import kernel
from pulse.words.texts import key_of, tokenised


def words_of(text: str | None) -> set[str]:
    tokens = tokenised(pa.array([text], pa.string()))
    spelled = {row["word_id"]: row["word"] for row in tokens.spellings().to_pylist()}
    return {spelled[word_id] for word_id in tokens.words()[0].as_py()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The KETTLE broke, and the kettle's lid broke", {"kettle", "broke", "lid"}),
        ("don't dont", set()),  # a stop word with and without its apostrophe
        ("won’t fit: sugar-free Café tea", {"fit", "sugar", "free", "café", "tea"}),
        ("12 500 2nd ps4 a1", {"ps4"}),
        ("see https://shop.example/kettle?ref=42 or www.shop.example (https://x.example/deep)", set()),
        ("ask @somebody, u/somebody, /r/tea or some.body@mail.example today", {"ask", "today"}),
        ("> their kettle\nmy teapot\n&gt; their lid", {"teapot"}),
        ("```\nkettle = 1\n```\nteapot", {"teapot"}),
        ("tea &amp; biscuits &#39;", {"tea", "biscuits"}),
        ("a" * 41 + " teapot", {"teapot"}),
        ("ÉCOLE école", {"école"}),
        ("чай 茶道会", {"чай", "茶道会"}),
        ("🫖🫖 teapot🫖kettle", {"teapot", "kettle"}),
        ("", set()),
        (None, set()),
    ],
)
def test_words__are_normalised_and_say_something(text: str | None, words: set[str]):
    assert words_of(text) == words


def test_words__are_the_same_in_any_batch():
    texts = ["kettle lid", None, "", "> quoted", "lid of the kettle", "teapot " * 500]
    together = tokenised(pa.array(texts, pa.string()))
    sliced = tokenised(pa.array(["before", *texts], pa.string()).slice(1))
    for tokens in (together, sliced):
        for name in ("words", "bands", "normal_ids"):
            alone = [getattr(tokenised(pa.array([text], pa.string())), name)()[0].as_py() for text in texts]
            assert getattr(tokens, name)().to_pylist() == alone, name
    assert together.words()[4].as_py() == sorted(map(key_of, ("kettle", "lid")), key=lambda key: key % 2**64)


@given(st.lists(st.text() | st.none(), max_size=20))
def test_words__of_any_text_are_found_without_harm(texts: list[str | None]):
    tokens = tokenised(pa.array(texts, pa.string()))
    content = bytes(tokens.content).decode()
    assert tokens.text_ends.size == len(texts)
    assert {len(words) for words in tokens.spellings().column("word").to_pylist()} <= set(range(3, 41))
    assert not any(character in content for character in "\n\t\x00")


def test_md5__is_md5():
    data = np.random.default_rng(5).integers(0, 256, 300).astype(np.uint8)
    lows, highs = np.zeros(300, np.int64), np.arange(300)
    halves = np.empty(300, np.uint64)
    kernel.md5_halves(data, lows, highs, halves)
    expected = [int.from_bytes(hashlib.md5(bytes(data[:n])).digest()[:8], "little") for n in range(300)]  # noqa: S324
    assert halves.tolist() == expected
