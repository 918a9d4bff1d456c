"""How many texts hold a word of each list of the config: one that matches a fifth of all talk tells nothing apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulse.config.listening import Listening
from pulse.core.home import Home
from pulse.listening import store

# So many of the latest texts tell a share to a hundredth, in about a second.
_MOST_TEXTS_N = 50_000


@dataclass(frozen=True)
class Share:
    """Of the latest texts, how many hold a word of one list.

    Attributes:
        where: the list, as the config names it.
    """

    where: str
    matching_n: int
    texts_n: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.matching_n / self.texts_n


def shares(home: Home, listening: Listening) -> list[Share]:
    """One for each list of words of the config that has any; none while raw holds no texts.

    Raises:
        StorageError: raw cannot be read.
    """
    lists = [(where, words) for where, words in _lists(listening) if words]
    if not lists:
        return []
    from pulse.listening.matcher import WordLists

    counter = WordLists([words for _, words in lists])
    found_n, texts_n = [0] * len(lists), 0
    for texts in store.texts_of(home, most_n=_MOST_TEXTS_N):
        texts_n += len(texts)
        found_n = [before + int(more) for before, more in zip(found_n, counter.count(texts), strict=True)]
    if not texts_n:
        return []
    return [Share(where, one_n, texts_n) for (where, _), one_n in zip(lists, found_n, strict=True)]


def _lists(listening: Listening) -> Iterator[tuple[str, Sequence[str]]]:
    for brand in listening.brands:
        yield f"aliases of brand {brand.name}", brand.aliases
        yield f"needs_any of brand {brand.name}", brand.needs_any
        yield f"ignore of brand {brand.name}", brand.ignore
    for interest in listening.interests:
        yield f"words of interest {interest.name}", interest.words
    for launch in listening.launches:
        yield f"words of launch {launch.name}", launch.words
