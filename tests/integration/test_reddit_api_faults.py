"""Whatever goes wrong at whatever page: success after retries or one clear error; nothing lost, nothing twice."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.live_reddit import BUSY_DAY, Live, busy_archive, live
from fixtures.reddit_lines import rows_of
from pulse.core.errors import BadCredentials, PulseError, SourceError, SourceUnavailable
from pulse.core.home import Home
from pulse.sandbox.faults import Fault
from pulse.sources.reddit import extraction as reddit_extraction

pytestmark = pytest.mark.integration

PASSING = (
    "429", "429_retry_after", "429_reset", "500", "502", "503", "504", "520", "522", "timeout", "cut_body", "cut_chunk",
    "cut_json", "html", "empty", "wrong_shape", "wrong_shape_list", "connection_closed",
)  # fmt: skip
POSTS_N, COMMENTS_N, HIDDEN_N = 104, 420, 120
# Two pages of posts, three of comments, where the listing is cut off; the rest in a thread, and by name.
PATHS = ["/r/Tea/about", *["/r/Tea/new"] * 2, *["/r/Tea/comments"] * 3, "/comments/p0", "/api/morechildren"]
# How often the client asks before it gives up, and what Airflow would do more.
TRIES, TASK_TRIES = 3, 12


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("busy") / "tea.ndjson"
    return busy_archive(path, posts_n=POSTS_N, comments_n=COMMENTS_N, hidden_n=HIDDEN_N)


@pytest.fixture(scope="module", autouse=True)
def small_limits() -> Iterator[None]:
    """Reddit's limits, a few sizes smaller."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(reddit_extraction, "CUT_OFF_ITEMS", 280)
        changed.setattr(reddit_extraction, "LARGEST_TREE", 100)
        yield


@pytest.fixture(scope="module")
def undisturbed(archive: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A home of its own, and the server that all tests ask."""
    home = Home(tmp_path_factory.mktemp("undisturbed")).create()
    with live(home, archive, ["Tea"], day=BUSY_DAY, page_limit_items=300) as running:
        yield running.with_policy(min_comments_seen_share=1.0)


@pytest.fixture
def tea(home: Home, undisturbed: Live, wanted: Any, sealed_before: Any) -> Iterator[Live]:
    undisturbed.server.forget_calls()
    undisturbed.server.expire_tokens()
    yield replace(undisturbed, home=home)
    undisturbed.server.clear_faults()


def landed(tea: Live) -> dict[str, tuple[Any, ...]]:
    """What a load holds, but for its id."""
    rows = rows_of(tea.extract(BUSY_DAY))
    found = {row["contribution_id"]: tuple(value for name, value in row.items() if name != "load_id") for row in rows}
    assert len(found) == len(rows)
    return found


def until_it_works(tea: Live) -> tuple[dict[str, tuple[Any, ...]], list[PulseError]]:
    """Run it as Airflow would: again as long as the error says that it helps."""
    errors: list[PulseError] = []
    for _ in range(TASK_TRIES):
        try:
            return landed(tea), errors
        except PulseError as error:
            errors.append(error)
            if not error.retry_helps:
                break
    return {}, errors


@pytest.fixture(scope="module")
def wanted(undisturbed: Live) -> dict[str, tuple[Any, ...]]:
    """The load of an undisturbed run."""
    rows = landed(undisturbed)
    assert [path for _, path, _ in undisturbed.server.calls] == PATHS
    assert len(rows) == POSTS_N + COMMENTS_N
    return rows


@pytest.fixture(scope="module")
def sealed_before(undisturbed: Live, wanted: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """By the number of a page, the landing of a run that got everything before it and failed there."""
    folder = tmp_path_factory.mktemp("sealed")
    home = Home(folder / "home").create()
    before = {}
    for page in range(1, len(PATHS) + 1):
        # The page at which the last try failed comes first, and is sealed now.
        undisturbed.server.add_fault(Fault("503", nth=min(page, 2), times=TRIES))
        with pytest.raises(SourceUnavailable, match=f"HTTP 503 at .*{PATHS[page - 1]}"):
            landed(replace(undisturbed, home=home))
        before[page] = folder / str(page)
        shutil.copytree(home.landing, before[page])
    return before


def at_page(tea: Live, sealed_before: dict[int, Path], page: int) -> None:
    """Let the next extraction begin with that page, as the next try of a run that failed there."""
    shutil.rmtree(tea.home.landing)
    shutil.copytree(sealed_before[page], tea.home.landing)


@pytest.mark.parametrize("kind", PASSING)
def test_passing_fault__at_every_page_changes_nothing(tea: Live, wanted: dict[str, tuple[Any, ...]], kind: str):
    if kind == "timeout":
        tea = tea.with_policy(timeout_s=0.2)
    # Every page is spoiled until the client gives up; the task's next try gets it, and what came before is kept.
    for page in range(len(PATHS)):
        tea.server.add_fault(Fault(kind, nth=1 + page * (TRIES + 1), times=TRIES, delay_s=5, retry_after_s=0))
    rows, errors = until_it_works(tea)
    assert rows == wanted
    assert tea.server.faults_left == 0
    assert len(tea.server.calls) == len(PATHS) * (TRIES + 1)
    assert all(error.retry_helps for error in errors)


def test_passing_fault__that_lasts_ends_in_one_clear_error(tea: Live, wanted: dict[str, tuple[Any, ...]]):
    tea.server.add_fault(Fault("503", nth=4, times=1_000))
    rows, errors = until_it_works(tea)
    assert (rows, len(errors)) == ({}, TASK_TRIES)
    assert "HTTP 503 at" in str(errors[-1])
    tea.server.clear_faults()
    assert landed(tea) == wanted


@pytest.mark.parametrize("page", range(2, 7))
def test_endless_listing__a_page_that_leads_back_to_itself_changes_nothing(
    tea: Live, wanted: dict[str, tuple[Any, ...]], sealed_before: dict[int, Path], page: int
):
    at_page(tea, sealed_before, page)
    tea.server.add_fault(Fault("endless_after"))
    assert landed(tea) == wanted


def test_endless_listing__that_lasts_ends_in_one_clear_error(tea: Live, wanted: dict[str, tuple[Any, ...]]):
    tea.server.add_fault(Fault("endless_after", path="/new", times=1_000))
    with pytest.raises(SourceUnavailable, match="the same things again after 100"):
        landed(tea)
    # About, the first page, and four cursors three times each.
    assert len(tea.server.calls) == 2 + 4 * TRIES


def test_slow_answer__is_waited_for(tea: Live, wanted: dict[str, tuple[Any, ...]]):
    tea.server.add_fault(Fault("slow", nth=1, times=len(PATHS), delay_s=0.05))
    assert landed(tea) == wanted


@pytest.mark.parametrize("kind", ["403", "404"])
@pytest.mark.parametrize("page", range(1, len(PATHS) + 1))
def test_refusal__is_one_error_that_no_retry_helps(
    tea: Live, wanted: dict[str, tuple[Any, ...]], sealed_before: dict[int, Path], kind: str, page: int
):
    at_page(tea, sealed_before, page)
    tea.server.add_fault(Fault(kind))
    rows, errors = until_it_works(tea)
    if PATHS[page - 1] in {"/comments/p0", "/api/morechildren"}:
        # One thread among many: its gap stays, and is told.
        assert not errors
        assert wanted.items() > rows.items()
        return
    (error,) = errors
    assert type(error) is SourceError
    assert "r/Tea" in str(error)
    assert kind in str(error)
    assert landed(tea) == wanted, "once Reddit shows it again"


@pytest.mark.parametrize("page", range(1, len(PATHS) + 1))
def test_token__that_is_refused_is_renewed_once(
    tea: Live, wanted: dict[str, tuple[Any, ...]], sealed_before: dict[int, Path], page: int
):
    at_page(tea, sealed_before, page)
    tea.server.add_fault(Fault("401"))
    assert landed(tea) == wanted
    at_page(tea, sealed_before, page)
    tea.server.add_fault(Fault("401", times=2))
    with pytest.raises(BadCredentials, match="401 for a new token"):
        landed(tea)


@pytest.mark.parametrize("kind", ["429_retry_after", "500", "cut_body", "cut_json", "html", "connection_closed"])
def test_token__that_cannot_be_had_in_passing_changes_nothing(tea: Live, wanted: dict[str, tuple[Any, ...]], kind: str):
    tea.server.add_fault(Fault(kind, path="/api/v1/access_token", times=TRIES - 1, delay_s=5, retry_after_s=0))
    assert landed(tea) == wanted
