"""From the table of rules to the tables that the kernel reads.

Used when the kinds' model is made; it carries its tables with it. The language of patterns: ``rules/README.md``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pulse.texts import kernel
from pulse.texts.scorer import KINDS

FOLDER = Path(__file__).parent / "rules"
_DEFINITION = re.compile(r"(\w+) = (.+)")
_NAME = re.compile(r"\{(\w+)\}")
_PIECE = re.compile(r"[()\[\]|]|[^\s()\[\]|]+")
_CLOSING = {"(": ")", "[": "]"}
_CLASSES = {
    "<url>": kernel.T_URL, "<referral>": kernel.T_REFERRAL, "<outlet>": kernel.T_OUTLET, "<name>": kernel.T_NAME,
    "<number>": kernel.T_NUMBER, "<code>": kernel.T_CODE, "<ed>": kernel.T_ED, "<ing>": kernel.T_ING,
    "<money>": kernel.T_MONEY, "<percent>": kernel.T_PERCENT, "<site>": kernel.T_SITE, "<caps>": kernel.T_CAPS,
}  # fmt: skip
_ANY = "<any>"
_GAP = re.compile(r"\*([1-9])")
_STARTS = {";": 1, "^": 2}
# Ends of addresses written without http.
_TLDS = ("com", "net", "org", "io", "gg", "biz", "edu", "gov", "ly", "uk", "xyz")
# Known, so that they are not taken for stretched spellings of others that are.
_PLAIN = ("too", "off", "loose", "good", "all", "see", "been", "soon", "need", "will", "well", "tell", "still", "app")
_PLACES_A_WORD = 64


@dataclass(frozen=True)
class Rule:
    """One line of the table.

    Attributes:
        rule_id: ``kind.name``, where the kind may be shortened.
        kind: of ``KINDS``; a negative weight speaks against it.
        weight: added to the logit of a sentence in which the pattern stands.
        fires, silent: a text in which it fires, and one like it in which it must not.
    """

    rule_id: str
    kind: str
    weight: float
    pattern: str
    fires: str
    silent: str


@dataclass(frozen=True)
class _Place:
    """One place of a pattern: words and classes that may stand there."""

    words: frozenset[str]
    is_optional: bool = False


@dataclass(frozen=True)
class _Pattern:
    """One spelling of a rule's pattern: its places, where it begins, and what must be true of the sentence."""

    rule: int
    places: tuple[_Place, ...]
    start: int
    is_at_end: bool
    is_question: bool | None


def rules() -> list[Rule]:
    """The table, in order of the ids: the order that a text's rules are told in."""
    rows = [line.split("\t") for line in _lines("rules.tsv")]
    found = [Rule(row[0], row[1], float(row[2]), row[3], row[4], row[5]) for row in rows]
    return sorted(found, key=lambda rule: rule.rule_id)


def write_tables(needs: np.ndarray) -> list[str]:
    """Write all but the linear models into one record of ``kernel.NEEDS``; returns the rules' ids by number.

    Raises:
        ValueError: a rule cannot be compiled, or there are too many.
    """
    table = rules()
    if len(table) > kernel.RULES_MAX or len({rule.rule_id for rule in table}) < len(table):
        raise ValueError(f"{len(table)} rules; at most {kernel.RULES_MAX}, each with an id of its own")
    for number, rule in enumerate(table):
        needs["kind_of"][0, number] = KINDS.index(rule.kind)
        needs["rule_weights"][0, number] = rule.weight
    patterns = [pattern for number, rule in enumerate(table) for pattern in _patterns(number, rule)]
    _write_automaton(patterns, needs)
    return [rule.rule_id for rule in table]


# ---- reading ---------------------------------------------------------------


def _lines(name: str) -> Iterator[str]:
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


@cache
def _lists() -> Mapping[str, str]:
    """The named lists, each with those that it names filled in."""
    lists: dict[str, str] = {}
    for line in _lines("lists.txt"):
        definition = _DEFINITION.fullmatch(line)
        if definition is None:
            raise ValueError(f"lists.txt: {line!r} is no definition")
        lists[definition[1]] = _NAME.sub(lambda found: lists[found[1]], definition[2])
    return lists


def _patterns(number: int, rule: Rule) -> Iterator[_Pattern]:
    """Each spelling of a rule: one for each choice among alternatives that are not single words."""
    pieces = _PIECE.findall(_NAME.sub(lambda found: f"({_lists()[found[1]]})", rule.pattern))
    starts = [_STARTS[piece] for piece in pieces if piece in _STARTS]
    is_at_end, is_question = "$" in pieces, None
    if "?" in pieces or "!?" in pieces:
        is_question = "?" in pieces
    pieces = [piece for piece in pieces if piece not in {*_STARTS, "$", "?", "!?"}]
    spelled_before = set()
    for places in _alternatives(pieces):
        for firm in _with_firm_ends(places, is_at_end=is_at_end):
            if not firm or len(firm) > _PLACES_A_WORD:
                raise ValueError(f"rule {rule.rule_id}: a pattern needs a word, and at most {_PLACES_A_WORD} places")
            if firm not in spelled_before:
                spelled_before.add(firm)
                yield _Pattern(number, firm, max(starts, default=0), is_at_end, is_question)
    if pieces:
        raise ValueError(f"rule {rule.rule_id}: {' '.join(pieces)!r} is left over; a bracket is missing or too much")


def _alternatives(pieces: list[str]) -> list[tuple[_Place, ...]]:
    """Read alternatives to the closing bracket, or to the end; takes from ``pieces`` what it reads.

    Alternatives of one word each are one place at which any of them may stand.
    """
    found = _sequences(pieces)
    while pieces and pieces[0] == "|":
        del pieces[0]
        found += _sequences(pieces)
    single = [places[0].words for places in found if len(places) == 1 and not places[0].is_optional]
    longer = [places for places in found if len(places) != 1 or places[0].is_optional]
    return ([(_Place(frozenset().union(*single)),)] if single else []) + longer


def _sequences(pieces: list[str]) -> list[tuple[_Place, ...]]:
    """Read what stands one after another, to a bar or a closing bracket: each spelling of it."""
    found: list[tuple[_Place, ...]] = [()]
    while pieces and pieces[0] not in ("|", ")", "]"):
        piece = pieces.pop(0)
        if gap := _GAP.fullmatch(piece):
            following: list[tuple[_Place, ...]] = [(_Place(frozenset({_ANY}), is_optional=True),) * int(gap[1])]
        elif piece in _CLOSING:
            following = _alternatives(pieces)
            if not pieces or pieces.pop(0) != _CLOSING[piece]:
                raise ValueError(f"{piece!r} is not closed")
            following = _optional(following) if piece == "[" else following
        else:
            following = [(_Place(frozenset({piece})),)]
        found = [before + after for before in found for after in following]
    return found


def _optional(alternatives: list[tuple[_Place, ...]]) -> list[tuple[_Place, ...]]:
    """The same, and nothing: single words become a place that may be left out."""
    if len(alternatives[0]) == 1:
        return [(_Place(alternatives[0][0].words, is_optional=True),), *alternatives[1:]]
    return [(), *alternatives]


def _with_firm_ends(places: tuple[_Place, ...], *, is_at_end: bool) -> Iterator[tuple[_Place, ...]]:
    """The automaton begins and ends at places that must be there: one pattern for each that may be first or last."""
    while places and places[-1].is_optional:
        if is_at_end:
            yield from _with_firm_start((*places[:-1], _Place(places[-1].words)))
        places = places[:-1]
    yield from _with_firm_start(places)


def _with_firm_start(places: tuple[_Place, ...]) -> Iterator[tuple[_Place, ...]]:
    while places and places[0].is_optional:
        yield (_Place(places[0].words), *places[1:])
        places = places[1:]
    yield places


# ---- tables ----------------------------------------------------------------


def _write_automaton(patterns: Sequence[_Pattern], needs: np.ndarray) -> None:
    words = {word for pattern in patterns for place in pattern.places for word in place.words if word[0] != "<"}
    row_of = {word: row for row, word in enumerate(sorted(words | {*_TLDS, *_PLAIN}), start=1)}
    if len(row_of) >= kernel.VOCABULARY_ROWS:
        raise ValueError(f"{len(row_of)} words in patterns, but room for {kernel.VOCABULARY_ROWS - 1}")
    kernel.fill(needs["vocabulary"][0], {_spelling(word): row for word, row in row_of.items()})
    for word in _TLDS:
        needs["row_flags"][0, row_of[word]] = kernel.ROW_IS_TLD
    ends = {
        "<ed>": [row for word, row in row_of.items() if len(word) >= 5 and word.endswith("ed")],
        "<ing>": [row for word, row in row_of.items() if len(word) >= 5 and word.endswith("ing")],
    }
    for pattern, first in zip(patterns, _first_places(patterns), strict=True):
        _write_pattern(pattern, first, row_of, ends, needs)
    needs["beginning"][0] = _beginning(needs["reads"][0], needs["starts"][0])
    needs["beginning_class"][0] = _beginning(needs["of_class"][0], needs["starts"][0])


def _beginning(readings: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """By reading and place: the machine words in which a pattern may begin, a bit each."""
    begins = (readings[:, None, :] & starts[None, :, :]) != 0
    padded = np.zeros((*begins.shape[:2], 2 * _PLACES_A_WORD), np.uint64)
    padded[:, :, : begins.shape[2]] = begins
    bits = np.uint64(1) << np.arange(_PLACES_A_WORD, dtype=np.uint64)
    return np.asarray((padded.reshape(*begins.shape[:2], 2, _PLACES_A_WORD) * bits).sum(axis=3, dtype=np.uint64))


def _first_places(patterns: Sequence[_Pattern]) -> Iterator[int]:
    """Where each pattern begins: in the first machine word that has room for it."""
    room = [_PLACES_A_WORD] * kernel.RULE_WORDS
    for pattern in patterns:
        size = len(pattern.places)
        at = next((at for at, left in enumerate(room) if left >= size), None)
        if at is None:
            raise ValueError(f"the patterns need more than {kernel.RULE_WORDS} machine words")
        yield at * _PLACES_A_WORD + _PLACES_A_WORD - room[at]
        room[at] -= size


def _write_pattern(
    pattern: _Pattern,
    first: int,
    row_of: Mapping[str, int],
    ends: Mapping[str, Sequence[int]],
    needs: np.ndarray,
) -> None:
    at = first // _PLACES_A_WORD
    bits = [np.uint64(1 << (first % _PLACES_A_WORD + k)) for k in range(len(pattern.places))]
    needs["starts"][0, pattern.start :, at] |= bits[0]
    for place, bit in zip(pattern.places, bits, strict=True):
        for word in place.words:
            if word == _ANY:
                needs["reads"][0, :, at] |= bit
            elif word[0] == "<":
                needs["of_class"][0, _CLASSES[word], at] |= bit
                needs["reads"][0, list(ends.get(word, ())), at] |= bit
            else:
                needs["reads"][0, row_of[word], at] |= bit
    _write_optional(pattern, bits, at, needs)
    last = bits[-1]
    needs["accepts_at_end" if pattern.is_at_end else "accepts"][0, at] |= last
    if pattern.is_question is not None:
        needs["needs_question" if pattern.is_question else "forbids_question"][0, at] |= last
    needs["rule_of"][0, first + len(bits) - 1] = pattern.rule


def _write_optional(pattern: _Pattern, bits: Sequence[np.uint64], at: int, needs: np.ndarray) -> None:
    for k, place in enumerate(pattern.places):
        if not place.is_optional:
            continue
        needs["optional"][0, at] |= bits[k]
        if not pattern.places[k - 1].is_optional:
            needs["before_optional"][0, at] |= bits[k - 1]
        if not pattern.places[k + 1].is_optional:
            needs["last_optional"][0, at] |= bits[k]


_NO_MODEL, _NO_NEEDS = np.zeros(1, kernel.MODEL), np.zeros(1, kernel.NEEDS)
_SCRATCH = np.zeros(1, kernel.SCRATCH)


def _spelling(word: str) -> int:
    key = int(kernel.spelling_hash(np.frombuffer(word.encode(), np.uint8), _NO_MODEL, _SCRATCH, _NO_NEEDS))
    if key == 0:
        raise ValueError(f"{word!r} is not one word to the tokeniser")
    return key
