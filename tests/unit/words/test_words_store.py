"""Words on disk: worked once a text, taken over where it is seen again, gone with it."""

from datetime import timedelta
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pulse.core.home import Home
from pulse.lake import raw
from pulse.texts import get_scorer, score_partitions
from pulse.words import refresh
from pulse.words.store import TEXT_WORDS, ensure_empty_files, spellings_file, table_glob, words_file
from support import NOON, contribution, sealed_load

DAY = NOON.date()
SCORER = get_scorer("vader")


def bring(home: Home, rows: list[dict[str, Any]], *, name: str, day_number: int = 0) -> None:
    load = sealed_load(home, rows, load_id=f"reddit_archive-{name}")
    raw.promote(home, load)
    score_partitions(home, SCORER, [(part.platform, part.community, part.day) for part in raw.partitions_of(load)])


def words(home: Home) -> dict[str, int]:
    """By spelling, in how many texts of the day it stands."""
    with duckdb.connect() as connection:
        return dict(
            connection.execute(
                """
                select word, count(*) from (select unnest(words) as word_id from read_parquet($words))
                join read_parquet($spellings) using (word_id) group by all
                """,
                {"words": str(words_file(home, DAY)), "spellings": str(spellings_file(home, DAY))},
            ).fetchall()
        )


def test_refresh__works_each_text_once_and_drops_what_raw_has_no_more(home: Home):
    rows = [contribution("t3_a", title="Kettle", body="broke today"), contribution("t1_b", body="another kettle")]
    rows += [contribution("t1_c", body="another kettle"), contribution("t1_gone", body=None)]
    bring(home, rows, name="one")
    counts = refresh(home, SCORER.model_id)
    assert (counts.days_n, counts.texts_worked_n, counts.texts_dropped_n) == (1, 2, 0)
    assert words(home) == {"kettle": 2, "broke": 1, "today": 1}
    assert refresh(home, SCORER.model_id).days_n == 0
    bring(home, [contribution("t1_b", body="another teapot"), rows[0]], name="two")
    counts = refresh(home, SCORER.model_id)
    assert (counts.days_n, counts.texts_worked_n, counts.texts_dropped_n) == (1, 1, 1)
    assert words(home) == {"kettle": 1, "broke": 1, "today": 1, "teapot": 1}


def test_refresh__takes_over_what_an_earlier_day_knows(home: Home, monkeypatch: Any):
    text = contribution("t1_b", body="another kettle")
    bring(home, [text], name="one")
    refresh(home, SCORER.model_id)
    target = home.contributions_dir("reddit", "tea", DAY + timedelta(days=7))
    target.mkdir(parents=True)
    (source,) = home.contributions_dir("reddit", "tea", DAY).glob("*.parquet")
    (target / source.name).write_bytes(source.read_bytes())
    score_partitions(home, SCORER, [("reddit", "tea", DAY + timedelta(days=7))])
    counts = refresh(home, SCORER.model_id)
    assert (counts.days_n, counts.texts_worked_n) == (1, 0)
    again = pq.read_table(words_file(home, DAY + timedelta(days=7))).to_pylist()
    assert again == pq.read_table(words_file(home, DAY)).to_pylist() != []


def test_refresh__of_a_text_that_is_not_judged_there_are_no_words(home: Home):
    bring(home, [contribution("t1_b", body="... 123"), contribution("t1_c", body="kettle")], name="one")
    refresh(home, SCORER.model_id)
    found = sorted(pq.read_table(words_file(home, DAY)).column("words").to_pylist(), key=str)
    assert [None if words is None else len(words) for words in found] == [None, 1] or found[-1] is None


def test_refresh__a_damaged_file_and_a_lost_note_are_made_again(home: Home):
    bring(home, [contribution("t1_b", body="another kettle")], name="one")
    refresh(home, SCORER.model_id)
    before = pq.read_table(words_file(home, DAY))
    words_file(home, DAY).write_bytes(b"PAR1 nonsense")
    assert refresh(home, SCORER.model_id).texts_worked_n == 1
    (home.words / "known.json").unlink()
    assert refresh(home, SCORER.model_id).texts_worked_n == 0
    assert pq.read_table(words_file(home, DAY)).equals(before)


def test_refresh__a_home_that_was_moved_compares_no_day(home: Home):
    bring(home, [contribution("t1_b", body="another kettle")], name="one")
    refresh(home, SCORER.model_id)
    moved = Home(home.root.rename(home.root.with_name("moved")))
    assert refresh(moved, SCORER.model_id).days_n == 0


def test_refresh__a_day_that_raw_has_no_more_goes(home: Home):
    bring(home, [contribution("t1_b", body="another kettle")], name="one")
    refresh(home, SCORER.model_id)
    for file in home.contributions_dir("reddit", "tea", DAY).glob("*.parquet"):
        file.unlink()
    assert refresh(home, SCORER.model_id).texts_dropped_n == 1
    assert not words_file(home, DAY).exists()
    assert not spellings_file(home, DAY).exists()


def test_files__have_types_before_there_is_any_text(home: Home):
    ensure_empty_files(home)
    with duckdb.connect() as connection:
        found = connection.execute(
            "describe from read_parquet($glob)", {"glob": table_glob(home, TEXT_WORDS)}
        ).fetchall()
    assert [(name, kind) for name, kind, *_ in found] == [
        (column.name, column.duckdb_type) for column in TEXT_WORDS.columns
    ]
