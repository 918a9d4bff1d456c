"""Words of a text, as brands, interests and launches are compared with it: one definition, whoever compares.

A text is first brought to Unicode's form NFKC. Its tokens are then words (letters, digits, and marks that follow them),
single letters of scripts that put no space between words, and symbols, each by itself. Spaces, dashes, apostrophes and
underscores part tokens and are none; invisible characters (zero-width, direction, variation) are as if they were not
there. Case is kept beside: tokens are lower case, and each says whether it had a capital.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

GAP, WORD, MARK, UNSEEN, SYMBOL, UNSPACED = range(6)
# Code points from here on have one rule each for a range.
TABLED_CODES_N = 0x20000
_APOSTROPHES = frozenset("'\u2018\u2019\u02bc\uff07`\u00b4")
# First and last code point of scripts that are written without spaces between words.
_UNSPACED_SCRIPTS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029),
    (0x3038, 0x30FF), (0x3105, 0x312F), (0x31A0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
)  # fmt: skip
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))


@dataclass(frozen=True)
class Token:
    """One token: lower case, whether it had a capital, and whether it is a word (a symbol otherwise)."""

    text: str
    has_capital: bool
    is_word: bool


@cache
def kind_of(char: str) -> int:
    """What a character is to tokens: one of the constants above."""
    code = ord(char)
    if code >= TABLED_CODES_N:  # ideographs, tags and selectors, private use
        return UNSPACED if code < 0x40000 else UNSEEN if 0xE0000 <= code < 0xE1000 else SYMBOL
    category = unicodedata.category(char)
    if char in _APOSTROPHES or category in {"Pd", "Pc", "Cc"} or category[0] == "Z":
        return GAP
    if category in {"Cf", "Cs"} or char in _VARIATION_SELECTORS:
        return UNSEEN
    if category[0] == "M":
        return MARK
    if category[0] in "LN":
        is_unspaced = any(first <= code <= last for first, last in _UNSPACED_SCRIPTS) and not char.isdecimal()
        return UNSPACED if is_unspaced else WORD
    return SYMBOL


def lowered(char: str) -> str:
    """The lower case of a character, where that is one character."""
    lower = char.lower()
    return lower if len(lower) == 1 else char


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, in order. For texts of a config; those of communities go through a compiled loop."""
    tokens: list[Token] = []
    word, has_capital = "", False
    for char in unicodedata.normalize("NFKC", text):
        kind = kind_of(char)
        if kind == UNSEEN:
            continue
        if kind == WORD or (kind == MARK and word):
            word += lowered(char)
            has_capital = has_capital or lowered(char) != char
            continue
        if word:
            tokens.append(Token(word, has_capital, is_word=True))
            word, has_capital = "", False
        if kind in {SYMBOL, UNSPACED}:
            tokens.append(Token(char, has_capital=False, is_word=kind == UNSPACED))
    if word:
        tokens.append(Token(word, has_capital, is_word=True))
    return tokens


def spelling(text: str) -> tuple[str, ...]:
    """What tells one name from another: its tokens, without their case."""
    return tuple(token.text for token in tokens_of(text))


@cache
def code_tables() -> "tuple[np.ndarray, np.ndarray]":
    """By code point below ``TABLED_CODES_N``: what it is, and its lower case; for loops over bytes. Read-only."""
    import numpy as np

    kinds, lowers = np.zeros(TABLED_CODES_N, np.uint8), np.zeros(TABLED_CODES_N, np.int32)
    for code in range(TABLED_CODES_N):
        kinds[code] = kind_of.__wrapped__(chr(code))
        lowers[code] = ord(lowered(chr(code)))
    kinds.flags.writeable = lowers.flags.writeable = False
    return kinds, lowers
