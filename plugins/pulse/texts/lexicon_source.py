"""From the lexicon's text files to the tables that the kernel reads.

Used when a model is trained; a trained model carries its tables with it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from pulse.texts import kernel

FOLDER = Path(__file__).parent / "lexicon"
_ROLES = {
    "negator": kernel.NEGATOR,
    "toggler": kernel.TOGGLER,
    "booster": kernel.BOOSTER,
    "dampener": kernel.DAMPENER,
    "contrast": kernel.CONTRAST,
    "technical_act": kernel.TECH_ACT,
    "technical_thing": kernel.TECH_THING,
    "function_word": kernel.FUNCTION_WORD,
    "english_word": kernel.ENGLISH_WORD,
}
DEFINITION = re.compile(r"(\w+) = (.+)")
_NAME = re.compile(r"\{(\w+)\}")
GROUP = re.compile(r"\(([^()]*)\)|([^\s()]+)")
_ANY = "*"
# What may follow and which phrase has ended, by number of the state.
_States = dict[tuple[int, tuple[tuple[int, int], ...]], int]


@dataclass
class _Words:
    """Valence in hundredths and roles, by hash of the word."""

    valences: dict[int, int] = field(default_factory=dict)
    roles: dict[int, int] = field(default_factory=dict)

    def add_role(self, key: int, role: int) -> None:
        self.roles[key] = self.roles.get(key, 0) | role


def write_tables(model: np.ndarray) -> None:
    """Write the word and phrase tables into a model (one record of ``kernel.MODEL``); the same bytes each time."""
    words = _Words()
    for word, valence in itertools.chain(_vader_words(), _own_words()):
        keys = token_keys(word)
        if len(keys) == 1:
            words.valences[keys[0]] = round(valence * 100)
    for role_names, word in _roles():
        for role in role_names.split():
            words.add_role(token_keys(word)[0], _ROLES[role])
    phrases = {
        tuple(key for piece in spelled for key in ([kernel.WILDCARD] if piece == _ANY else token_keys(piece))): valence
        for spelled, valence in _phrases()
    }
    for phrase in phrases:
        words.add_role(phrase[0], kernel.STARTS_PHRASE)
        if len(phrase) == 1 or phrase[1] == kernel.WILDCARD:
            words.add_role(phrase[0], kernel.STARTS_WITH_ANY)
        else:
            words.add_role(phrase[1], kernel.SECOND_IN_PHRASE)
    _write_words(words, model)
    _write_phrases(phrases, model)


@cache
def token_keys(text: str) -> tuple[int, ...]:
    """Hashes of the tokens of a text, as the kernel makes them, before any phrase is looked for.

    Kept: the spellings of all phrases ask 200,000 times about a few thousand words.
    """
    data = np.frombuffer(text.encode(), np.uint8)
    return tuple(int(key) for key in kernel.word_hashes(data, _NO_MODEL, np.zeros(1, kernel.SCRATCH)))


_NO_MODEL = np.zeros(1, kernel.MODEL)


# ---- reading ---------------------------------------------------------------


def lines(file: Path) -> Iterator[str]:
    """Lines of one of the lexicon's files but blank ones and remarks."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def _vader_words() -> Iterator[tuple[str, float]]:
    """VADER's lexicon: word and mean valence. Source: Hutto and Gilbert 2014, MIT."""
    content = (resources.files("vaderSentiment") / "vader_lexicon.txt").read_text(encoding="utf-8")
    for line in content.rstrip("\n").split("\n"):
        word, valence = line.split("\t")[:2]
        yield word, float(valence)


def _own_words() -> Iterator[tuple[str, float]]:
    for line in lines(FOLDER / "words.tsv"):
        word, valence = line.split("\t")
        yield word, float(valence)


def _roles() -> Iterator[tuple[str, str]]:
    for line in lines(FOLDER / "roles.txt"):
        role_names, words = line.split(": ")
        for word in words.split():
            yield role_names, word


def _phrases() -> Iterator[tuple[tuple[str, ...], int]]:
    """Each spelling of each phrase, as its words, with its valence in hundredths."""
    names: dict[str, str] = {}
    for line in lines(FOLDER / "phrases.txt"):
        if definition := DEFINITION.fullmatch(line):
            names[definition[1]] = definition[2]
            continue
        valence, pattern = line.split(": ", 1)
        for spelled in _spellings(pattern, names):
            yield spelled, round(float(valence) * 100)


def _spellings(pattern: str, names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    plain = _NAME.sub(lambda found: names[found[1]], pattern)
    choices = [
        [choice.strip() for choice in group.split("|")] if is_group else [word]
        for group, word, is_group in ((found[1], found[2], found[2] is None) for found in GROUP.finditer(plain))
    ]
    for chosen in itertools.product(*choices):
        yield tuple(" ".join(chosen).split())


# ---- tables ----------------------------------------------------------------


def _write_words(words: _Words, model: np.ndarray) -> None:
    values = {}
    for key in words.valences.keys() | words.roles.keys():
        valence = words.valences.get(key, 0)
        roles = words.roles.get(key, 0) | (kernel.HAS_VALENCE if valence else 0)
        values[key] = roles << 16 | valence + kernel.VALENCE_ZERO
    kernel.fill(model["words"][0], values)


def _write_phrases(phrases: Mapping[tuple[int, ...], int], model: np.ndarray) -> None:
    """The phrases as a graph of states, each remainder that several phrases share held once."""
    states: _States = {}
    _state_of({keys: valence + kernel.VALENCE_ZERO for keys, valence in phrases.items()}, states)
    # The state before the first word was numbered last; the kernel begins at 0.
    number = {state: len(states) - 1 - state for state in states.values()}
    edges = {
        kernel.edge_key(number[state], key): number[following]
        for (_, followings), state in states.items()
        for key, following in followings
    }
    for (phrase_class, followings), state in states.items():
        model["state_class"][0, number[state]] = phrase_class
        model["state_takes_any"][0, number[state]] = any(key == kernel.WILDCARD for key, _ in followings)
    kernel.fill(model["edges"][0], edges)


def _state_of(phrases: Mapping[tuple[int, ...], int], states: _States) -> int:
    """Number of the state from which these remainders are left; makes it, and those after it, if there is none."""
    by_first: dict[int, dict[tuple[int, ...], int]] = {}
    for keys, phrase_class in phrases.items():
        if keys:
            by_first.setdefault(keys[0], {})[keys[1:]] = phrase_class
    followings = tuple((key, _state_of(by_first[key], states)) for key in sorted(by_first))
    return states.setdefault((phrases.get((), 0), followings), len(states))
