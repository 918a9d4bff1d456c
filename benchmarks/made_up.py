"""A made-up platform: communities of very different size that talk about topics, brands and what they wish for.

Same arguments, same rows. Everything is made as columns: a million contributions take some ten seconds of CPU.

Threads are a post and what answers it, most short and a few of hundreds; answers hang from the post or from an answer
before. A few people of each community write much of it and most write once or twice; one in four contributions is of
somebody at home in another community of the same topic, and three in a hundred are of nobody any more. Texts have some
thirty words: words of grammar, so that they count as English, words of the community's topic, and others by Zipf's law.
One in three begins with something said: a question, a wish, a complaint, thanks, a brand, an offer. One in two hundred
is the copy of another, and one in twenty a short word that many write.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
TOPICS_N, _WORDS_A_TOPIC, _OTHER_WORDS_N = 40, 40, 6_000

_GRAMMAR = """
    the a and to of in it is that for on with was this but you they have not are be at as my so if we just or what when
    there can from about all would some out up more will get do your them than then only one how been i
"""
_COMMON = """
    good bad great love hate broke broken works fine nice awful cheap easy slow fast happy sad terrible perfect useless
    helpful annoying beautiful disappointed recommend worth really never always again people time thing year week price
    shop order water paper light cup box handle lid size colour old new small large
"""
# What a contribution begins with, and how often, in thousandths; and the same for the titles of posts.
_SAID: tuple[tuple[str, int], ...] = (
    ("", 660), ("How do I clean this?", 40), ("Does anyone know which one to get?", 40),
    ("I wish they made a smaller one.", 25), ("I would love to see a version with a lid.", 15),
    ("Looking for recommendations.", 15),
    ("It stopped working after two weeks.", 25), ("I am so tired of the leaking lid.", 15),
    ("Thank you so much, that worked!", 30), ("Thanks, this solved it.", 20), ("Have you tried to descale it?", 20),
    ("I bought mine from Emberwell and I love it.", 18), ("Emberwell never answered my mail, awful service.", 9),
    ("My Emberwell broke after a month.", 8), ("The Fernline one is better than Emberwell.", 8),
    ("I have had my Fernline for a year and it works great.", 14), ("Apple is a fruit as far as I care.", 6),
    ("Got the new iPhone from Apple.", 5), ("Tarnwick is fine too.", 7),
    ("Use code TEA10 for 20% off at Emberwell.", 4),
    ("Giveaway: comment to win a kettle.", 3), ("Here is my referral link https://fernline.example/?ref=k7", 3),
    ("Just made this today, see the picture.", 6), ("The new cold brew from Emberwell is out.", 4),
)  # fmt: skip
_SHORT = (
    "thanks!", "this", "same here", "nice", "lol", "agreed", "no idea", "great post", "love it", "yes", "no", "so true",
    "came here to say this", "thank you", "good luck", "me too",
)  # fmt: skip
_ENDINGS = ("ano", "iri", "ule", "oda", "ena", "ilo", "uka", "ere")
_FLAIRS = ("question", "discussion", "showcase", "review", "help")


@dataclass(frozen=True)
class _Frame:
    """Who answers whom, by contribution: threads one after another, each with its post first."""

    thread: Ints
    place: Ints
    first: Ints
    community: Ints
    created_us: Ints


def contributions(rows_n: int, communities_n: int, first_day: date, days_n: int) -> pa.Table:
    """About so many rows, with the contract's columns that differ between them; the caller adds what all have.

    ``author`` is a number, NULL where the account is gone; ``id_number`` and the like are numbers of contributions.
    What would have been answered after the last day is left out.
    """
    draw = np.random.default_rng(20260101)
    frame = _frame(draw, rows_n, communities_n, first_day, days_n)
    is_post = frame.place == 0
    author = _authors(draw, frame, rows_n, communities_n)
    is_gone = draw.random(rows_n) < 0.03
    removal = np.where(draw.random(rows_n) < 0.01, 2, np.where(draw.random(rows_n) < 0.015, 1, 0))
    role = np.where(author % 1_000_000 == 0, 1, np.where(author % 1_000_000 == 1, 2, 0))
    title, body = _texts(draw, frame, removal > 0)
    numbers = np.arange(rows_n)
    answers_n = np.bincount(frame.thread)[frame.thread] - 1
    answered = np.where(
        (frame.place == 1) | (draw.random(rows_n) < 0.5),
        frame.first,
        frame.first + 1 + (draw.random(rows_n) * np.maximum(1, frame.place - 1)).astype(np.int64),
    )
    has_link = is_post & (draw.random(rows_n) < 0.15)
    flair = np.where(is_post & (draw.random(rows_n) < 0.3), numbers % len(_FLAIRS), -1)
    made = pa.table(
        {
            "id_number": numbers,
            "is_post": is_post,
            "thread_number": frame.first,
            "parent_number": pa.array(answered, mask=is_post),
            "community": pa.array([f"c{number:03d}" for number in range(communities_n)]).take(
                pa.array(frame.community)
            ),
            "created_at": pa.array(frame.created_us, pa.timestamp("us", "UTC")),
            "title": title,
            "body": body,
            "url": pa.array(["https://shop.example/a", "https://pictures.example/b.jpg"]).take(
                pa.array(numbers % 2, mask=~has_link)
            ),
            "flair": pa.array(_FLAIRS).take(pa.array(np.maximum(0, flair), mask=flair < 0)),
            "author": pa.array(author, mask=is_gone | (removal == 1)),
            "author_role": pa.array(["member", "moderator", "bot"]).take(pa.array(role)),
            "score": (draw.pareto(1.5, rows_n) * 3).astype(np.int64).clip(0, 20_000),
            "reply_count": pa.array(answers_n, mask=~is_post),
            "removal": pa.array(["none", "by_author", "by_moderator"]).take(pa.array(removal)),
        }
    )
    end = pa.scalar(datetime.combine(first_day, time(), UTC) + timedelta(days=days_n), pa.timestamp("us", "UTC"))
    return made.filter(pc.less(made.column("created_at"), end))


def _frame(draw: np.random.Generator, rows_n: int, communities_n: int, first_day: date, days_n: int) -> _Frame:
    sizes = 1 + np.minimum(draw.pareto(1.3, rows_n) * 3, 600).astype(np.int64)
    ends = np.cumsum(sizes)
    threads_n = int(np.searchsorted(ends, rows_n)) + 1
    sizes = sizes[:threads_n]
    sizes[-1] -= int(ends[threads_n - 1]) - rows_n
    first_of_thread = np.cumsum(sizes) - sizes
    thread = np.repeat(np.arange(threads_n), sizes)
    first = first_of_thread[thread]
    place = np.arange(rows_n) - first
    weights = 1 / (np.arange(communities_n) + 3.0)
    community = draw.choice(communities_n, threads_n, p=weights / weights.sum())[thread]
    # Threads begin in order, as ids grow with time, more of them in the evening; an answer comes after those before it.
    begin_us = np.sort(draw.integers(0, days_n, threads_n) * 24.0 + 24 * draw.beta(3, 2, threads_n)) * 3_600e6
    gaps_us = draw.exponential(360e6, rows_n) * (1 + np.minimum(place, 40) / 10)
    passed_us = np.cumsum(gaps_us)
    delay_us = passed_us - passed_us[first]
    created_us = (begin_us[thread] + delay_us).astype(np.int64) + place
    start_us = int(datetime.combine(first_day, time(), UTC).timestamp()) * 1_000_000
    return _Frame(thread, place, first, community, start_us + created_us)


def _authors(draw: np.random.Generator, frame: _Frame, rows_n: int, communities_n: int) -> Ints:
    """A number a person: a million times the community that they are at home in, and their rank there."""
    home = frame.community.copy()
    is_guest = draw.random(rows_n) < 0.25
    neighbours_n = max(1, communities_n // TOPICS_N)
    home[is_guest] = (home[is_guest] + TOPICS_N * draw.integers(0, neighbours_n, int(is_guest.sum()))) % communities_n
    weights = 1 / (np.arange(communities_n) + 3.0)
    people_n = np.maximum(12, rows_n / 2 * weights / weights.sum())
    is_regular = draw.random(rows_n) < 0.5
    rank = (people_n[home] * draw.random(rows_n) ** np.where(is_regular, 2.5, 1)).astype(np.int64)
    author: Ints = home * 1_000_000 + rank
    asks_again = (draw.random(rows_n) < 0.1) & (frame.place > 0)
    author[asks_again] = author[frame.first[asks_again]]
    return author


# ---- texts ---------------------------------------------------------------------


def _texts(draw: np.random.Generator, frame: _Frame, is_removed: npt.NDArray[np.bool_]) -> tuple[pa.Array, pa.Array]:
    rows_n = frame.place.size
    is_post = frame.place == 0
    said = pa.array([text for text, _ in _SAID])
    chances = np.array([chance for _, chance in _SAID], np.float64)
    opening = said.take(pa.array(draw.choice(len(_SAID), rows_n, p=chances / chances.sum())))
    rest = _of_words(
        draw, frame.community % TOPICS_N, np.clip(draw.lognormal(3.1, 0.7, rows_n), 2, 400).astype(np.int64)
    )
    body = pc.binary_join_element_wise(opening, rest, " ")
    is_short = (draw.random(rows_n) < 0.05) & ~is_post
    body = pc.if_else(is_short, pa.array(_SHORT).take(pa.array(draw.integers(0, len(_SHORT), rows_n))), body)
    source = np.where(draw.random(rows_n) < 0.005, draw.integers(0, rows_n, rows_n), np.arange(rows_n))
    body = body.take(pa.array(source))
    has_no_body = is_removed | (is_post & (draw.random(rows_n) < 0.4))
    short_title = _of_words(draw, frame.community % TOPICS_N, np.where(is_post, draw.integers(3, 12, rows_n), 0))
    title = pc.binary_join_element_wise(opening, short_title, " ")
    return pc.if_else(is_post & ~is_removed, title, None), pc.if_else(has_no_body, None, body)


def _of_words(draw: np.random.Generator, topic: Ints, words_n: Ints) -> pa.Array:
    """One text a row of as many words: half of grammar, a fifth of its topic, the others by Zipf's law."""
    total_n = int(words_n.sum())
    kind = draw.random(total_n)
    grammar, common = _GRAMMAR.split(), _COMMON.split()
    grammar_n, common_n, topical_n = len(grammar), len(common), TOPICS_N * _WORDS_A_TOPIC
    of_grammar = draw.integers(0, grammar_n, total_n)
    of_common = grammar_n + draw.integers(0, common_n, total_n)
    of_topic = grammar_n + common_n + np.repeat(topic, words_n) * _WORDS_A_TOPIC
    of_topic += (_WORDS_A_TOPIC * draw.random(total_n) ** 2).astype(np.int64)
    other = grammar_n + common_n + topical_n + (_OTHER_WORDS_N ** draw.random(total_n) - 1).astype(np.int64)
    chosen = np.where(kind < 0.5, of_grammar, np.where(kind < 0.65, of_common, np.where(kind < 0.85, of_topic, other)))
    vocabulary = pa.array([*grammar, *common, *_made_up_words(topical_n + _OTHER_WORDS_N)])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(words_n)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), vocabulary.take(pa.array(chosen)))
    return pc.binary_join(lists, " ")


def _made_up_words(n: int) -> list[str]:
    """Distinct words that can be pronounced, the same ones each time."""
    parts = [head + tail for head in "bdfgklmnprstvzjw" for tail in _ENDINGS]
    size = len(parts)
    return [parts[n % size] + parts[n // size % size][:-1] + "aeiou"[n // size // size % 5] for n in range(n)]


def settings_of_listening() -> Any:
    """What to listen for there: brands, an own community, an offer, interests and a launch."""
    from pulse.config.listening import Listening

    return Listening.model_validate(
        {
            "brands": [
                {"name": "Emberwell", "ours": True, "aliases": ["Emberwell"], "domains": ["emberwell.example"]},
                {"name": "Fernline", "aliases": ["Fernline"], "domains": ["fernline.example"]},
                {"name": "Tarnwick", "aliases": ["Tarnwick"]},
                {"name": "Apple", "aliases": ["apple"], "needs_any": ["iphone", "mac"]},
            ],
            "own_communities": ["reddit/c000"],
            "offers": [
                {
                    "name": "Tea week", "brand": "Emberwell", "kind": "coupon", "codes": ["TEA10"],
                    "from": "2026-02-01", "to": "2026-02-14",
                }
            ],
            "interests": [
                {"name": "lids", "words": ["lid", "handle"], "like": ["reddit/c001"]},
                {"name": "prices", "words": ["price", "cheap"]},
            ],
            "launches": [
                {"name": "Cold brew", "brand": "Emberwell", "launch_date": "2026-02-15", "words": ["cold brew"]}
            ],
            "alerts": {},
        }
    )  # fmt: skip
