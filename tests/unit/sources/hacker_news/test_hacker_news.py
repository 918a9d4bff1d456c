"""What is Hacker News's own: a thousand hits to a question, equal seconds at borders, answers of Firebase."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fixtures.answering_platform import Platform
from fixtures.live_sources import CASES
from fixtures.live_stage import NOON, Stage, rows_of, said
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.sources.hacker_news.entry import HackerNewsEntry
from pulse.sources.hacker_news.reading import HackerNewsReader
from pulse.sources.live.extraction import describe_plan
from pulse.sources.live.fields import Fields

ENTRY = HackerNewsEntry(platform="hacker_news", name="tea", source="hacker_news")


@pytest.fixture
def stage(home: Home, platform: Platform) -> Stage:
    return Stage(CASES["hacker_news"], home, platform, most_n=3)


def test_more_things_in_one_second_than_an_answer_holds_lose_none_of_later_seconds(stage: Stage):
    stage.said = [said(number, NOON + timedelta(seconds=number // 3)) for number in range(30, 50)]
    found = {row["contribution_id"] for row in rows_of(stage.extract())}
    # Three to an answer and three to a second: the border second is asked for again, and then the one before it.
    assert found == {str(number) for number in range(30, 50)}


def test_calls_are_the_least_that_the_api_allows(stage: Stage, home: Home, platform: Platform):
    whole = Stage(CASES["hacker_news"], home, platform, most_n=1_000)
    whole.said = [said(number, NOON + timedelta(seconds=number)) for number in range(100, 900)]
    assert len(rows_of(whole.extract())) == 800
    assert len(platform.asked) == 1


def test_a_query_is_asked_for_and_takes_only_what_holds_its_words(home: Home, platform: Platform):
    case = replace(
        CASES["hacker_news"],
        entry=lambda _: HackerNewsEntry(platform="hacker_news", name="kettles", source="hacker_news", query="body 23"),
    )
    found = rows_of(Stage(case, home, platform).extract())
    assert [(row["contribution_id"], row["community"]) for row in found] == [("23", "kettles")]
    assert platform.asked[0].params["query"] == "body 23"


def test_a_wildcard_is_no_name():
    with pytest.raises(ValueError, match="all of Hacker News"):
        HackerNewsEntry(platform="hacker_news", name="*", source="hacker_news")


def test_plan_is_described_and_refused_where_not_even_the_window_fits(stage: Stage):
    (line,) = describe_plan(stage.case.source, stage.window, stage.context)
    assert "1 communities, about 1 calls of 1000: 1 for the window" in line
    month = Window(stage.window.first_day - timedelta(days=30), stage.window.last_day)
    with pytest.raises(ConfigError, match="max_calls_per_run"):
        describe_plan(stage.case.source, month, stage.context_with(max_calls_per_run=1))


@pytest.mark.real_data
def test_recorded_hits_are_rows(recorded_data: Path):
    document = json.loads((recorded_data / "fixtures" / "hacker_news_algolia" / "1.1.json").read_bytes())
    reader = HackerNewsReader(ENTRY)
    items = [reader._hit(Fields(hit)) for hit in document["hits"]]
    assert [(one.id, one.kind, one.parent_id, one.thread_id) for one in items] == [
        ("18463371", "comment", "18453018", "18445714"), ("18463370", "comment", "18463255", "18462671"),
    ]  # fmt: skip
    assert all(one.body and "&#x27;" not in one.body and one.score is None for one in items)


@pytest.mark.real_data
def test_recorded_items_of_firebase(recorded_data: Path):
    """Fifteen: two that never were, the deleted without a name and a text."""
    folder = recorded_data / "fixtures" / "hacker_news_firebase" / "v0" / "item"
    documents = {file.name: json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))}
    assert sum(document is None for document in documents.values()) == 2
    told = {name: Fields(document) for name, document in documents.items() if document is not None}
    assert len(told) == 13
    for fields in told.values():
        assert fields.seconds("time") is not None
        assert (fields.text("by") is None) == bool(fields.flag("deleted"))
