"""Promotion into raw: replace, add, repeat, and finish what a killed process began."""

import os
import signal
import subprocess
import sys
from datetime import date, timedelta

import pytest

from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from support import NOON, ask, community_observation, contribution, sealed_load

DAY = NOON.date()
NEXT_DAY = DAY + timedelta(days=1)
TWO_DAYS = Window(DAY, NEXT_DAY)


def ids_in_raw(home: Home) -> list[str]:
    raw.ensure_empty_file(home)
    rows = ask(
        "select contribution_id from read_parquet(?, hive_partitioning = false) order by 1",
        [raw.contributions_glob(home)],
    ).fetchall()
    return [name for (name,) in rows]


def test_promote__puts_rows_into_the_partition_of_their_day(home: Home):
    load = sealed_load(
        home, [contribution("t3_a"), contribution("t3_b", created_at=NOON + timedelta(days=1))], window=TWO_DAYS
    )
    promotion = raw.promote(home, load)
    assert promotion.partitions == (raw.Partition("reddit", "tea", DAY), raw.Partition("reddit", "tea", NEXT_DAY))
    assert promotion.contribution_dates == (DAY, NEXT_DAY)
    assert ids_in_raw(home) == ["t3_a", "t3_b"]
    assert [file.name for file in home.contributions_dir("reddit", "tea", DAY).iterdir()] == [f"{load.load_id}.parquet"]


def test_promote__replayable_load_replaces_its_window_and_days_without_rows_vanish(home: Home):
    first = [contribution("t3_a"), contribution("t3_b", created_at=NOON + timedelta(days=1))]
    raw.promote(home, sealed_load(home, first, load_id="reddit_archive-one", window=TWO_DAYS))
    promotion = raw.promote(
        home, sealed_load(home, [contribution("t3_c")], load_id="reddit_archive-two", window=TWO_DAYS)
    )
    assert ids_in_raw(home) == ["t3_c"]
    assert promotion.contribution_dates == (DAY, NEXT_DAY), "the emptied day must be built again too"


def test_promote__live_load_adds(home: Home):
    row = contribution("t3_a", source="reddit_api")
    live = {"is_replayable": False, "source": "reddit_api"}
    raw.promote(home, sealed_load(home, [row], load_id="reddit_api-one", **live))
    later = row | {"observed_at": NOON + timedelta(days=40)}
    raw.promote(home, sealed_load(home, [later], load_id="reddit_api-two", **live))
    assert ids_in_raw(home) == ["t3_a", "t3_a"]


def test_promote__archive_leaves_what_a_live_source_observed(home: Home):
    live = contribution("t3_live", source="reddit_api")
    raw.promote(home, sealed_load(home, [live], load_id="reddit_api-one", is_replayable=False, source="reddit_api"))
    raw.promote(home, sealed_load(home, [contribution("t3_a")], load_id="reddit_archive-one"))
    raw.promote(home, sealed_load(home, [contribution("t3_b")], load_id="reddit_archive-two"))
    assert ids_in_raw(home) == ["t3_b", "t3_live"]


def test_promote__wildcard_replaces_all_but_named_communities(home: Home):
    raw.promote(home, sealed_load(home, [contribution("t3_tea")], load_id="reddit_archive-named"))
    others = [contribution("t3_x", community="x"), contribution("t3_y", community="y")]
    wildcard = {"community": "*", "named_elsewhere": ("tea",)}
    raw.promote(home, sealed_load(home, others, load_id="reddit_archive-w1", **wildcard))
    assert ids_in_raw(home) == ["t3_tea", "t3_x", "t3_y"]
    raw.promote(home, sealed_load(home, others[:1], load_id="reddit_archive-w2", **wildcard))
    assert ids_in_raw(home) == ["t3_tea", "t3_x"]


def test_promote__again_changes_nothing(home: Home):
    load = sealed_load(home, [contribution("t3_a")])
    raw.promote(home, load)
    note = next(iter(raw.pending_dates(home)))
    note.unlink()
    again = raw.promote(home, load)
    assert again.partitions == ()
    assert raw.pending_dates(home) == {}, "nothing changed, so nothing is to be built"


def test_promote__hostile_community_names_stay_data(home: Home):
    names = [
        "",
        "../../etc",
        "a/b",
        "x=y",
        "%2e%2e",
        "'; drop table x; --",
        "日本",
        "a" * 300,
        "*",
        "[a-z]?",
        ".",
        "..",
    ]
    rows = [contribution(f"t3_{number}", community=name) for number, name in enumerate(names)]
    raw.promote(home, sealed_load(home, rows, community="*"))
    assert len(ids_in_raw(home)) == len(names)
    found = ask(
        "select community from read_parquet(?, hive_partitioning = false)", [raw.contributions_glob(home)]
    ).fetchall()
    assert sorted(name for (name,) in found) == sorted(names)
    outside = [path for path in home.root.parent.rglob("*.parquet") if home.root not in path.parents]
    assert outside == []


# ---- communities -------------------------------------------------------------

LIVE = {"is_replayable": False, "source": "reddit_api"}


def communities_in_raw(home: Home) -> list[tuple[str, int | None, str]]:
    """Community, members and load of every observation."""
    raw.ensure_empty_file(home)
    return ask(
        "select community, members_n, load_id from read_parquet(?, hive_partitioning = false) order by all",
        [raw.community_observations_glob(home)],
    ).fetchall()


def test_promote__community_observations_lie_under_the_last_day_of_the_window(home: Home):
    load = sealed_load(
        home, [contribution("t3_a", source="reddit_api")], load_id="reddit_api-one", window=TWO_DAYS,
        communities=[community_observation()], **LIVE,
    )  # fmt: skip
    promotion = raw.promote(home, load)
    assert promotion.partitions == (raw.Partition("reddit", "tea", DAY),), "these are of contributions"
    assert communities_in_raw(home) == [("tea", 5_000, "reddit_api-one")]
    (file,) = (home.raw / "communities").glob("platform=*/**/*.parquet")
    assert file.relative_to(home.raw / "communities").parts == (
        "platform=reddit", "community=tea", f"day={NEXT_DAY}", "reddit_api-one.parquet",
    )  # fmt: skip


def test_promote__a_load_without_contributions_still_brings_its_community(home: Home):
    load = sealed_load(home, [], load_id="reddit_api-one", communities=[community_observation(members_n=None)], **LIVE)
    assert raw.promote(home, load).contribution_dates == (NOON.date(),), "a day was looked at"
    assert communities_in_raw(home) == [("tea", None, "reddit_api-one")]
    assert ids_in_raw(home) == []


def test_promote__live_observations_of_communities_add_up_and_archives_leave_them(home: Home):
    for name in ("one", "two"):
        raw.promote(
            home, sealed_load(home, [], load_id=f"reddit_api-{name}", communities=[community_observation()], **LIVE)
        )
    raw.promote(home, sealed_load(home, [contribution("t3_a")], load_id="reddit_archive-one"))
    assert [load_id for *_, load_id in communities_in_raw(home)] == ["reddit_api-one", "reddit_api-two"]


def test_promote__replayable_source_replaces_its_observations_of_communities(home: Home):
    for name, members_n in (("one", 1), ("two", 2)):
        seen = community_observation(source="reddit_archive", members_n=members_n)
        raw.promote(home, sealed_load(home, [], load_id=f"reddit_archive-{name}", communities=[seen]))
    assert communities_in_raw(home) == [("tea", 2, "reddit_archive-two")]


def test_promote__wildcard_splits_observations_by_community(home: Home):
    seen = [community_observation(community=name) for name in ("x", "../y")]
    raw.promote(home, sealed_load(home, [], load_id="reddit_api-w", community="*", communities=seen, **LIVE))
    assert [name for name, *_ in communities_in_raw(home)] == ["../y", "x"]
    assert len(list((home.raw / "communities").glob("platform=reddit/community=*/*/*.parquet"))) == 2


def test_promote__community_observations_cut_off_are_finished_by_the_next(home: Home):
    sealed_load(
        home, [contribution("t3_a", source="reddit_api")], load_id="reddit_api-one",
        communities=[community_observation()], **LIVE,
    )  # fmt: skip
    code = """
import os, pathlib, signal
from pulse.lake import landing, raw
from pulse.core.home import Home
home = Home.from_environment()
original = pathlib.Path.replace
def dying(self, target):
    if "/raw/communities/" in str(target):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, target)
pathlib.Path.replace = dying
raw.promote(home, landing.require(home, "reddit_api-one"))
"""
    assert run_python(code).returncode == -signal.SIGKILL
    assert communities_in_raw(home) == []
    assert raw.recover(home) == 1
    assert communities_in_raw(home) == [("tea", 5_000, "reddit_api-one")]
    assert ids_in_raw(home) == ["t3_a"]


# ---- killed, or out of room ----------------------------------------------------


@pytest.mark.parametrize("moment", ["replace", "unlink"])
def test_promote__killed_half_way_is_finished_by_the_next(home: Home, moment: str):
    first = [contribution("t3_a"), contribution("t3_b", created_at=NOON + timedelta(days=1))]
    raw.promote(home, sealed_load(home, first, load_id="reddit_archive-one", window=TWO_DAYS))
    second = [contribution("t3_c"), contribution("t3_d", created_at=NOON + timedelta(days=1))]
    sealed_load(home, second, load_id="reddit_archive-two", window=TWO_DAYS)
    code = f"""
import os, pathlib, signal
from pulse.lake import landing, raw
from pulse.core.home import Home
home = Home.from_environment()
calls = 0
original = pathlib.Path.{moment}
def dying(self, *args, **options):
    global calls
    if "contributions" in str(args[0] if args else self):
        calls += 1
        if calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *args, **options)
pathlib.Path.{moment} = dying
raw.promote(home, landing.require(home, "reddit_archive-two"))
"""
    ended = run_python(code)
    assert ended.returncode == -signal.SIGKILL
    assert raw.recover(home) == 1
    assert ids_in_raw(home) == ["t3_c", "t3_d"]
    assert {day for dates in raw.pending_dates(home).values() for day in dates} == {DAY, NEXT_DAY}


def test_recover__drops_what_was_never_written_down(home: Home):
    staging = home.raw / "_promotions" / "half"
    staging.mkdir(parents=True)
    (staging / "000000.parquet").write_bytes(b"half")
    assert raw.recover(home) == 0
    assert not staging.exists()


def test_partitions_of__lists_accepted_communities_and_days(home: Home):
    load = sealed_load(home, [contribution("t3_a"), contribution("t3_x", community="x")], community="*")
    assert raw.partitions_of(load) == (raw.Partition("reddit", "tea", DAY), raw.Partition("reddit", "x", DAY))


def test_promote__disk_full_leaves_raw_as_it_was(home: Home):
    raw.promote(home, sealed_load(home, [contribution("t3_a")], load_id="reddit_archive-one"))
    sealed_load(home, [contribution("t3_b", body="x" * 9_000)], load_id="reddit_archive-two")
    code = """
import resource, signal
from pulse.lake import landing, raw
from pulse.core.errors import StorageError
from pulse.core.home import Home
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
home = Home.from_environment()
load = landing.require(home, "reddit_archive-two")
resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
try:
    raw.promote(home, load)
except StorageError as error:
    print(error)
"""
    ended = run_python(code)
    assert "File too large" in ended.stdout
    assert ids_in_raw(home) == ["t3_a"]
    assert run_python(code.replace("(512, 512)", "(-1, -1)")).returncode == 0
    assert ids_in_raw(home) == ["t3_b"], "a rerun with space heals"


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_pending_dates__reads_the_notes(home: Home):
    raw.promote(home, sealed_load(home, [contribution("t3_a")]))
    assert list(raw.pending_dates(home).values()) == [(date(2026, 10, 5),)]
