"""Marts of a compacted home equal those of one that never was, in every table, whatever comes after."""

import os
import shutil
from datetime import timedelta
from typing import Any

import pytest

from pulse.lake import compacted
from pulse.texts import get_scorer
from pulse.texts import store as scores
from pulse.warehouse import builds
from support import NOON, ask

pytestmark = pytest.mark.integration

DAYS = (0, 1, 5, 26)
GONE = {"removal": "by_author", "title": None, "body": None, "author_key": None}
TEXTS = ["I love this tea", "I hate this tea", "It is a tea", "?!"]


@pytest.fixture(scope="module")
def labs(shared_lab: Any, rows: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Two homes with the same past, published; the second one was compacted then."""
    plain = shared_lab
    plain.empty()
    for day in DAYS:
        for community in ("tea", "mate"):
            plain.bring(plain.archive(day, written(rows, community, day), community=community))
            plain.bring(plain.live(day, seen(rows, community, day), community=community, members_n=100 + day))
    build_and_publish(plain)
    root = tmp_path_factory.mktemp("packed") / "home"
    shutil.copytree(plain.home.root, root)
    packed = type(plain)(root)
    compact(packed)
    return plain, packed


def written(rows: Any, community: str, day: int) -> list[dict[str, Any]]:
    """A post, and comments of several people."""
    post = f"t3_{community}{day}"
    at = NOON + timedelta(days=day)
    facts = {"thread_id": post, "parent_id": post}
    answers = [
        rows(
            f"t1_{community}{day}x{place}", **facts, author_key=f"{place}" * 64, body=TEXTS[(day + place) % len(TEXTS)]
        )
        | {"created_at": at + timedelta(minutes=10 * place), "observed_at": at + timedelta(days=30)}
        for place in range(3)
    ]
    return [rows(post, created_at=at, reply_count=2), *answers]


def seen(rows: Any, community: str, day: int) -> list[dict[str, Any]]:
    """The same post, seen live on its day with another count."""
    at = NOON + timedelta(days=day)
    return [rows(f"t3_{community}{day}", created_at=at, observed_at=at + timedelta(hours=11), score=day)]


def compact(lab: Any) -> None:
    """As a run some weeks later does, when nothing came meanwhile."""
    at = (NOON + timedelta(days=30)).timestamp()
    for folder in (lab.home.raw, lab.home.scores):
        for file in folder.rglob("*.parquet"):
            os.utime(file, (at, at))
    before = builds.compact(lab.home, through=(NOON + timedelta(days=60)).date(), is_dry_run=True)
    done = builds.compact(lab.home, through=(NOON + timedelta(days=60)).date())
    assert (done.days_n, done.files_n) == (before.days_n, before.files_n)
    assert done.files_n > 0
    days = [file.parent.name for file in lab.home.raw.glob("contributions/platform=*/*/*/*.parquet")]
    assert len(days) == len(set(days)), "a day of one file is compact already"


def require_same(plain: Any, packed: Any, look: Any) -> None:
    tables = [look(builds.published_file(lab.home)) for lab in (plain, packed)]
    assert any(tables[0].values())
    assert tables[1] == tables[0]


def build_and_publish(*labs: Any, is_full_refresh: bool = False) -> None:
    for lab in labs:
        lab.build(is_full_refresh=is_full_refresh, has_data_tests=is_full_refresh)
        lab.publish()


def test_build__of_a_compacted_home_gives_the_same_marts(labs: tuple[Any, Any], look: Any):
    plain, packed = labs
    build_and_publish(packed, is_full_refresh=True)
    require_same(plain, packed, look)


def test_build__is_not_done_again_because_of_a_compaction(labs: tuple[Any, Any], rows: Any):
    _, packed = labs
    assert packed.build().is_nothing_new


def test_build__after_a_rerun_a_late_look_and_an_erasure_gives_the_same_marts(
    labs: tuple[Any, Any], rows: Any, look: Any
):
    plain, packed = labs
    for lab in labs:
        again = [*written(rows, "tea", 0)[:2], rows("t3_teanew", created_at=NOON, body="something else")]
        lab.bring(lab.archive(0, again, name="again"))
        late = rows("t3_mate5", created_at=NOON + timedelta(days=5), observed_at=NOON + timedelta(days=27), **GONE)
        lab.bring(lab.live(27, [late], community="mate"))
    build_and_publish(plain, packed)
    require_same(plain, packed, look)
    compact(packed)
    build_and_publish(packed, is_full_refresh=True)
    require_same(plain, packed, look)


def test_scores__of_a_compacted_day_are_made_again_as_one(labs: tuple[Any, Any]):
    _, packed = labs
    model_id = builds.sentiment_model_id(packed.settings)
    assert scores.unjudged_partitions(packed.home, model_id) == []
    day = NOON.date() + timedelta(days=5)
    file = compacted.file_of(packed.home.model_scores_dir(model_id), "reddit", day)
    before = judged(packed)
    file.write_bytes(b"")
    assert scores.drop_damaged(packed.home) == [file]
    missing = scores.unjudged_partitions(packed.home, model_id)
    assert missing == [("reddit", None, day)]
    counts = scores.score_partitions(packed.home, scorer_of(packed), missing)
    assert counts.texts_scored_n > 0
    assert scores.unjudged_partitions(packed.home, model_id) == []
    assert judged(packed) == before


def test_scores__of_a_new_model_are_made_of_compacted_days(labs: tuple[Any, Any]):
    _, packed = labs
    found = scores.unjudged_partitions(packed.home, "another")
    days = {day for _, community, day in found if community is None}
    assert len(days) == len(DAYS)
    counts = scores.score_partitions(packed.home, scorer_of(packed), found)
    assert (counts.partitions_n, counts.texts_scored_n) == (len(found), 0), "the model in use has judged them all"


def judged(lab: Any) -> list[tuple[Any, ...]]:
    query = "from read_parquet(?, hive_partitioning = false) order by all"
    return ask(query, [scores.scores_glob(lab.home)]).fetchall()


def scorer_of(lab: Any) -> Any:
    return get_scorer(lab.settings.sentiment_model)
