"""A world of listening taken to its marts in one process, by the product's own writers and steps, without its loads.

A load of each community and day would be 4,500 loads, of which the marts see nothing but rows. So raw is written as it
lies after compaction, a file for each day, coverage and outcomes say that all was looked at, and from there on each
step is the product's: score, work_texts, dbt over the models that are asked for.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from pulse.config.settings import Settings, load_settings
from pulse.core import keys
from pulse.core.contract import projection
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import compacted, quality, raw
from pulse.platforms.names import author_key, author_key_sql, canonical_name_sql
from pulse.sandbox.listening_plan import BRAND, ListeningPlan
from pulse.sandbox.listening_world import TEAM_ACCOUNT, ListeningWorld, brands_config, make_listening_world
from pulse.sandbox.world_model import Community, Contribution, author_at, body_at, title_at
from pulse.sandbox.world_record import record
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds
from pulse.words.discovery import discover
from support import coverage_rows, write_coverage

LOAD_ID = "reddit_archive-world"
SEEN_AFTER = timedelta(days=30)
_GONE = "('[removed]', '[deleted]', '[deleted by user]')"


@dataclass(frozen=True)
class Listened:
    """A world and what the marts say of it.

    Attributes:
        followed: its communities that are followed, in order.
    """

    world: ListeningWorld
    home: Home
    followed: tuple[Community, ...]
    cpu_s: dict[str, float]

    def name(self, place: int) -> str:
        """How marts call a community."""
        return self.world.communities[place].name.lower()

    def key(self, name: str) -> str:
        """How marts call an account."""
        return author_key(keys.author_key_bytes(self.home), "reddit", name)

    def ask(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """What the built file answers; marts stand in the schema ``marts``."""
        with duckdb.connect(str(builds.working_file(self.home)), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(sql, parameters).fetchall()


def listening_of(world: ListeningWorld) -> dict[str, Any]:
    """The part of the config: brands, offers and launches where they are planted.

    Without plants there is one launch in one community and one offer in another: where so many are looked at that one
    of twenty is clear by chance, it is so in one of twenty worlds.
    """
    plan = world.plan

    def named(place: int) -> str:
        return f"reddit/{world.communities[place].name}"

    is_planted = plan.plants is not None
    offers = [
        {"name": name, "brand": BRAND, "kind": "coupon", "codes": [code], "communities": [named(place)],
         "from": plan.week_day(2 if is_planted else 14), "to": plan.week_day(22)}
        for name, code, place in (("Tea week", "TEA10", 7), ("Tea days", "TEA20", 8))[: 2 if is_planted else 1]
    ]  # fmt: skip
    return {
        "brands": brands_config(),
        "own_communities": [named(place) for place in ((9, 10) if is_planted else (9,))],
        "offers": offers,
        "launches": [
            {"name": "Cold brew", "brand": BRAND, "launch_date": plan.week_day(18), "words": ["cold brew jug"]}
        ],
        # As common in each community as in any other.
        "interests": [{"name": "photos", "words": ["album", "photos"]}, {"name": "winter", "words": ["dark"]}],
    }


def listen_to(root: Path, plan: ListeningPlan, models: Sequence[str], *, listening: Any = listening_of) -> Listened:
    """Make the world of a plan and build models of it, with all that they rest on."""
    cpu_s: dict[str, float] = {}
    began = time.process_time()

    def mark(step: str) -> None:
        cpu_s[step] = round(time.process_time() - began - sum(cpu_s.values()), 1)

    world = make_listening_world(plan)
    unfollowed = None if plan.plants is None else plan.plants.unfollowed
    followed = tuple(one for place, one in enumerate(world.communities) if place != unfollowed)
    home = Home(root / "home").create()
    # The config names the file that loads would be of; what nobody follows is read from a file of its own.
    (root / "world.ndjson").touch()
    settings = _settings(root, home, world, followed, listening)
    mark("world")
    _write_raw(home, plan, followed, world.contributions)
    mark("raw")
    pipeline = Pipeline(home, settings, lambda: datetime(2026, 9, 1, tzinfo=UTC))
    pipeline.score([])
    mark("score")
    pipeline.work_texts()
    if unfollowed is not None:
        records = [json.dumps(record(one, one.created_at + SEEN_AFTER)) for one in world.of([unfollowed])]
        file = root / "unfollowed.ndjson"
        file.write_text("\n".join(records), encoding="utf-8")
        discover(home, [file])
    mark("texts")
    build(home, settings, models)
    mark("build")
    return Listened(world, home, followed, cpu_s)


def build(home: Home, settings: Settings, models: Iterable[str]) -> None:
    """Build models, without the tests of data."""
    select = " ".join(f"+{model},resource_type:model" for model in models)
    report = builds.build(home, settings=settings, is_full_refresh=True, select=select)
    assert report.is_ok, [(node.label, node.message) for node in report.nodes if not node.is_ok]


def _settings(
    root: Path, home: Home, world: ListeningWorld, followed: Sequence[Community], listening: Any
) -> Settings:  # fmt: skip
    covers = {"from": world.plan.first_day, "to": world.plan.last_day}
    communities = [
        {"platform": "reddit", "name": one.name, "source": "reddit_archive", "path": "world.ndjson",
         "team_accounts": [TEAM_ACCOUNT], "covers": covers}
        for one in followed
    ]  # fmt: skip
    file = root / "pulse.yml"
    file.write_text(yaml.safe_dump({"communities": communities, "listening": listening(world)}), encoding="utf-8")
    return load_settings(file, home=home)


def _write_raw(
    home: Home, plan: ListeningPlan, followed: Sequence[Community], contributions: Iterable[Contribution]
) -> None:
    names = {one.name for one in followed}
    rows = [_row(one) for one in contributions if one.community.name in names]
    fields = {name: [row[name] for row in rows] for name in rows[0]}
    key = keys.author_key_bytes(home)
    nothing = (
        "edited_at", "url", "permalink", "award_count", "view_count", "share_count", "reactions", "extra", "channel",
        "is_accepted_answer", "reply_count", "upvote_ratio",
    )  # fmt: skip
    overrides = dict.fromkeys(nothing, "null") | {
        "platform": "'reddit'",
        "community": canonical_name_sql("reddit", "community"),
        "title": f"nullif(case when title not in {_GONE} then title end, '')",
        "body": f"nullif(case when body not in {_GONE} then body end, '')",
        "tags": "[]::varchar[]",
        "author_key": author_key_sql(key, "reddit", "author"),
        "source": "'reddit_archive'",
        "load_id": f"'{LOAD_ID}'",
    }
    quality.ensure_tables(home)
    raw.ensure_empty_file(home)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("given", pa.table(fields))
        connection.execute(f"create table contract_rows as select {projection(overrides=overrides)} from given")
        for (day,) in connection.execute("select distinct created_at::date from contract_rows order by all").fetchall():
            file = compacted.file_of(home.raw / compacted.CONTRIBUTIONS.name, "reddit", day)
            file.parent.mkdir(parents=True)
            of_day = f"from contract_rows where created_at::date = '{day}' order by {compacted.CONTRIBUTIONS.order_by}"
            connection.execute(f"copy ({of_day}) to '{file}' (format parquet, compression zstd)")
        counts = Counter(dict(connection.execute(
            "select (community, created_at::date), count(*) from contract_rows group by 1"
        ).fetchall()))  # fmt: skip
    window = Window(plan.first_day, plan.last_day)
    recorded_at = datetime(2026, 9, 1, tzinfo=UTC)
    outcomes = []
    for name in sorted(name.lower() for name in names):
        write_coverage(home, f"{LOAD_ID}-{name}", coverage_rows(window, community=name))
        outcomes += [
            {"run_id": "world", "load_id": LOAD_ID, "platform": "reddit", "entry_id": f"reddit/{name}",
             "community": name, "source": "reddit_archive", "day": day,
             "outcome": "arrived" if counts[name, day] else "empty", "contributions_n": counts[name, day],
             "quarantined_rows_n": 0, "skipped_n": 0, "api_calls_n": 0, "reason": None, "recorded_at": recorded_at}
            for day in window.days()
        ]  # fmt: skip
    quality.append(home, quality.LOAD_OUTCOMES, outcomes, stem="world")


def _row(one: Contribution) -> dict[str, Any]:
    seen_at = one.created_at + SEEN_AFTER
    author = author_at(one, seen_at)
    return {
        "community": one.community.name,
        "contribution_id": one.full_id,
        "kind": one.kind,
        "thread_id": one.thread_id,
        "parent_id": one.parent_id,
        "created_at": one.created_at,
        "observed_at": seen_at,
        "title": title_at(one, seen_at),
        "body": body_at(one, seen_at),
        "author": author,
        "author_role": one.role if author is not None else "member",
        "score": one.final_score,
        "removal": "none" if one.removal is None else one.removal.by,
    }
