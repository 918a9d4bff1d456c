"""A listing page by page: where it ends, where it is cut off, and where it goes on after a kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures import reddit_lines
from pulse.core.errors import CallsSpent, ListingRepeats, SourceUnavailable
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.live.http import Endpoint, JsonAnswer, open_api
from pulse.sources.live.paging import Listing, Progress
from pulse.sources.live.policy import LivePolicy
from pulse.sources.live.response_cache import Page, SealedPage, open_response_cache
from pulse.sources.reddit.entry import RedditApiEntry
from pulse.sources.reddit.mapping import RedditMapping

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def page(*ids: str, after: str | None = None) -> SealedPage:
    return SealedPage(NOON, after, ids, None)


def asking(pages: Mapping[str | None, SealedPage | Exception], asked: list[str | None] | None = None) -> Any:
    """Gives pages by cursor, checked as a source would."""

    def ask(cursor: str | None, progress: Progress) -> SealedPage:
        if asked is not None:
            asked.append(cursor)
        answer = pages[cursor]
        if isinstance(answer, Exception):
            raise answer
        progress.require_new("posts of the tearoom", answer.ids, answer.after)
        return answer

    return ask


def spent() -> CallsSpent:
    return CallsSpent("calls of this run", value=2, limit=2, next_step="raise it")


def read(listing: Listing) -> list[tuple[str, ...]]:
    return [page.ids for page in listing]


# ---- where it ends ---------------------------------------------------------


def test_listing__is_read_from_cursor_to_cursor_until_there_is_none():
    listing = Listing(asking({None: page("a", "b", after="b"), "b": page(after="c"), "c": page("d")}))
    assert read(listing) == [("a", "b"), (), ("d",)]
    assert (listing.progress.ids, listing.cut_off) == (["a", "b", "d"], None)


def test_listing__may_be_left_by_its_reader_before_more_is_asked():
    asked: list[str | None] = []
    for one in Listing(asking({None: page("a", after="a"), "a": page("b", after="b")}, asked)):
        if "b" in one.ids:
            break
    assert asked == [None, "a"]


def test_listing__ends_where_the_source_says_so_whatever_the_cursor():
    asked: list[str | None] = []
    pages = {None: page("a", "b", after="b"), "b": page("c", after="c")}
    assert read(Listing(asking(pages, asked), is_last=lambda one: len(one.ids) < 2)) == [("a", "b"), ("c",)]
    assert asked == [None, "b"]


# ---- where it never would --------------------------------------------------


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (page("c", after="b"), "a cursor that leads back, after 2 things"),
        (page("a", "b", after="z"), "the same things again after 2"),
        (page("b"), "the same things again after 2"),
    ],
)
def test_listing__that_leads_back_is_one_error_that_a_retry_may_mend(second: SealedPage, message: str):
    listing = Listing(asking({None: page("a", "b", after="b"), "b": second}))
    with pytest.raises(ListingRepeats, match=message) as caught:
        read(listing)
    assert caught.value.retry_helps
    assert listing.progress.ids == ["a", "b"]


def test_listing__that_leads_back_ends_though_its_source_does_not_look():
    pages = {None: page("a", after="b"), "b": page("c", after="d"), "d": page("e", after="b")}
    with pytest.raises(ListingRepeats, match="leads back"):
        read(Listing(lambda cursor, _: pages[cursor]))


def test_listing__of_ever_new_empty_pages_is_read_so_far_and_no_further():
    listing = Listing(lambda cursor, _: page(after=f"{cursor}x"), most_pages_n=5)
    assert read(listing) == [()] * 5
    assert listing.cut_off == "it was read no further than 5 pages"


# ---- other cursors ---------------------------------------------------------


def last_ids(cursor: str, ids: Sequence[str]) -> list[str]:
    return [one for one in reversed(ids) if one != cursor][:2]


@pytest.mark.parametrize("gone", [page(), page("a", "b"), ListingRepeats("posts", next_step="nothing")])
def test_other_cursors__are_tried_where_one_leads_nowhere(gone: SealedPage | Exception):
    asked: list[str | None] = []
    pages = {None: page("a", "b", "c", after="c"), "c": gone, "b": page("d", after="d"), "d": page("e")}
    assert read(Listing(asking(pages, asked), other_cursors=last_ids)) == [("a", "b", "c"), ("d",), ("e",)]
    assert asked == [None, "c", "b", "d"]


def test_other_cursors__that_lead_nowhere_either_end_it():
    pages: dict[str | None, Any] = {None: page("a", "b", after="b"), "b": page(), "a": page()}
    listing = Listing(asking(pages), other_cursors=last_ids)
    assert read(listing) == [("a", "b"), ()]
    pages |= {"b": page("a"), "a": page("b")}
    with pytest.raises(ListingRepeats):
        read(Listing(asking(pages), other_cursors=last_ids))


# ---- the budget ------------------------------------------------------------


def test_budget__that_is_spent_on_the_way_cuts_the_listing_off():
    listing = Listing(asking({None: page("a", after="a"), "a": page("b", after="b"), "b": spent()}))
    assert read(listing) == [("a",), ("b",)]
    assert listing.cut_off == "the calls of this run were spent after 2 pages"
    assert listing.spent is not None


def test_budget__that_has_nothing_left_is_an_error():
    with pytest.raises(CallsSpent):
        read(Listing(asking({None: spent()})))


# ---- over a server, sealed, killed -----------------------------------------

PAGES_N, KILLED_AT = 6, 4
ENTRY = RedditApiEntry(platform="reddit", name="Tea", source="reddit_api")
ENOUGH = 100


def read_tearoom(
    home: Home, url: str, *, max_calls_n: int = ENOUGH, at_page: Callable[[int], None] = lambda _: None
) -> tuple[list[str], Listing, int]:
    """A source in small: pages of posts over HTTP, sealed one by one; returns ids of the rows, and calls made.

    Args:
        at_page: called with the number of each answer, before it is sealed.
    """
    context = SourceContext(home, (ENTRY,), lambda: NOON, b"key")
    mapping = RedditMapping(source="reddit_api", author_key=b"key", is_encoded=False, with_extra=False)
    policy = LivePolicy(retry_wait_s=0, longest_wait_s=0)
    with open_response_cache(
        context, [ENTRY], Window.one_day(reddit_lines.DAY), mapping,
        for_entry=ENTRY, max_calls_n=max_calls_n, service="Tearoom",
    ) as cache, closing(
        open_api(home, Endpoint("Tearoom", url), policy, client="", on_call=cache.budget.take)
    ) as api:  # fmt: skip

        def ask(cursor: str | None, progress: Progress) -> SealedPage:
            params = {"before": cursor} if cursor else {}

            def parse(answer: JsonAnswer) -> Page:
                posts, after = answer.document["posts"], answer.document["next"]
                ids = [post["id"] for post in posts]
                progress.require_new("posts of the tearoom", ids, after)
                at_page(int(posts[0]["id"][1:]))
                return Page(posts, ids, answer.answered_at, after)

            return cache.page("/posts", params, lambda: api.get("/posts", params, parse))

        listing = Listing(ask)
        for _ in listing:
            pass
        rows = cache.connection.execute(f"select contribution_id from {cache.rows_sql()} order by 1").fetchall()
        return [row[0] for row in rows], listing, cache.budget.calls().total()


@pytest.fixture
def tearoom(platform: Any, reply: Any) -> Any:
    """A platform with six pages of one post each; the cursor is the page before."""

    def answer_to(_: str, params: Mapping[str, str]) -> Any:
        number = int(params.get("before", "0")) + 1
        after = str(number) if number < PAGES_N else None
        return reply({"posts": [reddit_lines.post(f"p{number}")], "next": after})

    platform.answer_to = answer_to
    return platform


def test_listing__over_http_is_read_whole_and_found_again(home: Home, tearoom: Any):
    ids, listing, calls_n = read_tearoom(home, tearoom.url)
    assert ids == [f"t3_p{number}" for number in range(1, PAGES_N + 1)]
    assert (listing.cut_off, calls_n, len(tearoom.asked)) == (None, PAGES_N, PAGES_N)
    assert read_tearoom(home, tearoom.url)[0] == ids
    assert len(tearoom.asked) == PAGES_N


def test_listing__over_http_is_cut_off_by_the_budget_and_goes_on_with_a_larger_one(home: Home, tearoom: Any):
    ids, listing, calls_n = read_tearoom(home, tearoom.url, max_calls_n=2)
    assert (len(ids), calls_n) == (2, 2)
    assert listing.cut_off == "the calls of this run were spent after 2 pages"
    assert len(read_tearoom(home, tearoom.url)[0]) == PAGES_N
    assert len(tearoom.asked) == PAGES_N


def test_listing__that_leads_back_over_http_is_tried_again_and_never_sealed(home: Home, tearoom: Any, reply: Any):
    right = tearoom.answer_to
    tearoom.answer_to = lambda path, params: right(path, {} if params.get("before") == "3" else params)
    with pytest.raises(SourceUnavailable, match="the same things again after 3"):
        read_tearoom(home, tearoom.url)
    assert len(tearoom.asked) == 3 + 3  # three pages, three tries
    tearoom.answer_to = right
    assert len(read_tearoom(home, tearoom.url)[0]) == PAGES_N


def killed_at(number: int) -> None:
    """Die as by ``kill -9`` with that answer in hand."""
    if number == KILLED_AT:
        os.kill(os.getpid(), signal.SIGKILL)


PROGRAM = """
import runpy, sys
from pathlib import Path
from pulse.core.home import Home
test = runpy.run_path(sys.argv[1])
test["read_tearoom"](Home(Path(sys.argv[2])), sys.argv[3], at_page=test["killed_at"])
"""


def test_listing__of_a_killed_process_is_gone_on_from(home: Home, tearoom: Any):
    paths = os.pathsep.join((str(REPOSITORY / "plugins"), str(REPOSITORY / "tests")))
    died = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(Path(__file__)), str(home.root), tearoom.url],
        env=os.environ | {"PYTHONPATH": paths}, timeout=120, check=False, capture_output=True,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(tearoom.asked) == KILLED_AT
    ids, listing, calls_n = read_tearoom(home, tearoom.url)
    assert ids == [f"t3_p{number}" for number in range(1, PAGES_N + 1)]
    assert listing.cut_off is None
    asked_after = [asked.params.get("before") for asked in tearoom.asked[KILLED_AT:]]
    assert asked_after == ["3", "4", "5"], "only the answer that was not sealed, and the rest"
    assert calls_n == PAGES_N + 1
