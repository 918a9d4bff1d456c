"""A warehouse that was built bit by bit equals one that is built from raw at once, row for row."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from pulse.lake import erasure, raw
from pulse.reading import query
from pulse.texts import get_scorer
from pulse.warehouse import builds
from pulse.words import refresh
from support import NOON, coverage_rows

pytestmark = pytest.mark.integration

Tables = Mapping[str, list[dict[str, Any]]]

# Two days of one week, one of the next, the last of the month, and one of the next month.
DAYS = (0, 5, 7, 26, 28)
AUTHORS = [letter * 64 for letter in "abcdef"]
# Marts that would show who wrote in a build that was not undone, with what they need.
OF_PEOPLE = ("+fct_contributions", "+dim_contributors")
TEXTS = ["I love this tea", "I hate this tea", "It is a tea", "Great pot, awful leaves", "?!"]


def written(
    chance: random.Random, rows: Callable[..., dict[str, Any]], *, community: str
) -> list[list[dict[str, Any]]]:
    """What was written, by day: posts, comments on posts and comments of any day, and on such as nobody ever saw."""
    days = []
    for number, day in enumerate(DAYS):
        of_day = []
        for place in range(chance.randint(2, 6)):
            is_post = place == 0 or chance.random() < 0.3
            thread = f"t3_{community}{chance.randint(0, len(DAYS))}x0"
            parent = chance.choice([thread, f"t1_{community}{chance.randrange(len(DAYS))}x{chance.randint(1, 3)}"])
            identity = {} if is_post else {"thread_id": thread, "parent_id": parent}
            row = rows(f"t{3 if is_post else 1}_{community}{number}x{place}", **identity)
            row |= {
                "created_at": NOON + timedelta(days=day, minutes=place),
                "author_key": chance.choice([*AUTHORS, None]),
                "author_role": chance.choice(["member", "member", "member", "moderator", "team", "bot"]),
                "body": chance.choice(TEXTS),
                "score": chance.choice([None, -3, 0, 5]),
                "reply_count": chance.choice([None, 0, 4]) if is_post else None,
                "award_count": None,
                "reactions": chance.choice([None, {"like": 2}]),
            }
            row["observed_at"] = row["created_at"] + timedelta(days=30)
            of_day.append(row)
        days.append(of_day)
    return days


def seen_again(chance: random.Random, days: list[list[dict[str, Any]]], *, number: int) -> list[dict[str, Any]]:
    """What a live source sees on a later day: drifted counts, edits, removals, accounts that are gone."""
    observed_at = NOON + timedelta(days=number, hours=11)
    seen = []
    for row in (row for of_day, day in zip(days, DAYS, strict=True) if day <= number for row in of_day):
        if chance.random() < 0.4:
            continue
        again = row | {"observed_at": observed_at, "score": chance.randint(-5, 50)}
        if chance.random() < 0.2:
            again |= {
                "removal": chance.choice(["by_author", "by_moderator"]),
                "body": chance.choice([None, "left over"]),
            }
        if chance.random() < 0.2:
            again |= {"author_key": None, "author_role": "member"}
        if chance.random() < 0.2:
            again |= {"body": chance.choice(TEXTS), "edited_at": observed_at}
        seen.append(again)
    return seen


def loads(lab: Any, rows: Any, *, live_days: tuple[int, ...] = (5, 25, 33)) -> list[Any]:
    """Archives of two communities day by day, and live loads that see older contributions again."""
    chance = random.Random(7)  # noqa: S311  (the same world each time)
    sealed = []
    for community in ("tea", "mate"):
        days = written(chance, rows, community=community)
        if community == "mate":
            # Said of two days: all that stands on it moves with the earlier of them.
            for of_day, day in zip(days[1:3], DAYS[1:3], strict=True):
                created_at = NOON + timedelta(days=day, hours=1)
                observed_at = created_at + timedelta(days=30)
                of_day.append(rows("t1_twice", created_at=created_at, observed_at=observed_at, community=community))
        # A comment of the last day of the month is held back: it is seen in the next month only.
        held_back = next((row for row in reversed(days[3]) if row["kind"] == "comment"), None)
        sealed += [
            lab.archive(day, [row for row in of_day if row is not held_back], community=community)
            for day, of_day in zip(DAYS, days, strict=True)
        ]
        if community == "tea":
            assert held_back is not None
            sealed += [
                lab.live(number, seen_again(chance, days, number=number), members_n=100 + number)
                for number in live_days
            ]
    return sealed


def looked_at(load: Any) -> list[dict[str, Any]]:
    """What the load claims to have looked at, the same each time."""
    chance = random.Random(f"7 {load.load_id}")  # noqa: S311  (of each claim some)
    manifest = load.manifest
    facts: dict[str, Any] = {"community": manifest.community, "source": manifest.source}
    claim = chance.choice(["all", "all", "all", "posts", "hours", "nothing", "site"])
    if claim == "posts":
        return coverage_rows(manifest.window, kinds=["post"], **facts)
    if claim == "hours":
        morning = coverage_rows(manifest.window, hours=(0, 12.02), **facts)
        return morning + coverage_rows(manifest.window, kinds=["comment"], hours=(13, 24), **facts)
    if claim == "nothing":
        return coverage_rows(manifest.window, proof="none", looked_from=None, looked_to=None, **facts)
    if claim == "site":
        return coverage_rows(manifest.window, **facts | {"community": "*"}, except_communities=["mate"])
    return coverage_rows(manifest.window, **facts)


# ---- any order ---------------------------------------------------------------


@pytest.fixture(scope="module")
def history(shared_lab: Any, rows: Any) -> list[Any]:
    return loads(shared_lab, rows)


@pytest.fixture(scope="module")
def built_at_once(shared_lab: Any, history: list[Any], look: Any) -> Any:
    shared_lab.empty()
    for load in history:
        shared_lab.bring(load, coverage=looked_at(load))
    assert shared_lab.build().contribution_dates is None
    return look(builds.working_file(shared_lab.home))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_build__any_order_of_arrival_gives_the_same_marts(
    built_at_once: Any, lab: Any, history: list[Any], look: Any, seed: int, monkeypatch: pytest.MonkeyPatch
):
    chance = random.Random(seed)  # noqa: S311  (the same order each time)
    arriving = chance.sample(history, len(history))
    first_stop, second_stop = sorted(chance.sample(range(1, len(arriving) - 1), 2))
    for number, load in enumerate(arriving):
        lab.bring(load, coverage=looked_at(load))
        if number == first_stop:
            lab.build(has_data_tests=False)
            lab.publish()
        if number == second_stop:
            # Never published, so it must leave no trace. It is undone by file, whatever was built of it.
            with monkeypatch.context() as few:
                few.setattr(lab, "models", OF_PEOPLE)
                lab.build(has_data_tests=False)
    assert lab.build().contribution_dates, "a partial build is what this test is about"
    assert differences(look(lab.publish().file), built_at_once) == {}


def test_build__the_world_has_days_of_each_kind(built_at_once: Any):
    """Equal marts prove little where all days are alike."""
    days = built_at_once["marts.fct_community_daily"]
    kinds = {(row["is_posts_complete"], row["is_comments_complete"], row["posts"] is None, row["comments"] is None)
             for row in days}  # fmt: skip
    assert {(True, True, False, False), (False, False, False, False), (False, False, True, True)} <= kinds
    assert any(row["unproven_n"] for row in days)
    clashes = built_at_once["intermediate.int_creation_time_clashes"]
    assert {row["contribution_id"] for row in clashes} == {"t1_twice"}
    assert any(row["first_response_h"] is not None for row in built_at_once["intermediate.int_thread_periods"])


def test_build__sizes_of_communities_are_there_by_day(built_at_once: Any, shared_lab: Any):
    sizes = {
        row["observation_date"]: (row["community"], row["members_n"], row["members_change_n"])
        for row in built_at_once["marts.fct_community_size_daily"]
    }
    assert sizes == {
        shared_lab.day(5): ("tea", 105, None),
        shared_lab.day(25): ("tea", 125, 20),
        shared_lab.day(33): ("tea", 133, 8),
    }


# ---- erasure -------------------------------------------------------------------


def held_in_raw(lab: Any) -> dict[str, int]:
    """Rows in raw, and how many of them hold a text and an author."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "select count(*), count(text_sha256), count(author_key) from read_parquet(?, hive_partitioning = false)",
            [raw.contributions_glob(lab.home)],
        ).fetchone()
    return dict(zip(("rows", "texts", "authors"), found or (), strict=True))


def test_build__erasure_changes_no_mart(
    built_at_once: Any, lab: Any, rows: Any, look: Any, monkeypatch: pytest.MonkeyPatch
):
    """No mart shows text or author of an observation but the latest, and that one is not erased.

    Looks end with the month: what is taken back later leaves the month in which it was written too, and changes it.
    """

    def built() -> tuple[Tables, dict[str, int]]:
        lab.empty()
        for load in loads(lab, rows, live_days=(5, 12, 19, 25, 26)):
            lab.bring(load)
        lab.build(is_full_refresh=True, has_data_tests=False)
        return look(builds.working_file(lab.home)), held_in_raw(lab)

    with monkeypatch.context() as without:
        without.setattr(erasure, "prepare", lambda *_, **__: erasure.Erasure())
        marts_before, before = built()
    marts_after, after = built()
    assert differences(marts_before, marts_after) == {}
    assert after["rows"] == before["rows"]
    assert after["texts"] < before["texts"], "nothing was erased, so nothing was shown"
    assert after["authors"] < before["authors"]


# ---- one story, told in four builds --------------------------------------------


@dataclass(frozen=True)
class Story:
    """What readers saw after each publish, and what a build from raw alone makes of the same."""

    at_first: Tables
    later: Tables
    at_last: Tables
    at_once: Tables
    dates_later: tuple[date, ...]
    dates_at_last: tuple[date, ...]
    observed_at_last: list[tuple[date, int]]
    plans: dict[str, str]


@pytest.fixture(scope="module")
def story(built_at_once: Any, shared_lab: Any, rows: Any, look: Any) -> Story:
    """``built_at_once`` is asked for only so that it is done with the lab."""
    lab = shared_lab
    lab.empty()

    def at(number: int, contribution_id: str, **changes: Any) -> dict[str, Any]:
        return rows(contribution_id, **({"created_at": NOON + timedelta(days=number)} | changes))

    # At first: a post that says too much, a comment whose post nobody saw, and a person who seems new on day 3.
    secret = at(0, "t3_a", title="a secret title", body="a secret body", permalink="/r/tea/a/a_secret_title/")
    lab.bring(lab.archive(0, [secret, at(0, "t1_lost", author_key="b" * 64)]))
    lab.bring(lab.archive(3, [at(3, "t1_orphan", thread_id="t3_late", parent_id="t3_late", author_key="c" * 64)]))
    lab.bring(lab.archive(4, [at(4, "t3_only", author_key="d" * 64)]))
    lab.build(has_data_tests=False)
    at_first = look(lab.publish().file)

    # A build that is never published: only it knows t1_tried.
    lab.bring(lab.archive(1, [at(1, "t1_tried", author_key="e" * 64)]))
    with pytest.MonkeyPatch.context() as few:
        few.setattr(lab, "models", OF_PEOPLE)
        lab.build(has_data_tests=False)
    assert "t1_tried" in repr(look(builds.working_file(lab.home)))

    # Later: t1_tried is not there when asked again, the post is taken back, the missing post turns up.
    lab.bring(lab.archive(1, [at(1, "t3_late", author_key="c" * 64)], name="again"))
    taken_back = {"removal": "by_author", "body": None, "observed_at": NOON + timedelta(days=40)}
    seen_again = at(1, "t3_late", author_key="c" * 64, observed_at=NOON + timedelta(days=40))
    lab.bring(lab.live(40, [secret | taken_back, seen_again]))
    dates_later = lab.build(has_data_tests=False).contribution_dates
    later = look(lab.publish().file)

    # At last: a comment and all of day 4 are gone when asked again.
    lab.bring(lab.archive(0, [secret], name="again"))
    lab.bring(lab.archive(4, [], name="again"))
    dates_at_last = lab.build(has_data_tests=False).contribution_dates
    with duckdb.connect(str(builds.working_file(lab.home)), read_only=True) as connection:
        observed_at_last = connection.execute(
            "select contribution_date, count(*) from staging.int_observations group by all order by all"
        ).fetchall()
    at_last = look(lab.publish().file)

    assert lab.build(is_full_refresh=True).contribution_dates is None
    at_once = look(builds.working_file(lab.home))
    with duckdb.connect(str(builds.working_file(lab.home)), read_only=True) as connection:
        plans = {
            view: connection.execute(
                f"explain analyze select * from staging.{view} where partition_day >= date '{lab.day(40)}'"
            ).fetchall()[0][1]
            for view in ("stg_contributions", "stg_text_scores")
        }
    return Story(at_first, later, at_last, at_once, dates_later, dates_at_last, observed_at_last, plans)


def column(tables: Tables, table: str, name: str, *, by: str) -> dict[Any, Any]:
    """One column of a table by another."""
    return {row[by]: row[name] for row in tables[table]}


def test_build__only_the_dates_that_changed_are_built(story: Story, shared_lab: Any):
    # The live load looked at day 40 and found nothing of it: that too is news.
    assert story.dates_later == (shared_lab.day(0), shared_lab.day(1), shared_lab.day(40))
    assert story.dates_at_last == (shared_lab.day(0), shared_lab.day(4))


def test_build__bit_by_bit_equals_at_once(story: Story):
    assert differences(story.at_last, story.at_once) == {}


def test_build__an_unpublished_build_leaves_no_trace(story: Story):
    assert "t1_tried" not in repr(story.later)
    assert "e" * 64 not in repr(story.later)


def test_build__text_that_was_taken_back_is_in_no_table(story: Story):
    assert "secret" in repr(story.at_first)
    assert "secret" not in repr(story.later)
    assert "secret" not in repr(story.at_last), "an archive that still has the text brings nothing back"


def test_build__late_history_moves_the_day_on_which_somebody_is_new(story: Story, shared_lab: Any):
    def new(tables: Tables) -> list[Any]:
        days = [row["new_contributor_date"] for row in tables["marts.dim_contributors"] if row["community"] == "tea"]
        return [days.count(shared_lab.day(number)) for number in (1, 3)]

    assert new(story.at_first) == [0, 1]
    assert new(story.later) == [1, 0]
    # A handful of days is no history to call somebody new against.
    told = column(story.later, "marts.fct_community_daily", "new_contributors", by="contribution_date")
    assert set(told.values()) == {None}


def test_build__a_post_that_turns_up_late_takes_its_comments_in(story: Story, shared_lab: Any):
    def dated(tables: Tables) -> Any:
        return column(tables, "marts.fct_threads", "contribution_date", by="thread_id")["t3_late"]

    assert dated(story.at_first) == shared_lab.day(3)
    assert dated(story.later) == shared_lab.day(1)
    assert column(story.later, "marts.fct_threads", "comments", by="thread_id")["t3_late"] == 1


def test_build__rows_lost_on_a_rerun_leave_every_mart(story: Story, shared_lab: Any):
    assert "t1_lost" in repr(story.later)
    assert "t1_lost" not in repr(story.at_last)
    assert "b" * 64 not in repr(story.at_last), "nothing else is known of its author"
    assert "d" * 64 not in repr(story.at_last), "nothing else is known of who wrote on the day that vanished"
    assert column(story.at_last, "marts.fct_threads", "comments", by="thread_id")["t3_a"] == 0
    assert column(story.at_last, "marts.fct_community_daily", "posts", by="contribution_date")[shared_lab.day(4)] == 0


@pytest.mark.parametrize("view", ["stg_contributions", "stg_text_scores"])
def test_staging__a_filter_on_partition_day_opens_those_files_only(story: Story, view: str):
    assert "Total Files Read: 1 " in story.plans[view], story.plans[view]


def test_observations__hold_what_the_build_needs_of_raw_and_no_more(story: Story, shared_lab: Any):
    # Of day 4 nothing is left; the post of day 0 was seen that day, and again on day 40.
    assert story.observed_at_last == [(shared_lab.day(0), 2)]


# ---- one id, two times of creation ----------------------------------------------


def test_build__an_id_with_two_times_of_creation_has_the_earlier_in_any_order(
    story: Story, shared_lab: Any, rows: Any, look: Any, monkeypatch: pytest.MonkeyPatch
):
    """The later copy and the earlier one come first in turn; then the earlier is gone when its day is asked again.

    ``story`` is asked for only so that it is done with the lab.
    """
    lab = shared_lab
    # What becomes of such an id in all marts is in test_build__any_order_of_arrival_gives_the_same_marts.
    of_such_an_id = (
        "fct_contributions",
        "fct_threads",
        "dim_contributors",
        "fct_community_daily",
        "int_comment_depths",
    )
    monkeypatch.setattr(lab, "models", [f"+{model}" for model in of_such_an_id])

    def at(number: int, contribution_id: str, **changes: Any) -> dict[str, Any]:
        return rows(contribution_id, **({"created_at": NOON + timedelta(days=number)} | changes))

    def told(number: int) -> Any:
        answer = at(number, "t1_answer", thread_id="t3_a", parent_id="t3_a", author_key="c" * 64)
        return lab.archive(number, [at(number, "t3_a", score=number), answer, at(number, f"t3_own{number}")])

    def held() -> dict[str, bytes]:
        folders = (lab.home.raw, lab.home.scores)
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        return {str(file): file.read_bytes() for file in files}

    mate = lab.archive(3, [at(3, "t3_a", author_key="d" * 64)], community="mate")
    found, files = [], []
    for order in ((5, 2), (2, 5)):
        lab.empty()
        lab.bring(mate)
        lab.bring(told(order[0]))
        lab.build(has_data_tests=False)
        lab.publish()
        lab.bring(told(order[1]))
        assert lab.build(has_data_tests=False).contribution_dates == (lab.day(2), lab.day(5))
        found.append((look(lab.publish().file), _clashes(lab)))
        files.append(held())
    # The files are the same whatever came first, so one build of everything stands for both orders.
    assert files[0] == files[1]
    lab.build(is_full_refresh=True, has_data_tests=False)
    found.append((look(builds.working_file(lab.home)), _clashes(lab)))
    lab.publish()
    for tables, clashes in found:
        assert differences(tables, found[0][0]) == {}
        assert clashes == found[0][1]
    tables, clashes = found[0]
    dated = column(tables, "marts.fct_contributions", "contribution_date", by="contribution_id")
    assert {name: dated[name] for name in ("t1_answer", "t3_own2", "t3_own5")} == {
        "t1_answer": lab.day(2), "t3_own2": lab.day(2), "t3_own5": lab.day(5),
    }  # fmt: skip
    posts = [row for row in tables["marts.fct_contributions"] if row["contribution_id"] == "t3_a"]
    assert sorted((row["community"], row["contribution_date"]) for row in posts) == [
        ("mate", lab.day(3)), ("tea", lab.day(2)),
    ]  # fmt: skip
    assert next(row["score"] for row in posts if row["community"] == "tea") == 5, "as last seen"
    assert clashes == [
        (name, NOON + timedelta(days=2), "reddit_archive-tea-2", NOON + timedelta(days=5), "reddit_archive-tea-5")
        for name in ("t1_answer", "t3_a")
    ]

    lab.bring(lab.archive(2, [at(2, "t3_own2")], name="again"))
    assert lab.build(has_data_tests=False).contribution_dates == (lab.day(2), lab.day(5))
    without = look(lab.publish().file)
    assert _clashes(lab) == []
    assert column(without, "marts.fct_contributions", "contribution_date", by="contribution_id")[
        "t1_answer"
    ] == lab.day(5)
    lab.build(is_full_refresh=True)
    assert differences(without, look(builds.working_file(lab.home))) == {}


# ---- what is made of words --------------------------------------------------------

OF_WORDS = (
    "fct_keywords_monthly", "fct_topics_monthly", "fct_topic_examples", "fct_interests", "fct_niches",
    "fct_needs_monthly", "fct_need_examples",
)  # fmt: skip
NEEDS = ("I wish the {} had a {}.", "Which {} should I buy for my {}?", "My {} broke again, the {} is awful.")
SUBJECTS = {
    "tea": ("kettle", "teapot", "oolong", "strainer", "gaiwan", "porcelain", "saucer"),
    "mate": ("gourd", "bombilla", "yerba", "thermos", "straw", "paraguay", "filter"),
}


# What posts are about, whatever the community.
THEMES = (
    "garden rain soil seeds roots bloom lawn fence", "train ticket station luggage platform journey border hotel",
    "guitar drums concert singer album chorus melody stage", "flour oven butter recipe dough sugar yeast crust",
    "engine wheel brake tyre petrol gears mirror bonnet",
)  # fmt: skip


def asked_for(rows: Any, community: str, day: int, *, seed: int) -> list[dict[str, Any]]:
    """Posts of a day: what forty of eighty people need, each community by its own subjects."""
    chance = random.Random(f"{seed} {community} {day}")  # noqa: S311  (the same world each time)
    posts = []
    for place in range(40):
        text = chance.choice(NEEDS).format(*chance.sample(SUBJECTS[community], 2))
        created_at = NOON + timedelta(days=day, minutes=place)
        posts.append(
            rows(
                f"t3_{community}{day}x{place}", created_at=created_at, observed_at=created_at + timedelta(hours=1),
                author_key=f"{chance.randrange(80):02x}" * 32,
                body=f"{text} The {' '.join(chance.sample(chance.choice(THEMES).split(), 4))}.",
            )
        )  # fmt: skip
    return posts


def test_build__of_words_bit_by_bit_equals_at_once(lab: Any, rows: Any, look: Any, monkeypatch: pytest.MonkeyPatch):
    """A month, the next one, and a day of the first again, whose topics reach into the next one's."""
    # Whoever notes which threads are affected leaves that to fct_threads.
    monkeypatch.setattr(lab, "models", [f"+{model}" for model in (*OF_WORDS, "fct_threads")])
    model_id = get_scorer(lab.settings.sentiment_model).model_id

    def bring(days: tuple[int, ...], *, seed: int, name: str = "of-words") -> Tables:
        for day in days:
            for community in SUBJECTS:
                lab.bring(lab.archive(day, asked_for(rows, community, day, seed=seed), community=community, name=name))
        assert refresh(lab.home, model_id).days_n == len(days)
        lab.build(has_data_tests=False)
        return look(lab.publish().file)

    first = bring((0, 5, 7), seed=1)
    second = bring((28, 30), seed=2)
    third = bring((5,), seed=3, name="of-words-again")
    lab.build(is_full_refresh=True, has_data_tests=False)
    assert differences(third, look(builds.working_file(lab.home))) == {}
    rows_n = {model: [len(tables[f"marts.{model}"]) for tables in (first, second, third)] for model in OF_WORDS}
    assert all(min(counts) > 0 for model, counts in rows_n.items() if model != "fct_niches"), rows_n
    changed = [model for model in OF_WORDS if second[f"marts.{model}"] != third[f"marts.{model}"]]
    assert {*OF_WORDS} - {*changed} <= {"fct_niches"}
    # What came again of the first month moved topics of the next one.
    topics = [
        [row for row in tables["marts.fct_topics_monthly"] if row["month_start_date"] > lab.day(0)]
        for tables in (second, third)
    ]
    assert topics[0] != topics[1]


def _clashes(lab: Any) -> list[tuple[Any, ...]]:
    return list(
        query.all_rows(
            lab.home,
            "select contribution_id, kept_created_at, kept_load_id, other_created_at, other_load_id "
            "from quality.creation_time_clashes where community = 'tea' order by all",
        )
    )


def differences(left: Tables, right: Tables) -> dict[str, list[Any]]:
    """Rows that only one side has (or has more often), by table; at most a few of each."""
    found = {}
    for table in sorted({*left, *right}):
        one, other = left.get(table, []), right.get(table, [])
        if one != other:
            found[table] = [row for row in [*one, *other] if one.count(row) != other.count(row)][:4]
    return found
