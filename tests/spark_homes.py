"""A made-up home of what engines could disagree about, built by DuckDB and by Spark, and all tables compared."""

import math
import random
import shutil
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pulse.config.spark import Spark
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.steps import scoring_on_spark
from pulse.texts import get_scorer, score_partitions, unjudged_partitions
from pulse.warehouse import build_folders, builds
from pulse.warehouse.engines import spark as spark_engine
from pulse.warehouse.engines.spark import SparkEngine
from support import NOON, contribution, sealed_load

# Small data: Java's second compiler, Java made of each query, and plans made anew on the way would take longer than all
# queries; the first compiler alone gets too little room for its code. The zone has no part in what comes out.
SETTINGS = Spark(
    master="local[2]",
    settings={
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC",
        "spark.sql.session.timeZone": "Europe/Berlin",
        "spark.sql.shuffle.partitions": 1,
        "spark.sql.adaptive.enabled": False,
        "spark.sql.codegen.wholeStage": False,
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    },
)
MODEL = "pulse"
# These and what they are made of use every macro that Spark has a form of its own of, and every way to write a table.
SELECTED_MODELS = (
    "+fct_contributions", "+fct_conversations", "+fct_promotions", "+fct_threads", "+int_community_hours",
    "+int_contributor_periods", "+int_influence_months", "+int_word_months", "+fct_brand_mentions",
)  # fmt: skip
# The last is no number in hexadecimal digits, as none of ours would be.
AUTHORS = [letter * 64 for letter in "abcdefg"]
# What quotes, escapes, patterns and encodings could stumble over.
TEXTS = (
    "I love this tea", "I hate this \\ tea\\", "It's a 'tea' \"pot\"", "-- ; drop table x; /* {{ 1 }} {% raw %}",
    "Große Ägäis Türkçe İı ß", "\U0001f375 tea\tand\nlines\r\n", "100%_of\\n it", "How do I brew \\d+ (oolong)?", "?!",
    "I wish there was a smaller pot", "\u202eright to left\u200b",
)  # fmt: skip


def skip_without_spark() -> None:
    """Skip what needs Spark where it is not installed."""
    try:
        spark_engine.require_installed()
    except ConfigError as error:
        pytest.skip(str(error))


def written(chance: random.Random, day: int, community: str) -> list[dict[str, Any]]:
    """A day's posts and comments, at times with fractions of a second and around both zones' midnights."""
    rows: list[dict[str, Any]] = []
    for place in range(chance.randint(3, 8)):
        is_post = place == 0 or chance.random() < 0.3
        parents = [row["contribution_id"] for row in rows]
        thread = f"t3_{community}{day}x0"
        identity = {} if is_post else {"thread_id": thread, "parent_id": chance.choice([thread, *parents])}
        row = contribution(f"t{3 if is_post else 1}_{community}{day}x{place}", **identity)
        at = NOON + timedelta(days=day, hours=chance.choice([-11.9, -1.5, 0, 10.5, 11.9]), microseconds=345_678 + place)
        row |= {
            "created_at": at,
            "author_key": chance.choice([*AUTHORS, None]),
            "author_role": chance.choice(["member", "member", "member", "moderator", "team", "bot"]),
            "body": chance.choice(TEXTS),
            "score": chance.choice([None, -3, 0, 5]),
            "reply_count": chance.choice([None, 0, 4]) if is_post else None,
            "award_count": None,
            "tags": chance.choice([[], ["flair", "it's"]]),
            "reactions": chance.choice([None, {}, {"like": 2, "wow'": 1}]),
            "observed_at": at + timedelta(days=chance.choice([1, 8, 30]), microseconds=1),
        }
        rows.append(row)
    return rows + _said(chance, day, community)


def _said(chance: random.Random, day: int, community: str) -> list[dict[str, Any]]:
    """A day's messages of a chat, some of which answer others, with silences on both sides of half an hour."""
    messages: list[dict[str, Any]] = []
    for place in range(chance.randint(2, 5)):
        name = f"m{community}{day}x{place}"
        message = contribution(name, kind="message", thread_id=name, title=None)
        at = NOON + timedelta(days=day, minutes=29.9 * place + chance.choice([0, 0.2]), microseconds=place)
        message |= {
            "channel": chance.choice(["tips", "it's"]),
            "parent_id": chance.choice([None, *(earlier["contribution_id"] for earlier in messages)]),
            "created_at": at,
            "author_key": chance.choice([*AUTHORS, None]),
            "body": chance.choice(TEXTS),
            "score": None,
            "observed_at": at + timedelta(days=1),
        }
        messages.append(message)
    return messages


def unjudged(home: Home) -> Home:
    """Give a home a week of two communities that no model has judged."""
    chance = random.Random(18)  # noqa: S311  (made-up rows)
    week = Window(NOON.date(), NOON.date() + timedelta(days=6))
    for community in ("tea", "mate"):
        rows = [row | {"community": community} for day in range(7) for row in written(chance, day, community)]
        load_id = f"reddit_archive-{community}"
        raw.promote(home, sealed_load(home, rows, community=community, load_id=load_id, window=week))
    return home


def assert_same_scores(home: Home, other: Home, *, spark: Spark) -> None:
    """Judge the history of :func:`unjudged` by this process, and a copy of it by Spark's workers: the same files."""
    scorer = get_scorer(MODEL)
    partitions = unjudged_partitions(home, scorer.model_id)
    assert len(partitions) == 14
    here = score_partitions(home, scorer, partitions)
    assert here.texts_scored_n > 50
    assert scoring_on_spark.score_on_spark(other, spark, MODEL, partitions) == here
    files, others = (
        {file.relative_to(one.root): file.read_bytes() for file in one.scores.rglob("*.parquet")}
        for one in (home, other)
    )
    assert len(files) == 1 + len(partitions)
    assert others == files


def built_on_both(lab: Any, folder: Path, *, days: Iterable[int], spark: Spark, models: Sequence[str] = ()) -> Any:
    """Fill an empty lab with such days of two communities, and build it by DuckDB and a copy of it by Spark.

    Returns:
        The copy, in that folder.
    """
    chance = random.Random(18)  # noqa: S311  (made-up rows)
    for community in ("tea", "mate"):
        for day in days:
            lab.bring(lab.archive(day, written(chance, day, community), community=community))
    other = type(lab)(folder / lab.home.root.name)
    shutil.copytree(lab.home.root, other.home.root, dirs_exist_ok=True)
    lab.models = other.models = models
    other.settings = other.settings.model_copy(update={"engine": "spark", "spark": spark})
    lab.build(has_data_tests=False)
    other.build(has_data_tests=False)
    return other


def built_further(lab: Any, other: Any, *, day: int) -> None:
    """Publish two such builds; then bring both another day, and what a live source sees of an earlier one, and build.

    What the source sees has other scores, was edited or is gone, so each thing that a partial build deletes is there.
    """
    for one in (lab, other):
        one.publish()
        chance = random.Random(day)  # noqa: S311  (the same for both)
        for community in ("tea", "mate"):
            one.bring(one.archive(day, written(chance, day, community), community=community))
        seen_at = NOON + timedelta(days=day)
        again = [
            row | {"score": 40, "body": body, "observed_at": seen_at, "edited_at": seen_at}
            for row, body in zip(written(random.Random(18), 0, "mate"), (*TEXTS, *TEXTS), strict=False)  # noqa: S311
        ]
        one.bring(one.live(day + 1, again, community="mate", members_n=50))
        # Small files, as all are here, would be written anew.
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(SparkEngine, "small_file_bytes", 0)
            report = one.build(has_data_tests=False)
        assert report.contribution_dates is not None, "everything was built"


def tables_taken_over(home: Home) -> set[str]:
    """Tables of which the newest build's folder has files with rows of the build before it."""
    newest = max(
        build_folders.builds_folder(home).iterdir(), key=lambda folder: (folder / "files.json").stat().st_mtime_ns
    )
    files = [file for file in newest.rglob("*.parquet") if file.stat().st_nlink > 1]
    return {file.parent.name for file in files if pq.read_metadata(file).num_rows}


def assert_same_tables(lab: Any, other: Any, *, least_n: int, least_filled_n: int) -> None:
    """Every stored table of two builds: the same rows, doubles to 1e-9, and for marts the same types.

    Args:
        least_n: tables that there are at least.
        least_filled_n: those of them that have rows.
    """
    expected, found = (_tables_of(builds.working_file(one.home)) for one in (lab, other))
    assert found.keys() == expected.keys()
    assert len(expected) >= least_n
    filled_n = sum(bool(rows) for _, rows in expected.values())
    assert filled_n >= least_filled_n, "most tables are empty: that they are equal would say little"
    assert {
        name: [*map(str, different)]
        for name in expected
        if (different := _differences(expected[name][1], found[name][1])[:3])
    } == {}
    for name, (columns, _) in expected.items():
        given = found[name][0]
        if name.startswith("marts."):
            assert given == columns, name
        else:
            assert [column for column, _ in given] == [column for column, _ in columns], name


def _tables_of(database: Path) -> dict[str, tuple[list[tuple[str, str]], list[tuple[Any, ...]]]]:
    """Columns and rows of all that is stored."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema in ('marts', 'intermediate') or table_name = 'int_observations' order by all"
        ).fetchall()
        found = {}
        for (name,) in names:
            described = connection.execute(f"describe {name}").fetchall()
            columns = [(str(column), str(kind)) for column, kind, *_ in described]
            found[name] = (columns, connection.execute(f"from {name}").fetchall())
    return found


def _differences(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    """Rows that differ, in the order of what they show."""
    if len(ours) != len(theirs):
        return [(len(ours), len(theirs))]
    pairs = zip(*(sorted(rows, key=lambda row: [*map(_shown, row)]) for rows in (ours, theirs)), strict=True)
    return [(one, other) for one, other in pairs if not all(map(_is_same, one, other))]


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)
