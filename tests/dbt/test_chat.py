"""A chat beside a subreddit: what is counted of it, and that neither changes a figure of the other.

And beside both a table that does not show who wrote what: its people are unknown, never zero.
"""

import random
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import yaml

from pulse.core.home import REPOSITORY
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.texts import get_scorer, score_partitions
from pulse.warehouse import builds
from support import NOON, contribution, coverage_rows, sealed_load, write_coverage

pytestmark = pytest.mark.integration

Tables = Mapping[str, list[dict[str, Any]]]
MIDNIGHT = NOON - timedelta(hours=12)
# Kinds that each community's loads look at.
KINDS = {
    "tea": ("post", "comment"),
    "chat": ("message",),
    "both": ("post", "comment", "message"),
    "anon": ("post", "comment"),
}


def message(number: str, minute: int, author: str, **changes: Any) -> dict[str, Any]:
    """A message so many minutes after the first midnight."""
    created_at = MIDNIGHT + timedelta(minutes=minute)
    facts = {"platform": "discord", "community": "chat", "kind": "message", "thread_id": number, "parent_id": None}
    facts |= {"title": None, "author_key": author * 64, "channel": "tips", "score": None, "created_at": created_at}
    return contribution(number, **(facts | {"observed_at": created_at + timedelta(hours=1)} | changes))


def minute(day: int, hour: int, past: int = 0) -> int:
    return (day * 24 + hour) * 60 + past


FIRST = [
    message("1", minute(0, 12), "a"),
    message("2", minute(0, 12, 10), "b", parent_id="1"),
    message("4", minute(0, 13), "d"),
    message("5", minute(0, 12, 5), "e", channel="news"),
    message("6", minute(0, 23, 50), "c"),
]
# Told late, it joins what lies 25 minutes before it and after it.
TOLD_LATE = message("3", minute(0, 12, 35), "c")
SECOND = [
    message("7", minute(1, 0, 10), "d"),  # goes on after midnight
    message("8", minute(1, 10), "a", parent_id="2"),  # takes up yesterday's conversation again, and 9 goes on
    message("9", minute(1, 10, 5), "e"),
    message("91", minute(1, 10, 6), "e", parent_id="gone"),
]
POST = {"platform": "discord", "community": "both", "author_key": "a" * 64}
FORUM = [
    contribution("t3_forum", thread_id="t3_forum", channel="help", **POST),
    contribution("t1_forum", thread_id="t3_forum", parent_id="t3_forum", **POST | {"author_key": "b" * 64}),
    message("20", minute(0, 9), "c", community="both", channel=None),
]
ANON = [
    contribution("p1", platform="site", community="anon", thread_id="p1", kind="post", author_key=None),
    contribution("c1", platform="site", community="anon", thread_id="p1", parent_id="p1", author_key=None),
]


def load(lab: Any, name: str, community: str, day: int, rows: Iterable[Mapping[str, Any]]) -> Load:
    """What a source saw of one day, which adds to what others saw of it."""
    platform = {"tea": "reddit", "anon": "site"}.get(community, "discord")
    return sealed_load(
        lab.home,
        [dict(row) for row in rows],
        load_id=f"export-{community}-{day}-{name}",
        community=community,
        platform=platform,
        entry_id=f"{platform}/{community}",
        source="export",
        is_replayable=False,
        window=Window.one_day(lab.day(day)),
    )


def loads(lab: Any) -> list[Load]:
    tea = [contribution("t3_a", score=5), contribution("t1_b", author_key="b" * 64, score=2)]
    # Seen again later, when the account was gone.
    again = [row | {"observed_at": MIDNIGHT + timedelta(days=9), "author_key": None} for row in FIRST[4:]]
    return [
        load(lab, "a", "tea", 0, tea),
        load(lab, "a", "tea", 1, []),
        load(lab, "a", "chat", 0, FIRST),
        load(lab, "a", "chat", 1, SECOND),
        load(lab, "b", "chat", 0, [TOLD_LATE, *again]),
        load(lab, "a", "both", 0, FORUM),
        load(lab, "a", "both", 1, []),
        load(lab, "a", "anon", 0, ANON),
    ]


def bring(lab: Any, one: Load) -> None:
    """Promote a load, judge its texts and say what it looked at."""
    raw.promote(lab.home, one)
    manifest = one.manifest
    kinds = KINDS[manifest.community]
    if one.load_id == "export-both-1-a":
        kinds = ("post", "comment")  # nobody read the chat that day
    whose = {"platform": manifest.platform, "community": manifest.community, "source": manifest.source}
    write_coverage(lab.home, one.load_id, coverage_rows(manifest.window, kinds=kinds, proof="listed", **whose))
    parts = [(part.platform, part.community, part.day) for part in raw.partitions_of(one)]
    score_partitions(lab.home, get_scorer(lab.settings.sentiment_model), parts)


def of(tables: Tables, table: str, community: str, **where: Any) -> list[dict[str, Any]]:
    """Rows of a community."""
    wanted = where | {"community": community}
    return [row for row in tables[f"marts.{table}"] if wanted.items() <= row.items()]


def people_of(tables: Tables, community: str) -> list[dict[str, Any]]:
    """Persons of a community, whatever the terms of its platform."""
    return [row for row in tables["intermediate.int_contributors"] if row["community"] == community]


@pytest.fixture(scope="module")
def without_chat(shared_lab: Any, look: Any) -> Tables:
    shared_lab.empty()
    for one in loads(shared_lab)[:2]:
        bring(shared_lab, one)
    shared_lab.build(has_data_tests=False)
    return look(builds.working_file(shared_lab.home))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def marts(without_chat: Tables, shared_lab: Any, look: Any) -> Tables:
    """Everything at once."""
    shared_lab.empty()
    for one in loads(shared_lab):
        bring(shared_lab, one)
    assert shared_lab.build().contribution_dates is None
    return look(builds.working_file(shared_lab.home))  # type: ignore[no-any-return]


def test_subreddit__has_the_figures_that_it_has_without_a_chat_beside_it(without_chat: Tables, marts: Tables):
    tables = [
        table for table in marts if table.startswith("marts.") and any("community" in row for row in marts[table])
    ]
    assert len(tables) > 10
    for table in tables:
        # A row between two communities is of both.
        own = [
            row for row in of(marts, table.removeprefix("marts."), "tea") if row.get("other_community") in {None, "tea"}
        ]
        assert own == of(without_chat, table.removeprefix("marts."), "tea")


def test_day__counts_messages_apart_and_knows_which_kinds_a_community_has(marts: Tables, shared_lab: Any):
    names = ("posts", "comments", "messages", "contributors", "is_day_complete", "is_messages_complete", "caveat")
    days = {
        (row["community"], (row["contribution_date"] - shared_lab.day(0)).days): tuple(row[name] for name in names)
        for row in marts["marts.fct_community_daily"]
    }
    assert days == {
        ("tea", 0): (1, 1, None, 2, True, False, None),
        ("tea", 1): (0, 0, None, 0, True, False, None),
        ("chat", 0): (None, None, 6, 5, True, True, None),
        ("chat", 1): (None, None, 4, 3, True, True, None),
        ("both", 0): (1, 1, 1, 3, True, True, None),
        ("both", 1): (0, 0, None, 0, False, False, "incomplete,messages_not_read"),
        ("anon", 0): (1, 1, None, None, True, False, "authors_not_observed"),
    }


def test_conversations__end_in_silence_and_are_taken_up_by_answers(marts: Tables):
    names = ("channel", "messages", "contributors", "is_answered", "first_answer_h")
    found = {
        row["conversation_id"]: tuple(row[name] for name in names) for row in of(marts, "fct_conversations", "chat")
    }
    assert found == {
        "1": ("tips", 7, 5, True, pytest.approx(1 / 6)),
        "5": ("news", 1, 1, False, None),
        "6": ("tips", 2, 1, True, pytest.approx(1 / 3)),
    }
    (alone,) = of(marts, "fct_conversations", "both")
    assert (alone["channel"], alone["is_answered"], alone["watched_h"]) == (None, False, 15.0)


def test_month__tells_of_openers_beside_posts_and_never_of_messages_as_posts(marts: Tables):
    names = ("posts", "comments", "messages", "contributions", "contributors", "conversations", "chat_conversations",
             "chat_conversations_answered", "chat_responses_n")  # fmt: skip
    months = {row["community"]: tuple(row[name] for name in names) for row in marts["marts.fct_community_monthly"]}
    assert months == {
        "tea": (1, 1, None, 2, 2, 1, None, None, None),
        # Message 6 has lost its author since, in what was last seen by the month's end.
        "chat": (None, None, 10, 10, 5, None, 3, 2, 2),
        "both": (1, 1, 1, 3, 3, 1, 1, 0, 1),
        "anon": (1, 1, None, 2, None, None, None, None, None),
        "*": (3, 3, 11, 17, 5, 2, 4, 2, 3),  # keys of two platforms never meet, but here
    }
    kpis = {row["kpi"]: row["value"] for row in of(marts, "fct_kpis_monthly", "chat")}
    assert (kpis["messages"], kpis["chat_conversations"], kpis["posts"], kpis["conversations"]) == (10, 3, None, None)
    assert not [row for row in of(marts, "fct_kpis_monthly", "tea") if row["kpi"].startswith(("messages", "chat"))]


def test_people__are_those_of_every_kind_and_threads_and_posts_are_not_of_chats(marts: Tables):
    (people,) = of(marts, "fct_participation_monthly", "chat")
    assert (people["contributors"], people["contributions"]) == (5, 9)
    assert {row["messages"] for row in people_of(marts, "chat")} == {1, 2, 3}
    (community,) = of(marts, "dim_communities", "chat")
    assert (community["posts"], community["messages"], community["days_messages_complete"]) == (None, 10, 2)
    (mood,) = of(marts, "fct_sentiment_monthly", "chat")
    assert mood["contributions"] == 10
    for table in ("fct_threads", "fct_post_performance"):
        assert not of(marts, table, "chat")
    assert {row["posts"] for row in of(marts, "fct_posting_heatmap", "chat")} == {None}
    channels = {row["contribution_id"]: row["channel"] for row in marts["marts.fct_contributions"]}
    assert (channels["5"], channels["20"], channels["t3_forum"], channels["t3_a"]) == ("news", None, "help", None)


def test_people__are_unknown_where_a_table_shows_no_authors(marts: Tables):
    (people,) = of(marts, "fct_participation_monthly", "anon")
    assert (people["contributors"], people["contributions"], people["core_n"], people["lurker_share"]) == (None,) * 4
    (profile,) = of(marts, "fct_community_profile_monthly", "anon")
    assert (profile["contributors"], profile["size_label"], profile["reply_pairs_n"]) == (None,) * 3
    assert "authors_not_observed" in people["caveat"]
    assert "authors_not_observed" in profile["caveat"]
    (thread,) = of(marts, "fct_threads", "anon")
    assert (thread["comments"], thread["contributors"]) == (1, None)
    (community,) = of(marts, "dim_communities", "anon")
    assert (community["posts"], community["contributors"]) == (1, None)
    kpis = {row["kpi"]: row for row in of(marts, "fct_kpis_monthly", "anon")}
    for kpi in ("contributors", "new_contributors", "conversations", "response_rate_24h"):
        assert kpis[kpi]["value"] is None
        assert "authors_not_observed" in kpis[kpi]["caveat"]
    assert {row["active_contributors_per_h"] for row in of(marts, "fct_posting_heatmap", "anon")} == {None}
    assert not people_of(marts, "anon")


# ---- terms -------------------------------------------------------------------------

KEYS = {letter * 64 for letter in "abcdef"}


def holds_person(value: Any) -> bool:
    """Whether a value is the key of a person, or holds one."""
    if isinstance(value, list | tuple | set):
        return any(map(holds_person, value))
    if isinstance(value, dict):
        return holds_person([*value, *value.values()])
    return isinstance(value, str) and any(key in value for key in KEYS)


def models_with_persons() -> set[str]:
    """Marts that are tagged as showing persons."""
    return {
        model["name"]
        for file in sorted((REPOSITORY / "dbt_project" / "models" / "marts").rglob("[!_]*.yml"))
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
        if "persons" in model.get("config", {}).get("tags", [])
    }


def test_persons__are_in_no_mart_that_is_not_tagged(marts: Tables):
    showing = {
        table.removeprefix("marts.")
        for table, rows in marts.items()
        if table.startswith("marts.") and any(holds_person(value) for row in rows for value in row.values())
    }
    assert showing == {"dim_contributors", "fct_contributions", "fct_threads"}, "or this would pass on nothing"
    # Nobody may be ranked on Discord, which has all the conversations here; nobody leads, helps or speaks for a brand.
    people = {file.stem for file in (REPOSITORY / "dbt_project" / "models" / "marts" / "people").glob("[!_]*.yml")}
    assert models_with_persons() == showing | {"fct_conversations"} | people


def test_persons__a_column_of_their_keys_stands_in_tagged_marts_alone():
    named = set()
    for file in sorted((REPOSITORY / "dbt_project" / "models" / "marts").rglob("[!_]*.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]:
            if any(re.search(r"(author|contributor|person)\w*_key|_author$", one["name"]) for one in model["columns"]):
                named.add(model["name"])
    assert named == models_with_persons()


def test_persons__of_a_platform_that_lets_nobody_be_ranked_are_in_no_mart_and_counted_in_all(marts: Tables):
    asked = {row["platform"]: row["may_rank_persons"] for row in marts["marts.dim_platforms"]}
    assert (asked["discord"], asked["reddit"], asked.get("site")) == (False, True, None)
    kept = {row["platform"] for row in marts["intermediate.int_contributors"]}
    assert kept == {"discord", "reddit"}
    for table, rows in marts.items():
        if table.startswith("marts."):
            found = [row for row in rows if row.get("platform") != "reddit" and any(map(holds_person, row.values()))]
            assert not found, table
    assert {row["author_key"] is None for row in of(marts, "fct_contributions", "tea")} == {False}
    # The same figures as ever: see also the months and days above.
    (community,) = of(marts, "dim_communities", "chat")
    (people,) = of(marts, "fct_participation_monthly", "chat")
    (month,) = of(marts, "fct_community_monthly", "chat")
    counts = {community["contributors"], people["contributors"], month["contributors"], len(people_of(marts, "chat"))}
    assert counts == {5}
    conversations = of(marts, "fct_conversations", "chat")
    assert {row["contributors"] for row in conversations if row["is_by_contributor"]} == {1, 5}


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_build__any_order_of_arrival_gives_the_same_conversations_and_marts(
    marts: Tables, lab: Any, look: Any, seed: int
):
    chance = random.Random(seed)  # noqa: S311  (the same order each time)
    history = loads(lab)
    arriving = chance.sample(history, len(history))
    for number, one in enumerate(arriving):
        bring(lab, one)
        if number in (2, 5):
            lab.build(has_data_tests=False)
            lab.publish()
    assert lab.build().contribution_dates, "a partial build is what this test is about"
    built = look(lab.publish().file)
    assert {table: rows for table, rows in built.items() if rows != marts[table]} == {}


def test_marts__each_say_which_kinds_they_count():
    files = sorted((REPOSITORY / "dbt_project" / "models" / "marts").rglob("fct_*.yml"))
    assert len(files) > 15
    for file in files:
        (model,) = yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
        assert "Kinds: " in model["description"], file.name
