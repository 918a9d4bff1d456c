"""What the live source does where Reddit, the budget or the machine sets a limit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures import reddit_lines
from fixtures.live_reddit import BUSY_DAY, USER_AGENT, Live, busy_archive, credentials, live, shortly_after
from fixtures.reddit_lines import bad_lines_of, rows_of
from pulse.core.errors import (
    BadCredentials,
    ConfigError,
    DayNotOver,
    DayNotServable,
    PulseError,
    RateLimited,
    SourceError,
)
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.lake.landing import unproven_days
from pulse.sandbox.faults import Fault
from pulse.sandbox.reddit_data import ArchiveData, WorldData
from pulse.sandbox.world import World
from pulse.sources.reddit import api as reddit_api
from pulse.sources.reddit import extraction as reddit_extraction
from pulse.sources.reddit import pages as reddit_pages
from support import world_of_seed_7

pytestmark = pytest.mark.integration

DAY = date(2026, 6, 20)
QUIET = ("crumbclub", "ShutterAttic", "inkandnib", "NightRideLamps")


@pytest.fixture(scope="module")
def world() -> World:
    return world_of_seed_7(40)


@pytest.fixture(scope="module")
def data(world: World) -> WorldData:
    return WorldData(world)


@pytest.fixture(scope="module")
def day_before(data: WorldData, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that knows four quiet communities from the day before; for copying only."""
    home = Home(tmp_path_factory.mktemp("day_before")).create()
    with live(home, data, QUIET, day=DAY) as running:
        running.promote_day(DAY - timedelta(days=1))
    return home


@pytest.fixture
def quiet(home: Home, data: WorldData, day_before: Home) -> Iterator[Live]:
    """Four quiet communities that raw knows from the day before, so that they are asked for together."""
    shutil.copytree(day_before.root, home.root, dirs_exist_ok=True)
    with live(home, data, QUIET, day=DAY) as running:
        yield running


def written(world: World, running: Live, day: date, *names: str) -> set[str]:
    """Full ids of what was written on a day and could be seen."""
    return {
        one.full_id
        for one in world.contributions
        if one.community.name in names and one.created_at.date() == day and one.appears_at <= running.server.now
    }


def ids_of(load: Any, day: date) -> set[str]:
    return {row["contribution_id"] for row in rows_of(load) if row["created_at"].date() == day}


def paths(running: Live) -> Counter[str]:
    return Counter(path for _, path, _ in running.server.calls)


# ---- asking together -------------------------------------------------------


def test_quiet_communities__share_listings_and_looks_again(quiet: Live, world: World):
    loads = [quiet.extract(DAY, name) for name in QUIET]
    for name, load in zip(QUIET, loads, strict=True):
        assert ids_of(load, DAY) == written(world, quiet, DAY, name)
        assert unproven_days(load) == set()
        assert load.manifest.community_observations_n == 1
    together = "+".join(QUIET)
    found = paths(quiet)
    assert found[f"/r/{together}/new"] >= 1
    assert {path for path in found if path.endswith(("/new", "/comments"))} == {
        f"/r/{together}/new", f"/r/{together}/comments",
    }  # fmt: skip
    # Each call is charged once.
    assert sum(load.manifest.api_calls_n for load in loads) == len(quiet.server.calls) <= 12


def test_shared_listing__that_is_cut_off_is_read_in_halves(
    quiet: Live, world: World, data: WorldData, monkeypatch: pytest.MonkeyPatch, home: Home
):
    monkeypatch.setattr(reddit_extraction, "CUT_OFF_ITEMS", 90)
    with live(home, data, QUIET, day=DAY, page_limit_items=100) as running:
        loads = {name: running.extract(DAY, name) for name in QUIET}
    for name, load in loads.items():
        assert ids_of(load, DAY) == written(world, running, DAY, name)
        assert unproven_days(load) == set()
    listings = [path for path in paths(running) if path.endswith("/new")]
    assert len(listings) >= 3, listings


@pytest.mark.parametrize(
    ("how", "reason"), [("private", "private"), ("banned", "banned"), ("quarantined", "quarantined")]
)
def test_community__that_cannot_be_read_stops_no_other(
    home: Home, world: World, data: WorldData, how: str, reason: str
):
    with live(home, data, [*QUIET, "nosuchplace"], day=DAY - timedelta(1), **{how: {QUIET[1]}}) as running:
        for name in (QUIET[1], "nosuchplace"):
            with pytest.raises(SourceError) as caught:
                running.extract(DAY - timedelta(1), name)
            assert not caught.value.retry_helps
            assert f"r/{name}" in str(caught.value)
            assert (how if name == QUIET[1] else "does not exist") in str(caught.value)
        for name in (QUIET[0], *QUIET[2:]):
            load = running.extract(DAY - timedelta(1), name)
            assert ids_of(load, DAY - timedelta(1)) == written(world, running, DAY - timedelta(1), name)


def test_community__that_went_private_leaves_the_shared_listing(quiet: Live, world: World, data: WorldData, home: Home):
    with live(home, data, QUIET, day=DAY, private={QUIET[2]}) as running:
        with pytest.raises(SourceError, match="private"):
            running.extract(DAY, QUIET[2])
        assert ids_of(running.extract(DAY, QUIET[0]), DAY) == written(world, running, DAY, QUIET[0])
        others = "+".join(name for name in QUIET if name != QUIET[2])
        assert paths(running)[f"/r/{others}/new"] >= 1


# ---- the day ---------------------------------------------------------------


def test_day__that_is_not_over_by_reddits_clock_is_refused(quiet: Live):
    quiet.server.set_now(shortly_after(DAY) - timedelta(hours=1))
    with pytest.raises(DayNotOver, match="Reddit's clock says 2026-06-20 23:30"):
        quiet.extract(DAY, QUIET[0])


def test_day__that_listings_no_longer_reach_names_the_earliest(home: Home, tmp_path: Path):
    start_s = int(shortly_after(BUSY_DAY, minutes=0).timestamp())
    later = [reddit_lines.post(f"n{number}", created_utc=start_s + 43_200 + number) for number in range(1_200)]
    data = ArchiveData(
        [reddit_lines.write(tmp_path / "tea.ndjson", [reddit_lines.post("old", created_utc=start_s - 9), *later])]
    )
    with live(home, data, ["Tea"], day=BUSY_DAY + timedelta(days=1)) as running:
        with pytest.raises(DayNotServable) as caught:
            running.extract(BUSY_DAY)
        assert caught.value.earliest_day == BUSY_DAY + timedelta(days=1)
        load = running.extract(BUSY_DAY + timedelta(days=1))
        assert unproven_days(load) == {BUSY_DAY + timedelta(days=1)}
        assert "listing of posts ends at 2026-05-05 12:03 UTC" in str(load.manifest.partial_reason)


def test_day__that_is_asked_for_late_gets_no_looks_again_and_no_members(quiet: Live, world: World):
    quiet.at_end_of(DAY, minutes=3 * 24 * 60)
    load = quiet.extract(DAY, QUIET[0])
    assert (
        ids_of(load, DAY) == {row["contribution_id"] for row in rows_of(load)} == written(world, quiet, DAY, QUIET[0])
    )
    assert load.manifest.community_observations_n == 0
    assert "/api/info" not in paths(quiet)


def test_rerun__adds_a_later_look_under_another_id(quiet: Live, world: World):
    first = quiet.extract(DAY, QUIET[0])
    quiet.at_end_of(DAY, minutes=120)
    second = quiet.extract(DAY, QUIET[0])
    assert first.load_id != second.load_id
    assert {row["observed_at"] for row in rows_of(first)} < {row["observed_at"] for row in rows_of(second)} | {
        shortly_after(DAY)
    }
    assert ids_of(first, DAY) <= ids_of(second, DAY)


# ---- the budget ------------------------------------------------------------


@pytest.fixture(scope="module")
def busy_day(tmp_path_factory: pytest.TempPathFactory) -> ArchiveData:
    path = tmp_path_factory.mktemp("busy") / "tea.ndjson"
    return busy_archive(path, posts_n=40, comments_n=1_600, hidden_n=300)


@pytest.fixture
def busy(home: Home, busy_day: ArchiveData) -> Iterator[Live]:
    """1,600 comments on a day, of which a listing shows 1,000."""
    with live(home, busy_day, ["Tea"], day=BUSY_DAY) as running:
        yield running


def test_busy_day__is_read_thread_by_thread_where_the_listing_ends(busy: Live):
    load = busy.with_policy(min_comments_seen_share=0.98).extract(BUSY_DAY)
    share = len([row for row in rows_of(load) if row["kind"] == "comment"]) / 1_600
    assert share >= 0.98
    assert unproven_days(load) == {BUSY_DAY}, "an older thread may have had comments that nobody saw"
    assert f"{share:.1%} of the counted comments were seen" in str(load.manifest.partial_reason)
    threads = [path for path in paths(busy) if path.startswith("/comments/")]
    assert threads[0] == "/comments/p0", "the largest gap first"


def test_budget__that_is_spent_leaves_a_partial_day_that_says_so(busy: Live):
    poor = busy.with_policy(max_calls_per_run=14)
    load = poor.extract(BUSY_DAY)
    assert load.manifest.api_calls_n == len(busy.server.calls) <= 14
    assert "the calls of this run were spent" in str(load.manifest.partial_reason)
    assert len(rows_of(load)) > 1_300


def test_budget__that_ends_within_a_listing_leaves_a_partial_day_and_is_never_overdrawn(busy: Live):
    load = busy.with_policy(max_calls_per_run=6).extract(BUSY_DAY)
    assert load.manifest.api_calls_n == len(busy.server.calls) == 6
    assert unproven_days(load) == {BUSY_DAY}
    assert "its stream of comments ends at 2026-05-04" in str(load.manifest.partial_reason)
    assert "the calls of this run were spent" in str(load.manifest.partial_reason)
    assert len(rows_of(load)) == 40 + 400


def test_budget__too_small_for_the_listings_is_refused_before_any_call(quiet: Live):
    with pytest.raises(ConfigError, match="max_calls_per_run"):
        quiet.with_policy(max_calls_per_run=3).extract(DAY, QUIET[0])
    assert quiet.server.calls == []


def test_rate_limit__of_reddit_is_heeded_across_tries(home: Home, tmp_path: Path):
    data = busy_archive(tmp_path / "tea.ndjson", posts_n=20, comments_n=520, hidden_n=10)
    with live(home, data, ["Tea"], day=BUSY_DAY, rate_limit=3, rate_window_s=1) as running:
        patient = running.with_policy(longest_wait_s=1.5)
        assert len(rows_of(patient.extract(BUSY_DAY))) == 540
        assert len(running.server.calls) >= 8
        # The headers said when to wait: no call was refused.
        assert len(running.server.calls) == patient.extract(BUSY_DAY).manifest.api_calls_n


def test_rate_limit__that_lasts_frees_the_worker_and_says_how_long(busy: Live):
    busy.server.add_fault(Fault("429_retry_after", nth=3, retry_after_s=300))
    with pytest.raises(RateLimited) as caught:
        busy.extract(BUSY_DAY)
    assert caught.value.retry_after_s == 300
    calls_n = len(busy.server.calls)
    with pytest.raises(RateLimited) as caught:  # nobody else may call meanwhile
        busy.extract(BUSY_DAY)
    assert 200 < caught.value.retry_after_s <= 300
    assert len(busy.server.calls) == calls_n


# ---- credentials -----------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "wrong"},
        {"client_id": "wrong"},
        {"username": "somebody", "password": "wrong"},
        {"refresh_token": "wrong"},
    ],
)
def test_credentials__that_are_wrong_fail_at_once_in_one_line(quiet: Live, wrong: dict[str, str]):
    context = replace(quiet.context, ask_credentials=lambda _: credentials(quiet.server, **wrong))
    with pytest.raises(BadCredentials) as caught:
        reddit_api.extract(
            quiet.settings.entry("reddit/crumbclub"), Window.one_day(DAY), context,  # type: ignore[arg-type]
            live_entries=quiet.settings.communities,  # type: ignore[arg-type]
        )  # fmt: skip
    message = str(caught.value)
    assert "\n" not in message
    assert "check client id, secret" in message
    assert not caught.value.retry_helps
    assert len(quiet.server.token_calls) == 1, "it was not tried again"
    assert quiet.server.calls == []


@pytest.mark.parametrize("account", ["password", "refresh_token"])
def test_credentials__of_an_account_work_too(quiet: Live, account: str):
    server = quiet.server
    given = {"password": {"username": server.username, "password": server.password},
             "refresh_token": {"refresh_token": server.refresh_token}}[account]  # fmt: skip
    context = replace(quiet.context, ask_credentials=lambda _: credentials(server, **given))
    load = reddit_api.extract(
        quiet.settings.entry("reddit/crumbclub"), Window.one_day(DAY), context,  # type: ignore[arg-type]
        live_entries=quiet.settings.communities,  # type: ignore[arg-type]
    )  # fmt: skip
    assert load.manifest.rows_n


# ---- killed, and two at once -----------------------------------------------

# The limits of Reddit that the listings of `smaller` end at.
CUT_OFF_ITEMS, WINDOW_ITEMS = 280, 300
EXTRACT = f"""
from fixtures.live_reddit import BUSY_DAY, KEY, POLICY, entry
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.config.settings import Settings
from pulse.config.context import source_context
from pulse.sources.reddit import extraction
from pulse.sources.routes import extract
from pulse.core.window import Window
extraction.CUT_OFF_ITEMS = {CUT_OFF_ITEMS}
tea = entry("Tea")
policy = POLICY.model_copy(update=dict(timeout_s=60, longest_wait_s=60))
settings = Settings(communities=(tea,), reddit_api=policy)
context = source_context(Home.from_environment(), settings, utc_now, KEY)
print(extract(tea, Window.one_day(BUSY_DAY), context)[0].load_id)
"""


@pytest.fixture
def smaller(home: Home, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """430 comments on a day, of which a listing shows 300: threads are read as well, by fewer calls than for `busy`."""
    monkeypatch.setattr(reddit_extraction, "CUT_OFF_ITEMS", CUT_OFF_ITEMS)
    path = tmp_path_factory.mktemp("smaller") / "tea.ndjson"
    data = busy_archive(path, posts_n=40, comments_n=430, hidden_n=100)
    with live(home, data, ["Tea"], day=BUSY_DAY, page_limit_items=WINDOW_ITEMS) as running:
        yield running


def extraction(running: Live) -> "subprocess.Popen[str]":
    """The extraction of ``smaller`` in a process of its own."""
    server = running.server
    environment = os.environ | {
        "PULSE_HOME": str(running.home.root),
        "PULSE_REDDIT_CLIENT_ID": server.client_id,
        "PULSE_REDDIT_CLIENT_SECRET": server.client_secret,
        "PULSE_REDDIT_USER_AGENT": USER_AGENT,
        "PULSE_REDDIT_URL": server.url,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "plugins"), str(REPOSITORY / "tests")]),
    }
    return subprocess.Popen([sys.executable, "-c", EXTRACT], env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


def landed(running: Live) -> dict[str, tuple[Any, ...]]:
    rows = rows_of(running.extract(BUSY_DAY))
    return {row["contribution_id"]: tuple(value for name, value in row.items() if name != "load_id") for row in rows}


@pytest.mark.parametrize("page", [1, 6])
def test_killed__extraction_goes_on_without_asking_again(smaller: Live, page: int):
    wanted = landed(smaller)
    pages = [path for _, path, _ in smaller.server.calls]
    assert (pages[0], pages[5]) == ("/r/Tea/about", "/comments/p0")
    smaller.server.forget_calls()
    smaller.server.add_fault(Fault("timeout", nth=page, delay_s=60))
    process = extraction(smaller)
    while len(smaller.server.calls) < page:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert landed(smaller) == wanted
    assert len(smaller.server.calls) == len(pages) + 1, "the one that was under way is asked again, and no other"


def test_two_at_once__ask_once(smaller: Live):
    wanted = landed(smaller)
    pages_n = len(smaller.server.calls)
    smaller.server.forget_calls()
    first, second = extraction(smaller), extraction(smaller)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda process: process.communicate(timeout=120), (first, second)))
    assert (first.returncode, second.returncode) == (0, 0), results
    # One waited for the other, then made a load of its own: later, and from new answers.
    assert len({out for out, _ in results}) == 2
    assert len(smaller.server.calls) == 2 * pages_n
    assert landed(smaller).keys() == wanted.keys()


# ---- odd records -----------------------------------------------------------


def test_records__that_cannot_be_used_are_kept_with_their_reason(home: Home, tmp_path: Path):
    start_s = int(shortly_after(BUSY_DAY).timestamp()) - 40_000
    records = [
        reddit_lines.post("a1", created_utc=start_s, num_comments=0),
        reddit_lines.post("a2", created_utc=start_s + 1, num_comments=0, score=10**18),
        reddit_lines.post("a3", created_utc=start_s + 2, num_comments=0, link_flair_text=["not", "text"]),
    ]
    data = ArchiveData([reddit_lines.write(tmp_path / "tea.ndjson", records)])
    with live(home, data, ["Tea"], day=BUSY_DAY) as running:
        load = running.extract(BUSY_DAY)
    assert [row["contribution_id"] for row in rows_of(load)] == ["t3_a1"]
    assert {row["fault"] for row in bad_lines_of(load)} == {"number_out_of_range", "not_text"}
    assert load.manifest.bad_lines_n == 2


def test_records__that_tell_no_community_are_nobodys_and_every_record_is_accounted_for(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    start_s = int(shortly_after(BUSY_DAY).timestamp()) - 40_000
    records = [
        reddit_lines.post(f"{name}{number}", subreddit=name, created_utc=start_s + number, num_comments=0, score=score)
        for name in ("Tea", "Milk")
        for number, score in enumerate((1, 1, 10**18))
    ]
    data = ArchiveData([reddit_lines.write(tmp_path / "both.ndjson", records)])
    as_reddit_has_it = reddit_pages._record

    def without(thing: object, observed_at: Any) -> dict[str, Any]:
        record = as_reddit_has_it(thing, observed_at)
        lost = {"Tea1": "subreddit", "Milk1": "created_utc"}.get(record["id"])
        return {name: value for name, value in record.items() if name != lost}

    monkeypatch.setattr(reddit_pages, "_record", without)
    with live(home, data, ["Tea", "Milk"], day=BUSY_DAY) as running:
        tea, milk = running.extract(BUSY_DAY), running.extract(BUSY_DAY, "Milk")
    for load, name in ((tea, "Tea"), (milk, "Milk")):
        assert [row["contribution_id"] for row in rows_of(load)] == [f"t3_{name}0"]
        assert [(row["community"], row["fault"]) for row in bad_lines_of(load)] == [
            (name.lower(), "number_out_of_range")
        ] * load.manifest.bad_lines_n
        [account] = load.manifest.files
        assert account.unaccounted_n == 0
        assert account.landed_n == load.manifest.rows_n == 1
        unplaced = reddit_lines.read([load.unplaced_file(account)], order_by="line_number")
        assert {row["fault"] for row in unplaced} == {"missing_subreddit", "missing_created_utc"}
        assert len(unplaced) == account.unplaced_n >= 2
    assert tea.manifest.files[0].content == milk.manifest.files[0].content, "so they are booked once"


def test_errors__are_of_one_tree(busy: Live):
    busy.server.add_fault(Fault("connection_closed", times=100))
    with pytest.raises(PulseError, match="ConnectionError at http"):
        busy.extract(BUSY_DAY)
