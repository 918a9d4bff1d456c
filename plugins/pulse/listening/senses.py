"""Which words near a name say that it means the brand, learnt from judged examples.

Weighted log-odds with a prior (Monroe, Colaresi and Quinn 2008): for each word within ten of an alias, how much
likelier it is where the brand is meant, in standard errors. A mention's score is the sum over its distinct words.
Measured on gold word senses: tests/unit/listening/test_senses_real_data.py.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pulse.config.listening import Example
from pulse.core.text import words_in
from pulse.core.words import Token, tokens_of
from pulse.listening.kernel import WINDOW_WORDS_N

# The prior counts as so many words of each side.
_PRIOR_WORDS_N = 200
# With fewer examples a side, a mention near which nothing is known is taken for the brand: most words were never seen,
# and to leave such mentions out loses more of them than it spares errors. From so many on it is unsure.
_FEW_EXAMPLES_N = 50
_LIMITS_OF_FEW, _LIMITS = (-0.5, -1.0), (0.0, -0.5)
# Words without a sense of their own: they stand near anything, and a few examples make chance finds of them.
STOP_WORDS = words_in(
    """
    a about above after again against all also am an and any are aren as at be because been before being below between
    both but by can cannot could couldn d did didn do does doesn doing don down during each few first for from further
    had hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself
    just ll m many may me might more most much must mustn my myself new no nor not now o of off on once one only or
    other ought our ours ourselves out over own re s same shan she should shouldn so some such t than that the their
    theirs them themselves then there these they this those through to too two under until up us ve very was wasn we
    were weren what when where which while who whom why will with won would wouldn y you your yours yourself yourselves
    """
)


@dataclass(frozen=True)
class Senses:
    """What was learnt of one brand.

    Attributes:
        z: by word, lower case; positive where it speaks for the brand.
        accept_above, reject_up_to: a score between the two is unsure.
    """

    z: dict[str, float]
    accept_above: float
    reject_up_to: float


def learn(examples: Sequence[Example], aliases: Iterable[tuple[str, ...]]) -> Senses:
    """Learn from examples that hold an alias; others say nothing.

    Args:
        aliases: spellings of the brand (:func:`pulse.core.words.spelling`).
    """
    spellings = sorted(set(aliases), key=lambda alias: (-len(alias), alias))
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    examples_n = {True: 0, False: 0}
    for example in examples:
        context = context_words(tokens_of(example.text), spellings)
        if context is not None:
            counts[example.is_brand].update(context)
            examples_n[example.is_brand] += 1
    is_few = min(examples_n.values()) < _FEW_EXAMPLES_N
    return Senses(_z_by_word(counts[True], counts[False]), *(_LIMITS_OF_FEW if is_few else _LIMITS))


def context_words(tokens: Sequence[Token], spellings: Sequence[tuple[str, ...]]) -> set[str] | None:
    """The distinct words within ten words of an alias, without stop words and the alias; None where there is none."""
    texts = [token.text for token in tokens]
    found: set[str] | None = None
    at = 0
    while at < len(texts):
        size = next((len(alias) for alias in spellings if tuple(texts[at : at + len(alias)]) == alias), 0)
        if size:
            before = [token.text for token in tokens[:at] if token.is_word][-WINDOW_WORDS_N:]
            behind = [token.text for token in tokens[at + size :] if token.is_word][:WINDOW_WORDS_N]
            found = (found or set()) | {*before, *behind}
        at += size or 1
    return None if found is None else found - STOP_WORDS - {word for alias in spellings for word in alias}


def _z_by_word(of_brand: Counter[str], of_else: Counter[str]) -> dict[str, float]:
    totals = of_brand + of_else
    total_n, brand_n, else_n = totals.total(), of_brand.total(), of_else.total()
    z = {}
    for word, word_n in sorted(totals.items()):
        prior = _PRIOR_WORDS_N * word_n / total_n
        one, other = of_brand[word] + prior, of_else[word] + prior
        rest, other_rest = brand_n + _PRIOR_WORDS_N - one, else_n + _PRIOR_WORDS_N - other
        if rest > 0 and other_rest > 0:
            odds = math.log(one / rest) - math.log(other / other_rest)
            z[word] = round(odds / math.sqrt(1 / one + 1 / other), 6)
    return z
