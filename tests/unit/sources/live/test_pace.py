"""One pace for all who call as the same client: objects, processes and runs."""

import json
import os
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pulse.core.errors import RateLimited
from pulse.core.home import REPOSITORY, Home
from pulse.sources.live.pace import CallPace
from support import Watch

START_S = 1_800_000_000.0


@pytest.fixture
def watch() -> Watch:
    return Watch(START_S)


def pace(home: Home, watch: Watch, *, client: str = "someone", **changes: Any) -> CallPace:
    facts: dict[str, Any] = {"calls_n": 3, "window_s": 60.0, "longest_wait_s": 15.0} | changes
    return CallPace(home, client, clock=watch, sleep=watch.sleep, **facts)


def take(pace: CallPace, count: int) -> None:
    for _ in range(count):
        pace.take()


def refused_for_s(pace: CallPace) -> float:
    with pytest.raises(RateLimited) as caught:
        pace.take()
    assert caught.value.retry_helps
    return caught.value.retry_after_s


def state_file(home: Home) -> Path:
    (file,) = home.landing.glob("pace-*.json")
    return file


# ---- the window ------------------------------------------------------------


def test_take__fills_the_window_exactly_without_waiting(home: Home, watch: Watch):
    mine = pace(home, watch)
    take(mine, 3)
    assert watch.slept == []
    assert refused_for_s(mine) == 60.0


def test_take__sits_out_a_short_wait_until_the_oldest_call_leaves_the_window(home: Home, watch: Watch):
    mine = pace(home, watch)
    for at_s in (0, 10, 20):
        watch.at(at_s)
        mine.take()
    watch.at(50)
    mine.take()
    assert watch.slept == [10.0]
    assert watch.now_s == START_S + 60
    # The next is free when the call of second 10 is out.
    mine.take()
    assert watch.slept == [10.0, 10.0]


def test_take__a_window_later_all_is_free_again(home: Home, watch: Watch):
    mine = pace(home, watch)
    take(mine, 3)
    watch.at(60)
    take(mine, 3)
    assert watch.slept == []
    assert refused_for_s(mine) == 60.0


def test_take__a_wait_as_long_as_allowed_is_sat_out_and_a_longer_one_is_an_error_that_says_how_long(
    home: Home, watch: Watch
):
    mine = pace(home, watch)
    take(mine, 3)
    watch.at(44.5)
    assert refused_for_s(mine) == 15.5
    assert watch.slept == [], "a task that cannot have its turn must not wait for it"
    watch.at(45)
    mine.take()
    assert watch.slept == [15.0]


def test_take__waits_of_one_call_add_up_against_the_limit(home: Home, watch: Watch):
    """Another task takes the place that was waited for."""
    other = pace(home, watch, calls_n=1, window_s=10.0)

    def sleep_and_be_overtaken(seconds: float) -> None:
        watch.sleep(seconds)
        other.take()

    mine = CallPace(home, "someone", 1, 10.0, 15.0, clock=watch, sleep=sleep_and_be_overtaken)
    mine.take()
    assert refused_for_s(mine) == 10.0
    assert watch.slept == [10.0]


def test_take__refused_call_is_not_counted(home: Home, watch: Watch):
    mine = pace(home, watch, longest_wait_s=0.0)
    take(mine, 3)
    for _ in range(5):
        watch.now_s += 10
        refused_for_s(mine)
    watch.at(60)
    take(mine, 3)


# ---- told to wait ----------------------------------------------------------


def test_block__nobody_of_that_client_calls_until_it_ends(home: Home, watch: Watch):
    mine, other = pace(home, watch), pace(home, watch)
    mine.block(100)
    assert refused_for_s(other) == 100.0
    watch.at(90)
    other.take()
    assert watch.slept == [10.0]


def test_block__shorter_one_does_not_end_a_longer_one(home: Home, watch: Watch):
    mine = pace(home, watch)
    mine.block(100)
    mine.block(5)
    mine.block(-500)
    assert refused_for_s(mine) == 100.0


def test_block__is_at_most_an_hour_whatever_the_platform_says(home: Home, watch: Watch):
    mine = pace(home, watch)
    mine.block(1e12)
    assert refused_for_s(mine) == 3_600.0


def test_block__keeps_the_calls_that_were_counted(home: Home, watch: Watch):
    mine = pace(home, watch)
    take(mine, 3)
    mine.block(1)
    assert refused_for_s(mine) == 60.0


# ---- a clock set back ------------------------------------------------------


def test_take__clock_set_back_does_not_hold_calls_up(home: Home, watch: Watch):
    mine = pace(home, watch)
    take(mine, 3)
    watch.at(-86_400)
    take(mine, 3)
    assert watch.slept == []
    assert refused_for_s(mine) == 60.0


def test_take__block_from_before_the_clock_was_set_back_is_forgotten(home: Home, watch: Watch):
    mine = pace(home, watch)
    mine.block(3_600)
    watch.at(-86_400)
    mine.take()
    assert watch.slept == []


def test_block__holds_although_an_older_one_is_from_before_the_clock_was_set_back(home: Home, watch: Watch):
    mine = pace(home, watch)
    mine.block(3_600)
    watch.at(-86_400)
    mine.block(100)
    assert refused_for_s(mine) == 100.0


# ---- the file --------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"7", b'"starts"', b"{}", b"\xff\xfe\x00", b'{"starts": [1, 2', b'{"starts": 5}',
        b'{"starts": [null], "blocked_until": 0}', b'{"starts": ["soon"], "blocked_until": 0}',
        b'{"starts": [], "blocked_until": null}', b'{"starts": [[]], "blocked_until": 0}',
        b'{"starts": [NaN, Infinity], "blocked_until": NaN}', b'{"starts": [], "blocked_until": Infinity}',
        b'{"starts": [1' + b"0" * 400 + b'], "blocked_until": 0}', b"[" * 100_000,
    ],
    ids=range(18),
)  # fmt: skip
def test_take__garbage_in_the_file_counts_as_no_calls(home: Home, watch: Watch, content: bytes):
    mine = pace(home, watch)
    mine.take()
    state_file(home).write_bytes(content)
    take(mine, 3)
    assert watch.slept == []
    assert refused_for_s(mine) == 60.0


def test_take__file_cut_off_anywhere_never_fails_and_never_counts_more_than_was_written(home: Home, watch: Watch):
    mine = pace(home, watch, longest_wait_s=0.0)
    mine.take()
    whole = state_file(home).read_bytes()
    for length in range(len(whole)):
        state_file(home).write_bytes(whole[:length])
        take(mine, 3)
        assert refused_for_s(mine) == 60.0


def test_take__file_does_not_grow_with_the_calls_of_the_past(home: Home, watch: Watch):
    mine = pace(home, watch)
    for number in range(50):
        watch.at(100 * number)
        mine.take()
    assert len(json.loads(state_file(home).read_text())["starts"]) == 1


def test_take__client_is_not_on_the_disk_in_clear(home: Home, watch: Watch):
    mine = pace(home, watch, client="https://www.reddit.com Cl1entIdOfSomebody")
    mine.take()
    mine.block(1)
    files = [path for path in home.root.rglob("*") if path.is_file()]
    assert len(files) == 2, "the state and its lock"
    for path in files:
        assert "cl1ent" not in str(path).lower()
        assert b"cl1ent" not in path.read_bytes().lower()


# ---- who shares ------------------------------------------------------------


def test_take__objects_of_the_same_client_share_one_window(home: Home, watch: Watch):
    mine, other = pace(home, watch), pace(home, watch)
    take(mine, 2)
    other.take()
    assert refused_for_s(mine) == refused_for_s(other) == 60.0


def test_take__different_clients_and_different_homes_do_not_share(home: Home, watch: Watch, tmp_path: Path):
    take(pace(home, watch), 3)
    pace(home, watch, client="someone else").block(100)
    take(pace(home, watch, client="a third"), 3)
    take(pace(Home(tmp_path / "other").create(), watch), 3)
    assert watch.slept == []


CALLS_N, WINDOW_S, PROCESSES_N, EACH_N = 15, 0.2, 4, 25
# Prints when each of its calls was granted: the last time that was read before `take` came back.
PROGRAM = f"""
import sys
from pathlib import Path
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.sources.live.pace import CallPace

read_at = []
def clock():
    read_at.append(utc_now())
    return read_at[-1]

pace = CallPace(Home(Path(sys.argv[1])), "someone", {CALLS_N}, {WINDOW_S}, 30.0, clock=clock)
print("ready", flush=True)
sys.stdin.readline()
for number in range({EACH_N}):
    pace.take()
    print(read_at[-1].timestamp(), flush=True)
    if number == 0:
        sys.stdin.readline()
"""


def most_in_any_window(starts: Iterable[float]) -> int:
    in_order = sorted(starts)
    just_before_end_s = WINDOW_S - 1e-6
    return max(bisect_left(in_order, start + just_before_end_s) - place for place, start in enumerate(in_order))


def let_go(processes: Iterable[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


def test_take__processes_together_never_start_more_calls_in_any_window(home: Home):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home.root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for _ in range(PROCESSES_N)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    let_go(processes)
    # None goes on before each has had its first: one after the other would prove nothing.
    firsts = [float(process.stdout.readline()) for process in processes if process.stdout]
    let_go(processes)
    rest = [[float(line) for line in process.communicate(timeout=60)[0].split()] for process in processes]
    granted = [[first, *others] for first, others in zip(firsts, rest, strict=True)]
    assert [process.returncode for process in processes] == [0] * PROCESSES_N
    assert [len(of_one) for of_one in granted] == [EACH_N] * PROCESSES_N
    together = sorted(start for of_one in granted for start in of_one)
    assert most_in_any_window(together) <= CALLS_N
