"""Spark builds what DuckDB builds: all tables of a small home with what engines could disagree about, in another zone.

Needs `requirements/spark.txt` and Java; `make test-spark` installs both.
"""

import math
import os
import random
import select
import shutil
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.config.spark import Spark
from pulse.core.errors import ConfigError
from pulse.core.files import sql_text
from pulse.reading import query
from pulse.warehouse import build_folders, builds
from pulse.warehouse.engines import spark as spark_engine
from pulse.warehouse.engines.spark import SparkEngine
from support import NOON, contribution

pytestmark = [pytest.mark.integration, pytest.mark.spark]

# Small data: Java's second compiler and plans made anew on the way would take longer than all queries. The zone has no
# part in what comes out.
SETTINGS = Spark(
    master="local[2]",
    settings={
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.sql.session.timeZone": "Europe/Berlin",
        "spark.sql.shuffle.partitions": 1,
        "spark.sql.adaptive.enabled": False,
    },
)
# The last is no number in hexadecimal digits, as none of ours would be.
AUTHORS = [letter * 64 for letter in "abcdefg"]
# What quotes, escapes, patterns and encodings could stumble over.
TEXTS = (
    "I love this tea", "I hate this \\ tea\\", "It's a 'tea' \"pot\"", "-- ; drop table x; /* {{ 1 }} {% raw %}",
    "Große Ägäis Türkçe İı ß", "\U0001f375 tea\tand\nlines\r\n", "100%_of\\n it", "How do I brew \\d+ (oolong)?", "?!",
    "I wish there was a smaller pot", "\u202eright to left\u200b",
)  # fmt: skip
DAYS = range(0, 42, 3)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
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
    return rows


class Built:
    """The same home built by both engines."""

    def __init__(self, on_duckdb: Any, on_spark: Any) -> None:
        self.on_duckdb = on_duckdb
        self.on_spark = on_spark


@pytest.fixture(scope="module")
def built(installed: None, shared_lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Built:
    chance = random.Random(18)  # noqa: S311  (made-up rows)
    for community in ("tea", "mate"):
        for day in DAYS:
            shared_lab.bring(shared_lab.archive(day, written(chance, day, community), community=community))
    other = type(shared_lab)(tmp_path_factory.mktemp("spark") / shared_lab.home.root.name)
    shutil.copytree(shared_lab.home.root, other.home.root, dirs_exist_ok=True)
    other.settings = other.settings.model_copy(update={"engine": "spark", "spark": SETTINGS})
    shared_lab.build(has_data_tests=False)
    other.build(has_data_tests=False)
    return Built(shared_lab, other)


def tables_of(database: Path) -> dict[str, tuple[list[tuple[str, str]], list[tuple[Any, ...]]]]:
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


def shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def differences(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    """Rows that differ, in the order of what they show."""
    if len(ours) != len(theirs):
        return [(len(ours), len(theirs))]
    pairs = zip(*(sorted(rows, key=lambda row: [*map(shown, row)]) for rows in (ours, theirs)), strict=True)
    return [(one, other) for one, other in pairs if not all(map(is_same, one, other))]


def test_tables__are_those_of_duckdb(built: Built):
    expected = tables_of(builds.working_file(built.on_duckdb.home))
    found = tables_of(builds.working_file(built.on_spark.home))
    assert found.keys() == expected.keys()
    assert len(expected) > 90
    filled = [name for name, (_, rows) in expected.items() if rows]
    assert len(filled) > 50, "most tables are empty: that they are equal would say little"
    assert {name: [*map(str, difference)] for name in expected if (
        difference := differences(expected[name][1], found[name][1])[:3]
    )} == {}  # fmt: skip
    for name, (columns, _) in expected.items():
        types = columns if name.startswith("marts.") else [(column, "") for column, _ in columns]
        given = found[name][0] if name.startswith("marts.") else [(column, "") for column, _ in found[name][0]]
        assert given == types, name


def test_publish__shows_views_that_readers_can_read_and_nothing_else_of_the_build(built: Built):
    home = built.on_spark.home
    state = built.on_spark.publish()
    assert state.file.stat().st_size < 10_000_000
    assert posts_n(home) > 50
    with duckdb.connect(str(state.file), read_only=True) as published:
        said = "select comment from duckdb_views() where view_name = 'fct_contributions'"
        assert "one row per" in str(published.execute(said).fetchone()).lower()
    (folder,) = build_folders.builds_folder(home).iterdir()
    with pytest.raises(duckdb.PermissionException):
        query.connect(home).execute(f"from read_parquet({sql_text(folder / 'staging/int_observations/*.parquet')})")
    # Nothing changed since: nothing is built.
    assert builds.build(home, settings=built.on_spark.settings).is_nothing_new


def test_build__killed_in_the_middle_leaves_readers_what_they_had(built: Built, tmp_path: Path):
    home = built.on_spark.home
    before = builds.published_state(home)
    assert before is not None
    folders = {*build_folders.builds_folder(home).iterdir()}
    killed = built.on_spark.run(f"""
from logging.handlers import RotatingFileHandler
write = RotatingFileHandler.handle
def handle(self, record):
    if "OK" in record.getMessage() and "int_contributions_latest" in record.getMessage():
        from pyspark import SparkContext
        pathlib.Path({str(tmp_path / "java")!r}).write_text(str(SparkContext._gateway.proc.pid))
        die()
    write(self, record)
RotatingFileHandler.handle = handle
builds.build(home, settings=settings, is_full_refresh=True)
""")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert has_ended(int((tmp_path / "java").read_text()))
    assert builds.published_state(home) == before
    assert posts_n(home) > 50
    (left,) = {*build_folders.builds_folder(home).iterdir()} - folders
    assert [*(left / "intermediate" / "int_contributions_latest").glob("*.parquet")]
    # What the killed build left goes with the next, and what readers saw with the next publish; on either engine.
    built.on_spark.settings = built.on_spark.settings.model_copy(update={"engine": "duckdb"})
    built.on_spark.build(has_data_tests=False)
    assert {*build_folders.builds_folder(home).iterdir()} == folders
    built.on_spark.publish(keep_states_n=1)
    assert {*build_folders.builds_folder(home).iterdir()} == set()
    assert posts_n(home) > 50


def posts_n(home: Any) -> int:
    ((rows_n,),) = query.connect(home).execute("select count(*) from marts.fct_contributions").fetchall()
    return int(rows_n)


def has_ended(pid: int, *, most_s: int = 60) -> bool:
    """Whether a process ends; it is waited for."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(most_s * 1000))
    finally:
        os.close(descriptor)


@pytest.mark.slow
def test_unit_tests__all_pass(tmp_path: Path, unit_tests_of: Any):
    results = unit_tests_of(SparkEngine(SETTINGS, tmp_path / "build"))
    assert [f"{result.label}: {result.message}" for result in results if not result.is_ok] == []
    assert sum(result.resource_type == "unit_test" for result in results) > 200
