"""Mentions on disk: found once per text and version, kept without text, gone with the text."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from damaging import PLAIN
from pulse.config.listening import Brand, Interest, Launch, Listening, Offer
from pulse.core.home import Home
from pulse.lake import raw
from pulse.listening import store, tables
from pulse.texts import Scorer, get_scorer
from pulse.warehouse import builds, transform
from support import NOON, contribution, sealed_load

EMBERWELL = Brand(name="Emberwell", ours=True, aliases=("Emberwell",))
BRANDS = Listening(brands=(EMBERWELL,))


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return get_scorer("pulse")


def rows_of(home: Home) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(
            "select contribution_id, brand, mention_number, decision from read_parquet(?, hive_partitioning = false) "
            "order by all",
            [store.mentions_glob(home)],
        ).fetchall()


def promote(home: Home, *rows: dict[str, Any], name: str = "one", community: str = "tea") -> None:
    load = sealed_load(home, [row | {"community": community} for row in rows], load_id=f"reddit_archive-{name}",
                       community=community)  # fmt: skip
    raw.promote(home, load)


FIRST = contribution("t3_a", title="Emberwell", body="emberwell is great")
SECOND = contribution("t1_b", body="nothing named here")


def test_find_mentions__looks_at_each_text_once(home: Home, scorer: Scorer):
    promote(home, FIRST, SECOND, contribution("t1_gone", body=None))
    assert store.find_mentions(home, BRANDS, scorer) == store.MentionCounts(1, 2, 2)
    found = [("t1_b", None, None, None), ("t3_a", "Emberwell", 1, "accepted"), ("t3_a", "Emberwell", 2, "accepted")]
    assert rows_of(home) == found
    (file,) = store.files(home)
    before = file.stat().st_mtime_ns
    assert store.find_mentions(home, BRANDS, scorer) == store.MentionCounts(0, 0, 0)
    assert file.stat().st_mtime_ns == before
    promote(home, contribution("t1_c", body="Emberwell too"), name="two", community="mate")
    assert store.find_mentions(home, BRANDS, scorer) == store.MentionCounts(1, 1, 1)
    assert rows_of(home) == [found[0], ("t1_c", "Emberwell", 1, "accepted"), *found[1:]]


def test_find_mentions__edited_text_is_another_and_what_left_raw_goes(home: Home, scorer: Scorer):
    promote(home, FIRST, SECOND)
    store.find_mentions(home, BRANDS, scorer)
    promote(home, FIRST, SECOND | {"body": "Emberwell now"}, name="two")
    assert store.find_mentions(home, BRANDS, scorer).texts_n == 1
    assert [row for row in rows_of(home) if row[0] == "t1_b"] == [("t1_b", "Emberwell", 1, "accepted")]


def test_find_mentions__other_brands_are_looked_for_in_everything_and_the_old_go(home: Home, scorer: Scorer):
    promote(home, FIRST, SECOND)
    store.find_mentions(home, BRANDS, scorer)
    more = Listening(brands=(EMBERWELL, Brand(name="Named", aliases=("named here",))))
    assert store.find_mentions(home, more, scorer).texts_n == 2
    assert {row[1] for row in rows_of(home)} == {"Emberwell", "Named"}
    assert len(store.files(home)) == 1
    assert store.find_mentions(home, Listening(), scorer) == store.MentionCounts(0, 0, 0)
    assert (rows_of(home), store.files(home)) == ([], [])


def test_find_mentions__days_that_were_compacted_are_the_same_and_say_so_to_builds(home: Home, scorer: Scorer):
    promote(home, FIRST, SECOND)
    promote(home, FIRST, name="two", community="mate")
    store.find_mentions(home, BRANDS, scorer)
    before = transform.inputs_digests(home)["mentions"], rows_of(home)
    for note in raw.pending_dates(home):  # as after a publish
        note.unlink()
    builds.compact(home, through=date(2100, 1, 1))
    assert raw.compacted_file(home, "reddit", NOON.date()).exists()
    assert store.find_mentions(home, BRANDS, scorer) == store.MentionCounts(1, 0, 0)
    assert (transform.inputs_digests(home)["mentions"], rows_of(home)) == before
    assert store.find_mentions(home, BRANDS, scorer).days_n == 0


def test_find_mentions__keeps_no_text(home: Home, scorer: Scorer):
    promote(home, contribution("t3_a", body="Emberwell keeps a very secret sentence"))
    store.find_mentions(home, BRANDS, scorer)
    assert not any(b"secret" in file.read_bytes() for file in home.listening.rglob("*.parquet"))


@pytest.mark.parametrize("damage", PLAIN)
def test_find_mentions__damaged_file_is_made_again(home: Home, scorer: Scorer, damage: str):
    promote(home, FIRST, SECOND)
    store.find_mentions(home, BRANDS, scorer)
    whole = rows_of(home)
    (file,) = store.files(home)
    PLAIN[damage](file)
    assert store.damaged_files(home) == [file]
    assert store.find_mentions(home, BRANDS, scorer).texts_n == 2
    assert rows_of(home) == whole


def test_find_mentions__community_with_any_name(home: Home, scorer: Scorer):
    for number, community in enumerate(("../x", "a'b\\", "x*", "🍎")):
        promote(home, contribution("t3_a", body="Emberwell"), name=str(number), community=community)
    assert store.find_mentions(home, BRANDS, scorer).mentions_n == 4
    assert store.find_mentions(home, BRANDS, scorer).days_n == 0


def test_texts_of__latest_first_and_no_more_than_asked(home: Home):
    promote(home, FIRST, SECOND)
    assert [text for batch in store.texts_of(home, most_n=1) for text in batch.to_pylist()] == ["nothing named here"]
    assert sum(len(batch) for batch in store.texts_of(home, most_n=9)) == 2


# ---- what the config says ---------------------------------------------------------


def listening(**facts: Any) -> Listening:
    offer = {
        "name": "Tea week", "brand": "Emberwell", "kind": "coupon", "codes": ("TEA10", "tea10 "),
        "communities": ("reddit/tea",), "from": "2026-07-01", "to": "2026-07-14",
    }  # fmt: skip
    return Listening(
        brands=(EMBERWELL.model_copy(update={"domains": ("emberwell.example",)}), Brand(name="T", aliases=("Target",))),
        own_communities=("reddit/a/b",),
        offers=(Offer.model_validate(offer),),
        interests=(Interest(name="vegan", words=("vegan", "cruelty free"), like=("reddit/tea",)),),
        launches=(Launch(name="Cold brew", brand="Emberwell", launch_date=NOON.date(), words=("cold brew",)),),
    ).model_copy(update=facts)


def table_of(home: Home, table: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(tables.file_of(home, table)).to_pylist()
    return rows


def test_tables__say_what_the_config_says(home: Home):
    tables.write(home, listening(), "model")
    assert [(row["brand"], row["is_ours"]) for row in table_of(home, tables.BRANDS)] == [
        ("Emberwell", True),
        ("T", False),
    ]
    assert [tuple(row.values()) for row in table_of(home, tables.BRAND_ALIASES)] == [
        ("Emberwell", "Emberwell", "name", False),
        ("Emberwell", "emberwell.example", "domain", False),
        ("T", "Target", "name", True),
    ]
    (offer,) = table_of(home, tables.OFFERS)
    assert (offer["offer_kind"], str(offer["last_date"]), offer["is_everywhere"]) == ("coupon", "2026-07-14", False)
    assert [row["code_key"] for row in table_of(home, tables.OFFER_CODES)] == ["tea10"]
    assert table_of(home, tables.OFFER_COMMUNITIES) == [{"offer": "Tea week", "platform": "reddit", "community": "tea"}]
    assert [row["word"] for row in table_of(home, tables.INTEREST_WORDS)] == ["vegan", "cruelty free"]
    assert table_of(home, tables.INTEREST_COMMUNITIES)[0]["community"] == "tea"
    assert table_of(home, tables.LAUNCHES)[0]["launch_date"] == NOON.date()
    assert table_of(home, tables.LAUNCH_WORDS)[0]["word"] == "cold brew"
    assert table_of(home, tables.OWN_COMMUNITIES) == [{"platform": "reddit", "community": "a/b"}]


def test_tables__are_typed_and_empty_where_nothing_is_configured(home: Home):
    store.ensure_empty_files(home)
    for table in tables.TABLES:
        assert pq.read_schema(tables.file_of(home, table)) == table.arrow_schema
        assert table_of(home, table) == []


def test_tables__are_written_only_where_they_say_something_else(home: Home):
    def times() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in home.listening.glob("*.parquet")}

    tables.write(home, listening(), "model")
    before = times()
    tables.write(home, listening(), "model")
    assert times() == before
    tables.write(home, listening(own_communities=()), "model")
    changed = {file.stem for file, time_ns in times().items() if before[file] != time_ns}
    assert changed == {"own_communities"}


def test_digest__changes_with_what_marts_are_made_with():
    one = tables.digest(listening(), "model")
    assert tables.digest(listening(), "model") == one
    assert len({one, tables.digest(listening(), "other"), tables.digest(listening(launches=()), "model")}) == 3
