"""Near copies: edits of a tenth of the words are found, and what is joined is one."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from pulse.words.copies import BUCKET_CAP, groups


def test_groups__texts_of_the_same_tokens_and_nearly_the_same_are_one():
    post = "my kettle broke after two days and the shop does not answer any of my mails about it"
    texts = [
        post,
        post.upper() + "!!",
        post.replace("two", "three"),
        "thanks a lot",
        "Thanks, a lot :)",
        "thanks but no",
        "",
    ]
    assert groups(pa.array(texts)).tolist() == [0, 0, 0, 3, 3, 5, 6]


def test_groups__a_phrase_that_thousands_write_makes_no_millions_of_pairs():
    texts = [f"this is the very same automatic reply of the bot number{n} sorry" for n in range(20 * BUCKET_CAP)]
    assert len(set(groups(pa.array(texts)).tolist())) < len(texts)


@pytest.mark.real_data
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_groups__edits_of_a_tenth_of_the_words_are_found_and_little_else(recorded_data: Path, seed: int):
    """2,000 posts of eight words or more, each beside a copy in which one word in ten is another."""
    rng = np.random.default_rng(seed)
    files = sorted(map(str, (recorded_data / "reddit_top_posts").glob("*.csv.zst")))
    chosen = rng.permutation(len(files))[:10]
    posts: list[str] = []
    with duckdb.connect() as connection:
        for file in chosen:
            rows = connection.execute(
                "select title || ' ' || coalesce(selftext, '') from read_csv($file, all_varchar = true) "
                "order by id limit 400",
                {"file": files[file]},
            ).fetchall()
            posts += [text for (text,) in rows if text and len(text.split()) >= 8]
    others = sorted({word for post in posts for word in post.split()})
    known = groups(pa.array(posts))
    # What is a copy already would blur the count.
    alone = np.flatnonzero((np.bincount(known, minlength=len(posts))[known] == 1) & (known == np.arange(len(posts))))
    originals = [posts[place] for place in alone[rng.permutation(alone.size)[:2000]]]
    copies = []
    for post in originals:
        words = post.split()
        for place in rng.permutation(len(words))[: max(1, round(len(words) / 10))]:
            words[place] = others[rng.integers(len(others))]
        copies.append(" ".join(words))
    found = groups(pa.array([*originals, *copies]))
    n = len(originals)
    assert n >= 1500
    recall = float(np.mean(found[n:] == found[:n]))
    # Of the pairs that are joined, those that were planted.
    sizes = np.bincount(found)
    joined_n = int((sizes * (sizes - 1) // 2).sum())
    precision = float(np.sum(found[n:] == found[:n])) / joined_n
    assert (recall >= 0.95, precision >= 0.99) == (True, True), (recall, precision)
