"""Training: the same files give the same bytes; the lexicon means what its files say."""

from pathlib import Path

import numpy as np
import pytest

from pulse.texts import kernel, lexicon_source, model_file, training

LINES = [
    ("I love this so much", "18", "positive"),
    ("what a terrible thing", "3,11", "negative"),
    ("the train leaves at noon", "27", "neutral"),
    ("is that so", "7", "neutral"),
    ("lovely, but sad", "18,25", None),
    ("oh, wonderful!", "26,17", "positive"),
]


@pytest.fixture
def train_file(tmp_path: Path) -> Path:
    file = tmp_path / "train.tsv"
    file.write_text("".join(f"{text}\t{emotions}\tid{place}\n" for place, (text, emotions, _) in enumerate(LINES)))
    return file


def test_read_goemotions__groups_are_those_of_the_paper(train_file: Path):
    texts, labels = training.read_goemotions(train_file)
    assert texts == [text for text, _, label in LINES if label]
    assert [("negative", "neutral", "positive")[label] for label in labels] == [label for *_, label in LINES if label]


@pytest.mark.slow
def test_build__same_file_same_bytes_and_it_learns(train_file: Path):
    recipe = training.Recipe(epochs=3, averaged_epochs=2)
    one, two = (training.build(train_file, recipe) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    other = one.copy()
    examples = training.featurise(*training.read_goemotions(train_file), other)
    training.train(examples, training.Recipe(epochs=3, averaged_epochs=2, seed=8), other)
    assert one["words"].tobytes() == other["words"].tobytes()
    assert one["weights"].tobytes() != other["weights"].tobytes()
    assert np.abs(one["weights"]).max() == 127


def test_order__is_a_shuffle_that_no_library_decides():
    assert training._order(8, 7).tolist() == [5, 3, 7, 4, 6, 1, 0, 2]
    assert sorted(training._order(1000, 1)) == list(range(1000))


def test_main__rebuilds_the_model_in_the_package_byte_for_byte(
    recorded_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / model_file.FILE.name
    folder = recorded_data / "sentiment_goemotions" / "original"
    monkeypatch.setattr("sys.argv", ["training", str(folder), "--out", str(out)])
    training.main()
    assert out.read_bytes() == model_file.FILE.read_bytes()
    assert model_file.checksum_file(out).read_bytes() == model_file.checksum_file(model_file.FILE).read_bytes()


def test_main__says_where_the_file_is_when_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["training", str(tmp_path)])
    with pytest.raises(SystemExit):
        training.main()
    assert "goemotions" in capsys.readouterr().err


# ---- the lexicon -----------------------------------------------------------


def test_lexicon__each_own_word_is_one_token_with_one_valence():
    words = [word for word, _ in lexicon_source._own_words()]
    assert len(set(words)) == len(words)
    assert [word for word in words if len(lexicon_source.token_keys(word)) != 1] == []
    assert all(-4 <= valence <= 4 and valence for _, valence in lexicon_source._own_words())


def test_lexicon__the_model_in_the_package_has_it():
    model = np.zeros(1, kernel.MODEL)
    lexicon_source.write_tables(model)
    shipped = model_file.read().record
    for name in ("words", "edges", "state_class", "state_takes_any"):
        assert model[name].tobytes() == shipped[name].tobytes(), f"{name}: `make train-texts`, then raise the version"


def test_spellings__choices_names_and_any_word():
    names = {"it": "it|this"}
    assert list(lexicon_source._spellings("(love|like) ({it})", names)) == [
        ("love", "it"), ("love", "this"), ("like", "it"), ("like", "this"),
    ]  # fmt: skip
    assert list(lexicon_source._spellings("so (|very) *", names)) == [("so", "*"), ("so", "very", "*")]


def test_fill__refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="takes half as many"):
        kernel.fill(np.zeros(2, np.uint64), {1 << 40: 1, 2 << 40: 2})
    with pytest.raises(ValueError, match="same upper half"):
        kernel.fill(np.zeros(8, np.uint64), {1 << 40: 1, 1 << 40 | 5: 2})
