"""Builders that several tests use: contract rows and sealed loads made by hand."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import coverage
from pulse.core.contract import (
    COLUMN_NAMES,
    CONTRACT_VERSION,
    CommunityObservation,
    Proof,
    coverage_duckdb_columns,
    duckdb_columns,
)
from pulse.core.files import read_json, write_json
from pulse.core.home import Home, path_value
from pulse.core.progress import Meter
from pulse.core.window import Window
from pulse.lake import landing
from pulse.lake.landing import BAD_LINES_COLUMNS, Load, LoadManifest
from pulse.platforms.registry import platform_named

if TYPE_CHECKING:
    from pulse.sandbox.world import World
    from pulse.steps.pipeline import Pipeline

NOON = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)


def contribution(contribution_id: str = "t3_a", **changes: Any) -> dict[str, Any]:
    """One good contract row; a comment if its id begins with ``t1_``."""
    is_post = contribution_id.startswith("t3_")
    row: dict[str, Any] = dict.fromkeys(COLUMN_NAMES)
    row |= {
        "platform": "reddit",
        "community": "tea",
        "contribution_id": contribution_id,
        "kind": "post" if is_post else "comment",
        "thread_id": contribution_id if is_post else "t3_a",
        "parent_id": None if is_post else "t3_a",
        "created_at": NOON,
        "title": "A title" if is_post else None,
        "body": "Some text",
        "tags": [],
        "author_key": "a" * 64,
        "author_role": "member",
        "score": 1,
        "removal": "none",
        "source": "reddit_archive",
        "load_id": "load",
        "contract_version": CONTRACT_VERSION,
    }
    row |= changes
    row.setdefault("observed_at", None)
    row["observed_at"] = row["observed_at"] or row["created_at"] + timedelta(days=30)
    return row


def community_observation(**changes: Any) -> CommunityObservation:
    """One good observation of a community, by a live source."""
    facts: dict[str, Any] = {
        "platform": "reddit", "community": "tea", "observed_at": NOON + timedelta(days=1), "members_n": 5_000,
        "active_n": 42, "source": "reddit_api", "load_id": "load",
    }  # fmt: skip
    return CommunityObservation(**(facts | changes))


def write_contract_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as one Parquet file with the contract's exact types, in order; the text hash is derived."""
    hashed = ({**row, "text_sha256": _text_sha256(row["title"], row["body"])} for row in rows)
    order = ("created_at", "contribution_id", "observed_at")
    kept = sorted(hashed, key=lambda row: [(row[name] is None, row[name]) for name in order])
    write_typed(path, duckdb_columns(), kept)


def _text_sha256(title: str | None, body: str | None) -> str | None:
    text = f"{title or ''}\n{body or ''}"
    return None if text == "\n" else hashlib.sha256(text.encode()).hexdigest()


def write_typed(path: Path, definitions: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as one Parquet file whose columns have DuckDB's types ``definitions``.

    Raises:
        KeyError: a row lacks a column.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = _arrow_schema(definitions)
    kept = list(rows)
    columns = {
        field.name: [_as_pairs(row[field.name]) if pa.types.is_map(field.type) else row[field.name] for row in kept]
        for field in schema
    }
    pq.write_table(pa.table(columns, schema=schema), path)


def _as_pairs(value: Mapping[Any, Any] | None) -> list[tuple[Any, Any]] | None:
    return None if value is None else list(value.items())


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """One for all rows of a process: to open one takes longer than to write them."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_external_file_cache = false")  # tests write files again and again
    return connection


def ask(query: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
    """What DuckDB says of files, in UTC, to fetch before the next question; to open a database takes 10 ms of CPU."""
    return _duckdb().execute(query, parameters)


@cache
def _arrow_schema(definitions: str) -> pa.Schema:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table rows ({definitions})")
        return connection.table("rows").to_arrow_table().schema


def coverage_rows(
    window: Window,
    *,
    community: str = "tea",
    kinds: Iterable[str] = ("post", "comment"),
    hours: tuple[float, float] = (0, 24),
    **changes: Any,
) -> list[dict[str, Any]]:
    """Coverage of every day of the window, one row per kind: the whole day, or the hours of it that are given."""
    rows = []
    for day in window.days():
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for kind in kinds:
            facts: dict[str, Any] = {
                "platform": "reddit", "community": community, "day": day, "kind": kind,
                "looked_from": midnight + timedelta(hours=hours[0]), "looked_to": midnight + timedelta(hours=hours[1]),
                "proof": "spanned", "counted_n": None, "except_communities": [], "source": "reddit_archive",
                "load_id": "load", "contract_version": CONTRACT_VERSION,
            }  # fmt: skip
            rows.append(facts | changes)
    return rows


def write_coverage(home: Home, load_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Bring coverage into raw, one file per community, and note its days as such to build again."""
    by_community: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        by_community.setdefault((row["platform"], row["community"]), []).append(row)
    for (platform, community), of_community in by_community.items():
        folder = home.raw / "coverage" / f"platform={path_value(platform)}" / f"community={path_value(community)}"
        rows_of_load = [{**row, "load_id": load_id} for row in of_community]
        write_typed(folder / f"{load_id}.parquet", coverage_duckdb_columns(), rows_of_load)
    note = home.warehouse / "pending" / f"{load_id}.json"
    noted = read_json(note)["contribution_dates"] if note.exists() else []
    days = {*noted, *(row["day"].isoformat() for of_community in by_community.values() for row in of_community)}
    write_json(note, {"load_id": load_id, "contribution_dates": sorted(days)})


def write_bad_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of lines that gave no row; columns that a line lacks are NULL."""
    names = _arrow_schema(BAD_LINES_COLUMNS).names
    write_typed(path, BAD_LINES_COLUMNS, [dict.fromkeys(names) | dict(line) for line in lines])


def write_whole_coverage(folder: Path, facts: Mapping[str, Any]) -> int:
    """Say in a load's draft that all days of its window but the incomplete ones were looked at whole, and count it."""
    whose = (facts["platform"], facts["community"])
    others = tuple(facts.get("named_elsewhere", ()))
    proof: Proof = "spanned" if facts["is_replayable"] else "listed"
    looks = [
        coverage.nothing(*whose, day, kind, except_communities=others)
        if day in facts.get("incomplete_days", ())
        else coverage.whole_day(*whose, day, kind, proof, except_communities=others)
        for day in Window(facts["first_day"], facts["last_day"]).days()
        for kind in platform_named(str(facts["platform"])).kinds
    ]
    return coverage.write(folder / coverage.COVERAGE_FILE, looks, source=facts["source"], load_id=str(facts["load_id"]))


def sealed_load(
    home: Home,
    rows: Iterable[Mapping[str, Any]],
    *,
    load_id: str = "reddit_archive-reddit-tea-x",
    community: str = "tea",
    window: Window | None = None,
    bad_lines: Iterable[Mapping[str, Any]] = (),
    communities: Iterable[CommunityObservation] = (),
    **manifest: Any,
) -> Load:
    """Seal a load of these rows in landing, as a source would; the ``load_id`` of rows and observations is set."""
    rows = [{**row, "load_id": load_id} for row in rows]
    window = window or Window.one_day(NOON.date())
    folder = landing.draft(home, load_id)
    by_day: dict[date, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["created_at"].date(), []).append(row)
    for day, of_day in by_day.items():
        write_contract_rows(folder / "rows" / f"day={day}.parquet", of_day)
    bad = list(bad_lines)
    write_bad_lines(folder / "bad_lines.parquet", bad)
    seen = [replace(one, load_id=load_id) for one in communities]
    facts: dict[str, Any] = {
        "load_id": load_id,
        "platform": "reddit",
        "entry_id": f"reddit/{community}",
        "community": community,
        "source": "reddit_archive",
        "is_replayable": True,
        "first_day": window.first_day,
        "last_day": window.last_day,
        "rows_by_day": {day: len(of_day) for day, of_day in by_day.items()},
        "community_observations_n": landing.write_community_observations(folder, seen),
        "bad_lines_n": len(bad),
        "sealed_at": NOON + timedelta(days=31),
    } | manifest
    if "coverage_rows_n" not in facts:
        facts["coverage_rows_n"] = write_whole_coverage(folder, facts)
    return landing.seal(home, folder, LoadManifest(**facts))


@cache
def world_of_seed_7(days_n: int = 92) -> "World":
    """The demo's world or its first days, made once per process; nobody changes it."""
    from pulse.sandbox.world import make_world

    return make_world(seed=7, days_n=days_n)


def take(pipeline: "Pipeline", window: Window) -> None:
    """Every step of a run over the window, without Airflow; every load must pass."""
    entry_ids = pipeline.plan(window)
    load_ids = [load_id for entry_id in entry_ids for load_id in pipeline.extract(entry_id, window, run_id=str(window))]
    verdicts = pipeline.gate_loads(window, entry_ids, load_ids, run_id=str(window))
    assert {verdict["outcome"] for verdict in verdicts} == {"passed"}, verdicts
    pipeline.promote(verdicts, run_id=str(window))
    pipeline.score(verdicts)
    pipeline.work_texts()
    pipeline.require_built(pipeline.build())
    pipeline.publish(window, verdicts, pipeline.gate_marts(run_id=str(window)))


@contextmanager
def only_models(*selectors: str) -> Iterator[None]:
    """Builds of this process make these models alone, without dbt's data tests.

    For tests of some marts, which would build a hundred others beside them. Gate 2 looks at all marts, so it lets a
    build pass unseen meanwhile.
    """
    from pulse.warehouse import builds

    def let_pass(pipeline: "Pipeline", *, run_id: str) -> dict[str, Any]:
        return {"build_id": builds.built(pipeline.home).build_id, "rules_n": 0, "warnings_n": 0}

    with (
        patch.object(builds, "BUILD", ("run", "--select", *selectors)),
        patch("pulse.steps.pipeline.Pipeline.gate_marts", let_pass),
    ):
        yield


def pulse(*arguments: str, stdin: str | None = None) -> Any:
    """What ``pulse`` with these arguments does, in this process."""
    from pulse.cli.app import app

    return _runner().invoke(app, list(arguments), input=stdin)


@cache
def _runner() -> Any:
    """Makes the commands once for a process: it would do so for each call, which takes longer than most of them."""
    from typer import testing

    testing._get_command = cache(testing._get_command)
    return testing.CliRunner()


class Recorder:
    """Watches steps and keeps each: what, unit, how many there are, how many are done, and whether it has ended."""

    def __init__(self) -> None:
        self.steps: list[list[object]] = []

    @contextmanager
    def step(self, what: str, unit: str, total_n: int | None) -> Iterator[Meter]:
        """See :class:`pulse.core.progress.Watcher`."""
        told: list[object] = [what, unit, total_n, 0, False]
        self.steps.append(told)

        class Own:
            def advance(self, n: int = 1) -> None:
                told[3] += n  # type: ignore[operator]

            def expect(self, total_n: int) -> None:
                told[2] = total_n

        try:
            yield Own()
        finally:
            told[4] = True


class Watch:
    """A clock that only moves when somebody sleeps, or when it is told to.

    Attributes:
        slept: seconds of each sleep, in order.
    """

    def __init__(self, start_s: float) -> None:
        self._start_s = self.now_s = start_s
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, tz=UTC)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def at(self, seconds: float) -> None:
        """Show so many seconds after the start."""
        self.now_s = self._start_s + seconds
