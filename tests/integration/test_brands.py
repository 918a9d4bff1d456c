"""Brands from the config to the marts, through all steps, over files.

What is counted, what a change of the config does, what one more day builds, and what goes when somebody is forgotten.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.reddit_lines import post, write
from pulse.config.settings import load_settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.listening import store
from pulse.steps.forgetting import Asked, forget
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds
from support import only_models, take

pytestmark = pytest.mark.integration

FIRST_DAY, LAST_DAY, NEXT_DAY = date(2019, 8, 1), date(2019, 10, 31), date(2019, 11, 1)
MARTS = ("fct_brand_mentions", "fct_share_of_voice", "fct_brand_sentiment", "fct_brand_awareness_monthly")
CONFIG = """\
communities:
  - {{platform: reddit, name: Tea, source: reddit_archive, path: tea.ndjson,
     covers: {{from: 2019-08-01, to: 2019-11-01}}, team_accounts: [Emberwell_Team]}}
  - {{platform: reddit, name: mate, source: reddit_archive, path: mate.ndjson,
     covers: {{from: 2019-08-01, to: 2019-11-01}}}}
listening:
  brands:
    - {{name: Emberwell, ours: true, aliases: [Emberwell{alias}], domains: [emberwell.example]}}
    - {{name: Fernline, aliases: [Fernline]}}
    - {{name: Apple, aliases: [apple], needs_any: [iphone], ignore: [pie]}}
  own_communities: [reddit/Tea]
"""
NO_COMMENTS = "comments_not_read"  # the files hold posts
GOOD, BAD = "{} is wonderful, I love it!", "{} is awful, it broke and I hate it."


class Talk:
    """Records of both communities: a filler a day, so that all days have something, and what people say of brands."""

    def __init__(self) -> None:
        self.records: dict[str, list[dict[str, Any]]] = {"Tea": [], "mate": []}
        day = FIRST_DAY
        while day <= NEXT_DAY:
            for community in self.records:
                self.say(community, day, f"filler_{day.day % 4}", "just a cup of something")
            day += timedelta(days=1)

    def say(self, community: str, day: date, author: str, text: str, **facts: Any) -> None:
        number = sum(map(len, self.records.values()))
        at_s = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) + number
        self.records[community].append(
            post(
                f"p{number}",
                subreddit=community,
                author=author,
                selftext=text,
                title="",
                created_utc=at_s,
                score=number % 7,
                num_comments=number % 5,
                **facts,
            )
        )

    def write(self, folder: Path) -> None:
        for community, records in self.records.items():
            write(folder / f"{community.lower()}.ndjson", sorted(records, key=lambda record: record["created_utc"]))


def talk() -> Talk:
    said = Talk()
    august, october = date(2019, 8, 5), date(2019, 10, 5)
    for number in (0, 1):
        said.say("Tea", august, f"person_{number}", GOOD.format("Emberwell"))
    for number in range(16):
        said.say("Tea", october, f"person_{number}", (GOOD if number % 4 else BAD).format("Emberwell"))
    for number in range(14, 20):
        said.say("Tea", october, f"person_{number}", BAD.format("Fernline"))
    for _ in range(15):
        said.say("Tea", october, "person_0", "Emberwell emberwell EMBERWELL")
    said.say("Tea", october, "Emberwell_Team", "Emberwell by the team")
    said.say("Tea", october, "AutoModerator", "Emberwell by a program")
    said.say("Tea", october, "[deleted]", "Emberwell by who is gone")
    said.say("Tea", october, "person_20", "an apple and an iphone")
    said.say("Tea", october, "person_21", "apple pie with iphone")
    said.say("Tea", october, "person_22", "iphone " + "and so on " * 5 + "apple")
    said.say("mate", october, "person_0", "Fernline, and a link", url="https://shop.emberwell.example/x")
    said.say("mate", october, "person_23", "Ember Well is new here")
    said.say("Tea", NEXT_DAY, "person_1", GOOD.format("Emberwell"))
    return said


def pipeline_of(folder: Path, home: Home, *, alias: str = "") -> Pipeline:
    config = folder / "communities.yml"
    config.write_text(CONFIG.format(alias=alias), encoding="utf-8")
    return Pipeline(home, load_settings(config, home=home), lambda: datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """August to October, published."""
    folder = tmp_path_factory.mktemp("brands")
    with pytest.MonkeyPatch.context() as changed, only_models(*(f"+{mart}" for mart in MARTS)):
        changed.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        home = Home(folder / "home").create()
        talk().write(folder)
        pipeline = pipeline_of(folder, home)
        take(pipeline, Window(FIRST_DAY, LAST_DAY))
        yield pipeline


def rows(pipeline: Pipeline, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(builds.published_file(pipeline.home)), read_only=True) as connection:
        found = connection.execute(query)
        names = [name for name, *_ in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def october(pipeline: Pipeline, mart: str, community: str, brand: str) -> dict[str, Any]:
    (row,) = rows(
        pipeline,
        f"select * from marts.{mart} where month_start_date = date '2019-10-01' and community = '{community}' "
        f"and brand = '{brand}'",
    )
    return row


def contents(pipeline: Pipeline) -> dict[str, list[dict[str, Any]]]:
    return {mart: rows(pipeline, f"select * from marts.{mart} order by all") for mart in MARTS}


def test_share_of_voice__is_one_vote_a_person(built: Pipeline):
    # In Tea 21 people name a brand: 14 Emberwell alone, two both, four Fernline alone, one an Apple.
    emberwell, fernline = (october(built, "fct_share_of_voice", "tea", name) for name in ("Emberwell", "Fernline"))
    assert (emberwell["is_ours"], fernline["is_ours"]) == (True, False)
    assert (emberwell["voters_n"], emberwell["people_n"], emberwell["votes_sum"]) == (21, 16, 15.0)
    assert (fernline["people_n"], fernline["votes_sum"]) == (6, 5.0)
    assert emberwell["share_of_voice"] == pytest.approx(15 / 21)
    mean, squares = 16 / 23, (14 + 2 / 4 + 1) / 23
    assert emberwell["share_of_voice_low"] == pytest.approx(mean - 1.96 * math.sqrt((squares - mean**2) / 23))
    # Sixteen sentences, fifteen times three, and one of a gone account; none by the team or a program.
    assert (emberwell["mentions_n"], emberwell["mentions_of_all_n"]) == (16 + 45 + 1, 16 + 45 + 1 + 6 + 1)
    apple = october(built, "fct_share_of_voice", "tea", "Apple")
    assert (apple["mentions_n"], apple["unsure_n"], apple["rejected_n"], apple["caveat"]) == (1, 1, 1, NO_COMMENTS)
    shares = rows(
        built,
        "select platform, community, month_start_date, sum(share_of_voice) as total from marts.fct_share_of_voice "
        "where share_of_voice is not null group by all",
    )
    assert shares
    assert all(one["total"] == pytest.approx(1) for one in shares)


def test_share_of_voice__over_all_communities_a_person_votes_once(built: Pipeline):
    # In mate person_0 names Fernline and links to Emberwell.
    together = october(built, "fct_share_of_voice", "*", "Fernline")
    assert (together["voters_n"], together["people_n"], together["votes_sum"]) == (21, 7, 4 + 3 * 0.5)
    link = october(built, "fct_share_of_voice", "mate", "Emberwell")
    assert (link["people_n"], link["votes_sum"], link["mentions_n"]) == (1, 0.5, 1)
    assert link["share_of_voice"] is None
    assert link["caveat"] == f"{NO_COMMENTS},small_n"


def test_brand_mentions__say_how_each_was_found(built: Pipeline):
    found = {
        (row["brand"], row["decided_by"], row["is_unsure"]): row["mentions_n"]
        for row in rows(
            built,
            "select brand, decided_by, is_unsure, count(*) as mentions_n from marts.fct_brand_mentions group by all",
        )
    }
    assert found == {
        ("Emberwell", "alias", False): 2 + 16 + 45 + 3,
        ("Emberwell", "link", False): 1,
        ("Fernline", "alias", False): 7,
        ("Apple", "needed_word", False): 1,
        ("Apple", "needed_word", True): 1,
    }
    columns = rows(built, "describe marts.fct_brand_mentions")
    assert not {"author_key", "title", "body", "text_sha256"} & {column["column_name"] for column in columns}


def test_brand_sentiment__is_of_the_sentences_that_name_it(built: Pipeline):
    emberwell, fernline = (october(built, "fct_brand_sentiment", "tea", name) for name in ("Emberwell", "Fernline"))
    assert emberwell["voices_n"] == 17, "sixteen people, and one contribution of who is gone"
    assert emberwell["mean_sentence_score_low"] > 0
    assert (emberwell["positive_n"], emberwell["negative_n"]) == (12, 4)
    assert (fernline["negative_n"], fernline["mean_sentence_score"], fernline["caveat"]) == (
        6,
        None,
        f"{NO_COMMENTS},small_n",
    )


def test_brand_awareness__is_first_and_again(built: Pipeline):
    tea = october(built, "fct_brand_awareness_monthly", "tea", "Emberwell")
    assert (tea["people_n"], tea["first_time_people_n"], tea["returning_people_n"]) == (16, 14, 2)
    assert tea["contributors"] == 27
    assert tea["aware_share"] == pytest.approx(16 / 27)
    (august,) = rows(
        built,
        "select * from marts.fct_brand_awareness_monthly where community = 'tea' and brand = 'Emberwell' "
        "and month_start_date = date '2019-08-01'",
    )
    assert (august["people_n"], august["first_time_people_n"]) == (2, None)
    assert "left_censored" in august["caveat"]


def test_change_of_the_config__looks_at_everything_again_and_no_change_at_nothing(built: Pipeline):
    home = built.home
    before = contents(built)
    again = built.work_texts()
    assert (again["texts_n"], again["mentions_n"], again["texts_worked_n"]) == (0, 0, 0)
    assert [node["label"] for node in built.build()] == ["nothing changed"]
    other = pipeline_of(home.root.parent, home, alias=", Ember Well")
    other.publish_results(run_id="other")
    link = october(other, "fct_share_of_voice", "mate", "Emberwell")
    assert (link["people_n"], link["mentions_n"]) == (2, 2)
    again = pipeline_of(home.root.parent, home)
    again.publish_results(run_id="again")
    assert contents(again) == before
    assert len({file.parents[2].name for file in store.files(home)}) == 1, "mentions of other versions are gone"


def test_one_more_day__builds_what_a_full_build_would(built: Pipeline):
    take(built, Window.one_day(NEXT_DAY))
    partial = contents(built)
    november = rows(
        built,
        "select * from marts.fct_brand_awareness_monthly where community = 'tea' and brand = 'Emberwell' "
        "and month_start_date = date '2019-11-01'",
    )
    assert [(row["people_n"], row["returning_people_n"]) for row in november] == [(1, 1)]
    built.rebuild(run_id="full")
    assert contents(built) == partial


def test_forgotten__person_is_in_no_mention(built: Pipeline):
    forget(replace(built), Asked("reddit", "person_0"), run_id="forget")
    emberwell = october(built, "fct_share_of_voice", "tea", "Emberwell")
    assert (emberwell["people_n"], emberwell["mentions_n"]) == (15, 15 + 1)
    kept = rows(built, "select contribution_id from marts.fct_brand_mentions")
    with duckdb.connect() as connection:
        (stored_n,) = connection.execute(
            "select count(*) from read_parquet(?, hive_partitioning = false) "
            "where brand is not null and decision <> 'rejected'",
            [store.mentions_glob(built.home)],
        ).fetchone() or (0,)
    assert stored_n == len(kept), "what a link names is in no text, and the one link was person_0's"
