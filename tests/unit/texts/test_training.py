"""Training: the same files give the same bytes; the lexicon means what its files say."""

import json
from pathlib import Path

import numpy as np
import pytest

from pulse.texts import checked_file, kernel, lexicon_source, model_file, training, training_data
from pulse.texts.training_data import NEGATIVE, NEUTRAL, POSITIVE, TrainingSet

LINES = [
    ("I love this so much", "18", "positive"),
    ("what a terrible thing", "3,11", "negative"),
    ("the train leaves at noon", "27", "neutral"),
    ("is that so", "7", "neutral"),
    ("lovely, but sad", "18,25", None),
    ("oh, wonderful!", "26,17", "positive"),
]
ROWS = [
    {"text": "does the job", "label": "positive"},
    {"text": "it is a router", "label": "none"},
    {"text": "fast and flimsy", "label": "mixed"},
    {"text": "drops the line", "label": "negative"},
    {"text": "it has four ports", "label": "neutral"},
]
SETS = (
    TrainingSet("chat", "train.tsv", training_data.read_goemotions),
    TrainingSet(
        "rows", "rows.ndjson", training_data.read_labelled, weight=0.5, negative_weight=3.0, tells_neutral=False
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = "".join(f"{text}\t{emotions}\tid{place}\n" for place, (text, emotions, _) in enumerate(LINES))
    (tmp_path / "train.tsv").write_text(lines)
    (tmp_path / "rows.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return tmp_path


# ---- reading ---------------------------------------------------------------


def test_read_goemotions__groups_are_those_of_the_paper(folder: Path):
    texts, labels = training_data.read_goemotions(folder / "train.tsv")
    assert texts == [text for text, _, label in LINES if label]
    assert [("negative", "neutral", "positive")[label] for label in labels] == [label for *_, label in LINES if label]


def test_read_labelled__other_labels_are_left_out(folder: Path):
    assert training_data.read_labelled(folder / "rows.ndjson") == (
        ["does the job", "drops the line", "it has four ports"], [POSITIVE, NEGATIVE, NEUTRAL],
    )  # fmt: skip


def test_read_product_sentences__without_a_mark_is_neutral_and_mixed_is_left_out(folder: Path):
    _, labels = training_data.read_product_sentences(folder / "rows.ndjson")
    assert labels == [POSITIVE, NEUTRAL, NEGATIVE, NEUTRAL]


def test_own_sentences__choices_and_names_are_filled_and_no_pattern_changes_another(tmp_path: Path):
    file = tmp_path / "sentences.txt"
    one = "negative: (the|my) {item} (broke|died), again\n"
    file.write_text(f"# remark\nitem = lamp|kettle\n{one}")
    texts, labels = training_data.read_own_sentences(file)
    assert {text.rstrip(".") for text in texts} == {
        f"{whose} {item} {end}, again"
        for whose in ("the", "my")
        for item in ("lamp", "kettle")
        for end in ("broke", "died")
    }
    assert len({text.endswith(".") for text in texts}) == 2
    assert labels == [NEGATIVE] * len(texts)
    file.write_text(f"item = lamp|kettle\nneutral: it is (red|blue|)\n{one}")
    more, _ = training_data.read_own_sentences(file)
    assert {text.rstrip(".") for text in set(more) - set(texts)} == {"it is red", "it is blue", "it is"}
    assert set(texts) <= set(more)


def test_own_sentences__those_in_the_package_are_whole_and_no_probe():
    texts, labels = training_data.read_own_sentences(lexicon_source.FOLDER / "sentences.txt")
    assert [text for text in texts if set(text) & set("{}()|")] == []
    assert set(labels) == {NEGATIVE, NEUTRAL, POSITIVE}
    probes = (Path(__file__).parents[2] / "fixtures" / "sentiment_probes.tsv").read_text(encoding="utf-8").splitlines()
    plain = {line.split("\t")[-1].lower().strip(" .!") for line in probes if line.startswith("unseen")}
    assert plain & set(texts) == set()


def test_file_of__names_the_file_that_is_missing(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no train\.tsv .*'chat'"):
        training_data.file_of(SETS[0], tmp_path)


# ---- training --------------------------------------------------------------


def test_read_examples__what_each_example_counts(folder: Path):
    model = np.zeros(1, kernel.MODEL)
    examples = training.read_examples(folder, SETS, 0.0, model)
    assert examples.labels.tolist() == [2, 0, 1, 1, 2, 2, 0, 1]
    assert examples.weights.tolist() == [1, 1, 1, 1, 1, 0.5, 1.5, 0.5]
    assert examples.tells_neutral.tolist() == [True] * 5 + [False] * 3


def test_class_weights__balance_and_a_class_that_is_not_there():
    assert training._class_weights(np.array([0, 0, 0, 2]), 1.0).tolist() == pytest.approx([2 / 3, 0, 2])
    assert training._class_weights(np.array([0, 0, 0, 2]), 0.0).tolist() == [1, 0, 1]


@pytest.mark.slow
def test_build__same_file_same_bytes_and_it_learns(folder: Path):
    recipe = training.Recipe(epochs=3, averaged_epochs=2, orders=2)
    one, two = (training.build(folder, recipe, SETS) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    other = training.build(folder, training.Recipe(epochs=3, averaged_epochs=2, orders=2, seed=8), SETS)
    assert one["words"].tobytes() == other["words"].tobytes()
    assert one["weights"].tobytes() != other["weights"].tobytes()
    assert np.abs(one["weights"]).max() == 127


def test_train__a_set_without_neutral_says_nothing_of_neutral():
    gradient = np.zeros(2)
    training._gradient(0.0, 0.0, POSITIVE, False, gradient)
    assert gradient.tolist() == [0.5, -0.5]
    training._gradient(0.0, 0.0, POSITIVE, True, gradient)
    assert gradient.tolist() == pytest.approx([1 / 3, -2 / 3])


def test_order__is_a_shuffle_that_no_library_decides():
    assert training._order(8, 7).tolist() == [5, 3, 7, 4, 6, 1, 0, 2]
    assert sorted(training._order(1000, 1)) == list(range(1000))


def test_main__rebuilds_the_model_in_the_package_byte_for_byte(
    recorded_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / model_file.FILE.name
    monkeypatch.setattr("sys.argv", ["training", str(recorded_data), "--out", str(out)])
    training.main()
    assert out.read_bytes() == model_file.FILE.read_bytes()
    assert checked_file.checksum_file(out).read_bytes() == checked_file.checksum_file(model_file.FILE).read_bytes()


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
