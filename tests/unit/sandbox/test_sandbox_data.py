"""What the sandbox serves, without a server: archives and the world as functions of now, paging, faults, budgets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fixtures.reddit_lines import NOON_S, comment, lines, post, write
from pulse.core.errors import ArchiveUnreadable, ConfigError
from pulse.sandbox import serving
from pulse.sandbox.faults import KINDS, Fault, FaultPlan
from pulse.sandbox.reddit_catalogue import Catalogue, Item
from pulse.sandbox.reddit_data import GROWN_AFTER_S, ArchiveData, WorldData
from pulse.sandbox.reddit_paging import PageQuery, page_of
from pulse.sandbox.reddit_things import ThingMaker
from pulse.sandbox.reddit_tokens import CLIENT_ID, CLIENT_SECRET, Tokens
from pulse.sandbox.sandbox_state import Behaviour, Budget, SandboxState
from pulse.sandbox.world import World, make_world

LATER = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime.fromtimestamp(NOON_S, tz=UTC)


def archive(tmp_path: Path, *records: Any, **options: Any) -> ArchiveData:
    return ArchiveData([write(tmp_path / "archive.ndjson", records)], **options)


def served(data: ArchiveData, full_id: str, now: datetime = LATER) -> dict[str, Any]:
    item = data.catalogue.get(full_id)
    assert item is not None
    return ThingMaker(data, now).in_listing(item)["data"]


def listed(data: ArchiveData, kind: Any = "posts", now: datetime = LATER) -> list[str]:
    return [item.full_id for item in data.catalogue.newest_first(["tea"], kind, now.timestamp())]


# ---- archives: reading -----------------------------------------------------


@pytest.mark.parametrize("is_packed", [False, True])
def test_archive__is_read_packed_or_not(tmp_path: Path, is_packed: bool):
    content = lines([post("a"), comment("b", link_id="t3_a", parent_id="t3_a")])
    if is_packed:
        content = zstandard.ZstdCompressor().compress(content)
    data = ArchiveData([write(tmp_path / "archive", content)])
    assert (listed(data), listed(data, "comments"), data.skipped.total()) == (["t3_a"], ["t1_b"], 0)


def test_archive__unusable_lines_are_skipped_and_counted(tmp_path: Path):
    bad = {
        b"{": "not_json",
        b'{"id": "x", "score": NaN}': "not_json",
        b"[" * 100_000: "not_json",
        b"\xff": "not_json",
        b"[]": "not_an_object",
        b'{"subreddit": "Tea"}': "no_id_or_community",
        b'{"id": 5, "subreddit": "Tea"}': "no_id_or_community",
        b'{"id": "x", "subreddit": "Tea", "created_utc": 1e300}': "no_time",
        b'{"id": "x", "subreddit": "Tea", "created_utc": 1570276800}': "neither_post_nor_comment",
        b'{"id": "x", "subreddit": "Tea", "created_utc": 1570276800, "link_id": 5}': "neither_post_nor_comment",
    }
    data = archive(tmp_path, post("a"), *bad, b"", post("a", score=1))
    reasons = list(bad.values())
    assert data.skipped == {reason: reasons.count(reason) for reason in reasons} | {"duplicate_record": 1}
    assert (data.records_n, served(data, "t3_a")["score"]) == (1, 7)


def test_archive__of_copies_the_one_seen_last_is_served(tmp_path: Path):
    copies = [post("a", score=score, retrieved_on=NOON_S + seen) for score, seen in ((1, 10), (3, 30), (2, 20))]
    assert served(archive(tmp_path, *copies), "t3_a")["score"] == 3


def test_archive__one_that_is_not_there_or_holds_nothing_is_named(tmp_path: Path):
    with pytest.raises(ArchiveUnreadable, match="nowhere"):
        ArchiveData([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match="no usable record, 1 lines skipped"):
        serving.archive_data([write(tmp_path / "empty", [b"{}"])], counts="as-recorded")
    with pytest.raises(ValueError, match="shrinking"):
        ArchiveData([], counts="shrinking")  # type: ignore[arg-type]


# ---- archives: serving -----------------------------------------------------


def test_archive__records_are_kept_as_they_are_and_completed(tmp_path: Path):
    record = post("a", edited=0, media=None, flair="odd", over_18=True, upvote_ratio=0.5, _meta={"n": 1})
    told = served(archive(tmp_path, record), "t3_a")
    assert not told.keys() & {"retrieved_on", "_meta"}
    assert {name: told[name] for name in record.keys() - {"retrieved_on", "_meta"}} == {
        name: value for name, value in record.items() if name not in {"retrieved_on", "_meta"}
    }
    assert told["created_utc"] == told["created"] == float(NOON_S)
    assert (told["name"], told["permalink"]) == ("t3_a", "/r/Tea/comments/a/")
    assert (told["ups"], told["likes"], told["selftext_html"][:13]) == (7, None, "<!-- SC_OFF -")


def test_archive__counts_that_it_lacks_are_null_not_zero(tmp_path: Path):
    told = served(archive(tmp_path, post("a", score=..., num_comments=...)), "t3_a")
    assert {told[name] for name in ("score", "ups", "num_comments", "num_crossposts", "upvote_ratio")} == {None}
    assert served(archive(tmp_path, post("a", score=..., ups=4)), "t3_a")["score"] == 4


@pytest.mark.parametrize(
    ("told", "parent_id"),
    [
        ("t1_b", "t1_b"), ("t3_p1", "t3_p1"), ("b", "t1_b"), (35, "t1_z"), ("36", "t1_10"), ("36.0", "t1_10"),
        (36.0, "t1_10"), ("", "t3_p1"), (None, "t3_p1"), (..., "t3_p1"),
    ],
)  # fmt: skip
def test_archive__parents_are_given_as_full_ids(tmp_path: Path, told: Any, parent_id: str):
    data = archive(tmp_path, comment("c", parent_id=told, link_id="p1"))
    assert (served(data, "t1_c")["parent_id"], served(data, "t1_c")["link_id"]) == (parent_id, "t3_p1")
    assert served(data, "t1_c")["permalink"] == "/r/Tea/comments/p1/_/c/"


def test_archive__comments_tell_of_their_thread(tmp_path: Path):
    data = archive(
        tmp_path, post("p1", title="<Tea>", url="https://tea.example/"), comment("c"), comment("d", link_id="x")
    )
    told = served(data, "t1_c")
    assert (told["link_title"], told["link_url"], told["link_author"]) == (
        "<Tea>",
        "https://tea.example/",
        "Some_Author",
    )
    assert told["link_permalink"] == "https://www.reddit.com/r/Tea/comments/p1/"
    assert (served(data, "t1_d")["link_title"], served(data, "t1_d")["num_comments"]) == ("[deleted by user]", None)


def test_archive__is_listed_from_its_creation_on(tmp_path: Path):
    data = archive(tmp_path, *(post(f"p{n}", created_utc=str(NOON_S + n // 2)) for n in range(12)))
    assert listed(data, now=NOON - timedelta(seconds=1)) == []
    assert listed(data, now=NOON + timedelta(seconds=1)) == ["t3_p3", "t3_p2", "t3_p1", "t3_p0"]
    assert listed(data)[:3] == ["t3_p11", "t3_p10", "t3_p9"]


def test_archive__counts_grow_to_what_was_recorded(tmp_path: Path):
    answers = [comment(f"c{n}", created_utc=NOON_S + n * 3_600) for n in range(4)]
    records = [post("p1", score=1_000, ups=1_000, num_comments=10), post("down", score=-50, num_comments=2), *answers]
    data = archive(tmp_path, *records, counts="growing")
    ages_s = [0, 1, 3_600, 86_400, 3 * 86_400, 7 * 86_400, GROWN_AFTER_S - 1, GROWN_AFTER_S, GROWN_AFTER_S * 9]
    seen = [served(data, "t3_p1", NOON + timedelta(seconds=age_s)) for age_s in ages_s]
    scores = [one["score"] for one in seen]
    assert scores == sorted(scores)
    assert (scores[0], scores[-3] < 1_000, scores[-2:]) == (1, True, [1_000, 1_000])
    assert len(set(scores[:8])) == 8
    assert all(one["ups"] == one["score"] for one in seen)
    comments = [one["num_comments"] for one in seen]
    assert (comments[0], comments[2], comments[-3:]) == (1, 3, [9, 10, 10])
    assert comments == sorted(comments)
    assert served(data, "t3_down")["score"] == -50
    item = data.catalogue.get("t3_p1")
    assert item is not None
    assert data.score(item, NOON + timedelta(days=1)) == scores[3]


def test_archive__counts_as_recorded_are_the_same_at_any_age(tmp_path: Path):
    data = archive(tmp_path, post("p1", score=1_000, num_comments=10), comment("c"))
    assert served(data, "t3_p1", NOON) == served(data, "t3_p1", LATER)


def test_archive__communities_tell_what_the_records_know(tmp_path: Path):
    known = [post(f"p{n}", created_utc=NOON_S + n, subreddit_subscribers=100 + n) for n in range(3)]
    data = archive(tmp_path, *known, post("other", subreddit="Coffee", subreddit_id="t5_abc"))
    community = data.community("TEA", NOON + timedelta(seconds=1))
    assert community is not None
    assert (community.name, community.members_n, community.active_n) == ("Tea", 101, None)
    assert data.community(community.full_id, LATER) == data.community("tea", LATER)
    assert data.community("tea", NOON - timedelta(seconds=1)) is None
    coffee = data.community("coffee", LATER)
    assert coffee is not None
    assert (coffee.full_id, coffee.members_n) == ("t5_abc", None)


@pytest.mark.parametrize(
    ("change", "is_removed"),
    [
        ({}, False),
        ({"selftext": "[removed]"}, True),
        ({"removed_by_category": "moderator"}, True),
        ({"selftext": None}, False),
    ],
)
def test_archive__what_was_gone_is_gone(tmp_path: Path, change: dict[str, Any], is_removed: bool):
    data = archive(tmp_path, post("a", **change))
    item = data.catalogue.get("t3_a")
    assert item is not None
    assert data.is_removed(item, LATER) is is_removed


def test_tree__a_damaged_file_with_a_circle_ends(tmp_path: Path):
    from pulse.sandbox.reddit_tree import Cut, Tree

    circle = [comment("a", parent_id="t1_b"), comment("b", parent_id="t1_a"), comment("self", parent_id="t1_self")]
    tree = Tree(archive(tmp_path, post("p1"), *circle), "t3_p1", LATER)
    assert [one["data"]["id"] for one in tree.forest(Cut())] == ["self"]
    assert tree.below("t1_a", Cut(), context=8)
    assert tree.more(["t1_a", "t1_nobody"], sort="new", has_replies=True)


# ---- the world -------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(seed=7, days_n=28)


def test_world__everything_is_listed_once_when_it_is_over(world: World):
    data = WorldData(world)
    now = data.catalogue.last_at()
    names = [community.name for community in world.communities]
    found = [
        item.full_id
        for kind in ("posts", "comments")
        for item in data.catalogue.newest_first(names, kind, now.timestamp())
    ]
    assert sorted(found) == sorted(world.by_id)


def test_world__two_data_sources_tell_the_same(world: World):
    now = datetime(2026, 6, 20, 13, tzinfo=UTC)
    one, other = WorldData(world), WorldData(make_world(seed=7, days_n=28))
    for community in world.communities:
        assert one.community(community.name, now) == other.community(community.full_id, now)
        assert one.community(community.name, community.opens_at - timedelta(seconds=1)) is None
    for contribution in world.contributions[::50]:
        item = one.catalogue.get(contribution.full_id)
        assert item is not None
        assert one.record(item, now) == other.record(item, now)
        assert one.record(item, now)["score"] == one.score(item, now)


# ---- paging ----------------------------------------------------------------


def items(count: int) -> list[Item]:
    return [Item(f"t3_{n}", "tea", 100.0 - n, 100.0 - n, f"t3_{n}", None) for n in range(count)]


def test_paging__forwards_and_backwards_meet():
    everything = items(95)
    query, forwards = PageQuery(limit=10), []
    while True:
        page = page_of(everything, query, window_n=1_000)
        forwards += page.items
        if page.after is None:
            break
        query = PageQuery(limit=10, after=page.after)
    assert forwards == everything
    backwards: list[Item] = []
    before: str | None = "t3_94"
    while before is not None:
        page = page_of(everything, PageQuery(limit=10, before=before), window_n=1_000)
        backwards = [*page.items, *backwards]
        before = page.before
    assert backwards == everything[:-1]


def test_paging__what_is_below_the_window_cannot_be_reached():
    page = page_of(items(60), PageQuery(limit=50, after="t3_9"), window_n=50)
    assert (len(page.items), page.after) == (40, None)
    assert page_of(items(60), PageQuery(after="t3_55"), window_n=50).items == ()


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, PageQuery()),
        ({"limit": "0"}, PageQuery(limit=1)),
        ({"limit": "-5"}, PageQuery(limit=1)),
        ({"limit": "1024"}, PageQuery(limit=100)),
        ({"limit": "x", "count": "x"}, PageQuery()),
        ({"after": "T3_AB", "count": "25"}, PageQuery(after="t3_ab", count=25)),
        ({"after": "'; drop", "before": ""}, PageQuery()),
    ],
)
def test_paging__queries_are_read_as_reddit_reads_them(params: dict[str, str], query: PageQuery):
    assert PageQuery.from_params(params) == query


def test_catalogue__late_ones_are_listed_from_when_they_appear():
    late = Item("t3_late", "tea", 10.0, 50.0, "t3_late", None)
    catalogue = Catalogue([late, Item("t3_on_time", "tea", 5.0, 5.0, "t3_on_time", None)])
    assert [one.full_id for one in catalogue.newest_first(["Tea"], "posts", 49.0)] == ["t3_on_time"]
    assert [one.full_id for one in catalogue.newest_first(["Tea"], "posts", 50.0)] == ["t3_late", "t3_on_time"]
    assert list(catalogue.newest_first(["nobody"], "posts", 50.0)) == []


# ---- faults, budget, tokens ------------------------------------------------


def struck(plan: FaultPlan, *paths: str) -> list[str | None]:
    faults = [plan.due(path) for path in paths]
    return [fault and fault.kind for fault in faults]


def test_faults__come_at_the_nth_matching_request_as_often_as_told():
    plan = FaultPlan()
    plan.add(Fault("500", path="/new", nth=2, times=2))
    assert plan.left_n == 2
    assert struck(plan, "/r/a/new", "/other", "/r/a/new", "/r/b/new", "/r/a/new") == [None, None, "500", "500", None]
    assert plan.left_n == 0


def test_faults__of_two_that_are_due_the_later_waits():
    plan = FaultPlan()
    plan.add(Fault("500"))
    plan.add(Fault("403"))
    plan.add(Fault("404", nth=4))
    assert struck(plan, *["/x"] * 5) == ["500", "403", None, "404", None]


def test_faults__token_calls_are_meant_only_by_name():
    plan = FaultPlan()
    plan.add(Fault("500"))
    plan.add(Fault("503", path="access_token"))
    assert struck(plan, "/api/v1/access_token", "/r/a/new") == ["503", "500"]
    plan.add(Fault("500"))
    plan.clear()
    assert struck(plan, "/x") == [None]


@pytest.mark.parametrize("wrong", [{"kind": "600"}, {"nth": 0}, {"times": 0}, {"delay_s": -1}, {"retry_after_s": -1}])
def test_faults__nonsense_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match="limit: "):
        Fault(**{"kind": "500"} | wrong)
    assert {"401", "timeout", "cut_body", "endless_after"} < KINDS


def test_budget__windows_follow_one_another(monkeypatch: pytest.MonkeyPatch):
    clock = [100.0]
    monkeypatch.setattr("pulse.sandbox.sandbox_state.time.monotonic", lambda: clock[0])
    budget = Budget(2, 10)
    assert [budget.spend()[0] for _ in range(3)] == [True, True, False]
    clock[0] += 4.5
    assert budget.spend() == (
        False, {"x-ratelimit-used": "2", "x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "6"},
    )  # fmt: skip
    clock[0] += 5.5
    assert budget.spend()[1] == {
        "x-ratelimit-used": "1", "x-ratelimit-remaining": "1.0", "x-ratelimit-reset": "10",
    }  # fmt: skip


def test_tokens__end_by_real_time(monkeypatch: pytest.MonkeyPatch):
    from requests.auth import _basic_auth_str

    clock = [100.0]
    monkeypatch.setattr("pulse.sandbox.reddit_tokens.time.monotonic", lambda: clock[0])
    tokens = Tokens(lifetime_s=60)
    answer = tokens.give(_basic_auth_str(CLIENT_ID, CLIENT_SECRET), {"grant_type": "client_credentials"})
    bearer = f"bearer {answer.body['access_token']}"
    assert (tokens.is_valid(bearer), answer.body["expires_in"]) == (True, 60)
    clock[0] += 60
    assert not tokens.is_valid(bearer)


@pytest.mark.parametrize("header", [None, "", "basic", "basic !", "basic /w==", "bearer x"])
def test_tokens__odd_headers_are_refused(header: str | None):
    tokens = Tokens(lifetime_s=60)
    assert tokens.give(header, {"grant_type": "client_credentials"}).status == 401
    assert tokens.revoke(header, {"token": "x"}).status == 401
    assert not tokens.is_valid(header)


def test_state__reasons_are_found_in_any_case():
    behaviour = Behaviour(private={"Tea"}, banned=["COFFEE"], quarantined=("Mate",))
    names = ("tEA", "coffee", "mate", "water")
    assert [behaviour.closed_reason(name) for name in names] == ["private", "banned", "quarantined", None]


def test_state__now_is_kept_in_utc():
    state = SandboxState(Behaviour(), datetime.fromisoformat("2026-06-08T02:00:00+02:00"))
    assert state.now.isoformat() == "2026-06-08T00:00:00+00:00"
    with pytest.raises(ValueError, match="no time zone"):
        state.set_now(datetime(2026, 6, 8))  # noqa: DTZ001  (that is the point)
