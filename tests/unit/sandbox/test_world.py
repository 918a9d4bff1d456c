"""The made-up world: the same bytes from the same seed, and nothing in it contradicts its own truth."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import zstandard

from pulse.config.context import source_context
from pulse.config.settings import Settings, load_settings
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.lake.landing import unproven_days
from pulse.platforms.names import author_key
from pulse.sandbox.world import OBSERVED_AFTER, World, make_world
from pulse.sandbox.world_archive import ArchiveFiles, write_archives
from pulse.sandbox.world_model import (
    Contribution,
    author_at,
    body_at,
    comments_at,
    is_gone_at,
    is_visible_at,
    members_at,
    mood_at,
    score_at,
    title_at,
)
from pulse.sandbox.world_plan import MIN_DAYS_N, PLANS
from pulse.sandbox.world_record import record
from pulse.sandbox.world_truth import CommunityTruth, DayTruth, Truth, to_document
from pulse.sources.lines import archive as reddit_archive
from pulse.texts import get_scorer

AUTHOR_KEY = b"key-for-tests-only"
SECOND = timedelta(seconds=1)
AGES = [timedelta(hours=hours) for hours in (0, 1, 3, 8, 24, 72, 168, 720)]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(seed=7)


@pytest.fixture(scope="module")
def month() -> World:
    """Four weeks, for what goes through files: the planted days stand at the same shares of the span."""
    return make_world(seed=7, days_n=28)


@pytest.fixture(scope="module")
def files(month: World, tmp_path_factory: pytest.TempPathFactory) -> ArchiveFiles:
    return write_archives(month, tmp_path_factory.mktemp("world"))


@dataclass(frozen=True)
class Extracted:
    """What the real source made of the archives: rows by community, and the loads' own counts."""

    settings: Settings
    rows: dict[str, list[dict[str, Any]]]
    bad_lines: dict[str, list[tuple[date, str]]]
    unproven_days: dict[str, int]
    unplaced: dict[str, list[str]]


@pytest.fixture(scope="module")
def extracted(month: World, files: ArchiveFiles, tmp_path_factory: pytest.TempPathFactory) -> Extracted:
    home = Home(tmp_path_factory.mktemp("home")).create()
    settings = load_settings(files.config, home=home)
    context = source_context(home, settings, lambda: files.last_observed_at, AUTHOR_KEY)
    rows, bad_lines, unproven, unplaced = {}, {}, {}, {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for entry in settings.communities:
            load = reddit_archive.extract(entry, Window(month.first_day, month.last_day), context)
            found = connection.execute(
                "select * from read_parquet($files)", {"files": [str(path) for path in load.rows_files().values()]}
            )
            names = [column[0] for column in found.description]
            rows[entry.community] = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            bad_lines[entry.community] = connection.execute(
                "select day, fault from read_parquet($file)", {"file": str(load.bad_lines_file)}
            ).fetchall()
            unproven[entry.community] = len(unproven_days(load))
            assert [account.unaccounted_n for account in load.manifest.files if account.unaccounted_n] == []
            unplaced[entry.community] = [
                fault
                for account in load.manifest.files
                if account.unplaced_n
                for (fault,) in connection.execute(
                    "select fault from read_parquet($file)", {"file": str(load.unplaced_file(account))}
                ).fetchall()
            ]
    return Extracted(settings, rows, bad_lines, unproven, unplaced)


def lines_of(path: Path) -> list[bytes]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        return stream.read().splitlines()


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def whole_communities(world: World) -> Iterator[CommunityTruth]:
    return (truth for truth in world.truth.communities.values() if not truth.is_feed_broken)


# ---- the same again --------------------------------------------------------


def test_make_world__same_seed_gives_same_bytes_in_another_process(tmp_path: Path):
    script = (
        "import sys; from pathlib import Path; from pulse.sandbox.world import make_world; "
        "from pulse.sandbox.world_archive import write_archives; "
        "write_archives(make_world(seed=int(sys.argv[1]), days_n=14), Path(sys.argv[2]))"
    )
    for folder, seed, hash_seed in (("one", "7", "1"), ("two", "7", "2"), ("three", "8", "1")):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(REPOSITORY / "plugins")}
        subprocess.run([sys.executable, "-c", script, seed, str(tmp_path / folder)], env=environment, check=True)
    one, two, three = (digests(tmp_path / folder) for folder in ("one", "two", "three"))
    assert one == two
    assert len(one) == 5
    assert not set(one.values()) & set(three.values()), "another seed gives other files, each of them"


def test_make_world__refuses_a_span_too_short_for_what_is_planted():
    with pytest.raises(ValueError, match="at least 14"):
        make_world(seed=1, days_n=MIN_DAYS_N - 1)


def test_make_world__has_the_size_and_the_variety_of_a_real_one(world: World):
    assert 25_000 <= len(world.contributions) <= 40_000
    bodies = Counter((one.title, one.body) for one in world.contributions)
    assert len(bodies) > len(world.contributions) / 2
    assert bodies.most_common(1)[0][1] < 100
    text = " ".join(one.body for one in world.contributions)
    assert all(piece in text for piece in ("\n\n* ", "> ", "“", "é", "😡", "❤️"))
    assert any(one.edit for one in world.contributions)
    assert any(one.is_orphan for one in world.contributions)
    assert {one.role for one in world.contributions} == {"bot", "team", "moderator", "member"}
    assert {one.intent for one in world.contributions} == {"talk", "question", "request", "praise", "complaint"}


def test_make_world__threads_nest_and_parents_come_first(world: World):
    depth: dict[str, int] = {}
    for one in world.contributions:
        if one.is_orphan:
            assert one.parent_id not in world.by_id
            depth[one.full_id] = 1
            continue
        depth[one.full_id] = 0 if one.parent_id is None else depth[one.parent_id] + 1
        if one.parent_id is not None:
            parent = world.by_id[one.parent_id]
            assert parent.appears_at <= one.created_at
            assert parent.thread_id == one.thread_id
            assert not is_gone_at(parent, one.created_at), "nobody answers what is gone"
    assert max(depth.values()) >= 6
    assert sum(one.is_orphan for one in world.contributions) < 0.02 * len(world.contributions)


def test_make_world__ids_are_unique_and_rise_with_time(world: World):
    for kind in ("post", "comment"):
        numbers = [int(one.full_id[3:], 36) for one in world.contributions if one.kind == kind]
        assert numbers == sorted(set(numbers))
    assert len({person.name.lower() for person in world.people}) == len(world.people)
    assert len({person.full_id for person in world.people}) == len(world.people)


def test_make_world__few_write_much_and_many_once(world: World):
    for truth in whole_communities(world):
        written = Counter(
            one.author.name for one in world.contributions if one.community.name == truth.name and one.role == "member"
        )
        counts = sorted(written.values(), reverse=True)
        assert sum(counts[: len(counts) // 10 + 1]) > 0.4 * sum(counts), truth.name
        assert counts.count(1) > 0.2 * len(counts), truth.name


# ---- what is planted -------------------------------------------------------


def test_truth__outage_quiet_days_and_openings_are_silent(world: World):
    silent = {
        truth.community: {day for day, of_day in truth.days.items() if not of_day.posts + of_day.comments}
        for truth in world.truth.communities.values()
    }
    assert all(world.outage_day in days for days in silent.values() if days)
    quiet = [truth for truth in world.truth.communities.values() if truth.quiet_days]
    assert [truth.name for truth in quiet] == ["inkandnib"]
    assert len(quiet[0].quiet_days) >= 8
    young = world.truth.communities["balconygreens"]
    assert young.first_day == date(2026, 7, 17) == min(young.days)
    first = min(one.created_at for one in world.contributions if one.community.name == young.name)
    assert first.date() == young.first_day


def test_truth__sentiment_turns_on_its_day(world: World):
    turning = [truth for truth in world.truth.communities.values() if truth.sentiment_turn]
    assert [truth.name for truth in turning] == ["EmberwellTea"]
    turn = turning[0].sentiment_turn
    for planted, days in (
        (turn.before, [of_day for day, of_day in turning[0].days.items() if day < turn.day]),
        (turn.after, [of_day for day, of_day in turning[0].days.items() if day >= turn.day]),
    ):
        total = sum(of_day.positive_n + of_day.neutral_n + of_day.negative_n for of_day in days)
        # Answers to newcomers have moods of their own, and chance moves the rest by a percentage point.
        assert sum(of_day.positive_n for of_day in days) / total == pytest.approx(planted["positive"], abs=0.03)
        assert sum(of_day.negative_n for of_day in days) / total == pytest.approx(planted["negative"], abs=0.03)


def test_truth__newcomers_are_met_well_in_one_community_and_badly_in_another(world: World):
    well = world.truth.communities["crumbclub"].newcomers["2026-07"]
    badly = world.truth.communities["shutterattic"].newcomers["2026-07"]
    assert well.first_posts_answered_24h / well.first_posts > 0.9
    assert badly.first_posts_answered_24h / badly.first_posts < 0.5
    assert well.first_answer_h < 2
    assert badly.first_answer_h > 6
    assert well.answers_positive > 5 * well.answers_negative
    assert badly.answers_negative > badly.answers_positive
    assert well.returned_30d / well.newcomers > 0.5
    assert badly.returned_30d / badly.newcomers < 0.2
    assert badly.first_posts_removed > well.first_posts_removed


def test_truth__document_holds_every_field_as_json(world: World):
    document = json.loads(json.dumps(to_document(world.truth)))
    assert set(document) == {field.name for field in fields(Truth)}
    ember = document["communities"]["emberwelltea"]
    assert set(ember) == {field.name for field in fields(CommunityTruth)}
    assert ember["sentiment_turn"]["day"] == "2026-07-21"
    assert set(ember["leaders"]) == {"2026-06", "2026-07", "2026-08"}
    assert all(len(leaders) == 5 for leaders in ember["leaders"].values())
    assert len(document["post_growth"]) == sum(one.is_post for one in world.contributions)
    assert document["gone"]
    assert document["late"]


# ---- the world at a time ---------------------------------------------------


def test_score_at__moves_to_its_end_and_never_back(world: World):
    for one in world.contributions[::7]:
        scores = [score_at(one, one.created_at + age) for age in AGES]
        assert scores[0] == 1
        assert scores in (sorted(scores), sorted(scores, reverse=True))
        assert scores[-2:] == [one.final_score] * 2, "settled within a week"
    half = world.contributions[0]
    halfway = score_at(half, half.created_at + timedelta(hours=half.half_life_h))
    assert halfway == pytest.approx((1 + half.final_score) / 2, abs=0.51)


def test_comments_at__counts_what_has_appeared(world: World):
    for post in world.contributions:
        if post.is_post:
            counts = [comments_at(post, post.created_at + age) for age in AGES]
            assert counts == sorted(counts)
            assert counts[0] == 0
    post = max((one for one in world.contributions if one.is_post), key=lambda one: len(one.replies_appear_at))
    comments = world.comments_by_thread[post.full_id]
    assert len(comments) > 50
    at = post.created_at + timedelta(hours=9)
    assert comments_at(post, at) == sum(is_visible_at(comment, at) for comment in comments)


def test_members_at__grow_and_begin_with_the_community(world: World):
    for community in world.communities:
        days = [members_at(community, community.opens_at + timedelta(days=day)) for day in range(40)]
        assert days == sorted(set(days))
        assert members_at(community, community.opens_at - SECOND) == 0


def test_removal__text_is_gone_exactly_from_its_time_on(world: World):
    removed = [one for one in world.contributions if one.removal is not None]
    assert {one.removal.by for one in removed} == {"by_author", "by_moderator"}
    assert any(one.removal.at > one.created_at + OBSERVED_AFTER for one in removed), "some outlive the archive's look"
    for one in removed:
        before, after = one.removal.at - SECOND, one.removal.at
        assert not is_gone_at(one, before)
        assert is_gone_at(one, after)
        assert one.body in body_at(one, before)
        shown = record(one, after)
        assert shown["selftext" if one.is_post else "body"] in ("[deleted]", "[removed]")
        assert not shown["edited"]
        if one.removal.by == "by_author":
            assert author_at(one, after) is None
            assert shown["author"] == "[deleted]"
            assert "author_fullname" not in shown
            if one.is_post:
                assert title_at(one, after) == "[deleted by user]"
                assert one.title not in json.dumps(shown)


def test_account__its_name_goes_and_its_texts_stay(world: World):
    gone = [one for one in world.contributions if one.author.account_deleted_at is not None]
    assert len({one.author.name for one in gone}) > 20
    for one in gone:
        at = one.author.account_deleted_at
        assert at > one.created_at
        if one.removal is None:
            assert record(one, at - SECOND)["author"] == one.author.name
            assert record(one, at)["author"] == "[deleted]"
            assert body_at(one, at).startswith(one.body)


def test_edit__shows_from_its_time_on(world: World):
    one = next(one for one in world.contributions if one.edit is not None and one.removal is None)
    assert record(one, one.edit.at - SECOND)["edited"] is False
    assert record(one, one.edit.at)["edited"] == one.edit.at.timestamp()
    assert body_at(one, one.edit.at) == one.body + one.edit.appended


def test_late__appears_days_after_it_was_written(world: World):
    assert world.truth.late
    for late in world.truth.late:
        one = world.by_id[late.contribution_id]
        assert timedelta(days=1) <= late.appears_at - late.created_at <= timedelta(days=4)
        assert not is_visible_at(one, late.appears_at - SECOND)
        assert is_visible_at(one, late.appears_at)


# ---- the archives ----------------------------------------------------------


def test_write_archives__lines_are_in_order_of_creation_and_of_reddits_shape(files: ArchiveFiles):
    posts = [json.loads(line) for line in lines_of(files.submissions)]
    comments = [json.loads(line) for line in lines_of(files.comments)]
    assert (len(posts), len(comments)) == (files.posts_n, files.comments_n)
    for records in (posts, comments):
        times = [one["created_utc"] for one in records]
        assert times == sorted(times)
        assert all(one["retrieved_on"] == one["created_utc"] + 30 * 86_400 for one in records)
    assert {"id", "name", "subreddit_id", "title", "selftext", "url", "is_self", "num_comments"} <= set(posts[0])
    assert {"id", "name", "body", "link_id", "parent_id", "permalink", "is_submitter"} <= set(comments[0])
    assert {one["name"][:3] for one in posts} == {"t3_"}
    assert {one["name"][:3] for one in comments} == {"t1_"}


def test_write_archives__the_real_source_takes_every_line_of_the_archives(
    month: World, files: ArchiveFiles, extracted: Extracted
):
    whole = [truth.community for truth in whole_communities(month)]
    assert sum(len(extracted.rows[community]) for community in whole) == files.posts_n + files.comments_n
    assert not any(extracted.bad_lines[community] for community in whole)
    assert not any(extracted.unproven_days.values()), "the outage and the quiet days are proven empty"


def test_write_archives__config_names_all_communities_team_and_bots(month: World, extracted: Extracted):
    entries = {entry.name: entry for entry in extracted.settings.communities}
    assert set(entries) == {community.name for community in month.communities}
    assert "Trail_Feet_UL" in entries
    assert entries["EmberwellTea"].team_accounts == ("Emberwell_Team",)
    assert entries["EmberwellTea"].bot_accounts == ("AutoModerator", "teatimer-bot")
    roles = Counter(row["author_role"] for row in extracted.rows["emberwelltea"])
    assert set(roles) == {"bot", "team", "moderator", "member"}


def test_write_archives__what_the_source_reads_is_the_truth_day_by_day(month: World, extracted: Extracted):
    for truth in whole_communities(month):
        assert days_seen(extracted.rows[truth.community]) == {
            day: facts_of(of_day) for day, of_day in truth.days.items() if of_day.posts + of_day.comments
        }


def facts_of(day: DayTruth) -> tuple[int, ...]:
    return (day.posts, day.comments, day.contributors, day.removed, day.score_sum, day.reply_count_sum)


def days_seen(rows: list[dict[str, Any]]) -> dict[date, tuple[int, ...]]:
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["created_at"].date(), []).append(row)
    return {
        day: (
            sum(row["kind"] == "post" for row in of_day),
            sum(row["kind"] == "comment" for row in of_day),
            len({row["author_key"] for row in of_day if is_by_contributor(row)}),
            sum(row["removal"] != "none" for row in of_day),
            sum(row["score"] for row in of_day),
            sum(row["reply_count"] or 0 for row in of_day),
        )
        for day, of_day in sorted(by_day.items())
    }


def is_by_contributor(row: dict[str, Any]) -> bool:
    return row["author_key"] is not None and row["author_role"] in {"member", "moderator"}


def test_write_archives__leaders_are_those_who_wrote_most(month: World, extracted: Extracted):
    for truth in whole_communities(month):
        counts: dict[str, Counter[str]] = {}
        for row in extracted.rows[truth.community]:
            if is_by_contributor(row):
                counts.setdefault(f"{row['created_at']:%Y-%m}", Counter())[row["author_key"]] += 1
        for of_month, leaders in truth.leaders.items():
            assert [counts[of_month][author_key(AUTHOR_KEY, "reddit", leader.author)] for leader in leaders] == [
                written for _, written in counts[of_month].most_common(5)
            ]


def test_write_archives__broken_feed_is_beyond_the_gates_limit(month: World, files: ArchiveFiles, extracted: Extracted):
    (broken,) = [truth for truth in month.truth.communities.values() if truth.is_feed_broken]
    unplaced = extracted.unplaced[broken.community]
    assert files.broken_share > 0.05
    assert len(unplaced) / files.broken_lines_n > 0.05
    assert Counter(unplaced) == files.broken_faults
    assert set(files.broken_faults) == {"html_error_page", "missing_created_utc", "truncated"}
    assert extracted.bad_lines[broken.community] == [], "none of them tells its day"
    assert not any(lines for name, lines in extracted.unplaced.items() if name != broken.community)
    good = Counter(row["created_at"].date() for row in extracted.rows[broken.community])
    for day, of_day in broken.days.items():
        if of_day.posts + of_day.comments:
            assert good[day] < of_day.posts + of_day.comments or of_day.posts + of_day.comments < 4, day


def test_write_archives__another_age_shows_that_age(month: World, tmp_path: Path):
    after = timedelta(days=1)
    files = write_archives(month, tmp_path, observed_after=after)
    document = json.loads(files.truth.read_text(encoding="utf-8"))
    posts = [json.loads(line) for line in lines_of(files.submissions)]
    truths = [truth for truth in document["communities"].values() if not truth["is_feed_broken"]]
    assert sum(day["posts"] for truth in truths for day in truth["days"].values()) == len(posts) == files.posts_n
    assert sum(day["reply_count_sum"] for truth in truths for day in truth["days"].values()) == (
        sum(post["num_comments"] for post in posts)
    )
    assert document["observed_after_h"] == 24
    assert files.posts_n < sum(of_day.posts for truth in whole_communities(month) for of_day in truth.days.values())


# ---- the wording -----------------------------------------------------------


@pytest.mark.parametrize("model", ["pulse", "vader"])
def test_wording__models_judge_as_planted(world: World, model: str):
    judged = [one for one in world.contributions[::3] if one.role in {"member", "moderator"}]
    seen = [(mood_at(one, at), text_of(one, at)) for one in judged for at in [one.created_at + OBSERVED_AFTER]]
    seen = [(mood, text) for mood, text in seen if mood is not None]
    labels = get_scorer(model).score(pa.array([text for _, text in seen])).column("label").to_pylist()
    planted = Counter(mood for mood, _ in seen)
    agreed = Counter(mood for (mood, _), label in zip(seen, labels, strict=True) if mood == label)
    assert set(planted) == {"positive", "neutral", "negative"}
    assert all(agreed[mood] / planted[mood] >= 0.98 for mood in planted), (agreed, planted)


def text_of(one: Contribution, at: datetime) -> str:
    return "\n".join(part for part in (title_at(one, at), body_at(one, at)) if part)


def test_wording__every_plan_has_its_own_theme_and_a_name_reddit_allows():
    assert len({plan.theme.name for plan in PLANS}) == len(PLANS)
    for plan in PLANS:
        assert plan.name.replace("_", "").isalnum()
        assert 3 <= len(plan.name) <= 21
        for shares in (plan.moods, plan.moods_after, plan.welcome.moods):
            assert shares is None or sum(shares.values()) == pytest.approx(1)
