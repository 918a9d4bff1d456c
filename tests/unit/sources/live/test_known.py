"""Whom to look at again, and what a day usually brings: from raw alone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pulse.core import parquet
from pulse.core.home import Home
from pulse.platforms.entry import CommunityEntry
from pulse.sources.live.known import (
    AGES_D,
    EARLIEST_AGE_D,
    EXPECTED_FROM_DAYS,
    REMEMBERED_DAYS,
    Expected,
    count_due,
    create_known,
    create_known_once,
    due_sql,
    expected_of,
)
from pulse.sources.reddit.entry import RedditApiEntry
from support import contribution, write_contract_rows

DAY = date(2026, 3, 10)
AT_NIGHT = time(0, 30)


def entry(name: str = "Tea") -> RedditApiEntry:
    return RedditApiEntry(platform="reddit", name=name, source="reddit_api")


def start_of(day: date, at: time = time()) -> datetime:
    return datetime.combine(day, at, tzinfo=UTC)


def put(home: Home, day: date, rows: Iterable[Mapping[str, Any]], *, community: str = "tea", load: str = "x") -> None:
    """One file of the raw partition of a day."""
    rows = [{**row, "community": community, "load_id": load} for row in rows]
    write_contract_rows(home.contributions_dir("reddit", community, day) / f"{load}.parquet", rows)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def due(
    connection: duckdb.DuckDBPyConnection, now: datetime, ages_d: Iterable[int] = AGES_D
) -> dict[str, tuple[str, datetime]]:
    """Community and creation of what is due, by id; each once."""
    rows = connection.execute(due_sql(list(ages_d)), {"now": now}).fetchall()
    assert len({full_id for _, full_id, _ in rows}) == len(rows)
    return {full_id: (community, created_at) for community, full_id, created_at in rows}


# ---- what is known ---------------------------------------------------------


def test_create_known__has_each_contribution_as_last_observed(home: Home, connection: duckdb.DuckDBPyConnection):
    noon = start_of(DAY, time(12))
    first = contribution("t3_a", created_at=noon, observed_at=noon + timedelta(hours=1), reply_count=1)
    again = first | {"observed_at": noon + timedelta(days=3), "reply_count": 5, "score": 4, "removal": "by_moderator"}
    answer = contribution("t1_b", created_at=noon, observed_at=noon + timedelta(days=1)) | {"score": 3}
    put(home, DAY, [first, answer], load="1")
    put(home, DAY + timedelta(days=3), [again], load="2")
    create_known(connection, home, [entry()], since=DAY)
    assert connection.sql("from known order by contribution_id").columns == [
        "community", "contribution_id", "is_post", "thread_id", "parent_id", "channel", "created_at", "observed_at",
        "reply_count", "score", "removal",
    ]  # fmt: skip
    assert connection.sql("from known order by contribution_id").fetchall() == [
        ("tea", "t1_b", False, "t3_a", "t3_a", None, noon, noon + timedelta(days=1), None, 3, "none"),
        ("tea", "t3_a", True, "t3_a", None, None, noon, noon + timedelta(days=3), 5, 4, "by_moderator"),
    ]


def test_create_known__of_two_looks_in_the_same_second_the_later_load_counts(
    home: Home, connection: duckdb.DuckDBPyConnection
):
    row = contribution("t3_a", created_at=start_of(DAY), observed_at=start_of(DAY, time(5)))
    put(home, DAY, [row | {"reply_count": 2}], load="b")
    put(home, DAY, [row | {"reply_count": 1}], load="a")
    create_known(connection, home, [entry()], since=DAY)
    assert connection.sql("select reply_count from known").fetchall() == [(2,)]


def test_create_known__takes_the_partitions_since_the_day_of_the_entries_named(
    home: Home, connection: duckdb.DuckDBPyConnection
):
    for community in ("tea", "coffee", "cocoa"):
        for days in (-1, 0, 1):
            day = DAY + timedelta(days=days)
            row = contribution(f"t3_{community}{days + 1}", created_at=start_of(day))
            put(home, day, [row], community=community)
    create_known(connection, home, [entry("Tea"), entry("COFFEE")], since=DAY)
    found = {full_id for (full_id,) in connection.sql("select contribution_id from known").fetchall()}
    assert found == {"t3_tea1", "t3_tea2", "t3_coffee1", "t3_coffee2"}


def test_create_known__without_raw_nothing_is_known_and_nothing_due(home: Home, connection: duckdb.DuckDBPyConnection):
    create_known(connection, home, [entry()], since=DAY)
    assert connection.sql("from known").fetchall() == []
    assert due(connection, start_of(DAY)) == {}


@pytest.mark.parametrize("damage", [None, 0, 60], ids=["whole", "empty", "cut off"])
def test_create_known_once__is_read_from_raw_once(
    home: Home, connection: duckdb.DuckDBPyConnection, damage: int | None
):
    """And again if what was kept is damaged."""
    noon, kept = start_of(DAY, time(12)), home.scratch / "known.parquet"
    put(home, DAY, [contribution("t3_a", created_at=noon, observed_at=noon, reply_count=3), contribution("t1_b")])
    create_known(connection, home, [entry()], since=DAY)
    before = connection.sql("from known order by contribution_id").fetchall()
    create_known_once(connection, home, [entry()], kept, since=DAY)
    assert connection.sql("from known order by contribution_id").fetchall() == before
    put(home, DAY, [contribution("t3_c")], load="later")
    if damage is not None:
        kept.write_bytes(kept.read_bytes()[:damage])
    create_known_once(connection, home, [entry()], kept, since=DAY)
    ids = [full_id for (full_id,) in connection.sql("select contribution_id from known order by 1").fetchall()]
    assert ids == (["t1_b", "t3_a"] if damage is None else ["t1_b", "t3_a", "t3_c"])


# ---- looks at the ages -----------------------------------------------------

LAST_RUN_D = 40


def made_over_the_day() -> dict[str, datetime]:
    """One contribution every quarter of an hour, and at the very edges of what decides about an age."""
    times = [timedelta(minutes=15 * number) for number in range(96)]
    times += [timedelta(hours=12, minutes=30, seconds=seconds) for seconds in (-1, 1)]
    times += [timedelta(seconds=1), timedelta(hours=24, seconds=-1)]
    return {f"t3_{number}": start_of(DAY) + offset for number, offset in enumerate(times)}


def ages_seen(
    connection: duckdb.DuckDBPyConnection,
    runs: Iterable[datetime],
    created: Mapping[str, datetime],
    *,
    ages_d: Iterable[int] = AGES_D,
) -> dict[str, list[float]]:
    """Let runs look: first at all, then at what is due. Returns the ages of all looks, in days."""
    connection.execute(
        "create or replace temp table known "
        "(community varchar, contribution_id varchar, created_at timestamptz, observed_at timestamptz, removal varchar)"
    )
    looks: dict[str, list[float]] = {full_id: [] for full_id in created}
    first, *later = runs
    connection.executemany(
        "insert into known values ('tea', ?, ?, ?, 'none')", [(*one, first) for one in created.items()]
    )
    for full_id, created_at in created.items():
        looks[full_id].append((first - created_at) / timedelta(days=1))
    for now in later:
        found = due(connection, now, ages_d)
        if found:
            connection.execute(
                "update known set observed_at = $now where list_contains($found, contribution_id)",
                {"now": now, "found": list(found)},
            )
        for full_id in found:
            looks[full_id].append((now - created[full_id]) / timedelta(days=1))
    return looks


def nightly(*, without: Iterable[int] = (), at: time = AT_NIGHT) -> list[datetime]:
    left_out = set(without)
    return [start_of(DAY + timedelta(days=d), at) for d in range(1, LAST_RUN_D + 1) if d not in left_out]


def by_age(ages: Iterable[float]) -> Counter[int]:
    """How many looks belong to each age: to the highest whose earliest look they are past. 0 is before them all."""
    return Counter(max((age for age, least in EARLIEST_AGE_D.items() if look > least), default=0) for look in ages)


@pytest.mark.parametrize("at", [AT_NIGHT, time(6, 17), time(23, 59, 59)], ids=str)
def test_due_sql__nightly_runs_see_each_contribution_once_per_age(connection: duckdb.DuckDBPyConnection, at: time):
    for full_id, ages in ages_seen(connection, nightly(at=at), made_over_the_day()).items():
        counts = by_age(ages)
        assert counts.pop(0, 0) <= 1, "the first sight, if it came before the first age"
        assert counts == dict.fromkeys(AGES_D, 1), (full_id, ages)
        one, three, seven, thirty = ages[-4:]
        assert 0.5 < one <= 1.5 or len(ages) == 4, ages
        assert abs(three - 3) <= 0.5, ages
        assert 7 < seven <= 8, ages
        assert abs(thirty - 30) <= 0.5, ages


def test_due_sql__raw_that_grows_night_by_night_gives_the_same_looks(home: Home, connection: duckdb.DuckDBPyConnection):
    """The same through Parquet: each run files its looks in the partition of the day before it, as the source does."""
    created = {f"t3_h{hour}": start_of(DAY, time(hour, 59)) for hour in range(0, 24, 3)}
    seen: dict[str, list[float]] = {full_id: [] for full_id in created}
    for number, now in enumerate(nightly()):
        last_day = now.date() - timedelta(days=1)
        create_known(connection, home, [entry()], since=last_day - timedelta(days=REMEMBERED_DAYS))
        found = due(connection, now) if number else created
        rows = [contribution(full_id, created_at=created[full_id], observed_at=now) for full_id in found]
        if rows:
            put(home, last_day, rows)
        for full_id in found:
            seen[full_id].append((now - created[full_id]) / timedelta(days=1))
    assert seen == ages_seen(connection, nightly(), created)
    assert all(by_age(ages)[30] == 1 for ages in seen.values())


@pytest.mark.parametrize(
    ("missed_d", "age_d", "are_some_made_up_for", "are_some_lost"),
    [(3, 3, True, True), (4, 3, False, True), (8, 7, True, True), (30, 30, True, False), (31, 30, True, False)],
)
def test_due_sql__missed_run_is_made_up_for_within_a_quarter_of_the_age(
    connection: duckdb.DuckDBPyConnection, missed_d: int, age_d: int, are_some_made_up_for: bool, are_some_lost: bool
):
    created, runs = made_over_the_day(), nightly(without=[missed_d])
    looks = ages_seen(connection, runs, created)
    made_up_n = lost_n = 0
    for full_id, created_at in created.items():
        ages = [(run - created_at) / timedelta(days=1) for run in runs]
        in_time = [age for age in ages if EARLIEST_AGE_D[age_d] < age <= age_d * 1.25]
        seen = [age for age in looks[full_id] if EARLIEST_AGE_D[age_d] < age <= age_d * 1.25]
        assert seen == in_time[:1], (full_id, "at the first run there was")
        usual = EARLIEST_AGE_D[age_d] + 1
        made_up_n += bool(seen) and seen[0] > usual
        lost_n += not seen
        others = {age: n for age, n in by_age(looks[full_id]).items() if age not in {0, age_d}}
        assert others == {age: 1 for age in AGES_D if age != age_d}, "the other ages do not notice"
    assert (made_up_n > 0, lost_n > 0) == (are_some_made_up_for, are_some_lost)


def test_due_sql__a_week_without_runs_still_gives_the_look_at_thirty_days(connection: duckdb.DuckDBPyConnection):
    looks = ages_seen(connection, nightly(without=range(30, 37)), made_over_the_day())
    assert all(by_age(ages)[30] == 1 for ages in looks.values())
    assert all(30.5 < ages[-1] <= 37.5 for ages in looks.values())


def test_due_sql__long_after_an_age_nobody_looks(connection: duckdb.DuckDBPyConnection):
    looks = ages_seen(connection, [start_of(DAY + timedelta(days=d), AT_NIGHT) for d in (1, 5, 20, 39)],
                      made_over_the_day())  # fmt: skip
    assert all(len(ages) == 1 for ages in looks.values())


def test_due_sql__second_run_of_a_night_finds_nothing(connection: duckdb.DuckDBPyConnection):
    twice = [run + timedelta(minutes=minutes) for run in nightly() for minutes in (0, 1)]
    once = ages_seen(connection, nightly(), made_over_the_day())
    again = ages_seen(connection, twice, made_over_the_day())
    assert {full_id: len(ages) for full_id, ages in again.items()} == {
        full_id: len(ages) for full_id, ages in once.items()
    }


@pytest.mark.parametrize("ages_d", [(), (7,), (1, 3), (1, 3, 7)])
def test_due_sql__only_the_ages_asked_for(connection: duckdb.DuckDBPyConnection, ages_d: tuple[int, ...]):
    looks = ages_seen(connection, nightly(), made_over_the_day(), ages_d=ages_d)
    again = {age for ages in looks.values() for age in by_age(ages[1:])}
    assert again == set(ages_d)


@pytest.mark.parametrize(("removal", "is_due"), [("none", True), ("by_moderator", True), ("by_author", False)])
def test_due_sql__what_its_author_deleted_is_left_in_peace(
    home: Home, connection: duckdb.DuckDBPyConnection, removal: str, is_due: bool
):
    seen = contribution("t3_a", created_at=start_of(DAY), observed_at=start_of(DAY, time(1)))
    put(home, DAY, [seen], load="1")
    put(home, DAY, [seen | {"observed_at": start_of(DAY, time(2)), "removal": removal}], load="2")
    create_known(connection, home, [entry()], since=DAY)
    found = due(connection, start_of(DAY + timedelta(days=1)))
    assert found == ({"t3_a": ("tea", start_of(DAY))} if is_due else {})


def test_due_sql__deleted_at_an_age_is_not_looked_at_later(home: Home, connection: duckdb.DuckDBPyConnection):
    """Whether it was there at first does not matter."""
    seen = contribution("t3_a", created_at=start_of(DAY), observed_at=start_of(DAY, time(1)))
    at_one = start_of(DAY + timedelta(days=1), AT_NIGHT)
    put(home, DAY, [seen, seen | {"observed_at": at_one, "removal": "by_author"}])
    create_known(connection, home, [entry()], since=DAY)
    assert [due(connection, run) for run in nightly()] == [{}] * LAST_RUN_D


def test_count_due__counts_what_is_selected_for_each_age(home: Home, connection: duckdb.DuckDBPyConnection):
    """Over communities, looks of several loads, and days of which the last is left out."""
    names = ("tea", "coffee", "mate")
    for place, name in enumerate(names):
        for days in range(0, 40, 1 + place):
            day = DAY + timedelta(days=days)
            made = [
                contribution(f"t3_{name}{days}x{hour}", created_at=start_of(day, time(hour)),
                             observed_at=start_of(day, time(hour, 30)), removal="by_author" if hour == 5 else "none")
                for hour in range(0, 24, 5)
            ]  # fmt: skip
            put(home, day, made, community=name)
            if days % 3 == 0:
                again = [row | {"observed_at": row["observed_at"] + timedelta(days=days % 8)} for row in made[:3]]
                put(home, day + timedelta(days=days % 8), again, community=name, load="again")
    before, now = DAY + timedelta(days=39), start_of(DAY + timedelta(days=40))
    entries = [entry(name) for name in names]
    create_known(connection, home, entries, since=before - timedelta(days=REMEMBERED_DAYS), before=before)
    selected: Counter[tuple[str, int]] = Counter()
    for age_d in AGES_D:
        selected.update((community, age_d) for community, _ in due(connection, now, [age_d]).values())
    assert {age_d for _, age_d in selected} == set(AGES_D)
    assert count_due(home, entries, before=before, now=now) == dict(selected)
    assert count_due(home, [entry("unknown")], before=before, now=now) == {}


# ---- what to expect --------------------------------------------------------


def expected(home: Home, one: RedditApiEntry, *, before: date) -> Expected | None:
    return expected_of(home, [one], before=before)[one.entry_id]


def reckoned_plainly(home: Home, one: CommunityEntry, *, before: date) -> Expected | None:
    """One entry by itself, row by row."""
    seen: dict[date, set[tuple[str, str]]] = {}
    for file in home.community_contributions_dir("reddit", one.community).glob("day=*/*.parquet"):
        day = date.fromisoformat(file.parent.name.removeprefix("day="))
        if before - timedelta(days=EXPECTED_FROM_DAYS) <= day < before and parquet.fault_of(file) is None:
            rows = pq.read_table(file, columns=["contribution_id", "kind", "created_at"]).to_pylist()
            own = seen.setdefault(day, set())
            own.update((row["contribution_id"], row["kind"]) for row in rows if row["created_at"].date() == day)
    if not seen:
        return None
    # A contribution of two communities' folders does not occur; of two days of one neither, for it has one creation.
    kinds = Counter(kind for of_day in seen.values() for _, kind in of_day)
    return Expected(kinds["post"] / len(seen), kinds["comment"] / len(seen))


def test_expected_of__many_at_once_are_as_each_by_itself(home: Home):
    """Names that paths encode, days without rows of their own, several loads of a day, a damaged file, none at all."""
    names = ("Tea", "Coffee.Beans", "x/y", "quiet", "damaged", "unknown")
    for place, name in enumerate(names[:-1]):
        for days_ago in range(0, 33, 1 + place):
            day = DAY - timedelta(days=days_ago)
            early = some("t1", day - timedelta(days=3), 4, prefix=name)
            late = some("t3", day, (days_ago * 7 + place) % 5, prefix=name)
            put(home, day, [*late, *some("t1", day, days_ago % 4, prefix=name), *early], community=name.lower())
            put(home, day, [*late, *early], community=name.lower(), load="y")
    cut = next(home.community_contributions_dir("reddit", "damaged").glob("day=*-05/x.parquet"))
    cut.write_bytes(cut.read_bytes()[:-3])
    entries = [CommunityEntry(platform="reddit", name=name, source="reddit_api") for name in names]
    found = expected_of(home, entries, before=DAY)
    assert found == {one.entry_id: reckoned_plainly(home, one, before=DAY) for one in entries}
    assert found["reddit/unknown"] is None
    assert sum(one is not None for one in found.values()) == 5


def some(kind: str, day: date, count: int, *, prefix: str = "") -> list[dict[str, Any]]:
    return [
        contribution(f"{kind}_{prefix}{day:%m%d}{number}", created_at=start_of(day, time(number % 24)))
        for number in range(count)
    ]


def test_expected__is_the_mean_over_the_days_that_raw_has(home: Home):
    for days_ago, posts_n, comments_n in ((1, 2, 10), (2, 1, 0), (9, 0, 11)):
        day = DAY - timedelta(days=days_ago)
        put(home, day, [*some("t3", day, posts_n), *some("t1", day, comments_n)])
    assert expected(home, entry(), before=DAY) == Expected(posts_n=1.0, comments_n=7.0)


def test_expected__of_a_community_that_raw_does_not_know_is_none(home: Home):
    put(home, DAY - timedelta(days=1), some("t3", DAY - timedelta(days=1), 3), community="coffee")
    assert expected(home, entry(), before=DAY) is None


def test_expected__looks_back_four_weeks_and_not_at_the_day_itself(home: Home):
    oldest = DAY - timedelta(days=EXPECTED_FROM_DAYS)
    for day in (oldest - timedelta(days=1), DAY, DAY + timedelta(days=1)):
        put(home, day, some("t3", day, 100))
    assert expected(home, entry(), before=DAY) is None
    put(home, oldest, some("t3", oldest, 5))
    assert expected(home, entry(), before=DAY) == Expected(5.0, 0.0)


def test_expected__observations_of_one_contribution_count_once(home: Home):
    yesterday = DAY - timedelta(days=1)
    rows = some("t3", yesterday, 4)
    put(home, yesterday, rows, load="1")
    put(home, yesterday, [row | {"observed_at": row["observed_at"] + timedelta(hours=1)} for row in rows], load="2")
    assert expected(home, entry(), before=DAY) == Expected(4.0, 0.0)


def test_expected__looks_again_at_days_that_raw_has_change_nothing(home: Home):
    early, late = DAY - timedelta(days=8), DAY - timedelta(days=1)
    of_early = some("t1", early, 30)
    put(home, early, of_early)
    put(home, late, [*some("t1", late, 10), *of_early])
    assert expected(home, entry(), before=DAY) == Expected(0.0, 20.0)


def test_expected__of_a_partition_only_what_was_created_on_its_day_counts(home: Home):
    """A day that no run was there for has no partition; what a later run found of it says little of a day."""
    missed, late = DAY - timedelta(days=2), DAY - timedelta(days=1)
    put(home, late, [*some("t3", late, 4), *some("t3", missed, 40, prefix="m")])
    assert expected(home, entry(), before=DAY) == Expected(4.0, 0.0)


def test_expected__days_with_nothing_but_looks_again_count_as_quiet_days(home: Home):
    early, late = DAY - timedelta(days=8), DAY - timedelta(days=1)
    of_early = some("t3", early, 6)
    put(home, early, of_early)
    put(home, late, of_early)
    assert expected(home, entry(), before=DAY) == Expected(3.0, 0.0)


def test_expected__day_is_that_of_utc_wherever_the_machine_stands(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    yesterday = DAY - timedelta(days=1)
    put(home, yesterday, [contribution("t3_a", created_at=start_of(yesterday, time(23, 59)))])
    assert expected(home, entry(), before=DAY) == Expected(1.0, 0.0)
