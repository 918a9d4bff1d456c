"""Making of the kinds' model: the same files give the same bytes, and only what may train is read."""

import json
from pathlib import Path

import numpy as np
import pytest

from pulse.core.errors import StorageError
from pulse.texts import kernel, kinds_file, model_file, training_kinds, training_kinds_data
from pulse.texts.scorer import KINDS

RECORDS = {
    "reddit_post_kinds_distant": [
        {"text": "Half price kettles, use code TEA50", "subreddit": "deals", "label": "promotion"},
        {"text": "Can anyone recommend a kettle?", "subreddit": "kettles", "label": "recommendation_request"},
    ],
    "suggestion_reddit_advice": [{"text": "You should n't wait .", "label": 1}, {"text": "He waits .", "label": 0}],
    "product_reviews_liu": [{"text": "the lid broke", "product": "kettle", "label": "negative"}],
    "pros_cons": [{"text": "noisy", "label": "negative"}, {"text": "quiet", "label": "positive"}],
    "dynasent": [{"text": "Cold soup.", "label": "negative"}, {"text": "Warm soup.", "label": "positive"}],
    "comparative_sentences": [{"text": "this is quieter than that", "label": 1}],
    "app_review_features": [{"text": "Please add a timer"}],
}


def written(folder: Path) -> Path:
    for name, records in RECORDS.items():
        (folder / name).mkdir(parents=True)
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / name / "data.ndjson").write_text(lines, encoding="utf-8")
    (folder / "train.tsv").write_text("It is Tuesday\t27\tx1\n" * 8, encoding="utf-8")
    return folder


def test_examples__say_what_is_known_and_nothing_else(tmp_path: Path):
    folder = written(tmp_path)
    found = {example.text: example.truth for example in training_kinds_data.examples(folder, folder)}
    assert found["Half price kettles, use code TEA50"]["promotion"]
    assert "question" not in found["Can anyone recommend a kettle?"], "the communities' names say nothing of it"
    assert found["You shouldn't wait."]["advice"]
    assert not found["You shouldn't wait."]["wish"]
    assert found["the lid broke"]["complaint"]


def test_own_sentences__no_text_is_said_to_be_of_a_kind_and_not_of_it():
    said: dict[tuple[str, str], bool] = {}
    for example in training_kinds_data.own_sentences():
        assert example.truth
        assert set(example.truth) <= set(KINDS)
        assert "(" not in example.text
        assert "{" not in example.text
        for kind, is_of_kind in example.truth.items():
            assert said.setdefault((example.text, kind), is_of_kind) == is_of_kind, example.text
    of_kind = [kind for (_, kind), is_of_kind in said.items() if is_of_kind]
    assert {kind: of_kind.count(kind) >= 200 for kind in set(of_kind)} == dict.fromkeys(
        ("wish", "complaint", "experience", "promotion"), True
    )


def test_examples__a_sentence_that_was_labelled_is_found_by_its_checksum_within_a_text_and_only_once():
    key, truth = next(iter(training_kinds_data._labels().items()))
    assert len(key) == 10
    assert truth
    text = "One sentence here. Another one there!"
    labels = {training_kinds_data.key_of("Another one there!"): {"wish": False}}
    found = list(training_kinds_data.labelled([text, text], labels))
    assert [(example.text, example.truth) for example in found] == [("Another one there!", {"wish": False})]


def test_taught__a_source_that_a_recipe_does_not_name_says_nothing():
    given = [
        training_kinds_data.Example("a", "x", {"wish": True}, 2.0, source)
        for source in (training_kinds_data.PUBLIC, training_kinds_data.OWN)
    ]
    recipe = training_kinds.Recipe(1.0, 0.0, 0.5, teachers={training_kinds_data.OWN: 3.0})
    public, own = training_kinds.taught(given, recipe)
    assert not public.truth
    assert own.truth == {"wish": True}
    assert own.weight == 6.0


def test_examples__a_set_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(StorageError, match="reddit_post_kinds_distant"):
        list(training_kinds_data.examples(tmp_path, tmp_path))


def test_build__the_same_files_give_the_same_bytes(tmp_path: Path):
    folder = written(tmp_path / "sets")
    model = model_file.read().record
    sums = []
    for name in ("a", "b"):
        needs, rule_ids = training_kinds.build(list(training_kinds_data.examples(folder, folder)), model)
        thresholds = {kind: training_kinds.RECIPES[kind].threshold for kind in KINDS}
        sums.append(kinds_file.write(tmp_path / name, needs, rule_ids=rule_ids, thresholds=thresholds))
    assert sums[0] == sums[1]
    assert kinds_file.read(tmp_path / "a").sha256 == sums[0]


def test_learn__what_one_community_says_teaches_nothing_and_what_many_say_does(tmp_path: Path):
    needs = np.zeros(1, kernel.NEEDS)
    model = model_file.read().record
    given = [
        training_kinds_data.Example(
            f"{'buy' if place % 2 else 'see'} it {'kettles' if place == 1 else 'things'}",
            f"group {place}",
            {"promotion": bool(place % 2)},
        )
        for place in range(40)
    ]
    sentences = training_kinds.read_sentences([example.text for example in given], model, needs)
    is_shared = training_kinds.shared_buckets(sentences, [example.group for example in given])
    weights, _ = training_kinds.learn(sentences, given, "promotion", is_shared)

    def weight_of(word: str) -> float:
        of_word = training_kinds.read_sentences([word], model, needs)
        return float(weights[of_word.ids[0]])

    assert weight_of("buy") > 0.1
    assert weight_of("see") < -0.1
    assert weight_of("kettles") == 0.0


@pytest.mark.slow
@pytest.mark.real_data
def test_build__the_shipped_model_is_made_of_the_public_files(recorded_data: Path):
    given = list(
        training_kinds_data.examples(recorded_data / "gold", recorded_data / "sentiment_goemotions" / "original")
    )
    needs, rule_ids = training_kinds.build(given, model_file.read().record)
    shipped = kinds_file.read()
    assert needs.tobytes() == shipped.record.tobytes()
    assert tuple(rule_ids) == shipped.rule_ids
