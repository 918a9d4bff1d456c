"""Words from files to the marts, in one home: a community is read alike whether it is followed or not, and what is
forgotten or deleted leaves no word behind."""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.everything import files_with
from fixtures.reddit_lines import comment, post, write
from pulse.config.settings import load_settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.steps.forgetting import Asked, forget
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds
from pulse.words.discovery import discover
from pulse.words.texts import key_of
from support import take

pytestmark = pytest.mark.integration

FIRST_DAY, LAST_DAY = date(2026, 5, 1), date(2026, 8, 31)
CONFIG = """
defaults:
  reddit: {covers: {from: 2026-05-01, to: 2026-08-31}}
communities:
  - {platform: reddit, name: Tea, source: reddit_archive, path: tea.ndjson}
  - {platform: reddit, name: Mate, source: reddit_archive, path: mate.ndjson}
listening:
  brands: [{name: Emberwell, ours: true, aliases: [Emberwell]}]
  own_communities: [reddit/Mate]
  interests: [{name: coldbrew, words: [cold brew, gourd], like: [reddit/Mate]}]
"""
COMMON = [
    "water", "morning", "shop", "price", "friend", "table", "window", "garden", "winter", "summer", "paper", "colour",
]  # fmt: skip
OF_TEA = ["kettle", "teapot", "oolong", "leaves", "strainer", "gaiwan", "steeping", "porcelain"]
OF_MATE = ["gourd", "bombilla", "yerba", "cold", "brew", "paraguay", "thermos"]


@dataclass(frozen=True)
class Planted:
    """Somebody whose words nobody else uses."""

    name: str
    words: tuple[str, ...]

    def text(self, number: int) -> str:
        """Each another, so that they make a topic, and the last two nearly the first."""
        seed = number if number < 28 else 0
        rest = " and the ".join([*self.words, *random.Random(seed).sample(COMMON, 4)])  # noqa: S311  (always the same)
        return f"My Emberwell and the {rest}" + "!" * (number - seed)

    def needles(self) -> dict[str, str]:
        """By what it is, what could be read of the texts: words, their ids, ids and hashes of texts."""
        hashes = {f"hash {n}": hashlib.sha256(f"\n{self.text(n)}".encode()).hexdigest() for n in range(30)}
        ids = {f"id {n}": str(int(hashes[f"hash {n}"][:15], 16)) for n in range(30)}
        words = {f"word {n}": word for n, word in enumerate(self.words)}
        word_ids = {f"word_id {n}": str(key_of(word)) for n, word in enumerate(self.words)}
        return words | word_ids | hashes | ids


FORGOTTEN = Planted("Nadia_Quill_77", ("tangerine", "zeppelin", "clarinet", "hammock", "walrus"))
DELETED = Planted("Otto_Gone_9", ("marmalade", "gondola", "trombone", "hedgehog", "lantern"))


def at_s(month: int, number: int) -> int:
    """On four days of the month: each day with rows is a file of every kind that is kept by day."""
    return int(datetime(2026, month, 1 + 8 * (number % 4), 9, number % 60, tzinfo=UTC).timestamp())


def records(community: str, own_words: list[str], *, seed: int) -> list[dict[str, Any]]:
    """Four months of some people, with what people of archives do: removals, programs, other languages, entities."""
    chance = random.Random(seed)  # noqa: S311  (the same each time)
    made = []
    for month in (5, 6, 7, 8):
        for number in range(60):
            words = [*chance.sample(COMMON, 4), *chance.sample(own_words, 3)]
            text = "I use the " + " &amp; the ".join(words)
            author = f"user_{chance.randint(0, 11)}"
            oddity = number % 20
            if oddity == 7:
                text = "[removed]"
            elif oddity == 11:
                author = "AutoModerator"
            elif oddity == 13:
                author, text = "[deleted]", "[deleted]"
            elif oddity == 17:
                text = "la bouilloire est en panne depuis hier soir et je ne sais pas quoi faire avec elle"
            facts = {"subreddit": community, "author": author, "created_utc": at_s(month, number)}
            name = f"{community[0].lower()}{month}x{number}"
            post_id = f"{community[0].lower()}{month}x0"
            if number % 3:
                made.append(comment(f"{name}c", body=text, link_id=f"t3_{post_id}", parent_id=f"t3_{post_id}", **facts))
            else:
                made.append(post(name, title=text, selftext="", **facts))
    return made


def plants(person: Planted, prefix: str) -> list[dict[str, Any]]:
    return [
        post(f"{prefix}{number}", subreddit="Mate", author=person.name, title="", selftext=person.text(number),
             created_utc=at_s(8, number))
        for number in range(30)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Four months of two communities, and the lines of one again as a community that nobody follows; published."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "communities.yml").write_text(CONFIG, encoding="utf-8")
    tea = records("Tea", OF_TEA, seed=1)
    write(folder / "tea.ndjson", tea)
    write(folder / "mate.ndjson", [*records("Mate", OF_MATE, seed=2), *plants(FORGOTTEN, "mf"), *plants(DELETED, "md")])
    twin = folder / "twin.ndjson"
    twin.write_text("\n".join(json.dumps(record | {"subreddit": "Twin"}) for record in tea), encoding="utf-8")
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        home = Home(folder / "home").create()
        settings = load_settings(folder / "communities.yml", home=home)
        pipeline = Pipeline(home, settings, lambda: datetime(2026, 10, 1, tzinfo=UTC))
        discover(home, [twin])
        take(pipeline, Window(FIRST_DAY, LAST_DAY))
        yield pipeline


def ask(pipeline: Pipeline, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(builds.working_file(pipeline.home)), read_only=True) as connection:
        return connection.execute(query).fetchall()


# ---- followed and discovered ----------------------------------------------------


def test_discovered__community_has_the_figures_that_it_has_when_it_is_followed(built: Pipeline):
    def figures(community: str) -> list[tuple[Any, ...]]:
        return ask(
            built,
            "select goal_kind, goal, fit, word_fit, likeness, authors_n, people_n, people_share, people_share_low, "
            "people_share_high, usual_share, people_per_month from marts.fct_community_discovery "
            f"where community = '{community}' order by all",
        )

    def words(community: str) -> list[tuple[Any, ...]]:
        return ask(
            built,
            "select word, comparable_authors_n, all_words_n, people_n, contributions_n, months_n, weight "
            f"from intermediate.int_community_words where community = '{community}' and comparable_authors_n > 0 "
            "order by word",
        )

    assert ask(
        built, "select community, is_followed from marts.fct_community_discovery where goal_kind = 'brand' order by all"
    ) == [("mate", True), ("tea", True), ("twin", False)]
    assert len(words("tea")) >= len({*COMMON, *OF_TEA})
    assert words("twin") == words("tea")
    assert figures("twin") == figures("tea") != []
    # Three months of twelve people, not the twelve people of the file.
    ((people_n, per_month),) = {row[6:12:5] for row in figures("twin")}
    assert 30 <= people_n <= 36
    assert per_month == people_n / 3


# ---- forgotten and deleted -------------------------------------------------------


def places(home: Home, person: Planted) -> dict[str, set[str]]:
    """By folder, what stands there of a person's texts, by every file's own reader."""
    needles = person.needles()
    told = {needle: name.split(" ")[0] for name, needle in needles.items()}
    found: dict[str, set[str]] = {}
    for path, there in files_with(home.root, needles.values()).items():
        place = "/".join(path.parts[: 2 if path.parts[0] in {"words", "listening", "landing"} else 1])
        found.setdefault(place, set()).update(told[needle] for needle in there)
    return found


def require_everywhere(home: Home, person: Planted) -> None:
    """Or a test that finds nothing would pass on nothing."""
    found = places(home, person)
    assert {"words/text_words", "words/spellings", "words/near_copies", "words/topics"} <= {*found}
    assert {"id", "word_id"} <= found["words/text_words"]
    assert {"id"} == found["words/near_copies"] == found["words/topics"]
    assert any(place.startswith("listening/") and "hash" in there for place, there in found.items())
    assert {"warehouse", "published", "raw", "scores"} <= {*found}


def test_forgotten__of_a_person_no_word_signature_topic_or_mention_is_left(built: Pipeline):
    require_everywhere(built.home, FORGOTTEN)
    forget(built, Asked("reddit", FORGOTTEN.name), run_id="forget")
    assert places(built.home, FORGOTTEN) == {}
    require_everywhere(built.home, DELETED)


def test_deleted__texts_leave_no_word_in_what_the_next_run_makes(built: Pipeline):
    """Of an archive in which they are gone. What landing, scores and earlier published states hold has terms of its own
    (docs/operations.md, Deletions), and DuckDB's files keep the bytes of rows that are gone until they are used again.
    """
    file = built.settings.communities[1].path[0]
    gone = {record["id"] for record in plants(DELETED, "md")}
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    taken = {"author": "[deleted]", "selftext": "[deleted]"}
    file.unlink()
    write(file, [record | (taken if record["id"] in gone else {}) for record in lines])
    assert any(word in tables_of(builds.working_file(built.home)) for word in DELETED.words)
    take(built, Window(FIRST_DAY, LAST_DAY))
    left = {place for place in places(built.home, DELETED) if place.split("/")[0] in {"raw", "words", "listening"}}
    assert left == set()
    for database in (builds.working_file(built.home), builds.published_file(built.home)):
        shown = tables_of(database)
        assert "emberwell" in shown or "kettle" in shown, "or there is nothing in it"
        assert [needle for needle in DELETED.needles().values() if needle in shown] == []


def tables_of(database: Path) -> str:
    """All values of all tables, lower case."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        return "\n".join(
            str(connection.execute(f"select lower(string_agg(whole::varchar, ' ')) from {table} as whole").fetchall())
            for (table,) in tables
        )
