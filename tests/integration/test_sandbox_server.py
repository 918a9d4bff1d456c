"""The sandbox through the real client: PRAW must get from it what it gets from Reddit, faults included."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import praw
import prawcore
import pytest
import requests
from praw.models import Comment, MoreComments, Submission
from prawcore.sessions import FiniteRetryStrategy
from typer.testing import CliRunner

from fixtures.reddit_lines import comment, post, write
from pulse.cli.app import app
from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY
from pulse.sandbox.faults import Fault
from pulse.sandbox.reddit_data import ArchiveData, WorldData
from pulse.sandbox.server import SandboxServer
from pulse.sandbox.world import World
from pulse.sandbox.world_model import (
    Contribution,
    body_at,
    comments_at,
    is_gone_at,
    is_visible_at,
    members_at,
    score_at,
)
from support import world_of_seed_7

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 29, tzinfo=UTC)
TEA = "EmberwellTea"
AGENT = "community-pulse tests by u/nobody"
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of_seed_7(28)


@pytest.fixture(scope="module")
def data(world: World) -> WorldData:
    return WorldData(world)


@pytest.fixture
def server(data: WorldData) -> Iterator[SandboxServer]:
    with SandboxServer(data, now=NOW) as started:
        yield started


@pytest.fixture(autouse=True)
def no_retry_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FiniteRetryStrategy, "_sleep_seconds", lambda _: None)


def client(server: SandboxServer, *, timeout_s: float = 5.0, **account: Any) -> praw.Reddit:
    class Requestor(prawcore.Requestor):
        """PRAW hands no time-out of its own on, so that it would always be prawcore's 16 s."""

        def request(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> requests.Response:
            return super().request(*args, timeout=timeout_s, **kwargs)

    return praw.Reddit(
        **{"client_id": server.client_id, "client_secret": server.client_secret, "user_agent": AGENT} | account,
        reddit_url=server.url,
        oauth_url=server.url,
        check_for_updates=False,
        check_for_async=False,
        requestor_class=Requestor,
    )


def bearer(server: SandboxServer) -> dict[str, str]:
    answer = requests.post(
        f"{server.url}/api/v1/access_token",
        auth=(server.client_id, server.client_secret),
        data={"grant_type": "client_credentials"},
        timeout=5,
    )
    return {"authorization": f"bearer {answer.json()['access_token']}"}


def get(server: SandboxServer, path: str, **params: Any) -> requests.Response:
    return requests.get(server.url + path, params=params, headers=bearer(server), timeout=5, allow_redirects=False)


def newest_first(contributions: list[Contribution]) -> list[str]:
    ordered = sorted(contributions, key=lambda one: (one.created_at, int(one.full_id[3:], 36)), reverse=True)
    return [one.full_id for one in ordered]


def visible(world: World, at: datetime, *communities: str, is_post: bool) -> list[Contribution]:
    return [
        one
        for one in world.contributions
        if one.is_post == is_post and one.community.name in communities and is_visible_at(one, at)
    ]


# ---- listings --------------------------------------------------------------


@pytest.mark.parametrize("at", [NOW - timedelta(days=20), NOW - timedelta(days=13, seconds=1)])
def test_new__equals_the_posts_that_can_be_seen(server: SandboxServer, world: World, at: datetime):
    server.set_now(at)
    got = list(client(server).subreddit(TEA.upper()).new(limit=None))
    expected = newest_first(visible(world, at, TEA, is_post=True))
    assert expected
    assert [one.fullname for one in got] == expected
    for one in got:
        truth = world.by_id[one.fullname]
        assert (one.score, one.num_comments, one.selftext, one.created_utc) == (
            score_at(truth, at), comments_at(truth, at), body_at(truth, at), truth.created_at.timestamp(),
        )  # fmt: skip
        assert (one.total_awards_received, one.all_awardings, one.likes) == (0, [], None)
        assert not hasattr(one, "retrieved_on")


def test_comments__of_several_communities_come_as_one_listing(server: SandboxServer, world: World):
    at = NOW - timedelta(days=25)
    server.set_now(at)
    got = list(client(server).subreddit(f"{TEA}+crumbclub").comments(limit=None))
    expected = newest_first(visible(world, at, TEA, "crumbclub", is_post=False))
    assert [one.fullname for one in got] == expected
    assert len(expected) > 100
    for one in got:
        thread = world.by_id.get(one.link_id)
        assert one.body == body_at(world.by_id[one.fullname], at)
        assert one.link_title == ("[deleted by user]" if thread is None else thread.title) or is_gone_at(thread, at)


def test_stream__gives_what_is_there_and_then_what_appears(server: SandboxServer, world: World):
    at = NOW - timedelta(days=25)
    server.set_now(at)
    stream = client(server).subreddit(TEA).stream.comments(pause_after=-1)
    seen = [one.fullname for one in iter(lambda: next(stream), None)]
    assert seen == newest_first(visible(world, at, TEA, is_post=False))[:100][::-1]
    later = at + timedelta(hours=6)
    server.set_now(later)
    appeared = [one.fullname for one in iter(lambda: next(stream), None)]
    expected = newest_first(visible(world, later, TEA, is_post=False))[:100][::-1]
    assert appeared == [full_id for full_id in expected if full_id not in seen]
    assert appeared


def test_listing__ends_at_a_thousand_items(server: SandboxServer, world: World):
    everything = visible(world, NOW, TEA, is_post=False)
    assert len(everything) > 1_000
    got = [one.fullname for one in client(server).subreddit(TEA).comments(limit=None)]
    assert got == newest_first(everything)[:1_000]
    assert len(server.calls) == 10
    assert get(server, f"/r/{TEA}/comments", limit=100, after=got[-101]).json()["data"]["after"] is None


def test_page_limit_items__may_be_less(data: WorldData):
    with SandboxServer(data, now=NOW, page_limit_items=130) as server:
        assert len(list(client(server).subreddit(TEA).new(limit=None))) == 130


def test_paging__limits_and_neighbours(server: SandboxServer, world: World):
    names = newest_first(visible(world, NOW, TEA, is_post=True))

    def page(**params: Any) -> tuple[list[str], str | None, str | None]:
        told = get(server, f"/r/{TEA}/new/", **params).json()["data"]
        assert told["dist"] == len(told["children"])
        return [one["data"]["name"] for one in told["children"]], told["after"], told["before"]

    assert page() == (names[:25], names[24], None)
    assert page(limit=1_024) == (names[:100], names[99], None)
    assert page(limit="many") == (names[:25], names[24], None)
    assert page(limit=5, after=names[4]) == (names[5:10], names[9], None)
    assert page(limit=5, after=names[4], count=5) == (names[5:10], names[9], names[5])
    assert page(limit=5, before=names[10]) == (names[5:10], None, names[5])
    assert page(limit=5, before=names[3]) == (names[:3], None, None)
    assert page(after="t3_zzzzzzz") == ([], None, None)
    assert page(after="not a name") == page()


def test_hide_removed__leaves_them_out_of_listings_only(data: WorldData, world: World):
    posts = visible(world, NOW, TEA, is_post=True)
    gone = next(one for one in posts if is_gone_at(one, NOW) and one.removal and one.removal.by == "by_moderator")
    with SandboxServer(data, now=NOW, hides_removed=True) as server:
        listed = [one.fullname for one in client(server).subreddit(TEA).new(limit=None)]
        assert listed == newest_first([one for one in posts if not is_gone_at(one, NOW)])
        assert get(server, f"/r/{TEA}/new", after=gone.full_id).json()["data"]["children"] == []
        [still] = client(server).info(fullnames=[gone.full_id])
        assert still.removed_by_category == "moderator"


def test_deletion__happens_at_its_time(server: SandboxServer, world: World):
    one = next(one for one in world.contributions if one.removal and one.removal.by == "by_author" and one.is_post)
    assert one.removal is not None
    server.set_now(one.removal.at - SECOND)
    [before] = client(server).info(fullnames=[one.full_id])
    server.set_now(one.removal.at)
    [after] = client(server).info(fullnames=[one.full_id])
    assert (before.title, before.author.name, before.removed_by_category) == (one.title, one.author.name, None)
    assert (after.selftext, after.author, after.removed_by_category) == ("[deleted]", None, "deleted")


# ---- trees -----------------------------------------------------------------


def largest_thread(world: World) -> str:
    return max(world.comments_by_thread, key=lambda name: (name in world.by_id, len(world.comments_by_thread[name])))


@pytest.mark.parametrize("limit", [1, 3, 40, 2048])
@pytest.mark.parametrize("sort", ["confidence", "new", "old"])
def test_replace_more__gives_all_comments_of_a_thread(server: SandboxServer, world: World, limit: int, sort: str):
    name = largest_thread(world)
    submission = client(server).submission(name[3:])
    submission.comment_limit, submission.comment_sort = limit, sort
    assert submission.comments.replace_more(limit=None) == []
    got = submission.comments.list()
    expected = [one.full_id for one in world.comments_by_thread[name] if is_visible_at(one, NOW)]
    assert sorted(one.fullname for one in got) == sorted(expected)
    assert len(expected) > 40
    assert all(one.body == body_at(world.by_id[one.fullname], NOW) for one in got)


def test_replace_more__gives_orphans_too(server: SandboxServer, world: World):
    orphan = next(one for one in world.contributions if one.is_orphan and one.thread_id in world.by_id)
    submission = client(server).submission(orphan.thread_id[3:])
    submission.comment_limit = 1
    submission.comments.replace_more(limit=None)
    expected = {one.full_id for one in world.comments_by_thread[orphan.thread_id] if is_visible_at(one, NOW)}
    assert {one.fullname for one in submission.comments.list()} == expected


@pytest.fixture
def deep(tmp_path: Any) -> Iterator[SandboxServer]:
    """A chain of 35 comments, each answering the one before, and 260 direct answers, the first of which has one too."""
    chain = [comment(f"c{n}", link_id="t3_top", parent_id="t3_top" if n == 0 else f"t1_c{n - 1}") for n in range(35)]
    wide = [comment(f"w{n}", link_id="t3_top", parent_id="t3_top", score=500 - n) for n in range(260)]
    nested = comment("nested", link_id="t3_top", parent_id="t1_w259", score=900)
    data = ArchiveData([write(tmp_path / "archive", [post("top"), *chain, *wide, nested])])
    assert data.records_n == 297
    with SandboxServer(data, now=NOW) as started:
        yield started


def test_replace_more__follows_threads_that_go_too_deep(deep: SandboxServer):
    submission = client(deep).submission("top")
    assert submission.comments.replace_more(limit=None) == []
    assert len(submission.comments.list()) == 296
    paths = [path for _, path, _ in deep.calls]
    assert [path for path in paths if path.startswith("/comments/")] == [
        "/comments/top", "/comments/top/_/c9", "/comments/top/_/c18", "/comments/top/_/c27",
    ]  # fmt: skip


def test_tree__stubs_have_reddits_shape(deep: SandboxServer):
    _, forest = get(deep, "/comments/top", limit=10, sort="top").json()
    *shown, stub = forest["data"]["children"]
    assert [one["data"]["id"] for one in shown] == [f"w{n}" for n in range(10)]
    told = stub["data"]
    assert (stub["kind"], told["count"], len(told["children"]), told["depth"]) == ("more", 286, 251, 0)
    assert (told["parent_id"], told["name"], told["id"]) == ("t3_top", "t1_w10", "w10")
    one = get(deep, "/comments/top/_/c0", limit=500).json()[1]["data"]["children"][0]
    for depth in range(9):
        assert one["data"]["depth"] == depth
        [one] = one["data"]["replies"]["data"]["children"]
    [leads_on] = one["data"]["replies"]["data"]["children"]
    assert leads_on["data"] == {
        "count": 0, "name": "t1__", "id": "_", "parent_id": "t1_c9", "depth": 10, "children": [],
    }  # fmt: skip
    shallow = get(deep, "/comments/top", limit=500, depth=1).json()[1]["data"]["children"]
    nested = next(one for one in shallow if one["data"]["id"] == "w259")["data"]["replies"]["data"]["children"]
    assert [(one["kind"], one["data"]["children"], one["data"]["count"]) for one in nested] == [("more", ["nested"], 1)]


def test_morechildren__gives_a_hundred_and_a_stub_for_the_rest(deep: SandboxServer):
    children = ",".join(f"w{n}" for n in range(200))
    params = {"link_id": "t3_top", "children": children, "sort": "top", "api_type": "json"}
    things = get(deep, "/api/morechildren", **params).json()["json"]["data"]["things"]
    assert [one["kind"] for one in things] == ["t1"] * 100 + ["more"]
    assert all(one["data"]["replies"] == "" and one["data"]["depth"] == 0 for one in things[:-1])
    assert things[-1]["data"]["children"] == [f"w{n}" for n in range(100, 200)]
    alone = params | {"children": "w259"}
    for limit_children, expected in (("false", ["w259", "nested"]), ("true", ["w259"])):
        answer = requests.post(
            f"{deep.url}/api/morechildren",
            data=alone | {"limit_children": limit_children},
            headers=bearer(deep),
            timeout=5,
        )
        assert [one["data"]["id"] for one in answer.json()["json"]["data"]["things"]] == expected


def test_refresh__finds_a_comment_inside_its_context(deep: SandboxServer):
    one = client(deep).comment("c20")
    one.refresh()
    assert [reply.id for reply in one.replies] == ["c21"]
    top = get(deep, "/comments/top/_/c20", context=3).json()[1]["data"]["children"][0]["data"]
    assert (top["id"], top["depth"]) == ("c17", 0)


def test_replace_more__without_requests_drops_the_stubs(deep: SandboxServer):
    submission = client(deep).submission("top")
    submission.comment_limit = 10
    left = submission.comments.replace_more(limit=0)
    assert all(isinstance(one, MoreComments) for one in left)
    assert len(submission.comments.list()) == 10


# ---- info and about --------------------------------------------------------


def test_info__in_the_order_asked_without_what_nobody_has(server: SandboxServer, world: World):
    some = [one.full_id for one in world.contributions[:240]]
    community = world.communities[0]
    asked = ["t3_nobody", *reversed(some), community.full_id, "t1_nobody", "nonsense"]
    got = list(client(server).info(fullnames=asked))
    assert [one.fullname for one in got] == [*reversed(some), community.full_id]
    assert {type(one) for one in got[:-1]} == {Submission, Comment}
    assert got[-1].display_name == community.name
    assert len(server.calls) == 3


def test_info__what_has_not_appeared_is_not_there(server: SandboxServer, world: World):
    one = next(one for one in world.contributions if one.appears_at > one.created_at)
    server.set_now(one.appears_at - SECOND)
    assert list(client(server).info(fullnames=[one.full_id])) == []
    server.set_now(one.appears_at)
    assert [got.fullname for got in client(server).info(fullnames=[one.full_id])] == [one.full_id]


def test_info__by_names_and_by_url(server: SandboxServer, world: World):
    reddit = client(server)
    names = [community.name for community in world.communities[:2]]
    assert [one.display_name for one in reddit.info(subreddits=[*names, "nobodyhere"])] == names
    linking = next(one for one in world.contributions if one.link_url and not is_gone_at(one, NOW))
    assert linking.full_id in [one.fullname for one in reddit.info(url=linking.link_url)]


def test_about__members_grow_and_active_ones_are_the_same_each_time(server: SandboxServer, world: World):
    community = next(one for one in world.communities if one.name == TEA)
    counts = []
    for days in (20, 10):
        at = NOW - timedelta(days=days)
        server.set_now(at)
        about = client(server).subreddit(TEA.lower())
        assert (about.subscribers, about.display_name) == (members_at(community, at), TEA)
        assert about.active_user_count == about.accounts_active == client(server).subreddit(TEA).active_user_count
        assert 0 < about.active_user_count < about.subscribers / 100
        counts.append(about.subscribers)
    assert counts == sorted(set(counts))


# ---- closed communities ----------------------------------------------------


def test_closed_communities__are_refused_alone_and_left_out_of_several(data: WorldData, world: World):
    posts = newest_first(visible(world, NOW, TEA, is_post=True))[:100]
    closed = {"private": {"crumbclub"}, "banned": {"gone_for_good"}, "quarantined": {"InkAndNib"}}
    with SandboxServer(data, now=NOW, **closed) as server:
        reddit = client(server)
        for name, error, reason in (
            ("CrumbClub", prawcore.Forbidden, "private"),
            ("gone_for_good", prawcore.NotFound, "banned"),
            ("inkandnib", prawcore.Forbidden, "quarantined"),
        ):
            for ask in (lambda of: list(of.new()), lambda of: list(of.comments()), lambda of: of.subscribers):
                with pytest.raises(error) as refused:
                    ask(reddit.subreddit(name))
                assert refused.value.response.json()["reason"] == reason
        several = reddit.subreddit(f"{TEA}+crumbclub+gone_for_good+nobodyhere")
        assert [one.fullname for one in several.new(limit=100)] == posts
        hidden = next(one for one in world.contributions if one.community.name == "crumbclub" and one.is_post)
        assert list(reddit.info(fullnames=[hidden.full_id])) == []
        with pytest.raises(prawcore.Forbidden):
            len(reddit.submission(hidden.full_id[3:]).comments)


def test_missing_community__redirects_to_the_search(server: SandboxServer):
    for ask in (lambda of: list(of.new()), lambda of: of.subscribers):
        with pytest.raises(prawcore.Redirect) as error:
            ask(client(server).subreddit("nobodyhere"))
        assert error.value.path == "/subreddits/search"


def test_missing_post__is_not_found(server: SandboxServer):
    with pytest.raises(prawcore.NotFound):
        len(client(server).submission("nobody").comments)
    assert get(server, "/what/else").json() == {"message": "Not Found", "error": 404}


# ---- tokens ----------------------------------------------------------------


def test_tokens__every_flow_opens_the_api(server: SandboxServer):
    accounts: list[dict[str, Any]] = [
        {},
        {"username": server.username, "password": server.password},
        {"refresh_token": server.refresh_token},
        {"client_secret": None},
    ]
    for account in accounts:
        assert len(list(client(server, **account).subreddit(TEA).new(limit=1))) == 1
    assert [call[2]["grant_type"] for call in server.token_calls] == [
        "client_credentials", "password", "refresh_token", "https://oauth.reddit.com/grants/installed_client",
    ]  # fmt: skip
    assert server.password not in repr(server.token_calls) + repr(server.calls)
    assert server.refresh_token not in repr(server.token_calls)


@pytest.mark.parametrize(
    ("account", "error", "status"),
    [
        ({"client_secret": "wrong"}, prawcore.ResponseException, 401),
        ({"client_id": "wrong"}, prawcore.ResponseException, 401),
        ({"username": "pulse_sandbox_user", "password": "wrong"}, prawcore.OAuthException, 200),
        ({"refresh_token": "wrong"}, prawcore.ResponseException, 400),
    ],
)
def test_tokens__wrong_credentials_are_refused_as_reddit_does(
    server: SandboxServer, account: dict[str, str], error: type[Exception], status: int
):
    with pytest.raises(error) as refused:
        list(client(server, **account).subreddit(TEA).new(limit=1))
    assert refused.value.response.status_code == status
    assert server.calls == []


def test_tokens__one_that_ran_out_is_fetched_again(server: SandboxServer):
    reddit = client(server)
    list(reddit.subreddit(TEA).new(limit=1))
    server.expire_tokens()
    assert len(list(reddit.subreddit(TEA).new(limit=1))) == 1
    assert (len(server.token_calls), len(server.calls)) == (2, 3)


def test_tokens__no_bearer_no_answer(server: SandboxServer):
    for headers in ({}, {"authorization": "bearer nonsense"}):
        answer = requests.get(f"{server.url}/r/{TEA}/new", headers=headers, timeout=5)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized", "error": 401})
        assert answer.headers["www-authenticate"] == 'Bearer realm="reddit", error="invalid_token"'


def test_tokens__revoked_ones_are_forgotten(server: SandboxServer):
    reddit = client(server, refresh_token=server.refresh_token)
    list(reddit.subreddit(TEA).new(limit=1))
    reddit.auth._reddit._core.authorizer.revoke()
    with pytest.raises(prawcore.ResponseException):
        list(client(server, refresh_token=server.refresh_token).subreddit(TEA).new(limit=1))


# ---- headers ---------------------------------------------------------------


def test_answers__tell_the_simulated_time_once(server: SandboxServer):
    server.set_now(datetime(2026, 6, 8, 4, 5, 6, tzinfo=UTC))
    for answer in (get(server, f"/r/{TEA}/new"), get(server, "/nowhere"), requests.get(server.url, timeout=5)):
        assert answer.raw.headers.getlist("date") == ["Mon, 08 Jun 2026 04:05:06 GMT"]
    assert parsedate_to_datetime(answer.headers["date"]) == datetime(2026, 6, 8, 4, 5, 6, tzinfo=UTC)


def test_raw_json__without_it_texts_are_escaped(tmp_path: Any):
    data = ArchiveData([write(tmp_path / "archive", [post("a", title="<b> & >", selftext="x < y")])])
    with SandboxServer(data, now=NOW) as server:
        raw, escaped = (
            get(server, "/api/info", id="t3_a", **params).json()["data"]["children"][0]["data"]
            for params in ({"raw_json": 1}, {})
        )
    assert (raw["title"], raw["selftext"]) == ("<b> & >", "x < y")
    assert (escaped["title"], escaped["selftext"]) == ("&lt;b&gt; &amp; &gt;", "x &lt; y")
    assert raw["selftext_html"] == '<!-- SC_OFF --><div class="md"><p>x &lt; y</p>\n</div><!-- SC_ON -->'


def test_rate_limit__is_told_and_kept(data: WorldData):
    with SandboxServer(data, now=NOW, rate_limit=3, rate_window_s=600) as server:
        headers = bearer(server)
        answers = [requests.get(f"{server.url}/r/{TEA}/new", headers=headers, timeout=5) for _ in range(4)]
    told = [(one.status_code, one.headers["x-ratelimit-used"], one.headers["x-ratelimit-remaining"]) for one in answers]
    assert told == [(200, "1", "2.0"), (200, "2", "1.0"), (200, "3", "0.0"), (429, "3", "0.0")]
    assert all(0 < int(one.headers["x-ratelimit-reset"]) <= 600 for one in answers)
    assert answers[-1].json() == {"message": "Too Many Requests", "error": 429}
    assert "retry-after" not in answers[-1].headers


# ---- faults ----------------------------------------------------------------

SERVER_ERRORS = ("500", "502", "503", "504", "520", "522")


def first_page(server: SandboxServer, *, timeout_s: float = 5.0) -> list[Any]:
    return list(client(server, timeout_s=timeout_s).subreddit(TEA).new(limit=100))


@pytest.mark.parametrize("kind", [*SERVER_ERRORS, "cut_body", "cut_chunk", "connection_closed"])
def test_fault__that_passes_is_retried_by_the_client(server: SandboxServer, kind: Any):
    server.add_fault(Fault(kind=kind, times=2))
    assert len(first_page(server)) == 100
    assert len(server.calls) == 3
    assert server.faults_left == 0


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("401", prawcore.InvalidToken),
        ("403", prawcore.Forbidden),
        ("404", prawcore.NotFound),
        ("429", prawcore.TooManyRequests),
        ("429_retry_after", prawcore.TooManyRequests),
        ("429_reset", prawcore.TooManyRequests),
        *((kind, prawcore.ServerError) for kind in SERVER_ERRORS),
        ("cut_body", prawcore.RequestException),
        ("cut_chunk", prawcore.RequestException),
        ("connection_closed", prawcore.RequestException),
        ("cut_json", prawcore.exceptions.BadJSON),
        ("html", prawcore.exceptions.BadJSON),
        ("wrong_shape", AttributeError),
        ("wrong_shape_list", IndexError),
    ],
)
def test_fault__that_stays_is_what_the_client_makes_of_it(server: SandboxServer, kind: Any, error: type[Exception]):
    server.add_fault(Fault(kind=kind, path=f"/r/{TEA}/new", times=3, retry_after_s=7))
    with pytest.raises(error) as raised:
        first_page(server)
    answer = getattr(raised.value, "response", None)
    if kind.startswith("429"):
        waits = {name: answer.headers.get(name) for name in ("retry-after", "x-ratelimit-reset")}
        assert waits == {
            "retry-after": "7" if kind == "429_retry_after" else None,
            "x-ratelimit-reset": "7" if kind == "429_reset" else None,
        }
    elif kind.isdecimal():
        assert answer.status_code == int(kind)
    server.clear_faults()
    assert len(first_page(server)) == 100


def test_fault__an_empty_answer_looks_like_an_empty_listing(server: SandboxServer):
    server.add_fault(Fault(kind="empty"))
    assert first_page(server) == []
    server.add_fault(Fault(kind="empty"))
    assert client(server).get(f"/r/{TEA}/new") == ""


def test_fault__time_out_and_slow_answer(server: SandboxServer):
    server.add_fault(Fault(kind="timeout", delay_s=30, times=3))
    with pytest.raises(prawcore.RequestException) as error:
        first_page(server, timeout_s=0.2)
    assert isinstance(error.value.original_exception, requests.exceptions.ReadTimeout)
    server.add_fault(Fault(kind="slow", delay_s=0.2))
    started_s = time.monotonic()
    assert len(first_page(server)) == 100
    assert time.monotonic() - started_s >= 0.2


def test_fault__without_end_the_pages_go_on(server: SandboxServer):
    server.add_fault(Fault(kind="endless_after", path="/new", times=1_000))
    listing = client(server).subreddit(TEA).new(limit=5_000)
    names = [one.fullname for one in listing]
    assert (len(names), len(set(names))) == (5_000, 100)
    assert server.faults_left == 1_000 - len(server.calls)


def test_fault__strikes_the_nth_matching_call_and_only_as_often_as_told(server: SandboxServer):
    server.add_fault(Fault(kind="403", path="/comments", nth=2, times=2))
    reddit = client(server)
    outcomes = []
    for _ in range(5):
        list(reddit.subreddit(TEA).new(limit=1))
        try:
            outcomes.append(len(list(reddit.subreddit(TEA).comments(limit=1))))
        except prawcore.Forbidden:
            outcomes.append(0)
    assert outcomes == [1, 0, 0, 1, 1]


def test_fault__token_calls_are_struck_only_by_name(server: SandboxServer):
    server.add_fault(Fault(kind="503", path="/api/v1/access_token"))
    with pytest.raises(prawcore.ResponseException):
        first_page(server)
    server.add_fault(Fault(kind="404"))
    with pytest.raises(prawcore.NotFound):
        first_page(server)
    assert (len(server.token_calls), len(server.calls)) == (2, 1)


# ---- the server itself -----------------------------------------------------


def test_calls__are_told_with_their_parameters(server: SandboxServer):
    list(client(server).subreddit(TEA).new(limit=2))
    assert server.calls == [("GET", f"/r/{TEA}/new", {"limit": "2", "raw_json": "1"})]
    server.forget_calls()
    assert (server.calls, server.token_calls) == ([], [])


def test_control__by_http(server: SandboxServer):
    def ask(method: str, path: str, **body: Any) -> requests.Response:
        return requests.request(method, f"{server.url}/sandbox/{path}", json=body or None, timeout=5)

    assert ask("PUT", "now", now="2026-06-08T02:00:00+02:00").json() == {"now": "2026-06-08T00:00:00+00:00"}
    assert server.now == datetime(2026, 6, 8, tzinfo=UTC)
    assert ask("POST", "faults", kind="500", times=2).json() == {"faults_left": 2}
    assert ask("DELETE", "faults").json() == {"faults_left": 0}
    list(client(server).subreddit(TEA).new(limit=2))
    assert ask("GET", "calls").json()["calls"] == json.loads(json.dumps(server.calls))
    for method, path, body in (
        ("PUT", "now", {"now": "2026-06-08T00:00:00"}),
        ("PUT", "now", {"then": 1}),
        ("POST", "faults", {"kind": "600"}),
        ("POST", "faults", {"kind": "500", "times": 0}),
        ("POST", "faults", {"kind": "500", "how": "well"}),
    ):
        answer = ask(method, path, **body)
        assert (answer.status_code, answer.json()["message"]) == (400, "Bad Request")
        assert answer.json()["explanation"]


def test_server__closes_at_once_even_while_a_client_waits(data: WorldData):
    with SandboxServer(data, now=NOW) as server:
        headers = bearer(server)
        server.add_fault(Fault(kind="timeout", delay_s=60))
        url = server.url
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(f"{url}/r/{TEA}/new", headers=headers, timeout=0.1)
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 1
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=1)


def test_server__a_port_that_is_taken_is_named(server: SandboxServer, data: WorldData):
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"), SandboxServer(data, now=NOW, port=port):
        pass


def test_server__now_needs_a_zone(server: SandboxServer):
    with pytest.raises(ValueError, match="time zone"):
        server.set_now(datetime(2026, 6, 8))  # noqa: DTZ001  (that is the point)


def test_server__a_thousand_items_of_the_whole_world_in_milliseconds(server: SandboxServer, world: World):
    names = "+".join(community.name for community in world.communities)
    headers = bearer(server)
    with requests.Session() as session:
        answers = [
            session.get(f"{server.url}/r/{names}/comments", params={"limit": 1}, headers=headers, timeout=5)
            for _ in range(5)
        ]
    assert min(answer.elapsed for answer in answers) < timedelta(milliseconds=50)


# ---- the command line ------------------------------------------------------


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_command__serves_until_it_is_interrupted(tmp_path: Path, ending: signal.Signals):
    path = write(tmp_path / "archive", [post("a"), comment("b", link_id="t3_a"), b"no json"])
    command = [sys.executable, "-m", "pulse.cli", "sandbox", "serve", "--archive", str(path), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            told = [next(process.stdout).rstrip() for _ in range(9)]
            settings = dict(re.findall(r"export PULSE_REDDIT_(\w+)='?([^'\n]+)", "\n".join(told)))
            url, account = settings["URL"], (settings["CLIENT_ID"], settings["CLIENT_SECRET"])
            form = {"grant_type": "client_credentials"}
            token = requests.post(f"{url}/api/v1/access_token", auth=account, data=form, timeout=5).json()
            bearer = {"authorization": f"bearer {token['access_token']}"}
            answer = requests.get(f"{url}/r/tea/new", headers=bearer, timeout=5)
            process.send_signal(ending)
            rest = process.stdout.read().split()
        finally:
            process.kill()
    assert (process.returncode, rest) == (0, ["stopped"])
    assert [one["data"]["id"] for one in answer.json()["data"]["children"]] == ["a"]
    assert told[0].startswith(f"sandbox at {url}, its now is 2019-10-05T12:01:01+00:00")
    assert told[1] == "1 lines of the archives cannot be used and were skipped"


@pytest.mark.parametrize("now", ["yesterday", "2026-06-08", "2026-06-08T00:00:00"])
def test_command__now_needs_a_time_and_a_zone(now: str):
    result = CliRunner().invoke(app, ["sandbox", "serve", "--now", now, "--archive", "nowhere"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert f"--now: {now} (limit: a time with zone" in result.output
