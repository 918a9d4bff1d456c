"""Topics of posts: what they are about, found from the words that stand together, each with words as its label.

1. Posts as distinct words; those of fewer than three posts or more than a fifth of them say nothing. Copies count once.
2. TF-IDF, its first 50 singular directions, rotated by varimax: the posts that lie along one of the axes are the first
   guess at a topic, with no random start. Rohe, K. and Zeng, M. (2023), Journal of the Royal Statistical Society B 85.
3. Spherical k-means from there (Dhillon and Modha (2001), Machine Learning 42), then a mixture of multinomials with
   hard assignment, which weighs words by how they fall within a topic: short posts share few words.
   Nigam et al. (2000), Machine Learning 39.
4. Every post has its best topic and a strength.

Topics that were found before are gone on from, and stay, unless new ones explain the posts clearly better: found anew,
topics with a tenth of the posts gone differ in every third of their ten first words, and nobody could follow them.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MIN_POSTS = 50
POSTS_A_TOPIC, FEWEST_TOPICS, MOST_TOPICS = 200, 4, 60
MOST_FITTED = 20_000
MIN_WORD_POSTS, MAX_WORD_SHARE = 3, 0.2
LABEL_WORDS, TOP_WORDS, MIN_Z = 3, 10, 4.0
# A word of fewer people is theirs, not the topic's.
MIN_WORD_PEOPLE = 3
# New topics are taken where the posts' mean log-likelihood a word is better by this share.
CLEARLY_BETTER = 0.02
_DIRECTIONS, _ROUNDS, _SMOOTHING, _PRIOR = 50, 15, 0.1, 500.0


@dataclass(frozen=True)
class Model:
    """Topics as they were found.

    Attributes:
        vocabulary: ids of words, ascending.
        log_words: topics x words, log of the share of the word in the topic.
        log_sizes: log of each topic's share of the posts.
        topic_ids: by topic; one that goes on keeps its number.
    """

    vocabulary: Ints
    log_words: Floats
    log_sizes: Floats
    topic_ids: Ints


@dataclass(frozen=True)
class Posts:
    """Posts as a matrix of distinct words.

    Attributes:
        counts: posts x words, 1 where the word stands in the post.
        vocabulary: ids of the words, ascending.
    """

    counts: Any
    vocabulary: Ints

    @classmethod
    def of_lists(cls, words: Ints, word_ends: Ints, vocabulary: Ints | None = None) -> "Posts":
        """Words of posts one after another; without a vocabulary, the one that they give themselves."""
        posts_n = word_ends.size
        if vocabulary is None:
            found, counts = np.unique(words, return_counts=True)
            vocabulary = found[(counts >= MIN_WORD_POSTS) & (counts <= max(MIN_WORD_POSTS, MAX_WORD_SHARE * posts_n))]
        rows = np.repeat(np.arange(posts_n), np.diff(word_ends, prepend=0))
        columns = np.searchsorted(vocabulary, words)
        columns[columns == vocabulary.size] = 0
        is_known = vocabulary[columns] == words if vocabulary.size else np.zeros(words.size, np.bool_)
        shape = (posts_n, vocabulary.size)
        ones = np.ones(int(is_known.sum()))
        return cls(sparse.csr_matrix((ones, (rows[is_known], columns[is_known])), shape=shape), vocabulary)


def fit(posts: Posts, *, before: Model | None = None, topics_n: int | None = None) -> Model | None:
    """Find the topics of posts, copies already once; None where there are too few posts or words to speak of topics.

    Deterministic: the same posts in the same order and the same topics before give the same. Matrices are multiplied by
    one thread: with several the order of sums may differ, and on a busy machine they take three times the CPU.

    Args:
        before: topics to go on from.
        topics_n: how many; by default one for 200 posts, from 4 to 60.
    """
    posts_n, words_n = posts.counts.shape
    wanted = topics_n or int(np.clip(round(posts_n / POSTS_A_TOPIC), FEWEST_TOPICS, MOST_TOPICS))
    if posts_n < MIN_POSTS or words_n < 2 * wanted:
        return None
    with threadpool_limits(limits=1, user_api="blas"):
        return _fitted(posts, before, wanted)


def _fitted(posts: Posts, before: Model | None, wanted: int) -> Model:
    fresh = _refined(posts, _first_guess(posts, wanted), wanted)
    if before is None:
        return fresh
    kept = _refined(posts, assign(before, posts)[0], before.topic_ids.size)
    is_better = likelihood(fresh, posts) > (1 - CLEARLY_BETTER) * likelihood(kept, posts)
    kept = Model(kept.vocabulary, kept.log_words, kept.log_sizes, before.topic_ids)
    return _numbered(fresh, kept) if is_better else kept


def model_of(posts: Posts, rows: Ints, topic_ids: Ints) -> Model:
    """The topics that some of the posts have, as a model to go on from."""
    ids, topics = np.unique(topic_ids, return_inverse=True)
    model = _model(Posts(posts.counts[rows], posts.vocabulary), topics, ids.size)
    return Model(model.vocabulary, model.log_words, model.log_sizes, ids)


def assign(model: Model, posts: Posts) -> tuple[Ints, Floats]:
    """The place of each post's best topic in the model, and its strength, from 1 / topics to 1.

    The strength is the share that the best topic has when each word of the post has the same say: near 1 / topics where
    all explain it alike, as where none of its words is known.
    """
    known = posts if posts.vocabulary is model.vocabulary else _with_vocabulary(posts, model.vocabulary)
    scores = known.counts @ model.log_words.T + model.log_sizes
    lengths = np.maximum(1, np.diff(known.counts.indptr))[:, None]
    best = scores.argmax(axis=1)
    a_word = np.exp((scores - scores.max(axis=1, keepdims=True)) / lengths)
    return best, 1.0 / a_word.sum(axis=1)


def likelihood(model: Model, posts: Posts) -> float:
    """Mean log-likelihood of a word under its post's best topic; nearer to zero is better."""
    known = posts if posts.vocabulary is model.vocabulary else _with_vocabulary(posts, model.vocabulary)
    scores = known.counts @ model.log_words.T + model.log_sizes
    return float(scores.max(axis=1).sum() / max(1.0, known.counts.sum()))


def top_words(
    counts: Any, topics: Ints, topics_n: int, people: Ints, *, most_n: int = TOP_WORDS
) -> list[list[tuple[int, int, float]]]:
    """By topic its first words: place in the vocabulary, posts of the topic that have it, z; the best first.

    In the order of c-TF-IDF (Grootendorst 2022, arXiv 2203.05794), of those that are over-represented with z > 4
    (Monroe et al. 2008) against all other topics together, and that three people or more used in posts of the topic.

    Args:
        topics: by post, its topic.
        people: by post, the number of who wrote it.
    """
    by_topic = _counts_by_topic(counts, topics, topics_n)
    sizes, totals = by_topic.sum(axis=1, keepdims=True), by_topic.sum(axis=0)
    weights = by_topic / np.maximum(1, sizes) * np.log1p(by_topic.sum() / topics_n / np.maximum(1, totals))
    prior = _PRIOR * totals / max(1.0, totals.sum())
    others = totals - by_topic
    all_others = totals.sum() - sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        here = np.log((by_topic + prior) / (sizes + _PRIOR - by_topic - prior))
        there = np.log((others + prior) / (all_others + _PRIOR - others - prior))
        z = (here - there) / np.sqrt(1 / (by_topic + prior) + 1 / (others + prior))
    by_word = counts.tocsc()

    def is_of_several(topic: int, word: int) -> bool:
        posts = by_word.indices[by_word.indptr[word] : by_word.indptr[word + 1]]
        return np.unique(people[posts[topics[posts] == topic]]).size >= MIN_WORD_PEOPLE

    found = []
    for topic in range(topics_n):
        order = np.argsort(-weights[topic], kind="stable")
        over = order[np.nan_to_num(z[topic][order]) > MIN_Z]
        chosen = islice((word for word in over if is_of_several(topic, word)), most_n)
        found.append([(int(word), int(by_topic[topic, word]), float(z[topic, word])) for word in chosen])
    return found


# ---- finding them ------------------------------------------------------------


def _with_vocabulary(posts: Posts, vocabulary: Ints) -> Posts:
    places = np.searchsorted(vocabulary, posts.vocabulary)
    places[places == vocabulary.size] = 0
    is_known = vocabulary[places] == posts.vocabulary
    chosen = posts.counts[:, np.flatnonzero(is_known)].tocoo()
    shape = (posts.counts.shape[0], vocabulary.size)
    return Posts(sparse.csr_matrix((chosen.data, (chosen.row, places[is_known][chosen.col])), shape=shape), vocabulary)


def _first_guess(posts: Posts, topics_n: int) -> Ints:
    posts_n, words_n = posts.counts.shape
    idf = np.log(posts_n / np.maximum(1, np.asarray(posts.counts.sum(axis=0)).ravel()))
    weighted = _unit_rows(posts.counts @ sparse.diags(idf))
    directions_n = min(max(topics_n, _DIRECTIONS), min(posts_n, words_n) - 1)
    left, strengths, _ = svds(weighted, k=directions_n, v0=np.ones(min(posts_n, words_n)))
    order = np.argsort(-strengths, kind="stable")
    left, strengths = left[:, order], strengths[order]
    topics: Ints = _varimax(left[:, :topics_n]).argmax(axis=1)
    places = _unit_rows(left * strengths)
    for _ in range(2 * _ROUNDS):
        centres = np.zeros((topics_n, directions_n))
        np.add.at(centres, topics, places)
        moved: Ints = (places @ _unit_rows(centres).T).argmax(axis=1)
        if np.array_equal(moved, topics):
            break
        topics = moved
    return topics


def _refined(posts: Posts, topics: Ints, topics_n: int) -> Model:
    """Hard EM of a mixture of multinomials from a first guess."""
    for _ in range(_ROUNDS):
        model = _model(posts, topics, topics_n)
        moved, _ = assign(model, posts)
        if np.array_equal(moved, topics):
            break
        topics = moved
    return _model(posts, topics, topics_n)


def _model(posts: Posts, topics: Ints, topics_n: int) -> Model:
    smoothed = _counts_by_topic(posts.counts, topics, topics_n) + _SMOOTHING
    sizes = np.bincount(topics, minlength=topics_n) + _SMOOTHING
    log_words = np.log(smoothed / smoothed.sum(axis=1, keepdims=True))
    return Model(posts.vocabulary, log_words, np.log(sizes / sizes.sum()), np.arange(1, topics_n + 1))


def _counts_by_topic(counts: Any, topics: Ints, topics_n: int) -> Floats:
    posts_n = counts.shape[0]
    members = sparse.csr_matrix((np.ones(posts_n), (topics, np.arange(posts_n))), shape=(topics_n, posts_n))
    by_topic: Floats = (members @ counts).toarray()
    return by_topic


def _varimax(loadings: Floats) -> Floats:
    """Rotated so that each row lies along few axes, turned to its heavy side. Kaiser (1958), Psychometrika 23."""
    rows_n, axes_n = loadings.shape
    rotation = np.eye(axes_n)
    for _ in range(50):
        rotated = loadings @ rotation
        squared = rotated * rotated
        left, _, right = np.linalg.svd(loadings.T @ (rotated * (squared - squared.sum(axis=0) / rows_n)))
        turned = left @ right
        is_done = np.abs(turned - rotation).max() < 1e-6
        rotation = turned
        if is_done:
            break
    rotated = loadings @ rotation
    return rotated * np.where((rotated**3).sum(axis=0) < 0, -1.0, 1.0)


def _unit_rows(matrix: Any) -> Any:
    if sparse.issparse(matrix):
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        return sparse.diags(1 / np.where(lengths == 0, 1, lengths)) @ matrix
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(lengths == 0, 1, lengths)


def _numbered(fresh: Model, kept: Model) -> Model:
    """New topics under the numbers of those that they go on from, others under numbers that were never used."""
    shared, in_fresh, in_kept = np.intersect1d(fresh.vocabulary, kept.vocabulary, return_indices=True)
    if not shared.size:
        ids = np.arange(fresh.topic_ids.size) + kept.topic_ids.max() + 1
        return Model(fresh.vocabulary, fresh.log_words, fresh.log_sizes, ids)
    centred = [
        _unit_rows(log_words - log_words.mean(axis=0))
        for log_words in (fresh.log_words[:, in_fresh], kept.log_words[:, in_kept])
    ]
    likeness = centred[0] @ centred[1].T
    ids = np.zeros(fresh.topic_ids.size, np.int64)
    for new, old in zip(*linear_sum_assignment(-likeness), strict=True):
        if likeness[new, old] > 0.5:
            ids[new] = kept.topic_ids[old]
    unnamed = np.flatnonzero(ids == 0)
    ids[unnamed] = kept.topic_ids.max() + 1 + np.arange(unnamed.size)
    return Model(fresh.vocabulary, fresh.log_words, fresh.log_sizes, ids)
