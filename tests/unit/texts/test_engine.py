"""The sentiment engine: same text, same bytes; a label or a reason; whatever the bytes are."""

import ast
import hashlib
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse.core.errors import StorageError
from pulse.texts import checked_file, kernel, kinds_file, model_file
from pulse.texts.engine import EngineScorer
from pulse.texts.scorer import JUDGEMENT_SCHEMA

SCORER = EngineScorer()
TEXTS = [
    "I love it", "I hate it", None, "", "  \n ", "...", "42", "[deleted]", "not bad at all",
    "Leider ist die App seit dem Update völlig kaputt und niemand hilft", "🔥🔥🔥", "kill the process",
    "It looks good but it is useless.", "great /s", "a\x00b is good", "שלום לכולם, מה שלומכם היום",
]  # fmt: skip


def judged(*texts: str | bytes | None) -> list[dict[str, Any]]:
    kind = pa.binary() if any(isinstance(text, bytes) for text in texts) else pa.string()
    return SCORER.score(pa.array(texts, kind)).to_pylist()


def outcome(text: str | bytes | None) -> str:
    (row,) = judged(text)
    return row["label"] or row["unscorable_reason"]


# ---- labels and reasons ----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "gone"),
        ("[deleted]", "gone"),
        (" [removed]\n", "gone"),
        ("", "empty"),
        (" \t\n", "empty"),
        ("!!! 42 ...", "no_words"),
        ("https://example.org/what-a-great-day", "no_words"),
        ("@someone u/somebody /r/tea", "no_words"),
        ("    great = wonderful + amazing\n    awful()", "no_words"),
        ("```\nraise TerribleError('awful')\n```", "no_words"),
        ("> awful awful awful\n> terrible", "no_words"),
        ("&gt; awful awful awful", "no_words"),
        ("&nbsp;&#x200B;", "no_words"),
        ("Das ist wirklich ein sehr gutes Produkt und ich bin zufrieden", "language"),
        ("C'est vraiment nul, je ne recommande pas du tout", "language"),
        ("Это просто ужасно, верните деньги", "language"),
        ("これは本当に素晴らしいです", "language"),
        ("هذا المنتج رائع جدا", "language"),
        ("The meeting is on Tuesday", "neutral"),
        ("What a wonderful day", "positive"),
        ("This is terrible", "negative"),
        ("gut", "neutral"),
    ],
)
def test_engine__label_or_reason(text: str | None, expected: str):
    assert outcome(text) == expected


def test_engine__unsupported_language_is_never_neutral():
    (row,) = judged("Nie podoba mi się ta aktualizacja, jest bardzo zła")
    assert row == {**dict.fromkeys(JUDGEMENT_SCHEMA.names), "is_scorable": False, "unscorable_reason": "language"}


def test_engine__probabilities_add_up_and_the_score_is_their_difference():
    for row in judged(*(text for text in TEXTS if text)):
        if row["is_scorable"]:
            assert row["p_negative"] + row["p_neutral"] + row["p_positive"] == pytest.approx(1, abs=2e-4)
            assert row["sentiment_score"] == pytest.approx(row["p_positive"] - row["p_negative"], abs=2e-4)
            assert row["sentiment_score"] == round(row["sentiment_score"], 4)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("I don&#39;t like it", "I don't like it"),
        ("I don\u2019t like it", "I don't like it"),
        ("l\u200bo\u0301ve this", "love this"),
        ("> this is awful\n\nthanks, that helped", "thanks, that helped"),
        ("`rm -rf bad` thanks, that helped", "thanks, that helped"),
        ("so goooooood", "so gooooood"),
        ("👍🏽", "👍"),
        ("**really** _good_ tea", "really good tea"),
    ],
)
def test_engine__spellings_that_are_the_same_text(text: str, same_as: str):
    assert judged(text) == judged(same_as)


def test_engine__a_closing_sarcasm_mark_turns_praise_only():
    assert outcome("Great, it broke again /s") == "negative"
    assert judged("This is terrible /s") == judged("This is terrible")
    assert outcome("It runs great at 5 m/s") == "positive"


# ---- the same bytes each time ----------------------------------------------


def test_engine__a_text_is_judged_by_itself_in_any_order_batch_and_array_kind():
    together = judged(*TEXTS)
    assert [judged(text)[0] for text in TEXTS] == together
    shuffled = list(enumerate(TEXTS))
    random.Random(1).shuffle(shuffled)  # noqa: S311  (an order, no secret)
    rows = judged(*(text for _, text in shuffled))
    assert [row for _, row in sorted(zip((place for place, _ in shuffled), rows, strict=True), key=lambda x: x[0])] == (
        together
    )
    array = pa.array(["padding", *TEXTS])
    for kind in (pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()):
        assert SCORER.score(array.cast(kind).slice(1)).to_pylist() == together
    assert SCORER.score(array.dictionary_encode().slice(1)).to_pylist() == together


def test_engine__threads_change_nothing():
    batches = [pa.array(random.Random(seed).choices(TEXTS, k=200)) for seed in range(20)]  # noqa: S311
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(SCORER.score, batches))
    assert at_once == [SCORER.score(batch) for batch in batches]


def test_engine__scores_are_the_known_ones():
    # Whoever changes the kernel or the model sees here that stored scores do not fit any more: raise the versions.
    known = json.loads((Path(__file__).parents[2] / "fixtures" / "sentiment_known.json").read_text())
    assert known["model_id"] == SCORER.model_id
    assert [row["sentiment_score"] for row in judged(*TEXTS)] == known["scores"]


def test_engine__is_compiled_once_whatever_the_arrays_are():
    judged()
    judged(b"bytes", None)
    SCORER.score(pa.array(["a", None]).take(pa.array([1, 0])))
    SCORER.score(pa.array([], pa.large_string()))
    SCORER.score_sentiment(pa.array(["a", None]))
    SCORER.score_sentiment(pa.array([b"bytes"]))
    assert len(kernel.judge_all_batch.signatures) == len(kernel.judge_batch.signatures) == 1


def test_kernel__all_that_is_cached_together_is_in_one_file():
    # Numba's cache would not notice a change in another file.
    tree = ast.parse(Path(kernel.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert (modules, names) == ({"numba"}, {"numpy"})


def test_exponential__is_that_of_the_library_within_rounding():
    points = np.linspace(-40, 40, 4001)
    found = np.array([kernel.exponential(point) for point in points])
    assert np.abs(found / np.exp(points) - 1).max() < 1e-8


# ---- bad input -------------------------------------------------------------

ZALGO = "".join(letter + "\u0300\u0316\u0334\u0489" * 8 for letter in "this is awful")
BAD = [
    b"\xff\xfe\xfd", b"good \xc3\x28 bad", b"\xed\xa0\x80 lone surrogate", b"\xf0\x9f", b"ok\x00ok", b"\x00" * 50,
    b"\xc0\xaf", ZALGO.encode(), "\u202eevol I\u202c".encode(), "\ufeffgood".encode(), b"&" * 3000, b"&#" * 3000,
    b"[" * 3000, b"`" * 3000, b":" * 3000 + b")", b"<" * 3000, b">" * 3000, b"/" * 3000, b"not " * 3000,
    b"http://" * 500,
    b"@" * 3000, b"```\n" * 501, b"\r\n" * 500, b"    ", b"'" * 3000, b"a'" * 3000, b"*" * 3000, b"a*" * 3000, b"u/",
    b"/s", b" /s", b"/sarcasm", "ａｗｆｕｌ".encode(), "𝓘 𝓵𝓸𝓿𝓮 𝓲𝓽".encode(),
    "👨‍👩‍👧‍👦".encode(), "🇩🇪🇫🇷".encode(), "Straße".encode(),
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text[:12]))
def test_bad_input__gives_a_score_or_a_reason(text: bytes):
    assert_sound(judged(text)[0])


def test_bad_input__zalgo_is_read_through():
    assert outcome(ZALGO) == "negative"


def test_bad_input__naughty_strings(recorded_data: Path):
    (file,) = (recorded_data / "adversarial_naughty_strings").glob("*.json")
    for row in judged(*json.loads(file.read_text())):
        assert_sound(row)


@pytest.mark.parametrize(
    "piece",
    ["a", "good bad ", "🔥", "é", "\u0301", "!", "&amp;", "\n", "`a", "[A", "'", "> quoted\n", "```\n",
     "\x00", " ", "cant "],
    ids=repr,
)  # fmt: skip
def test_bad_input__ten_megabytes_in_one_text_take_time_linear_in_length(piece: str):
    started_s = time.process_time()
    assert_sound(judged(piece * (10_000_000 // len(piece.encode())))[0])
    # Quadratic time would be hours; a busy machine needs some hundredths.
    assert time.process_time() - started_s < 2


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | st.binary(max_size=200) | st.text(max_size=80).map(str.encode), max_size=8))
def test_bad_input__any_bytes(texts: list[bytes | None]):
    rows = SCORER.score(pa.array(texts, pa.binary())).to_pylist()
    assert len(rows) == len(texts)
    for row in rows:
        assert_sound(row)


FRAGMENTS = st.sampled_from(
    ["not ", "can't ", "good", "awful ", "never ", "enough", "`", "```\n", "> ", "&gt; ", "&#39;", "/s", ":)",
     "<3", "🔥", "[NAME]", "https://a.b ", "u/x ", "\n", "    ", "but ", "kill ", "process ", "é", "\u200d", "*", "!!!",
     "?", "10 / 10 "]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=60).map("".join))
def test_bad_input__any_order_of_what_the_tokeniser_knows(text: str):
    (row,) = judged(text)
    assert_sound(row)
    assert judged("before", text, "after")[1] == row


def assert_sound(row: dict[str, Any]) -> None:
    if row["is_scorable"]:
        assert row["label"] in {"negative", "neutral", "positive"}
        assert -1 <= row["sentiment_score"] <= 1
        assert row["unscorable_reason"] is None
    else:
        assert row["unscorable_reason"] in {"gone", "empty", "no_words", "language"}
        assert row["label"] is row["sentiment_score"] is None


# ---- the model file --------------------------------------------------------


def test_model_file__is_small_and_its_id_names_its_bytes():
    assert model_file.FILE.stat().st_size <= 4_000_000
    both = f"{model_file.read().sha256} {kinds_file.read().sha256}"
    assert SCORER.model_id.endswith(hashlib.sha256(both.encode()).hexdigest()[:8])


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "no checksum", "other code"])
def test_model_file__a_damaged_one_is_refused_in_one_line(tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch):
    copy = tmp_path / model_file.FILE.name
    content = bytearray(model_file.FILE.read_bytes())
    checked_file.checksum_file(copy).write_bytes(checked_file.checksum_file(model_file.FILE).read_bytes())
    if damage == "changed":
        content[1_000_000] ^= 1
    elif damage == "cut":
        del content[-1:]
    elif damage == "no checksum":
        checked_file.checksum_file(copy).write_text("")
    elif damage == "other code":
        monkeypatch.setattr(kernel, "FEATURES_VERSION", kernel.FEATURES_VERSION + 1)
    copy.write_bytes(content)
    if damage == "gone":
        copy.unlink()
    with pytest.raises(StorageError) as refused:
        model_file.read(copy)
    assert "\n" not in str(refused.value)


def test_model_file__cannot_be_written_to_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        model_file.read().record["bias"][0] = 1
