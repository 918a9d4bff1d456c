"""Words of texts: the same whatever marks, case and invisible characters stand between."""

import unicodedata

import pytest

from pulse.core.words import spelling, tokens_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ember Well", ("ember", "well")),
        ("Ember-Well", ("ember", "well")),
        ("ember\u2011well", ("ember", "well")),
        ("#Ember_Well", ("#", "ember", "well")),
        ("Em\u200bber\u00adwell", ("emberwell",)),
        ("\u202eEmberwell\u202c", ("emberwell",)),
        ("Emberwell's", ("emberwell", "s")),
        ("McDonald\u2019s", ("mcdonald", "s")),
        ("C++", ("c", "+", "+")),
        ("AT&T", ("at", "&", "t")),
        ("a.*b", ("a", ".", "*", "b")),
        ("Ｅｍｂｅｒ", ("ember",)),
        ("华为手机", ("华", "为", "手", "机")),
        ("שלום", ("שלום",)),
        ("tea\x00house\x1b[31m", ("tea", "house", "[", "31m")),
        ("👍\ufe0f", ("👍",)),
        ("\u0301 x", ("x",)),
        ("— ' _", ()),
        ("", ()),
    ],
)
def test_spelling(text: str, expected: tuple[str, ...]):
    assert spelling(text) == expected


def test_spelling__is_the_same_for_composed_and_decomposed_letters():
    assert spelling("Café Nébula") == spelling(unicodedata.normalize("NFD", "Café Nébula")) == ("café", "nébula")


def test_tokens_of__keep_whether_there_was_a_capital():
    assert [(token.text, token.has_capital, token.is_word) for token in tokens_of("the iPhone!")] == [
        ("the", False, True),
        ("iphone", True, True),
        ("!", False, False),
    ]
