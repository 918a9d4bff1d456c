"""What became of each community's day."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates.volume import History, VolumeBands
from pulse.lake import landing, outcomes, quality
from pulse.lake.landing import Load, LoadManifest
from pulse.sources.reddit.entry import RedditArchiveEntry
from support import NOON, contribution, sealed_load, write_contract_rows

DAY = NOON.date()
TWO_DAYS = Window(DAY, DAY + timedelta(days=1))
RECORDED_AT = datetime(2026, 11, 5, tzinfo=UTC)


def entry(name: str = "tea") -> RedditArchiveEntry:
    return RedditArchiveEntry(platform="reddit", name=name, source="reddit_archive", path=(Path("x"),))


@pytest.fixture(autouse=True)
def tables(home: Home) -> None:
    quality.ensure_tables(home)


def test_arrival_rows__day_without_rows_is_empty_only_if_proven(home: Home):
    load = sealed_load(home, [contribution()], window=TWO_DAYS)
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [(row["day"], row["outcome"], row["contributions_n"]) for row in rows] == [
        (DAY, "arrived", 1),
        (TWO_DAYS.last_day, "empty", 0),
    ]
    load = sealed_load(home, [contribution()], window=TWO_DAYS, incomplete_days=tuple(TWO_DAYS.days()))
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [row["outcome"] for row in rows] == ["partial", "partial"]


def test_arrival_rows__wildcard_has_its_communities_and_their_sum(home: Home):
    given = [
        contribution("t3_a", community="a"),
        contribution("t3_b", community="b"),
        contribution("t1_b", community="b"),
    ]
    load = sealed_load(home, given, community="*")
    rows = outcomes.arrival_rows(home, entry("*"), load, run_id="r", recorded_at=RECORDED_AT)
    assert {row["community"]: row["contributions_n"] for row in rows} == {"*": 3, "a": 1, "b": 2}
    assert {row["entry_id"] for row in rows} == {"reddit/*"}


def test_arrival_rows__quarantined_records_count_once_however_many_rules_they_broke(home: Home):
    load = sealed_load(home, [contribution()])
    broken = {"run_id": "r", "load_id": load.load_id, "community": "tea", "day": DAY, "contribution_id": "t3_z"}
    quality.append(
        home, quality.QUARANTINED_ROWS, [broken | {"rule": "one"}, broken | {"rule": "two"}], stem=f"r-{load.load_id}"
    )
    (row,) = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert row["quarantined_rows_n"] == 1


# ---- live loads: days of their own, and looks again -------------------------


def live_load(home: Home, days: dict[date, int], *, again_n: int = 0, **manifest: Any) -> Load:
    """A load as a live source makes it: so many contributions of each day, and looks again filed with the last one."""
    window = Window(min(days), max(days))
    folder = landing.draft(home, "reddit_api-tea")
    rows_by_day: dict[date, int] = {}
    for day, count in days.items():
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        rows = [contribution(f"t3_{day:%d}x{number}", created_at=at) for number in range(count)]
        if day == window.last_day:
            # Of earlier weeks, the same weekdays among them.
            early = [window.start_at - timedelta(days=1 + number % 30) for number in range(again_n)]
            rows += [contribution(f"t1_z{number}", created_at=created_at) for number, created_at in enumerate(early)]
        if rows:
            rows_by_day[day] = len(rows)
            write_contract_rows(folder / "rows" / f"day={day}.parquet", rows)
    facts: dict[str, Any] = {
        "load_id": "reddit_api-tea", "platform": "reddit", "entry_id": "reddit/tea", "community": "tea",
        "source": "reddit_api", "is_replayable": False, "first_day": window.first_day, "last_day": window.last_day,
        "rows_by_day": rows_by_day, "earlier_rows_n": again_n, "sealed_at": window.end_at,
    }  # fmt: skip
    return landing.seal(home, folder, LoadManifest(**(facts | manifest)))


@pytest.mark.parametrize(
    ("rows_by_day", "earlier_rows_n", "created"),
    [
        ({}, 0, {}),
        ({0: 5}, 0, {0: 5}),
        ({0: 5, 1: 9}, 0, {0: 5, 1: 9}),
        ({0: 5, 1: 9}, 7, {0: 5, 1: 2}),
        ({0: 5, 1: 9}, 9, {0: 5}),
        ({1: 9}, 9, {}),
    ],
)
def test_created_by_day__leaves_the_looks_again_of_the_last_day_out(
    rows_by_day: dict[int, int], earlier_rows_n: int, created: dict[int, int]
):
    manifest = LoadManifest(
        load_id="x", platform="reddit", entry_id="reddit/tea", community="tea", source="reddit_api",
        is_replayable=False, first_day=DAY, last_day=TWO_DAYS.last_day,
        rows_by_day={DAY + timedelta(days=day): count for day, count in rows_by_day.items()},
        earlier_rows_n=earlier_rows_n, sealed_at=RECORDED_AT,
    )  # fmt: skip
    assert manifest.created_by_day == {DAY + timedelta(days=day): count for day, count in created.items()}
    assert manifest.rows_n == sum(rows_by_day.values())


def test_arrival_rows__looks_again_say_nothing_of_what_a_day_brought(home: Home):
    load = live_load(home, {DAY: 3, TWO_DAYS.last_day: 2}, again_n=40)
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [(row["day"], row["outcome"], row["contributions_n"]) for row in rows] == [
        (DAY, "arrived", 3),
        (TWO_DAYS.last_day, "arrived", 2),
    ]


def test_arrival_rows__day_with_nothing_but_looks_again_is_empty(home: Home):
    load = live_load(home, {DAY: 0}, again_n=40)
    (row,) = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert (row["outcome"], row["contributions_n"], row["reason"]) == ("empty", 0, None)


def test_arrival_rows__partial_day_has_the_source_s_own_reason(home: Home):
    why = "Reddit's listing of posts ends at 2026-10-05 03:00 UTC"
    load = live_load(home, {DAY: 3, TWO_DAYS.last_day: 2}, incomplete_days=(DAY,), partial_reason=why)
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [(row["outcome"], row["reason"]) for row in rows] == [("partial", why), ("arrived", None)]


def test_arrival_rows__partial_day_without_the_source_s_reason_has_the_general_one(home: Home):
    load = live_load(home, {DAY: 3}, incomplete_days=(DAY,))
    (row,) = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert (row["outcome"], row["reason"]) == ("partial", "the source could not prove that it listed the whole day")


def test_arrival_rows__day_of_nothing_but_looks_again_that_is_not_proven_is_partial(home: Home):
    load = live_load(home, {DAY: 0}, again_n=4, incomplete_days=(DAY,), partial_reason="cut off")
    (row,) = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert (row["outcome"], row["contributions_n"], row["reason"]) == ("partial", 0, "cut off")


def test_arrival_rows__calls_and_skips_lie_on_the_first_day(home: Home):
    load = live_load(home, {DAY: 3, TWO_DAYS.last_day: 2}, api_calls_n=17, skipped={"not_returned": 5})
    rows = outcomes.arrival_rows(home, entry(), load, run_id="r", recorded_at=RECORDED_AT)
    assert [(row["api_calls_n"], row["skipped_n"]) for row in rows] == [(17, 5), (0, 0)]


def volume_bands(home: Home, load: Load) -> VolumeBands:
    with duckdb.connect() as connection:
        return History(connection, home, [load]).bands(load)


def usual_weeks(home: Home, count: int, *, weeks_n: int = 6) -> None:
    """What earlier runs recorded of the same weekday."""
    weeks = [DAY - timedelta(weeks=week) for week in range(1, weeks_n + 1)]
    given = [
        {"run_id": "r", "entry_id": "reddit/tea", "community": "tea", "day": day, "outcome": "arrived",
         "contributions_n": count, "recorded_at": RECORDED_AT}
        for day in weeks
    ]  # fmt: skip
    quality.append(home, quality.LOAD_OUTCOMES, given, stem="before")


@pytest.mark.parametrize(
    ("new_n", "again_n", "below", "above"),
    [(40, 0, False, False), (40, 160, False, False), (6, 34, True, False), (6, 0, True, False),
     (200, 0, False, True), (200, 40, False, True)],
)  # fmt: skip
def test_volume_bands__looks_again_neither_fill_a_day_nor_overfill_it(
    home: Home, new_n: int, again_n: int, below: bool, above: bool
):
    usual_weeks(home, 40)
    bands = volume_bands(home, live_load(home, {DAY: new_n}, again_n=again_n))
    outside = ((DAY, new_n, 40.0),)
    assert bands.banded_n == 1
    assert bands.below == (outside if below else ())
    assert bands.above == (outside if above else ())


def test_volume_bands__day_with_nothing_but_looks_again_is_not_judged(home: Home):
    usual_weeks(home, 40)
    assert volume_bands(home, live_load(home, {DAY: 0}, again_n=40)) == VolumeBands()


def test_volume_bands__looks_again_do_not_make_the_days_that_others_are_held_against(home: Home):
    """The load's own last day is one of the same weekdays of its first."""
    usual_weeks(home, 40, weeks_n=3)
    window = {DAY: 40} | {DAY + timedelta(days=day): 5 for day in range(1, 7)} | {DAY + timedelta(weeks=1): 40}
    bands = volume_bands(home, live_load(home, window, again_n=160))
    assert (bands.banded_n, bands.below, bands.above) == (2, (), ())


def recorded_days(home: Home, counts: dict[date, int]) -> None:
    """What earlier runs recorded."""
    given = [
        {"run_id": "r", "entry_id": "reddit/tea", "community": "tea", "day": day, "outcome": "arrived",
         "contributions_n": count, "recorded_at": RECORDED_AT}
        for day, count in counts.items()
    ]  # fmt: skip
    quality.append(home, quality.LOAD_OUTCOMES, given, stem="days")


RESTLESS = (94, 147, 99, 142, 96, 145, 97, 140)


@pytest.mark.parametrize(("new_n", "is_below"), [(40, True), (70, False), (120, False)])
def test_volume_bands__a_weekday_of_ups_and_downs_has_a_band_as_well(home: Home, new_n: int, is_below: bool):
    """Alone, this one's median absolute deviation would reach from its median down to nothing."""
    other_days = {DAY - timedelta(days=day): 100 + 3 * (day % 7) for day in range(1, 57) if day % 7}
    same_days = {DAY - timedelta(weeks=week): count for week, count in enumerate(RESTLESS, start=1)}
    recorded_days(home, other_days | same_days)
    bands = volume_bands(home, live_load(home, {DAY: new_n}))
    assert bands.banded_n == 1
    assert bands.below == (((DAY, new_n, 119.5),) if is_below else ())


def test_volume_bands__a_community_of_ups_and_downs_has_a_wider_one(home: Home):
    restless = {DAY - timedelta(days=day): RESTLESS[(day // 7 + day) % 8] * (1 + day % 2) for day in range(1, 57)}
    recorded_days(home, restless)
    assert volume_bands(home, live_load(home, {DAY: 40})).below == ()
    assert volume_bands(home, live_load(home, {DAY: 4})).below != ()


def test_volume_bands__of_few_contributions_leaves_room_for_chance(home: Home):
    """Where every day brought the same, the spread is nothing; chance is not."""
    recorded_days(home, {DAY - timedelta(days=day): 36 for day in range(1, 57)})
    assert volume_bands(home, live_load(home, {DAY: 7})).below == ()
    assert volume_bands(home, live_load(home, {DAY: 5})).below == ((DAY, 5, 36.0),)


def test_history__is_read_once_for_all_loads_that_are_gated_together(home: Home):
    days = {DAY - timedelta(weeks=week): 40 for week in range(1, 7)}
    recorded_days(home, days)
    loads = [sealed_load(home, [contribution()], community=community, load_id=community) for community in ("a", "tea")]
    with duckdb.connect() as connection:
        history = History(connection, home, loads)
        assert history.bands(loads[0]).banded_n == 0, "nothing is known of this one"
        for file in (home.quality / quality.LOAD_OUTCOMES).iterdir():
            file.unlink()
        assert history.bands(loads[1]).below == ((DAY, 1, 40.0),)


# ---- recording: the latest counts ------------------------------------------


def absent(recorded_at: datetime, **changes: Any) -> list[dict[str, Any]]:
    facts: dict[str, Any] = {
        "run_id": "r", "load_id": None, "outcome": "failed", "quarantined_rows_n": 0, "reason": "no such host",
        "recorded_at": recorded_at,
    }  # fmt: skip
    return outcomes.absence_rows(entry(changes.pop("name", "tea")), TWO_DAYS, **(facts | changes))


def latest_reasons(home: Home) -> dict[tuple[str, date], str]:
    """By entry and day, what was recorded last; two at the same time would be an error."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select entry_id, day, reason, recorded_at from read_parquet(?) order by recorded_at",
            [quality.glob(home, quality.LOAD_OUTCOMES)],
        ).fetchall()
    assert len({(entry_id, day, at) for entry_id, day, _, at in rows}) == len(rows)
    return {(entry_id, day): reason for entry_id, day, reason, _ in rows}


@pytest.mark.parametrize("shift", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
def test_record__what_is_recorded_last_is_the_latest_whatever_became_of_the_clock(home: Home, shift: timedelta):
    outcomes.record(home, absent(RECORDED_AT), stem="first")
    outcomes.record(home, absent(RECORDED_AT + shift, reason="second"), stem="second")
    outcomes.record(home, absent(RECORDED_AT - timedelta(days=9), reason="third"), stem="third")
    assert latest_reasons(home) == {("reddit/tea", day): "third" for day in TWO_DAYS.days()}


def test_record__one_entry_s_clock_is_no_other_s(home: Home):
    outcomes.record(home, absent(RECORDED_AT), stem="first")
    earlier = RECORDED_AT - timedelta(days=1)
    outcomes.record(home, [*absent(earlier), *absent(earlier, name="mate")], stem="second")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(
            "select entry_id, max(recorded_at) from read_parquet(?) group by 1 order by 1",
            [quality.glob(home, quality.LOAD_OUTCOMES)],
        ).fetchall()
    assert found == [("reddit/mate", earlier), ("reddit/tea", RECORDED_AT + timedelta(microseconds=1))]


def test_record__nothing_replaces_what_the_run_said_before(home: Home):
    outcomes.record(home, absent(RECORDED_AT), stem="run-absent")
    outcomes.record(home, [], stem="run-absent")
    assert latest_reasons(home) == {}


def files_of_outcomes(home: Home) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (home.quality / quality.LOAD_OUTCOMES).glob("*.parquet")}


def test_record__a_rerun_that_found_the_same_says_nothing_new(home: Home):
    for stem, said in (
        ("other", absent(RECORDED_AT, run_id="q", name="mate")),
        ("none", []),
        ("run", absent(RECORDED_AT)),
    ):
        outcomes.record(home, said, stem=stem)
    before = files_of_outcomes(home)
    outcomes.record(home, absent(RECORDED_AT + timedelta(days=1)), stem="run")
    outcomes.record(home, [], stem="none")
    assert files_of_outcomes(home) == before


@pytest.mark.parametrize("later_reason", ["another", "no such host"])
def test_record__a_rerun_after_another_run_s_word_is_the_latest_again(home: Home, later_reason: str):
    outcomes.record(home, absent(RECORDED_AT), stem="run")
    outcomes.record(home, absent(RECORDED_AT, run_id="later", reason=later_reason), stem="later")
    before = files_of_outcomes(home)
    outcomes.record(home, absent(RECORDED_AT), stem="run")
    assert files_of_outcomes(home) != before
    assert latest_reasons(home) == {("reddit/tea", day): "no such host" for day in TWO_DAYS.days()}


def test_record__a_rerun_that_found_something_else_replaces_it(home: Home):
    outcomes.record(home, absent(RECORDED_AT), stem="run")
    outcomes.record(home, absent(RECORDED_AT, reason="refused"), stem="run")
    assert set(latest_reasons(home).values()) == {"refused"}


# ---- nothing arrived -------------------------------------------------------


def test_absence_rows__every_day_of_the_window_with_the_reason():
    rows = outcomes.absence_rows(
        entry(),
        TWO_DAYS,
        run_id="r",
        load_id=None,
        outcome="failed",
        quarantined_rows_n=0,
        reason="no such host",
        recorded_at=RECORDED_AT,
    )
    assert [(row["day"], row["outcome"], row["reason"]) for row in rows] == [
        (day, "failed", "no such host") for day in TWO_DAYS.days()
    ]


def test_append__unknown_column_is_refused_and_same_stem_replaces(home: Home):
    with pytest.raises(KeyError, match="colour"):
        quality.append(home, quality.LOAD_OUTCOMES, [{"colour": "red"}], stem="x")
    first = quality.append(home, quality.LOAD_OUTCOMES, [{"run_id": "1"}], stem="../x")
    assert quality.append(home, quality.LOAD_OUTCOMES, [{"run_id": "2"}], stem="../x") == first
    assert first.parent == home.quality / quality.LOAD_OUTCOMES
