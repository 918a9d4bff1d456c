"""Faults seeded into otherwise good loads, clean loads beside them, and what gate 1 makes of either.

The good loads are the made-up world's, mapped as the sources map them, with the days before and after recorded, so that
each weekday has its band of usual volume. Nothing here is drawn by chance: the same faults hit the same rows each time.

``docs/quality.md`` is this module's output and nothing else: ``python tests/faults/mutations.py`` writes it.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.contract import COLUMNS, OBSERVABLE, CommunityObservation, text_sha256_sql
from pulse.core.files import sql_text
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.gates import LoadVerdict, check_loads
from pulse.gates.mart_rules import MART_RULES
from pulse.gates.rules import LOAD_RULES, ROW_RULES
from pulse.lake import landing, quality
from pulse.lake.landing import BAD_LINES_COLUMNS, FileAccount, Load, LoadManifest
from pulse.sandbox.world import World, make_world
from pulse.sandbox.world_archive import write_archives
from pulse.sandbox.world_model import is_visible_at, members_at
from pulse.sandbox.world_record import record
from pulse.sources.lines.archive import extract
from pulse.sources.reddit.entry import RedditArchiveEntry
from pulse.sources.reddit.mapping import RedditMapping
from support import write_whole_coverage

NOW = datetime(2026, 10, 15, tzinfo=UTC)
KEY = b"key-for-tests-only"
LARGE, MIDDLE, QUIET, FADING = "emberwelltea", "trail_feet_ul", "shutterattic", "inkandnib"
TUESDAY = date(2026, 8, 11)
LIVE_DAYS = tuple(TUESDAY + timedelta(days=number) for number in range(6))
# What a daily run looks at again, beside what is new: days of creation before its own.
_LOOK_AGAIN_DAYS = (3, 7, 30)

# What archives of Reddit and its API show both.
OBSERVED = tuple(sorted(OBSERVABLE - {"channel", "is_accepted_answer", "reactions", "award_count", "view_count"}))


@dataclass(frozen=True)
class Base:
    """A good load to start from: a community and days, from an archive, or live with looks again."""

    community: str
    first_day: date
    last_day: date
    is_live: bool = False

    def __str__(self) -> str:
        days_n = (self.last_day - self.first_day).days + 1
        return f"{'live' if self.is_live else 'archive'}, {'a day' if days_n == 1 else f'{days_n} days'}"


DAY = Base(LARGE, TUESDAY, TUESDAY)
WEEK = Base(LARGE, TUESDAY, TUESDAY + timedelta(days=6))
LIVE = Base(LARGE, LIVE_DAYS[1], LIVE_DAYS[1], is_live=True)
MONDAY = Base(LARGE, TUESDAY + timedelta(days=6), TUESDAY + timedelta(days=6))
DAY_MIDDLE = Base(MIDDLE, TUESDAY, TUESDAY)
LIVE_MIDDLE = Base(MIDDLE, LIVE_DAYS[2], LIVE_DAYS[2], is_live=True)
DAY_QUIET = Base(QUIET, TUESDAY, TUESDAY)


@dataclass(frozen=True)
class Fault:
    """One way in which a good load was spoiled.

    Attributes:
        done: what was done to it.
        rows: DuckDB SQL for what arrives instead of ``rows`` (the good load, with ``number`` in order of time and
            ``partition_day``); may name ``others`` (other communities' same days), ``before`` (the day before),
            ``cached`` (what the live run before got), ``ever`` (the community's whole archive). The text hash is
            derived again unless ``is_hash_kept``.
        file: SQL over ``file``, for spoiling the first file after it was sealed.
        account: what is added to the numbers of a right account of the load's file; None for a load without accounts.
        spoiled_n: how many rows are bad, where the others are good; None for a load that must be stopped as a whole.
        why_not: why the gate lets it pass; None where it must not.
    """

    name: str
    done: str
    base: Base
    rows: str = "from rows"
    file: str | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    communities: Sequence[Mapping[str, Any]] = ({},)
    bad_lines_n: int = 0
    account: Mapping[str, int] | None = None
    is_hash_kept: bool = False
    spoiled_n: int | None = None
    why_not: str | None = None


def _replaced(changes: str, where: str = "true") -> str:
    """All rows, some of their columns replaced where a condition holds."""
    columns = [part.rsplit(" as ", 1) for part in changes.split("; ")]
    replaced = ", ".join(f"case when {where} then {value} else {name} end as {name}" for value, name in columns)
    return f"select * replace ({replaced}) from rows"


_FLOOD = """
    from rows union all
    select * replace ('t1_z' || number as contribution_id, 'comment' as kind, sha256('one') as author_key,
        null as title, coalesce(title, body) as body, coalesce(parent_id, contribution_id) as parent_id,
        'member' as author_role, created_at + interval 7 seconds as created_at) from rows where removal = 'none'
    union all
    select * replace ('t1_y' || number as contribution_id, 'comment' as kind, sha256('one') as author_key,
        null as title, coalesce(title, body) as body, coalesce(parent_id, contribution_id) as parent_id,
        'member' as author_role, created_at + interval 9 seconds as created_at) from rows where removal = 'none'
"""
_SHIFTED = """
    select * replace (
        created_at + interval 5 hours as created_at,
        edited_at + interval 5 hours as edited_at,
        cast(timezone('UTC', created_at + interval 5 hours) as date) as partition_day
    ) from ever
    where cast(timezone('UTC', created_at + interval 5 hours) as date) = '2026-08-11'
"""

FAULTS: tuple[tuple[str, tuple[Fault, ...]], ...] = (
    (
        "Rows that came twice, or not at all",
        (
            Fault("delivered_twice", "the day's file twice in one load", DAY, "from rows union all from rows"),
            Fault("delivered_twice_live", "the same, live", LIVE, "from rows union all from rows"),
            Fault("joined_wrongly", "a join made three rows of each", DAY_MIDDLE, "select rows.* from rows, range(3)"),
            Fault("half_lost_of_a_week", "every second row lost", WEEK, "from rows where number % 2 = 0"),
            Fault("half_lost_of_a_day", "every second row of a day lost", MONDAY, "from rows where number % 2 = 0"),
            Fault("two_thirds_lost", "two of three rows lost on a weekday of ups and downs", DAY,
                  "from rows where number % 3 = 0"),
            Fault("half_lost", "every second row of a community of 40 a day lost", DAY_QUIET,
                  "from rows where number % 2 = 0",
                  why_not="half of so few is still within chance of what the weekday brings"),
            Fault("first_page_only", "only the newest 25 rows came, called a whole day", LIVE,
                  "from rows order by created_at desc limit 25"),
            Fault("second_half_lost", "each day cut off at noon", WEEK,
                  "from rows where hour(timezone('UTC', created_at)) < 12"),
            Fault("comments_lost", "the file of comments missing", DAY, "from rows where kind = 'post'"),
            Fault("lost_after_sealing", "a file cut after the load was sealed", DAY, file="from file limit 60"),
            Fault("added_after_sealing", "a row slipped in after the load was sealed", DAY_MIDDLE,
                  file="from file union all select * replace ('t1_zzz' as contribution_id) from file where kind = "
                  "'comment' qualify row_number() over () = 1"),
            Fault("lines_lost_on_the_way", "fifty lines of the file in no account", DAY, account={"lines_n": 50}),
            Fault("coverage_lost", "what was looked at is not in the load", DAY, manifest={"coverage_rows_n": 2}),
            Fault("nothing_without_proof", "no row, and no proof that there was none", DAY, "from rows where false",
                  manifest={"incomplete_days": (TUESDAY,)}),
        ),
    ),
    (
        "Times",
        (
            Fault("zone_shifted_west", "times eight hours early", DAY,
                  _replaced("created_at - interval 8 hours as created_at")),
            Fault("zone_shifted_east", "times nine hours late", LIVE,
                  _replaced("created_at + interval 9 hours as created_at")),
            Fault("zone_shifted_at_the_source", "times five hours late before the day was cut out", DAY, _SHIFTED,
                  why_not="each row lies in the day it claims, and as many come as always; only another source could "
                  "tell"),
            Fault("a_year_ahead", "times a year in the future", DAY,
                  _replaced("created_at + interval 1 year as created_at")),
            Fault("milliseconds_as_seconds", "milliseconds read as seconds", DAY_MIDDLE,
                  _replaced("to_timestamp(epoch(created_at) * 1000) as created_at")),
            Fault("seconds_as_milliseconds", "seconds read as milliseconds", LIVE,
                  _replaced("to_timestamp(epoch(created_at) / 1000) as created_at")),
            Fault("days_only", "time of day lost", DAY, _replaced("date_trunc('day', created_at) as created_at")),
            Fault("seen_as_created", "time of looking taken for that of writing", LIVE_MIDDLE,
                  _replaced("observed_at as created_at")),
            Fault("times_swapped", "created and observed swapped", DAY,
                  _replaced("observed_at as created_at; created_at as observed_at")),
            Fault("never_seen", "time of looking lost", DAY, _replaced("null as observed_at")),
            Fault("seen_tomorrow", "time of looking in the future", LIVE,
                  _replaced("observed_at + interval 100 days as observed_at")),
            Fault("copy_in_another_zone", "the file and a copy of it an hour early", DAY,
                  "from rows union all select * replace (created_at - interval 1 hour as created_at) from rows "
                  "where hour(timezone('UTC', created_at)) >= 1"),
            Fault("edited_before_written", "edits before the writing", DAY,
                  _replaced("created_at - interval 2 hours as edited_at")),
            Fault("another_month", "the file of another month", DAY,
                  "select * replace (date '2026-08-11' as partition_day) from ever "
                  "where cast(timezone('UTC', created_at) as date) = '2026-07-14'"),
            Fault("day_before_again", "the day before's file again", DAY, "from before"),
            Fault("cached_answers", "the answers to the day before's run again", LIVE, "from cached"),
        ),
    ),
    (
        "Whose and which",
        (
            Fault("another_community", "another community's rows", DAY,
                  "from others where community = 'trail_feet_ul'"),
            Fault("a_fifth_of_another", "a fifth of the rows another community's", DAY,
                  "from rows where number % 5 > 0 union all from others where number % 20 = 0"),
            Fault("relabelled", "another community's rows under this one's name", DAY,
                  "select * replace ('emberwelltea' as community) from others where community = 'trail_feet_ul'"),
            Fault("relabelled_in_part", "a third of the rows another community's under this one's name", LIVE_MIDDLE,
                  "from rows where number % 3 > 0 union all select * replace ('trail_feet_ul' as community, "
                  "observed_at - interval 1 day as observed_at) from cached_others where number % 9 = 0"),
            Fault("another_platform", "another platform's name", DAY, _replaced("'discord' as platform")),
            Fault("id_and_parent_swapped", "columns id and parent swapped", DAY,
                  _replaced("parent_id as contribution_id; contribution_id as parent_id")),
            Fault("thread_and_parent_swapped", "columns thread and parent swapped", LIVE,
                  _replaced("parent_id as thread_id; thread_id as parent_id", "kind = 'comment'")),
            Fault("ids_without_prefix", "ids without their kind", DAY,
                  _replaced("substr(contribution_id, 4) as contribution_id")),
            Fault("ids_in_capitals", "ids in capitals", DAY_MIDDLE,
                  _replaced("upper(contribution_id) as contribution_id")),
            Fault("one_id", "one id for all", DAY, _replaced("'t1_abc' as contribution_id")),
            Fault("kinds_in_other_words", "kinds in other words", DAY_MIDDLE, _replaced("'submission' as kind")),
            Fault("all_posts", "everything called a post", DAY, _replaced("'post' as kind")),
            Fault("all_comments", "everything called a comment", LIVE, _replaced("'comment' as kind")),
            Fault("all_messages", "everything called a message of a chat", DAY, _replaced("'message' as kind")),
            Fault("channel_filled", "channels, which Reddit does not have", LIVE, _replaced("'general' as channel"),
                  manifest={"observes": OBSERVED}),
            Fault("parents_lost", "parents of comments lost", DAY, _replaced("null as parent_id")),
            Fault("own_parents", "comments answer themselves", LIVE_MIDDLE,
                  _replaced("contribution_id as parent_id", "kind = 'comment'")),
            Fault("another_load", "rows of another load", DAY, _replaced("'reddit_archive-other' as load_id")),
            Fault("another_source", "rows of another source", LIVE, _replaced("'reddit_archive' as source")),
        ),
    ),
    (
        "Authors",
        (
            Fault("one_author_floods", "two of three rows by one author", DAY, _FLOOD),
            Fault("one_author_for_all", "one pseudonym for all", LIVE, _replaced("sha256('x') as author_key")),
            Fault("clear_names", "names instead of pseudonyms", DAY, _replaced("'user_' || number as author_key")),
            Fault("keys_cut", "pseudonyms cut in half", DAY_MIDDLE, _replaced("left(author_key, 32) as author_key")),
            Fault("key_and_hash_swapped", "columns pseudonym and text hash swapped", DAY,
                  _replaced("text_sha256 as author_key; author_key as text_sha256"), is_hash_kept=True),
            Fault("authors_lost", "authors lost", LIVE, _replaced("null as author_key")),
            Fault("role_unknown", "roles in other words", DAY, _replaced("'user' as author_role")),
        ),
    ),
    (
        "Counts",
        (
            Fault("negative_counts", "replies below zero", DAY, _replaced("-1 as reply_count")),
            Fault("time_as_score", "time in the column of scores", DAY,
                  _replaced("cast(epoch(created_at) as bigint) as score")),
            Fault("score_and_replies_swapped", "columns score and replies swapped", LIVE,
                  _replaced("reply_count as score; score as reply_count")),
            Fault("scores_lost", "scores lost", DAY, _replaced("null as score")),
            Fault("scores_doubled", "scores doubled", DAY, _replaced("score * 2 as score")),
            Fault("scores_doubled_live", "the same, live", LIVE_MIDDLE, _replaced("score * 2 as score")),
            Fault("scores_in_hundredths", "scores times a hundred", WEEK, _replaced("score * 100 as score")),
            Fault("score_constant", "every score 0", LIVE, _replaced("0 as score")),
            Fault("ratio_in_percent", "vote ratio in percent", DAY, _replaced("upvote_ratio * 100 as upvote_ratio")),
            Fault("ratio_not_a_number", "vote ratio NaN", LIVE_MIDDLE, _replaced("'nan'::double as upvote_ratio")),
        ),
    ),
    (
        "Text",
        (
            Fault("wave_of_empty_text", "every third text empty", DAY,
                  _replaced("left(title, 0) as title; '' as body", "number % 3 = 0")),
            Fault("bodies_lost", "bodies lost", LIVE, _replaced("null as body")),
            Fault("text_cut", "text cut at 80 characters", DAY, _replaced("left(body, 80) as body")),
            Fault("text_cut_live", "the same, live", LIVE_MIDDLE, _replaced("left(body, 80) as body")),
            Fault("title_and_body_swapped", "columns title and body swapped", DAY,
                  _replaced("body as title; title as body")),
            Fault("placeholders", "every fourth text a placeholder", DAY,
                  _replaced("'[removed]' as body", "number % 4 = 0")),
            Fault("endless_text", "every tenth text 300,000 characters", DAY_MIDDLE,
                  _replaced("repeat('tea', 100000) as body", "number % 10 = 0")),
            Fault("hash_of_nothing", "the same hash for every text", DAY, _replaced("sha256('') as text_sha256"),
                  is_hash_kept=True),
            Fault("hash_lost", "text hashes lost", LIVE, _replaced("null as text_sha256"), is_hash_kept=True),
            Fault("all_removed", "everything removed", LIVE, _replaced("'by_moderator' as removal")),
            Fault("removal_unknown", "removals in other words", DAY, _replaced("'deleted' as removal")),
            Fault("error_pages", "lines of an error page between the records", DAY, bad_lines_n=20),
            Fault("damaged_file", "one line in ten of the file damaged, and nobody can say whose", DAY,
                  account={"lines_n": 200, "unplaced_n": 200}),
            Fault("tags_lost", "flairs lost", DAY, _replaced("[]::varchar[] as tags"),
                  why_not="a community may have none, or switch them off"),
        ),
    ),
    (
        "Shape",
        (
            Fault("column_missing", "a column missing", DAY, file="select * exclude (score) from file"),
            Fault("column_renamed", "a column renamed", DAY, file="select * rename (score as points) from file"),
            Fault("column_added", "a column with names added", LIVE, file="select *, 'x' as author from file"),
            Fault("column_retyped", "scores as text", DAY,
                  file="select * replace (cast(score as varchar) as score) from file"),
            Fault("time_without_zone", "times without a zone", DAY_MIDDLE,
                  file="select * replace (timezone('UTC', created_at) as created_at) from file"),
            Fault("columns_reordered", "columns in another order", LIVE_MIDDLE,
                  file="select score, * exclude (score) from file"),
            Fault("contract_of_tomorrow", "a contract version that does not exist yet", DAY,
                  _replaced("99 as contract_version")),
        ),
    ),
    (
        "The community itself",
        (
            Fault("members_negative", "members below zero", LIVE, communities=({"members_n": -5},)),
            Fault("members_of_another", "another community's members", LIVE, communities=({"community": MIDDLE},)),
            Fault("members_twice", "members counted twice at one time", LIVE_MIDDLE,
                  communities=({}, {"members_n": 1})),
        ),
    ),
    (
        "A few bad rows among good ones",
        (
            Fault("some_from_tomorrow", "three rows from the day after", DAY,
                  _replaced("created_at + interval 1 day as created_at", "number <= 3"), spoiled_n=3),
            Fault("some_with_two_times", "three ids a second time, written a minute later", DAY,
                  "from rows union all select * replace (created_at + interval 1 minute as created_at, "
                  "greatest(observed_at, created_at + interval 1 minute) as observed_at, null as edited_at) from rows "
                  "where number <= 3", spoiled_n=6),
            Fault("some_of_another", "two rows of another community", DAY,
                  "from rows union all (from others order by number limit 2)", spoiled_n=2),
            Fault("one_clear_name", "one clear name", LIVE,
                  _replaced("'spez' as author_key", "number = 7"), spoiled_n=1),
            Fault("one_absurd_score", "one score of a billion", DAY_MIDDLE,
                  _replaced("1000000000 as score", "number = 5"), spoiled_n=1),
        ),
    ),
)  # fmt: skip

TWINS: tuple[Fault, ...] = (
    Fault("posts_lost", "the file of posts missing", DAY, "from rows where kind = 'comment'",
          why_not="archives of comments alone are usual, and a community may live in one thread for days"),
    Fault("score_of_one", "every score 1", DAY, _replaced("1 as score"),
          why_not="archives that look at the moment of writing hold nothing else"),
    Fault("all_removed_in_archive", "everything removed", DAY, _replaced("'by_moderator' as removal"),
          why_not="communities were wiped, and archives looked afterwards; it warns"),
    Fault("days_lost", "two days of seven without a row, called whole", WEEK,
          "from rows where day(partition_day) not in (12, 13)",
          why_not="outages and protests that closed communities look the same; the days are recorded as empty"),
    Fault("one_text_for_all", "one text for all", DAY,
          _replaced("case when title is not null then 'cat.' end as title; case when title is null then 'cat.' end as "
                    "body"),
          why_not="there are communities in which everybody writes the same word"),
)  # fmt: skip


def all_faults() -> list[Fault]:
    """Every fault in the order of the document, those with an honest twin last."""
    return [*(fault for _, faults in FAULTS for fault in faults), *TWINS]


@dataclass(frozen=True)
class Clean:
    """A load that must pass.

    Attributes:
        kind: what it is an example of.
        missing_share: of a load that says itself that it is not whole, how much did not come.
    """

    kind: str
    base: Base
    missing_share: float = 0.0
    bad_lines_n: int = 0


def clean_loads(world: World) -> list[Clean]:
    """A hundred, of every kind that a year brings."""
    names = [one.name.lower() for one in world.communities if not one.is_feed_broken]
    old = [name for name in names if name != "balconygreens"]
    day = timedelta(days=1)
    found = [Clean("a usual day", Base(name, at, at)) for name in old
             for at in (TUESDAY - 8 * day * number for number in range(8))]  # fmt: skip
    found += [Clean("the day of an outage", Base(name, world.outage_day, world.outage_day)) for name in names]
    quiet = [date(2026, 8, 1) + day * number for number in range(2, 6)]
    found += [Clean("a quiet day of a community that fades", Base(FADING, at, at)) for at in quiet]
    opening = date(2026, 7, 17)
    found += [Clean("a young community", Base("balconygreens", at, at)) for at in (opening, opening + 7 * day)]
    found += [Clean("the first day of all", Base(name, world.first_day, world.first_day)) for name in old]
    found += [Clean("a week", Base(name, at, at + 6 * day)) for name in names for at in (date(2026, 7, 20), TUESDAY)]
    found += [Clean("a month", Base(name, date(2026, 7, 1), date(2026, 7, 31))) for name in (LARGE, QUIET)]
    found += [Clean("live, with looks again", Base(name, at, at, is_live=True))
              for name in names for at in LIVE_DAYS[1:5]]  # fmt: skip
    found += [Clean("live, cut off and saying so", Base(name, LIVE_DAYS[1], LIVE_DAYS[1], is_live=True), 0.6)
              for name in (LARGE, MIDDLE)]  # fmt: skip
    found += [Clean("with a few unreadable lines", Base(name, TUESDAY, TUESDAY), bad_lines_n=1)
              for name in (LARGE, MIDDLE, QUIET)]  # fmt: skip
    return found


# ---- making loads ----------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What gate 1 made of a load.

    Attributes:
        rules: those that stopped it, or kept rows out; row rules that broke rows stand for ``quarantined_share``.
    """

    is_stopped: bool
    kept_out_n: int
    rules: tuple[str, ...]
    warnings: tuple[str, ...]

    def stops(self, fault: Fault) -> bool:
        """Whether nothing of the fault reached raw."""
        return self.is_stopped or (fault.spoiled_n is not None and self.kept_out_n == fault.spoiled_n)


class Workshop:
    """The world as contract rows, and loads cut out of it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home").create()
        self.world = make_world(seed=7)
        self._connection = duckdb.connect()
        self._connection.execute("set timezone = 'UTC'")
        self._settings = self._write_archive(folder)
        self._write_live(folder / "live.ndjson")
        self._record_history()

    def judge(self, loads: Sequence[Load], *, run_id: str) -> list[Outcome]:
        """Gate loads, in one run."""
        verdicts = check_loads(loads, home=self.home, settings=self._settings, run_id=run_id, clock=lambda: NOW)
        broken: dict[str, list[str]] = {}
        for load_id, rule in self._connection.execute(
            "select load_id, rule from read_parquet(?) where level = 'row' and failed_n > 0 "
            "order by failed_n desc, rule",
            [quality.glob(self.home, quality.GATE_RESULTS)],
        ).fetchall():
            broken.setdefault(load_id, []).append(rule)
        return [_outcome(verdict, broken.get(verdict.load_id, [])) for verdict in verdicts]

    def faulty(self, fault: Fault) -> Load:
        """The load that the fault makes of its base."""
        load_id = f"{_source(fault.base)}-{fault.base.community}-{fault.name}"
        self._cut_out(fault.base, load_id)
        return self._seal(fault.base, load_id, fault)

    def clean(self, number: int, clean: Clean) -> Load:
        """A load that is as it should be."""
        load_id = f"{_source(clean.base)}-{clean.base.community}-clean-{number:03d}"
        self._cut_out(clean.base, load_id)
        plain = Fault("clean", "nothing", clean.base, bad_lines_n=clean.bad_lines_n)
        if clean.missing_share:
            days = (clean.base.last_day,)
            rows = f"from rows where number % 10 >= {round(clean.missing_share * 10)}"
            plain = replace(plain, rows=rows, manifest={"incomplete_days": days, "partial_reason": "cut off"})
        return self._seal(clean.base, load_id, plain)

    def _write_archive(self, folder: Path) -> Settings:
        """Table ``archive``: all that the source makes of the world's archives."""
        files = write_archives(self.world, folder)
        bots = sorted({name for one in self.world.communities for name in one.bot_accounts})
        team = sorted({name for one in self.world.communities for name in one.team_accounts})
        everything = _entry("*", files.submissions, files.comments, bot_accounts=tuple(bots), team_accounts=tuple(team))
        context = source_context(self.home, Settings(communities=(everything,)), lambda: NOW, KEY)
        load = extract(everything, Window(self.world.first_day, self.world.last_day), context)
        self._connection.execute(
            "create table archive as select *, cast(timezone('UTC', created_at) as date) as partition_day, "
            "row_number() over (order by created_at, contribution_id) as number "
            "from read_parquet(?, hive_partitioning = false)",
            [[str(file) for file in load.rows_files().values()]],
        )
        self._accounts = {"bot": [name.lower() for name in bots], "team": [name.lower() for name in team]}
        return Settings(communities=tuple(_entry(one.name, files.submissions) for one in self.world.communities))

    def _write_live(self, file: Path) -> None:
        """Table ``live``: what a run shortly after each live day sees of it, and of days before."""
        roles = " ".join(
            f"when list_contains({names}, author_name) then '{role}'" for role, names in self._accounts.items()
        )
        live = RedditMapping("reddit_api", KEY, is_encoded=False, with_extra=False, unobservable=("award_count",))
        columns = ", ".join(f"{sql_text(name)}: '{kind}'" for name, kind in live.raw_columns().items())
        select = live.contract_select(role_sql=f"case {roles} end", observed_fallback_s=0.0)
        selects = []
        for day in LIVE_DAYS:
            path = file.with_stem(f"live-{day}")
            path.write_text("".join(json.dumps(one) + "\n" for one in self._seen_live(day)), encoding="utf-8")
            read = f"select * from read_json({sql_text(path)}, format = 'newline_delimited', columns = {{{columns}}})"
            understood = live.understood_sql(read)
            selects.append(f"select {select}, date '{day}' as partition_day from ({understood})")
        self._connection.execute(
            f"create table live as select *, row_number() over (partition by partition_day "
            f"order by created_at, contribution_id) as number from ({' union all '.join(selects)})"
        )

    def _seen_live(self, day: date) -> Iterable[dict[str, Any]]:
        now = _shortly_after(day)
        wanted = {day, *(day - timedelta(days=days) for days in _LOOK_AGAIN_DAYS)}
        for one in self.world.contributions:
            is_late = one.appears_at.date() == day > one.created_at.date()
            if (one.created_at.date() in wanted or is_late) and is_visible_at(one, now):
                yield record(one, now)

    def _record_history(self) -> None:
        """What every day brought, as if it had arrived."""
        rows = self._connection.execute(
            "select community, partition_day, count(*) from archive group by all order by all"
        ).fetchall()
        quality.ensure_tables(self.home)
        quality.append(
            self.home,
            quality.LOAD_OUTCOMES,
            [
                {
                    "run_id": "before", "platform": "reddit", "entry_id": f"reddit/{community}", "day": day,
                    "community": community, "source": "reddit_archive", "outcome": "arrived",
                    "contributions_n": rows_n, "recorded_at": NOW - timedelta(days=1),
                }
                for community, day, rows_n in rows
            ],
            stem="before",
        )  # fmt: skip

    def _cut_out(self, base: Base, load_id: str) -> None:
        """Views ``rows`` and its neighbours for a base."""
        where = f"community = '{base.community}'"
        inside = f"partition_day between '{base.first_day}' and '{base.last_day}'"
        day_before = base.first_day - timedelta(days=1)
        of, others = ("live" if base.is_live else "archive"), f"community <> '{base.community}'"
        stamped = f"* replace ('{load_id}' as load_id)"
        refiled = f"* replace ('{load_id}' as load_id, date '{base.first_day}' as partition_day)"
        numbered = (
            f"select * exclude (number), row_number() over (order by created_at, contribution_id) as number from {of}"
        )
        views = {
            "rows": f"select {stamped} from ({numbered} where {where} and {inside})",
            "others": f"select {stamped} from {of} where {others} and {inside}",
            "before": f"select {refiled} from archive where {where} and partition_day = '{day_before}'",
            "cached": f"select {refiled} from live where {where} and partition_day = '{day_before}'",
            "ever": f"select {stamped} from archive where {where}",
            "cached_others": f"select {refiled} from live where {others} and partition_day = '{base.first_day}'",
        }
        for name, select in views.items():
            self._connection.execute(f"create or replace temp view {name} as {select}")

    def _seal(self, base: Base, load_id: str, fault: Fault) -> Load:
        folder = landing.draft(self.home, load_id)
        kept = {} if fault.is_hash_kept else {"text_sha256": text_sha256_sql("title", "body")}
        columns = ", ".join(
            f"cast({kept.get(column.name, column.name)} as {column.duckdb_type}) as {column.name}" for column in COLUMNS
        )
        self._connection.execute(
            f"create or replace temp table arriving as select {columns}, partition_day from ({fault.rows})"
        )
        by_day = dict(
            self._connection.execute("select partition_day, count(*) from arriving group by 1 order by 1").fetchall()
        )
        for day in by_day:
            self._write(
                f"select * exclude (partition_day) from arriving where partition_day = '{day}' "
                "order by created_at, contribution_id, observed_at, title, body",
                folder / "rows" / f"day={day}.parquet",
            )
        self._connection.execute(f"create or replace temp table bad_lines ({BAD_LINES_COLUMNS})")
        self._connection.execute(
            "insert into bad_lines select 'feed.ndjson', i, 'html_error_page', '', '<html>'::blob, ?, ? "
            "from range(?) as numbers(i)",
            [base.community, base.first_day, fault.bad_lines_n],
        )
        self._write("from bad_lines", folder / "bad_lines.parquet")
        earlier = self._connection.execute(
            "select count(*) from arriving where created_at < ?", [Window(base.first_day, base.last_day).start_at]
        ).fetchone()
        facts: dict[str, Any] = {
            "load_id": load_id, "platform": "reddit", "entry_id": f"reddit/{base.community}",
            "community": base.community, "source": _source(base), "is_replayable": not base.is_live,
            "first_day": base.first_day, "last_day": base.last_day, "rows_by_day": by_day,
            "earlier_rows_n": earlier[0] if earlier and base.is_live else 0, "bad_lines_n": fault.bad_lines_n,
            "community_observations_n": landing.write_community_observations(
                folder, self._observations(base, load_id, fault) if base.is_live else []
            ),
            "sealed_at": NOW,
        }  # fmt: skip
        if fault.account is not None:
            facts["files"] = (_account(sum(by_day.values()), fault),)
        facts |= dict(fault.manifest)
        if "coverage_rows_n" not in facts:
            facts["coverage_rows_n"] = write_whole_coverage(folder, facts)
        load = landing.seal(self.home, folder, LoadManifest(**facts))
        if fault.file is not None:
            file = next(iter(load.rows_files().values()))
            self._connection.execute(
                "create or replace temp table file as select * from read_parquet(?, hive_partitioning = false)",
                [str(file)],
            )
            self._write(fault.file, file)
        return load

    def _write(self, select: str, file: Path) -> None:
        self._connection.execute(f"copy ({select}) to {sql_text(file)} (format parquet)")

    def _observations(self, base: Base, load_id: str, fault: Fault) -> list[CommunityObservation]:
        now = _shortly_after(base.last_day)
        community = next(one for one in self.world.communities if one.name.lower() == base.community)
        good = CommunityObservation(
            "reddit", base.community, now, members_at(community, now), 100, "reddit_api", load_id
        )  # fmt: skip
        return [replace(good, **change) for change in fault.communities]


def _outcome(verdict: LoadVerdict, broken: Sequence[str]) -> Outcome:
    rules: list[str] = []
    for finding in verdict.stopped_by:
        rules += broken[:3] if finding.rule == "quarantined_share" and broken else [finding.rule]
    if verdict.is_passed and verdict.quarantined_n:
        rules += broken
    return Outcome(
        not verdict.is_passed,
        verdict.quarantined_n,
        tuple(dict.fromkeys(rules)),
        tuple(finding.rule for finding in verdict.warnings),
    )


def _account(rows_n: int, fault: Fault) -> FileAccount:
    """Of a file that holds as much again of other days."""
    numbers = {
        "lines_n": 2 * rows_n + fault.bad_lines_n, "landed_n": rows_n, "quarantined_n": fault.bad_lines_n,
        "unplaced_n": 0, "outside_n": rows_n,
    }  # fmt: skip
    changed = Counter(numbers) + Counter(fault.account or {})
    return FileAccount(file="archive.zst", content="content", **{name: changed[name] for name in numbers})


def _source(base: Base) -> str:
    return "reddit_api" if base.is_live else "reddit_archive"


def _shortly_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, minutes=30)


def _entry(name: str, *paths: Path, **facts: Any) -> RedditArchiveEntry:
    return RedditArchiveEntry(platform="reddit", name=name, source="reddit_archive", path=paths, **facts)


# ---- the document ----------------------------------------------------------

_INTRODUCTION = """\
# What the gates stop

Written by `python tests/faults/mutations.py`, which seeds the faults below into good loads and gates them; edit there,
not here. `make test` runs some of them, `make test-faults` all.

Each fault is one that a source, a platform or a hand can make. The loads are the made-up world's (`pulse sandbox
world`), mapped as the sources map them: days and weeks from archives, and live days with looks again at 3, 7 and 30
days. Earlier and later days are on record, so that weekdays have their band of usual volume. *Stopped* means that
nothing of the fault reached raw: the load went to quarantine, or, where only a few rows are bad, exactly those did.
Where row rules spoil more than the allowed share of a load (`quarantined_share`), the row rules are named.
"""

_TWINS_INTRODUCTION = """\
## What looks like honest data

These come in honest data as well, so that no rule may stop them. They are seeded and run like the others; what reaches
analysts is marked where it can be: empty and partial days in `is_day_complete`, removals in `removal_share`.
"""

_CLEAN_INTRODUCTION = """\
## What must pass

The false alarms, over loads with nothing wrong with them.
"""

Cells = Mapping[str, str]
Alarms = Mapping[str, tuple[int, int]]


def document_path() -> Path:
    """Where the document lies in the repository."""
    return REPOSITORY / "docs" / "quality.md"


def cell(fault: Fault, outcome: Outcome) -> str:
    """What the document says came of a fault."""
    rules = ", ".join(f"`{rule}`" for rule in outcome.rules)
    if outcome.is_stopped:
        return rules
    if outcome.stops(fault):
        return f"{outcome.kept_out_n} {'row' if outcome.kept_out_n == 1 else 'rows'} kept out: {rules}"
    warned = f" (warns: {', '.join(f'`{rule}`' for rule in outcome.warnings)})" if outcome.warnings else ""
    return f"**not stopped**: {fault.why_not}{warned}"


def alarms_of(cleans: Sequence[Clean], outcomes: Sequence[Outcome]) -> dict[str, tuple[int, int]]:
    """How many clean loads there are of each kind, and how many were stopped or lost rows they should not."""
    found: dict[str, tuple[int, int]] = {}
    for clean, outcome in zip(cleans, outcomes, strict=True):
        loads_n, alarms_n = found.get(clean.kind, (0, 0))
        is_alarm = outcome.is_stopped or outcome.kept_out_n > clean.bad_lines_n
        found[clean.kind] = (loads_n + 1, alarms_n + is_alarm)
    return found


def render(cells: Cells, alarms: Alarms) -> str:
    """The whole document, from what came of each fault by name and of the clean loads by kind."""
    seeded = [fault for _, faults in FAULTS for fault in faults]
    stopped_n = sum(not cells[fault.name].startswith("**") for fault in seeded)
    total = f"**{stopped_n} of {len(seeded)} faults are stopped.** Of the others the table says why not."
    parts = [_INTRODUCTION, total, ""]
    for title, faults in FAULTS:
        parts += [f"## {title}", "", *_fault_table(faults, cells), ""]
    parts += [_TWINS_INTRODUCTION, *_fault_table(TWINS, cells), ""]
    loads_n, alarms_n = (sum(counts) for counts in zip(*alarms.values(), strict=True))
    parts += [_CLEAN_INTRODUCTION, f"**{alarms_n} of {loads_n} clean loads are stopped.**", ""]
    parts += ["| clean load | loads | stopped |", "| --- | --- | --- |"]
    parts += [f"| {kind} | {of_kind_n} | {stopped} |" for kind, (of_kind_n, stopped) in alarms.items()]
    return "\n".join([*parts, "", *_rule_tables()])


def _fault_table(faults: Sequence[Fault], cells: Cells) -> list[str]:
    lines = ["| fault | what was done | load | stopped by |", "| --- | --- | --- | --- |"]
    return lines + [f"| `{one.name}` | {one.done} | {one.base} | {cells[one.name]} |" for one in faults]


def _rule_tables() -> list[str]:
    lines = [
        "## The rules",
        "",
        "Critical row rules keep rows out, critical load rules stop a load, critical mart rules stop publishing;",
        "others only tell. A waiver (`pulse quarantine release`) lifts a rule for one load.",
        "",
    ]
    for title, rules in (("Rows, gate 1", ROW_RULES), ("Loads, gate 1", LOAD_RULES), ("Marts, gate 2", MART_RULES)):
        lines += [f"### {title}", "", "| rule | severity | waivable | limit | why |", "| --- | --- | --- | --- | --- |"]
        for rule in rules:
            maximum = getattr(rule, "maximum", None)
            limit = "" if maximum is None else f"{maximum:g}" if isinstance(maximum, int | float) else "the entry's"
            waivable = "yes" if getattr(rule, "is_waivable", False) else "no"
            reason = rule.reason.replace("|", "\\|").replace("<", "&lt;")
            lines.append(f"| `{rule.name}` | {rule.severity} | {waivable} | {limit} | {reason} |")
        lines.append("")
    return lines


def recorded() -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """What the document as it stands says: cells by fault, loads and alarms by kind of clean load."""
    text = document_path().read_text(encoding="utf-8")
    cells = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \| ([^|]*) \|$", text, flags=re.MULTILINE))
    alarms = re.findall(r"^\| ([^|`]+) \| (\d+) \| (\d+) \|$", text, flags=re.MULTILINE)
    return cells, {kind: (int(loads_n), int(alarms_n)) for kind, loads_n, alarms_n in alarms}


def measure(folder: Path) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """The same, found out anew with every fault and every clean load."""
    workshop = Workshop(folder)
    faults, cleans = all_faults(), clean_loads(workshop.world)
    outcomes = workshop.judge([workshop.faulty(fault) for fault in faults], run_id="faults")
    passed = workshop.judge([workshop.clean(*numbered) for numbered in enumerate(cleans)], run_id="clean")
    cells = {fault.name: cell(fault, outcome) for fault, outcome in zip(faults, outcomes, strict=True)}
    return cells, alarms_of(cleans, passed)


def main() -> int:
    """Write the document, or only say whether it is current."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the document is current")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = render(*measure(Path(folder)))
    if not arguments.check:
        document_path().write_text(text, encoding="utf-8")
    elif document_path().read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{document_path()} is not current. Next: python tests/faults/mutations.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
